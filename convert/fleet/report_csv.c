/* report_csv.c: a report for a spreadsheet: a row an image. */
#include "convert/fleet/report_parts.h"
#include "convert/output/csv.h"

/* The columns, in their order. */
static const struct column {
    const char *name, *object; /* NULL: of the image itself */
    enum { TEXT, NUMBER, TRUTH } type;
} columns[] = {
    {"name", NULL, TEXT},
    {"status", NULL, TEXT},
    {"why", NULL, TEXT},
    {"source", NULL, TEXT},
    {"target", NULL, TEXT},
    {"tag", NULL, TEXT},
    {"action", NULL, TEXT},
    {"method", NULL, TEXT},
    {"source_digest", NULL, TEXT},
    {"target_digest", NULL, TEXT},
    {"disk_size", NULL, NUMBER},
    {"source_size", NULL, NUMBER},
    {"target_size", NULL, NUMBER},
    {"bytes_read", NULL, NUMBER},
    {"bytes_written", NULL, NUMBER},
    {"bytes_reused", NULL, NUMBER},
    {"blocks_encoded", NULL, NUMBER},
    {"blocks_carried", NULL, NUMBER},
    {"begin", NULL, TEXT},
    {"end", NULL, TEXT},
    {"work_ms", NULL, NUMBER},
    {"rate", NULL, NUMBER},
    {"attempts", NULL, NUMBER},
    {"warnings", NULL, NUMBER},
    {"retries", NULL, NUMBER},
    {"findings", NULL, NUMBER},
    {"proof", NULL, TEXT},
    {"salvaged", NULL, TRUTH},
    {"backup_tag", NULL, TEXT},
    {"switched", NULL, TEXT},
    {"switched_at", NULL, TEXT},
    {"retired", NULL, TRUTH},
    {"class", "error", TEXT},
    {"text", "error", TEXT},
    {"fix", "error", TEXT},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

static void put_cell(struct csv *csv, const struct column *column, const struct json *image)
{
    const struct json *object = column->object == NULL ? image : json_get(image, column->object);
    const struct json *value = json_get(object, column->name);
    uint64_t number = 0;
    bool there;
    switch (column->type) {
    case TEXT:
        csv_text(csv, json_string(value));
        break;
    case NUMBER:
        there = json_uint(value, &number);
        csv_uint(csv, there, number);
        break;
    default:
        csv_text(csv, report_true(object, column->name) ? "true" : "false");
    }
}

int report_csv(const struct json *report, struct bytes *ret, struct error *err)
{
    struct csv csv;
    csv_begin(&csv, ret, err);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        csv_text(&csv, columns[i].object == NULL   ? columns[i].name
                       : columns[i].name[0] == 'c' ? "error_class"
                       : columns[i].name[0] == 't' ? "error_text"
                                                   : "fix");
    csv_row(&csv);
    for (const struct json *image = json_first(json_get(report, "images")); image != NULL;
         image = json_next(image)) {
        for (size_t i = 0; i < COLUMN_COUNT; i++)
            put_cell(&csv, &columns[i], image);
        csv_row(&csv);
    }
    for (const struct json *name = json_first(json_get(report, "untaken")); name != NULL;
         name = json_next(name)) {
        csv_text(&csv, json_string(name));
        csv_text(&csv, "untaken");
        for (size_t i = 2; i < COLUMN_COUNT; i++)
            csv_text(&csv, NULL);
        csv_row(&csv);
    }
    return csv.status;
}
