/* test_upload.c: blobs sent in one body, sessions that are lost or given up, mounts: which requests
 * are sent, in which order, and what becomes of the session. */
#include "tests/unit/upload_scene.h"

#include "convert/net/profile.h"

#include <sys/time.h>

/* --- an https registry, that no script can play --- */

int __real_http_send(struct http *http, const struct http_request *request,
                     struct http_response *ret, struct error *err);
int __wrap_http_send(struct http *http, const struct http_request *request,
                     struct http_response *ret, struct error *err);
int __wrap_http_send(struct http *http, const struct http_request *request,
                     struct http_response *ret, struct error *err)
{
    if (strncmp(request->url, "https://secure.test/", 20) != 0)
        return __real_http_send(http, request, ret, err);
    assert_int_equal(request->method, HTTP_POST);
    *ret = (struct http_response){.status = 202,
                                  .url = strdup(request->url),
                                  .headers = strdup("location: http://secure.test/up\n")};
    return 0;
}

/* --- whole bodies --- */

static void test_whole(void **state)
{
    (void)state;
    PLAY(TEN, POST,
         {.request = "PUT /up?_state=0&digest=" ESCAPED " HTTP/1.1",
          .has = {"authorization: Bearer t0ken", "content-type: application/octet-stream\r\n",
                  "content-length: 10\r\n"},
          .has_not = {"expect:"},
          .sent = TEXT,
          .answer = "201 Created",
          .headers = "Docker-Content-Digest: " DIGEST "\r\n"});
}

static void test_large_asks_first(void **state)
{
    (void)state;
    struct settings settings = {.size = 2 * MIB};
    PLAY(settings, POST,
         {.request = "PUT /up?_state=0&digest=sha256%3A",
          .has = {"expect: 100-continue"},
          .answer = "201 Created"});
}

static void test_relative_location(void **state)
{
    (void)state;
    PLAY(TEN,
         {.request = "POST /v2/a/b/blobs/uploads/ ",
          .answer = "202 Accepted",
          .headers = "Location: /v2/up/1?a=%2F&b\r\n"},
         {.request = "PUT /v2/up/1?a=%2F&b&digest=" ESCAPED " ",
          .has = {"authorization: Bearer t0ken"},
          .sent = TEXT,
          .answer = "201 Created"});
    PLAY(TEN,
         {.request = "POST /v2/a/b/blobs/uploads/ ",
          .answer = "202 Accepted",
          .headers = "Location: x-1\r\n"},
         {.request = "PUT /v2/a/b/blobs/uploads/x-1?digest=" ESCAPED " ",
          .sent = TEXT,
          .answer = "201 Created"});
}

static void test_location_elsewhere(void **state)
{
    (void)state;
    struct script *storage = SCRIPT({.request = "PUT /s?sig=1&digest=" ESCAPED " ",
                                     .has = {"host: {host}"},
                                     .has_not = {"authorization", "t0ken", "cookie"},
                                     .sent = TEXT,
                                     .answer = "201 Created"});
    struct script *registry = script_start(&(struct script_options){.other = script_base(storage)},
                                           EXCHANGES({.request = "POST /v2/a/b/blobs/uploads/ ",
                                                      .has = {"authorization: Bearer t0ken"},
                                                      .answer = "202 Accepted",
                                                      .headers = "Location: {other}/s?sig=1\r\n"}));
    play(registry, TEN, ERROR_NONE, "");
    script_end(storage);
}

