/* test_meter.c: bytes are counted once a blob on their way out, as often as they are read on their
 * way in, and nothing of them is changed. */
#include "tests/unit/tempdir.h"

#include "convert/engine/meter.h"
#include "tests/unit/memory_store.h"

static struct error err = ERROR_INIT;

static void assert_counts(struct meter *meter, uint64_t read, uint64_t written, uint64_t reused)
{
    uint64_t found[3];
    meter_read(meter, &found[0], &found[1], &found[2]);
    assert_int_equal(found[0], read);
    assert_int_equal(found[1], written);
    assert_int_equal(found[2], reused);
}

static void test_source(void **state)
{
    (void)state;
    struct memory_store store;
    struct meter meter;
    store_init(&store);
    store.slice = 3;
    meter_init(&meter);
    struct blob_id id = store_put(&store, "content", 7);
    struct blobs *blobs = meter_source(&meter, &store.blobs);
    for (int round = 1; round <= 2; round++) {
        struct bytes text;
        bytes_init(&text, 100);
        assert_int_equal(blobs_read_all(blobs, &id, &text, &err), 0);
        assert_string_equal(bytes_text(&text, &err), "content");
        bytes_done(&text);
        assert_counts(&meter, 7u * (unsigned)round, 0, 0);
    }
    struct blob *blob;
    uint8_t two[2];
    assert_int_equal(blobs_open_parts(blobs, &id, &blob, &err), 0);
    assert_true(blob_can_seek(blob));
    assert_int_equal(blob_read_at(blob, 5, two, 2, &err), 0);
    assert_memory_equal(two, "nt", 2);
    blob_close(blob);
    assert_counts(&meter, 16, 0, 0);
    assert_int_equal(blobs_open(blobs, &(struct blob_id){.has_digest = true}, &blob, &err), -1);
    meter_done(&meter);
    assert_true(store_done(&store));
}

static int memory_has(struct sink *sink, const struct blob_id *id, struct error *ignored)
{
    (void)ignored;
    struct memory_store *store =
        (struct memory_store *)((char *)sink - offsetof(struct memory_store, sink));
    return store_find(store, id) != NULL;
}

/* A blob counts once, by what was found first. */
static void test_sink(void **state)
{
    (void)state;
    struct memory_store store;
    struct meter meter;
    struct blob_id id;
    static const struct sink_ops ops = {.open = store_sink_open, .has = memory_has};
    store_init(&store);
    store.sink.ops = &ops;
    meter_init(&meter);
    struct blob_id there = store_put(&store, "there before", 12);
    struct sink *sink = meter_sink(&meter, &store.sink);
    assert_int_equal(sink_put(sink, "new", 3, &id, &err), 0);
    assert_counts(&meter, 0, 3, 0);
    assert_int_equal(sink_put(sink, "new", 3, &id, &err), 0);
    assert_int_equal(sink_has(sink, &id, &err), 1);
    assert_counts(&meter, 0, 3, 0);
    assert_int_equal(sink_has(sink, &there, &err), 1);
    assert_int_equal(sink_put(sink, "there before", 12, &id, &err), 0);
    assert_counts(&meter, 0, 3, 12);
    struct output *output;
    assert_int_equal(sink_open(sink, &output, &err), 0);
    assert_int_equal(output_write(output, "given up", 8, &err), 0);
    output_abort(&output);
    assert_counts(&meter, 0, 3, 12);
    meter_done(&meter);
    assert_true(store_done(&store));
}

static void test_none(void **state)
{
    (void)state;
    struct meter meter;
    meter_init(&meter);
    assert_null(meter_source(&meter, NULL));
    assert_null(meter_sink(&meter, NULL));
    assert_null(meter_file(&meter, NULL));
    meter_done(&meter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_source), cmocka_unit_test(test_sink),
                                       cmocka_unit_test(test_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
