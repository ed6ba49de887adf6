/* test_chain_orders.c: every permutation of up to seven layers, and a thousand random ones each of
 * 20, 60, 100 and 261, of streams cut in every way there is: never a wrong order, and always the
 * same verdict on the same layers. The whole is ORDERS=all; without it a fixed part is run. */
#include "tests/unit/chain_streams.h"

#include <stdio.h>

#define MANY_MAX 261
#define TIMES    20 /* random orders of each, where not all are asked for */

/* How a stream is made and cut into `count` layers. */
struct scene {
    const char *name;
    void (*make)(struct pieces *ret, size_t count, uint64_t seed);
    enum {
        ALWAYS_ONE,
        MOSTLY_ONE, /* of seven layers or fewer: with more, lengths meet by chance */
        ANY
    } orders;  /* that fit */
    bool hard; /* with more than 100 layers the search may reach its limit */
};

/* --- ways to cut --- */

static void cut_even(struct pieces *ret, struct bytes *stream, size_t count)
{
    size_t *cuts = calloc(count, sizeof *cuts);
    assert_non_null(cuts);
    for (size_t i = 1; i < count; i++)
        cuts[i - 1] = stream->size / count * i + i % 2;
    pieces_make(ret, stream, cuts, count - 1);
    free(cuts);
}

/* Near boundaries that lie evenly in the stream; each cut `into` the block that begins there. */
static void cut_at_blocks(struct pieces *ret, struct bytes *stream, size_t count,
                          size_t (*into)(size_t cut))
{
    static size_t starts[BOUNDARIES_MAX], cuts[MANY_MAX];
    size_t blocks = boundaries(stream, starts);
    assert_true(count <= MANY_MAX && blocks >= 2 * count);
    for (size_t i = 1; i < count; i++)
        cuts[i - 1] = starts[(blocks - 1) / count * i] + into(i);
    pieces_make(ret, stream, cuts, count - 1);
}

static size_t into_header(size_t cut)
{
    return 1 + cut * 5 % 11;
}

static size_t into_size_field(size_t cut)
{
    return 4 + cut % 4;
}

static size_t one_on_boundary(size_t cut)
{
    return cut == 1 ? 0 : 15 + cut;
}

static size_t all_on_boundaries(size_t cut)
{
    (void)cut;
    return 0;
}

/* --- scenes --- */

static void tarts_own(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    encoded(&stream, "apple", seed, count * 150000 + 50000); /* layers longer than blocks */
    cut_even(ret, &stream, count);
}

static void small_and_even(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    small_blocks(&stream, seed, count * 12000 + 8000, 3000);
    cut_even(ret, &stream, count);
}

static void in_headers(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    small_blocks(&stream, seed, count * 8000 + 8000, 2000);
    cut_at_blocks(ret, &stream, count, into_header);
}

static void in_size_fields(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    small_blocks(&stream, seed, count * 8000 + 8000, 2000);
    cut_at_blocks(ret, &stream, count, into_size_field);
}

static void on_a_boundary(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    small_blocks(&stream, seed, count * 8000 + 8000, 2000);
    cut_at_blocks(ret, &stream, count, one_on_boundary);
}

static void on_boundaries(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    small_blocks(&stream, seed, count * 8000 + 8000, 2000);
    cut_at_blocks(ret, &stream, count, all_on_boundaries);
}

/* The last cut goes through the end mark. */
static void in_end_mark(struct pieces *ret, size_t count, uint64_t seed)
{
    static size_t cuts[MANY_MAX];
    struct bytes stream;
    small_blocks(&stream, seed, count * 12000 + 8000, 3000);
    for (size_t i = 1; i < count; i++)
        cuts[i - 1] = stream.size / count * i;
    if (count > 1)
        cuts[count - 2] = stream.size - 1 - seed % 3;
    pieces_make(ret, &stream, cuts, count - 1);
}

static void empty_last(struct pieces *ret, size_t count, uint64_t seed)
{
    static size_t cuts[MANY_MAX];
    struct bytes stream;
    small_blocks(&stream, seed, count * 12000 + 8000, 3000);
    for (size_t i = 1; i < count; i++)
        cuts[i - 1] = i == count - 1 ? stream.size : stream.size / count * i;
    pieces_make(ret, &stream, cuts, count - 1);
}

static void in_stored_blocks(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    struct dice dice = {seed * 2 + 1};
    size_t size = count * 70001 + 1000;
    uint8_t *noise = malloc(size);
    assert_non_null(noise);
    make_noise(&dice, noise, size);
    stream_make("apple", noise, size, &stream);
    free(noise);
    cut_even(ret, &stream, count);
}

/* Layers of which the largest blocks need three or four. */
static void over_three_layers(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    small_blocks(&stream, seed, count * 2500 + 2500, 3000);
    cut_even(ret, &stream, count);
}

/* Many layers lie in one block each. */
static void smaller_than_blocks(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    encoded(&stream, "apple", seed, count * 30000 + 30000);
    cut_even(ret, &stream, count);
}

