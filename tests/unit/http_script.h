/* http_script.h: a server in the test's own process that plays a list of exchanges, for the tests
 * of convert/net. It listens on 127.0.0.1, at a port that was free.
 *
 *     struct script *script = script_start(
 *         &(struct script_options){0},
 *         EXCHANGES({.request = "HEAD /v2/a/blobs/", .answer = "404 Not Found"},
 *                   {.request = "POST /v2/a/", .has = {"authorization: Bearer t"},
 *                    .has_not = {"expect:"}, .answer = "202 Accepted",
 *                    .headers = "Location: {base}/up?_state=1\r\n"}));
 *     … script_base(script) is "http://127.0.0.1:PORT", script_host(script) "127.0.0.1:PORT" …
 *     script_end(script);      fails the test unless all were played, in order, and no more came
 *
 * In all texts of an exchange {base} stands for script_base, {host} for script_host, {other} for
 * options.other. Content-Length is added (of the whole body, also with `cut`), but for 204, 304 and
 * 1xx, and the flags that say else. HEAD gets no body, but its length. Connections are kept, each
 * has a thread of its own; "Expect: 100-continue" gets its 100 before the body is read.
 *
 * What is wrong is kept and told by script_end; script_wrong(script) asks earlier (NULL: nothing).
 * A request that was not expected gets no answer. script_request(script, i): the i-th request, head
 * and body, as it came (NULL: none), until script_end. script_connections(script): how many were
 * accepted. script_played(script): how many requests came. Link with -pthread; exchanges live until
 * script_end (compound literals: within the same block). */
#ifndef TESTS_UNIT_HTTP_SCRIPT_H
#define TESTS_UNIT_HTTP_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/http_script_wire.h"

enum script_flag {
    SCRIPT_CLOSE = 1,       /* closes the connection behind the answer */
    SCRIPT_RESET = 2,       /* resets it (RST) behind the answer, once that has arrived */
    SCRIPT_STALL = 4,       /* sends no more, and keeps the connection until the client goes */
    SCRIPT_CHUNKED = 8,     /* Transfer-Encoding: chunked in pieces of 4 KiB; with `cut`: no end */
    SCRIPT_NO_LENGTH = 16,  /* no Content-Length; the end of the connection ends the body */
    SCRIPT_EARLY = 32,      /* answers when the head is there; the body is read away until the
                               client goes (with CLOSE or RESET: not at all, and these come
                               200 ms later) */
    SCRIPT_NO_100 = 64,     /* "Expect" gets no 100; the body is awaited all the same */
    SCRIPT_NO_ANSWER = 128, /* nothing is sent, then CLOSE, RESET or STALL (default: CLOSE) */
};

struct exchange {
    const char *request;    /* how the request line begins: "GET /v2/" */
    const char *has[8];     /* in head (any case) or body (exactly) */
    const char *has_not[8]; /* in neither */
    const void *sent;       /* the request's body, exactly */
    size_t sent_size;       /* 0: strlen(sent) */
    const char *answer;     /* "200 OK"; without a digit in front: sent as it is, no header added */
    const char *headers;    /* "Name: value\r\n"… */
    const void *body;       /* a text; with body_size: any bytes, no {base} in it */
    size_t body_size;
    bool cut; /* of the body only cut_size bytes are sent; combine with CLOSE,
                 RESET or STALL (default: CLOSE) */
    size_t cut_size;
    unsigned flags;    /* enum script_flag */
    unsigned delay_ms; /* before the answer */
    unsigned times;    /* this often in a row; 0: once */
    bool optional;     /* may be left out (only looked for where it is next) */
};

struct script_options {
    const char *other; /* what {other} stands for; NULL: "" */
    bool any_order;    /* a request takes the first exchange left that fits: by its line and, where
                          the request has no body, by has and has_not */
};

#define SCRIPT_REQUESTS_MAX    256
#define SCRIPT_CONNECTIONS_MAX 256
#define SCRIPT_KEPT_MAX        (64u << 20) /* of one request */

struct script_connection {
    struct script *script;
    pthread_t thread;
    int fd; /* under the lock: -1 when closed */
};

struct script {
    struct script_options options;
    const struct exchange *exchanges;
    unsigned left[SCRIPT_REQUESTS_MAX];
    size_t count;
    char base[64], wrong[512];
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
    bool ending;
    char *requests[SCRIPT_REQUESTS_MAX];
    size_t request_count;
    struct script_connection connections[SCRIPT_CONNECTIONS_MAX];
    size_t connection_count;
};

