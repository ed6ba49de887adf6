/* report.c: what a migration came to, as one document, of which all other forms are made.
 */
#include "convert/fleet/report_parts.h"

#include "convert/fleet/event_parts.h"
#include "convert/input/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool report_form_of(const char *path, enum report_form *ret)
{
    static const struct {
        const char *ending;
        enum report_form form;
    } forms[] = {{".json", REPORT_JSON},
                 {".csv", REPORT_CSV},
                 {".md", REPORT_MARKDOWN},
                 {".html", REPORT_HTML}};
    size_t size = strlen(path);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t ending = strlen(forms[i].ending);
        if (size > ending && strcmp(path + size - ending, forms[i].ending) == 0) {
            *ret = forms[i].form;
            return true;
        }
    }
    return false;
}

/* --- an image ------------------------------------------------------------------------------------
 */

/* Besides those of events: "unfinished", begun and not ended; "unknown", only switched or retired.
 */
#define STATUS_UNFINISHED IMAGE_STATUS_COUNT
#define STATUS_UNKNOWN    (IMAGE_STATUS_COUNT + 1)
#define STATUS_COUNT      (IMAGE_STATUS_COUNT + 2)

static size_t status_of(const struct history_image *image)
{
    return image->ended          ? (size_t)image->status
           : image->attempts > 0 ? STATUS_UNFINISHED
                                 : STATUS_UNKNOWN;
}

static const char *status_name(size_t status)
{
    return status == STATUS_UNFINISHED ? "unfinished"
           : status == STATUS_UNKNOWN  ? "unknown"
                                       : image_status_name((enum image_status)status);
}

static void put_time(struct document *document, struct json *object, const char *key, uint64_t ms)
{
    char text[EVENT_TIME_SIZE] = "";
    if (ms > 0)
        event_time_print(ms, text);
    put_text(document, object, key, text);
}

static void put_known(struct document *document, struct json *object, const char *key,
                      uint64_t value)
{
    put_uint(document, object, key, value > 0, value);
}

static uint64_t work_ms(const struct history_image *image)
{
    return image->seconds < 1e12 ? (uint64_t)(image->seconds * 1000) : 0;
}

static uint64_t rate_of(uint64_t bytes, uint64_t ms)
{
    return ms == 0 ? 0 : report_whole((double)bytes * 1000 / (double)ms);
}

static void put_failure(struct document *document, struct json *object,
                        const struct history_image *image)
{
    if (image->class == NULL) {
        put_null(document, object, "error");
        return;
    }
    struct json *error = put_object(document, object, "error");
    put_text(document, error, "class", image->class);
    put_text(document, error, "text", image->text);
    put_text(document, error, "fix", image->fix);
}

static void put_moves(struct document *document, struct json *object,
                      const struct history_image *image)
{
    const struct switched *switched = &image->switched;
    put_text(document, object, "switched",
             switched->rolled_back ? "rolled-back"
             : switched->done      ? "switched"
             : switched->begun     ? "switching"
                                   : NULL);
    put_time(document, object, "switched_at", switched->time_ms);
    put_text(document, object, "switched_backup_tag", switched->backup_tag);
    put_bool(document, object, "retired", image->retired);
}

static void put_numbers(struct document *document, struct json *object,
                        const struct history_image *image)
{
    put_known(document, object, "disk_size", image->disk_size);
    put_known(document, object, "source_size", image->source_size);
    put_known(document, object, "target_size", image->target_size);
    put_uint(document, object, "bytes_read", true, image->bytes_read);
    put_uint(document, object, "bytes_written", true, image->bytes_written);
    put_uint(document, object, "bytes_reused", true, image->bytes_reused);
    put_uint(document, object, "blocks_encoded", true, image->blocks_encoded);
    put_uint(document, object, "blocks_carried", true, image->blocks_carried);
    put_time(document, object, "begin", image->begin_ms);
    put_time(document, object, "end", image->end_ms);
    put_uint(document, object, "work_ms", true, work_ms(image));
    put_known(document, object, "rate",
              image->was_done ? rate_of(image->disk_size, work_ms(image)) : 0);
    put_uint(document, object, "attempts", true, image->attempts);
    put_uint(document, object, "warnings", true, image->warnings);
    put_uint(document, object, "retries", true, image->retries);
    put_uint(document, object, "findings", true, image->findings);
}

