/* chain_parts.h: what scanning layers and searching orders share. Private to formats/chain*.c. */
#ifndef FORMATS_CHAIN_PARTS_H
#define FORMATS_CHAIN_PARTS_H

#include "formats/chain.h"

/* The longest block that the decoder takes, header included; no head lies further in. */
#define CHAIN_BLOCK_MAX                                                                            \
    (APPLELZ4_HEADER_BLOCK + APPLELZ4_BLOCK_MAX + APPLELZ4_BLOCK_MAX / 255 + 16u)

struct chain_header {
    enum applelz4_magic magic;
    size_t header;    /* bytes */
    uint64_t block;   /* bytes, header included */
    uint32_t decoded; /* bytes */
};

/* 1: a header that the decoder takes, *ret filled; 0: it can become one with more bytes; -1: it is
 * none. */
int chain_header_read(const uint8_t *bytes, size_t size, struct chain_header *ret);

/* NULL where no block can begin there. */
const struct chain_head *chain_head_at(const struct chain_layer *layer, uint64_t at);

/* How a layer takes up what the cut before it left. */
struct chain_entry {
    uint64_t need;           /* its first bytes that end the block begun before; 0: none was */
    uint64_t block;          /* that block's size; 0: none, or not known yet */
    uint32_t decoded;        /* of it, where this layer's bytes made its header whole; else 0 */
    bool is_end;             /* it is the end mark */
    bool inside;             /* the layer has no boundary, and leaves: */
    struct chain_cut joined; /* where `inside` */
};

/* -1: the layer (not an empty one) cannot follow; 0: *ret; whether a block can begin after `need`
 * bytes has not been looked at. */
int chain_enter(const struct chain_cut *cut, const struct chain_layer *layer,
                struct chain_entry *ret);

/* False where these bytes surely do not begin a block that is longer than they are. */
bool chain_begins_block(const uint8_t *start, size_t size);

/* True where the blocks in `front`, a layer's first bytes, cannot be a stream's first: one is none,
 * or a match reaches back before the first byte. What lies past `size` is not judged. */
bool chain_reaches_back(const uint8_t *front, size_t size);

/* --- layers and cuts as a graph --- */

/* Layers of one digest; empty layers have no kind, for they stand anywhere. */
struct chain_kind {
    const struct chain_layer *layer;
    size_t index; /* of that layer */
    size_t first; /* in graph.members: its layers, ascending */
    uint32_t count;
};

struct chain_edge {
    uint32_t kind, to;
};

/* A place in the stream, or rather what is known of it at a cut. */
struct chain_state {
    struct chain_cut cut;
    size_t first; /* in graph.edges: the kinds that can follow */
    uint32_t count;
    bool good; /* it lies on a way from the start to the end mark without gaps */
};

/* A head by where it stands. */
struct chain_place {
    uint32_t at, kind, ending;
    uint32_t to; /* the state behind; where there are gaps */
};

#define CHAIN_NO_STATE UINT32_MAX
#define CHAIN_START    0u /* state: before the stream's first byte */
#define CHAIN_STATES   65536u
#define CHAIN_EDGES    (1u << 20)

struct chain_graph {
    const struct chain_layer *layers;
    size_t layer_count;
    const struct chain_source *source;
    struct chain_kind *kinds;
    uint32_t kind_count;
    size_t *members; /* layers by kind, then the empty ones */
    size_t member_count;
    uint64_t size; /* of all layers */
    struct chain_state *states;
    uint32_t state_count;
    struct chain_edge *edges;
    size_t edge_count;
    uint32_t *table; /* of states + 1, by hash */
    size_t table_size;
    bool crowded; /* too many states or edges: it is not whole */
    size_t open;  /* a layer that keeps too few heads for it to be whole; SIZE_MAX */

    /* Heads below places_end, by `at`, then by kind; and kinds by size. */
    struct chain_place *places;
    size_t place_count;
    uint64_t places_end;
    uint32_t *by_size;
    uint32_t *openers; /* kinds that do not keep all their heads */
    size_t opener_count;

    /* Gaps: see chain_ways.c. All gaps are smaller than gaps_end; 0: there are none. */
    uint64_t gaps_end;
    uint64_t smallest; /* layer */
    uint64_t *sums;    /* bits: lengths that some layers have together */

