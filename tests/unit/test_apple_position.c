/* test_apple_position.c: Apple's search in a stream of more than 2 GiB, where positions are moved
 * back: the bytes are the same as without. The search is included, so that a test can be there at
 * once. */
#define apple_search_ops moved_search_ops
#include "formats/codec/applelz4_encode.c"
#undef apple_search_ops

#include "tests/unit/make_stream.h"

/* As if `by` more bytes had come before, all of them out of reach by now. */
static void stream_was_longer(struct apple_search *apple, uint32_t by)
{
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if ((uint32_t)apple->table[i] != 0)
            apple->table[i] += by;
    apple->position += by;
}

/* `before` blocks are searched, the stream becomes longer so that the limit is passed after `more`
 * blocks, and is searched to its end. */
static void check_moved(const uint8_t *data, size_t blocks, size_t before, size_t more)
{
    struct error err = ERROR_INIT;
    struct encoder *encoder = encoder_named("apple");
    const struct search_ops *volatile ops = &moved_search_ops; /* not to be inlined */
    struct search *search = ops->create(0, &err);
    assert_non_null(search);
    ops->restart(search);
    struct apple_search *apple = (struct apple_search *)search;
    bool moved = false;
    for (size_t i = 0; i < blocks; i++) {
        const uint8_t *block = data + i * BLOCK_SIZE;
        uint8_t wanted[APPLELZ4_ENCODED_MAX], found[APPLELZ4_ENCODED_MAX];
        if (i == before)
            stream_was_longer(apple,
                              LAST_POSITION + 1 - (uint32_t)more * BLOCK_SIZE - apple->position);
        uint32_t position = apple->position;
        size_t size = ops->block(search, block, BLOCK_SIZE, i == 0 ? 0 : APPLELZ4_WINDOW, found);
        moved = moved || apple->position < position;
        int64_t framed = encoder_block(encoder, block, BLOCK_SIZE, wanted, &err);
        assert_good((int)framed, &err);
        assert_true(size > 0);
        if (applelz4_magic(wanted) == APPLELZ4_BLOCK) {
            assert_int_equal(framed - APPLELZ4_HEADER_BLOCK, size);
            assert_memory_equal(wanted + APPLELZ4_HEADER_BLOCK, found, size);
        }
    }
    assert_true(moved);
    assert_true(apple->position < LAST_POSITION / 2);
    ops->destroy(search);
    encoder_free(encoder);
}

static void test_moved_back(void **state)
{
    (void)state;
    const size_t blocks = 12;
    for (uint64_t seed = 1; seed < 6; seed++) {
        /* searches read a few bytes past a block's end */
        uint8_t *data = make_data(seed, blocks * BLOCK_SIZE + 32);
        struct dice dice = {seed};
        make_words(&dice, data, 9 * (size_t)BLOCK_SIZE);
        for (size_t more = 0; more < 4; more++)
            check_moved(data, blocks, 2, more);
        check_moved(data, blocks, 6, 1);
        free(data);
    }
}

/* A little noise repeated after 64 KiB less one byte: matches with the longest reach there is. */
static void test_moved_back_at_full_reach(void **state)
{
    (void)state;
    const size_t blocks = 8, period = 65535;
    uint8_t *data = calloc(1, blocks * BLOCK_SIZE + 32);
    assert_non_null(data);
    struct dice dice = {9};
    make_noise(&dice, data, 500);
    for (size_t at = period; at < blocks * BLOCK_SIZE; at++)
        data[at] = data[at - period];
    check_moved(data, blocks, 3, 0);
    check_moved(data, blocks, 3, 2);
    free(data);
}

/* Zeros, whose word is what an empty slot would hold. */
static void test_moved_back_in_zeros(void **state)
{
    (void)state;
    uint8_t *data = calloc(8, BLOCK_SIZE + 32);
    assert_non_null(data);
    for (size_t more = 0; more < 3; more++)
        check_moved(data, 8, 3, more);
    memset(data, 'x', 5 * (size_t)BLOCK_SIZE);
    check_moved(data, 8, 3, 1);
    check_moved(data, 8, 3, 2);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moved_back),
        cmocka_unit_test(test_moved_back_at_full_reach),
        cmocka_unit_test(test_moved_back_in_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
