/* applelz4_decode.c: takes the bytes of an Apple LZ4 stream in any slicing and gives extents. It
 * knows blocks and their 64 KiB of history; where a stream's bytes come from, and where a chunk of
 * the disk ends, is not its business.
 */
#include "formats/codec/decoder.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

struct applelz4_decoder *applelz4_decoder_new(struct error *err)
{
    struct applelz4_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder != NULL)
        decoder->pending = malloc(APPLELZ4_PENDING_MAX);
    if (decoder == NULL || decoder->pending == NULL) {
        error_memory(err);
        return applelz4_decoder_free(decoder);
    }
    decoder->pending_capacity = APPLELZ4_PENDING_MAX;
    return decoder;
}

struct applelz4_decoder *applelz4_decoder_free(struct applelz4_decoder *decoder)
{
    if (decoder == NULL)
        return NULL;
    free(decoder->pending);
    free(decoder->aside);
    free(decoder);
    return NULL;
}

void applelz4_decoder_reset(struct applelz4_decoder *decoder, uint64_t disk_offset)
{
    decoder->disk_offset = disk_offset;
    decoder->consumed = decoder->block_start = decoder->last_start = 0;
    decoder->block_number = decoder->decoded = 0;
    decoder->ended = false;
    history_reset(&decoder->history);
    decoder->pending_size = 0;
    decoder->aside_size = decoder->aside_given = 0;
}

bool applelz4_decoder_ended(const struct applelz4_decoder *decoder)
{
    return decoder->ended;
}

uint64_t applelz4_decoder_decoded(const struct applelz4_decoder *decoder)
{
    return decoder->decoded;
}

uint64_t applelz4_decoder_block_start(const struct applelz4_decoder *decoder)
{
    return decoder->block_start;
}

uint64_t applelz4_decoder_last_start(const struct applelz4_decoder *decoder)
{
    return decoder->last_start;
}

/* Sets the place of an error to the block in hand. */
static int block_error(const struct applelz4_decoder *decoder, struct error *err)
{
    err->where.offset = (int64_t)decoder->block_start;
    err->where.disk_offset = (int64_t)(decoder->disk_offset + decoder->decoded);
    return error_wrap(err, "block %" PRIu64, decoder->block_number);
}

static int magic_error(const struct applelz4_decoder *decoder, const uint8_t *bytes,
                       struct error *err)
{
    const char *foreign =
        decoder->block_start == 0 ? applelz4_foreign_magic(bytes, APPLELZ4_MAGIC_SIZE) : NULL;
    if (foreign != NULL)
        error_set(err, ERROR_STREAM_FOREIGN, "begins like %s, not like Apple's LZ4 stream",
                  foreign);
    else
        error_set(err, ERROR_STREAM_MAGIC,
                  "bytes %02x %02x %02x %02x where a block or the end mark must begin", bytes[0],
                  bytes[1], bytes[2], bytes[3]);
    return block_error(decoder, err);
}

/* LZ4 has one way to write a length, so that is the longest that `decoded` bytes can become. */
static uint64_t encoded_limit(uint32_t decoded)
{
    return (uint64_t)decoded + decoded / 255 + 16;
}

int64_t decoder_block_size(const struct applelz4_decoder *decoder, const uint8_t *bytes,
                           size_t size, struct block *ret, struct error *err)
{
    if (size < APPLELZ4_MAGIC_SIZE)
        return APPLELZ4_MAGIC_SIZE;
    ret->magic = applelz4_magic(bytes);
    if (ret->magic == APPLELZ4_UNKNOWN)
        return magic_error(decoder, bytes, err);
    if (ret->magic == APPLELZ4_END)
        return APPLELZ4_MAGIC_SIZE;
    bool stored = ret->magic == APPLELZ4_STORED;
    size_t header = stored ? APPLELZ4_HEADER_STORED : APPLELZ4_HEADER_BLOCK;
    if (size < header)
        return (int64_t)header;
    ret->decoded_size = load_le32(bytes + 4);
    uint32_t payload = stored ? ret->decoded_size : load_le32(bytes + 8);
    if (ret->decoded_size > APPLELZ4_BLOCK_MAX) {
        error_set(err, ERROR_STREAM_LIMIT, "declares %" PRIu32 " decoded bytes, limit %u",
                  ret->decoded_size, APPLELZ4_BLOCK_MAX);
        return block_error(decoder, err);
    }
    if (!stored && payload > encoded_limit(ret->decoded_size)) {
        error_set(err, ERROR_STREAM_LIMIT,
                  "declares %" PRIu32 " encoded bytes for %" PRIu32 " decoded ones, limit %" PRIu64,
                  payload, ret->decoded_size, encoded_limit(ret->decoded_size));
        return block_error(decoder, err);
    }
    return (int64_t)header + payload;
}

