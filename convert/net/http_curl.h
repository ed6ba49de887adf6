/* http_curl.h: what the files of http.h share: a line is one libcurl handle with connections of its
 * own, which does one request at a time. Nobody else includes this.
 *
 *     line_take ─► line_ask (again for each redirect) ─► line_pump … ─► line_give
 *
 * Threads: a line belongs to who took it; struct http is shared and locked. */
#ifndef CONVERT_NET_HTTP_CURL_H
#define CONVERT_NET_HTTP_CURL_H

#include "convert/net/http.h"

#include <curl/curl.h>
#include <pthread.h>

#define HEADERS_MAX       (64u << 10) /* all lines of one answer's head */
#define BODY_CUT          (64u << 10) /* of an answer that only explains itself */
#define STREAM_BUFFER     (1u << 20)
#define STALL_BYTES       1024 /* a second */
#define STALL_SECONDS     60
#define CLEAR_UP_SECONDS  5   /* of what may still end once `stop` was set */
#define WAIT_MS           200 /* how long a set `stop` may go unseen */
#define CURL_BUFFER       (512L << 10)
#define CONNECT_SECONDS   30L
#define EXPECT_TIMEOUT_MS 5000L

/* --- http_rate.c: so many bytes a second, over all lines --- */

struct rate {
    pthread_mutex_t lock;
    int64_t free_at; /* ns: when all that was let through is paid for */
};
int64_t clock_ns(void);
/* Sleeps until size bytes more are within the limit; false: `stop` was set. */
bool rate_spend(struct rate *rate, uint64_t limit, size_t size, const volatile sig_atomic_t *stop);

/* --- http_trust.c: a folder of certificates --- */

struct trust_files {
    struct trust_files *next;
    char *dir;
    struct bytes authorities; /* PEM: the system's and ours; empty: none of ours */
    char *certificate, *key;  /* file names; NULL: none */
};
/* Reads dir; ERROR_SETTINGS. */
struct trust_files *trust_files_read(const char *dir, struct error *err);
struct trust_files *trust_files_free(struct trust_files *files); /* not those behind it */

/* --- http.c --- */

struct http {
    struct http_options options;
    pthread_mutex_t lock; /* over idle and trusts */
    struct line *idle;
    struct trust_files *trusts; /* only grows: what was read stays as it is */
    pthread_mutex_t trace_lock;
    struct rate up, down;
};
/* Kept for http's life. NULL and err. */
const struct trust_files *http_trust_files(struct http *http, const char *dir, struct error *err);

/* --- http_trace.c: what is told of requests --- */

void trace_request(struct http *http, const struct http_request *request, const char *url,
                   bool authorised);
void trace_answer(struct http *http, int status, int64_t started, const struct bytes *headers,
                  const char *url);
void trace_failure(struct http *http, int64_t started, const struct error *err);

/* --- http_line.c --- */

/* Where an answer's body goes. */
enum body_way { BODY_WHOLE, BODY_STREAM };

struct line {
    struct line *next;
    struct http *http;
    CURL *easy;
    CURLM *multi;
    bool busy; /* easy is in multi */
    struct curl_slist *headers;
    char why[CURL_ERROR_SIZE];

    /* one request */
    const struct http_request *request;
    const char *url; /* the caller's */
    enum body_way way;
    int64_t started;
    uint64_t sent;      /* offset in the body */
    bool failed;        /* error is set: by a callback, or by the end */
    struct error error; /* of a callback */
    bool done;
    CURLcode result;

    /* its answer */
    struct bytes head, body;
    int code;   /* of the head that is coming in */
    int status; /* 0: not all of the head is there */
    bool cut;   /* the rest of the body was not wanted */
    uint8_t *buffer;
    size_t begin, end; /* in buffer */
    bool paused, in_head;

    /* stall: bytes moved, and time spent waiting for more */
    uint64_t moved;
    int64_t waited;
    int64_t stopped; /* when `stop` was seen; 0: it was not */
    bool late;       /* it was set before this began */
};

struct line *line_take(struct http *http, struct error *err);
void line_give(struct line *line); /* with its connections; takes NULL */
struct line *line_free(struct line *line);

/* Sends and waits for the answer: all of it, or with BODY_STREAM and status 200 or 206 its head
 * (then line->busy). Sets *ret_no_tls. */
int line_ask(struct line *line, const struct http_request *request, const char *url,
             bool authorised, bool *ret_no_tls, struct error *err);
/* Goes on until there are bytes in the buffer or all is done: 1, 0, -1. */
int line_pump(struct line *line, struct error *err);

/* --- http_body.c --- */

bool line_set_callbacks(struct line *line);
bool line_streams(const struct line *line);   /* its head says that a body is to be streamed */
bool line_redirects(const struct line *line); /* … that it is to be followed */

/* --- http_error.c --- */

/* Why a transfer ended so. */
int line_judge(struct line *line, bool *ret_no_tls, struct error *err);

#endif
