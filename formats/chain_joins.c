/* chain_joins.c: blocks that go across a cut, put together from the layers of a way and judged.
 * Must not say no where bytes are not at hand.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

#define ASKED_MAX (1u << 20)

static uint64_t hash(uint64_t value)
{
    value *= UINT64_C(0x9E3779B97F4A7C15);
    return value ^ value >> 29;
}

/* Where to look for, or put, what was learnt of a pair: the pair and, in the lowest bit, yes. */
static uint64_t *asked_find(struct chain_graph *graph, uint64_t pair)
{
    size_t at = (size_t)hash(pair) % graph->asked_room;
    while (graph->asked[at] != 0 && graph->asked[at] >> 1 != pair)
        at = (at + 1) % graph->asked_room;
    return &graph->asked[at];
}

static int asked_grow(struct chain_graph *graph, struct error *err)
{
    if (graph->asked_room == ASKED_MAX)
        graph->asked_count = 0; /* begins anew: it only spares reading again */
    size_t old_room = graph->asked_room, room = old_room == 0 ? 1024 : 2 * old_room;
    if (room > ASKED_MAX) {
        memset(graph->asked, 0, old_room * sizeof *graph->asked);
        return 0;
    }
    uint64_t *asked = calloc(room, sizeof *asked), *old = graph->asked;
    if (asked == NULL)
        return error_memory(err);
    graph->asked = asked;
    graph->asked_room = room;
    for (size_t i = 0; i < old_room; i++)
        if (old[i] != 0)
            *asked_find(graph, old[i] >> 1) = old[i];
    free(old);
    return 0;
}

static int piece_read(const struct chain_graph *graph, const struct chain_kind *kind, uint64_t at,
                      uint64_t size, struct bytes *block, struct error *err)
{
    if (size > block->capacity - block->size)
        return 2; /* these lengths belong to no block */
    int status = size == 0 ? 0
                           : graph->source->read(graph->source->context, kind->index, at,
                                                 block->data + block->size, (size_t)size, err);
    block->size += (size_t)size;
    return status;
}

/* A block that goes across cuts: where it begins on a way, and what it is read from behind that. */
struct span {
    const struct chain_step *way;
    size_t from, length; /* steps */
    uint64_t block_at;   /* in the layer of step `from` */
    uint64_t block;
    const uint32_t *fill; /* whole layers behind these */
    size_t fill_count;
    const struct chain_kind *next; /* the last, of which `take` bytes belong to it; or NULL */
    uint64_t take;
};

/* Finds the block that goes across the end of a way. */
static bool span_find(const struct chain_graph *graph, const struct chain_step *way, size_t length,
                      struct span *ret)
{
    size_t i = length;
    while (i > 0 && way[i - 1].at == CHAIN_INSIDE)
        i--;
    if (i == 0)
        return false;
    const struct chain_layer *layer = graph->kinds[way[i - 1].kind].layer;
    const struct chain_head *head = chain_head_at(layer, way[i - 1].at);
    if (head == NULL)
        return false;
    *ret = (struct span){.way = way, .from = i - 1, .length = length};
    ret->block_at = layer->endings[head->ending].block_at;
    return true;
}

/* 0: it is in *block; 1: not at hand; 2: it is none; -1: err. */
static int span_read(const struct chain_graph *graph, const struct span *span, struct bytes *block,
                     struct error *err)
{
    int status = 0;
    for (size_t i = span->from; i < span->length && status == 0; i++) {
        const struct chain_kind *kind = &graph->kinds[span->way[i].kind];
        uint64_t at = i == span->from ? span->block_at : 0;
        status = piece_read(graph, kind, at, kind->layer->size - at, block, err);
    }
    for (size_t i = 0; i < span->fill_count && status == 0; i++) {
        const struct chain_kind *kind = &graph->kinds[span->fill[i]];
        status = piece_read(graph, kind, 0, kind->layer->size, block, err);
    }
    if (status == 0 && span->next != NULL)
        status = piece_read(graph, span->next, 0, span->take, block, err);
    return status;
}

/* Whether a block begins in the first 64 KiB of the disk, as far as the layers before its own tell:
 * then *ret_decoded is what all up to its own decode to. */
