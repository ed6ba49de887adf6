/* lz4_twin.h: our block decoder held against liblz4's, for tests and fuzzers. They differ in two
 * known rules only: a match of offset 0 (ours refuses), and how a block may end (ours takes what
 * Apple's decoder takes: also right behind a match, or with fewer last literals than LZ4 asks for).
 */
#ifndef TESTS_UNIT_LZ4_TWIN_H
#define TESTS_UNIT_LZ4_TWIN_H

#include "formats/codec/lz4_block.h"

#include <lz4.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Whether a block that liblz4 takes holds a match of offset 0. */
static inline bool twin_has_offset_zero(const uint8_t *p, const uint8_t *end)
{
    for (;;) {
        unsigned token = *p++;
        size_t literals = token >> 4;
        if (literals == 15)
            do
                literals += *p;
            while (*p++ == 255);
        p += literals;
        if (p >= end)
            return false;
        if (p[0] == 0 && p[1] == 0)
            return true;
        p += 2;
        if ((token & 15) == 15)
            while (*p++ == 255)
                continue;
    }
}

/* Decodes a block with both into memory of exactly the sizes given, with `history` bytes before it.
 * True where they agree, or differ by a known rule. *ret: ours. */
static inline bool twins_agree(const uint8_t *block, size_t size, size_t capacity, size_t history,
                               int64_t *ret)
{
    uint8_t *input = malloc(size + 1);
    uint8_t *ours = malloc(history + capacity + 1), *theirs = malloc(history + capacity + 1);
    bool agree = input != NULL && ours != NULL && theirs != NULL;
    if (agree) {
        /* the end of each allocation is where its data ends: a sanitizer sees a byte too much */
        uint8_t *in = memcpy(input + 1, block, size);
        for (size_t i = 0; i < history; i++)
            ours[i + 1] = theirs[i + 1] = (uint8_t)(i * 31 + (i >> 8));
        uint8_t *out = ours + 1 + history, *other = theirs + 1 + history;
        *ret = lz4_block_decode(in, size, out, capacity, history);
        int64_t got =
            LZ4_decompress_safe_usingDict((const char *)in, (char *)other, (int)size, (int)capacity,
                                          (const char *)other - history, (int)history);
        if (got < 0)
            agree = *ret <= (int64_t)capacity;
        else if (*ret < 0)
            agree = size > 0 && twin_has_offset_zero(in, in + size);
        else
            agree = *ret == got && memcmp(out, other, (size_t)got) == 0;
    }
    free(input);
    free(ours);
    free(theirs);
    return agree;
}

#endif
