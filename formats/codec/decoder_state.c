/* decoder_state.c: a decoder's state taken out and put back, so that a stream can be decoded from
 * its middle. Knows no layers and no files.
 */
#include "formats/codec/decoder.h"

#include <string.h>

static size_t history_size(uint64_t decoded)
{
    return decoded < APPLELZ4_WINDOW ? (size_t)decoded : APPLELZ4_WINDOW;
}

bool applelz4_decoder_save(const struct applelz4_decoder *decoder, struct applelz4_state *ret)
{
    if (decoder->ended || decoder->aside_given < decoder->aside_size ||
        decoder->pending_size > APPLELZ4_PENDING_MAX)
        return false;
    ret->consumed = decoder->consumed;
    ret->decoded = decoder->decoded;
    ret->last_start = decoder->last_start;
    ret->block_number = decoder->block_number;
    ret->zeros = decoder->history.is_zeros;
    size_t size = ret->zeros ? 0 : history_size(ret->decoded);
    size_t unused = APPLELZ4_WINDOW - size;
    memset(ret->history, 0, unused);
    memcpy(ret->history + unused, decoder->history.bytes + unused, size);
    ret->pending_size = decoder->pending_size;
    memcpy(ret->pending, decoder->pending, ret->pending_size);
    return true;
}

/* The members that are told twice must agree, and the pending bytes begin a block and do not end
 * it. */
static bool is_possible(const struct applelz4_decoder *decoder, const struct applelz4_state *state)
{
    if (state->consumed > INT64_MAX || state->decoded > INT64_MAX ||
        state->pending_size > APPLELZ4_PENDING_MAX || state->pending_size > state->consumed ||
        state->last_start > state->consumed - state->pending_size ||
        (state->zeros && state->decoded < APPLELZ4_WINDOW))
        return false;
    struct error ignored = ERROR_INIT;
    struct block block = {.decoded_size = 0};
    return state->pending_size == 0 ||
           decoder_block_size(decoder, state->pending, state->pending_size, &block, &ignored) >
               (int64_t)state->pending_size;
}

int applelz4_decoder_restore(struct applelz4_decoder *decoder, const struct applelz4_state *state,
                             struct error *err)
{
    applelz4_decoder_reset(decoder, 0);
    if (!is_possible(decoder, state))
        return error_set(err, ERROR_IO, "a checkpoint of the stream is damaged");
    decoder->consumed = state->consumed;
    decoder->decoded = state->decoded;
    decoder->last_start = state->last_start;
    decoder->block_start = state->consumed - state->pending_size;
    decoder->block_number = state->block_number;
    decoder->pending_size = state->pending_size;
    memcpy(decoder->pending, state->pending, state->pending_size);
    decoder->history.size = history_size(state->decoded);
    decoder->history.is_zeros = state->zeros;
    memcpy(decoder->history.bytes, state->history, APPLELZ4_WINDOW);
    return 0;
}
