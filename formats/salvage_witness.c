/* salvage_witness.c: asks decoded bytes for blocks that name their own place, and weighs what they
 * say. Believes one only where its checksum holds and none of its bytes is lost; believes several
 * only where all say the same. Where the stretch then goes is not decided here.
 */
#include "formats/salvage_witness.h"

#include "formats/apfs.h"
#include "formats/ext4.h"
#include "formats/gpt.h"
#include "formats/model/auto.h"

#include <string.h>

#define VOLUMES_MAX     8u
#define DESCRIPTORS_MAX ((size_t)4 << 20) /* bytes of one volume's */
#define SECTOR          512u
/* Two blocks at least must agree. */
#define WITNESSES_LEAST 2u
/* An image of a disk that lies on the disk as a file has an APFS container of its own, whose
 * objects agree on a wrong place. That place can only be in question where the image lies nearer to
 * the partition's start than the place is uncertain. */
#define UNCERTAIN_MAX (INT64_C(4) << 30)

struct volume {
    uint64_t start; /* on the disk */
    struct ext4_super super;
    uint8_t *descriptors; /* as far as filled */
    uint64_t filled;
    uint64_t *tables; /* of inodes, by group; NULL until all descriptors are there */
};

struct lore {
    uint64_t disk_size;
    bool has_table;
    struct gpt_table table;
    struct volume volumes[VOLUMES_MAX];
    size_t volume_count;
};

struct lore *lore_new(uint64_t disk_size, struct error *err)
{
    struct lore *lore = calloc(1, sizeof *lore);
    if (lore == NULL) {
        error_memory(err);
        return NULL;
    }
    lore->disk_size = disk_size;
    return lore;
}

struct lore *lore_free(struct lore *lore)
{
    if (lore == NULL)
        return NULL;
    for (size_t i = 0; i < lore->volume_count; i++) {
        free(lore->volumes[i].descriptors);
        free(lore->volumes[i].tables);
    }
    free(lore);
    return NULL;
}

bool lore_has_table(const struct lore *lore)
{
    return lore->has_table;
}

/* --- bytes in hand: the block, and the window before it --- */

static enum salvage_mark worst_mark(const struct track *track, size_t at, size_t size)
{
    uint8_t worst = MARK_KNOWN;
    for (size_t i = 0; i < size; i++)
        if (track->marks[at + i] > worst)
            worst = track->marks[at + i];
    return (enum salvage_mark)worst;
}

/* --- learning --- */

static void learn_table(struct lore *lore, const struct track *track, uint64_t offset)
{
    static const uint32_t sector_sizes[] = {SECTOR, 4096};
    size_t end = APPLELZ4_WINDOW + track->size;
    for (size_t at = APPLELZ4_WINDOW; at + SECTOR <= end && !lore->has_table; at += SECTOR) {
        uint64_t place = offset + (at - APPLELZ4_WINDOW);
        for (size_t i = 0; i < 2 && track->data[at] == 'E'; i++) {
            struct gpt_table table;
            if (!gpt_table_read(track->data, end, at, sector_sizes[i], &table) || !table.entries ||
                table.lba * table.sector_size != place)
                continue;
            lore->table = table;
            lore->has_table = true;
            break;
        }
    }
}

static bool is_apple(const struct gpt_partition *partition)
{
    return memcmp(partition->type + 6, "\xAA\x11\xAA\x11\x00\x30\x65\x43\xEC\xAC", 10) == 0;
}

/* Part of the disk that is in hand, from `start` on; NULL. */
static const uint8_t *in_hand(const struct track *track, uint64_t offset, uint64_t start,
                              size_t size)
{
    uint64_t from = offset < APPLELZ4_WINDOW ? 0 : offset - APPLELZ4_WINDOW;
    uint64_t end = offset + track->size;
    if (start < from || start > end || size > end - start)
        return NULL;
    return track->data + (APPLELZ4_WINDOW - (size_t)(offset - from)) + (start - from);
}

