/* cmd_sync.c: tartconv sync: what a batch file asks for. A verb is a function of the table at the
 * end. */
#include "convert/cli/command.h"
#include "convert/cli/result_file.h"
#include "convert/cli/sync_setup.h"
#include "convert/fleet/probe.h"
#include "convert/input/size.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- check: what is told -------------------------------------------------------------------------
 */

struct totals {
    size_t counts[VERDICT_FAILED + 1];
    uint64_t read, written, requests;
};

static void add(uint64_t more, uint64_t *sum)
{
    if (!add_sizes(*sum, more, sum))
        *sum = INT64_MAX;
}

static struct totals sum_up(const struct fleet_plan *plan)
{
    struct totals totals = {.read = 0};
    for (size_t i = 0; i < plan->count; i++) {
        const struct planned *planned = &plan->items[i];
        totals.counts[planned->verdict]++;
        if (planned->verdict != VERDICT_DO)
            continue;
        add(planned->to_read, &totals.read);
        add(planned->to_write, &totals.written);
        add(planned->requests, &totals.requests);
    }
    return totals;
}

/* Each direction has the rate for itself. 0: no rate is known. */
static uint64_t seconds_of(const struct totals *totals, uint64_t rate)
{
    uint64_t most = totals->read > totals->written ? totals->read : totals->written;
    return rate > 0 ? (most + rate - 1) / rate : 0;
}

static void seconds_print(uint64_t seconds, char ret[40])
{
    if (seconds >= UINT64_C(2) * 3600)
        snprintf(ret, 40, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds % 3600 / 60);
    else if (seconds >= 120)
        snprintf(ret, 40, "%" PRIu64 " min", seconds / 60);
    else
        snprintf(ret, 40, "%" PRIu64 " s", seconds);
}

static const char *action_word(const struct task *task, const struct planned *planned)
{
    if (planned->verdict != VERDICT_DO)
        return verdict_name(planned->verdict);
    if (planned->method == METHOD_COPIED)
        return "copy";
    return task->entry->wish.action == ACTION_NORMALISE ? "normalise" : "convert";
}

static void tell_image(const struct task *task, const struct planned *planned, int width,
                       struct text *text)
{
    char read[24] = "-", written[24] = "-", requests[24] = "-";
    const char *why = planned->error.class != ERROR_NONE ? planned->error.text : planned->why;
    if (planned->verdict == VERDICT_DO) {
        size_print(planned->to_read, read);
        size_print(planned->to_write, written);
        snprintf(requests, sizeof requests, "%" PRIu64, planned->requests);
    }
    text_line(text, "%-*s  %-9s  %10s  %10s  %8s  %s", width, task_name(task),
              action_word(task, planned), read, written, requests, why);
}

static void tell_probes(const struct probes *probes, struct text *text)
{
    for (size_t i = 0; i < probes->count; i++) {
        const struct probe *probe = &probes->items[i];
        char minimum[24], maximum[24], piece[24];
        size_print(probe->minimum, minimum);
        size_print(probe->maximum, maximum);
        size_print(probe->piece, piece);
        if (probe->failed)
            text_line(text, "probe: %s: %s", probe->repository, probe->error.text);
        else
            text_line(text, "probe: %s takes uploads; %u at once, %s%s%s%s%s%s", probe->repository,
                      probe->uploads, probe->piece > 0 ? "pieces of " : "a layer in one body",
                      probe->piece > 0 ? piece : "", probe->minimum > 0 ? ", at least " : "",
                      probe->minimum > 0 ? minimum : "", probe->maximum > 0 ? ", at most " : "",
                      probe->maximum > 0 ? maximum : "");
    }
}

struct checked {
    struct fleet_plan plan;
    struct probes probes;
    struct totals totals;
    uint64_t seconds;
};

static void checked_done(struct checked *checked)
{
    fleet_plan_done(&checked->plan);
    probes_done(&checked->probes);
}

static int tell_text(const struct checked *checked, const struct tasks *tasks, struct bytes *out,
                     struct error *err)
{
    struct text text = {.out = out, .err = err};
    const struct totals *totals = &checked->totals;
    char read[24], written[24], time[40];
    size_t width = 5;
    for (size_t i = 0; i < tasks->count; i++) {
        size_t size = strlen(task_name(&tasks->items[i]));
        width = size > width ? size : width;
    }
    text_line(&text, "%-*s  %-9s  %10s  %10s  %8s  %s", (int)width, "IMAGE", "ACTION", "READ",
              "WRITE", "REQUESTS", "WHY");
    for (size_t i = 0; i < checked->plan.count; i++)
        tell_image(&tasks->items[checked->plan.items[i].task], &checked->plan.items[i], (int)width,
                   &text);
    tell_probes(&checked->probes, &text);
    size_print(totals->read, read);
    size_print(totals->written, written);
    seconds_print(checked->seconds, time);
    text_line(&text, "%zu to do, %zu done, %zu done and gone, %zu left, %zu failed",
              totals->counts[VERDICT_DO], totals->counts[VERDICT_DONE],
              totals->counts[VERDICT_GONE], totals->counts[VERDICT_LEAVE],
              totals->counts[VERDICT_FAILED]);
    text_line(&text, "at most %s to read, %s to write, about %" PRIu64 " requests%s%s", read,
              written, totals->requests, checked->seconds > 0 ? ", at the rate given " : "",
              checked->seconds > 0 ? time : "");
    return text.status;
}

