/* chain_index.c: what makes looking for layers quick: heads by place, layers by size, and the
 * lengths that some layers have together. Must not judge any order.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

#define PLACES_MAX (4u << 20)
#define SUMS_WORK  UINT64_C(400000000) /* words */

/* --- heads by place --- */

static int by_place(const void *left, const void *right)
{
    const struct chain_place *a = left, *b = right;
    int order = (a->at > b->at) - (a->at < b->at);
    return order != 0 ? order : (a->kind > b->kind) - (a->kind < b->kind);
}

static size_t places_of(const struct chain_layer *layer, uint64_t end)
{
    size_t count = 0;
    while (count < layer->head_count && layer->heads[count].at < end)
        count++;
    return count;
}

static int places_make(struct chain_graph *graph, uint64_t end, struct error *err)
{
    size_t count = 0;
    for (uint32_t kind = 0; kind < graph->kind_count; kind++)
        count += places_of(graph->kinds[kind].layer, end);
    graph->crowded |= count > PLACES_MAX;
    if (graph->crowded)
        return 0;
    free(graph->places);
    graph->places = malloc((count + 1) * sizeof *graph->places);
    if (graph->places == NULL)
        return error_memory(err);
    graph->place_count = 0;
    graph->places_end = end;
    for (uint32_t kind = 0; kind < graph->kind_count; kind++) {
        const struct chain_layer *layer = graph->kinds[kind].layer;
        for (size_t i = 0, most = places_of(layer, end); i < most; i++)
            graph->places[graph->place_count++] =
                (struct chain_place){layer->heads[i].at, kind, layer->heads[i].ending, 0};
    }
    qsort(graph->places, graph->place_count, sizeof *graph->places, by_place);
    return 0;
}

size_t chain_places_from(const struct chain_graph *graph, uint64_t at)
{
    size_t low = 0, high = graph->place_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (graph->places[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- layers by size --- */

struct sized {
    uint64_t size;
    uint32_t kind;
};

static int by_size(const void *left, const void *right)
{
    const struct sized *a = left, *b = right;
    int order = (a->size > b->size) - (a->size < b->size);
    return order != 0 ? order : (a->kind > b->kind) - (a->kind < b->kind);
}

int chain_index_make(struct chain_graph *graph, struct error *err)
{
    AUTO_FREE struct sized *sized = calloc(graph->kind_count + 1, sizeof *sized);
    graph->by_size = calloc(graph->kind_count + 1, sizeof *graph->by_size);
    graph->openers = calloc(graph->kind_count + 1, sizeof *graph->openers);
    if (sized == NULL || graph->by_size == NULL || graph->openers == NULL)
        return error_memory(err);
    for (uint32_t kind = 0; kind < graph->kind_count; kind++) {
        const struct chain_layer *layer = graph->kinds[kind].layer;
        sized[kind] = (struct sized){layer->size, kind};
        if (layer->heads_end <= layer->size && layer->heads_end <= CHAIN_BLOCK_MAX)
            graph->openers[graph->opener_count++] = kind;
    }
    qsort(sized, graph->kind_count, sizeof *sized, by_size);
    for (uint32_t i = 0; i < graph->kind_count; i++)
        graph->by_size[i] = sized[i].kind;
    return places_make(graph, CHAIN_PLACES, err);
}

/* --- gaps --- */

static void sums_add(uint64_t *sums, size_t words, uint64_t length)
{
    size_t skip = (size_t)(length / 64);
    unsigned shift = (unsigned)(length % 64);
    for (size_t i = words; i-- > skip;) {
        sums[i] |= sums[i - skip] << shift;
        if (shift > 0 && i > skip)
            sums[i] |= sums[i - skip - 1] >> (64 - shift);
    }
}

/* Any number up to `count` of that length: by powers of two. */
static void sums_add_several(uint64_t *sums, size_t words, uint64_t length, uint64_t count)
{
    for (uint64_t step = 1; count > 0; step *= 2) {
        uint64_t times = step < count ? step : count;
        if (length * times / 64 < words)
            sums_add(sums, words, length * times);
        count -= times;
    }
}

int chain_gaps_make(struct chain_graph *graph, struct error *err)
{
    uint64_t most = 0, work = 0;
    for (uint32_t id = 0; id < graph->state_count; id++) {
        const struct chain_cut *cut = &graph->states[id].cut;
        if (cut->at == CHAIN_PAYLOAD && cut->need > most && cut->need < graph->size)
            most = cut->need;
    }
    graph->smallest = graph->kind_count == 0 ? 0 : graph->kinds[graph->by_size[0]].layer->size;
    if (graph->kind_count == 0 || graph->smallest >= most)
        return 0;
    size_t words = (size_t)(most / 64) + 1;
    graph->gaps_end = most;
    graph->sums = calloc(words, sizeof *graph->sums);
    if (graph->sums == NULL)
        return error_memory(err);
    graph->sums[0] = 1;
    for (uint32_t i = 0, next; i < graph->kind_count; i = next) {
        uint64_t size = graph->kinds[graph->by_size[i]].layer->size, count = 0;
        if (size >= most)
            break;
        for (next = i;
             next < graph->kind_count && graph->kinds[graph->by_size[next]].layer->size == size;
             next++)
            count += graph->kinds[graph->by_size[next]].count;
        sums_add_several(graph->sums, words, size, count);
        work += 16 * words;
        graph->crowded |= work > SUMS_WORK;
        if (graph->crowded)
            return 0;
    }
    for (size_t i = 0; i < graph->opener_count; i++)
        if (graph->kinds[graph->openers[i]].layer->heads_end < most)
            graph->open = graph->kinds[graph->openers[i]].index;
    if (most > graph->places_end && places_make(graph, most, err) < 0)
        return -1;
    for (size_t i = 0; i < graph->place_count && !graph->crowded; i++) {
        struct chain_place *place = &graph->places[i];
        const struct chain_layer *layer = graph->kinds[place->kind].layer;
        place->to = chain_graph_state(graph, &layer->endings[place->ending].cut);
    }
    return 0;
}

bool chain_gap_fits(const struct chain_graph *graph, uint64_t length)
{
    return length > 0 && length < graph->gaps_end &&
           (graph->sums[length / 64] >> (length % 64) & 1) != 0;
}
