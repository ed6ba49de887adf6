/* salvage_witness.h: what a disk says of its own places: where a stretch of it lies whose place is
 * not known, by the blocks in it that carry a checksum and their own address. Known by
 * formats/salvage*.c only.
 *
 * Source of the facts: docs/formats/gpt.md, apfs.md, ext4.md. Threads: none of it is shared. */
#ifndef FORMATS_SALVAGE_WITNESS_H
#define FORMATS_SALVAGE_WITNESS_H

#include "formats/salvage_track.h"

/* What must be known of a disk before its blocks can be understood: partitions and volumes. */
struct lore;

struct lore *lore_new(uint64_t disk_size, struct error *err);
struct lore *lore_free(struct lore *lore); /* takes NULL; returns NULL */
/* The block in hand lies at `offset` of the disk, which is sure. To be told in disk order. */
int lore_learn(struct lore *lore, const struct track *track, uint64_t offset, struct error *err);
/* Whether anything behind `offset` is to be learned, in the disk's first part. */
bool lore_wants(const struct lore *lore, uint64_t offset);
bool lore_has_table(const struct lore *lore);

/* Blocks that agree on where their stretch begins. */
struct claim {
    bool in_container; /* counted from the start of some partition, else from the disk's */
    int64_t start;
    uint64_t reach;         /* bytes that a partition must have for it */
    uint64_t last;          /* of the stretch, where the last of them lies */
    uint32_t blocks, known; /* of them all, and of those whose bytes are proved */
};

#define CLAIMS_MAX 8
struct witnesses {
    struct claim claims[CLAIMS_MAX];
    size_t count;
    bool crowded; /* more than that many differ */
};

/* Looks at the block in hand, `offset` bytes from its stretch's start. */
void witnesses_hear(struct witnesses *witnesses, const struct lore *lore, const struct track *track,
                    uint64_t offset);

/* Where a stretch may begin. */
struct berth {
    int64_t first, last;
    uint64_t grain; /* a multiple of it */
};

enum verdict {
    VERDICT_NONE,   /* too few, or they differ, or several places fit */
    VERDICT_LIKELY, /* one place fits, but not all speaks for it */
    VERDICT_PROVED,
};

enum verdict witnesses_agree(const struct witnesses *witnesses, const struct lore *lore,
                             const struct berth *berth, int64_t *ret_start);

#endif
