/* test_remote.c: manifests, blobs and referrers of a repository. */
#include "formats/model/manifest.h"
#include "tests/unit/client_fixture.h"

#define MANIFEST "{\"schemaVersion\":2}"
#define ZEROS    "0000000000000000000000000000000000000000000000000000000000000000"
#define OTHER    "sha256:" ZEROS

static char own[DIGEST_TEXT_SIZE]; /* MANIFEST's digest */
static struct digest own_digest;

static int name(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    assert_int_equal(digest_of(MANIFEST, strlen(MANIFEST), &own_digest, &err), 0);
    digest_print(&own_digest, own);
    return 0;
}

#define ACCEPTS                                                                                    \
    .has = {"accept: application/vnd.oci.image.manifest.v1+json, "                                 \
            "application/vnd.docker.distribution.manifest.v2+json, "                               \
            "application/vnd.oci.image.index.v1+json, "                                            \
            "application/vnd.docker.distribution.manifest.list.v2+json\r\n"}

/* --- reading --- */

struct get_case {
    const char *reference, *answer, *headers, *body;
    enum error_class class; /* ERROR_NONE: it is read */
    const char *text;
};

/* "%" in headers and references stands for MANIFEST's digest */
static const struct get_case gets[] = {
    {"v1", "200 OK", NULL, MANIFEST, ERROR_NONE, NULL},
    {"v1", "200 OK", "Docker-Content-Digest: %\r\n", MANIFEST, ERROR_NONE, NULL},
    {"v1", "200 OK", "Docker-Content-Digest: sha512:00\r\n", MANIFEST, ERROR_NONE, NULL},
    {"%", "200 OK", NULL, MANIFEST, ERROR_NONE, NULL},
    {OTHER, "200 OK", NULL, MANIFEST, ERROR_MANIFEST_DIGEST, "asked for was " OTHER},
    {"v1", "200 OK", "Docker-Content-Digest: " OTHER "\r\n", MANIFEST, ERROR_MANIFEST_DIGEST,
     "the registry says " OTHER},
    {"v1", "404 N", NULL, NULL, ERROR_NO_SUCH_TAG, "/org/vm has no tag v1"},
    {OTHER, "404 N", NULL, NULL, ERROR_NO_SUCH_IMAGE, "/org/vm has no manifest " OTHER},
    {"v1", "404 N", NULL, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}", ERROR_NO_SUCH_TAG, ""},
    {"v1", "404 N", NULL, "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}", ERROR_REPOSITORY_MISSING,
     "reading the manifest v1"},
    {"v1", "200 OK", NULL, "<html><title>Sign in\nhere</title>", ERROR_REGISTRY,
     "reading the manifest v1: what came is no manifest: Sign in here"},
    {OTHER, "200 OK", NULL, "gone fishing", ERROR_REGISTRY, "no manifest: gone fishing"},
    {"v1", "200 OK", NULL, "", ERROR_REGISTRY, "what came is no manifest"},
    {"v1", "204 N", NULL, NULL, ERROR_REGISTRY, "answered 204"},
};

static char *with_digest(const char *text)
{
    char *ret = NULL;
    const char *mark = text == NULL ? NULL : strchr(text, '%');
    if (mark == NULL)
        return text == NULL ? NULL : strdup(text);
    assert_true(asprintf(&ret, "%.*s%s%s", (int)(mark - text), text, own, mark + 1) > 0);
    return ret;
}

static void test_get(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof gets / sizeof gets[0]; i++) {
        const struct get_case *row = &gets[i];
        char *reference = with_digest(row->reference), *headers = with_digest(row->headers);
        char line[256];
        struct scene scene;
        struct digest digest;
        struct bytes manifest;
        bytes_init(&manifest, MANIFEST_SIZE_MAX);
        snprintf(line, sizeof line, "GET /v2/org/vm/manifests/%s HTTP/1.1\r\n", reference);
        scene_start(&scene, &(struct script_options){0},
                    EXCHANGES({.request = line,
                               ACCEPTS,
                               .answer = row->answer,
                               .headers = headers,
                               .body = row->body}));
        int status = remote_manifest_get(&scene.remote, reference, &manifest, &digest, &scene.err);
        if (row->class != ERROR_NONE) {
            assert_int_equal(status, -1);
            assert_error(&scene.err, row->class, row->text);
        } else {
            if (status < 0)
                fail_msg("%s", scene.err.text);
            assert_true(digest_equal(&digest, &own_digest));
            assert_int_equal(manifest.size, strlen(MANIFEST));
            assert_memory_equal(manifest.data, MANIFEST, manifest.size);
        }
        bytes_done(&manifest);
        free(reference);
        free(headers);
        scene_end(&scene);
    }
}

