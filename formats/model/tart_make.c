/* tart_make.c: makes manifests as Tart 2.28 to 2.35 writes them, with our annotations beside. Reads
 * no blob and judges nothing: what it is given holds. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TART_PREFIX "org.cirruslabs.tart."

/* A layer of the source, found by its blob. Sorted by digest, then by index. */
struct source_layer {
    struct digest digest;
    size_t index;
    const struct json *json;
    size_t taken; /* on the first of equal ones: how many of them have been given out */
};

struct maker {
    const struct tart_parts *parts;
    struct source_layer *sources;
    size_t source_count;
    struct json *root; /* the manifest being made; the members below belong to it */
    struct json *layers;
    struct json *annotations;
};

static void maker_done(struct maker *maker)
{
    free(maker->sources);
    json_free(maker->root);
}

/* --- layers that are kept --- */

static int compare_digests(const void *a, const void *b)
{
    const struct source_layer *left = a;
    const struct source_layer *right = b;
    return memcmp(left->digest.bytes, right->digest.bytes, sizeof left->digest.bytes);
}

static int compare_sources(const void *a, const void *b)
{
    const struct source_layer *left = a;
    const struct source_layer *right = b;
    int order = compare_digests(a, b);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static int sources_index(struct maker *maker, struct error *err)
{
    const struct manifest *source = maker->parts->source;
    if (source == NULL)
        return 0;
    maker->sources = calloc(source->layer_count + 1, sizeof *maker->sources);
    if (maker->sources == NULL)
        return error_memory(err);
    const struct json *json = json_first(json_get(source->tree, "layers"));
    for (size_t i = 0; i < source->layer_count; i++, json = json_next(json))
        maker->sources[i] = (struct source_layer){
            .digest = source->layers[i].blob.digest, .index = i, .json = json};
    maker->source_count = source->layer_count;
    qsort(maker->sources, maker->source_count, sizeof *maker->sources, compare_sources);
    return 0;
}

/* The source's layer with that blob, NULL where there is none. Of equal ones each is given out
 * once, in order: copies never add up to more than the source had. */
static const struct json *source_take(struct maker *maker, const struct blob_id *blob)
{
    struct source_layer wanted = {.digest = blob->digest};
    size_t low = 0;
    size_t high = maker->source_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_digests(&maker->sources[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == maker->source_count)
        return NULL;
    size_t found = low + maker->sources[low].taken;
    if (found == maker->source_count || compare_digests(&maker->sources[found], &wanted) != 0)
        return NULL;
    maker->sources[low].taken++;
    return maker->sources[found].json;
}

/* --- layers --- */

/* The object under key, put in place of anything that is none. */
static int object_under(struct json *parent, const char *key, struct json **ret, struct error *err)
{
    struct json *member = json_get(parent, key);
    if ((member == NULL || json_type(member) != JSON_OBJECT) &&
        json_set(parent, key, json_new_object(), err) < 0)
        return -1;
    *ret = json_get(parent, key);
    return 0;
}

/* Appends a layer, whose annotations are the foreign ones of a kept layer and wait for more. */
static int layer_append(struct maker *maker, const char *media_type, const struct blob_id *blob,
                        struct json **ret_annotations, struct error *err)
{
    const struct json *kept = source_take(maker, blob);
    struct json *layer = kept == NULL ? json_new_object() : json_copy(kept);
    if (json_append(maker->layers, layer, err) < 0 ||
        descriptor_write(layer, media_type, blob, err) < 0 ||
        object_under(layer, "annotations", ret_annotations, err) < 0)
        return -1;
    json_remove_prefix(*ret_annotations, OUR_PREFIX);
    json_remove_prefix(*ret_annotations, TART_PREFIX);
    return 0;
}

static int set_decimal(struct json *annotations, const char *name, uint64_t value,
                       struct error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_set_string(annotations, name, text, err);
}

static int set_digest(struct json *annotations, const char *name, const struct digest *digest,
                      struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    return json_set_string(annotations, name, text, err);
}

/* The whole disk's digest that the source states, wherever a shuffle has put the layer that carries
 * it; NULL: none. */
static const char *source_file_digest(const struct manifest *source)
{
    for (size_t i = 0; source != NULL && i < source->layer_count; i++) {
        const struct descriptor *layer = &source->layers[i];
        const char *text = descriptor_annotation(layer, TART_FILE_DIGEST);
        if (text != NULL && strcmp(layer->media_type, TART_TYPE_DISK_V2) == 0)
            return text;
    }
    return NULL;
}

static int set_file_digest(const struct tart_parts *parts, struct json *annotations,
                           struct error *err)
{
    if (parts->disk_digest != NULL)
        return set_digest(annotations, TART_FILE_DIGEST, parts->disk_digest, err);
    const char *stated = source_file_digest(parts->source);
    return stated == NULL ? 0 : json_set_string(annotations, TART_FILE_DIGEST, stated, err);
}

static int v2_layer_append(struct maker *maker, const struct disk_layer *layer, bool first,
                           struct error *err)
{
    struct json *annotations = NULL;
    if (!layer->has_content)
        return error_set(err, ERROR_INTERNAL,
                         "a disk layer without content digest is to be written");
    if (layer_append(maker, TART_TYPE_DISK_V2, &layer->blob, &annotations, err) < 0 ||
        set_decimal(annotations, TART_CONTENT_SIZE, layer->length, err) < 0 ||
        set_digest(annotations, TART_CONTENT_DIGEST, &layer->content, err) < 0)
        return -1;
    if (first && set_file_digest(maker->parts, annotations, err) < 0)
        return -1;
    return maker->parts->plain ? 0 : set_decimal(annotations, OUR_DISK_OFFSET, layer->offset, err);
}

static int make_layers(struct maker *maker, struct error *err)
{
    const struct tart_parts *parts = maker->parts;
    const struct disk *disk = parts->disk;
    struct json *unused = NULL;
    if (json_set(maker->root, "layers", json_new_array(), err) < 0)
        return -1;
    maker->layers = json_get(maker->root, "layers");
    if (layer_append(maker, TART_TYPE_CONFIG, &parts->vm_config, &unused, err) < 0)
        return -1;
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        int status = disk->format == DISK_V2
                         ? v2_layer_append(maker, layer, i == 0, err)
                         : layer_append(maker, TART_TYPE_DISK_V1, &layer->blob, &unused, err);
        if (status < 0)
            return -1;
    }
    return layer_append(maker, TART_TYPE_NVRAM, &parts->nvram, &unused, err);
}

/* --- the manifest around them --- */

static int make_config(struct maker *maker, struct error *err)
{
    const struct tart_parts *parts = maker->parts;
    bool kept = parts->source != NULL &&
                digest_equal(&parts->source->config.blob.digest, &parts->image_config.digest);
    if (!kept && json_set(maker->root, "config", json_new_object(), err) < 0)
        return -1;
    struct json *config = json_get(maker->root, "config");
    json_remove_prefix(json_get(config, "annotations"), OUR_PREFIX);
    return descriptor_write(config, MEDIA_TYPE_OCI_CONFIG, &parts->image_config, err);
}

/* All but our own annotations. */
static int make_annotations(struct maker *maker, struct error *err)
{
    const struct tart_parts *parts = maker->parts;
    if (object_under(maker->root, "annotations", &maker->annotations, err) < 0)
        return -1;
    json_remove_prefix(maker->annotations, OUR_PREFIX);
    if (set_decimal(maker->annotations, TART_DISK_SIZE, parts->disk->size, err) < 0)
        return -1;
    if (parts->upload_time != NULL)
        return json_set_string(maker->annotations, TART_UPLOAD_TIME, parts->upload_time, err);
    json_remove(maker->annotations, TART_UPLOAD_TIME);
    return 0;
}

static int make_root(struct maker *maker, struct error *err)
{
    const struct manifest *source = maker->parts->source;
    maker->root = source == NULL ? json_new_object() : json_copy(source->tree);
    if (maker->root == NULL)
        return error_memory(err);
    /* It would make the new image a referrer to another manifest. */
    json_remove(maker->root, "subject");
    if (json_set_uint(maker->root, "schemaVersion", 2, err) < 0 ||
        json_set_string(maker->root, "mediaType", MEDIA_TYPE_OCI_MANIFEST, err) < 0 ||
        make_config(maker, err) < 0 || make_annotations(maker, err) < 0)
        return -1;
    return make_layers(maker, err);
}

/* The digest of what stands so far, then everything of ours that it does not cover. */
static int seal(struct maker *maker, struct error *err)
{
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, MANIFEST_PRINT_MAX);
    struct digest digest;
    if (json_print(maker->root, JSON_TART, &bytes, err) < 0 ||
        digest_of(bytes.data, bytes.size, &digest, err) < 0 ||
        set_digest(maker->annotations, OUR_SEAL, &digest, err) < 0)
        return -1;
    const struct tart_parts *parts = maker->parts;
    const char *salvaged = parts->salvaged;
    if (salvaged == NULL && parts->source != NULL)
        salvaged = manifest_annotation(parts->source, OUR_SALVAGED);
    if (salvaged != NULL && json_set_string(maker->annotations, OUR_SALVAGED, salvaged, err) < 0)
        return -1;
    const struct digest *source = parts->source_digest;
    return source == NULL ? 0 : set_digest(maker->annotations, OUR_SOURCE_DIGEST, source, err);
}

