/* test_feed.c: what a feed gives out is the blob, and its end only where size and digest match;
 * copies are committed then and only then. Each with a thread and without. */
#include "tests/unit/faulty_store.h"

#include "convert/engine/relay.h"
#include "convert/engine/run.h"
#include "tests/unit/fail_thread.h"
#include "tests/unit/make_data.h"

#define DATA_SIZE 2500000 /* more than is read ahead */

struct scene {
    struct faulty_blobs source;
    struct faulty_sink sink;
    struct feed feed;
    struct blob_id id;
};

static uint8_t *data;

static int data_make(void **state)
{
    (void)state;
    struct dice dice = {.state = 21};
    data = malloc(DATA_SIZE);
    if (data == NULL)
        return -1;
    for (size_t i = 0; i < DATA_SIZE; i++)
        data[i] = (uint8_t)dice_roll(&dice);
    return 0;
}

static int data_free(void **state)
{
    (void)state;
    free(data);
    return 0;
}

static void scene_init(struct scene *scene, size_t size, bool copies, bool threaded)
{
    faulty_blobs_init(&scene->source, data, size);
    faulty_sink_init(&scene->sink);
    feed_init(&scene->feed, &scene->source.blobs, copies ? &scene->sink.sink : NULL, threaded);
    scene->id = id_of(data, size);
}

static void scene_done(struct scene *scene)
{
    assert_int_equal(scene->source.opened, scene->source.closed);
    faulty_sink_done(&scene->sink);
}

/* Reads up to `most` bytes in steps of at most `step`, and holds them against the data: how many.
 */
static size_t read_some(struct blob *blob, size_t most, size_t step, int *ret_status,
                        struct error *err)
{
    size_t done = 0;
    *ret_status = 1;
    while (done < most) {
        const uint8_t *piece;
        size_t size;
        *ret_status = blob_peek(blob, &piece, &size, err);
        if (*ret_status != 1)
            break;
        assert_true(size > 0);
        if (size > step)
            size = step;
        assert_memory_equal(piece, data + done, size);
        blob_skip(blob, size);
        done += size;
    }
    return done;
}

/* The whole blob: how many bytes came, and how it ended. */
static size_t read_whole(struct scene *scene, int *ret_status, struct error *err)
{
    struct blob *blob = NULL;
    *ret_status = blobs_open(&scene->feed.blobs, &scene->id, &blob, err);
    if (*ret_status < 0)
        return 0;
    size_t done = read_some(blob, NEVER, 100000, ret_status, err);
    if (*ret_status == 0) {
        /* the end stays the end */
        const uint8_t *piece;
        size_t size;
        assert_int_equal(blob_peek(blob, &piece, &size, err), 0);
    }
    blob_close(blob);
    return done;
}

/* How many bytes a source lends at once; 0: it is read at places. */
static const size_t steps[] = {0, 1000, 300000, DATA_SIZE};
#define STEP_COUNT (sizeof steps / sizeof steps[0])
static const size_t sizes[] = {0, 1, 262144, 262145, 1048576, DATA_SIZE};
#define SIZE_COUNT (sizeof sizes / sizeof sizes[0])

static void test_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * STEP_COUNT * SIZE_COUNT; i++) {
        struct scene scene;
        size_t size = sizes[i / 2 / STEP_COUNT];
        scene_init(&scene, size, true, i % 2 != 0);
        scene.source.step = steps[i / 2 % STEP_COUNT];
        struct error err;
        int status;
        assert_int_equal(read_whole(&scene, &status, &err), size);
        assert_int_equal(status, 0);
        assert_int_equal(sink_has(&scene.sink.sink, &scene.id, &err), 1);
        assert_int_equal(scene.sink.aborts, 0);
        scene_done(&scene);
    }
}

static void test_other_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct scene scene;
        scene_init(&scene, DATA_SIZE, true, i % 2 != 0);
        scene.source.step = i / 2 % 2 == 0 ? 0 : 70000;
        bool shorter = i >= 4; /* than its id says; else only the digest is another */
        if (shorter)
            scene.source.size = DATA_SIZE - 1;
        else
            scene.id.digest.bytes[31] ^= 1;
        struct error err;
        int status;
        /* all of it is lent, but the end is not given */
        assert_int_equal(read_whole(&scene, &status, &err), scene.source.size);
        assert_int_equal(status, -1);
        assert_int_equal(err.class, shorter ? ERROR_BLOB_SIZE : ERROR_BLOB_DIGEST);
        assert_int_equal(scene.sink.count, 0);
        assert_int_equal(scene.sink.aborts, 1);
        scene_done(&scene);
    }
}

static void test_failures(void **state)
{
    (void)state;
    static const size_t places[] = {0, 1, 262143, 262144, 1500000, DATA_SIZE - 1};
    for (size_t i = 0; i < 4 * sizeof places / sizeof places[0]; i++) {
        struct scene scene;
        scene_init(&scene, DATA_SIZE, true, i % 2 != 0);
        size_t place = places[i / 4];
        bool reading = i % 4 < 2;
        scene.source.step = 50000;
        scene.source.fail_at = reading ? place : NEVER;
        scene.sink.fail_at = reading ? NEVER : place;
        struct error err;
        int status;
        assert_true(read_whole(&scene, &status, &err) <= place);
        assert_int_equal(status, -1);
        assert_int_equal(err.class, ERROR_IO);
        assert_int_equal(scene.sink.count, 0);
        scene_done(&scene);
    }
    for (int i = 0; i < 6; i++) {
        struct scene scene;
        scene_init(&scene, 1000, true, i % 2 != 0);
        scene.source.absent = i / 2 == 0;
        scene.sink.open_fails = i / 2 == 1;
        scene.sink.commit_fails = i / 2 == 2 ? 0 : NEVER;
        struct error err;
        int status;
        read_whole(&scene, &status, &err);
        assert_int_equal(status, -1);
        assert_int_equal(err.class, i / 2 == 0 ? ERROR_BLOB_MISSING : ERROR_IO);
        scene_done(&scene);
    }
    struct scene scene;
    scene_init(&scene, 1000, true, true);
    struct error err;
    int status;
    threads_are_few = true;
    threads_left = 0;
    read_whole(&scene, &status, &err);
    threads_are_few = false;
    assert_int_equal(status, -1);
    assert_int_equal(err.class, ERROR_MEMORY);
    scene_done(&scene);
}

