/* plan.c: what is to be done with each image: looks at what the target's and the source's tag lead
 * to, and judges. Writes nothing; knows no file. */
#include "convert/fleet/plan_parts.h"

#include "convert/engine/lanes.h"
#include "convert/net/remote.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOKS_AT_ONCE 8u
#define TELL_SECONDS  10

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {[VERDICT_DO] = "do",
                                        [VERDICT_DONE] = "done",
                                        [VERDICT_GONE] = "gone",
                                        [VERDICT_LEAVE] = "left",
                                        [VERDICT_FAILED] = "failed"};
    return names[verdict];
}

/* One image being judged. */
struct judging {
    struct run *run;
    const struct task *task;
    const struct sides *sides;
    struct network *network;
    const struct history_image *known; /* NULL: no log knows it */
    bool again;
    struct planned *ret;
};

/* --- verdicts ------------------------------------------------------------------------------------
 */

static int settle(struct judging *judging, enum verdict verdict, const char *why)
{
    judging->ret->verdict = verdict;
    snprintf(judging->ret->why, sizeof judging->ret->why, "%.199s", why);
    return 0;
}

/* What is the image's own is its verdict; what ends the run is not. */
static int fail(struct judging *judging, const struct error *error, struct error *err)
{
    if (error->class == ERROR_INTERRUPTED || error->class == ERROR_MEMORY ||
        error->class == ERROR_INTERNAL) {
        *err = *error;
        return -1;
    }
    judging->ret->error = *error;
    return settle(judging, VERDICT_FAILED, error->text);
}

static int leave(struct judging *judging)
{
    const struct task *task = judging->task;
    error_set(&judging->ret->error, ERROR_EXISTS,
              "%s leads to an image that no seal and no log knows; replace: true keeps it under a "
              "backup tag%s",
              task->target.text,
              task->entry->wish.plain && judging->known == NULL
                  ? ", and what was made plain is known again by --history LOG"
                  : "");
    return settle(judging, VERDICT_LEAVE, "another's image is there");
}

/* --- looking -------------------------------------------------------------------------------------
 */

struct looked {
    struct store *store;
    struct image image;
    bool there;
    struct standing standing;
};

static void looked_done(struct looked *looked)
{
    standing_done(&looked->standing);
    image_done(&looked->image);
    looked->store = store_close(looked->store);
}

/* One request, and two more where an OCI index is there. */
static int look(const struct judging *judging, const struct reference *reference,
                struct looked *ret, struct error *err)
{
    const struct store_options options = {.network = judging->network,
                                          .side = sides_find(judging->sides, reference->host)};
    if (store_open_source(reference, &options, &ret->store, err) < 0)
        return -1;
    if (store_load(ret->store, &ret->image, err) < 0)
        return err->class == ERROR_NO_SUCH_TAG || err->class == ERROR_REPOSITORY_MISSING ? 0 : -1;
    ret->there = true;
    return standing_judge(&ret->image, reference->tag, judging->task->entry->wish.backup_tag, NULL,
                          &ret->standing, err);
}

/* The digest that the source's tag leads to: 1, 0 where it is gone, -1. */
static int source_find(const struct judging *judging, struct digest *ret, struct error *err)
{
    const struct reference *source = &judging->task->source;
    struct client *client = network_client(
        judging->network, sides_find(judging->sides, source->host), source->host, false, err);
    if (client == NULL)
        return -1;
    const struct remote remote = {.client = client, .repository = source->repository};
    int status = remote_manifest_find(&remote, source->tag, ret, err);
    return status < 0 && err->class == ERROR_REPOSITORY_MISSING ? 0 : status;
}

/* --- judging -------------------------------------------------------------------------------------
 */

/* Whether the image's disk has the format that is asked for. */
static bool format_fits(const struct judging *judging, const struct image *image)
{
    const struct wish *wish = &judging->task->entry->wish;
    return image->tart != NULL && (wish->to == CONVERT_TO_V1 ? image->tart->disk.format == DISK_V1
                                                             : image->tart->disk.format == DISK_V2);
}

/* Whether what is there was made by us, and of what: by its seal, or by the log. What was made in
 * another format, or where a copy is asked for, is ours, but no result. */
static bool is_ours(const struct judging *judging, const struct looked *target,
                    bool *ret_has_source, struct digest *ret_source)
{
    const struct history_image *known = judging->known;
    bool sealed = target->standing.sealed && !target->image.from_index;
    *ret_has_source = sealed && target->standing.has_source && !target->standing.salvaged &&
                      judging->task->entry->wish.to != CONVERT_TO_SAME &&
                      format_fits(judging, &target->image);
    if (*ret_has_source)
        *ret_source = target->standing.source;
    if (known == NULL || target->image.from_index || target->image.manifest == NULL)
        return sealed;
    const struct digest *there = &target->image.digest;
    bool logged =
        known->was_done && known->has_target_digest && digest_equal(&known->target_digest, there);
    /* a run that was killed between the tag and the end of its event */
    bool proved = !logged && known->was_proved && digest_equal(&known->proved_target, there);
    bool has_source = logged ? known->has_made_of : proved && known->has_proved_source;
    if (!*ret_has_source && has_source) {
        *ret_has_source = true;
        *ret_source = logged ? known->made_of : known->proved_source;
    }
    return sealed || logged || proved;
}

