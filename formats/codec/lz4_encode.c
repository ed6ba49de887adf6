/* lz4_encode.c: liblz4's fast and high-compression searches, for Apple's frame. Every block is
 * primed the same way, from the 64 KiB before it in one fixed window, so that the bytes depend on
 * these and on liblz4's version alone, not on where in memory or in how many pieces the data came.
 */
#include "formats/codec/search.h"

#include "formats/model/auto.h"

#include <lz4.h>
#include <lz4hc.h>

#define OUTPUT_SIZE (APPLELZ4_ENCODED_MAX - APPLELZ4_HEADER_BLOCK)

struct lz4_search {
    struct search search;
    int level; /* 0: fast */
    LZ4_stream_t *fast;
    LZ4_streamHC_t *high;
};

static void lz4_destroy(struct search *search)
{
    if (search == NULL)
        return;
    struct lz4_search *lz4 = (struct lz4_search *)search;
    LZ4_freeStream(lz4->fast);
    LZ4_freeStreamHC(lz4->high);
    free(lz4);
}

static struct search *lz4_create(int level, struct error *err)
{
    struct lz4_search *lz4 = calloc(1, sizeof *lz4);
    if (lz4 != NULL) {
        lz4->search.ops = level == 0 ? &lz4_search_ops : &lz4hc_search_ops;
        lz4->level = level;
        if (level == 0)
            lz4->fast = LZ4_createStream();
        else
            lz4->high = LZ4_createStreamHC();
        if (lz4->fast != NULL || lz4->high != NULL)
            return &lz4->search;
    }
    lz4_destroy(lz4 == NULL ? NULL : &lz4->search);
    error_memory(err);
    return NULL;
}

static void lz4_restart(struct search *search)
{
    (void)search; /* every block starts from the window alone */
}

static size_t fast_block(struct search *search, const uint8_t *block, size_t size, size_t history,
                         uint8_t *output)
{
    struct lz4_search *lz4 = (struct lz4_search *)search;
    LZ4_resetStream_fast(lz4->fast);
    LZ4_loadDict(lz4->fast, (const char *)block - history, (int)history);
    int written = LZ4_compress_fast_continue(lz4->fast, (const char *)block, (char *)output,
                                             (int)size, OUTPUT_SIZE, 1);
    return written < 0 ? 0 : (size_t)written;
}

static size_t high_block(struct search *search, const uint8_t *block, size_t size, size_t history,
                         uint8_t *output)
{
    struct lz4_search *lz4 = (struct lz4_search *)search;
    LZ4_resetStreamHC_fast(lz4->high, lz4->level);
    LZ4_loadDictHC(lz4->high, (const char *)block - history, (int)history);
    int written = LZ4_compress_HC_continue(lz4->high, (const char *)block, (char *)output,
                                           (int)size, OUTPUT_SIZE);
    return written < 0 ? 0 : (size_t)written;
}

const struct search_ops lz4_search_ops = {
    .create = lz4_create,
    .restart = lz4_restart,
    .block = fast_block,
    .destroy = lz4_destroy,
    .window_blocks = 1,
};

const struct search_ops lz4hc_search_ops = {
    .create = lz4_create,
    .restart = lz4_restart,
    .block = high_block,
    .destroy = lz4_destroy,
    .window_blocks = 1,
};
