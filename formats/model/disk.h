/* disk.h: the disk of an image, as its manifest or its file describes it, and the words for walking
 * over it.
 *
 * A disk is read as a sequence of extents; extents travel in batches, which own the memory behind
 * them, so that one thread can decode a batch while another hashes the one before. */
#ifndef FORMATS_MODEL_DISK_H
#define FORMATS_MODEL_DISK_H

#include "formats/model/blobs.h"

enum disk_format { DISK_RAW, DISK_V1, DISK_V2 };

/* "raw", "disk.v1", "disk.v2" */
const char *disk_format_name(enum disk_format format);

struct disk_layer {
    size_t index; /* in the manifest's layers: what messages and findings name; 0 for a raw disk */
    struct blob_id blob;
    /* V2 only, from the layer's annotations; raw: the whole file */
    uint64_t offset;       /* of its first byte on the disk: the sum of the lengths before */
    uint64_t length;       /* bytes of disk it decodes to */
    struct digest content; /* of those bytes */
    bool has_content;
};

struct disk {
    enum disk_format format;
    struct disk_layer *layers; /* in disk order, as the manifest says it */
    size_t layer_count;
    uint64_t size; /* bytes; for V1 from the manifest's annotation */
    bool has_size; /* false: a V1 image from before 0.9 */
};

void disk_done(struct disk *disk);

/* A stretch of a disk as a reader gives it. */
struct extent {
    uint64_t length;     /* bytes of disk, at least 1 */
    const uint8_t *data; /* NULL: zeros */
    /* The encoded form, header included, where it came from a framed stream: of this extent
     * exactly, or, for zeros, of each BLOCK_SIZE bytes of it alike. NULL where there is none.
     * Opaque outside codec/. */
    const uint8_t *block;
    uint32_t block_size;
};

#define BLOCK_SIZE         65536u /* decoded bytes of a block: docs/formats/applelz4.md */
#define BATCH_DATA_SIZE    (1024u << 10)
#define BATCH_EXTENTS_MAX  128
#define BATCH_HISTORY_SIZE 65536u

/* Consecutive extents with the memory they lie in. Owner: whoever holds it; one thread at a time.
 * The reader fills it through batch_* calls in disk_*.c and codec/; everybody else only reads
 * extents. */
struct batch {
    uint64_t offset; /* on the disk, of the first extent */
    uint64_t limit;  /* set by the asker: at most that many bytes of disk */
    uint64_t length; /* bytes of disk in it */
    struct extent extents[BATCH_EXTENTS_MAX];
    size_t extent_count;
    uint8_t *data; /* BATCH_DATA_SIZE bytes, with BATCH_HISTORY_SIZE readable before them for a
                      decoder's history */
    size_t data_used;
    uint8_t *encoded; /* BATCH_ENCODED_SIZE bytes */
    size_t encoded_used;
    uint8_t *memory;   /* the one allocation behind data and encoded */
    size_t chunk;      /* set by the asker: which chunk of its plan this belongs to */
    bool last;         /* set by the asker: the chunk ends with this batch */
    bool wants_blocks; /* set by the asker, true at birth: whether extents carry their encoded form
                        */
};

/* Stored blocks add 8 bytes each to the data; compressed ones are smaller than that. */
#define BATCH_ENCODED_SIZE (BATCH_DATA_SIZE + BATCH_EXTENTS_MAX * 16u)

struct batch *batch_new(struct error *err); /* NULL and err */
struct batch *batch_free(struct batch *batch);
/* Empties it for filling from offset on, at most limit bytes. */
void batch_reset(struct batch *batch, uint64_t offset, uint64_t limit);

#endif