static void source_keep(struct judging *judging, struct looked *source)
{
    judging->ret->has_source = true;
    judging->ret->source = source->standing;
    source->standing = (struct standing){.blobs = NULL};
}

static void source_note(struct judging *judging, const struct digest *digest)
{
    judging->ret->has_source = true;
    judging->ret->source.has_digest = true;
    judging->ret->source.digest = *digest;
}

static int do_it(struct judging *judging, struct looked *source, bool replace, const char *why,
                 struct error *err)
{
    struct error error = ERROR_INIT;
    judging->ret->replace = replace;
    if (plan_estimate(judging->task, &source->image, &source->standing, judging->network,
                      judging->sides, judging->ret, &error) < 0)
        return fail(judging, &error, err);
    source_keep(judging, source);
    settle(judging, VERDICT_DO, why != NULL ? why : judging->ret->source.why);
    if (judging->ret->why[0] == '\0')
        settle(judging, VERDICT_DO, "is not there yet");
    return 0;
}

/* The source's own tag is what is written, or what it would be staged for. */
static bool needs_nothing(const struct judging *judging, const struct looked *source)
{
    const struct standing *standing = &source->standing;
    return judging->task->entry->wish.in_place && !source->image.from_index &&
           ((standing->sealed && !standing->salvaged && format_fits(judging, &source->image)) ||
            judging->ret->method == METHOD_COPIED);
}

/* made_of: NULL: it is not known what the target was made of. */
static int judge_source(struct judging *judging, const struct looked *target, bool ours,
                        const struct digest *made_of, struct error *err)
{
    AUTO(looked_done) struct looked source = {.store = NULL};
    struct error error = ERROR_INIT;
    struct convert_options options;
    const struct task *task = judging->task;
    if (look(judging, &task->source, &source, &error) < 0)
        return fail(judging, &error, err);
    if (!source.there)
        return made_of != NULL ? settle(judging, VERDICT_GONE, "done, source gone")
                               : fail(judging, &error, err);
    source_note(judging, &source.image.digest);
    if (made_of != NULL && digest_equal(made_of, &source.image.digest))
        return settle(judging, VERDICT_DONE, "made of this source");
    if (source.standing.backup) {
        error_set(&error, ERROR_USAGE, "%s is a backup, which is no source", task->source.text);
        return fail(judging, &error, err);
    }
    task_options(task, &options);
    if (convert_foresee(&source.image, TRANSPORT_REGISTRY, &options, &judging->ret->method,
                        &error) < 0)
        return fail(judging, &error, err);
    if (needs_nothing(judging, &source))
        return settle(judging, VERDICT_DONE, "needs nothing");
    if (options.in_place)
        return do_it(judging, &source, true, NULL, err);
    if (!target->there)
        return do_it(judging, &source, false, NULL, err);
    if (judging->ret->method == METHOD_COPIED && !target->image.from_index &&
        digest_equal(&target->image.digest, &source.image.digest))
        return settle(judging, VERDICT_DONE, "the same image");
    if (!ours && !task->entry->wish.replace)
        return leave(judging);
    return do_it(judging, &source, true,
                 made_of != NULL ? "the source moved"
                 : ours          ? "what is there does not say what it was made of"
                                 : "replaces what is there",
                 err);
}

/* Whether the source is what is there, and nothing is asked for that a copy would not give. */
static bool is_same(const struct judging *judging, const struct looked *target,
                    const struct digest *source)
{
    struct convert_options options;
    enum convert_method method;
    struct error ignored;
    task_options(judging->task, &options);
    return !target->image.from_index && digest_equal(&target->image.digest, source) &&
           convert_foresee(&target->image, TRANSPORT_REGISTRY, &options, &method, &ignored) == 0 &&
           method == METHOD_COPIED;
}

