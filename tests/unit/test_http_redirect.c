/* test_http_redirect.c: where answers lead, what goes along, and what is told of it. */
#include "tests/unit/http_fixture.h"

static const struct script_options in_order;

static int send_secret(enum http_method method, const char *url, struct http_response *ret,
                       struct error *err)
{
    const char *const headers[] = {"Range: bytes=5-", NULL};
    return http_send(
        http,
        &(struct http_request){
            .method = method, .url = url, .headers = headers, .authorization = "Bearer secret"},
        ret, err);
}

static void test_redirects(void **state)
{
    (void)state;
    struct script *other =
        script_start(&in_order, EXCHANGES({.request = "GET /blob?sig=hidden HTTP",
                                           .has = {"range: bytes=5-"},
                                           .has_not = {"authorization", "secret"},
                                           .answer = "307 Temporary Redirect",
                                           .headers = "Location: next\r\n"},
                                          {.request = "GET /next HTTP",
                                           .has_not = {"authorization"},
                                           .answer = "206 Partial Content",
                                           .body = "there"}));
    struct script *script =
        script_start(&(struct script_options){.other = script_base(other)},
                     EXCHANGES({.request = "GET /a",
                                .has = {"authorization: Bearer secret"},
                                .answer = "301 Moved",
                                .headers = "Location: /b?x=y\r\n",
                                .body = "not this"},
                               {.request = "GET /b?x=y HTTP",
                                .has = {"authorization: Bearer secret"},
                                .answer = "302 Found",
                                .headers = "Location: {base}/c\r\n"},
                               {.request = "GET /c",
                                .has = {"authorization: Bearer secret"},
                                .answer = "303 See Other",
                                .headers = "Location: {other}/blob?sig=hidden\r\n"}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    if (send_secret(HTTP_GET, base_and(script, "/a"), &answer, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(answer.status, 206);
    assert_int_equal(answer.body.size, 5);
    assert_string_equal(answer.url, base_and(other, "/next"));
    http_response_done(&answer);
    assert_null(strstr(traced.text, "secret"));
    assert_null(strstr(traced.text, "hidden"));
    assert_non_null(strstr(traced.text, "(authorization: Bearer ***)"));
    assert_non_null(strstr(traced.text, "/blob?***"));
    script_end(script);
    script_end(other);
}

static void test_redirects_refused(void **state)
{
    (void)state;
    struct script *script = script_start(
        &in_order,
        EXCHANGES(
            {.request = "HEAD /on",
             .times = 11,
             .answer = "308 Permanent Redirect",
             .headers = "Location: /on\r\n"},
            {.request = "GET /user",
             .answer = "302 Found",
             .headers = "Location: http://a:hidden@127.0.0.1/\r\n"},
            {.request = "GET /file",
             .answer = "302 Found",
             .headers = "Location: file:///etc/passwd\r\n"},
            {.request = "GET /empty", .answer = "302 Found", .headers = "Location:\r\n"},
            {.request = "GET /none", .answer = "302 Found", .body = "where"},
            {.request = "GET /304", .answer = "304 Not Modified", .headers = "Location: /x\r\n"},
            {.request = "POST /post",
             .answer = "307 Temporary Redirect",
             .headers = "Location: /x\r\n"},
            {.request = "PUT /put", .answer = "302 Found", .headers = "Location: /x\r\n"},
            {.request = "PATCH /patch",
             .answer = "308 Permanent Redirect",
             .headers = "Location: /x\r\n"},
            {.request = "DELETE /delete", .answer = "301 Moved", .headers = "Location: /x\r\n"}));
    assert_fails(HTTP_HEAD, base_and(script, "/on"), ERROR_REGISTRY, "10 redirects");
    assert_fails(HTTP_GET, base_and(script, "/user"), ERROR_REGISTRY, "user");
    assert_fails(HTTP_GET, base_and(script, "/file"), ERROR_REGISTRY, "file");
    assert_fails(HTTP_GET, base_and(script, "/empty"), ERROR_REGISTRY, "Location");
    assert_answers(HTTP_GET, base_and(script, "/none"), 302, "where");
    assert_answers(HTTP_GET, base_and(script, "/304"), 304, "");
    assert_answers(HTTP_POST, base_and(script, "/post"), 307, "");
    assert_answers(HTTP_PUT, base_and(script, "/put"), 302, "");
    assert_answers(HTTP_PATCH, base_and(script, "/patch"), 308, "");
    assert_answers(HTTP_DELETE, base_and(script, "/delete"), 301, "");
    assert_null(strstr(traced.text, "hidden"));
    script_end(script);
}

static void test_trace(void **state)
{
    (void)state;
    struct script *script = script_start(
        &in_order, EXCHANGES({.request = "PUT /v2/up",
                              .answer = "202 Accepted",
                              .headers = "Location: /v2/up?_state=hidden&digest=sha256:12\r\n"}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    struct made_body made;
    make_body(&made, 10);
    assert_int_equal(send_body(base_and(script, "/v2/up?_state=hidden&digest=sha256%3A12&x"), &made,
                               false, &answer, &err),
                     0);
    http_response_done(&answer);
    char expected[512];
    snprintf(expected, sizeof expected,
             "> PUT %s/v2/up?***&digest=sha256%%3A12&***, 10 bytes (authorization: Bearer ***)\n"
             "< 202 in ",
             script_base(script));
    assert_memory_equal(traced.text, expected, strlen(expected));
    snprintf(expected, sizeof expected,
             " ms, content-length 0, location %s/v2/up?***&digest=sha256:12\n",
             script_base(script));
    assert_non_null(strstr(traced.text, expected));
    assert_null(strstr(traced.text, "hidden"));
    assert_null(strstr(traced.text, "secret"));
    script_end(script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, http_fixture, http_fixture_done)
        T(test_redirects),
        T(test_redirects_refused),
        T(test_trace),
#undef T
    };
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