static void test_get_large(void **state)
{
    (void)state;
    static char large[HTTP_BODY_MAX + 1];
    static const struct {
        size_t size;
        enum error_class class;
        const char *text;
    } rows[] = {{MANIFEST_SIZE_MAX + 1, ERROR_MANIFEST_INVALID, "has 4194305 bytes, limit 4194304"},
                {HTTP_BODY_MAX + 1, ERROR_REGISTRY, "manifest v1"}};
    memset(large, '{', sizeof large);
    for (size_t i = 0; i < 2; i++) {
        struct scene scene;
        struct digest digest;
        struct bytes manifest;
        bytes_init(&manifest, MANIFEST_SIZE_MAX);
        scene_start(
            &scene, &(struct script_options){0},
            EXCHANGES(
                {.request = "GET ", .answer = "200 OK", .body = large, .body_size = rows[i].size}));
        assert_int_equal(remote_manifest_get(&scene.remote, "v1", &manifest, &digest, &scene.err),
                         -1);
        assert_error(&scene.err, rows[i].class, rows[i].text);
        bytes_done(&manifest);
        scene_end(&scene);
    }
}

/* --- looking --- */

static void play_find(const char *reference, const struct exchange *exchanges, size_t count,
                      int status, enum error_class class)
{
    struct scene scene;
    struct digest digest;
    scene_start(&scene, &(struct script_options){0}, exchanges, count);
    assert_int_equal(remote_manifest_find(&scene.remote, reference, &digest, &scene.err), status);
    if (status > 0)
        assert_true(digest_equal(&digest, &own_digest));
    if (status < 0)
        assert_error(&scene.err, class, "");
    scene_end(&scene);
}

#define HEADED .request = "HEAD /v2/org/vm/manifests/v1 HTTP/1.1\r\n", ACCEPTS
#define GOTTEN .request = "GET /v2/org/vm/manifests/v1 HTTP/1.1\r\n", ACCEPTS

static void test_find(void **state)
{
    (void)state;
    char told[128];
    snprintf(told, sizeof told, "Docker-Content-Digest: %s\r\n", own);
    play_find("v1", EXCHANGES({HEADED, .answer = "200 OK", .headers = told}), 1, ERROR_NONE);
    play_find("v1", EXCHANGES({HEADED, .answer = "404 N"}), 0, ERROR_NONE);
    play_find(
        "v1",
        EXCHANGES({HEADED, .answer = "200 OK"}, {GOTTEN, .answer = "200 OK", .body = MANIFEST}), 1,
        ERROR_NONE);
    play_find("v1",
              EXCHANGES({HEADED, .answer = "200 OK", .headers = "Docker-Content-Digest: x\r\n"},
                        {GOTTEN, .answer = "200 OK", .body = MANIFEST}),
              1, ERROR_NONE);
    play_find("v1", EXCHANGES({HEADED, .answer = "405 M"}, {GOTTEN, .answer = "404 N"}), 0,
              ERROR_NONE);
    play_find("v1", EXCHANGES({HEADED, .answer = "403 F"}), -1, ERROR_CREDENTIALS);
    play_find(OTHER, EXCHANGES({.request = "HEAD ", .answer = "200 OK", .headers = told}), -1,
              ERROR_MANIFEST_DIGEST);
}

