/* salvage_disks.h: small disks that say something of their own places: a partition table, APFS
 * objects, ext4 inodes; and some that lie. */
#ifndef TESTS_UNIT_SALVAGE_DISKS_H
#define TESTS_UNIT_SALVAGE_DISKS_H

#include "tests/unit/make_blocks.h"
#include "tests/unit/salvage_scene.h"

#include <zlib.h>

#define SECTOR       512u
#define TABLE_SIZE   (128u * 128u)
#define PART_START   (40u * SECTOR) /* of the first partition */
#define INODES       2048u
#define INODE_TABLE  40u /* its block */
#define VOLUME_START (64u * SECTOR)

static const uint8_t type_apfs[16] = {0xEF, 0x57, 0x34, 0x7C, 0,    0,    0xAA, 0x11,
                                      0xAA, 0x11, 0x00, 0x30, 0x65, 0x43, 0xEC, 0xAC};
static const uint8_t type_linux[16] = {0xAF, 0x3D, 0xC6, 0x0F, 0x83, 0x84, 0x72, 0x47,
                                       0x8E, 0x79, 0x3D, 0x69, 0xD8, 0x47, 0x7D, 0xE4};

static inline void table_header(uint8_t *to, uint64_t lba, uint64_t other, uint64_t array,
                                uint64_t last, uint32_t crc)
{
    memset(to, 0, SECTOR);
    memcpy(to, "EFI PART", 8);
    store_le32(to + 8, 0x10000);
    store_le32(to + 12, 92);
    set_le64(to + 24, lba);
    set_le64(to + 32, other);
    set_le64(to + 40, 34);
    set_le64(to + 48, last - 33);
    memset(to + 56, 0xD1, 16);
    set_le64(to + 72, array);
    store_le32(to + 80, 128);
    store_le32(to + 84, 128);
    store_le32(to + 88, crc);
    store_le32(to + 16, (uint32_t)crc32(0, to, 92));
}

/* Both copies of a table; bounds: first and last sector of each partition. */
static inline void table_make(uint8_t *disk_bytes, size_t size, const uint8_t type[16],
                              const uint64_t *bounds, size_t partitions)
{
    uint8_t array[TABLE_SIZE] = {0};
    uint64_t last = size / SECTOR - 1;
    for (size_t i = 0; i < partitions; i++) {
        memcpy(array + i * 128, type, 16);
        memset(array + i * 128 + 16, (int)i + 1, 16);
        set_le64(array + i * 128 + 32, bounds[2 * i]);
        set_le64(array + i * 128 + 40, bounds[2 * i + 1]);
    }
    uint32_t crc = (uint32_t)crc32(0, array, TABLE_SIZE);
    memcpy(disk_bytes + 2 * SECTOR, array, TABLE_SIZE);
    memcpy(disk_bytes + (last - 32) * SECTOR, array, TABLE_SIZE);
    table_header(disk_bytes + SECTOR, 1, last, 2, last, crc);
    table_header(disk_bytes + last * SECTOR, last, 1, last - 32, last, crc);
}

static inline void object_put(struct dice *dice, uint8_t *block, uint64_t oid)
{
    make_noise(dice, block, APFS_BLOCK_SIZE);
    apfs_seal(block, oid, 9, APFS_OMAP_TYPE, 0);
}

/* One APFS partition, an object in every `apart`-th of its blocks, more or less. */
static inline void apfs_disk(struct dice *dice, uint8_t *to, size_t size, size_t apart)
{
    const uint64_t bounds[2] = {PART_START / SECTOR, size / SECTOR - 40};
    table_make(to, size, type_apfs, bounds, 1);
    for (uint64_t oid = 1; PART_START + (oid + 12) * APFS_BLOCK_SIZE < size;
         oid += dice_roll(dice) % apart + 1)
        object_put(dice, to + PART_START + oid * APFS_BLOCK_SIZE, oid);
}

