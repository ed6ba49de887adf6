/* memory_store.h: blobs and disk files in memory, for tests and fuzzers: what stores are to the
 * readers and writers of formats/. Asserts (by abort) what it may expect of them. */
#ifndef TESTS_UNIT_MEMORY_STORE_H
#define TESTS_UNIT_MEMORY_STORE_H

#include "formats/format.h"
#include "formats/model/auto.h"

#include <string.h>

static inline void must(bool holds)
{
    if (!holds)
        abort();
}

struct stored_blob {
    struct stored_blob *next; /* the one that was put before */
    struct blob_id id;
    struct bytes bytes;
    bool damaged; /* its digest turns out wrong when all was read */
};

struct memory_store {
    struct blobs blobs;
    struct sink sink;
    size_t slice;             /* a blob lends that many bytes at once; 0: all */
    struct stored_blob *last; /* that was put */
    size_t count;
    size_t open_blobs, open_outputs;
};

static inline struct stored_blob *store_add(struct memory_store *store)
{
    struct stored_blob *row = calloc(1, sizeof *row);
    must(row != NULL);
    row->next = store->last;
    store->last = row;
    store->count++;
    bytes_init(&row->bytes, SIZE_MAX);
    return row;
}

/* Bytes under their digest. */
static inline struct blob_id store_put(struct memory_store *store, const void *data, size_t size)
{
    struct error err = ERROR_INIT;
    struct stored_blob *row = store_add(store);
    must(bytes_append(&row->bytes, data, size, &err) == 0);
    must(digest_of(data, size, &row->id.digest, &err) == 0);
    row->id.has_digest = true;
    row->id.size = size;
    return row->id;
}

static inline struct stored_blob *store_find(struct memory_store *store, const struct blob_id *id)
{
    for (struct stored_blob *row = store->last; row != NULL; row = row->next)
        if (row->id.has_digest == id->has_digest &&
            (!id->has_digest || digest_equal(&row->id.digest, &id->digest)))
            return row;
    return NULL;
}

struct store_reader {
    struct blob blob;
    struct memory_store *store;
    struct stored_blob *row;
    uint8_t *lent; /* a copy of what peek lent: nobody may look further */
    size_t lent_size, position;
};

static inline int store_blob_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size,
                                  struct error *err)
{
    struct store_reader *reader = (struct store_reader *)blob;
    size_t size = reader->row->bytes.size - reader->position;
    if (size == 0)
        return reader->row->damaged ? error_set(err, ERROR_BLOB_DIGEST, "its bytes are others") : 0;
    if (reader->store->slice != 0 && size > reader->store->slice)
        size = reader->store->slice;
    free(reader->lent);
    reader->lent = malloc(size);
    must(reader->lent != NULL);
    memcpy(reader->lent, reader->row->bytes.data + reader->position, size);
    reader->lent_size = size;
    *ret_data = reader->lent;
    *ret_size = size;
    return 1;
}

static inline void store_blob_skip(struct blob *blob, size_t size)
{
    struct store_reader *reader = (struct store_reader *)blob;
    must(size <= reader->lent_size);
    reader->lent_size -= size;
    reader->position += size;
}

static inline int store_blob_read_at(struct blob *blob, uint64_t offset, void *data, size_t size,
                                     struct error *err)
{
    (void)err;
    if (size > 0)
        memcpy(data, ((struct store_reader *)blob)->row->bytes.data + offset, size);
    return 0;
}

/* Holes are told as a file system with pages of 4 KiB would. */
static inline int store_blob_map(struct blob *blob, uint64_t offset, uint64_t *ret_length,
                                 bool *ret_hole, struct error *err)
{
    (void)err;
    const struct bytes *bytes = &((struct store_reader *)blob)->row->bytes;
    size_t at = (size_t)offset;
    for (bool first = true; at < bytes->size; first = false) {
        size_t step = 4096 - at % 4096;
        if (step > bytes->size - at)
            step = bytes->size - at;
        bool hole = step == 4096 && bytes_are_zero(bytes->data + at, step);
        if (first)
            *ret_hole = hole;
        else if (hole != *ret_hole)
            break;
        at += step;
    }
    *ret_length = at - offset;
    return 0;
}

