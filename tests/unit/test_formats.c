/* test_formats.c: every reader with every writer gives the same disk, wherever layers are cut. */
#include "tests/unit/convert_disk.h"

static const struct wish wishes[] = {
    {DISK_RAW, 1 << 20, NULL, false, false},    {DISK_RAW, 4097, NULL, false, false},
    {DISK_V1, 500000000, NULL, false, false},   {DISK_V1, 1000, NULL, false, false},
    {DISK_V1, 70001, "lz4", false, false},      {DISK_V2, 1 << 20, NULL, false, false},
    {DISK_V2, 131072, "lz4hc:1", false, false}, {DISK_V2, 100001, NULL, true, false},
    {DISK_V2, 65536, NULL, false, true},        {DISK_V2, 7777, NULL, false, false},
};
#define WISHES (sizeof wishes / sizeof wishes[0])

/* data through all pairs of formats, and half of the pairs of wishes. */
static void check_all(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < WISHES; i++) {
        struct disk first = disk_make_as(data, size, &wishes[i]);
        assert_disk_is(&first, data, size, UINT64_MAX);
        for (size_t k = i % 2; k < WISHES; k += 2) {
            struct disk second = disk_convert(&first, &wishes[k], NULL);
            assert_int_equal(second.format, wishes[k].format);
            assert_disk_is(&second, data, size, 100000);
            disk_done(&second);
        }
        disk_done(&first);
        store_renew();
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 129, 65535, 65536, 65537, 200003};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *data = make_data(i + 3, sizes[i]);
        store.slice = i % 2 == 0 ? 0 : 1000;
        check_all(data, sizes[i]);
        free(data);
    }
}

static void test_zeros(void **state)
{
    (void)state;
    static const size_t sizes[] = {65537, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *data = calloc(1, sizes[i]);
        assert_non_null(data);
        check_all(data, sizes[i]);
        data[sizes[i] - 1] = 1;
        check_all(data, sizes[i]);
        free(data);
    }
}

static void test_zeros_and_data(void **state)
{
    (void)state;
    const size_t size = 450000;
    uint8_t *data = make_data(9, size);
    memset(data, 0, 140000);
    memset(data + 200000, 0, 200000);
    check_all(data, size);
    struct dice dice = {6};
    make_noise(&dice, data, size);
    check_all(data, size);
    free(data);
}

/* Cuts through headers, size fields and the end mark. */
static void test_v1_cut_anywhere(void **state)
{
    (void)state;
    static const uint64_t cuts[] = {1, 2, 3, 4, 5, 7, 11, 13, 100, 1000};
    const size_t size = 140000;
    uint8_t *data = calloc(1, size);
    assert_non_null(data);
    struct dice dice = {3};
    make_words(&dice, data, 900);
    make_noise(&dice, data + size - 500, 500);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct wish wish = {DISK_V1, cuts[i], NULL, false, false};
        struct disk disk = disk_make_as(data, size, &wish);
        uint64_t total = 0;
        for (size_t k = 0; k < disk.layer_count; k++) {
            total += disk.layers[k].blob.size;
            assert_int_equal(disk.layers[k].index, k + 1);
            assert_true(k + 1 == disk.layer_count || disk.layers[k].blob.size == cuts[i]);
        }
        assert_true(disk.layer_count == (total + cuts[i] - 1) / cuts[i]);
        assert_disk_is(&disk, data, size, UINT64_MAX);
        assert_disk_is(&disk, data, size, 1001);
        disk_done(&disk);
        store_renew();
    }
    free(data);
}

/* Layers of no bytes, last and in between, are possible where a cut falls on the end. */
static void test_v1_empty_layers(void **state)
{
    (void)state;
    const size_t size = 100000;
    uint8_t *data = make_data(4, size);
    struct wish wish = {DISK_V1, 30000, NULL, false, false};
    struct disk disk = disk_make_as(data, size, &wish);
    for (size_t place = 0; place <= disk.layer_count; place++) {
        struct disk more = disk;
        more.layers = calloc(disk.layer_count + 1, sizeof *more.layers);
        assert_non_null(more.layers);
        memcpy(more.layers, disk.layers, place * sizeof *more.layers);
        more.layers[place].blob = store_put(&store, NULL, 0);
        memcpy(more.layers + place + 1, disk.layers + place,
               (disk.layer_count - place) * sizeof *more.layers);
        more.layer_count++;
        assert_disk_is(&more, data, size, UINT64_MAX);
        free(more.layers);
    }
    disk_done(&disk);
    free(data);
}

