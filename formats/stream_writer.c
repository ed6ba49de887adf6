/* stream_writer.c: the one place that decides whether a block is encoded or carried over.
 *
 * A block leans on at most the 64 KiB before it. So every block of a source stream but a chunk's
 * first is good as it stands, and it is what the encoder itself would write, once encoder and
 * source agree: an encoder started afresh gives a long stream's bytes again after a few blocks.
 * Blocks are therefore encoded until AGREEMENT compressed ones in a row came out equal to those in
 * hand, then carried. A foreign encoder's blocks never agree and are all encoded.
 *
 * Where the source's stream ends or shifts (a joint), its blocks say nothing of what one long
 * stream would hold there. The encoder must be in step again when such a place is reached, so it is
 * started AGREEMENT blocks before and its output, which nobody needs yet, is thrown away. The
 * result is the same as encoding everything. See docs/formats/applelz4.md, "Carrying blocks over".
 */
#include "formats/stream_writer.h"

#include "formats/model/auto.h"

#include <assert.h>
#include <string.h>

#define AGREEMENT   64
#define BUFFER_SIZE (256u << 10)

struct stream_writer {
    stream_put *put;
    void *context;
    bool encode_all, keep_blocks;

    struct encoder *encoder;
    enum {
        ENCODING,    /* the encoder saw every block since the stream's start, or as good as that */
        CARRYING,    /* it has not seen the last ones */
        CATCHING_UP, /* blocks are carried, and encoded beside to get the encoder into step */
    } mode;
    unsigned equal;         /* compressed blocks in a row that came out as in the source */
    uint64_t offset;        /* of the stream's first byte on the disk */
    uint64_t position;      /* disk bytes since then, in whole blocks */
    uint64_t end;           /* where the stream will end, as a position */
    const uint64_t *joints; /* places on the disk, ascending */
    size_t joint_count, joint_next;
    struct block_counts counts;

    /* Bytes that do not make a block yet; with its encoded form where they are one short block, as
     * a stream's last is. */
    uint8_t partial[BLOCK_SIZE];
    size_t partial_size;
    uint8_t short_block[APPLELZ4_HEADER_BLOCK + APPLELZ4_ENCODED_MAX];
    size_t short_block_size; /* 0: none */

    uint8_t *buffer; /* encoded bytes on their way to put */
    size_t buffered;
};

int stream_writer_new(const struct writer_options *options, stream_put *put, void *context,
                      struct stream_writer **ret, struct error *err)
{
    struct stream_writer *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return error_memory(err);
    stream->put = put;
    stream->context = context;
    stream->encode_all = options->encode_all;
    stream->keep_blocks = options->keep_blocks;
    stream->joints = options->joints;
    stream->joint_count = options->joint_count;
    stream->buffer = malloc(BUFFER_SIZE);
    if (stream->buffer == NULL)
        error_memory(err);
    else
        stream->encoder = encoder_new(options->encoder, err);
    if (stream->encoder == NULL) {
        stream_writer_free(stream);
        return -1;
    }
    *ret = stream;
    return 0;
}

struct stream_writer *stream_writer_free(struct stream_writer *stream)
{
    if (stream == NULL)
        return NULL;
    encoder_free(stream->encoder);
    free(stream->buffer);
    free(stream);
    return NULL;
}

void stream_writer_restart(struct stream_writer *stream, uint64_t offset, uint64_t length)
{
    encoder_restart(stream->encoder);
    stream->mode = ENCODING;
    stream->equal = 0;
    stream->offset = offset;
    stream->position = 0;
    stream->end = length;
    stream->joint_next = 0;
    stream->counts = (struct block_counts){0, 0};
    stream->partial_size = stream->short_block_size = stream->buffered = 0;
}

struct block_counts stream_writer_counts(const struct stream_writer *stream)
{
    return stream->counts;
}

