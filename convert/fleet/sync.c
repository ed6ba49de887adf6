/* sync.c: a batch from its plan to its last image: who is next, on how many lanes, and when to
 * stop. What is done to one image is sync_image.c's. */
#include "convert/fleet/sync_parts.h"

#include "convert/fleet/image_lock.h"
#include "convert/net/stop.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGAIN_WAIT_MS 1000 /* before what was put behind all others */

/* --- the queue -----------------------------------------------------------------------------------
 */

static int by_size(const void *a, const void *b)
{
    const struct sync_job *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return x->task < y->task ? -1 : x->task > y->task;
}

/* What is settled by its manifests alone is so at once; the others are queued, the largest first.
 */
static int queue_fill(struct sync *sync, struct error *err)
{
    for (size_t i = 0; i < sync->plan.count; i++) {
        const struct planned *planned = &sync->plan.items[i];
        if (planned->verdict == VERDICT_DO) {
            uint64_t disk = planned->source.disk_size;
            if (!add_sizes(sync->left, disk, &sync->left))
                disk = 0;
            sync->queue[sync->count++] =
                (struct sync_job){.task = planned->task, .size = planned->to_read, .disk = disk};
            continue;
        }
        const struct task *task = &sync->tasks->items[planned->task];
        struct outcome outcome;
        sync_outcome(planned, &outcome);
        image_lock_sweep(sync->options->state, task_name(task));
        if (sync_settle(sync, task, planned, &outcome, err) < 0)
            return -1;
    }
    qsort(sync->queue, sync->count, sizeof *sync->queue, by_size);
    run_start_progress(sync->run, sync->left);
    return 0;
}

unsigned sync_lanes(const struct run *run, unsigned jobs)
{
    return run->threads > jobs ? run->threads : jobs;
}

/* An even share, or where most of what is left is this image's, as much as it is of that: so that
 * no lane is idle while the last ones are done. */
static unsigned lanes_for(const struct sync *sync, const struct sync_job *job)
{
    unsigned threads = sync->run->threads, jobs = sync->options->jobs;
    size_t there = sync->count - sync->next + sync->running;
    unsigned even = threads / (there < jobs ? (unsigned)there : jobs);
    double part = sync->left > 0 ? (double)job->disk / (double)sync->left : 0;
    unsigned wanted = (unsigned)(part < 1 ? part * threads + 0.5 : threads);
    wanted = wanted > even ? wanted : even;
    return wanted > 0 ? wanted : 1;
}

/* The next image and its lanes, once they are free; false: nothing more is begun. */
static bool queue_next(struct sync *sync, struct sync_job *ret, unsigned *ret_threads)
{
    unsigned lanes = sync_lanes(sync->run, sync->options->jobs);
    bool found;
    pthread_mutex_lock(&sync->lock);
    for (;;) {
        found = sync->failure.class == ERROR_NONE && !stop_is_set(sync->run->stop) &&
                sync->next < sync->count;
        if (!found)
            break;
        *ret_threads = lanes_for(sync, &sync->queue[sync->next]);
        if (sync->lanes + *ret_threads <= lanes)
            break;
        pthread_cond_wait(&sync->given_back, &sync->lock);
    }
    if (found) {
        *ret = sync->queue[sync->next++];
        sync->lanes += *ret_threads;
        sync->running++;
    }
    pthread_mutex_unlock(&sync->lock);
    return found;
}

/* again: behind all others; there is always room, since its own place is free. */
static void queue_give_back(struct sync *sync, struct sync_job job, unsigned threads, bool again)
{
    pthread_mutex_lock(&sync->lock);
    if (again) {
        job.waited = true;
        sync->next--;
        memmove(&sync->queue[sync->next], &sync->queue[sync->next + 1],
                (sync->count - sync->next - 1) * sizeof *sync->queue);
        sync->queue[sync->count - 1] = job;
    }
    sync->lanes -= threads;
    sync->running--;
    pthread_cond_broadcast(&sync->given_back);
    pthread_mutex_unlock(&sync->lock);
}

/* --- the workers ---------------------------------------------------------------------------------
 */

static void fail(struct sync *sync, const struct error *error)
{
    pthread_mutex_lock(&sync->lock);
    if (sync->failure.class == ERROR_NONE)
        sync->failure = *error;
    pthread_mutex_unlock(&sync->lock);
}

