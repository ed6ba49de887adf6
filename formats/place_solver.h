/* place_solver.h: what the parts of place_solve share: the grid of places, the partitions, the
 * claims. Known by the formats/place*.c only. */
#ifndef FORMATS_PLACE_SOLVER_H
#define FORMATS_PLACE_SOLVER_H

#include "formats/place_facts.h"

#define NO_PLACE          SIZE_MAX
#define SOLVER_PARTITIONS (GPT_PARTITIONS_MAX + 1)
#define SOLVER_VOLUMES    16u

struct partition {
    uint64_t start, end; /* bytes of the disk */
    bool apfs;
};

struct volume { /* an ext4 file system, known by its superblock copies */
    struct ext4_super super;
    uint64_t *tables; /* inode tables by group, bytes from its start, 0 unknown; NULL: none */
    uint64_t start;   /* byte of the disk, if placed */
    bool placed;
};

struct claim {
    bool made;         /* index and grade are set */
    bool contradicted; /* its evidence disagrees with itself or with another chunk's */
    size_t index;
    enum place_grade grade;
};

struct solver {
    const struct place_chunk *chunks;
    size_t count; /* of chunks and of places */
    uint64_t disk_size, length;
    size_t last; /* the chunk that is shorter than length, hence the last; NO_PLACE: none */
    struct chunk_place *places; /* the result, by chunk */
    struct claim *claims;       /* by chunk */
    size_t *owner;              /* by place: a chunk, or NO_PLACE */
    bool *disputed;             /* by place: several chunks claim it */
    struct partition partitions[SOLVER_PARTITIONS];
    size_t partition_count;
    struct volume volumes[SOLVER_VOLUMES];
    size_t volume_count;
    struct apfs_mapping *mappings; /* of all chunks, sorted */
    size_t mapping_count;
    char *note; /* PLACE_WHY_SIZE */
};

/* Whether a chunk may begin at that byte of the disk; ret_index: then its place. */
bool solver_start_fits(const struct solver *solver, size_t chunk, int64_t start, size_t *ret_index);
/* Whether one of two chunks could be taken for the other. */
bool solver_same(const struct solver *solver, size_t a, size_t b);
/* Gives a place that has no owner. */
void solver_give(struct solver *solver, size_t chunk, size_t index, enum place_grade grade);
/* Up to PLACE_CANDIDATES that evidence speaks for; the other open places follow at the end. */
void solver_candidate_add(struct solver *solver, size_t chunk, size_t index);

/* place_disk.c: the table's two copies claim their places, and tell the partitions; ext4 file
 * systems get theirs. */
void solver_read_tables(struct solver *solver);
int solver_read_volumes(struct solver *solver, struct error *err);

/* place_vote.c: what each chunk's metadata says of its place becomes a claim. */
int solver_read_mappings(struct solver *solver, struct error *err);
int solver_vote(struct solver *solver, struct error *err);

/* place_tails.c: places chunks by the ends of files; ret_given: how many. */
int solver_match_tails(struct solver *solver, size_t *ret_given, struct error *err);

#endif
