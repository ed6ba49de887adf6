/* repair_disk.c: the disk that V2 layers make up in some order, read for what it says: its ends,
 * its digest, its pieces' digests, the traces of file systems. Decides nothing.
 */
#include "convert/engine/repair_parts.h"

#include "convert/engine/pass.h"
#include "convert/engine/place_batch.h"
#include "formats/model/auto.h"

#include <string.h>

/* As the layers in that order make it up; to be ended with disk_done. Lengths are known. */
static int disk_in_order(const struct repair *repair, const size_t *order, struct disk *ret,
                         struct error *err)
{
    *ret = (struct disk){.format = DISK_V2, .has_size = true};
    ret->layers = calloc(repair->layer_count + 1, sizeof *ret->layers);
    if (ret->layers == NULL)
        return error_memory(err);
    for (size_t i = 0; i < repair->layer_count; i++) {
        const struct repair_layer *layer = &repair->layers[order == NULL ? i : order[i]];
        ret->layers[i] = (struct disk_layer){.index = layer->index,
                                             .blob = layer->blob,
                                             .offset = ret->size,
                                             .length = layer->length,
                                             .content = layer->content,
                                             .has_content = true};
        if (!add_sizes(ret->size, layer->length, &ret->size))
            return error_set(err, ERROR_DISK_SIZE, "the disk's layers pass 2^63-1 bytes");
    }
    ret->layer_count = repair->layer_count;
    return 0;
}

/* --- its ends --- */

struct ends {
    struct repair *repair;
    uint64_t size;
};

static void ends_keep(const struct ends *ends, uint64_t offset, const struct extent *extent)
{
    struct repair *repair = ends->repair;
    uint64_t end = offset + extent->length, tail = ends->size - repair->end_size;
    if (extent->data == NULL)
        return; /* both were made of zeros */
    if (offset < repair->end_size) {
        uint64_t stop = end < repair->end_size ? end : repair->end_size;
        memcpy(repair->head + offset, extent->data, (size_t)(stop - offset));
    }
    if (end > tail) {
        uint64_t start = offset > tail ? offset : tail;
        memcpy(repair->tail + (start - tail), extent->data + (start - offset),
               (size_t)(end - start));
    }
}

static int stage_ends(void *context, struct batch *batch, struct error *err)
{
    (void)err;
    const struct ends *ends = ((struct pass_lane *)context)->pass->context;
    uint64_t offset = batch->offset;
    for (size_t i = 0; i < batch->extent_count; i++) {
        ends_keep(ends, offset, &batch->extents[i]);
        offset += batch->extents[i].length;
    }
    return 0;
}

/* A layer that begins with the partition table of a disk of exactly this size is the disk's first.
 */
static void table_find(struct repair *repair, const size_t *order, const struct disk *disk)
{
    static const uint64_t sector_sizes[] = {512, 4096};
    repair->table_place = 0;
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct repair_layer *layer = &repair->layers[order == NULL ? i : order[i]];
        for (size_t k = 0; k < 2; k++) {
            if (disk->layers[i].offset == 0 || layer->table_sectors[k] == 0 ||
                layer->table_sectors[k] != disk->size / sector_sizes[k])
                continue;
            repair->table_place = i;
            repair->table_offset = disk->layers[i].offset;
        }
    }
}

int repair_read_ends(struct repair *repair, const size_t *order, struct error *err)
{
    AUTO(disk_done) struct disk disk;
    if (disk_in_order(repair, order, &disk, err) < 0)
        return -1;
    table_find(repair, order, &disk);
    repair->end_size = disk.size < GPT_HEAD_SIZE ? (size_t)disk.size : GPT_HEAD_SIZE;
    free(repair->head);
    free(repair->tail);
    repair->head = calloc(1, repair->end_size + 1);
    repair->tail = calloc(1, repair->end_size + 1);
    if (repair->head == NULL || repair->tail == NULL)
        return error_memory(err);
    struct ends ends = {.repair = repair, .size = disk.size};
    struct pass_chunk chunks[3] = {
        {.length = repair->end_size},
        {.offset = repair->end_size, .length = disk.size - repair->end_size, .done = true},
    };
    size_t count = chunks[1].length > 0 ? 2 : 1;
    if (disk.size > 2 * (uint64_t)repair->end_size) {
        chunks[1].length = disk.size - 2 * (uint64_t)repair->end_size;
        chunks[2] =
            (struct pass_chunk){.offset = disk.size - repair->end_size, .length = repair->end_size};
        count = 3;
    } else if (count == 2) {
        chunks[1].done = false;
    }
    struct pass pass = {.run = repair->run,
                        .disk = &disk,
                        .feed = &repair->feed,
                        .chunks = chunks,
                        .chunk_count = count,
                        .in_order = true,
                        .context = &ends,
                        .stage = stage_ends};
    return disk.size == 0 ? 0 : pass_run(&pass, err);
}

