/* gpt.h: the partition table of a raw disk, read from the disk's first and last bytes. Pure: memory
 * in, facts out. Source of the facts: docs/formats/gpt.md. Threads: none of this keeps state. */
#ifndef FORMATS_GPT_H
#define FORMATS_GPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What gpt_read wants to see of a disk: enough for a header and 128 entries with either sector
 * size. */
#define GPT_HEAD_SIZE 65536u
#define GPT_TAIL_SIZE 65536u

enum gpt_state {
    GPT_ABSENT,  /* no "EFI PART" where it would be */
    GPT_GOOD,    /* header and array have right CRCs */
    GPT_DAMAGED, /* signature there, a CRC or a field is wrong; or missing where the other copy
                    names it */
    GPT_UNSEEN,  /* lies outside of what was given */
};

struct gpt {
    uint32_t sector_size; /* 512 or 4096; 0 where neither copy was found */
    enum gpt_state primary, backup;
    bool protective_mbr; /* 0x55AA and an entry of type 0xEE */
    uint64_t disk_size;  /* bytes the disk had when it was partitioned: (AlternateLBA + 1) * sector
                            size; 0 unknown */
    uint32_t partition_count; /* entries in use */
    const char *why;        /* primary is GPT_DAMAGED: what is wrong, a constant phrase; else "" */
    const char *backup_why; /* the same of the backup */
};

/* head: the first head_size bytes of a disk of disk_size bytes, tail: its last tail_size bytes
 * (both as much as there is, up to the sizes above; they may overlap on a small disk). Takes
 * hostile bytes. */
void gpt_read(const uint8_t *head, size_t head_size, const uint8_t *tail, size_t tail_size,
              uint64_t disk_size, struct gpt *ret);

/* One copy of the table by itself, wherever on the disk it may be: for disks whose order is not
 * known. */
#define GPT_PARTITIONS_MAX 128u

struct gpt_partition {
    uint8_t type[16];
    uint64_t start, end; /* bytes of the disk; start < end */
};

struct gpt_table {
    uint32_t sector_size;
    uint64_t lba, alternate; /* the header's own sector, and the other copy's */
    uint8_t guid[16];
    bool entries; /* the array was given too, with a right checksum: partitions are filled */
    size_t count;
    struct gpt_partition partitions[GPT_PARTITIONS_MAX];
};

/* Reads the copy whose header is at data + at; its array is looked for where it lies by the header.
 * False without a header of a right checksum. Takes hostile bytes. */
bool gpt_table_read(const uint8_t *data, size_t size, size_t at, uint32_t sector_size,
                    struct gpt_table *ret);

/* zlib's version, for --version. Lives for ever. */
const char *gpt_library(void);

#endif
