/* disk_v1.c: disk.v1: one stream over the whole disk, cut blindly into layers.
 * docs/formats/disk-v1.md.
 */
#include "formats/formats.h"
#include "formats/stream_reader.h"
#include "formats/stream_writer.h"

#include "formats/model/auto.h"

#include <inttypes.h>

struct v1_reader {
    struct reader reader;
    const struct disk *disk;
    struct stream_reader stream;
    size_t next;          /* the layer to open next */
    uint64_t layer_start; /* the stream's byte at which the layer in hand begins */
    bool ended;
    struct checkpoint *checkpoint; /* room for one, where they are told or loaded */
};

static int v1_reader_open(const struct disk *disk, struct blobs *blobs, struct reader **ret,
                          struct error *err)
{
    struct v1_reader *v1 = calloc(1, sizeof *v1);
    if (v1 == NULL)
        return error_memory(err);
    if (stream_reader_init(&v1->stream, blobs, err) < 0) {
        free(v1);
        return -1;
    }
    v1->disk = disk;
    *ret = &v1->reader;
    return 0;
}

static void v1_reader_close(struct reader *reader)
{
    struct v1_reader *v1 = (struct v1_reader *)reader;
    free(v1->checkpoint);
    stream_reader_done(&v1->stream);
    free(v1);
}

/* Whether no block that lies in the layer in hand alone was decoded yet: then the layer does not go
 * on where the one before ended. */
static bool is_at_cut(const struct v1_reader *v1)
{
    const struct applelz4_decoder *decoder = v1->stream.decoder;
    return v1->layer_start > 0 && (applelz4_decoder_block_start(decoder) <= v1->layer_start ||
                                   applelz4_decoder_last_start(decoder) < v1->layer_start);
}

static bool is_broken_stream(enum error_class class)
{
    return class == ERROR_STREAM_MAGIC || class == ERROR_STREAM_LIMIT ||
           class == ERROR_STREAM_BLOCK || class == ERROR_STREAM_TRAILING;
}

/* Gives a decoding error the words of the chain of layers. */
static int v1_fail(struct v1_reader *v1, struct error *err)
{
    uint64_t start = v1->layer_start;
    if (v1->stream.blob != NULL && is_broken_stream(err->class) && is_at_cut(v1)) {
        const char *foreign = applelz4_foreign_magic(v1->stream.head, v1->stream.head_size);
        struct error_place where = err->where;
        if (foreign != NULL)
            error_set(err, ERROR_STREAM_FOREIGN,
                      "begins like %s, not like a piece of a disk.v1 "
                      "stream",
                      foreign);
        else {
            err->class = ERROR_LAYER_CHAIN;
            error_wrap(err, "does not go on where the layer before ends (`tartconv repair` looks "
                            "for the right order)");
        }
        err->where = where;
    }
    /* a block that began in an earlier layer is told by the cut */
    if (err->where.offset >= 0 && (uint64_t)err->where.offset < start)
        err->where.offset = (int64_t)start;
    return stream_reader_fail(&v1->stream, start, err);
}

static int layer_open_next(struct v1_reader *v1, struct error *err)
{
    if (v1->next > 0)
        v1->layer_start += v1->disk->layers[v1->next - 1].blob.size;
    const struct disk_layer *layer = &v1->disk->layers[v1->next++];
    if (stream_reader_open_layer(&v1->stream, layer, err) < 0)
        return v1_fail(v1, err);
    return 0;
}

/* After the last layer: the end mark must have been read, and the disk be as long as was promised.
 */
static int stream_end(struct v1_reader *v1, struct error *err)
{
    v1->ended = true;
    uint64_t decoded = applelz4_decoder_decoded(v1->stream.decoder);
    int status = applelz4_decoder_finish(v1->stream.decoder, err);
    if (status == 0 && v1->disk->has_size && decoded != v1->disk->size) {
        error_set(err, ERROR_DISK_SIZE,
                  "the layers decode to %" PRIu64 " bytes, the manifest says %" PRIu64, decoded,
                  v1->disk->size);
        err->where.disk_offset = (int64_t)decoded;
        status = -1;
    }
    return status < 0 ? v1_fail(v1, err) : 0;
}

/* --- checkpoints --- */

static int checkpoint_room(struct v1_reader *v1, struct error *err)
{
    if (v1->checkpoint == NULL)
        v1->checkpoint = malloc(sizeof *v1->checkpoint);
    return v1->checkpoint == NULL ? error_memory(err) : 0;
}

