/* test_batch.c: the batch file: what it may say, what is refused and where, names and shards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/fleet/sides.h"

static bool mean(const struct patterns *patterns, const char *name)
{
    struct error err = ERROR_INIT;
    int meant = patterns_judge(patterns, name, &err);
    assert_true(meant >= 0);
    return meant == 1;
}

static const char *variable(void *context, const char *name)
{
    (void)context;
    static const char *const known[][2] = {
        {"HOST", "a.example"}, {"EMPTY", ""}, {"PASS", "p:ss"}, {"ON", "true"}, {"USER_A", "ann"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i][0], name) == 0)
            return known[i][1];
    return NULL;
}

static int parse(const char *text, struct batch_file *ret, struct error *err)
{
    return batch_parse("f.yaml", text, strlen(text), variable, NULL, ret, err);
}

static void assert_taken(const char *text, struct batch_file *ret)
{
    struct error err;
    if (parse(text, ret, &err) < 0)
        fail_msg("%s\n%s", err.text, text);
}

static const char whole[] =
    "version: 1\n"
    "sync:\n"
    "  - source: docker://${HOST}/org/a:1\n"
    "    target: b.example:5000/copies/{repo}:{tag}-arm\n"
    "    type: image\n"
    "  - source: a.example/org/b\n"
    "    type: repository\n"
    "    in-place: ${ON}\n"
    "    tags: {allow: ['1[0-9]', latest], deny: [10], semverRange: ['>=2', '~1.5']}\n"
    "    action: normalise\n"
    "    stage: '{tag}.new'\n"
    "  - source: a.example\n"
    "    target: b.example:5000/all/\n"
    "    type: registry\n"
    "    repos: {allow: ['org/.*'], deny: ['org/old.*']}\n"
    "    stage: false\n"
    "    to: same\n"
    "    mirrors: []\n"
    "defaults:\n"
    "  decode: false\n"
    "  backup-tag: '{tag}-old-{digest8}'\n"
    "  mirrors: [mirror.lan/hub]\n"
    "  jobs: 3\n"
    "  limit-rate: 50MB\n"
    "  retry-times: 0\n"
    "  retry-delay: 500ms\n"
    "creds:\n"
    "  - {registry: a.example, user: '${USER_A}', pass: '${PASS}', concurrency: 2}\n"
    "  - {registry: 'b.example:5000', credHelper: docker-credential-x, tls-verify: false}\n"
    "  - {registry: mirror.lan, authfile: '/e/${EMPTY:-a.json}', plain-http: true}\n";

static void test_whole(void **state)
{
    (void)state;
    struct batch_file batch;
    assert_taken(whole, &batch);
    assert_int_equal(batch.entry_count, 3);
    assert_int_equal(batch.host_count, 3);
    const struct batch_entry *entry = &batch.entries[0];
    assert_string_equal(entry->source, "a.example/org/a:1");
    assert_int_equal(entry->place.line, 3);
    assert_int_equal(entry->target_place.line, 4);
    assert_int_equal(entry->target_place.column, 13);
    assert_false(entry->wish.decode);
    assert_true(entry->wish.disk_digest);
    assert_string_equal(entry->wish.stage, "{tag}-v2");
    assert_string_equal(entry->wish.backup_tag, "{tag}-old-{digest8}");
    assert_int_equal(entry->wish.mirror_count, 1);
    assert_string_equal(entry->wish.mirrors[0].prefix, "hub");
    entry = &batch.entries[1];
    assert_true(entry->wish.in_place && entry->target == NULL);
    assert_int_equal(entry->wish.action, ACTION_NORMALISE);
    assert_true(mean(&entry->tags, "12") && !mean(&entry->tags, "10"));
    assert_true(mean(&entry->tags, "1.5.2") && !mean(&entry->tags, "1.4.0"));
    entry = &batch.entries[2];
    assert_null(entry->wish.stage);
    assert_false(entry->wish.disk_digest); /* a default, which a copy has no use for */
    assert_int_equal(entry->wish.mirror_count, 0);
    assert_string_equal(entry->target, "b.example:5000/all/{repo}");
    assert_true(mean(&entry->repositories, "org/a"));
    assert_false(mean(&entry->repositories, "org/older"));
    assert_int_equal(batch.jobs, 3);
    assert_int_equal(batch.limit_rate, 50000000);
    assert_int_equal(batch.retry_delay_ms, 500);
    assert_true(batch.retry_times_said && batch.retry_times == 0);
    assert_string_equal(batch.hosts[0].password, "p:ss");
    assert_string_equal(batch.hosts[1].helper, "x");
    assert_string_equal(batch.hosts[2].authfile, "/e/a.json");
    batch_done(&batch);
}