static inline void store_blob_close(struct blob *blob)
{
    struct store_reader *reader = (struct store_reader *)blob;
    reader->store->open_blobs--;
    free(reader->lent);
    free(reader);
}

static const struct blob_ops store_blob_ops = {
    .peek = store_blob_peek,
    .skip = store_blob_skip,
    .read_at = store_blob_read_at,
    .map = store_blob_map,
    .close = store_blob_close,
};

static inline int store_blobs_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                                   struct error *err)
{
    struct memory_store *store = (struct memory_store *)blobs;
    struct stored_blob *row = store_find(store, id);
    if (row == NULL)
        return error_set(err, ERROR_BLOB_MISSING, "is not there");
    struct store_reader *reader = calloc(1, sizeof *reader);
    must(reader != NULL);
    reader->blob = (struct blob){&store_blob_ops, row->bytes.size};
    reader->store = store;
    reader->row = row;
    store->open_blobs++;
    *ret = &reader->blob;
    return 0;
}

struct store_output {
    struct output output;
    struct memory_store *store;
    struct bytes bytes;
};

static inline int store_output_write(struct output *output, const void *data, size_t size,
                                     struct error *err)
{
    return bytes_append(&((struct store_output *)output)->bytes, data, size, err);
}

static inline void store_output_abort(struct output *output)
{
    struct store_output *stored = (struct store_output *)output;
    stored->store->open_outputs--;
    bytes_done(&stored->bytes);
    free(stored);
}

static inline int store_output_commit(struct output *output, const struct blob_id *id,
                                      struct error *err)
{
    (void)err;
    struct store_output *stored = (struct store_output *)output;
    struct blob_id put = store_put(stored->store, stored->bytes.data, stored->bytes.size);
    must(id->has_digest && id->size == put.size && digest_equal(&id->digest, &put.digest));
    store_output_abort(output);
    return 0;
}

static const struct output_ops store_output_ops = {
    .write = store_output_write,
    .commit = store_output_commit,
    .abort = store_output_abort,
};

static inline int store_sink_open(struct sink *sink, struct output **ret, struct error *err)
{
    (void)err;
    struct memory_store *store =
        (struct memory_store *)((char *)sink - offsetof(struct memory_store, sink));
    struct store_output *stored = calloc(1, sizeof *stored);
    must(stored != NULL);
    stored->output.ops = &store_output_ops;
    stored->store = store;
    bytes_init(&stored->bytes, SIZE_MAX);
    store->open_outputs++;
    *ret = &stored->output;
    return 0;
}

static inline void store_init(struct memory_store *store)
{
    static const struct blobs_ops blobs_ops = {.open = store_blobs_open};
    static const struct sink_ops sink_ops = {.open = store_sink_open};
    *store = (struct memory_store){.blobs = {&blobs_ops}, .sink = {&sink_ops}};
}

/* False where something that was opened was not closed. */
static inline bool store_done(struct memory_store *store)
{
    while (store->last != NULL) {
        struct stored_blob *row = store->last;
        store->last = row->next;
        bytes_done(&row->bytes);
        free(row);
    }
    return store->open_blobs == 0 && store->open_outputs == 0;
}

/* A disk file of a size. */
struct memory_file {
    struct disk_file file;
    uint8_t *data;
    uint64_t size;
};

static inline int memory_file_write_at(struct disk_file *file, uint64_t offset, const void *data,
                                       size_t size, struct error *err)
{
    (void)err;
    struct memory_file *memory = (struct memory_file *)file;
    must(offset <= memory->size && size <= memory->size - offset);
    memcpy(memory->data + offset, data, size);
    return 0;
}

static inline void memory_file_init(struct memory_file *memory, uint64_t size)
{
    static const struct disk_file_ops ops = {.write_at = memory_file_write_at};
    *memory = (struct memory_file){{&ops}, calloc(1, (size_t)size + 1), size};
    must(memory->data != NULL);
}

#endif