static bool span_is_early(const struct chain_graph *graph, const struct span *span,
                          uint64_t *ret_decoded)
{
    uint64_t decoded = 0;
    if (span->way[0].state != CHAIN_START)
        return false;
    for (size_t i = 0; i <= span->from; i++) {
        const struct chain_step *step = &span->way[i];
        const struct chain_layer *layer = graph->kinds[step->kind].layer;
        const struct chain_head *head =
            step->at == CHAIN_INSIDE ? NULL : chain_head_at(layer, step->at);
        struct chain_entry entry;
        if (decoded >= APPLELZ4_WINDOW || !layer->whole ||
            chain_enter(&graph->states[step->state].cut, layer, &entry) < 0)
            return false;
        decoded += entry.decoded + (head == NULL ? 0 : head->decoded);
    }
    *ret_decoded = decoded;
    return true;
}

/* What is decoded before the block; UINT64_MAX where it is not known, or enough for any match. */
static uint64_t span_history(const struct chain_graph *graph, const struct span *span,
                             const struct bytes *block)
{
    uint64_t decoded;
    struct chain_header header;
    if (!span_is_early(graph, span, &decoded) ||
        chain_header_read(block->data, block->size, &header) != 1)
        return UINT64_MAX;
    uint64_t size = graph->kinds[span->way[span->from].kind].layer->size;
    bool counted = span->block_at + header.header <= size; /* its header is whole in that layer */
    return decoded - (counted ? header.decoded : 0);
}

static int span_judge(const struct chain_graph *graph, const struct span *span, bool whole,
                      bool *ret_packed, struct error *err)
{
    if (graph->work != NULL) {
        uint64_t cost = span->block / 16;
        *graph->work -= cost < *graph->work ? cost : *graph->work;
    }
    AUTO_FREE uint8_t *memory = malloc((size_t)span->block);
    if (memory == NULL)
        return error_memory(err);
    struct bytes block = {.data = memory, .capacity = (size_t)span->block};
    int status = span_read(graph, span, &block, err);
    if (status < 0)
        return -1;
    if (ret_packed != NULL)
        *ret_packed = status == 0 && block.size >= APPLELZ4_MAGIC_SIZE &&
                      applelz4_magic(block.data) == APPLELZ4_BLOCK;
    if (status > 0)
        return status == 1; /* what cannot be read counts as possible */
    return whole ? chain_joins(block.data, block.size, span_history(graph, span, &block))
                 : chain_begins_block(block.data, block.size);
}

int chain_gap_joins(struct chain_graph *graph, const struct chain_step *way, size_t at,
                    const uint32_t *fill, size_t count, bool whole, bool *ret_packed,
                    struct error *err)
{
    struct span span;
    if (ret_packed != NULL)
        *ret_packed = false;
    if (graph->source == NULL || !span_find(graph, way, at, &span))
        return 1;
    span.block = graph->states[way[at].state].cut.block;
    span.fill = fill;
    span.fill_count = count;
    if (whole) {
        span.next = &graph->kinds[way[at].kind];
        span.take = way[at].at;
    }
    return span_judge(graph, &span, whole, ret_packed, err);
}

int chain_graph_joins(struct chain_graph *graph, const struct chain_step *way, size_t length,
                      uint32_t state, uint32_t kind, struct error *err)
{
    const struct chain_kind *next = &graph->kinds[kind];
    struct chain_entry entry;
    struct span span;
    if (graph->source == NULL)
        return 1;
    if (chain_enter(&graph->states[state].cut, next->layer, &entry) < 0)
        return 0;
    if (entry.block == 0 || entry.is_end || !span_find(graph, way, length, &span))
        return 1;
    span.block = entry.block;
    span.next = next;
    span.take = entry.inside ? next->layer->size : entry.need;
    uint64_t decoded;
    if (span.from + 1 != length || span_is_early(graph, &span, &decoded))
        return span_judge(graph, &span, !entry.inside, NULL, err);
    if (2 * graph->asked_count >= graph->asked_room && asked_grow(graph, err) < 0)
        return -1;
    /* the state tells where in the last layer the block begins, so three numbers tell all */
    uint64_t last = way[span.from].kind;
    uint64_t pair = ((last << 17 | state) << 14 | kind) + 1;
    uint64_t *asked = asked_find(graph, pair);
    if (*asked == 0) {
        int status = span_judge(graph, &span, !entry.inside, NULL, err);
        if (status < 0)
            return -1;
        *asked = pair << 1 | (uint64_t)status;
        graph->asked_count++;
    }
    return (int)(*asked & 1);
}