static int pending_reserve(struct applelz4_decoder *decoder, size_t capacity, struct error *err)
{
    if (capacity <= decoder->pending_capacity)
        return 0;
    uint8_t *pending = realloc(decoder->pending, capacity);
    if (pending == NULL)
        return error_memory(err);
    decoder->pending = pending;
    decoder->pending_capacity = capacity;
    return 0;
}

/* Finds the block in hand as one piece of memory: in the input, where it lies there whole, else in
 * `pending`. 1: found, *ret filled and nothing consumed of it but what went into pending; 0: the
 * input is used up. */
static int block_gather(struct applelz4_decoder *decoder, const uint8_t **input, size_t *size,
                        struct block *ret, struct error *err)
{
    if (decoder->pending_size == 0) {
        int64_t needed = decoder_block_size(decoder, *input, *size, ret, err);
        if (needed < 0)
            return -1;
        if ((uint64_t)needed <= *size) {
            ret->bytes = *input;
            ret->size = (size_t)needed;
            return 1;
        }
    }
    for (;;) {
        int64_t needed =
            decoder_block_size(decoder, decoder->pending, decoder->pending_size, ret, err);
        if (needed < 0)
            return -1;
        if ((size_t)needed == decoder->pending_size) {
            ret->bytes = decoder->pending;
            ret->size = decoder->pending_size;
            return 1;
        }
        if (*size == 0)
            return 0;
        size_t step = (size_t)needed - decoder->pending_size;
        if (step > *size)
            step = *size;
        if (pending_reserve(decoder, decoder->pending_size + step, err) < 0)
            return -1;
        memcpy(decoder->pending + decoder->pending_size, *input, step);
        decoder->pending_size += step;
        decoder->consumed += step;
        *input += step;
        *size -= step;
    }
}

/* The block in hand has been dealt with. */
static void block_leave(struct applelz4_decoder *decoder, const struct block *block,
                        const uint8_t **input, size_t *size)
{
    if (decoder->pending_size > 0)
        decoder->pending_size = 0;
    else {
        *input += block->size;
        *size -= block->size;
        decoder->consumed += block->size;
    }
    decoder->last_start = decoder->block_start;
    decoder->block_start = decoder->consumed;
    decoder->block_number++;
}

/* Decodes block to `output`, before which history_size bytes of history lie. */
static int block_decode(const struct applelz4_decoder *decoder, const struct block *block,
                        uint8_t *output, size_t history_size, struct error *err)
{
    int64_t written =
        applelz4_block_decode(block->bytes, block->size, output, block->decoded_size, history_size);
    if (written == (int64_t)block->decoded_size)
        return 0;
    error_set(err, ERROR_STREAM_BLOCK,
              "its LZ4 data does not decode to the %" PRIu32 " bytes that it declares",
              block->decoded_size);
    return block_error(decoder, err);
}

/* --- extents --- */

static void extent_add(struct applelz4_decoder *decoder, struct batch *batch, struct extent extent)
{
    batch->extents[batch->extent_count++] = extent;
    batch->length += extent.length;
    decoder->decoded += extent.length;
}