static int learn_volume(struct lore *lore, const struct track *track, uint64_t offset,
                        const struct gpt_partition *partition, struct error *err)
{
    uint64_t place = partition->start + EXT4_SUPER_SIZE;
    /* once, with the block in which it ends */
    if (lore->volume_count == VOLUMES_MAX || is_apple(partition) ||
        place + EXT4_SUPER_SIZE <= offset || place + EXT4_SUPER_SIZE > offset + track->size)
        return 0;
    const uint8_t *bytes = in_hand(track, offset, place, EXT4_SUPER_SIZE);
    struct volume volume = {.start = partition->start};
    if (bytes == NULL || !ext4_super_read(bytes, &volume.super) || volume.super.group != 0 ||
        !volume.super.checksums || !volume.super.descriptors ||
        (size_t)volume.super.groups * volume.super.descriptor_size > DESCRIPTORS_MAX)
        return 0;
    volume.descriptors = calloc(volume.super.groups, volume.super.descriptor_size);
    if (volume.descriptors == NULL)
        return error_memory(err);
    lore->volumes[lore->volume_count++] = volume;
    return 0;
}

/* Descriptors that lie in the block in hand, or in the window. Their checksums are short, so only
 * known bytes are taken; with others missing they are wrong. */
static int volume_fill(struct volume *volume, const struct track *track, uint64_t offset,
                       struct error *err)
{
    const struct ext4_super *super = &volume->super;
    uint64_t size = (uint64_t)super->groups * super->descriptor_size;
    uint64_t from = volume->start + ext4_descriptors_offset(super) + volume->filled;
    uint64_t end = offset + track->size;
    if (volume->tables != NULL || from >= end)
        return 0;
    uint64_t part = end - from < size - volume->filled ? end - from : size - volume->filled;
    const uint8_t *bytes = in_hand(track, offset, from, (size_t)part);
    for (size_t i = 0; bytes != NULL && i < part; i++)
        if (track->marks[(size_t)(bytes - track->data) + i] == MARK_KNOWN)
            volume->descriptors[volume->filled + i] = bytes[i];
    volume->filled += part;
    if (volume->filled < size)
        return 0;
    volume->tables = calloc(super->groups, sizeof *volume->tables);
    if (volume->tables == NULL)
        return error_memory(err);
    for (uint32_t i = 0; i < super->groups; i++)
        volume->tables[i] =
            ext4_inode_table(super, i, volume->descriptors + (size_t)i * super->descriptor_size);
    return 0;
}

int lore_learn(struct lore *lore, const struct track *track, uint64_t offset, struct error *err)
{
    if (!lore->has_table)
        learn_table(lore, track, offset);
    for (size_t i = 0; lore->has_table && i < lore->table.count; i++)
        if (learn_volume(lore, track, offset, &lore->table.partitions[i], err) < 0)
            return -1;
    for (size_t i = 0; i < lore->volume_count; i++)
        if (volume_fill(&lore->volumes[i], track, offset, err) < 0)
            return -1;
    return 0;
}

bool lore_wants(const struct lore *lore, uint64_t offset)
{
    if (!lore->has_table)
        return offset < GPT_HEAD_SIZE;
    for (size_t i = 0; i < lore->table.count; i++) {
        const struct gpt_partition *partition = &lore->table.partitions[i];
        if (!is_apple(partition) && offset < partition->start + 2 * (uint64_t)EXT4_SUPER_SIZE &&
            lore->volume_count < VOLUMES_MAX)
            return true;
    }
    for (size_t i = 0; i < lore->volume_count; i++)
        if (lore->volumes[i].tables == NULL)
            return true;
    return false;
}

/* --- witnesses --- */

static void claim_add(struct witnesses *witnesses, const struct claim *claim, bool known)
{
    for (size_t i = 0; i < witnesses->count; i++) {
        struct claim *have = &witnesses->claims[i];
        if (have->in_container != claim->in_container || have->start != claim->start)
            continue;
        if (claim->reach > have->reach)
            have->reach = claim->reach;
        if (claim->last == have->last)
            return; /* of the same block */
        have->last = claim->last;
        have->blocks++;
        have->known += known;
        return;
    }
    if (witnesses->count == CLAIMS_MAX) {
        witnesses->crowded = true;
        return;
    }
    struct claim *added = &witnesses->claims[witnesses->count++];
    *added = *claim;
    added->blocks = 1;
    added->known = known;
}

/* What is in hand at `at`, which is `offset` bytes from the stretch's start. */
struct spot {
    const struct track *track;
    size_t at;
    int64_t offset;
};