/* A layer has just matched; or, after the last one, the whole stream is known to be good. */
static int tell_matched(struct v1_reader *v1, struct error *err)
{
    const struct reader_options *options = v1->reader.options;
    if (options->matched == NULL || (v1->next == v1->disk->layer_count && !v1->ended))
        return 0;
    uint64_t decoded = applelz4_decoder_decoded(v1->stream.decoder);
    if (v1->ended)
        return options->matched(options->context, decoded, NULL, err);
    if (v1->disk->has_size && decoded == v1->disk->size)
        return 0; /* what follows can still be wrong */
    if (checkpoint_room(v1, err) < 0)
        return -1;
    v1->checkpoint->layer = v1->next;
    bool is_place =
        decoded > 0 && applelz4_decoder_save(v1->stream.decoder, &v1->checkpoint->state);
    return options->matched(options->context, decoded, is_place ? v1->checkpoint : NULL, err);
}

static uint64_t v1_start_before(const struct reader *reader, uint64_t offset)
{
    const struct reader_options *options = reader->options;
    if (options->checkpoint_before == NULL)
        return 0;
    return options->checkpoint_before(options->context, offset);
}

/* To the stream's start. */
static void v1_rewind(struct v1_reader *v1)
{
    stream_reader_leave(&v1->stream);
    applelz4_decoder_reset(v1->stream.decoder, 0);
    v1->next = 0;
    v1->layer_start = 0;
    v1->ended = false;
}

static int v1_seek(struct reader *reader, uint64_t offset, struct error *err)
{
    struct v1_reader *v1 = (struct v1_reader *)reader;
    const struct reader_options *options = reader->options;
    v1_rewind(v1);
    if (offset == 0)
        return 0;
    if (checkpoint_room(v1, err) < 0 ||
        options->checkpoint_load(options->context, offset, v1->checkpoint, err) < 0 ||
        applelz4_decoder_restore(v1->stream.decoder, &v1->checkpoint->state, err) < 0)
        return -1;
    uint64_t start = 0;
    size_t layers = v1->checkpoint->layer;
    for (size_t i = 0; i + 1 < layers && i + 1 < v1->disk->layer_count; i++)
        start += v1->disk->layers[i].blob.size;
    if (layers >= v1->disk->layer_count ||
        start + v1->disk->layers[layers - 1].blob.size != v1->checkpoint->state.consumed ||
        v1->checkpoint->state.decoded != offset ||
        (v1->disk->has_size && offset > v1->disk->size)) {
        v1_rewind(v1);
        return error_set(err, ERROR_IO,
                         "the checkpoint at disk byte %" PRIu64 " does not fit the image", offset);
    }
    /* opening the next layer adds the size of the one before */
    v1->next = layers;
    v1->layer_start = start;
    return 0;
}

/* --- the stream --- */

static int v1_read(struct reader *reader, struct batch *batch, struct error *err)
{
    struct v1_reader *v1 = (struct v1_reader *)reader;
    uint64_t limit = batch->limit;
    while (!v1->ended) {
        if (v1->disk->has_size) {
            uint64_t left =
                v1->disk->size - applelz4_decoder_decoded(v1->stream.decoder) + batch->length;
            batch->limit = limit < left ? limit : left;
        }
        if (v1->stream.blob == NULL) {
            if (v1->next == v1->disk->layer_count) {
                if (stream_end(v1, err) < 0 || tell_matched(v1, err) < 0)
                    return -1;
                break;
            }
            if (layer_open_next(v1, err) < 0)
                return -1;
        }
        int status = stream_reader_fill(&v1->stream, batch, err);
        if (status < 0)
            return v1_fail(v1, err);
        bool whole =
            v1->disk->has_size && applelz4_decoder_decoded(v1->stream.decoder) == v1->disk->size;
        if (status == 1 && whole) {
            error_set(err, ERROR_DISK_SIZE,
                      "the layers decode to more than the %" PRIu64 " bytes that the manifest says",
                      v1->disk->size);
            err->where.disk_offset = (int64_t)v1->disk->size;
            return v1_fail(v1, err);
        }
        if (status == 1)
            break;
        if (tell_matched(v1, err) < 0)
            return -1;
        /* the next layer is not begun before it is asked for; but the disk's last bytes are not
         * given out before the stream was seen to end behind them */
        if (batch->length > 0 && !whole)
            break;
    }
    batch->limit = limit;
    return batch->length > 0 ? 1 : 0;
}

const struct reader_ops v1_reader_ops = {
    .open = v1_reader_open,
    .read = v1_read,
    .start_before = v1_start_before,
    .seek = v1_seek,
    .close = v1_reader_close,
};

/* --- writing --- */

