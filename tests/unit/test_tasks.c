/* test_tasks.c: a batch's images: what lists give, what is no source, what fails alone. The
 * registries are told of by the functions below, in place of net's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "convert/fleet/tasks.h"
#include "convert/net/lists.h"

static const char *const catalogue[] = {"org/a", "org/b", "org/secret", NULL};
static const struct {
    const char *repository;
    const char *tags[8];
} repositories[] = {
    {"org/a", {"1", "2", "1-v2", "1-before-aabbccdd", "2-before-00000000"}},
    {"org/b", {"x"}},
    {"own", {"1"}},
};
static enum error_class catalogue_fails;

struct client *__wrap_network_client(struct network *network, const struct network_side *side,
                                     const char *host, bool mirror, struct error *err);
struct client *__wrap_network_client(struct network *network, const struct network_side *side,
                                     const char *host, bool mirror, struct error *err)
{
    (void)network;
    (void)err;
    assert_non_null(side);
    assert_false(mirror);
    return (struct client *)(uintptr_t)host;
}

static int fill(const char *const *from, struct names *ret)
{
    *ret = (struct names){.items = calloc(16, sizeof *ret->items)};
    for (; *from != NULL; from++)
        ret->items[ret->count++] = strdup(*from);
    return 0;
}

int __wrap_remote_catalogue(struct client *client, struct names *ret, struct error *err);
int __wrap_remote_catalogue(struct client *client, struct names *ret, struct error *err)
{
    (void)client;
    if (catalogue_fails != ERROR_NONE)
        return error_set(err, catalogue_fails, "no catalogue");
    return fill(catalogue, ret);
}

int __wrap_remote_tags(const struct remote *remote, struct names *ret, struct error *err);
int __wrap_remote_tags(const struct remote *remote, struct names *ret, struct error *err)
{
    for (size_t i = 0; i < sizeof repositories / sizeof repositories[0]; i++)
        if (strcmp(repositories[i].repository, remote->repository) == 0)
            return fill(repositories[i].tags, ret);
    return error_set(err, ERROR_REPOSITORY_MISSING, "no such repository");
}

int __wrap_remote_manifest_find(const struct remote *remote, const char *reference,
                                struct digest *ret_digest, struct error *err);
int __wrap_remote_manifest_find(const struct remote *remote, const char *reference,
                                struct digest *ret_digest, struct error *err)
{
    (void)remote;
    (void)reference;
    (void)err;
    *ret_digest = (struct digest){.bytes = {0xaa, 0xbb, 0xcc, 0xdd}};
    return 1;
}

static const char *no_variable(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

struct scene {
    struct batch_file batch;
    struct network_side other;
    struct sides sides;
    struct run run;
    struct tasks tasks;
};

static int scene_make(struct scene *scene, const char *text, const char *only, struct error *err)
{
    struct patterns patterns = {.allow = NULL};
    *scene = (struct scene){.other = {.prefix = ""}};
    assert_int_equal(batch_parse("f", text, strlen(text), no_variable, NULL, &scene->batch, err),
                     0);
    assert_int_equal(sides_make(&scene->batch, NULL, 0, &scene->other, &scene->sides, err), 0);
    assert_int_equal(run_init(&scene->run, 1, NULL, NULL, err), 0);
    if (only != NULL)
        assert_int_equal(patterns_allow(&patterns, only, err), 0);
    int status = tasks_make(&scene->run, &scene->batch, &scene->sides, NULL,
                            only != NULL ? &patterns : NULL, &scene->tasks, err);
    patterns_done(&patterns);
    return status;
}

static void scene_done(struct scene *scene)
{
    tasks_done(&scene->tasks);
    run_done(&scene->run);
    sides_done(&scene->sides);
    batch_done(&scene->batch);
}

static void assert_tasks(const char *text, const char *only, const char *const *names)
{
    struct scene scene;
    struct error err;
    if (scene_make(&scene, text, only, &err) < 0)
        fail_msg("%s: %s", err.text, text);
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        assert_true(count < scene.tasks.count);
        assert_string_equal(task_name(&scene.tasks.items[count]), names[count]);
    }
    assert_int_equal(scene.tasks.count, count);
    scene_done(&scene);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_lists(void **state)
{
    (void)state;
    catalogue_fails = ERROR_NONE;
    /* 1-before-aabbccdd leads to aabbccdd, 2-before-00000000 to something else */
    assert_tasks("sync: [{source: a.example/org/a, target: b.example/n, type: repository, stage: "
                 "'{tag}.new'}]",
                 NULL,
                 NAMES("b.example/n:1.new", "b.example/n:2.new", "b.example/n:1-v2.new",
                       "b.example/n:2-before-00000000.new"));
    assert_tasks("sync: [{source: a.example/org/a, target: b.example/n, type: repository, "
                 "tags: {allow: ['[0-9]'], deny: ['2']}}]",
                 NULL, NAMES("b.example/n:1-v2"));
    assert_tasks("sync: [{source: a.example/org/a, type: repository, in-place: true, "
                 "tags: {deny: ['2.*']}}]",
                 NULL, NAMES("a.example/org/a:1-v2"));
    assert_tasks("sync: [{source: a.example, target: b.example, type: registry, "
                 "repos: {deny: ['org/a', 'org/secret']}}]",
                 NULL, NAMES("b.example/org/b:x-v2"));
    assert_tasks("sync: [{source: a.example/org/a, target: b.example/n, type: repository, stage: "
                 "false}]",
                 ".*/n:2|a.example/org/a:1", NAMES("b.example/n:1", "b.example/n:2"));
}

