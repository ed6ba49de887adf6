/* semver.h: ranges of versions, as patterns.h says they are written. For patterns.c alone.
 *
 * A version is one to three numbers with "." between, missing ones being 0, "v" before them where
 * wanted, then a prerelease ("-a.1") and a build ("+x", which counts for nothing) as Semantic
 * Versioning 2.0.0 has them. What compares to a version of which numbers are missing, or "x", "X"
 * or "*", means all versions that begin so: =1.2 is any 1.2.x, >1.2 begins with 1.3.0, <=1.2 ends
 * before it.
 *
 * Owner: semver_free. Threads: read-only once made. */
#ifndef CONVERT_INPUT_SEMVER_H
#define CONVERT_INPUT_SEMVER_H

#include "formats/model/error.h"

#include <stdbool.h>

struct semver_range;

/* NULL and err: ERROR_USAGE, one phrase; ERROR_MEMORY. */
struct semver_range *semver_parse(const char *text, struct error *err);
struct semver_range *semver_free(struct semver_range *range); /* takes NULL; returns NULL */
/* False for what is no version, too. */
bool semver_has(const struct semver_range *range, const char *name);

#endif
