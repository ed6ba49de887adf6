/* zstd.c: libzstd behind packed.h: one frame after another. Knows neither blobs nor what is packed.
 */
#include "formats/codec/packed.h"

#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 27 /* 128 MiB: what the zstd command takes without being asked for more */

const char *zstd_library(void)
{
    return ZSTD_versionString();
}

static int zstd_open(void **ret, struct error *err)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL)
        return error_memory(err);
    if (ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        ZSTD_freeDCtx(context);
        return error_set(err, ERROR_INTERNAL, "libzstd does not take a window's limit");
    }
    *ret = context;
    return 0;
}

static void zstd_close(void *state)
{
    ZSTD_freeDCtx(state);
}

static int zstd_step(void *state, const uint8_t **in, size_t *in_size, uint8_t *out,
                     size_t capacity, size_t *ret_size, struct error *err)
{
    ZSTD_inBuffer input = {.src = *in, .size = *in_size};
    ZSTD_outBuffer output = {.dst = out, .size = capacity};
    size_t result = ZSTD_decompressStream(state, &output, &input);
    *in += input.pos;
    *in_size -= input.pos;
    *ret_size = output.pos;
    if (!ZSTD_isError(result))
        return result != 0;
    ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    if (code == ZSTD_error_memory_allocation)
        return error_memory(err);
    return error_set(err,
                     code == ZSTD_error_frameParameter_windowTooLarge ? ERROR_STREAM_LIMIT
                                                                      : ERROR_STREAM_BLOCK,
                     "%s", ZSTD_getErrorName(result));
}

const struct unpacker_ops zstd_ops = {.open = zstd_open, .step = zstd_step, .close = zstd_close};