static void test_location_downgraded(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct scene scene = {.opened = 0};
    scene_begin(&scene, "secure.test", TEN);
    assert_int_equal(upload_blob(&scene.remote, &scene.id, &scene.body, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_REGISTRY);
    assert_non_null(strstr(err.text, "https"));
    scene_end(&scene);
}

static void test_no_location(void **state)
{
    (void)state;
    play(SCRIPT({.request = "POST /v2/a/b/blobs/uploads/ ", .answer = "202 Accepted"}), TEN,
         ERROR_REGISTRY, "without saying where");
    play(SCRIPT({.request = "POST /v2/a/b/blobs/uploads/ ",
                 .answer = "202 Accepted",
                 .headers = "Location: gopher://x/\r\n"}),
         TEN, ERROR_REGISTRY, "");
}

static void test_other_digest(void **state)
{
    (void)state;
    play(SCRIPT(POST, {.request = "PUT /up?_state=0&digest=",
                       .answer = "201 Created",
                       .headers = "Docker-Content-Digest: sha256:00\r\n"}),
         TEN, ERROR_REGISTRY, "sha256:00");
}

/* 200, 202 and 204 are no 201: the blob itself decides. */
static void test_unsure(void **state)
{
    (void)state;
    PLAY(TEN, POST, PUT_REFUSED("202 Accepted", NULL), HEAD_THERE);
    PLAY(TEN, POST, PUT_REFUSED("204 No Content", NULL), HEAD_THERE);
    play(SCRIPT(POST, PUT_REFUSED("200 OK", NULL), HEAD_ABSENT, DELETE), TEN, ERROR_REGISTRY,
         "answered 200");
}

static void test_monolithic_refused(void **state)
{
    (void)state;
    PLAY(TEN, POST, PUT_REFUSED("400 Bad Request", "no"), DELETE, POST,
         PATCH("0", "9", TEXT, "0", "10"), PUT_END("10"), HEAD_THERE);
    /* what was learned is known to the next blob, too */
    struct script *script =
        SCRIPT(POST, PUT_REFUSED("400 Bad Request", "no"), DELETE, POST,
               PATCH("0", "9", TEXT, "0", "10"), PUT_END("10"), HEAD_THERE, POST,
               PATCH("0", "9", TEXT, "0", "10"), PUT_END("10"), HEAD_THERE);
    struct scene scene = {.opened = 0};
    struct error err = ERROR_INIT;
    scene_begin(&scene, script_host(script), TEN);
    for (int i = 0; i < 2; i++)
        assert_int_equal(upload_blob(&scene.remote, &scene.id, &scene.body, NULL, &err), 0);
    scene_end(&scene);
    script_end(script);
}

static void test_too_large(void **state)
{
    (void)state;
    struct settings settings = {.size = MIB};
    PLAY(settings, POST, PUT_REFUSED("413 Request Entity Too Large", "<html>nginx"), DELETE, POST,
         {.request = "PATCH /up?_state=0 ",
          .has = {"content-range: 0-524287\r\n"},
          .answer = "202 Accepted"},
         {.request = "PATCH /up?_state=0 ",
          .has = {"content-range: 524288-1048575\r\n"},
          .answer = "413 Request Entity Too Large"},
         DELETE, POST,
         {.request = "PATCH /up?_state=0 ",
          .has = {"content-length: 262144\r\n"},
          .answer = "202 Accepted",
          .times = 4},
         {.request = "PUT /up?_state=0&digest=", .answer = "201 Created"},
         {.request = "HEAD /v2/a/b/blobs/sha256:",
          .answer = "200 OK",
          .headers = "Content-Length: 1048576\r\n",
          .flags = SCRIPT_NO_LENGTH});
    /* pieces cannot be smaller than the registry's own minimum */
    settings.chunk = 512 << 10;
    play(SCRIPT({.request = "POST /v2/a/b/blobs/uploads/ ",
                 .answer = "202 Accepted",
                 .headers = "Location: /up?_state=0\r\nOCI-Chunk-Min-Length: 524288\r\n"},
                {.request = "PATCH /up?_state=0 ", .answer = "413 Request Entity Too Large"},
                DELETE,
                {.request = "POST /v2/a/b/blobs/uploads/ ",
                 .answer = "202 Accepted",
                 .headers = "Location: /up?_state=0\r\nOCI-Chunk-Min-Length: 524288\r\n"},
                DELETE),
         settings, ERROR_REGISTRY, "413");
    play(SCRIPT(POST, PUT_REFUSED("413 Too Large", ERRORS("DENIED: storage quota")), DELETE),
         settings.chunk == 0 ? settings : TEN, ERROR_QUOTA, "413");
}

/* --- faults of a whole body --- */

static void test_reset_in_body(void **state)
{
    (void)state;
    struct settings settings = {.size = 8 * MIB};
#define BROKEN_PUT                                                                                 \
    {.request = "PUT /up?_state=0&digest=",                                                        \
     .answer = "",                                                                                 \
     .flags = SCRIPT_EARLY | SCRIPT_NO_ANSWER | SCRIPT_RESET}
    PLAY(settings, POST_AND_CLOSE, BROKEN_PUT, HEAD_ABSENT, DELETE, POST,
         {.request = "PUT /up?_state=0&digest=", .answer = "201 Created"});
    /* twice in a row: then pieces (one of 16 MiB holds it all) */
    PLAY(settings, POST_AND_CLOSE, BROKEN_PUT, HEAD_ABSENT, DELETE, POST_AND_CLOSE, BROKEN_PUT,
         HEAD_ABSENT, DELETE, POST,
         {.request = "PATCH /up?_state=0 ",
          .has = {"content-range: 0-8388607\r\n"},
          .answer = "202 Accepted",
          .headers = "Range: 0-8388607\r\n"},
         {.request = "PUT /up?_state=0&digest=", .answer = "201 Created"},
         {.request = "HEAD /v2/a/b/blobs/sha256:",
          .answer = "200 OK",
          .headers = "Content-Length: 8388608\r\n",
          .flags = SCRIPT_NO_LENGTH});
}

static void test_answer_lost(void **state)
{
    (void)state;
    /* all was taken, only the answer went astray: nothing is sent twice */
    PLAY(TEN, POST_AND_CLOSE,
         {.request = "PUT /up?_state=0&digest=",
          .sent = TEXT,
          .answer = "",
          .flags = SCRIPT_NO_ANSWER | SCRIPT_RESET},
         HEAD_THERE);
}

static void test_server_fault(void **state)
{
    (void)state;
    PLAY(TEN, POST, PUT_REFUSED("500 Internal Server Error", "x"), HEAD_ABSENT, DELETE, POST,
         PUT_WHOLE);
    struct settings settings = {.retry_times = 1};
    play(SCRIPT(POST, PUT_REFUSED("503 Service Unavailable", "x"), HEAD_ABSENT, DELETE, POST,
                PUT_REFUSED("503 Service Unavailable", "x"), HEAD_ABSENT, DELETE),
         settings, ERROR_UNREACHABLE, "503");
}

static void test_busy(void **state)
{
    (void)state;
    PLAY(TEN, POST, PUT_REFUSED("429 Too Many Requests", "x"), PUT_WHOLE);
    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"),
         {.request = "PATCH /up?_state=4 ", .answer = "429 Too Many Requests", .times = 2},
         {.request = "PATCH /up?_state=4 ",
          .answer = "403 Forbidden",
          .body = ERRORS("DENIED: rate limit")},
         PATCH("4", "7", "4567", "4", "8"), PATCH("8", "9", "89", "8", "10"),
         {.request = "PUT /up?_state=10&digest=", .answer = "429 Too Many Requests"}, PUT_END("10"),
         HEAD_THERE);
    struct settings settings = {.retry_times = 1};
    play(SCRIPT(POST, PUT_REFUSED("429 Too Many Requests", "x"),
                PUT_REFUSED("429 Too Many Requests", "x"), DELETE),
         settings, ERROR_RATE_LIMIT, "429");
}

