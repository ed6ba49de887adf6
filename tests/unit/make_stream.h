/* make_stream.h: Apple LZ4 streams made and read in memory: by an encoder, or block by block with
 * whatever a test wants to be wrong. */
#ifndef TESTS_UNIT_MAKE_STREAM_H
#define TESTS_UNIT_MAKE_STREAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/codec/applelz4.h"
#include "formats/model/auto.h"
#include "tests/unit/make_data.h"

#include <inttypes.h>

static inline void assert_good(int status, const struct error *err)
{
    if (status < 0)
        fail_msg("%s: %s", error_class_name(err->class), err->text);
}

static inline void put(struct bytes *bytes, const void *data, size_t size)
{
    struct error err = ERROR_INIT;
    assert_good(bytes_append(bytes, data, size, &err), &err);
}

static inline void put_u32(struct bytes *bytes, uint32_t number)
{
    uint8_t data[4];
    store_le32(data, number);
    put(bytes, data, sizeof data);
}

static inline void put_stored(struct bytes *bytes, const void *data, size_t size)
{
    put(bytes, "bv4-", 4);
    put_u32(bytes, (uint32_t)size);
    put(bytes, data, size);
}

static inline void put_block(struct bytes *bytes, uint32_t decoded, const void *payload,
                             size_t size)
{
    put(bytes, "bv41", 4);
    put_u32(bytes, decoded);
    put_u32(bytes, (uint32_t)size);
    put(bytes, payload, size);
}

static inline void put_end(struct bytes *bytes)
{
    put(bytes, applelz4_end_mark, APPLELZ4_MAGIC_SIZE);
}

static inline struct encoder *encoder_named(const char *name)
{
    struct error err = ERROR_INIT;
    struct encoder_kind kind;
    assert_true(encoder_kind_parse(name, &kind));
    struct encoder *encoder = encoder_new(kind, &err);
    assert_non_null(encoder);
    return encoder;
}

/* The next blocks of a stream, without its end mark. */
static inline void put_encoded(struct bytes *bytes, struct encoder *encoder, const uint8_t *data,
                               size_t size)
{
    struct error err = ERROR_INIT;
    static uint8_t block[APPLELZ4_ENCODED_MAX];
    for (size_t at = 0; at < size; at += BLOCK_SIZE) {
        size_t step = size - at < BLOCK_SIZE ? size - at : BLOCK_SIZE;
        int64_t encoded = encoder_block(encoder, data + at, step, block, &err);
        assert_good((int)encoded, &err);
        put(bytes, block, (size_t)encoded);
    }
}

/* The whole stream that a new encoder makes. */
static inline void stream_make(const char *name, const uint8_t *data, size_t size,
                               struct bytes *ret)
{
    struct encoder *encoder = encoder_named(name);
    bytes_init(ret, SIZE_MAX);
    put_encoded(ret, encoder, data, size);
    put_end(ret);
    encoder_free(encoder);
}

/* How a decoder is fed, and what it gave. */
struct decoding {
    struct dice dice; /* the next two are maxima where it is set, else exact */
    size_t slice;     /* bytes at once; 0: all */
    uint64_t limit;   /* of a batch; 0: none */
    uint64_t disk_offset;
    struct bytes data;   /* the disk */
    struct bytes blocks; /* the blocks that came with extents */
    size_t extents, zero_extents, without_block;
};

static inline void decoding_init(struct decoding *decoding)
{
    *decoding = (struct decoding){.slice = 0};
    bytes_init(&decoding->data, SIZE_MAX);
    bytes_init(&decoding->blocks, SIZE_MAX);
}

static inline void decoding_done(struct decoding *decoding)
{
    bytes_done(&decoding->data);
    bytes_done(&decoding->blocks);
}

static inline void extent_take(struct decoding *decoding, const struct extent *extent)
{
    uint64_t times = 1;
    assert_true(extent->length > 0);
    decoding->extents++;
    if (extent->data != NULL)
        put(&decoding->data, extent->data, (size_t)extent->length);
    else {
        decoding->zero_extents++;
        for (uint64_t left = extent->length; left > 0;) {
            size_t step = left < ZERO_PAGE_SIZE ? (size_t)left : ZERO_PAGE_SIZE;
            put(&decoding->data, zero_page, step);
            left -= step;
        }
        if (extent->length > BLOCK_SIZE)
            times = extent->length / BLOCK_SIZE;
    }
    if (extent->block == NULL)
        decoding->without_block++;
    else
        while (times-- > 0)
            put(&decoding->blocks, extent->block, extent->block_size);
}

