/* observer.h: the one sink for what happens in a run. cli/ prints it; it never steers the work.
 *
 * Threads: the engine calls it from several threads, but never from two at once. Callbacks return
 * at once. NULL members are skipped. Strings live for the call only. */
#ifndef FORMATS_MODEL_OBSERVER_H
#define FORMATS_MODEL_OBSERVER_H

#include "formats/model/finding.h"

#include <stdint.h>

struct observer {
    void *context;
    /* done of total bytes of disk; total 0: not known */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void (*warning)(void *context, const char *text);
    /* something worth a line with --verbose */
    void (*detail)(void *context, const char *text);
};

void observe_progress(const struct observer *observer, uint64_t done, uint64_t total);
void observe_warning(const struct observer *observer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void observe_detail(const struct observer *observer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
