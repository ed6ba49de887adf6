/* searches.c: our own search against liblz4's fast one, on the same bytes, in turns. Alone: both
 * over blocks that lie one behind the other in memory, so that each sees the 64 KiB before; and
 * as the program has them, with the same frame and check.
 */
#include "tests/bench/bench.h"

#include "convert/stores/files.h"
#include "formats/codec/search.h"
#include "formats/model/auto.h"

#include <errno.h>
#include <lz4.h>
#include <sys/stat.h>

struct arena {
    uint8_t *data; /* the disk's first bytes, and a few behind them that may be read */
    size_t size;   /* whole blocks */
    struct search *apple;
    LZ4_stream_t *fast;
    struct encoder *encoders[CONTENDER_COUNT];
    uint8_t output[APPLELZ4_HEADER_BLOCK + APPLELZ4_ENCODED_MAX];
};

static void arena_free_auto(struct arena **arena)
{
    if (*arena == NULL)
        return;
    if ((*arena)->apple != NULL)
        apple_search_ops.destroy((*arena)->apple);
    LZ4_freeStream((*arena)->fast);
    for (size_t i = 0; i < CONTENDER_COUNT; i++)
        encoder_free((*arena)->encoders[i]);
    free((*arena)->data);
    free(*arena);
}

static int arena_fill(struct arena *arena, int fd, struct error *err)
{
    struct stat stat;
    if (fstat(fd, &stat) < 0)
        return error_set_errno(err, ERROR_IO, errno, "the disk cannot be looked at");
    arena->size = stat.st_size < (off_t)SEARCH_SIZE ? (size_t)stat.st_size : SEARCH_SIZE;
    arena->size -= arena->size % BLOCK_SIZE;
    arena->data = malloc(arena->size + 32);
    if (arena->data == NULL)
        return error_memory(err);
    return file_read_at(fd, "disk.img", 0, arena->data, arena->size, err);
}

static int arena_open(struct arena *arena, int fd, struct error *err)
{
    if (arena_fill(arena, fd, err) < 0)
        return -1;
    arena->apple = apple_search_ops.create(0, err);
    if (arena->apple == NULL)
        return -1;
    arena->fast = LZ4_createStream();
    if (arena->fast == NULL)
        return error_memory(err);
    arena->encoders[APPLE_ENCODER] = encoder_new((struct encoder_kind){ENCODER_APPLE, 0}, err);
    if (arena->encoders[APPLE_ENCODER] == NULL)
        return -1;
    arena->encoders[LZ4_ENCODER] = encoder_new((struct encoder_kind){ENCODER_LZ4, 0}, err);
    return arena->encoders[LZ4_ENCODER] == NULL ? -1 : 0;
}

static int run_apple(struct arena *arena, enum contender contender, struct error *err)
{
    (void)contender;
    apple_search_ops.restart(arena->apple);
    for (size_t at = 0; at < arena->size; at += BLOCK_SIZE)
        if (apple_search_ops.block(arena->apple, arena->data + at, BLOCK_SIZE,
                                   at == 0 ? 0 : APPLELZ4_WINDOW, arena->output) == 0)
            return error_set(err, ERROR_INTERNAL, "the search failed");
    return 0;
}

static int run_fast(struct arena *arena, enum contender contender, struct error *err)
{
    (void)contender;
    LZ4_resetStream_fast(arena->fast);
    for (size_t at = 0; at < arena->size; at += BLOCK_SIZE)
        if (LZ4_compress_fast_continue(arena->fast, (const char *)arena->data + at,
                                       (char *)arena->output, BLOCK_SIZE, sizeof arena->output,
                                       1) <= 0)
            return error_set(err, ERROR_INTERNAL, "liblz4 failed");
    return 0;
}

static int run_encoder(struct arena *arena, enum contender contender, struct error *err)
{
    struct encoder *encoder = arena->encoders[contender];
    encoder_restart(encoder);
    for (size_t at = 0; at < arena->size; at += BLOCK_SIZE)
        if (encoder_block(encoder, arena->data + at, BLOCK_SIZE, arena->output, err) < 0)
            return -1;
    return 0;
}

static int turn(struct arena *arena, struct searches *searches, enum contender contender,
                struct error *err)
{
    static int (*const runs[])(struct arena *, enum contender, struct error *) = {
        [APPLE_SEARCH] = run_apple,
        [LZ4_FAST] = run_fast,
        [APPLE_ENCODER] = run_encoder,
        [LZ4_ENCODER] = run_encoder,
    };
    double begun = seconds_now();
    if (runs[contender](arena, contender, err) < 0)
        return -1;
    series_add(&searches->seconds[contender], seconds_now() - begun);
    return 0;
}

/* Both, one after the other; who begins, changes from round to round. */
static int pair(struct arena *arena, struct searches *searches, size_t round, enum contender apple,
                enum contender lz4, struct series *ratio, struct error *err)
{
    bool apple_first = round % 2 == 0;
    if (turn(arena, searches, apple_first ? apple : lz4, err) < 0 ||
        turn(arena, searches, apple_first ? lz4 : apple, err) < 0)
        return -1;
    series_add(ratio,
               searches->seconds[lz4].values[round] / searches->seconds[apple].values[round]);
    return 0;
}

int searches_measure(int fd, struct searches *ret, struct error *err)
{
    *ret = (struct searches){.size = 0};
    AUTO(arena_free_auto) struct arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL)
        return error_memory(err);
    if (arena_open(arena, fd, err) < 0)
        return -1;
    ret->size = arena->size;
    for (size_t i = 0; i < SEARCH_ROUNDS; i++)
        if (pair(arena, ret, i, APPLE_SEARCH, LZ4_FAST, &ret->search_ratio, err) < 0 ||
            pair(arena, ret, i, APPLE_ENCODER, LZ4_ENCODER, &ret->encoder_ratio, err) < 0)
            return -1;
    return 0;
}