/* --- check: as a document ------------------------------------------------------------------------
 */

static int put_probe(struct json *array, const struct probe *probe, struct error *err)
{
    struct json *object = json_new_object();
    if (json_append(array, object, err) < 0 ||
        json_set_string(object, "repository", probe->repository, err) < 0 ||
        json_set(object, "class",
                 probe->failed ? json_new_string(error_class_name(probe->error.class))
                               : json_new_null(),
                 err) < 0 ||
        json_set(object, "text",
                 probe->failed ? json_new_string(probe->error.text) : json_new_null(), err) < 0 ||
        json_set_string(object, "kind", probe->kind, err) < 0 ||
        json_set_uint(object, "uploads", probe->uploads, err) < 0)
        return -1;
    const struct {
        const char *key;
        uint64_t size;
    } sizes[] = {{"piece", probe->piece}, {"minimum", probe->minimum}, {"maximum", probe->maximum}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (json_set(object, sizes[i].key,
                     sizes[i].size > 0 ? json_new_uint(sizes[i].size) : json_new_null(), err) < 0)
            return -1;
    return 0;
}

/* The plan's file and --format json are one document. */
static int print_json(const struct checked *checked, const struct tasks *tasks, bool probed,
                      struct bytes *ret, struct error *err)
{
    AUTO(json_free_auto) struct json *tree = fleet_plan_to_json(&checked->plan, tasks);
    if (tree == NULL)
        return error_memory(err);
    if (json_set(json_get(tree, "totals"), "seconds",
                 checked->seconds > 0 ? json_new_uint(checked->seconds) : json_new_null(), err) < 0)
        return -1;
    struct json *array = probed ? json_new_array() : json_new_null();
    if (json_set(tree, "probes", array, err) < 0)
        return -1;
    for (size_t i = 0; i < checked->probes.count; i++)
        if (put_probe(array, &checked->probes.items[i], err) < 0)
            return -1;
    return json_print(tree, JSON_PLAIN, ret, err) < 0 ? -1 : bytes_append_text(ret, "\n", err);
}

/* --- check ---------------------------------------------------------------------------------------
 */

static int status_of(const struct checked *checked)
{
    for (size_t i = 0; i < checked->probes.count; i++)
        if (checked->probes.items[i].failed)
            return STATUS_NOT_ALL;
    for (size_t i = 0; i < checked->plan.count; i++)
        if (checked->plan.items[i].error.class != ERROR_NONE)
            return STATUS_NOT_ALL;
    return 0;
}

static int check_and_tell(const struct options *options, struct run *run,
                          const struct sync_setup *setup, struct result_file *file,
                          struct bytes *out, struct error *err)
{
    AUTO(checked_done) struct checked checked = {.seconds = 0};
    AUTO(bytes_done) struct bytes document;
    bytes_init(&document, PLAN_SIZE_MAX);
    sync_setup_warn(setup, run);
    if (fleet_plan_make(run, &setup->tasks, &setup->sides, setup->network,
                        sync_setup_history(setup), options->again, NULL, &checked.plan, err) < 0 ||
        (options->probe && probe_targets(run, &checked.plan, &setup->tasks, &setup->sides,
                                         setup->network, &checked.probes, err) < 0))
        return -1;
    checked.totals = sum_up(&checked.plan);
    checked.seconds = seconds_of(&checked.totals, network_options(setup->network)->limit_rate);
    if (print_json(&checked, &setup->tasks, options->probe, &document, err) < 0 ||
        result_file_write(file, document.data, document.size, err) < 0)
        return -1;
    int status = options->json ? bytes_append(out, document.data, document.size, err)
                               : tell_text(&checked, &setup->tasks, out, err);
    return status < 0 ? -1 : status_of(&checked);
}

static int sync_check(const struct options *options, struct run *run, struct bytes *out,
                      struct error *err)
{
    AUTO(sync_setup_done) struct sync_setup setup = {.network = NULL};
    AUTO(result_file_done) struct result_file file = RESULT_FILE_INIT;
    if (options->shard_count > 0 || options->jobs > 0 || options->log != NULL ||
        options->metrics != NULL)
        return error_set(
            err, ERROR_USAGE,
            "--shard, --jobs, --log and --metrics are for sync once; check only looks");
    if (result_file_apart(options->plan, options->words[1], err) < 0 ||
        result_file_open(options->plan, &file, err) < 0 ||
        sync_setup_make(options, options->words[1], run, &setup, err) < 0)
        return -1;
    return check_and_tell(options, run, &setup, &file, out, err);
}

/* --- verbs ---------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    command_run *run;
} verbs[] = {
    {"check", sync_check},
    {"once", sync_once_and_tell},
};

int cmd_sync(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    if (options->word_count != 2)
        return error_set(err, ERROR_USAGE,
                         "wanted is a verb and one batch file: check FILE, or once FILE");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, options->words[0]) == 0)
            return verbs[i].run(options, run, out, err);
    return error_set(err, ERROR_USAGE, "sync has no verb \"%s\"; there are check and once",
                     options->words[0]);
}
