/* test_chain.c: what a layer shows of the stream that it is a piece of: boundaries, ends, what
 * follows a cut, and blocks that are put together from two sides. */
#include "tests/unit/chain_streams.h"

static void assert_same_layers(const struct chain_layer *a, const struct chain_layer *b)
{
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->begins, b->begins);
    assert_int_equal(a->reaches_back, b->reaches_back);
    assert_int_equal(a->heads_end, b->heads_end);
    assert_int_equal(a->head_count, b->head_count);
    assert_int_equal(a->ending_count, b->ending_count);
    for (size_t i = 0; i < a->head_count; i++) {
        assert_int_equal(a->heads[i].at, b->heads[i].at);
        assert_int_equal(a->heads[i].ending, b->heads[i].ending);
        assert_int_equal(a->heads[i].decoded, b->heads[i].decoded);
    }
    for (size_t i = 0; i < a->ending_count; i++) {
        assert_memory_equal(&a->endings[i].cut, &b->endings[i].cut, sizeof a->endings[i].cut);
        assert_int_equal(a->endings[i].block_at, b->endings[i].block_at);
        assert_int_equal(a->endings[i].blocks, b->endings[i].blocks);
    }
}

static void any_slicing(void **state)
{
    (void)state;
    static const size_t slices[] = {1, 2, 3, 7, 10, 11, 12, 13, 23, 4096};
    struct bytes stream;
    stream_of_streams(&stream, 3, 300000);
    for (size_t from = 0; from < 60000; from += 9973) {
        struct chain_layer whole, sliced;
        size_t size = 100000 + from;
        layer_scan(stream.data + from, size, SIZE_MAX / 2, &whole);
        assert_true(whole.whole && whole.head_count > 0);
        for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
            layer_scan(stream.data + from, size, slices[i], &sliced);
            assert_same_layers(&whole, &sliced);
            chain_layer_done(&sliced);
        }
        chain_layer_done(&whole);
    }
    bytes_done(&stream);
}

/* Where the stream stands at a place, by its boundaries. */
static struct chain_cut cut_at(const struct bytes *stream, const size_t *starts, size_t count,
                               size_t at)
{
    struct chain_cut cut = {.at = CHAIN_BOUNDARY};
    size_t i = 0;
    while (i + 1 < count && starts[i + 1] <= at)
        i++;
    size_t into = at - starts[i];
    bool is_end = i + 1 == count, is_stored = stream->data[starts[i] + 3] == '-';
    size_t header = is_end ? 4 : is_stored ? 8 : 12;
    if (at == stream->size)
        cut.at = CHAIN_ENDED;
    else if (into > 0 && into < header) {
        cut.at = CHAIN_HEADER;
        cut.part_size = (uint8_t)into;
        memcpy(cut.part, stream->data + starts[i], into);
    } else if (into > 0) {
        cut.at = CHAIN_PAYLOAD;
        cut.need = starts[i + 1] - at;
        cut.block = starts[i + 1] - starts[i];
    }
    return cut;
}

static void assert_cut(const struct chain_cut *cut, const struct chain_cut *expected)
{
    assert_int_equal(cut->at, expected->at);
    assert_int_equal(cut->need, expected->need);
    assert_int_equal(cut->block, expected->block);
    assert_int_equal(cut->part_size, expected->part_size);
    assert_memory_equal(cut->part, expected->part, cut->part_size);
}

/* From the cut before it, each layer leads to the cut behind it, wherever these fall. */
static void follows_the_stream(void **state)
{
    (void)state;
    static size_t starts[BOUNDARIES_MAX];
    struct dice dice = {77};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct bytes stream;
        small_blocks(&stream, seed, 40000, 3000);
        size_t count = boundaries(&stream, starts), from = 0;
        struct chain_cut cut = {.at = CHAIN_BOUNDARY};
        while (from < stream.size) {
            size_t near = starts[dice_roll(&dice) % count] + dice_roll(&dice) % 14;
            size_t to = seed % 3 == 0 ? from + dice_size(&dice, 40)
                                      : (near > from ? near : from + dice_size(&dice, 9000));
            to = to < stream.size ? to : stream.size;
            struct chain_layer layer;
            layer_scan(stream.data + from, to - from, SIZE_MAX / 2, &layer);
            assert_false(chain_is_open(&cut, &layer));
            assert_true(chain_follow(&cut, &layer, &cut));
            const struct chain_cut expected = cut_at(&stream, starts, count, to);
            assert_cut(&cut, &expected);
            chain_layer_done(&layer);
            from = to;
        }
        assert_int_equal(cut.at, CHAIN_ENDED);
        struct chain_layer more;
        layer_scan((const uint8_t *)"bv4$", 4, 4, &more);
        assert_false(chain_follow(&cut, &more, &cut));
        chain_layer_done(&more);
        bytes_done(&stream);
    }
}