static int buffer_flush(struct stream_writer *stream, struct error *err)
{
    size_t size = stream->buffered;
    stream->buffered = 0;
    return size == 0 ? 0 : stream->put(stream->context, stream->buffer, size, err);
}

/* Room for `size` more bytes in the buffer. */
static int buffer_reserve(struct stream_writer *stream, size_t size, struct error *err)
{
    return BUFFER_SIZE - stream->buffered >= size ? 0 : buffer_flush(stream, err);
}

static int block_carry(struct stream_writer *stream, const uint8_t *block, size_t block_size,
                       struct error *err)
{
    /* nothing that is carried may reach before the stream's start */
    assert(stream->position >= APPLELZ4_WINDOW);
    if (block_size > BUFFER_SIZE)
        return error_set(err, ERROR_INTERNAL, "a block of %zu bytes cannot be carried over",
                         block_size);
    if (buffer_reserve(stream, block_size, err) < 0)
        return -1;
    memcpy(stream->buffer + stream->buffered, block, block_size);
    stream->buffered += block_size;
    stream->counts.carried++;
    return 0;
}

static bool is_stored(const uint8_t *block)
{
    return applelz4_magic(block) == APPLELZ4_STORED;
}

/* Encodes a block to the end of the buffer, without taking the place. */
static int64_t block_try(struct stream_writer *stream, const uint8_t *data, size_t size,
                         struct error *err)
{
    if (buffer_reserve(stream, APPLELZ4_HEADER_BLOCK + APPLELZ4_ENCODED_MAX, err) < 0)
        return -1;
    return encoder_block(stream->encoder, data, size, stream->buffer + stream->buffered, err);
}

/* Encodes a block; `block` is its form in the source, NULL where there is none. */
static int block_encode(struct stream_writer *stream, const uint8_t *data, size_t size,
                        const uint8_t *block, size_t block_size, struct error *err)
{
    int64_t encoded = block_try(stream, data, size, err);
    if (encoded < 0)
        return -1;
    bool same = block != NULL && (size_t)encoded == block_size &&
                memcmp(stream->buffer + stream->buffered, block, block_size) == 0;
    if (!same)
        stream->equal = 0;
    else if (!is_stored(block)) /* a stored block says nothing of the encoder that made it */
        stream->equal++;
    stream->buffered += (size_t)encoded;
    stream->counts.encoded++;
    return 0;
}

/* Whole blocks from the position to the block in which the next joint lies, or a shorter last one
 * begins; joints that lie before the position are left behind. */
static uint64_t blocks_to_joint(struct stream_writer *stream)
{
    uint64_t place = stream->offset + stream->position;
    while (stream->joint_next < stream->joint_count &&
           (stream->joints[stream->joint_next] < place || stream->position == 0) &&
           stream->joints[stream->joint_next] <= place)
        stream->joint_next++;
    uint64_t left = UINT64_MAX;
    if (stream->end % BLOCK_SIZE != 0)
        left = stream->end - stream->position;
    if (stream->joint_next < stream->joint_count &&
        stream->joints[stream->joint_next] - place < left)
        left = stream->joints[stream->joint_next] - place;
    return left / BLOCK_SIZE;
}

/* Decides what happens with a block that could be carried. True: carry it. */
static bool mode_next(struct stream_writer *stream)
{
    if (stream->keep_blocks) {
        stream->mode = CARRYING;
        return true;
    }
    uint64_t left = blocks_to_joint(stream);
    if (stream->mode == ENCODING && stream->equal >= AGREEMENT && left > AGREEMENT)
        stream->mode = CARRYING;
    if (stream->mode == CARRYING && left <= AGREEMENT) {
        encoder_restart(stream->encoder);
        stream->mode = CATCHING_UP;
    }
    if (left == 0) {
        stream->mode = ENCODING;
        stream->equal = 0;
    }
    return stream->mode != ENCODING;
}

