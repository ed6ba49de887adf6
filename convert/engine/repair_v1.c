/* repair_v1.c: puts V1 layers into the order in which they make one stream, or says why there is
 * none. The search itself is formats/chain.h.
 */
#include "convert/engine/repair_parts.h"

#include "convert/engine/pass.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- bytes of a layer --- */

static int read_by_skipping(struct blob *blob, uint64_t at, uint8_t *to, size_t size,
                            struct error *err)
{
    const uint8_t *data;
    size_t lent;
    while (size > 0) {
        int status = blob_peek(blob, &data, &lent, err);
        if (status <= 0)
            return status < 0 ? -1 : error_set(err, ERROR_BLOB_SIZE, "it is shorter than it was");
        size_t past = lent < at ? lent : (size_t)at;
        size_t take = lent - past < size ? lent - past : size;
        memcpy(to, data + past, take);
        blob_skip(blob, past + take);
        at -= past;
        to += take;
        size -= take;
    }
    return 0;
}

static int read_layer(void *context, size_t index, uint64_t at, uint8_t *to, size_t size,
                      struct error *err)
{
    struct repair *repair = context;
    struct blob *blob = NULL;
    if (blobs_open(&repair->substitutes.blobs, &repair->layers[index].blob, &blob, err) < 0)
        return -1;
    int status = blob_can_seek(blob) ? blob_read_at(blob, at, to, size, err)
                                     : read_by_skipping(blob, at, to, size, err);
    blob_close(blob);
    return status;
}

/* --- words for what was found --- */

#define SHOWN 12 /* layers of an order */
static void say_order(struct phrase *phrase, const struct repair *repair, const size_t *order,
                      size_t count, size_t from)
{
    for (size_t i = from; i < count && i < from + SHOWN; i++)
        phrase_add(phrase, "%s%zu", i == from ? "" : " ", repair->layers[order[i]].index);
    if (count > from + SHOWN)
        phrase_add(phrase, " ...");
}

/* Two orders fit: both from where they part, and who can change places. */
static int ambiguous(const struct repair *repair, const struct chain_result *result,
                     struct error *err)
{
    struct phrase first = {.used = 0}, second = {.used = 0}, places = {.used = 0};
    size_t from = 0;
    while (from + 1 < result->count && result->order[from] == result->other[from])
        from++;
    say_order(&first, repair, result->order, result->count, from);
    say_order(&second, repair, result->other, result->count, from);
    size_t shown = 0;
    for (size_t i = 0; i < result->count && shown < SHOWN; i++) {
        if (result->order[i] == result->other[i])
            continue;
        phrase_add(&places, "%s%zu", shown++ == 0 ? "" : ", ",
                   repair->layers[result->order[i]].index);
    }
    error_set(err, ERROR_ORDER_AMBIGUOUS,
              "layers %s could change places: the stream fits as %s and as %s, and nothing tells "
              "which is right",
              places.text, first.text, second.text);
    err->where.layer = (int64_t)repair->layers[result->order[from]].index;
    return -1;
}

void repair_say_cut(struct phrase *phrase, const struct chain_cut *cut)
{
    switch (cut->at) {
    case CHAIN_BOUNDARY:
        phrase_add(phrase, "ends between two blocks");
        break;
    case CHAIN_HEADER:
        phrase_add(phrase, "ends inside a block's header");
        break;
    case CHAIN_PAYLOAD:
        phrase_add(phrase, "ends %" PRIu64 " bytes before the end of a block of %" PRIu64,
                   cut->need, cut->block);
        break;
    case CHAIN_ENDED:
        phrase_add(phrase, "ends the stream");
        break;
    }
}

static int broken(const struct repair *repair, const struct chain_result *result, struct error *err)
{
    if (!result->begins)
        return error_set(err, ERROR_LAYER_CHAIN,
                         "none of the %zu layers can be the first: it is missing or damaged",
                         repair->layer_count);
    struct phrase cut = {.used = 0};
    char name[LAYER_NAME_SIZE];
    const struct repair_layer *after = &repair->layers[result->after];
    repair_say_cut(&cut, &result->cut);
    error_set(err, ERROR_LAYER_CHAIN,
              "%s %s, and none of the other layers goes on there%s: a layer is missing, or one is "
              "of another image",
              layer_name(after, name), cut.text, result->ends ? "" : ", nor is one the last");
    err->where.layer = (int64_t)after->index;
    return -1;
}

