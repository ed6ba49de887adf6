/* gpt.c: reads both copies of a GUID partition table out of a disk's first and last bytes. Judges
 * nothing beyond right and wrong bytes: what a damaged table means is checks/ work. Must not read
 * outside of what it was given, whatever the fields say. */
#include "formats/gpt.h"

#include "formats/model/bytes.h"

#include <string.h>
#include <zlib.h>

#define MBR_SIZE        512u
#define HEADER_SIZE_MIN 92u
#define SECTOR_SIZE_MAX 4096u
#define ENTRY_SIZE_MIN  128u
#define GUID_SIZE       16u
#define REVISION        0x00010000u

static const uint32_t sector_sizes[] = {512, SECTOR_SIZE_MAX};
#define SECTOR_SIZE_COUNT (sizeof sector_sizes / sizeof sector_sizes[0])

/* The disk, as far as it can be seen. */
struct view {
    const uint8_t *head, *tail;
    uint64_t head_size, tail_size, disk_size;
};

struct copy {
    enum gpt_state state;
    const char *why;
    bool header_good; /* its fields can be believed, whatever became of its array */
    uint32_t sector_size;
    uint64_t lba, alternate, first_usable, last_usable;
    uint8_t guid[GUID_SIZE];
    uint32_t array_crc, partition_count;
};

/* NULL where those bytes were not given. */
static const uint8_t *view_at(const struct view *view, uint64_t offset, uint64_t size)
{
    if (offset <= view->head_size && size <= view->head_size - offset)
        return view->head + offset;
    uint64_t tail_start = view->disk_size - view->tail_size;
    if (offset >= tail_start && offset <= view->disk_size && size <= view->disk_size - offset)
        return view->tail + (offset - tail_start);
    return NULL;
}

static bool lies_inside(const struct view *view, uint64_t lba, uint32_t sector_size, uint64_t size)
{
    return lba <= view->disk_size / sector_size && size <= view->disk_size - lba * sector_size;
}

/* What is wrong with a header, NULL for nothing; fills ret's fields. */
static const char *header_fault(const uint8_t *header, struct copy *ret)
{
    uint32_t size = load_le32(header + 12);
    if (size < HEADER_SIZE_MIN || size > ret->sector_size)
        return "its header's size is impossible";
    uint8_t bytes[SECTOR_SIZE_MAX];
    memcpy(bytes, header, size);
    memset(bytes + 16, 0, 4);
    if (crc32(0, bytes, size) != load_le32(header + 16))
        return "its header's checksum is wrong";
    if (load_le32(header + 8) != REVISION)
        return "its revision is unknown";
    if (load_le64(header + 24) != ret->lba)
        return "its header belongs to another sector";
    ret->alternate = load_le64(header + 32);
    ret->first_usable = load_le64(header + 40);
    ret->last_usable = load_le64(header + 48);
    memcpy(ret->guid, header + 56, GUID_SIZE);
    ret->array_crc = load_le32(header + 88);
    bool primary = ret->lba == 1;
    uint64_t last = primary ? ret->alternate : ret->lba;
    if (last >= INT64_MAX / ret->sector_size || (!primary && ret->alternate != 1))
        return "it names an impossible sector for the other copy";
    if (ret->first_usable < 2 || ret->first_usable > ret->last_usable || ret->last_usable >= last)
        return "its usable sectors are impossible";
    return NULL;
}

static const char *array_read(const struct view *view, const uint8_t *header, struct copy *ret)
{
    uint64_t lba = load_le64(header + 72);
    uint32_t count = load_le32(header + 80), entry_size = load_le32(header + 84);
    if (count == 0 || entry_size < ENTRY_SIZE_MIN || (entry_size & (entry_size - 1)) != 0)
        return "its entries' number or size is impossible";
    uint64_t size = (uint64_t)count * entry_size;
    if (lba < 2 || !lies_inside(view, lba, ret->sector_size, size))
        return "its entries lie outside of the disk";
    const uint8_t *entries = view_at(view, lba * ret->sector_size, size);
    if (entries == NULL) {
        ret->state = GPT_UNSEEN;
        return NULL;
    }
    if (crc32_z(0, entries, (size_t)size) != ret->array_crc)
        return "its entries' checksum is wrong";
    for (uint64_t at = 0; at < size; at += entry_size)
        if (!bytes_are_zero(entries + at, GUID_SIZE))
            ret->partition_count++;
    return NULL;
}

