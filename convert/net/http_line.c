/* http_line.c: one request on one libcurl handle: its options, and the turns that move it. Time is
 * counted here and not by libcurl, since a reader that takes its time, or a limit on the rate, is
 * no stall. */
#include "convert/net/http_curl.h"

#include "convert/net/stop.h"
#include "formats/model/auto.h"

#include <string.h>

struct line *line_take(struct http *http, struct error *err)
{
    pthread_mutex_lock(&http->lock);
    struct line *line = http->idle;
    if (line != NULL)
        http->idle = line->next;
    pthread_mutex_unlock(&http->lock);
    if (line != NULL)
        return line;
    line = calloc(1, sizeof *line);
    if (line != NULL) {
        line->http = http;
        line->easy = curl_easy_init();
        line->multi = curl_multi_init();
        bytes_init(&line->head, HEADERS_MAX);
        bytes_init(&line->body, HTTP_BODY_MAX);
    }
    if (line != NULL && line->easy != NULL && line->multi != NULL)
        return line;
    error_memory(err);
    return line_free(line);
}

static void drop_headers(struct line *line)
{
    for (struct curl_slist *header = line->headers; header != NULL; header = header->next)
        explicit_bzero(header->data, strlen(header->data));
    curl_slist_free_all(line->headers);
    line->headers = NULL;
}

/* Leaves the request; a connection in the middle of one is closed by that. */
static void leave(struct line *line)
{
    if (line->busy)
        curl_multi_remove_handle(line->multi, line->easy);
    line->busy = false;
    /* libcurl keeps the buffer of a transfer that failed before it had a connection, and then takes
     * no size for it any more */
    CURL *fresh = line->result != CURLE_OK ? curl_easy_init() : NULL;
    if (fresh != NULL) {
        curl_easy_cleanup(line->easy);
        line->easy = fresh;
    } else
        curl_easy_reset(line->easy);
    line->result = CURLE_OK;
    drop_headers(line);
}

void line_give(struct line *line)
{
    if (line == NULL)
        return;
    leave(line);
    bytes_done(&line->head);
    bytes_done(&line->body);
    bytes_init(&line->head, HEADERS_MAX);
    bytes_init(&line->body, HTTP_BODY_MAX);
    free(line->buffer);
    line->buffer = NULL;
    pthread_mutex_lock(&line->http->lock);
    line->next = line->http->idle;
    line->http->idle = line;
    pthread_mutex_unlock(&line->http->lock);
}

struct line *line_free(struct line *line)
{
    if (line == NULL)
        return NULL;
    if (line->easy != NULL && line->multi != NULL)
        leave(line);
    curl_easy_cleanup(line->easy);
    curl_multi_cleanup(line->multi);
    bytes_done(&line->head);
    bytes_done(&line->body);
    free(line->buffer);
    free(line);
    return NULL;
}

/* --- options --- */

static bool set_transfer(struct line *line)
{
    CURL *easy = line->easy;
    long version = line->request->small ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
    return curl_easy_setopt(easy, CURLOPT_URL, line->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, line->why) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, CURL_BUFFER) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, CURL_BUFFER) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "tartconv") == CURLE_OK;
}

static bool set_method(struct line *line)
{
    CURL *easy = line->easy;
    const struct http_request *request = line->request;
    switch (request->method) {
    case HTTP_GET:
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    case HTTP_HEAD:
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    case HTTP_POST:
    case HTTP_PUT:
    case HTTP_PATCH:
    case HTTP_DELETE:
        break;
    }
    if (curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, http_method_name(request->method)) !=
        CURLE_OK)
        return false;
    if (request->method == HTTP_DELETE && request->body == NULL)
        return true;
    const struct http_body *body = request->body;
    curl_off_t size = body == NULL                      ? 0
                      : body->size == HTTP_SIZE_UNKNOWN ? -1
                                                        : (curl_off_t)body->size;
    return curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size) == CURLE_OK;
}

static int set_trust(struct line *line, struct error *err)
{
    CURL *easy = line->easy;
    const struct http_trust *trust = &line->request->trust;
    if (curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, trust->verify ? 1L : 0L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, trust->verify ? 2L : 0L) != CURLE_OK)
        return error_memory(err);
    if (trust->cert_dir == NULL)
        return 0;
    const struct trust_files *files = http_trust_files(line->http, trust->cert_dir, err);
    if (files == NULL)
        return -1;
    struct curl_blob blob = {files->authorities.data, files->authorities.size, CURL_BLOB_NOCOPY};
    if (blob.len > 0 && curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK)
        return error_memory(err);
    /* who we are is for the registry alone, not for a storage that it leads to */
    if (files->certificate != NULL && url_same_origin(line->url, line->request->url) &&
        (curl_easy_setopt(easy, CURLOPT_SSLCERT, files->certificate) != CURLE_OK ||
         curl_easy_setopt(easy, CURLOPT_SSLKEY, files->key) != CURLE_OK))
        return error_memory(err);
    return 0;
}

static int add_header(struct line *line, const char *text, struct error *err)
{
    if (strpbrk(text, "\r\n") != NULL)
        return error_set(err, ERROR_INTERNAL, "a header with a line break is not sent");
    struct curl_slist *longer = curl_slist_append(line->headers, text);
    if (longer == NULL)
        return error_memory(err);
    line->headers = longer;
    return 0;
}

