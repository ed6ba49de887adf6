/* chain_fixture.h: streams cut into layers at any places, scanned, shuffled and searched. */
#ifndef TESTS_UNIT_CHAIN_FIXTURE_H
#define TESTS_UNIT_CHAIN_FIXTURE_H

#include "tests/unit/make_stream.h"

#include "formats/chain.h"

/* A stream and its layers in the right order. */
struct pieces {
    struct bytes stream;
    size_t *cuts; /* count + 1: where layers begin, and the end */
    struct chain_layer *layers;
    size_t count;
};

/* A selection of them in another order: what a search is given. */
struct hand {
    const struct pieces *pieces;
    size_t *which; /* of the pieces */
    struct chain_layer *layers;
    size_t count;
    size_t reads;
};

static inline void layer_scan(const uint8_t *data, size_t size, size_t slice,
                              struct chain_layer *ret)
{
    struct error err = ERROR_INIT;
    struct chain_scan *scan = chain_scan_new(&err);
    assert_non_null(scan);
    *ret = (struct chain_layer){.size = 0};
    assert_good(digest_of(data, size, &ret->digest, &err), &err);
    for (size_t at = 0; at < size; at += slice) {
        size_t step = size - at < slice ? size - at : slice;
        assert_good(chain_scan_push(scan, data + at, step, &err), &err);
    }
    assert_good(chain_scan_end(scan, ret, &err), &err);
    assert_int_equal(ret->size, size);
    chain_scan_free(scan);
}

/* Takes the stream over. `cuts` are places inside of it, ascending. */
static inline void pieces_make(struct pieces *ret, struct bytes *stream, const size_t *cuts,
                               size_t cut_count)
{
    *ret = (struct pieces){.stream = *stream, .count = cut_count + 1};
    ret->cuts = calloc(ret->count + 1, sizeof *ret->cuts);
    ret->layers = calloc(ret->count, sizeof *ret->layers);
    assert_true(ret->cuts != NULL && ret->layers != NULL);
    memcpy(ret->cuts + 1, cuts, cut_count * sizeof *cuts);
    ret->cuts[ret->count] = stream->size;
    for (size_t i = 0; i < ret->count; i++)
        layer_scan(stream->data + ret->cuts[i], ret->cuts[i + 1] - ret->cuts[i], SIZE_MAX / 2,
                   &ret->layers[i]);
}

/* Cut as V1 is: after every `size` bytes. */
static inline void pieces_even(struct pieces *ret, struct bytes *stream, size_t size)
{
    size_t count = (stream->size - 1) / size;
    size_t *cuts = calloc(count + 1, sizeof *cuts);
    assert_non_null(cuts);
    for (size_t i = 0; i < count; i++)
        cuts[i] = (i + 1) * size;
    pieces_make(ret, stream, cuts, count);
    free(cuts);
}

static inline void pieces_done(struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++)
        chain_layer_done(&pieces->layers[i]);
    free(pieces->layers);
    free(pieces->cuts);
    bytes_done(&pieces->stream);
}

static inline void hand_make(struct hand *ret, const struct pieces *pieces, const size_t *which,
                             size_t count)
{
    *ret = (struct hand){.pieces = pieces, .count = count};
    ret->which = calloc(count + 1, sizeof *ret->which);
    ret->layers = calloc(count + 1, sizeof *ret->layers);
    assert_true(ret->which != NULL && ret->layers != NULL);
    for (size_t i = 0; i < count; i++) {
        ret->which[i] = which == NULL ? i : which[i];
        ret->layers[i] = pieces->layers[ret->which[i]];
    }
}

static inline void hand_done(struct hand *hand)
{
    free(hand->which);
    free(hand->layers);
}

static inline void hand_swap(struct hand *hand, size_t a, size_t b)
{
    size_t which = hand->which[a];
    hand->which[a] = hand->which[b];
    hand->which[b] = which;
    for (size_t i = 0; i < 2; i++) {
        size_t at = i == 0 ? a : b;
        hand->layers[at] = hand->pieces->layers[hand->which[at]];
    }
}

