/* http_fixture.h: a struct http for one test, with what it traced, and requests in a line. */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "tests/unit/http_script.h"

#include "convert/net/http.h"

static struct http *http;
static volatile sig_atomic_t http_stop;
static struct {
    char text[16384]; /* all lines */
    size_t size;
} traced;

static inline void http_traced(void *context, const char *line)
{
    (void)context;
    int size = snprintf(traced.text + traced.size, sizeof traced.text - traced.size, "%s\n", line);
    if (size > 0 && traced.size + (size_t)size < sizeof traced.text)
        traced.size += (size_t)size;
}

static inline void http_start(unsigned stall_seconds, uint64_t limit_rate)
{
    struct error err = ERROR_INIT;
    struct http_options options = {.stop = &http_stop,
                                   .trace = http_traced,
                                   .stall_seconds = stall_seconds,
                                   .limit_rate = limit_rate};
    http_stop = 0;
    traced.size = 0;
    traced.text[0] = '\0';
    http = http_new(&options, &err);
    assert_non_null(http);
}

static inline int http_fixture(void **state)
{
    (void)state;
    http_start(20, 0);
    return 0;
}

static inline int http_fixture_done(void **state)
{
    (void)state;
    http = http_free(http);
    return 0;
}

static inline const char *base_and(const struct script *script, const char *path)
{
    static char urls[8][256];
    static unsigned next;
    char *url = urls[next++ % 8];
    snprintf(url, sizeof urls[0], "%s%s", script_base(script), path);
    return url;
}

static inline int send_plain(enum http_method method, const char *url, struct http_response *ret,
                             struct error *err)
{
    return http_send(http, &(struct http_request){.method = method, .url = url}, ret, err);
}

static inline void assert_answers(enum http_method method, const char *url, int status,
                                  const char *body)
{
    struct error err = ERROR_INIT;
    struct http_response answer;
    if (send_plain(method, url, &answer, &err) < 0)
        fail_msg("%s: %s", url, err.text);
    assert_int_equal(answer.status, status);
    assert_int_equal(answer.body.size, strlen(body));
    assert_memory_equal(answer.body.size == 0 ? "" : (const char *)answer.body.data, body,
                        strlen(body));
    http_response_done(&answer);
}

static inline void assert_error(const struct error *err, enum error_class class, const char *text)
{
    if (err->class != class || strstr(err->text, text) == NULL)
        fail_msg("%s \"%s\" expected, not %s: %s", error_class_name(class), text,
                 error_class_name(err->class), err->text);
}

static inline void assert_fails(enum http_method method, const char *url, enum error_class class,
                                const char *text)
{
    struct error err = ERROR_INIT;
    struct http_response answer;
    if (send_plain(method, url, &answer, &err) == 0)
        fail_msg("%s: %d", url, answer.status);
    assert_error(&err, class, text);
    assert_null(answer.headers);
    http_response_done(&answer);
}

/* A body of bytes that tell their offset. */
struct made_body {
    struct http_body body;
    unsigned reads;
    uint64_t fails_at; /* offset from which reading fails; 0: never */
};

static inline uint8_t made_byte(uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16));
}

static inline int made_read(void *context, uint64_t offset, void *data, size_t size,
                            struct error *err)
{
    struct made_body *made = context;
    made->reads++;
    if (made->fails_at != 0 && offset + size > made->fails_at)
        return error_set(err, ERROR_IO, "the spool is gone");
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)data)[i] = made_byte(offset + i);
    return 0;
}

static inline struct http_body *make_body(struct made_body *made, uint64_t size)
{
    *made = (struct made_body){.body = {.size = size, .read = made_read, .context = made}};
    return &made->body;
}

/* A PUT of it, with a secret. */
static inline int send_body(const char *url, struct made_body *made, bool expect,
                            struct http_response *ret, struct error *err)
{
    return http_send(http,
                     &(struct http_request){.method = HTTP_PUT,
                                            .url = url,
                                            .authorization = "Bearer secret",
                                            .body = &made->body,
                                            .expect_continue = expect},
                     ret, err);
}

/* Its bytes, to be freed. */
static inline uint8_t *made_bytes(size_t size)
{
    uint8_t *ret = malloc(size + 1);
    assert_non_null(ret);
    for (size_t i = 0; i < size; i++)
        ret[i] = made_byte(i);
    return ret;
}

#endif
