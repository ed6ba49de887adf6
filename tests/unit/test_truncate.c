/* test_truncate.c: streams that are cut off at every byte, in layers whose digests are right, so
 * that only the framing can tell. */
#include "tests/unit/convert_disk.h"
#include "tests/unit/make_data.h"

#define DISK_SIZE (2 * BLOCK_SIZE + 500u)
#define V1_CUT    300u

/* A block that is compressed, one of zeros, and one that is stored: a few KiB of stream. */
static const uint8_t *disk_data(void)
{
    static uint8_t data[DISK_SIZE];
    struct dice dice = {7};
    make_words(&dice, data, 3000);
    for (size_t at = 3000; at < BLOCK_SIZE; at++)
        data[at] = data[at - 3000];
    for (size_t at = 2 * BLOCK_SIZE; at < DISK_SIZE; at++)
        data[at] = (uint8_t)(dice_roll(&dice) >> 56);
    return data;
}

/* Shortens a layer and its blob alike. */
static void layer_cut(struct disk_layer *layer, uint64_t size)
{
    struct stored_blob *row = store_find(&store, &layer->blob);
    assert_non_null(row);
    row->bytes.size = (size_t)size;
    row->id.size = layer->blob.size = size;
}

static struct error error_of(const struct disk *disk)
{
    struct error err = ERROR_INIT;
    struct reader *reader;
    struct bytes read;
    assert_good(reader_open(disk, &store.blobs, &reader, &err), &err);
    assert_int_equal(disk_read_from(reader, 0, UINT64_MAX, &read, &err), -1);
    assert_true(read.size <= DISK_SIZE);
    bytes_done(&read);
    reader_close(reader);
    assert_int_equal(error_class_status(err.class), 2);
    return err;
}

static void assert_truncated(const struct disk *disk, int64_t layer)
{
    struct error err = error_of(disk);
    if (err.class != ERROR_STREAM_TRUNCATED || err.where.layer != layer)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
}

static struct disk disk_as(enum disk_format format, uint64_t cut)
{
    const struct wish wish = {.format = format, .cut = cut};
    return disk_make_as(disk_data(), DISK_SIZE, &wish);
}

/* Every end of a V1 stream: the layers behind it are lost, with the disk's size known or not. */
static void test_v1_ends_anywhere(void **state)
{
    (void)state;
    struct disk disk = disk_as(DISK_V1, V1_CUT);
    assert_true(disk.layer_count > 5);
    while (disk.layer_count > 0) {
        struct disk_layer *last = &disk.layers[disk.layer_count - 1];
        while (last->blob.size > 0) {
            layer_cut(last, last->blob.size - 1);
            for (int known = 0; known < 2; known++) {
                disk.has_size = known;
                assert_truncated(&disk, (int64_t)last->index);
            }
        }
        disk.layer_count--;
    }
    disk_done(&disk);
}

/* Every hole in a V1 stream: a layer's end is lost, the next one follows. */
static void test_v1_has_holes(void **state)
{
    (void)state;
    struct disk disk = disk_as(DISK_V1, V1_CUT);
    for (size_t i = 0; i + 1 < disk.layer_count; i++) {
        uint64_t whole = disk.layers[i].blob.size;
        for (uint64_t size = 0; size < whole; size++) {
            layer_cut(&disk.layers[i], size);
            error_of(&disk);
        }
        layer_cut(&disk.layers[i], whole);
    }
    assert_disk_is(&disk, disk_data(), DISK_SIZE, UINT64_MAX);
    disk_done(&disk);
}

/* The same from the other side: a layer's first bytes are lost. */
static void test_v1_begins_late(void **state)
{
    (void)state;
    struct disk disk = disk_as(DISK_V1, V1_CUT);
    for (size_t i = 0; i < disk.layer_count; i++) {
        struct stored_blob *row = store_find(&store, &disk.layers[i].blob);
        uint8_t *data = row->bytes.data;
        uint64_t whole = row->id.size;
        for (uint64_t lost = 1; lost <= whole; lost++) {
            row->bytes.data = data + lost;
            layer_cut(&disk.layers[i], whole - lost);
            error_of(&disk);
        }
        row->bytes.data = data;
        layer_cut(&disk.layers[i], whole);
    }
    disk_done(&disk);
}

static void test_v2_ends_anywhere(void **state)
{
    (void)state;
    struct disk disk = disk_as(DISK_V2, BLOCK_SIZE + 1000);
    assert_int_equal(disk.layer_count, 2);
    for (size_t i = 0; i < disk.layer_count; i++) {
        uint64_t whole = disk.layers[i].blob.size;
        for (uint64_t size = 0; size < whole; size++) {
            layer_cut(&disk.layers[i], size);
            assert_truncated(&disk, (int64_t)disk.layers[i].index);
        }
        layer_cut(&disk.layers[i], whole);
    }
    assert_disk_is(&disk, disk_data(), DISK_SIZE, UINT64_MAX);
    disk_done(&disk);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_v1_ends_anywhere),
        TEST(test_v1_has_holes),
        TEST(test_v1_begins_late),
        TEST(test_v2_ends_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