static inline void hand_shuffle(struct hand *hand, struct dice *dice)
{
    for (size_t i = hand->count; i > 1; i--)
        hand_swap(hand, i - 1, dice_roll(dice) % i);
}

static inline int hand_read(void *context, size_t index, uint64_t at, uint8_t *to, size_t size,
                            struct error *err)
{
    struct hand *hand = context;
    (void)err;
    assert_true(index < hand->count);
    size_t which = hand->which[index], start = hand->pieces->cuts[which];
    assert_true(at + size <= hand->pieces->cuts[which + 1] - start);
    memcpy(to, hand->pieces->stream.data + start + at, size);
    hand->reads++;
    return 0;
}

static inline void hand_search(struct hand *hand, bool reads, struct chain_result *ret)
{
    struct error err = ERROR_INIT;
    struct chain_source source = {hand, hand_read};
    assert_good(chain_search(hand->layers, hand->count, reads ? &source : NULL, ret, &err), &err);
}

/* --- what an order is worth --- */

static inline bool layers_same(const struct hand *hand, size_t index, size_t right)
{
    return digest_equal(&hand->layers[index].digest, &hand->pieces->layers[right].digest);
}

static inline bool order_is_right(const struct hand *hand, const size_t *order)
{
    for (size_t i = 0; i < hand->count; i++)
        if (!layers_same(hand, order[i], i))
            return false;
    return hand->count == hand->pieces->count;
}

static inline void assert_permutation(const size_t *order, size_t count)
{
    bool *seen = calloc(count + 1, sizeof *seen);
    assert_non_null(seen);
    for (size_t i = 0; i < count; i++) {
        assert_true(order[i] < count && !seen[order[i]]);
        seen[order[i]] = true;
    }
    free(seen);
}

/* The headers run through from the first byte to the end mark. */
static inline void assert_hangs_together(const struct hand *hand, const size_t *order)
{
    struct chain_cut cut = {.at = CHAIN_BOUNDARY};
    for (size_t i = 0; i < hand->count; i++)
        assert_true(chain_follow(&cut, &hand->layers[order[i]], &cut));
    assert_int_equal(cut.at, CHAIN_ENDED);
}

/* What is said to be sure is so in the right order: behind such a layer, or before it. */
static inline void assert_sure(const struct hand *hand, const struct chain_result *result)
{
    const struct pieces *pieces = hand->pieces;
    for (size_t i = 0; i + 1 < result->count; i++) {
        bool found = !result->sure[i];
        for (size_t k = 0; k + 1 < pieces->count && !found; k++)
            found = layers_same(hand, result->order[i], k) &&
                    layers_same(hand, result->order[i + 1], k + 1);
        assert_true(found);
    }
}

/* All layers of a good stream were searched: never a wrong order. Returns the verdict. */
static inline enum chain_verdict assert_never_wrong(const struct hand *hand,
                                                    const struct chain_result *result)
{
    assert_true(result->verdict == CHAIN_ORDERED || result->verdict == CHAIN_AMBIGUOUS ||
                result->verdict == CHAIN_UNDECIDED);
    if (result->verdict == CHAIN_UNDECIDED)
        return CHAIN_UNDECIDED;
    assert_int_equal(result->count, hand->count);
    assert_permutation(result->order, result->count);
    if (result->verdict == CHAIN_ORDERED) {
        assert_true(order_is_right(hand, result->order));
        assert_null(result->other);
        return CHAIN_ORDERED;
    }
    assert_permutation(result->other, result->count);
    assert_hangs_together(hand, result->order);
    assert_hangs_together(hand, result->other);
    assert_false(order_is_right(hand, result->order) && order_is_right(hand, result->other));
    assert_sure(hand, result);
    return CHAIN_AMBIGUOUS;
}

#endif
