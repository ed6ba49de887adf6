/* local_source.h: a machine in plain files, as vm: and raw: give it: a disk, and perhaps a vm
 * config and an NVRAM.
 *
 * Files stay open, so a name that moves changes nothing; blobs are told apart by their ids, of
 * which the disk's has no digest.
 *
 * Owner: local_source_done. Threads: read-only once filled; blobs may then be opened from several.
 */
#ifndef CONVERT_STORES_LOCAL_SOURCE_H
#define CONVERT_STORES_LOCAL_SOURCE_H

#include "convert/stores/store.h"

struct local_file {
    int fd;     /* -1: none */
    char *name; /* for messages */
    struct blob_id id;
};

struct local_source {
    struct blobs blobs; /* first member */
    struct local_file disk, vm_config, nvram;
};

void local_source_init(struct local_source *source);
void local_source_done(struct local_source *source);

/* The disk: takes fd over, also when it fails. ERROR_DISK_EMPTY for size 0. */
int local_source_set_disk(struct local_source *source, int fd, uint64_t size, const char *name,
                          struct error *err);
/* A companion (&source->vm_config or &source->nvram): opens a regular file (flags as file_open) and
 * reads it for its digest. ERROR_NO_SUCH_FILE; ERROR_UNSUPPORTED where it is longer than limit or
 * no regular file. */
int local_source_add(struct local_file *file, int folder, const char *name, int flags, size_t limit,
                     struct error *err);
/* The image of all that. */
int local_source_load(struct local_source *source, struct image *ret, struct error *err);

#endif
