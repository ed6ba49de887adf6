/* bench.h: what the files of the benchmark share: series of figures, and what was measured. Each
 * file measures one kind of thing: parts.c the program's parts, searches.c the encoders, child.c
 * the program itself; bench.c goes through them, report.c says what came out. Times are seconds of
 * CLOCK_MONOTONIC. One thread. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "convert/stores/store.h"

#include <time.h>

#define ROUNDS_MAX 99

/* One thing, measured once a round. */
struct series {
    double values[ROUNDS_MAX];
    size_t count;
};

void series_add(struct series *series, double value); /* at most ROUNDS_MAX */
double series_median(const struct series *series);    /* 0 where there is no value */
double series_max(const struct series *series);

static inline double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- the program's parts: parts.c */

enum part {
    PART_HASH_IN,  /* SHA-256 of the V1 layers */
    PART_DECODE,   /* applelz4_decode over the V1 stream */
    PART_CONTENT,  /* SHA-256 of the chunks' content; all-zero chunks of a length once */
    PART_ENCODE,   /* encoder_block without PART_CHECK; all-zero chunks of a length once */
    PART_CHECK,    /* applelz4_block_decode over the encoded blocks */
    PART_HASH_OUT, /* SHA-256 of what was encoded */
    PART_COUNT
};

struct parts {
    double seconds[PART_COUNT];
    uint64_t bytes[PART_COUNT]; /* that went in */
    uint64_t zero_bytes;        /* of the disk, in all-zero chunks */
};

/* Goes over the V1 image (IN, DECODE, CONTENT), then over the same disk in the file fd (the rest).
 */
int parts_measure(const struct image *v1, int fd, struct parts *ret, struct error *err);

/* --- encoders: searches.c */

enum contender {
    APPLE_SEARCH,  /* our search alone */
    LZ4_FAST,      /* LZ4_compress_fast_continue */
    APPLE_ENCODER, /* with frame and check */
    LZ4_ENCODER,
    CONTENDER_COUNT
};

#define SEARCH_ROUNDS 7
#define SEARCH_SIZE   (256u << 20)

struct searches {
    size_t size; /* bytes of disk, from its start */
    struct series seconds[CONTENDER_COUNT];
    struct series search_ratio, encoder_ratio; /* apple's speed against lz4's, round by round */
};

int searches_measure(int fd, struct searches *ret, struct error *err);

/* --- the program: child.c */

struct cost {
    double wall, cpu; /* seconds; cpu: user and system */
    uint64_t peak;    /* bytes of resident memory */
};

/* Runs argv (NULL at its end) with its output in the file `log`, and waits for it; what it prints
 * is shown where it ends otherwise than with `status`. */
int child_run(const char *const argv[], const char *log, int status, struct cost *ret,
              struct error *err);

/* --- all of it: bench.c */

enum work { WORK_V1_TO_V2, WORK_RAW_TO_V2, WORK_VERIFY_V2, WORK_VERIFY_V1, WORK_ZEROS, WORK_COUNT };

struct result {
    uint64_t load; /* hundredths, of the minute before */
    long cores;
    size_t rounds;
    uint64_t disk_size, zeros; /* bytes: the disk; zeros appended to it for WORK_ZEROS */
    struct series seconds[PART_COUNT];
    struct parts parts; /* of the last round, for its counts of bytes */
    struct {
        struct series wall, cpu, peak;
    } works[WORK_COUNT];
    struct searches searches;
};

/* --- report.c */

void report_print(const struct result *result);
int report_write(const struct result *result, const char *path, struct error *err);

#endif
