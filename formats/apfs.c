/* apfs.c: tells objects of an APFS container from other blocks, and reads the two sorts of B-tree
 * leaves that help to place blocks. Header first, checksum second: the header is cheap and refuses
 * almost all, and the checksum alone takes a block of FF bytes for good. Must not read outside of
 * its block, whatever the fields say. */
#include "formats/apfs.h"

#include "formats/model/bytes.h"

#define FLAG_PHYSICAL 0x40000000u
#define ID_MAX        (UINT64_C(1) << 48) /* oids and xids beyond are not believed */
#define VIRTUAL_FIRST 1024u               /* oids below are reserved */

enum kind {
    KIND_NODE_ROOT = 2,
    KIND_NODE = 3,
    KIND_CAB = 6,
    KIND_CIB = 7,
    KIND_OMAP = 0xB,
    KIND_CHECKPOINT_MAP = 0xC,
    KIND_VOLUME = 0xD,
    KIND_FS_TREE = 0xE,
    KIND_EXTENT_REFS = 0xF,
    KIND_SNAPSHOTS = 0x10,
    KIND_OMAP_SNAPSHOTS = 0x13,
    KIND_ROLLING = 0x18,
    KIND_GBITMAP = 0x19,
    KIND_GBITMAP_TREE = 0x1A,
    KIND_GBITMAP_BLOCK = 0x1B,
    KIND_ROLLING_BLOCK = 0x1C,
    KIND_SNAPSHOT_EXT = 0x1D,
    KIND_FILE_EXTENTS = 0x1F,
};

#define BIT(kind) (UINT32_C(1) << (kind))
#define NODES     (BIT(KIND_NODE_ROOT) | BIT(KIND_NODE))
#define PHYSICAL_KINDS                                                                             \
    (NODES | BIT(KIND_CAB) | BIT(KIND_CIB) | BIT(KIND_OMAP) | BIT(KIND_CHECKPOINT_MAP) |           \
     BIT(KIND_VOLUME) | BIT(KIND_ROLLING) | BIT(KIND_GBITMAP) | BIT(KIND_GBITMAP_BLOCK) |          \
     BIT(KIND_ROLLING_BLOCK))
#define PHYSICAL_TREES                                                                             \
    (BIT(KIND_OMAP) | BIT(KIND_EXTENT_REFS) | BIT(KIND_SNAPSHOTS) | BIT(KIND_OMAP_SNAPSHOTS) |     \
     BIT(KIND_GBITMAP_TREE) | BIT(KIND_FILE_EXTENTS))
#define VIRTUAL_KINDS (NODES | BIT(KIND_VOLUME) | BIT(KIND_SNAPSHOT_EXT))
#define VIRTUAL_TREES BIT(KIND_FS_TREE)

static uint64_t word_sum(uint64_t a, uint64_t b)
{
    return (a + b) % UINT32_MAX;
}

uint64_t apfs_checksum(const uint8_t *block)
{
    /* The sums of 1022 words do not overflow 64 bits, so one reduction at the end will do. */
    uint64_t sum = 0, sums = 0;
    for (size_t at = 8; at < APFS_BLOCK_SIZE; at += 4) {
        sum += load_le32(block + at);
        sums += sum;
    }
    sum %= UINT32_MAX;
    uint64_t low = UINT32_MAX - word_sum(sum, sums % UINT32_MAX);
    uint64_t high = UINT32_MAX - word_sum(sum, low);
    return high << 32 | low;
}

/* Which sort a type and subtype stand for; APFS_NONE where none is known. */
static enum apfs_sort sort_of(uint32_t type, uint32_t subtype)
{
    uint32_t kind = type & 0xFFFF;
    bool physical = (type & ~UINT32_C(0xFFFF)) == FLAG_PHYSICAL;
    if ((!physical && type != kind) || kind > 0x1F || subtype > 0x1F)
        return APFS_NONE;
    if ((BIT(kind) & (physical ? PHYSICAL_KINDS : VIRTUAL_KINDS)) == 0)
        return APFS_NONE;
    bool tree = (BIT(kind) & NODES) != 0;
    if (tree ? (BIT(subtype) & (physical ? PHYSICAL_TREES : VIRTUAL_TREES)) == 0 : subtype != 0)
        return APFS_NONE;
    return physical ? APFS_PHYSICAL : APFS_VIRTUAL;
}

