/* observer.h: the one sink for what happens in a run. cli/ prints it; it never steers the work.
 *
 * Threads: the engine calls it from several threads, but never from two at once. Callbacks return
 * at once. NULL members are skipped. Strings live for the call only. */
#ifndef FORMATS_MODEL_OBSERVER_H
#define FORMATS_MODEL_OBSERVER_H

#include "formats/model/finding.h"

#include <stdint.h>

/* How a chunk came about at the destination. */
enum chunk_how {
    CHUNK_ZERO,    /* nothing but zeros */
    CHUNK_CARRIED, /* most of its blocks are the source's */
    CHUNK_ENCODED, /* most of them were encoded anew */
    CHUNK_REUSED,  /* a layer that was at the destination serves */
    CHUNK_COPIED,  /* as the source has it */
    CHUNK_DAMAGED, /* some of it is lost (salvage) */
};
#define CHUNK_HOW_COUNT 6
/* "zero", "carried", "encoded", "reused", "copied", "damaged" */
const char *chunk_how_name(enum chunk_how how);

/* A chunk that is finished. */
struct chunk_told {
    uint64_t offset, length; /* bytes of disk */
    uint64_t encoded_size;   /* 0: it has no blob of its own */
    enum chunk_how how;
};

struct observer {
    void *context;
    /* done of total bytes of disk; total 0: not known */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void (*warning)(void *context, const char *text);
    /* something worth a line with --verbose */
    void (*detail)(void *context, const char *text);
    /* of a conversion, in any order; the same again where it is made again */
    void (*chunk)(void *context, const struct chunk_told *chunk);
};

void observe_progress(const struct observer *observer, uint64_t done, uint64_t total);
void observe_warning(const struct observer *observer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void observe_detail(const struct observer *observer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void observe_chunk(const struct observer *observer, const struct chunk_told *chunk);

#endif
