/* tar.h: tar archives: what is in one and where, and headers of new entries.
 *
 * Read are ustar, pax, GNU and V7 archives. Of what an archive may hold, only regular files are
 * told; folders are passed over; whatever else could lead elsewhere or stands for something else
 * than its own bytes is refused.
 *
 * Threads: no shared state. */
#ifndef CONVERT_STORES_TAR_H
#define CONVERT_STORES_TAR_H

#include "formats/model/bytes.h"

#define TAR_BLOCK_SIZE  512u
#define TAR_ENTRIES_MAX 100000
#define TAR_NAME_SIZE   256
#define TAR_HEADER_MAX  1536u

/* A regular file in an archive; its bytes lie there as they are. */
struct tar_entry {
    char name[TAR_NAME_SIZE]; /* without "./"; one that is longer is cut */
    uint64_t offset, size;    /* within the archive */
};
struct tar_visitor {
    int (*visit)(struct tar_visitor *visitor, const struct tar_entry *entry, struct error *err);
};

/* All entries in order. ERROR_NO_SUCH_IMAGE where it is no tar archive, ERROR_LAYOUT_INVALID where
 * it is damaged or holds what is refused, ERROR_UNSUPPORTED for sparse files. size: of the file. */
int tar_list(int fd, uint64_t size, struct tar_visitor *visitor, struct error *err);

/* Appends what stands before the entry's bytes: ustar, with a pax header only where the size needs
 * one; no times, owners or names of them. Behind the bytes come zeros up to a whole block, behind
 * the last entry two blocks of zeros. */
int tar_header(const char *name, uint64_t size, struct bytes *ret, struct error *err);

#endif
