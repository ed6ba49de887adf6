/* report.h: what a migration came to, out of its logs: as JSON (docs/json.md, kind "report"), CSV,
 * Markdown, and one HTML page that needs nothing else. tartconv-report(1). */
#ifndef CONVERT_FLEET_REPORT_H
#define CONVERT_FLEET_REPORT_H

#include "convert/fleet/history.h"

enum report_form { REPORT_JSON, REPORT_CSV, REPORT_MARKDOWN, REPORT_HTML };
/* By the name's ending: .json, .csv, .md, .html. */
bool report_form_of(const char *path, enum report_form *ret);

/* NULL where memory ends. All other forms are made of it, so their numbers are equal. */
struct json *report_make(const struct history *history);
int report_print(const struct json *report, enum report_form form, struct bytes *ret,
                 struct error *err);

#endif
