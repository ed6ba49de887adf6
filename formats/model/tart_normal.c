/* tart_normal.c: whether a manifest is in normal form already. Tells it by making the manifest once
 * more out of itself: what is normal comes out as it was. Reads no blob. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <string.h>

/* Every layer carries a chunk, the last one what is left. */
static bool is_cut_evenly(const struct disk *disk)
{
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        bool last = i + 1 == disk->layer_count;
        if (!layer->has_content || layer->length > TART_CHUNK_SIZE || layer->length == 0 ||
            (!last && layer->length != TART_CHUNK_SIZE))
            return false;
    }
    return disk->layer_count > 0;
}

static bool has_disk_digest(const struct tart_image *image)
{
    const struct descriptor *first = &image->manifest->layers[image->disk.layers[0].index];
    const char *text = descriptor_annotation(first, TART_FILE_DIGEST);
    struct digest ignored;
    return text != NULL && digest_parse(text, &ignored);
}

/* The manifest that would be made of the same parts. */
static int make_again(const struct tart_image *image, const char *upload_time, struct bytes *ret,
                      struct error *err)
{
    const struct manifest *manifest = image->manifest;
    const char *source = manifest_annotation(manifest, OUR_SOURCE_DIGEST);
    struct digest source_digest;
    bool has_source = source != NULL && digest_parse(source, &source_digest);
    const struct tart_parts parts = {
        .source = manifest,
        .source_digest = has_source ? &source_digest : NULL,
        .image_config = manifest->config.blob,
        .vm_config = image->config->blob,
        .nvram = image->nvram->blob,
        .disk = &image->disk,
        .upload_time = upload_time,
    };
    return tart_manifest_make(&parts, ret, err);
}

int tart_is_normal(const struct tart_image *image, const void *raw, size_t size,
                   const char *upload_time, struct error *err)
{
    if (image->disk.format != DISK_V2 || image->stacked || image->foreign_count > 0 ||
        image->config_count != 1 || image->nvram_count != 1 || !image->in_order ||
        !is_cut_evenly(&image->disk) || !has_disk_digest(image))
        return 0;
    AUTO(bytes_done) struct bytes again;
    bytes_init(&again, MANIFEST_SIZE_MAX);
    if (make_again(image, upload_time, &again, err) < 0)
        /* nothing that was made had its size, so this was not */
        return err->class == ERROR_UNSUPPORTED ? 0 : -1;
    return again.size == size && memcmp(again.data, raw, size) == 0;
}
