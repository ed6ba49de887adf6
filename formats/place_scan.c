/* place_scan.c: one chunk's bytes, once, in any slicing, to the facts that place_solve weighs.
 * Nothing is decided here: what looks like metadata and has a right checksum is noted, whether it
 * stands where it belongs is asked when all chunks are known. */
#include "formats/place_facts.h"

#include "formats/model/auto.h"
#include "formats/model/bytes.h"

#include <string.h>

#define WINDOW        65536u
#define TWO_BLOCKS    ((size_t)2 * PLACE_BLOCK)
#define LOOK_AHEAD    PLACE_BLOCK /* an object may begin in the last unit of a block */
#define END_SIZE      65536u      /* what is kept of a chunk's start and end, for the GPT */
#define TABLE_MAX     ((size_t)1 << 20)
#define RECORDS_MAX   262144u
#define MAPPINGS_MAX  131072u
#define MASKED_MAX    8192u
#define ATTRIBUTE_MAX 1024u

_Static_assert(RECORDS_MAX *(sizeof(struct place_apfs_end) + sizeof(struct place_ext4_end)) +
                       MAPPINGS_MAX * sizeof(struct apfs_mapping) +
                       MASKED_MAX * (sizeof(struct place_virtual) + sizeof(struct place_masked)) +
                       PLACE_TABLES_MAX * TABLE_MAX +
                       PLACE_DELTAS_MAX * sizeof(struct place_delta) + sizeof(struct place_facts) <
                   PLACE_FACTS_MEMORY,
               "the header's promise");

struct place_scan {
    struct place_facts *facts;
    uint64_t base; /* offset in the chunk of the window's first byte: begins a block */
    size_t have;
    uint64_t added;
    uint8_t window[WINDOW + LOOK_AHEAD];
    uint8_t head[END_SIZE], tail[END_SIZE];
};

_Static_assert(sizeof(struct place_scan) < PLACE_SCAN_MEMORY, "the header's promise");

/* --- facts --- */

struct place_facts *place_facts_free(struct place_facts *facts)
{
    if (facts == NULL)
        return NULL;
    for (size_t i = 0; i < facts->table_count; i++)
        free(facts->tables[i].data);
    thin_done(&facts->virtuals);
    thin_done(&facts->mappings);
    thin_done(&facts->inodes);
    thin_done(&facts->attributes);
    thin_done(&facts->apfs_ends);
    thin_done(&facts->ext4_ends);
    free(facts->primary);
    free(facts->backup);
    free(facts->ends);
    free(facts->deltas);
    free(facts);
    return NULL;
}

bool place_facts_zero(const struct place_facts *facts)
{
    return facts->zero;
}

static struct place_facts *facts_new(uint64_t length)
{
    struct place_facts *facts = calloc(1, sizeof *facts);
    if (facts == NULL)
        return NULL;
    facts->length = length;
    facts->zero = true;
    facts->blocks = (size_t)((length + PLACE_BLOCK - 1) / PLACE_BLOCK);
    thin_init(&facts->virtuals, sizeof(struct place_virtual), 16, MASKED_MAX);
    thin_init(&facts->mappings, sizeof(struct apfs_mapping), 16, MAPPINGS_MAX);
    thin_init(&facts->inodes, sizeof(struct place_masked), 8, MASKED_MAX);
    thin_init(&facts->attributes, sizeof(struct place_masked), 8, ATTRIBUTE_MAX);
    thin_init(&facts->apfs_ends, sizeof(struct place_apfs_end), 8, RECORDS_MAX);
    thin_init(&facts->ext4_ends, sizeof(struct place_ext4_end), 8, RECORDS_MAX);
    facts->ends = calloc(facts->blocks == 0 ? 1 : facts->blocks, sizeof *facts->ends);
    facts->deltas = malloc(PLACE_DELTAS_MAX * sizeof *facts->deltas);
    return facts->ends != NULL && facts->deltas != NULL ? facts : place_facts_free(facts);
}

/* --- what is met --- */

/* With the list full, what came up once makes room: many that agree are what counts. */
static void deltas_age(struct place_facts *facts)
{
    size_t kept = 0;
    for (size_t i = 0; i < facts->delta_count; i++)
        if (--facts->deltas[i].count > 0)
            facts->deltas[kept++] = facts->deltas[i];
    facts->delta_count = kept;
}

