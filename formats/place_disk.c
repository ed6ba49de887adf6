/* place_disk.c: what lies where on the disk: partitions by the table, and which ext4 file system is
 * in which of them. Where two answers fit, none is given. */
#include "formats/place_solver.h"

#include "formats/model/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- partition table --- */

static void claim_make(struct solver *solver, size_t chunk, size_t index, enum place_grade grade,
                       const char *why)
{
    struct claim *claim = &solver->claims[chunk];
    if (claim->made && claim->index != index) {
        claim->contradicted = true;
        return;
    }
    bool first = !claim->made;
    if (first || grade > claim->grade)
        *claim = (struct claim){.made = true, .index = index, .grade = grade};
    char *text = solver->places[chunk].why;
    size_t used = first ? 0 : strlen(text);
    snprintf(text + used, PLACE_WHY_SIZE - used, "%s%s", first ? "" : ", ", why);
}

/* The APFS types end alike: their first group spells what they are for. */
static bool type_is_apfs(const uint8_t type[16])
{
    static const uint8_t names[][4] = {
        {0xEF, 0x57, 0x34, 0x7C}, {'a', 'i', 'd', 'i'}, {'r', 'v', 'c', 'R'}};
    static const uint8_t rest[8] = {0xAA, 0x11, 0x00, 0x30, 0x65, 0x43, 0xEC, 0xAC};
    if (memcmp(type + 8, rest, sizeof rest) != 0)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (memcmp(type, names[i], sizeof names[i]) == 0)
            return true;
    return false;
}

static void partitions_take(struct solver *solver, const struct gpt_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct gpt_partition *from = &table->partitions[i];
        if (from->end <= solver->disk_size)
            solver->partitions[solver->partition_count++] =
                (struct partition){from->start, from->end, type_is_apfs(from->type)};
    }
}

/* Whether a table's last sector is the disk's. */
static bool spans_disk(const struct solver *solver, const struct gpt_table *table)
{
    uint64_t last = table->lba == 1 ? table->alternate : table->lba;
    return last + 1 == solver->disk_size / table->sector_size;
}

/* The one chunk that begins with a primary copy; an image of a disk kept as a file may have one
 * too, but hardly of this disk's size. NO_PLACE: none, or no telling. */
static size_t primary_find(const struct solver *solver)
{
    size_t found = NO_PLACE;
    bool unsure = false;
    for (size_t i = 0; i < solver->count; i++) {
        const struct place_facts *facts = solver->chunks[i].facts;
        if (facts == NULL || facts->primary == NULL || i == solver->last)
            continue;
        bool better =
            found == NO_PLACE || (spans_disk(solver, facts->primary) &&
                                  !spans_disk(solver, solver->chunks[found].facts->primary));
        bool worse = found != NO_PLACE && !spans_disk(solver, facts->primary) &&
                     spans_disk(solver, solver->chunks[found].facts->primary);
        if (better) {
            found = i;
            unsure = false;
        } else if (!worse && !solver_same(solver, i, found)) {
            unsure = true;
        }
    }
    return unsure ? NO_PLACE : found;
}

/* Headers that name another place than the start: the backup, at today's end or a former one. */
static void backups_claim(struct solver *solver, const uint8_t guid[16])
{
    for (size_t i = 0; i < solver->count; i++) {
        const struct place_facts *facts = solver->chunks[i].facts;
        for (size_t h = 0; facts != NULL && h < facts->header_count; h++) {
            size_t index;
            uint64_t at = facts->headers[h].lba * facts->headers[h].sector_size;
            if (facts->headers[h].lba > 1 && at < solver->disk_size &&
                memcmp(facts->headers[h].guid, guid, 16) == 0 &&
                solver_start_fits(solver, i, (int64_t)at - (int64_t)facts->headers[h].offset,
                                  &index))
                claim_make(solver, i, index, PLACE_PROVED, "the partition table's backup");
        }
    }
}

/* Without a primary: the table whose backup ends the disk. */
static const struct gpt_table *backup_find(const struct solver *solver)
{
    const struct gpt_table *found = NULL;
    for (size_t i = 0; i < solver->count; i++) {
        const struct place_facts *facts = solver->chunks[i].facts;
        size_t index;
        if (facts == NULL || facts->backup == NULL || !spans_disk(solver, facts->backup))
            continue;
        uint64_t at = facts->backup->lba * facts->backup->sector_size;
        if (!solver_start_fits(solver, i, (int64_t)at - (int64_t)facts->backup_offset, &index) ||
            index != solver->count - 1)
            continue;
        if (found != NULL && memcmp(found->guid, facts->backup->guid, sizeof found->guid) != 0)
            return NULL;
        found = facts->backup;
    }
    return found;
}

void solver_read_tables(struct solver *solver)
{
    if (solver->last != NO_PLACE)
        claim_make(solver, solver->last, solver->count - 1, PLACE_PROVED, "the only shorter chunk");
    size_t first = primary_find(solver);
    const struct gpt_table *table =
        first != NO_PLACE ? solver->chunks[first].facts->primary : backup_find(solver);
    if (table == NULL) {
        /* A file system without a table fills the disk. */
        solver->partitions[solver->partition_count++] = (struct partition){0, solver->disk_size, 0};
        snprintf(solver->note, PLACE_WHY_SIZE, "no partition table was found");
        return;
    }
    /* a table of a smaller disk is that of a disk that has grown, or of one that lies in a file */
    if (first != NO_PLACE)
        claim_make(solver, first, 0, spans_disk(solver, table) ? PLACE_PROVED : PLACE_LIKELY,
                   "begins with the partition table");
    backups_claim(solver, table->guid);
    if (first != NO_PLACE && !table->entries && backup_find(solver) != NULL)
        table = backup_find(solver);
    partitions_take(solver, table);
}

