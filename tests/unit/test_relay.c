/* test_relay.c: a destination that asks for a blob's bytes gets the blob, and its end only where
 * size and digest matched, however often it goes back. */
#include "tests/unit/faulty_store.h"

#include "convert/engine/relay.h"
#include "convert/engine/run.h"
#include "tests/unit/make_data.h"

#define DATA_SIZE 1000000
#define STEP      70000

static uint8_t data[DATA_SIZE];

/* A destination that asks for pieces in order and goes back once; what it got is in `got`. */
struct taker {
    struct sink sink;
    bool has;
    uint64_t back_from, back_to; /* before the piece at the first it reads on from the second */
    bool spoil_at_back;          /* the source's bytes are others from then on */
    size_t asked, taken;
    uint8_t got[DATA_SIZE];
    uint64_t reached;            /* bytes that were given out, from the start */
    volatile sig_atomic_t *stop; /* set at half the way */
};

static int taker_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    (void)id;
    (void)err;
    struct taker *taker = (struct taker *)sink;
    taker->asked++;
    return taker->has;
}

static int taker_take(struct sink *sink, struct blob *blob, const struct blob_id *id,
                      struct error *err)
{
    struct taker *taker = (struct taker *)sink;
    uint64_t back_from = taker->back_from;
    for (uint64_t at = 0; at < id->size;) {
        if (at == back_from) {
            at = taker->back_to;
            back_from = UINT64_MAX;
            if (taker->spoil_at_back)
                data[DATA_SIZE / 2] ^= 1;
        }
        size_t size = id->size - at < STEP ? (size_t)(id->size - at) : STEP;
        if (taker->stop != NULL && at > id->size / 2)
            *taker->stop = 1;
        if (blob_read_at(blob, at, taker->got + at, size, err) < 0)
            return error_wrap(err, "the destination's words");
        at += size;
        if (at > taker->reached)
            taker->reached = at;
    }
    taker->taken++;
    return 0;
}

static int no_output(struct sink *sink, struct output **ret, struct error *err)
{
    (void)sink;
    (void)ret;
    return error_set(err, ERROR_INTERNAL, "it is to be taken");
}

static const struct sink_ops taker_ops = {.open = no_output, .has = taker_has, .take = taker_take};

struct scene {
    struct faulty_blobs source;
    struct taker taker;
    struct feed feed;
    struct run run;
    volatile sig_atomic_t stop;
    struct blob_id id;
    struct error err;
};

static void scene_init(struct scene *scene, size_t step)
{
    *scene = (struct scene){.taker = {.sink = {&taker_ops}, .back_from = UINT64_MAX}};
    faulty_blobs_init(&scene->source, data, DATA_SIZE);
    scene->source.step = step;
    feed_init(&scene->feed, &scene->source.blobs, &scene->taker.sink, false);
    assert_int_equal(run_init(&scene->run, 1, &scene->stop, NULL, &scene->err), 0);
    scene->id = id_of(data, DATA_SIZE);
}

static int relay(struct scene *scene)
{
    return relay_blob(&scene->feed, &scene->id, &scene->run, &scene->err);
}

static void scene_done(struct scene *scene)
{
    assert_int_equal(scene->source.opened, scene->source.closed);
    run_done(&scene->run);
    free(scene);
}

static struct scene *scene_new(size_t step)
{
    struct scene *scene = malloc(sizeof *scene);
    assert_non_null(scene);
    scene_init(scene, step);
    return scene;
}

/* Sources: one that can be read anywhere, others that lend so many bytes at once. */
static const size_t steps[] = {0, 1, 4096, STEP, 250000};
#define STEPS (sizeof steps / sizeof steps[0])

static int make(void **state)
{
    (void)state;
    struct dice dice = {.state = 7};
    for (size_t i = 0; i < DATA_SIZE; i++)
        data[i] = (uint8_t)dice_roll(&dice);
    return 0;
}

static void test_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        struct scene *scene = scene_new(steps[i]);
        if (relay(scene) < 0)
            fail_msg("%s", scene->err.text);
        assert_int_equal(scene->taker.taken, 1);
        assert_memory_equal(scene->taker.got, data, DATA_SIZE);
        assert_int_equal(scene->source.opened, 1);
        scene_done(scene);
    }
}

static void test_goes_back(void **state)
{
    (void)state;
    static const uint64_t to[] = {0, STEP, 5 * STEP, 100001};
    for (size_t i = 0; i < STEPS; i++)
        for (size_t j = 0; j < sizeof to / sizeof to[0]; j++) {
            struct scene *scene = scene_new(steps[i]);
            scene->taker.back_from = (uint64_t)8 * STEP;
            scene->taker.back_to = to[j];
            if (relay(scene) < 0)
                fail_msg("%s", scene->err.text);
            assert_int_equal(scene->taker.taken, 1);
            assert_memory_equal(scene->taker.got, data, DATA_SIZE);
            /* only what gives one byte after another is opened anew */
            assert_int_equal(scene->source.opened, steps[i] == 0 ? 1 : 2);
            scene_done(scene);
        }
}

/* A registry without ranges shows it when it is asked for one. */
static int forward_read_at(struct blob *base, uint64_t offset, void *to, size_t size,
                           struct error *err)
{
    struct faulty_blob *blob = (struct faulty_blob *)base;
    if (offset < blob->position)
        return error_set(err, ERROR_UNSUPPORTED, "no ranges");
    blob->position = (size_t)offset + size;
    return faulty_read_at(base, offset, to, size, err);
}