/* Bytes at the spot say that they are at `place`. */
static void says(struct witnesses *witnesses, const struct spot *spot, size_t size,
                 bool in_container, uint64_t place)
{
    enum salvage_mark mark = worst_mark(spot->track, spot->at, size);
    if (mark == MARK_LOST || place > INT64_MAX / 2)
        return;
    const struct claim claim = {
        .in_container = in_container,
        .start = (int64_t)place - spot->offset,
        .reach = place + size,
        .last = (uint64_t)(spot->offset + APPLELZ4_WINDOW) / APFS_BLOCK_SIZE,
    };
    claim_add(witnesses, &claim, mark == MARK_KNOWN);
}

static void hear_object(struct witnesses *witnesses, const struct spot *spot)
{
    const uint8_t *bytes = spot->track->data + spot->at;
    struct apfs_object object;
    if (apfs_may_be_object(bytes) && apfs_object_read(bytes, &object) &&
        object.sort == APFS_PHYSICAL)
        says(witnesses, spot, APFS_BLOCK_SIZE, true, object.oid * APFS_BLOCK_SIZE);
}

static void hear_attributes(struct witnesses *witnesses, const struct lore *lore,
                            const struct spot *spot)
{
    const uint8_t *bytes = spot->track->data + spot->at;
    uint32_t masked;
    if (bytes[3] != 0xEA || bytes[2] != 2 || !ext4_attributes_read(bytes, &masked))
        return;
    for (size_t i = 0; i < lore->volume_count; i++) {
        const struct volume *volume = &lore->volumes[i];
        uint64_t block = masked ^ volume->super.seed;
        if (block > 0 && block < volume->super.blocks &&
            volume->super.block_size == EXT4_BLOCK_SIZE)
            says(witnesses, spot, EXT4_BLOCK_SIZE, false,
                 volume->start + block * volume->super.block_size);
    }
}

static void hear_super(struct witnesses *witnesses, const struct lore *lore,
                       const struct spot *spot)
{
    const uint8_t *bytes = spot->track->data + spot->at;
    struct ext4_super super;
    if (bytes[0x38] != 0x53 || bytes[0x39] != 0xEF || !ext4_super_read(bytes, &super))
        return;
    for (size_t i = 0; i < lore->volume_count && super.checksums; i++)
        if (memcmp(lore->volumes[i].super.uuid, super.uuid, sizeof super.uuid) == 0)
            says(witnesses, spot, EXT4_SUPER_SIZE, false,
                 lore->volumes[i].start + ext4_super_offset(&super));
}

static void hear_inode(struct witnesses *witnesses, const struct lore *lore,
                       const struct spot *spot)
{
    const uint8_t *bytes = spot->track->data + spot->at;
    struct ext4_inode inode;
    if ((bytes[0] | bytes[1]) == 0 || lore->volume_count == 0 || !ext4_inode_read(bytes, &inode))
        return;
    for (size_t i = 0; i < lore->volume_count; i++) {
        const struct volume *volume = &lore->volumes[i];
        if (volume->tables == NULL || volume->super.inode_size != EXT4_INODE_SIZE)
            continue;
        uint64_t place =
            ext4_inode_offset(&volume->super, volume->tables, inode.masked ^ volume->super.seed);
        if (place != 0)
            says(witnesses, spot, EXT4_INODE_SIZE, false, volume->start + place);
    }
}

static void hear_table(struct witnesses *witnesses, const struct lore *lore,
                       const struct spot *spot)
{
    const struct track *track = spot->track;
    struct gpt_table table;
    if (!lore->has_table || track->data[spot->at] != 'E' ||
        !gpt_table_read(track->data, APPLELZ4_WINDOW + track->size, spot->at,
                        lore->table.sector_size, &table) ||
        memcmp(table.guid, lore->table.guid, sizeof table.guid) != 0)
        return;
    uint64_t place = table.lba * table.sector_size;
    says(witnesses, spot, SECTOR, false, place);
    /* the backup's entries, before it, are more blocks with a checksum of their own */
    const struct spot before = {track, spot->at - APFS_BLOCK_SIZE,
                                spot->offset - (int64_t)APFS_BLOCK_SIZE};
    if (table.entries && table.lba > 1 && place > APFS_BLOCK_SIZE)
        says(witnesses, &before, SECTOR, false, place - APFS_BLOCK_SIZE);
}