    uint64_t *work;  /* left; blocks that are judged take of it; NULL */
    uint64_t *asked; /* see chain_graph_joins() */
    size_t asked_count, asked_room;
};

/* One layer on a way. */
struct chain_step {
    uint32_t state, kind, to;
    size_t choice; /* which of the state's edges, or behind these which place behind a gap */
    uint64_t at;   /* its first head; CHAIN_INSIDE: none, a block's header began before and the
                      block goes on behind */
    uint64_t gap;  /* bytes of a block that other layers must have before this one */
};

#define CHAIN_INSIDE UINT64_MAX
/* Heads up to here are in the index where there are no gaps: of blocks of 64 KiB. */
#define CHAIN_PLACES (128u << 10)

/* Where the stream can stand, and what can follow there. */
int chain_graph_build(struct chain_graph *graph, const struct chain_layer *layers, size_t count,
                      const struct chain_source *source, struct error *err);
void chain_graph_done(struct chain_graph *graph);

/* The state of a cut; CHAIN_NO_STATE. */
uint32_t chain_graph_state(const struct chain_graph *graph, const struct chain_cut *cut);

/* The indexes: without gaps before there are states, gaps behind them. */
int chain_index_make(struct chain_graph *graph, struct error *err);
int chain_gaps_make(struct chain_graph *graph, struct error *err);
/* The first place at `at` or behind. */
size_t chain_places_from(const struct chain_graph *graph, uint64_t at);
/* Whether some layers together have that length. */
bool chain_gap_fits(const struct chain_graph *graph, uint64_t length);

/* Whether the block that goes across the cut before `kind`, taken from the state at the way's end,
 * is one, or begins one that goes on behind it. 1: it can be; 0: surely not; -1: err. */
int chain_graph_joins(struct chain_graph *graph, const struct chain_step *way, size_t length,
                      uint32_t state, uint32_t kind, struct error *err);
/* The same of the block that goes across the gap before way[at], with the first `count` of the
 * layers that fill it; `whole`: these are all. *ret_packed: it is not a stored one (may be NULL).
 */
int chain_gap_joins(struct chain_graph *graph, const struct chain_step *way, size_t at,
                    const uint32_t *fill, size_t count, bool whole, bool *ret_packed,
                    struct error *err);

/* --- ways that use every layer once --- */

/* In ways without gaps: of each state, by how many of the layers that remain the stream surely
 * comes there, and how many can go on from there. A kind that leads to several states is counted at
 * CHAIN_START, where none comes. */
struct chain_balance {
    uint32_t *to;             /* by kind */
    uint32_t *wanted, *there; /* by state */
    size_t *first;            /* by kind: from[first[kind] .. first[kind + 1]) */
    uint32_t *from;           /* states */
};

int chain_balance_make(struct chain_balance *balance, const struct chain_graph *graph,
                       const uint32_t *remaining, struct error *err);
void chain_balance_done(struct chain_balance *balance);
/* The stream goes on by a kind to a state. False where something that remains can be followed by
 * nothing any more; it is taken all the same. */
bool chain_balance_take(struct chain_balance *balance, uint32_t kind, uint32_t state);
void chain_balance_back(struct chain_balance *balance, uint32_t kind);

struct chain_ways {
    uint32_t *remaining;      /* of each kind, to be used; it comes back as it was */
    size_t length;            /* their sum */
    uint64_t work;            /* left */
    uint32_t *first, *second; /* kinds in order; NULL: none was found */
};

/* Looks for two ways from the start to the end mark. -1 and err; 0: all ways were tried, or two
 * were found; 1: `work` is used up. */
int chain_ways_find(struct chain_graph *graph, struct chain_ways *ways, struct error *err);

/* Fills the gaps of a way with all that remains, whose bytes are as many: keeps up to two ways in
 * ways->first and second. 0, or -1 and err. */
int chain_fill(struct chain_graph *graph, struct chain_ways *ways, const struct chain_step *way,
               size_t length, struct error *err);

/* What can be said where there is no way: fills ret but for its verdict. */
int chain_broken(struct chain_graph *graph, uint64_t *work, struct chain_result *ret,
                 struct error *err);

/* Layers for kinds; the empty ones last. NULL and err. */
size_t *chain_order_make(const struct chain_graph *graph, const uint32_t *kinds, size_t length,
                         struct error *err);

#endif
