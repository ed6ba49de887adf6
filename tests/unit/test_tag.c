/* test_tag.c: a tag that is moved: looked at, kept, looked at again, written. */
#include "convert/stores/tag.h"

#include "tests/unit/client_fixture.h"

#define OLD     "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"}"
#define NEW     "{\"schemaVersion\":2}"
#define HEAD(t) "HEAD /v2/org/vm/manifests/" t " HTTP/1.1\r\n"
#define GET(t)  "GET /v2/org/vm/manifests/" t
#define PUT(t)  "PUT /v2/org/vm/manifests/" t " HTTP/1.1\r\n"
#define ABSENT  .answer = "404 Not Found"

static struct digest old_digest, new_digest;
static char old_header[128], new_header[128], kept[64], old_get[160], kept_head[160], kept_put[160];

static int name(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    char text[DIGEST_TEXT_SIZE];
    assert_int_equal(digest_of(OLD, strlen(OLD), &old_digest, &err), 0);
    assert_int_equal(digest_of(NEW, strlen(NEW), &new_digest, &err), 0);
    digest_print(&new_digest, text);
    snprintf(new_header, sizeof new_header, "Docker-Content-Digest: %s\r\n", text);
    digest_print(&old_digest, text);
    snprintf(old_header, sizeof old_header, "Docker-Content-Digest: %s\r\n", text);
    snprintf(kept, sizeof kept, "15-before-%.8s", text + strlen("sha256:"));
    snprintf(old_get, sizeof old_get, GET("%s"), text);
    snprintf(kept_head, sizeof kept_head, HEAD("%s"), kept);
    snprintf(kept_put, sizeof kept_put, PUT("%s"), kept);
    return 0;
}

static struct tag tag_of(const struct scene *scene)
{
    return (struct tag){.remote = &scene->remote, .text = "r/vm:15", .name = "15"};
}

#define LOOKED(header)                                                                             \
    {                                                                                              \
        .request = HEAD("15"), .answer = "200 OK", .headers = header                               \
    }
#define GONE                                                                                       \
    {                                                                                              \
        .request = HEAD("15"), ABSENT                                                              \
    }

/* What the second look says, by what the first one saw. */
static void test_check(void **state)
{
    (void)state;
    const struct {
        const char *first, *second; /* headers; NULL: no such tag */
        int status;                 /* -1: it moved */
    } rows[] = {
        {old_header, old_header, 0},  {old_header, new_header, 1}, {NULL, NULL, 0},
        {NULL, new_header, 1},        {NULL, old_header, -1},      {old_header, NULL, -1},
        {new_header, old_header, -1}, {new_header, new_header, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene;
        const struct exchange absent = GONE;
        struct exchange exchanges[] = {LOOKED(rows[i].first), LOOKED(rows[i].second)};
        if (rows[i].first == NULL)
            exchanges[0] = absent;
        if (rows[i].second == NULL)
            exchanges[1] = absent;
        scene_start(&scene, &(struct script_options){0}, exchanges, 2);
        struct tag tag = tag_of(&scene);
        assert_int_equal(tag_look(&tag, &scene.err), 0);
        assert_int_equal(tag.there, rows[i].first != NULL);
        assert_int_equal(tag_check(&tag, &new_digest, &scene.err), rows[i].status);
        if (rows[i].status < 0)
            assert_error(&scene.err, ERROR_TAG_MOVED, "r/vm:15: the tag 15 was moved");
        scene_end(&scene);
    }
}

/* 0, -1: of tag_keep. */
static void keep(const struct exchange *exchanges, size_t count, const char *template, int status,
                 const char *name_or_error)
{
    struct scene scene;
    char ret[TAG_SIZE_MAX + 1];
    scene_start(&scene, &(struct script_options){0}, exchanges, count);
    struct tag tag = tag_of(&scene);
    assert_int_equal(tag_look(&tag, &scene.err), 0);
    int got = tag_keep(&tag, template, ret, &scene.err);
    if (got != status)
        fail_msg("%d: %s", got, scene.err.text);
    assert_non_null(strstr(got == 0 ? ret : scene.err.text, name_or_error));
    scene_end(&scene);
}

static void test_keep(void **state)
{
    (void)state;
    const struct exchange looked = LOOKED(old_header);
    keep(EXCHANGES(GONE), NULL, 0, "");
    keep(EXCHANGES(looked, {.request = kept_head, ABSENT},
                   {.request = old_get, .answer = "200 OK", .body = OLD},
                   {.request = kept_put,
                    .has = {"content-type: application/vnd.oci.image.manifest.v1+json", OLD},
                    .answer = "201 Created"}),
         NULL, 0, kept);
    /* there already; taken; the tag itself; no tag at all */
    keep(EXCHANGES(looked, {.request = kept_head, .answer = "200 OK", .headers = old_header}), NULL,
         0, kept);
    keep(EXCHANGES(looked, {.request = kept_head, .answer = "200 OK", .headers = new_header}), NULL,
         -1, "leads to something else");
    keep(EXCHANGES(looked), "{tag}", -1, "the tag 15 itself");
    keep(EXCHANGES(looked), "{tag} x", -1, "gives no tag");
    /* what the registry gives is not what the tag led to */
    keep(EXCHANGES(looked, {.request = kept_head, ABSENT},
                   {.request = old_get, .answer = "200 OK", .body = NEW}),
         NULL, -1, "asked for");
}

static void test_keep_look(void **state)
{
    (void)state;
    struct scene scene;
    char ret[TAG_SIZE_MAX + 1];
    const struct exchange looked = LOOKED(old_header);
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES(looked, {.request = kept_head, ABSENT},
                          {.request = kept_head, .answer = "200 OK", .headers = old_header}));
    struct tag tag = tag_of(&scene);
    assert_int_equal(tag_look(&tag, &scene.err), 0);
    assert_int_equal(tag_keep_look(&tag, NULL, ret, &scene.err), 0);
    assert_string_equal(ret, kept);
    assert_int_equal(tag_keep_look(&tag, NULL, ret, &scene.err), 1);
    scene_end(&scene);
}

/* The exact bytes, under the type that they state; an index is one, too. */
static void test_put(void **state)
{
    (void)state;
    static const struct {
        const char *manifest, *type;
    } rows[] = {
        {OLD, "content-type: application/vnd.oci.image.manifest.v1+json\r\n"},
        {NEW, "content-type: application/vnd.oci.image.manifest.v1+json\r\n"},
        {"{\"mediaType\":\"a/b\",\"manifests\":[]}", "content-type: a/b\r\n"},
        {"{ \"manifests\" : [] }", "content-type: application/vnd.oci.image.index.v1+json\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene;
        struct bytes raw;
        bytes_init(&raw, 1000);
        scene_start(&scene, &(struct script_options){0},
                    EXCHANGES({.request = PUT("15"),
                               .has = {rows[i].type, rows[i].manifest},
                               .answer = "201 Created"}));
        assert_int_equal(bytes_append_text(&raw, rows[i].manifest, &scene.err), 0);
        assert_int_equal(tag_put(&scene.remote, "15", &raw, &scene.err), 0);
        bytes_done(&raw);
        scene_end(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_keep_look),
        cmocka_unit_test(test_put),
    };
    return cmocka_run_group_tests(tests, name, NULL);
}
