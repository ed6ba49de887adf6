/* test_plan.c: a plan's groups, its file, and who does what of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/fleet/plan_parts.h"
#include "formats/model/json.h"

/* --- groups --- */

static void fill(struct planned *planned, enum verdict verdict, const char *blobs)
{
    size_t count = strlen(blobs);
    *planned = (struct planned){.verdict = verdict, .error = ERROR_INIT};
    planned->source.blobs = calloc(count + 1, sizeof *planned->source.blobs);
    planned->source.roles = calloc(count + 1, sizeof *planned->source.roles);
    planned->source.blob_count = count;
    for (size_t i = 0; i < count; i++) {
        planned->source.blobs[i].digest.bytes[0] = (uint8_t)blobs[i];
        planned->source.roles[i] = blobs[i] == 'z'   ? ROLE_ZEROS
                                   : blobs[i] == 'c' ? ROLE_OTHER
                                                     : ROLE_DISK;
    }
}

static void test_groups(void **state)
{
    (void)state;
    static const struct {
        enum verdict verdict;
        const char *blobs;
        size_t group;
    } cases[] = {
        {VERDICT_DO, "zcAB", 0}, {VERDICT_DO, "zcC", 1},  {VERDICT_DO, "zDE", 0},
        {VERDICT_DO, "BE", 0},   {VERDICT_DONE, "CA", 2}, {VERDICT_DO, "", 3},
        {VERDICT_DO, "FC", 1},   {VERDICT_FAILED, "", 4},
    };
    enum { COUNT = sizeof cases / sizeof cases[0] };
    struct fleet_plan plan = {.items = calloc(COUNT, sizeof *plan.items), .count = COUNT};
    struct error err;
    for (size_t i = 0; i < COUNT; i++)
        fill(&plan.items[i], cases[i].verdict, cases[i].blobs);
    assert_int_equal(plan_group(&plan, &err), 0);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(plan.items[i].group, cases[i].group);
    assert_int_equal(plan.group_count, 5);
    fleet_plan_done(&plan);
}

/* --- the file --- */

static const char sha[] = "sha256:"
                          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void test_there_and_back(void **state)
{
    (void)state;
    struct batch_entry entry = {.source = NULL};
    struct task tasks_items[2] = {{.entry = &entry}, {.entry = &entry}};
    struct planned items[2] = {{.task = 0, .verdict = VERDICT_DO, .to_read = 5, .to_write = 7},
                               {.task = 1, .verdict = VERDICT_FAILED, .group = 1}};
    const struct tasks tasks = {.items = tasks_items, .count = 2};
    const struct fleet_plan plan = {.items = items, .count = 2, .group_count = 2};
    struct error err;
    struct bytes out;
    struct pins pins;
    bytes_init(&out, 1u << 20);
    for (size_t i = 0; i < 2; i++) {
        char text[40];
        snprintf(text, sizeof text, "a.example/r:%zu", i);
        assert_int_equal(reference_parse(text, &tasks_items[i].source, &err), 0);
        assert_int_equal(reference_parse(text, &tasks_items[i].target, &err), 0);
    }
    items[0].has_source = true;
    assert_true(digest_parse(sha, &items[0].source.digest));
    error_set(&items[1].error, ERROR_UNREACHABLE, "nobody is there");
    struct json *json = fleet_plan_to_json(&plan, &tasks);
    assert_non_null(json);
    assert_int_equal(json_print(json, JSON_PLAIN, &out, &err), 0);
    assert_int_equal(pins_parse("p", out.data, out.size, &pins, &err), 0);
    assert_int_equal(pins.count, 2);
    assert_string_equal(pins.items[0].name, "a.example/r:0");
    assert_true(pins.items[0].has_digest && !pins.items[1].has_digest);
    assert_true(digest_equal(&pins.items[0].digest, &items[0].source.digest));
    assert_int_equal(pins.items[0].weight, (1u << 20) + 12);
    assert_int_equal(pins.items[1].weight, 1u << 20);
    assert_int_equal(pins.items[1].group, 1);
    pins_done(&pins);
    json_free(json);
    bytes_done(&out);
    for (size_t i = 0; i < 2; i++) {
        reference_done(&tasks_items[i].source);
        reference_done(&tasks_items[i].target);
    }
}

