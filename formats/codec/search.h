/* search.h: what stands between the common frame (encoder.c) and the three match searches. Private
 * to codec/.
 *
 * A search reads a window: `block` with `history` bytes of the stream directly before it, up to 64
 * KiB, and writes one raw LZ4 block. It must not look at bytes before or behind that, nor keep
 * pointers: the window moves between calls. */
#ifndef FORMATS_CODEC_SEARCH_H
#define FORMATS_CODEC_SEARCH_H

#include "formats/codec/applelz4.h"

struct search;

struct search_ops {
    /* NULL and err where memory ends. */
    struct search *(*create)(int level, struct error *err);
    void (*restart)(struct search *search);
    /* Returns the size written, at most APPLELZ4_ENCODED_MAX - APPLELZ4_HEADER_BLOCK, which output
     * has room for; 0 where the search failed. */
    size_t (*block)(struct search *search, const uint8_t *block, size_t size, size_t history,
                    uint8_t *output);
    void (*destroy)(struct search *search);
    /* How many blocks the window holds behind its 64 KiB of history before it is moved. */
    size_t window_blocks;
};

struct search {
    const struct search_ops *ops;
};

extern const struct search_ops apple_search_ops, lz4_search_ops, lz4hc_search_ops;

#endif