static void put_image(struct document *document, struct json *array,
                      const struct history_image *image)
{
    struct json *object = add_object(document, array);
    put_text(document, object, "name", image->name);
    put_text(document, object, "status", status_name(status_of(image)));
    put_text(document, object, "why", image->why);
    put_text(document, object, "source", image->source);
    put_text(document, object, "target", image->target);
    put_text(document, object, "tag", image->tag);
    put_text(document, object, "action", image->action);
    put_text(document, object, "method", image->method);
    /* after a switch the source's tag may lead to what was made of it */
    bool made = image->was_done && image->has_made_of;
    put_digest(document, object, "source_digest", made || image->has_source_digest,
               made ? &image->made_of : &image->source_digest);
    put_digest(document, object, "target_digest", image->has_target_digest, &image->target_digest);
    put_text(document, object, "backup_tag", image->backup_tag);
    put_numbers(document, object, image);
    put_text(document, object, "proof",
             !image->has_proof       ? NULL
             : image->proof_complete ? "complete"
                                     : "partial");
    put_bool(document, object, "salvaged", image->salvaged);
    put_failure(document, object, image);
    put_moves(document, object, image);
    put_strip(document, object, image);
}

/* --- totals --------------------------------------------------------------------------------------
 */

struct totals {
    size_t statuses[STATUS_COUNT];
    size_t done, proved, complete, switched, rolled_back, retired, warnings, retries, findings;
    uint64_t disk_size, source_size, target_size, read, written, reused, encoded, carried, work_ms;
    uint64_t zero, retired_size;
};

static void add_to(uint64_t *sum, uint64_t more)
{
    if (!add_sizes(*sum, more, sum))
        *sum = INT64_MAX;
}

static void count_done(struct totals *totals, const struct history_image *image)
{
    totals->done++;
    totals->proved += image->has_proof;
    totals->complete += image->has_proof && image->proof_complete;
    add_to(&totals->disk_size, image->disk_size);
    add_to(&totals->source_size, image->source_size);
    add_to(&totals->target_size, image->target_size);
    add_to(&totals->encoded, image->blocks_encoded);
    add_to(&totals->carried, image->blocks_carried);
    for (size_t i = 0; i < image->chunk_count; i++)
        if (image->chunks[i].how == CHUNK_ZERO)
            add_to(&totals->zero, image->chunks[i].length);
}

static void count_image(struct totals *totals, const struct history_image *image)
{
    totals->statuses[status_of(image)]++;
    if (image->was_done)
        count_done(totals, image);
    totals->switched += image->switched.done && !image->switched.rolled_back;
    totals->rolled_back += image->switched.rolled_back;
    totals->warnings += image->warnings;
    totals->retries += image->retries;
    totals->findings += image->findings;
    totals->retired += image->retired;
    if (image->retired)
        add_to(&totals->retired_size, image->source_size);
    add_to(&totals->read, image->bytes_read);
    add_to(&totals->written, image->bytes_written);
    add_to(&totals->reused, image->bytes_reused);
    add_to(&totals->work_ms, work_ms(image));
}

static void put_saved(struct document *document, struct json *object, const struct totals *totals)
{
    struct json *saved = put_object(document, object, "saved");
    bool smaller = totals->target_size > 0 && totals->target_size < totals->source_size;
    uint64_t blocks = totals->encoded + totals->carried;
    put_uint(document, saved, "not_sent", true, totals->reused);
    put_uint(document, saved, "smaller_by", true,
             smaller ? totals->source_size - totals->target_size : 0);
    put_uint(document, saved, "zero_disk", true, totals->zero);
    put_uint(document, saved, "carried_permille", blocks > 0,
             (uint64_t)((double)totals->carried * 1000 / (double)(blocks > 0 ? blocks : 1)));
    put_uint(document, saved, "retired_size", true, totals->retired_size);
}

static void put_totals(struct document *document, const struct history *history)
{
    struct totals totals = {.done = 0};
    for (size_t i = 0; i < history->count; i++)
        count_image(&totals, &history->items[i]);
    struct json *object = put_object(document, NULL, "totals");
    put_known(document, object, "planned", history->planned);
    put_uint(document, object, "images", true, history->count);
    put_uint(document, object, "untaken", true, history->untaken_count);
    put_uint(document, object, "made", true, totals.done);
    struct json *statuses = put_object(document, object, "statuses");
    for (size_t i = 0; i < STATUS_COUNT; i++)
        put_uint(document, statuses, status_name(i), true, totals.statuses[i]);
    put_uint(document, object, "proved", true, totals.proved);
    put_uint(document, object, "proved_complete", true, totals.complete);
    put_uint(document, object, "switched", true, totals.switched);
    put_uint(document, object, "rolled_back", true, totals.rolled_back);
    put_uint(document, object, "retired", true, totals.retired);
    put_uint(document, object, "disk_size", true, totals.disk_size);
    put_uint(document, object, "source_size", true, totals.source_size);
    put_uint(document, object, "target_size", true, totals.target_size);
    put_uint(document, object, "bytes_read", true, totals.read);
    put_uint(document, object, "bytes_written", true, totals.written);
    put_uint(document, object, "bytes_reused", true, totals.reused);
    put_uint(document, object, "blocks_encoded", true, totals.encoded);
    put_uint(document, object, "blocks_carried", true, totals.carried);
    put_uint(document, object, "work_ms", true, totals.work_ms);
    put_known(document, object, "rate", rate_of(totals.disk_size, totals.work_ms));
    put_uint(document, object, "warnings", true, totals.warnings);
    put_uint(document, object, "retries", true, totals.retries);
    put_uint(document, object, "findings", true, totals.findings);
    put_saved(document, object, &totals);
}