static void test_mismatch(void **state)
{
    (void)state;
    PLAY(TEN, POST, PUT_REFUSED("400 Bad Request", ERRORS("DIGEST_INVALID")), DELETE, POST,
         PUT_WHOLE);
    play(SCRIPT(POST, PUT_REFUSED("400 Bad Request", ERRORS("DIGEST_INVALID")), DELETE, POST,
                PUT_REFUSED("400 Bad Request", ERRORS("DIGEST_INVALID")), DELETE),
         TEN, ERROR_REGISTRY, "DIGEST_INVALID");
}

static void test_refused(void **state)
{
    (void)state;
    play(SCRIPT(POST, PUT_REFUSED("403 Forbidden", ERRORS("DENIED")), DELETE), TEN,
         ERROR_CREDENTIALS, "DENIED");
    play(SCRIPT(POST, PUT_REFUSED("404 Not Found", ERRORS("NAME_UNKNOWN")), DELETE), TEN,
         ERROR_REPOSITORY_MISSING, "NAME_UNKNOWN");
    play(SCRIPT({.request = "POST /v2/a/b/blobs/uploads/ ", .answer = "405 Method Not Allowed"}),
         TEN, ERROR_REGISTRY, "405");
}

/* --- lost sessions, failures, signals --- */

static void on_alarm(int number)
{
    (void)number;
    stop = 1;
}