bool apfs_object_read(const uint8_t *block, struct apfs_object *ret)
{
    *ret = (struct apfs_object){.sort = APFS_NONE};
    if (!apfs_may_be_object(block))
        return false;
    uint64_t oid = load_le64(block + 8), xid = load_le64(block + 16);
    uint32_t type = load_le32(block + 24), subtype = load_le32(block + 28);
    enum apfs_sort sort = sort_of(type, subtype);
    if (sort == APFS_NONE || oid == 0 || oid >= ID_MAX || xid == 0 || xid >= ID_MAX ||
        (sort == APFS_VIRTUAL && oid < VIRTUAL_FIRST))
        return false;
    if (load_le64(block) != apfs_checksum(block))
        return false;
    *ret = (struct apfs_object){sort, oid, xid, type, subtype};
    return true;
}

/* --- B-tree leaves --- */

#define NODE_FLAG_ROOT  1u
#define NODE_FLAG_LEAF  2u
#define NODE_FLAG_FIXED 4u
#define NODE_DATA       56u
#define NODE_INFO_SIZE  40u /* behind the values of a root */

struct leaf {
    const uint8_t *block;
    size_t toc, keys, values_end; /* offsets in the block */
    size_t count;
    bool fixed;
};

static bool is_node_of(const struct apfs_object *object, uint32_t tree)
{
    uint32_t kind = object->type & 0xFFFF;
    return (kind == KIND_NODE || kind == KIND_NODE_ROOT) && object->subtype == tree;
}

static bool leaf_open(const uint8_t *block, bool fixed, struct leaf *ret)
{
    unsigned flags = (unsigned)block[32] | (unsigned)block[33] << 8;
    unsigned level = (unsigned)block[34] | (unsigned)block[35] << 8;
    size_t toc = NODE_DATA + (load_le32(block + 40) & 0xFFFF), size = load_le32(block + 40) >> 16;
    uint32_t count = load_le32(block + 36);
    if ((flags & NODE_FLAG_LEAF) == 0 || level != 0 || ((flags & NODE_FLAG_FIXED) != 0) != fixed)
        return false;
    size_t end = APFS_BLOCK_SIZE - ((flags & NODE_FLAG_ROOT) != 0 ? NODE_INFO_SIZE : 0);
    if (toc + size > end || count > size / (fixed ? 4 : 8))
        return false;
    *ret = (struct leaf){block, toc, toc + size, end, count, fixed};
    return true;
}

/* An entry's key and value, each of at least that many bytes; false where they are shorter or lie
 * outside. ret_room: bytes from the value to the end of the values. */
static bool leaf_entry(const struct leaf *leaf, size_t index, size_t key_size, size_t value_size,
                       const uint8_t **ret_key, const uint8_t **ret_value, size_t *ret_length)
{
    size_t key, value, key_length = key_size, length = value_size;
    if (leaf->fixed) {
        uint32_t entry = load_le32(leaf->block + leaf->toc + index * 4);
        key = entry & 0xFFFF;
        value = entry >> 16;
    } else {
        uint32_t key_place = load_le32(leaf->block + leaf->toc + index * 8);
        uint32_t value_place = load_le32(leaf->block + leaf->toc + index * 8 + 4);
        key = key_place & 0xFFFF;
        key_length = key_place >> 16;
        value = value_place & 0xFFFF;
        length = value_place >> 16;
    }
    if (key_length < key_size || length < value_size ||
        leaf->keys + key + key_size > leaf->values_end || value > leaf->values_end - leaf->keys ||
        length > value)
        return false;
    *ret_key = leaf->block + leaf->keys + key;
    *ret_value = leaf->block + leaf->values_end - value;
    *ret_length = length;
    return true;
}

