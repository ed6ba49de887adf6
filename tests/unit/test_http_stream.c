/* test_http_stream.c: bodies read in pieces: whole, slowly, cut short, left in the middle. */
#include "tests/unit/http_fixture.h"

static const struct script_options in_order;

static struct http_stream *open_stream(const char *url, int status)
{
    struct error err = ERROR_INIT;
    struct http_response answer;
    struct http_stream *stream = NULL;
    if (http_open(http, &(struct http_request){.url = url}, &answer, &stream, &err) < 0)
        fail_msg("%s: %s", url, err.text);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.url, url);
    assert_int_equal(answer.body.size, 0);
    assert_non_null(answer.headers);
    assert_non_null(stream);
    http_response_done(&answer);
    return stream;
}

/* Reads on in steps of at most `step`; returns what the last peek did. *at: how far it came. */
static int read_on(struct http_stream *stream, uint64_t *at, uint64_t until, size_t step,
                   struct error *err)
{
    const uint8_t *data;
    size_t size;
    int status = 1;
    while (*at < until && (status = http_peek(stream, &data, &size, err)) == 1) {
        assert_true(size > 0);
        size = size < step ? size : step;
        for (size_t i = 0; i < size; i++)
            if (data[i] != made_byte(*at + i))
                fail_msg("byte %llu differs", (unsigned long long)(*at + i));
        http_skip(stream, size);
        *at += size;
    }
    return status;
}

static void assert_read(const char *url, int status, uint64_t size, size_t step)
{
    struct error err = ERROR_INIT;
    uint64_t at = 0;
    struct http_stream *stream = open_stream(url, status);
    if (read_on(stream, &at, UINT64_MAX, step, &err) != 0)
        fail_msg("%s at %llu: %s", url, (unsigned long long)at, err.text);
    assert_int_equal(at, size);
    assert_int_equal(read_on(stream, &at, UINT64_MAX, step, &err), 0);
    assert_null(http_close(stream));
}

static void test_whole(void **state)
{
    (void)state;
    const size_t size = 20u << 20;
    uint8_t *bytes = made_bytes(size);
    struct script *script = script_start(
        &in_order,
        EXCHANGES({.request = "GET /a", .answer = "200 OK", .body = bytes, .body_size = size},
                  {.request = "GET /b",
                   .answer = "206 Partial Content",
                   .body = bytes,
                   .body_size = size,
                   .flags = SCRIPT_CHUNKED},
                  {.request = "GET /c", .answer = "200 OK", .body = bytes, .body_size = 100},
                  {.request = "GET /d", .answer = "200 OK"},
                  {.request = "GET /e",
                   .answer = "200 OK",
                   .body = bytes,
                   .body_size = size,
                   .flags = SCRIPT_NO_LENGTH}));
    assert_read(base_and(script, "/a"), 200, size, SIZE_MAX);
    assert_read(base_and(script, "/b"), 206, size, 100000);
    assert_read(base_and(script, "/c"), 200, 100, 1);
    assert_read(base_and(script, "/d"), 200, 0, 1);
    assert_read(base_and(script, "/e"), 200, size, SIZE_MAX);
    assert_int_equal(script_connections(script), 1);
    script_end(script);
    free(bytes);
}

/* A reader that takes its time, longer than stall_seconds, is no stall. */
static void test_slow_reader(void **state)
{
    (void)state;
    http = http_free(http);
    http_start(1, 0);
    const size_t size = 20u << 20;
    uint8_t *bytes = made_bytes(size);
    struct script *script = script_start(
        &in_order,
        EXCHANGES({.request = "GET /a", .answer = "200 OK", .body = bytes, .body_size = size}));
    struct error err = ERROR_INIT;
    uint64_t at = 0;
    struct http_stream *stream = open_stream(base_and(script, "/a"), 200);
    assert_int_equal(read_on(stream, &at, 1000, 100, &err), 1);
    script_pause(1500);
    assert_int_equal(read_on(stream, &at, 8u << 20, SIZE_MAX, &err), 1);
    script_pause(1500);
    assert_int_equal(read_on(stream, &at, UINT64_MAX, SIZE_MAX, &err), 0);
    assert_int_equal(at, size);
    http_close(stream);
    script_end(script);
    free(bytes);
}

static void assert_breaks(const char *url, uint64_t size, enum error_class class, const char *text)
{
    struct error err = ERROR_INIT;
    uint64_t at = 0;
    struct http_stream *stream = open_stream(url, 200);
    assert_int_equal(read_on(stream, &at, UINT64_MAX, SIZE_MAX, &err), -1);
    assert_error(&err, class, text);
    assert_int_equal(at, size);
    assert_int_equal(read_on(stream, &at, UINT64_MAX, SIZE_MAX, &err), -1);
    http_close(stream);
}

