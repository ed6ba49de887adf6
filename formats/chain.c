/* chain.c: what a cut through a stream of blocks means: headers, a layer behind a cut, a block put
 * together from both sides of it. Must not know how boundaries are found, nor search.
 */
#include "formats/chain_parts.h"

#include <stdlib.h>
#include <string.h>

#define MATCH_MIN     4u
#define LENGTH_ESCAPE 15u

void chain_layer_done(struct chain_layer *layer)
{
    free(layer->heads);
    free(layer->endings);
    layer->heads = NULL;
    layer->endings = NULL;
    layer->head_count = layer->ending_count = 0;
}

static int magic_begin(const uint8_t *bytes, size_t size)
{
    static const uint8_t common[3] = {0x62, 0x76, 0x34};
    return memcmp(bytes, common, size < sizeof common ? size : sizeof common) == 0 ? 0 : -1;
}

int chain_header_read(const uint8_t *bytes, size_t size, struct chain_header *ret)
{
    if (size < APPLELZ4_MAGIC_SIZE)
        return magic_begin(bytes, size);
    *ret = (struct chain_header){.magic = applelz4_magic(bytes)};
    if (ret->magic == APPLELZ4_UNKNOWN)
        return -1;
    if (ret->magic == APPLELZ4_END) {
        ret->header = ret->block = APPLELZ4_MAGIC_SIZE;
        return 1;
    }
    if (size < APPLELZ4_HEADER_STORED)
        return 0;
    ret->decoded = load_le32(bytes + 4);
    if (ret->decoded > APPLELZ4_BLOCK_MAX)
        return -1;
    if (ret->magic == APPLELZ4_STORED) {
        ret->header = APPLELZ4_HEADER_STORED;
        ret->block = ret->header + (uint64_t)ret->decoded;
        return 1;
    }
    if (size < APPLELZ4_HEADER_BLOCK)
        return 0;
    /* no sequences are longer, and none give more than 255 bytes for each of theirs */
    uint64_t encoded = load_le32(bytes + 8), decoded = ret->decoded;
    if (encoded == 0 || encoded > decoded + decoded / 255 + 16 || decoded > encoded * 255)
        return -1;
    ret->header = APPLELZ4_HEADER_BLOCK;
    ret->block = ret->header + encoded;
    return 1;
}

/* --- a layer behind a cut --- */