#define EXCHANGES(...)                                                                             \
    (const struct exchange[]){__VA_ARGS__},                                                        \
        sizeof((const struct exchange[]){__VA_ARGS__}) / sizeof(struct exchange)

static inline const char *script_base(const struct script *script)
{
    return script->base;
}

static inline const char *script_host(const struct script *script)
{
    return script->base + strlen("http://");
}

static inline void script_complain(struct script *script, const char *what, const char *request)
{
    pthread_mutex_lock(&script->lock);
    if (script->wrong[0] == '\0' && !script->ending)
        snprintf(script->wrong, sizeof script->wrong, "%s: %.300s", what, request);
    pthread_mutex_unlock(&script->lock);
}

/* text with {base}, {host} and {other} replaced; to be freed. */
static inline char *script_fill(const struct script *script, const char *text)
{
    const char *const names[] = {"{base}", "{host}", "{other}"};
    const char *const values[] = {script->base, script_host(script),
                                  script->options.other == NULL ? "" : script->options.other};
    char *ret = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&ret, &size);
    while (out != NULL && *text != '\0') {
        size_t i = 0;
        while (i < 3 && strncmp(text, names[i], strlen(names[i])) != 0)
            i++;
        if (i < 3)
            fputs(values[i], out);
        else
            fputc(*text, out);
        text += i < 3 ? strlen(names[i]) : 1;
    }
    if (out != NULL)
        fclose(out);
    return ret;
}

static inline bool script_holds(const struct script *script, const struct script_request *request,
                                const char *wanted)
{
    char *text = script_fill(script, wanted);
    char *head = strndup(request->data, request->head);
    bool found = strcasestr(head, text) != NULL ||
                 memmem(request->data + request->head, request->size - request->head, text,
                        strlen(text)) != NULL;
    free(head);
    free(text);
    return found;
}

/* NULL: it fits; else what is wrong, to be freed. */
static inline char *script_misfit_line(const struct script *script, const struct exchange *exchange,
                                       const struct script_request *request)
{
    char *ret = NULL, *line = script_fill(script, exchange->request);
    if (strncmp(request->data, line, strlen(line)) != 0)
        (void)!asprintf(&ret, "expected \"%s\"", line);
    free(line);
    return ret;
}

static inline char *script_misfit(const struct script *script, const struct exchange *exchange,
                                  const struct script_request *request)
{
    char *ret = script_misfit_line(script, exchange, request);
    size_t sent = exchange->sent_size;
    if (sent == 0 && exchange->sent != NULL)
        sent = strlen(exchange->sent);
    for (size_t i = 0; i < 8 && ret == NULL && exchange->has[i] != NULL; i++)
        if (!script_holds(script, request, exchange->has[i]))
            (void)!asprintf(&ret, "lacks \"%s\"", exchange->has[i]);
    for (size_t i = 0; i < 8 && ret == NULL && exchange->has_not[i] != NULL; i++)
        if (script_holds(script, request, exchange->has_not[i]))
            (void)!asprintf(&ret, "must not have \"%s\"", exchange->has_not[i]);
    if (ret == NULL && exchange->sent != NULL && (exchange->flags & SCRIPT_EARLY) == 0 &&
        (request->size - request->head != sent ||
         memcmp(request->data + request->head, exchange->sent, sent) != 0))
        ret = strdup("another body was expected");
    return ret;
}

/* The exchange that a request whose head is there belongs to, by order or by line. */
static inline size_t script_choose(struct script *script, const struct script_request *request)
{
    size_t i = 0;
    for (; i < script->count; i++) {
        if (script->left[i] == 0)
            continue;
        char *misfit = (request->body == 0 ? script_misfit : script_misfit_line)(
            script, &script->exchanges[i], request);
        bool fits = misfit == NULL;
        free(misfit);
        if (fits || (!script->options.any_order && !script->exchanges[i].optional))
            break;
    }
    return i;
}

static inline bool script_receive_head(struct script *script, int fd,
                                       struct script_request *request)
{
    char *end = NULL;
    while (end == NULL) {
        if (!script_receive(fd, request, request->size + 1))
            return false;
        if (request->size >= 4 && memcmp(request->data + request->size - 4, "\r\n\r\n", 4) == 0)
            end = request->data + request->size;
    }
    request->head = request->size;
    const char *length = strcasestr(request->data, "\r\ncontent-length:");
    length = length == NULL ? "" : length + strlen("\r\ncontent-length:");
    for (length += strspn(length, " "); *length >= '0' && *length <= '9'; length++)
        if (request->body <= SCRIPT_KEPT_MAX)
            request->body = request->body * 10 + (size_t)(*length - '0');
    if (strcasestr(request->data, "\r\ntransfer-encoding:") != NULL)
        script_complain(script, "a request is not to be chunked", request->data);
    if (request->body > SCRIPT_KEPT_MAX)
        script_complain(script, "a request is too long", request->data);
    return request->body <= SCRIPT_KEPT_MAX;
}

