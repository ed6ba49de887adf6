/* http_body.c: libcurl's callbacks: what comes is put where it belongs and held against its limits,
 * what goes is read from the caller's body. An error of theirs ends the transfer. */
#include "convert/net/http_curl.h"

#include "formats/model/auto.h"

#include <ctype.h>
#include <string.h>

bool line_streams(const struct line *line)
{
    return line->way == BODY_STREAM && (line->status == 200 || line->status == 206);
}

bool line_redirects(const struct line *line)
{
    enum http_method method = line->request->method;
    int status = line->status;
    bool redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (!redirect || (method != HTTP_GET && method != HTTP_HEAD))
        return false;
    const struct http_response answer = {.headers = (char *)line->head.data};
    AUTO_FREE char *location = http_header(&answer, "location", 0);
    return location != NULL;
}

static bool spend(struct line *line, struct rate *rate, size_t size)
{
    const struct http_options *options = &line->http->options;
    line->moved += size;
    if (rate_spend(rate, options->limit_rate, size, options->stop))
        return true;
    line->failed = true;
    error_set(&line->error, ERROR_INTERRUPTED, "interrupted");
    return false;
}

/* --- the head --- */

static bool put_header(struct line *line, const char *data, size_t size)
{
    struct bytes *head = &line->head;
    const char *colon = memchr(data, ':', size);
    bool folded = size > 0 && (data[0] == ' ' || data[0] == '\t');
    while (size > 0 && isspace((unsigned char)data[size - 1]))
        size--;
    if (!folded && (colon == NULL || colon == data))
        return true;
    size_t from = head->size;
    /* a folded line goes on where the last one ended */
    if (folded && from > 0)
        head->data[--from] = ' ';
    head->size = from + (folded && from > 0 ? 1 : 0);
    if (bytes_append(head, data, size, &line->error) < 0 ||
        bytes_append_text(head, "\n", &line->error) < 0)
        return false;
    size_t name = folded ? 0 : (size_t)(colon - data);
    for (size_t i = 0; i < size; i++) {
        uint8_t *c = &head->data[head->size - 1 - size + i];
        if (i < name)
            *c = (uint8_t)tolower(*c);
        else if ((*c < ' ' && *c != '\t') || *c == 0x7f)
            *c = '?';
    }
    return true;
}

/* "HTTP/1.1 200 …": libcurl lets through what only begins so. */
static bool begin_head(struct line *line, const char *data, size_t size)
{
    const char *status = memchr(data, ' ', size), *end = data + size;
    line->in_head = true;
    line->head.size = 0;
    line->status = line->code = 0;
    for (size_t i = 1; i <= 3 && status != NULL && status + i < end; i++)
        if (isdigit((unsigned char)status[i]))
            line->code = line->code * 10 + (status[i] - '0');
    if (size > 5 && isdigit((unsigned char)data[5]) && line->code >= 100)
        return true;
    error_set(&line->error, ERROR_REGISTRY, "this is not HTTP: the answer has no status");
    return false;
}

static bool end_head(struct line *line)
{
    line->in_head = false;
    if (bytes_text(&line->head, &line->error) == NULL)
        return false;
    if (line->code >= 200) {
        line->status = line->code;
        trace_answer(line->http, line->status, line->started, &line->head, line->url);
    }
    return true;
}

static size_t take_header(char *data, size_t one, size_t count, void *context)
{
    struct line *line = context;
    size_t size = one * count;
    bool ok = true;
    line->moved += size;
    if (!line->in_head) {
        /* behind the head: trailers, which nobody asked for, or the answer after a 100 */
        if (size < 5 || memcmp(data, "HTTP/", 5) != 0)
            return size;
        ok = begin_head(line, data, size);
    } else if (size > HEADERS_MAX - line->head.size - 1) {
        error_set(&line->error, ERROR_REGISTRY, "the answer's headers pass %u KiB",
                  HEADERS_MAX >> 10);
        ok = false;
    } else if (data[0] == '\r' || data[0] == '\n') {
        ok = end_head(line);
    } else {
        ok = put_header(line, data, size);
    }
    line->failed = line->failed || !ok;
    return ok ? size : 0;
}

/* --- the answer's body --- */

static size_t take_stream(struct line *line, const char *data, size_t size)
{
    if (size > STREAM_BUFFER - line->end) {
        line->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (!spend(line, &line->http->down, size))
        return 0;
    memcpy(line->buffer + line->end, data, size);
    line->end += size;
    return size;
}

static size_t take_body(char *data, size_t one, size_t count, void *context)
{
    struct line *line = context;
    size_t size = one * count;
    if (line->failed)
        return 0;
    if (line_streams(line))
        return take_stream(line, data, size);
    size_t limit = HTTP_BODY_MAX, part = size;
    if (line->way == BODY_STREAM || line_redirects(line)) {
        limit = BODY_CUT;
        part = size < limit - line->body.size ? size : limit - line->body.size;
        line->cut = part < size;
    }
    if (!spend(line, &line->http->down, part))
        return 0;
    if (part > limit - line->body.size) {
        error_set(&line->error, ERROR_REGISTRY, "the answer passes %u MiB", HTTP_BODY_MAX >> 20);
        line->failed = true;
        return 0;
    }
    if (bytes_append(&line->body, data, part, &line->error) < 0)
        line->failed = true;
    return line->failed ? 0 : part;
}

/* --- the request's body --- */

static size_t give_body(char *data, size_t one, size_t count, void *context)
{
    struct line *line = context;
    const struct http_body *body = line->request->body;
    uint64_t rate = line->http->options.limit_rate;
    size_t size = one * count;
    if (body == NULL)
        return 0;
    uint64_t left = body->size - line->sent;
    if (body->size == HTTP_SIZE_UNKNOWN &&
        body->wait(body->context, line->sent, &left, &line->error) < 0) {
        line->failed = true;
        return CURL_READFUNC_ABORT;
    }
    if (left == 0)
        return 0;
    if (size > left)
        size = (size_t)left;
    /* in small steps, else a slow rate would send in gusts */
    if (rate != 0 && size > rate / 10)
        size = rate / 10 > 1024 ? (size_t)(rate / 10) : size < 1024 ? size : 1024;
    if (body->read(body->context, line->sent, data, size, &line->error) < 0) {
        line->failed = true;
        return CURL_READFUNC_ABORT;
    }
    if (!spend(line, &line->http->up, size))
        return CURL_READFUNC_ABORT;
    line->sent += size;
    return size;
}

static int seek_body(void *context, curl_off_t offset, int origin)
{
    struct line *line = context;
    const struct http_body *body = line->request->body;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > (body == NULL ? 0 : body->size))
        return CURL_SEEKFUNC_FAIL;
    line->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

bool line_set_callbacks(struct line *line)
{
    CURL *easy = line->easy;
    return curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, line) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, line) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, line) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKDATA, line) == CURLE_OK;
}
