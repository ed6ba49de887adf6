/* registry_publish.c: the end of a run into a repository: every blob asked for again, the manifest
 * under its digest, what the tags led to kept, and the tags, which move only where they are as they
 * were found.
 */
#include "convert/stores/registry.h"

#include "convert/stores/backup.h"
#include "formats/model/auto.h"
#include "formats/model/json.h"

#include <string.h>

/* --- beforehand --- */

static int refuse_existing(const struct registry *registry, const struct tag_before *before,
                           struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(&before->digest, text);
    return error_set(err, ERROR_EXISTS,
                     "%s: the tag %s leads to %s already; --replace moves it (and keeps what was "
                     "there under another tag)",
                     registry->text, before->tag, text);
}

/* Whether what is there may turn out to be what this run makes. */
static int may_be_the_result(const struct registry *registry, const struct tag_before *before,
                             struct error *err)
{
    const struct digest *result = registry->options.result_digest;
    const struct digest *source = registry->options.source_digest;
    if (result != NULL)
        return digest_equal(result, &before->digest);
    if (source == NULL)
        return 1;
    char text[DIGEST_TEXT_SIZE];
    digest_print(&before->digest, text);
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    struct digest digest, stated;
    if (remote_manifest_get(&registry->remote, text, &raw, &digest, err) < 0)
        return -1;
    struct error ignored;
    if (manifest_parse(raw.data, raw.size, &manifest, &ignored) < 0)
        return 0;
    const char *annotation = manifest_annotation(manifest, OUR_SOURCE_DIGEST);
    return annotation != NULL && digest_parse(annotation, &stated) && digest_equal(&stated, source);
}

static int look_at_tag(struct registry *registry, struct tag_before *before, const char *tag,
                       struct error *err)
{
    before->tag = tag;
    int there = remote_manifest_find(&registry->remote, tag, &before->digest, err);
    if (there <= 0)
        return there;
    before->there = true;
    if (backup_fits(registry->options.backup_tag, tag, &before->digest) &&
        (registry->options.replace || registry->options.in_place))
        return error_set(err, ERROR_EXISTS,
                         "%s: the tag %s keeps what another tag led to before; it is never moved "
                         "(remove it first where that is meant)",
                         registry->text, tag);
    if (registry->options.replace || registry->options.in_place)
        return 0;
    int may = may_be_the_result(registry, before, err);
    return may < 0 ? -1 : may == 1 ? 0 : refuse_existing(registry, before, err);
}

int registry_look_at_tags(struct registry *registry, struct error *err)
{
    const char *const *tags = registry->options.tags;
    size_t further = 0;
    while (tags != NULL && tags[further] != NULL)
        further++;
    registry->before = calloc(further + 1, sizeof *registry->before);
    if (registry->before == NULL)
        return error_memory(err);
    registry->before_count = further + 1;
    for (size_t i = 0; i <= further; i++)
        if (look_at_tag(registry, &registry->before[i], i == 0 ? registry->tag : tags[i - 1], err) <
            0)
            return -1;
    return 0;
}

/* --- the manifest, by its digest --- */

static int ask_for_all(struct registry *registry, const struct manifest *manifest, store_lost *lost,
                       void *context, struct error *err)
{
    int all = 1;
    for (size_t i = 0; i <= manifest->layer_count; i++) {
        const struct blob_id *id =
            i == manifest->layer_count ? &manifest->config.blob : &manifest->layers[i].blob;
        bool asked = false;
        for (size_t k = 0; k < i && !asked; k++)
            asked = digest_equal(&manifest->layers[k].blob.digest, &id->digest);
        int there = asked ? 1 : registry_ask_again(registry, id, err);
        if (there < 0)
            return -1;
        if (there == 1)
            continue;
        lost(context, &id->digest);
        all = 0;
    }
    return all;
}

/* What the document says it is; what a tag led to before may be an OCI index. */
static const char *media_type(const struct json *document)
{
    const char *stated = json_string(json_get(document, "mediaType"));
    if (stated != NULL)
        return stated;
    return json_get(document, "manifests") != NULL ? MEDIA_TYPE_OCI_INDEX : MEDIA_TYPE_OCI_MANIFEST;
}

static int manifest_put(const struct registry *registry, const char *reference,
                        const struct bytes *raw, struct error *err)
{
    AUTO(json_free_auto) struct json *document = NULL;
    struct digest digest;
    if (json_parse(raw->data, raw->size, MANIFEST_SIZE_MAX, &document, err) < 0 ||
        digest_of(raw->data, raw->size, &digest, err) < 0)
        return -1;
    return remote_manifest_put(&registry->remote, reference, media_type(document), raw, &digest,
                               err);
}