static void delta_add(struct place_facts *facts, uint64_t offset, uint64_t oid)
{
    int64_t start = (int64_t)(oid * APFS_BLOCK_SIZE) - (int64_t)offset;
    for (size_t i = facts->delta_count; i-- > 0;) {
        struct place_delta *delta = &facts->deltas[i];
        if (delta->start != start)
            continue;
        delta->count++;
        if (oid > delta->oid_max)
            delta->oid_max = oid;
        return;
    }
    if (facts->delta_count == PLACE_DELTAS_MAX)
        deltas_age(facts);
    if (facts->delta_count < PLACE_DELTAS_MAX)
        facts->deltas[facts->delta_count++] = (struct place_delta){start, oid, 1};
}

/* A disk of many chunks has the facts of all in memory. */
static void deltas_trim(struct place_facts *facts)
{
    size_t count = facts->delta_count > 0 ? facts->delta_count : 1;
    struct place_delta *deltas = realloc(facts->deltas, count * sizeof *deltas);
    if (deltas != NULL)
        facts->deltas = deltas;
}

static int apfs_met(struct place_facts *facts, const uint8_t *block, uint64_t offset,
                    struct error *err)
{
    struct apfs_object object;
    if (!apfs_object_read(block, &object))
        return 0;
    if (object.sort == APFS_PHYSICAL) {
        delta_add(facts, offset, object.oid);
        struct apfs_mapping mappings[APFS_MAPPINGS_MAX];
        size_t count = apfs_mappings(block, &object, mappings, APFS_MAPPINGS_MAX);
        for (size_t i = 0; i < count; i++)
            if (thin_add(&facts->mappings, &mappings[i], err) < 0)
                return -1;
        return 0;
    }
    struct place_virtual virtual = {object.oid, object.xid, offset / PLACE_UNIT};
    if (thin_add(&facts->virtuals, &virtual, err) < 0)
        return -1;
    uint64_t ends[APFS_ENDS_MAX];
    size_t count = apfs_file_ends(block, &object, ends, APFS_ENDS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct place_apfs_end end = {ends[i], offset / PLACE_UNIT};
        if (thin_add(&facts->apfs_ends, &end, err) < 0)
            return -1;
    }
    return 0;
}

static int inode_met(struct place_facts *facts, const uint8_t *bytes, uint64_t offset,
                     struct error *err)
{
    struct ext4_inode inode;
    if (!ext4_inode_read(bytes, &inode))
        return 0;
    struct place_masked masked = {inode.masked, (uint32_t)(offset / PLACE_UNIT)};
    struct place_ext4_end end = {inode.end, inode.masked, 0};
    if (thin_add(&facts->inodes, &masked, err) < 0)
        return -1;
    return inode.end == 0 ? 0 : thin_add(&facts->ext4_ends, &end, err);
}

static int attributes_met(struct place_facts *facts, const uint8_t *block, uint64_t offset,
                          struct error *err)
{
    struct place_masked masked = {0, (uint32_t)(offset / PLACE_UNIT)};
    if (!ext4_attributes_read(block, &masked.masked))
        return 0;
    return thin_add(&facts->attributes, &masked, err);
}

/* The descriptors behind a copy are kept as they come; one table a file system is enough. */
static int table_await(struct place_facts *facts, const struct ext4_super *super, uint64_t offset,
                       struct error *err)
{
    size_t size = (size_t)super->groups * super->descriptor_size;
    if (!super->checksums || !super->descriptors || size > TABLE_MAX ||
        facts->table_count == PLACE_TABLES_MAX)
        return 0;
    for (size_t i = 0; i < facts->table_count; i++)
        if (memcmp(facts->tables[i].super.uuid, super->uuid, sizeof super->uuid) == 0)
            return 0;
    struct place_table table = {
        .offset = offset + ext4_descriptors_offset(super) - ext4_super_offset(super),
        .size = size,
        .data = calloc(1, size),
        .super = *super,
    };
    if (table.data == NULL)
        return error_memory(err);
    facts->tables[facts->table_count++] = table;
    return 0;
}

static int super_met(struct place_facts *facts, const uint8_t *bytes, uint64_t offset,
                     struct error *err)
{
    struct place_super met = {.unit = offset / PLACE_UNIT};
    if (!ext4_super_read(bytes, &met.super))
        return 0;
    if (facts->super_count < PLACE_SUPERS_MAX)
        facts->supers[facts->super_count++] = met;
    return table_await(facts, &met.super, offset, err);
}