#define ENTRY "sync:\n- source: a.example/r:1\n  target: b.example/r:1\n  type: image\n"

static const struct {
    const char *text, *place, *reason;
} refusals[] = {
    {"", "1:1", "no entry"},
    {"version: 2\n" ENTRY, "1:10", "must be 1"},
    {"parallel: 2\n" ENTRY, "1:1", "no key has that name"},
    {ENTRY "  interval: 60m\n", "5:3", "no key has that name"},
    {ENTRY "  decode: yes\n", "5:11", "true or false"},
    {ENTRY "  decode: true\n  decode: true\n", "6:3", "twice"},
    {ENTRY "  to: v3\n", "5:7", "v2, v1 or same"},
    {ENTRY "  action: repair\n", "5:11", "tartconv repair"},
    {ENTRY "  chunk-size: 1KiB\n", "5:15", "1 MiB to 512 MiB"},
    {ENTRY "  encoder: zip\n", "5:12", "lz4hc"},
    {ENTRY "  upload-time: now\n", "5:16", "keep, none"},
    {ENTRY "  stage: '{tag}'\n", "5:10", "template"},
    {ENTRY "  stage: new\n", "5:10", "template"},
    {ENTRY "  stage: '{tag}-{digest8}'\n", "5:10", "template"},
    {ENTRY "  stage: true\n", "5:10", "template"},
    {ENTRY "  backup-tag: '{day}'\n", "5:15", "{digest8}"},
    {ENTRY "  mirrors: ['https://m']\n", "5:13", "without https"},
    {ENTRY "  tags: {allow: [x]}\n", "5:9", "type image names one tag"},
    {ENTRY "  repos: {allow: [x]}\n", "5:10", "type registry"},
    {ENTRY "  in-place: true\n", "3:11", "leave the target out"},
    {ENTRY "  to: same\n  plain: true\n", "2:3", "excludes"},
    {ENTRY "  to: v1\n  action: normalise\n", "2:3", "excludes"},
    {ENTRY "  no-backup: true\n  backup-tag: x-{tag}\n", "2:3", "excludes"},
    {ENTRY "  upload-time: ${NONE}\n", "5:16", "no variable NONE"},
    {ENTRY "  upload-time: ${NONE\n", "5:16", "${NAME}"},
    {ENTRY "- {source: a.example/q:1, target: b.example/r:1, type: image}\n", "5:35",
     "target of line 2, too"},
    {ENTRY "- {source: a.example/q:1, target: 'b.example/r:1-v2', type: image, stage: false}\n",
     "5:35", "target of line 2, too"},
    {ENTRY "- {source: b.example/r:1, target: c.example/r:1, type: image}\n", "3:11",
     "is a source, in line 5"},
    {ENTRY "- {source: B.example/r:2, target: c.example/r:1, type: image}\n", "5:12",
     "another name"},
    {"sync: [{source: 'localhost:5000/r:1', target: '127.0.0.1:5000/r:2', type: image}]", "1:47",
     "another name"},
    {"sync: [{source: docker.io/a/r:1, target: 'registry-1.docker.io/a/r:2', type: image}]", "1:42",
     "another name"},
    {"sync: [{source: 'h.example:443/r:1', target: h.example/q:2, type: image}]", "1:46",
     "another name"},
    {"sync: [{source: a.example/r:1, target: a.example/r:1, type: image}]", "1:40", "is a source"},
    {"sync: [{source: a.example/r:1, type: image}]", "1:8", "needs a target"},
    {"sync: [{target: a.example/r:1, type: image}]", "1:8", "needs a source"},
    {"sync: [{source: a.example/r:1, target: a.example/q:1}]", "1:8", "needs a type"},
    {"sync: [{source: a.example/r:1, target: a.example/q:1, type: tag}]", "1:61", "repository"},
    {"sync: [{source: a.example/r, target: a.example/q:1, type: image}]", "1:17",
     "must name a tag"},
    {"sync: [{source: 'a.example/r:1', target: a.example/q, type: repository}]", "1:17",
     "must name no tag"},
    {"sync: [{source: a.example/r, target: 'a.example/q:1', type: repository}]", "1:38",
     "must name no tag"},
    {"sync: [{source: a.example/r, target: a.example, type: registry}]", "1:17", "a host"},
    {"sync: [{source: 'oci:dir:1', target: a.example/q:1, type: image}]", "1:17", "in a registry"},
    {"sync: [{source: 'a.example/r:1', target: 'vm:dir', type: image}]", "1:42", "in a registry"},
    {"sync: [{source: a.example/r:1, target: 'a.example/q@sha256:1', type: image}]", "1:40",
     "digest"},
    {"sync: [{source: a.example/r:1, target: 'a.example/{digest8}:1', type: image}]", "1:40",
     "not known beforehand"},
    {"sync: [{source: a.example/r, type: repository, in-place: true, stage: false, "
     "no-backup: true}]",
     "1:8", "excludes"},
    {"sync: [{source: a.example/r, type: repository, in-place: true, stage: false, "
     "backup-tag: old}]",
     "1:8", "takes another one's place"},
    {"sync: [{source: a.example/r, type: repository, in-place: true, tags: {allow: ['(']}}]",
     "1:79", ""},
    {"creds: [{user: '${USER_A}', pass: '${PASS}'}]\n" ENTRY, "1:9", "needs a registry"},
    {"creds: [{registry: a.example, user: '${USER_A}'}]\n" ENTRY, "1:9", "go together"},
    {"creds: [{registry: a.example, user: '${USER_A}', pass: hunter2}]\n" ENTRY, "1:56",
     "a variable alone"},
    {"creds: [{registry: a.example, user: '${USER_A}', pass: '${X:-hunter2}'}]\n" ENTRY, "1:56",
     "a variable alone"},
    {"creds: [{registry: a.example, user: ann, pass: '${PASS}'}]\n" ENTRY, "1:37",
     "a variable alone"},
    {"creds: [{registry: a.example, authfile: a.json}]\n" ENTRY, "1:41", "from the root"},
    {"creds: [{registry: a.example, credHelper: '../x'}]\n" ENTRY, "1:43", "docker-credential"},
    {"creds: [{registry: a.example, credHelper: x, authfile: /x}]\n" ENTRY, "1:9", "exclude"},
    {"creds: [{registry: a.example}, {registry: a.example}]\n" ENTRY, "1:43", "already"},
    {"defaults: {jobs: 0}\n" ENTRY, "1:18", "1 to 64"},
    {"defaults: {source: x}\n" ENTRY, "1:12", "no key has that name"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct batch_file batch;
        struct error err;
        char start[40];
        int size = snprintf(start, sizeof start, "f.yaml:%s: ", refusals[i].place);
        if (parse(refusals[i].text, &batch, &err) == 0)
            fail_msg("taken: %s", refusals[i].text);
        if (err.class != ERROR_SETTINGS || strncmp(err.text, start, (size_t)size) != 0 ||
            strstr(err.text, refusals[i].reason) == NULL || strstr(err.text, "hunter2") != NULL)
            fail_msg("%s\nwanted %s %s\n%s", err.text, refusals[i].place, refusals[i].reason,
                     refusals[i].text);
    }
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *source, *target, *tag;
    } cases[] = {
        {"target: b.example/r:x, type: image, source: a.example/org/q:7", "a.example/org/q:7",
         "b.example/r:x-v2", "x"},
        {"target: 'b.example/{repo}:{tag}', stage: 'new.{repo}.{tag}', type: image, source: "
         "a.example/org/q:7",
         "a.example/org/q:7", "b.example/org/q:new.org-q.7", "7"},
        {"target: b.example/r, type: repository, source: a.example/org/q", "a.example/org/q:7",
         "b.example/r:7-v2", "7"},
        {"target: b.example, type: registry, source: a.example", "a.example/org/q:7",
         "b.example/org/q:7-v2", "7"},
        {"target: 'b.example/v2/{repo}/disk', type: registry, source: a.example, stage: false",
         "a.example/org/q:7", "b.example/v2/org/q/disk:7", NULL},
        {"in-place: true, type: repository, source: a.example/org/q", "a.example/org/q:7",
         "a.example/org/q:7-v2", "7"},
        {"in-place: true, stage: false, type: registry, source: a.example", "a.example/org/q:7",
         "a.example/org/q:7", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], *tag;
        struct batch_file batch;
        struct reference source, target;
        struct error err;
        snprintf(text, sizeof text, "sync: [{%s}]", cases[i].entry);
        assert_taken(text, &batch);
        assert_int_equal(reference_parse(cases[i].source, &source, &err), 0);
        assert_int_equal(batch_target(&batch.entries[0], &source, &target, &tag, &err), 0);
        assert_string_equal(target.text, cases[i].target);
        if (cases[i].tag == NULL)
            assert_null(tag);
        else
            assert_string_equal(tag, cases[i].tag);
        reference_done(&source);
        reference_done(&target);
        free(tag);
        batch_done(&batch);
    }
}

