/* test_chain_search.c: what a search says of layers made for it: where lengths do not tell, where
 * nothing does, and where a layer is missing, foreign or doubled. All orders of streams cut in
 * every way are test_chain_orders.c's. */
#include "tests/unit/chain_streams.h"

static enum chain_verdict verdict_of(struct hand *hand, bool reads)
{
    struct chain_result result;
    hand_search(hand, reads, &result);
    enum chain_verdict verdict = assert_never_wrong(hand, &result);
    chain_result_done(&result);
    return verdict;
}

/* Of some shuffles: all have the same. */
static enum chain_verdict verdict_shuffled(const struct pieces *pieces)
{
    struct hand hand;
    struct dice dice = {7};
    hand_make(&hand, pieces, NULL, pieces->count);
    enum chain_verdict verdict = verdict_of(&hand, true);
    for (size_t i = 0; i < 10; i++) {
        hand_shuffle(&hand, &dice);
        assert_int_equal(verdict_of(&hand, true), verdict);
    }
    hand_done(&hand);
    return verdict;
}

/* --- where lengths do not tell --- */

/* Where an encoder leaned on what was before, the first layer is known by that. */
static void first_by_history(void **state)
{
    (void)state;
    static size_t starts[BOUNDARIES_MAX];
    struct bytes stream;
    struct pieces pieces;
    uint8_t *data = malloc(200000);
    struct dice dice = {5};
    assert_non_null(data);
    make_words(&dice, data, 200000);
    stream_make("apple", data, 200000, &stream);
    free(data);
    size_t count = boundaries(&stream, starts);
    assert_int_equal(count, 5);
    starts[2] += 100; /* two pieces could be the first by their lengths */
    pieces_make(&pieces, &stream, starts + 1, 2);
    assert_true(pieces.layers[1].begins && pieces.layers[1].reaches_back);
    assert_int_equal(verdict_shuffled(&pieces), CHAIN_ORDERED);
    pieces_done(&pieces);
}

/* The same lengths on both sides of two cuts: only decoding tells. */
static void equal_lengths(void **state)
{
    (void)state;
    struct bytes stream;
    struct pieces pieces;
    uint8_t payload[64];
    size_t cuts[3];
    bytes_init(&stream, SIZE_MAX);
    for (size_t i = 0; i < 4; i++) {
        /* one run of literals, whose length says where it ends */
        memset(payload, 'a' + (int)i, sizeof payload);
        payload[0] = 0xF0;
        payload[1] = 60 - 15;
        put_block(&stream, 60, payload, 62);
        if (i == 3)
            break;
        /* a match too long or too short for any other decoded size */
        memset(payload, 'A' + (int)i, 40);
        payload[0] = 0x1F;
        payload[2] = 1;
        payload[3] = 0;
        payload[4] = (uint8_t)(10 + i);
        payload[5] = 0xF0;
        payload[6] = 15;
        cuts[i] = stream.size + 12 + 3; /* the length lies behind */
        put_block(&stream, (uint32_t)(1 + 19 + 10 + i + 30), payload, 5 + 2 + 30);
    }
    put_end(&stream);
    pieces_make(&pieces, &stream, cuts, 3);
    struct hand hand;
    hand_make(&hand, &pieces, NULL, 4);
    hand_swap(&hand, 1, 2);
    assert_int_equal(verdict_of(&hand, false), CHAIN_AMBIGUOUS);
    assert_int_equal(verdict_of(&hand, true), CHAIN_ORDERED);
    hand_done(&hand);
    pieces_done(&pieces);
}

/* Stored blocks of several sizes, each cut 50 bytes before its end: any order of the inner layers
 * is a stream. */
static void nothing_tells(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct bytes stream;
        struct pieces pieces;
        struct dice dice = {seed};
        uint8_t noise[400];
        size_t cuts[3];
        bytes_init(&stream, SIZE_MAX);
        for (size_t i = 0; i < 4; i++) {
            make_noise(&dice, noise, sizeof noise);
            put_stored(&stream, noise, 100 + 60 * i);
            if (i < 3)
                cuts[i] = stream.size - 50;
        }
        put_end(&stream);
        pieces_make(&pieces, &stream, cuts, 3);
        struct hand hand;
        struct chain_result result;
        hand_make(&hand, &pieces, NULL, 4);
        hand_search(&hand, true, &result);
        assert_int_equal(assert_never_wrong(&hand, &result), CHAIN_AMBIGUOUS);
        assert_false(result.sure[0] || result.sure[1] || result.sure[2]);
        assert_true(result.order[0] == 0 && result.order[3] == 3);
        assert_true(result.other[0] == 0 && result.other[3] == 3);
        assert_true(result.order[1] == result.other[2] && result.order[2] == result.other[1]);
        chain_result_done(&result);
        hand_done(&hand);
        pieces_done(&pieces);
    }
}

