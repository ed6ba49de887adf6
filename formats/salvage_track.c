/* salvage_track.c: one block at a time, with marks. Knows neither where blocks come from nor where
 * they lie on the disk.
 */
#include "formats/salvage_track.h"

#include "formats/model/auto.h"

#include <string.h>

#define LENGTH_ESCAPE 15u
#define MATCH_MIN     4u

/* --- sequences --- */

struct cursor {
    const uint8_t *in, *end;
};

struct sequence {
    const uint8_t *literals;
    size_t literal_count;
    size_t offset, length; /* of the match; length 0: none, the block ends */
};

static bool further_length(struct cursor *c, size_t *length)
{
    unsigned byte;
    do {
        if (c->in == c->end)
            return false;
        byte = *c->in++;
        *length += byte;
    } while (byte == 255);
    return true;
}

/* False where it is none. */
static bool sequence_next(struct cursor *c, struct sequence *ret)
{
    unsigned token = *c->in++;
    size_t length = token & 15;
    ret->literal_count = token >> 4;
    if (ret->literal_count == LENGTH_ESCAPE && !further_length(c, &ret->literal_count))
        return false;
    if (ret->literal_count > (size_t)(c->end - c->in))
        return false;
    ret->literals = c->in;
    c->in += ret->literal_count;
    ret->length = 0;
    if (c->in == c->end)
        return true;
    if (c->end - c->in < 2)
        return false;
    ret->offset = (size_t)c->in[0] | (size_t)c->in[1] << 8;
    c->in += 2;
    if (length == LENGTH_ESCAPE && !further_length(c, &length))
        return false;
    ret->length = length + MATCH_MIN;
    return true;
}

/* --- blocks --- */

struct payload {
    const uint8_t *data;
    size_t size;
    uint32_t decoded;
    bool stored;
};

static bool payload_of(const uint8_t *block, size_t size, struct payload *ret)
{
    if (size < APPLELZ4_HEADER_STORED)
        return false;
    enum applelz4_magic magic = applelz4_magic(block);
    ret->stored = magic == APPLELZ4_STORED;
    size_t header = ret->stored ? APPLELZ4_HEADER_STORED : APPLELZ4_HEADER_BLOCK;
    if ((magic != APPLELZ4_BLOCK && !ret->stored) || size < header)
        return false;
    ret->decoded = load_le32(block + 4);
    ret->data = block + header;
    ret->size = size - header;
    return ret->size == (ret->stored ? ret->decoded : load_le32(block + 8));
}

bool track_fits(const uint8_t *block, size_t size, uint64_t history)
{
    struct payload payload;
    if (!payload_of(block, size, &payload))
        return false;
    if (payload.stored)
        return true;
    struct cursor c = {payload.data, payload.data + payload.size};
    uint64_t decoded = 0;
    if (payload.size == 0)
        return false;
    while (c.in < c.end) {
        struct sequence sequence;
        if (!sequence_next(&c, &sequence))
            return false;
        decoded += sequence.literal_count;
        /* offset 0 wraps around and is refused by the same comparison */
        if (sequence.length > 0 && sequence.offset - 1 >= decoded + history)
            return false;
        decoded += sequence.length;
        if (decoded > payload.decoded)
            return false;
    }
    return decoded == payload.decoded;
}

/* --- the window --- */

int track_init(struct track *track, struct error *err)
{
    *track = (struct track){.capacity = BLOCK_SIZE};
    track->data = calloc(1, APPLELZ4_WINDOW + BLOCK_SIZE);
    track->marks = calloc(1, APPLELZ4_WINDOW + BLOCK_SIZE);
    if (track->data != NULL && track->marks != NULL)
        return 0;
    track_done(track);
    return error_memory(err);
}

void track_done(struct track *track)
{
    free(track->data);
    free(track->marks);
    *track = (struct track){.data = NULL};
}

void track_reset(struct track *track)
{
    memset(track->data, 0, APPLELZ4_WINDOW);
    memset(track->marks, MARK_KNOWN, APPLELZ4_WINDOW);
    track->size = 0;
}

/* Makes the last bytes the window. */
static void window_take(struct track *track)
{
    memmove(track->data, track->data + track->size, APPLELZ4_WINDOW);
    memmove(track->marks, track->marks + track->size, APPLELZ4_WINDOW);
    track->size = 0;
}

void track_skip(struct track *track, uint64_t size)
{
    window_take(track);
    size_t lost = size < APPLELZ4_WINDOW ? (size_t)size : APPLELZ4_WINDOW;
    size_t kept = APPLELZ4_WINDOW - lost;
    memmove(track->data, track->data + lost, kept);
    memmove(track->marks, track->marks + lost, kept);
    memset(track->data + kept, 0, lost);
    memset(track->marks + kept, MARK_LOST, lost);
}

static int track_reserve(struct track *track, size_t size, struct error *err)
{
    if (size <= track->capacity)
        return 0;
    uint8_t *data = realloc(track->data, APPLELZ4_WINDOW + size);
    if (data == NULL)
        return error_memory(err);
    track->data = data;
    uint8_t *marks = realloc(track->marks, APPLELZ4_WINDOW + size);
    if (marks == NULL)
        return error_memory(err);
    track->marks = marks;
    track->capacity = size;
    return 0;
}

/* Whether matches can bring in nothing that is less known than the block's own bytes. */
static bool window_is_clear(const struct track *track, enum salvage_mark mark)
{
    for (size_t i = 0; i < APPLELZ4_WINDOW; i++)
        if (track->marks[i] > mark)
            return false;
    return true;
}

/* Every bound was checked by track_fits. */
static void decode_marked(struct track *track, const struct payload *payload,
                          enum salvage_mark mark)
{
    uint8_t *data = track->data + APPLELZ4_WINDOW, *marks = track->marks + APPLELZ4_WINDOW;
    struct cursor c = {payload->data, payload->data + payload->size};
    struct sequence sequence;
    while (c.in < c.end && sequence_next(&c, &sequence)) {
        memcpy(data, sequence.literals, sequence.literal_count);
        memset(marks, (int)mark, sequence.literal_count);
        data += sequence.literal_count;
        marks += sequence.literal_count;
        for (size_t i = 0; i < sequence.length; i++) {
            uint8_t from = *(marks - sequence.offset + i);
            data[i] = *(data - sequence.offset + i);
            marks[i] = from > mark ? from : (uint8_t)mark;
        }
        data += sequence.length;
        marks += sequence.length;
    }
}

int track_decode(struct track *track, const uint8_t *block, size_t size, enum salvage_mark mark,
                 struct error *err)
{
    struct payload payload;
    window_take(track);
    if (!payload_of(block, size, &payload) || payload.decoded > APPLELZ4_BLOCK_MAX ||
        !track_fits(block, size, APPLELZ4_WINDOW))
        return 0;
    if (track_reserve(track, payload.decoded, err) < 0)
        return -1;
    if (payload.stored || window_is_clear(track, mark)) {
        if (applelz4_block_decode(block, size, track->data + APPLELZ4_WINDOW, payload.decoded,
                                  APPLELZ4_WINDOW) != (int64_t)payload.decoded)
            return 0;
        memset(track->marks + APPLELZ4_WINDOW, (int)mark, payload.decoded);
    } else
        decode_marked(track, &payload, mark);
    track->size = payload.decoded;
    return 1;
}
