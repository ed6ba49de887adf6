/* make_gpt.h: disks with a partition table, for tests: only both ends of a disk exist, so it may
 * have any size. */
#ifndef TESTS_UNIT_MAKE_GPT_H
#define TESTS_UNIT_MAKE_GPT_H

#include "formats/gpt.h"
#include "formats/model/bytes.h"

#include <string.h>
#include <zlib.h>

#define ENTRIES     128u
#define ENTRY_SIZE  128u
#define ARRAY_SIZE  (ENTRIES * ENTRY_SIZE)
#define HEADER_SIZE 92u

/* A disk of any size, of which only both ends exist. */
struct ends {
    uint8_t head[GPT_HEAD_SIZE], tail[GPT_TAIL_SIZE];
    uint64_t size;
    uint32_t sector_size;
};

static inline uint64_t tail_size(const struct ends *ends)
{
    return ends->size < GPT_TAIL_SIZE ? ends->size : GPT_TAIL_SIZE;
}

static inline void put(struct ends *ends, uint64_t offset, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = ((const uint8_t *)data)[i];
        uint64_t at = offset + i, tail_start = ends->size - tail_size(ends);
        if (at < GPT_HEAD_SIZE && at < ends->size)
            ends->head[at] = byte;
        if (at >= tail_start && at < ends->size)
            ends->tail[at - tail_start] = byte;
    }
}

static inline void store_le64(uint8_t *p, uint64_t v)
{
    store_le32(p, (uint32_t)v);
    store_le32(p + 4, (uint32_t)(v >> 32));
}

static inline void header_seal(uint8_t header[HEADER_SIZE])
{
    store_le32(header + 16, 0);
    store_le32(header + 16, (uint32_t)crc32(0, header, HEADER_SIZE));
}

static inline void header_make(const struct ends *ends, uint64_t lba, uint64_t other,
                               uint64_t array_lba, const uint8_t array[ARRAY_SIZE],
                               uint8_t ret[HEADER_SIZE])
{
    uint64_t last = ends->size / ends->sector_size - 1, room = ARRAY_SIZE / ends->sector_size;
    memset(ret, 0, HEADER_SIZE);
    memcpy(ret, "EFI PART", 8);
    store_le32(ret + 8, 0x00010000);
    store_le32(ret + 12, HEADER_SIZE);
    store_le64(ret + 24, lba);
    store_le64(ret + 32, other);
    store_le64(ret + 40, 2 + room);
    store_le64(ret + 48, last - 1 - room);
    memset(ret + 56, 0xD1, 16);
    store_le64(ret + 72, array_lba);
    store_le32(ret + 80, ENTRIES);
    store_le32(ret + 84, ENTRY_SIZE);
    store_le32(ret + 88, (uint32_t)crc32(0, array, ARRAY_SIZE));
    header_seal(ret);
}

/* A protective MBR and both copies, three partitions. */
static inline void disk_make(struct ends *ends, uint32_t sector_size, uint64_t size)
{
    static uint8_t array[ARRAY_SIZE];
    static const uint8_t mbr_entry[16] = {0, 0xFE, 0xFF, 0xFF, 0xEE, 0xFE, 0xFF, 0xFF, 1};
    uint64_t last = size / sector_size - 1, room = ARRAY_SIZE / sector_size;
    memset(ends, 0, sizeof *ends);
    ends->size = size;
    ends->sector_size = sector_size;
    for (size_t i = 0; i < 3; i++)
        memset(array + i * ENTRY_SIZE, 0xE1 + (int)i, 40);
    put(ends, 446, mbr_entry, sizeof mbr_entry);
    put(ends, 510, "\x55\xAA", 2);
    uint8_t header[HEADER_SIZE];
    header_make(ends, 1, last, 2, array, header);
    put(ends, sector_size, header, HEADER_SIZE);
    put(ends, 2ull * sector_size, array, ARRAY_SIZE);
    header_make(ends, last, 1, last - room, array, header);
    put(ends, last * sector_size, header, HEADER_SIZE);
    put(ends, (last - room) * sector_size, array, ARRAY_SIZE);
}

#endif
