/* tart.c: sees a Tart image in a manifest: which layer is what, and where its disk bytes go. Judges
 * nothing that checks/ or tart_rules.c can judge. */
#include "formats/model/tart.h"

#include "formats/model/auto.h"

#include <stdlib.h>
#include <string.h>

enum layer_kind { KIND_FOREIGN, KIND_CONFIG, KIND_NVRAM, KIND_V1, KIND_V2, KIND_OVERLAY };
#define LAYER_KINDS (KIND_OVERLAY + 1)

static const char *const layer_types[LAYER_KINDS] = {
    [KIND_CONFIG] = TART_TYPE_CONFIG,   [KIND_NVRAM] = TART_TYPE_NVRAM,
    [KIND_V1] = TART_TYPE_DISK_V1,      [KIND_V2] = TART_TYPE_DISK_V2,
    [KIND_OVERLAY] = TART_TYPE_OVERLAY,
};

static enum layer_kind layer_kind(const struct descriptor *layer)
{
    for (int kind = KIND_CONFIG; kind < LAYER_KINDS; kind++)
        if (strcmp(layer->media_type, layer_types[kind]) == 0)
            return (enum layer_kind)kind;
    return KIND_FOREIGN;
}

bool tart_is_image(const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (layer_kind(&manifest->layers[i]) != KIND_FOREIGN)
            return true;
    return false;
}

/* Fills the counts, config, nvram, foreign and in_order. */
static int read_kinds(struct tart_image *image, struct error *err)
{
    const struct manifest *manifest = image->manifest;
    size_t *foreign = calloc(manifest->layer_count + 1, sizeof *foreign);
    if (foreign == NULL)
        return error_memory(err);
    image->foreign = foreign;
    size_t counts[LAYER_KINDS] = {0};
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        enum layer_kind kind = layer_kind(layer);
        if (kind == KIND_CONFIG && counts[kind] == 0)
            image->config = layer;
        if (kind == KIND_NVRAM && counts[kind] == 0)
            image->nvram = layer;
        if (kind == KIND_FOREIGN)
            foreign[counts[kind]] = i;
        counts[kind]++;
    }
    image->config_count = counts[KIND_CONFIG];
    image->nvram_count = counts[KIND_NVRAM];
    image->v1_count = counts[KIND_V1];
    image->v2_count = counts[KIND_V2];
    image->stacked = counts[KIND_OVERLAY] > 0;
    image->foreign_count = counts[KIND_FOREIGN];
    /* With one of each and nothing foreign, config first and NVRAM last leave only disk layers
     * between. */
    image->in_order = counts[KIND_CONFIG] == 1 && counts[KIND_NVRAM] == 1 &&
                      counts[KIND_FOREIGN] == 0 && image->config == manifest->layers &&
                      image->nvram == manifest->layers + manifest->layer_count - 1;
    return 0;
}

static int annotation_invalid(const char *name, const char *value, struct error *err)
{
    if (value == NULL)
        return error_set(err, ERROR_ANNOTATION, "the annotation %s is absent", name);
    return error_set(err, ERROR_ANNOTATION,
                     "the annotation %s is \"%.100s\", must be a plain number", name, value);
}

/* Where a V2 layer's bytes go. disk->size is the sum so far. */
static int layer_place(const struct descriptor *descriptor, struct disk *disk,
                       struct disk_layer *layer, struct error *err)
{
    const char *length = descriptor_annotation(descriptor, TART_CONTENT_SIZE);
    if (length == NULL || !parse_size(length, &layer->length))
        return annotation_invalid(TART_CONTENT_SIZE, length, err);
    layer->offset = disk->size;
    if (!add_sizes(disk->size, layer->length, &disk->size))
        return error_set(err, ERROR_DISK_SIZE, "the disk would pass 2^63-1 bytes here");
    const char *content = descriptor_annotation(descriptor, TART_CONTENT_DIGEST);
    layer->has_content = content != NULL && digest_parse(content, &layer->content);
    return 0;
}

static int read_layers(struct tart_image *image, struct error *err)
{
    const struct manifest *manifest = image->manifest;
    struct disk *disk = &image->disk;
    disk->layers = calloc(image->v1_count + image->v2_count, sizeof *disk->layers);
    if (disk->layers == NULL)
        return error_memory(err);
    enum layer_kind wanted = disk->format == DISK_V1 ? KIND_V1 : KIND_V2;
    uint64_t encoded = 0;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *descriptor = &manifest->layers[i];
        if (layer_kind(descriptor) != wanted)
            continue;
        struct disk_layer *layer = &disk->layers[disk->layer_count++];
        *layer = (struct disk_layer){.index = i, .blob = descriptor->blob};
        int status = disk->format == DISK_V2 ? layer_place(descriptor, disk, layer, err) : 0;
        if (status == 0 && !add_sizes(encoded, layer->blob.size, &encoded))
            status =
                error_set(err, ERROR_DISK_SIZE, "the disk layers' blobs pass 2^63-1 bytes here");
        if (status < 0) {
            error_wrap(err, "layer %zu", i);
            err->where.layer = (int64_t)i;
            return -1;
        }
    }
    return 0;
}

static int read_disk(struct tart_image *image, struct error *err)
{
    if (image->v1_count > 0 && image->v2_count > 0)
        return error_set(err, ERROR_DISK_MIXED,
                         "%zu disk.v1 and %zu disk.v2 layers in one manifest", image->v1_count,
                         image->v2_count);
    if (image->v1_count + image->v2_count == 0)
        return error_set(err, ERROR_DISK_EMPTY, "the manifest has no disk layers");
    struct disk *disk = &image->disk;
    disk->format = image->v1_count > 0 ? DISK_V1 : DISK_V2;
    disk->has_size = disk->format == DISK_V2;
    if (read_layers(image, err) < 0)
        return -1;
    const char *size = manifest_annotation(image->manifest, TART_DISK_SIZE);
    if (disk->format == DISK_V1 && size != NULL) {
        /* The only hint at a V1 disk's integrity: unreadable must not pass for absent. */
        if (!parse_size(size, &disk->size))
            return annotation_invalid(TART_DISK_SIZE, size, err);
        disk->has_size = true;
    }
    if (disk->has_size && disk->size == 0)
        return error_set(err, ERROR_DISK_EMPTY, "the disk has 0 bytes");
    return 0;
}

int tart_image_read(const struct manifest *manifest, struct tart_image **ret, struct error *err)
{
    if (!tart_is_image(manifest))
        return error_set(err, ERROR_NOT_TART,
                         "none of the %zu layers has one of Tart's media types",
                         manifest->layer_count);
    AUTO(tart_image_free_auto) struct tart_image *image = calloc(1, sizeof *image);
    if (image == NULL)
        return error_memory(err);
    image->manifest = manifest;
    image->upload_time = manifest_annotation(manifest, TART_UPLOAD_TIME);
    if (read_kinds(image, err) < 0 || read_disk(image, err) < 0)
        return -1;
    *ret = take_ptr(&image);
    return 0;
}

struct tart_image *tart_image_free(struct tart_image *image)
{
    if (image != NULL) {
        disk_done(&image->disk);
        free((void *)image->foreign);
    }
    free(image);
    return NULL;
}

void tart_image_free_auto(struct tart_image **image)
{
    *image = tart_image_free(*image);
}
