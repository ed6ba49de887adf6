/* feed.c: reading ahead and hashing. Knows threads and blobs, no format.
 */
#include "convert/engine/feed.h"

#include "convert/engine/run.h"
#include "formats/model/auto.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define PIECE_SIZE  (256u << 10)
#define PIECE_COUNT (FEED_MEMORY / PIECE_SIZE)

struct piece {
    uint8_t *data;
    size_t size;
};

struct fed_blob {
    struct blob blob;
    struct blob *source;
    struct blob_id id;
    struct hasher hasher;
    struct output *copy; /* NULL: only read */
    uint64_t read;       /* bytes taken from source; the reading side's */

    struct piece pieces[PIECE_COUNT];
    uint8_t *memory;
    size_t position; /* in the piece in hand; the giving side's */

    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock: */
    uint64_t filled, emptied; /* pieces, counted from the start */
    int status;               /* of the last read: 1 more may come, 0 the end matched, -1 error */
    bool closing;
    struct error error;
};

static int copy_end(struct fed_blob *fed, struct error *err)
{
    return fed->copy == NULL ? 0 : output_commit(&fed->copy, &fed->id, err);
}

int feed_check(struct hasher *hasher, uint64_t size, const struct blob_id *id, struct error *err)
{
    struct digest digest;
    if (hasher_final(hasher, &digest, err) < 0)
        return -1;
    if (size != id->size)
        return error_set(err, ERROR_BLOB_SIZE, "has %llu bytes, its descriptor says %llu",
                         (unsigned long long)size, (unsigned long long)id->size);
    if (digest_equal(&digest, &id->digest))
        return 0;
    char found[DIGEST_TEXT_SIZE];
    digest_print(&digest, found);
    return error_set(err, ERROR_BLOB_DIGEST,
                     "its bytes have digest %s: they changed after the image was made", found);
}

/* Reads the next piece of the source. 1, 0 at the end, -1. */
static int piece_read(struct fed_blob *fed, struct piece *piece, struct error *err)
{
    uint64_t left = fed->source->size - fed->read;
    if (blob_can_seek(fed->source)) {
        piece->size = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        if (piece->size == 0)
            return 0;
        return blob_read_at(fed->source, fed->read, piece->data, piece->size, err) < 0 ? -1 : 1;
    }
    const uint8_t *data;
    int status = blob_peek(fed->source, &data, &piece->size, err);
    if (status <= 0)
        return status;
    if (piece->size > PIECE_SIZE)
        piece->size = PIECE_SIZE;
    memcpy(piece->data, data, piece->size);
    blob_skip(fed->source, piece->size);
    return 1;
}

/* One step of the reading side: a piece is read, hashed and copied, or the end is checked. */
static int piece_fill(struct fed_blob *fed, struct piece *piece, struct error *err)
{
    int status = piece_read(fed, piece, err);
    if (status < 0)
        return -1;
    if (status == 0)
        return feed_check(&fed->hasher, fed->read, &fed->id, err) < 0 ? -1 : copy_end(fed, err);
    fed->read += piece->size;
    hasher_update(&fed->hasher, piece->data, piece->size);
    if (fed->copy != NULL && output_write(fed->copy, piece->data, piece->size, err) < 0)
        return -1;
    return 1;
}

static void *read_ahead(void *argument)
{
    struct fed_blob *fed = argument;
    int status = 1;
    while (status == 1) {
        pthread_mutex_lock(&fed->lock);
        while (fed->filled - fed->emptied == PIECE_COUNT && !fed->closing)
            pthread_cond_wait(&fed->changed, &fed->lock);
        bool closing = fed->closing;
        struct piece *piece = &fed->pieces[fed->filled % PIECE_COUNT];
        pthread_mutex_unlock(&fed->lock);
        if (closing)
            break;
        struct error error = ERROR_INIT;
        status = piece_fill(fed, piece, &error);
        pthread_mutex_lock(&fed->lock);
        fed->status = status;
        fed->error = error;
        if (status == 1)
            fed->filled++;
        pthread_cond_signal(&fed->changed);
        pthread_mutex_unlock(&fed->lock);
    }
    return NULL;
}

/* Makes the piece in hand one with bytes left: 1, 0 at the end, -1. */
static int piece_wait(struct fed_blob *fed, struct error *err)
{
    if (!fed->threaded) {
        if (fed->filled > fed->emptied)
            return 1;
        if (fed->status == 1)
            fed->status = piece_fill(fed, &fed->pieces[fed->filled % PIECE_COUNT], &fed->error);
        if (fed->status == 1)
            fed->filled++;
    } else
        while (fed->filled == fed->emptied && fed->status == 1)
            pthread_cond_wait(&fed->changed, &fed->lock);
    if (fed->filled > fed->emptied)
        return 1;
    if (fed->status < 0)
        *err = fed->error;
    return fed->status;
}