/* More boundaries than are kept: those near the start are, and it is known how far. */
static void more_boundaries_than_are_kept(void **state)
{
    (void)state;
    struct bytes stream;
    struct chain_layer layer;
    bytes_init(&stream, SIZE_MAX);
    put(&stream, "0123456789", 10);
    for (size_t i = 0; i < 3 * CHAIN_HEADS_MAX; i++)
        put_stored(&stream, "abc", 3);
    put(&stream, "bv4", 3);
    layer_scan(stream.data, stream.size, 100000, &layer);
    assert_int_equal(layer.state, CHAIN_LAYER_KNOWN);
    assert_int_equal(layer.head_count, CHAIN_HEADS_MAX);
    assert_int_equal(layer.heads[0].at, 10);
    assert_int_equal(layer.heads_end, 10 + 11 * CHAIN_HEADS_MAX);
    struct chain_cut near = {.at = CHAIN_PAYLOAD, .need = 21, .block = 99}, far = near, cut;
    far.need = layer.heads_end + 11;
    assert_false(chain_is_open(&near, &layer));
    assert_true(chain_follow(&near, &layer, &cut));
    assert_int_equal(cut.at, CHAIN_HEADER);
    assert_int_equal(cut.part_size, 3);
    assert_true(chain_is_open(&far, &layer));
    assert_false(chain_follow(&far, &layer, &cut));
    chain_layer_done(&layer);
    bytes_done(&stream);
}

/* A place that could begin a block at every fourth byte: chains without number. */
static void more_chains_than_are_kept(void **state)
{
    (void)state;
    struct bytes stream;
    struct chain_layer layer;
    bytes_init(&stream, SIZE_MAX);
    for (size_t i = 0; i < 20000; i++) {
        put(&stream, "bv4-", 4);
        put_u32(&stream, (uint32_t)(1000000 + 2 * i * i));
    }
    layer_scan(stream.data, stream.size, SIZE_MAX / 2, &layer);
    assert_int_equal(layer.ending_count, CHAIN_CHAINS_MAX);
    assert_int_equal(layer.head_count, CHAIN_CHAINS_MAX);
    assert_int_equal(layer.heads_end, 8 * CHAIN_CHAINS_MAX);
    chain_layer_done(&layer);
    bytes_done(&stream);
}

/* --- two ends of a layer --- */

static void layer_ends(const uint8_t *data, size_t size, size_t end, struct chain_layer *ret)
{
    struct error err = ERROR_INIT;
    *ret = (struct chain_layer){.size = 0};
    size_t most = end < size ? end : size;
    assert_good(chain_layer_ends(size, data, most, data + (size - most), most, ret, &err), &err);
    assert_int_equal(ret->size, size);
}

static void ends_tell(void **state)
{
    (void)state;
    struct bytes stream;
    encoded(&stream, "apple", 5, 4000000);
    for (size_t from = 1000; from < 500000; from += 70001) {
        struct chain_layer whole, ends;
        size_t size = stream.size - from;
        layer_scan(stream.data + from, size, SIZE_MAX / 2, &whole);
        layer_ends(stream.data + from, size, CHAIN_END_GOOD, &ends);
        assert_int_equal(ends.state, CHAIN_LAYER_KNOWN);
        assert_false(ends.whole);
        assert_int_equal(ends.heads[0].at, whole.heads[0].at);
        assert_int_equal(ends.heads_end, CHAIN_END_GOOD);
        const struct chain_ending *ending = &whole.endings[whole.heads[0].ending];
        assert_int_equal(ends.ending_count, 1);
        assert_cut(&ends.endings[0].cut, &ending->cut);
        assert_int_equal(ends.endings[0].block_at, ending->block_at);
        chain_layer_done(&ends);
        layer_ends(stream.data + from, size, 2000, &ends); /* no three blocks */
        assert_int_equal(ends.state, CHAIN_LAYER_UNCLEAR);
        assert_int_equal(ends.head_count, 0);
        chain_layer_done(&ends);
        layer_ends(stream.data + from, size, size - size / 3, &ends); /* they overlap */
        assert_true(ends.whole);
        assert_same_layers(&whole, &ends);
        chain_layer_done(&ends);
        chain_layer_done(&whole);
    }
    bytes_done(&stream);
}

