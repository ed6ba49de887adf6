/* archive_index.h: where in an archive what lies: oci-layout, index.json, and blobs by their
 * digests. No I/O.
 *
 * Owner: archive_index_done. Threads: one at a time. */
#ifndef CONVERT_STORES_ARCHIVE_INDEX_H
#define CONVERT_STORES_ARCHIVE_INDEX_H

#include "convert/stores/layout_index.h"

#define ARCHIVE_BLOBS "blobs/sha256/"

struct archive_extent {
    uint64_t offset, size; /* of the bytes, in the archive */
    bool there;
};

struct archive_blob {
    struct digest digest;
    struct archive_extent extent;
};

struct archive_index {
    struct archive_extent marker, index; /* oci-layout, index.json */
    struct archive_blob *blobs;          /* in the order of their digests */
    size_t count, capacity;
};

void archive_index_done(struct archive_index *index); /* takes a zeroed one too */

/* A file by its name in the archive; one that is none of a layout's is passed over.
 * ERROR_LAYOUT_INVALID where the name was there already. */
int archive_index_add(struct archive_index *index, const char *name, uint64_t offset, uint64_t size,
                      struct error *err);
/* A blob: 1; 0 where it was there already; -1. */
int archive_index_add_blob(struct archive_index *index, const struct digest *digest,
                           uint64_t offset, uint64_t size, struct error *err);
/* NULL where it is absent; lives until the next addition. */
const struct archive_blob *archive_index_find(const struct archive_index *index,
                                              const struct digest *digest);

#endif
