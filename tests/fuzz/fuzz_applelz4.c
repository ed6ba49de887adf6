/* fuzz_applelz4.c: a stream in one piece and the same in any slicing, with any limits, are the same
 * disk or the same error. The first bytes choose slicing and limits, the rest is the stream. */
#include "formats/codec/applelz4.h"
#include "tests/fuzz/input.h"
#include "tests/unit/make_data.h"

/* Of disk; what goes on behind it is not looked at. */
#define ENOUGH (3u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    uint64_t length, sum; /* of the disk's bytes, wherever extents are cut */
    int status;
    struct error err;
};

static void extent_add(struct outcome *outcome, const struct extent *extent, bool wants_blocks)
{
    require(extent->length > 0 && (wants_blocks || extent->block == NULL));
    require(extent->block == NULL || extent->block_size >= APPLELZ4_HEADER_STORED);
    outcome->length += extent->length;
    for (uint64_t i = 0; extent->data != NULL && i < extent->length; i++)
        if (extent->data[i] != 0)
            outcome->sum += extent->data[i] * (outcome->length - extent->length + i + 1);
}

static void batch_add(struct outcome *outcome, struct batch *batch, uint64_t limit)
{
    uint64_t before = outcome->length;
    require(batch->length <= batch->limit && batch->data_used <= BATCH_DATA_SIZE);
    for (size_t i = 0; i < batch->extent_count; i++)
        extent_add(outcome, &batch->extents[i], batch->wants_blocks);
    require(outcome->length - before == batch->length);
    batch_reset(batch, outcome->length, limit);
}

static struct outcome decode(struct applelz4_decoder *decoder, struct batch *batch,
                             struct input stream, struct dice *dice)
{
    struct outcome outcome = {.err = ERROR_INIT};
    uint64_t most = dice == NULL ? UINT64_MAX : dice_size(dice, BATCH_DATA_SIZE);
    applelz4_decoder_reset(decoder, 0);
    batch_reset(batch, 0, most);
    while (stream.size > 0 && outcome.status >= 0 && outcome.length < ENOUGH) {
        size_t slice;
        const uint8_t *from =
            input_take(&stream, dice == NULL ? SIZE_MAX : dice_size(dice, 70000), &slice);
        uint8_t *piece = malloc(slice);
        require(piece != NULL);
        memcpy(piece, from, slice);
        size_t at = 0, used;
        do {
            outcome.status =
                applelz4_decode(decoder, piece + at, slice - at, &used, batch, &outcome.err);
            at += used;
            if (outcome.status > 0)
                batch_add(&outcome, batch, most);
        } while (outcome.status > 0 && outcome.length < ENOUGH);
        free(piece);
    }
    if (outcome.status == 0) {
        batch_add(&outcome, batch, most);
        outcome.status = applelz4_decoder_finish(decoder, &outcome.err);
        require(applelz4_decoder_decoded(decoder) == outcome.length);
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    struct input input = {data, size};
    struct dice dice = {input_number(&input, 4) | 1u};
    static struct batch *batch; /* for the whole run: it is large */
    if (batch == NULL)
        batch = batch_new(&err);
    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    require(batch != NULL && decoder != NULL);
    batch->wants_blocks = dice_roll(&dice) % 2 == 0;
    struct outcome whole = decode(decoder, batch, input, NULL);
    struct outcome sliced = decode(decoder, batch, input, &dice);
    if (whole.length < ENOUGH && sliced.length < ENOUGH) {
        require(whole.status == sliced.status);
        if (whole.status == 0)
            require(whole.length == sliced.length && whole.sum == sliced.sum);
        else
            require(whole.err.class == sliced.err.class &&
                    whole.err.where.offset == sliced.err.where.offset &&
                    whole.err.where.disk_offset == sliced.err.where.disk_offset);
    }
    applelz4_decoder_free(decoder);
    return 0;
}
