/* chain_search.c: the verdict on an order. Must not give one out that is not the only one.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

#define WORK UINT64_C(60000000) /* under a second */

void chain_result_done(struct chain_result *result)
{
    free(result->order);
    free(result->sure);
    free(result->other);
    free(result->extra);
    *result = (struct chain_result){.undecided = SIZE_MAX};
}

size_t *chain_order_make(const struct chain_graph *graph, const uint32_t *kinds, size_t length,
                         struct error *err)
{
    size_t *order = calloc(graph->layer_count + 1, sizeof *order);
    AUTO_FREE uint32_t *used = calloc(graph->kind_count + 1, sizeof *used);
    if (order == NULL || used == NULL) {
        free(order);
        error_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < length; i++)
        order[i] = graph->members[graph->kinds[kinds[i]].first + used[kinds[i]]++];
    size_t empty = graph->layer_count - graph->member_count;
    memcpy(order + length, graph->members + graph->member_count, empty * sizeof *order);
    return order;
}

/* What the disk has, by the headers on a way; 0 where a layer was not seen whole. */
static uint64_t disk_size(const struct chain_graph *graph, const uint32_t *kinds, size_t length)
{
    struct chain_cut cut = {.at = CHAIN_BOUNDARY};
    uint64_t size = 0;
    for (size_t i = 0; i < length; i++) {
        const struct chain_layer *layer = graph->kinds[kinds[i]].layer;
        struct chain_entry entry;
        if (!layer->whole || chain_enter(&cut, layer, &entry) < 0)
            return 0;
        const struct chain_head *head = entry.inside ? NULL : chain_head_at(layer, entry.need);
        uint64_t decoded = entry.decoded + (head == NULL ? 0 : head->decoded);
        if (!add_sizes(size, decoded, &size) || !chain_follow(&cut, layer, &cut))
            return 0;
    }
    return size;
}

/* --- what is the same in all orders --- */

/* The only edges of a kind, or of a state in or out: with two of them nothing is sure. */
struct only {
    uint32_t value;
    bool several;
};

static void only_add(struct only *only, uint32_t value)
{
    only->several |= only->value != UINT32_MAX && only->value != value;
    only->value = value;
}

struct links {
    struct only *from, *to; /* by kind: the states that it leaves from and leads to */
    struct only *in, *out;  /* by state: the kinds that come in and go out */
};

static void links_done(struct links *links)
{
    free(links->from);
    free(links->to);
    free(links->in);
    free(links->out);
}

static int links_make(const struct chain_graph *graph, struct links *ret, struct error *err)
{
    size_t kinds = (graph->kind_count + 1) * sizeof(struct only);
    size_t states = graph->state_count * sizeof(struct only);
    *ret = (struct links){malloc(kinds), malloc(kinds), malloc(states), malloc(states)};
    if (ret->from == NULL || ret->to == NULL || ret->in == NULL || ret->out == NULL)
        return error_memory(err);
    for (uint32_t i = 0; i < graph->kind_count; i++)
        ret->from[i] = ret->to[i] = (struct only){UINT32_MAX, false};
    for (uint32_t i = 0; i < graph->state_count; i++)
        ret->in[i] = ret->out[i] = (struct only){UINT32_MAX, false};
    for (uint32_t id = 0; id < graph->state_count; id++) {
        const struct chain_state *state = &graph->states[id];
        bool wide = graph->gaps_end > 0;
        for (size_t i = state->first; i < state->first + state->count; i++) {
            const struct chain_edge *edge = &graph->edges[i];
            if (!wide && (!state->good || !graph->states[edge->to].good))
                continue;
            only_add(&ret->from[edge->kind], id);
            only_add(&ret->to[edge->kind], edge->to);
            only_add(&ret->out[id], edge->kind);
            only_add(&ret->in[edge->to], edge->kind);
        }
    }
    for (size_t i = 0; i < graph->place_count && graph->places[i].at < graph->gaps_end; i++) {
        const struct chain_place *place = &graph->places[i];
        only_add(&ret->to[place->kind], place->to);
    }
    return 0;
}

/* True where b follows a in every way: a leads to one state, from which only b goes on, or the
 * other way round. Where there are gaps, what is small enough can lie in one, and anything can
 * stand behind one. */
