/* checkpoint.c: checkpoints as bytes and back. The bytes may come from a damaged file: nothing in
 * them is believed. What they mean is the codec's business.
 */
#include "formats/checkpoint.h"

#include <string.h>

#define MAGIC       0x316b6374u /* "tck1" */
#define HEADER_SIZE 52u
#define FLAG_ZEROS  1u

struct header {
    uint64_t numbers[5]; /* layer, consumed, decoded, last_start, block_number */
    uint32_t flags, pending_size;
    size_t history_size; /* follows from decoded and flags */
};

static void store_le64(uint8_t *p, uint64_t v)
{
    store_le32(p, (uint32_t)v);
    store_le32(p + 4, (uint32_t)(v >> 32));
}

static size_t history_size(uint64_t decoded, bool zeros)
{
    if (zeros)
        return 0;
    return decoded < APPLELZ4_WINDOW ? (size_t)decoded : APPLELZ4_WINDOW;
}

int checkpoint_print(const struct checkpoint *checkpoint, struct bytes *ret, struct error *err)
{
    const struct applelz4_state *state = &checkpoint->state;
    const uint64_t numbers[5] = {checkpoint->layer, state->consumed, state->decoded,
                                 state->last_start, state->block_number};
    uint8_t header[HEADER_SIZE];
    store_le32(header, MAGIC);
    for (size_t i = 0; i < 5; i++)
        store_le64(header + 4 + 8 * i, numbers[i]);
    store_le32(header + 44, state->zeros ? FLAG_ZEROS : 0);
    store_le32(header + 48, (uint32_t)state->pending_size);
    size_t history = history_size(state->decoded, state->zeros);
    if (bytes_append(ret, header, sizeof header, err) < 0 ||
        bytes_append(ret, state->history + APPLELZ4_WINDOW - history, history, err) < 0)
        return -1;
    return bytes_append(ret, state->pending, state->pending_size, err);
}

static bool header_parse(const uint8_t *data, size_t size, struct header *ret)
{
    if (size < HEADER_SIZE || load_le32(data) != MAGIC)
        return false;
    for (size_t i = 0; i < 5; i++)
        ret->numbers[i] = load_le64(data + 4 + 8 * i);
    ret->flags = load_le32(data + 44);
    ret->pending_size = load_le32(data + 48);
    ret->history_size = history_size(ret->numbers[2], (ret->flags & FLAG_ZEROS) != 0);
    return ret->flags <= FLAG_ZEROS && ret->pending_size <= APPLELZ4_PENDING_MAX &&
           ret->numbers[0] > 0 && ret->numbers[2] <= INT64_MAX &&
           size == HEADER_SIZE + ret->history_size + ret->pending_size;
}

bool checkpoint_parse(const uint8_t *data, size_t size, struct checkpoint *ret)
{
    struct header header;
    if (!header_parse(data, size, &header))
        return false;
    struct applelz4_state *state = &ret->state;
    ret->layer = header.numbers[0];
    state->consumed = header.numbers[1];
    state->decoded = header.numbers[2];
    state->last_start = header.numbers[3];
    state->block_number = header.numbers[4];
    state->zeros = (header.flags & FLAG_ZEROS) != 0;
    state->pending_size = header.pending_size;
    size_t unused = APPLELZ4_WINDOW - header.history_size;
    memset(state->history, 0, unused);
    memcpy(state->history + unused, data + HEADER_SIZE, header.history_size);
    memcpy(state->pending, data + HEADER_SIZE + header.history_size, header.pending_size);
    return true;
}

bool checkpoint_place(const uint8_t *data, size_t size, uint64_t *ret_offset, size_t *ret_layer)
{
    struct header header;
    if (!header_parse(data, size, &header))
        return false;
    *ret_offset = header.numbers[2];
    *ret_layer = header.numbers[0];
    return true;
}
