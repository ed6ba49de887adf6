/* place_facts.h: what place_scan.c finds in a chunk and place_solve's parts weigh. Known by the
 * formats/place*.c only; place.h is what others see. Offsets in a chunk are counted in units of
 * PLACE_UNIT bytes, so that a chunk may begin anywhere a 256th byte of a block does. */
#ifndef FORMATS_PLACE_FACTS_H
#define FORMATS_PLACE_FACTS_H

#include "formats/apfs.h"
#include "formats/ext4.h"
#include "formats/gpt.h"
#include "formats/place.h"
#include "formats/thin.h"

#define PLACE_UNIT        256u
#define PLACE_BLOCK       4096u /* the grid of the ends of files, counted from the chunk's start */
#define PLACE_DELTAS_MAX  1024u
#define PLACE_SUPERS_MAX  32u
#define PLACE_TABLES_MAX  4u
#define PLACE_HEADERS_MAX 8u

/* Objects that agree on where this chunk begins. */
struct place_delta {
    int64_t start;    /* bytes from the container's start to the chunk's */
    uint64_t oid_max; /* what the container must reach to */
    uint32_t count;
};

struct place_virtual {
    uint64_t oid, xid; /* first: what thinning goes by */
    uint64_t unit;
};

struct place_apfs_end {
    uint64_t end;  /* bytes from the container's start */
    uint64_t unit; /* of the leaf in the chunk: which container it belongs to */
};

struct place_ext4_end {
    uint64_t end;
    uint32_t masked, pad;
};

struct place_masked { /* inode or attribute block */
    uint32_t masked, unit;
};

struct place_super {
    uint64_t unit;
    struct ext4_super super;
};

/* A table of group descriptors, as bytes; what comes before and behind the chunk is not there. */
struct place_table {
    uint64_t offset; /* in the chunk */
    size_t size;
    uint8_t *data;
    struct ext4_super super;
};

struct place_facts {
    uint64_t length;
    bool zero;
    uint16_t *ends; /* for each block, how many bytes there are up to its last that is not zero */
    size_t blocks;
    struct gpt_table *primary, *backup; /* as found at the chunk's start and in its last 64 KiB */
    uint64_t backup_offset;
    struct { /* any header with a right checksum, for the place that it names */
        uint64_t offset, lba;
        uint32_t sector_size;
        uint8_t guid[16];
    } headers[PLACE_HEADERS_MAX];
    size_t header_count;
    struct place_delta *deltas; /* PLACE_DELTAS_MAX while scanning, then delta_count */
    size_t delta_count;
    struct place_super supers[PLACE_SUPERS_MAX];
    size_t super_count;
    struct place_table tables[PLACE_TABLES_MAX];
    size_t table_count;
    struct thin virtuals;   /* struct place_virtual */
    struct thin mappings;   /* struct apfs_mapping */
    struct thin inodes;     /* struct place_masked */
    struct thin attributes; /* struct place_masked */
    struct thin apfs_ends;  /* struct place_apfs_end */
    struct thin ext4_ends;  /* struct place_ext4_end */
};

#endif
