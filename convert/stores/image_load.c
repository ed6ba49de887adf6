/* image_load.c: the way from a digest or a tag to an image, the same for every store that holds
 * manifests. Must not know where they lie.
 */
#include "convert/stores/image_load.h"

#include "convert/stores/layout_index.h"
#include "formats/model/auto.h"

#include <string.h>

/* An OCI index is searched for its Tart image to this depth, through so many manifests. */
#define NESTED_DEPTH_MAX     4
#define NESTED_MANIFESTS_MAX 256

/* A manifest's or OCI index's exact bytes, which are what the entry promised. */
static int read_manifest(struct blobs *manifests, const struct blob_id *id, struct bytes *ret,
                         struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, text);
    if (id->size > MANIFEST_SIZE_MAX)
        return error_set(err, ERROR_MANIFEST_INVALID, "manifest %s has %llu bytes, limit %u", text,
                         (unsigned long long)id->size, MANIFEST_SIZE_MAX);
    if (blobs_read_all(manifests, id, ret, err) == 0)
        return 0;
    if (err->class == ERROR_BLOB_SIZE || err->class == ERROR_BLOB_DIGEST)
        err->class = ERROR_MANIFEST_DIGEST;
    return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "manifest %s", text);
}

struct search {
    struct blobs *manifests;
    unsigned looked;      /* manifests and indexes read */
    size_t absent;        /* entries whose manifest is not there */
    struct blob_id found; /* where has_digest */
};

/* Whether a manifest is a Tart image: 1, 0, -1. What is no manifest at all is none. */
static int is_tart(struct search *search, const struct blob_id *id, struct error *err)
{
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, MANIFEST_SIZE_MAX);
    if (read_manifest(search->manifests, id, &text, err) < 0) {
        if (err->class != ERROR_BLOB_MISSING)
            return -1;
        search->absent++;
        return 0;
    }
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    if (manifest_parse(text.data, text.size, &manifest, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : 0;
    return tart_is_image(manifest);
}

static int search_index(struct search *search, const struct blob_id *id, int depth,
                        struct error *err);

static int search_entry(struct search *search, const struct json *entry, int depth,
                        struct error *err)
{
    struct blob_id id;
    if (layout_entry_blob(entry, &id, err) < 0)
        return -1;
    if (search->found.has_digest && digest_equal(&search->found.digest, &id.digest))
        return 0;
    if (++search->looked > NESTED_MANIFESTS_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "it leads to more than %d manifests",
                         NESTED_MANIFESTS_MAX);
    if (layout_entry_is_index(entry))
        return search_index(search, &id, depth + 1, err);
    int tart = is_tart(search, &id, err);
    if (tart <= 0)
        return tart;
    if (search->found.has_digest)
        return error_set(err, ERROR_UNSUPPORTED,
                         "it holds more than one Tart image; tag the one that is meant");
    search->found = id;
    return 0;
}

static int search_index(struct search *search, const struct blob_id *id, int depth,
                        struct error *err)
{
    if (depth > NESTED_DEPTH_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "it is nested deeper than %d", NESTED_DEPTH_MAX);
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, MANIFEST_SIZE_MAX);
    AUTO(json_free_auto) struct json *index = NULL;
    if (read_manifest(search->manifests, id, &text, err) < 0 ||
        layout_index_parse(&text, &index, err) < 0)
        return -1;
    for (const struct json *entry = layout_index_first(index); entry != NULL;
         entry = json_next(entry))
        if (search_entry(search, entry, depth, err) < 0)
            return -1;
    return 0;
}

/* From an OCI index to its one Tart image. */
static int resolve_index(struct blobs *manifests, struct blob_id *id, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, text);
    struct search search = {.manifests = manifests};
    if (search_index(&search, id, 1, err) < 0)
        return error_wrap(err, "OCI index %s", text);
    if (search.found.has_digest) {
        *id = search.found;
        return 0;
    }
    if (search.absent > 0)
        return error_set(err, ERROR_BLOB_MISSING,
                         "OCI index %s: %zu of its manifests are not there, and none that is "
                         "is a Tart image",
                         text, search.absent);
    return error_set(err, ERROR_NOT_TART, "OCI index %s: none of its entries is a Tart image",
                     text);
}

