/* make_blocks.h: blocks of file systems with right checksums, for tests. */
#ifndef TESTS_UNIT_MAKE_BLOCKS_H
#define TESTS_UNIT_MAKE_BLOCKS_H

#include "formats/apfs.h"
#include "formats/crc32c.h"
#include "formats/ext4.h"
#include "formats/model/bytes.h"

#include <string.h>

#define APFS_OMAP_TYPE 0x4000000Bu /* physical */
#define APFS_OMAP_LEAF 0x40000002u, 0xBu
#define APFS_FS_LEAF   0x00000003u, 0xEu

static inline void set_le16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void set_le64(uint8_t *p, uint64_t v)
{
    store_le32(p, (uint32_t)v);
    store_le32(p + 4, (uint32_t)(v >> 32));
}

/* --- APFS: fill the block behind its 32 bytes first, then --- */

static inline void apfs_seal(uint8_t *block, uint64_t oid, uint64_t xid, uint32_t type,
                             uint32_t subtype)
{
    set_le64(block + 8, oid);
    set_le64(block + 16, xid);
    store_le32(block + 24, type);
    store_le32(block + 28, subtype);
    set_le64(block, apfs_checksum(block));
}

static inline void apfs_object_make(uint8_t *block, uint64_t oid, uint32_t type, uint32_t subtype)
{
    memset(block, 0, APFS_BLOCK_SIZE);
    set_le64(block + 100, oid * 77);
    apfs_seal(block, oid, 9, type, subtype);
}

struct node_entry {
    const void *key, *value;
    size_t key_size, value_size;
};

/* A leaf without the root's 40 bytes. */
static inline void apfs_leaf_make(uint8_t *block, bool fixed, const struct node_entry *entries,
                                  size_t count)
{
    memset(block, 0, APFS_BLOCK_SIZE);
    set_le16(block + 32, fixed ? 2 | 4 : 2);
    store_le32(block + 36, (uint32_t)count);
    size_t toc = 56, keys = toc + count * 8, key = 0, value = 0;
    set_le16(block + 42, (uint32_t)(count * 8));
    for (size_t i = 0; i < count; i++) {
        value += entries[i].value_size;
        memcpy(block + keys + key, entries[i].key, entries[i].key_size);
        memcpy(block + APFS_BLOCK_SIZE - value, entries[i].value, entries[i].value_size);
        uint8_t *entry = block + toc + i * (fixed ? 4 : 8);
        set_le16(entry, (uint32_t)key);
        set_le16(entry + (fixed ? 2 : 4), (uint32_t)value);
        if (!fixed) {
            set_le16(entry + 2, (uint32_t)entries[i].key_size);
            set_le16(entry + 6, (uint32_t)entries[i].value_size);
        }
        key += entries[i].key_size;
    }
}

struct made_file {
    uint64_t id, size, block; /* one extent */
};

#define FILES_A_LEAF 14

/* A leaf of a file-system tree with up to FILES_A_LEAF files. */
static inline void apfs_files_make(uint8_t *block, uint64_t oid, const struct made_file *files,
                                   size_t count)
{
    static uint8_t keys[FILES_A_LEAF][24], inodes[FILES_A_LEAF][140], extents[FILES_A_LEAF][24];
    struct node_entry entries[2 * FILES_A_LEAF];
    for (size_t i = 0; i < count; i++) {
        memset(inodes[i], 0, sizeof inodes[i]);
        set_le64(keys[i], files[i].id | UINT64_C(3) << 60);
        set_le64(keys[i] + 8, files[i].id | UINT64_C(8) << 60);
        set_le64(keys[i] + 16, 0);
        set_le64(inodes[i] + 8, files[i].id);
        set_le16(inodes[i] + 80, 0x81A4);
        set_le16(inodes[i] + 92, 1);
        inodes[i][96] = 8;
        set_le16(inodes[i] + 98, 40);
        set_le64(inodes[i] + 100, files[i].size);
        set_le64(extents[i], (files[i].size + 4095) / 4096 * 4096);
        set_le64(extents[i] + 8, files[i].block);
        entries[2 * i] = (struct node_entry){keys[i], inodes[i], 8, sizeof inodes[i]};
        entries[2 * i + 1] = (struct node_entry){keys[i] + 8, extents[i], 16, 24};
    }
    apfs_leaf_make(block, false, entries, 2 * count);
    apfs_seal(block, oid, 9, APFS_FS_LEAF);
}

/* --- ext4, of 4096-byte blocks with metadata_csum --- */

#define EXT4_GROUP_BLOCKS 32768u

static inline void ext4_super_make(uint8_t *bytes, uint32_t groups, uint32_t inodes_a_group,
                                   uint32_t group)
{
    memset(bytes, 0, EXT4_SUPER_SIZE);
    store_le32(bytes, groups * inodes_a_group);
    store_le32(bytes + 4, groups * EXT4_GROUP_BLOCKS);
    store_le32(bytes + 0x18, 2);
    store_le32(bytes + 0x20, EXT4_GROUP_BLOCKS);
    store_le32(bytes + 0x28, inodes_a_group);
    set_le16(bytes + 0x38, 0xEF53);
    set_le16(bytes + 0x58, EXT4_INODE_SIZE);
    set_le16(bytes + 0x5A, group);
    store_le32(bytes + 0x60, 0x80);
    store_le32(bytes + 0x64, 0x400);
    memset(bytes + 0x68, 0x5E, 16);
    set_le16(bytes + 0xFE, 64);
    bytes[0x175] = 1;
    store_le32(bytes + 0x3FC, crc32c(CRC32C_START, bytes, 0x3FC));
}

static inline void ext4_descriptor_make(uint8_t *bytes, uint32_t seed, uint32_t group,
                                        uint32_t table)
{
    memset(bytes, 0, 64);
    store_le32(bytes + 8, table);
    set_le16(bytes + 0x1E, crc32c(crc32c_number(seed, group), bytes, 64) & 0xFFFF);
}

/* A regular file of one extent at that block. */
static inline void ext4_inode_make(uint8_t *bytes, uint32_t seed, uint32_t number, uint64_t size,
                                   uint32_t block)
{
    memset(bytes, 0, EXT4_INODE_SIZE);
    set_le16(bytes, 0x81A4);
    store_le32(bytes + 4, (uint32_t)size);
    store_le32(bytes + 0x20, 0x80000);
    set_le16(bytes + 0x28, 0xF30A);
    set_le16(bytes + 0x2A, 1);
    set_le16(bytes + 0x2C, 4);
    set_le16(bytes + 0x38, (uint32_t)((size + 4095) / 4096));
    store_le32(bytes + 0x3C, block);
    store_le32(bytes + 0x64, number * 31);
    set_le16(bytes + 0x80, 32);
    uint32_t sum = crc32c_number(crc32c_number(seed, number), number * 31);
    sum = crc32c(sum, bytes, EXT4_INODE_SIZE);
    set_le16(bytes + 0x7C, sum & 0xFFFF);
    set_le16(bytes + 0x82, sum >> 16);
}

static inline void ext4_attributes_make(uint8_t *bytes, uint32_t seed, uint32_t block)
{
    memset(bytes, 0x41, EXT4_BLOCK_SIZE);
    store_le32(bytes, 0xEA020000);
    store_le32(bytes + 8, 1);
    store_le32(bytes + 16, 0);
    uint32_t sum = crc32c_number(crc32c_number(seed, block), 0);
    store_le32(bytes + 16, crc32c(sum, bytes, EXT4_BLOCK_SIZE));
}

#endif
