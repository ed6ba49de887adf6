/* repair_size.c: whether a disk has the size that it should have: by the manifest, or by a
 * partition table that proves the disk whole. A V1 disk is decoded for it. Must not take a size for
 * right that nothing but the layers themselves says.
 */
#include "convert/engine/repair_parts.h"

#include "convert/engine/pass.h"

#include "formats/format.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void table_read(const struct repair *repair, uint64_t size, struct gpt *ret)
{
    gpt_read(repair->head, repair->end_size, repair->tail, repair->end_size, size, ret);
}

static bool table_proves(const struct repair *repair, uint64_t size)
{
    struct gpt gpt;
    table_read(repair, size, &gpt);
    return gpt.primary == GPT_GOOD && gpt.backup == GPT_GOOD &&
           gpt.disk_size / gpt.sector_size == size / gpt.sector_size;
}

static bool size_is_stated(const struct repair *repair, uint64_t *ret)
{
    const char *text = manifest_annotation(repair->image->manifest, TART_DISK_SIZE);
    return text != NULL && parse_size(text, ret);
}

/* The number of bytes can be wrong in the manifest, or a layer be missing: a disk that ends where
 * its partition table says tells. */
int repair_check_size(const struct repair *repair, struct error *err)
{
    const struct disk *disk = image_disk(repair->image);
    if (!repair->disk_size_differs || table_proves(repair, disk->size))
        return 0;
    return error_set(err, ERROR_DISK_SIZE,
                     "the layers make up %" PRIu64 " bytes, and the manifest says otherwise: a "
                     "layer may be missing, and no partition table proves that the disk is whole",
                     disk->size);
}

/* --- V1 --- */

/* A disk's two ends, as it goes by. */
struct v1_ends {
    uint8_t *head, *tail; /* of GPT_HEAD_SIZE and GPT_TAIL_SIZE */
    size_t head_size, tail_size;
};

static void bytes_put(uint8_t *to, const uint8_t *data, size_t size)
{
    if (data != NULL)
        memcpy(to, data, size);
    else
        memset(to, 0, size);
}

static void ends_add(struct v1_ends *ends, const struct extent *extent)
{
    const uint8_t *data = extent->data;
    uint64_t size = extent->length;
    size_t room = GPT_HEAD_SIZE - ends->head_size;
    size_t begun = size < room ? (size_t)size : room;
    bytes_put(ends->head + ends->head_size, data, begun);
    ends->head_size += begun;
    size_t kept = size < GPT_TAIL_SIZE ? (size_t)size : GPT_TAIL_SIZE;
    size_t old = GPT_TAIL_SIZE - kept < ends->tail_size ? GPT_TAIL_SIZE - kept : ends->tail_size;
    memmove(ends->tail, ends->tail + (ends->tail_size - old), old);
    bytes_put(ends->tail + old, data == NULL ? NULL : data + (size - kept), kept);
    ends->tail_size = old + kept;
}

static int decode(struct repair *repair, const struct disk *disk, struct v1_ends *ends,
                  uint64_t *ret, struct error *err)
{
    AUTO(reader_close_auto) struct reader *reader = NULL;
    if (reader_open(disk, &repair->feed.blobs, &reader, err) < 0)
        return -1;
    struct batch *batch = batch_new(err);
    int status = batch == NULL ? -1 : 1;
    while (status == 1) {
        batch_reset(batch, reader->position, INT64_MAX - reader->position);
        batch->wants_blocks = false;
        status = reader_read(reader, batch, err);
        for (size_t i = 0; status == 1 && i < batch->extent_count; i++)
            ends_add(ends, &batch->extents[i]);
        if (status == 1 && run_check(repair->run, err) < 0)
            status = -1;
    }
    batch_free(batch);
    *ret = reader->position;
    return status;
}

/* V1: all of the disk in that order: its size, and head and tail. */
static int decode_v1(struct repair *repair, uint64_t *ret, struct error *err)
{
    AUTO(disk_done) struct disk disk = {.format = DISK_V1};
    disk.layers = calloc(repair->order_count + 1, sizeof *disk.layers);
    free(repair->head);
    free(repair->tail);
    repair->head = malloc(GPT_HEAD_SIZE);
    repair->tail = malloc(GPT_TAIL_SIZE);
    repair->end_size = 0;
    if (disk.layers == NULL || repair->head == NULL || repair->tail == NULL)
        return error_memory(err);
    disk.layer_count = repair->order_count;
    for (size_t i = 0; i < repair->order_count; i++) {
        const struct repair_layer *layer = &repair->layers[repair->order[i]];
        disk.layers[i] = (struct disk_layer){.index = layer->index, .blob = layer->blob};
    }
    struct v1_ends ends = {.head = repair->head, .tail = repair->tail};
    if (decode(repair, &disk, &ends, ret, err) < 0)
        return -1;
    if (*ret == 0)
        return error_set(err, ERROR_DISK_EMPTY, "the image's disk is empty");
    repair->end_size = ends.head_size; /* both ends are as long as the disk, or as their room */
    return 0;
}

static int differs(uint64_t size, uint64_t stated, struct error *err)
{
    return error_set(err, ERROR_DISK_SIZE,
                     "the layers decode to %" PRIu64 " bytes, the manifest says %" PRIu64
                     ", and no partition table proves that the disk is whole: a layer is missing, "
                     "or one of another image is there",
                     size, stated);
}

int repair_hold_size_v1(struct repair *repair, struct error *err)
{
    uint64_t size, stated;
    if (decode_v1(repair, &size, err) < 0)
        return -1;
    return !size_is_stated(repair, &stated) || stated == size ? 0 : differs(size, stated, err);
}

/* What the manifest says of the size is put right. */
static int size_renew(struct repair *repair, uint64_t size, uint64_t stated, struct error *err)
{
    struct error found = ERROR_INIT;
    error_set(&found, ERROR_DISK_SIZE, "the disk has %" PRIu64 " bytes, the manifest says %" PRIu64,
              size, stated);
    if (findings_add_error(&repair->result->findings, &found,
                           "`tartconv repair` writes the size anew", err) < 0)
        return -1;
    repair->disk_size = size;
    return repair_note(
        repair, "annotated", NO_LAYER, true, err,
        "the disk's size written anew: %" PRIu64 " bytes, as its partition table says too", size);
}

int repair_prove_size_v1(struct repair *repair, bool layers_left_out, struct error *err)
{
    uint64_t size, stated;
    struct gpt gpt;
    if (decode_v1(repair, &size, err) < 0)
        return -1;
    bool is_stated = size_is_stated(repair, &stated);
    bool proved = table_proves(repair, size);
    table_read(repair, size, &gpt);
    if (layers_left_out && gpt.primary == GPT_GOOD && gpt.disk_size > size)
        return error_set(err, ERROR_DISK_SIZE,
                         "the layers decode to %" PRIu64 " bytes, the disk's partition table was "
                         "made for %" PRIu64,
                         size, gpt.disk_size);
    if (is_stated && stated == size)
        return 0;
    if (is_stated)
        return proved ? size_renew(repair, size, stated, err) : differs(size, stated, err);
    return proved || !layers_left_out
               ? 0
               : error_set(err, ERROR_DISK_SIZE,
                           "the layers decode to %" PRIu64 " bytes, and neither the manifest nor a "
                           "partition table says that this is all of the disk",
                           size);
}
