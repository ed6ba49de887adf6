/* test_http.c: requests, answers and failures, against a server in this process. */
#include "tests/unit/http_fixture.h"

#include <sys/time.h>

static const struct script_options in_order;

static void test_methods(void **state)
{
    (void)state;
    struct script *script = script_start(
        &in_order,
        EXCHANGES(
            {.request = "GET /v2/?n=1 HTTP/1.1\r\n",
             .has = {"user-agent: tartconv", "accept: application/x\r\n", "host: {host}\r\n"},
             .has_not = {"expect", "content-length", "authorization", "accept-encoding", "cookie"},
             .answer = "200 OK",
             .headers = "Set-Cookie: a=b; path=/\r\n",
             .body = "hello"},
            {.request = "HEAD /v2/", .has_not = {"cookie"}, .answer = "404 Not Found"},
            {.request = "POST /v2/",
             .has = {"content-length: 0\r\n"},
             .has_not = {"expect"},
             .answer = "202 Accepted"},
            {.request = "PUT /v2/", .has = {"content-length: 0\r\n"}, .answer = "201 Created"},
            {.request = "PATCH /v2/", .has = {"content-length: 0\r\n"}, .answer = "202 OK"},
            {.request = "DELETE /v2/", .has_not = {"expect"}, .answer = "204 No Content"},
            {.request = "GET /v2/", .answer = "500 Oops", .body = "why", .flags = SCRIPT_CHUNKED}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    const char *const headers[] = {"Accept: application/x", NULL};
    struct http_request request = {
        .url = base_and(script, "/v2/?n=1#part"), .headers = headers, .small = true};
    assert_int_equal(http_send(http, &request, &answer, &err), 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.size, 5);
    http_response_done(&answer);
    assert_answers(HTTP_HEAD, base_and(script, "/v2/"), 404, "");
    assert_answers(HTTP_POST, base_and(script, "/v2/"), 202, "");
    assert_answers(HTTP_PUT, base_and(script, "/v2/"), 201, "");
    assert_answers(HTTP_PATCH, base_and(script, "/v2/"), 202, "");
    assert_answers(HTTP_DELETE, base_and(script, "/v2/"), 204, "");
    assert_answers(HTTP_GET, base_and(script, "/v2/"), 500, "why");
    assert_int_equal(script_connections(script), 1);
    script_end(script);
}

static void assert_header(const struct http_response *answer, const char *name, size_t index,
                          const char *value)
{
    char *found = http_header(answer, name, index);
    if (value == NULL)
        assert_null(found);
    else
        assert_string_equal(found == NULL ? "(none)" : found, value);
    free(found);
}

static void test_headers(void **state)
{
    (void)state;
    struct script *script = script_start(
        &in_order, EXCHANGES({.request = "GET /",
                              .answer = "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
                                        "HTTP/1.1 200 OK\r\nRange:0-9\r\nLOCATION:  /a b \t\r\n"
                                        "Www-Authenticate: Basic\r\nwww-authenticate: Bearer "
                                        "a=\"b\",\r\n  c=d\r\nEmpty:\r\nbell: a\007b\r\n"
                                        "Range-More: x\r\ncontent-length: 2\r\n\r\nok",
                              .flags = SCRIPT_CLOSE}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    if (send_plain(HTTP_GET, base_and(script, "/"), &answer, &err) < 0)
        fail_msg("%s", err.text);
    assert_header(&answer, "range", 0, "0-9");
    assert_header(&answer, "range", 1, NULL);
    assert_header(&answer, "location", 0, "/a b");
    assert_header(&answer, "www-authenticate", 0, "Basic");
    assert_header(&answer, "www-authenticate", 1, "Bearer a=\"b\",   c=d");
    assert_header(&answer, "empty", 0, "");
    assert_header(&answer, "bell", 0, "a?b");
    assert_header(&answer, "x-early", 0, NULL);
    assert_header(&answer, "absent", 0, NULL);
    uint64_t length = 0;
    assert_true(http_header_number(&answer, "content-length", &length));
    assert_int_equal(length, 2);
    assert_false(http_header_number(&answer, "range", &length));
    assert_false(http_header_number(&answer, "absent", &length));
    assert_string_equal(answer.url, base_and(script, "/"));
    http_response_done(&answer);
    http_response_done(&answer);
    script_end(script);
}

static void test_bodies(void **state)
{
    (void)state;
    const size_t size = 3u << 20;
    uint8_t *bytes = made_bytes(size);
    struct script *script = script_start(
        &in_order,
        EXCHANGES(
            {.request = "PUT /a",
             .has = {"content-length: 3145728\r\n", "authorization: Bearer secret\r\n"},
             .has_not = {"expect", "transfer-encoding"},
             .sent = bytes,
             .sent_size = size,
             .answer = "201 Created"},
            {.request = "PUT /asked",
             .has = {"expect: 100-continue\r\n"},
             .sent = bytes,
             .sent_size = size,
             .answer = "201 Created"},
            {.request = "PUT /empty", .has = {"content-length: 0\r\n"}, .answer = "201 Created"}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    struct made_body made;
    make_body(&made, size);
    static const char *const paths[] = {"/a", "/asked", "/empty"};
    for (size_t i = 0; i < 3; i++) {
        made.body.size = i == 2 ? 0 : size;
        if (send_body(base_and(script, paths[i]), &made, i == 1, &answer, &err) < 0)
            fail_msg("%s: %s", paths[i], err.text);
        assert_int_equal(answer.status, 201);
        http_response_done(&answer);
    }
    assert_int_equal(script_connections(script), 1);
    script_end(script);
    free(bytes);
}

/* The server refuses before it has the body: what it says is the answer. */
static void test_early_answers(void **state)
{
    (void)state;
    struct script *script =
        script_start(&in_order, EXCHANGES({.request = "PUT /a",
                                           .answer = "413 Too Large",
                                           .body = "quota",
                                           .flags = SCRIPT_EARLY},
                                          {.request = "PUT /b",
                                           .answer = "401 Unauthorized",
                                           .body = "no",
                                           .flags = SCRIPT_EARLY | SCRIPT_CLOSE},
                                          {.request = "PUT /c",
                                           .answer = "413 Too Large",
                                           .body = "no, for many reasons",
                                           .cut = true,
                                           .cut_size = 2,
                                           .flags = SCRIPT_EARLY | SCRIPT_RESET},
                                          {.request = "PUT /d",
                                           .has = {"expect: 100-continue"},
                                           .answer = "401 Unauthorized",
                                           .flags = SCRIPT_EARLY}));
    static const struct {
        const char *path;
        int status;
    } rows[] = {{"/a", 413}, {"/b", 401}, {"/c", 413}, {"/d", 401}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        struct http_response answer;
        struct made_body made;
        make_body(&made, 64u << 20);
        if (send_body(base_and(script, rows[i].path), &made, i == 3, &answer, &err) < 0)
            fail_msg("%s: %s", rows[i].path, err.text);
        assert_int_equal(answer.status, rows[i].status);
        assert_true(made.reads < 100);
        if (i == 3)
            assert_int_equal(made.reads, 0);
        http_response_done(&answer);
    }
    script_end(script);
}

static void test_body_errors(void **state)
{
    (void)state;
    struct script *script = script_start(
        &(struct script_options){.any_order = true},
        EXCHANGES({.request = "PUT /a", .answer = "201 Created", .flags = SCRIPT_EARLY},
                  {.request = "PUT /b", .flags = SCRIPT_EARLY | SCRIPT_NO_ANSWER | SCRIPT_RESET}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    struct made_body made;
    make_body(&made, 64u << 20);
    made.fails_at = 1u << 20;
    assert_int_equal(send_body(base_and(script, "/a?_state=hidden"), &made, false, &answer, &err),
                     -1);
    assert_error(&err, ERROR_IO, "/a: the spool is gone");
    assert_null(strstr(err.text, "hidden"));
    make_body(&made, 64u << 20);
    assert_int_equal(send_body(base_and(script, "/b"), &made, false, &answer, &err), -1);
    assert_error(&err, ERROR_UNREACHABLE, "PUT http://127.0.0.1");
    script_end(script);
}

/* A kept connection that the server has closed meanwhile: the request is sent again on a new one,
 * its body from the start. */
static void test_dead_connection(void **state)
{
    (void)state;
    const size_t size = 100000;
    uint8_t *bytes = made_bytes(size);
    struct script *script = script_start(
        &in_order,
        EXCHANGES(
            {.request = "GET /a", .answer = "200 OK", .body = "a"},
            {.request = "PUT /b", .flags = SCRIPT_NO_ANSWER | SCRIPT_CLOSE},
            {.request = "PUT /b", .sent = bytes, .sent_size = size, .answer = "201 Created"}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    struct made_body made;
    make_body(&made, size);
    assert_answers(HTTP_GET, base_and(script, "/a"), 200, "a");
    if (send_body(base_and(script, "/b"), &made, false, &answer, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(answer.status, 201);
    http_response_done(&answer);
    assert_int_equal(script_connections(script), 2);
    script_end(script);
    free(bytes);
}

static void test_failures(void **state)
{
    (void)state;
    static const char long_header[] = "HTTP/1.1 200 OK\r\n";
    static char headers[80000];
    size_t size = (size_t)snprintf(headers, sizeof headers, "%s", long_header);
    while (size < 70000)
        size += (size_t)snprintf(headers + size, sizeof headers - size, "x: %0100d\r\n", 0);
    snprintf(headers + size, sizeof headers - size, "\r\n");
    static char body[(5u << 20) + 1];
    memset(body, 'x', sizeof body);
    struct script *script = script_start(
        &in_order,
        EXCHANGES(
            {.request = "GET /no-answer", .flags = SCRIPT_NO_ANSWER},
            {.request = "GET /reset", .flags = SCRIPT_NO_ANSWER | SCRIPT_RESET},
            {.request = "GET /half-head",
             .answer = "HTTP/1.1 200 OK\r\nA: b\r\n",
             .flags = SCRIPT_CLOSE},
            {.request = "GET /reset-head",
             .answer = "HTTP/1.1 200 OK\r\nA: b\r\n",
             .flags = SCRIPT_RESET},
            {.request = "GET /short",
             .answer = "200 OK",
             .body = "hello",
             .cut = true,
             .cut_size = 2},
            {.request = "GET /reset-body",
             .answer = "200 OK",
             .body = "hello",
             .cut = true,
             .cut_size = 2,
             .flags = SCRIPT_RESET},
            {.request = "GET /chunk",
             .answer = "200 OK",
             .body = "hello",
             .cut = true,
             .cut_size = 2,
             .flags = SCRIPT_CHUNKED},
            {.request = "GET /not-http", .answer = "HTTP/ssh\r\n\r\n", .flags = SCRIPT_CLOSE},
            {.request = "GET /ssh", .answer = "SSH-2.0-x\r\n", .flags = SCRIPT_CLOSE},
            {.request = "GET /bad-chunk",
             .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
             .flags = SCRIPT_CLOSE},
            {.request = "GET /long-head", .answer = headers, .flags = SCRIPT_CLOSE},
            {.request = "GET /long", .answer = "200 OK", .body = body, .body_size = sizeof body}));
    static const struct {
        const char *path;
        enum error_class class;
        const char *text;
    } rows[] = {{"/no-answer", ERROR_UNREACHABLE, "GET http://127.0.0.1:"},
                {"/reset", ERROR_UNREACHABLE, "reset"},
                {"/half-head", ERROR_UNREACHABLE, "/half-head: "},
                {"/reset-head", ERROR_UNREACHABLE, "reset"},
                {"/short", ERROR_UNREACHABLE, "3 bytes"},
                {"/reset-body", ERROR_UNREACHABLE, "reset"},
                {"/chunk", ERROR_UNREACHABLE, "/chunk: "},
                {"/not-http", ERROR_REGISTRY, "not HTTP"},
                {"/ssh", ERROR_REGISTRY, "not HTTP"},
                {"/bad-chunk", ERROR_REGISTRY, "not HTTP"},
                {"/long-head", ERROR_REGISTRY, "headers pass 64 KiB"},
                {"/long", ERROR_REGISTRY, "passes 5 MiB"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_fails(HTTP_GET, base_and(script, rows[i].path), rows[i].class, rows[i].text);
    script_end(script);
    assert_fails(HTTP_GET, "http://127.0.0.1:1/", ERROR_UNREACHABLE, "http://127.0.0.1:1/: ");
    assert_fails(HTTP_GET, "http://name.invalid/", ERROR_UNREACHABLE, "resolve");
    assert_fails(HTTP_GET, "file:///etc/passwd", ERROR_REGISTRY, "file");
    assert_fails(HTTP_GET, "http://a:hidden@127.0.0.1/", ERROR_REGISTRY, "user");
}

static void test_stall(void **state)
{
    (void)state;
    http = http_free(http);
    http_start(1, 0);
    struct script *script = script_start(
        &in_order, EXCHANGES({.request = "GET /a", .flags = SCRIPT_NO_ANSWER | SCRIPT_STALL},
                             {.request = "GET /b",
                              .answer = "200 OK",
                              .body = "hello",
                              .cut = true,
                              .cut_size = 2,
                              .flags = SCRIPT_STALL}));
    assert_fails(HTTP_GET, base_and(script, "/a"), ERROR_UNREACHABLE, "stalled");
    assert_fails(HTTP_GET, base_and(script, "/b"), ERROR_UNREACHABLE, "stalled");
    script_end(script);
}

static void stop_on_alarm(int number)
{
    (void)number;
    http_stop = 1;
}

static void test_stop(void **state)
{
    (void)state;
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    signal(SIGALRM, stop_on_alarm);
    pthread_sigmask(SIG_BLOCK, &alarms, NULL);
    struct script *script = script_start(
        &in_order, EXCHANGES({.request = "GET /a", .flags = SCRIPT_NO_ANSWER | SCRIPT_STALL}));
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL); /* in this thread alone */
    const struct itimerval soon = {.it_value = {.tv_usec = 300000}};
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_fails(HTTP_GET, base_and(script, "/a"), ERROR_INTERRUPTED, "interrupted");
    assert_fails(HTTP_GET, base_and(script, "/b"), ERROR_INTERRUPTED, "interrupted");
    signal(SIGALRM, SIG_DFL);
    script_end(script);
}

static void test_rate(void **state)
{
    (void)state;
    http = http_free(http);
    http_start(0, 2u << 20);
    const size_t size = 1u << 20;
    uint8_t *bytes = made_bytes(size);
    struct script *script = script_start(
        &in_order,
        EXCHANGES({.request = "PUT /a", .sent = bytes, .sent_size = size, .answer = "201 Created"},
                  {.request = "GET /b", .answer = "200 OK", .body = bytes, .body_size = size}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    struct made_body made;
    make_body(&made, size);
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    assert_int_equal(send_body(base_and(script, "/a"), &made, false, &answer, &err), 0);
    http_response_done(&answer);
    assert_int_equal(send_plain(HTTP_GET, base_and(script, "/b"), &answer, &err), 0);
    assert_int_equal(answer.body.size, size);
    http_response_done(&answer);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    /* half a second each, less what a burst may be: never faster, however quick the machine */
    assert_true((ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000 >=
                700);
    script_end(script);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, http_fixture, http_fixture_done)
        T(test_methods),       T(test_headers),     T(test_bodies),
        T(test_early_answers), T(test_body_errors), T(test_dead_connection),
        T(test_failures),

        T(test_stall),         T(test_stop),        T(test_rate),
#undef T
    };
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