static void header_met(struct place_facts *facts, const uint8_t *bytes, size_t size,
                       uint64_t offset)
{
    static const uint32_t sector_sizes[] = {512, 4096};
    for (size_t i = 0; i < 2; i++) {
        struct gpt_table table;
        if (!gpt_table_read(bytes, size, 0, sector_sizes[i], &table))
            continue;
        /* the last one met is always kept: it may be the backup at the disk's end */
        if (facts->header_count < PLACE_HEADERS_MAX)
            facts->header_count++;
        size_t at = facts->header_count - 1;
        facts->headers[at].offset = offset;
        facts->headers[at].lba = table.lba;
        facts->headers[at].sector_size = sector_sizes[i];
        memcpy(facts->headers[at].guid, table.guid, sizeof table.guid);
    }
}

/* --- the window --- */

/* What can begin at that byte; size bytes of the chunk follow, at most as many as anything needs.
 */
static int unit_look(struct place_facts *facts, const uint8_t *bytes, size_t size, uint64_t offset,
                     struct error *err)
{
    if (size >= APFS_BLOCK_SIZE && apfs_may_be_object(bytes) &&
        apfs_met(facts, bytes, offset, err) < 0)
        return -1;
    if (size >= EXT4_SUPER_SIZE && bytes[0x38] == 0x53 && bytes[0x39] == 0xEF &&
        super_met(facts, bytes, offset, err) < 0)
        return -1;
    if (size >= EXT4_INODE_SIZE && (bytes[0] | bytes[1]) != 0 &&
        inode_met(facts, bytes, offset, err) < 0)
        return -1;
    if (size >= EXT4_BLOCK_SIZE && bytes[3] == 0xEA && bytes[2] == 2 &&
        attributes_met(facts, bytes, offset, err) < 0)
        return -1;
    if (size >= 512 && bytes[0] == 'E' && memcmp(bytes, "EFI PART", 8) == 0)
        header_met(facts, bytes, size, offset);
    return 0;
}

static size_t used_size(const uint8_t *data, size_t size)
{
    while (size > 0 && data[size - 1] == 0)
        size--;
    return size;
}

/* The part of data (at offset in the chunk) that a stretch from `from` on wants, into it. */
static void keep(uint8_t *kept, uint64_t from, size_t kept_size, const uint8_t *data, size_t size,
                 uint64_t offset)
{
    uint64_t start = offset > from ? offset : from;
    uint64_t end = offset + size < from + kept_size ? offset + size : from + kept_size;
    if (start < end)
        memcpy(kept + (start - from), data + (start - offset), (size_t)(end - start));
}

/* One block of the chunk's own grid, of which size bytes are in it and `seen` in the window. */
static int block_look(struct place_scan *scan, const uint8_t *bytes, size_t size, size_t seen,
                      uint64_t offset, struct error *err)
{
    struct place_facts *facts = scan->facts;
    size_t used = bytes_are_zero(bytes, size) ? 0 : used_size(bytes, size);
    facts->ends[offset / PLACE_BLOCK] = (uint16_t)used;
    if (used == 0)
        return 0;
    facts->zero = false;
    for (size_t at = 0; at < size; at += PLACE_UNIT) {
        size_t rest = seen - at < PLACE_BLOCK ? seen - at : PLACE_BLOCK;
        if (unit_look(facts, bytes + at, rest, offset + at, err) < 0)
            return -1;
    }
    keep(scan->head, 0, END_SIZE, bytes, size, offset);
    uint64_t tail = facts->length < END_SIZE ? 0 : facts->length - END_SIZE;
    keep(scan->tail, tail, END_SIZE, bytes, size, offset);
    for (size_t i = 0; i < facts->table_count; i++) {
        struct place_table *table = &facts->tables[i];
        keep(table->data, table->offset, table->size, bytes, size, offset);
    }
    return 0;
}

/* Looks at the blocks whose look-ahead is there, or at all at the chunk's end. */
static int window_look(struct place_scan *scan, bool end, struct error *err)
{
    size_t at = 0;
    while (at < scan->have && (end || scan->have - at >= PLACE_BLOCK + LOOK_AHEAD)) {
        size_t seen = scan->have - at, size = seen < PLACE_BLOCK ? seen : PLACE_BLOCK;
        if (block_look(scan, scan->window + at, size, seen, scan->base + at, err) < 0)
            return -1;
        at += size;
    }
    memmove(scan->window, scan->window + at, scan->have - at);
    scan->base += at;
    scan->have -= at;
    return 0;
}

