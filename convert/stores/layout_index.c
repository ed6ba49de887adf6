/* layout_index.c: reading, choosing from and adding to an OCI index. Must not touch files. */
#include "convert/stores/layout_index.h"

#include "formats/model/auto.h"
#include "formats/model/manifest.h"

#include <stdio.h>
#include <string.h>

#define DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define NAMES_MAX   10

/* Whatever was wrong with the JSON, it is the layout that is wrong. */
static int parse(const struct bytes *text, struct json **ret, struct error *err)
{
    if (json_parse(text->data, text->size, LAYOUT_INDEX_MAX, ret, err) == 0)
        return 0;
    if (err->class == ERROR_JSON_SYNTAX)
        err->class = ERROR_LAYOUT_INVALID;
    return -1;
}

static bool text_is(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

int layout_marker_check(const struct bytes *text, struct error *err)
{
    AUTO(json_free_auto) struct json *marker = NULL;
    if (parse(text, &marker, err) < 0)
        return -1;
    const char *version = json_string(json_get(marker, "imageLayoutVersion"));
    if (version == NULL)
        return error_set(err, ERROR_LAYOUT_INVALID, "no string imageLayoutVersion");
    if (strcmp(version, "1.0.0") != 0)
        return error_set(err, ERROR_UNSUPPORTED, "layout version \"%.40s\", only 1.0.0 is known",
                         version);
    return 0;
}

int layout_index_parse(const struct bytes *text, struct json **ret, struct error *err)
{
    AUTO(json_free_auto) struct json *index = NULL;
    if (parse(text, &index, err) < 0)
        return -1;
    if (json_type(index) != JSON_OBJECT)
        return error_set(err, ERROR_LAYOUT_INVALID, "an OCI index is an object, this is %s",
                         json_type_name(index));
    uint64_t version;
    if (!json_uint(json_get(index, "schemaVersion"), &version) || version != 2)
        return error_set(err, ERROR_LAYOUT_INVALID, "schemaVersion is not 2");
    const struct json *type = json_get(index, "mediaType");
    if (type != NULL && !layout_entry_is_index(index))
        return error_set(err, ERROR_LAYOUT_INVALID, "mediaType is not an OCI index's");
    const struct json *manifests = json_get(index, "manifests");
    if (manifests == NULL || json_type(manifests) != JSON_ARRAY)
        return error_set(err, ERROR_LAYOUT_INVALID, "manifests is %s, must be an array",
                         json_type_name(manifests));
    for (const struct json *entry = json_first(manifests); entry != NULL; entry = json_next(entry))
        if (json_type(entry) != JSON_OBJECT)
            return error_set(err, ERROR_LAYOUT_INVALID, "an entry of manifests is %s",
                             json_type_name(entry));
    *ret = take_ptr(&index);
    return 0;
}

const struct json *layout_index_first(const struct json *index)
{
    return json_first(json_get(index, "manifests"));
}

size_t layout_index_count(const struct json *index)
{
    return json_count(json_get(index, "manifests"));
}

bool layout_entry_is_index(const struct json *entry)
{
    const char *type = json_string(json_get(entry, "mediaType"));
    return text_is(type, MEDIA_TYPE_OCI_INDEX) || text_is(type, DOCKER_LIST);
}

int layout_entry_blob(const struct json *entry, struct blob_id *ret, struct error *err)
{
    const char *digest = json_string(json_get(entry, "digest"));
    struct blob_id id = {.has_digest = true};
    if (digest == NULL || !digest_parse(digest, &id.digest))
        return error_set(err, ERROR_LAYOUT_INVALID,
                         "an entry's digest is \"%.80s\", must be "
                         "sha256: and 64 hex digits",
                         digest == NULL ? "" : digest);
    if (!json_uint(json_get(entry, "size"), &id.size))
        return error_set(err, ERROR_LAYOUT_INVALID, "entry %s has no size", digest);
    *ret = id;
    return 0;
}

static const char *entry_tag(const struct json *entry)
{
    return json_string(json_get(json_get(entry, "annotations"), LAYOUT_TAG_NAME));
}

static const char *entry_digest(const struct json *entry)
{
    const char *digest = json_string(json_get(entry, "digest"));
    return digest == NULL ? "" : digest;
}

/* "a, b and 3 more" */
static void names_print(const struct json *index, char *text, size_t size)
{
    size_t used = 0, count = 0;
    text[0] = '\0';
    for (const struct json *entry = layout_index_first(index); entry != NULL;
         entry = json_next(entry)) {
        const char *tag = entry_tag(entry);
        if (tag == NULL || ++count > NAMES_MAX || used >= size)
            continue;
        int printed = snprintf(text + used, size - used, "%s%.30s", count == 1 ? "" : ", ", tag);
        used += printed < 0 ? 0 : (size_t)printed;
    }
    if (count == 0)
        snprintf(text, size, "none");
    else if (count > NAMES_MAX && used < size)
        snprintf(text + used, size - used, " and %zu more", count - NAMES_MAX);
}

int layout_index_pick(const struct json *index, const char *tag, const struct json **ret,
                      struct error *err)
{
    char names[380];
    names_print(index, names, sizeof names);
    const struct json *picked = NULL;
    for (const struct json *entry = layout_index_first(index); entry != NULL;
         entry = json_next(entry)) {
        if (tag != NULL && !text_is(entry_tag(entry), tag))
            continue;
        if (picked != NULL && strcmp(entry_digest(picked), entry_digest(entry)) != 0)
            return tag == NULL
                       ? error_set(err, ERROR_NO_SUCH_TAG,
                                   "it holds %zu entries; name one by its tag, there are: %s",
                                   layout_index_count(index), names)
                       : error_set(err, ERROR_LAYOUT_INVALID,
                                   "tag %s stands there twice with different digests", tag);
        if (picked == NULL)
            picked = entry;
    }
    if (picked == NULL && tag == NULL)
        return error_set(err, ERROR_NO_SUCH_IMAGE, "it holds no image");
    if (picked == NULL)
        return error_set(err, ERROR_NO_SUCH_TAG, "it has no tag %s; there are: %s", tag, names);
    *ret = picked;
    return 0;
}

/* A new entry; NULL where memory ends. */
static struct json *entry_new(const char *tag, const struct blob_id *manifest, struct error *err)
{
    AUTO(json_free_auto) struct json *entry = json_new_object();
    AUTO(json_free_auto) struct json *annotations = json_new_object();
    if (entry == NULL || annotations == NULL) {
        error_memory(err);
        return NULL;
    }
    if (descriptor_write(entry, MEDIA_TYPE_OCI_MANIFEST, manifest, err) < 0)
        return NULL;
    if (tag != NULL && (json_set_string(annotations, LAYOUT_TAG_NAME, tag, err) < 0 ||
                        json_set(entry, "annotations", take_ptr(&annotations), err) < 0))
        return NULL;
    return take_ptr(&entry);
}

static bool digest_stays(const struct json *index, const char *digest, const char *tag)
{
    for (const struct json *entry = layout_index_first(index); entry != NULL;
         entry = json_next(entry))
        if (strcmp(entry_digest(entry), digest) == 0 && !text_is(entry_tag(entry), tag))
            return true;
    return false;
}

/* The entry without its tag; *ret NULL where nothing would be lost with it. */
static int entry_nameless(const struct json *index, const struct json *entry, const char *tag,
                          struct json **ret, struct error *err)
{
    *ret = NULL;
    AUTO(json_free_auto) struct json *copy = json_copy(entry);
    if (copy == NULL)
        return error_memory(err);
    struct json *annotations = json_get(copy, "annotations");
    json_remove(annotations, LAYOUT_TAG_NAME);
    if (json_count(annotations) == 0) {
        if (digest_stays(index, entry_digest(entry), tag))
            return 0;
        json_remove(copy, "annotations");
    }
    *ret = take_ptr(&copy);
    return 0;
}

/* The array anew: the tag's former entries without their name (tag NULL: no former entry stays),
 * then the new one. */
static int rebuild(struct json *index, const char *tag, const struct blob_id *manifest,
                   struct error *err)
{
    AUTO(json_free_auto) struct json *manifests = json_new_array();
    if (manifests == NULL)
        return error_memory(err);
    const struct json *entry = tag == NULL ? NULL : layout_index_first(index);
    for (; entry != NULL; entry = json_next(entry)) {
        struct json *kept = NULL;
        if (!text_is(entry_tag(entry), tag)) {
            if ((kept = json_copy(entry)) == NULL)
                return error_memory(err);
        } else if (entry_nameless(index, entry, tag, &kept, err) < 0) {
            return -1;
        }
        if (kept != NULL && json_append(manifests, kept, err) < 0)
            return -1;
    }
    struct json *added = entry_new(tag, manifest, err);
    if (added == NULL || json_append(manifests, added, err) < 0)
        return -1;
    return json_set(index, "manifests", take_ptr(&manifests), err);
}

int layout_index_add(struct json *index, const char *tag, const struct blob_id *manifest,
                     bool replace, bool *ret_changed, struct error *err)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&manifest->digest, digest);
    const struct json *other = NULL; /* what is in the way */
    bool there = false;
    for (const struct json *entry = layout_index_first(index); entry != NULL;
         entry = json_next(entry)) {
        if (tag != NULL && !text_is(entry_tag(entry), tag))
            continue;
        if (strcmp(entry_digest(entry), digest) == 0)
            there = true;
        else
            other = entry;
    }
    *ret_changed = false;
    if (there && (tag == NULL || other == NULL))
        return 0;
    if (other != NULL && tag == NULL && (layout_index_count(index) > 1 || entry_tag(other) != NULL))
        return error_set(err, ERROR_EXISTS,
                         "it holds other images, so a new one needs a tag: oci:DIR:TAG");
    if (other != NULL && !replace)
        return error_set(err, ERROR_EXISTS,
                         "%s %s is there already as %.80s, the new one is %s; --replace replaces "
                         "it",
                         tag == NULL ? "its only" : "tag", tag == NULL ? "image" : tag,
                         entry_digest(other), digest);
    *ret_changed = true;
    return rebuild(index, tag, manifest, err);
}