/* The extent that a block makes, with its encoded form where that is wanted. */
static struct extent extent_of(struct batch *batch, const struct block *block, const uint8_t *data)
{
    struct extent extent = {.length = block->decoded_size, .data = data};
    if (!batch->wants_blocks)
        return extent;
    uint8_t *kept = batch->encoded + batch->encoded_used;
    memcpy(kept, block->bytes, block->size);
    batch->encoded_used += block->size;
    extent.block = kept;
    extent.block_size = (uint32_t)block->size;
    return extent;
}

/* Whether the extent can be made longer by a block of zeros: it is whole blocks of the same bytes.
 */
static bool is_same_zeros(const struct extent *extent, const struct batch *batch,
                          const struct block *block)
{
    if (extent->data != NULL || extent->length % BLOCK_SIZE != 0)
        return false;
    if (!batch->wants_blocks)
        return true;
    return extent->block_size == block->size &&
           memcmp(extent->block, block->bytes, block->size) == 0;
}

/* BLOCK_SIZE zeros from `block`. */
static void zeros_add(struct applelz4_decoder *decoder, struct batch *batch,
                      const struct block *block)
{
    struct extent *last = batch->extent_count > 0 ? &batch->extents[batch->extent_count - 1] : NULL;
    if (last == NULL || !is_same_zeros(last, batch, block)) {
        extent_add(decoder, batch, extent_of(batch, block, NULL));
        return;
    }
    last->length += BLOCK_SIZE;
    batch->length += BLOCK_SIZE;
    decoder->decoded += BLOCK_SIZE;
}

static bool batch_has_room(const struct batch *batch, const struct block *block)
{
    return batch->extent_count < BATCH_EXTENTS_MAX &&
           BATCH_DATA_SIZE - batch->data_used >= block->decoded_size &&
           BATCH_ENCODED_SIZE - batch->encoded_used >= block->size;
}

/* Decodes a block into the batch. 1: done; 0: no room. */
static int block_to_batch(struct applelz4_decoder *decoder, const struct block *block,
                          struct batch *batch, struct error *err)
{
    bool after_zeros = decoder->history.is_zeros;
    bool whole = block->decoded_size == BLOCK_SIZE;
    if (after_zeros && whole && block->size == decoder->zero_block_size &&
        memcmp(block->bytes, decoder->zero_block, block->size) == 0) {
        if (batch->extent_count == BATCH_EXTENTS_MAX ||
            BATCH_ENCODED_SIZE - batch->encoded_used < block->size)
            return 0;
        zeros_add(decoder, batch, block);
        decoder->history.in_batch = false;
        return 1;
    }
    if (!history_place(&decoder->history, batch) || !batch_has_room(batch, block))
        return 0;
    uint8_t *output = batch->data + batch->data_used;
    if (block_decode(decoder, block, output, decoder->history.size, err) < 0)
        return -1;
    batch->data_used += block->decoded_size;
    history_grow(&decoder->history, block->decoded_size);
    if (!bytes_are_zero(output, block->decoded_size)) {
        decoder->history.is_zeros = false;
        extent_add(decoder, batch, extent_of(batch, block, output));
        return 1;
    }
    if (!whole) {
        extent_add(decoder, batch, extent_of(batch, block, NULL));
        return 1;
    }
    zeros_add(decoder, batch, block);
    decoder->history.is_zeros = true;
    if (after_zeros) {
        memcpy(decoder->zero_block, block->bytes, block->size);
        decoder->zero_block_size = block->size;
    }
    return 1;
}

/* --- blocks that do not fit --- */

static int block_to_aside(struct applelz4_decoder *decoder, const struct block *block,
                          struct batch *batch, struct error *err)
{
    size_t capacity = APPLELZ4_WINDOW + (size_t)block->decoded_size;
    if (capacity > decoder->aside_capacity) {
        uint8_t *aside = realloc(decoder->aside, capacity);
        if (aside == NULL)
            return error_memory(err);
        decoder->aside = aside;
        decoder->aside_capacity = capacity;
    }
    history_save(&decoder->history, batch);
    history_copy(&decoder->history, decoder->aside);
    if (block_decode(decoder, block, decoder->aside + APPLELZ4_WINDOW, decoder->history.size, err) <
        0)
        return -1;
    decoder->aside_size = block->decoded_size;
    decoder->aside_given = 0;
    return 0;
}

