/* chain_streams.h: streams of blocks as chains meet them: small blocks, Tart's own, disks that hold
 * streams themselves. */
#ifndef TESTS_UNIT_CHAIN_STREAMS_H
#define TESTS_UNIT_CHAIN_STREAMS_H

#include "tests/unit/chain_fixture.h"

#define BOUNDARIES_MAX 8192

/* Blocks of all sizes up to `most`, as no encoder of ours makes them: each by itself. */
static inline void small_blocks(struct bytes *ret, uint64_t seed, size_t size, size_t most)
{
    struct dice dice = {seed * 2 + 1};
    uint8_t *data = make_data(seed, size);
    struct encoder *encoder = encoder_named("lz4");
    bytes_init(ret, SIZE_MAX);
    for (size_t at = 0; at < size;) {
        size_t step = most / 4 + dice_roll(&dice) % most;
        if (step > size - at)
            step = size - at;
        encoder_restart(encoder);
        put_encoded(ret, encoder, data + at, step);
        at += step;
    }
    put_end(ret);
    encoder_free(encoder);
    free(data);
}

static inline void encoded(struct bytes *ret, const char *name, uint64_t seed, size_t size)
{
    uint8_t *data = make_data(seed, size);
    stream_make(name, data, size, ret);
    free(data);
}

/* A disk that holds streams: whole layers, end marks in between, and zeros. Little of it can be
 * compressed again, so most of its blocks are stored. */
static inline void stream_of_streams(struct bytes *ret, uint64_t seed, size_t size)
{
    struct bytes disk, inner;
    struct dice dice = {seed * 2 + 1};
    bytes_init(&disk, SIZE_MAX);
    while (disk.size < size) {
        uint64_t next = dice_roll(&dice);
        if (next % 3 == 0)
            small_blocks(&inner, next % 100, 60000, 2000);
        else if (next % 3 == 1)
            encoded(&inner, "lz4hc:9", next % 100, 200000);
        else {
            uint8_t *noise = malloc(90000);
            assert_non_null(noise);
            make_noise(&dice, noise, 90000);
            stream_make("apple", noise, 90000, &inner);
            free(noise);
        }
        put(&disk, inner.data, inner.size);
        bytes_done(&inner);
        put(&disk, zero_page, dice_size(&dice, 4096));
    }
    stream_make("apple", disk.data, disk.size, ret);
    bytes_done(&disk);
}

static inline size_t boundaries(const struct bytes *stream, size_t *ret)
{
    size_t count = 0, at = 0;
    while (at + 8 <= stream->size) {
        bool is_stored = applelz4_magic(stream->data + at) == APPLELZ4_STORED;
        assert_true(count + 1 < BOUNDARIES_MAX);
        ret[count++] = at;
        at += is_stored ? 8 + load_le32(stream->data + at + 4)
                        : 12 + load_le32(stream->data + at + 8);
    }
    assert_int_equal(at + 4, stream->size);
    ret[count++] = at;
    return count;
}

#endif
