/* chain_graph.c: layers as edges between the places at which a stream can stand at a cut. Must not
 * choose among ways through it.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

#define BUILD_WORK UINT64_C(200000000) /* looks at a kind from a state */

void chain_graph_done(struct chain_graph *graph)
{
    free(graph->kinds);
    free(graph->members);
    free(graph->states);
    free(graph->edges);
    free(graph->table);
    free(graph->places);
    free(graph->by_size);
    free(graph->openers);
    free(graph->sums);
    free(graph->asked);
    *graph = (struct chain_graph){.layers = NULL};
}

/* --- kinds --- */

struct named {
    const struct chain_layer *layer;
    size_t index;
};

static int by_digest(const void *left, const void *right)
{
    const struct named *a = left, *b = right;
    bool a_empty = a->layer->size == 0, b_empty = b->layer->size == 0;
    if (a_empty != b_empty)
        return a_empty ? 1 : -1;
    int order = a_empty ? 0 : memcmp(&a->layer->digest, &b->layer->digest, sizeof(struct digest));
    if (order == 0)
        order = (a->index > b->index) - (a->index < b->index);
    return order;
}

static int kinds_make(struct chain_graph *graph, struct error *err)
{
    size_t count = graph->layer_count;
    AUTO_FREE struct named *named = calloc(count + 1, sizeof *named);
    graph->kinds = calloc(count + 1, sizeof *graph->kinds);
    graph->members = calloc(count + 1, sizeof *graph->members);
    if (named == NULL || graph->kinds == NULL || graph->members == NULL)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        named[i] = (struct named){&graph->layers[i], i};
    qsort(named, count, sizeof *named, by_digest);
    for (size_t i = 0; i < count; i++) {
        const struct chain_layer *layer = named[i].layer;
        graph->members[i] = named[i].index;
        if (layer->size == 0)
            continue;
        graph->member_count++;
        if (!add_sizes(graph->size, layer->size, &graph->size))
            graph->size = UINT64_MAX;
        struct chain_kind *last = &graph->kinds[graph->kind_count - (graph->kind_count > 0)];
        if (graph->kind_count > 0 && digest_equal(&last->layer->digest, &layer->digest)) {
            if (last->layer->size != layer->size)
                return error_set(err, ERROR_INTERNAL, "two layers of one digest differ in size");
            last->count++;
        } else
            graph->kinds[graph->kind_count++] = (struct chain_kind){layer, named[i].index, i, 1};
    }
    return 0;
}

/* --- states and edges --- */

static bool cut_same(const struct chain_cut *a, const struct chain_cut *b)
{
    if (a->at != b->at)
        return false;
    if (a->at == CHAIN_PAYLOAD)
        return a->need == b->need && a->block == b->block;
    if (a->at == CHAIN_HEADER)
        return a->part_size == b->part_size && memcmp(a->part, b->part, a->part_size) == 0;
    return true;
}

static uint64_t hash(uint64_t value)
{
    value *= UINT64_C(0x9E3779B97F4A7C15);
    return value ^ value >> 29;
}

static uint64_t cut_hash(const struct chain_cut *cut)
{
    uint64_t value = cut->at;
    if (cut->at == CHAIN_PAYLOAD)
        value = hash(hash(value ^ cut->need << 3) + cut->block);
    else if (cut->at == CHAIN_HEADER)
        for (size_t i = 0; i < cut->part_size; i++)
            value = hash(value + cut->part[i] + 1);
    return hash(value);
}

static size_t table_find(const struct chain_graph *graph, const struct chain_cut *cut)
{
    size_t at = (size_t)cut_hash(cut) % graph->table_size;
    while (graph->table[at] != 0 && !cut_same(&graph->states[graph->table[at] - 1].cut, cut))
        at = (at + 1) % graph->table_size;
    return at;
}

/* Room for one more state. */
static int states_reserve(struct chain_graph *graph, struct error *err)
{
    if (2 * (size_t)graph->state_count < graph->table_size)
        return 0;
    size_t size = graph->table_size == 0 ? 256 : 2 * graph->table_size;
    struct chain_state *states = realloc(graph->states, size / 2 * sizeof *states);
    if (states == NULL)
        return error_memory(err);
    graph->states = states;
    uint32_t *table = calloc(size, sizeof *table);
    if (table == NULL)
        return error_memory(err);
    free(graph->table);
    graph->table = table;
    graph->table_size = size;
    for (uint32_t id = 1; id < graph->state_count; id++)
        table[table_find(graph, &states[id].cut)] = id + 1;
    return 0;
}