/* Two chains of a layer end with the same need, in blocks that begin in different places: what is
 * learnt of the one does not hold for the other. */
static void two_blocks_with_one_need(void **state)
{
    (void)state;
    struct bytes stream, inner;
    struct pieces pieces;
    bytes_init(&inner, SIZE_MAX);
    put_block(&inner, 30,
              "\xF0\x0F"
              "abcdefghijklmnopqrstuvwxyz0123",
              32);
    for (size_t lead = 0; lead < 60; lead++) {
        bytes_init(&stream, SIZE_MAX);
        put_stored(&stream, "0123456789", 10);
        size_t begin = stream.size;
        put(&stream, "bv4-", 4);
        put_u32(&stream, 200);
        for (size_t i = 0; i < lead; i++)
            put(&stream, "x", 1);
        put(&stream, inner.data, inner.size); /* an LZ4 block by its looks, and then something */
        while (stream.size < begin + 208)
            put(&stream, "y", 1);
        put_block(&stream, 5,
                  "\x50"
                  "abcde",
                  6);
        put_end(&stream);
        const size_t cuts[] = {begin + 4, begin + 8 + lead + 20};
        pieces_make(&pieces, &stream, cuts, 2);
        assert_int_equal(verdict_shuffled(&pieces), CHAIN_ORDERED);
        pieces_done(&pieces);
    }
    bytes_done(&inner);
}

/* Layers so small that most have no boundary and headers lie in many of them. */
static void tiny_layers(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 13; size++) {
        struct bytes stream;
        struct pieces pieces;
        bytes_init(&stream, SIZE_MAX);
        put_stored(&stream, "0123456789", 10);
        put_block(&stream, 5,
                  "\x50"
                  "abcde",
                  6);
        put_end(&stream);
        pieces_even(&pieces, &stream, size);
        enum chain_verdict verdict = verdict_shuffled(&pieces);
        assert_true(verdict == CHAIN_UNDECIDED ? size < 3 : true);
        assert_true(size < 10 || verdict == CHAIN_ORDERED);
        pieces_done(&pieces);
    }
}

/* --- where a layer is missing or one is too many --- */

static void good_pieces(struct pieces *pieces)
{
    struct bytes stream;
    small_blocks(&stream, 21, 300000, 3000);
    pieces_even(pieces, &stream, stream.size / 12 + 1);
    assert_int_equal(pieces->count, 12);
}

