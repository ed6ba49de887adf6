/* chain_ways.c: ways through the graph that use every layer once. Must not know what a layer is.
 *
 * Depth first, with one look ahead wherever there is a choice: can all that is left still be
 * reached? Where only lengths count, ways are Euler's, and that look is all that is needed to never
 * go astray. So they are looked for first where no layer lies inside of a single block. Only then
 * come those with gaps: where a block is longer than a layer, what stands behind it is chosen
 * first, and what lies in it out of what remains when the stream has ended (chain_fill.c). That,
 * and blocks across cuts, can make more of it, so the work is limited.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

struct walk {
    struct chain_graph *graph;
    struct chain_ways *ways;
    struct chain_step *way;
    size_t length;
    uint32_t state;
    uint64_t bytes, gaps; /* that remain, and how many of them belong into gaps */
    uint64_t most;        /* the largest gap there can be */
    bool wide;            /* gaps are allowed, and at least one is wanted */
    size_t gap_count;
    struct chain_balance balance;
    /* for looking ahead */
    uint32_t *queue, *state_seen, *kind_seen, stamp;
};

static void walk_done(struct walk *walk)
{
    free(walk->way);
    free(walk->queue);
    free(walk->state_seen);
    free(walk->kind_seen);
    chain_balance_done(&walk->balance);
}

static int walk_init(struct walk *walk, struct chain_graph *graph, struct chain_ways *ways,
                     struct error *err)
{
    *walk = (struct walk){.graph = graph, .ways = ways, .state = CHAIN_START};
    walk->way = calloc(ways->length + 1, sizeof *walk->way);
    walk->queue = malloc(graph->state_count * sizeof *walk->queue);
    walk->state_seen = calloc(graph->state_count, sizeof *walk->state_seen);
    walk->kind_seen = calloc(graph->kind_count + 1, sizeof *walk->kind_seen);
    if (walk->way == NULL || walk->queue == NULL || walk->state_seen == NULL ||
        walk->kind_seen == NULL)
        return error_memory(err);
    for (uint32_t kind = 0; kind < graph->kind_count; kind++)
        walk->bytes += ways->remaining[kind] * graph->kinds[kind].layer->size;
    return chain_balance_make(&walk->balance, graph, ways->remaining, err);
}

static void work_spend(struct walk *walk, uint64_t work)
{
    walk->ways->work -= work < walk->ways->work ? work : walk->ways->work;
}

/* What a state's gap can be at most: what it needs, where that is enough for any layer. */
static uint64_t gap_of(const struct walk *walk, uint32_t id)
{
    const struct chain_graph *graph = walk->graph;
    const struct chain_cut *cut = &graph->states[id].cut;
    bool wide = walk->wide && cut->at == CHAIN_PAYLOAD && cut->need > graph->smallest &&
                cut->need <= graph->gaps_end;
    return wide ? cut->need : 0;
}

static bool leads_on(const struct walk *walk, uint32_t id)
{
    return walk->wide || walk->graph->states[id].good;
}

/* --- looking ahead --- */

struct view {
    size_t end;    /* of the queue */
    uint64_t gap;  /* the largest that was met */
    size_t places; /* those that stand behind such gaps have been seen */
    uint64_t bytes;
    bool ended;
};

static void kind_see(struct walk *walk, struct view *view, uint32_t kind, uint32_t to)
{
    const struct chain_graph *graph = walk->graph;
    if (walk->ways->remaining[kind] == 0 || !leads_on(walk, to))
        return;
    if (walk->kind_seen[kind] != walk->stamp) {
        walk->kind_seen[kind] = walk->stamp;
        view->bytes += walk->ways->remaining[kind] * graph->kinds[kind].layer->size;
    }
    if (walk->state_seen[to] == walk->stamp)
        return;
    walk->state_seen[to] = walk->stamp;
    walk->queue[view->end++] = to;
    view->ended |= graph->states[to].cut.at == CHAIN_ENDED;
}

