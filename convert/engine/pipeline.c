/* pipeline.c: threads and the links between them. Knows batches as parcels only.
 */
#include "convert/engine/pipeline.h"

#include <assert.h>

int pipeline_init(struct pipeline *pipeline, bool threaded, struct error *err)
{
    *pipeline = (struct pipeline){.threaded = threaded};
    pthread_mutex_init(&pipeline->lock, NULL); /* cannot fail on Linux */
    for (size_t i = 0; i < PIPELINE_STAGES_MAX + 2; i++)
        pthread_cond_init(&pipeline->links[i].changed, NULL);
    pipeline->batch_count = threaded ? PIPELINE_BATCHES : 1;
    for (size_t i = 0; i < pipeline->batch_count; i++) {
        pipeline->batches[i] = batch_new(err);
        if (pipeline->batches[i] == NULL) {
            pipeline_done(pipeline);
            return -1;
        }
    }
    return 0;
}

void pipeline_done(struct pipeline *pipeline)
{
    if (pipeline->batch_count == 0)
        return;
    for (size_t i = 0; i < pipeline->batch_count; i++)
        pipeline->batches[i] = batch_free(pipeline->batches[i]);
    pipeline->batch_count = 0;
    for (size_t i = 0; i < PIPELINE_STAGES_MAX + 2; i++)
        pthread_cond_destroy(&pipeline->links[i].changed);
    pthread_mutex_destroy(&pipeline->lock);
}

/* --- links: all under the pipeline's lock --- */

static void link_push(struct link *link, struct batch *batch)
{
    assert(link->count < PIPELINE_BATCHES);
    link->batches[(link->head + link->count) % PIPELINE_BATCHES] = batch;
    link->count++;
}

static struct batch *link_pop(struct link *link)
{
    struct batch *batch = link->batches[link->head];
    link->head = (link->head + 1) % PIPELINE_BATCHES;
    link->count--;
    return batch;
}

/* Waits for a batch: 1; 0 or -1 as the link ended. */
static int link_wait(struct pipeline *pipeline, struct link *link, struct batch **ret,
                     struct error *err)
{
    pthread_mutex_lock(&pipeline->lock);
    while (link->count == 0 && !link->ended)
        pthread_cond_wait(&link->changed, &pipeline->lock);
    int status = 1;
    if (link->count > 0)
        *ret = link_pop(link);
    else {
        status = link->status;
        if (status < 0)
            *err = link->error;
    }
    pthread_mutex_unlock(&pipeline->lock);
    return status;
}

/* Passes a batch on: false where nobody wants it any more. There is always room: a link holds all
 * batches there are. */
static bool link_give(struct pipeline *pipeline, struct link *link, struct batch *batch)
{
    pthread_mutex_lock(&pipeline->lock);
    bool wanted = !link->cancelled;
    if (wanted)
        link_push(link, batch);
    if (wanted && link->count == 1) /* else it is awake */
        pthread_cond_signal(&link->changed);
    pthread_mutex_unlock(&pipeline->lock);
    return wanted;
}

static void link_end(struct pipeline *pipeline, struct link *link, int status,
                     const struct error *error)
{
    pthread_mutex_lock(&pipeline->lock);
    link->ended = true;
    link->status = status;
    if (status < 0)
        link->error = *error;
    pthread_cond_signal(&link->changed);
    pthread_mutex_unlock(&pipeline->lock);
}

/* The one who takes from link `to` takes no more: all before it stop, each at its next step. */
static void links_cancel(struct pipeline *pipeline, size_t to)
{
    pthread_mutex_lock(&pipeline->lock);
    for (size_t i = 0; i <= to; i++)
        pipeline->links[i].cancelled = true;
    pipeline->links[0].ended = true; /* wakes fill, which waits for empty batches */
    pthread_cond_signal(&pipeline->links[0].changed);
    pthread_mutex_unlock(&pipeline->lock);
}

/* --- workers --- */

