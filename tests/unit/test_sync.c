/* test_sync.c: what a sync does with images of which nobody needs to be asked: what failed before,
 * what was rolled back, what is another shard's, and what a signal leaves. What it does with
 * registries: tests/cli/sync.t. */
#include "convert/fleet/sync.h"

#include "tests/unit/tempdir.h"

static struct error err = ERROR_INIT;
static volatile sig_atomic_t stop;

#define COUNT 12

static struct batch_entry entry = {.type = BATCH_IMAGE};
static struct task items[COUNT];
static const struct tasks tasks = {.items = items, .count = COUNT};
static struct run run;
static struct event_log *event_log;

/* Tasks the sources of which could not be listed; each at a registry of its own. */
static int set_up(void **state)
{
    stop = 0;
    if (tempdir_make(state) < 0)
        return -1;
    for (size_t i = 0; i < COUNT; i++) {
        char text[64];
        snprintf(text, sizeof text, "h%02zu.example/vm:1", i);
        items[i] = (struct task){.entry = &entry, .failed = true, .error = ERROR_INIT};
        error_set(&items[i].error, ERROR_UNREACHABLE, "nobody is there");
        if (reference_parse(text, &items[i].source, &err) < 0 ||
            reference_parse(text, &items[i].target, &err) < 0)
            return -1;
    }
    if (event_log_open(in_tempdir("log"), &event_log, &err) < 0)
        return -1;
    return run_init(&run, 2, &stop, NULL, &err);
}

static int tear_down(void **state)
{
    run_done(&run);
    event_log = event_log_close(event_log);
    for (size_t i = 0; i < COUNT; i++) {
        reference_done(&items[i].source);
        reference_done(&items[i].target);
    }
    return tempdir_remove(state);
}

static size_t count_of(const char *part)
{
    char *text = get_file(in_tempdir("log"), NULL);
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    free(text);
    return count;
}