const struct chain_head *chain_head_at(const struct chain_layer *layer, uint64_t at)
{
    size_t low = 0, high = layer->head_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (layer->heads[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < layer->head_count && layer->heads[low].at == at ? &layer->heads[low] : NULL;
}

/* The header that the cut goes through, with the bytes that the layer adds. */
static int header_enter(const struct chain_cut *cut, const struct chain_layer *layer,
                        struct chain_entry *ret)
{
    ret->joined = *cut;
    size_t room = sizeof cut->part - cut->part_size;
    size_t step = layer->size < room ? (size_t)layer->size : room;
    memcpy(ret->joined.part + cut->part_size, layer->first, step);
    ret->joined.part_size = (uint8_t)(cut->part_size + step);
    struct chain_header header;
    int status = chain_header_read(ret->joined.part, ret->joined.part_size, &header);
    if (status < 0)
        return -1;
    ret->inside = status == 0; /* the layer was used up */
    if (status == 0)
        return 0;
    ret->need = header.block - cut->part_size;
    ret->block = header.block;
    ret->decoded = header.decoded;
    ret->is_end = header.magic == APPLELZ4_END;
    ret->inside = ret->need > layer->size;
    if (ret->inside)
        ret->joined = (struct chain_cut){CHAIN_PAYLOAD, .need = ret->need - layer->size,
                                         .block = header.block};
    return 0;
}

int chain_enter(const struct chain_cut *cut, const struct chain_layer *layer,
                struct chain_entry *ret)
{
    *ret = (struct chain_entry){.need = 0};
    switch (cut->at) {
    case CHAIN_BOUNDARY:
        return 0;
    case CHAIN_HEADER:
        return header_enter(cut, layer, ret);
    case CHAIN_PAYLOAD:
        ret->need = cut->need;
        ret->block = cut->block;
        ret->inside = cut->need > layer->size;
        if (ret->inside)
            ret->joined = (struct chain_cut){CHAIN_PAYLOAD, .need = cut->need - layer->size,
                                             .block = cut->block};
        return 0;
    default:
        return -1;
    }
}

bool chain_follow(const struct chain_cut *cut, const struct chain_layer *layer,
                  struct chain_cut *ret)
{
    struct chain_entry entry;
    if (layer->size == 0) {
        *ret = *cut;
        return true;
    }
    if (chain_enter(cut, layer, &entry) < 0)
        return false;
    if (entry.inside) {
        *ret = entry.joined;
        return !entry.is_end || entry.joined.at == CHAIN_HEADER;
    }
    if (entry.is_end || entry.need == layer->size) {
        *ret = (struct chain_cut){.at = entry.is_end ? CHAIN_ENDED : CHAIN_BOUNDARY};
        return entry.need == layer->size;
    }
    const struct chain_head *head = chain_head_at(layer, entry.need);
    if (head != NULL)
        *ret = layer->endings[head->ending].cut;
    return head != NULL;
}

bool chain_is_open(const struct chain_cut *cut, const struct chain_layer *layer)
{
    struct chain_entry entry;
    return layer->size > 0 && chain_enter(cut, layer, &entry) == 0 && !entry.inside &&
           !entry.is_end && entry.need >= layer->heads_end;
}

/* --- a raw LZ4 block, by its lengths --- */

struct sequences {
    const uint8_t *in, *in_end;
    uint64_t out, capacity;
    uint64_t history; /* bytes before the first that matches may reach into */
    bool whole;       /* the input ends where the block does */
};

static bool further_length(struct sequences *s, uint64_t *length)
{
    unsigned byte;
    do {
        if (s->in == s->in_end)
            return false;
        byte = *s->in++;
        *length += byte;
    } while (byte == 255);
    return true;
}

/* 1: a sequence was passed; 0: the input ends in it, or behind its literals; -1: it is none. */
static int sequence_pass(struct sequences *s)
{
    unsigned token = *s->in++;
    uint64_t literals = token >> 4, length = token & 15;
    if (literals == LENGTH_ESCAPE && !further_length(s, &literals))
        return s->whole ? -1 : 0;
    if (literals > s->capacity - s->out)
        return -1;
    s->out += literals;
    if (literals > (uint64_t)(s->in_end - s->in))
        return s->whole ? -1 : 0;
    s->in += literals;
    if (s->in == s->in_end)
        return 0;
    if (s->in_end - s->in < 2)
        return s->whole ? -1 : 0;
    uint64_t offset = (uint64_t)s->in[0] | (uint64_t)s->in[1] << 8;
    s->in += 2;
    if (offset == 0 || (s->history < APPLELZ4_WINDOW && offset > s->history + s->out))
        return -1;
    if (length == LENGTH_ESCAPE && !further_length(s, &length))
        return s->whole ? -1 : 0;
    length += MATCH_MIN;
    if (length > s->capacity - s->out)
        return -1;
    s->out += length;
    return 1;
}

static bool sequences_fit(const uint8_t *payload, size_t size, bool whole, uint64_t decoded,
                          uint64_t history)
{
    struct sequences s = {payload, payload + size, 0, decoded, history, whole};
    int status = size == 0 && whole ? -1 : 1;
    while (status > 0 && s.in < s.in_end)
        status = sequence_pass(&s);
    return status >= 0 && (!whole || s.out == decoded);
}

int chain_joins(const uint8_t *block, size_t size, uint64_t history)
{
    struct chain_header header;
    if (chain_header_read(block, size, &header) != 1 || header.block != size)
        return 0;
    if (header.magic != APPLELZ4_BLOCK)
        return 1;
    return sequences_fit(block + header.header, size - header.header, true, header.decoded,
                         history);
}

bool chain_begins_block(const uint8_t *start, size_t size)
{
    struct chain_header header;
    int status = chain_header_read(start, size, &header);
    if (status <= 0 || header.magic != APPLELZ4_BLOCK)
        return status >= 0;
    return size < header.block && sequences_fit(start + header.header, size - header.header, false,
                                                header.decoded, UINT64_MAX);
}

bool chain_reaches_back(const uint8_t *front, size_t size)
{
    uint64_t decoded = 0;
    struct chain_header header;
    while (decoded < APPLELZ4_WINDOW && chain_header_read(front, size, &header) == 1 &&
           header.magic != APPLELZ4_END) {
        size_t there = header.block < size ? (size_t)header.block : size;
        if (header.magic == APPLELZ4_BLOCK &&
            !sequences_fit(front + header.header, there - header.header, there == header.block,
                           header.decoded, decoded))
            return true;
        decoded += header.decoded;
        front += there;
        size -= there;
    }
    return false;
}
