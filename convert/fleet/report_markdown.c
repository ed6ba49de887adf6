/* report_markdown.c: a report for a page of a wiki or a pull request. Whatever comes from outside
 * stands in code spans, in which nothing is a link, a mention or markup.
 */
#include "convert/fleet/report_parts.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

/* A span fenced by more backticks than any run of them in it; for a table's cell. */
static int put_code(struct bytes *out, const char *text, struct error *err)
{
    static const char ticks[] = "````````````````";
    size_t most = 0, run = 0;
    if (text == NULL || text[0] == '\0')
        return 0;
    for (const char *at = text; *at != '\0'; at++) {
        run = *at == '`' ? run + 1 : 0;
        most = run > most ? run : most;
    }
    /* so many are no name of anybody's */
    bool tame = most + 1 < sizeof ticks;
    int fence = tame ? (int)most + 1 : 1;
    bool pad = text[0] == '`' || text[strlen(text) - 1] == '`';
    int status = bytes_printf(out, err, "%.*s%s", fence, ticks, pad ? " " : "");
    for (const char *at = text; *at != '\0' && status == 0; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '|')
            status = bytes_append_text(out, "\\|", err);
        else if (c < 0x20 || c == 0x7f || (c == '`' && !tame))
            status = bytes_append_text(out, "?", err);
        else
            status = bytes_append(out, at, 1, err);
    }
    return status < 0 ? -1 : bytes_printf(out, err, "%s%.*s", pad ? " " : "", fence, ticks);
}

static int put_size(struct bytes *out, const struct json *object, const char *key,
                    struct error *err)
{
    char text[REPORT_WORD_SIZE];
    uint64_t value;
    if (!json_uint(json_get(object, key), &value))
        return bytes_append_text(out, "-", err);
    report_size(value, text);
    return bytes_append_text(out, text, err);
}

/* --- the parts -----------------------------------------------------------------------------------
 */

static int put_head(struct bytes *out, const struct json *report, struct error *err)
{
    char elapsed[REPORT_WORD_SIZE];
    const char *begin = report_text(report, "begin"), *end = report_text(report, "end");
    report_duration(report_uint(report, "elapsed_ms"), elapsed);
    return bytes_printf(out, err, "# Migration report\n\n%s to %s (%s), %" PRIu64 " runs\n\n",
                        begin != NULL ? begin : "-", end != NULL ? end : "-", elapsed,
                        report_uint(report, "runs"));
}

static int put_total_size(struct bytes *out, const char *name, const struct json *object,
                          const char *key, struct error *err)
{
    return bytes_printf(out, err, "| %s | ", name) < 0 || put_size(out, object, key, err) < 0 ||
                   bytes_printf(out, err, " (%" PRIu64 " bytes) |\n", report_uint(object, key)) < 0
               ? -1
               : 0;
}

static int put_totals(struct bytes *out, const struct json *report, struct error *err)
{
    const struct json *totals = json_get(report, "totals");
    const struct json *saved = json_get(totals, "saved");
    if (bytes_printf(out, err,
                     "| | |\n|---|---:|\n| Images | %" PRIu64 " |\n| Made | %" PRIu64
                     " |\n| Proved | %" PRIu64 " |\n",
                     report_uint(totals, "images"), report_uint(totals, "made"),
                     report_uint(totals, "proved")) < 0)
        return -1;
    for (const struct json *status = json_first(json_get(totals, "statuses")); status != NULL;
         status = json_next(status)) {
        uint64_t count = 0;
        if (json_uint(status, &count) && count > 0 &&
            bytes_printf(out, err, "| %s | %" PRIu64 " |\n", json_key(status), count) < 0)
            return -1;
    }
    if (bytes_printf(out, err, "| no shard took | %" PRIu64 " |\n",
                     report_uint(totals, "untaken")) < 0 ||
        put_total_size(out, "Disk", totals, "disk_size", err) < 0 ||
        put_total_size(out, "Old size", totals, "source_size", err) < 0 ||
        put_total_size(out, "New size", totals, "target_size", err) < 0 ||
        put_total_size(out, "Read", totals, "bytes_read", err) < 0 ||
        put_total_size(out, "Written", totals, "bytes_written", err) < 0 ||
        put_total_size(out, "Reused, not sent", saved, "not_sent", err) < 0)
        return -1;
    return bytes_append_text(out, "\n", err);
}