static void state_see(struct walk *walk, struct view *view, uint32_t id)
{
    struct chain_graph *graph = walk->graph;
    const struct chain_state *state = &graph->states[id];
    work_spend(walk, state->count + 1);
    for (size_t i = state->first; i < state->first + state->count; i++)
        kind_see(walk, view, graph->edges[i].kind, graph->edges[i].to);
    uint64_t gap = gap_of(walk, id);
    if (gap <= view->gap)
        return;
    view->gap = gap;
    for (; view->places < graph->place_count && graph->places[view->places].at < gap &&
           !(view->ended && view->bytes == walk->bytes);
         view->places++) {
        const struct chain_place *place = &graph->places[view->places];
        work_spend(walk, 1);
        kind_see(walk, view, place->kind, place->to);
    }
}

/* False where something that remains can neither be reached from the state at hand any more, nor
 * lie in a gap. */
static bool all_reached(struct walk *walk)
{
    struct chain_graph *graph = walk->graph;
    if (++walk->stamp == 0) { /* after four milliards of looks */
        memset(walk->state_seen, 0, graph->state_count * sizeof *walk->state_seen);
        memset(walk->kind_seen, 0, graph->kind_count * sizeof *walk->kind_seen);
        walk->stamp = 1;
    }
    struct view view = {.ended = graph->states[walk->state].cut.at == CHAIN_ENDED};
    walk->queue[view.end++] = walk->state;
    walk->state_seen[walk->state] = walk->stamp;
    for (size_t at = 0; at < view.end; at++) {
        state_see(walk, &view, walk->queue[at]);
        if (view.ended && view.bytes == walk->bytes)
            return true;
    }
    if (!view.ended || (view.gap == 0 && walk->bytes - view.bytes > walk->gaps))
        return false;
    work_spend(walk, graph->kind_count / 4);
    uint64_t most = view.gap > walk->most ? view.gap : walk->most + 1;
    for (uint32_t i = graph->kind_count; i-- > 0;) {
        uint32_t kind = graph->by_size[i];
        if (graph->kinds[kind].layer->size < most)
            return true;
        if (walk->ways->remaining[kind] > 0 && walk->kind_seen[kind] != walk->stamp)
            return false;
    }
    return true;
}

/* --- steps --- */

/* False where no way can go on from there. */
static bool step_take(struct walk *walk, const struct chain_step *step)
{
    uint64_t size = walk->graph->kinds[step->kind].layer->size;
    walk->way[walk->length++] = *step;
    walk->ways->remaining[step->kind]--;
    walk->bytes -= size;
    walk->gaps += step->gap;
    walk->gap_count += step->gap > 0;
    walk->state = step->to;
    return chain_balance_take(&walk->balance, step->kind, step->to) || walk->wide;
}

/* Returns the choice that was taken. */
static size_t step_back(struct walk *walk)
{
    const struct chain_step *step = &walk->way[--walk->length];
    walk->state = step->state;
    chain_balance_back(&walk->balance, step->kind);
    walk->ways->remaining[step->kind]++;
    walk->bytes += walk->graph->kinds[step->kind].layer->size;
    walk->gaps -= step->gap;
    walk->gap_count -= step->gap > 0;
    return step->choice;
}

/* How many edges could be taken by counts alone; two mean any number. */
static uint32_t choices(const struct walk *walk)
{
    const struct chain_state *state = &walk->graph->states[walk->state];
    uint32_t count = gap_of(walk, walk->state) > 0 ? 2 : 0;
    for (size_t i = state->first; i < state->first + state->count && count < 2; i++)
        count += walk->ways->remaining[walk->graph->edges[i].kind] > 0 &&
                 leads_on(walk, walk->graph->edges[i].to);
    return count;
}