/* A stored block with a stream in it: both could be the true chain. */
static void ends_leave_a_doubt(void **state)
{
    (void)state;
    struct bytes stream, inner;
    struct chain_layer ends;
    small_blocks(&inner, 9, 900000, 3000);
    bytes_init(&stream, SIZE_MAX);
    for (size_t i = 0; i < 6; i++)
        put_stored(&stream, "0123456789", 10);
    put_stored(&stream, inner.data, inner.size);
    for (size_t i = 0; i < 6; i++)
        put_stored(&stream, "0123456789", 10);
    layer_ends(stream.data, stream.size, 100000, &ends);
    assert_int_equal(ends.state, CHAIN_LAYER_UNCLEAR);
    chain_layer_done(&ends);
    struct error err = ERROR_INIT;
    assert_int_equal(chain_layer_ends(10, stream.data, 11, NULL, 0, &ends, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    err.class = ERROR_NONE;
    assert_good(chain_layer_ends(0, NULL, 0, NULL, 0, &ends, &err), &err);
    assert_true(ends.state == CHAIN_LAYER_KNOWN && ends.whole && ends.head_count == 0);
    chain_layer_done(&ends);
    bytes_done(&inner);
    bytes_done(&stream);
}

/* --- blocks from two sides --- */

/* The decoder takes a block exactly where it can be one. */
static void joins_as_the_decoder_does(void **state)
{
    (void)state;
    static uint8_t room[65536 + 70000], block[APPLELZ4_ENCODED_MAX];
    struct error err = ERROR_INIT;
    struct dice dice = {31};
    struct encoder *encoder = encoder_named("lz4");
    size_t good = 0, bad = 0;
    for (size_t round = 0; round < 20000; round++) {
        uint8_t data[600];
        size_t size = 1 + dice_roll(&dice) % sizeof data;
        make_words(&dice, data, size);
        if (round % 8 == 0)
            encoder_restart(encoder);
        int64_t encoded = encoder_block(encoder, data, size, block, &err);
        assert_good((int)encoded, &err);
        for (size_t i = dice_roll(&dice) % 4; i > 0; i--)
            block[dice_roll(&dice) % (size_t)encoded] = (uint8_t)dice_roll(&dice);
        size_t history = dice_roll(&dice) % 3 == 0 ? 0 : dice_roll(&dice) % 700;
        uint32_t says = load_le32(block + 4);
        if (says > 70000)
            continue;
        bool is_magic = applelz4_magic(block) == APPLELZ4_BLOCK;
        bool fits = is_magic && load_le32(block + 8) == (uint64_t)encoded - 12 &&
                    applelz4_block_decode(block, (size_t)encoded, room + 65536, says, history) ==
                        (int64_t)says;
        if (!is_magic)
            continue;
        assert_int_equal(chain_joins(block, (size_t)encoded, history), fits);
        assert_true(!fits || chain_joins(block, (size_t)encoded, UINT64_MAX));
        assert_int_equal(chain_joins(block, (size_t)encoded - 1, history), 0);
        good += fits;
        bad += !fits;
    }
    assert_true(good > 2000 && bad > 2000);
    encoder_free(encoder);
}

static void joins_stored_and_broken(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        int joins;
    } rows[] = {
        {"bv4-\3\0\0\0abc", 11, 1},
        {"bv4-\3\0\0\0ab", 10, 0},
        {"bv4-\3\0\0\0abcd", 12, 0},
        {"bv4-\0\0\0\0", 8, 1},
        {"bv4$", 4, 1},
        {"bv41\5\0\0\0\6\0\0\0\x50"
         "abcde",
         18, 1},
        {"bv41\4\0\0\0\6\0\0\0\x50"
         "abcde",
         18, 0},
        {"bv41\0\0\0\0\0\0\0\0", 12, 0}, /* even nothing has its token */
        {"bv41\0\0\0\0\1\0\0\0\0", 13, 1},
        {"bv41\1\0\0\0\0\0\0\0", 12, 0},
        {"bv42\5\0\0\0\6\0\0\0\x50"
         "abcde",
         18, 0},
        {"bv4", 3, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(chain_joins((const uint8_t *)rows[i].bytes, rows[i].size, UINT64_MAX),
                         rows[i].joins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_slicing),
        cmocka_unit_test(follows_the_stream),
        cmocka_unit_test(more_boundaries_than_are_kept),
        cmocka_unit_test(more_chains_than_are_kept),
        cmocka_unit_test(ends_tell),
        cmocka_unit_test(ends_leave_a_doubt),
        cmocka_unit_test(joins_as_the_decoder_does),
        cmocka_unit_test(joins_stored_and_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
