/* check.h: what the checks share among themselves; the world uses checks.h. Every check_<name>() is
 * a row of the table in checks.c: it adds to findings what it has to say, and returns -1 with err
 * only where memory ends. A check whose facts were not gathered says nothing. */
#ifndef FORMATS_CHECKS_CHECK_H
#define FORMATS_CHECKS_CHECK_H

#include "formats/checks/checks.h"

int check_manifest(const struct facts *facts, struct findings *findings, struct error *err);
int check_rules(const struct facts *facts, struct findings *findings, struct error *err);
int check_annotations(const struct facts *facts, struct findings *findings, struct error *err);
int check_format(const struct facts *facts, struct findings *findings, struct error *err);
int check_blobs(const struct facts *facts, struct findings *findings, struct error *err);
int check_chain(const struct facts *facts, struct findings *findings, struct error *err);
int check_sizes(const struct facts *facts, struct findings *findings, struct error *err);
int check_order(const struct facts *facts, struct findings *findings, struct error *err);
int check_seal(const struct facts *facts, struct findings *findings, struct error *err);
int check_config(const struct facts *facts, struct findings *findings, struct error *err);
int check_gpt(const struct facts *facts, struct findings *findings, struct error *err);
int check_names(const struct facts *facts, struct findings *findings, struct error *err);

/* Places for findings_add. */
#define NO_PLACE ((struct error_place){-1, -1, -1})
static inline struct error_place at_layer(size_t layer)
{
    return (struct error_place){(int64_t)layer, -1, -1};
}
static inline struct error_place at_disk(uint64_t disk_offset)
{
    return (struct error_place){-1, -1, (int64_t)disk_offset};
}

/* Damage of the image becomes a finding (0); what is no damage, such as the end of memory, stays an
 * error (-1). */
int report_error(const struct error *found, const char *fix, struct findings *findings,
                 struct error *err);

/* Its disk layers are disk.v1, all of them. */
bool is_v1_only(const struct manifest *manifest);

/* ASIF: Apple's sparse image, a file format of its own inside the disk file. MAYBE: its magic, in a
 * version that is not known. */
enum asif { ASIF_UNSEEN, ASIF_NO, ASIF_MAYBE, ASIF_YES };
enum asif disk_asif(const struct facts *facts);

#endif
