/* disk_v2.c: disk.v2: each layer is a stream of its own and carries one run of the disk. Reads
 * every era's cut; writes a layer a chunk. docs/formats/disk-v2.md.
 */
#include "formats/formats.h"
#include "formats/stream_reader.h"
#include "formats/stream_writer.h"

#include "formats/model/auto.h"

#include <inttypes.h>

struct v2_reader {
    struct reader reader;
    const struct disk *disk;
    struct stream_reader stream;
    size_t next; /* the layer to open next */
};

static int v2_reader_open(const struct disk *disk, struct blobs *blobs, struct reader **ret,
                          struct error *err)
{
    struct v2_reader *v2 = calloc(1, sizeof *v2);
    if (v2 == NULL)
        return error_memory(err);
    if (stream_reader_init(&v2->stream, blobs, err) < 0) {
        free(v2);
        return -1;
    }
    v2->disk = disk;
    *ret = &v2->reader;
    return 0;
}

static void v2_reader_close(struct reader *reader)
{
    struct v2_reader *v2 = (struct v2_reader *)reader;
    stream_reader_done(&v2->stream);
    free(v2);
}

static int tell_matched(const struct v2_reader *v2, struct error *err)
{
    const struct reader_options *options = v2->reader.options;
    const struct disk_layer *layer = v2->stream.layer;
    if (options->matched == NULL)
        return 0;
    return options->matched(options->context, layer->offset + layer->length, NULL, err);
}

/* The layer's content is complete: only the end mark and the blob's end may follow. */
static int layer_end(struct v2_reader *v2, struct batch *batch, struct error *err)
{
    batch->limit = batch->length;
    int status = stream_reader_fill(&v2->stream, batch, err);
    if (status > 0) {
        error_set(err, ERROR_CONTENT_SIZE,
                  "decodes to more than the %" PRIu64 " bytes of its annotation",
                  v2->stream.layer->length);
        status = -1;
    }
    if (status < 0)
        return -1;
    return applelz4_decoder_finish(v2->stream.decoder, err);
}

static int layer_read(struct v2_reader *v2, struct batch *batch, struct error *err)
{
    const struct disk_layer *layer = v2->stream.layer;
    uint64_t left = layer->length - applelz4_decoder_decoded(v2->stream.decoder);
    if (batch->limit > left)
        batch->limit = left;
    int status = left == 0 ? 1 : stream_reader_fill(&v2->stream, batch, err);
    if (status < 0)
        return -1;
    left = layer->length - applelz4_decoder_decoded(v2->stream.decoder);
    if (left == 0 && v2->stream.blob != NULL)
        return layer_end(v2, batch, err);
    if (status == 0 && applelz4_decoder_finish(v2->stream.decoder, err) < 0)
        return -1;
    if (status == 0 && left > 0)
        return error_set(err, ERROR_CONTENT_SIZE,
                         "decodes to %" PRIu64 " bytes, its annotation says %" PRIu64,
                         layer->length - left, layer->length);
    return 0;
}

static int v2_read(struct reader *reader, struct batch *batch, struct error *err)
{
    struct v2_reader *v2 = (struct v2_reader *)reader;
    while (batch->length == 0) {
        if (v2->stream.blob == NULL) {
            if (v2->next == v2->disk->layer_count)
                return 0;
            const struct disk_layer *layer = &v2->disk->layers[v2->next++];
            applelz4_decoder_reset(v2->stream.decoder, layer->offset);
            if (stream_reader_open_layer(&v2->stream, layer, err) < 0) {
                err->where.disk_offset = (int64_t)layer->offset;
                return stream_reader_fail(&v2->stream, 0, err);
            }
        }
        uint64_t limit = batch->limit;
        if (layer_read(v2, batch, err) < 0) {
            if (err->where.disk_offset < 0)
                err->where.disk_offset = (int64_t)(v2->stream.layer->offset +
                                                   applelz4_decoder_decoded(v2->stream.decoder));
            return stream_reader_fail(&v2->stream, 0, err);
        }
        batch->limit = limit;
        if (v2->stream.blob == NULL && tell_matched(v2, err) < 0)
            return -1;
    }
    return 1;
}