/* The step that a choice means, if counts and lengths allow for it. */
static bool step_make(struct walk *walk, size_t choice, struct chain_step *ret)
{
    struct chain_graph *graph = walk->graph;
    const struct chain_state *state = &graph->states[walk->state];
    *ret = (struct chain_step){.state = walk->state, .choice = choice};
    if (choice < state->count) {
        const struct chain_edge *edge = &graph->edges[state->first + choice];
        struct chain_entry entry;
        ret->kind = edge->kind;
        ret->to = edge->to;
        if (walk->ways->remaining[ret->kind] == 0 || !leads_on(walk, ret->to) ||
            chain_enter(&state->cut, graph->kinds[ret->kind].layer, &entry) < 0)
            return false;
        ret->at = entry.inside ? CHAIN_INSIDE : entry.need;
    } else {
        const struct chain_place *place = &graph->places[choice - state->count];
        ret->kind = place->kind;
        ret->at = place->at;
        ret->gap = state->cut.need - place->at;
        if (place->at == 0 || walk->ways->remaining[ret->kind] == 0 ||
            !chain_gap_fits(graph, ret->gap))
            return false;
        ret->to = place->to;
    }
    uint64_t left = walk->bytes - graph->kinds[ret->kind].layer->size;
    bool ended = graph->states[ret->to].cut.at == CHAIN_ENDED;
    return ended ? left == walk->gaps + ret->gap : left > walk->gaps + ret->gap;
}

/* Takes the first choice from `choice` on that can be taken. 1: taken; 0: none is left; -1: err. */
static int step_next(struct walk *walk, size_t choice, struct error *err)
{
    struct chain_graph *graph = walk->graph;
    size_t end = graph->states[walk->state].count;
    uint64_t gap = gap_of(walk, walk->state);
    bool look = walk->length == 0 || choices(walk) > 1;
    if (gap > 0)
        end += chain_places_from(graph, gap);
    for (; choice < end && walk->ways->work > 0; choice++) {
        struct chain_step step;
        work_spend(walk, 1);
        if (!step_make(walk, choice, &step))
            continue;
        int joins = step.gap > 0 ? 1
                                 : chain_graph_joins(graph, walk->way, walk->length, walk->state,
                                                     step.kind, err);
        if (joins < 0)
            return -1;
        if (joins == 0)
            continue;
        uint64_t most = walk->most;
        bool goes_on = step_take(walk, &step);
        walk->most = most > step.gap ? most : step.gap;
        if (graph->states[walk->state].cut.at == CHAIN_ENDED ||
            (goes_on && (!look || all_reached(walk))))
            return 1;
        step_back(walk);
        walk->most = most;
    }
    return 0;
}

/* As chain_ways_find(), of one sort of ways. */
static int walk_all(struct walk *walk, struct error *err)
{
    struct chain_graph *graph = walk->graph;
    struct chain_ways *ways = walk->ways;
    size_t choice = 0;
    while (ways->work > 0 && ways->second == NULL) {
        bool ended = graph->states[walk->state].cut.at == CHAIN_ENDED;
        if (ended && (walk->gap_count > 0) == walk->wide &&
            chain_fill(graph, ways, walk->way, walk->length, err) < 0)
            return -1;
        int taken = ended ? 0 : step_next(walk, choice, err);
        if (taken < 0)
            return -1;
        choice = 0;
        if (taken == 0 && walk->length == 0)
            return ways->work == 0;
        if (taken == 0)
            choice = step_back(walk) + 1;
    }
    return ways->second == NULL;
}

int chain_ways_find(struct chain_graph *graph, struct chain_ways *ways, struct error *err)
{
    AUTO(walk_done) struct walk walk;
    ways->first = ways->second = NULL;
    if (walk_init(&walk, graph, ways, err) < 0)
        return -1;
    graph->work = &ways->work;
    int status = walk_all(&walk, err);
    if (status == 0 && ways->second == NULL && graph->gaps_end > 0) {
        walk.wide = true;
        status = walk_all(&walk, err);
    }
    graph->work = NULL;
    while (walk.length > 0)
        step_back(&walk);
    return status;
}
