/* packed.h: what a tool compressed once more: gzip (RFC 1952) and zstd (RFC 8878) around a blob
 * that was not made so. A packed blob stands before the one that holds the packed bytes and gives
 * what is inside.
 *
 * Bounded: a buffer of PACKED_BUFFER bytes each way, a zstd window of 128 MiB at most, and never
 * more output than is allowed. Damage is ERROR_STREAM_BLOCK, ERROR_STREAM_TRUNCATED,
 * ERROR_STREAM_TRAILING, ERROR_STREAM_LIMIT, each naming the packing and the packed byte.
 *
 * Owner: blob_close. Threads: as any blob. */
#ifndef FORMATS_CODEC_PACKED_H
#define FORMATS_CODEC_PACKED_H

#include "formats/model/blobs.h"

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

#define PACKED_MAGIC_SIZE 4
#define PACKED_BUFFER     (128u << 10)
/* No layer is longer than that inside: Tart's have 537 MB at most, in V1 and V2. */
#define UNPACKED_MAX (UINT64_C(4) << 30)

/* By the first bytes; fewer than PACKED_MAGIC_SIZE are PACKING_NONE. */
enum packing packing_of(const uint8_t *start, size_t size);
/* "none", "gzip", "zstd" */
const char *packing_name(enum packing packing);
/* zstd's version, for --version. Lives for ever. */
const char *zstd_library(void);

/* Takes outer over, also when it fails. size: what may come out at most; that all of it comes is
 * for whoever reads to check. */
int packed_open(enum packing packing, struct blob *outer, uint64_t size, struct blob **ret,
                struct error *err);

/* Behind packed_open: one file a packing. */
struct unpacker_ops {
    int (*open)(void **ret, struct error *err);
    /* Unpacks what is at *in (none left: end of the packed bytes) and moves it on; *ret_size bytes
     * came. 1: go on; 0: a stream has just ended whole, another may follow; -1. */
    int (*step)(void *state, const uint8_t **in, size_t *in_size, uint8_t *out, size_t capacity,
                size_t *ret_size, struct error *err);
    void (*close)(void *state);
};
extern const struct unpacker_ops gzip_ops, zstd_ops;

#endif
