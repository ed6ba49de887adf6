/* test_lanes.c: whatever the number of lanes, the same pieces are done and the same failure is
 * told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "convert/engine/lanes.h"
#include "tests/unit/fail_thread.h"
#include "tests/unit/make_data.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define PIECES_MAX 200

struct scene {
    uint64_t results[PIECES_MAX]; /* by one lane each */
    atomic_int begun[PIECES_MAX];
    bool fails[PIECES_MAX];
    atomic_int busy[LANES_MAX];
    atomic_bool overlapped;
    uint64_t jitter;
};

static int work(void *context, size_t lane, size_t piece, struct error *err)
{
    struct scene *scene = context;
    if (atomic_fetch_add(&scene->busy[lane], 1) != 0)
        atomic_store(&scene->overlapped, true);
    atomic_fetch_add(&scene->begun[piece], 1);
    for (uint64_t i = scene->jitter >> piece % 60 & 3; i > 0; i--)
        sched_yield();
    scene->results[piece] = piece * piece + 1;
    atomic_fetch_sub(&scene->busy[lane], 1);
    if (scene->fails[piece])
        return error_set(err, ERROR_IO, "piece %zu", piece);
    return 0;
}

static void check_done(const struct scene *scene, size_t piece)
{
    assert_int_equal(scene->begun[piece], 1);
    assert_int_equal(scene->results[piece], piece * piece + 1);
}

static void run_and_check(struct scene *scene, size_t lanes, size_t pieces)
{
    struct error err = ERROR_INIT;
    int status = lanes_run(lanes, pieces, work, scene, &err);
    size_t first = 0;
    while (first < pieces && !scene->fails[first])
        first++;
    for (size_t i = 0; i < first; i++)
        check_done(scene, i);
    assert_false(atomic_load(&scene->overlapped));
    if (first == pieces) {
        assert_int_equal(status, 0);
        return;
    }
    char text[32];
    snprintf(text, sizeof text, "piece %zu", first);
    assert_int_equal(status, -1);
    assert_string_equal(err.text, text);
    for (size_t i = first + 1; lanes == 1 && i < pieces; i++)
        assert_int_equal(scene->begun[i], 0);
}

static void test_any_number(void **state)
{
    (void)state;
    struct dice dice = {.state = 3};
    static const size_t lanes[] = {1, 2, 3, 7, LANES_MAX};
    for (size_t i = 0; i < sizeof lanes / sizeof lanes[0]; i++)
        for (size_t pieces = 0; pieces <= PIECES_MAX; pieces += 1 + pieces * 2) {
            struct scene scene = {.jitter = dice_roll(&dice)};
            run_and_check(&scene, lanes[i], pieces);
        }
}

static void test_lowest_failure(void **state)
{
    (void)state;
    struct dice dice = {.state = 9};
    for (int round = 0; round < 300; round++) {
        struct scene scene = {.jitter = dice_roll(&dice)};
        size_t pieces = dice_roll(&dice) % PIECES_MAX + 1, failures = dice_roll(&dice) % 4;
        for (size_t i = 0; i < failures; i++)
            scene.fails[dice_roll(&dice) % pieces] = true;
        run_and_check(&scene, dice_roll(&dice) % 6 + 1, pieces);
    }
}

static void test_fewer_threads(void **state)
{
    (void)state;
    for (unsigned started = 0; started < 3; started++) {
        struct scene scene = {.jitter = 0};
        scene.fails[90] = scene.fails[150] = started == 2;
        threads_are_few = true;
        threads_left = started;
        run_and_check(&scene, 8, PIECES_MAX);
        threads_are_few = false;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_number),
        cmocka_unit_test(test_lowest_failure),
        cmocka_unit_test(test_fewer_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
