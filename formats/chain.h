/* chain.h: the order of disk.v1 layers, out of the stream itself.
 *
 * The layers are pieces of one stream of blocks (docs/formats/disk-v1.md), and a cut falls where it
 * falls. A layer's head is what finishes the block begun before it, its tail is what its own last
 * block still needs; layers chain where the two agree. This file finds heads and tails
 * (chain_scan), and the orders in which all layers make one good stream (chain_search). An order is
 * given out only where it is the only one. How it works and what is proved: docs/formats/chain.md.
 *
 * Owner: a struct chain_layer or chain_result holds memory until its _done(), which takes a zeroed
 * one, too. Threads: none of it is shared; layers can be scanned side by side, one scan a thread.
 * Nothing here does I/O: bytes come through a function of the caller's. */
#ifndef FORMATS_CHAIN_H
#define FORMATS_CHAIN_H

#include "formats/codec/applelz4.h"
#include "formats/model/digest.h"

/* More layers than this are refused: ERROR_UNSUPPORTED. */
#define CHAIN_LAYERS_MAX 8192u
/* A layer remembers at most so many boundaries and so many chains, those nearest to its start: see
 * heads_end. So a scan holds at most 4 MiB, and a scanned layer 1.1 MiB. */
#define CHAIN_HEADS_MAX  65536u
#define CHAIN_CHAINS_MAX 256u
/* What is worth fetching of each end for chain_layer_ends(). */
#define CHAIN_END_GOOD (256u << 10)

/* --- one layer --- */

/* Where a stream of blocks stands at a cut. */
struct chain_cut {
    enum {
        CHAIN_BOUNDARY, /* between two blocks, or before the first */
        CHAIN_HEADER,   /* in a block's header or in the end mark: part[0..part_size) was read */
        CHAIN_PAYLOAD,  /* `need` more bytes (not 0) finish a block of `block` bytes */
        CHAIN_ENDED     /* behind the end mark: nothing may follow */
    } at;
    uint64_t need;
    uint64_t block; /* header included */
    uint8_t part[APPLELZ4_HEADER_BLOCK];
    uint8_t part_size; /* 1 to 11 */
};

/* Chains of headers that run to the layer's end and end alike. */
struct chain_ending {
    struct chain_cut cut;
    uint64_t block_at; /* where in the layer its last block begins; HEADER and PAYLOAD only */
    uint32_t blocks;   /* headers on the longest of these chains */
};

/* A place at which a block can begin, so that its chain of headers runs to the layer's end. */
struct chain_head {
    uint32_t at; /* bytes before it; the layer's size where it is the end itself */
    uint32_t ending;
    uint64_t decoded; /* what the blocks that begin from here on (headers whole) decode to; 0 if
                         !whole */
};

enum chain_layer_state {
    CHAIN_LAYER_KNOWN,
    CHAIN_LAYER_UNCLEAR /* its two ends do not tell: the whole layer must be read */
};

/* What is known of one layer. The caller sets digest (layers of equal digest are interchangeable);
 * all else is the scan's. */
struct chain_layer {
    struct digest digest;
    uint64_t size;
    enum chain_layer_state state;
    bool whole;                           /* every byte was seen, else only its ends */
    uint8_t first[APPLELZ4_HEADER_BLOCK]; /* its first bytes, at most `size` */
    bool begins;                          /* a block can begin at byte 0 */
    /* Only where it begins: a match reaches back before byte 0, so it is not the first layer. */
    bool reaches_back;
    struct chain_head *heads; /* ascending */
    size_t head_count;
    /* All heads before this place are kept, none from it on. Blocks of 64 KiB never need more, but
     * a layer can be made to show any number; where a larger block would have to end in it behind
     * this place nothing is said of it. */
    uint64_t heads_end;
    struct chain_ending *endings;
    size_t ending_count;
};

void chain_layer_done(struct chain_layer *layer);

struct chain_scan;

struct chain_scan *chain_scan_new(struct error *err); /* NULL and err */
struct chain_scan *chain_scan_free(struct chain_scan *scan);
/* The layer's next bytes, in any slicing. -1 and err only where memory ends. */
int chain_scan_push(struct chain_scan *scan, const uint8_t *data, size_t size, struct error *err);
/* The layer has ended. Fills *ret (its digest is left as it is) and makes the scan ready for
 * another layer. */
