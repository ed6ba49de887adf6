/* test_salvage.c: of a damaged disk.v1 all that can be had is had, in its place. That every byte
 * that may differ is listed: salvage_scene.h, and test_salvage_law.c for any damage there can be.
 */
#include "tests/unit/salvage_scene.h"

#include <stdio.h>

#define BLOCKS 40
#define SIZE   (BLOCKS * 65536u - 1000u)

static int setup(void **state)
{
    data = make_data(31, SIZE);
    data_size = SIZE;
    stream_make("apple", data, SIZE, &stream);
    starts_find();
    return store_setup(state);
}

static int teardown(void **state)
{
    scene_done();
    return store_teardown(state);
}

static uint64_t missing_bytes(const struct result *result)
{
    return result->salvage->ranges.bytes[SALVAGE_MISSING];
}

/* A compressed block from the index on. */
static size_t compressed_from(size_t i)
{
    while (i < BLOCKS && applelz4_magic(stream.data + starts[i]) != APPLELZ4_BLOCK)
        i++;
    assert_true(i < BLOCKS - 1);
    return i;
}

/* The payload does not parse any more. */
static void break_payload(size_t block)
{
    for (size_t i = 12; i < 40; i++)
        *byte_at(starts[block] + i) = 0xFF;
}

static void test_sound(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct salvage *salvage;
    image_make(100000);
    assert_good(salvage_survey(&disk, &store.blobs, NULL, &salvage, &err), &err);
    assert_false(salvage->damaged);
    salvage_free(salvage);
}

/* A block of known size is gone, and nothing else. */
static void test_payload(void **state)
{
    (void)state;
    size_t block = compressed_from(17);
    image_make(100000);
    break_payload(block);
    struct result result = salvage_image();
    assert_int_equal(missing_bytes(&result), 65536);
    assert_true(is_listed(&result, block * 65536, SALVAGE_MISSING));
    assert_true(is_listed(&result, block * 65536 + 65535, SALVAGE_MISSING));
    result_done(&result);
    /* two of them, far from each other; neither needs the disk's size */
    size_t other = compressed_from(30);
    break_payload(other);
    disk.has_size = false;
    result = salvage_image();
    assert_int_equal(missing_bytes(&result), 2 * 65536);
    assert_true(is_listed(&result, other * 65536, SALVAGE_MISSING));
    result_done(&result);
}

/* A byte that parses all the same cannot be told from others of its layer. */
static void test_literal(void **state)
{
    (void)state;
    size_t block = compressed_from(20);
    image_make(100000);
    *byte_at(starts[block + 1] - 3) ^= 0x40; /* its last literals */
    struct result result = salvage_image();
    assert_int_equal(missing_bytes(&result), 0);
    assert_true(is_listed(&result, (block + 1) * 65536 - 3, SALVAGE_UNVERIFIED));
    assert_false(is_listed(&result, 0, SALVAGE_UNVERIFIED));
    result_done(&result);
}

/* Counted from the end. */
static void test_one_gap(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < 6; kind++) {
        image_make(100000);
        size_t middle = disk.layer_count / 2;
        switch (kind) {
        case 0:
            *byte_at(starts[20]) ^= 1; /* the magic */
            break;
        case 1:
            *byte_at(starts[compressed_from(20)] + 9) ^= 0x10; /* the encoded size */
            break;
        case 2:
            cut_out(middle, 30000, 20000);
            break;
        case 3:
            lose(middle);
            break;
        case 4:
            drop(middle);
            break;
        default:
            layer_bytes(middle)->size = 40000;
            break;
        }
        struct result result = salvage_image();
        assert_true(missing_bytes(&result) > 0 && missing_bytes(&result) < 16 * 65536);
        assert_true(result.salvage->unplaced == 0);
        assert_true(memcmp(result.read.data + SIZE - 1000, data + SIZE - 1000, 1000) == 0);
        result_done(&result);
    }
}

/* Both ends have their place, what lies between does not. */
static void test_two_gaps(void **state)
{
    (void)state;
    image_make(100000);
    *byte_at(starts[10]) ^= 1;
    *byte_at(starts[30]) ^= 1;
    struct result result = salvage_image();
    assert_true(is_listed(&result, 20 * 65536, SALVAGE_MISSING));
    assert_true(memcmp(result.read.data, data, 9 * 65536) == 0);
    assert_false(is_listed(&result, 5 * 65536, SALVAGE_MISSING));
    assert_false(is_listed(&result, SIZE - 1, SALVAGE_MISSING));
    result_done(&result);
}

