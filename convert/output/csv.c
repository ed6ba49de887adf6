/* csv.c: tables for spreadsheets. Knows what a cell must not be, and nothing of what is in it. */
#include "convert/output/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void csv_begin(struct csv *csv, struct bytes *out, struct error *err)
{
    *csv = (struct csv){.out = out, .err = err};
}

static void put(struct csv *csv, const void *data, size_t size)
{
    if (csv->status == 0)
        csv->status = bytes_append(csv->out, data, size, csv->err);
}

static void cell(struct csv *csv)
{
    if (csv->cells++ > 0)
        put(csv, ",", 1);
}

/* A control character in front is dangerous twice: some spreadsheets take it away and look on. */
static bool begins_formula(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    return first != '\0' && (strchr("=+-@", first) != NULL || first < 0x20 || first == 0x7f);
}

void csv_text(struct csv *csv, const char *text)
{
    cell(csv);
    if (text == NULL)
        return;
    bool formula = begins_formula(text);
    bool quoted = formula || strpbrk(text, ",\"; \t'") != NULL;
    if (quoted)
        put(csv, "\"", 1);
    if (formula)
        put(csv, "'", 1);
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"')
            put(csv, "\"\"", 2);
        else if ((c < 0x20 && c != '\t') || c == 0x7f)
            put(csv, "?", 1);
        else
            put(csv, at, 1);
    }
    if (quoted)
        put(csv, "\"", 1);
}

void csv_uint(struct csv *csv, bool there, uint64_t value)
{
    char text[24];
    cell(csv);
    if (there)
        put(csv, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, value));
}

void csv_row(struct csv *csv)
{
    put(csv, "\r\n", 2);
    csv->cells = 0;
}