static inline bool script_answer(const struct script *script, const struct exchange *exchange,
                                 int fd, bool is_head)
{
    bool raw = exchange->answer[0] < '0' || exchange->answer[0] > '9';
    bool bodiless =
        !raw && (exchange->answer[0] == '1' || strncmp(exchange->answer, "204", 3) == 0 ||
                 strncmp(exchange->answer, "304", 3) == 0);
    char *status = script_fill(script, exchange->answer);
    char *headers = script_fill(script, exchange->headers == NULL ? "" : exchange->headers);
    char *body = exchange->body == NULL ? strdup("") : NULL;
    if (body == NULL && exchange->body_size == 0)
        body = script_fill(script, exchange->body);
    const char *data = body == NULL ? exchange->body : body;
    size_t size = body == NULL ? exchange->body_size : strlen(body);
    char length[64] = "";
    if ((exchange->flags & SCRIPT_CHUNKED) != 0)
        snprintf(length, sizeof length, "Transfer-Encoding: chunked\r\n");
    else if (!bodiless && (exchange->flags & SCRIPT_NO_LENGTH) == 0)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", size);
    char *head = NULL;
    int printed = raw ? asprintf(&head, "%s", status)
                      : asprintf(&head, "HTTP/1.1 %s\r\n%s%s\r\n", status, headers, length);
    size_t part = exchange->cut && exchange->cut_size < size ? exchange->cut_size : size;
    bool ok = printed >= 0 && script_send(fd, head, (size_t)printed);
    if (ok && !is_head && !bodiless)
        ok = (exchange->flags & SCRIPT_CHUNKED) != 0
                 ? script_send_chunked(fd, data, part, !exchange->cut)
                 : script_send(fd, data, part);
    free(status);
    free(headers);
    free(body);
    free(head);
    return ok;
}