static inline void batch_take(struct decoding *decoding, struct batch *batch)
{
    uint64_t length = 0;
    assert_true(batch->length <= batch->limit);
    for (size_t i = 0; i < batch->extent_count; i++) {
        extent_take(decoding, &batch->extents[i]);
        length += batch->extents[i].length;
    }
    assert_true(length == batch->length);
}

/* An empty batch, in whose memory nothing of earlier use is left. */
static inline void batch_renew(struct decoding *decoding, struct batch *batch)
{
    memset(batch->memory, 0xA5, BATCH_HISTORY_SIZE + batch->data_used);
    uint64_t limit = decoding->limit == 0 ? UINT64_MAX : decoding->limit;
    if (decoding->dice.state != 0 && decoding->limit != 0)
        limit = dice_roll(&decoding->dice) % limit + 1;
    batch_reset(batch, decoding->disk_offset + decoding->data.size, limit);
}

static inline size_t slice_next(struct decoding *decoding, size_t left)
{
    size_t slice = decoding->slice == 0 ? left : decoding->slice;
    if (decoding->dice.state != 0)
        slice = dice_size(&decoding->dice, slice);
    return slice < left ? slice : left;
}

/* One for the whole run: it is large. */
static inline struct batch *the_batch(void)
{
    static struct batch *batch;
    struct error err = ERROR_INIT;
    if (batch == NULL)
        batch = batch_new(&err);
    assert_non_null(batch);
    return batch;
}

/* Feeds a whole stream to a decoder. 0 where it was good to its end. */
static inline int stream_decode(struct applelz4_decoder *decoder, const uint8_t *stream,
                                size_t size, struct decoding *decoding, struct error *err)
{
    struct batch *batch = the_batch();
    batch_renew(decoding, batch);
    applelz4_decoder_reset(decoder, decoding->disk_offset);
    int status = 0;
    for (size_t at = 0; at < size && status >= 0;) {
        /* memory of exactly that size, so that a sanitizer sees any read behind it */
        size_t slice = slice_next(decoding, size - at), from = 0;
        uint8_t *input = malloc(slice);
        assert_non_null(input);
        memcpy(input, stream + at, slice);
        do {
            size_t used = 0;
            status = applelz4_decode(decoder, input + from, slice - from, &used, batch, err);
            from += used;
            if (status > 0) {
                batch_take(decoding, batch);
                batch_renew(decoding, batch);
            }
        } while (status > 0);
        assert_true(status < 0 || from == slice);
        at += slice;
        free(input);
    }
    if (status == 0)
        status = applelz4_decoder_finish(decoder, err);
    batch_take(decoding, batch);
    return status;
}

/* Any slicing and any limits give `data` back, and blocks that are the stream's where no limit
 * cut any. */
static inline void assert_decodes(const struct bytes *stream, const uint8_t *data, size_t size,
                                  struct dice dice, size_t slice, uint64_t limit)
{
    struct error err = ERROR_INIT;
    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    assert_non_null(decoder);
    struct decoding decoding;
    decoding_init(&decoding);
    decoding.dice = dice;
    decoding.slice = slice;
    decoding.limit = limit;
    assert_good(stream_decode(decoder, stream->data, stream->size, &decoding, &err), &err);
    assert_true(applelz4_decoder_ended(decoder));
    assert_true(applelz4_decoder_decoded(decoder) == size);
    assert_int_equal(decoding.data.size, size);
    assert_true(size == 0 || memcmp(decoding.data.data, data, size) == 0);
    if (limit == 0) {
        put_end(&decoding.blocks);
        assert_int_equal(decoding.without_block, 0);
        assert_int_equal(decoding.blocks.size, stream->size);
        assert_memory_equal(decoding.blocks.data, stream->data, stream->size);
    }
    decoding_done(&decoding);
    applelz4_decoder_free(decoder);
}

static inline void assert_digest(const void *data, size_t size, const char *hex)
{
    struct error err = ERROR_INIT;
    struct digest digest;
    char text[DIGEST_TEXT_SIZE];
    assert_good(digest_of(data, size, &digest, &err), &err);
    digest_print_hex(&digest, text);
    assert_string_equal(text, hex);
}

#endif
