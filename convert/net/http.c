/* http.c: requests as http.h promises them: the pool of lines, redirects, answers and streams. What
 * a line does is http_line.c's business. */
#include "convert/net/http.h"

#include "convert/net/http_curl.h"
#include "formats/model/auto.h"

#include <string.h>

#define REDIRECTS_MAX 10

struct http_stream {
    struct line *line;
    struct http_request request; /* its texts are the caller's */
    char *url;                   /* that answered */
};

const char *http_method_name(enum http_method method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    return names[method];
}

const char *http_library(void)
{
    /* "libcurl/7.88.1 OpenSSL/…" */
    return curl_version_info(CURLVERSION_NOW)->version;
}

struct http *http_new(const struct http_options *options, struct error *err)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        error_memory(err);
        return NULL;
    }
    http->options = *options;
    pthread_mutex_init(&http->lock, NULL);
    pthread_mutex_init(&http->trace_lock, NULL);
    pthread_mutex_init(&http->up.lock, NULL);
    pthread_mutex_init(&http->down.lock, NULL);
    return http;
}

struct http *http_free(struct http *http)
{
    if (http == NULL)
        return NULL;
    for (struct line *next; http->idle != NULL; http->idle = next) {
        next = http->idle->next;
        line_free(http->idle);
    }
    for (struct trust_files *next; http->trusts != NULL; http->trusts = next) {
        next = http->trusts->next;
        trust_files_free(http->trusts);
    }
    pthread_mutex_destroy(&http->lock);
    pthread_mutex_destroy(&http->trace_lock);
    pthread_mutex_destroy(&http->up.lock);
    pthread_mutex_destroy(&http->down.lock);
    free(http);
    curl_global_cleanup();
    return NULL;
}

const struct trust_files *http_trust_files(struct http *http, const char *dir, struct error *err)
{
    pthread_mutex_lock(&http->lock);
    struct trust_files *files = http->trusts;
    while (files != NULL && strcmp(files->dir, dir) != 0)
        files = files->next;
    if (files == NULL && (files = trust_files_read(dir, err)) != NULL) {
        files->next = http->trusts;
        http->trusts = files;
    }
    pthread_mutex_unlock(&http->lock);
    return files;
}

/* --- answers --- */

void http_response_done(struct http_response *response)
{
    free(response->url);
    free(response->headers);
    bytes_done(&response->body);
    *response = (struct http_response){0};
}

char *http_header(const struct http_response *response, const char *name, size_t index)
{
    size_t length = strlen(name);
    const char *line = response->headers == NULL ? "" : response->headers;
    while (*line != '\0') {
        const char *end = strchrnul(line, '\n');
        if ((size_t)(end - line) > length && memcmp(line, name, length) == 0 &&
            line[length] == ':' && index-- == 0) {
            const char *value = line + length + 1;
            value += strspn(value, " \t");
            return strndup(value < end ? value : end, value < end ? (size_t)(end - value) : 0);
        }
        line = *end == '\0' ? end : end + 1;
    }
    return NULL;
}

bool http_header_number(const struct http_response *response, const char *name, uint64_t *ret)
{
    AUTO_FREE char *value = http_header(response, name, 0);
    return value != NULL && parse_size(value, ret);
}

/* What the line was told, but for what a stream still gives. */
static int take_answer(struct line *line, char **url, struct http_response *ret, struct error *err)
{
    if (bytes_text(&line->head, err) == NULL)
        return -1;
    ret->status = line->status;
    ret->url = take_ptr(url);
    ret->headers = (char *)line->head.data;
    ret->body = line->body;
    bytes_init(&line->head, HEADERS_MAX);
    bytes_init(&line->body, HTTP_BODY_MAX);
    return 0;
}

/* Asks, and follows where the answer leads. The url that answered is *ret_url. */
static int follow(struct line *line, const struct http_request *request, char **ret_url,
                  bool *ret_no_tls, struct error *err)
{
    bool authorised = request->authorization != NULL;
    AUTO(url_done) struct url parsed = {0};
    AUTO_FREE char *url = strdup(request->url);
    if (url == NULL)
        return error_memory(err);
    if (url_parse(url, &parsed, err) < 0)
        return -1;
    for (unsigned count = 0;; count++) {
        if (line_ask(line, request, url, authorised, ret_no_tls, err) < 0)
            return -1;
        if (!line_redirects(line)) {
            *ret_url = take_ptr(&url);
            return 0;
        }
        if (count == REDIRECTS_MAX)
            return error_set(err, ERROR_REGISTRY, "%s://%s leads on and on: over %u redirects",
                             parsed.scheme, parsed.host, REDIRECTS_MAX);
        const struct http_response answer = {.headers = (char *)line->head.data};
        AUTO_FREE char *location = http_header(&answer, "location", 0);
        char *next = location == NULL ? NULL : url_redirect(url, location, err);
        if (next == NULL)
            return location == NULL ? error_memory(err) : -1;
        authorised = authorised && url_same_origin(url, next);
        free(url);
        url = next;
    }
}

int http_send(struct http *http, const struct http_request *request, struct http_response *ret,
              struct error *err)
{
    AUTO_FREE char *url = NULL;
    *ret = (struct http_response){0};
    struct line *line = line_take(http, err);
    if (line == NULL)
        return -1;
    line->way = BODY_WHOLE;
    int status = follow(line, request, &url, &ret->no_tls, err);
    if (status == 0)
        status = take_answer(line, &url, ret, err);
    line_give(line);
    return status;
}

/* --- streams --- */

static int open_line(struct http_stream *stream, struct http_response *ret, struct error *err)
{
    struct line *line = stream->line;
    AUTO_FREE char *url = NULL;
    line->way = BODY_STREAM;
    line->buffer = malloc(STREAM_BUFFER);
    if (line->buffer == NULL)
        return error_memory(err);
    if (follow(line, &stream->request, &url, &ret->no_tls, err) < 0)
        return -1;
    stream->url = strdup(url);
    if (stream->url == NULL)
        return error_memory(err);
    line->url = stream->url;
    return take_answer(line, &url, ret, err);
}

int http_open(struct http *http, const struct http_request *request, struct http_response *ret,
              struct http_stream **ret_stream, struct error *err)
{
    *ret = (struct http_response){0};
    *ret_stream = NULL;
    if (request->method != HTTP_GET)
        return error_set(err, ERROR_INTERNAL, "only GET can be streamed");
    struct http_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return error_memory(err);
    stream->request = *request;
    stream->line = line_take(http, err);
    int status = stream->line == NULL ? -1 : open_line(stream, ret, err);
    if (status == 0 && line_streams(stream->line))
        *ret_stream = take_ptr(&stream);
    http_close(stream);
    return status;
}

int http_peek(struct http_stream *stream, const uint8_t **ret_data, size_t *ret_size,
              struct error *err)
{
    struct line *line = stream->line;
    *ret_data = NULL;
    *ret_size = 0;
    if (line->begin == line->end) {
        int status = line_pump(line, err);
        if (status <= 0)
            return status;
    }
    *ret_data = line->buffer + line->begin;
    *ret_size = line->end - line->begin;
    return 1;
}

void http_skip(struct http_stream *stream, size_t size)
{
    stream->line->begin += size;
}

struct http_stream *http_close(struct http_stream *stream)
{
    if (stream == NULL)
        return NULL;
    line_give(stream->line);
    free(stream->url);
    free(stream);
    return NULL;
}