static int set_headers(struct line *line, bool authorised, struct error *err)
{
    const struct http_request *request = line->request;
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        if (add_header(line, request->headers[i], err) < 0)
            return -1;
    /* libcurl asks by itself before long bodies, unless it is told not to */
    if (add_header(line, request->expect_continue ? "Expect: 100-continue" : "Expect:", err) < 0)
        return -1;
    if (authorised) {
        char *secret = NULL;
        if (asprintf(&secret, "Authorization: %s", request->authorization) < 0)
            return error_memory(err);
        int status = add_header(line, secret, err);
        explicit_bzero(secret, strlen(secret));
        free(secret);
        if (status < 0)
            return -1;
    }
    if (curl_easy_setopt(line->easy, CURLOPT_HTTPHEADER, line->headers) != CURLE_OK)
        return error_memory(err);
    return 0;
}

static int begin(struct line *line, bool authorised, struct error *err)
{
    leave(line);
    line->why[0] = '\0';
    line->started = clock_ns();
    line->sent = line->moved = 0;
    line->waited = line->stopped = 0;
    line->late = stop_is_set(line->http->options.stop);
    line->failed = line->done = line->cut = line->paused = line->in_head = false;
    line->error = (struct error)ERROR_INIT;
    line->head.size = line->body.size = line->begin = line->end = 0;
    line->status = 0;
    if (!set_transfer(line) || !set_method(line) || !line_set_callbacks(line))
        return error_memory(err);
    if (set_trust(line, err) < 0 || set_headers(line, authorised, err) < 0)
        return -1;
    if (curl_multi_add_handle(line->multi, line->easy) != CURLM_OK)
        return error_memory(err);
    line->busy = true;
    return 0;
}

/* --- turns --- */

static int check_stall(struct line *line, int64_t waited, struct error *err)
{
    unsigned seconds = line->http->options.stall_seconds;
    seconds = seconds == 0 ? STALL_SECONDS : seconds;
    line->waited += waited;
    if (line->moved >= (uint64_t)STALL_BYTES * seconds) {
        line->moved = 0;
        line->waited = 0;
    }
    if (line->waited < (int64_t)seconds * 1000000000)
        return 0;
    return error_set(err, ERROR_UNREACHABLE, "stalled: under 1 KiB/s for %u s", seconds);
}

/* What clears up, or would leave something behind if nobody saw its end, may still come to it: a
 * DELETE, an upload session that is being opened, and a body that is ended because of the signal.
 */
static bool may_end(const struct line *line)
{
    const struct http_request *request = line->request;
    bool opens = request->method == HTTP_POST && request->body == NULL;
    bool ends = request->body != NULL && request->body->size == HTTP_SIZE_UNKNOWN;
    return request->method == HTTP_DELETE || ((opens || ends) && !line->late);
}

static bool is_stopped(struct line *line)
{
    if (!stop_is_set(line->http->options.stop))
        return false;
    if (line->stopped == 0)
        line->stopped = clock_ns();
    return !may_end(line) || clock_ns() - line->stopped > CLEAR_UP_SECONDS * INT64_C(1000000000);
}

static int turn(struct line *line, struct error *err)
{
    int running = 0, left = 0;
    if (is_stopped(line))
        return error_set(err, ERROR_INTERRUPTED, "interrupted");
    CURLMcode code = curl_multi_perform(line->multi, &running);
    CURLMsg *message = code == CURLM_OK ? curl_multi_info_read(line->multi, &left) : NULL;
    if (message != NULL && message->msg == CURLMSG_DONE) {
        line->result = message->data.result;
        line->done = true;
        return 0;
    }
    if (line->begin < line->end)
        return 0;
    int64_t before = clock_ns();
    if (code == CURLM_OK)
        code = curl_multi_poll(line->multi, NULL, 0, WAIT_MS, NULL);
    if (code != CURLM_OK)
        return error_set(err, ERROR_INTERNAL, "libcurl: %s", curl_multi_strerror(code));
    return check_stall(line, clock_ns() - before, err);
}

/* Turns until all is done, or there is something to go on with. */
static void run(struct line *line, bool for_bytes)
{
    while (!line->done && !line->failed &&
           (for_bytes ? line->begin == line->end : !line_streams(line)))
        if (turn(line, &line->error) < 0)
            line->failed = true;
}

int line_ask(struct line *line, const struct http_request *request, const char *url,
             bool authorised, bool *ret_no_tls, struct error *err)
{
    line->request = request;
    line->url = url;
    *ret_no_tls = false;
    if (begin(line, authorised, err) < 0)
        return -1;
    trace_request(line->http, request, url, authorised);
    run(line, false);
    if (line_streams(line) && !line->failed)
        return 0;
    int status = line_judge(line, ret_no_tls, err);
    if (status < 0)
        trace_failure(line->http, line->started, err);
    leave(line);
    return status;
}

int line_pump(struct line *line, struct error *err)
{
    bool ignored;
    if (line->begin == line->end)
        line->begin = line->end = 0;
    if (line->paused && line->end == 0 && !line->done) {
        line->paused = false;
        CURLcode code = curl_easy_pause(line->easy, CURLPAUSE_CONT);
        if (code != CURLE_OK) {
            line->result = code;
            line->done = true;
        }
    }
    run(line, true);
    if (line->begin < line->end)
        return 1;
    int status = line_judge(line, &ignored, err);
    if (status < 0)
        trace_failure(line->http, line->started, err);
    return status;
}