/* Closed before the end: the copy is committed only where the thread, which reads ahead, has seen
 * the end match; it is ended in any case. */
static void test_closing_early(void **state)
{
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        struct scene scene;
        scene_init(&scene, DATA_SIZE, true, i % 2 != 0);
        scene.source.step = i % 4 < 2 ? 0 : 9000;
        scene.source.nap = i % 8 == 1 ? 200 : 0;
        struct blob *blob = NULL;
        struct error err;
        int status;
        assert_int_equal(blobs_open(&scene.feed.blobs, &scene.id, &blob, &err), 0);
        size_t wanted = i * 60000;
        assert_true(read_some(blob, wanted, 8192, &status, &err) >= wanted);
        if (i % 5 == 0)
            nap(500);
        blob_close(blob);
        assert_int_equal(scene.sink.count + scene.sink.aborts, 1);
        if (wanted + FEED_MEMORY + 8192 < DATA_SIZE)
            assert_int_equal(scene.sink.count, 0);
        scene_done(&scene);
    }
}

static void test_slow_sides(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct scene scene;
        scene_init(&scene, DATA_SIZE, false, true);
        scene.source.step = 200000;
        scene.source.nap = i == 0 ? 300 : 0;
        struct blob *blob = NULL;
        struct error err;
        int status;
        assert_int_equal(blobs_open(&scene.feed.blobs, &scene.id, &blob, &err), 0);
        for (size_t done = 0; i == 1 && done < 5; done++)
            nap(300);
        const uint8_t *piece;
        size_t size, again;
        assert_int_equal(blob_peek(blob, &piece, &size, &err), 1);
        nap(1000);
        /* what was lent stays while the thread reads ahead */
        assert_memory_equal(piece, data, size);
        assert_int_equal(blob_peek(blob, &piece, &again, &err), 1);
        assert_int_equal(again, size);
        assert_int_equal(read_some(blob, NEVER, 70000, &status, &err), DATA_SIZE);
        assert_int_equal(status, 0);
        blob_close(blob);
        scene_done(&scene);
    }
}

static bool wants_large(void *context, const struct blob_id *id)
{
    (void)context;
    return id->size > 1000;
}

static void test_copies(void **state)
{
    (void)state;
    volatile sig_atomic_t stop = 0;
    struct run run;
    struct error err;
    assert_int_equal(run_init(&run, 2, &stop, NULL, &err), 0);
    for (int threaded = 0; threaded < 2; threaded++) {
        struct scene scene;
        scene_init(&scene, DATA_SIZE, true, threaded != 0);
        assert_int_equal(relay_blob(&scene.feed, &scene.id, &run, &err), 0);
        assert_int_equal(scene.sink.count, 1);
        /* it is there: not even read again by feed_copy, and not written again by feed_drain */
        assert_int_equal(relay_blob(&scene.feed, &scene.id, &run, &err), 0);
        assert_int_equal(scene.source.opened, 1);
        assert_int_equal(feed_drain(&scene.feed, &scene.id, &run, &err), 0);
        assert_int_equal(scene.source.opened, 2);
        assert_int_equal(scene.sink.opened, 1);
        /* what is not wanted is only read */
        scene.feed.wants_copy = wants_large;
        scene.source.size = 1000;
        struct blob_id small = id_of(data, 1000);
        assert_int_equal(feed_drain(&scene.feed, &small, &run, &err), 0);
        assert_int_equal(scene.sink.opened, 1);
        /* a signal */
        stop = 1;
        scene.source.size = DATA_SIZE - 1;
        struct blob_id other = id_of(data, DATA_SIZE - 1);
        assert_int_equal(relay_blob(&scene.feed, &other, &run, &err), -1);
        assert_int_equal(err.class, ERROR_INTERRUPTED);
        stop = 0;
        assert_int_equal(scene.sink.count, 1);
        scene_done(&scene);
    }
    run_done(&run);
}

static void test_no_digest(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1000, true, true);
    scene.id.has_digest = false;
    struct error err;
    int status;
    assert_int_equal(read_whole(&scene, &status, &err), 1000);
    assert_int_equal(status, 0);
    assert_int_equal(scene.sink.opened, 0);
    struct blob *blob = NULL;
    assert_int_equal(blobs_open(&scene.feed.blobs, &scene.id, &blob, &err), 0);
    assert_true(blob_can_seek(blob)); /* the source's own */
    blob_close(blob);
    scene_done(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),      cmocka_unit_test(test_other_bytes),
        cmocka_unit_test(test_failures),   cmocka_unit_test(test_closing_early),
        cmocka_unit_test(test_slow_sides), cmocka_unit_test(test_copies),
        cmocka_unit_test(test_no_digest),
    };
    return cmocka_run_group_tests(tests, data_make, data_free);
}