/* What came before the break is given out first. */
static void test_breaks(void **state)
{
    (void)state;
    http = http_free(http);
    http_start(1, 0);
    const size_t size = 10u << 20, part = 3u << 20;
    uint8_t *bytes = made_bytes(size);
#define BREAKS(path, after, how)                                                                   \
    {                                                                                              \
        .request = "GET " path, .answer = "200 OK", .body = bytes, .body_size = size, .cut = true, \
        .cut_size = (after), .flags = (how)                                                        \
    }
    struct script *script = script_start(
        &in_order, EXCHANGES(BREAKS("/short", part, 0), BREAKS("/reset", 1000, SCRIPT_RESET),
                             BREAKS("/chunked", part, SCRIPT_CHUNKED),
                             BREAKS("/stall", part, SCRIPT_STALL), BREAKS("/none", 0, 0)));
#undef BREAKS
    assert_breaks(base_and(script, "/short"), part, ERROR_UNREACHABLE, "/short: ");
    assert_breaks(base_and(script, "/reset"), 1000, ERROR_UNREACHABLE, "reset");
    assert_breaks(base_and(script, "/chunked"), part, ERROR_UNREACHABLE, "/chunked: ");
    assert_breaks(base_and(script, "/stall"), part, ERROR_UNREACHABLE, "stalled");
    assert_breaks(base_and(script, "/none"), 0, ERROR_UNREACHABLE, "/none: ");
    script_end(script);
    free(bytes);
}

static void test_left(void **state)
{
    (void)state;
    const size_t size = 20u << 20;
    uint8_t *bytes = made_bytes(size);
    struct script *script = script_start(
        &in_order,
        EXCHANGES({.request = "GET /a", .answer = "200 OK", .body = bytes, .body_size = size},
                  {.request = "GET /b", .answer = "200 OK", .body = bytes, .body_size = 10}));
    struct error err = ERROR_INIT;
    uint64_t at = 0;
    struct http_stream *stream = open_stream(base_and(script, "/a"), 200);
    assert_int_equal(read_on(stream, &at, 1u << 20, SIZE_MAX, &err), 1);
    http_close(stream);
    assert_read(base_and(script, "/b"), 200, 10, 10);
    script_end(script);
    assert_null(http_close(NULL));
    free(bytes);
}

static void test_stop(void **state)
{
    (void)state;
    const size_t size = 20u << 20;
    uint8_t *bytes = made_bytes(size);
    struct script *script = script_start(
        &in_order,
        EXCHANGES({.request = "GET /a", .answer = "200 OK", .body = bytes, .body_size = size}));
    struct error err = ERROR_INIT;
    uint64_t at = 0;
    struct http_stream *stream = open_stream(base_and(script, "/a"), 200);
    assert_int_equal(read_on(stream, &at, 1000, 1000, &err), 1);
    http_stop = 1;
    assert_int_equal(read_on(stream, &at, UINT64_MAX, SIZE_MAX, &err), -1);
    assert_error(&err, ERROR_INTERRUPTED, "interrupted");
    http_close(stream);
    script_end(script);
    free(bytes);
}

/* Other statuses are no streams; their bodies explain them, up to 64 KiB. */
static void test_other_statuses(void **state)
{
    (void)state;
    static char big[1u << 20];
    memset(big, 'x', sizeof big);
    struct script *script = script_start(
        &in_order,
        EXCHANGES(
            {.request = "GET /redirect",
             .answer = "307 Temporary Redirect",
             .headers = "Location: /gone\r\n",
             .body = big,
             .body_size = sizeof big},
            {.request = "GET /gone", .answer = "404 Not Found", .body = "gone"},
            {.request = "GET /big", .answer = "503 Busy", .body = big, .body_size = sizeof big}));
    static const struct {
        const char *path;
        int status;
        size_t size;
    } rows[] = {{"/redirect", 404, 4}, {"/big", 503, 65536}};
    for (size_t i = 0; i < 2; i++) {
        struct error err = ERROR_INIT;
        struct http_response answer;
        struct http_stream *stream = NULL;
        struct http_request request = {.url = base_and(script, rows[i].path)};
        if (http_open(http, &request, &answer, &stream, &err) < 0)
            fail_msg("%s: %s", rows[i].path, err.text);
        assert_null(stream);
        assert_int_equal(answer.status, rows[i].status);
        assert_int_equal(answer.body.size, rows[i].size);
        http_response_done(&answer);
    }
    script_end(script);
}

/* --- several at once --- */

#define READERS 4

static void *read_several(void *context)
{
    const char *url = context;
    for (int i = 0; i < 8; i++) {
        struct error err = ERROR_INIT;
        struct http_response answer;
        struct http_stream *stream = NULL;
        const uint8_t *data;
        size_t size, total = 0;
        if (http_open(http, &(struct http_request){.url = url}, &answer, &stream, &err) < 0 ||
            stream == NULL)
            return "open";
        http_response_done(&answer);
        while (http_peek(stream, &data, &size, &err) == 1) {
            total += size;
            http_skip(stream, size);
        }
        http_close(stream);
        if (total != 1u << 20)
            return "short";
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    const size_t size = 1u << 20;
    uint8_t *bytes = made_bytes(size);
    struct script *script = script_start(&in_order, EXCHANGES({.request = "GET /a",
                                                               .answer = "200 OK",
                                                               .body = bytes,
                                                               .body_size = size,
                                                               .times = READERS * 8}));
    pthread_t threads[READERS];
    char url[256];
    snprintf(url, sizeof url, "%s", base_and(script, "/a"));
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_several, url), 0);
    for (size_t i = 0; i < READERS; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_true(script_connections(script) <= READERS);
    script_end(script);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, http_fixture, http_fixture_done)
        T(test_whole), T(test_slow_reader),    T(test_breaks),  T(test_left),
        T(test_stop),  T(test_other_statuses), T(test_threads),
#undef T
    };
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
