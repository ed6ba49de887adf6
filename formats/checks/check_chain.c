/* check_chain.c: what the pieces of a broken disk.v1 stream say of their order. That it is broken
 * is check_blobs.c's finding, at the layer where that shows. */
#include "formats/checks/check.h"

#include "formats/chain.h"

#include <stdio.h>
#include <string.h>

#define FIX_ORDER "`tartconv repair` puts the layers in order"
#define FIX_INSIDE                                                                                 \
    "copy the image again, or take another copy of it; `tartconv convert --salvage` writes what "  \
    "can be had"
#define FIX_EXTRA "`tartconv repair` leaves them out"
#define FIX_LOST                                                                                   \
    "a layer is missing, cut short or another image's: copy the image again, or take another "     \
    "copy "                                                                                        \
    "of it; `tartconv convert --salvage` writes what can be had"

/* "1-34, 36, 35": the manifest's indexes of layers, as far as there is room; sure: " | " where it
 * is false. */
static void layers_print(const struct tart_image *image, const size_t *layers, size_t count,
                         const bool *sure, char ret[200])
{
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0, end; i < count; i = end) {
        size_t first = image->disk.layers[layers[i]].index, last = first;
        const char *between = i == 0 ? "" : sure != NULL && !sure[i - 1] ? " | " : ", ";
        for (end = i + 1; end < count && image->disk.layers[layers[end]].index == last + 1 &&
                          (sure == NULL || sure[end - 1]);
             end++)
            last++;
        if (used > 150) {
            snprintf(ret + used, 200 - used, "%s...", between);
            return;
        }
        used += (size_t)snprintf(ret + used, 200 - used, "%s%zu", between, first);
        if (last > first)
            used += (size_t)snprintf(ret + used, 200 - used, "-%zu", last);
    }
}

static bool is_order_of_manifest(const struct chain_result *order)
{
    for (size_t i = 0; i < order->count; i++)
        if (order->order[i] != i)
            return false;
    return true;
}

static int add(struct findings *findings, int64_t layer, const char *fix, const char *text,
               struct error *err)
{
    return findings_add(findings, "layer-order", SEVERITY_DAMAGE,
                        (struct error_place){layer, -1, -1}, fix, err, "%s", text);
}

/* A layer that is broken in its middle breaks any order; LAYER_CHAIN is of its start. NULL: none.
 * That the stream ends too early is no such thing. */
static const struct blob_fact *broken_inside(const struct facts *facts)
{
    for (size_t i = 0; i < facts->blob_count; i++) {
        const struct error *error = &facts->blobs[i].error;
        bool inside = error->class == ERROR_STREAM_MAGIC || error->class == ERROR_STREAM_LIMIT ||
                      error->class == ERROR_STREAM_BLOCK || error->class == ERROR_STREAM_TRAILING;
        if (inside && error->where.offset > 0)
            return &facts->blobs[i];
    }
    return NULL;
}

/* What a layer's size says where all others but the last agree on another: "" where nothing. */
static void size_print(const struct tart_image *image, size_t layer, char ret[120])
{
    const struct disk *disk = &image->disk;
    uint64_t common = 0;
    size_t count = 0;
    ret[0] = '\0';
    for (size_t i = 0; i + 1 < disk->layer_count; i++) {
        if (i == layer)
            continue;
        if (count > 0 && disk->layers[i].blob.size != common)
            return;
        common = disk->layers[i].blob.size;
        count++;
    }
    uint64_t size = disk->layers[layer].blob.size;
    if (count > 1 && layer + 1 < disk->layer_count && size != common)
        snprintf(ret, 120, " (which has %llu bytes, others %llu: it was %s)",
                 (unsigned long long)size, (unsigned long long)common,
                 size < common ? "cut short" : "added to");
}

/* No order of all layers is a stream. */
static int report_broken(const struct facts *facts, struct findings *findings, struct error *err)
{
    const struct tart_image *image = facts->image;
    const struct chain_result *order = facts->order;
    const struct blob_fact *inside = broken_inside(facts);
    char text[480], layers[200], size[120];
    if (order->extra_count > 0) {
        layers_print(image, order->extra, order->extra_count, NULL, layers);
        snprintf(text, sizeof text,
                 "without %s %s, foreign or there twice, the others make one good stream%s",
                 order->extra_count == 1 ? "layer" : "layers", layers,
                 order->rest_is_whole ? "" : ", as far as their lengths tell");
        return add(findings, (int64_t)image->disk.layers[order->extra[0]].index, FIX_EXTRA, text,
                   err);
    }
    if (inside != NULL) {
        snprintf(text, sizeof text,
                 "no other order mends it: layer %zu is broken inside, at byte %lld", inside->layer,
                 (long long)inside->error.where.offset);
        return add(findings, (int64_t)inside->layer, FIX_INSIDE, text, err);
    }
    if (!order->begins)
        return add(findings, -1, FIX_LOST, "none of the layers can be the first", err);
    size_t after = image->disk.layers[order->after].index;
    layers_print(image, order->order, order->count, order->sure, layers);
    size_print(image, order->after, size);
    snprintf(text, sizeof text,
             "no order of the layers is one stream: none goes on behind layer %zu%s%s; what hangs "
             "together: %s",
             after, size, order->ends ? "" : ", and none can be the last", layers);
    return add(findings, (int64_t)after, FIX_LOST, text, err);
}

int check_chain(const struct facts *facts, struct findings *findings, struct error *err)
{
    const struct chain_result *order = facts->order;
    const struct tart_image *image = facts->image;
    char text[480], layers[200], other[200];
    if (order == NULL || image == NULL)
        return 0;
    switch (order->verdict) {
    case CHAIN_ORDERED:
        if (is_order_of_manifest(order))
            return 0;
        layers_print(image, order->order, order->count, NULL, layers);
        snprintf(text, sizeof text, "in one order alone the layers are one stream: %s", layers);
        return add(findings, -1, FIX_ORDER, text, err);
    case CHAIN_AMBIGUOUS:
        layers_print(image, order->order, order->count, NULL, layers);
        layers_print(image, order->other, order->count, NULL, other);
        snprintf(text, sizeof text,
                 "several orders of the layers are one stream, two of them: %s; and %s", layers,
                 other);
        return add(findings, -1, "compare with another copy of the image", text, err);
    case CHAIN_BROKEN:
        return report_broken(facts, findings, err);
    default:
        if (order->undecided != SIZE_MAX)
            snprintf(text, sizeof text,
                     "which order of the layers is right cannot be told: layer %zu does not show "
                     "where its blocks begin",
                     image->disk.layers[order->undecided].index);
        else
            snprintf(text, sizeof text, "which order of the layers is right was not found in time");
        return add(findings, -1, "`tartconv repair` looks for it", text, err);
    }
}
