/* scan_report.h: an inventory told: as a table for people, as a document, as CSV. */
#ifndef CONVERT_CLI_SCAN_REPORT_H
#define CONVERT_CLI_SCAN_REPORT_H

#include "convert/fleet/inventory.h"

/* reasons: what each image needs is followed by why, where that is not said in any case. */
int scan_tell_text(const struct inventory *inventory, bool reasons, struct bytes *out,
                   struct error *err);
int scan_tell_json(const struct inventory *inventory, bool quick, struct bytes *out,
                   struct error *err);
int scan_tell_csv(const struct inventory *inventory, struct bytes *out, struct error *err);

#endif
