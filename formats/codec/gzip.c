/* gzip.c: zlib behind packed.h: one gzip member after another. Knows neither blobs nor what is
 * packed. */
#include "formats/codec/packed.h"

#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* inflateInit2: the largest window, gzip's header and trailer */

struct gzip {
    z_stream stream;
    bool ended; /* the member before this byte */
};

static int gzip_open(void **ret, struct error *err)
{
    struct gzip *gzip = calloc(1, sizeof *gzip);
    if (gzip == NULL)
        return error_memory(err);
    if (inflateInit2(&gzip->stream, GZIP_WINDOW) != Z_OK) {
        free(gzip);
        return error_memory(err);
    }
    *ret = gzip;
    return 0;
}

static void gzip_close(void *state)
{
    struct gzip *gzip = state;
    inflateEnd(&gzip->stream);
    free(gzip);
}

static int gzip_step(void *state, const uint8_t **in, size_t *in_size, uint8_t *out,
                     size_t capacity, size_t *ret_size, struct error *err)
{
    struct gzip *gzip = state;
    z_stream *stream = &gzip->stream;
    if (gzip->ended && inflateReset(stream) != Z_OK)
        return error_set(err, ERROR_INTERNAL, "zlib cannot begin again");
    gzip->ended = false;
    stream->next_in = (Bytef *)(uintptr_t)*in; /* zlib reads it only */
    stream->avail_in = (uInt)*in_size;
    stream->next_out = out;
    stream->avail_out = (uInt)capacity;
    int result = inflate(stream, Z_NO_FLUSH);
    *in += *in_size - stream->avail_in;
    *in_size = stream->avail_in;
    *ret_size = capacity - stream->avail_out;
    if (result == Z_MEM_ERROR)
        return error_memory(err);
    gzip->ended = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return error_set(err, ERROR_STREAM_BLOCK, "%s",
                         stream->msg == NULL ? "it does not unpack" : stream->msg);
    return !gzip->ended;
}

const struct unpacker_ops gzip_ops = {.open = gzip_open, .step = gzip_step, .close = gzip_close};
