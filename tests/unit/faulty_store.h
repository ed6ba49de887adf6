/* faulty_store.h: blobs and a sink in memory that can be slow and can be told to fail, for tests of
 * the engine's threads. What is written is only hashed. Threads: as blobs.h asks. */
#ifndef TESTS_UNIT_FAULTY_STORE_H
#define TESTS_UNIT_FAULTY_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/model/auto.h"
#include "formats/model/blobs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define NEVER SIZE_MAX

static inline void nap(unsigned microseconds)
{
    const struct timespec time = {.tv_nsec = (long)microseconds * 1000};
    nanosleep(&time, NULL);
}

static inline struct blob_id id_of(const void *data, size_t size)
{
    struct error err;
    struct blob_id id = {.has_digest = true, .size = size};
    assert_int_equal(digest_of(data, size, &id.digest, &err), 0);
    return id;
}

/* --- a source: the same bytes under every id
 * -------------------------------------------------------
 */

struct faulty_blobs {
    struct blobs blobs;
    const uint8_t *data;
    size_t size;
    size_t step;    /* bytes lent at once; 0: can be read at any place too */
    size_t fail_at; /* the byte that cannot be read; NEVER: none */
    unsigned nap;   /* microseconds before each read */
    bool absent;
    atomic_size_t opened, closed;
};

struct faulty_blob {
    struct blob blob;
    struct faulty_blobs *from;
    size_t position;
};

static inline int faulty_read(const struct faulty_blobs *from, size_t offset, size_t size,
                              struct error *err)
{
    if (from->nap > 0)
        nap(from->nap);
    if (from->fail_at < offset || from->fail_at - offset >= size)
        return 0;
    return error_set(err, ERROR_IO, "byte %zu cannot be read", from->fail_at);
}

static inline int faulty_peek(struct blob *base, const uint8_t **ret_data, size_t *ret_size,
                              struct error *err)
{
    const struct faulty_blob *blob = (struct faulty_blob *)base;
    size_t left = blob->from->size - blob->position, step = blob->from->step;
    if (left == 0)
        return 0;
    *ret_data = blob->from->data + blob->position;
    *ret_size = step == 0 || step > left ? left : step;
    return faulty_read(blob->from, blob->position, *ret_size, err) < 0 ? -1 : 1;
}

static inline void faulty_skip(struct blob *base, size_t size)
{
    ((struct faulty_blob *)base)->position += size;
}

static inline int faulty_read_at(struct blob *base, uint64_t offset, void *data, size_t size,
                                 struct error *err)
{
    const struct faulty_blob *blob = (struct faulty_blob *)base;
    if (faulty_read(blob->from, (size_t)offset, size, err) < 0)
        return -1;
    memcpy(data, blob->from->data + offset, size);
    return 0;
}

static inline void faulty_close(struct blob *base)
{
    struct faulty_blob *blob = (struct faulty_blob *)base;
    atomic_fetch_add(&blob->from->closed, 1);
    free(blob);
}

static inline int faulty_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                              struct error *err)
{
    static const struct blob_ops stream = {
        .peek = faulty_peek, .skip = faulty_skip, .close = faulty_close};
    static const struct blob_ops file = {
        .peek = faulty_peek, .skip = faulty_skip, .read_at = faulty_read_at, .close = faulty_close};
    (void)id;
    struct faulty_blobs *from = (struct faulty_blobs *)blobs;
    if (from->absent)
        return error_set(err, ERROR_BLOB_MISSING, "it is not there");
    struct faulty_blob *blob = calloc(1, sizeof *blob);
    if (blob == NULL)
        return error_memory(err);
    blob->blob = (struct blob){.ops = from->step == 0 ? &file : &stream, .size = from->size};
    blob->from = from;
    atomic_fetch_add(&from->opened, 1);
    *ret = &blob->blob;
    return 0;
}

static inline void faulty_blobs_init(struct faulty_blobs *blobs, const void *data, size_t size)
{
    static const struct blobs_ops ops = {.open = faulty_open};
    *blobs = (struct faulty_blobs){.blobs = {&ops}, .data = data, .size = size, .fail_at = NEVER};
}

/* --- a sink
 * ---------------------------------------------------------------------------------------
 */

#define FAULTY_SINK_MAX 256

