/* salvage_parts.h: what a survey is made of: blocks, threads of blocks, and their places. Known by
 * formats/salvage*.c only. */
#ifndef FORMATS_SALVAGE_PARTS_H
#define FORMATS_SALVAGE_PARTS_H

#include "formats/salvage_stream.h"
#include "formats/salvage_track.h"

/* Blocks one behind the other that are all alike, and all end in one layer. */
struct island {
    uint64_t at, size;       /* in the stream */
    uint64_t offset, length; /* from the thread's start, of disk */
    uint64_t blocks;
    /* Begins so near behind where the thread was taken up that it may all lie in one stored block:
     * a stream that the disk itself holds. */
    bool early;
    bool lost; /* a damaged block, whose size on the disk its header says */
    bool
        certain; /* lost, but its header is proved, and what its layers lack counts up to its end */
    bool odd;    /* of blocks that have another size than BLOCK_SIZE */
};

/* Islands one behind the other, damaged blocks of known size among them. */
struct thread {
    struct island *items;
    size_t count, capacity;
    uint64_t length; /* of disk */
    bool open;       /* the last island goes on */
};

struct survey {
    struct salvage_stream stream;
    /* Of an earlier survey: then a block counts only where these prove its bytes; NULL: where its
     * sequences parse. */
    const struct salvage_layer *proving;
    uint64_t at;            /* the stream's byte in hand */
    uint64_t resumed;       /* where the thread was taken up last */
    uint64_t guessed;       /* where it was taken up last at a place that no proved header names */
    uint64_t decoded_max;   /* of any block */
    struct thread *threads; /* the first begins the disk, and may be empty */
    size_t thread_count, capacity; /* more than one: there is a gap of unknown length */
    size_t island_count;           /* of all threads */
    bool damaged_block;            /* one of known size */
    bool ended;                    /* the last thread leads to the stream's end */
};

static inline struct thread *thread_in_hand(struct survey *survey)
{
    return &survey->threads[survey->thread_count - 1];
}

#define ISLANDS_MAX 65536u

/* --- salvage_blocks.c --- */

enum header_kind { HEADER_NONE, HEADER_BLOCK, HEADER_END };

struct header {
    enum header_kind kind;
    bool stored;
    size_t size; /* of the whole block */
    uint32_t decoded;
};

int header_at(struct survey *survey, uint64_t at, struct header *ret, struct error *err);
/* Whether the block at `at` is one, as far as its own bytes tell. 1, 0, -1. */
int block_is_sound(struct survey *survey, uint64_t at, const struct header *header,
                   uint64_t history, struct error *err);
/* A damaged block of whose header enough is believed to go on behind it: its size is the one that
 * all blocks have, and what follows is a chain. 1 with *ret, 0, -1. */
int block_bridge(struct survey *survey, const struct header *header, uint64_t *ret,
                 struct error *err);
/* Looks from `at` on for where the thread can be taken up again. 1: survey->at is the place; 0: the
 * stream ends; -1. */
int find_thread(struct survey *survey, uint64_t at, struct error *err);
/* Decodes the block at `at`, at most `left` bytes of disk; its own bytes have `mark` at least.
 * *ret_size: of the block. ERROR_IO where there is none any more. */
int block_decode(struct salvage_stream *stream, const struct salvage_layer *layers,
                 struct track *track, uint64_t at, uint64_t left, enum salvage_mark mark,
                 size_t *ret_size, struct error *err);

/* --- salvage_place.c --- */

/* Whether what was found can lie on the disk: it fills it, or leaves out a gap. */
bool survey_fits(const struct survey *survey);
/* Gives what was found its places. Reads the stream once more where a file system may tell. */
int survey_place(struct salvage *salvage, const struct survey *survey,
                 const struct salvage_watch *watch, struct error *err);

#endif
