/* http_trace.c: the lines that --debug shows of requests and answers. What is shown is picked from
 * lists of harmless things; all else is "***". */
#include "convert/net/http_curl.h"

#include "formats/model/auto.h"

#include <string.h>

#define TRACE_MAX 4096

static const char *const harmless[] = {"artifactType", "digest", "from",  "last",
                                       "mount",        "n",      "scope", "service"};

static bool is_harmless(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        if (strlen(harmless[i]) == size && memcmp(harmless[i], name, size) == 0)
            return true;
    return false;
}

/* The URL, with of its query what the registry's API says, and that only where `own`. */
static int add_url(struct bytes *line, const char *url, bool own, struct error *err)
{
    AUTO_FREE char *shown = url_show(url);
    const char *query = strchr(url, '?');
    if (shown == NULL || bytes_append_text(line, shown, err) < 0)
        return -1;
    if (query == NULL)
        return 0;
    if (!own)
        return bytes_append_text(line, "?***", err);
    char before = '?';
    for (const char *part = query + 1; *part != '\0' && *part != '#'; before = '&') {
        size_t size = strcspn(part, "&#"), name = strcspn(part, "=&#");
        bool plain = is_harmless(part, name);
        if (bytes_printf(line, err, "%c%.*s", before, plain ? (int)size : 3, plain ? part : "***") <
            0)
            return -1;
        part += size;
        part += *part == '&';
    }
    return 0;
}

static void tell(struct http *http, struct bytes *line)
{
    struct error ignored = ERROR_INIT;
    const char *text = bytes_text(line, &ignored);
    if (text == NULL)
        return;
    for (size_t i = 0; i < line->size; i++)
        if (line->data[i] < ' ' || line->data[i] == 0x7f)
            line->data[i] = '?';
    pthread_mutex_lock(&http->trace_lock);
    http->options.trace(http->options.context, text);
    pthread_mutex_unlock(&http->trace_lock);
}

static long since_ms(int64_t started)
{
    return (long)((clock_ns() - started) / 1000000);
}

void trace_request(struct http *http, const struct http_request *request, const char *url,
                   bool authorised)
{
    AUTO(bytes_done) struct bytes line;
    struct error ignored = ERROR_INIT;
    bytes_init(&line, TRACE_MAX);
    if (http->options.trace == NULL)
        return;
    (void)bytes_printf(&line, &ignored, "> %s ", http_method_name(request->method));
    (void)add_url(&line, url, url_same_origin(url, request->url), &ignored);
    if (request->body != NULL)
        (void)bytes_printf(&line, &ignored, ", %llu bytes",
                           (unsigned long long)request->body->size);
    if (authorised)
        (void)bytes_printf(&line, &ignored, " (authorization: %.*s ***)",
                           (int)strcspn(request->authorization, " "), request->authorization);
    tell(http, &line);
}

void trace_answer(struct http *http, int status, int64_t started, const struct bytes *headers,
                  const char *url)
{
    AUTO(bytes_done) struct bytes line;
    struct error ignored = ERROR_INIT;
    bytes_init(&line, TRACE_MAX);
    if (http->options.trace == NULL)
        return;
    (void)bytes_printf(&line, &ignored, "< %d in %ld ms", status, since_ms(started));
    struct http_response answer = {.headers = (char *)headers->data};
    AUTO_FREE char *length = http_header(&answer, "content-length", 0);
    AUTO_FREE char *location = http_header(&answer, "location", 0);
    AUTO_FREE char *target = location == NULL ? NULL : url_resolve(url, location, &ignored);
    if (length != NULL)
        (void)bytes_printf(&line, &ignored, ", content-length %s", length);
    if (location != NULL && target == NULL)
        (void)bytes_append_text(&line, ", location ***", &ignored);
    if (target != NULL && bytes_append_text(&line, ", location ", &ignored) == 0)
        (void)add_url(&line, target, url_same_origin(url, target), &ignored);
    tell(http, &line);
}

void trace_failure(struct http *http, int64_t started, const struct error *err)
{
    AUTO(bytes_done) struct bytes line;
    struct error ignored = ERROR_INIT;
    bytes_init(&line, TRACE_MAX);
    if (http->options.trace == NULL)
        return;
    (void)bytes_printf(&line, &ignored, "< failed in %ld ms: %s", since_ms(started), err->text);
    tell(http, &line);
}