static int put_failures(struct bytes *out, const struct json *report, struct error *err)
{
    const struct json *failure = json_first(json_get(report, "failures"));
    if (failure == NULL)
        return 0;
    if (bytes_append_text(out,
                          "## Failures\n\n| Class | Images | For example | What to do |\n"
                          "|---|---:|---|---|\n",
                          err) < 0)
        return -1;
    for (; failure != NULL; failure = json_next(failure))
        if (bytes_append_text(out, "| ", err) < 0 ||
            put_code(out, report_text(failure, "class"), err) < 0 ||
            bytes_printf(out, err, " | %" PRIu64 " | ", report_uint(failure, "images")) < 0 ||
            put_code(out, report_text(failure, "text"), err) < 0 ||
            bytes_append_text(out, " | ", err) < 0 ||
            put_code(out, report_text(failure, "fix"), err) < 0 ||
            bytes_append_text(out, " |\n", err) < 0)
            return -1;
    return bytes_append_text(out, "\n", err);
}

static int put_image(struct bytes *out, const struct json *image, struct error *err)
{
    static const char *const sizes[] = {"disk_size",  "source_size",   "target_size",
                                        "bytes_read", "bytes_written", "bytes_reused"};
    char time[REPORT_WORD_SIZE];
    const char *proof = report_text(image, "proof");
    report_duration(report_uint(image, "work_ms"), time);
    if (bytes_append_text(out, "| ", err) < 0 ||
        put_code(out, report_text(image, "name"), err) < 0 ||
        bytes_printf(out, err, " | %s | ", report_text(image, "status")) < 0 ||
        put_code(out, report_text(image, "source_digest"), err) < 0 ||
        bytes_append_text(out, " | ", err) < 0 ||
        put_code(out, report_text(image, "target_digest"), err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (bytes_append_text(out, " | ", err) < 0 || put_size(out, image, sizes[i], err) < 0)
            return -1;
    if (bytes_printf(out, err, " | %s | %s | ", time, proof != NULL ? proof : "-") < 0 ||
        put_code(out, report_text(json_get(image, "error"), "class"), err) < 0)
        return -1;
    return bytes_append_text(out, " |\n", err);
}

static int put_untaken(struct bytes *out, const struct json *report, struct error *err)
{
    const struct json *name = json_first(json_get(report, "untaken"));
    if (name == NULL)
        return 0;
    if (bytes_append_text(out, "\n## No shard took\n\n", err) < 0)
        return -1;
    for (; name != NULL; name = json_next(name))
        if (bytes_append_text(out, "* ", err) < 0 || put_code(out, json_string(name), err) < 0 ||
            bytes_append_text(out, "\n", err) < 0)
            return -1;
    return 0;
}

int report_markdown(const struct json *report, struct bytes *ret, struct error *err)
{
    if (put_head(ret, report, err) < 0 || put_totals(ret, report, err) < 0 ||
        put_failures(ret, report, err) < 0 ||
        bytes_append_text(ret,
                          "## Images\n\n| Image | Status | Old digest | New digest | Disk | Old "
                          "size | New size | Read | Written | Reused | Time | Proof | Error |\n"
                          "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---|---|\n",
                          err) < 0)
        return -1;
    for (const struct json *image = json_first(json_get(report, "images")); image != NULL;
         image = json_next(image))
        if (put_image(ret, image, err) < 0)
            return -1;
    return put_untaken(ret, report, err);
}
