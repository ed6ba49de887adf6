/* proof.h: the record that source and destination decode to the same disk (docs/json.md, kind
 * "proof"). It holds no clock and no path: the same conversion gives the same bytes. Owner:
 * proof_done. */
#ifndef CONVERT_ENGINE_PROOF_H
#define CONVERT_ENGINE_PROOF_H

#include "convert/engine/run.h"
#include "formats/format.h"
#include "formats/model/json.h"

enum basis {
    BASIS_DECODED,   /* both sides decoded in this conversion */
    BASIS_REUSED,    /* a foreign blob, fetched, decoded and compared (reuse.h) */
    BASIS_SAME_BLOB, /* the blob is the source's; content is what its annotation says, not verified
                        here */
};

struct proof_chunk {
    uint64_t offset, length;
    struct digest content;
    struct blob_id
        blob; /* has_digest false: the destination has no blob of its own for it (V1, raw) */
    enum basis basis;
};

struct proof {
    bool has_source, has_destination;  /* a disk without a manifest has no digest */
    struct digest source, destination; /* of the manifests */
    uint64_t disk_size;
    bool has_disk_digest;
    struct digest disk_digest;
    char encoder[16];         /* "" where nothing was encoded by choice (a copy) */
    char encoder_library[16]; /* liblz4's version where the bytes depend on it; else "" */
    struct block_counts blocks;
    struct proof_chunk *chunks; /* in disk order, without gaps */
    size_t chunk_count;
    struct digest *dropped; /* foreign layers left out */
    size_t dropped_count;
};

#define PROOF_SIZE_MAX (64u << 20)

void proof_done(struct proof *proof);

/* NULL where memory ends. */
struct json *proof_to_json(const struct proof *proof);
/* ERROR_PROOF_INVALID, with the member, where it is none; chunks must cover the disk. */
int proof_parse(const void *text, size_t size, struct proof *ret, struct error *err);

/* Decodes a disk, whatever its own cut, and compares it with the proof, chunk by chunk: 1: it fits;
 * 0: it does not, and *ret_misfit says where, as an error of class ERROR_CONTENT_DIGEST or
 * ERROR_DISK_SIZE; -1. */
int proof_hold(const struct proof *proof, struct run *run, const struct disk *disk,
               struct blobs *blobs, struct error *ret_misfit, struct error *err);

/* Compares what was hashed at the proof's own offsets, one a chunk, with the proof: 1, or 0 with
 * *ret_misfit. */
struct pass_chunk;
int proof_compare(const struct proof *proof, const struct pass_chunk *chunks,
                  struct error *ret_misfit);

#endif