/* --- ext4 --- */

static struct volume *volume_of(struct solver *solver, const struct ext4_super *super)
{
    for (size_t i = 0; i < solver->volume_count; i++)
        if (memcmp(solver->volumes[i].super.uuid, super->uuid, sizeof super->uuid) == 0)
            return &solver->volumes[i];
    if (solver->volume_count == SOLVER_VOLUMES)
        return NULL;
    struct volume *volume = &solver->volumes[solver->volume_count++];
    *volume = (struct volume){.super = *super};
    return volume;
}

/* A volume that was grown has older copies, too: only the largest geometry's are looked at. */
static bool geometry_same(const struct ext4_super *a, const struct ext4_super *b)
{
    return a->block_size == b->block_size && a->blocks_per_group == b->blocks_per_group &&
           a->inodes_per_group == b->inodes_per_group && a->inode_size == b->inode_size &&
           a->seed == b->seed && a->checksums == b->checksums;
}

static int tables_take(struct solver *solver, const struct place_table *table, struct error *err)
{
    struct volume *volume = volume_of(solver, &table->super);
    const struct ext4_super *super = &table->super;
    if (volume == NULL || !geometry_same(super, &volume->super))
        return 0;
    if (volume->tables == NULL) {
        volume->tables = calloc(EXT4_GROUPS_MAX, sizeof *volume->tables);
        if (volume->tables == NULL)
            return error_memory(err);
    }
    for (uint32_t group = 0; group < super->groups; group++) {
        uint64_t offset =
            ext4_inode_table(super, group, table->data + (size_t)group * super->descriptor_size);
        if (volume->tables[group] == 0)
            volume->tables[group] = offset;
    }
    return 0;
}

static int volumes_collect(struct solver *solver, struct error *err)
{
    for (size_t i = 0; i < solver->count; i++) {
        const struct place_facts *facts = solver->chunks[i].facts;
        for (size_t s = 0; facts != NULL && s < facts->super_count; s++) {
            const struct ext4_super *super = &facts->supers[s].super;
            struct volume *volume = volume_of(solver, super);
            if (volume != NULL && super->blocks > volume->super.blocks)
                volume->super = *super;
        }
    }
    for (size_t i = 0; i < solver->count; i++) {
        const struct place_facts *facts = solver->chunks[i].facts;
        for (size_t t = 0; facts != NULL && t < facts->table_count; t++)
            if (tables_take(solver, &facts->tables[t], err) < 0)
                return -1;
    }
    return 0;
}

/* How many copies of the volume's superblock could stand where they should, were it in that
 * partition; certain: one of them is in a chunk whose place is known already. */
static size_t volume_score(const struct solver *solver, const struct volume *volume,
                           uint64_t partition_start, bool *ret_certain)
{
    size_t score = 0;
    *ret_certain = false;
    for (size_t i = 0; i < solver->count; i++) {
        const struct place_facts *facts = solver->chunks[i].facts;
        for (size_t s = 0; facts != NULL && s < facts->super_count; s++) {
            const struct place_super *copy = &facts->supers[s];
            size_t index;
            if (memcmp(copy->super.uuid, volume->super.uuid, sizeof copy->super.uuid) != 0)
                continue;
            int64_t start = (int64_t)(partition_start + ext4_super_offset(&copy->super)) -
                            (int64_t)(copy->unit * PLACE_UNIT);
            if (!solver_start_fits(solver, i, start, &index))
                continue;
            score++;
            *ret_certain |= solver->claims[i].made && solver->claims[i].index == index;
        }
    }
    return score;
}

/* Into the one partition that it fits: one named by a copy whose place is known, else the one of
 * its size. */
static void volume_place(const struct solver *solver, struct volume *volume)
{
    uint64_t size = volume->super.blocks * volume->super.block_size;
    int best = 0;
    for (size_t i = 0; i < solver->partition_count; i++) {
        const struct partition *partition = &solver->partitions[i];
        uint64_t room = partition->end - partition->start;
        bool whole_disk = room == solver->disk_size;
        bool certain;
        if (partition->apfs || size > room || (whole_disk && room - size >= UINT64_C(1) << 20) ||
            volume_score(solver, volume, partition->start, &certain) == 0)
            continue;
        int rank = certain ? 3 : room - size < volume->super.block_size ? 2 : 1;
        if (rank == best)
            volume->placed = false;
        if (rank <= best)
            continue;
        best = rank;
        volume->placed = true;
        volume->start = partition->start;
    }
}

int solver_read_volumes(struct solver *solver, struct error *err)
{
    if (volumes_collect(solver, err) < 0)
        return -1;
    for (size_t i = 0; i < solver->volume_count; i++)
        volume_place(solver, &solver->volumes[i]);
    return 0;
}
