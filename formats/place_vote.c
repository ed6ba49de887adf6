/* place_vote.c: what a chunk's metadata says of its place. Each piece that names its own block
 * gives a start of the chunk; true ones agree, and fall on the grid of places. Copies that stand
 * elsewhere (a journal, an image of a disk kept as a file) agree with each other, too, but hit the
 * grid only by chance: so votes off the grid are counted as well, as a measure of that chance. */
#include "formats/place_solver.h"

#include "formats/model/auto.h"
#include "formats/model/bytes.h"

#include <stdio.h>
#include <string.h>

enum vote_kind { VOTE_APFS, VOTE_MAPPED, VOTE_SUPER, VOTE_INODES, VOTE_ATTRIBUTES, VOTE_KINDS };

static const char *const kind_texts[VOTE_KINDS] = {
    [VOTE_APFS] = "APFS objects that name their block",
    [VOTE_MAPPED] = "APFS objects that an object map names",
    [VOTE_SUPER] = "ext4 superblock copies",
    [VOTE_INODES] = "blocks of ext4 inodes",
    [VOTE_ATTRIBUTES] = "ext4 attribute blocks",
};

#define TALLY_PLACES 64u
#define TALLY_STRAYS 512u

struct tally_place {
    size_t index;
    uint64_t total, counts[VOTE_KINDS];
    uint64_t unchecked; /* of total, from superblocks without a checksum */
    uint64_t last_block;
};

struct tally {
    struct tally_place places[TALLY_PLACES];
    size_t place_count;
    uint64_t sum; /* of all votes on the grid, for places that did not fit in the list too */
    struct {
        int64_t start;
        uint64_t count;
    } strays[TALLY_STRAYS];
    size_t stray_count;
    uint64_t stray_sum;
};

struct voter {
    const struct solver *solver;
    size_t chunk;
    struct tally *tally;
};

static void vote_stray(struct tally *tally, int64_t start, uint64_t weight)
{
    tally->stray_sum += weight;
    for (size_t i = tally->stray_count; i-- > 0;)
        if (tally->strays[i].start == start) {
            tally->strays[i].count += weight;
            return;
        }
    if (tally->stray_count < TALLY_STRAYS) {
        tally->strays[tally->stray_count].start = start;
        tally->strays[tally->stray_count++].count = weight;
    }
}

/* block: votes of one kind from one block count once; 0 where each counts. */
static void vote_place(struct tally *tally, size_t index, enum vote_kind kind, uint64_t weight,
                       uint64_t block)
{
    struct tally_place *place = NULL;
    for (size_t i = 0; i < tally->place_count && place == NULL; i++)
        if (tally->places[i].index == index)
            place = &tally->places[i];
    if (place == NULL && tally->place_count < TALLY_PLACES) {
        place = &tally->places[tally->place_count++];
        *place = (struct tally_place){.index = index};
    }
    if (place != NULL && block != 0 && place->last_block == block)
        return;
    tally->sum += weight;
    if (place == NULL)
        return;
    place->last_block = block;
    place->counts[kind] += weight;
    place->total += weight;
}

/* One vote for a chunk that starts at that byte of the disk. */
static void vote(struct voter *voter, int64_t start, enum vote_kind kind, uint64_t weight,
                 uint64_t block)
{
    size_t index;
    if (solver_start_fits(voter->solver, voter->chunk, start, &index))
        vote_place(voter->tally, index, kind, weight, block);
    else
        vote_stray(voter->tally, start, weight);
}

/* --- APFS --- */

/* start: of the chunk, from a container's. Which container is not said: any that it fits. */
static void vote_apfs(struct voter *voter, int64_t start, uint64_t oid_max, enum vote_kind kind,
                      uint64_t weight)
{
    const struct solver *solver = voter->solver;
    bool any = false;
    for (size_t i = 0; i < solver->partition_count; i++) {
        const struct partition *partition = &solver->partitions[i];
        size_t index;
        if (!partition->apfs || oid_max >= (partition->end - partition->start) / APFS_BLOCK_SIZE ||
            !solver_start_fits(solver, voter->chunk, (int64_t)partition->start + start, &index))
            continue;
        vote_place(voter->tally, index, kind, weight, 0);
        any = true;
    }
    if (!any)
        vote_stray(voter->tally, start, weight);
}

static int mapping_compare(const void *a, const void *b)
{
    const struct apfs_mapping *x = a, *y = b;
    if (x->oid != y->oid)
        return x->oid < y->oid ? -1 : 1;
    if (x->xid != y->xid)
        return x->xid < y->xid ? -1 : 1;
    return x->block < y->block ? -1 : x->block > y->block;
}

