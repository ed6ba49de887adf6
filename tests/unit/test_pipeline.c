/* test_pipeline.c: batches keep their order, the first failure in order is told, and a pipeline can
 * be stopped anywhere and started again; with threads as without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "convert/engine/pipeline.h"
#include "tests/unit/fail_thread.h"
#include "tests/unit/make_data.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define NEVER SIZE_MAX

struct scene {
    size_t batches;
    size_t fill_fails, stage_fails[PIPELINE_STAGES_MAX]; /* at that batch; NEVER: not */
    size_t filled, staged[PIPELINE_STAGES_MAX];          /* by one thread each */
    bool in_order[PIPELINE_STAGES_MAX];
    atomic_size_t under_way, most;
    uint64_t jitter; /* which steps yield */
};

static void dawdle(const struct scene *scene, size_t number, size_t where)
{
    if ((scene->jitter >> ((number * 5 + where * 7) % 64) & 1) != 0)
        sched_yield();
}

static int fill(void *context, struct batch *batch, struct error *err)
{
    struct scene *scene = context;
    size_t number = scene->filled;
    dawdle(scene, number, 9);
    if (number == scene->fill_fails)
        return error_set(err, ERROR_IO, "fill fails at %zu", number);
    if (number == scene->batches)
        return 0;
    batch_reset(batch, number, 1);
    batch->chunk = number * 3;
    scene->filled++;
    size_t under_way = atomic_fetch_add(&scene->under_way, 1) + 1;
    if (under_way > atomic_load(&scene->most))
        atomic_store(&scene->most, under_way);
    return 1;
}

static int stage(struct scene *scene, size_t stage, const struct batch *batch, struct error *err)
{
    size_t number = scene->staged[stage]++;
    dawdle(scene, number, stage);
    if (batch->offset != number || batch->chunk != number * 3)
        scene->in_order[stage] = false;
    if (number == scene->stage_fails[stage])
        return error_set(err, ERROR_IO, "stage %zu fails at %zu", stage, number);
    return 0;
}

static int stage_0(void *context, struct batch *batch, struct error *err)
{
    return stage(context, 0, batch, err);
}

static int stage_1(void *context, struct batch *batch, struct error *err)
{
    return stage(context, 1, batch, err);
}

static int stage_2(void *context, struct batch *batch, struct error *err)
{
    return stage(context, 2, batch, err);
}

static int stage_3(void *context, struct batch *batch, struct error *err)
{
    return stage(context, 3, batch, err);
}

static pipeline_stage *const stages[PIPELINE_STAGES_MAX] = {stage_0, stage_1, stage_2, stage_3};

static struct scene scene_of(size_t batches, uint64_t jitter)
{
    struct scene scene = {.batches = batches, .fill_fails = NEVER, .jitter = jitter};
    for (size_t i = 0; i < PIPELINE_STAGES_MAX; i++) {
        scene.stage_fails[i] = NEVER;
        scene.in_order[i] = true;
    }
    return scene;
}

static void start(struct pipeline *pipeline, struct scene *scene, size_t stage_count)
{
    struct error err;
    assert_int_equal(pipeline_start(pipeline, scene, fill, stages, stage_count, &err), 0);
}

/* Takes up to `most` batches, each the next one: their number; *ret_status is of the last step. */
static size_t take(struct pipeline *pipeline, struct scene *scene, size_t most, int *ret_status,
                   struct error *err)
{
    for (size_t taken = 0;; taken++) {
        *ret_status = 1;
        if (taken == most)
            return taken;
        struct batch *batch;
        *ret_status = pipeline_next(pipeline, &batch, err);
        if (*ret_status != 1)
            return taken;
        dawdle(scene, taken, 6);
        assert_int_equal(batch->offset, taken); /* still this one: it is the caller's */
        atomic_fetch_sub(&scene->under_way, 1);
    }
}

static void check_order(const struct scene *scene, size_t stage_count)
{
    for (size_t i = 0; i < stage_count; i++)
        assert_true(scene->in_order[i]);
    /* one is still the caller's while the next are under way */
    assert_true(atomic_load(&scene->most) <= PIPELINE_BATCHES);
}

/* What must be told: the failure of the earliest batch, in the earliest place. */
static size_t first_failure(const struct scene *scene, size_t stage_count, char ret_text[64])
{
    size_t first = scene->batches;
    ret_text[0] = '\0';
    for (size_t i = 0; i < stage_count; i++)
        if (scene->stage_fails[i] < first) {
            first = scene->stage_fails[i];
            snprintf(ret_text, 64, "stage %zu fails at %zu", i, first);
        }
    /* what is not filled reaches no stage */
    if (scene->fill_fails <= first) {
        first = scene->fill_fails;
        snprintf(ret_text, 64, "fill fails at %zu", first);
    }
    return first;
}

