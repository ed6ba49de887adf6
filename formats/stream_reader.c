/* stream_reader.c: layers to decoder. Knows neither V1's chain nor V2's chunks.
 */
#include "formats/stream_reader.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

int stream_reader_init(struct stream_reader *stream, struct blobs *blobs, struct error *err)
{
    *stream = (struct stream_reader){.blobs = blobs, .decoder = applelz4_decoder_new(err)};
    return stream->decoder == NULL ? -1 : 0;
}

void stream_reader_done(struct stream_reader *stream)
{
    stream_reader_leave(stream);
    stream->decoder = applelz4_decoder_free(stream->decoder);
}

void stream_reader_leave(struct stream_reader *stream)
{
    stream->blob = blob_close(stream->blob);
}

int stream_reader_open_layer(struct stream_reader *stream, const struct disk_layer *layer,
                             struct error *err)
{
    stream->layer = layer;
    stream->head_size = 0;
    if (blobs_open(stream->blobs, &layer->blob, &stream->blob, err) < 0)
        return -1;
    if (stream->blob->size != layer->blob.size)
        return error_set(err, ERROR_BLOB_SIZE,
                         "has %" PRIu64 " bytes, its descriptor says %" PRIu64, stream->blob->size,
                         layer->blob.size);
    return 0;
}

static void head_keep(struct stream_reader *stream, const uint8_t *data, size_t size)
{
    size_t room = sizeof stream->head - stream->head_size;
    size_t step = size < room ? size : room;
    memcpy(stream->head + stream->head_size, data, step);
    stream->head_size += step;
}

int stream_reader_fill(struct stream_reader *stream, struct batch *batch, struct error *err)
{
    /* what the decoder still holds comes before new bytes */
    size_t used = 0;
    int full = applelz4_decode(stream->decoder, NULL, 0, &used, batch, err);
    while (full == 0) {
        const uint8_t *data;
        size_t size;
        int more = blob_peek(stream->blob, &data, &size, err);
        if (more <= 0) {
            if (more == 0)
                stream_reader_leave(stream);
            return more;
        }
        full = applelz4_decode(stream->decoder, data, size, &used, batch, err);
        if (full >= 0) {
            head_keep(stream, data, used);
            blob_skip(stream->blob, used);
        } else
            head_keep(stream, data, size);
    }
    return full;
}

/* Reads the layer to its end. -1 and err where that shows what is wrong with its bytes. */
static int drain(struct stream_reader *stream, struct error *err)
{
    const uint8_t *data;
    size_t size;
    int more;
    while ((more = blob_peek(stream->blob, &data, &size, err)) > 0)
        blob_skip(stream->blob, size);
    return more;
}

static bool is_about_content(enum error_class class)
{
    switch (class) {
    case ERROR_STREAM_FOREIGN:
    case ERROR_STREAM_MAGIC:
    case ERROR_STREAM_LIMIT:
    case ERROR_STREAM_BLOCK:
    case ERROR_STREAM_TRUNCATED:
    case ERROR_STREAM_TRAILING:
    case ERROR_LAYER_CHAIN:
    case ERROR_CONTENT_SIZE:
    case ERROR_DISK_SIZE:
        return true;
    default:
        return false;
    }
}

int stream_reader_fail(struct stream_reader *stream, uint64_t start, struct error *err)
{
    struct error_place where = err->where;
    struct error drained = ERROR_INIT;
    if (stream->blob != NULL && is_about_content(err->class) && drain(stream, &drained) < 0) {
        /* the bytes are not what the manifest names; what they decode to is of no more interest */
        *err = drained;
        err->where = where;
    }
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&stream->layer->blob.digest, digest);
    err->where.layer = (int64_t)stream->layer->index;
    if (err->where.offset >= 0) {
        err->where.offset -= (int64_t)start;
        return error_wrap(err, "layer %zu %s: byte %" PRId64, stream->layer->index, digest,
                          err->where.offset);
    }
    return error_wrap(err, "layer %zu %s", stream->layer->index, digest);
}
