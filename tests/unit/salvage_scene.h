/* salvage_scene.h: a disk, its stream, damaged layers of that, and what salvage has to keep to,
 * whatever was done to them. */
#ifndef TESTS_UNIT_SALVAGE_SCENE_H
#define TESTS_UNIT_SALVAGE_SCENE_H

#include "formats/salvage.h"
#include "tests/unit/convert_disk.h"

#define BLOCKS_MAX 512

static uint8_t *data; /* the disk in hand */
static size_t data_size;
static struct bytes stream;           /* of `data` */
static size_t starts[BLOCKS_MAX + 1]; /* of its blocks, and of the end mark */
static size_t block_count;

static inline void starts_find(void)
{
    size_t at = 0;
    for (block_count = 0; applelz4_magic(stream.data + at) != APPLELZ4_END; block_count++) {
        assert_true(block_count < BLOCKS_MAX);
        starts[block_count] = at;
        bool stored = applelz4_magic(stream.data + at) == APPLELZ4_STORED;
        at += stored ? 8u + load_le32(stream.data + at + 4) : 12u + load_le32(stream.data + at + 8);
    }
    starts[block_count] = at;
    assert_int_equal(at + 4, stream.size);
}

static inline void scene_done(void)
{
    free(data);
    bytes_done(&stream);
}

/* --- damaged images --- */

#define LAYERS_MAX 64

static struct disk_layer layers[LAYERS_MAX];
static struct disk disk;

/* The stream in layers of `cut` bytes. */
static inline void image_make(size_t cut)
{
    store_renew();
    disk = (struct disk){.format = DISK_V1, .layers = layers, .size = data_size, .has_size = true};
    for (size_t at = 0; at < stream.size; at += cut) {
        size_t size = stream.size - at < cut ? stream.size - at : cut;
        assert_true(disk.layer_count < LAYERS_MAX);
        layers[disk.layer_count] = (struct disk_layer){
            .index = disk.layer_count + 1, .blob = store_put(&store, stream.data + at, size)};
        disk.layer_count++;
    }
}

static inline struct bytes *layer_bytes(size_t layer)
{
    struct stored_blob *row = store_find(&store, &layers[layer].blob);
    assert_non_null(row);
    return &row->bytes;
}

/* The stream's byte `at`, in its layer. */
static inline uint8_t *byte_at(size_t at)
{
    size_t layer = 0;
    for (; at >= layers[layer].blob.size; layer++)
        at -= layers[layer].blob.size;
    return &layer_bytes(layer)->data[at];
}

static inline void cut_out(size_t layer, size_t at, size_t size)
{
    struct bytes *bytes = layer_bytes(layer);
    assert_true(at + size <= bytes->size);
    memmove(bytes->data + at, bytes->data + at + size, bytes->size - at - size);
    bytes->size -= size;
}

/* The blob is not there. */
static inline void lose(size_t layer)
{
    store_find(&store, &layers[layer].blob)->id.digest.bytes[0] ^= 1;
}

/* The manifest does not name it. */
static inline void drop(size_t layer)
{
    disk.layer_count--;
    memmove(&layers[layer], &layers[layer + 1], (disk.layer_count - layer) * sizeof *layers);
}

/* --- what comes of them --- */

struct result {
    struct salvage *salvage;
    struct bytes read;
};

static inline void result_done(struct result *result)
{
    salvage_free(result->salvage);
    bytes_done(&result->read);
}

static inline int read_all(const struct disk *of, struct salvage *salvage, uint64_t limit,
                           struct bytes *ret, struct error *err)
{
    const struct reader_options options = {.salvage = salvage};
    struct reader *reader;
    assert_good(reader_open_with(of, &store.blobs, &options, &reader, err), err);
    int status = disk_read_from(reader, 0, limit, ret, err);
    reader_close(reader);
    return status;
}

/* Nothing that is not listed differs, and what is listed as zeros is. */
static inline void assert_covered(const struct result *result)
{
    const struct salvage_ranges *ranges = &result->salvage->ranges;
    const uint8_t *read = result->read.data;
    uint64_t at = 0, bytes[3] = {0};
    for (size_t i = 0; i <= ranges->count; i++) {
        bool last = i == ranges->count;
        const struct salvage_range *range = &ranges->items[last ? 0 : i];
        uint64_t end = last ? data_size : range->offset;
        assert_true(end >= at && end <= data_size);
        if (memcmp(read + at, data + at, (size_t)(end - at)) != 0)
            fail_msg("a byte in %" PRIu64 "..%" PRIu64 " differs and is not listed", at, end);
        if (last)
            break;
        at = end + range->length;
        assert_true(range->length > 0 && at <= data_size);
        bytes[range->kind] += range->length;
        if (ranges->grain == 0 && range->kind != SALVAGE_UNVERIFIED)
            assert_true(bytes_are_zero(read + end, (size_t)range->length));
    }
    if (ranges->grain == 0)
        for (size_t kind = 0; kind < 3; kind++)
            assert_true(bytes[kind] == ranges->bytes[kind]);
}

/* Surveys and reads, in large and small pieces: the same comes. */
static inline struct result salvage_image(void)
{
    struct error err = ERROR_INIT;
    struct result result;
    struct bytes again;
    struct disk sized = disk;
    assert_good(salvage_survey(&disk, &store.blobs, NULL, &result.salvage, &err), &err);
    assert_true(result.salvage->damaged);
    assert_true(result.salvage->size == data_size);
    sized.size = data_size;
    sized.has_size = true;
    assert_good(read_all(&sized, result.salvage, 7777, &again, &err), &err);
    assert_good(read_all(&sized, result.salvage, UINT64_MAX, &result.read, &err), &err);
    assert_int_equal(result.read.size, data_size);
    assert_int_equal(again.size, data_size);
    assert_memory_equal(again.data, result.read.data, data_size);
    bytes_done(&again);
    assert_covered(&result);
    return result;
}

static inline bool is_listed(const struct result *result, uint64_t offset, enum salvage_kind kind)
{
    const struct salvage_ranges *ranges = &result->salvage->ranges;
    for (size_t i = 0; i < ranges->count; i++)
        if (ranges->items[i].offset <= offset &&
            offset - ranges->items[i].offset < ranges->items[i].length)
            return ranges->items[i].kind == kind;
    return false;
}

#endif
