/* cmd_sync_once.c: tartconv sync once: a batch is done, and what became of it is told. Nothing is
 * asked of a registry before there is a log. */
#include "convert/cli/command.h"
#include "convert/cli/result_file.h"
#include "convert/cli/sync_setup.h"
#include "convert/engine/memory.h"
#include "convert/fleet/sync.h"
#include "convert/input/size.h"
#include "convert/net/stop.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* and its number, as shells have it */
#define STATUS_SIGNAL 128

/* What was rolled back is as it is wanted. */
static bool is_all_done(const struct sync_result *result)
{
    return result->statuses[IMAGE_FAILED] + result->statuses[IMAGE_STOPPED] +
                   result->statuses[IMAGE_NOT_BEGUN] ==
               0 &&
           result->worst.class == ERROR_NONE;
}

static int tell_json(const struct sync_result *result, const char *log, struct bytes *out,
                     struct error *err)
{
    struct document document;
    document_begin(&document, "sync");
    put_uint(&document, NULL, "images", true, result->count);
    for (size_t i = 0; i < IMAGE_STATUS_COUNT; i++)
        put_uint(&document, NULL, image_status_name((enum image_status)i), true,
                 result->statuses[i]);
    put_uint(&document, NULL, "bytes_read", true, result->bytes_read);
    put_uint(&document, NULL, "bytes_written", true, result->bytes_written);
    put_text(&document, NULL, "class",
             result->worst.class != ERROR_NONE ? error_class_name(result->worst.class) : NULL);
    put_text(&document, NULL, "log", log);
    return document_end(&document, out, err);
}

static int tell_text(const struct sync_result *result, const char *log, struct bytes *out,
                     struct error *err)
{
    struct text text = {.out = out, .err = err};
    char read[24], written[24];
    size_print(result->bytes_read, read);
    size_print(result->bytes_written, written);
    const size_t *statuses = result->statuses;
    text_line(
        &text,
        "%zu image%s: %zu done, %zu already, %zu gone, %zu left, %zu failed, %zu stopped, %zu "
        "not begun; %s read, %s written",
        result->count, text_plural(result->count), statuses[IMAGE_DONE], statuses[IMAGE_ALREADY],
        statuses[IMAGE_GONE], statuses[IMAGE_LEFT], statuses[IMAGE_FAILED], statuses[IMAGE_STOPPED],
        statuses[IMAGE_NOT_BEGUN], read, written);
    text_line(&text, "%s", log);
    return text.status;
}

/* The plan's file, where one is given. */
static int pins_take(const struct options *options, struct pins *ret, struct error *err)
{
    *ret = (struct pins){.count = 0};
    return options->plan != NULL ? pins_load(options->plan, ret, err) : 0;
}

static unsigned jobs_of(const struct options *options, const struct sync_setup *setup)
{
    return options->jobs > 0       ? options->jobs
           : setup->batch.jobs > 0 ? setup->batch.jobs
                                   : JOBS_DEFAULT;
}

static int open_log(const struct options *options, struct event_log **ret, struct error *err)
{
    AUTO_FREE char *path = NULL;
    if (options->log != NULL)
        return event_log_open(options->log, ret, err);
    if (event_log_default_path(&path, err) < 0)
        return -1;
    return event_log_open(path, ret, err);
}

/* A log that nothing was written to was not there before. */
static void close_log(const struct options *options, struct event_log *log)
{
    struct stat stat;
    if (options->log == NULL && lstat(event_log_path(log), &stat) == 0 && stat.st_size == 0)
        unlink(event_log_path(log));
    event_log_close(log);
}

static int status_of(const struct run *run, const struct sync_result *result)
{
    if (is_all_done(result))
        return 0;
    if (stop_is_set(run->stop))
        return STATUS_SIGNAL + *run->stop;
    return result->worst.class == ERROR_CREDENTIALS ? error_class_status(ERROR_CREDENTIALS)
                                                    : STATUS_NOT_ALL;
}

static int run_batch(const struct options *options, struct run *run, const struct sync_setup *setup,
                     const struct sync_options *wanted, struct bytes *out, struct error *err)
{
    struct sync_result result;
    const char *log = event_log_path(wanted->log);
    unsigned lanes = sync_lanes(run, wanted->jobs);
    run_detail(run, "%u images at once on %u lanes, at most %" PRIu64 " MiB for disks in work",
               wanted->jobs, lanes, memory_of_lanes(lanes) >> 20);
    sync_setup_warn(setup, run);
    if (sync_once(run, &setup->tasks, wanted, &result, err) < 0)
        return -1;
    int status =
        options->json ? tell_json(&result, log, out, err) : tell_text(&result, log, out, err);
    return status < 0 ? -1 : status_of(run, &result);
}

static int set_up_and_run(const struct options *options, struct run *run,
                          const struct observer *shown, struct event_log *log, struct bytes *out,
                          struct error *err)
{
    AUTO(sync_setup_done) struct sync_setup setup = {.network = NULL};
    AUTO(pins_done) struct pins pins = {.count = 0};
    if (pins_take(options, &pins, err) < 0 ||
        sync_setup_make(options, options->words[1], run, &setup, err) < 0)
        return -1;
    const struct sync_options wanted = {.jobs = jobs_of(options, &setup),
                                        .again = options->again,
                                        .state = options->convert.state,
                                        .metrics = options->metrics,
                                        .pins = options->plan != NULL ? &pins : NULL,
                                        .shard = options->shard,
                                        .shard_count = options->shard_count,
                                        .history = sync_setup_history(&setup),
                                        .network = setup.network,
                                        .sides = &setup.sides,
                                        .log = log,
                                        .shown = shown};
    return run_batch(options, run, &setup, &wanted, out, err);
}

/* No file is written over another one of this command. */
static int check_files(const struct options *options, struct error *err)
{
    const char *batch = options->words[1];
    return result_file_apart(options->log, batch, err) < 0 ||
                   result_file_apart(options->log, options->plan, err) < 0 ||
                   result_file_apart(options->metrics, batch, err) < 0 ||
                   result_file_apart(options->metrics, options->plan, err) < 0 ||
                   result_file_apart(options->metrics, options->log, err) < 0
               ? -1
               : 0;
}

int sync_once_and_tell(const struct options *options, struct run *run, struct bytes *out,
                       struct error *err)
{
    if (options->probe)
        return error_set(err, ERROR_USAGE, "--probe is for sync check");
    const char *state = options->convert.state;
    if (state != NULL && state[strlen(state) - 1] != '/')
        return error_set(err, ERROR_USAGE,
                         "--state %s: many images need a folder: with a slash at its end", state);
    struct event_log *log;
    if (check_files(options, err) < 0 || open_log(options, &log, err) < 0)
        return -1;
    /* what the network tells, of whatever image it is, comes to the run's own observer */
    const struct observer *shown = run->observer;
    struct event_observer logged;
    run_detail(run, "the log is %s", event_log_path(log));
    event_observer_init(&logged, log, NULL, shown);
    run->observer = &logged.observer;
    int status = set_up_and_run(options, run, shown, log, out, err);
    run->observer = shown;
    close_log(options, log);
    return status;
}
