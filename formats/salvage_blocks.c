/* salvage_blocks.c: which bytes of a damaged stream are a block, and where the next one is. Knows
 * nothing of places on the disk. docs/formats/disk-v1.md, "Salvage".
 */
#include "formats/salvage_parts.h"

#include "formats/model/auto.h"

#include <string.h>

/* Blocks that must follow one that is not known by what lies before it. */
#define CHAIN_LENGTH 3
/* A thread is taken up again only at a block that declares at most as much (foreign ones are
 * larger), and looked for so far ahead. */
#define FOUND_BLOCK_MAX (1u << 20)
#define AHEAD_MAX       (8u << 20)

/* --- headers --- */

static struct header header_read(const uint8_t *bytes, size_t size)
{
    struct header header = {.kind = HEADER_NONE};
    if (size < APPLELZ4_MAGIC_SIZE)
        return header;
    enum applelz4_magic magic = applelz4_magic(bytes);
    if (magic == APPLELZ4_END && size == APPLELZ4_MAGIC_SIZE)
        header.kind = HEADER_END; /* nothing follows: it is the stream's own */
    header.stored = magic == APPLELZ4_STORED;
    size_t least = header.stored ? APPLELZ4_HEADER_STORED : APPLELZ4_HEADER_BLOCK;
    if ((magic != APPLELZ4_BLOCK && !header.stored) || size < least)
        return header;
    header.decoded = load_le32(bytes + 4);
    uint64_t payload = header.stored ? header.decoded : load_le32(bytes + 8);
    uint64_t most = (uint64_t)header.decoded + header.decoded / 255 + 16;
    if (header.decoded > APPLELZ4_BLOCK_MAX || payload > most)
        return header;
    header.size = least + (size_t)payload;
    header.kind = HEADER_BLOCK;
    return header;
}

int header_at(struct survey *survey, uint64_t at, struct header *ret, struct error *err)
{
    const uint8_t *bytes;
    size_t size;
    if (stream_lend(&survey->stream, at, APPLELZ4_HEADER_BLOCK, &bytes, &size, err) < 0)
        return -1;
    *ret = header_read(bytes, size);
    return 0;
}

/* Whether `count` blocks begin one behind the other from `at` on, or fewer up to the stream's end.
 * 1, 0, -1. */
static int chain_runs(struct survey *survey, uint64_t at, unsigned count, struct error *err)
{
    uint64_t end = at + AHEAD_MAX;
    for (; count > 0; count--) {
        struct header header;
        if (at > end)
            return 0;
        if (header_at(survey, at, &header, err) < 0)
            return -1;
        if (header.kind != HEADER_BLOCK)
            return header.kind == HEADER_END;
        at += header.size;
    }
    return 1;
}

/* --- one block --- */

static uint64_t missing_in(const struct survey *survey, uint64_t at, size_t size)
{
    return layers_missing_between(survey->stream.layers, survey->stream.ended, at, at + size);
}

int block_is_sound(struct survey *survey, uint64_t at, const struct header *header,
                   uint64_t history, struct error *err)
{
    const uint8_t *bytes;
    size_t size;
    if (stream_lend(&survey->stream, at, header->size, &bytes, &size, err) < 0)
        return -1;
    if (size < header->size || !track_fits(bytes, size, history))
        return 0;
    const struct salvage_layer *proving = survey->proving;
    if (proving != NULL && !layers_prove(proving, survey->stream.disk->layer_count, at, size))
        return 0;
    /* Stored bytes can be any, and so can a block's last literals, which may come out of a layer
     * that does not belong behind the one before: only what follows tells that all are of one
     * block. */
    if (!header->stored &&
        !layers_end_between(survey->stream.layers, survey->stream.ended, at, at + size))
        return 1;
    unsigned wanted = missing_in(survey, at, size) > 0 ? CHAIN_LENGTH : 1;
    return chain_runs(survey, at + size, wanted, err);
}