/* Under its digest, unless it is there. */
static int manifest_stage(const struct registry *registry, const struct bytes *raw,
                          const struct digest *digest, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    struct digest found;
    int there = remote_manifest_find(&registry->remote, text, &found, err);
    return there != 0 ? there : manifest_put(registry, text, raw, err);
}

int registry_stage(struct store *store, const struct publication *publication, store_lost *lost,
                   void *context, struct error *err)
{
    struct registry *registry = (struct registry *)store;
    const struct bytes *raw = publication->manifest;
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    struct digest digest;
    if (manifest_parse(raw->data, raw->size, &manifest, err) < 0 ||
        digest_of(raw->data, raw->size, &digest, err) < 0)
        return -1;
    int status = ask_for_all(registry, manifest, lost, context, err);
    if (status == 1 && manifest_stage(registry, raw, &digest, err) < 0) {
        /* a blob that went between the question and the manifest is lost like any other */
        struct error refusal = *err;
        status = refusal.class == ERROR_BLOB_MISSING
                     ? ask_for_all(registry, manifest, lost, context, err)
                     : -1;
        if (status == 1) {
            *err = refusal;
            status = -1;
        }
    }
    return status < 0 ? error_wrap(err, "%s", registry->text) : status;
}

/* --- the tags --- */

/* 1: it leads to `digest` already; 0: it is as it was found; -1. */
static int tag_check(const struct registry *registry, const struct tag_before *before,
                     const struct digest *digest, struct error *err)
{
    struct digest now;
    int there = remote_manifest_find(&registry->remote, before->tag, &now, err);
    if (there < 0)
        return -1;
    if (there == 1 && digest_equal(&now, digest))
        return 1;
    if ((there == 1) == before->there && (there == 0 || digest_equal(&now, &before->digest)))
        return before->there && !registry->options.replace && !registry->options.in_place
                   ? refuse_existing(registry, before, err)
                   : 0;
    char result[DIGEST_TEXT_SIZE];
    digest_print(digest, result);
    return error_set(err, ERROR_TAG_MOVED,
                     "%s: the tag %s was moved by somebody else during this run and is left as it "
                     "is; the new image is there as %s@%s",
                     registry->text, before->tag, registry->repository, result);
}

/* What the tag leads to gets a further tag, unless that one leads there already. */
static int keep_old(struct registry *registry, const struct tag_before *before, struct error *err)
{
    if (!before->there || registry->options.no_backup)
        return 0;
    char *name = registry->store.backup, text[DIGEST_TEXT_SIZE];
    digest_print(&before->digest, text);
    if (backup_name(registry->options.backup_tag, before->tag, registry->repository,
                    &before->digest, name, err) < 0)
        return -1;
    struct digest found;
    int there = remote_manifest_find(&registry->remote, name, &found, err);
    if (there < 0)
        return -1;
    if (there == 1)
        return digest_equal(&found, &before->digest)
                   ? 0
                   : error_set(err, ERROR_EXISTS,
                               "%s: the tag %s, which was to keep what %s leads to now, leads to "
                               "something else; choose another with --backup-tag",
                               registry->text, name, before->tag);
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    if (remote_manifest_get(&registry->remote, text, &raw, &found, err) < 0)
        return -1;
    return manifest_put(registry, name, &raw, err);
}

static int tag_all(struct registry *registry, const struct bytes *raw, const struct digest *digest,
                   struct error *err)
{
    /* all are looked at before the first is moved; the first, which users know, moves last */
    for (size_t i = 0; i < registry->before_count; i++) {
        int there = tag_check(registry, &registry->before[i], digest, err);
        if (there < 0 || (there == 0 && keep_old(registry, &registry->before[i], err) < 0))
            return -1;
    }
    for (size_t i = registry->before_count; i-- > 0;) {
        const struct tag_before *before = &registry->before[i];
        int there = tag_check(registry, before, digest, err);
        if (there < 0 || (there == 0 && manifest_put(registry, before->tag, raw, err) < 0))
            return -1;
    }
    return 0;
}

int registry_publish(struct store *store, const struct publication *publication, struct error *err)
{
    struct registry *registry = (struct registry *)store;
    struct digest digest;
    if (digest_of(publication->manifest->data, publication->manifest->size, &digest, err) < 0)
        return -1;
    if (tag_all(registry, publication->manifest, &digest, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "publishing");
    return 0;
}
