/* tracker.h: which chunks of a conversion are finished, put together from what its threads tell:
 * written (all that the proof says of it is known), committed (its blob is confirmed at the
 * destination), matched (every source layer it draws on). A chunk for which all three were told, in
 * whatever order, is noted in the state.
 *
 * Where the state cannot be written any more, that is warned of once, and the conversion goes on.
 *
 * Owner: tracker_done. Threads: all but init and done from any thread. */
#ifndef CONVERT_ENGINE_TRACKER_H
#define CONVERT_ENGINE_TRACKER_H

#include "convert/engine/state.h"

#include <pthread.h>

struct tracker {
    struct run *run;
    struct state *state; /* NULL: nothing is noted */
    pthread_mutex_t lock;
    /* under lock: */
    struct tracked *chunks;
    size_t count;
    struct digest *committed;
    size_t committed_count, committed_capacity;
    bool broken;
};

int tracker_init(struct tracker *tracker, struct run *run, struct state *state, size_t count,
                 struct error *err);
void tracker_done(struct tracker *tracker); /* takes a zeroed one too */

/* confirmed: the blob is at the destination; else tracker_committed tells it. */
void tracker_written(struct tracker *tracker, size_t i, const struct state_chunk *chunk,
                     bool confirmed);
/* Chunk i draws on nothing that did not match. */
void tracker_matched(struct tracker *tracker, size_t i);
void tracker_committed(void *context, const struct blob_id *id); /* for struct behind */
void tracker_checkpoint(struct tracker *tracker, const struct checkpoint *checkpoint);

#endif
