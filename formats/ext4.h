/* ext4.h: what a piece of an ext4 file system says of its own place, without any order of blocks
 * known. Pure: bytes in, facts out. Source of the facts: docs/formats/ext4.md. */
#ifndef FORMATS_EXT4_H
#define FORMATS_EXT4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXT4_SUPER_SIZE 1024u
#define EXT4_INODE_SIZE 256u  /* inodes of other sizes are not read */
#define EXT4_BLOCK_SIZE 4096u /* what attribute blocks and ends of files are read for */
#define EXT4_GROUPS_MAX 65536u

struct ext4_super {
    uint8_t uuid[16];
    bool checksums;   /* metadata_csum: this copy's checksum was right, and all else can be checked.
                         Without: only the fields' plausibility speaks for it */
    bool descriptors; /* a table of group descriptors stands behind each copy (no meta_bg) */
    uint32_t seed;
    uint32_t block_size, first_block;
    uint32_t blocks_per_group, inodes_per_group, inodes;
    uint32_t inode_size, descriptor_size;
    uint64_t blocks;
    uint32_t group, groups; /* whose copy it is, of how many */
};

/* Reads EXT4_SUPER_SIZE bytes; false where they are no superblock. */
bool ext4_super_read(const uint8_t *bytes, struct ext4_super *ret);
/* Bytes from the file system's start to that copy; to the descriptors behind it. */
uint64_t ext4_super_offset(const struct ext4_super *super);
uint64_t ext4_descriptors_offset(const struct ext4_super *super);
/* Bytes from the file system's start to a group's inode table, from its descriptor of
 * descriptor_size bytes; 0 where its checksum is wrong. */
uint64_t ext4_inode_table(const struct ext4_super *super, uint32_t group,
                          const uint8_t *descriptor);

/* An inode's number is part of its checksum's input, behind the file system's seed: undoing the
 * checksum gives seed XOR number. */
struct ext4_inode {
    uint32_t masked; /* seed XOR inode number, if this is an inode at all */
    uint64_t end;    /* a regular file's end, in bytes from the file system's start where its blocks
                        have EXT4_BLOCK_SIZE bytes; behind it the rest of the block is zero. 0:
                        ends with a block, or not told by the inode alone */
};

/* Reads EXT4_INODE_SIZE bytes; false where they cannot be an inode with a checksum. True is no
 * proof: only a number that fits is. */
bool ext4_inode_read(const uint8_t *bytes, struct ext4_inode *ret);
/* Bytes from the file system's start to that inode, from the tables' starts by group (0: not
 * known); 0 where the number is impossible. */
uint64_t ext4_inode_offset(const struct ext4_super *super, const uint64_t *tables, uint32_t number);

/* Reads EXT4_BLOCK_SIZE bytes of a block of extended attributes: seed XOR block number. */
bool ext4_attributes_read(const uint8_t *bytes, uint32_t *ret_masked);

#endif