static void test_ends(void **state)
{
    (void)state;
    /* the last layer is short: nothing to count from */
    image_make(100000);
    layer_bytes(disk.layer_count - 1)->size = 100;
    struct result result = salvage_image();
    assert_true(is_listed(&result, SIZE - 1, SALVAGE_MISSING));
    result_done(&result);
    /* and a gap before it */
    *byte_at(starts[10]) ^= 1;
    result = salvage_image();
    assert_true(result.salvage->unplaced > 0);
    assert_true(is_listed(&result, 20 * 65536, SALVAGE_MISSING));
    result_done(&result);
    /* the first layer is absent */
    image_make(100000);
    lose(0);
    result = salvage_image();
    assert_true(is_listed(&result, 0, SALVAGE_MISSING));
    assert_false(is_listed(&result, SIZE - 1, SALVAGE_MISSING));
    result_done(&result);
}

static void assert_refused(enum error_class class, const char *text)
{
    struct error err = ERROR_INIT;
    struct salvage *salvage;
    assert_int_equal(salvage_survey(&disk, &store.blobs, NULL, &salvage, &err), -1);
    if (err.class != class || strstr(err.text, text) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
}

static void test_refused(void **state)
{
    (void)state;
    image_make(100000);
    for (size_t i = 0; i < disk.layer_count; i++)
        lose(i);
    assert_refused(ERROR_STREAM_BLOCK, "nothing is left");
    image_make(100000);
    *byte_at(starts[20]) ^= 1;
    disk.has_size = false;
    assert_refused(ERROR_DISK_SIZE, "does not say");
    image_make(100000);
    *byte_at(starts[20]) ^= 1;
    disk.size = 65536;
    assert_refused(ERROR_DISK_SIZE, "does not fit");
}

/* What a size that lies shifts is found out by the disk's size. */
static void test_lying_size(void **state)
{
    (void)state;
    size_t block = compressed_from(12);
    image_make(100000);
    /* the block becomes a stored one that ends where it does, and is shorter on the disk */
    size_t size = starts[block + 1] - starts[block];
    uint8_t header[8] = {'b', 'v', '4', '-'};
    store_le32(header + 4, (uint32_t)size - 8);
    for (size_t i = 0; i < 8; i++)
        *byte_at(starts[block] + i) = header[i];
    struct result result = salvage_image();
    assert_true(is_listed(&result, block * 65536, SALVAGE_MISSING));
    assert_false(is_listed(&result, SIZE - 1, SALVAGE_MISSING));
    result_done(&result);
}

static void test_changed_meanwhile(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct salvage *salvage;
    struct bytes read;
    image_make(100000);
    *byte_at(starts[20]) ^= 1;
    assert_good(salvage_survey(&disk, &store.blobs, NULL, &salvage, &err), &err);
    *byte_at(stream.size - 10) ^= 1;
    assert_int_equal(read_all(&disk, salvage, UINT64_MAX, &read, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    bytes_done(&read);
    salvage_free(salvage);
}

static void test_many_ranges(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct salvage_ranges ranges = {.items = NULL};
    uint64_t count = 40000;
    for (uint64_t i = 0; i < count; i++)
        assert_good(ranges_add(&ranges, i * 1000, 10,
                               i % 3 == 0 ? SALVAGE_DERIVED : SALVAGE_UNVERIFIED, &err),
                    &err);
    assert_true(ranges.count < SALVAGE_RANGES_MAX && ranges.grain > 0);
    assert_int_equal(ranges.bytes[SALVAGE_DERIVED] + ranges.bytes[SALVAGE_UNVERIFIED], count * 10);
    size_t in = 0;
    for (uint64_t i = 0; i < count; i++) {
        while (ranges.items[in].offset + ranges.items[in].length <= i * 1000)
            in++;
        const struct salvage_range *range = &ranges.items[in];
        assert_true(range->offset <= i * 1000 && range->offset + range->length >= i * 1000 + 10);
        assert_true(i % 3 != 0 || range->kind == SALVAGE_DERIVED);
    }
    free(ranges.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_payload),
        cmocka_unit_test(test_literal),
        cmocka_unit_test(test_one_gap),
        cmocka_unit_test(test_two_gaps),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lying_size),
        cmocka_unit_test(test_changed_meanwhile),
        cmocka_unit_test(test_many_ranges),
    };
    return cmocka_run_group_tests_name("salvage", tests, setup, teardown);
}
