/* finding.h: what verify has to say, as a list. A finding is a fact about the image with its place,
 * its cause and what to do. Ids come from one table, docs/damage.md explains each; they are never
 * renamed.
 *
 * Owner: findings_done. Threads: one at a time. */
#ifndef FORMATS_MODEL_FINDING_H
#define FORMATS_MODEL_FINDING_H

#include "formats/model/error.h"

#include <stddef.h>

enum severity {
    SEVERITY_NOTE,     /* worth knowing; the image is sound */
    SEVERITY_OBSTACLE, /* sound, but newest Tart cannot pull it or it needs normalising: exit status
                          3 */
    SEVERITY_DAMAGE,   /* exit status 2 */
};

/* "note", "obstacle", "damage" */
const char *severity_name(enum severity severity);

struct finding {
    const char *id; /* kebab-case, a constant: an error class's name or an id of its own */
    enum severity severity;
    struct error_place where; /* -1: does not apply */
    char text[480];           /* what is wrong, one phrase */
    char fix[240];            /* what to do, one phrase; may be empty */
};

struct findings {
    struct finding *items;
    size_t count, capacity;
    size_t left_out;              /* further ones than FINDINGS_MAX: only counted, */
    enum severity left_out_worst; /* with the highest severity among them */
};

#define FINDINGS_MAX 10000 /* a hostile manifest may break every layer */

/* Adds one; -1 and err only where memory ends. text is formatted by the caller's printf arguments,
 * fix is a constant. */
int findings_add(struct findings *findings, const char *id, enum severity severity,
                 struct error_place where, const char *fix, struct error *err, const char *format,
                 ...) __attribute__((format(printf, 7, 8)));
/* Adds an error as damage under its class's name. */
int findings_add_error(struct findings *findings, const struct error *found, const char *fix,
                       struct error *err);
void findings_done(struct findings *findings);
/* The highest severity in it; SEVERITY_NOTE for none. */
enum severity findings_worst(const struct findings *findings);

#endif
