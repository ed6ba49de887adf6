/* download.c: a blob as a stream that survives breaks, and read_at over the stream where it comes
 * by, over windows elsewhere. Must not judge the blob's bytes. */
#include "convert/net/download.h"

#include "convert/net/download_parts.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

#define ROW_MAX 4 /* windows in a row, then the rest is asked for as a stream */
#define AHEAD_MAX                                                                                  \
    WINDOW_SIZE /* bytes of the stream that are thrown away rather than asking anew                \
                 */

static struct download *download_of(struct blob *blob)
{
    return (struct download *)blob;
}

/* --- the stream --- */

/* Opens a stream at `at`; where the registry begins at the start again, its bytes up to there are
 * thrown away. */
static int stream_open(struct download *download, struct part *part, struct error *err)
{
    uint64_t wanted = download->at;
    if (part_open(download, wanted, download->blob.size, part, err) < 0)
        return -1;
    download->stream = part->stream;
    for (uint64_t at = part->whole ? 0 : wanted; at < wanted;) {
        const uint8_t *data;
        size_t size;
        int status = http_peek(download->stream, &data, &size, err);
        if (status == 0)
            error_set(err, ERROR_UNREACHABLE, "the blob ended at byte %llu of %llu",
                      (unsigned long long)at, (unsigned long long)download->blob.size);
        if (status <= 0) {
            download->stream = http_close(download->stream);
            return download_wrap(download, err);
        }
        size = size < wanted - at ? size : (size_t)(wanted - at);
        http_skip(download->stream, size);
        at += size;
    }
    return 0;
}

/* At the blob's end: 0 where the stream ends, too. All bytes are there, so a break is none. */
static int stream_end(struct download *download, struct error *err)
{
    const uint8_t *data;
    size_t size;
    struct error ignored = ERROR_INIT;
    if (download->stream == NULL)
        return 0;
    int status = http_peek(download->stream, &data, &size, &ignored);
    download->stream = http_close(download->stream);
    if (status <= 0)
        return 0;
    error_set(err, ERROR_BLOB_SIZE, "more than the %llu bytes of its descriptor come",
              (unsigned long long)download->blob.size);
    return download_wrap(download, err);
}

/* One try to have the bytes at `at`. */
static int stream_try(struct download *download, const uint8_t **ret_data, size_t *ret_size,
                      struct part *part, struct error *err)
{
    if (download->stream == NULL && stream_open(download, part, err) < 0)
        return -1;
    int status = http_peek(download->stream, ret_data, ret_size, err);
    if (status > 0) {
        uint64_t left = download->blob.size - download->at;
        *ret_size = *ret_size < left ? *ret_size : (size_t)left;
        return 1;
    }
    if (status == 0)
        error_set(err, ERROR_UNREACHABLE, "the blob ended at byte %llu of %llu",
                  (unsigned long long)download->at, (unsigned long long)download->blob.size);
    download->stream = http_close(download->stream);
    return download_wrap(download, err);
}

/* Lends what comes at `at`: 1, 0 at the blob's end, -1. */
static int stream_peek(struct download *download, const uint8_t **ret_data, size_t *ret_size,
                       struct error *err)
{
    download->streaming = true;
    for (;;) {
        struct part part = {.stream = NULL};
        if (download->at == download->blob.size)
            return stream_end(download, err);
        if (stream_try(download, ret_data, ret_size, &part, err) > 0)
            return 1;
        if (download_break(download, download->at, &part, err) < 0)
            return -1;
    }
}

static void stream_skip(struct download *download, size_t size)
{
    http_skip(download->stream, size);
    download->at += size;
}

static void stream_leave(struct download *download)
{
    download->stream = http_close(download->stream);
    download->streaming = false;
}

/* --- blob --- */

static int download_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size,
                         struct error *err)
{
    struct download *download = download_of(blob);
    if (download->at != download->position) { /* read_at went on with the stream */
        stream_leave(download);
        download->at = download->position;
    }
    int status = stream_peek(download, ret_data, ret_size, err);
    download->lent = status > 0 ? *ret_size : 0;
    return status;
}

static void download_skip(struct blob *blob, size_t size)
{
    struct download *download = download_of(blob);
    stream_skip(download, size);
    download->position += size;
    download->lent = 0;
}

/* What the window has of it: bytes copied. */
static size_t window_copy(const struct download *download, uint64_t offset, void *data, size_t size)
{
    if (offset < download->window_start || offset - download->window_start >= download->window_size)
        return 0;
    size_t from = (size_t)(offset - download->window_start);
    size_t there = download->window_size - from;
    there = there < size ? there : size;
    memcpy(data, download->window + from, there);
    return there;
}

/* Whether the stream comes by there. What peek lent must stay where it is. */
static bool stream_reaches(const struct download *download, uint64_t offset)
{
    return download->lent == 0 && download->streaming && offset >= download->at &&
           offset - download->at <= AHEAD_MAX;
}

static int stream_copy(struct download *download, uint64_t offset, void *data, size_t size,
                       size_t *ret_copied, struct error *err)
{
    const uint8_t *from;
    size_t there;
    *ret_copied = 0;
    if (stream_peek(download, &from, &there, err) < 0)
        return -1;
    if (offset > download->at) {
        uint64_t ahead = offset - download->at;
        stream_skip(download, there < ahead ? there : (size_t)ahead);
        return 0;
    }
    *ret_copied = there < size ? there : size;
    memcpy(data, from, *ret_copied);
    stream_skip(download, *ret_copied);
    return download->at == download->blob.size ? stream_end(download, err) : 0;
}

