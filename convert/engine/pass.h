/* pass.h: a disk read once, chunk by chunk, in lanes: what convert, verify and holding against a
 * proof have in common.
 *
 *     blobs ─► feed (reads, hashes) ─► reader (decodes) ─► content hash ─► disk hash ─► the asker's
 * own stage
 *
 * The chunks are the asker's: any cut of the disk into neighbouring pieces. A run is a row of
 * chunks that begins where the reader can begin; runs go to lanes. Chunks that are done already are
 * left out, or, within a run, decoded and dropped: no stage but the disk's hash sees them. */
#ifndef CONVERT_ENGINE_PASS_H
#define CONVERT_ENGINE_PASS_H

#include "convert/engine/content.h"
#include "convert/engine/feed.h"
#include "convert/engine/pipeline.h"
#include "convert/engine/run.h"
#include "formats/format.h"

struct pass_chunk {
    uint64_t offset, length;
    bool done;             /* set by the asker: nothing of it is wanted */
    struct digest content; /* filled by the pass, where it hashes content */
};

struct pass;

struct pass_lane {
    struct pass *pass;
    void *context; /* the asker's, set by lane_open */
    struct reader *reader;
    struct pipeline pipeline;
    struct content content;
    bool content_begun;
    struct reader_options reading;
    /* The reader's place: the next wanted chunk, and behind the last one of the run. */
    size_t first, chunk, end;
    uint64_t matched; /* what the reader told last */
};

struct pass {
    struct run *run;
    const struct disk *disk; /* its size known: disk_measure */
    struct salvage *salvage; /* the disk is read through it, and not from the feed; NULL: none */
    struct feed *feed;       /* where its layers come from; the pass decides on its threads */
    struct pass_chunk *chunks;
    size_t chunk_count;
    bool hash_content;
    bool wants_blocks;          /* whether the asker's stage looks at encoded forms */
    bool in_order;              /* one lane does all runs, one after another */
    struct hasher *disk_hasher; /* hashes the disk whole; needs in_order */

    /* The asker's part; each may be NULL. */
    void *context;
    int (*lane_open)(struct pass_lane *lane, struct error *err);
    void (*lane_close)(struct pass_lane *lane);
    /* A stage behind the hashes; its context is the lane. batch->last says that chunk batch->chunk
     * is complete. */
    pipeline_stage *stage;
    /* Told by the reading thread: the layers that lane's run (from lane->first on) has read below
     * `end` have matched; checkpoint as reader_options tells it. With it a run reads on behind its
     * last wanted chunk until the layer that this ends in has matched. */
    int (*matched)(struct pass_lane *lane, uint64_t end, const struct checkpoint *checkpoint,
                   struct error *err);
    /* As in reader_options; with `context`. */
    uint64_t (*checkpoint_before)(void *context, uint64_t offset);
    int (*checkpoint_load)(void *context, uint64_t offset, struct checkpoint *ret,
                           struct error *err);
    /* In place of pass_lane_run, which it may call. */
    int (*work)(struct pass_lane *lane, size_t first, size_t end, struct error *err);
};

#define PASS_DROPPED SIZE_MAX /* batch->chunk of what is decoded only to come further */

/* Does the whole pass: as many lanes as the run allows and the disk makes useful. The first failure
 * in disk order is the one that is told. Progress is told as disk bytes; run_start_progress is the
 * asker's. */
int pass_run(struct pass *pass, struct error *err);

/* Reads the chunks first .. end - 1, first and last of which are wanted. Checks the run's signal,
 * tells progress. */
int pass_lane_run(struct pass_lane *lane, size_t first, size_t end, struct error *err);

/* A copy of `disk` whose size is known. It shares the layers: no disk_done. A V1 image from before
 * Tart 0.9 does not say its disk's size; it is decoded once to find it. */
int disk_measure(struct run *run, const struct disk *disk, struct blobs *blobs, struct disk *ret,
                 struct error *err);

#endif