int solver_read_mappings(struct solver *solver, struct error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < solver->count; i++)
        if (solver->chunks[i].facts != NULL)
            total += solver->chunks[i].facts->mappings.count;
    if (total == 0)
        return 0;
    solver->mappings = malloc(total * sizeof *solver->mappings);
    if (solver->mappings == NULL)
        return error_memory(err);
    for (size_t i = 0; i < solver->count; i++) {
        const struct place_facts *facts = solver->chunks[i].facts;
        if (facts == NULL || facts->mappings.count == 0)
            continue;
        memcpy(solver->mappings + solver->mapping_count, facts->mappings.items,
               facts->mappings.count * sizeof *solver->mappings);
        solver->mapping_count += facts->mappings.count;
    }
    qsort(solver->mappings, total, sizeof *solver->mappings, mapping_compare);
    return 0;
}

/* The block that all mappings of (oid, xid) agree on; 0: none, or several. */
static uint64_t mapped_block(const struct solver *solver, uint64_t oid, uint64_t xid)
{
    struct apfs_mapping key = {oid, xid, 0};
    size_t low = 0, high = solver->mapping_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mapping_compare(&solver->mappings[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    uint64_t block = 0;
    for (; low < solver->mapping_count; low++) {
        const struct apfs_mapping *mapping = &solver->mappings[low];
        if (mapping->oid != oid || mapping->xid != xid)
            break;
        if (block != 0 && mapping->block != block)
            return 0;
        block = mapping->block;
    }
    return block;
}

static void vote_by_apfs(struct voter *voter, const struct place_facts *facts)
{
    for (size_t i = 0; i < facts->delta_count; i++) {
        const struct place_delta *delta = &facts->deltas[i];
        vote_apfs(voter, delta->start, delta->oid_max, VOTE_APFS, delta->count);
    }
    const struct place_virtual *virtuals = facts->virtuals.items;
    for (size_t i = 0; i < facts->virtuals.count; i++) {
        uint64_t block = mapped_block(voter->solver, virtuals[i].oid, virtuals[i].xid);
        if (block == 0)
            continue;
        int64_t start =
            (int64_t)(block * APFS_BLOCK_SIZE) - (int64_t)(virtuals[i].unit * PLACE_UNIT);
        vote_apfs(voter, start, block, VOTE_MAPPED, 1);
    }
}

/* --- ext4 --- */

static void vote_by_supers(struct voter *voter, const struct place_facts *facts,
                           const struct volume *volume)
{
    for (size_t i = 0; i < facts->super_count; i++) {
        const struct ext4_super *super = &facts->supers[i].super;
        if (memcmp(super->uuid, volume->super.uuid, sizeof super->uuid) != 0)
            continue;
        int64_t start = (int64_t)(volume->start + ext4_super_offset(super)) -
                        (int64_t)(facts->supers[i].unit * PLACE_UNIT);
        vote(voter, start, VOTE_SUPER, 1, 0);
        size_t index;
        if (super->checksums || !solver_start_fits(voter->solver, voter->chunk, start, &index))
            continue;
        for (size_t p = 0; p < voter->tally->place_count; p++)
            if (voter->tally->places[p].index == index)
                voter->tally->places[p].unchecked++;
    }
}

static void vote_by_inodes(struct voter *voter, const struct place_facts *facts,
                           const struct volume *volume)
{
    const struct ext4_super *super = &volume->super;
    if (volume->tables == NULL || !super->descriptors || super->inode_size != EXT4_INODE_SIZE)
        return;
    const struct place_masked *inodes = facts->inodes.items;
    for (size_t i = 0; i < facts->inodes.count; i++) {
        uint64_t offset = ext4_inode_offset(super, volume->tables, inodes[i].masked ^ super->seed);
        if (offset == 0)
            continue;
        int64_t start = (int64_t)(volume->start + offset) - (int64_t)inodes[i].unit * PLACE_UNIT;
        vote(voter, start, VOTE_INODES, 1, inodes[i].unit / (PLACE_BLOCK / PLACE_UNIT) + 1);
    }
}

static void vote_by_attributes(struct voter *voter, const struct place_facts *facts,
                               const struct volume *volume)
{
    if (volume->super.block_size != EXT4_BLOCK_SIZE)
        return;
    const struct place_masked *blocks = facts->attributes.items;
    for (size_t i = 0; i < facts->attributes.count; i++) {
        uint64_t block = blocks[i].masked ^ volume->super.seed;
        if (block == 0 || block >= volume->super.blocks)
            continue;
        int64_t start = (int64_t)(volume->start + block * EXT4_BLOCK_SIZE) -
                        (int64_t)blocks[i].unit * PLACE_UNIT;
        vote(voter, start, VOTE_ATTRIBUTES, 1, 0);
    }
}

static void vote_by_ext4(struct voter *voter, const struct place_facts *facts)
{
    for (size_t i = 0; i < voter->solver->volume_count; i++) {
        const struct volume *volume = &voter->solver->volumes[i];
        if (!volume->placed)
            continue;
        vote_by_supers(voter, facts, volume);
        if (!volume->super.checksums)
            continue;
        vote_by_inodes(voter, facts, volume);
        vote_by_attributes(voter, facts, volume);
    }
}

/* --- from votes to a claim --- */

#define ENOUGH_VOTES 2u
/* Of so many places that chance could have hit, how often it hits the grid: strays times 1000 (or
 * 200) may at most be the blocks of a chunk. */
#define CHANCE_PROVED 1000u
#define CHANCE_LIKELY 200u

/* What the votes for a place are worth; PLACE_UNKNOWN: not enough. */
static enum place_grade tally_grade(const struct solver *solver, const struct tally *tally,
                                    const struct tally_place *top)
{
    uint64_t blocks = solver->length / PLACE_BLOCK, runs = 0;
    for (size_t i = 0; i < tally->stray_count; i++)
        runs += tally->strays[i].count >= ENOUGH_VOTES;
    if (top->total * 5 < tally->sum * 4)
        return PLACE_UNKNOWN;
    if (top->total < ENOUGH_VOTES)
        return (tally->stray_count + 1) * CHANCE_PROVED <= blocks ? PLACE_LIKELY : PLACE_UNKNOWN;
    if (tally->stray_count == TALLY_STRAYS)
        runs = TALLY_STRAYS;
    bool outweighs = top->total * 2 >= tally->sum + tally->stray_sum;
    if (!outweighs && runs * CHANCE_LIKELY > blocks)
        return PLACE_UNKNOWN;
    if (top->unchecked == top->total || (!outweighs && runs * CHANCE_PROVED > blocks))
        return PLACE_LIKELY;
    return PLACE_PROVED;
}

static void reason_write(const struct tally_place *top, char *why)
{
    size_t used = strlen(why);
    for (int kind = 0; kind < VOTE_KINDS && used < PLACE_WHY_SIZE; kind++)
        if (top->counts[kind] > 0) {
            int added =
                snprintf(why + used, PLACE_WHY_SIZE - used, "%s%s: %llu", used == 0 ? "" : ", ",
                         kind_texts[kind], (unsigned long long)top->counts[kind]);
            used += added < 0 ? 0 : (size_t)added;
        }
}

static void tally_judge(struct solver *solver, size_t chunk, struct tally *tally)
{
    const struct tally_place *top = &tally->places[0];
    for (size_t i = 0; i < tally->place_count; i++)
        if (tally->places[i].total > top->total)
            top = &tally->places[i];
    struct claim *claim = &solver->claims[chunk];
    enum place_grade grade = tally_grade(solver, tally, top);
    char *why = solver->places[chunk].why;
    if (claim->made && (grade == PLACE_UNKNOWN || top->index == claim->index)) {
        if (top->index != claim->index)
            return;
        reason_write(top, why);
        claim->grade = grade > claim->grade ? grade : claim->grade;
        return;
    }
    if (claim->made || grade == PLACE_UNKNOWN) {
        claim->contradicted = claim->made || tally->place_count > 1;
        solver_candidate_add(solver, chunk, top->index);
        for (size_t i = 0; i < tally->place_count; i++)
            solver_candidate_add(solver, chunk, tally->places[i].index);
        snprintf(why, PLACE_WHY_SIZE,
                 claim->made              ? "its partition table and its metadata name other places"
                 : tally->place_count > 1 ? "its metadata names several places"
                                          : "its metadata names a place, but may be a copy");
        return;
    }
    *claim = (struct claim){.made = true, .index = top->index, .grade = grade};
    reason_write(top, why);
}

int solver_vote(struct solver *solver, struct error *err)
{
    AUTO_FREE struct tally *tally = malloc(sizeof *tally);
    if (tally == NULL)
        return error_memory(err);
    for (size_t i = 0; i < solver->count; i++) {
        const struct place_facts *facts = solver->chunks[i].facts;
        if (facts == NULL || facts->zero)
            continue;
        memset(tally, 0, sizeof *tally);
        struct voter voter = {solver, i, tally};
        vote_by_apfs(&voter, facts);
        vote_by_ext4(&voter, facts);
        if (tally->place_count > 0)
            tally_judge(solver, i, tally);
    }
    return 0;
}
