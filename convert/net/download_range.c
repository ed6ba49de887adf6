/* download_range.c: a part of a blob, asked for by Range, and whether what comes is that part. Must
 * not know what the part is wanted for. */
#include "convert/net/download_parts.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

#define BREAKS_MAX   1000
#define PROGRESS_MIN (1u << 20) /* bytes after which retries count from the start again */

int download_wrap(const struct download *download, struct error *err)
{
    return error_wrap(err, "%s/%s: %s", client_host(download->remote.client),
                      download->remote.repository, download->verb);
}

/* A decimal at *text, which is left behind it. */
static bool take_number(const char **text, uint64_t *ret)
{
    char digits[24];
    size_t length = strspn(*text, "0123456789");
    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    *text += length;
    return parse_size(digits, ret);
}

static bool take_text(const char **text, const char *wanted)
{
    size_t length = strlen(wanted);
    if (strncmp(*text, wanted, length) != 0)
        return false;
    *text += length;
    return true;
}

struct content_range {
    uint64_t first, last, size;
};

/* "bytes A-B/SIZE", exactly. */
static bool content_range_parse(const char *text, struct content_range *ret)
{
    return take_text(&text, "bytes ") && take_number(&text, &ret->first) && take_text(&text, "-") &&
           take_number(&text, &ret->last) && take_text(&text, "/") &&
           take_number(&text, &ret->size) && text[0] == '\0' && ret->first <= ret->last &&
           ret->last < ret->size;
}

static int etag_check(const struct download *download, const struct http_response *answer,
                      struct error *err)
{
    AUTO_FREE char *etag = http_header(answer, "etag", 0);
    if (etag == NULL || download->etag == NULL || strcmp(etag, download->etag) == 0)
        return 0;
    return error_set(err, ERROR_UNREACHABLE, "the blob's ETag changed on the way");
}

static int part_check(struct download *download, uint64_t start, const struct http_response *answer,
                      struct error *err)
{
    struct content_range range;
    AUTO_FREE char *text = http_header(answer, "content-range", 0);
    if (text == NULL || !content_range_parse(text, &range))
        return error_set(err, ERROR_UNREACHABLE, "206 came with Content-Range %.60s",
                         text == NULL ? "missing" : text);
    if (range.size != download->blob.size && !download->size_told)
        return error_set(err, ERROR_BLOB_SIZE,
                         "the registry has %llu bytes, its descriptor says %llu",
                         (unsigned long long)range.size, (unsigned long long)download->blob.size);
    if (range.first != start || range.size != download->blob.size)
        return error_set(err, ERROR_UNREACHABLE,
                         "bytes from %llu of %llu were asked for, %.60s came",
                         (unsigned long long)start, (unsigned long long)download->blob.size, text);
    download->size_told = true;
    return etag_check(download, answer, err);
}

/* The whole again must be as long as it was. */
static int whole_check(const struct download *download, const struct http_response *answer,
                       struct error *err)
{
    uint64_t size;
    if (download->size_told && http_header_number(answer, "content-length", &size) &&
        size != download->blob.size)
        return error_set(err, ERROR_UNREACHABLE, "the blob had %llu bytes before and has %llu now",
                         (unsigned long long)download->blob.size, (unsigned long long)size);
    return etag_check(download, answer, err);
}

/* What the last answer means; the stream is kept only where it is used. */
static int answer_check(struct download *download, uint64_t start,
                        const struct http_response *answer, struct error *err)
{
    if (answer->status == 206)
        return part_check(download, start, answer, err);
    if (answer->status == 200)
        return whole_check(download, answer, err);
    if (answer->status == 416)
        return error_set(err, download->size_told ? ERROR_UNREACHABLE : ERROR_BLOB_SIZE,
                         "the registry has no bytes from %llu on, the blob should have %llu",
                         (unsigned long long)start, (unsigned long long)download->blob.size);
    return error_set(err, ERROR_BLOB_MISSING, "the registry does not have the blob any more");
}

