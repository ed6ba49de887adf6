/* salvage_report.h: what a salvaged disk lacks, told. */
#ifndef CONVERT_CLI_SALVAGE_REPORT_H
#define CONVERT_CLI_SALVAGE_REPORT_H

#include "convert/engine/convert.h"
#include "convert/output/document.h"

/* The member "salvage" of a conversion; null where all is whole. */
void put_salvage(struct document *document, const struct salvage *salvage);
/* The first ranges, and how many more there are; to be called where something is not whole. */
void tell_salvage(struct run *run, const struct reference *reference,
                  const struct salvage *salvage);

#endif
