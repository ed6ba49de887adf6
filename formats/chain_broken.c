/* chain_broken.c: what can be said of layers that make no whole stream: which are too many, or else
 * which hang together. Must not put anything in order that hangs together only by chance: a link is
 * told where both sides have no other.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

#define NONE UINT32_MAX

struct broken {
    struct chain_graph *graph;
    uint64_t *work;
    struct chain_result *result;
    uint32_t *remaining; /* of each kind */
    size_t length;
    uint32_t *next, *prev; /* links between kinds; NONE; a kind with several: itself */
    struct chain_step *way;
};

static void broken_done(struct broken *broken)
{
    free(broken->remaining);
    free(broken->next);
    free(broken->prev);
    free(broken->way);
}

/* --- without some layers --- */

static void ways_done(struct chain_ways *ways)
{
    free(ways->first);
    free(ways->second);
}

/* 1: what remains makes one whole stream, *ret_kinds; 0: it does not, or several. */
static int attempt(struct broken *broken, uint32_t **ret_kinds, struct error *err)
{
    AUTO(ways_done)
    struct chain_ways ways = {broken->remaining, broken->length, *broken->work, NULL, NULL};
    *ret_kinds = NULL;
    if (2 * broken->length <= broken->graph->member_count)
        return 0; /* the rest would be less than what is left out */
    int status = chain_ways_find(broken->graph, &ways, err);
    *broken->work = ways.work;
    if (status < 0)
        return -1;
    if (status == 0 && ways.first != NULL && ways.second == NULL)
        *ret_kinds = take_ptr(&ways.first);
    return *ret_kinds != NULL;
}

static void kind_drop(struct broken *broken, uint32_t kind, uint32_t count)
{
    broken->remaining[kind] -= count;
    broken->length -= count;
}

static int extra_keep(struct broken *broken, const uint32_t *kinds, struct error *err)
{
    const struct chain_graph *graph = broken->graph;
    struct chain_result *ret = broken->result;
    ret->count = broken->length + (graph->layer_count - graph->member_count);
    ret->extra_count = graph->member_count - broken->length;
    ret->order = chain_order_make(graph, kinds, broken->length, err);
    ret->sure = calloc(ret->count + 1, sizeof *ret->sure);
    ret->extra = calloc(ret->extra_count + 1, sizeof *ret->extra);
    if (ret->order == NULL)
        return -1;
    if (ret->sure == NULL || ret->extra == NULL)
        return error_memory(err);
    memset(ret->sure, 1, ret->count);
    ret->rest_is_whole = ret->begins = ret->ends = true;
    size_t count = 0;
    for (uint32_t kind = 0; kind < graph->kind_count; kind++)
        for (uint32_t i = broken->remaining[kind]; i < graph->kinds[kind].count; i++)
            ret->extra[count++] = graph->members[graph->kinds[kind].first + i];
    return 0;
}

/* Kinds that stand on no way from the start to the end mark. */
static int strangers_drop(struct broken *broken, struct error *err)
{
    const struct chain_graph *graph = broken->graph;
    if (graph->gaps_end > 0)
        return 0; /* all can stand in a gap, or behind one */
    AUTO_FREE bool *stands = calloc(graph->kind_count + 1, sizeof *stands);
    if (stands == NULL)
        return error_memory(err);
    for (uint32_t id = 0; id < graph->state_count; id++) {
        const struct chain_state *state = &graph->states[id];
        for (size_t i = state->first; state->good && i < state->first + state->count; i++)
            if (graph->states[graph->edges[i].to].good)
                stands[graph->edges[i].kind] = true;
    }
    for (uint32_t kind = 0; kind < graph->kind_count; kind++)
        if (!stands[kind])
            kind_drop(broken, kind, broken->remaining[kind]);
    return 0;
}

/* 1: found, and kept; 0. The layer without which the others are whole, if it is the only one. */
static int one_drop(struct broken *broken, struct error *err)
{
    AUTO_FREE uint32_t *kept = NULL;
    uint32_t which = NONE;
    for (uint32_t kind = 0; kind < broken->graph->kind_count; kind++) {
        AUTO_FREE uint32_t *kinds = NULL;
        if (broken->remaining[kind] == 0)
            continue;
        kind_drop(broken, kind, 1);
        int status = attempt(broken, &kinds, err);
        broken->remaining[kind]++;
        broken->length++;
        if (status < 0)
            return -1;
        if (status > 0 && which != NONE)
            return 0;
        if (status > 0) {
            which = kind;
            kept = take_ptr(&kinds);
        }
    }
    if (which == NONE || *broken->work == 0)
        return 0;
    kind_drop(broken, which, 1);
    return extra_keep(broken, kept, err) < 0 ? -1 : 1;
}

