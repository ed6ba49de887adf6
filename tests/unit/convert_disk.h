/* convert_disk.h: a disk from one format to another through readers and writers alone, in memory.
 */
#ifndef TESTS_UNIT_CONVERT_DISK_H
#define TESTS_UNIT_CONVERT_DISK_H

#include "tests/unit/make_stream.h"
#include "tests/unit/memory_store.h"

static struct memory_store store; /* of the test in hand */

static inline int store_setup(void **state)
{
    (void)state;
    store_init(&store);
    return 0;
}

static inline int store_teardown(void **state)
{
    (void)state;
    return store_done(&store) ? 0 : -1;
}

/* Everything in it is forgotten. */
static inline void store_renew(void)
{
    assert_true(store_done(&store));
    store_init(&store);
}

/* What a disk is written as. */
struct wish {
    enum disk_format format;
    uint64_t cut; /* V1: encoded bytes a layer; V2: disk bytes a layer; raw: disk bytes a chunk */
    const char *encoder; /* NULL: apple */
    bool encode_all, keep_blocks;
};

static inline struct disk raw_disk(const uint8_t *data, size_t size)
{
    struct disk_layer *layer = calloc(1, sizeof *layer);
    assert_non_null(layer);
    store_put(&store, data, size);
    struct blob_id id = {.has_digest = false, .size = size};
    store.last->id = id;
    *layer = (struct disk_layer){.blob = id, .length = size};
    return (struct disk){
        .format = DISK_RAW, .layers = layer, .layer_count = 1, .size = size, .has_size = true};
}

static inline void chunk_copy(struct reader *reader, struct writer *writer, struct batch *batch,
                              uint64_t length, struct written_chunk *ret)
{
    struct error err = ERROR_INIT;
    uint64_t end = reader->position + length;
    assert_good(writer_begin(writer, reader->position, length, &err), &err);
    while (reader->position < end) {
        batch_reset(batch, reader->position, end - reader->position);
        int status = reader_read(reader, batch, &err);
        assert_good(status, &err);
        assert_int_equal(status, 1);
        assert_good(writer_write(writer, batch, &err), &err);
    }
    assert_good(writer_end(writer, ret, &err), &err);
}

/* A writer for the wish; joints as convert/ tells them. */
static inline struct writer *wish_open(const struct disk *source, const struct wish *wish,
                                       uint64_t *joints, struct memory_file *file)
{
    struct error err = ERROR_INIT;
    struct writer_options options = {
        .encode_all = wish->encode_all,
        .keep_blocks = wish->keep_blocks,
        .v1_layer_size = wish->cut,
        .disk_size = source->size,
        .joints = joints,
        .joint_count = source->format == DISK_V2 ? source->layer_count : 0,
        .sink = &store.sink,
        .file = &file->file,
    };
    for (size_t i = 0; i < options.joint_count; i++)
        joints[i] = source->layers[i].offset;
    assert_true(
        encoder_kind_parse(wish->encoder == NULL ? "apple" : wish->encoder, &options.encoder));
    struct writer *writer;
    assert_good(writer_open(wish->format, &options, &writer, &err), &err);
    return writer;
}

/* Reads source, whose size is known, and writes it as wished. */
static inline struct disk disk_convert(const struct disk *source, const struct wish *wish,
                                       struct block_counts *ret_counts)
{
    struct error err = ERROR_INIT;
    struct memory_file file;
    memory_file_init(&file, source->size);
    uint64_t *joints = calloc(source->layer_count, sizeof *joints);
    struct reader *reader;
    assert_good(reader_open(source, &store.blobs, &reader, &err), &err);
    struct writer *writer = wish_open(source, wish, joints, &file);
    struct batch *batch = the_batch();
    uint64_t length = wish->format == DISK_V1 ? 10 * BLOCK_SIZE : wish->cut;
    struct disk result = {.format = wish->format, .size = source->size, .has_size = true};
    struct block_counts counts = {0, 0};
    while (reader->position < source->size) {
        struct written_chunk chunk;
        uint64_t offset = reader->position;
        if (length > source->size - offset)
            length = source->size - offset;
        chunk_copy(reader, writer, batch, length, &chunk);
        assert_true(chunk.offset == offset && chunk.length == length);
        counts.encoded += chunk.blocks.encoded;
        counts.carried += chunk.blocks.carried;
        if (wish->format == DISK_V2) {
            result.layers =
                reallocarray(result.layers, result.layer_count + 1, sizeof *result.layers);
            result.layers[result.layer_count] = (struct disk_layer){
                .index = result.layer_count + 1, chunk.blob, chunk.offset, chunk.length};
            result.layer_count++;
        }
    }
    batch_reset(batch, reader->position, UINT64_MAX);
    assert_int_equal(reader_read(reader, batch, &err), 0);
    struct disk finished = {.layers = NULL};
    assert_good(writer_finish(writer, &finished, &err), &err);
    if (wish->format == DISK_V1)
        result = finished;
    writer_close(writer);
    reader_close(reader);
    free(joints);
    if (wish->format == DISK_RAW)
        result = raw_disk(file.data, (size_t)file.size);
    free(file.data);
    if (ret_counts != NULL)
        *ret_counts = counts;
    return result;
}

static inline struct disk disk_make_as(const uint8_t *data, size_t size, const struct wish *wish)
{
    struct disk raw = raw_disk(data, size);
    struct disk made = disk_convert(&raw, wish, NULL);
    disk_done(&raw);
    return made;
}

/* Reads a disk from `offset` on, at most `limit` bytes at once, to its end or an error. */
static inline int disk_read_from(struct reader *reader, uint64_t offset, uint64_t limit,
                                 struct bytes *ret, struct error *err)
{
    AUTO_FREE struct decoding *decoding = malloc(sizeof *decoding);
    assert_non_null(decoding);
    struct batch *batch = the_batch();
    decoding_init(decoding);
    int status;
    do {
        batch_reset(batch, offset + decoding->data.size, limit);
        status = reader_read(reader, batch, err);
        if (status > 0)
            batch_take(decoding, batch);
    } while (status > 0);
    *ret = decoding->data;
    bytes_done(&decoding->blocks);
    return status;
}

static inline void assert_disk_is(const struct disk *disk, const uint8_t *data, size_t size,
                                  uint64_t limit)
{
    struct error err = ERROR_INIT;
    struct reader *reader;
    struct bytes read;
    assert_true(disk->has_size && disk->size == size);
    assert_good(reader_open(disk, &store.blobs, &reader, &err), &err);
    assert_good(disk_read_from(reader, 0, limit, &read, &err), &err);
    assert_true(reader->position == size);
    reader_close(reader);
    assert_int_equal(read.size, size);
    assert_memory_equal(read.data, data, size);
    bytes_done(&read);
}

static inline void assert_same_layers(const struct disk *a, const struct disk *b)
{
    assert_int_equal(a->layer_count, b->layer_count);
    for (size_t i = 0; i < a->layer_count; i++) {
        assert_true(a->layers[i].blob.size == b->layers[i].blob.size);
        assert_true(digest_equal(&a->layers[i].blob.digest, &b->layers[i].blob.digest));
        assert_true(a->layers[i].offset == b->layers[i].offset);
        assert_true(a->layers[i].length == b->layers[i].length);
    }
}

#endif