static int forward_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                        struct error *err)
{
    static const struct blob_ops ops = {.peek = faulty_peek,
                                        .skip = faulty_skip,
                                        .read_at = forward_read_at,
                                        .close = faulty_close};
    if (faulty_open(blobs, id, ret, err) < 0)
        return -1;
    (*ret)->ops = &ops;
    return 0;
}

static void test_goes_back_without_ranges(void **state)
{
    (void)state;
    static const struct blobs_ops ops = {.open = forward_open};
    struct scene *scene = scene_new(0);
    scene->source.blobs.ops = &ops;
    scene->taker.back_from = (uint64_t)8 * STEP;
    scene->taker.back_to = (uint64_t)2 * STEP;
    if (relay(scene) < 0)
        fail_msg("%s", scene->err.text);
    assert_memory_equal(scene->taker.got, data, DATA_SIZE);
    assert_int_equal(scene->source.opened, 2);
    scene_done(scene);
}

/* A source that gives other bytes when it is read again is found out, and is who is told of. */
static void test_other_bytes_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        struct scene *scene = scene_new(steps[i]);
        scene->taker.back_from = (uint64_t)14 * STEP;
        scene->taker.spoil_at_back = true;
        assert_int_equal(relay(scene), -1);
        data[DATA_SIZE / 2] ^= 1;
        assert_int_equal(scene->err.class, ERROR_BLOB_DIGEST);
        assert_int_equal(scene->taker.taken, 0);
        scene_done(scene);
    }
}

static void test_is_there(void **state)
{
    (void)state;
    struct scene *scene = scene_new(0);
    scene->taker.has = true;
    assert_int_equal(relay(scene), 0);
    assert_int_equal(scene->source.opened, 0);
    assert_int_equal(scene->taker.taken, 0);
    assert_int_equal(scene->taker.asked, 1);
    scene_done(scene);
}

/* The error is the source's, in its own words, and the end is kept back. */
static void assert_source_fails(struct scene *scene, enum error_class class, const char *text)
{
    assert_int_equal(relay(scene), -1);
    assert_int_equal(scene->err.class, class);
    if (strstr(scene->err.text, text) == NULL || strstr(scene->err.text, "destination") != NULL)
        fail_msg("%s", scene->err.text);
    assert_int_equal(scene->taker.taken, 0);
    assert_true(scene->taker.reached < DATA_SIZE);
    scene_done(scene);
}

static void test_source_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        struct scene *scene = scene_new(steps[i]);
        scene->source.fail_at = 600000;
        assert_source_fails(scene, ERROR_IO, "byte 600000 cannot be read");

        scene = scene_new(steps[i]);
        scene->source.absent = true;
        assert_source_fails(scene, ERROR_BLOB_MISSING, "it is not there");

        scene = scene_new(steps[i]);
        scene->id.digest.bytes[3] ^= 1;
        assert_source_fails(scene, ERROR_BLOB_DIGEST, "its bytes have digest sha256:");
        /* gone back or not: each byte counts once */
        scene = scene_new(steps[i]);
        scene->taker.back_from = (uint64_t)3 * STEP;
        scene->id.digest.bytes[0] ^= 0x80;
        assert_source_fails(scene, ERROR_BLOB_DIGEST, "its bytes have digest sha256:");

        scene = scene_new(steps[i]);
        scene->source.size = DATA_SIZE - 1;
        assert_source_fails(scene, ERROR_BLOB_SIZE,
                            "has 999999 bytes, its descriptor says 1000000");

        scene = scene_new(steps[i]);
        scene->taker.stop = &scene->stop;
        assert_source_fails(scene, ERROR_INTERRUPTED, "");
    }
}

/* What fails at the destination is told as it said. */
static int taker_refuses(struct sink *sink, struct blob *blob, const struct blob_id *id,
                         struct error *err)
{
    (void)sink;
    (void)blob;
    (void)id;
    return error_set(err, ERROR_QUOTA, "no room");
}

static void test_destination_fails(void **state)
{
    (void)state;
    static const struct sink_ops ops = {.open = no_output, .has = taker_has, .take = taker_refuses};
    struct scene *scene = scene_new(0);
    scene->taker.sink.ops = &ops;
    assert_int_equal(relay(scene), -1);
    assert_int_equal(scene->err.class, ERROR_QUOTA);
    assert_string_equal(scene->err.text, "no room");
    scene_done(scene);
}

/* An empty blob is written, not taken: its digest must be that of nothing. */
static void test_empty(void **state)
{
    (void)state;
    static const struct sink_ops ops = {
        .open = faulty_sink_open, .has = faulty_sink_has, .take = taker_refuses};
    struct faulty_sink sink;
    struct scene *scene = scene_new(0);
    faulty_sink_init(&sink);
    sink.sink.ops = &ops;
    scene->feed.copy_to = &sink.sink;
    scene->source.size = 0;
    scene->id = id_of(data, 0);
    assert_int_equal(relay(scene), 0);
    assert_int_equal(sink.count, 1);
    scene->id = id_of(data, 1);
    scene->id.size = 0;
    assert_int_equal(relay(scene), -1);
    assert_int_equal(scene->err.class, ERROR_BLOB_DIGEST);
    assert_int_equal(sink.count, 1);
    faulty_sink_done(&sink);
    scene_done(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_goes_back),
        cmocka_unit_test(test_goes_back_without_ranges),
        cmocka_unit_test(test_other_bytes_again),
        cmocka_unit_test(test_is_there),
        cmocka_unit_test(test_source_fails),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_destination_fails),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make, NULL);
}
