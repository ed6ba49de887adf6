/* place.h: from the chunks of a raw disk in unknown order to their places, by what the chunks' own
 * bytes say: partition table, APFS objects, ext4 metadata, ends of files. Rules, and what cannot be
 * told, are in docs/formats/order.md. Pure: the caller streams each chunk once through a scan, in
 * any order of chunks, keeps the facts that come out, and asks for all places at the end. There is
 * no second pass.
 *
 *     for each chunk:  place_scan_new, place_scan_bytes/_zeros in order, place_scan_end -> facts
 *     place_solve(chunks, count, disk_size, &result, err)
 *
 * Memory: a scan holds PLACE_SCAN_MEMORY at most; facts hold length/2048 bytes (two for every 4 KiB
 * of chunk) and PLACE_FACTS_MEMORY at most, usually some KiB. What is over a cap is thinned out
 * evenly, so a later part of a chunk counts as much as an earlier one. place_solve holds as much
 * again as all facts' records together.
 *
 * Threads: one scan, one thread at a time; scans of several chunks may run side by side; facts are
 * read-only once made. Failure: -1 and err; hostile bytes never fail, only memory and misuse do. */
#ifndef FORMATS_PLACE_H
#define FORMATS_PLACE_H

#include "formats/model/digest.h"
#include "formats/model/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACE_SCAN_MEMORY  (4u << 20)
#define PLACE_FACTS_MEMORY (16u << 20)
#define PLACE_CHUNK_MAX    (UINT64_C(16) << 30) /* a longer chunk is ERROR_UNSUPPORTED */
#define PLACE_CANDIDATES   8
#define PLACE_WHY_SIZE     200

/* --- one chunk: bytes in, facts out --- */

struct place_scan;
struct place_facts;

int place_scan_new(uint64_t length, struct place_scan **ret, struct error *err);
/* The chunk's bytes in order, in any slicing (law: the facts are the same). ERROR_INTERNAL where
 * more come than length. */
int place_scan_bytes(struct place_scan *scan, const uint8_t *data, size_t size, struct error *err);
int place_scan_zeros(struct place_scan *scan, uint64_t size, struct error *err);
/* After exactly length bytes (else ERROR_INTERNAL). The facts belong to the caller. The scan can
 * then only be freed. */
int place_scan_end(struct place_scan *scan, struct place_facts **ret, struct error *err);
struct place_scan *place_scan_free(struct place_scan *scan); /* takes NULL; returns NULL */
void place_scan_free_auto(struct place_scan **scan);

struct place_facts *place_facts_free(struct place_facts *facts); /* takes NULL; returns NULL */
/* Whether every byte of the chunk is zero. */
bool place_facts_zero(const struct place_facts *facts);

/* --- all chunks: places --- */

struct place_chunk {
    uint64_t length;
    struct digest content;           /* of its bytes: equal ones are interchangeable */
    const struct place_facts *facts; /* borrowed; NULL: its bytes cannot be read (absent, damaged):
                                        it can only be placed by length or elimination */
};

enum place_grade {
    PLACE_UNKNOWN,         /* no place given: candidates and why say what is known */
    PLACE_INTERCHANGEABLE, /* one of several equal chunks; all of the places given to them are
                              theirs, in whichever order */
    PLACE_BY_ELIMINATION,  /* the only place left, for the only chunk left */
    PLACE_LIKELY,          /* evidence without contradiction, but not enough of it for a proof */
    PLACE_PROVED,
};

struct chunk_place {
    enum place_grade grade;
    bool known;               /* whether offset and index are set: all grades but UNKNOWN */
    uint64_t offset;          /* of the chunk on the disk */
    size_t index;             /* its rank among the chunks of the disk */
    char why[PLACE_WHY_SIZE]; /* one phrase: what the grade rests on, or why there is none */
    /* UNKNOWN only: offsets it may have, the best first; candidate_count counts all of them, the
     * array holds the first PLACE_CANDIDATES. Evidence that two chunks claim for one place leaves
     * both UNKNOWN with that place as a candidate. */
    uint64_t candidates[PLACE_CANDIDATES];
    size_t candidate_count;
};

struct place_result {
    struct chunk_place *places; /* one a chunk, in the order of the chunks given */
    size_t count;
    bool complete; /* every chunk has a place, no two the same */
    /* What the whole order can be called: PROVED, LIKELY or UNKNOWN. Elimination and exchange of
     * equal chunks are as good as what they rest on. */
    enum place_grade worst;
    char note[PLACE_WHY_SIZE]; /* what concerns the disk as a whole: no partition table, lengths
                                  that are no grid; else "" */
};

/* chunks are in any order; their lengths sum to disk_size (else ERROR_DISK_SIZE). All must be of
 * one length, but for one shorter one, which is then the last; other sets of lengths come back
 * UNKNOWN, with a note. No place is given twice. */
int place_solve(const struct place_chunk *chunks, size_t count, uint64_t disk_size,
                struct place_result *ret, struct error *err);
void place_result_done(struct place_result *result); /* takes a zeroed one too */

/* "proved", "likely", "by elimination", "interchangeable", "unknown". */
const char *place_grade_name(enum place_grade grade);

#endif
