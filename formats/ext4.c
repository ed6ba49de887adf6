/* ext4.c: superblock copies, group descriptors, inodes and attribute blocks, each judged by its own
 * bytes. What is found is what was once written there or a copy of it (the journal is full of
 * them): whether it stands where it belongs, the caller must ask. */
#include "formats/ext4.h"

#include "formats/crc32c.h"
#include "formats/model/bytes.h"

#include <string.h>

#define SUPER_MAGIC          0xEF53u
#define INCOMPAT_META_BG     0x10u
#define INCOMPAT_64BIT       0x80u
#define INCOMPAT_SEED        0x2000u
#define RO_COMPAT_CHECKSUMS  0x400u
#define CHECKSUM_TYPE_CRC32C 1u
#define DESCRIPTOR_MIN       32u
#define DESCRIPTOR_MAX       1024u

static uint32_t load_le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static bool is_power_of_two(uint64_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

/* --- superblock --- */

static bool geometry_read(const uint8_t *bytes, struct ext4_super *ret)
{
    uint32_t log_size = load_le32(bytes + 0x18), incompat = load_le32(bytes + 0x60);
    if (log_size > 6)
        return false;
    ret->block_size = UINT32_C(1024) << log_size;
    ret->first_block = load_le32(bytes + 0x14);
    ret->blocks_per_group = load_le32(bytes + 0x20);
    ret->inodes_per_group = load_le32(bytes + 0x28);
    ret->inodes = load_le32(bytes);
    ret->inode_size = load_le16(bytes + 0x58);
    ret->blocks = load_le32(bytes + 4);
    ret->descriptor_size = DESCRIPTOR_MIN;
    if ((incompat & INCOMPAT_64BIT) != 0) {
        ret->blocks |= (uint64_t)load_le32(bytes + 0x150) << 32;
        ret->descriptor_size = load_le16(bytes + 0xFE);
    }
    if (ret->blocks_per_group == 0 || ret->blocks_per_group > 8 * ret->block_size ||
        ret->inodes_per_group == 0 || ret->inodes_per_group > 8 * ret->block_size ||
        ret->first_block != (log_size == 0 ? 1u : 0u) || ret->blocks <= ret->first_block ||
        ret->blocks >= UINT64_C(1) << 40 || !is_power_of_two(ret->inode_size) ||
        ret->inode_size < 128 || ret->inode_size > ret->block_size ||
        !is_power_of_two(ret->descriptor_size) || ret->descriptor_size < DESCRIPTOR_MIN ||
        ret->descriptor_size > DESCRIPTOR_MAX)
        return false;
    uint64_t groups = (ret->blocks - ret->first_block + ret->blocks_per_group - 1) / //
                      ret->blocks_per_group;
    ret->group = load_le16(bytes + 0x5A);
    if (groups > UINT32_MAX || ret->group >= groups)
        return false;
    ret->groups = (uint32_t)groups;
    return groups * ret->inodes_per_group == ret->inodes;
}

bool ext4_super_read(const uint8_t *bytes, struct ext4_super *ret)
{
    *ret = (struct ext4_super){.checksums = false};
    if (load_le16(bytes + 0x38) != SUPER_MAGIC || !geometry_read(bytes, ret))
        return false;
    uint32_t incompat = load_le32(bytes + 0x60);
    memcpy(ret->uuid, bytes + 0x68, sizeof ret->uuid);
    ret->descriptors = (incompat & INCOMPAT_META_BG) == 0 && ret->groups <= EXT4_GROUPS_MAX;
    ret->checksums = (load_le32(bytes + 0x64) & RO_COMPAT_CHECKSUMS) != 0;
    if (!ret->checksums)
        return true;
    ret->seed = (incompat & INCOMPAT_SEED) != 0 ? load_le32(bytes + 0x270)
                                                : crc32c(CRC32C_START, ret->uuid, sizeof ret->uuid);
    return bytes[0x175] == CHECKSUM_TYPE_CRC32C &&
           crc32c(CRC32C_START, bytes, 0x3FC) == load_le32(bytes + 0x3FC);
}

uint64_t ext4_super_offset(const struct ext4_super *super)
{
    uint64_t block = super->first_block + (uint64_t)super->group * super->blocks_per_group;
    return super->group == 0 ? EXT4_SUPER_SIZE : block * super->block_size;
}

uint64_t ext4_descriptors_offset(const struct ext4_super *super)
{
    return (ext4_super_offset(super) / super->block_size + 1) * super->block_size;
}

uint64_t ext4_inode_table(const struct ext4_super *super, uint32_t group, const uint8_t *descriptor)
{
    uint8_t bytes[DESCRIPTOR_MAX];
    memcpy(bytes, descriptor, super->descriptor_size);
    memset(bytes + 0x1E, 0, 2);
    uint32_t sum = crc32c(crc32c_number(super->seed, group), bytes, super->descriptor_size);
    uint64_t block = load_le32(descriptor + 8);
    if (super->descriptor_size >= 64)
        block |= (uint64_t)load_le32(descriptor + 0x28) << 32;
    if ((sum & 0xFFFF) != load_le16(descriptor + 0x1E) || block >= super->blocks)
        return 0;
    return block * super->block_size;
}

/* --- inode --- */

#define INODE_EXTENTS    0x80000u
#define EXTENT_MAGIC     0xF30Au
#define EXTENT_UNWRITTEN 32768u /* lengths above stand for blocks that read as zeros */
#define MODE_REGULAR     8u
/* fifo, character device, directory, block device, regular file, link, socket */
#define MODE_KINDS                                                                                 \
    (1u << 1 | 1u << 2 | 1u << 4 | 1u << 6 | 1u << MODE_REGULAR | 1u << 10 | 1u << 12)

static uint64_t inode_end(const uint8_t *bytes)
{
    uint64_t size = load_le32(bytes + 4) | (uint64_t)load_le32(bytes + 0x6C) << 32;
    const uint8_t *tree = bytes + 0x28;
    uint32_t entries = load_le16(tree + 2);
    if (bytes[1] >> 4 != MODE_REGULAR || (load_le32(bytes + 0x20) & INODE_EXTENTS) == 0 ||
        load_le16(tree) != EXTENT_MAGIC || load_le16(tree + 6) != 0 || entries == 0 ||
        entries > 4 || size % EXT4_BLOCK_SIZE == 0)
        return 0;
    for (uint32_t i = 0; i < entries; i++) {
        const uint8_t *extent = tree + 12 + (size_t)i * 12;
        uint64_t from = load_le32(extent), last = size / EXT4_BLOCK_SIZE;
        uint32_t length = load_le16(extent + 4);
        uint64_t start = load_le32(extent + 8) | (uint64_t)load_le16(extent + 6) << 32;
        if (length <= EXTENT_UNWRITTEN && from <= last && last - from < length && start != 0 &&
            start < UINT64_C(1) << 40)
            return (start + last - from) * EXT4_BLOCK_SIZE + size % EXT4_BLOCK_SIZE;
    }
    return 0;
}

bool ext4_inode_read(const uint8_t *bytes, struct ext4_inode *ret)
{
    uint32_t extra = load_le16(bytes + 0x80);
    if ((MODE_KINDS >> (bytes[1] >> 4) & 1) == 0 || extra < 4 || extra % 4 != 0 || extra > 128)
        return false;
    uint32_t sum = load_le16(bytes + 0x7C) | load_le16(bytes + 0x82) << 16;
    uint8_t inode[EXT4_INODE_SIZE];
    memcpy(inode, bytes, sizeof inode);
    memset(inode + 0x7C, 0, 2);
    memset(inode + 0x82, 0, 2);
    uint32_t state = crc32c_undo(sum, inode, sizeof inode);
    state = crc32c_undo(state, inode + 0x64, 4); /* the generation */
    ret->masked = crc32c_undo_number(state, 0);
    ret->end = inode_end(bytes);
    return true;
}

uint64_t ext4_inode_offset(const struct ext4_super *super, const uint64_t *tables, uint32_t number)
{
    if (number == 0 || number > super->inodes)
        return 0;
    uint64_t table = tables[(number - 1) / super->inodes_per_group];
    uint64_t slot = (number - 1) % super->inodes_per_group;
    return table == 0 ? 0 : table + slot * super->inode_size;
}

/* --- extended attributes --- */

#define ATTRIBUTES_MAGIC 0xEA020000u

bool ext4_attributes_read(const uint8_t *bytes, uint32_t *ret_masked)
{
    if (load_le32(bytes) != ATTRIBUTES_MAGIC || load_le32(bytes + 8) != 1)
        return false;
    uint8_t block[EXT4_BLOCK_SIZE];
    memcpy(block, bytes, sizeof block);
    memset(block + 16, 0, 4);
    uint32_t state = crc32c_undo(load_le32(bytes + 16), block, sizeof block);
    /* the block number is fed as 64 bits, of which the upper 32 are zero up to 16 TiB */
    *ret_masked = crc32c_undo_number(crc32c_undo_number(state, 0), 0);
    return true;
}
