/* lz4_block.c: sequences to bytes. Must not know what a block belongs to.
 *
 * A block is a row of sequences: a token (literals in its high half, match length - 4 in its low
 * half), further length bytes where a half is 15, the literals, then offset and further length
 * bytes of the match. The last sequence ends behind its literals.
 */
#include "formats/codec/lz4_block.h"

#include <stdbool.h>
#include <string.h>

#define LENGTH_ESCAPE 15u
#define MATCH_MIN     4u
/* Copies may write and read that many bytes more than asked for, where both sides have them. */
#define SLACK 32u
/* While that much is left, a sequence without further lengths fits with all its slack. */
#define INPUT_MARGIN  64u
#define OUTPUT_MARGIN 128u

struct cursor {
    const uint8_t *in, *in_end;
    uint8_t *out, *out_end;
    const uint8_t *first; /* of the history */
};

static inline size_t load_offset(const uint8_t *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8;
}

/* Adds the further bytes of a length; false where the input ends in them. */
static inline bool further_length(struct cursor *c, size_t *length)
{
    unsigned byte;
    do {
        if (c->in == c->in_end)
            return false;
        byte = *c->in++;
        *length += byte;
    } while (byte == 255);
    return true;
}

/* For areas that lie at least SLACK apart, or not at all over each other. */
static inline void copy_wide(uint8_t *to, const uint8_t *from, size_t length)
{
    const uint8_t *end = to + length;
    do {
        memcpy(to, from, SLACK);
        to += SLACK;
        from += SLACK;
    } while (to < end);
}

static inline bool has_slack(const struct cursor *c, size_t length)
{
    return length + SLACK <= (size_t)(c->out_end - c->out);
}

/* Copies `length` bytes from `offset` bytes back, which may be less than that: then they repeat. */
static inline bool put_match(struct cursor *c, size_t offset, size_t length)
{
    /* 0 wraps around and is refused by the same comparison */
    if (offset - 1 >= (size_t)(c->out - c->first) || length > (size_t)(c->out_end - c->out))
        return false;
    const uint8_t *from = c->out - offset;
    if (offset >= SLACK && has_slack(c, length))
        copy_wide(c->out, from, length);
    else if (offset == 1)
        memset(c->out, *from, length);
    else if (offset >= 8 && has_slack(c, length))
        for (size_t i = 0; i < length; i += 8)
            memcpy(c->out + i, from + i, 8);
    else
        for (size_t i = 0; i < length; i++)
            c->out[i] = from[i];
    c->out += length;
    return true;
}

static inline bool put_literals(struct cursor *c, size_t length)
{
    size_t left = (size_t)(c->in_end - c->in);
    if (length > left || length > (size_t)(c->out_end - c->out))
        return false;
    if (length + SLACK <= left && has_slack(c, length))
        copy_wide(c->out, c->in, length);
    else
        memcpy(c->out, c->in, length);
    c->in += length;
    c->out += length;
    return true;
}

/* The sequences that most blocks are made of: short literals, far from either end. 1: the token of
 * another one is in hand; 0: the input is used up; -1: it is no valid block. */
static inline int short_sequences(struct cursor *c, const uint8_t *in_last, const uint8_t *out_last,
                                  unsigned *ret_token)
{
    while (c->in < c->in_end) {
        unsigned token = *ret_token = *c->in++;
        size_t literals = token >> 4, length = token & 15;
        if (literals == LENGTH_ESCAPE || c->in >= in_last || c->out >= out_last)
            return 1;
        memcpy(c->out, c->in, 16);
        c->in += literals;
        c->out += literals;
        size_t offset = load_offset(c->in);
        c->in += 2;
        if (length < LENGTH_ESCAPE && offset >= 16 && offset <= (size_t)(c->out - c->first)) {
            const uint8_t *from = c->out - offset;
            memcpy(c->out, from, 16);
            memcpy(c->out + 16, from + 16, 2);
            c->out += length + MATCH_MIN;
        } else if ((length == LENGTH_ESCAPE && !further_length(c, &length)) ||
                   !put_match(c, offset, length + MATCH_MIN))
            return -1;
    }
    return 0;
}

/* One sequence whose token is in hand, with every bound looked at. */
static bool any_sequence(struct cursor *c, unsigned token)
{
    size_t literals = token >> 4, length = token & 15;
    if (literals == LENGTH_ESCAPE && !further_length(c, &literals))
        return false;
    if (!put_literals(c, literals))
        return false;
    if (c->in == c->in_end)
        return true;
    if (c->in_end - c->in < 2)
        return false;
    size_t offset = load_offset(c->in);
    c->in += 2;
    if (length == LENGTH_ESCAPE && !further_length(c, &length))
        return false;
    return put_match(c, offset, length + MATCH_MIN);
}

int64_t lz4_block_decode(const uint8_t *input, size_t size, uint8_t *output, size_t capacity,
                         size_t history)
{
    struct cursor c = {input, input + size, output, output + capacity, output - history};
    const uint8_t *in_last = size > INPUT_MARGIN ? c.in_end - INPUT_MARGIN : input;
    const uint8_t *out_last = capacity > OUTPUT_MARGIN ? c.out_end - OUTPUT_MARGIN : output;
    if (size == 0)
        return -1; /* even nothing has its token */
    unsigned token;
    int status;
    while ((status = short_sequences(&c, in_last, out_last, &token)) == 1)
        if (!any_sequence(&c, token))
            return -1;
    return status < 0 ? -1 : c.out - output;
}
