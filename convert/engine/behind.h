/* behind.h: outputs written behind their maker's back: the mirror of feed.h.
 *
 * A behind is a `struct sink` before another. What is written to one of its outputs is copied into
 * pieces, and a thread of its own carries them to the output behind; commit returns at once and is
 * done there too. So nobody who hashes or encodes waits for a disk. A failure is told by a later
 * call, at the latest by behind_wait, before which nothing may be published.
 *
 * Owner: behind_init/behind_done; done ends all outputs still under way. Threads: as sink
 * (blobs.h); init, wait and done by one thread. */
#ifndef CONVERT_ENGINE_BEHIND_H
#define CONVERT_ENGINE_BEHIND_H

#include "formats/model/blobs.h"

#include <pthread.h>

/* Pieces are as large as what a store writes at a time, and aligned, so that they can be written
 * from where they lie. Two outputs a lane are under way at once, one of them being committed; more
 * where the target commits more at once. */
#define BEHIND_PIECE_SIZE  (1u << 20)
#define BEHIND_PIECE_COUNT 3
#define BEHIND_PER_LANE    2
#define BEHIND_MEMORY      (BEHIND_PER_LANE * BEHIND_PIECE_COUNT * BEHIND_PIECE_SIZE) /* a lane */

struct behind {
    struct sink sink;
    struct sink *target;
    bool threaded; /* false: everything passes straight through */
    size_t most;   /* outputs under way at once: one a lane, and those that are being committed */
    /* Told of each blob that the target has committed, by any thread; NULL: nobody. Set after init.
     */
    void (*committed)(void *context, const struct blob_id *id);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock: */
    size_t under_way;
    bool failed;
    struct error error; /* the first failure */
};

/* target NULL: none of it will be used. uploads: how many outputs the target likes to commit at
 * once (store_uploads); at least one a lane are. */
void behind_init(struct behind *behind, struct sink *target, unsigned lanes, unsigned uploads,
                 bool threaded);
/* Waits until every committed output is committed; -1 and err where one failed. */
int behind_wait(struct behind *behind, struct error *err);
void behind_done(struct behind *behind);

#endif
