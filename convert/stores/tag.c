/* tag.c: how a tag is moved without losing what it led to.
 */
#include "convert/stores/tag.h"

#include "convert/stores/backup.h"
#include "formats/model/auto.h"
#include "formats/model/manifest.h"

#include <string.h>

int tag_look(struct tag *tag, struct error *err)
{
    int there = remote_manifest_find(tag->remote, tag->name, &tag->digest, err);
    tag->there = there == 1;
    return there < 0 ? -1 : 0;
}

int tag_check(const struct tag *tag, const struct digest *digest, struct error *err)
{
    struct digest now;
    int there = remote_manifest_find(tag->remote, tag->name, &now, err);
    if (there < 0)
        return -1;
    if (there == 1 && digest_equal(&now, digest))
        return 1;
    if ((there == 1) == tag->there && (there == 0 || digest_equal(&now, &tag->digest)))
        return 0;
    char result[DIGEST_TEXT_SIZE];
    digest_print(digest, result);
    return error_set(err, ERROR_TAG_MOVED,
                     "%s: the tag %s was moved by somebody else during this run and is left as it "
                     "is; the new image is there as %s@%s",
                     tag->text, tag->name, tag->remote->repository, result);
}

/* What the document says it is; what a tag led to before may be an OCI index. */
static const char *media_type(const struct json *document)
{
    const char *stated = json_string(json_get(document, "mediaType"));
    if (stated != NULL)
        return stated;
    return json_get(document, "manifests") != NULL ? MEDIA_TYPE_OCI_INDEX : MEDIA_TYPE_OCI_MANIFEST;
}

int tag_put(const struct remote *remote, const char *reference, const struct bytes *manifest,
            struct error *err)
{
    AUTO(json_free_auto) struct json *document = NULL;
    struct digest digest;
    if (json_parse(manifest->data, manifest->size, MANIFEST_SIZE_MAX, &document, err) < 0 ||
        digest_of(manifest->data, manifest->size, &digest, err) < 0)
        return -1;
    return remote_manifest_put(remote, reference, media_type(document), manifest, &digest, err);
}

int tag_keep_look(const struct tag *tag, const char *template, char ret[TAG_SIZE_MAX + 1],
                  struct error *err)
{
    struct digest found;
    ret[0] = '\0';
    if (!tag->there)
        return 1;
    if (backup_name(template, tag->name, tag->remote->repository, &tag->digest, ret, err) < 0)
        return -1;
    if (strcmp(ret, tag->name) == 0)
        return error_set(err, ERROR_USAGE,
                         "%s: --backup-tag \"%s\" gives the tag %s itself, which is to be moved",
                         tag->text, template, tag->name);
    int there = remote_manifest_find(tag->remote, ret, &found, err);
    if (there <= 0 || digest_equal(&found, &tag->digest))
        return there;
    return error_set(err, ERROR_EXISTS,
                     "%s: the tag %s, which was to keep what %s leads to now, leads to something "
                     "else; choose another with --backup-tag",
                     tag->text, ret, tag->name);
}

int tag_keep(const struct tag *tag, const char *template, char ret[TAG_SIZE_MAX + 1],
             struct error *err)
{
    int kept = tag_keep_look(tag, template, ret, err);
    if (kept != 0)
        return kept < 0 ? -1 : 0;
    char text[DIGEST_TEXT_SIZE];
    struct digest found;
    digest_print(&tag->digest, text);
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    if (remote_manifest_get(tag->remote, text, &raw, &found, err) < 0)
        return -1;
    return tag_put(tag->remote, ret, &raw, err);
}
