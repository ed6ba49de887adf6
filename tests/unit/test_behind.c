/* test_behind.c: what is written behind arrives, and what fails there is told before anything could
 * be published. */
#include "tests/unit/faulty_store.h"

#include "convert/engine/behind.h"
#include "tests/unit/fail_thread.h"
#include "tests/unit/make_data.h"

#define DATA_SIZE (2u << 20) /* more than an output's pieces hold */
#define LANES     4
#define OUTPUTS   40

static uint8_t data[DATA_SIZE];

static int data_make(void **state)
{
    (void)state;
    struct dice dice = {.state = 33};
    for (size_t i = 0; i < DATA_SIZE; i++)
        data[i] = (uint8_t)dice_roll(&dice);
    return 0;
}

/* Writes data[from, from + size) in steps, and commits: 0, -1 at the first failure. */
static int put(struct sink *sink, size_t from, size_t size, size_t step, const struct blob_id *id,
               struct error *err)
{
    struct output *output;
    if (sink_open(sink, &output, err) < 0)
        return -1;
    for (size_t done = 0; done < size;) {
        size_t now = size - done < step ? size - done : step;
        if (output_write(output, data + from + done, now, err) < 0) {
            output_abort(&output);
            return -1;
        }
        done += now;
    }
    return output_commit(&output, id, err);
}

struct lane {
    struct behind *behind;
    size_t index;
    pthread_t thread;
    int status;
    struct blob_id ids[OUTPUTS / LANES];
};

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    struct dice dice = {.state = lane->index + 1};
    struct error err;
    for (size_t i = 0; i < OUTPUTS / LANES && lane->status == 0; i++) {
        size_t from = lane->index * 1000 + i, size = dice_size(&dice, DATA_SIZE - 4000);
        lane->ids[i] = (struct blob_id){.has_digest = true, .size = size};
        lane->status = digest_of(data + from, size, &lane->ids[i].digest, &err);
        if (lane->status == 0)
            lane->status = put(&lane->behind->sink, from, size, dice_size(&dice, 500000) + 1000,
                               &lane->ids[i], &err);
    }
    return NULL;
}

static void test_many(void **state)
{
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        struct faulty_sink target;
        struct behind behind;
        struct error err;
        faulty_sink_init(&target);
        behind_init(&behind, &target.sink, LANES, 0, threaded != 0);
        struct lane lanes[LANES];
        for (size_t i = 0; i < LANES; i++) {
            lanes[i] = (struct lane){.behind = &behind, .index = i};
            assert_int_equal(pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]), 0);
        }
        for (size_t i = 0; i < LANES; i++)
            pthread_join(lanes[i].thread, NULL);
        assert_int_equal(behind_wait(&behind, &err), 0);
        assert_int_equal(target.count, OUTPUTS);
        assert_true(target.most <= 2 * LANES);
        for (size_t i = 0; i < LANES; i++) {
            assert_int_equal(lanes[i].status, 0);
            for (size_t j = 0; j < OUTPUTS / LANES; j++)
                assert_int_equal(sink_has(&behind.sink, &lanes[i].ids[j], &err), 1);
        }
        behind_done(&behind);
        faulty_sink_done(&target);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,       1,       262143,  262144,   262145,
                                   1572863, 1572864, 1572865, DATA_SIZE};
    struct faulty_sink target;
    struct behind behind;
    struct error err;
    faulty_sink_init(&target);
    target.nap = 50;
    behind_init(&behind, &target.sink, 1, 0, true);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct blob_id id = id_of(data, sizes[i]);
        assert_int_equal(put(&behind.sink, 0, sizes[i], 100000, &id, &err), 0);
    }
    assert_int_equal(behind_wait(&behind, &err), 0);
    assert_int_equal(target.count, sizeof sizes / sizeof sizes[0]);
    behind_done(&behind);
    faulty_sink_done(&target);
}

