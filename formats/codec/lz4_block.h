/* lz4_block.h: a raw LZ4 block decoded by the rules that Apple's decoder keeps to. Private to
 * codec/.
 *
 * liblz4 reads a match of offset 0, which Apple's decoder refuses, as zeros, and refuses a block
 * that ends right behind a match, which Apple's takes. Holding every block against the first rule
 * before or after liblz4 costs three quarters of decoding it; here it is part of a test that is
 * needed anyway. Why this is our own: docs/decisions/0005-block-decoder.md. */
#ifndef FORMATS_CODEC_LZ4_BLOCK_H
#define FORMATS_CODEC_LZ4_BLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Decodes input to output, before which `history` readable bytes lie that matches may reach into.
 * Returns the bytes written, at most capacity, or -1: a match of offset 0 or from before the
 * history, a length past the end of either side. What lies in output behind what was returned, or
 * after -1, is undefined, but nothing outside of it is touched. */
int64_t lz4_block_decode(const uint8_t *input, size_t size, uint8_t *output, size_t capacity,
                         size_t history);

#endif