static void test_target_too_long(void **state)
{
    (void)state;
    char text[300] = "a.example/q:", *tag;
    struct batch_file batch;
    struct reference source, target;
    struct error err;
    assert_taken("sync: [{in-place: true, type: repository, source: a.example/q}]", &batch);
    memset(text + strlen(text), 'x', 127);
    assert_int_equal(reference_parse(text, &source, &err), 0);
    assert_int_equal(batch_target(&batch.entries[0], &source, &target, &tag, &err), -1);
    assert_int_equal(err.class, ERROR_REFERENCE);
    assert_null(tag);
    reference_done(&source);
    batch_done(&batch);
}

static void test_one_registry(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"a.example", "A.EXAMPLE", true},
        {"a.example", "a.example:443", true},
        {"a.example:80", "a.example", true},
        {"a.example:5000", "a.example", false},
        {"docker.io", "index.docker.io", true},
        {"docker.io", "registry-1.docker.io:443", true},
        {"localhost:5000", "127.0.0.1:5000", true},
        {"localhost:5000", "[::1]:5000", true},
        {"localhost:5000", "localhost:5001", false},
        {"localhost.example", "127.0.0.1.example", false},
        {"127.0.0.1", "localhost", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(batch_host_same(cases[i].a, cases[i].b), cases[i].same);
}