struct v1_writer {
    struct writer writer;
    struct stream_writer *stream;
    struct sink *sink;
    uint64_t layer_size; /* encoded bytes at which the stream is cut */
    uint64_t disk_size;
    struct output *output;
    struct hasher hasher;
    uint64_t size;              /* encoded bytes of the layer in hand */
    struct block_counts before; /* at the start of the chunk in hand */
    struct disk_layer *layers;
    size_t layer_count, layer_capacity;
};

static int layer_note(struct v1_writer *v1, const struct blob_id *blob, struct error *err)
{
    if (v1->layer_count == v1->layer_capacity) {
        size_t capacity = v1->layer_capacity == 0 ? 16 : v1->layer_capacity * 2;
        struct disk_layer *layers = reallocarray(v1->layers, capacity, sizeof *layers);
        if (layers == NULL)
            return error_memory(err);
        v1->layers = layers;
        v1->layer_capacity = capacity;
    }
    v1->layers[v1->layer_count] = (struct disk_layer){.index = v1->layer_count + 1, .blob = *blob};
    v1->layer_count++;
    return 0;
}

static int layer_end(struct v1_writer *v1, struct error *err)
{
    if (v1->output == NULL)
        return 0;
    struct blob_id blob = {.has_digest = true, .size = v1->size};
    v1->size = 0;
    if (hasher_final(&v1->hasher, &blob.digest, err) < 0 ||
        output_commit(&v1->output, &blob, err) < 0)
        return -1;
    return layer_note(v1, &blob, err);
}

static int v1_put(void *context, const uint8_t *data, size_t size, struct error *err)
{
    struct v1_writer *v1 = context;
    while (size > 0) {
        if (v1->output == NULL &&
            (sink_open(v1->sink, &v1->output, err) < 0 || hasher_restart(&v1->hasher, err) < 0))
            return -1;
        size_t step = size < v1->layer_size - v1->size ? size : (size_t)(v1->layer_size - v1->size);
        hasher_update(&v1->hasher, data, step);
        if (output_write(v1->output, data, step, err) < 0)
            return -1;
        v1->size += step;
        data += step;
        size -= step;
        if (v1->size == v1->layer_size && layer_end(v1, err) < 0)
            return -1;
    }
    return 0;
}

static void v1_writer_close(struct writer *writer)
{
    struct v1_writer *v1 = (struct v1_writer *)writer;
    output_abort(&v1->output);
    stream_writer_free(v1->stream);
    hasher_done(&v1->hasher);
    free(v1->layers);
    free(v1);
}

static int v1_writer_open(const struct writer_options *options, struct writer **ret,
                          struct error *err)
{
    struct v1_writer *v1 = calloc(1, sizeof *v1);
    if (v1 == NULL)
        return error_memory(err);
    v1->sink = options->sink;
    v1->layer_size = options->v1_layer_size;
    v1->disk_size = options->disk_size;
    if (hasher_init(&v1->hasher, err) < 0 ||
        stream_writer_new(options, v1_put, v1, &v1->stream, err) < 0) {
        v1_writer_close(&v1->writer);
        return -1;
    }
    *ret = &v1->writer;
    return 0;
}

static int v1_begin(struct writer *writer, uint64_t length, struct error *err)
{
    (void)length;
    (void)err;
    struct v1_writer *v1 = (struct v1_writer *)writer;
    if (writer->offset == 0)
        stream_writer_restart(v1->stream, 0, v1->disk_size);
    v1->before = stream_writer_counts(v1->stream);
    return 0;
}

static int v1_write(struct writer *writer, const struct extent *extent, struct error *err)
{
    return stream_writer_extent(((struct v1_writer *)writer)->stream, extent, err);
}

static int v1_end(struct writer *writer, struct written_chunk *ret, struct error *err)
{
    (void)err;
    struct v1_writer *v1 = (struct v1_writer *)writer;
    struct block_counts now = stream_writer_counts(v1->stream);
    ret->blocks =
        (struct block_counts){now.encoded - v1->before.encoded, now.carried - v1->before.carried};
    return 0;
}

static int v1_finish(struct writer *writer, struct disk *ret, struct error *err)
{
    struct v1_writer *v1 = (struct v1_writer *)writer;
    if (stream_writer_end(v1->stream, err) < 0 || layer_end(v1, err) < 0)
        return -1;
    *ret = (struct disk){
        .format = DISK_V1,
        .layers = take_ptr(&v1->layers),
        .layer_count = v1->layer_count,
        .size = writer->position,
        .has_size = true,
    };
    v1->layer_count = v1->layer_capacity = 0;
    return 0;
}

const struct writer_ops v1_writer_ops = {
    .open = v1_writer_open,
    .begin = v1_begin,
    .write = v1_write,
    .end = v1_end,
    .finish = v1_finish,
    .close = v1_writer_close,
};