size_t apfs_mappings(const uint8_t *block, const struct apfs_object *object,
                     struct apfs_mapping *ret, size_t max)
{
    struct leaf leaf;
    if (object->sort != APFS_PHYSICAL || !is_node_of(object, KIND_OMAP) ||
        !leaf_open(block, true, &leaf))
        return 0;
    size_t count = 0;
    for (size_t i = 0; i < leaf.count && count < max; i++) {
        const uint8_t *key, *value;
        size_t length;
        if (!leaf_entry(&leaf, i, 16, 16, &key, &value, &length))
            continue;
        struct apfs_mapping mapping = {load_le64(key), load_le64(key + 8), load_le64(value + 8)};
        if (mapping.oid != 0 && mapping.xid != 0 && mapping.block != 0 && mapping.block < ID_MAX)
            ret[count++] = mapping;
    }
    return count;
}

/* --- files --- */

#define RECORD_INODE  3u
#define RECORD_EXTENT 8u
#define RECORD_SHIFT  60
#define RECORD_ID     ((UINT64_C(1) << RECORD_SHIFT) - 1)
#define INODE_SIZE    92u
#define FIELD_STREAM  8u /* extended field of an inode: the data's size */
#define EXTENT_LENGTH ((UINT64_C(1) << 56) - 1)
#define MODE_KIND     0xF000u
#define MODE_REGULAR  0x8000u
#define FILE_SIZE_MAX (UINT64_C(1) << 56)

/* The size of the file whose inode record this is; 0 where it has none to tell. */
static uint64_t inode_size(const uint8_t *value, size_t length)
{
    unsigned mode = (unsigned)value[80] | (unsigned)value[81] << 8;
    if ((mode & MODE_KIND) != MODE_REGULAR || length < INODE_SIZE + 4)
        return 0;
    size_t fields = (size_t)value[INODE_SIZE] | (size_t)value[INODE_SIZE + 1] << 8;
    size_t at = INODE_SIZE + 4 + fields * 4;
    for (size_t i = 0; i < fields && at <= length; i++) {
        const uint8_t *field = value + INODE_SIZE + 4 + i * 4;
        size_t size = (size_t)field[2] | (size_t)field[3] << 8;
        if (size > length - at)
            return 0;
        if (field[0] == FIELD_STREAM && size >= 8)
            return load_le64(value + at);
        at += (size + 7) / 8 * 8;
    }
    return 0;
}

size_t apfs_file_ends(const uint8_t *block, const struct apfs_object *object, uint64_t *ret,
                      size_t max)
{
    struct leaf leaf;
    if (object->sort != APFS_VIRTUAL || !is_node_of(object, KIND_FS_TREE) ||
        !leaf_open(block, false, &leaf))
        return 0;
    /* Records lie in the order of their ids, an inode before its extents, so one inode at a time is
     * enough. */
    uint64_t stream = 0, size = 0;
    size_t count = 0;
    for (size_t i = 0; i < leaf.count && count < max; i++) {
        const uint8_t *key, *value;
        size_t length;
        if (!leaf_entry(&leaf, i, 8, 16, &key, &value, &length))
            continue;
        uint64_t id = load_le64(key) & RECORD_ID, record = load_le64(key) >> RECORD_SHIFT;
        if (record == RECORD_INODE && length >= INODE_SIZE) {
            stream = load_le64(value + 8);
            size = inode_size(value, length);
        } else if (record == RECORD_EXTENT && id == stream && size < FILE_SIZE_MAX &&
                   size % APFS_BLOCK_SIZE != 0 && key + 16 <= block + leaf.values_end) {
            uint64_t from = load_le64(key + 8), extent = load_le64(value) & EXTENT_LENGTH;
            uint64_t start = load_le64(value + 8);
            if (start != 0 && start < ID_MAX / APFS_BLOCK_SIZE && from < size &&
                size - from < extent)
                ret[count++] = start * APFS_BLOCK_SIZE + (size - from);
        }
    }
    return count;
}
