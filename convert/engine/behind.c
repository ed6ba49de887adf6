/* behind.c: writing behind. Knows threads and outputs, no format and no store.
 */
#include "convert/engine/behind.h"

#include "formats/model/auto.h"

#include <string.h>

struct behind_output {
    struct output output;
    struct behind *behind;
    struct output *target; /* the carrying thread's, once that runs */
    uint8_t *memory;       /* BEHIND_PIECE_COUNT pieces */
    size_t used;           /* of the piece in hand; the writing side's */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock: */
    uint64_t filled, emptied; /* pieces, counted from the start */
    size_t sizes[BEHIND_PIECE_COUNT];
    enum { WRITING, COMMITTING, ABORTING } state;
    struct blob_id id; /* with COMMITTING */
    bool failed;
    struct error error;
};

static void behind_output_free(struct behind_output *output)
{
    output_abort(&output->target);
    pthread_cond_destroy(&output->changed);
    pthread_mutex_destroy(&output->lock);
    free(output->memory);
    free(output);
}

static uint8_t *piece_memory(const struct behind_output *output, uint64_t piece)
{
    return output->memory + piece % BEHIND_PIECE_COUNT * BEHIND_PIECE_SIZE;
}

/* An output under way has ended; `error` is what failed, or NULL. */
static void under_way_end(struct behind *behind, const struct error *error)
{
    pthread_mutex_lock(&behind->lock);
    behind->under_way--;
    if (error != NULL && !behind->failed) {
        behind->failed = true;
        behind->error = *error;
    }
    pthread_cond_broadcast(&behind->changed);
    pthread_mutex_unlock(&behind->lock);
}

static int target_commit(const struct behind *behind, struct output **target,
                         const struct blob_id *id, struct error *err)
{
    if (output_commit(target, id, err) < 0)
        return -1;
    if (behind->committed != NULL)
        behind->committed(behind->context, id);
    return 0;
}

/* Carries pieces until the writing side ends it; with output->lock held. */
static void carry_pieces(struct behind_output *output)
{
    for (;;) {
        while (output->filled == output->emptied && output->state == WRITING)
            pthread_cond_wait(&output->changed, &output->lock);
        if (output->filled == output->emptied || output->state == ABORTING)
            return;
        const uint8_t *data = piece_memory(output, output->emptied);
        size_t size = output->sizes[output->emptied % BEHIND_PIECE_COUNT];
        bool failed = output->failed;
        pthread_mutex_unlock(&output->lock);
        struct error error = ERROR_INIT;
        bool fails = !failed && output_write(output->target, data, size, &error) < 0;
        pthread_mutex_lock(&output->lock);
        if (fails) {
            output->failed = true;
            output->error = error;
        }
        output->emptied++;
        pthread_cond_signal(&output->changed);
    }
}

static void *carry(void *argument)
{
    struct behind_output *output = argument;
    struct behind *behind = output->behind;
    pthread_mutex_lock(&output->lock);
    carry_pieces(output);
    bool commit = output->state == COMMITTING, failed = output->failed;
    pthread_mutex_unlock(&output->lock);
    struct error error = output->error;
    if (commit && !failed)
        failed = target_commit(behind, &output->target, &output->id, &error) < 0;
    behind_output_free(output);
    under_way_end(behind, commit && failed ? &error : NULL);
    return NULL;
}

/* Hands the piece in hand to the carrying thread; with output->lock held. */
static void piece_give(struct behind_output *output)
{
    if (output->used == 0)
        return;
    output->sizes[output->filled % BEHIND_PIECE_COUNT] = output->used;
    output->filled++;
    output->used = 0;
    pthread_cond_signal(&output->changed);
}

/* Waits until the piece in hand is free. */
static int piece_wait(struct behind_output *output, struct error *err)
{
    pthread_mutex_lock(&output->lock);
    while (output->filled - output->emptied == BEHIND_PIECE_COUNT)
        pthread_cond_wait(&output->changed, &output->lock);
    bool failed = output->failed;
    if (failed)
        *err = output->error;
    pthread_mutex_unlock(&output->lock);
    return failed ? -1 : 0;
}

static int behind_write(struct output *base, const void *data, size_t size, struct error *err)
{
    struct behind_output *output = (struct behind_output *)base;
    const uint8_t *from = data;
    while (size > 0) {
        if (output->used == 0 && piece_wait(output, err) < 0)
            return -1;
        size_t room = BEHIND_PIECE_SIZE - output->used;
        size_t step = size < room ? size : room;
        /* only this side moves `filled` */
        memcpy(piece_memory(output, output->filled) + output->used, from, step);
        output->used += step;
        from += step;
        size -= step;
        if (output->used == BEHIND_PIECE_SIZE) {
            pthread_mutex_lock(&output->lock);
            piece_give(output);
            pthread_mutex_unlock(&output->lock);
        }
    }
    return 0;
}

/* From here on the output is the carrying thread's, which frees it. */
static void leave(struct behind_output *output, bool commit, const struct blob_id *id)
{
    pthread_mutex_lock(&output->lock);
    if (commit) {
        /* a whole number of pieces is under way, so there is always room for the last */
        piece_give(output);
        output->id = *id;
    }
    output->state = commit ? COMMITTING : ABORTING;
    pthread_cond_signal(&output->changed);
    pthread_mutex_unlock(&output->lock);
}