static void equal_layers(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream, tail;
    struct encoder *encoder = encoder_named("apple");
    uint8_t *zeros = calloc(1, BLOCK_SIZE);
    assert_non_null(zeros);
    small_blocks(&stream, seed, count * 4000, 3000);
    stream.size -= APPLELZ4_MAGIC_SIZE;
    for (size_t i = 0; i < count * 14 / 2; i++)
        put_encoded(&stream, encoder, zeros, BLOCK_SIZE);
    small_blocks(&tail, seed + 1, count * 4000, 3000);
    put(&stream, tail.data, tail.size);
    bytes_done(&tail);
    free(zeros);
    encoder_free(encoder);
    pieces_even(ret, &stream, (stream.size / count / 398 + 1) * 398);
}

static void disk_of_streams(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream;
    stream_of_streams(&stream, seed, count * 80000 + 50000);
    cut_even(ret, &stream, count);
}

/* Whole streams in single stored blocks, larger than layers: to most layers the blocks inside are
 * all there is to see. */
static void streams_in_large_blocks(struct pieces *ret, size_t count, uint64_t seed)
{
    struct bytes stream, inner;
    bytes_init(&stream, SIZE_MAX);
    for (size_t i = 0; stream.size < count * 9000; i++) {
        small_blocks(&inner, seed * 1000 + i, 5000 + i % 7 * 9000, 2000);
        put_stored(&stream, inner.data, inner.size);
        put_block(&stream, 5,
                  "\x50"
                  "abcde",
                  6);
        bytes_done(&inner);
    }
    put_end(&stream);
    cut_even(ret, &stream, count);
}

static const struct scene scenes[] = {
    {"Tart's own blocks", tarts_own, ALWAYS_ONE, false},
    {"small blocks", small_and_even, MOSTLY_ONE, false},
    {"cuts in headers", in_headers, MOSTLY_ONE, true},
    {"cuts in size fields", in_size_fields, ANY, false},
    {"one cut on a boundary", on_a_boundary, MOSTLY_ONE, false},
    {"all cuts on boundaries", on_boundaries, ANY, false},
    {"a cut in the end mark", in_end_mark, MOSTLY_ONE, false},
    {"an empty last layer", empty_last, MOSTLY_ONE, false},
    {"cuts in stored blocks", in_stored_blocks, ALWAYS_ONE, false},
    {"blocks in three layers", over_three_layers, ANY, false},
    {"layers in one block", smaller_than_blocks, ANY, true},
    {"equal layers", equal_layers, ANY, false},
    {"a disk that holds streams", disk_of_streams, ALWAYS_ONE, false},
    {"streams in large blocks", streams_in_large_blocks, ANY, false},
};
#define SCENE_COUNT (sizeof scenes / sizeof scenes[0])

/* --- looking --- */

static bool is_hard(const struct scene *scene, size_t count)
{
    return scene->hard && count > 100;
}

struct tally {
    size_t looks, of[4]; /* by verdict */
};

/* The verdict is not the order's that the layers were given in. */
static void look(struct hand *hand, bool reads, struct tally *tally)
{
    struct chain_result result;
    hand_search(hand, reads, &result);
    tally->of[assert_never_wrong(hand, &result)]++;
    tally->looks++;
    chain_result_done(&result);
}

static void assert_tally(const struct scene *scene, size_t count, const struct tally *by_lengths,
                         const struct tally *by_bytes)
{
    for (size_t verdict = 0; verdict < 4; verdict++) {
        assert_true(by_lengths->of[verdict] == 0 || by_lengths->of[verdict] == by_lengths->looks);
        assert_true(by_bytes->of[verdict] == 0 || by_bytes->of[verdict] == by_bytes->looks);
    }
    bool is_one = scene->orders == ALWAYS_ONE || (scene->orders == MOSTLY_ONE && count <= 7);
    assert_true(!is_one || by_bytes->of[CHAIN_ORDERED] == by_bytes->looks);
    if (!is_hard(scene, count)) {
        assert_int_equal(by_lengths->of[CHAIN_UNDECIDED], 0);
        assert_int_equal(by_bytes->of[CHAIN_UNDECIDED], 0);
    }
    /* bytes can only take orders away */
    assert_true(by_lengths->of[CHAIN_ORDERED] == 0 || by_bytes->of[CHAIN_AMBIGUOUS] == 0);
}

/* Both orders that are given out as possible are streams that decode. */
static void assert_honest(struct hand *hand)
{
    struct chain_result result;
    struct error err = ERROR_INIT;
    hand_search(hand, true, &result);
    for (int i = 0; result.verdict == CHAIN_AMBIGUOUS && i < 2; i++) {
        const size_t *order = i == 0 ? result.order : result.other;
        struct bytes stream;
        struct decoding decoding;
        struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
        bytes_init(&stream, SIZE_MAX);
        decoding_init(&decoding);
        assert_non_null(decoder);
        for (size_t k = 0; k < hand->count; k++) {
            size_t which = hand->which[order[k]];
            put(&stream, hand->pieces->stream.data + hand->pieces->cuts[which],
                (size_t)hand->pieces->layers[which].size);
        }
        assert_good(stream_decode(decoder, stream.data, stream.size, &decoding, &err), &err);
        decoding_done(&decoding);
        applelz4_decoder_free(decoder);
        bytes_done(&stream);
    }
    chain_result_done(&result);
}