static bool link_is_sure(const struct chain_graph *graph, const struct links *links, uint32_t a,
                         uint32_t b)
{
    uint32_t state = links->to[a].value;
    if (graph->gaps_end > graph->kinds[a].layer->size || state == CHAIN_NO_STATE)
        return false;
    if (!links->to[a].several && !links->out[state].several &&
        (graph->gaps_end == 0 || graph->states[state].cut.need <= graph->smallest))
        return true;
    return graph->gaps_end == 0 && !links->from[b].several && links->from[b].value != CHAIN_START &&
           !links->in[links->from[b].value].several;
}

static int sure_make(const struct chain_graph *graph, const struct chain_ways *ways,
                     struct chain_result *ret, struct error *err)
{
    ret->sure = calloc(graph->layer_count + 1, sizeof *ret->sure);
    if (ret->sure == NULL)
        return error_memory(err);
    memset(ret->sure, 1, graph->layer_count);
    if (ways->second == NULL && ret->verdict == CHAIN_ORDERED)
        return 0;
    AUTO(links_done) struct links links = {NULL, NULL, NULL, NULL};
    if (links_make(graph, &links, err) < 0)
        return -1;
    for (size_t i = 0; i + 1 < ways->length; i++)
        ret->sure[i] = link_is_sure(graph, &links, ways->first[i], ways->first[i + 1]);
    return 0;
}

/* --- the verdict --- */

static int ways_judge(struct chain_graph *graph, struct chain_ways *ways, bool stopped,
                      struct chain_result *ret, struct error *err)
{
    ret->verdict = ways->second != NULL ? CHAIN_AMBIGUOUS
                   : stopped            ? CHAIN_UNDECIDED
                                        : CHAIN_ORDERED;
    ret->count = graph->layer_count;
    ret->order = chain_order_make(graph, ways->first, ways->length, err);
    if (ret->order == NULL || sure_make(graph, ways, ret, err) < 0)
        return -1;
    if (ways->second != NULL) {
        ret->other = chain_order_make(graph, ways->second, ways->length, err);
        return ret->other == NULL ? -1 : 0;
    }
    if (!stopped)
        ret->disk_size = disk_size(graph, ways->first, ways->length);
    return 0;
}

static void ways_done(struct chain_ways *ways)
{
    free(ways->remaining);
    free(ways->first);
    free(ways->second);
}

static int graph_judge(struct chain_graph *graph, struct chain_result *ret, struct error *err)
{
    AUTO(ways_done) struct chain_ways ways = {.length = graph->member_count, .work = WORK};
    ways.remaining = calloc(graph->kind_count + 1, sizeof *ways.remaining);
    if (ways.remaining == NULL)
        return error_memory(err);
    for (uint32_t kind = 0; kind < graph->kind_count; kind++)
        ways.remaining[kind] = graph->kinds[kind].count;
    int status = chain_ways_find(graph, &ways, err);
    if (status < 0)
        return -1;
    if (ways.first != NULL)
        return ways_judge(graph, &ways, status == 1, ret, err);
    ret->verdict = status == 1 ? CHAIN_UNDECIDED : CHAIN_BROKEN;
    return status == 1 ? 0 : chain_broken(graph, &ways.work, ret, err);
}

int chain_search(const struct chain_layer *layers, size_t count, const struct chain_source *source,
                 struct chain_result *ret, struct error *err)
{
    *ret = (struct chain_result){.verdict = CHAIN_UNDECIDED, .whole = true, .undecided = SIZE_MAX};
    if (count > CHAIN_LAYERS_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "%zu disk.v1 layers are more than %u", count,
                         CHAIN_LAYERS_MAX);
    for (size_t i = 0; i < count; i++) {
        ret->whole &= layers[i].whole;
        if (layers[i].state != CHAIN_LAYER_KNOWN && ret->undecided == SIZE_MAX)
            ret->undecided = i;
    }
    if (ret->undecided != SIZE_MAX)
        return 0;
    AUTO(chain_graph_done) struct chain_graph graph;
    int status = chain_graph_build(&graph, layers, count, source, err);
    if (status == 0)
        ret->undecided = graph.open;
    if (status == 0 && !graph.crowded && graph.open == SIZE_MAX)
        status = graph_judge(&graph, ret, err);
    if (status < 0)
        chain_result_done(ret);
    return status;
}