void witnesses_hear(struct witnesses *witnesses, const struct lore *lore, const struct track *track,
                    uint64_t offset)
{
    size_t end = APPLELZ4_WINDOW + track->size;
    struct spot spot = {.track = track};
    /* what ends in this block: it may begin in the one before */
    for (spot.at = APPLELZ4_WINDOW + SECTOR - APFS_BLOCK_SIZE; spot.at + APFS_BLOCK_SIZE <= end;
         spot.at += SECTOR) {
        spot.offset = (int64_t)offset + (int64_t)spot.at - (int64_t)APPLELZ4_WINDOW;
        hear_object(witnesses, &spot);
        hear_attributes(witnesses, lore, &spot);
    }
    for (spot.at = APPLELZ4_WINDOW; spot.at + EXT4_INODE_SIZE <= end; spot.at += EXT4_INODE_SIZE) {
        spot.offset = (int64_t)offset + (int64_t)spot.at - (int64_t)APPLELZ4_WINDOW;
        hear_inode(witnesses, lore, &spot);
        if (spot.at % SECTOR == 0 && spot.at + EXT4_SUPER_SIZE <= end)
            hear_super(witnesses, lore, &spot);
        if (spot.at % SECTOR == 0 && spot.at + SECTOR <= end)
            hear_table(witnesses, lore, &spot);
    }
}

/* --- weighing --- */

static bool berth_has(const struct berth *berth, int64_t start)
{
    return start >= berth->first && start <= berth->last && start % (int64_t)berth->grain == 0;
}

/* Where a stretch begins by that claim if it lies in that partition; false: it cannot. */
static bool claim_start(const struct claim *claim, const struct lore *lore, size_t partition,
                        const struct berth *berth, int64_t *ret)
{
    *ret = claim->start;
    if (claim->in_container) {
        const struct gpt_partition *in = &lore->table.partitions[partition];
        if (in->start >= lore->disk_size || claim->reach > in->end - in->start)
            return false;
        *ret += (int64_t)in->start;
    }
    return berth_has(berth, *ret);
}

static size_t claim_ways(const struct claim *claim, const struct lore *lore)
{
    return !claim->in_container ? 1 : lore->has_table ? lore->table.count : 0;
}

static bool claim_allows(const struct claim *claim, const struct lore *lore,
                         const struct berth *berth, int64_t start)
{
    for (size_t i = 0; i < claim_ways(claim, lore); i++) {
        int64_t way;
        if (claim_start(claim, lore, i, berth, &way) && way == start)
            return true;
    }
    return false;
}

static bool all_allow(const struct witnesses *witnesses, const struct lore *lore,
                      const struct berth *berth, int64_t start)
{
    for (size_t i = 0; i < witnesses->count; i++)
        if (!claim_allows(&witnesses->claims[i], lore, berth, start))
            return false;
    return true;
}

enum verdict witnesses_agree(const struct witnesses *witnesses, const struct lore *lore,
                             const struct berth *berth, int64_t *ret_start)
{
    uint64_t blocks = 0, known = 0;
    bool in_container = false, found = false;
    if (witnesses->crowded || witnesses->count == 0 || berth->first > berth->last)
        return VERDICT_NONE;
    for (size_t i = 0; i < witnesses->count; i++) {
        blocks += witnesses->claims[i].blocks;
        known += witnesses->claims[i].known;
        in_container |= witnesses->claims[i].in_container;
    }
    for (size_t i = 0; i < claim_ways(&witnesses->claims[0], lore); i++) {
        int64_t start;
        if (!claim_start(&witnesses->claims[0], lore, i, berth, &start) ||
            !all_allow(witnesses, lore, berth, start))
            continue;
        if (found && start != *ret_start)
            return VERDICT_NONE;
        found = true;
        *ret_start = start;
    }
    if (!found || blocks < WITNESSES_LEAST)
        return VERDICT_NONE;
    bool narrow = berth->grain >= BLOCK_SIZE && berth->last - berth->first <= UNCERTAIN_MAX;
    return known >= WITNESSES_LEAST && (narrow || !in_container) ? VERDICT_PROVED : VERDICT_LIKELY;
}