/* What a manifest tells beyond its disk, also where it could not be read as an image. */
static void find_companions(struct image *image)
{
    const struct manifest *manifest = image->manifest;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        if (!image->has_vm_config && strcmp(layer->media_type, TART_TYPE_CONFIG) == 0) {
            image->has_vm_config = true;
            image->vm_config = layer->blob;
        }
        if (!image->has_nvram && strcmp(layer->media_type, TART_TYPE_NVRAM) == 0) {
            image->has_nvram = true;
            image->nvram = layer->blob;
        }
    }
}

/* The manifest of image->raw. */
static int parse_manifest(struct image *image, struct error *err)
{
    struct json *tree = NULL;
    if (!image->tolerant)
        return manifest_parse(image->raw.data, image->raw.size, &image->manifest, err);
    if (json_parse(image->raw.data, image->raw.size, MANIFEST_SIZE_MAX, &tree, err) < 0)
        return -1;
    if (manifest_shape_mend(tree, &image->shape, err) < 0) {
        json_free(tree);
        return -1;
    }
    return manifest_from_json(tree, &image->manifest, err);
}

int image_from_manifest(struct bytes *raw, const struct digest *digest, struct blobs *blobs,
                        struct image *ret, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    AUTO(image_done)
    struct image image = {.blobs = blobs,
                          .raw = *raw,
                          .digest = *digest,
                          .tart_error = ERROR_INIT,
                          .tolerant = ret->tolerant};
    *raw = (struct bytes){.limit = raw->limit};
    if (parse_manifest(&image, err) < 0)
        return error_wrap(err, "manifest %s", text);
    if (tart_image_read(image.manifest, &image.tart, &image.tart_error) < 0 &&
        image.tart_error.class == ERROR_MEMORY)
        return error_memory(err);
    find_companions(&image);
    *ret = image;
    image = (struct image){.blobs = NULL};
    return 0;
}

int image_load(struct blobs *manifests, const struct blob_id *id, bool is_index,
               struct blobs *blobs, struct image *ret, struct error *err)
{
    struct blob_id found = *id;
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    if ((is_index && resolve_index(manifests, &found, err) < 0) ||
        read_manifest(manifests, &found, &raw, err) < 0 ||
        image_from_manifest(&raw, &found.digest, blobs, ret, err) < 0)
        return -1;
    ret->from_index = is_index;
    return 0;
}

int image_load_tag(const struct json *index, const char *tag, struct blobs *blobs,
                   struct image *ret, struct error *err)
{
    const struct json *entry;
    struct blob_id id;
    if (layout_index_pick(index, tag, &entry, err) < 0 || layout_entry_blob(entry, &id, err) < 0)
        return -1;
    return image_load(blobs, &id, layout_entry_is_index(entry), blobs, ret, err);
}

static int check_blob(struct sink *sink, const struct blob_id *id, struct error *err)
{
    int there = sink_has(sink, id, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    char text[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, text);
    return error_set(err, ERROR_BLOB_MISSING,
                     "blob %s is no longer there, another program took it; run again", text);
}

int image_check_blobs(struct sink *sink, const struct bytes *manifest, struct error *err)
{
    AUTO(manifest_free_auto) struct manifest *parsed = NULL;
    if (manifest_parse(manifest->data, manifest->size, &parsed, err) < 0 ||
        check_blob(sink, &parsed->config.blob, err) < 0)
        return -1;
    for (size_t i = 0; i < parsed->layer_count; i++)
        if (check_blob(sink, &parsed->layers[i].blob, err) < 0)
            return -1;
    return 0;
}
