/* encoder.c: the frame around encoded blocks, common to all searches: the window they look into,
 * the choice between a compressed and a stored block, and the proof that each block decodes to what
 * went in.
 */
#include "formats/codec/search.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <lz4.h>
#include <stdio.h>
#include <string.h>

struct encoder {
    struct search *search;
    /* The stream's last bytes: up to 64 KiB of history, then blocks as they come. `check` is the
     * same stream as the decoder gives it back; it starts equal and stays so, or the encoder fails.
     */
    uint8_t *window, *check;
    size_t window_size;
    size_t start; /* where in the window the next block goes */
    size_t history;
    uint64_t block_number;
};

bool encoder_kind_parse(const char *text, struct encoder_kind *ret)
{
    static const char prefix[] = "lz4hc:";
    if (strcmp(text, "apple") == 0)
        *ret = (struct encoder_kind){ENCODER_APPLE, 0};
    else if (strcmp(text, "lz4") == 0)
        *ret = (struct encoder_kind){ENCODER_LZ4, 0};
    else if (strncmp(text, prefix, sizeof prefix - 1) == 0) {
        const char *digits = text + sizeof prefix - 1;
        if (digits[0] < '1' || digits[0] > '9')
            return false;
        int level = digits[0] - '0';
        if (digits[1] >= '0' && digits[1] <= '9' && digits[2] == '\0')
            level = level * 10 + (digits[1] - '0');
        else if (digits[1] != '\0')
            return false;
        if (level > 12)
            return false;
        *ret = (struct encoder_kind){ENCODER_LZ4HC, level};
    } else
        return false;
    return true;
}

const char *encoder_kind_name(struct encoder_kind kind, char buffer[16])
{
    if (kind.search == ENCODER_APPLE)
        return "apple";
    if (kind.search == ENCODER_LZ4)
        return "lz4";
    snprintf(buffer, 16, "lz4hc:%d", kind.level);
    return buffer;
}

const char *encoder_kind_library(struct encoder_kind kind)
{
    return kind.search == ENCODER_APPLE ? NULL : LZ4_versionString();
}

const char *applelz4_library(void)
{
    return LZ4_versionString();
}

static const struct search_ops *search_of(struct encoder_kind kind)
{
    static const struct search_ops *const searches[] = {
        [ENCODER_APPLE] = &apple_search_ops,
        [ENCODER_LZ4] = &lz4_search_ops,
        [ENCODER_LZ4HC] = &lz4hc_search_ops,
    };
    return searches[kind.search];
}

struct encoder *encoder_new(struct encoder_kind kind, struct error *err)
{
    struct encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL) {
        error_memory(err);
        return NULL;
    }
    const struct search_ops *ops = search_of(kind);
    encoder->window_size = APPLELZ4_WINDOW + ops->window_blocks * BLOCK_SIZE;
    encoder->search = ops->create(kind.level, err);
    if (encoder->search == NULL)
        return encoder_free(encoder);
    /* the searches and the decoder may read, not use, a few bytes past the end */
    encoder->window = calloc(1, encoder->window_size + 32);
    encoder->check = calloc(1, encoder->window_size + 32);
    if (encoder->window == NULL || encoder->check == NULL) {
        error_memory(err);
        return encoder_free(encoder);
    }
    encoder_restart(encoder);
    return encoder;
}

struct encoder *encoder_free(struct encoder *encoder)
{
    if (encoder == NULL)
        return NULL;
    if (encoder->search != NULL)
        encoder->search->ops->destroy(encoder->search);
    free(encoder->window);
    free(encoder->check);
    free(encoder);
    return NULL;
}

void encoder_restart(struct encoder *encoder)
{
    encoder->search->ops->restart(encoder->search);
    encoder->start = APPLELZ4_WINDOW;
    encoder->history = 0;
    encoder->block_number = 0;
}

static void window_move(struct encoder *encoder)
{
    if (encoder->start + BLOCK_SIZE <= encoder->window_size)
        return;
    size_t from = encoder->start - APPLELZ4_WINDOW;
    memmove(encoder->window, encoder->window + from, APPLELZ4_WINDOW);
    memmove(encoder->check, encoder->check + from, APPLELZ4_WINDOW);
    encoder->start = APPLELZ4_WINDOW;
}

/* Apple stores a block where compression does not pay, headers included. Between 4 and 11 bytes of
 * gain no real stream has shown which way it goes; this rule fits all that is known. */
static bool is_worth_it(size_t encoded, size_t size)
{
    return APPLELZ4_HEADER_BLOCK + encoded < APPLELZ4_HEADER_STORED + size;
}

static size_t block_frame(uint8_t *output, const uint8_t *block, size_t size, size_t encoded)
{
    if (encoded > 0 && is_worth_it(encoded, size)) {
        memcpy(output, "bv41", APPLELZ4_MAGIC_SIZE);
        store_le32(output + 4, (uint32_t)size);
        store_le32(output + 8, (uint32_t)encoded);
        return APPLELZ4_HEADER_BLOCK + encoded;
    }
    memcpy(output, "bv4-", APPLELZ4_MAGIC_SIZE);
    store_le32(output + 4, (uint32_t)size);
    memcpy(output + APPLELZ4_HEADER_STORED, block, size);
    return APPLELZ4_HEADER_STORED + size;
}

int64_t encoder_block(struct encoder *encoder, const uint8_t *data, size_t size, uint8_t *output,
                      struct error *err)
{
    window_move(encoder);
    uint8_t *block = encoder->window + encoder->start;
    if (data != NULL)
        memcpy(block, data, size);
    else
        memset(block, 0, size);
    size_t encoded = encoder->search->ops->block(encoder->search, block, size, encoder->history,
                                                 output + APPLELZ4_HEADER_BLOCK);
    size_t framed = block_frame(output, block, size, encoded);

    uint8_t *decoded = encoder->check + encoder->start;
    int64_t decoded_size = applelz4_block_decode(output, framed, decoded, size, encoder->history);
    if (decoded_size != (int64_t)size || memcmp(decoded, block, size) != 0)
        return error_set(err, ERROR_ROUND_TRIP,
                         "block %" PRIu64 " of the stream does not decode to what was encoded; "
                         "nothing of it was published; please report this",
                         encoder->block_number);
    encoder->start += size;
    encoder->history += size;
    if (encoder->history > APPLELZ4_WINDOW)
        encoder->history = APPLELZ4_WINDOW;
    encoder->block_number++;
    return (int64_t)framed;
}
