/* repair_v2.c: what annotations of V2 layers lost, and the order of the layers by their offsets.
 * Where offsets do not tell, repair_evidence.c looks further.
 */
#include "convert/engine/repair_parts.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- sizes and content digests --- */

static int contradicts(const struct repair_layer *layer, struct error *err)
{
    char found[DIGEST_TEXT_SIZE], name[LAYER_NAME_SIZE];
    digest_print(&layer->content, found);
    error_set(err, ERROR_CANNOT_REPAIR,
              "%s decodes to %.19s and its annotation says otherwise%s: which of them is wrong "
              "cannot be known; %s",
              layer_name(layer, name), found,
              layer->exchanged ? ", namely what another layer decodes to" : "",
              layer->exchanged
                  ? "take another copy of the image"
                  : "--refill IMAGE takes the right content from another copy of the image");
    err->where.layer = (int64_t)layer->index;
    return -1;
}

static int mend_layer(struct repair *repair, size_t i, struct error *err)
{
    const struct repair_layer *layer = &repair->layers[i];
    char name[LAYER_NAME_SIZE];
    bool content = layer->states_content && digest_equal(&layer->stated_content, &layer->content);
    bool length = layer->states_length && layer->stated_length == layer->length;
    if (content && length)
        return 0;
    if (layer->states_content && !content)
        return contradicts(layer, err);
    /* without its digest a size says as much as one: that the layer is not what it was */
    if (!layer->states_content && layer->states_length && !length)
        return contradicts(layer, err);
    return repair_note(repair, "annotated", layer->index, true, err,
                       "%s: size and content digest written anew, as it decodes: %" PRIu64
                       " bytes of disk",
                       layer_name(layer, name), layer->length);
}

int repair_annotations(struct repair *repair, struct error *err)
{
    for (size_t i = 0; i < repair->layer_count; i++)
        if (mend_layer(repair, i, err) < 0)
            return -1;
    return 0;
}

/* --- order --- */

struct placed {
    uint64_t offset, length;
    size_t layer;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *left = a, *right = b;
    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    /* empty layers first, then as they stood */
    if ((left->length == 0) != (right->length == 0))
        return left->length == 0 ? -1 : 1;
    return left->layer < right->layer ? -1 : left->layer > right->layer;
}

static int gap(const struct repair *repair, const struct placed *behind, uint64_t end,
               struct error *err)
{
    const struct repair_layer *layer = &repair->layers[behind->layer];
    char name[LAYER_NAME_SIZE];
    error_set(err, ERROR_DISK_SIZE,
              "%s begins at disk byte %" PRIu64 ", and no layer has the disk from byte %" PRIu64
              " up to there: one is missing",
              layer_name(layer, name), behind->offset, end);
    err->where.layer = (int64_t)layer->index;
    err->where.disk_offset = (int64_t)end;
    return -1;
}

/* Whether the layers' offsets make one disk without gaps; then that is the order. */
static int by_offsets(struct repair *repair, bool *ret, struct error *err)
{
    size_t count = repair->layer_count;
    AUTO_FREE struct placed *places = calloc(count, sizeof *places);
    if (places == NULL)
        return error_memory(err);
    *ret = false;
    for (size_t i = 0; i < count; i++) {
        const struct repair_layer *layer = &repair->layers[i];
        if (!layer->states_offset)
            return 0;
        places[i] = (struct placed){layer->stated_offset, layer->length, i};
    }
    qsort(places, count, sizeof *places, compare_placed);
    uint64_t end = 0;
    for (size_t i = 0; i < count; end += places[i].length, i++) {
        if (places[i].offset < end)
            return 0;
        if (places[i].offset > end)
            return gap(repair, &places[i], end, err);
    }
    *ret = true;
    for (size_t i = 0; i < count; i++) {
        struct repair_layer *layer = &repair->layers[places[i].layer];
        repair->order[i] = places[i].layer;
        layer->grade = PLACE_PROVED;
        snprintf(layer->why, sizeof layer->why, "its own offset says so");
    }
    return 0;
}

bool repair_order_is_given(const struct repair *repair)
{
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->order[i] != i)
            return false;
    return true;
}

/* Whether the disk does not look like one in this order. */
static bool is_doubtful(const struct findings *findings)
{
    static const char *const ids[] = {"gpt-primary", "gpt-backup",     "gpt-short",
                                      "disk-order",  "order-doubtful", "disk-digest"};
    for (size_t i = 0; i < findings->count; i++)
        for (size_t k = 0; k < sizeof ids / sizeof ids[0]; k++)
            if (strcmp(findings->items[i].id, ids[k]) == 0)
                return true;
    return false;
}

/* Whether VM configuration or NVRAM lies between the disk's layers: whoever put it there moved
 * layers, and may have moved others. Before or behind them all it says nothing of them. */
static bool is_torn(const struct repair *repair)
{
    const struct manifest *manifest = repair->image->manifest;
    size_t end = repair->layer_count > 0 ? repair->layers[repair->layer_count - 1].index : 0;
    for (size_t i = repair->layer_count > 0 ? repair->layers[0].index : 0; i < end; i++)
        if (strcmp(manifest->layers[i].media_type, TART_TYPE_CONFIG) == 0 ||
            strcmp(manifest->layers[i].media_type, TART_TYPE_NVRAM) == 0)
            return true;
    return false;
}

/* Whether the disk as it came has the digest that the image states: then nothing is out of order.
 */
static int by_disk_digest(struct repair *repair, bool *ret, struct error *err)
{
    *ret = false;
    if (!repair->states_disk_digest)
        return 0;
    /* with what was refilled it is another disk than the one that was looked at */
    if (!repair->has_disk_digest && repair_disk_digest(repair, NULL, &repair->disk_digest, err) < 0)
        return -1;
    *ret = digest_equal(&repair->disk_digest, &repair->stated_disk_digest);
    for (size_t i = 0; *ret && i < repair->layer_count; i++) {
        struct repair_layer *layer = &repair->layers[i];
        layer->grade = PLACE_PROVED;
        snprintf(layer->why, sizeof layer->why, "the whole disk has the digest that is stated");
    }
    return 0;
}

int repair_order_v2(struct repair *repair, struct error *err)
{
    bool placed = false, proved = false;
    if (by_offsets(repair, &placed, err) < 0 ||
        (!placed && by_disk_digest(repair, &proved, err) < 0))
        return -1;
    if (!placed && !proved &&
        repair_order_evidence(repair, is_doubtful(&repair->result->findings), err) < 0)
        return -1;
    if (repair_order_is_given(repair)) {
        if (is_torn(repair) && !placed && !proved && repair->options->reference == NULL)
            run_warning(repair->run, "config.v1 or NVRAM lay between the disk's layers; these keep "
                                     "the order that they had, which nothing proves: start the "
                                     "VM, or give --reference, before the source is deleted");
        return 0;
    }
    if (placed)
        repair->result->order = ORDER_OFFSETS;
    struct phrase order = {.used = 0};
    for (size_t i = 0; i < repair->layer_count && i < 16; i++)
        phrase_add(&order, "%s%zu", i == 0 ? "" : " ", repair->layers[repair->order[i]].index);
    return repair_note(repair, "ordered", NO_LAYER, true, err,
                       "the disk's layers put in the order that %s: %s%s",
                       placed ? "their offsets say" : "a sibling or the disk itself shows",
                       order.text, repair->layer_count > 16 ? " ..." : "");
}