static int judge(struct judging *judging, struct error *err)
{
    AUTO(looked_done) struct looked target = {.store = NULL};
    const struct task *task = judging->task;
    struct error error = ERROR_INIT;
    struct digest made_of, now;
    bool has_made_of = false, ours = false,
         in_place = task->entry->wish.in_place && task->tag == NULL;
    if (task->failed)
        return fail(judging, &task->error, err);
    if (judging->known != NULL && judging->known->switched.rolled_back && !judging->again)
        return settle(judging, VERDICT_LEAVE, "rolled back; --again takes it up");
    if (in_place)
        return judge_source(judging, &target, false, NULL, err);
    if (look(judging, &task->target, &target, &error) < 0)
        return fail(judging, &error, err);
    if (target.there && target.image.manifest != NULL) {
        judging->ret->has_target = true;
        judging->ret->target = target.image.digest;
        ours = is_ours(judging, &target, &has_made_of, &made_of);
    }
    if (!has_made_of)
        return judge_source(judging, &target, ours, NULL, err);
    int there = source_find(judging, &now, &error);
    if (there < 0)
        return fail(judging, &error, err);
    if (there == 0)
        return settle(judging, VERDICT_GONE, "done, source gone");
    if (is_same(judging, &target, &now)) {
        source_note(judging, &now);
        return settle(judging, VERDICT_DONE, "the same image");
    }
    if (!digest_equal(&now, &made_of)) /* or an OCI index leads to it */
        return judge_source(judging, &target, ours, &made_of, err);
    source_note(judging, &now);
    return settle(judging, VERDICT_DONE, "made of this source");
}

int fleet_plan_one(struct run *run, const struct task *task, const struct sides *sides,
                   struct network *network, const struct history *history, bool again,
                   struct planned *ret, struct error *err)
{
    struct judging judging = {
        .run = run, .task = task, .sides = sides, .network = network, .again = again, .ret = ret};
    size_t index = ret->task;
    *ret = (struct planned){.task = index, .error = ERROR_INIT};
    if (history != NULL)
        judging.known = history_find(history, task_name(task));
    if (run_check(run, err) < 0)
        return -1;
    return judge(&judging, err);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

struct looking {
    struct run *run;
    const struct tasks *tasks;
    const struct sides *sides;
    struct network *network;
    const struct history *history;
    bool again;
    struct pauses *pauses;
    struct fleet_plan *plan;
    pthread_mutex_t lock; /* of all below */
    size_t looked;
    time_t told;
};

/* Of many images, that something goes on. */
static void tell_looked(struct looking *looking)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&looking->lock);
    size_t looked = ++looking->looked;
    bool due = now.tv_sec - looking->told >= TELL_SECONDS;
    if (due)
        looking->told = now.tv_sec;
    pthread_mutex_unlock(&looking->lock);
    if (due)
        run_detail(looking->run, "looked at %zu of %zu images", looked, looking->tasks->count);
}

static int note_look(struct looking *looking, const struct task *task,
                     const struct planned *planned, struct error *err)
{
    if (planned->error.class == ERROR_NONE && planned->verdict == VERDICT_LEAVE)
        return 0; /* by the log: nobody was asked */
    return pauses_note_look(looking->pauses, &task->source, &task->target, &planned->error, err);
}

static int look_at_one(void *context, size_t lane, size_t piece, struct error *err)
{
    struct looking *looking = context;
    const struct task *task = &looking->tasks->items[piece];
    struct planned *planned = &looking->plan->items[piece];
    (void)lane;
    tell_looked(looking);
    if (!task->failed &&
        pauses_hold(looking->pauses, &task->source, &task->target, &planned->error)) {
        planned->verdict = VERDICT_FAILED;
        planned->held = true;
        snprintf(planned->why, sizeof planned->why, "%.199s", planned->error.text);
        return 0;
    }
    if (fleet_plan_one(looking->run, task, looking->sides, looking->network, looking->history,
                       looking->again, planned, err) < 0)
        return -1;
    return note_look(looking, task, planned, err);
}

void fleet_plan_done(struct fleet_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        standing_done(&plan->items[i].source);
    free(plan->items);
    *plan = (struct fleet_plan){.items = NULL};
}

static int look_at_all(struct looking *looking, struct error *err)
{
    size_t count = looking->tasks->count;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    looking->told = now.tv_sec;
    pthread_mutex_init(&looking->lock, NULL);
    int status = count == 0 ? 0 : lanes_run(LOOKS_AT_ONCE, count, look_at_one, looking, err);
    pthread_mutex_destroy(&looking->lock);
    return status;
}

int fleet_plan_make(struct run *run, const struct tasks *tasks, const struct sides *sides,
                    struct network *network, const struct history *history, bool again,
                    struct pauses *pauses, struct fleet_plan *ret, struct error *err)
{
    struct pauses own;
    struct looking looking = {.run = run,
                              .tasks = tasks,
                              .sides = sides,
                              .network = network,
                              .history = history,
                              .again = again,
                              .pauses = pauses != NULL ? pauses : &own,
                              .plan = ret};
    *ret = (struct fleet_plan){.items = calloc(tasks->count + 1, sizeof *ret->items)};
    if (ret->items == NULL)
        return error_memory(err);
    for (; ret->count < tasks->count; ret->count++)
        ret->items[ret->count] = (struct planned){.task = ret->count, .error = ERROR_INIT};
    int status = pauses == NULL ? pauses_init(&own, err) : 0;
    if (status == 0) {
        status = look_at_all(&looking, err) < 0 || plan_group(ret, err) < 0 ? -1 : 0;
        if (pauses == NULL)
            pauses_done(&own);
    }
    if (status < 0)
        fleet_plan_done(ret);
    return status;
}
