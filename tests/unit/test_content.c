/* test_content.c: a chunk's content digest is that of its bytes, however zeros and data alternate
 * and however they are cut into batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "convert/engine/content.h"
#include "tests/unit/make_data.h"

#define CHUNK_MAX (1u << 20)

static uint8_t flat[CHUNK_MAX];

/* Makes a chunk of `size` bytes up, in batches of a few extents, and hashes it both ways. zeros: of
 * ten extents, how many are zeros. */
static void hash_and_check(struct content *content, struct dice *dice, size_t size, unsigned zeros)
{
    struct error err;
    struct digest found, wanted;
    struct batch batch = {.limit = size};
    assert_int_equal(content_begin(content, &err), 0);
    for (size_t done = 0; done < size;) {
        size_t step = dice_size(dice, size - done);
        bool zero = dice_roll(dice) % 10 < zeros;
        for (size_t i = 0; i < step; i++)
            flat[done + i] = zero ? 0 : (uint8_t)(dice_roll(dice) >> 16);
        /* zeros may come as data too */
        if (zero && dice_roll(dice) % 8 != 0)
            batch.extents[batch.extent_count++] = (struct extent){.length = step};
        else
            batch.extents[batch.extent_count++] =
                (struct extent){.length = step, .data = flat + done};
        done += step;
        if (done < size && batch.extent_count < 5)
            continue;
        content_add(content, &batch);
        batch.extent_count = 0;
    }
    assert_int_equal(content_end(content, &found, &err), 0);
    assert_int_equal(digest_of(flat, size, &wanted, &err), 0);
    assert_true(digest_equal(&found, &wanted));
}

static void test_mixtures(void **state)
{
    (void)state;
    struct content content;
    struct error err;
    struct dice dice = {.state = 17};
    assert_int_equal(content_init(&content, &err), 0);
    for (unsigned round = 0; round < 300; round++)
        hash_and_check(&content, &dice, dice_size(&dice, 200000), round % 11);
    content_done(&content);
    content_done(&content);
}

static void test_zeros(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, CHUNK_MAX, 5, 7};
    struct content content;
    struct error err;
    struct dice dice = {.state = 4};
    assert_int_equal(content_init(&content, &err), 0);
    /* more lengths than are remembered, several times, with data between */
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            hash_and_check(&content, &dice, sizes[i], 10);
            hash_and_check(&content, &dice, sizes[i], 10);
            hash_and_check(&content, &dice, sizes[i], 5);
        }
    content_done(&content);
}

/* A chunk that was given up leaves nothing to the next. */
static void test_given_up(void **state)
{
    (void)state;
    struct content content;
    struct error err;
    struct dice dice = {.state = 8};
    assert_int_equal(content_init(&content, &err), 0);
    for (size_t i = 0; i < 4; i++) {
        struct batch batch = {.extent_count = 2};
        batch.extents[0] = (struct extent){.length = 100, .data = i % 2 == 0 ? NULL : flat};
        batch.extents[1] = (struct extent){.length = 50, .data = i < 2 ? NULL : flat};
        assert_int_equal(content_begin(&content, &err), 0);
        content_add(&content, &batch);
        hash_and_check(&content, &dice, 1000, i % 2 == 0 ? 10 : 3);
    }
    content_done(&content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixtures),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
