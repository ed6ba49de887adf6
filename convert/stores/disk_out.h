/* disk_out.h: a disk file being written: sparse, from any thread, in any order.
 *
 * Owner: whoever embeds it; the file (of a temporary) is borrowed. Threads: as struct disk_file
 * says. */
#ifndef CONVERT_STORES_DISK_OUT_H
#define CONVERT_STORES_DISK_OUT_H

#include "formats/model/blobs.h"

struct disk_out {
    struct disk_file file; /* first member */
    int fd;
    const char *name; /* for messages */
};

void disk_out_init(struct disk_out *out, int fd, const char *name);
/* Gives it its size (the rest reads as zeros) and brings it to the disk. */
int disk_out_finish(struct disk_out *out, uint64_t size, struct error *err);

#endif