static void test_sides(void **state)
{
    (void)state;
    struct batch_file batch;
    struct sides sides;
    struct error err;
    const struct network_side other = {.prefix = "", .cert_dir = "/all"};
    const struct side_host settings[] = {
        {"A.example", {.cert_dir = "/a", .upload_chunk = 5, .concurrency = 9}},
        {"c.example", {.plain_http = true}}};
    assert_taken(whole, &batch);
    assert_int_equal(sides_make(&batch, settings, 2, &other, &sides, &err), 0);
    const struct network_side *side = sides_find(&sides, "a.example:443");
    assert_ptr_equal(side, sides_find(&sides, "a.example"));
    assert_string_equal(side->creds, "ann:p:ss");
    assert_string_equal(side->cert_dir, "/all"); /* the command line wins */
    assert_int_equal(side->upload_chunk, 5);
    assert_int_equal(side->concurrency, 2); /* the batch wins over settings */
    side = sides_find(&sides, "b.example:5000");
    assert_true(side->no_tls_verify && side->creds == NULL);
    assert_string_equal(side->helper, "x");
    assert_true(sides_find(&sides, "c.example")->plain_http);
    assert_ptr_equal(sides_find(&sides, "d.example"), &other);
    sides_done(&sides);
    batch_done(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_targets),      cmocka_unit_test(test_target_too_long),
        cmocka_unit_test(test_one_registry), cmocka_unit_test(test_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
