/* fuzz_chain.c: any bytes, cut anywhere into layers, as pieces of a disk.v1 stream: scanned in any
 * slicing, from two ends, and searched. Where the layers as they come make a stream that decodes,
 * no other bytes are ever given out as the only order. */
#include "formats/chain.h"
#include "formats/codec/applelz4.h"
#include "tests/fuzz/input.h"
#include "tests/unit/make_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAYERS 9
#define ENOUGH (8u << 20) /* of disk */

struct pieces {
    const uint8_t *data[LAYERS];
    struct chain_layer layers[LAYERS];
    size_t count;
};

static void scan(struct chain_scan *scan, const uint8_t *data, size_t size, struct dice *dice,
                 struct chain_layer *ret)
{
    struct error err = ERROR_INIT;
    *ret = (struct chain_layer){.size = 0};
    require(digest_of(data, size, &ret->digest, &err) == 0);
    for (size_t at = 0; at < size;) {
        size_t step = dice == NULL ? size : dice_size(dice, size);
        step = step < size - at ? step : size - at;
        require(chain_scan_push(scan, data + at, step, &err) == 0);
        at += step;
    }
    require(chain_scan_end(scan, ret, &err) == 0);
}

static void check_layer(const struct chain_layer *layer, size_t size)
{
    require(layer->size == size && layer->head_count <= CHAIN_HEADS_MAX &&
            layer->ending_count <= CHAIN_CHAINS_MAX);
    for (size_t i = 0; i < layer->head_count; i++) {
        const struct chain_head *head = &layer->heads[i];
        require(head->at <= size && head->at < layer->heads_end &&
                (i == 0 || head->at > layer->heads[i - 1].at));
        require(head->ending < layer->ending_count);
    }
    for (size_t i = 0; i < layer->ending_count; i++) {
        const struct chain_ending *ending = &layer->endings[i];
        require(ending->block_at <= size);
        if (ending->cut.at == CHAIN_PAYLOAD)
            require(ending->cut.need > 0 &&
                    ending->block_at + ending->cut.block == size + ending->cut.need);
        if (ending->cut.at == CHAIN_HEADER)
            require(ending->block_at + ending->cut.part_size == size);
    }
}

/* Two ways of feeding it. */
static void check_scan(struct chain_scan *scanner, const uint8_t *data, size_t size,
                       struct dice *dice, struct chain_layer *whole)
{
    struct chain_layer other;
    scan(scanner, data, size, NULL, whole);
    check_layer(whole, size);
    scan(scanner, data, size, dice, &other);
    require(other.head_count == whole->head_count && other.ending_count == whole->ending_count);
    if (whole->head_count > 0)
        require(memcmp(other.heads, whole->heads, other.head_count * sizeof *other.heads) == 0);
    chain_layer_done(&other);
}

static void check_ends(const uint8_t *data, size_t size, struct dice *dice)
{
    struct error err = ERROR_INIT;
    struct chain_layer other;
    size_t front = size > 0 ? dice_roll(dice) % (size + 1) : 0;
    size_t back = size > 0 ? dice_roll(dice) % (size + 1) : 0;
    other = (struct chain_layer){.size = 0};
    require(chain_layer_ends(size, data, front, data + (size - back), back, &other, &err) == 0);
    require(other.size == size && (other.whole || other.heads_end <= front));
    chain_layer_done(&other);
}

/* Whether the bytes are a stream to their end; more of it than ENOUGH is not read, and is none. */
static bool decodes(const uint8_t *data, size_t size)
{
    static struct batch *batch; /* for the whole run: it is large */
    struct error err = ERROR_INIT;
    static struct applelz4_decoder *decoder;
    if (decoder == NULL)
        decoder = applelz4_decoder_new(&err);
    if (batch == NULL)
        batch = batch_new(&err);
    require(decoder != NULL && batch != NULL);
    applelz4_decoder_reset(decoder, 0);
    int status = 1;
    for (size_t at = 0, used = 0; status == 1 && applelz4_decoder_decoded(decoder) < ENOUGH;
         at += used) {
        batch_reset(batch, applelz4_decoder_decoded(decoder), ENOUGH);
        status = applelz4_decode(decoder, data + at, size - at, &used, batch, &err);
    }
    return status == 0 && applelz4_decoder_finish(decoder, &err) == 0;
}

