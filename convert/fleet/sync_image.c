/* sync_image.c: one image of a sync: locked, looked at again, converted, logged. Knows nothing of
 * the others. */
#include "convert/fleet/sync_parts.h"

#include "convert/fleet/image_lock.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define STATUS_DAMAGE 2

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- what is seen of it while it runs ------------------------------------------------------------
 */

/* Hands what one image tells on to the whole run, with its name. */
struct teller {
    struct sync *sync;
    const char *name;
    uint64_t size;       /* bytes of disk */
    uint64_t told, high; /* of them: done now, and at most */
};

/* Where the image begins anew, what was told is taken back: sums are modular. */
static void tell_done(struct teller *teller, uint64_t done)
{
    struct sync *sync = teller->sync;
    uint64_t more = done - teller->told;
    teller->told = done;
    run_progress(sync->run, more);
    pthread_mutex_lock(&sync->lock);
    sync->left -= more;
    pthread_mutex_unlock(&sync->lock);
    if (done > teller->high) {
        metrics_disk(sync->metrics, done - teller->high);
        teller->high = done;
    }
}

/* A copy tells bytes of blobs. */
static void tell_progress(void *context, uint64_t done, uint64_t total)
{
    struct teller *teller = context;
    double share = total > 0 ? (double)done / (double)total : 0;
    tell_done(teller, share < 1 ? (uint64_t)(share * (double)teller->size) : teller->size);
}

static void show(struct sync *sync, bool warning, const char *name, const char *text)
{
    pthread_mutex_lock(&sync->run->lock);
    if (warning)
        observe_warning(sync->options->shown, "%s: %s", name, text);
    else
        observe_detail(sync->options->shown, "%s: %s", name, text);
    pthread_mutex_unlock(&sync->run->lock);
}

static void tell_warning(void *context, const char *text)
{
    const struct teller *teller = context;
    show(teller->sync, true, teller->name, text);
}

static void tell_detail(void *context, const char *text)
{
    const struct teller *teller = context;
    show(teller->sync, false, teller->name, text);
}

/* --- its events ----------------------------------------------------------------------------------
 */

static struct image_event event_of(const struct task *task, const struct planned *planned)
{
    const struct wish *wish = &task->entry->wish;
    return (struct image_event){
        .name = task_name(task),
        .source = task->source.text,
        .target = task->target.text,
        .tag = task->tag,
        .action = wish->action == ACTION_NORMALISE ? "normalise"
                  : wish->to == CONVERT_TO_SAME    ? "copy"
                                                   : "convert",
        .source_digest = planned->has_source ? &planned->source.digest : NULL,
        .source_size = planned->has_source ? planned->source.encoded_size : 0,
        .disk_size = planned->has_source ? planned->source.disk_size : 0,
    };
}

static void tell_outcome(struct sync *sync, const char *name, const struct outcome *outcome)
{
    char text[512];
    const char *status = image_status_name(outcome->status),
               *why = outcome->status == IMAGE_FAILED ? outcome->error.text : outcome->why;
    bool well = outcome->status == IMAGE_DONE || outcome->status == IMAGE_ALREADY;
    snprintf(text, sizeof text, "%s%s%s", status, why[0] != '\0' ? ": " : "", why);
    show(sync, !well, name, text);
}

/* What is wrong with the image itself, as verify would say it. */
static int log_finding(struct sync *sync, const char *name, const struct error *error,
                       struct error *err)
{
    if (error_class_status(error->class) != STATUS_DAMAGE)
        return 0;
    struct finding finding = {
        .id = error_class_name(error->class), .severity = SEVERITY_DAMAGE, .where = error->where};
    snprintf(finding.text, sizeof finding.text, "%s", error->text);
    return event_finding(sync->options->log, name, &finding, err);
}

/* Which of two errors a run's exit status is by. */
static bool is_worse(const struct error *a, const struct error *b)
{
    return b->class == ERROR_NONE || (a->class == ERROR_CREDENTIALS && b->class != a->class);
}

int sync_settle(struct sync *sync, const struct task *task, const struct planned *planned,
                const struct outcome *outcome, struct error *err)
{
    struct image_event event = event_of(task, planned);
    const struct conversion *conversion = outcome->conversion;
    bool has_error = outcome->error.class != ERROR_NONE;
    if (log_finding(sync, event.name, &outcome->error, err) < 0 ||
        event_image_end(sync->options->log, &event, outcome->status, conversion,
                        has_error ? &outcome->error : NULL, outcome->why, outcome->seconds,
                        err) < 0)
        return -1;
    uint64_t read = conversion != NULL ? conversion->bytes_read : 0;
    uint64_t written = conversion != NULL ? conversion->bytes_written : 0;
    metrics_end_image(sync->metrics, outcome->status, read, written,
                      conversion != NULL ? conversion->bytes_reused : 0, outcome->seconds);
    tell_outcome(sync, event.name, outcome);
    pthread_mutex_lock(&sync->lock);
    struct sync_result *result = sync->result;
    result->statuses[outcome->status]++;
    result->bytes_read += read;
    result->bytes_written += written;
    if (has_error && outcome->error.class != ERROR_INTERRUPTED &&
        is_worse(&outcome->error, &result->worst))
        result->worst = outcome->error;
    pthread_mutex_unlock(&sync->lock);
    return 0;
}

