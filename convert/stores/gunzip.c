/* gunzip.c: zlib between a file and the spool. Must not know what is packed. */
#include "convert/stores/gunzip.h"

#include "convert/net/stop.h"
#include "convert/stores/files.h"

#include <zlib.h>

#define NAME        "the archive"
#define BUFFER_SIZE (256u << 10)
#define GZIP_WINDOW (15 + 16) /* inflateInit2: the largest window, gzip's header and trailer */

struct gunzip {
    z_stream stream;
    int fd;
    uint64_t size, position; /* of what is packed */
    uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE];
};

static void gunzip_free(struct gunzip **state)
{
    if (*state != NULL)
        inflateEnd(&(*state)->stream); /* takes a zeroed one too */
    free(*state);
}

/* More to unpack: 1, 0 at the end of the file, -1. */
static int fill(struct gunzip *state, struct error *err)
{
    uint64_t left = state->size - state->position;
    size_t size = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
    if (state->stream.avail_in > 0)
        return 1;
    if (file_read_at(state->fd, NAME, state->position, state->in, size, err) < 0)
        return -1;
    state->position += size;
    state->stream.next_in = state->in;
    state->stream.avail_in = (uInt)size;
    return size > 0;
}

static int damaged(const struct gunzip *state, struct error *err)
{
    const char *why = state->stream.msg;
    return error_set(err, ERROR_LAYOUT_INVALID, "its gzip stream is damaged before byte %llu%s%s",
                     (unsigned long long)(state->position - state->stream.avail_in),
                     why == NULL ? "" : ": ", why == NULL ? "" : why);
}

/* Behind a member: another one, or zeros to fill a tape's block up. 1: a member begins, 0, -1. */
static int next_member(struct gunzip *state, struct error *err)
{
    int status;
    while ((status = fill(state, err)) > 0 && *state->stream.next_in == 0) {
        state->stream.next_in++;
        state->stream.avail_in--;
    }
    if (status > 0 && inflateReset(&state->stream) != Z_OK)
        return error_set(err, ERROR_INTERNAL, "zlib cannot begin again");
    return status;
}

/* One call of zlib and what it gave: 1, 0 at the end of the last member, -1. */
static int step(struct gunzip *state, struct spool_part *to, struct error *err)
{
    int status = fill(state, err);
    if (status <= 0)
        return status < 0
                   ? -1
                   : error_set(err, ERROR_LAYOUT_INVALID, "its gzip stream is cut off at byte %llu",
                               (unsigned long long)state->size);
    state->stream.next_out = state->out;
    state->stream.avail_out = BUFFER_SIZE;
    int result = inflate(&state->stream, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR)
        return error_memory(err);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return damaged(state, err);
    if (part_write(to, state->out, BUFFER_SIZE - state->stream.avail_out, err) < 0)
        return -1;
    return result == Z_STREAM_END ? next_member(state, err) : 1;
}

int gunzip(int fd, uint64_t size, const volatile sig_atomic_t *stop, struct spool_part *to,
           struct error *err)
{
    AUTO(gunzip_free) struct gunzip *state = calloc(1, sizeof *state);
    if (state == NULL)
        return error_memory(err);
    state->fd = fd;
    state->size = size;
    int result = inflateInit2(&state->stream, GZIP_WINDOW);
    if (result != Z_OK)
        return result == Z_MEM_ERROR ? error_memory(err)
                                     : error_set(err, ERROR_INTERNAL, "zlib cannot begin");
    int status;
    while ((status = step(state, to, err)) > 0)
        if (stop_is_set(stop))
            return error_set(err, ERROR_INTERRUPTED, "stopped by a signal");
    return status;
}