static int extra_find(struct broken *broken, struct error *err)
{
    AUTO_FREE uint32_t *kinds = NULL;
    size_t length = broken->length;
    if (!broken->graph->states[CHAIN_START].good)
        return 0;
    if (strangers_drop(broken, err) < 0)
        return -1;
    int status = broken->length < length ? attempt(broken, &kinds, err) : 0;
    if (status > 0)
        return extra_keep(broken, kinds, err) < 0 ? -1 : 1;
    if (status == 0)
        status = one_drop(broken, err);
    if (status != 0)
        return status;
    length = broken->length;
    for (uint32_t kind = 0; kind < broken->graph->kind_count; kind++)
        if (broken->remaining[kind] > 1)
            kind_drop(broken, kind, broken->remaining[kind] - 1);
    status = broken->length < length ? attempt(broken, &kinds, err) : 0;
    if (status > 0)
        return extra_keep(broken, kinds, err) < 0 ? -1 : 1;
    return status;
}

/* --- runs --- */

static void remaining_reset(struct broken *broken)
{
    broken->length = broken->graph->member_count;
    for (uint32_t kind = 0; kind < broken->graph->kind_count; kind++)
        broken->remaining[kind] = broken->graph->kinds[kind].count;
}

/* The only edge that can be taken, or NONE; -1 and err. What would leave a gap is not taken. */
static int only_edge(struct broken *broken, uint32_t id, size_t length, uint32_t *ret,
                     struct error *err)
{
    const struct chain_state *state = &broken->graph->states[id];
    *ret = NONE;
    for (uint32_t i = 0; i < state->count; i++) {
        uint32_t kind = broken->graph->edges[state->first + i].kind;
        if (broken->remaining[kind] == 0)
            continue;
        int joins = chain_graph_joins(broken->graph, broken->way, length, id, kind, err);
        if (joins < 0)
            return -1;
        if (joins > 0 && *ret != NONE) {
            *ret = NONE;
            return 0;
        }
        if (joins > 0)
            *ret = i;
    }
    return 0;
}

/* Goes from the start by an edge and on as long as there is no choice, and uses what it passes. */
static int run_begin(struct broken *broken, uint32_t edge, size_t *ret_length, uint32_t *ret_state,
                     struct error *err)
{
    uint32_t state = CHAIN_START;
    size_t length = 0;
    while (edge != NONE) {
        const struct chain_state *from = &broken->graph->states[state];
        const struct chain_edge *taken = &broken->graph->edges[from->first + edge];
        struct chain_entry entry;
        if (chain_enter(&from->cut, broken->graph->kinds[taken->kind].layer, &entry) < 0)
            break;
        broken->way[length++] = (struct chain_step){.state = state,
                                                    .kind = taken->kind,
                                                    .to = taken->to,
                                                    .at = entry.inside ? CHAIN_INSIDE : entry.need};
        broken->remaining[taken->kind]--;
        state = taken->to;
        if (only_edge(broken, state, length, &edge, err) < 0)
            return -1;
    }
    *ret_length = length;
    *ret_state = state;
    return 0;
}

static void link_add(uint32_t *link, uint32_t to, uint32_t own)
{
    *link = *link == NONE || *link == to ? to : own;
}

/* All that can follow a kind behind one of its endings, of what the first run has left. */
static int links_from(struct broken *broken, uint32_t kind, uint32_t ending, struct error *err)
{
    struct chain_graph *graph = broken->graph;
    const struct chain_layer *layer = graph->kinds[kind].layer;
    uint32_t id = chain_graph_state(graph, &layer->endings[ending].cut);
    size_t head = 0;
    if (id == CHAIN_NO_STATE)
        return 0;
    while (layer->heads[head].ending != ending)
        head++;
    const struct chain_step step = {
        .state = CHAIN_NO_STATE, .kind = kind, .to = id, .at = layer->heads[head].at};
    const struct chain_state *state = &graph->states[id];
    for (size_t i = state->first; i < state->first + state->count; i++) {
        uint32_t to = graph->edges[i].kind;
        if (broken->remaining[to] == 0)
            continue;
        int joins = chain_graph_joins(graph, &step, 1, id, to, err);
        if (joins < 0)
            return -1;
        if (joins == 0)
            continue;
        link_add(&broken->next[kind], to, kind);
        link_add(&broken->prev[to], kind, to);
    }
    return 0;
}

static int links_make(struct broken *broken, struct error *err)
{
    const struct chain_graph *graph = broken->graph;
    memset(broken->next, 0xFF, graph->kind_count * sizeof *broken->next);
    memset(broken->prev, 0xFF, graph->kind_count * sizeof *broken->prev);
    for (uint32_t kind = 0; kind < graph->kind_count; kind++) {
        const struct chain_layer *layer = graph->kinds[kind].layer;
        for (uint32_t i = 0; i < layer->ending_count && broken->remaining[kind] > 0; i++)
            if (layer->endings[i].blocks > 0 && links_from(broken, kind, i, err) < 0)
                return -1;
    }
    return 0;
}

/* What follows a kind, where neither side has another choice; NONE. */
static uint32_t link_next(const struct broken *broken, uint32_t kind)
{
    uint32_t next = broken->next[kind];
    if (next == NONE || next == kind || broken->prev[next] != kind ||
        broken->graph->kinds[kind].count > 1 || broken->graph->kinds[next].count > 1 ||
        broken->remaining[next] == 0)
        return NONE;
    return next;
}

