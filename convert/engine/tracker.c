/* tracker.c: puts together what is told of chunks. Knows no format, no store and no file.
 */
#include "convert/engine/tracker.h"

#include <stdlib.h>

struct tracked {
    struct state_chunk chunk;
    bool written, confirmed, matched, noted;
};

int tracker_init(struct tracker *tracker, struct run *run, struct state *state, size_t count,
                 struct error *err)
{
    *tracker = (struct tracker){.run = run, .state = state, .count = count};
    tracker->chunks = calloc(count, sizeof *tracker->chunks);
    if (tracker->chunks == NULL)
        return error_memory(err);
    pthread_mutex_init(&tracker->lock, NULL); /* cannot fail on Linux */
    return 0;
}

void tracker_done(struct tracker *tracker)
{
    if (tracker->chunks == NULL)
        return;
    free(tracker->chunks);
    free(tracker->committed);
    pthread_mutex_destroy(&tracker->lock);
    *tracker = (struct tracker){.run = NULL};
}

/* --- all under the lock --- */

static void note_failed(struct tracker *tracker, const struct error *error)
{
    tracker->broken = true;
    run_warning(tracker->run, "%s; the conversion goes on, but could not be taken up again here",
                error->text);
}

static void look(struct tracker *tracker, struct tracked *tracked)
{
    struct error error = ERROR_INIT;
    if (tracker->broken || tracked->noted || !tracked->written || !tracked->confirmed ||
        !tracked->matched)
        return;
    tracked->noted = true;
    if (state_note_chunk(tracker->state, &tracked->chunk, &error) < 0)
        note_failed(tracker, &error);
}

static bool is_committed(const struct tracker *tracker, const struct digest *digest)
{
    for (size_t i = 0; i < tracker->committed_count; i++)
        if (digest_equal(&tracker->committed[i], digest))
            return true;
    return false;
}

static int committed_keep(struct tracker *tracker, const struct digest *digest, struct error *err)
{
    if (is_committed(tracker, digest))
        return 0;
    if (tracker->committed_count == tracker->committed_capacity) {
        size_t capacity = tracker->committed_capacity * 2 + 16;
        struct digest *grown = reallocarray(tracker->committed, capacity, sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        tracker->committed = grown;
        tracker->committed_capacity = capacity;
    }
    tracker->committed[tracker->committed_count++] = *digest;
    return 0;
}

/* --- what is told --- */

void tracker_written(struct tracker *tracker, size_t i, const struct state_chunk *chunk,
                     bool confirmed)
{
    if (tracker->state == NULL)
        return;
    pthread_mutex_lock(&tracker->lock);
    struct tracked *tracked = &tracker->chunks[i];
    tracked->chunk = *chunk;
    tracked->written = true;
    /* equal chunks may have one blob, committed once */
    tracked->confirmed = confirmed || is_committed(tracker, &chunk->proof.blob.digest);
    look(tracker, tracked);
    pthread_mutex_unlock(&tracker->lock);
}

void tracker_matched(struct tracker *tracker, size_t i)
{
    if (tracker->state == NULL)
        return;
    pthread_mutex_lock(&tracker->lock);
    tracker->chunks[i].matched = true;
    look(tracker, &tracker->chunks[i]);
    pthread_mutex_unlock(&tracker->lock);
}

void tracker_committed(void *context, const struct blob_id *id)
{
    struct tracker *tracker = context;
    if (tracker->state == NULL)
        return;
    struct error error = ERROR_INIT;
    pthread_mutex_lock(&tracker->lock);
    if (committed_keep(tracker, &id->digest, &error) < 0)
        note_failed(tracker, &error);
    for (size_t i = 0; i < tracker->count; i++) {
        struct tracked *tracked = &tracker->chunks[i];
        if (!tracked->written || !digest_equal(&tracked->chunk.proof.blob.digest, &id->digest))
            continue;
        tracked->confirmed = true;
        look(tracker, tracked);
    }
    pthread_mutex_unlock(&tracker->lock);
}

void tracker_checkpoint(struct tracker *tracker, const struct checkpoint *checkpoint)
{
    struct error error = ERROR_INIT;
    if (tracker->state == NULL)
        return;
    pthread_mutex_lock(&tracker->lock);
    if (!tracker->broken && state_note_checkpoint(tracker->state, checkpoint, &error) < 0)
        note_failed(tracker, &error);
    pthread_mutex_unlock(&tracker->lock);
}