static int read_piece(void *context, size_t index, uint64_t at, uint8_t *to, size_t size,
                      struct error *err)
{
    const struct pieces *pieces = context;
    (void)err;
    require(index < pieces->count && at + size <= pieces->layers[index].size);
    if (pieces->layers[index].size % 16 == 15)
        return 1; /* not at hand */
    memcpy(to, pieces->data[index] + at, size);
    return 0;
}

static void check_order(const struct pieces *pieces, const size_t *order, size_t count)
{
    bool seen[LAYERS] = {false};
    for (size_t i = 0; i < count; i++) {
        require(order[i] < pieces->count && !seen[order[i]]);
        seen[order[i]] = true;
    }
}

static void join(const struct pieces *pieces, const size_t *order, uint8_t *ret)
{
    for (size_t i = 0; i < pieces->count; i++) {
        size_t size = (size_t)pieces->layers[order[i]].size;
        if (size > 0)
            memcpy(ret, pieces->data[order[i]], size);
        ret += size;
    }
}

static void check_search(struct pieces *pieces, bool reads, const uint8_t *stream, size_t size,
                         bool good)
{
    struct error err = ERROR_INIT;
    struct chain_result result;
    struct chain_source source = {pieces, read_piece};
    require(chain_search(pieces->layers, pieces->count, reads ? &source : NULL, &result, &err) ==
            0);
    if (result.order != NULL)
        check_order(pieces, result.order, result.count);
    if (result.extra != NULL)
        check_order(pieces, result.extra, result.extra_count);
    if (result.verdict == CHAIN_ORDERED || result.verdict == CHAIN_AMBIGUOUS)
        require(result.count == pieces->count);
    if (result.verdict == CHAIN_AMBIGUOUS) {
        check_order(pieces, result.other, pieces->count);
        require(memcmp(result.order, result.other, pieces->count * sizeof *result.order) != 0);
    }
    if (result.verdict == CHAIN_BROKEN)
        require(!good && result.count + result.extra_count == pieces->count);
    if (good && result.verdict == CHAIN_ORDERED) {
        uint8_t *joined = malloc(size + 1);
        require(joined != NULL);
        join(pieces, result.order, joined);
        require(memcmp(joined, stream, size) == 0);
        free(joined);
    }
    chain_result_done(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct error err = ERROR_INIT;
    struct dice dice = {input_number(&input, 2) | 1u};
    struct pieces pieces = {.count = input_number(&input, 1) % LAYERS + 1};
    uint32_t cuts[LAYERS];
    for (size_t i = 0; i + 1 < pieces.count; i++)
        cuts[i] = input_number(&input, 2);
    const struct input stream = input;
    static struct chain_scan *scanner; /* for the whole run: it is large */
    if (scanner == NULL)
        scanner = chain_scan_new(&err);
    require(scanner != NULL);
    for (size_t i = 0; i < pieces.count; i++) {
        size_t wanted = i + 1 < pieces.count ? cuts[i] : SIZE_MAX, got;
        const uint8_t *from = input_take(&input, wanted, &got);
        pieces.data[i] = from;
        check_scan(scanner, from, got, &dice, &pieces.layers[i]);
    }
    if (dice_roll(&dice) % 16 == 0)
        check_ends(pieces.data[0], (size_t)pieces.layers[0].size, &dice);
    bool good = stream.size > 0 && decodes(stream.data, stream.size);
    for (int turn = 0; turn < 2; turn++) {
        check_search(&pieces, turn == 1, stream.data, stream.size, good);
        for (size_t i = pieces.count; i > 1; i--) {
            size_t other = dice_roll(&dice) % i;
            struct chain_layer layer = pieces.layers[i - 1];
            const uint8_t *bytes = pieces.data[i - 1];
            pieces.layers[i - 1] = pieces.layers[other];
            pieces.data[i - 1] = pieces.data[other];
            pieces.layers[other] = layer;
            pieces.data[other] = bytes;
        }
    }
    check_search(&pieces, true, stream.data, stream.size, good);
    for (size_t i = 0; i < pieces.count; i++)
        chain_layer_done(&pieces.layers[i]);
    return 0;
}