static bool link_is_first(const struct broken *broken, uint32_t kind)
{
    uint32_t prev = broken->prev[kind];
    return prev == NONE || prev == kind || broken->remaining[prev] == 0 ||
           link_next(broken, prev) != kind;
}

static bool can_end(const struct chain_layer *layer)
{
    for (size_t i = 0; i < layer->ending_count; i++)
        if (layer->endings[i].cut.at == CHAIN_ENDED)
            return true;
    return false;
}

static bool run_ends(const struct broken *broken, uint32_t kind)
{
    size_t most = broken->graph->kind_count; /* it can be a circle */
    for (uint32_t next = kind; next != NONE && most-- > 0; next = link_next(broken, next))
        kind = next;
    return can_end(broken->graph->kinds[kind].layer);
}

/* Puts a run behind the others and uses it up. */
static void run_put(struct broken *broken, uint32_t kind)
{
    const struct chain_graph *graph = broken->graph;
    struct chain_result *ret = broken->result;
    while (kind != NONE && broken->remaining[kind] > 0) {
        uint32_t used = graph->kinds[kind].count - broken->remaining[kind];
        uint32_t next = link_next(broken, kind);
        ret->order[ret->count] = graph->members[graph->kinds[kind].first + used];
        broken->remaining[kind]--;
        ret->sure[ret->count++] = next != NONE && broken->remaining[next] > 0;
        kind = next;
    }
}

/* First those that do not end the stream, then those that do; circles in between. */
static void runs_put(struct broken *broken)
{
    for (int pass = 0; pass < 3; pass++)
        for (uint32_t kind = 0; kind < broken->graph->kind_count; kind++)
            while (broken->remaining[kind] > 0 && (pass == 1 || link_is_first(broken, kind)) &&
                   (pass == 2 || !run_ends(broken, kind)))
                run_put(broken, kind);
    for (uint32_t kind = 0; kind < broken->graph->kind_count; kind++)
        while (broken->remaining[kind] > 0)
            run_put(broken, kind);
}

/* The longest run that begins the stream. */
static int first_run(struct broken *broken, struct error *err)
{
    const struct chain_graph *graph = broken->graph;
    struct chain_result *ret = broken->result;
    const struct chain_state *start = &graph->states[CHAIN_START];
    size_t longest = 0, length = 0;
    uint32_t best = NONE, state = CHAIN_START;
    for (uint32_t i = 0; i < start->count && i < 64; i++) {
        remaining_reset(broken);
        if (run_begin(broken, i, &length, &state, err) < 0)
            return -1;
        if (length > longest) {
            longest = length;
            best = i;
        }
    }
    remaining_reset(broken);
    if (best == NONE)
        return 0;
    if (run_begin(broken, best, &length, &state, err) < 0)
        return -1;
    ret->begins = true;
    ret->cut = graph->states[state].cut;
    AUTO_FREE uint32_t *used = calloc(graph->kind_count + 1, sizeof *used);
    if (used == NULL)
        return error_memory(err);
    for (size_t i = 0; i < length; i++) {
        uint32_t kind = broken->way[i].kind;
        ret->order[ret->count] = graph->members[graph->kinds[kind].first + used[kind]++];
        ret->sure[ret->count++] = i + 1 < length;
    }
    ret->after = ret->order[length - 1];
    return 0;
}

static int runs_find(struct broken *broken, struct error *err)
{
    const struct chain_graph *graph = broken->graph;
    struct chain_result *ret = broken->result;
    ret->order = calloc(graph->layer_count + 1, sizeof *ret->order);
    ret->sure = calloc(graph->layer_count + 1, sizeof *ret->sure);
    if (ret->order == NULL || ret->sure == NULL)
        return error_memory(err);
    if (first_run(broken, err) < 0)
        return -1;
    for (uint32_t kind = 0; kind < graph->kind_count; kind++)
        ret->ends |= can_end(graph->kinds[kind].layer);
    if (links_make(broken, err) < 0)
        return -1;
    runs_put(broken);
    for (size_t i = graph->member_count; i < graph->layer_count; i++)
        ret->order[ret->count++] = graph->members[i];
    return 0;
}

int chain_broken(struct chain_graph *graph, uint64_t *work, struct chain_result *ret,
                 struct error *err)
{
    AUTO(broken_done) struct broken broken = {.graph = graph, .work = work, .result = ret};
    size_t kinds = graph->kind_count + 1;
    broken.remaining = calloc(kinds, sizeof *broken.remaining);
    broken.next = calloc(kinds, sizeof *broken.next);
    broken.prev = calloc(kinds, sizeof *broken.prev);
    broken.way = calloc(graph->member_count + 1, sizeof *broken.way);
    if (broken.remaining == NULL || broken.next == NULL || broken.prev == NULL ||
        broken.way == NULL)
        return error_memory(err);
    remaining_reset(&broken);
    int status = extra_find(&broken, err);
    return status != 0 ? (status < 0 ? -1 : 0) : runs_find(&broken, err);
}