struct faulty_sink {
    struct sink sink;
    size_t fail_at; /* a byte of an output that cannot be written; NEVER: none */
    unsigned nap;   /* microseconds before each write */
    bool open_fails;
    size_t commit_fails; /* the commit with that number, from 0; NEVER: none */
    pthread_mutex_t lock;
    /* under lock: */
    size_t opened, commits, aborts, most; /* most: under way at once */
    struct blob_id ids[FAULTY_SINK_MAX];  /* of what was committed well */
    size_t count;
};

struct faulty_output {
    struct output output;
    struct faulty_sink *to;
    struct hasher hasher;
    size_t size;
};

static inline int faulty_write(struct output *base, const void *data, size_t size,
                               struct error *err)
{
    struct faulty_output *output = (struct faulty_output *)base;
    size_t fail_at = output->to->fail_at;
    if (output->to->nap > 0)
        nap(output->to->nap);
    if (fail_at >= output->size && fail_at - output->size < size)
        return error_set(err, ERROR_IO, "byte %zu cannot be written", fail_at);
    hasher_update(&output->hasher, data, size);
    output->size += size;
    return 0;
}

static inline void faulty_output_free(struct faulty_output *output)
{
    hasher_done(&output->hasher);
    free(output);
}

static inline int faulty_commit(struct output *base, const struct blob_id *id, struct error *err)
{
    struct faulty_output *output = (struct faulty_output *)base;
    struct faulty_sink *to = output->to;
    struct blob_id found = {.has_digest = true, .size = output->size};
    int status = hasher_final(&output->hasher, &found.digest, err);
    faulty_output_free(output);
    pthread_mutex_lock(&to->lock);
    size_t number = to->commits++;
    if (status == 0 && (found.size != id->size || !digest_equal(&found.digest, &id->digest)))
        status = error_set(err, ERROR_INTERNAL, "other bytes than were named");
    if (status == 0 && number == to->commit_fails)
        status = error_set(err, ERROR_IO, "commit %zu fails", number);
    if (status == 0 && to->count < FAULTY_SINK_MAX)
        to->ids[to->count++] = found;
    pthread_mutex_unlock(&to->lock);
    return status;
}

static inline void faulty_abort(struct output *base)
{
    struct faulty_output *output = (struct faulty_output *)base;
    struct faulty_sink *to = output->to;
    faulty_output_free(output);
    pthread_mutex_lock(&to->lock);
    to->aborts++;
    pthread_mutex_unlock(&to->lock);
}

static inline int faulty_sink_open(struct sink *sink, struct output **ret, struct error *err)
{
    static const struct output_ops ops = {
        .write = faulty_write, .commit = faulty_commit, .abort = faulty_abort};
    struct faulty_sink *to = (struct faulty_sink *)sink;
    if (to->open_fails)
        return error_set(err, ERROR_IO, "no output can be opened");
    AUTO_FREE struct faulty_output *output = calloc(1, sizeof *output);
    if (output == NULL || hasher_init(&output->hasher, err) < 0)
        return error_memory(err);
    output->output.ops = &ops;
    output->to = to;
    pthread_mutex_lock(&to->lock);
    to->opened++;
    if (to->opened - to->commits - to->aborts > to->most)
        to->most = to->opened - to->commits - to->aborts;
    pthread_mutex_unlock(&to->lock);
    *ret = &take_ptr(&output)->output;
    return 0;
}

static inline int faulty_sink_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    (void)err;
    struct faulty_sink *to = (struct faulty_sink *)sink;
    int found = 0;
    pthread_mutex_lock(&to->lock);
    for (size_t i = 0; i < to->count && !found; i++)
        found = to->ids[i].size == id->size && digest_equal(&to->ids[i].digest, &id->digest);
    pthread_mutex_unlock(&to->lock);
    return found;
}

static inline void faulty_sink_init(struct faulty_sink *sink)
{
    static const struct sink_ops ops = {.open = faulty_sink_open, .has = faulty_sink_has};
    *sink = (struct faulty_sink){.sink = {&ops}, .fail_at = NEVER, .commit_fails = NEVER};
    pthread_mutex_init(&sink->lock, NULL);
}

static inline void faulty_sink_done(struct faulty_sink *sink)
{
    assert_int_equal(sink->opened, sink->commits + sink->aborts);
    pthread_mutex_destroy(&sink->lock);
}

#endif