/* Whether who reads there goes on from window to window. */
static bool reads_on(struct download *download, uint64_t offset)
{
    bool next =
        download->window_size > 0 && offset == download->window_start + download->window_size;
    download->row = next ? download->row + 1 : 0;
    if (download->row < ROW_MAX)
        return false;
    download->row = 0;
    return true;
}

static const struct blob_ops stream_ops;

static int download_read_at(struct blob *blob, uint64_t offset, void *data, size_t size,
                            struct error *err)
{
    struct download *download = download_of(blob);
    while (size > 0) {
        size_t copied = window_copy(download, offset, data, size);
        if (copied == 0 && stream_reaches(download, offset)) {
            if (stream_copy(download, offset, data, size, &copied, err) < 0)
                return -1;
        } else if (copied == 0) {
            if (download->lent == 0)
                stream_leave(download);
            if (download->lent == 0 && reads_on(download, offset)) {
                download->at = offset;
                download->streaming = true;
            } else if (window_fill(download, offset, err) < 0) {
                if (err->class == ERROR_UNSUPPORTED)
                    blob->ops = &stream_ops;
                return -1;
            }
        }
        data = (uint8_t *)data + copied;
        offset += copied;
        size -= copied;
    }
    return 0;
}

static void download_close(struct blob *blob)
{
    struct download *download = download_of(blob);
    http_close(download->stream);
    free(download->path);
    free(download->etag);
    free(download->window);
    free(download);
}

static const struct blob_ops download_ops = {
    .peek = download_peek,
    .skip = download_skip,
    .read_at = download_read_at,
    .close = download_close,
};

static int parts_read_at(struct blob *blob, uint64_t offset, void *data, size_t size,
                         struct error *err)
{
    if (range_read(download_of(blob), offset, data, size, err) == 0)
        return 0;
    if (err->class == ERROR_UNSUPPORTED)
        blob->ops = &stream_ops;
    return -1;
}

static const struct blob_ops parts_ops = {
    .peek = download_peek,
    .skip = download_skip,
    .read_at = parts_read_at,
    .close = download_close,
};

/* Once the registry was found to have no ranges. */
static const struct blob_ops stream_ops = {
    .peek = download_peek,
    .skip = download_skip,
    .close = download_close,
};

/* The first request: it tells whether the blob is there, and its size. */
static int first_open(struct download *download, struct error *err)
{
    AUTO(http_response_done) struct http_response answer = {0};
    uint64_t size;
    const struct client_request request = {.method = HTTP_GET,
                                           .path = download->path,
                                           .repository = download->remote.repository,
                                           .blob = true,
                                           .answers = (const int[]){200, 404, 410, 0},
                                           .verb = download->verb};
    if (client_open(download->remote.client, &request, &answer, &download->stream, err) < 0)
        return -1;
    if (answer.status != 200) {
        error_set(err, ERROR_BLOB_MISSING, "the registry does not have the blob");
        return download_wrap(download, err);
    }
    download->size_told = http_header_number(&answer, "content-length", &size);
    if (download->size_told)
        download->blob.size = size;
    download->etag = http_header(&answer, "etag", 0);
    download->streaming = true;
    return 0;
}

/* Without a GET: whether it is there, and its size. */
static int first_ask(struct download *download, const struct blob_id *id, struct error *err)
{
    uint64_t size;
    int there = remote_blob_find(&download->remote, &id->digest, &size, err);
    if (there < 0)
        return -1;
    if (there == 0) {
        error_set(err, ERROR_BLOB_MISSING, "the registry does not have the blob");
        return download_wrap(download, err);
    }
    download->size_told = size != UINT64_MAX;
    if (download->size_told)
        download->blob.size = size;
    download->blob.ops = &parts_ops;
    return 0;
}

static int open_one(const struct remote *remote, const struct blob_id *id, bool parts,
                    struct blob **ret, struct error *err)
{
    char digest[DIGEST_TEXT_SIZE];
    struct download *download = calloc(1, sizeof *download);
    if (download == NULL)
        return error_memory(err);
    AUTO(blob_close_auto) struct blob *blob = &download->blob;
    download->blob = (struct blob){.ops = &download_ops, .size = id->size};
    download->remote = *remote;
    digest_print(&id->digest, digest);
    snprintf(download->verb, sizeof download->verb, "reading the blob %s", digest);
    if (asprintf(&download->path, "/v2/%s/blobs/%s", remote->repository, digest) < 0) {
        download->path = NULL;
        return error_memory(err);
    }
    if ((parts ? first_ask(download, id, err) : first_open(download, err)) < 0)
        return -1;
    *ret = take_ptr(&blob);
    return 0;
}

int download_open(const struct remote *remote, const struct blob_id *id, struct blob **ret,
                  struct error *err)
{
    return open_one(remote, id, false, ret, err);
}

int download_open_parts(const struct remote *remote, const struct blob_id *id, struct blob **ret,
                        struct error *err)
{
    return open_one(remote, id, true, ret, err);
}
