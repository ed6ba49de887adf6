/* decoder.h: what a decoder of Apple's stream keeps between calls, for decoding and for saving it.
 * Private to codec/. */
#ifndef FORMATS_CODEC_DECODER_H
#define FORMATS_CODEC_DECODER_H

#include "formats/codec/history.h"

struct applelz4_decoder {
    uint64_t disk_offset;  /* of the stream's first decoded byte, for messages */
    uint64_t consumed;     /* bytes of the stream */
    uint64_t block_start;  /* the stream's byte at which the block in hand begins */
    uint64_t last_start;   /* the same of the block before */
    uint64_t block_number; /* of the block in hand */
    uint64_t decoded;      /* bytes */
    bool ended;            /* the end mark was read */

    struct history history;

    /* A block of which the input has shown a part only. */
    uint8_t *pending;
    size_t pending_size, pending_capacity;

    /* A decoded block that did not fit the batch, given out in pieces. */
    uint8_t *aside;
    size_t aside_size, aside_given, aside_capacity;

    /* The encoded bytes that are known to give BLOCK_SIZE zeros after 64 KiB of zeros. */
    uint8_t zero_block[APPLELZ4_HEADER_BLOCK + APPLELZ4_ENCODED_MAX];
    size_t zero_block_size; /* 0: none yet */
};

struct block {
    const uint8_t *bytes; /* header included */
    size_t size;
    uint32_t decoded_size;
    enum applelz4_magic magic;
};

/* Reads the header of a block from `bytes`, of which `size` are there. Returns the size of the
 * whole block, or how many bytes are needed to know more (then > size), or -1. */
int64_t decoder_block_size(const struct applelz4_decoder *decoder, const uint8_t *bytes,
                           size_t size, struct block *ret, struct error *err);

#endif