/* A block that must be encoded. Where the encoder is out of step all the same (blocks were kept as
 * they are, the source shifts where no joint was told, or has a block that Apple's decoder would
 * not take), it starts again with nothing to refer to. */
static void encoder_resume(struct stream_writer *stream)
{
    if (stream->mode == CARRYING)
        encoder_restart(stream->encoder);
    stream->mode = ENCODING;
}

/* One whole block: data NULL for zeros, block NULL where the source has no encoded form of it. */
static int whole_block(struct stream_writer *stream, const uint8_t *data, const uint8_t *block,
                       size_t block_size, struct error *err)
{
    bool may_carry = block != NULL && !stream->encode_all && stream->position >= APPLELZ4_WINDOW;
    int status = 0;
    if (may_carry && mode_next(stream)) {
        if (stream->mode == CATCHING_UP && block_try(stream, data, BLOCK_SIZE, err) < 0)
            return -1;
        status = block_carry(stream, block, block_size, err);
    } else {
        encoder_resume(stream);
        status = block_encode(stream, data, BLOCK_SIZE, block, block_size, err);
    }
    stream->position += BLOCK_SIZE;
    return status;
}

/* Takes bytes that do not lie on the grid of blocks. */
static int add_partial(struct stream_writer *stream, const uint8_t *data, size_t size,
                       struct error *err)
{
    uint8_t *place = stream->partial + stream->partial_size;
    if (data != NULL)
        memcpy(place, data, size);
    else
        memset(place, 0, size);
    stream->partial_size += size;
    if (stream->partial_size < BLOCK_SIZE)
        return 0;
    stream->partial_size = 0;
    return whole_block(stream, stream->partial, NULL, 0, err);
}

int stream_writer_extent(struct stream_writer *stream, const struct extent *extent,
                         struct error *err)
{
    const uint8_t *data = extent->data;
    uint64_t left = extent->length;
    /* Zeros beside the grid could be carried, and what follows them could not, with an encoder that
     * is out of step: it has seen nothing of them. */
    bool on_grid = stream->partial_size == 0 || stream->keep_blocks;
    stream->short_block_size = 0; /* it was not the last */
    while (left > 0) {
        size_t room = BLOCK_SIZE - stream->partial_size;
        size_t step = left < room ? (size_t)left : room;
        int status;
        if (step == BLOCK_SIZE) {
            /* an extent's encoded form is of all its data, or of each block of its zeros */
            bool has_block =
                on_grid && extent->block != NULL && (data == NULL || extent->length == BLOCK_SIZE);
            status = whole_block(stream, data, has_block ? extent->block : NULL, extent->block_size,
                                 err);
        } else {
            if (step == extent->length && stream->partial_size == 0 && extent->block != NULL) {
                memcpy(stream->short_block, extent->block, extent->block_size);
                stream->short_block_size = extent->block_size;
            }
            status = add_partial(stream, data, step, err);
        }
        if (status < 0)
            return -1;
        if (data != NULL)
            data += step;
        left -= step;
    }
    return 0;
}

static int partial_end(struct stream_writer *stream, struct error *err)
{
    if (stream->partial_size == 0)
        return 0;
    if (stream->mode == CARRYING && stream->short_block_size > 0)
        return block_carry(stream, stream->short_block, stream->short_block_size, err);
    encoder_resume(stream);
    return block_encode(stream, stream->partial, stream->partial_size, NULL, 0, err);
}

int stream_writer_end(struct stream_writer *stream, struct error *err)
{
    if (partial_end(stream, err) < 0 || buffer_reserve(stream, APPLELZ4_MAGIC_SIZE, err) < 0)
        return -1;
    memcpy(stream->buffer + stream->buffered, applelz4_end_mark, APPLELZ4_MAGIC_SIZE);
    stream->buffered += APPLELZ4_MAGIC_SIZE;
    stream->partial_size = 0;
    return buffer_flush(stream, err);
}
