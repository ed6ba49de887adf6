/* apfs.h: what a block of an APFS container says of itself, without any order of blocks known.
 * Pure: one block in, facts out. Source of the facts: docs/formats/apfs.md. */
#ifndef FORMATS_APFS_H
#define FORMATS_APFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APFS_BLOCK_SIZE 4096u /* containers with other block sizes are not read */

enum apfs_sort {
    APFS_NONE,     /* no object, or one of no use here */
    APFS_PHYSICAL, /* its oid is its block's number in the container */
    APFS_VIRTUAL,  /* its oid and xid are keys of an object map, which names the block */
};

struct apfs_object {
    enum apfs_sort sort;
    uint64_t oid, xid;
    uint32_t type, subtype;
};

/* Whether the header can be an object's of use: cheap, to be asked first. block has at least 32
 * bytes. */
static inline bool apfs_may_be_object(const uint8_t *block)
{
    /* type: kind and flags; 0x4000 physical, 0 virtual; no flag beside that in what is read here */
    return block[26] == 0 && (block[27] & 0xBF) == 0 && block[25] == 0 && block[24] >= 2 &&
           block[24] <= 0x1F;
}

/* Reads APFS_BLOCK_SIZE bytes. True for an object of a known kind with a right checksum. */
bool apfs_object_read(const uint8_t *block, struct apfs_object *ret);

/* Fletcher-64 as APFS has it, over the block from byte 8. */
uint64_t apfs_checksum(const uint8_t *block);

/* An object map's leaf entry: (oid, xid) is at block. */
struct apfs_mapping {
    uint64_t oid, xid, block;
};

/* The mappings of an object map's leaf; 0 for other blocks. At most max are given. */
#define APFS_MAPPINGS_MAX 256
size_t apfs_mappings(const uint8_t *block, const struct apfs_object *object,
                     struct apfs_mapping *ret, size_t max);

/* Ends of files, as bytes from the container's start, from a leaf of a volume's file-system tree:
 * behind such an end the rest of its block is zero. Files that end with a block have none. */
#define APFS_ENDS_MAX 128
size_t apfs_file_ends(const uint8_t *block, const struct apfs_object *object, uint64_t *ret,
                      size_t max);

#endif