/* --- its work ------------------------------------------------------------------------------------
 */

static int run_conversion(struct teller *teller, const struct task *task,
                          const struct planned *planned, unsigned threads, struct conversion *ret,
                          struct error *err)
{
    const struct sync *sync = teller->sync;
    const struct sync_options *options = sync->options;
    struct observer observer = {.context = teller,
                                .progress = tell_progress,
                                .warning = tell_warning,
                                .detail = tell_detail};
    struct event_observer logged;
    event_observer_init(&logged, options->log, task_name(task), &observer);
    struct convert_options wanted;
    task_options(task, &wanted);
    wanted.network = options->network;
    wanted.source_side = sides_find(options->sides, task->source.host);
    wanted.destination_side = sides_find(options->sides, task->target.host);
    wanted.replace |= planned->replace;
    wanted.state = options->state;
    wanted.pinned = &planned->source.digest;
    struct convert_watch watch = event_watch(options->log, task_name(task));
    wanted.watch = &watch;
    struct run run;
    if (run_init(&run, threads, sync->run->stop, &logged.observer, err) < 0)
        return -1;
    int status = convert(&run, &task->source, &task->target, &wanted, ret, err);
    run_done(&run);
    return status;
}

/* What a conversion that did not end well comes to. */
static void outcome_failed(struct outcome *outcome, const struct error *error)
{
    outcome->error = *error;
    switch (error->class) {
    case ERROR_INTERRUPTED:
    case ERROR_STOPPED:
        outcome->status = IMAGE_STOPPED;
        break;
    case ERROR_LOCKED: /* by a conversion that is no sync's */
        outcome->status = IMAGE_LEFT;
        snprintf(outcome->why, sizeof outcome->why, "another run works on it");
        break;
    default:
        outcome->status = IMAGE_FAILED;
    }
}

/* A registry that is sent equal blobs by two images at once may have neither for a moment, and then
 * refuses the manifest. What misses in the source is told with its layer. */
static bool is_passing(const struct error *error)
{
    return error->class == ERROR_BLOB_MISSING && error->where.layer < 0;
}

static int log_again(const struct sync *sync, const char *name, const struct error *error,
                     struct error *err)
{
    struct json *members = json_new_object();
    if (members != NULL && (json_set_string(members, "name", name, err) < 0 ||
                            json_set_string(members, "text", error->text, err) < 0))
        members = json_free(members);
    return event_log_write(sync->options->log, "retry", members, false, err);
}

static int convert_one(struct teller *teller, const struct task *task,
                       const struct planned *planned, unsigned threads, bool *ret_again,
                       struct error *err)
{
    struct sync *sync = teller->sync;
    AUTO(conversion_done) struct conversion conversion = {.has_proof = false};
    struct outcome outcome = {.status = IMAGE_DONE, .error = ERROR_INIT};
    struct image_event event = event_of(task, planned);
    if (event_image_begin(sync->options->log, &event, err) < 0)
        return -1;
    metrics_begin_image(sync->metrics);
    double begun = seconds_now();
    struct error error = ERROR_INIT;
    if (run_conversion(teller, task, planned, threads, &conversion, &error) < 0)
        outcome_failed(&outcome, &error);
    if (*ret_again && is_passing(&outcome.error)) {
        metrics_begin_again(sync->metrics);
        return log_again(sync, event.name, &outcome.error, err);
    }
    *ret_again = false;
    outcome.conversion = &conversion;
    outcome.seconds = seconds_now() - begun;
    const struct error *failure = outcome.status == IMAGE_DONE ? NULL : &outcome.error;
    if (pauses_note(&sync->pauses, &task->source, &task->target, failure, err) < 0)
        return -1;
    return sync_settle(sync, task, planned, &outcome, err);
}

int sync_settle_stopped(struct sync *sync, const struct task *task, struct error *err)
{
    const struct planned planned = {.error = ERROR_INIT};
    const struct outcome outcome = {
        .status = IMAGE_NOT_BEGUN, .error = ERROR_INIT, .why = "the run was stopped"};
    return sync_settle(sync, task, &planned, &outcome, err);
}

