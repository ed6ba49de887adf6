/* appender.h: a new file written from its start to its end, in large pieces. Where the file system
 * allows it they go to the disk directly: a disk image is not read again soon, and its pages would
 * cost more than writing them.
 *
 * Owner: appender_done; the file descriptor is borrowed and must be open for writing, at length 0.
 * Threads: one appender, one thread. */
#ifndef CONVERT_STORES_APPENDER_H
#define CONVERT_STORES_APPENDER_H

#include "convert/stores/files.h"

struct appender {
    int fd;
    const char *name; /* for messages; borrowed */
    uint8_t *buffer;  /* made by the first write */
    size_t used;
    uint64_t written; /* bytes in the file */
    bool direct;
};

void appender_init(struct appender *appender, int fd, const char *name);
void appender_done(struct appender *appender); /* takes a zeroed one too */

int appender_write(struct appender *appender, const void *data, size_t size, struct error *err);
/* Writes what is left and brings the file to the disk. */
int appender_finish(struct appender *appender, struct error *err);

#endif