static void test_lost_session(void **state)
{
    (void)state;
    struct scene scene = {.opened = 0};
    struct settings settings = {.concurrency = 2};
    struct script *script =
        SCRIPT(POST, PUT_REFUSED("404 Not Found", ERRORS("BLOB_UPLOAD_UNKNOWN")), POST, PUT_WHOLE);
    play_scene(&scene, script, settings, ERROR_NONE, "");
    assert_int_equal(scene.opened, 2);
    /* two at once have become one */
    struct profile *profile = client_profile(scene.client);
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    assert_true(profile_enter(profile, NULL));
    signal(SIGALRM, on_alarm);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_false(profile_enter(profile, &stop));
    profile_leave(profile, false, false);
    scene_end(&scene);

    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"),
         {.request = "PATCH /up?_state=4 ",
          .answer = "404 Not Found",
          .body = ERRORS("BLOB_UPLOAD_UNKNOWN")},
         POST, PATCH("0", "3", "0123", "0", "4"), PATCH("4", "7", "4567", "4", "8"),
         PATCH("8", "9", "89", "8", "10"), PUT_END("10"), HEAD_THERE);
    settings = (struct settings){.retry_times = 1};
    play(SCRIPT(POST, PUT_REFUSED("404 Not Found", ERRORS("BLOB_UPLOAD_UNKNOWN")), POST,
                PUT_REFUSED("404 Not Found", ERRORS("BLOB_UPLOAD_UNKNOWN"))),
         settings, ERROR_REGISTRY, "BLOB_UPLOAD_UNKNOWN");
}

static void test_body_unreadable(void **state)
{
    (void)state;
    struct scene scene = {.unreadable = 4};
    struct script *script = ANY_ORDER(POST, PATCH("0", "3", "0123", "0", "4"),
                                      {.request = "PATCH /up?_state=4 ",
                                       .answer = "202 Accepted",
                                       .flags = SCRIPT_EARLY | SCRIPT_NO_ANSWER | SCRIPT_STALL,
                                       .optional = true},
                                      DELETE);
    play_scene(&scene, script, FOURS, ERROR_IO, "the spool is broken");
    scene_end(&scene);
}

static void test_stopped(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct scene scene = {.opened = 0};
    struct script *script = SCRIPT({.request = "", .answer = "500 No", .optional = true});
    scene_begin(&scene, script_host(script), TEN);
    stop = 1;
    assert_int_equal(upload_blob(&scene.remote, &scene.id, &scene.body, &scene.watch, &err), -1);
    assert_int_equal(err.class, ERROR_INTERRUPTED);
    assert_int_equal(script_played(script), 0);
    scene_end(&scene);
    script_end(script);
}

