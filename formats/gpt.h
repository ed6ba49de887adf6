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

/* zlib's version, for --version. Lives for ever. */
const char *gpt_library(void);

#endif
