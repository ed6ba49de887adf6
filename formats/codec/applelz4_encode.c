/* applelz4_encode.c: the match search of Apple's own arm64 encoder, so that what comes out is byte
 * for byte what a Mac would have written. docs/formats/applelz4.md describes it step by step and
 * says what is not known of it. It must not be "improved": another choice anywhere is another
 * digest for every layer.
 */
#include "formats/codec/search.h"

#include "formats/model/auto.h"

#include <string.h>

#define TABLE_BITS  12
#define TABLE_SIZE  (1u << TABLE_BITS)
#define HASH_FACTOR 2654435761u
/* The search stops that many bytes before a block's end. */
#define END_MARGIN 128u
#define GROUP      5u
#define MATCH_MIN  4u

/* Positions count bytes of the stream, from FIRST_POSITION on, so that a slot never written (0) is
 * always farther away than a match may reach. They are 32 bits wide; before they would wrap, the
 * table is moved back. */
#define FIRST_POSITION APPLELZ4_WINDOW
#define LAST_POSITION  0x80000000u

/* A slot is the four bytes at a position (high half) and the position (low half). The difference of
 * two slots is then a distance, below 65,536 exactly where the bytes are equal and near enough. */
struct apple_search {
    struct search search;
    uint64_t table[TABLE_SIZE];
    uint32_t position; /* of the next block's first byte */
};

static inline uint64_t load_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint64_t look_up(uint64_t *table, uint64_t slot)
{
    uint64_t *place = &table[((uint32_t)(slot >> 32) * HASH_FACTOR) >> (32 - TABLE_BITS)];
    uint64_t difference = slot - *place;
    *place = slot;
    return difference;
}

static inline bool is_match(uint64_t difference)
{
    return difference < APPLELZ4_WINDOW;
}

/* Looks at five neighbouring positions in Apple's order: each is tested after its right neighbour
 * has been entered into the table. Returns which one matched, or GROUP; *ret_distance goes with it.
 */
static inline unsigned group_search(uint64_t *table, const uint8_t *p, uint32_t position,
                                    uint64_t *ret_distance)
{
    const uint64_t high = 0xffffffff00000000u;
    uint64_t bytes = load_u64(p);
    uint64_t d0 = look_up(table, bytes << 32 | position);
    uint64_t d1 = look_up(table, (bytes << 24 & high) | (position + 1));
    if (is_match(d0))
        return *ret_distance = d0, 0;
    uint64_t d2 = look_up(table, (bytes << 16 & high) | (position + 2));
    if (is_match(d1))
        return *ret_distance = d1, 1;
    uint64_t d3 = look_up(table, (bytes << 8 & high) | (position + 3));
    if (is_match(d2))
        return *ret_distance = d2, 2;
    uint64_t d4 = look_up(table, (bytes & high) | (position + 4));
    if (is_match(d3))
        return *ret_distance = d3, 3;
    if (is_match(d4))
        return *ret_distance = d4, 4;
    return GROUP;
}

/* Steps of eight bytes; a full step that reaches `limit` is the last, so the end may lie up to
 * seven bytes past it. */
static inline const uint8_t *extend_forward(const uint8_t *p, uint64_t distance,
                                            const uint8_t *limit)
{
    for (;;) {
        uint64_t differing = load_u64(p) ^ load_u64(p - distance);
        if (differing != 0)
            return p + (__builtin_ctzll(differing) >> 3);
        p += 8;
        if (p >= limit)
            return p;
    }
}

static inline uint8_t *put_length(uint8_t *out, size_t length)
{
    while (length >= 255) {
        *out++ = 255;
        length -= 255;
    }
    *out++ = (uint8_t)length;
    return out;
}

/* The literals' nibble, their further length and the bytes. `wide`: 16 bytes may be read and
 * written past the end. */
static inline uint8_t *put_literals(uint8_t *out, const uint8_t *from, size_t count, bool wide,
                                    uint8_t **ret_token)
{
    *ret_token = out++;
    if (count < 15) {
        **ret_token = (uint8_t)(count << 4);
        if (wide) {
            memcpy(out, from, 16);
            return out + count;
        }
    } else {
        **ret_token = 15 << 4;
        out = put_length(out, count - 15);
    }
    memcpy(out, from, count);
    return out + count;
}

static inline uint8_t *put_match(uint8_t *out, uint8_t *token, uint64_t distance, size_t length)
{
    *out++ = (uint8_t)distance;
    *out++ = (uint8_t)(distance >> 8);
    length -= MATCH_MIN;
    if (length < 15) {
        *token |= (uint8_t)length;
        return out;
    }
    *token |= 15;
    return put_length(out, length - 15);
}

/* Moves all positions back so that the next one is FIRST_POSITION; what lies out of reach becomes
 * "never written". */
static void table_move_back(struct apple_search *apple)
{
    uint32_t by = apple->position - FIRST_POSITION;
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        uint32_t position = (uint32_t)apple->table[i];
        apple->table[i] = position < by ? 0 : apple->table[i] - by;
    }
    apple->position = FIRST_POSITION;
}

/* What a block that ends up stored does to Apple's table is not known. This reading: it is searched
 * to its end like any other, and the table keeps what the search entered. */
static size_t apple_block(struct search *search, const uint8_t *block, size_t size, size_t history,
                          uint8_t *output)
{
    (void)history; /* a match reaches at most 65,535 bytes back, and the stream's start bounds it by
                      position */
    struct apple_search *apple = (struct apple_search *)search;
    if (apple->position > LAST_POSITION)
        table_move_back(apple);
    const uint8_t *limit = size > END_MARGIN ? block + size - END_MARGIN : block;
    const uint8_t *done = block; /* all before it is written */
    const uint8_t *p = block;
    uint8_t *out = output;
    uint8_t *token;
    while (p < limit) {
        uint64_t distance;
        unsigned hit =
            group_search(apple->table, p, apple->position + (uint32_t)(p - block), &distance);
        if (hit == GROUP) {
            p += GROUP;
            continue;
        }
        const uint8_t *match = p + hit;
        const uint8_t *end = extend_forward(match + MATCH_MIN, distance, limit);
        /* how far back the stream goes behind the match's source bounds the step backwards */
        size_t room = apple->position + (size_t)(match - block) - distance - FIRST_POSITION;
        while (match > done && room > 0 && match[-1] == *(match - 1 - distance)) {
            match--;
            room--;
        }
        out = put_literals(out, done, (size_t)(match - done), true, &token);
        out = put_match(out, token, distance, (size_t)(end - match));
        done = p = end;
    }
    out = put_literals(out, done, (size_t)(block + size - done), false, &token);
    apple->position += (uint32_t)size;
    return (size_t)(out - output);
}

static void apple_restart(struct search *search)
{
    struct apple_search *apple = (struct apple_search *)search;
    memset(apple->table, 0, sizeof apple->table);
    apple->position = FIRST_POSITION;
}

static struct search *apple_create(int level, struct error *err)
{
    (void)level;
    struct apple_search *apple = calloc(1, sizeof *apple);
    if (apple == NULL) {
        error_memory(err);
        return NULL;
    }
    apple->search.ops = &apple_search_ops;
    return &apple->search;
}

static void apple_destroy(struct search *search)
{
    free(search);
}

const struct search_ops apple_search_ops = {
    .create = apple_create,
    .restart = apple_restart,
    .block = apple_block,
    .destroy = apple_destroy,
    .window_blocks = 8,
};
