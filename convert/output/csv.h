/* csv.h: tables for spreadsheets, by RFC 4180: CRLF behind each row, cells in quotes where they
 * need them, quotes doubled.
 *
 * A spreadsheet takes a cell that begins with = + - @ for a formula, and names come from images: so
 * such a cell, and one that begins with a control character, gets an apostrophe before it. Control
 * characters but the tabulator become '?'. Numbers go through csv_uint and are never changed.
 *
 * A failure (memory) is remembered and told once, at the end; the calls between may be made all the
 * same. Threads: one at a time. */
#ifndef CONVERT_OUTPUT_CSV_H
#define CONVERT_OUTPUT_CSV_H

#include "formats/model/bytes.h"

struct csv {
    struct bytes *out;
    struct error *err;
    int status;   /* 0, or -1 and *err */
    size_t cells; /* of the row so far */
};

void csv_begin(struct csv *csv, struct bytes *out, struct error *err);
void csv_text(struct csv *csv, const char *text); /* NULL: an empty cell */
void csv_uint(struct csv *csv, bool there, uint64_t value);
void csv_row(struct csv *csv); /* ends the row */

#endif