static int undecided(const struct repair *repair, const struct chain_result *result,
                     struct error *err)
{
    char name[LAYER_NAME_SIZE];
    if (result->undecided == SIZE_MAX)
        return error_set(err, ERROR_ORDER_UNKNOWN,
                         "the %zu layers fit together in more ways than were tried",
                         repair->layer_count);
    const struct repair_layer *layer = &repair->layers[result->undecided];
    error_set(err, ERROR_ORDER_UNKNOWN, "%s does not show where its blocks begin",
              layer_name(layer, name));
    err->where.layer = (int64_t)layer->index;
    return -1;
}

/* --- the order --- */

static bool is_given_order(const struct repair *repair, const size_t *order)
{
    for (size_t i = 0; i < repair->layer_count; i++)
        if (!digest_equal(&repair->layers[order[i]].blob.digest, &repair->layers[i].blob.digest))
            return false;
    return true;
}

static int ordered(struct repair *repair, const struct chain_result *result, struct error *err)
{
    const struct disk *disk = image_disk(repair->image);
    bool given = is_given_order(repair, result->order);
    for (size_t i = 0; i < repair->layer_count; i++) {
        repair->order[i] = given ? i : result->order[i];
        repair->layers[i].grade = PLACE_PROVED;
    }
    if (disk != NULL && disk->has_size && result->disk_size != 0 &&
        result->disk_size != disk->size && repair_prove_size_v1(repair, false, err) < 0)
        return -1;
    if (given)
        return 0;
    repair->result->order = ORDER_STREAM;
    struct phrase order = {.used = 0};
    say_order(&order, repair, repair->order, repair->layer_count, 0);
    struct error found = ERROR_INIT;
    error_set(&found, ERROR_LAYER_CHAIN,
              "the disk.v1 layers do not go on where the ones before them end");
    if (findings_add_error(&repair->result->findings, &found, "`tartconv repair`", err) < 0)
        return -1;
    return repair_note(repair, "ordered", NO_LAYER, true, err,
                       "the disk's layers put in the order in which they make one stream: %s",
                       order.text);
}

/* Where the search gives no order, the manifest's own may still be one that fits: then nothing
 * speaks against it. */
static int take_given(struct repair *repair, const struct error *doubt, struct error *err)
{
    if (repair_hold_size_v1(repair, err) == 0) {
        run_warning(repair->run, "%s; the order was left as it is, in which the disk decodes",
                    doubt->text);
        return 0;
    }
    if (error_class_status(err->class) == 2)
        *err = *doubt;
    return -1;
}

int repair_order_v1(struct repair *repair, struct error *err)
{
    AUTO_FREE struct chain_layer *layers = calloc(repair->layer_count, sizeof *layers);
    if (layers == NULL)
        return error_memory(err);
    for (size_t i = 0; i < repair->layer_count; i++)
        layers[i] = repair->layers[i].chain; /* its memory stays where it is */
    const struct chain_source source = {.context = repair, .read = read_layer};
    AUTO(chain_result_done) struct chain_result result = {.order = NULL};
    if (chain_search(layers, repair->layer_count, &source, &result, err) < 0)
        return -1;
    switch (result.verdict) {
    case CHAIN_ORDERED:
        return ordered(repair, &result, err);
    case CHAIN_AMBIGUOUS:
        (void)ambiguous(repair, &result, err);
        break;
    case CHAIN_BROKEN:
        return result.rest_is_whole && result.extra_count > 0
                   ? repair_leave_out(repair, &result, err)
                   : broken(repair, &result, err);
    default:
        (void)undecided(repair, &result, err);
    }
    const struct error doubt = *err;
    return take_given(repair, &doubt, err);
}