/* --- tests --- */

static bool all_orders;

static void told(const struct scene *scene, size_t count, const struct tally *by_lengths,
                 const struct tally *by_bytes)
{
    static const char *const words[] = {"ordered", "ambiguous", "broken", "undecided"};
    if (!all_orders)
        return;
    printf("%s, %zu layers: ", scene->name, count);
    for (size_t i = 0; i < 4; i++)
        if (by_lengths->of[i] > 0)
            printf("%zu by lengths %s, ", by_lengths->of[i], words[i]);
    for (size_t i = 0; i < 4; i++)
        if (by_bytes->of[i] > 0)
            printf("%zu by bytes %s\n", by_bytes->of[i], words[i]);
    fflush(stdout);
}

/* Heap's way through all permutations. */
static size_t permute(const struct scene *scene, size_t layers)
{
    struct pieces pieces;
    struct hand hand;
    struct tally tally[2] = {{0}, {0}};
    size_t counter[8] = {0}, turn = 0;
    scene->make(&pieces, layers, 40 + layers);
    assert_true(pieces.count <= 7);
    hand_make(&hand, &pieces, NULL, pieces.count);
    assert_honest(&hand);
    look(&hand, true, &tally[1]);
    for (size_t i = 1; i < pieces.count;) {
        if (counter[i] < i) {
            hand_swap(&hand, i % 2 == 0 ? 0 : counter[i], i);
            turn++;
            look(&hand, false, &tally[0]);
            if (all_orders || turn % 8 == 0)
                look(&hand, true, &tally[1]);
            counter[i]++;
            i = 1;
        } else
            counter[i++] = 0;
    }
    assert_tally(scene, layers, &tally[0], &tally[1]);
    told(scene, layers, &tally[0], &tally[1]);
    hand_done(&hand);
    pieces_done(&pieces);
    return turn + 1;
}

static void every_permutation(void **state)
{
    (void)state;
    static const size_t sums[8] = {0, 1, 3, 9, 33, 153, 873, 5913};
    for (size_t i = 0; i < SCENE_COUNT; i++) {
        size_t sum = 0;
        for (size_t layers = 1; layers <= 7; layers++) {
            size_t seen = permute(&scenes[i], layers);
            sum += seen;
        }
        assert_true(sum == sums[7] || scenes[i].make == equal_layers ||
                    scenes[i].make == empty_last);
    }
}

static void shuffle(const struct scene *scene, size_t layers, size_t times)
{
    struct pieces pieces;
    struct hand hand;
    struct tally tally[2] = {{0}, {0}};
    struct dice dice = {layers * 2 + 1};
    scene->make(&pieces, layers, layers);
    hand_make(&hand, &pieces, NULL, pieces.count);
    if (pieces.stream.size < 1000000)
        assert_honest(&hand);
    for (size_t i = 0; i < times; i++) {
        hand_shuffle(&hand, &dice);
        look(&hand, false, &tally[0]);
        if (i % (!all_orders ? 50 : is_hard(scene, layers) ? 10 : 1) == 0)
            look(&hand, true, &tally[1]);
    }
    assert_tally(scene, layers, &tally[0], &tally[1]);
    told(scene, layers, &tally[0], &tally[1]);
    hand_done(&hand);
    pieces_done(&pieces);
}

static void random_permutations(void **state)
{
    (void)state;
    static const size_t counts[] = {20, 60, 100, 261};
    for (size_t i = 0; i < SCENE_COUNT; i++)
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
            shuffle(&scenes[i], counts[k], all_orders ? 1000 : counts[k] > 100 ? 2 : TIMES);
}

static void look_at_stream(const struct scene *scene, size_t layers, uint64_t seed)
{
    struct pieces pieces;
    struct hand hand;
    struct tally tally = {0};
    struct dice dice = {seed};
    scene->make(&pieces, layers, seed);
    hand_make(&hand, &pieces, NULL, pieces.count);
    hand_shuffle(&hand, &dice);
    look(&hand, false, &tally);
    look(&hand, true, &tally);
    assert_true(scene->hard || tally.of[CHAIN_UNDECIDED] == 0);
    assert_honest(&hand);
    hand_done(&hand);
    pieces_done(&pieces);
}

/* The search takes layers by their digests, so shuffling one stream's says less than other streams
 * do. */
static void many_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCENE_COUNT; i++) {
        for (uint64_t seed = 1000; seed < (all_orders ? 1300u : 1006u); seed++)
            look_at_stream(&scenes[i], 2 + seed % 17, seed);
        look_at_stream(&scenes[i], 18, 1240); /* a match reached back before the stream */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_streams),
        cmocka_unit_test(every_permutation),
        cmocka_unit_test(random_permutations),
    };
    const char *orders = getenv("ORDERS");
    all_orders = orders != NULL && strcmp(orders, "all") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