static int fed_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size,
                    struct error *err)
{
    struct fed_blob *fed = (struct fed_blob *)blob;
    pthread_mutex_lock(&fed->lock);
    int status = piece_wait(fed, err);
    const struct piece *piece = &fed->pieces[fed->emptied % PIECE_COUNT];
    pthread_mutex_unlock(&fed->lock);
    if (status == 1) {
        *ret_data = piece->data + fed->position;
        *ret_size = piece->size - fed->position;
    }
    return status;
}

static void fed_skip(struct blob *blob, size_t size)
{
    struct fed_blob *fed = (struct fed_blob *)blob;
    fed->position += size;
    if (fed->position < fed->pieces[fed->emptied % PIECE_COUNT].size)
        return;
    fed->position = 0;
    pthread_mutex_lock(&fed->lock);
    fed->emptied++;
    pthread_cond_signal(&fed->changed);
    pthread_mutex_unlock(&fed->lock);
}

static void fed_close(struct blob *blob)
{
    struct fed_blob *fed = (struct fed_blob *)blob;
    if (fed->threaded) {
        pthread_mutex_lock(&fed->lock);
        fed->closing = true;
        pthread_cond_signal(&fed->changed);
        pthread_mutex_unlock(&fed->lock);
        pthread_join(fed->thread, NULL);
    }
    pthread_cond_destroy(&fed->changed);
    pthread_mutex_destroy(&fed->lock);
    output_abort(&fed->copy);
    blob_close(fed->source);
    hasher_done(&fed->hasher);
    free(fed->memory);
    free(fed);
}

static const struct blob_ops fed_ops = {
    .peek = fed_peek,
    .skip = fed_skip,
    .close = fed_close,
};

static int copy_open(struct fed_blob *fed, const struct feed *feed, struct error *err)
{
    if (feed->copy_to == NULL ||
        (feed->wants_copy != NULL && !feed->wants_copy(feed->context, &fed->id)))
        return 0;
    int there = sink_has(feed->copy_to, &fed->id, err);
    return there != 0 ? (there < 0 ? -1 : 0) : sink_open(feed->copy_to, &fed->copy, err);
}

/* The parts of a fed blob that can fail; what is there is ended by fed_close. */
static int fed_prepare(struct fed_blob *fed, const struct feed *feed, struct error *err)
{
    fed->memory = malloc((size_t)PIECE_SIZE * PIECE_COUNT);
    if (fed->memory == NULL)
        return error_memory(err);
    for (size_t i = 0; i < PIECE_COUNT; i++)
        fed->pieces[i].data = fed->memory + i * PIECE_SIZE;
    if (hasher_init(&fed->hasher, err) < 0)
        return -1;
    if (copy_open(fed, feed, err) < 0)
        return -1;
    if (!feed->threaded)
        return 0;
    int failed = pthread_create(&fed->thread, NULL, read_ahead, fed);
    if (failed != 0)
        return error_set_errno(err, ERROR_MEMORY, failed, "a thread could not be started");
    fed->threaded = true;
    return 0;
}

static int feed_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                     struct error *err)
{
    struct feed *feed = (struct feed *)blobs;
    AUTO(blob_close_auto) struct blob *source = NULL;
    if (blobs_open(feed->source, id, &source, err) < 0)
        return -1;
    if (!id->has_digest) {
        *ret = take_ptr(&source);
        return 0;
    }
    struct fed_blob *fed = calloc(1, sizeof *fed);
    if (fed == NULL)
        return error_memory(err);
    fed->blob = (struct blob){.ops = &fed_ops, .size = source->size};
    fed->source = take_ptr(&source);
    fed->id = *id;
    fed->status = 1;
    pthread_mutex_init(&fed->lock, NULL); /* a default mutex and condition cannot fail on Linux */
    pthread_cond_init(&fed->changed, NULL);
    if (fed_prepare(fed, feed, err) < 0) {
        fed_close(&fed->blob);
        return -1;
    }
    *ret = &fed->blob;
    return 0;
}

static const struct blobs_ops feed_ops = {.open = feed_open};

void feed_init(struct feed *feed, struct blobs *source, struct sink *copy_to, bool threaded)
{
    *feed = (struct feed){
        .blobs = {&feed_ops}, .source = source, .copy_to = copy_to, .threaded = threaded};
}

int feed_drain(struct feed *feed, const struct blob_id *id, struct run *run, struct error *err)
{
    AUTO(blob_close_auto) struct blob *blob = NULL;
    if (blobs_open(&feed->blobs, id, &blob, err) < 0)
        return -1;
    const uint8_t *data;
    size_t size;
    int status;
    while ((status = blob_peek(blob, &data, &size, err)) > 0) {
        blob_skip(blob, size);
        if (run_check(run, err) < 0)
            return -1;
    }
    return status;
}