/* Moves what fits of the block aside into the batch. */
static void aside_to_batch(struct applelz4_decoder *decoder, struct batch *batch)
{
    while (decoder->aside_given < decoder->aside_size && batch->length < batch->limit &&
           batch->extent_count < BATCH_EXTENTS_MAX && history_place(&decoder->history, batch)) {
        size_t piece = decoder->aside_size - decoder->aside_given;
        if (piece > BLOCK_SIZE)
            piece = BLOCK_SIZE;
        if (piece > batch->limit - batch->length)
            piece = (size_t)(batch->limit - batch->length);
        if (piece > BATCH_DATA_SIZE - batch->data_used)
            piece = BATCH_DATA_SIZE - batch->data_used;
        if (piece == 0)
            return;
        uint8_t *output = batch->data + batch->data_used;
        memcpy(output, decoder->aside + APPLELZ4_WINDOW + decoder->aside_given, piece);
        bool zeros = bytes_are_zero(output, piece);
        batch->data_used += piece;
        decoder->aside_given += piece;
        decoder->history.is_zeros = decoder->history.is_zeros && zeros;
        history_grow(&decoder->history, piece);
        extent_add(decoder, batch, (struct extent){.length = piece, .data = zeros ? NULL : output});
    }
}

/* --- the stream --- */

/* One block, wherever it goes. 1: go on; 0: the batch is full; 2: the input is used up. */
static int block_next(struct applelz4_decoder *decoder, const uint8_t **input, size_t *size,
                      struct batch *batch, struct error *err)
{
    struct block block = {.decoded_size = 0};
    int found = block_gather(decoder, input, size, &block, err);
    if (found <= 0)
        return found < 0 ? -1 : 2;
    if (block.magic == APPLELZ4_END) {
        decoder->ended = true;
        block_leave(decoder, &block, input, size);
        return 1;
    }
    if (block.decoded_size == 0) {
        /* needs no room: a full batch may well end in front of it */
        if (block_decode(decoder, &block, batch->data, 0, err) < 0)
            return -1;
    } else if (batch->length == batch->limit)
        return 0;
    else if (block.decoded_size > BLOCK_SIZE || block.decoded_size > batch->limit - batch->length) {
        if (block_to_aside(decoder, &block, batch, err) < 0)
            return -1;
    } else {
        int status = block_to_batch(decoder, &block, batch, err);
        if (status <= 0)
            return status;
    }
    block_leave(decoder, &block, input, size);
    return 1;
}

int applelz4_decode(struct applelz4_decoder *decoder, const uint8_t *input, size_t size,
                    size_t *ret_used, struct batch *batch, struct error *err)
{
    size_t given = size;
    if (batch->extent_count == 0 && batch->data_used == 0)
        decoder->history.in_batch = false;
    int status = 1;
    while (status == 1) {
        aside_to_batch(decoder, batch);
        if (decoder->aside_given < decoder->aside_size)
            status = 0;
        else if (size == 0 && decoder->pending_size == 0)
            status = 2;
        else if (decoder->ended) {
            error_set(err, ERROR_STREAM_TRAILING, "%zu bytes or more follow the end mark", size);
            err->where.offset = (int64_t)decoder->block_start;
            err->where.disk_offset = (int64_t)(decoder->disk_offset + decoder->decoded);
            status = -1;
        } else
            status = block_next(decoder, &input, &size, batch, err);
    }
    *ret_used = given - size;
    if (status < 0)
        return -1;
    history_save(&decoder->history, batch);
    return status == 0 ? 1 : 0;
}

int applelz4_decoder_finish(const struct applelz4_decoder *decoder, struct error *err)
{
    if (decoder->ended)
        return 0;
    if (decoder->pending_size > 0)
        error_set(err, ERROR_STREAM_TRUNCATED,
                  "the stream ends inside it, %zu bytes after its start, before the end mark",
                  decoder->pending_size);
    else
        error_set(err, ERROR_STREAM_TRUNCATED,
                  "the stream ends where it or the end mark must begin");
    return block_error(decoder, err);
}
