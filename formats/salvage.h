/* salvage.h: what can still be had of a damaged disk.v1: a survey of its stream, then a reader that
 * leaves out what is lost. How it works and what is proved: docs/formats/disk-v1.md, "Salvage".
 *
 * Every byte of the disk that is in none of the ranges is proved to be the image's: it was decoded
 * out of layers that match their digests, and its place on the disk is known. Ranges never overlap;
 * they are exact, until there are too many: then they also cover what lies between two of them.
 *
 * Owner: salvage_free, after every reader. Threads: one at a time. Nothing here does I/O. */
#ifndef FORMATS_SALVAGE_H
#define FORMATS_SALVAGE_H

#include "formats/format.h"
#include "formats/model/digest.h"

/* In the order of how little is known. */
enum salvage_kind {
    SALVAGE_UNVERIFIED, /* written as they decode, but out of a layer whose digest is wrong, or at a
                           place that is not proved */
    SALVAGE_DERIVED,    /* zeros in place of copies of missing bytes */
    SALVAGE_MISSING,    /* zeros: the blocks are damaged or gone */
};

/* "unverified", "derived", "missing" */
const char *salvage_kind_name(enum salvage_kind kind);

struct salvage_range {
    uint64_t offset, length; /* of disk */
    enum salvage_kind kind;
};

#define SALVAGE_RANGES_MAX 16384u

struct salvage_ranges {
    struct salvage_range *items; /* in disk order */
    size_t count;
    uint64_t grain;                      /* ranges that are no further apart were made one */
    uint64_t bytes[SALVAGE_MISSING + 1]; /* of each kind, exactly */
};

/* A layer as it is. */
struct salvage_layer {
    size_t index;         /* in the manifest's layers */
    uint64_t start, size; /* bytes of the stream, counted as they are there */
    uint64_t missing;     /* bytes that it has less than its descriptor says */
    struct digest digest; /* of what is there */
    bool absent, good;    /* good: it is what its descriptor says */
};

/* A stretch of the disk that can be decoded; between them, all is missing. */
struct salvage_island {
    uint64_t at; /* the stream's byte at which its first block begins */
    uint64_t offset, length;
    bool sure; /* its place is proved; else what it decodes to is unverified */
};

struct salvage {
    const struct disk *disk;
    struct blobs *blobs;
    uint64_t size; /* of the disk */
    bool damaged;  /* false: layers and chain of blocks are whole, any reader does */
    /* The disk between the last bytes that follow from its start and the first that follow from its
     * end (or the end itself); equal where there is no such gap. */
    uint64_t gap_start, gap_end;
    uint64_t unplaced; /* bytes that could be read, but nothing tells where on the disk they lie:
                          they are left out, and so missing */
    struct salvage_layer *layers; /* as many as the disk has */
    struct salvage_island *islands;
    size_t island_count;
    struct salvage_ranges ranges; /* complete when a reader came to the disk's end */
};

/* Told while layers are read; what it returns goes on. */
struct salvage_watch {
    void *context;
    int (*step)(void *context, uint64_t bytes, struct error *err);
};

/* Reads the stream once to three times. blobs may be of any store: digests are looked at here. A
 * layer that is absent (ERROR_BLOB_MISSING), short, long or changed is no error. watch may be NULL;
 * disk and blobs are borrowed until salvage_free. ERROR_STREAM_BLOCK where nothing can be read;
 * ERROR_DISK_SIZE where what can be does not fit the disk's size, so that no place is sure, or
 * where that size is not known. */
int salvage_survey(const struct disk *disk, struct blobs *blobs, const struct salvage_watch *watch,
                   struct salvage **ret, struct error *err);
struct salvage *salvage_free(struct salvage *salvage); /* takes NULL; returns NULL */

/* With reader_options.salvage a reader gives the disk of salvage->size bytes: one at a time, since
 * it fills salvage->ranges. It begins at 0 only. Extents have no encoded form. ERROR_IO where a
 * layer is not any more what the survey saw. */

/* --- private to formats/ --- */

/* In disk order, behind all that was added before. */
int ranges_add(struct salvage_ranges *ranges, uint64_t offset, uint64_t length,
               enum salvage_kind kind, struct error *err);
void ranges_reset(struct salvage_ranges *ranges);

#endif