#define START "{\"kind\":\"plan\",\"version\":1,\"images\":["
#define IMAGE(name)                                                                                \
    "{\"name\":\"" name "\",\"source_digest\":null,\"group\":0,\"read\":1,\"write\":null}"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"{", "byte"},
        {"[]", "no plan"},
        {"{\"kind\":\"proof\"}", "no plan"},
        {"{\"kind\":\"plan\",\"version\":2,\"images\":[]}", "version"},
        {"{\"kind\":\"plan\",\"version\":1}", "no list"},
        {START "{}]}", "no name"},
        {START "{\"name\":\"x\",\"group\":0,\"read\":1,\"write\":1}]}", "source_digest"},
        {START "{\"name\":\"x\",\"source_digest\":\"sha256:1\",\"group\":0}]}", "source_digest"},
        {START "{\"name\":\"x\",\"source_digest\":null,\"group\":1}]}", "group"},
        {START "{\"name\":\"x\",\"source_digest\":null,\"group\":-1}]}", "group"},
        {START "{\"name\":\"x\",\"source_digest\":null,\"group\":0,\"read\":-1,\"write\":1}]}",
         "no size"},
        {START IMAGE("x") "," IMAGE("x") "]}", "twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pins pins;
        struct error err;
        if (pins_parse("p", cases[i].text, strlen(cases[i].text), &pins, &err) == 0)
            fail_msg("taken: %s", cases[i].text);
        if (err.class != ERROR_PLAN_INVALID || strstr(err.text, cases[i].reason) == NULL)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_null(pins.items);
    }
}

/* --- shards --- */

static void test_shards(void **state)
{
    (void)state;
    struct pinned items[] = {
        {.name = (char *)"a", .group = 0, .weight = 50},
        {.name = (char *)"b", .group = 1, .weight = 40},
        {.name = (char *)"c", .group = 2, .weight = 30},
        {.name = (char *)"d", .group = 0, .weight = 20},
        {.name = (char *)"e", .group = 3, .weight = 30},
        {.name = (char *)"f", .group = 1, .weight = 1},
    };
    const unsigned wanted[] = {1, 2, 2, 1, 1, 2}; /* 70; 41; 30 (c), 30 (e): 71 + e, so 100, 71 */
    const struct pins pins = {.items = items, .count = 6};
    unsigned shards[6];
    struct error err;
    assert_int_equal(pins_shard(&pins, 2, shards, &err), 0);
    assert_memory_equal(shards, wanted, sizeof wanted);
    assert_int_equal(pins_shard(&pins, 1, shards, &err), 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(shards[i], 1);
    assert_int_equal(pins_shard(&pins, 100, shards, &err), 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(shards[i], shards[items[i].group == 0 ? 0 : items[i].group == 1 ? 1 : i]);
    assert_int_equal(pins_shard(&pins, 0, shards, &err), -1);
    assert_int_equal(pins_shard(&pins, SHARDS_MAX + 1, shards, &err), -1);
}

/* Every machine of every version gives the same. */
static void test_hash(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        unsigned count;
    } cases[] = {
        {"a.example/org/one:1", 1},
        {"a.example/org/one:1", 1000},
        {"A.example:443/org/one:2", 1000},
        {"a.example/org/two:1", 1000},
    };
    unsigned got[4];
    for (size_t i = 0; i < 4; i++) {
        struct task task = {.failed = false};
        struct error err;
        assert_int_equal(reference_parse(cases[i].target, &task.target, &err), 0);
        got[i] = task_shard(&task, cases[i].count);
        assert_in_range(got[i], 1, cases[i].count);
        reference_done(&task.target);
    }
    assert_int_equal(got[1], got[2]); /* one repository, one machine */
    assert_int_not_equal(got[1], got[3]);
    assert_int_equal(got[1], 979);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),  cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_shards),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