static void *worker(void *context)
{
    struct sync *sync = context;
    struct sync_job job;
    unsigned threads;
    while (queue_next(sync, &job, &threads)) {
        struct error error = ERROR_INIT;
        bool again = false;
        if (job.waited)
            nanosleep(&(struct timespec){.tv_nsec = AGAIN_WAIT_MS % 1000 * 1000000L,
                                         .tv_sec = AGAIN_WAIT_MS / 1000},
                      NULL);
        if (sync_image(sync, &job, threads, &again, &error) < 0)
            fail(sync, &error);
        queue_give_back(sync, job, threads, again);
    }
    return NULL;
}

static void run_workers(struct sync *sync)
{
    pthread_t threads[JOBS_MAX];
    size_t wanted = sync->options->jobs < sync->count ? sync->options->jobs : sync->count;
    size_t begun = 0;
    while (begun + 1 < wanted && pthread_create(&threads[begun], NULL, worker, sync) == 0)
        begun++;
    worker(sync);
    for (size_t i = 0; i < begun; i++)
        pthread_join(threads[i], NULL);
}

/* What was left in the queue by a stop. */
static int settle_rest(struct sync *sync, struct error *err)
{
    for (; sync->next < sync->count; sync->next++)
        if (sync_settle_stopped(sync, &sync->tasks->items[sync->queue[sync->next].task], err) < 0)
            return -1;
    return 0;
}

/* --- the plan's file -----------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    const struct pinned *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int pins_sort(struct sync *sync, struct error *err)
{
    const struct pins *pins = sync->options->pins;
    if (pins == NULL)
        return 0;
    sync->pins = calloc(pins->count + 1, sizeof *sync->pins);
    if (sync->pins == NULL)
        return error_memory(err);
    for (size_t i = 0; i < pins->count; i++)
        sync->pins[i] = &pins->items[i];
    qsort(sync->pins, pins->count, sizeof(const struct pinned *), by_name);
    return 0;
}

const struct pinned *sync_pin(const struct sync *sync, const char *name)
{
    const struct pinned key = {.name = (char *)(uintptr_t)name}, *at = &key;
    if (sync->pins == NULL)
        return NULL;
    const struct pinned *const *found = bsearch(&at, sync->pins, sync->options->pins->count,
                                                sizeof(const struct pinned *), by_name);
    return found != NULL ? *found : NULL;
}

/* Whether this machine is to do it. shards: of the plan's images. */
static bool is_ours(const struct sync *sync, const unsigned *shards, const struct task *task)
{
    const struct sync_options *options = sync->options;
    if (options->pins == NULL)
        return options->shard_count == 0 ||
               task_shard(task, options->shard_count) == options->shard;
    const struct pinned *pin = sync_pin(sync, task_name(task));
    if (pin == NULL) {
        run_detail(sync->run, "%s is not in the plan", task_name(task));
        return false;
    }
    return options->shard_count == 0 || shards[pin - options->pins->items] == options->shard;
}

/* A run that has nothing to do because of a slip must not look like one that is done. */
static void warn_of_nothing(const struct sync *sync, const struct tasks *tasks)
{
    const struct pins *pins = sync->options->pins;
    size_t planned = 0;
    for (size_t i = 0; i < tasks->count && pins != NULL; i++)
        planned += sync_pin(sync, task_name(&tasks->items[i])) != NULL;
    if (tasks->count == 0)
        run_warning(sync->run, "no image is meant: no tag fits the batch, or --only");
    else if (pins != NULL && pins->count > 0 && planned == 0)
        run_warning(sync->run,
                    "the plan has none of the batch's images: it was made of another batch");
}