/* Limits of every kind are kept (batch_take asserts it) and change nothing. */
static void test_limits(void **state)
{
    (void)state;
    static const uint64_t limits[] = {1, 4096, 65535, 65536, 65537, 3000000};
    const size_t size = 150000;
    uint8_t *data = make_data(77, size);
    for (size_t i = 0; i < WISHES; i++) {
        struct disk disk = disk_make_as(data, size, &wishes[i]);
        for (size_t k = i == 2 ? 0 : 1; k < sizeof limits / sizeof limits[0]; k++)
            assert_disk_is(&disk, data, size, limits[k]);
        disk_done(&disk);
        store_renew();
    }
    free(data);
}

static void test_seek(void **state)
{
    (void)state;
    const size_t size = 500000;
    uint8_t *data = make_data(55, size);
    for (size_t i = 0; i < WISHES; i++) {
        struct error err = ERROR_INIT;
        struct reader *reader;
        struct disk disk = disk_make_as(data, size, &wishes[i]);
        assert_good(reader_open(&disk, &store.blobs, &reader, &err), &err);
        size_t starts = 0;
        for (size_t k = 0; k < 60; k++) {
            uint64_t offset = k * 7 * 65536 % size;
            if (k % 3 == 1)
                offset = k * 100001 % size;
            if (!reader_starts_at(reader, offset))
                continue;
            starts++;
            assert_good(reader_seek(reader, offset, &err), &err);
            struct bytes read;
            assert_good(disk_read_from(reader, offset, 90000, &read, &err), &err);
            assert_int_equal(read.size, size - offset);
            assert_memory_equal(read.data, data + offset, read.size);
            bytes_done(&read);
        }
        assert_true(starts > 0);
        if (disk.format == DISK_RAW)
            assert_int_equal(starts, 60);
        if (disk.format == DISK_V1)
            assert_false(reader_starts_at(reader, 65536));
        if (disk.format == DISK_V2)
            for (size_t k = 0; k < disk.layer_count; k++) {
                assert_true(reader_starts_at(reader, disk.layers[k].offset));
                assert_false(reader_starts_at(reader, disk.layers[k].offset + 1));
            }
        reader_close(reader);
        disk_done(&disk);
        store_renew();
    }
    free(data);
}

/* V2 chunks are made one by one in any order; a chunk that is given up leaves nothing. */
static void test_v2_chunks_in_any_order(void **state)
{
    (void)state;
    const size_t size = 400000, length = 100000;
    uint8_t *data = make_data(66, size);
    memset(data + 2 * length, 0, length);
    struct wish wish = {DISK_V2, length, NULL, false, false};
    struct disk raw = raw_disk(data, size), in_order = disk_convert(&raw, &wish, NULL);
    struct error err = ERROR_INIT;
    struct memory_file none = {.size = 0};
    struct reader *reader;
    struct writer *writer = wish_open(&raw, &wish, NULL, &none);
    struct batch *batch = the_batch();
    assert_good(reader_open(&raw, &store.blobs, &reader, &err), &err);
    static const size_t order[] = {3, 0, 2, 1, 2, 3};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct written_chunk chunk;
        uint64_t offset = order[i] * length;
        assert_good(reader_seek(reader, offset, &err), &err);
        chunk_copy(reader, writer, batch, length, &chunk);
        const struct blob_id *wanted = &in_order.layers[order[i]].blob;
        assert_true(chunk.blob.size == wanted->size);
        assert_true(digest_equal(&chunk.blob.digest, &wanted->digest));
    }
    size_t blobs = store.count;
    assert_good(reader_seek(reader, 0, &err), &err);
    assert_good(writer_begin(writer, 0, size, &err), &err);
    batch_reset(batch, 0, size);
    assert_int_equal(reader_read(reader, batch, &err), 1);
    assert_good(writer_write(writer, batch, &err), &err);
    writer_close(writer);
    assert_int_equal(store.count, blobs);
    assert_int_equal(store.open_outputs, 0);
    reader_close(reader);
    disk_done(&in_order);
    disk_done(&raw);
    free(data);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_sizes),
        WITH_STORE(test_zeros),
        WITH_STORE(test_zeros_and_data),
        WITH_STORE(test_v1_cut_anywhere),
        WITH_STORE(test_v1_empty_layers),
        WITH_STORE(test_limits),
        WITH_STORE(test_seek),
        WITH_STORE(test_v2_chunks_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