/* One ext4 volume with all of its inodes, of which every other is used. */
static inline void ext4_disk(struct dice *dice, uint8_t *to, size_t size)
{
    const uint64_t bounds[2] = {VOLUME_START / SECTOR, size / SECTOR - 40};
    table_make(to, size, type_linux, bounds, 1);
    uint8_t *volume = to + VOLUME_START;
    ext4_super_make(volume + EXT4_SUPER_SIZE, 1, INODES, 0);
    struct ext4_super super;
    assert_true(ext4_super_read(volume + EXT4_SUPER_SIZE, &super));
    memset(volume + EXT4_BLOCK_SIZE, 0, EXT4_BLOCK_SIZE);
    ext4_descriptor_make(volume + EXT4_BLOCK_SIZE, super.seed, 0, INODE_TABLE);
    uint8_t *table = volume + (size_t)INODE_TABLE * EXT4_BLOCK_SIZE;
    for (uint32_t i = 0; i < INODES && table + (size_t)(i + 1) * 256 < to + size - 30000; i++)
        if (dice_roll(dice) % 2 == 0)
            ext4_inode_make(table + (size_t)i * 256, super.seed, i + 1, dice_roll(dice) % 100000,
                            200 + i);
        else
            memset(table + (size_t)i * 256, 0, 256);
    for (uint32_t block = 200; VOLUME_START + (block + 9) * (size_t)EXT4_BLOCK_SIZE < size;
         block += 1 + (uint32_t)(dice_roll(dice) % 9))
        ext4_attributes_make(volume + (size_t)block * EXT4_BLOCK_SIZE, super.seed, block);
}

/* What a file would be that is a disk image: its objects agree, on a place where they are not. */
static inline void nested_objects(struct dice *dice, uint8_t *to, size_t size, uint64_t far)
{
    size_t at = dice_roll(dice) % (size / 2) / APFS_BLOCK_SIZE * APFS_BLOCK_SIZE;
    for (uint64_t i = 1; i < 30 && at + (i + 9) * APFS_BLOCK_SIZE < size; i++)
        if (at + i * APFS_BLOCK_SIZE > 65536)
            object_put(dice, to + at + i * APFS_BLOCK_SIZE, far + i);
}

/* A stream that the disk itself holds. */
static inline void nested_stream(struct dice *dice, uint8_t *to, size_t size)
{
    struct bytes inner;
    size_t inner_size = size / 2;
    uint8_t *disk_bytes = make_data(dice_roll(dice), inner_size);
    if (dice_roll(dice) % 2 == 0)
        apfs_disk(dice, disk_bytes, inner_size, 3);
    stream_make("apple", disk_bytes, inner_size, &inner);
    size_t room = size - 200000, fits = inner.size < room ? inner.size : room;
    memcpy(to + 100000 + dice_roll(dice) % (room - fits + 1), inner.data, fits);
    free(disk_bytes);
    bytes_done(&inner);
}

static inline void zeros_put(struct dice *dice, uint8_t *to, size_t size)
{
    for (size_t i = 0; i < 3; i++) {
        size_t at = dice_roll(dice) % size, length = dice_roll(dice) % (size / 3);
        if (at > 140000)
            memset(to + at, 0, length < size - at ? length : size - at);
    }
}

#define DISK_KINDS 7

/* Makes the disk in hand and its stream. */
static inline void scene_make(uint64_t seed, size_t kind, size_t size)
{
    struct dice dice = {seed * 2 + 1};
    data_size = size / SECTOR * SECTOR;
    data = make_data(seed, data_size);
    switch (kind) {
    case 1:
        apfs_disk(&dice, data, data_size, 6);
        break;
    case 2:
        ext4_disk(&dice, data, data_size);
        break;
    case 3:
        nested_stream(&dice, data, data_size);
        break;
    case 4:
        zeros_put(&dice, data, data_size);
        apfs_disk(&dice, data, data_size, 10);
        break;
    case 5:
        apfs_disk(&dice, data, data_size, 20);
        nested_objects(&dice, data, data_size, 1000 + dice_roll(&dice) % 5000);
        break;
    default:
        zeros_put(&dice, data, data_size);
        break;
    }
    if (kind != 6) {
        stream_make("apple", data, data_size, &stream);
    } else { /* blocks of any size */
        struct encoder *encoder = encoder_named("apple");
        bytes_init(&stream, SIZE_MAX);
        for (size_t at = 0; at < data_size;) {
            size_t step = dice_roll(&dice) % 4 == 0 ? dice_size(&dice, 65536) : 32768;
            step = step < 1024 ? 1024 : step;
            step = step < data_size - at ? step : data_size - at;
            put_encoded(&stream, encoder, data + at, step);
            at += step;
        }
        put_end(&stream);
        encoder_free(encoder);
    }
    starts_find();
}

#endif