static void test_blob_find(void **state)
{
    (void)state;
    struct scene scene;
    struct digest digest = {{0}};
    uint64_t size = 0;
    static const char asked[] = "HEAD /v2/org/vm/blobs/" OTHER " HTTP/1.1\r\n";
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES({.request = asked, .answer = "200 OK", .body = "hello"},
                          {.request = asked, .answer = "200 OK", .flags = SCRIPT_NO_LENGTH},
                          {.request = asked, .answer = "404 N"},
                          {.request = asked, .answer = "400 B"}));
    assert_int_equal(remote_blob_find(&scene.remote, &digest, &size, &scene.err), 1);
    assert_int_equal(size, 5);
    assert_int_equal(remote_blob_find(&scene.remote, &digest, &size, &scene.err), 1);
    assert_true(size == UINT64_MAX);
    assert_int_equal(remote_blob_find(&scene.remote, &digest, &size, &scene.err), 0);
    assert_int_equal(remote_blob_find(&scene.remote, &digest, &size, &scene.err), -1);
    assert_error(&scene.err, ERROR_REGISTRY, "looking for the blob " OTHER);
    scene_end(&scene);
}

/* --- writing --- */

struct put_case {
    const char *answer, *headers, *body;
    enum error_class class;
    const char *text;
};

#define SAYS(code, text) "{\"errors\":[{\"code\":\"" code "\",\"message\":\"" text "\"}]}"

static const struct put_case puts_[] = {
    {"201 C", NULL, NULL, ERROR_NONE, NULL},
    {"201 C", "Docker-Content-Digest: %\r\n", NULL, ERROR_NONE, NULL},
    {"201 C", "Docker-Content-Digest: " OTHER "\r\n", NULL, ERROR_REGISTRY, "another digest"},
    {"200 OK", NULL, NULL, ERROR_REGISTRY, "answered 200"},
    {"400 B", NULL,
     SAYS("TAG_INVALID", "The image tag 'v1' already exists in the 'vm' repository and cannot be "
                         "overwritten because the repository is immutable."),
     ERROR_TAG_IMMUTABLE, "choose another tag"},
    {"412 P", NULL, SAYS("PRECONDITION", "'vm:v1' configured as immutable."), ERROR_TAG_IMMUTABLE,
     "PRECONDITION"},
    {"409 C", NULL, SAYS("TAG_IMMUTABLE", ""), ERROR_TAG_IMMUTABLE, ""},
    {"400 B", NULL, SAYS("TAG_INVALID", "bad tag"), ERROR_REGISTRY, "400: TAG_INVALID, bad tag"},
    {"404 N", NULL, SAYS("MANIFEST_BLOB_UNKNOWN", "blob unknown"), ERROR_BLOB_MISSING,
     "misses a blob"},
    {"400 B", NULL, SAYS("MANIFEST_BLOB_UNKNOWN", "blob unknown"), ERROR_BLOB_MISSING,
     "blob unknown"},
    {"404 N", NULL, SAYS("NAME_UNKNOWN", "no"), ERROR_REPOSITORY_MISSING,
     "create the repository first"},
    {"403 F", NULL, SAYS("DENIED", "no"), ERROR_CREDENTIALS, "writing the manifest v1"},
    {"413 T", NULL, NULL, ERROR_REGISTRY, "413"},
};

static void test_put(void **state)
{
    (void)state;
    struct bytes manifest;
    struct error none = ERROR_INIT;
    bytes_init(&manifest, 1000);
    assert_int_equal(bytes_append_text(&manifest, MANIFEST, &none), 0);
    for (size_t i = 0; i < sizeof puts_ / sizeof puts_[0]; i++) {
        const struct put_case *row = &puts_[i];
        char *headers = with_digest(row->headers);
        struct scene scene;
        scene_start(&scene, &(struct script_options){0},
                    EXCHANGES({.request = "PUT /v2/org/vm/manifests/v1 HTTP/1.1\r\n",
                               .has = {"content-type: application/x\r\n"},
                               .sent = MANIFEST,
                               .answer = row->answer,
                               .headers = headers,
                               .body = row->body}));
        int status = remote_manifest_put(&scene.remote, "v1", "application/x", &manifest,
                                         &own_digest, &scene.err);
        assert_int_equal(status, row->class == ERROR_NONE ? 0 : -1);
        if (status < 0)
            assert_error(&scene.err, row->class, row->text);
        free(headers);
        scene_end(&scene);
    }
    bytes_done(&manifest);
}

/* --- referrers --- */