static size_t layer_at(const struct disk *disk, uint64_t offset)
{
    size_t low = 0, high = disk->layer_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (disk->layers[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t v2_start_before(const struct reader *reader, uint64_t offset)
{
    const struct disk *disk = ((const struct v2_reader *)reader)->disk;
    size_t layer = layer_at(disk, offset);
    if (layer < disk->layer_count && disk->layers[layer].offset == offset)
        return offset;
    return layer == 0 ? 0 : disk->layers[layer - 1].offset;
}

static int v2_seek(struct reader *reader, uint64_t offset, struct error *err)
{
    (void)err;
    struct v2_reader *v2 = (struct v2_reader *)reader;
    stream_reader_leave(&v2->stream);
    v2->next = layer_at(v2->disk, offset);
    return 0;
}

const struct reader_ops v2_reader_ops = {
    .open = v2_reader_open,
    .read = v2_read,
    .start_before = v2_start_before,
    .seek = v2_seek,
    .close = v2_reader_close,
};

/* --- writing --- */

/* What the encoding of all-zero chunks came out as, so that each length is encoded once. */
#define ZERO_CHUNKS 4

struct v2_writer {
    struct writer writer;
    struct stream_writer *stream;
    struct sink *sink;
    struct output *output; /* of the chunk in hand, from its first encoded byte on */
    struct hasher hasher;
    uint64_t size;  /* encoded bytes so far */
    uint64_t zeros; /* the chunk's length while nothing but zeros came; they are encoded when
                       something follows */
    bool only_zeros;
    struct {
        uint64_t length; /* 0: free */
        struct blob_id blob;
        struct block_counts blocks;
    } zero_chunks[ZERO_CHUNKS];
    size_t zero_chunk_next;
};

static int v2_put(void *context, const uint8_t *data, size_t size, struct error *err)
{
    struct v2_writer *v2 = context;
    if (v2->output == NULL && sink_open(v2->sink, &v2->output, err) < 0)
        return -1;
    hasher_update(&v2->hasher, data, size);
    v2->size += size;
    return output_write(v2->output, data, size, err);
}

static void v2_writer_close(struct writer *writer)
{
    struct v2_writer *v2 = (struct v2_writer *)writer;
    output_abort(&v2->output);
    stream_writer_free(v2->stream);
    hasher_done(&v2->hasher);
    free(v2);
}

static int v2_writer_open(const struct writer_options *options, struct writer **ret,
                          struct error *err)
{
    struct v2_writer *v2 = calloc(1, sizeof *v2);
    if (v2 == NULL)
        return error_memory(err);
    v2->sink = options->sink;
    if (hasher_init(&v2->hasher, err) < 0 ||
        stream_writer_new(options, v2_put, v2, &v2->stream, err) < 0) {
        v2_writer_close(&v2->writer);
        return -1;
    }
    *ret = &v2->writer;
    return 0;
}

static int v2_begin(struct writer *writer, uint64_t length, struct error *err)
{
    struct v2_writer *v2 = (struct v2_writer *)writer;
    output_abort(&v2->output);
    stream_writer_restart(v2->stream, writer->offset, length);
    v2->size = v2->zeros = 0;
    v2->only_zeros = true;
    return hasher_restart(&v2->hasher, err);
}

/* Encodes the zeros that were only counted so far. */
static int zeros_flush(struct v2_writer *v2, struct error *err)
{
    v2->only_zeros = false;
    if (v2->zeros == 0)
        return 0;
    struct extent zeros = {.length = v2->zeros};
    v2->zeros = 0;
    return stream_writer_extent(v2->stream, &zeros, err);
}

static int v2_write(struct writer *writer, const struct extent *extent, struct error *err)
{
    struct v2_writer *v2 = (struct v2_writer *)writer;
    if (v2->only_zeros && extent->data == NULL) {
        v2->zeros += extent->length;
        return 0;
    }
    if (v2->only_zeros && zeros_flush(v2, err) < 0)
        return -1;
    return stream_writer_extent(v2->stream, extent, err);
}

static bool zero_chunk_known(const struct v2_writer *v2, struct written_chunk *ret)
{
    for (size_t i = 0; i < ZERO_CHUNKS; i++)
        if (v2->zero_chunks[i].length == ret->length) {
            ret->blob = v2->zero_chunks[i].blob;
            ret->blocks = v2->zero_chunks[i].blocks;
            return true;
        }
    return false;
}

static void zero_chunk_remember(struct v2_writer *v2, const struct written_chunk *chunk)
{
    size_t i = v2->zero_chunk_next++ % ZERO_CHUNKS;
    v2->zero_chunks[i].length = chunk->length;
    v2->zero_chunks[i].blob = chunk->blob;
    v2->zero_chunks[i].blocks = chunk->blocks;
}

static int v2_end(struct writer *writer, struct written_chunk *ret, struct error *err)
{
    struct v2_writer *v2 = (struct v2_writer *)writer;
    bool all_zeros = v2->only_zeros;
    if (all_zeros && zero_chunk_known(v2, ret))
        return 0;
    if (all_zeros && zeros_flush(v2, err) < 0)
        return -1;
    if (stream_writer_end(v2->stream, err) < 0)
        return -1;
    ret->blob = (struct blob_id){.has_digest = true, .size = v2->size};
    ret->blocks = stream_writer_counts(v2->stream);
    if (hasher_final(&v2->hasher, &ret->blob.digest, err) < 0 ||
        output_commit(&v2->output, &ret->blob, err) < 0)
        return -1;
    if (all_zeros)
        zero_chunk_remember(v2, ret);
    return 0;
}

const struct writer_ops v2_writer_ops = {
    .open = v2_writer_open,
    .begin = v2_begin,
    .write = v2_write,
    .end = v2_end,
    .close = v2_writer_close,
};
