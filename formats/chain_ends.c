/* chain_ends.c: a layer of which only the two ends are at hand. Must not say more than they show:
 * where they leave a doubt, the whole layer is asked for.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

#define BLOCKS_LEAST 3u

static void free_scan(struct chain_scan **scan)
{
    *scan = chain_scan_free(*scan);
}

/* One end, taken as if it were a layer. */
static int end_read(struct chain_scan *scan, const uint8_t *data, size_t size,
                    struct chain_layer *ret, struct error *err)
{
    *ret = (struct chain_layer){.size = 0};
    if (chain_scan_push(scan, data, size, err) < 0)
        return -1;
    return chain_scan_end(scan, ret, err);
}

/* The one chain that runs to its end, over enough blocks; UINT32_MAX where there is none, or a
 * second one of even a single block. */
static uint32_t the_chain(const struct chain_layer *end)
{
    uint32_t chain = UINT32_MAX;
    for (uint32_t i = 0; i < end->ending_count; i++) {
        if (end->endings[i].blocks == 0)
            continue;
        if (chain != UINT32_MAX)
            return UINT32_MAX;
        chain = i;
    }
    if (chain == UINT32_MAX || end->endings[chain].blocks < BLOCKS_LEAST)
        return UINT32_MAX;
    return chain;
}

/* Heads of the front, ending of the back. */
static int ends_join(const struct chain_layer *front, const struct chain_layer *back,
                     struct chain_layer *ret, struct error *err)
{
    uint32_t first = the_chain(front), last = the_chain(back);
    if (first == UINT32_MAX || last == UINT32_MAX)
        return 0;
    ret->heads = calloc(front->head_count, sizeof *ret->heads);
    ret->endings = calloc(1, sizeof *ret->endings);
    if (ret->heads == NULL || ret->endings == NULL) {
        chain_layer_done(ret);
        return error_memory(err);
    }
    ret->heads_end = front->heads_end < front->size ? front->heads_end : front->size;
    for (size_t i = 0; i < front->head_count; i++)
        if (front->heads[i].ending == first && front->heads[i].at < ret->heads_end)
            ret->heads[ret->head_count++] = (struct chain_head){front->heads[i].at, 0, 0};
    ret->endings[0] = back->endings[last];
    ret->endings[0].block_at += ret->size - back->size;
    ret->ending_count = 1;
    ret->begins = ret->heads[0].at == 0;
    ret->reaches_back = ret->begins && front->reaches_back;
    ret->state = CHAIN_LAYER_KNOWN;
    return 0;
}

int chain_layer_ends(uint64_t size, const uint8_t *front, size_t front_size, const uint8_t *back,
                     size_t back_size, struct chain_layer *ret, struct error *err)
{
    struct digest digest = ret->digest;
    *ret = (struct chain_layer){.digest = digest, .size = size, .state = CHAIN_LAYER_UNCLEAR};
    if (front_size > size || back_size > size)
        return error_set(err, ERROR_INTERNAL, "a layer's end is longer than the layer");
    if (front_size > 0)
        memcpy(ret->first, front, front_size < sizeof ret->first ? front_size : sizeof ret->first);
    AUTO(free_scan) struct chain_scan *scan = chain_scan_new(err);
    if (scan == NULL)
        return -1;
    if (size - front_size <= back_size) {
        size_t rest = (size_t)(size - front_size);
        if (chain_scan_push(scan, front, front_size, err) < 0 ||
            (rest > 0 && chain_scan_push(scan, back + (back_size - rest), rest, err) < 0))
            return -1;
        return chain_scan_end(scan, ret, err);
    }
    AUTO(chain_layer_done) struct chain_layer first = {.size = 0};
    AUTO(chain_layer_done) struct chain_layer last = {.size = 0};
    if (end_read(scan, front, front_size, &first, err) < 0 ||
        end_read(scan, back, back_size, &last, err) < 0)
        return -1;
    return ends_join(&first, &last, ret, err);
}
