/* pipeline.h: batches go from a source through stages, each in a thread of its own, in order, with
 * a bounded number of batches under way.
 *
 *     fill ─► stage 0 ─► stage 1 ─► … ─► pipeline_next (the caller)
 *       ▲                                      │
 *       └──────────── empty batches ◄──────────┘
 *
 * The end and a failure travel in band, behind the batches before them: so the failure that comes
 * first in disk order is the one that is told, whatever the threads did. Without threads the same
 * calls run in the caller, one after another.
 *
 * Owner: pipeline_init/pipeline_done; a pipeline can be started again after pipeline_stop. Threads:
 * next and stop by the thread that started it; fill and every stage by one thread each. */
#ifndef CONVERT_ENGINE_PIPELINE_H
#define CONVERT_ENGINE_PIPELINE_H

#include "formats/model/disk.h"

#include <pthread.h>

#define PIPELINE_BATCHES    8
#define PIPELINE_STAGES_MAX 4

/* Fills a batch: 1, 0 at the end, -1. */
typedef int pipeline_fill(void *context, struct batch *batch, struct error *err);
/* Works on a batch: 0, -1. It may read all of it and change nothing. */
typedef int pipeline_stage(void *context, struct batch *batch, struct error *err);

struct link { /* between two threads; private to pipeline.c */
    struct batch *batches[PIPELINE_BATCHES];
    size_t head, count;
    pthread_cond_t changed; /* for the one who takes from it */
    bool ended, cancelled;
    int status; /* with ended: 0, or -1 and error */
    struct error error;
};

struct pipeline {
    bool threaded;
    size_t batch_count;
    struct batch *batches[PIPELINE_BATCHES];
    void *context;
    pipeline_fill *fill;
    pipeline_stage *stages[PIPELINE_STAGES_MAX];
    size_t stage_count;
    struct link links[PIPELINE_STAGES_MAX +
                      2];  /* 0: empty batches; i + 1: to stage i; the last: to the caller */
    struct batch *in_hand; /* the caller's */
    struct worker {
        struct pipeline *pipeline;
        size_t stage; /* 0: fill; i + 1: stage i */
        pthread_t thread;
    } workers[PIPELINE_STAGES_MAX + 1];
    size_t worker_count; /* running */
    pthread_mutex_t lock;
};

int pipeline_init(struct pipeline *pipeline, bool threaded, struct error *err);
void pipeline_done(struct pipeline *pipeline); /* takes a zeroed one too */

int pipeline_start(struct pipeline *pipeline, void *context, pipeline_fill *fill,
                   pipeline_stage *const *stages, size_t stage_count, struct error *err);
/* The next batch that went through all stages: 1, valid until the next call; 0 at the end; -1.
 * After 0 or -1 only pipeline_stop is allowed. */
int pipeline_next(struct pipeline *pipeline, struct batch **ret, struct error *err);
/* Ends all threads, wherever they are. */
void pipeline_stop(struct pipeline *pipeline);

#endif