static struct sync_result once(struct sync_options options)
{
    struct sync_result result;
    options.jobs = options.jobs > 0 ? options.jobs : 2;
    options.log = event_log;
    options.state = in_tempdir("%s", "");
    if (sync_once(&run, &tasks, &options, &result, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(count_of("\"event\":\"run-begin\""), 1);
    assert_int_equal(count_of("\"event\":\"run-end\""), 1);
    assert_int_equal(count_of("\"event\":\"image-end\""), result.count);
    return result;
}

static void test_failed(void **state)
{
    (void)state;
    struct sync_result result = once((struct sync_options){.shard_count = 0});
    assert_int_equal(result.count, COUNT);
    assert_int_equal(result.statuses[IMAGE_FAILED], COUNT);
    assert_int_equal(result.worst.class, ERROR_UNREACHABLE);
    assert_int_equal(count_of("\"event\":\"finding\""), 0);
    assert_int_equal(count_of("\"class\":\"unreachable\""), COUNT);
    assert_int_equal(count_names(tempdir), 1); /* the log */
}

static void test_worst(void **state)
{
    (void)state;
    error_set(&items[3].error, ERROR_CREDENTIALS, "h03.example: refused");
    error_set(&items[5].error, ERROR_BLOB_DIGEST, "layer 4: another digest");
    items[5].error.where.layer = 4;
    struct sync_result result = once((struct sync_options){.jobs = 5});
    assert_int_equal(result.worst.class, ERROR_CREDENTIALS);
    assert_int_equal(count_of("\"event\":\"finding\""), 1);
    assert_int_equal(count_of("\"id\":\"blob-digest\",\"severity\":\"damage\",\"layer\":4"), 1);
}

static void test_stopped(void **state)
{
    (void)state;
    stop = SIGTERM;
    struct sync_result result = once((struct sync_options){.shard_count = 0});
    assert_int_equal(result.statuses[IMAGE_NOT_BEGUN], COUNT);
    assert_int_equal(result.worst.class, ERROR_NONE);
    assert_int_equal(count_of("\"why\":\"the run was stopped\""), COUNT);
}

static void test_rolled_back(void **state)
{
    (void)state;
    static const char event[] =
        "{\"kind\":\"event\",\"version\":1,\"time\":\"2026-01-01T00:00:00.000Z\",\"run\":"
        "\"00000000\",\"event\":\"rolled-back\",\"name\":\"h07.example/vm:1\"}\n";
    int file = open(in_tempdir("before"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(file, event, sizeof event - 1), sizeof event - 1);
    close(file);
    const char *path = in_tempdir("before");
    struct history history;
    assert_int_equal(history_read(&path, 1, &history, &err), 0);
    items[7].failed = false;
    struct sync_result result = once((struct sync_options){.history = &history});
    assert_int_equal(result.statuses[IMAGE_LEFT], 1);
    assert_int_equal(result.statuses[IMAGE_FAILED], COUNT - 1);
    history_done(&history);
}

/* Each image is one shard's; shards of a plan are the plan's images alone. */
static void test_shards(void **state)
{
    (void)state;
    size_t sum = 0;
    for (unsigned shard = 1; shard <= 3; shard++) {
        struct sync_options options = {.jobs = 1, .shard = shard, .shard_count = 3};
        struct sync_result result;
        options.log = event_log;
        assert_int_equal(sync_once(&run, &tasks, &options, &result, &err), 0);
        sum += result.count;
    }
    assert_int_equal(sum, COUNT);
    assert_int_equal(count_of("\"event\":\"image-end\""), COUNT);
}

static void test_plan(void **state)
{
    (void)state;
    struct pinned pinned[] = {{.name = (char *)"h09.example/vm:1", .group = 0, .weight = 5},
                              {.name = (char *)"h02.example/vm:1", .group = 1, .weight = 4},
                              {.name = (char *)"gone.example/vm:1", .group = 2, .weight = 3},
                              {.name = (char *)"h04.example/vm:1", .group = 2, .weight = 3}};
    const struct pins pins = {.items = pinned, .count = 4};
    struct sync_result result = once((struct sync_options){.pins = &pins});
    assert_int_equal(result.count, 3);
    assert_int_equal(count_of("example/vm:1\",\"h"), 2); /* of the names in run-begin */
}

static void test_plan_shard(void **state)
{
    (void)state;
    struct pinned pinned[] = {{.name = (char *)"h09.example/vm:1", .group = 0, .weight = 5},
                              {.name = (char *)"h02.example/vm:1", .group = 1, .weight = 4}};
    const struct pins pins = {.items = pinned, .count = 2};
    struct sync_result result =
        once((struct sync_options){.pins = &pins, .shard = 2, .shard_count = 2});
    assert_int_equal(result.count, 1);
    assert_int_equal(count_of("\"source\":\"h02.example/vm:1\""), 1);
}

/* Nothing begins where it could not be told. */
static void test_metrics_lost(void **state)
{
    (void)state;
    struct sync_options options = {.jobs = 2};
    struct sync_result result;
    options.log = event_log;
    options.metrics = in_tempdir("none/metrics");
    assert_int_equal(sync_once(&run, &tasks, &options, &result, &err), -1);
    assert_int_equal(err.class, ERROR_DESTINATION);
    assert_int_equal(count_of("run-begin"), 0);
}

static void test_lanes(void **state)
{
    (void)state;
    static const struct {
        unsigned threads, jobs, lanes;
    } cases[] = {{1, 1, 1}, {2, 2, 2}, {8, 2, 8}, {2, 8, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run other = {.threads = cases[i].threads};
        assert_int_equal(sync_lanes(&other, cases[i].jobs), cases[i].lanes);
    }
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        test(test_failed),      test(test_worst),        test(test_stopped),
        test(test_rolled_back), test(test_shards),       test(test_plan),
        test(test_plan_shard),  test(test_metrics_lost), test(test_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
