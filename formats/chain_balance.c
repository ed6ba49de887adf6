/* chain_balance.c: a look at what must still be possible: every layer that remains is followed by
 * another one. Must not know of gaps, in which layers are followed by anything.
 */
#include "formats/chain_parts.h"

#include <stdlib.h>
#include <string.h>

void chain_balance_done(struct chain_balance *balance)
{
    free(balance->to);
    free(balance->wanted);
    free(balance->there);
    free(balance->first);
    free(balance->from);
    *balance = (struct chain_balance){.to = NULL};
}

static bool edge_counts(const struct chain_graph *graph, uint32_t from,
                        const struct chain_edge *edge)
{
    return graph->states[from].good && graph->states[edge->to].good;
}

/* Where a kind can be used from, and where it leads if that is one place. */
static int froms_make(struct chain_balance *balance, const struct chain_graph *graph,
                      struct error *err)
{
    balance->from = malloc((graph->edge_count + 1) * sizeof *balance->from);
    balance->first = calloc(graph->kind_count + 2, sizeof *balance->first);
    if (balance->from == NULL || balance->first == NULL)
        return error_memory(err);
    for (uint32_t id = 0; id < graph->state_count; id++)
        for (size_t i = 0; i < graph->states[id].count; i++) {
            const struct chain_edge *edge = &graph->edges[graph->states[id].first + i];
            balance->first[edge->kind + 2] += edge_counts(graph, id, edge);
        }
    for (uint32_t i = 2; i < graph->kind_count + 2; i++)
        balance->first[i] += balance->first[i - 1];
    for (uint32_t id = 0; id < graph->state_count; id++)
        for (size_t i = 0; i < graph->states[id].count; i++) {
            const struct chain_edge *edge = &graph->edges[graph->states[id].first + i];
            if (!edge_counts(graph, id, edge))
                continue;
            balance->from[balance->first[edge->kind + 1]++] = id;
            uint32_t *to = &balance->to[edge->kind];
            *to = *to == CHAIN_NO_STATE || *to == edge->to ? edge->to : CHAIN_START;
        }
    return 0;
}

int chain_balance_make(struct chain_balance *balance, const struct chain_graph *graph,
                       const uint32_t *remaining, struct error *err)
{
    balance->to = malloc((graph->kind_count + 1) * sizeof *balance->to);
    balance->wanted = calloc(graph->state_count, sizeof *balance->wanted);
    balance->there = calloc(graph->state_count, sizeof *balance->there);
    if (balance->to == NULL || balance->wanted == NULL || balance->there == NULL)
        return error_memory(err);
    memset(balance->to, 0xFF, (graph->kind_count + 1) * sizeof *balance->to);
    if (froms_make(balance, graph, err) < 0)
        return -1;
    for (uint32_t kind = 0; kind < graph->kind_count; kind++) {
        uint32_t to = balance->to[kind];
        if (to == CHAIN_NO_STATE || graph->states[to].cut.at == CHAIN_ENDED)
            balance->to[kind] = to = CHAIN_START; /* nothing has to follow, or what is not known */
        balance->wanted[to] += remaining[kind];
        for (size_t i = balance->first[kind]; i < balance->first[kind + 1]; i++)
            balance->there[balance->from[i]] += remaining[kind];
    }
    return 0;
}

bool chain_balance_take(struct chain_balance *balance, uint32_t kind, uint32_t state)
{
    bool holds = true;
    balance->wanted[balance->to[kind]]--;
    for (size_t i = balance->first[kind]; i < balance->first[kind + 1]; i++) {
        uint32_t from = balance->from[i];
        balance->there[from]--;
        holds &=
            from == CHAIN_START || balance->wanted[from] + (from == state) <= balance->there[from];
    }
    return holds;
}

void chain_balance_back(struct chain_balance *balance, uint32_t kind)
{
    balance->wanted[balance->to[kind]]++;
    for (size_t i = balance->first[kind]; i < balance->first[kind + 1]; i++)
        balance->there[balance->from[i]]++;
}