static void run_whole(struct pipeline *pipeline, struct scene *scene, size_t stage_count)
{
    char text[64];
    struct error err = ERROR_INIT;
    size_t first = first_failure(scene, stage_count, text);
    int status;
    start(pipeline, scene, stage_count);
    assert_int_equal(take(pipeline, scene, NEVER, &status, &err), first);
    assert_int_equal(status, text[0] == '\0' ? 0 : -1);
    if (status < 0)
        assert_string_equal(err.text, text);
    pipeline_stop(pipeline);
    check_order(scene, stage_count);
}

static void test_order(void **state)
{
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        struct pipeline pipeline;
        struct error err;
        assert_int_equal(pipeline_init(&pipeline, threaded != 0, &err), 0);
        struct dice dice = {.state = 11};
        for (size_t stage_count = 0; stage_count <= PIPELINE_STAGES_MAX; stage_count++)
            for (size_t batches = 0; batches < 40; batches += 1 + batches / 3) {
                struct scene scene = scene_of(batches, dice_roll(&dice));
                run_whole(&pipeline, &scene, stage_count);
                for (size_t i = 0; i < stage_count; i++)
                    assert_int_equal(scene.staged[i], batches);
            }
        pipeline_done(&pipeline);
    }
}

static void test_first_failure(void **state)
{
    (void)state;
    struct pipeline serial, threaded;
    struct error err;
    assert_int_equal(pipeline_init(&serial, false, &err), 0);
    assert_int_equal(pipeline_init(&threaded, true, &err), 0);
    struct dice dice = {.state = 5};
    for (int round = 0; round < 400; round++) {
        size_t batches = dice_roll(&dice) % 40, stage_count = dice_roll(&dice) % 5;
        struct scene scene = scene_of(batches, dice_roll(&dice));
        if (dice_roll(&dice) % 3 == 0)
            scene.fill_fails = dice_roll(&dice) % (batches + 1);
        for (size_t i = 0; i < stage_count; i++)
            if (batches > 0 && dice_roll(&dice) % 3 == 0)
                scene.stage_fails[i] = dice_roll(&dice) % batches;
        struct scene same = scene_of(batches, scene.jitter);
        same.fill_fails = scene.fill_fails;
        memcpy(same.stage_fails, scene.stage_fails, sizeof same.stage_fails);
        run_whole(&threaded, &scene, stage_count);
        run_whole(&serial, &same, stage_count);
    }
    pipeline_done(&serial);
    pipeline_done(&threaded);
}

static void test_stop(void **state)
{
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        struct pipeline pipeline;
        struct error err;
        assert_int_equal(pipeline_init(&pipeline, threaded != 0, &err), 0);
        struct dice dice = {.state = 7};
        for (size_t round = 0; round < 100; round++) {
            size_t stage_count = round % 5, taken = dice_roll(&dice) % 30;
            struct scene scene = scene_of(1000, dice_roll(&dice));
            start(&pipeline, &scene, stage_count);
            int status;
            assert_int_equal(take(&pipeline, &scene, taken, &status, &err), taken);
            pipeline_stop(&pipeline);
            pipeline_stop(&pipeline);
            check_order(&scene, stage_count);
            assert_true(scene.filled <= taken + PIPELINE_BATCHES);
        }
        struct scene scene = scene_of(25, 0);
        run_whole(&pipeline, &scene, 3);
        pipeline_done(&pipeline);
    }
}

static void test_threads_that_do_not_start(void **state)
{
    (void)state;
    struct pipeline pipeline;
    struct error err;
    assert_int_equal(pipeline_init(&pipeline, true, &err), 0);
    for (unsigned started = 0; started < 4; started++) {
        struct scene scene = scene_of(30, 0);
        threads_are_few = true;
        threads_left = started;
        assert_int_equal(pipeline_start(&pipeline, &scene, fill, stages, 3, &err), -1);
        threads_are_few = false;
        assert_int_equal(err.class, ERROR_MEMORY);
        scene = scene_of(30, 0);
        run_whole(&pipeline, &scene, 3);
    }
    pipeline_done(&pipeline);
    pipeline = (struct pipeline){.threaded = false};
    pipeline_done(&pipeline); /* takes a zeroed one too */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_first_failure),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_threads_that_do_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
