/* http.h: one request over the network. The only room that knows libcurl; knows nothing of
 * registries, tokens or retries.
 *
 *     http_new ─► http_send (small answers), http_open ─► http_peek ⇄ http_skip … ─► http_close
 *             └─► http_free, when all streams are closed
 *
 * Each request has a line of its own out of a pool: a connection cache that one thread uses at a
 * time, so connections are used again and no two threads meet in one. Requests marked `small` may
 * go over HTTP/2, all others go over HTTP/1.1 (blobs were measured faster so).
 *
 * Redirects of GET and HEAD are followed here (at most 10): `authorization` goes on only to the
 * same scheme, host and port; https never leads to http. Cookies are never kept. Proxies come from
 * the environment, as curl does it. A transfer that stays under 1 KiB/s for stall_seconds ends, and
 * so does one whose `stop` was set (within a second): ERROR_INTERRUPTED. Only a DELETE, which
 * clears up, is still sent then, and has 5 s; as long has a POST without a body that was under way
 * (what it opens must be known), and a body of unknown size to come to its end.
 *
 * Errors: ERROR_UNREACHABLE: refused, reset, cut short, timed out, no such host: the same request
 * may succeed later. ERROR_TLS: the host's certificate is not trusted, or no TLS is spoken there.
 * ERROR_REGISTRY: an answer that breaks HTTP, or passes a limit. ERROR_SETTINGS: a cert_dir that
 * cannot be used. An error of http_body.read is passed on. A status like 404 is no error here.
 * Texts name scheme, host and path, never a query, user or header.
 *
 * Threads: all calls from any thread; one stream, one thread at a time. */
#ifndef CONVERT_NET_HTTP_H
#define CONVERT_NET_HTTP_H

#include "formats/model/bytes.h"
#include "formats/model/error.h"

#include <signal.h>
#include <stdbool.h>

struct http;

struct http_options {
    const volatile sig_atomic_t *stop; /* NULL: never */
    /* One line a request and an answer, secrets already hidden: NULL: nobody. Any thread, never two
     * at once. */
    void (*trace)(void *context, const char *line);
    void *context;
    uint64_t
        limit_rate; /* bytes a second over all connections, each direction by itself; 0: no limit */
    unsigned stall_seconds; /* 0: 60 */
};

/* How far a host is trusted. Borrowed for the length of the call (http_open: until http_close). */
struct http_trust {
    bool verify;          /* false: any certificate will do */
    const char *cert_dir; /* as skopeo's: *.crt are CAs beside the system's, NAME.cert with NAME.key
                             (the first) is shown to the server, but not where it is redirected to;
                             read once; NULL: none */
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };
const char *http_method_name(enum http_method method);

/* What is sent. `read` gives exactly size bytes from offset, as often and from wherever it is
 * asked: libcurl sends again from the start where a kept connection turned out dead. */
struct http_body {
    uint64_t size; /* HTTP_SIZE_UNKNOWN: goes chunked, as `wait` has it */
    int (*read)(void *context, uint64_t offset, void *data, size_t size, struct error *err);
    /* With HTTP_SIZE_UNKNOWN: waits until bytes can be read from offset: how many; 0: that is the
     * body's end. */
    int (*wait)(void *context, uint64_t offset, uint64_t *ret_size, struct error *err);
    void *context;
};
#define HTTP_SIZE_UNKNOWN UINT64_MAX

struct http_request {
    enum http_method method;
    const char *url;
    struct http_trust trust;
    bool small;
    const char *const *headers;   /* "Name: value", NULL-terminated; NULL: none; no secrets */
    const char *authorization;    /* "Basic …", "Bearer …"; NULL: none. Secret. */
    const struct http_body *body; /* NULL: none (POST, PUT, PATCH: Content-Length 0) */
    bool expect_continue;         /* ask before the body is sent; waits a bounded time */
};

#define HTTP_BODY_MAX (5u << 20) /* of an answer that is kept whole */

/* Owner: http_response_done; takes a zeroed one too. */
struct http_response {
    int status;
    char *url;         /* that answered, behind redirects; may hold a secret query */
    char *headers;     /* names in lower case: "name: value\n"… of the last answer */
    struct bytes body; /* http_send: whole, at most HTTP_BODY_MAX; http_open: empty */
    bool no_tls;       /* after ERROR_TLS: no TLS is spoken there (all else here is empty) */
};
void http_response_done(struct http_response *response);
/* The index-th header (from 0) of that name (lower case), without spaces around it; NULL: none, or
 * no memory. Allocated; "" is a header without value. */
char *http_header(const struct http_response *response, const char *name, size_t index);
/* A header that is a decimal number. */
bool http_header_number(const struct http_response *response, const char *name, uint64_t *ret);

struct http *http_new(const struct http_options *options, struct error *err); /* NULL and err */
struct http *http_free(struct http *http);                                    /* takes NULL */

/* Sends and takes the whole answer. A refusal (300 and more) that comes before the body was sent
 * whole is an answer, also where the connection breaks behind its head: the rest is not sent. */
int http_send(struct http *http, const struct http_request *request, struct http_response *ret,
              struct error *err);

/* A GET whose body is read in pieces: returns when the last answer's headers are there. The body of
 * a status other than 200 and 206 is in ret->body (cut at 64 KiB), and *ret_stream NULL. */
struct http_stream;
int http_open(struct http *http, const struct http_request *request, struct http_response *ret,
              struct http_stream **ret_stream, struct error *err);
/* As blob_peek: 1 with at least one byte, 0 at the end of a body that came whole, -1. */
int http_peek(struct http_stream *stream, const uint8_t **ret_data, size_t *ret_size,
              struct error *err);
void http_skip(struct http_stream *stream, size_t size);
struct http_stream *http_close(struct http_stream *stream); /* takes NULL; returns NULL */

/* --- URLs --- */

struct url {
    char *scheme, *host; /* lower case; IPv6 in brackets */
    unsigned port;       /* the scheme's where none was given */
};
void url_done(struct url *url);
/* http and https only; a user or password in it is refused. ERROR_REGISTRY. */
int url_parse(const char *text, struct url *ret, struct error *err);
/* What `reference` (a Location) means at `base`. Allocated; NULL and err: ERROR_REGISTRY. */
char *url_resolve(const char *base, const char *reference, struct error *err);
/* As url_resolve, but https never leads to plain http: ERROR_REGISTRY, naming both hosts. */
char *url_redirect(const char *base, const char *location, struct error *err);
/* Adds NAME=VALUE (escaped) to the query, whatever is there. Allocated; NULL: no memory. */
char *url_add_query(const char *url, const char *name, const char *value);
/* Percent-encodes. Allocated; NULL: no memory. */
char *url_escape(const char *text);
/* Without query, fragment and user: what may be shown. Allocated; NULL: no memory. */
char *url_show(const char *url);
/* Same scheme, host and port. */
bool url_same_origin(const char *a, const char *b);
/* localhost, 127.0.0.0/8, ::1; host as in struct url. */
bool host_is_loopback(const char *host);

/* libcurl's version ("7.88.1"), for --version. */
const char *http_library(void);

#endif