int tart_manifest_make(const struct tart_parts *parts, struct bytes *ret, struct error *err)
{
    const struct disk *disk = parts->disk;
    if (disk->format == DISK_RAW || disk->layer_count == 0 || !disk->has_size)
        return error_set(err, ERROR_INTERNAL,
                         "no manifest can be made of this %s disk of %zu layers",
                         disk_format_name(disk->format), disk->layer_count);
    if (disk->layer_count > MANIFEST_LAYERS_MAX - 2)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the manifest would have %zu disk layers, limit %d: choose larger ones",
                         disk->layer_count, MANIFEST_LAYERS_MAX - 2);
    AUTO(maker_done) struct maker maker = {.parts = parts};
    if (sources_index(&maker, err) < 0 || make_root(&maker, err) < 0)
        return -1;
    if (!parts->plain && seal(&maker, err) < 0)
        return -1;
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, MANIFEST_PRINT_MAX);
    if (json_print(maker.root, JSON_TART, &bytes, err) < 0)
        return -1;
    if (bytes.size > MANIFEST_SIZE_MAX)
        return error_set(
            err, ERROR_UNSUPPORTED,
            "the manifest would have %zu bytes, registries take %u: choose larger layers",
            bytes.size, MANIFEST_SIZE_MAX);
    return bytes_append(ret, bytes.data, bytes.size, err);
}