/* Reads the copy whose header should lie in that sector. */
static void copy_read(const struct view *view, uint32_t sector_size, uint64_t lba, struct copy *ret)
{
    *ret = (struct copy){.why = "", .sector_size = sector_size, .lba = lba};
    if (!lies_inside(view, lba, sector_size, sector_size))
        return;
    const uint8_t *header = view_at(view, lba * sector_size, sector_size);
    if (header == NULL) {
        ret->state = GPT_UNSEEN;
        return;
    }
    if (memcmp(header, "EFI PART", 8) != 0)
        return;
    ret->state = GPT_GOOD;
    const char *fault = header_fault(header, ret);
    ret->header_good = fault == NULL;
    if (fault == NULL)
        fault = array_read(view, header, ret);
    if (fault != NULL) {
        ret->state = GPT_DAMAGED;
        ret->why = fault;
    }
}

/* The better one of what two sector sizes gave: a copy found beats none, a good one beats a damaged
 * one. */
static bool copy_beats(const struct copy *a, const struct copy *b)
{
    static const int rank[] = {
        [GPT_ABSENT] = 0, [GPT_UNSEEN] = 1, [GPT_DAMAGED] = 2, [GPT_GOOD] = 3};
    return a->header_good != b->header_good ? a->header_good : rank[a->state] > rank[b->state];
}

static void primary_find(const struct view *view, struct copy *ret)
{
    copy_read(view, sector_sizes[0], 1, ret);
    for (size_t i = 1; i < SECTOR_SIZE_COUNT; i++) {
        struct copy other;
        copy_read(view, sector_sizes[i], 1, &other);
        if (copy_beats(&other, ret))
            *ret = other;
    }
}

/* Where the primary names it. */
static void backup_follow(const struct view *view, const struct copy *primary, struct copy *ret)
{
    copy_read(view, primary->sector_size, primary->alternate, ret);
    if (ret->state == GPT_ABSENT) {
        ret->state = GPT_DAMAGED;
        ret->why = "it is missing where the primary names it";
    } else if (ret->header_good && (memcmp(ret->guid, primary->guid, GUID_SIZE) != 0 ||
                                    ret->array_crc != primary->array_crc ||
                                    ret->first_usable != primary->first_usable ||
                                    ret->last_usable != primary->last_usable)) {
        ret->state = GPT_DAMAGED;
        ret->why = "it differs from the primary";
    }
}

/* In the disk's last sector, where no primary can be believed. */
static void backup_find(const struct view *view, struct copy *ret)
{
    *ret = (struct copy){.why = ""};
    for (size_t i = 0; i < SECTOR_SIZE_COUNT; i++) {
        uint64_t sectors = view->disk_size / sector_sizes[i];
        if (sectors < 3)
            continue;
        struct copy found;
        copy_read(view, sector_sizes[i], sectors - 1, &found);
        if (copy_beats(&found, ret))
            *ret = found;
    }
}

enum mbr { MBR_NONE, MBR_PROTECTIVE, MBR_OTHER };

static enum mbr mbr_read(const struct view *view)
{
    const uint8_t *mbr = view_at(view, 0, MBR_SIZE);
    if (mbr == NULL || mbr[510] != 0x55 || mbr[511] != 0xAA)
        return MBR_NONE;
    for (size_t entry = 446; entry < 510; entry += 16)
        if (mbr[entry + 4] == 0xEE)
            return MBR_PROTECTIVE;
    return MBR_OTHER;
}