/* A signal in the middle of a piece: the session is deleted all the same. */
static void test_stopped_in_the_middle(void **state)
{
    (void)state;
    struct scene scene = {.stops = 4};
    struct script *script = ANY_ORDER(POST, PATCH("0", "3", "0123", "0", "4"),
                                      {.request = "PATCH /up?_state=4 ",
                                       .answer = "202 Accepted",
                                       .flags = SCRIPT_EARLY | SCRIPT_NO_ANSWER | SCRIPT_STALL,
                                       .optional = true},
                                      {.request = "DELETE /up?_state=4 ",
                                       .has = {"authorization: Bearer t0ken"},
                                       .answer = "204 No Content"});
    play_scene(&scene, script, FOURS, ERROR_INTERRUPTED, "");
    scene_end(&scene);
}

static void test_wrong_blob(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct scene scene = {.opened = 0};
    scene_begin(&scene, "127.0.0.1:1", TEN);
    scene.body.size = 9;
    assert_int_equal(upload_blob(&scene.remote, &scene.id, &scene.body, NULL, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    scene_end(&scene);
}

/* --- mounts --- */

static void test_mount(void **state)
{
    (void)state;
#define MOUNT(status, lines)                                                                       \
    {                                                                                              \
        .request = "POST /v2/a/b/blobs/uploads/?mount=" ESCAPED "&from=c%2Fd ",                    \
        .has = {"content-length: 0"}, .answer = status, .headers = lines                           \
    }
    struct script *script =
        SCRIPT(MOUNT("201 Created", "Location: /x\r\nDocker-Content-Digest: " DIGEST "\r\n"),
               MOUNT("201 Created", "Docker-Content-Digest: sha256:00\r\n"),
               MOUNT("202 Accepted", "Location: /up?_state=0\r\n"), DELETE,
               MOUNT("403 Forbidden", NULL), MOUNT("404 Not Found", NULL));
    struct error err = ERROR_INIT;
    struct scene scene = {.opened = 0};
    scene_begin(&scene, script_host(script), TEN);
    const int results[] = {1, 0, 0, 0, 0};
    for (size_t i = 0; i < 5; i++) {
        assert_true(profile_mounts(client_profile(scene.client)));
        assert_int_equal(upload_mount(&scene.remote, &scene.id.digest, "c/d", &err), results[i]);
    }
    /* whoever asks now is told at once: no further request is expected */
    assert_false(profile_mounts(client_profile(scene.client)));
    assert_int_equal(upload_mount(&scene.remote, &scene.id.digest, "c/d", &err), 0);
    scene_end(&scene);
    script_end(script);
}

static void test_mount_fails(void **state)
{
    (void)state;
    struct script *script = SCRIPT({.request = "POST /v2/a/b/blobs/uploads/?mount=",
                                    .answer = "503 Service Unavailable",
                                    .times = 2});
    struct error err = ERROR_INIT;
    struct scene scene = {.opened = 0};
    scene_begin(&scene, script_host(script), (struct settings){.retry_times = 1});
    assert_int_equal(upload_mount(&scene.remote, &scene.id.digest, "c/d", &err), -1);
    assert_int_equal(err.class, ERROR_UNREACHABLE);
    scene_end(&scene);
    script_end(script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_large_asks_first),
        cmocka_unit_test(test_relative_location),
        cmocka_unit_test(test_location_elsewhere),
        cmocka_unit_test(test_location_downgraded),
        cmocka_unit_test(test_no_location),
        cmocka_unit_test(test_other_digest),
        cmocka_unit_test(test_unsure),
        cmocka_unit_test(test_monolithic_refused),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_reset_in_body),
        cmocka_unit_test(test_answer_lost),
        cmocka_unit_test(test_server_fault),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lost_session),
        cmocka_unit_test(test_body_unreadable),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_stopped_in_the_middle),
        cmocka_unit_test(test_wrong_blob),
        cmocka_unit_test(test_mount),
        cmocka_unit_test(test_mount_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