/* The tasks of this machine's shard alone. */
static int shard_take(struct sync *sync, const struct tasks *tasks, struct tasks *ret,
                      struct error *err)
{
    const struct sync_options *options = sync->options;
    size_t pinned = options->pins != NULL ? options->pins->count : 0;
    AUTO_FREE unsigned *shards = calloc(pinned + 1, sizeof *shards);
    ret->count = 0;
    ret->items = calloc(tasks->count + 1, sizeof *ret->items);
    if (ret->items == NULL || shards == NULL)
        return error_memory(err);
    if (pins_sort(sync, err) < 0 ||
        (pinned > 0 && options->shard_count > 0 &&
         pins_shard(options->pins, options->shard_count, shards, err) < 0))
        return -1;
    warn_of_nothing(sync, tasks);
    for (size_t i = 0; i < tasks->count; i++)
        if (is_ours(sync, shards, &tasks->items[i]))
            ret->items[ret->count++] = tasks->items[i];
    return 0;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

/* tasks: over all shards. */
static int log_begin(const struct sync *sync, const struct tasks *tasks, struct error *err)
{
    const struct sync_options *options = sync->options;
    struct json *members = json_new_object(), *names = json_new_array();
    for (size_t i = 0; i < tasks->count && names != NULL; i++)
        if ((options->pins == NULL || sync_pin(sync, task_name(&tasks->items[i])) != NULL) &&
            json_append(names, json_new_string(task_name(&tasks->items[i])), err) < 0)
            names = json_free(names);
    if (members == NULL)
        json_free(names);
    else if (json_set_string(members, "command", "sync", err) < 0 ||
             json_set(members, "images", names, err) < 0 ||
             json_set_uint(members, "shard", options->shard, err) < 0 ||
             json_set_uint(members, "shard_count", options->shard_count, err) < 0 ||
             json_set_uint(members, "jobs", options->jobs, err) < 0 ||
             json_set(members, "plan", json_new_bool(options->pins != NULL), err) < 0)
        members = json_free(members);
    return event_log_write(options->log, "run-begin", members, true, err);
}

static int log_end(const struct sync *sync, struct error *err)
{
    struct json *members = json_new_object();
    for (size_t i = 0; i < IMAGE_STATUS_COUNT && members != NULL; i++)
        if (json_set_uint(members, image_status_name((enum image_status)i),
                          sync->result->statuses[i], err) < 0)
            members = json_free(members);
    return event_log_write(sync->options->log, "run-end", members, true, err);
}

static int plan_all(struct sync *sync, struct error *err)
{
    const struct sync_options *options = sync->options;
    if (fleet_plan_make(sync->run, sync->tasks, options->sides, options->network, options->history,
                        options->again, &sync->pauses, &sync->plan, err) == 0)
        return queue_fill(sync, err);
    if (err->class != ERROR_INTERRUPTED)
        return -1;
    for (size_t i = 0; i < sync->tasks->count; i++)
        if (sync_settle_stopped(sync, &sync->tasks->items[i], err) < 0)
            return -1;
    return 0;
}

static int sync_all(struct sync *sync, struct error *err)
{
    sync->queue = calloc(sync->tasks->count + 1, sizeof *sync->queue);
    if (sync->queue == NULL)
        return error_memory(err);
    sync->result->count = sync->tasks->count;
    metrics_images(sync->metrics, sync->tasks->count);
    if (plan_all(sync, err) < 0)
        return -1;
    run_workers(sync);
    if (sync->failure.class != ERROR_NONE) {
        *err = sync->failure;
        return -1;
    }
    if (settle_rest(sync, err) < 0 || log_end(sync, err) < 0)
        return -1;
    return sync->metrics != NULL ? metrics_end(sync->metrics, err) : 0;
}

int sync_once(struct run *run, const struct tasks *tasks, const struct sync_options *options,
              struct sync_result *ret, struct error *err)
{
    struct tasks ours = {.items = NULL};
    struct sync sync = {
        .run = run, .tasks = &ours, .options = options, .failure = ERROR_INIT, .result = ret};
    *ret = (struct sync_result){.worst = ERROR_INIT};
    if (options->metrics != NULL && (sync.metrics = metrics_new(options->metrics, err)) == NULL)
        return -1;
    if (pauses_init(&sync.pauses, err) < 0) {
        metrics_free(sync.metrics);
        return -1;
    }
    pthread_mutex_init(&sync.lock, NULL);
    pthread_cond_init(&sync.given_back, NULL);
    int status = shard_take(&sync, tasks, &ours, err);
    if (status == 0)
        status = log_begin(&sync, tasks, err);
    if (status == 0)
        status = sync_all(&sync, err);
    pthread_cond_destroy(&sync.given_back);
    pthread_mutex_destroy(&sync.lock);
    pauses_done(&sync.pauses);
    metrics_free(sync.metrics);
    fleet_plan_done(&sync.plan);
    free(sync.queue);
    free(sync.pins);
    free(ours.items);
    return status;
}