static void test_commit_fails(void **state)
{
    (void)state;
    for (size_t failing = 0; failing < 6; failing++) {
        struct faulty_sink target;
        struct behind behind;
        struct error err = ERROR_INIT;
        faulty_sink_init(&target);
        target.commit_fails = failing;
        behind_init(&behind, &target.sink, 2, 0, true);
        for (size_t i = 0; i < 6; i++) {
            struct blob_id id = id_of(data + i, 1000);
            put(&behind.sink, i, 1000, 1000, &id, &err);
        }
        assert_int_equal(behind_wait(&behind, &err), -1);
        assert_int_equal(err.class, ERROR_IO);
        /* nothing more is taken */
        struct output *output;
        assert_int_equal(sink_open(&behind.sink, &output, &err), -1);
        assert_int_equal(err.class, ERROR_IO);
        /* and it is told again */
        assert_int_equal(behind_wait(&behind, &err), -1);
        behind_done(&behind);
        faulty_sink_done(&target);
    }
}

static void test_write_fails(void **state)
{
    (void)state;
    static const size_t places[] = {0, 262144, 1000000, DATA_SIZE - 1};
    struct blob_id id = id_of(data, DATA_SIZE);
    for (size_t i = 0; i < 2 * sizeof places / sizeof places[0]; i++) {
        struct faulty_sink target;
        struct behind behind;
        struct error err = ERROR_INIT;
        faulty_sink_init(&target);
        target.fail_at = places[i / 2];
        target.nap = i % 2 == 0 ? 0 : 300;
        behind_init(&behind, &target.sink, 1, 0, true);
        int status = put(&behind.sink, 0, DATA_SIZE, 65536, &id, &err);
        if (status == 0)
            status = behind_wait(&behind, &err);
        assert_int_equal(status, -1);
        assert_int_equal(err.class, ERROR_IO);
        behind_done(&behind);
        assert_int_equal(target.count, 0);
        assert_int_equal(target.aborts, 1);
        faulty_sink_done(&target);
    }
}

static void test_other_bytes(void **state)
{
    (void)state;
    struct faulty_sink target;
    struct behind behind;
    struct error err;
    faulty_sink_init(&target);
    behind_init(&behind, &target.sink, 1, 0, true);
    struct blob_id id = id_of(data, 999);
    put(&behind.sink, 0, 1000, 100, &id, &err);
    assert_int_equal(behind_wait(&behind, &err), -1);
    behind_done(&behind);
    faulty_sink_done(&target);
}

static void test_abort(void **state)
{
    (void)state;
    struct faulty_sink target;
    struct behind behind;
    struct error err;
    faulty_sink_init(&target);
    target.nap = 100;
    behind_init(&behind, &target.sink, 3, 0, true);
    for (size_t i = 0; i < 12; i++) {
        struct output *output;
        assert_int_equal(sink_open(&behind.sink, &output, &err), 0);
        assert_int_equal(output_write(output, data, i * 150000, &err), 0);
        output_abort(&output);
        assert_null(output);
    }
    assert_int_equal(behind_wait(&behind, &err), 0); /* no failure: it was asked for */
    assert_int_equal(target.count, 0);
    assert_int_equal(target.aborts, 12);
    behind_done(&behind);
    faulty_sink_done(&target);

    /* done waits for what is under way, asked or not */
    faulty_sink_init(&target);
    target.nap = 1000;
    behind_init(&behind, &target.sink, 1, 0, true);
    struct blob_id id = id_of(data, 5000);
    assert_int_equal(put(&behind.sink, 0, 5000, 1000, &id, &err), 0);
    behind_done(&behind);
    assert_int_equal(target.count, 1);
    faulty_sink_done(&target);
}

static void test_opening_fails(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct faulty_sink target;
        struct behind behind;
        struct error err;
        struct output *output;
        faulty_sink_init(&target);
        behind_init(&behind, &target.sink, 1, 0, true);
        target.open_fails = i == 0;
        threads_are_few = i == 1;
        threads_left = 0;
        /* more often than outputs may be under way: none is counted */
        for (int j = 0; j < 5; j++) {
            assert_int_equal(sink_open(&behind.sink, &output, &err), -1);
            assert_int_equal(err.class, i == 0 ? ERROR_IO : ERROR_MEMORY);
        }
        threads_are_few = false;
        behind_done(&behind);
        faulty_sink_done(&target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),          cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_commit_fails),  cmocka_unit_test(test_write_fails),
        cmocka_unit_test(test_other_bytes),   cmocka_unit_test(test_abort),
        cmocka_unit_test(test_opening_fails),
    };
    return cmocka_run_group_tests(tests, data_make, NULL);
}