int place_scan_new(uint64_t length, struct place_scan **ret, struct error *err)
{
    if (length > PLACE_CHUNK_MAX)
        return error_set(err, ERROR_UNSUPPORTED,
                         "a chunk of %llu bytes is too long to look for its place",
                         (unsigned long long)length);
    struct place_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL)
        return error_memory(err);
    scan->facts = facts_new(length);
    if (scan->facts == NULL) {
        free(scan);
        return error_memory(err);
    }
    *ret = scan;
    return 0;
}

static int room_ask(struct place_scan *scan, uint64_t size, struct error *err)
{
    if (scan->facts == NULL || size > scan->facts->length - scan->added)
        return error_set(err, ERROR_INTERNAL, "more bytes than the chunk has");
    return 0;
}

int place_scan_bytes(struct place_scan *scan, const uint8_t *data, size_t size, struct error *err)
{
    if (room_ask(scan, size, err) < 0)
        return -1;
    while (size > 0) {
        size_t room = sizeof scan->window - scan->have, part = size < room ? size : room;
        memcpy(scan->window + scan->have, data, part);
        scan->have += part;
        scan->added += part;
        data += part;
        size -= part;
        if (scan->have == sizeof scan->window && window_look(scan, false, err) < 0)
            return -1;
    }
    return 0;
}

int place_scan_zeros(struct place_scan *scan, uint64_t size, struct error *err)
{
    if (room_ask(scan, size, err) < 0)
        return -1;
    while (size > 0) {
        uint64_t part = size < TWO_BLOCKS ? size : TWO_BLOCKS;
        if (place_scan_bytes(scan, zero_page, (size_t)part, err) < 0 ||
            window_look(scan, false, err) < 0)
            return -1;
        size -= part;
        if (part < TWO_BLOCKS)
            break;
        /* What is left in the window is zero, so blocks may pass unseen. */
        uint64_t skipped = size - size % PLACE_BLOCK;
        scan->base += skipped;
        scan->added += skipped;
        size -= skipped;
    }
    return 0;
}

/* --- the end --- */

static int table_keep(const struct gpt_table *table, struct gpt_table **ret, struct error *err)
{
    *ret = malloc(sizeof *table);
    if (*ret == NULL)
        return error_memory(err);
    **ret = *table;
    return 0;
}

static int tables_read(struct place_scan *scan, struct error *err)
{
    struct place_facts *facts = scan->facts;
    size_t size = facts->length < END_SIZE ? (size_t)facts->length : END_SIZE;
    struct gpt_table table;
    for (size_t i = 0; i < facts->header_count; i++) {
        uint64_t offset = facts->headers[i].offset;
        uint32_t sector_size = facts->headers[i].sector_size;
        if (facts->primary == NULL && facts->headers[i].lba == 1 && offset == sector_size &&
            gpt_table_read(scan->head, size, (size_t)offset, sector_size, &table) &&
            table_keep(&table, &facts->primary, err) < 0)
            return -1;
        if (facts->backup == NULL && facts->headers[i].lba > 1 && offset >= facts->length - size &&
            gpt_table_read(scan->tail, size, (size_t)(offset - (facts->length - size)), sector_size,
                           &table)) {
            facts->backup_offset = offset;
            if (table_keep(&table, &facts->backup, err) < 0)
                return -1;
        }
    }
    return 0;
}

int place_scan_end(struct place_scan *scan, struct place_facts **ret, struct error *err)
{
    if (scan->facts == NULL || scan->added != scan->facts->length)
        return error_set(err, ERROR_INTERNAL, "fewer bytes than the chunk has");
    if (window_look(scan, true, err) < 0 || tables_read(scan, err) < 0)
        return -1;
    deltas_trim(scan->facts);
    *ret = take_ptr(&scan->facts);
    return 0;
}

struct place_scan *place_scan_free(struct place_scan *scan)
{
    if (scan != NULL)
        place_facts_free(scan->facts);
    free(scan);
    return NULL;
}

void place_scan_free_auto(struct place_scan **scan)
{
    *scan = place_scan_free(*scan);
}