static void layer_missing(void **state)
{
    (void)state;
    struct pieces pieces;
    good_pieces(&pieces);
    for (size_t missing = 0; missing < 12; missing++) {
        struct hand hand;
        struct chain_result result;
        struct dice dice = {missing * 2 + 1};
        size_t which[12], count = 0;
        for (size_t i = 0; i < 12; i++)
            if (i != missing)
                which[count++] = i;
        hand_make(&hand, &pieces, which, count);
        hand_shuffle(&hand, &dice);
        hand_search(&hand, true, &result);
        assert_int_equal(result.verdict, CHAIN_BROKEN);
        assert_int_equal(result.extra_count, 0);
        assert_int_equal(result.begins, missing != 0);
        assert_int_equal(result.ends, missing != 11);
        if (missing > 0)
            assert_int_equal(hand.which[result.after], missing - 1);
        assert_int_equal(result.count, count);
        assert_permutation(result.order, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(hand.which[result.order[i]], which[i]);
        for (size_t i = 0; i + 1 < count; i++)
            assert_int_equal(result.sure[i], which[i] + 1 == which[i + 1]);
        chain_result_done(&result);
        hand_done(&hand);
    }
    pieces_done(&pieces);
}

static void layer_doubled(void **state)
{
    (void)state;
    struct pieces pieces;
    good_pieces(&pieces);
    for (size_t doubled = 0; doubled < 12; doubled++) {
        struct hand hand;
        struct chain_result result;
        struct dice dice = {doubled * 2 + 1};
        size_t which[13];
        for (size_t i = 0; i < 12; i++)
            which[i] = i;
        which[12] = doubled;
        hand_make(&hand, &pieces, which, 13);
        hand_shuffle(&hand, &dice);
        hand_search(&hand, false, &result);
        assert_int_equal(result.verdict, CHAIN_BROKEN);
        assert_true(result.rest_is_whole);
        assert_int_equal(result.extra_count, 1);
        assert_int_equal(hand.which[result.extra[0]], doubled);
        assert_int_equal(result.count, 12);
        for (size_t i = 0; i < 12; i++)
            assert_int_equal(hand.which[result.order[i]], i);
        chain_result_done(&result);
        hand_done(&hand);
    }
    pieces_done(&pieces);
}

/* Layers of another image among them; one of them a stream by itself, as a disk.v2 layer is. */
static void layer_foreign(void **state)
{
    (void)state;
    struct pieces pieces, others, alone;
    struct bytes stream;
    good_pieces(&pieces);
    small_blocks(&stream, 99, 100000, 3000);
    pieces_even(&others, &stream, stream.size / 3 + 1);
    small_blocks(&stream, 98, 50000, 3000);
    pieces_even(&alone, &stream, stream.size);
    for (size_t i = 0; i < 4; i++) {
        struct error err = ERROR_INIT;
        struct chain_result result;
        struct chain_layer layers[13];
        layers[0] = i < 3 ? others.layers[i] : alone.layers[0];
        memcpy(layers + 1, pieces.layers, 12 * sizeof *layers);
        assert_good(chain_search(layers, 13, NULL, &result, &err), &err);
        assert_int_equal(result.verdict, CHAIN_BROKEN);
        assert_true(result.rest_is_whole);
        assert_int_equal(result.extra_count, 1);
        assert_int_equal(result.extra[0], 0);
        assert_int_equal(result.count, 12);
        for (size_t k = 0; k < 12; k++)
            assert_int_equal(result.order[k], k + 1);
        chain_result_done(&result);
    }
    pieces_done(&alone);
    pieces_done(&others);
    pieces_done(&pieces);
}

/* Layers that begin and end between blocks: a stream is whole without them, too, and with them
 * twice. Only the disk's size tells. */
static void disk_size_tells(void **state)
{
    (void)state;
    static size_t starts[BOUNDARIES_MAX];
    struct pieces pieces;
    struct bytes stream;
    small_blocks(&stream, 21, 60000, 3000);
    size_t count = boundaries(&stream, starts);
    const size_t cuts[] = {starts[count / 3], starts[2 * count / 3]};
    pieces_make(&pieces, &stream, cuts, 2);
    static const size_t without[] = {2, 0}, twice[] = {1, 2, 1, 0};
    for (size_t i = 0; i < 2; i++) {
        struct hand hand;
        struct chain_result result;
        hand_make(&hand, &pieces, i == 0 ? without : twice, i == 0 ? 2 : 4);
        hand_search(&hand, true, &result);
        assert_int_equal(result.verdict, i == 0 ? CHAIN_ORDERED : CHAIN_AMBIGUOUS);
        assert_true(i == 1 || (result.disk_size > 0 && result.disk_size < 60000));
        chain_result_done(&result);
        hand_done(&hand);
    }
    pieces_done(&pieces);
}

static void disk_sizes_and_empty_layers(void **state)
{
    (void)state;
    struct pieces pieces;
    struct bytes stream;
    encoded(&stream, "apple", 11, 900001);
    pieces_even(&pieces, &stream, 100000);
    struct chain_layer *layers = calloc(pieces.count + 1, sizeof *layers);
    assert_non_null(layers);
    layer_scan(NULL, 0, 1, &layers[0]);
    memcpy(layers + 1, pieces.layers, pieces.count * sizeof *layers);
    struct error err = ERROR_INIT;
    struct chain_result result;
    assert_good(chain_search(layers, pieces.count + 1, NULL, &result, &err), &err);
    assert_int_equal(result.verdict, CHAIN_ORDERED);
    assert_int_equal(result.disk_size, 900001);
    assert_true(result.whole);
    for (size_t i = 0; i < pieces.count; i++)
        assert_int_equal(result.order[i], i + 1);
    assert_int_equal(result.order[pieces.count], 0);
    chain_result_done(&result);

    assert_good(chain_search(layers, 1, NULL, &result, &err), &err);
    assert_int_equal(result.verdict, CHAIN_BROKEN);
    chain_result_done(&result);
    assert_good(chain_search(NULL, 0, NULL, &result, &err), &err);
    assert_int_equal(result.verdict, CHAIN_BROKEN);
    chain_result_done(&result);
    free(layers);
    pieces_done(&pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_by_history), cmocka_unit_test(equal_lengths),
        cmocka_unit_test(nothing_tells),    cmocka_unit_test(two_blocks_with_one_need),
        cmocka_unit_test(tiny_layers),      cmocka_unit_test(layer_missing),
        cmocka_unit_test(layer_doubled),    cmocka_unit_test(layer_foreign),
        cmocka_unit_test(disk_size_tells),  cmocka_unit_test(disk_sizes_and_empty_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
