/* cmd_report.c: tartconv report. Reads event logs, and writes what they come to. */
#include "convert/cli/command.h"
#include "convert/cli/result_file.h"
#include "convert/fleet/report.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <inttypes.h>

/* A page of a hundred thousand images stays under it. */
#define REPORT_SIZE_MAX (1u << 30)

static void tell_failures(struct text *text, const struct json *report)
{
    for (const struct json *failure = json_first(json_get(report, "failures")); failure != NULL;
         failure = json_next(failure)) {
        uint64_t images = 0;
        const char *fix = json_string(json_get(failure, "fix"));
        json_uint(json_get(failure, "images"), &images);
        text_line(text, "%s: %" PRIu64 " image%s, such as %s: %s",
                  json_string(json_get(failure, "class")), images, text_plural(images),
                  json_string(json_get(failure, "example")),
                  fix != NULL ? fix : "docs/errors.md says what to do");
    }
}

static uint64_t total(const struct json *totals, const char *key)
{
    uint64_t value = 0;
    json_uint(json_get(totals, key), &value);
    return value;
}

/* Without -o: for people who want to know how it stands. */
static int tell_text(const struct json *report, struct bytes *out, struct error *err)
{
    struct text text = {.out = out, .err = err};
    const struct json *totals = json_get(report, "totals");
    text_line(&text,
              "%" PRIu64 " image%s, %" PRIu64 " made, %" PRIu64 " proved, %" PRIu64
              " that no shard took",
              total(totals, "images"), text_plural(total(totals, "images")), total(totals, "made"),
              total(totals, "proved"), total(totals, "untaken"));
    for (const struct json *status = json_first(json_get(totals, "statuses")); status != NULL;
         status = json_next(status)) {
        uint64_t count = 0;
        if (json_uint(status, &count) && count > 0)
            text_line(&text, "%s: %" PRIu64, json_key(status), count);
    }
    text_line(&text, "%" PRIu64 " bytes read, %" PRIu64 " written, %" PRIu64 " reused",
              total(totals, "bytes_read"), total(totals, "bytes_written"),
              total(totals, "bytes_reused"));
    if (total(totals, "switched") + total(totals, "rolled_back") + total(totals, "retired") > 0)
        text_line(&text, "%" PRIu64 " switched, %" PRIu64 " rolled back, %" PRIu64 " retired",
                  total(totals, "switched"), total(totals, "rolled_back"),
                  total(totals, "retired"));
    tell_failures(&text, report);
    for (const struct json *name = json_first(json_get(report, "untaken")); name != NULL;
         name = json_next(name))
        text_line(&text, "untaken: %s", json_string(name));
    return text.status;
}

static int write_report(const struct options *options, const struct json *report,
                        enum report_form form, struct error *err)
{
    AUTO(bytes_done) struct bytes text;
    AUTO(result_file_done) struct result_file file = RESULT_FILE_INIT;
    bytes_init(&text, REPORT_SIZE_MAX);
    if (result_file_open(options->output, &file, err) < 0 ||
        report_print(report, form, &text, err) < 0)
        return -1;
    return result_file_write(&file, text.data, text.size, err);
}

int cmd_report(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    AUTO(history_done) struct history history = {.count = 0};
    AUTO(json_free_auto) struct json *report = NULL;
    enum report_form form = REPORT_JSON;
    if (options->output != NULL && !report_form_of(options->output, &form))
        return error_set(err, ERROR_USAGE,
                         "%s: the report's form is told by the name's end: .html, .csv, .md or "
                         ".json",
                         options->output);
    for (size_t i = 0; i < options->word_count; i++)
        if (result_file_apart(options->output, options->words[i], err) < 0)
            return -1;
    if (history_read(options->words, options->word_count, &history, err) < 0)
        return -1;
    if (history.passed_over > 0)
        run_warning(run, "%zu lines of the logs are no events and are passed over",
                    history.passed_over);
    report = report_make(&history);
    if (report == NULL)
        return error_memory(err);
    if (options->output != NULL)
        return write_report(options, report, form, err);
    return options->json ? report_print(report, REPORT_JSON, out, err)
                         : tell_text(report, out, err);
}
