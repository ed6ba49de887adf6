/* test_carry_over.c: blocks that are carried over are the ones that encoding would give, wherever
 * chunks and layers begin; and with keep_blocks what is kept decodes. */
#include "tests/unit/convert_disk.h"

#define MIB ((size_t)1 << 20)

/* Long stretches of every kind, as disks have them. */
static uint8_t *make_disk(uint64_t seed, size_t size)
{
    uint8_t *data = make_data(seed, size);
    struct dice dice = {seed};
    memset(data + size / 3, 0, size / 7);
    make_noise(&dice, data + size / 2, size / 20);
    return data;
}

/* The same bytes with carrying and without; returns how many blocks were carried. */
static uint64_t check_same(const struct disk *source, enum disk_format format, uint64_t cut)
{
    struct wish carry = {format, cut, NULL, false, false},
                encode = {format, cut, NULL, true, false};
    struct block_counts with, without;
    struct disk carried = disk_convert(source, &carry, &with);
    struct disk encoded = disk_convert(source, &encode, &without);
    assert_same_layers(&carried, &encoded);
    assert_true(without.carried == 0);
    assert_true(with.carried + with.encoded == without.encoded);
    disk_done(&carried);
    disk_done(&encoded);
    return with.carried;
}

static void test_from_v1(void **state)
{
    (void)state;
    /* the whole disk, with a short block at its end, for which the encoder must be in step again;
     * on the grid of blocks; off it */
    static const uint64_t cuts[] = {12 * MIB, 10 * MIB, 6 * MIB + 4097};
    const size_t size = 11 * MIB + 5000;
    uint8_t *data = make_disk(1, size);
    struct wish wish = {DISK_V1, 3000001, NULL, false, false};
    struct disk source = disk_make_as(data, size, &wish);
    for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
        uint64_t carried = check_same(&source, DISK_V2, cuts[k]);
        assert_true(k == 2 || carried > 40);
    }
    assert_true(check_same(&source, DISK_V1, 5000000) > 40);
    disk_done(&source);
    free(data);
}

static void test_from_v2(void **state)
{
    (void)state;
    /* layers joined, the first of them long enough to be carried up to the joint; cut again; off
     * the grid; hardly longer than it takes to agree; to one stream, which shifts at the joint */
    static const struct {
        uint64_t from, to;
        enum disk_format format;
        bool carries;
    } rows[] = {
        {10 * MIB, 12 * MIB, DISK_V2, true},
        {10 * MIB, 9 * MIB, DISK_V2, true},
        {5 * MIB + 4096, 7 * MIB, DISK_V2, false},
        {65 * (uint64_t)BLOCK_SIZE, 130 * (uint64_t)BLOCK_SIZE, DISK_V2, false},
        {10 * MIB + 777, 4000000, DISK_V1, true},
    };
    const size_t size = 11 * MIB + 12345;
    uint8_t *data = make_disk(4, size);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wish wish = {DISK_V2, rows[i].from, NULL, false, false};
        struct disk source = disk_make_as(data, size, &wish);
        uint64_t carried = check_same(&source, rows[i].format, rows[i].to);
        assert_true(!rows[i].carries || carried > 10);
        disk_done(&source);
        store_renew();
    }
    free(data);
}

/* Zeros are the same beside the grid of blocks, but what follows them is not encoded as if nothing
 * had been before. */
static void test_zeros_off_the_grid(void **state)
{
    (void)state;
    const size_t size = 26 * MIB;
    uint8_t *data = make_disk(5, size);
    memset(data + 12 * MIB, 0, 6 * MIB);
    struct wish wish = {DISK_V2, 12 * MIB + 4096, NULL, false, false};
    struct disk source = disk_make_as(data, size, &wish);
    check_same(&source, DISK_V2, 25 * MIB);
    check_same(&source, DISK_V2, 18 * MIB); /* zeros up to the chunk's end */
    disk_done(&source);
    free(data);
}