/* --- digests --- */

int repair_disk_digest(struct repair *repair, const size_t *order, struct digest *ret,
                       struct error *err)
{
    AUTO(disk_done) struct disk disk;
    AUTO(hasher_done) struct hasher hasher = {.context = NULL};
    if (disk_in_order(repair, order, &disk, err) < 0 || hasher_init(&hasher, err) < 0)
        return -1;
    struct pass_chunk chunk = {.length = disk.size};
    struct pass pass = {.run = repair->run,
                        .disk = &disk,
                        .feed = &repair->feed,
                        .chunks = &chunk,
                        .chunk_count = 1,
                        .in_order = true,
                        .disk_hasher = &hasher};
    run_start_progress(repair->run, disk.size);
    if (disk.size > 0 && pass_run(&pass, err) < 0)
        return -1;
    return hasher_final(&hasher, ret, err);
}

int repair_zeros_digest(uint64_t length, struct digest *ret, struct error *err)
{
    AUTO(hasher_done) struct hasher hasher = {.context = NULL};
    if (hasher_init(&hasher, err) < 0)
        return -1;
    hasher_update_zeros(&hasher, length);
    return hasher_final(&hasher, ret, err);
}

int repair_hash_grid(struct repair *repair, const struct disk *disk, struct blobs *blobs,
                     uint64_t length, size_t count, struct digest *ret, struct error *err)
{
    AUTO_FREE struct pass_chunk *chunks = calloc(count + 1, sizeof *chunks);
    if (chunks == NULL)
        return error_memory(err);
    struct feed feed;
    feed_init(&feed, blobs, NULL, repair->run->threads > 1);
    for (size_t i = 0; i < count; i++) {
        uint64_t offset = i * length, left = disk->size - offset;
        chunks[i] = (struct pass_chunk){.offset = offset, .length = left < length ? left : length};
    }
    struct pass pass = {.run = repair->run,
                        .disk = disk,
                        .feed = &feed,
                        .chunks = chunks,
                        .chunk_count = count,
                        .hash_content = true};
    run_start_progress(repair->run, disk->size);
    if (pass_run(&pass, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        ret[i] = chunks[i].content;
    return 0;
}

/* --- traces of file systems --- */

struct scanning {
    struct repair *repair;
    size_t *layers; /* of each chunk of the pass */
};

static void scan_close(struct pass_lane *lane)
{
    lane->context = place_scan_free(lane->context);
}

static int stage_scan(void *context, struct batch *batch, struct error *err)
{
    struct pass_lane *lane = context;
    const struct scanning *scanning = lane->pass->context;
    struct repair_layer *layer = &scanning->repair->layers[scanning->layers[batch->chunk]];
    struct place_scan *scan = lane->context;
    if (scan == NULL) {
        if (place_scan_new(layer->length, &scan, err) < 0)
            return -1;
        lane->context = scan;
    }
    if (place_scan_batch(scan, batch, err) < 0)
        return -1;
    if (!batch->last)
        return 0;
    int status = place_scan_end(scan, &layer->facts, err);
    lane->context = place_scan_free(scan);
    return status;
}

int repair_scan_places(struct repair *repair, struct error *err)
{
    AUTO(disk_done) struct disk disk;
    AUTO_FREE struct pass_chunk *chunks = calloc(repair->layer_count + 1, sizeof *chunks);
    AUTO_FREE size_t *layers = calloc(repair->layer_count + 1, sizeof *layers);
    if (disk_in_order(repair, NULL, &disk, err) < 0)
        return -1;
    if (chunks == NULL || layers == NULL)
        return error_memory(err);
    size_t count = 0, left = 0;
    for (size_t i = 0; i < disk.layer_count; i++) {
        if (disk.layers[i].length == 0)
            continue;
        layers[count] = i;
        chunks[count++] = (struct pass_chunk){.offset = disk.layers[i].offset,
                                              .length = disk.layers[i].length,
                                              .done = repair->layers[i].facts != NULL};
        left += repair->layers[i].facts == NULL;
    }
    if (left == 0)
        return 0;
    struct scanning scanning = {.repair = repair, .layers = layers};
    struct pass pass = {.run = repair->run,
                        .disk = &disk,
                        .feed = &repair->feed,
                        .chunks = chunks,
                        .chunk_count = count,
                        .context = &scanning,
                        .lane_close = scan_close,
                        .stage = stage_scan};
    run_start_progress(repair->run, disk.size);
    return pass_run(&pass, err);
}
