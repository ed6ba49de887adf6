/* verify_alone.c: disk layers of an image whose manifest does not say where they belong, since
 * annotations were lost or both formats are there: each disk.v2 layer is decoded by itself, and the
 * disk.v1 layers as the one stream that they are.
 */
#include "convert/engine/verify_look.h"

#include "convert/engine/content.h"
#include "convert/engine/lanes.h"
#include "formats/format.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

/* Reads a stream to its end; *ret_length: bytes of disk. */
static int stream_decode(struct look *look, const struct disk *disk, struct digest *ret_content,
                         uint64_t *ret_length, struct error *err)
{
    AUTO(content_done) struct content content = {.only_zeros = true};
    AUTO(reader_close_auto) struct reader *reader = NULL;
    if (content_init(&content, err) < 0 || content_begin(&content, err) < 0 ||
        reader_open(disk, &look->feed.blobs, &reader, err) < 0)
        return -1;
    struct batch *batch = batch_new(err);
    int status = batch == NULL ? -1 : 1;
    while (status == 1) {
        batch_reset(batch, reader->position, INT64_MAX - reader->position);
        batch->wants_blocks = false;
        status = reader_read(reader, batch, err);
        if (status == 1)
            content_add(&content, batch);
        if (status == 1 && run_check(look->run, err) < 0)
            status = -1;
    }
    *ret_length = reader->position;
    batch_free(batch);
    return status < 0 ? -1 : content_end(&content, ret_content, err);
}

/* Holds a layer against those annotations that it has. */
static int annotations_check(const struct descriptor *layer, uint64_t length,
                             const struct digest *content, struct error *err)
{
    const char *size = descriptor_annotation(layer, TART_CONTENT_SIZE);
    const char *text = descriptor_annotation(layer, TART_CONTENT_DIGEST);
    uint64_t stated_length;
    struct digest stated;
    if (size != NULL && parse_size(size, &stated_length) && stated_length != length)
        return error_set(err, ERROR_CONTENT_SIZE, "decodes to %llu bytes, its annotation says %llu",
                         (unsigned long long)length, (unsigned long long)stated_length);
    if (text == NULL || !digest_parse(text, &stated) || digest_equal(&stated, content))
        return 0;
    char found[DIGEST_TEXT_SIZE];
    digest_print(content, found);
    return error_set(err, ERROR_CONTENT_DIGEST, "decodes to %s, its annotation says %s", found,
                     text);
}

/* Its place on the disk is not known; the readers have named the layer already. */
static int absorb(struct look *look, size_t layer, struct error *err)
{
    char start[32];
    snprintf(start, sizeof start, "layer %zu ", layer);
    err->where.disk_offset = -1;
    err->where.layer = (int64_t)layer;
    return strncmp(err->text, start, strlen(start)) == 0
               ? look_absorb(look, look_fact_of(look, (int64_t)layer), err)
               : look_absorb_layer(look, layer, err);
}

static int v2_look(void *context, size_t lane, size_t piece, struct error *err)
{
    (void)lane;
    struct look *look = context;
    const struct descriptor *layer = &look->image.manifest->layers[piece];
    struct disk_layer only = {.index = piece, .blob = layer->blob};
    const struct disk disk = {.format = DISK_V1, .layers = &only, .layer_count = 1};
    struct digest content;
    uint64_t length;
    if (strcmp(layer->media_type, TART_TYPE_DISK_V2) != 0)
        return 0;
    if (stream_decode(look, &disk, &content, &length, err) == 0 &&
        annotations_check(layer, length, &content, err) == 0)
        return 0;
    return absorb(look, piece, err);
}

static int v1_look(struct look *look, struct error *err)
{
    const struct manifest *manifest = look->image.manifest;
    AUTO_FREE struct disk_layer *layers = calloc(manifest->layer_count + 1, sizeof *layers);
    if (layers == NULL)
        return error_memory(err);
    struct disk disk = {.format = DISK_V1, .layers = layers};
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (strcmp(manifest->layers[i].media_type, TART_TYPE_DISK_V1) == 0)
            layers[disk.layer_count++] =
                (struct disk_layer){.index = i, .blob = manifest->layers[i].blob};
    struct digest content;
    uint64_t length;
    if (disk.layer_count == 0 || stream_decode(look, &disk, &content, &length, err) == 0)
        return 0;
    int64_t broken = err->where.layer;
    if (broken < 0)
        return -1;
    return absorb(look, (size_t)broken, err) < 0 ? -1 : look_rest(look, &disk, broken, err);
}

static int digests_look(struct look *look, struct error *err)
{
    const struct manifest *manifest = look->image.manifest;
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (look_is_disk_layer(look, i) &&
            feed_drain(&look->feed, &manifest->layers[i].blob, look->run, err) < 0 &&
            look_absorb_layer(look, i, err) < 0)
            return -1;
    return 0;
}

int look_alone(struct look *look, struct error *err)
{
    /* pieces of two disks, or of one under two names: neither is whole without the others */
    if (look->image.tart_error.class == ERROR_DISK_MIXED)
        return digests_look(look, err);
    size_t lanes = look->run->threads < LANES_MAX ? look->run->threads : LANES_MAX;
    if (lanes_run(lanes == 0 ? 1 : lanes, look->image.manifest->layer_count, v2_look, look, err) <
        0)
        return -1;
    return v1_look(look, err);
}