void gpt_read(const uint8_t *head, size_t head_size, const uint8_t *tail, size_t tail_size,
              uint64_t disk_size, struct gpt *ret)
{
    struct view view = {head, tail, head_size, tail_size, disk_size};
    if (view.head_size > disk_size)
        view.head_size = disk_size;
    if (view.tail_size > disk_size) {
        view.tail += view.tail_size - disk_size;
        view.tail_size = disk_size;
    }
    enum mbr mbr = mbr_read(&view);
    struct copy primary, backup;
    primary_find(&view, &primary);
    if (primary.header_good)
        backup_follow(&view, &primary, &backup);
    else
        backup_find(&view, &backup);
    /* With a plain MBR in front the copy at the end is a left-over of an earlier use of the disk.
     */
    if (primary.state == GPT_ABSENT && backup.header_good && mbr != MBR_OTHER) {
        primary.state = GPT_DAMAGED;
        primary.why = "it is missing, though the disk ends in its backup";
    }
    bool primary_found =
        primary.header_good || (primary.state == GPT_DAMAGED && !backup.header_good);
    bool backup_found = backup.state == GPT_DAMAGED || backup.header_good;
    const struct copy *best = primary_found ? &primary : backup_found ? &backup : NULL;
    *ret = (struct gpt){
        .primary = primary.state,
        .backup = backup.state,
        .protective_mbr = mbr == MBR_PROTECTIVE,
        .why = primary.why,
        .backup_why = backup.why,
    };
    if (best != NULL)
        ret->sector_size = best->sector_size;
    if (best != NULL && best->header_good)
        ret->disk_size = ((best == &primary ? best->alternate : best->lba) + 1) * best->sector_size;
    if (primary.state == GPT_GOOD)
        ret->partition_count = primary.partition_count;
    else if (backup.state == GPT_GOOD)
        ret->partition_count = backup.partition_count;
}

/* Entries that make no sense are left out. */
static void partitions_read(const uint8_t *entries, uint32_t count, uint32_t entry_size,
                            struct gpt_table *ret)
{
    for (uint32_t i = 0; i < count && ret->count < GPT_PARTITIONS_MAX; i++) {
        const uint8_t *entry = entries + (size_t)i * entry_size;
        uint64_t first = load_le64(entry + 32), last = load_le64(entry + 40);
        if (bytes_are_zero(entry, GUID_SIZE) || first > last ||
            last >= INT64_MAX / SECTOR_SIZE_MAX - 1)
            continue;
        struct gpt_partition *partition = &ret->partitions[ret->count++];
        memcpy(partition->type, entry, GUID_SIZE);
        partition->start = first * ret->sector_size;
        partition->end = (last + 1) * ret->sector_size;
    }
}

bool gpt_table_read(const uint8_t *data, size_t size, size_t at, uint32_t sector_size,
                    struct gpt_table *ret)
{
    memset(ret, 0, sizeof *ret);
    if (at > size || size - at < sector_size || sector_size > SECTOR_SIZE_MAX ||
        sector_size < MBR_SIZE || memcmp(data + at, "EFI PART", 8) != 0)
        return false;
    const uint8_t *header = data + at;
    struct copy copy = {.sector_size = sector_size, .lba = load_le64(header + 24)};
    if (copy.lba == 0 || copy.lba >= INT64_MAX / sector_size || header_fault(header, &copy) != NULL)
        return false;
    ret->sector_size = sector_size;
    ret->lba = copy.lba;
    ret->alternate = copy.alternate;
    memcpy(ret->guid, copy.guid, GUID_SIZE);
    uint64_t array_lba = load_le64(header + 72), array_size;
    uint32_t count = load_le32(header + 80), entry_size = load_le32(header + 84);
    if (entry_size < ENTRY_SIZE_MIN || array_lba >= INT64_MAX / 2 / sector_size ||
        !add_sizes((uint64_t)count * entry_size, 0, &array_size))
        return true;
    int64_t array = (int64_t)at + ((int64_t)array_lba - (int64_t)copy.lba) * sector_size;
    if (array < 0 || (uint64_t)array > size || array_size > size - (uint64_t)array ||
        crc32_z(0, data + array, (size_t)array_size) != copy.array_crc)
        return true;
    ret->entries = true;
    partitions_read(data + array, count, entry_size, ret);
    return true;
}

const char *gpt_library(void)
{
    return zlibVersion();
}