static inline void script_close(struct script_connection *connection, bool reset)
{
    if (reset) {
        int unsent = 1;
        for (int i = 0; i < 500 && ioctl(connection->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0; i++)
            script_pause(2);
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    pthread_mutex_lock(&connection->script->lock);
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&connection->script->lock);
}

/* Takes the next exchange for the request, or complains: NULL. */
static inline const struct exchange *script_take(struct script *script,
                                                 struct script_request *request, size_t *ret_slot)
{
    pthread_mutex_lock(&script->lock);
    size_t i = script_choose(script, request);
    bool known = i < script->count && script->request_count < SCRIPT_REQUESTS_MAX;
    if (known) {
        script->left[i]--;
        for (size_t j = 0; !script->options.any_order && j < i; j++)
            script->left[j] = 0;
        *ret_slot = script->request_count++;
    }
    pthread_mutex_unlock(&script->lock);
    if (!known)
        script_complain(script, "no such request was expected", request->data);
    return known ? &script->exchanges[i] : NULL;
}

/* One request and its answer: whether the connection goes on. */
static inline bool script_play(struct script_connection *connection, struct script_request *request)
{
    struct script *script = connection->script;
    int fd = connection->fd;
    if (!script_receive_head(script, fd, request))
        return false;
    size_t slot = 0;
    bool is_head = strncmp(request->data, "HEAD ", 5) == 0, keeps = true;
    bool expects = strcasestr(request->data, "\r\nexpect: 100-continue") != NULL;
    const struct exchange *exchange = script_take(script, request, &slot);
    if (exchange == NULL)
        return false;
    bool early = (exchange->flags & SCRIPT_EARLY) != 0;
    if (!early && expects && (exchange->flags & SCRIPT_NO_100) == 0)
        keeps = script_send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    bool whole = early || script_receive(fd, request, request->head + request->body);
    char *misfit = whole ? script_misfit(script, exchange, request) : strdup("body cut short");
    if (misfit != NULL)
        script_complain(script, misfit, request->data);
    bool fits = misfit == NULL;
    free(misfit);
    pthread_mutex_lock(&script->lock);
    script->requests[slot] = strdup(request->data);
    pthread_mutex_unlock(&script->lock);
    script_pause(exchange->delay_ms);
    if ((exchange->flags & SCRIPT_NO_ANSWER) == 0 && fits)
        keeps = script_answer(script, exchange, fd, is_head) && keeps;
    if ((exchange->flags & SCRIPT_STALL) != 0 ||
        (early && (exchange->flags & (SCRIPT_CLOSE | SCRIPT_RESET)) == 0))
        script_drain(fd);
    /* who is still sending may read the answer first */
    if (early && (exchange->flags & (SCRIPT_CLOSE | SCRIPT_RESET)) != 0)
        script_pause(200);
    if ((exchange->flags & SCRIPT_RESET) != 0)
        script_close(connection, true);
    unsigned ends = SCRIPT_CLOSE | SCRIPT_RESET | SCRIPT_STALL | SCRIPT_NO_LENGTH | SCRIPT_EARLY |
                    SCRIPT_NO_ANSWER;
    return keeps && fits && !exchange->cut && (exchange->flags & ends) == 0;
}

static inline void *script_serve(void *context)
{
    struct script_connection *connection = context;
    bool on = true;
    while (on) {
        struct script_request request = {0};
        on = script_play(connection, &request);
        free(request.data);
    }
    if (connection->fd >= 0)
        script_close(connection, false);
    return NULL;
}

static inline void *script_listen(void *context)
{
    struct script *script = context;
    int fd;
    while ((fd = accept4(script->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct timeval limit = {.tv_sec = 30};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        pthread_mutex_lock(&script->lock);
        struct script_connection *connection = &script->connections[script->connection_count];
        *connection = (struct script_connection){.script = script, .fd = fd};
        bool ok = !script->ending && script->connection_count < SCRIPT_CONNECTIONS_MAX &&
                  pthread_create(&connection->thread, NULL, script_serve, connection) == 0;
        script->connection_count += ok;
        pthread_mutex_unlock(&script->lock);
        if (!ok)
            close(fd);
    }
    return NULL;
}

static inline struct script *script_start(const struct script_options *options,
                                          const struct exchange *exchanges, size_t count)
{
    struct script *script = calloc(1, sizeof *script);
    assert_non_null(script);
    assert_true(count <= SCRIPT_REQUESTS_MAX);
    script->options = *options;
    script->exchanges = exchanges;
    script->count = count;
    for (size_t i = 0; i < count; i++)
        script->left[i] = exchanges[i].times == 0 ? 1 : exchanges[i].times;
    pthread_mutex_init(&script->lock, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(script->listener >= 0);
    assert_int_equal(bind(script->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(script->listener, 64), 0);
    assert_int_equal(getsockname(script->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(script->base, sizeof script->base, "http://127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&script->thread, NULL, script_listen, script), 0);
    return script;
}

static inline size_t script_played(struct script *script)
{
    pthread_mutex_lock(&script->lock);
    size_t count = script->request_count;
    pthread_mutex_unlock(&script->lock);
    return count;
}

static inline size_t script_connections(struct script *script)
{
    pthread_mutex_lock(&script->lock);
    size_t count = script->connection_count;
    pthread_mutex_unlock(&script->lock);
    return count;
}

static inline const char *script_request(struct script *script, size_t index)
{
    pthread_mutex_lock(&script->lock);
    const char *request = index < script->request_count ? script->requests[index] : NULL;
    pthread_mutex_unlock(&script->lock);
    return request;
}

static inline const char *script_wrong(struct script *script)
{
    pthread_mutex_lock(&script->lock);
    const char *wrong = script->wrong[0] == '\0' ? NULL : script->wrong;
    pthread_mutex_unlock(&script->lock);
    return wrong;
}

static inline void script_end(struct script *script)
{
    pthread_mutex_lock(&script->lock);
    script->ending = true;
    for (size_t i = 0; i < script->connection_count; i++)
        if (script->connections[i].fd >= 0)
            shutdown(script->connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&script->lock);
    shutdown(script->listener, SHUT_RDWR);
    pthread_join(script->thread, NULL);
    close(script->listener);
    for (size_t i = 0; i < script->connection_count; i++)
        pthread_join(script->connections[i].thread, NULL);
    for (size_t i = 0; i < script->count && script->wrong[0] == '\0'; i++)
        if (script->left[i] != 0 && !script->exchanges[i].optional)
            snprintf(script->wrong, sizeof script->wrong, "never asked for: \"%s\" (exchange %zu)",
                     script->exchanges[i].request, i);
    char wrong[sizeof script->wrong];
    memcpy(wrong, script->wrong, sizeof wrong);
    for (size_t i = 0; i < SCRIPT_REQUESTS_MAX; i++)
        free(script->requests[i]);
    pthread_mutex_destroy(&script->lock);
    free(script);
    if (wrong[0] != '\0')
        fail_msg("script: %s", wrong);
}

#endif