int part_open(struct download *download, uint64_t start, uint64_t end, struct part *ret,
              struct error *err)
{
    char range[64];
    AUTO(http_response_done) struct http_response answer = {0};
    if (end == download->blob.size)
        snprintf(range, sizeof range, "Range: bytes=%llu-", (unsigned long long)start);
    else
        snprintf(range, sizeof range, "Range: bytes=%llu-%llu", (unsigned long long)start,
                 (unsigned long long)end - 1);
    bool all = start == 0 && end == download->blob.size;
    const struct client_request request = {
        .method = HTTP_GET,
        .path = download->path,
        .repository = download->remote.repository,
        .headers = all ? NULL : (const char *const[]){range, NULL},
        .blob = true,
        .answers = (const int[]){200, 404, 410, all ? 404 : 206, all ? 404 : 416, 0},
        .verb = download->verb};
    *ret = (struct part){.stream = NULL};
    if (client_open(download->remote.client, &request, &answer, &ret->stream, err) < 0) {
        ret->final = true;
        return -1;
    }
    ret->whole = answer.status == 200;
    if (answer_check(download, start, &answer, err) == 0)
        return 0;
    ret->stream = http_close(ret->stream);
    ret->bad = true;
    return download_wrap(download, err);
}

int download_break(struct download *download, uint64_t at, const struct part *part,
                   struct error *err)
{
    if (part->final || err->class != ERROR_UNREACHABLE)
        return -1;
    if (at >= download->broke_at + PROGRESS_MIN)
        download->tries = 0;
    if (at > download->broke_at)
        download->broke_at = at;
    if (++download->breaks < BREAKS_MAX &&
        client_wait(download->remote.client, download->tries++, 0, err) == 0)
        return 0;
    if (part->bad && err->class == ERROR_UNREACHABLE)
        err->class = ERROR_REGISTRY;
    return -1;
}

/* The stream's next bytes. */
static int stream_take(struct download *download, struct http_stream *stream, uint8_t *to,
                       size_t size, struct error *err)
{
    const uint8_t *data;
    size_t got;
    for (size_t done = 0; done < size;) {
        int status = http_peek(stream, &data, &got, err);
        if (status == 0)
            error_set(err, ERROR_UNREACHABLE, "the answer ended early");
        if (status <= 0)
            return download_wrap(download, err);
        if (got > size - done)
            got = size - done;
        memcpy(to + done, data, got);
        done += got;
        http_skip(stream, got);
    }
    /* to its end, so that the connection can be used again; what comes behind is nobody's */
    struct error ignored = ERROR_INIT;
    (void)http_peek(stream, &data, &got, &ignored);
    return 0;
}

/* from_start: a blob that comes whole will do for its first bytes. */
static int range_try(struct download *download, uint64_t start, uint64_t end, bool from_start,
                     uint8_t *to, struct part *part, struct error *err)
{
    if (part_open(download, start, end, part, err) < 0)
        return -1;
    bool all = start == 0 && end == download->blob.size; /* for which no Range was sent */
    if (!part->whole || all || (from_start && start == 0))
        return stream_take(download, part->stream, to, (size_t)(end - start), err);
    error_set(err, ERROR_UNSUPPORTED, "the registry has no ranges");
    return download_wrap(download, err);
}

static int range_get(struct download *download, uint64_t start, uint64_t end, bool from_start,
                     uint8_t *to, struct error *err)
{
    for (;;) {
        struct part part = {.stream = NULL};
        int status = range_try(download, start, end, from_start, to, &part, err);
        http_close(part.stream);
        if (status == 0) {
            download->tries = 0;
            return 0;
        }
        if (download_break(download, download->broke_at, &part, err) < 0)
            return -1;
    }
}

int range_read(struct download *download, uint64_t offset, uint8_t *data, size_t size,
               struct error *err)
{
    return size == 0 ? 0 : range_get(download, offset, offset + size, false, data, err);
}

int window_fill(struct download *download, uint64_t offset, struct error *err)
{
    uint64_t start = offset - offset % (WINDOW_SIZE / 4);
    uint64_t end =
        download->blob.size - start < WINDOW_SIZE ? download->blob.size : start + WINDOW_SIZE;
    if (download->window == NULL && (download->window = malloc(WINDOW_SIZE)) == NULL)
        return error_memory(err);
    download->window_size = 0;
    if (range_get(download, start, end, true, download->window, err) < 0)
        return -1;
    download->window_start = start;
    download->window_size = (size_t)(end - start);
    return 0;
}
