/* report_parts.h: what the forms of a report share. Private to report*.c. */
#ifndef CONVERT_FLEET_REPORT_PARTS_H
#define CONVERT_FLEET_REPORT_PARTS_H

#include "convert/fleet/report.h"
#include "convert/output/document.h"

#define STRIP_PARTS_MAX 400u /* of an image's disk */
#define RATE_STEPS_MAX  240u

/* Cut off behind its point, and at the most that a number of JSON is read as. */
uint64_t report_whole(double value);

/* --- report_disk.c --- */

/* "strip", neighbours that came about alike made one, and "chunks", bytes of disk by how. */
void put_strip(struct document *document, struct json *object, const struct history_image *image);
/* "rate_step_ms" and "rate": bytes of disk a second, over all images, step by step. */
void put_rates(struct document *document, const struct history *history);

/* --- the forms --- */

int report_csv(const struct json *report, struct bytes *ret, struct error *err);
int report_markdown(const struct json *report, struct bytes *ret, struct error *err);
int report_page(const struct json *report, struct bytes *ret, struct error *err);

/* Members of a report, whose maker they can rely on: 0 and NULL where null. */
uint64_t report_uint(const struct json *object, const char *key);
const char *report_text(const struct json *object, const char *key);
bool report_true(const struct json *object, const char *key);
/* "12.3 GiB", "1 h 2 min" */
#define REPORT_WORD_SIZE 32
void report_size(uint64_t size, char ret[REPORT_WORD_SIZE]);
void report_duration(uint64_t ms, char ret[REPORT_WORD_SIZE]);

#endif