void sync_outcome(const struct planned *planned, struct outcome *ret)
{
    static const enum image_status statuses[] = {
        [VERDICT_DONE] = IMAGE_ALREADY,
        [VERDICT_GONE] = IMAGE_GONE,
        [VERDICT_LEAVE] = IMAGE_LEFT,
        [VERDICT_FAILED] = IMAGE_FAILED,
    };
    /* with LEAVE: something of another's is there */
    bool refused = planned->error.class != ERROR_NONE;
    *ret = (struct outcome){.status = planned->held ? IMAGE_NOT_BEGUN
                                      : refused     ? IMAGE_FAILED
                                                    : statuses[planned->verdict],
                            .error = planned->error};
    if (planned->held)
        ret->error.class = ERROR_NONE; /* it is its registry's, and told of others */
    memcpy(ret->why, planned->why, sizeof ret->why);
}

/* Whether it is what the plan's file pinned. */
static bool is_pinned(const struct sync *sync, const struct task *task,
                      const struct planned *planned, struct outcome *ret)
{
    const struct pinned *pin = sync_pin(sync, task_name(task));
    if (pin == NULL || (pin->has_digest && digest_equal(&pin->digest, &planned->source.digest)))
        return true;
    *ret = (struct outcome){.status = IMAGE_FAILED, .error = ERROR_INIT};
    if (!pin->has_digest) {
        error_set(&ret->error, ERROR_TAG_MOVED,
                  "%s could not be looked at when the plan was made; make the plan anew",
                  task->source.text);
        return false;
    }
    char text[DIGEST_TEXT_SIZE];
    digest_print(&pin->digest, text);
    error_set(&ret->error, ERROR_TAG_MOVED,
              "%s no longer leads to %s, which the plan has; make the plan anew", task->source.text,
              text);
    return false;
}

/* What is locked already. *ret_again: whether it may be tried again, and whether it shall. */
static int work_on(struct teller *teller, const struct task *task, unsigned threads,
                   bool *ret_again, struct error *err)
{
    struct sync *sync = teller->sync;
    const struct sync_options *options = sync->options;
    struct planned planned = {.task = 0};
    struct outcome outcome;
    bool again = *ret_again;
    *ret_again = false;
    if (fleet_plan_one(sync->run, task, options->sides, options->network, options->history,
                       options->again, &planned, err) < 0) {
        standing_done(&planned.source);
        return err->class == ERROR_INTERRUPTED ? sync_settle_stopped(sync, task, err) : -1;
    }
    int status;
    if (planned.verdict != VERDICT_DO) {
        sync_outcome(&planned, &outcome);
        status = pauses_note_look(&sync->pauses, &task->source, &task->target, &planned.error, err);
        if (status == 0)
            status = sync_settle(sync, task, &planned, &outcome, err);
    } else if (!is_pinned(sync, task, &planned, &outcome)) {
        status = sync_settle(sync, task, &planned, &outcome, err);
    } else {
        *ret_again = again;
        status = convert_one(teller, task, &planned, threads, ret_again, err);
    }
    standing_done(&planned.source);
    return status;
}

/* *ret_again: nothing was settled. */
static int not_locked(struct sync *sync, const struct sync_job *job, const struct error *locked,
                      bool *ret_again, struct error *err)
{
    const struct planned planned = {.error = ERROR_INIT};
    struct outcome outcome = {.status = IMAGE_FAILED, .error = *locked};
    if (locked->class == ERROR_LOCKED) {
        outcome.status = IMAGE_LEFT;
        snprintf(outcome.why, sizeof outcome.why, "another run works on it");
        *ret_again = !job->waited;
    }
    return *ret_again ? 0
                      : sync_settle(sync, &sync->tasks->items[job->task], &planned, &outcome, err);
}

int sync_image(struct sync *sync, const struct sync_job *job, unsigned threads, bool *ret_again,
               struct error *err)
{
    const struct task *task = &sync->tasks->items[job->task];
    struct teller teller = {.sync = sync, .name = task_name(task), .size = job->disk};
    struct image_lock *lock;
    struct error why = ERROR_INIT;
    int status;
    *ret_again = false;
    if (pauses_hold(&sync->pauses, &task->source, &task->target, &why)) {
        const struct planned planned = {.error = ERROR_INIT};
        struct outcome outcome = {.status = IMAGE_NOT_BEGUN, .error = ERROR_INIT};
        snprintf(outcome.why, sizeof outcome.why, "%.199s", why.text);
        status = sync_settle(sync, task, &planned, &outcome, err);
    } else if (image_lock(sync->options->state, task_name(task), &lock, &why) < 0) {
        status = not_locked(sync, job, &why, ret_again, err);
    } else {
        *ret_again = !job->waited;
        status = work_on(&teller, task, threads, ret_again, err);
        image_unlock(lock);
    }
    tell_done(&teller, *ret_again ? 0 : job->disk);
    return status;
}