/* --- failures, by class --------------------------------------------------------------------------
 */

static bool has_failed(const struct history_image *image)
{
    return image->class != NULL && status_of(image) != IMAGE_DONE &&
           status_of(image) != IMAGE_ALREADY;
}

static int by_class(const void *a, const void *b)
{
    return strcmp((*(const struct history_image *const *)a)->class,
                  (*(const struct history_image *const *)b)->class);
}

static void put_failures(struct document *document, const struct history *history)
{
    struct json *array = put_array(document, NULL, "failures");
    const struct history_image **failed = calloc(history->count + 1, sizeof *failed);
    size_t count = 0;
    if (failed == NULL)
        document->failed = true;
    for (size_t i = 0; i < history->count && failed != NULL; i++)
        if (has_failed(&history->items[i]))
            failed[count++] = &history->items[i];
    if (count > 0)
        qsort(failed, count, sizeof(const struct history_image *), by_class);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && by_class(&failed[end], &failed[i]) == 0; end++)
            ;
        struct json *object = add_object(document, array);
        put_text(document, object, "class", failed[i]->class);
        put_uint(document, object, "images", true, end - i);
        put_text(document, object, "example", failed[i]->name);
        put_text(document, object, "text", failed[i]->text);
        put_text(document, object, "fix", failed[i]->fix);
    }
    free(failed);
}

/* --- the whole -----------------------------------------------------------------------------------
 */

struct json *report_make(const struct history *history)
{
    struct document document;
    document_begin(&document, "report");
    put_time(&document, NULL, "begin", history->begin_ms);
    put_time(&document, NULL, "end", history->end_ms);
    put_uint(&document, NULL, "elapsed_ms", history->begin_ms > 0,
             history->end_ms - history->begin_ms);
    put_uint(&document, NULL, "runs", true, history->runs);
    put_uint(&document, NULL, "logs", true, history->log_count);
    put_uint(&document, NULL, "passed_over", true, history->passed_over);
    put_totals(&document, history);
    put_failures(&document, history);
    put_rates(&document, history);
    struct json *images = put_array(&document, NULL, "images");
    for (size_t i = 0; i < history->count; i++)
        put_image(&document, images, &history->items[i]);
    struct json *untaken = put_array(&document, NULL, "untaken");
    struct error ignored;
    for (size_t i = 0; i < history->untaken_count && !document.failed; i++)
        if (json_append(untaken, json_new_string(history->untaken[i]), &ignored) < 0)
            document.failed = true;
    return document.failed ? json_free(document.tree) : document.tree;
}

int report_print(const struct json *report, enum report_form form, struct bytes *ret,
                 struct error *err)
{
    switch (form) {
    case REPORT_CSV:
        return report_csv(report, ret, err);
    case REPORT_MARKDOWN:
        return report_markdown(report, ret, err);
    case REPORT_HTML:
        return report_page(report, ret, err);
    default:
        return json_print(report, JSON_PLAIN, ret, err) < 0 ? -1
                                                            : bytes_append_text(ret, "\n", err);
    }
}

/* --- for the parts and the forms
 * -------------------------------------------------------------------------------
 */

uint64_t report_whole(double value)
{
    return value < (double)INT64_MAX ? (uint64_t)value : INT64_MAX;
}

uint64_t report_uint(const struct json *object, const char *key)
{
    uint64_t value = 0;
    json_uint(json_get(object, key), &value);
    return value;
}

const char *report_text(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

bool report_true(const struct json *object, const char *key)
{
    bool value = false;
    return json_bool(json_get(object, key), &value) && value;
}

void report_size(uint64_t size, char ret[REPORT_WORD_SIZE])
{
    char text[24];
    size_print(size, text);
    snprintf(ret, REPORT_WORD_SIZE, "%s", text);
}

void report_duration(uint64_t ms, char ret[REPORT_WORD_SIZE])
{
    uint64_t seconds = ms / 1000;
    if (seconds < 60)
        snprintf(ret, REPORT_WORD_SIZE, "%" PRIu64 ".%u s", seconds, (unsigned)(ms % 1000 / 100));
    else if (seconds < 3600)
        snprintf(ret, REPORT_WORD_SIZE, "%" PRIu64 " min %" PRIu64 " s", seconds / 60,
                 seconds % 60);
    else
        snprintf(ret, REPORT_WORD_SIZE, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
                 seconds / 60 % 60);
}