static int worker_step(struct pipeline *pipeline, size_t stage, struct batch *batch,
                       struct error *err)
{
    if (stage == 0)
        return pipeline->fill(pipeline->context, batch, err);
    return pipeline->stages[stage - 1](pipeline->context, batch, err) < 0 ? -1 : 1;
}

static void *worker_main(void *argument)
{
    const struct worker *worker = argument;
    struct pipeline *pipeline = worker->pipeline;
    struct link *from = &pipeline->links[worker->stage];
    struct link *to = &pipeline->links[worker->stage + 1];
    struct error error = ERROR_INIT;
    int status;
    for (;;) {
        struct batch *batch;
        status = link_wait(pipeline, from, &batch, &error);
        if (status != 1)
            break;
        status = worker_step(pipeline, worker->stage, batch, &error);
        if (status < 0)
            links_cancel(pipeline, worker->stage);
        if (status != 1 || !link_give(pipeline, to, batch))
            break;
    }
    link_end(pipeline, to, status < 0 ? -1 : 0, &error);
    return NULL;
}

static int workers_start(struct pipeline *pipeline, struct error *err)
{
    for (size_t i = 0; i <= pipeline->stage_count; i++) {
        struct worker *worker = &pipeline->workers[i];
        worker->pipeline = pipeline;
        worker->stage = i;
        int failed = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (failed != 0) {
            pipeline_stop(pipeline);
            return error_set_errno(err, ERROR_MEMORY, failed, "a thread could not be started");
        }
        pipeline->worker_count++;
    }
    return 0;
}

int pipeline_start(struct pipeline *pipeline, void *context, pipeline_fill *fill,
                   pipeline_stage *const *stages, size_t stage_count, struct error *err)
{
    assert(stage_count <= PIPELINE_STAGES_MAX && pipeline->worker_count == 0);
    pipeline->context = context;
    pipeline->fill = fill;
    pipeline->stage_count = stage_count;
    pipeline->in_hand = NULL;
    for (size_t i = 0; i < stage_count; i++)
        pipeline->stages[i] = stages[i];
    for (size_t i = 0; i < stage_count + 2; i++) {
        struct link *link = &pipeline->links[i];
        link->head = link->count = 0;
        link->ended = link->cancelled = false;
        link->status = 0;
    }
    for (size_t i = 0; i < pipeline->batch_count; i++)
        link_push(&pipeline->links[0], pipeline->batches[i]);
    return pipeline->threaded ? workers_start(pipeline, err) : 0;
}

static int next_serial(struct pipeline *pipeline, struct batch **ret, struct error *err)
{
    struct batch *batch = pipeline->batches[0];
    int status = worker_step(pipeline, 0, batch, err);
    for (size_t i = 0; i < pipeline->stage_count && status == 1; i++)
        status = worker_step(pipeline, i + 1, batch, err);
    *ret = batch;
    return status;
}

int pipeline_next(struct pipeline *pipeline, struct batch **ret, struct error *err)
{
    if (!pipeline->threaded)
        return next_serial(pipeline, ret, err);
    if (pipeline->in_hand != NULL)
        link_give(pipeline, &pipeline->links[0], pipeline->in_hand);
    pipeline->in_hand = NULL;
    int status = link_wait(pipeline, &pipeline->links[pipeline->stage_count + 1], ret, err);
    if (status == 1)
        pipeline->in_hand = *ret;
    return status;
}

void pipeline_stop(struct pipeline *pipeline)
{
    if (pipeline->worker_count == 0)
        return;
    links_cancel(pipeline, pipeline->stage_count + 1);
    /* a stage waits on its own link: end them all */
    for (size_t i = 0; i <= pipeline->stage_count + 1; i++) {
        pthread_mutex_lock(&pipeline->lock);
        pipeline->links[i].ended = true;
        pipeline->links[i].count = 0;
        pthread_cond_signal(&pipeline->links[i].changed);
        pthread_mutex_unlock(&pipeline->lock);
    }
    for (size_t i = 0; i < pipeline->worker_count; i++)
        pthread_join(pipeline->workers[i].thread, NULL);
    pipeline->worker_count = 0;
}
