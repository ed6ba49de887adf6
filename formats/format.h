/* format.h: the table of disk formats, and the checked front functions over their readers and
 * writers. Adding a format is adding a file and a row.
 *
 * Threads: a reader or writer is used by one thread at a time; several may be open on one disk.
 */
#ifndef FORMATS_FORMAT_H
#define FORMATS_FORMAT_H

#include "formats/checkpoint.h"
#include "formats/model/disk.h"

/* --- reading --- */

struct reader;
struct salvage;

/* What a reader tells and may ask; each member may be NULL. */
struct reader_options {
    void *context;
    /* Told by the reading thread, before what it is about is given out: all layers read since the
     * last seek that hold anything of the disk before `end` have matched their digests. The disk's
     * end is told only when every layer has. V1: checkpoint is the place behind those layers, valid
     * during the call; NULL where there is none. Formats without layers tell nothing. */
    int (*matched)(void *context, uint64_t end, const struct checkpoint *checkpoint,
                   struct error *err);
    /* V1: the place of the last known checkpoint at or before `offset`; 0: none. */
    uint64_t (*checkpoint_before)(void *context, uint64_t offset);
    /* Fetches the one at exactly that place. */
    int (*checkpoint_load)(void *context, uint64_t offset, struct checkpoint *ret,
                           struct error *err);
    /* V1: what a survey found of a damaged one is read, past the blobs given (salvage.h); nothing
     * is told as matched. */
    struct salvage *salvage;
};

struct reader_ops {
    int (*open)(const struct disk *disk, struct blobs *blobs, struct reader **ret,
                struct error *err);
    int (*read)(struct reader *reader, struct batch *batch, struct error *err);
    uint64_t (*start_before)(const struct reader *reader, uint64_t offset);
    int (*seek)(struct reader *reader, uint64_t offset, struct error *err);
    void (*close)(struct reader *reader);
};

struct reader { /* first member of every implementation */
    const struct reader_ops *ops;
    const struct disk *disk;
    const struct reader_options *options; /* never NULL; for read and seek */
    uint64_t position; /* disk offset of the next byte; kept by the front functions */
    bool failed;
};

/* disk and blobs are borrowed and outlive the reader. */
int reader_open(const struct disk *disk, struct blobs *blobs, struct reader **ret,
                struct error *err);
/* options are borrowed too. */
int reader_open_with(const struct disk *disk, struct blobs *blobs,
                     const struct reader_options *options, struct reader **ret, struct error *err);

/* Fills the batch (batch_reset with the reader's position first): 1 with at least one byte, 0 at
 * the end of the disk, -1. What comes is provisional until the end of its layer was reached without
 * an error: framing, end mark, nothing behind it, and the length the layer's annotation promises
 * are checked here; the layer's digest is checked by the blob at its end (ERROR_BLOB_DIGEST), which
 * the reader reaches before it goes on. An error's place is complete: layer, byte, disk offset.
 * After an error only reader_seek and reader_close are allowed. */
int reader_read(struct reader *reader, struct batch *batch, struct error *err);

/* The last place at or before offset at which reading can begin without decoding what lies before
 * it: a V2 layer's start, a V1 checkpoint, any place of a raw disk; 0 always is one. Who wants to
 * read from elsewhere begins there, reads up to it and drops that. */
uint64_t reader_start_before(const struct reader *reader, uint64_t offset);
/* Whether that is offset itself. */
bool reader_starts_at(const struct reader *reader, uint64_t offset);
/* Only to such an offset. ERROR_IO where a checkpoint does not fit the image. */
int reader_seek(struct reader *reader, uint64_t offset, struct error *err);
struct reader *reader_close(struct reader *reader); /* takes NULL; returns NULL */
void reader_close_auto(struct reader **reader);

/* --- writing --- */

/* How a chunk or stream became bytes; proof and report count blocks. */
struct block_counts {
    uint64_t encoded, carried;
};

struct written_chunk {
    uint64_t offset, length; /* bytes of disk */
    struct blob_id blob;     /* V2: the layer; else has_digest is false */
    struct block_counts blocks;
};

struct writer_options {
    struct encoder_kind encoder;
    bool encode_all;        /* carry no block over */
    bool keep_blocks;       /* carry a foreign encoder's blocks over too */
    uint64_t v1_layer_size; /* encoded bytes */
    uint64_t disk_size;     /* bytes that will be written in all */
    /* Where on the disk the source's encoder started anew or its blocks shift (V2: the layers'
     * starts), ascending; borrowed. What comes out does not depend on them being told where no
     * block is carried over. */
    const uint64_t *joints;
    size_t joint_count;
    struct sink *sink;      /* V1 and V2 */
    struct disk_file *file; /* raw */
};

struct writer;

struct writer_ops {
    int (*open)(const struct writer_options *options, struct writer **ret, struct error *err);
    int (*begin)(struct writer *writer, uint64_t length, struct error *err);
    int (*write)(struct writer *writer, const struct extent *extent, struct error *err);
    int (*end)(struct writer *writer, struct written_chunk *ret, struct error *err);
    /* V1: ends the stream and gives its layers (disk->layers allocated, owner: caller). NULL:
     * nothing to do. */
    int (*finish)(struct writer *writer, struct disk *ret, struct error *err);
    void (*close)(struct writer *writer);
};

struct writer { /* first member of every implementation */
    const struct writer_ops *ops;
    uint64_t offset;   /* of the chunk in hand; kept by the front functions */
    uint64_t end;      /* of the chunk in hand */
    uint64_t position; /* disk offset of the next byte */
    bool in_chunk;
};

/* options are copied; what they point to is borrowed. */
int writer_open(enum disk_format format, const struct writer_options *options, struct writer **ret,
                struct error *err);
/* Chunk by chunk: begin, write its extents (length bytes), end. V2: any chunk after any other. V1:
 * in disk order, from 0. Nothing of a chunk is published before end; a writer closed in a chunk
 * leaves nothing of it. */
int writer_begin(struct writer *writer, uint64_t offset, uint64_t length, struct error *err);
int writer_write(struct writer *writer, const struct batch *batch, struct error *err);
int writer_end(struct writer *writer, struct written_chunk *ret, struct error *err);
int writer_finish(struct writer *writer, struct disk *ret, struct error *err);
/* Gives the chunk in hand up, which begins anew or another does. Not for V1. */
void writer_abandon(struct writer *writer);
struct writer *writer_close(struct writer *writer); /* takes NULL; returns NULL */

#endif
