/* progress.h: what a run tells on standard error: progress, warnings, details. The one
 * implementation of struct observer, and the only place with a clock.
 *
 * Owner: progress_end before anything else is printed. Threads: as observer.h says, never from two
 * at once. */
#ifndef CONVERT_CLI_PROGRESS_H
#define CONVERT_CLI_PROGRESS_H

#include "convert/cli/options.h"

struct progress {
    struct observer observer;
    enum verbosity verbosity;
    bool live, plain;     /* a line redrawn, or a line now and then; neither: silence */
    bool drawn;           /* a live line stands there, without its end */
    uint64_t begun;       /* clocks are milliseconds: of the run, */
    uint64_t phase_begun; /* of what `done` counts, */
    uint64_t told;        /* and of the last line */
    uint64_t done;
};

void progress_init(struct progress *progress, const struct options *options);
/* Takes a live line away. */
void progress_end(struct progress *progress);

#endif
