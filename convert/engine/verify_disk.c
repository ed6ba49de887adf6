/* verify_disk.c: a disk decoded for verify: all of it, or the chunks that are wanted. What is wrong
 * becomes a fact of the layer that it is in.
 */
#include "convert/engine/verify_look.h"

#include "formats/codec/applelz4.h"
#include "formats/model/auto.h"

#include <stdlib.h>
#include <string.h>

/* The layer that begins there; NULL. */
static const struct disk_layer *layer_at(const struct look *look, uint64_t offset)
{
    size_t low = 0, high = look->disk.layer_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (look->disk.layers[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < look->disk.layer_count && look->disk.layers[low].offset == offset
               ? &look->disk.layers[low]
               : NULL;
}

/* Keeps what a batch has of the disk's first and last bytes. */
static void ends_keep(struct look *look, uint64_t offset, const struct extent *extent)
{
    uint64_t end = offset + extent->length, tail_start = look->disk.size - look->end_size;
    if (extent->data == NULL)
        return; /* both were made of zeros */
    if (offset < look->end_size) {
        uint64_t stop = end < look->end_size ? end : look->end_size;
        memcpy(look->head + offset, extent->data, (size_t)(stop - offset));
    }
    if (end > tail_start) {
        uint64_t start = offset > tail_start ? offset : tail_start;
        memcpy(look->tail + (start - tail_start), extent->data + (start - offset),
               (size_t)(end - start));
    }
}

/* A layer that begins with the partition table of a disk of exactly this size is the disk's first:
 * where it is not, the layers are out of order. */
static void table_keep(struct look *look, const struct batch *batch)
{
    static const uint32_t sectors[] = {512, 4096};
    const struct extent *first = &batch->extents[0];
    const struct disk_layer *layer = look->disk.format == DISK_V2 && batch->offset > 0 &&
                                             batch->extent_count > 0 && first->data != NULL
                                         ? layer_at(look, batch->offset)
                                         : NULL;
    for (size_t i = 0; layer != NULL && i < sizeof sectors / sizeof sectors[0]; i++) {
        struct gpt_table table;
        if (!gpt_table_read(first->data, (size_t)first->length, sectors[i], sectors[i], &table) ||
            table.lba != 1 || table.alternate != look->disk.size / sectors[i] - 1)
            continue;
        pthread_mutex_lock(&look->lock);
        look->facts.table_layer = layer->index;
        look->facts.table_offset = batch->offset;
        pthread_mutex_unlock(&look->lock);
    }
}

static int stage_look(void *context, struct batch *batch, struct error *err)
{
    struct pass_lane *lane = context;
    struct look *look = lane->pass->context;
    uint64_t offset = batch->offset;
    table_keep(look, batch);
    for (size_t i = 0; i < batch->extent_count; i++) {
        ends_keep(look, offset, &batch->extents[i]);
        offset += batch->extents[i].length;
    }
    return look->places != NULL ? look_scan_places(look, lane, batch, err) : 0;
}

static void damage_note(struct look *look)
{
    pthread_mutex_lock(&look->lock);
    look->damaged = true;
    pthread_mutex_unlock(&look->lock);
}

static int content_check(struct look *look, size_t chunk, struct error *err)
{
    const struct disk_layer *layer = NULL;
    for (size_t i = 0; i < look->disk.layer_count && layer == NULL; i++)
        if (look->disk.layers[i].offset == look->chunks[chunk].offset &&
            look->disk.layers[i].length == look->chunks[chunk].length)
            layer = &look->disk.layers[i];
    if (layer == NULL || !layer->has_content ||
        digest_equal(&layer->content, &look->chunks[chunk].content))
        return 0;
    char found[DIGEST_TEXT_SIZE], promised[DIGEST_TEXT_SIZE];
    digest_print(&look->chunks[chunk].content, found);
    digest_print(&layer->content, promised);
    error_set(err, ERROR_CONTENT_DIGEST, "layer %zu: decodes to %s, its annotation says %s",
              layer->index, found, promised);
    err->where.layer = (int64_t)layer->index;
    err->where.disk_offset = (int64_t)layer->offset;
    return look_absorb(look, look_fact_of(look, err->where.layer), err);
}

/* Whether it begins as another format does: such a layer is no piece of a stream, wherever it
 * stands. Four bytes in the middle of a stream can be any, though seldom these. */
static int start_look(struct look *look, const struct disk_layer *layer, struct error *err)
{
    AUTO(blob_close_auto) struct blob *blob = NULL;
    const uint8_t *data = NULL;
    size_t size = 0;
    int status = blobs_open(look->image.blobs, &layer->blob, &blob, err);
    if (status == 0)
        status = blob_peek(blob, &data, &size, err);
    const char *foreign = status == 1 && size >= 4 ? applelz4_foreign_magic(data, size) : NULL;
    if (foreign != NULL && data[0] == 0x1f && data[2] != 8)
        foreign = NULL; /* gzip's two bytes are few; the third has one value */
    if (status < 0 || foreign == NULL)
        return status < 0 ? -1 : 0;
    error_set(err, ERROR_STREAM_FOREIGN, "begins like %s, not like a piece of a disk.v1 stream",
              foreign);
    err->where.offset = 0;
    return -1;
}

/* What comes behind a break of a V1 stream cannot be decoded, but its bytes can be held against
 * their digests. */
int look_rest(struct look *look, const struct disk *disk, int64_t broken, struct error *err)
{
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        if ((int64_t)layer->index <= broken)
            continue;
        if (start_look(look, layer, err) < 0 && look_absorb_layer(look, layer->index, err) < 0)
            return -1;
        if (feed_drain(&look->feed, &layer->blob, look->run, err) < 0 &&
            look_absorb_layer(look, layer->index, err) < 0)
            return -1;
    }
    return 0;
}

/* These chunks were decoded. */
static int run_good(struct look *look, size_t first, size_t end, struct error *err)
{
    for (size_t i = first; i < end; i++) {
        if (look->chunks[i].done)
            continue;
        if (look->disk.format == DISK_V2 && content_check(look, i, err) < 0)
            return -1;
        pthread_mutex_lock(&look->lock);
        look->result->sampled += look->chunks[i].length;
        look->tail_read |= i + 1 == look->chunk_count;
        pthread_mutex_unlock(&look->lock);
    }
    return 0;
}

static int lane_look(struct pass_lane *lane, size_t first, size_t end, struct error *err)
{
    struct look *look = lane->pass->context;
    if (pass_lane_run(lane, first, end, err) == 0)
        return run_good(look, first, end, err);
    damage_note(look);
    int64_t layer = err->where.layer;
    if (look_absorb(look, look_fact_of(look, layer), err) < 0)
        return -1;
    return look->disk.format == DISK_V1 && !look->options->quick
               ? look_rest(look, &look->disk, layer, err)
               : 0;
}

/* V2: a chunk a layer, whose content digest it promises; else one chunk. */
int look_chunks(struct look *look, struct error *err)
{
    bool layers = look->disk.format == DISK_V2;
    look->chunks = calloc(layers ? look->disk.layer_count + 1 : 1, sizeof *look->chunks);
    if (look->chunks == NULL)
        return error_memory(err);
    if (!layers) {
        look->chunks[0].length = look->disk.size;
        look->chunk_count = 1;
        return 0;
    }
    for (size_t i = 0; i < look->disk.layer_count; i++)
        if (look->disk.layers[i].length > 0)
            look->chunks[look->chunk_count++] = (struct pass_chunk){
                .offset = look->disk.layers[i].offset, .length = look->disk.layers[i].length};
    return 0;
}

static bool promises_disk_digest(const struct look *look)
{
    const struct tart_image *tart = look->image.tart;
    return tart != NULL && tart->disk.format == DISK_V2 && tart->disk.layer_count > 0 &&
           descriptor_annotation(&look->image.manifest->layers[tart->disk.layers[0].index],
                                 TART_FILE_DIGEST) != NULL;
}

/* With this a pass reads on to the end of the layer that its last chunk ends in, for its digest. */
static int nothing_matched(struct pass_lane *lane, uint64_t end,
                           const struct checkpoint *checkpoint, struct error *err)
{
    (void)lane;
    (void)end;
    (void)checkpoint;
    (void)err;
    return 0;
}

int look_pass(struct look *look, struct hasher *disk_hasher, struct error *err)
{
    struct pass pass = {
        .run = look->run,
        .disk = &look->disk,
        .feed = &look->feed,
        .chunks = look->chunks,
        .chunk_count = look->chunk_count,
        .hash_content = look->disk.format == DISK_V2,
        .in_order = disk_hasher != NULL,
        .disk_hasher = disk_hasher,
        .context = look,
        .lane_close = look_close_lane,
        .stage = stage_look,
        .matched = look->options->quick ? nothing_matched : NULL,
        .work = lane_look,
    };
    run_start_progress(look->run, look->disk.size);
    return pass_run(&pass, err);
}

static int disk_pass(struct look *look, struct error *err)
{
    struct hasher hasher = {.context = NULL};
    bool promised = promises_disk_digest(look);
    bool whole = look->options->disk_digest || promised;
    if (!promised && look_ask_places(look, err) < 0)
        return -1;
    if (whole && hasher_init(&hasher, err) < 0)
        return -1;
    int status = look_pass(look, whole ? &hasher : NULL, err);
    if (status == 0 && whole && !look->damaged) {
        status = hasher_final(&hasher, &look->facts.disk_digest, err);
        look->facts.has_file_digest = status == 0;
    }
    if (status == 0 && look->places != NULL && !look->damaged)
        status = look_find_misplaced(look, err);
    hasher_done(&hasher);
    return status;
}

/* Layers that hold nothing of the disk are in no chunk's way: their bytes are held against their
 * digests; that they are the empty stream is seen by those. */
static int look_empty(struct look *look, struct error *err)
{
    for (size_t i = 0; i < look->disk.layer_count && look->disk.format == DISK_V2; i++) {
        const struct disk_layer *layer = &look->disk.layers[i];
        if (layer->length == 0 && feed_drain(&look->feed, &layer->blob, look->run, err) < 0 &&
            look_absorb_layer(look, layer->index, err) < 0)
            return -1;
    }
    return 0;
}

/* The disk's size, where only decoding tells it. 0: known; 1: damage was found on the way. */
static int size_find(struct look *look, const struct disk *disk, struct error *err)
{
    if (disk_measure(look->run, disk, &look->feed.blobs, &look->disk, err) == 0)
        return 0;
    look->disk = *disk;
    int64_t layer = err->where.layer;
    if (look_absorb(look, look_fact_of(look, layer), err) < 0 ||
        look_rest(look, &look->disk, layer, err) < 0)
        return -1;
    return 1;
}

int look_ends_room(struct look *look, struct error *err)
{
    look->end_size = look->disk.size < GPT_HEAD_SIZE ? (size_t)look->disk.size : GPT_HEAD_SIZE;
    look->head = calloc(1, look->end_size + 1);
    look->tail = calloc(1, look->end_size + 1);
    return look->head == NULL || look->tail == NULL ? error_memory(err) : 0;
}

int look_disk(struct look *look, struct error *err)
{
    const struct disk *disk = image_disk(&look->image);
    if (disk == NULL)
        return look->image.manifest == NULL ? 0 : look_alone(look, err);
    int damaged = size_find(look, disk, err);
    if (damaged < 0)
        return -1;
    if (damaged == 0 && (look_ends_room(look, err) < 0 || look_chunks(look, err) < 0 ||
                         disk_pass(look, err) < 0 || look_empty(look, err) < 0))
        return -1;
    if (damaged == 1 || look->damaged)
        return chain_find_order(look, err);
    look->facts.disk_read = true;
    look->facts.disk_size = look->disk.size;
    look->facts.head = look->head;
    look->facts.tail = look->tail;
    look->facts.head_size = look->facts.tail_size = look->end_size;
    return 0;
}