uint32_t chain_graph_state(const struct chain_graph *graph, const struct chain_cut *cut)
{
    uint32_t found = graph->table[table_find(graph, cut)];
    return found == 0 ? CHAIN_NO_STATE : found - 1;
}

static int state_add(struct chain_graph *graph, const struct chain_cut *cut, uint32_t *ret,
                     struct error *err)
{
    if (states_reserve(graph, err) < 0)
        return -1;
    size_t at = table_find(graph, cut);
    if (graph->table[at] == 0 && graph->state_count == CHAIN_STATES) {
        graph->crowded = true;
        *ret = CHAIN_NO_STATE;
        return 0;
    }
    if (graph->table[at] == 0) {
        graph->states[graph->state_count] = (struct chain_state){.cut = *cut};
        graph->table[at] = ++graph->state_count;
    }
    *ret = graph->table[at] - 1;
    return 0;
}

static int edge_add(struct chain_graph *graph, uint32_t kind, uint32_t to, struct error *err)
{
    if (graph->edge_count == CHAIN_EDGES || to == CHAIN_NO_STATE) {
        graph->crowded = true;
        return 0;
    }
    if ((graph->edge_count & (graph->edge_count - 1)) == 0) { /* a power of two: full */
        size_t room = graph->edge_count == 0 ? 1 : 2 * graph->edge_count;
        struct chain_edge *edges = realloc(graph->edges, room * sizeof *edges);
        if (edges == NULL)
            return error_memory(err);
        graph->edges = edges;
    }
    graph->edges[graph->edge_count++] = (struct chain_edge){kind, to};
    return 0;
}

/* An edge to where the stream stands behind a kind, if all layers together are long enough for what
 * is needed there. */
static int edge_to(struct chain_graph *graph, uint32_t kind, const struct chain_cut *cut,
                   struct error *err)
{
    if (cut->at == CHAIN_PAYLOAD && cut->need > graph->size - graph->kinds[kind].layer->size)
        return 0;
    uint32_t to;
    return state_add(graph, cut, &to, err) < 0 ? -1 : edge_add(graph, kind, to, err);
}

static int kind_try(struct chain_graph *graph, const struct chain_cut *from, uint32_t kind,
                    struct error *err)
{
    struct chain_cut cut;
    if (!chain_follow(from, graph->kinds[kind].layer, &cut))
        return 0;
    return edge_to(graph, kind, &cut, err);
}

/* Behind a block's end, or its last bytes: all that have a head there, which may be their end. */
static int places_expand(struct chain_graph *graph, uint64_t need, struct error *err)
{
    for (size_t i = chain_places_from(graph, need);
         i < graph->place_count && graph->places[i].at == need && !graph->crowded; i++) {
        const struct chain_place *place = &graph->places[i];
        const struct chain_layer *layer = graph->kinds[place->kind].layer;
        if (edge_to(graph, place->kind, &layer->endings[place->ending].cut, err) < 0)
            return -1;
    }
    return 0;
}

/* From the start, out of a header, or with a need so great that it stands in no index. */
static int kinds_expand(struct chain_graph *graph, uint32_t id, const struct chain_cut *cut,
                        struct error *err)
{
    for (uint32_t kind = 0; kind < graph->kind_count && !graph->crowded; kind++) {
        const struct chain_layer *layer = graph->kinds[kind].layer;
        if (id == CHAIN_START && (!layer->begins || layer->reaches_back))
            continue;
        if (cut->at == CHAIN_PAYLOAD && cut->need > layer->size)
            continue; /* a gap */
        if (kind_try(graph, cut, kind, err) < 0)
            return -1;
    }
    return 0;
}

static int state_expand(struct chain_graph *graph, uint32_t id, struct error *err)
{
    const struct chain_cut cut = graph->states[id].cut;
    graph->states[id].first = graph->edge_count;
    for (size_t i = 0; i < graph->opener_count; i++)
        if (chain_is_open(&cut, graph->kinds[graph->openers[i]].layer))
            graph->open = graph->kinds[graph->openers[i]].index;
    int status = 0;
    if (id == CHAIN_START || cut.at == CHAIN_HEADER || cut.need >= graph->places_end)
        status = kinds_expand(graph, id, &cut, err);
    else if (cut.at != CHAIN_ENDED)
        status = places_expand(graph, cut.need, err);
    graph->states[id].count = (uint32_t)(graph->edge_count - graph->states[id].first);
    return status;
}