/* Where the block's end lies if holes inside of it are counted in; false: in one of them. */
static bool end_with_holes(const struct survey *survey, uint64_t at, size_t size, uint64_t *ret)
{
    uint64_t end = at + size, missing = missing_in(survey, at, size);
    if (missing >= size)
        return false;
    *ret = end - missing;
    /* all of them before it still */
    return missing_in(survey, at, size - (size_t)missing + 1) == missing;
}

int block_bridge(struct survey *survey, const struct header *header, uint64_t *ret,
                 struct error *err)
{
    if (survey->proving != NULL || header->decoded != BLOCK_SIZE ||
        survey->island_count >= ISLANDS_MAX)
        return 0;
    uint64_t end;
    if (missing_in(survey, survey->at, header->size) > 0 &&
        end_with_holes(survey, survey->at, header->size, &end)) {
        int runs = chain_runs(survey, end, CHAIN_LENGTH, err);
        if (runs != 0) {
            *ret = end;
            return runs;
        }
    }
    *ret = survey->at + header->size;
    return chain_runs(survey, *ret, CHAIN_LENGTH, err);
}

/* --- finding the thread again --- */

/* Whether the thread can be taken up at `at`. 1, 0, -1. */
static int is_found(struct survey *survey, uint64_t at, struct error *err)
{
    struct header header;
    if (header_at(survey, at, &header, err) < 0)
        return -1;
    if (header.kind != HEADER_BLOCK || header.decoded == 0 || header.decoded > FOUND_BLOCK_MAX)
        return 0;
    survey->at = at;
    int runs = chain_runs(survey, at + header.size, CHAIN_LENGTH, err);
    return runs <= 0 ? runs : block_is_sound(survey, at, &header, APPLELZ4_WINDOW, err);
}

int find_thread(struct survey *survey, uint64_t at, struct error *err)
{
    for (;;) {
        const uint8_t *bytes;
        size_t size;
        stream_forget(&survey->stream, at);
        if (stream_lend(&survey->stream, at, 65536, &bytes, &size, err) < 0)
            return -1;
        if (size < APPLELZ4_HEADER_STORED)
            return 0;
        const uint8_t *hit = memmem(bytes, size, "bv4", 3);
        if (hit == NULL) {
            at += size - 2;
            continue;
        }
        at += (size_t)(hit - bytes);
        int found = is_found(survey, at, err);
        if (found != 0) {
            survey->resumed = survey->at;
            return found;
        }
        at++;
    }
}

/* --- decoding --- */

static int is_changed(struct error *err)
{
    return error_set(err, ERROR_IO, "the layers changed while they were being read");
}

int block_decode(struct salvage_stream *stream, const struct salvage_layer *layers,
                 struct track *track, uint64_t at, uint64_t left, enum salvage_mark mark,
                 size_t *ret_size, struct error *err)
{
    const uint8_t *bytes;
    size_t size;
    stream_forget(stream, at);
    if (stream_lend(stream, at, APPLELZ4_HEADER_BLOCK, &bytes, &size, err) < 0)
        return -1;
    if (size < APPLELZ4_HEADER_STORED || (size < APPLELZ4_HEADER_BLOCK && bytes[3] != '-'))
        return is_changed(err);
    bool stored = applelz4_magic(bytes) == APPLELZ4_STORED;
    uint64_t whole = stored ? (uint64_t)load_le32(bytes + 4) + APPLELZ4_HEADER_STORED
                            : (uint64_t)load_le32(bytes + 8) + APPLELZ4_HEADER_BLOCK;
    if (load_le32(bytes + 4) > left || whole > 2 * (uint64_t)APPLELZ4_BLOCK_MAX)
        return is_changed(err);
    if (stream_lend(stream, at, (size_t)whole, &bytes, &size, err) < 0)
        return -1;
    if (mark == MARK_KNOWN && !layers_prove(layers, stream->disk->layer_count, at, size))
        mark = MARK_UNVERIFIED;
    int status = track_decode(track, bytes, size, mark, err);
    *ret_size = size;
    return status > 0 ? 0 : status < 0 ? -1 : is_changed(err);
}