static int behind_commit(struct output *base, const struct blob_id *id, struct error *err)
{
    struct behind_output *output = (struct behind_output *)base;
    pthread_mutex_lock(&output->lock);
    bool failed = output->failed;
    if (failed)
        *err = output->error;
    pthread_mutex_unlock(&output->lock);
    leave(output, !failed, id);
    return failed ? -1 : 0;
}

static void behind_abort(struct output *base)
{
    leave((struct behind_output *)base, false, NULL);
}

static const struct output_ops behind_output_ops = {
    .write = behind_write,
    .commit = behind_commit,
    .abort = behind_abort,
};

/* --- without threads --- */

struct straight_output {
    struct output output;
    struct behind *behind;
    struct output *target;
};

static int straight_write(struct output *base, const void *data, size_t size, struct error *err)
{
    return output_write(((struct straight_output *)base)->target, data, size, err);
}

static int straight_commit(struct output *base, const struct blob_id *id, struct error *err)
{
    struct straight_output *output = (struct straight_output *)base;
    int status = target_commit(output->behind, &output->target, id, err);
    free(output);
    return status;
}

static void straight_abort(struct output *base)
{
    output_abort(&((struct straight_output *)base)->target);
    free(base);
}

static int straight_open(struct behind *behind, struct output **ret, struct error *err)
{
    static const struct output_ops ops = {
        .write = straight_write, .commit = straight_commit, .abort = straight_abort};
    struct straight_output *output = calloc(1, sizeof *output);
    if (output == NULL)
        return error_memory(err);
    output->output.ops = &ops;
    output->behind = behind;
    if (sink_open(behind->target, &output->target, err) < 0) {
        free(output);
        return -1;
    }
    *ret = &output->output;
    return 0;
}

/* --- with threads --- */

static int carry_start(struct behind_output *output, struct sink *target, struct error *err)
{
    void *memory;
    if (posix_memalign(&memory, 4096, (size_t)BEHIND_PIECE_SIZE * BEHIND_PIECE_COUNT) != 0)
        return error_memory(err);
    output->memory = memory;
    if (sink_open(target, &output->target, err) < 0)
        return -1;
    pthread_attr_t detached;
    pthread_attr_init(&detached); /* cannot fail on Linux, like all of its kind */
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int failed = pthread_create(&thread, &detached, carry, output);
    pthread_attr_destroy(&detached);
    return failed == 0
               ? 0
               : error_set_errno(err, ERROR_MEMORY, failed, "a thread could not be started");
}

static int under_way_begin(struct behind *behind, struct error *err)
{
    pthread_mutex_lock(&behind->lock);
    while (behind->under_way == behind->most && !behind->failed)
        pthread_cond_wait(&behind->changed, &behind->lock);
    bool failed = behind->failed;
    if (failed)
        *err = behind->error;
    else
        behind->under_way++;
    pthread_mutex_unlock(&behind->lock);
    return failed ? -1 : 0;
}

static int behind_open(struct sink *sink, struct output **ret, struct error *err)
{
    struct behind *behind = (struct behind *)sink;
    if (!behind->threaded)
        return straight_open(behind, ret, err);
    if (under_way_begin(behind, err) < 0)
        return -1;
    struct behind_output *output = calloc(1, sizeof *output);
    if (output == NULL) {
        under_way_end(behind, NULL);
        return error_memory(err);
    }
    output->output.ops = &behind_output_ops;
    output->behind = behind;
    pthread_mutex_init(&output->lock, NULL); /* cannot fail on Linux */
    pthread_cond_init(&output->changed, NULL);
    if (carry_start(output, behind->target, err) < 0) {
        behind_output_free(output);
        under_way_end(behind, NULL);
        return -1;
    }
    *ret = &output->output;
    return 0;
}

static int behind_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    return sink_has(((struct behind *)sink)->target, id, err);
}

static const struct sink_ops behind_ops = {.open = behind_open, .has = behind_has};

void behind_init(struct behind *behind, struct sink *target, unsigned lanes, unsigned uploads,
                 bool threaded)
{
    *behind = (struct behind){.sink = {&behind_ops},
                              .target = target,
                              .threaded = threaded,
                              .most = (size_t)lanes + (uploads > lanes ? uploads : lanes)};
    pthread_mutex_init(&behind->lock, NULL); /* cannot fail on Linux */
    pthread_cond_init(&behind->changed, NULL);
}

int behind_wait(struct behind *behind, struct error *err)
{
    pthread_mutex_lock(&behind->lock);
    while (behind->under_way > 0)
        pthread_cond_wait(&behind->changed, &behind->lock);
    bool failed = behind->failed;
    if (failed)
        *err = behind->error;
    pthread_mutex_unlock(&behind->lock);
    return failed ? -1 : 0;
}

void behind_done(struct behind *behind)
{
    struct error ignored;
    behind_wait(behind, &ignored);
    pthread_cond_destroy(&behind->changed);
    pthread_mutex_destroy(&behind->lock);
}