static int states_make(struct chain_graph *graph, struct error *err)
{
    if (states_reserve(graph, err) < 0)
        return -1;
    graph->states[CHAIN_START] = (struct chain_state){.cut = {.at = CHAIN_BOUNDARY}};
    graph->state_count = 1; /* the start: a boundary that no layer leads to */
    for (uint32_t kind = 0; kind < graph->kind_count; kind++) {
        const struct chain_layer *layer = graph->kinds[kind].layer;
        uint32_t id;
        for (size_t i = 0; i < layer->ending_count; i++)
            if (state_add(graph, &layer->endings[i].cut, &id, err) < 0)
                return -1;
    }
    uint64_t work = 0;
    for (uint32_t id = 0; id < graph->state_count && !graph->crowded; id++) {
        if (state_expand(graph, id, err) < 0)
            return -1;
        work += graph->kind_count;
        graph->crowded |= work > BUILD_WORK;
    }
    return 0;
}

/* Where edges come from, by where they lead: before[first[to] .. first[to + 1]). */
struct backward {
    uint32_t *before;
    size_t *first;
};

static void backward_done(struct backward *backward)
{
    free(backward->before);
    free(backward->first);
}

static int backward_make(const struct chain_graph *graph, struct backward *ret, struct error *err)
{
    ret->before = malloc((graph->edge_count + 1) * sizeof *ret->before);
    ret->first = calloc(graph->state_count + 2, sizeof *ret->first);
    if (ret->before == NULL || ret->first == NULL)
        return error_memory(err);
    for (size_t i = 0; i < graph->edge_count; i++)
        ret->first[graph->edges[i].to + 2]++;
    for (size_t i = 2; i < graph->state_count + 2; i++)
        ret->first[i] += ret->first[i - 1];
    for (uint32_t id = 0; id < graph->state_count; id++) {
        const struct chain_state *state = &graph->states[id];
        for (size_t i = state->first; i < state->first + state->count; i++)
            ret->before[ret->first[graph->edges[i].to + 1]++] = id;
    }
    return 0;
}

/* Marks the states that lie between start and end mark. */
static int states_judge(struct chain_graph *graph, struct error *err)
{
    AUTO(backward_done) struct backward backward = {NULL, NULL};
    AUTO_FREE uint32_t *queue = malloc(graph->state_count * sizeof *queue);
    AUTO_FREE bool *reached = calloc(graph->state_count, sizeof *reached);
    if (queue == NULL || reached == NULL)
        return error_memory(err);
    if (backward_make(graph, &backward, err) < 0)
        return -1;
    size_t end = 0;
    queue[end++] = CHAIN_START;
    reached[CHAIN_START] = true;
    for (size_t at = 0; at < end; at++) {
        const struct chain_state *state = &graph->states[queue[at]];
        for (size_t i = state->first; i < state->first + state->count; i++)
            if (!reached[graph->edges[i].to]) {
                reached[graph->edges[i].to] = true;
                queue[end++] = graph->edges[i].to;
            }
    }
    end = 0;
    for (uint32_t id = 0; id < graph->state_count; id++)
        if (reached[id] && graph->states[id].cut.at == CHAIN_ENDED) {
            graph->states[id].good = true;
            queue[end++] = id;
        }
    for (size_t at = 0; at < end; at++)
        for (size_t i = backward.first[queue[at]]; i < backward.first[queue[at] + 1]; i++) {
            struct chain_state *state = &graph->states[backward.before[i]];
            if (reached[backward.before[i]] && !state->good) {
                state->good = true;
                queue[end++] = backward.before[i];
            }
        }
    return 0;
}

int chain_graph_build(struct chain_graph *graph, const struct chain_layer *layers, size_t count,
                      const struct chain_source *source, struct error *err)
{
    *graph = (struct chain_graph){
        .layers = layers, .layer_count = count, .source = source, .open = SIZE_MAX};
    if (kinds_make(graph, err) < 0 || chain_index_make(graph, err) < 0 ||
        states_make(graph, err) < 0)
        return -1;
    if (!graph->crowded && chain_gaps_make(graph, err) < 0)
        return -1;
    return graph->crowded ? 0 : states_judge(graph, err);
}
