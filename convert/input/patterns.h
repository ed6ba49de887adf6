/* patterns.h: which names are meant: regular expressions that allow and deny, and ranges of
 * versions. Used for repositories and tags alike by scan, batch files and --only.
 *
 * A name is meant where it fits one of `allow` or is in `semver` (a name that is no version is in
 * none), or there is neither, and fits none of `deny`. Regular expressions are POSIX extended, have
 * to fit the whole name, and have at most PATTERN_SIZE_MAX bytes; what other dialects have and
 * POSIX would take for something else ("\d", "(?") is refused. Ranges are written as in regsync:
 * comparators =, !=, >, <, >=, <=, ~, ^, x-ranges and "a - b", joined by spaces or commas (all
 * hold) and "||" (one holds); a version may begin with "v"; one with a prerelease is in a range
 * only where a comparator of the same three numbers has a prerelease, too. More: semver.h.
 *
 * Owner: patterns_done, which takes a zeroed one. Threads: matching from any thread. */
#ifndef CONVERT_INPUT_PATTERNS_H
#define CONVERT_INPUT_PATTERNS_H

#include "formats/model/error.h"

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_SIZE_MAX 1024u
#define PATTERNS_MAX     64u /* of each kind */
/* "a{2,5}" is 5, "(ab{3}){4}" is 3 + 4 * 4. */
#define PATTERN_REPEATS_MAX 256u

struct pattern_list;
struct patterns {
    struct pattern_list *allow, *deny; /* NULL: none */
    struct semver_range *semver;       /* NULL: none */
};
void patterns_done(struct patterns *patterns);

/* ERROR_USAGE: what is wrong with the text, in one phrase without a place. */
int patterns_allow(struct patterns *patterns, const char *text, struct error *err);
int patterns_deny(struct patterns *patterns, const char *text, struct error *err);
int patterns_semver(struct patterns *patterns, const char *text, struct error *err); /* once */

/* 1, 0, -1 where memory ended, which matching takes. */
int patterns_judge(const struct patterns *patterns, const char *name, struct error *err);

#endif