#define API    .request = "GET /v2/org/vm/referrers/" OTHER " HTTP/1.1\r\n"
#define TAG    .request = "GET /v2/org/vm/manifests/sha256-" ZEROS " HTTP/1.1\r\n"
#define COSIGN .request = "HEAD /v2/org/vm/manifests/sha256-" ZEROS
#define NONE                                                                                       \
    {COSIGN ".sig ", .answer = "404 N"}, {COSIGN ".att ", .answer = "404 N"},                      \
    {                                                                                              \
        COSIGN ".sbom ", .answer = "404 N"                                                         \
    }
#define ENTRY(digest, type) "{\"digest\":\"" digest "\",\"artifactType\":\"" type "\"}"
#define INDEX(entries)      "{\"schemaVersion\":2,\"manifests\":[" entries "]}"

static void play_referrers(const struct exchange *exchanges, size_t count, const char *lines)
{
    struct scene scene;
    struct digest digest = {{0}};
    struct bytes found;
    bytes_init(&found, 1 << 20);
    scene_start(&scene, &(struct script_options){0}, exchanges, count);
    if (remote_referrers(&scene.remote, &digest, &found, &scene.err) < 0)
        fail_msg("%s", scene.err.text);
    assert_string_equal(bytes_text(&found, &scene.err), lines);
    bytes_done(&found);
    scene_end(&scene);
}

static void test_referrers(void **state)
{
    (void)state;
    play_referrers(EXCHANGES({API, .has = {"accept: application/vnd.oci.image.index.v1+json\r\n"},
                              .answer = "200 OK",
                              .body = INDEX(ENTRY(OTHER, "a/b") ",{\"digest\":\"" OTHER "\"}")},
                             NONE),
                   OTHER " a/b\n" OTHER " unknown\n");
    play_referrers(EXCHANGES({API, .answer = "200 OK", .body = INDEX("")}, NONE), "");
    play_referrers(EXCHANGES({API, .answer = "404 N"}, {TAG, .answer = "404 N"}, NONE), "");
    play_referrers(EXCHANGES({API, .answer = "405 M"},
                             {TAG, .answer = "200 OK", .body = INDEX(ENTRY(OTHER, "t"))}, NONE),
                   OTHER " t\n");
    play_referrers(EXCHANGES({API, .answer = "404 N"}, {TAG, .answer = "404 N"},
                             {COSIGN ".sig ", .answer = "200 OK",
                              .headers = "Docker-Content-Digest: " OTHER "\r\n"},
                             {COSIGN ".att ", .answer = "404 N"},
                             {COSIGN ".sbom ", .answer = "404 N"}),
                   OTHER " sha256-" ZEROS ".sig\n");
}

static void test_referrers_hostile(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "<html>", "{", "[]", "{\"manifests\":{}}", "{\"manifests\":7}", "null"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        play_referrers(
            EXCHANGES({API, .answer = "200 OK", .body = bodies[i]}, {TAG, .answer = "404 N"}, NONE),
            "");
    play_referrers(
        EXCHANGES({API, .answer = "200 OK",
                   .body = INDEX("1,null,{},{\"digest\":7},{\"digest\":\"sha256:xx\"}," ENTRY(
                       OTHER, "a\\nb \\u001b[31m\\u00e9"))},
                  NONE),
        OTHER " a?b??[31m??\n");
    /* 100, of 150 */
    struct bytes body, lines;
    struct error err = ERROR_INIT;
    bytes_init(&body, 1 << 20);
    bytes_init(&lines, 1 << 20);
    bytes_append_text(&body, "{\"manifests\":[", &err);
    for (int i = 0; i < 150; i++)
        bytes_printf(&body, &err, "%s%s", i == 0 ? "" : ",", ENTRY(OTHER, "x"));
    for (int i = 0; i < 100; i++)
        bytes_append_text(&lines, OTHER " x\n", &err);
    bytes_append_text(&body, "]}", &err);
    play_referrers(EXCHANGES({API, .answer = "200 OK", .body = bytes_text(&body, &err)}),
                   bytes_text(&lines, &err));
    bytes_done(&body);
    bytes_done(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_get_large),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_blob_find),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_referrers),
        cmocka_unit_test(test_referrers_hostile),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, name, NULL);
}