/* What fails, fails alone. */
static void test_failing(void **state)
{
    (void)state;
    struct scene scene;
    struct error err;
    catalogue_fails = ERROR_NONE;
    assert_int_equal(
        scene_make(&scene,
                   "sync:\n"
                   "- {source: a.example/none, target: b.example/n, type: repository}\n"
                   "- {source: 'a.example/own:1', target: 'b.example/o:1', type: image}\n"
                   "- {source: 'a.example/own:1-before-aabbccdd', target: "
                   "'b.example/p:1', type: image}\n",
                   NULL, &err),
        0);
    assert_int_equal(scene.tasks.count, 3);
    assert_true(scene.tasks.items[0].failed);
    assert_string_equal(scene.tasks.items[0].source.text, "a.example/none");
    assert_int_equal(scene.tasks.items[0].error.class, ERROR_REPOSITORY_MISSING);
    assert_false(scene.tasks.items[1].failed);
    assert_true(scene.tasks.items[2].failed); /* a backup, asked for by name */
    scene_done(&scene);
    catalogue_fails = ERROR_UNREACHABLE;
    assert_int_equal(scene_make(&scene,
                                "sync: [{source: a.example, target: b.example, type: registry}]",
                                NULL, &err),
                     0);
    assert_int_equal(scene.tasks.count, 1);
    assert_string_equal(task_name(&scene.tasks.items[0]), "b.example");
    scene_done(&scene);
    catalogue_fails = ERROR_CATALOGUE_REFUSED;
    assert_int_equal(scene_make(&scene,
                                "sync: [{source: a.example, target: b.example, type: registry}]",
                                NULL, &err),
                     -1);
    assert_int_equal(err.class, ERROR_CATALOGUE_REFUSED);
    scene_done(&scene);
}

/* What only lists can tell. */
static void test_contradictions(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "sync:\n- {source: a.example/org/b, target: b.example/n, type: repository}\n"
        "- {source: a.example/org/b, target: b.example/n, type: repository}\n",
        "sync:\n- {source: a.example/org/b, target: b.example/n, type: repository}\n"
        "- {source: 'b.example/n:x', target: c.example/n:x, type: image}\n",
        /* 1 is staged as 1-v2, which is a tag of its own */
        "sync: [{source: a.example/org/a, target: b.example/n, type: repository}]",
    };
    catalogue_fails = ERROR_NONE;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct scene scene;
        struct error err;
        assert_int_equal(scene_make(&scene, texts[i], NULL, &err), -1);
        assert_int_equal(err.class, ERROR_SETTINGS);
        assert_memory_equal(err.text, "f:", 2);
        scene_done(&scene);
    }
}

static void test_options(void **state)
{
    (void)state;
    struct scene scene;
    struct error err;
    struct convert_options options;
    catalogue_fails = ERROR_NONE;
    assert_int_equal(scene_make(&scene,
                                "sync:\n"
                                "- {source: 'a.example/own:1', type: image, in-place: true}\n"
                                "- {source: 'a.example/own:2', type: image, in-place: true, stage: "
                                "false, action: normalise, upload-time: '2024-01-31T12:00:00Z'}\n",
                                NULL, &err),
                     0);
    task_options(&scene.tasks.items[0], &options);
    assert_true(options.decode && options.disk_digest && !options.in_place && !options.normalise);
    assert_true(options.mirrors != NULL && options.mirror_count == 0);
    assert_string_equal(scene.tasks.items[0].tag, "1");
    task_options(&scene.tasks.items[1], &options);
    assert_true(options.in_place && options.normalise);
    assert_string_equal(options.upload_time_text, "2024-01-31T12:00:00Z");
    assert_null(scene.tasks.items[1].tag);
    scene_done(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_failing),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
