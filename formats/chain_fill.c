/* chain_fill.c: what lies in the gaps of a way: all that remains of the layers, once each. Must not
 * change the way.
 *
 * Gaps of packed blocks come first: their bytes tell soon what does not belong there. In a stored
 * block all can lie that is long enough together.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

struct gap {
    size_t step;
    uint64_t size;
    bool packed;
};

struct fill {
    struct chain_graph *graph;
    struct chain_ways *ways;
    const struct chain_step *way;
    size_t length;
    struct gap *gaps;
    size_t gap_count;
    uint32_t *kinds; /* of all gaps, one behind the other */
    size_t *gap_of;  /* of each of them */
    size_t count, room;
};

static void fill_done(struct fill *fill)
{
    free(fill->gaps);
    free(fill->kinds);
    free(fill->gap_of);
}

static int gaps_find(struct fill *fill, struct error *err)
{
    fill->gaps = calloc(fill->length + 1, sizeof *fill->gaps);
    fill->kinds = calloc(fill->room + 1, sizeof *fill->kinds);
    fill->gap_of = calloc(fill->room + 1, sizeof *fill->gap_of);
    if (fill->gaps == NULL || fill->kinds == NULL || fill->gap_of == NULL)
        return error_memory(err);
    size_t packed_count = 0;
    for (size_t i = 0; i < fill->length; i++) {
        struct gap gap = {.step = i, .size = fill->way[i].gap};
        if (gap.size == 0)
            continue;
        int joins = chain_gap_joins(fill->graph, fill->way, i, NULL, 0, false, &gap.packed, err);
        if (joins <= 0)
            return joins < 0 ? -1 : 0;
        size_t to = gap.packed ? packed_count++ : fill->gap_count;
        memmove(fill->gaps + to + 1, fill->gaps + to, (fill->gap_count - to) * sizeof *fill->gaps);
        fill->gaps[to] = gap;
        fill->gap_count++;
    }
    return 1;
}

/* All layers of the way, with those of the gaps where these are. */
static int way_keep(struct fill *fill, struct error *err)
{
    uint32_t *kinds = malloc((fill->ways->length + 1) * sizeof *kinds);
    if (kinds == NULL)
        return error_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < fill->length; i++) {
        for (size_t k = 0; fill->way[i].gap > 0 && k < fill->count; k++)
            if (fill->gaps[fill->gap_of[k]].step == i)
                kinds[count++] = fill->kinds[k];
        kinds[count++] = fill->way[i].kind;
    }
    if (fill->ways->first == NULL)
        fill->ways->first = kinds;
    else
        fill->ways->second = kinds;
    return 0;
}

/* What the gap at hand still needs, and where its layers begin in `kinds`. */
static uint64_t gap_left(const struct fill *fill, size_t gap, size_t *ret_begin)
{
    uint64_t left = fill->gaps[gap].size;
    size_t i = fill->count;
    for (; i > 0 && fill->gap_of[i - 1] == gap; i--)
        left -= fill->graph->kinds[fill->kinds[i - 1]].layer->size;
    *ret_begin = i;
    return left;
}

static void kind_take(struct fill *fill, size_t gap, uint32_t kind)
{
    fill->kinds[fill->count] = kind;
    fill->gap_of[fill->count++] = gap;
    fill->ways->remaining[kind]--;
}

static void kind_back(struct fill *fill)
{
    fill->ways->remaining[fill->kinds[--fill->count]]++;
}

/* Puts the first kind from `kind` on into the gap that can lie there next. 1, 0, -1. */
static int fill_next(struct fill *fill, size_t gap, uint64_t left, size_t begin, uint32_t kind,
                     struct error *err)
{
    const struct chain_graph *graph = fill->graph;
    for (; kind < graph->kind_count && fill->ways->work > 0; kind++) {
        uint64_t size = graph->kinds[kind].layer->size;
        fill->ways->work--;
        if (fill->ways->remaining[kind] == 0 || size > left ||
            (size < left && !chain_gap_fits(graph, left - size)))
            continue;
        kind_take(fill, gap, kind);
        int joins = 1;
        if (fill->gaps[gap].packed || size == left)
            joins =
                chain_gap_joins(fill->graph, fill->way, fill->gaps[gap].step, fill->kinds + begin,
                                fill->count - begin, size == left, NULL, err);
        if (joins != 0)
            return joins;
        kind_back(fill);
    }
    return 0;
}

static int gaps_fill(struct fill *fill, struct error *err)
{
    size_t gap = 0;
    uint32_t kind = 0;
    while (fill->ways->work > 0 && fill->ways->second == NULL) {
        size_t begin = 0;
        uint64_t left = gap < fill->gap_count ? gap_left(fill, gap, &begin) : 0;
        if (gap < fill->gap_count && left == 0) {
            gap++;
            continue;
        }
        bool all = gap == fill->gap_count;
        if (all && way_keep(fill, err) < 0)
            return -1;
        int taken = all ? 0 : fill_next(fill, gap, left, begin, kind, err);
        if (taken < 0)
            return -1;
        kind = 0;
        if (taken > 0)
            continue;
        if (fill->count == 0)
            return 0;
        gap = fill->gap_of[fill->count - 1];
        kind = fill->kinds[fill->count - 1] + 1;
        kind_back(fill);
    }
    return 0;
}

int chain_fill(struct chain_graph *graph, struct chain_ways *ways, const struct chain_step *way,
               size_t length, struct error *err)
{
    AUTO(fill_done)
    struct fill fill = {
        .graph = graph, .ways = ways, .way = way, .length = length, .room = ways->length - length};
    int status = gaps_find(&fill, err);
    if (status <= 0)
        return status;
    status = gaps_fill(&fill, err);
    while (fill.count > 0)
        kind_back(&fill);
    return status;
}