int chain_scan_end(struct chain_scan *scan, struct chain_layer *ret, struct error *err);

/* The same of a layer of which only the two ends are at hand; where they meet or overlap they are
 * taken as the whole. Ends say less: one chain must run from the front's first boundaries over
 * three blocks and to the front's end, and one to the layer's end, else it is UNCLEAR. */
int chain_layer_ends(uint64_t size, const uint8_t *front, size_t front_size, const uint8_t *back,
                     size_t back_size, struct chain_layer *ret, struct error *err);

/* What a layer does to a cut: *ret is where the stream stands behind it. False where it cannot
 * follow, or where that is not known (chain_is_open). */
bool chain_follow(const struct chain_cut *cut, const struct chain_layer *layer,
                  struct chain_cut *ret);
/* True where the block begun before the cut would end in the layer behind heads_end. */
bool chain_is_open(const struct chain_cut *cut, const struct chain_layer *layer);

/* --- a block across a cut --- */

/* Judges a block that was put together from both sides of a cut, header included: 0: it surely is
 * none (no header, another size than it says, or sequences that do not give exactly the decoded
 * size, or a match from before the stream's start where `history`, the bytes decoded before it, is
 * less than 64 KiB; UINT64_MAX: not known); 1: it can be one. A stored block always can. */
int chain_joins(const uint8_t *block, size_t size, uint64_t history);

/* --- all layers --- */

/* How the search reads a layer where lengths alone do not tell. */
struct chain_source {
    void *context;
    /* `size` bytes of layers[index] from byte `at` on. 0; 1: these bytes are not at hand (only ends
     * are known): then the cut counts as possible; -1: err. At most 65 MiB at once. */
    int (*read)(void *context, size_t index, uint64_t at, uint8_t *to, size_t size,
                struct error *err);
};

enum chain_verdict {
    CHAIN_ORDERED,   /* one order, and no other fits */
    CHAIN_AMBIGUOUS, /* several fit: order and other are two of them */
    CHAIN_BROKEN,    /* none fits */
    CHAIN_UNDECIDED  /* no second order was found, or none at all, before the search's limit; or a
                        layer shows too little: see `undecided` */
};

/* All indices are into the array that was searched. */
struct chain_result {
    enum chain_verdict verdict;
    /* Every order that was found is sound only as far as layers were seen: false where one was not
     * whole. */
    bool whole;
    /* What the disk has by the blocks' headers, ORDERED only; 0: not known. Hold it against the
     * manifest: a layer cut out between two boundaries shows nowhere else. */
    uint64_t disk_size;

    /* ORDERED, AMBIGUOUS: all layers in order. BROKEN: all that are not extra, as runs that hang
     * together: the one that begins the stream first, the one that ends it last.
     * UNDECIDED: as far as it is known, else NULL. */
    size_t *order;
    size_t count;
    /* sure[i]: order[i + 1] follows order[i] in every order that fits (layers of equal digest taken
     * for one). AMBIGUOUS: the layers on either side of a link that is not sure can change places.
     * BROKEN: false where a run ends. */
    bool *sure;
    size_t *other; /* AMBIGUOUS: another order */

    /* BROKEN: where the run that begins the stream ends, and how the stream stands there.
     * begins: there is such a run (else no layer can be the first); ends: a layer can be the last.
     */
    bool begins, ends;
    size_t after;
    struct chain_cut cut;
    /* BROKEN: the layers without which the others make one whole stream, where that was found:
     * foreign ones, and copies too many. `order` is then that stream. */
    size_t *extra;
    size_t extra_count;
    bool rest_is_whole;

    size_t undecided; /* UNDECIDED because of this layer, or SIZE_MAX: the search's limit */
};

/* source may be NULL: then lengths alone count. 0 and *ret, or -1 and err (memory, reading, too
 * many layers). */
int chain_search(const struct chain_layer *layers, size_t count, const struct chain_source *source,
                 struct chain_result *ret, struct error *err);
void chain_result_done(struct chain_result *result);

#endif