/* liblz4's blocks are never those of Apple's encoder. */
static void test_foreign_source_is_encoded(void **state)
{
    (void)state;
    const size_t size = 9 * MIB + 7;
    uint8_t *data = make_disk(8, size);
    struct wish v1 = {DISK_V1, 1000000, "lz4", false, false};
    struct disk source = disk_make_as(data, size, &v1);
    assert_true(check_same(&source, DISK_V2, 8 * MIB) == 0);
    disk_done(&source);
    free(data);
}

/* keep_blocks: nearly all is carried, from any encoder, and every chunk decodes on its own. */
static void test_keep_blocks(void **state)
{
    (void)state;
    static const char *const encoders[] = {"apple", "lz4", "lz4hc:1"};
    static const uint64_t cuts[] = {MIB, 4 * MIB, MIB + 65536, MIB + 1000};
    const size_t size = 5 * MIB + 321;
    uint8_t *data = make_disk(15, size);
    for (size_t i = 0; i < 3; i++) {
        struct wish v1 = {DISK_V1, 1000000, encoders[i], false, false};
        struct disk source = disk_make_as(data, size, &v1);
        for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
            struct block_counts counts;
            struct wish keep = {DISK_V2, cuts[k], NULL, false, true};
            struct disk kept = disk_convert(&source, &keep, &counts);
            assert_disk_is(&kept, data, size, UINT64_MAX);
            for (size_t n = kept.layer_count; n-- > 0;) {
                struct disk alone = kept;
                alone.layers = &(struct disk_layer){.blob = kept.layers[n].blob,
                                                    .length = kept.layers[n].length};
                alone.layer_count = 1;
                alone.size = kept.layers[n].length;
                assert_disk_is(&alone, data + kept.layers[n].offset, (size_t)alone.size, 100000);
            }
            /* a chunk's first block is encoded, and zeros that it begins with */
            if (k < 3)
                assert_true(counts.encoded < 20 && counts.carried > 60);
            disk_done(&kept);
        }
        struct wish v2 = {DISK_V2, MIB + 4096, encoders[i], false, false};
        struct disk chunks = disk_make_as(data, size, &v2);
        struct wish keep = {DISK_V1, 999999, NULL, false, true};
        struct disk joined = disk_convert(&chunks, &keep, NULL);
        assert_disk_is(&joined, data, size, UINT64_MAX);
        disk_done(&joined);
        disk_done(&chunks);
        disk_done(&source);
    }
    free(data);
}

/* Foreign blocks of other sizes are taken in, encoded anew. */
static void test_keep_blocks_of_any_size(void **state)
{
    (void)state;
    const size_t size = 2 * MIB;
    uint8_t *data = make_disk(16, size);
    static const size_t steps[] = {32768, 65535, 40000};
    for (size_t i = 0; i < 3; i++) {
        struct encoder *encoder = encoder_named("lz4");
        struct bytes stream;
        bytes_init(&stream, SIZE_MAX);
        for (size_t at = 0; at < size; at += steps[i])
            put_encoded(&stream, encoder, data + at, size - at < steps[i] ? size - at : steps[i]);
        put_end(&stream);
        encoder_free(encoder);
        struct disk_layer layer = {.blob = store_put(&store, stream.data, stream.size)};
        bytes_done(&stream);
        struct disk source = {
            .format = DISK_V1, .layers = &layer, .layer_count = 1, .size = size, .has_size = true};
        struct wish keep = {DISK_V2, MIB + 65536, NULL, false, true};
        struct disk kept = disk_convert(&source, &keep, NULL);
        assert_disk_is(&kept, data, size, UINT64_MAX);
        disk_done(&kept);
    }
    free(data);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_from_v1),
        WITH_STORE(test_from_v2),
        WITH_STORE(test_zeros_off_the_grid),
        WITH_STORE(test_foreign_source_is_encoded),
        WITH_STORE(test_keep_blocks),
        WITH_STORE(test_keep_blocks_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
