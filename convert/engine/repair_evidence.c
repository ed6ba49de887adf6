/* repair_evidence.c: the places of V2 layers where no offset tells them: what a sibling image has
 * at which place, and what the disk says of itself. Weighs; a place that is not proved is not given
 * out unless asked for.
 */
#include "convert/engine/repair_parts.h"

#include "convert/engine/pass.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The disk's cut: all layers of one length, but for the last. */
struct grid {
    uint64_t length, last, size;
    size_t count; /* empty layers are none of it */
};

/* False: the layers are of several lengths. */
static bool grid_find(const struct repair *repair, struct grid *ret)
{
    size_t shorter = 0;
    *ret = (struct grid){.length = 0};
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].length > ret->length)
            ret->length = repair->layers[i].length;
    ret->last = ret->length;
    for (size_t i = 0; i < repair->layer_count; i++) {
        uint64_t length = repair->layers[i].length;
        ret->size += length; /* their sum was checked */
        ret->count += length > 0;
        if (length == ret->length || length == 0)
            continue;
        shorter++;
        ret->last = length;
    }
    return shorter <= 1;
}

/* --- a sibling --- */

static bool are_at_odds(const struct digest *blob, const struct digest *content, uint64_t length,
                        const struct disk_layer *other)
{
    bool same = digest_equal(content, &other->content);
    return (digest_equal(blob, &other->blob.digest) && !same) || (same && length != other->length);
}

/* Whether what it states of contents is believed: not where one blob is two contents, or one
 * content has two lengths, by its own word or by what our layers decode to. */
static bool is_believed(const struct repair *repair, const struct disk *disk)
{
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        for (size_t k = 0; k < i; k++)
            if (are_at_odds(&disk->layers[k].blob.digest, &disk->layers[k].content,
                            disk->layers[k].length, layer))
                return false;
        for (size_t k = 0; k < repair->layer_count; k++)
            if (are_at_odds(&repair->layers[k].blob.digest, &repair->layers[k].content,
                            repair->layers[k].length, layer))
                return false;
    }
    return true;
}

/* Its content digests at our grid: as it states them, else of its disk decoded. */
static int sibling_digests(struct repair *repair, struct repair_helper *sibling,
                           const struct grid *grid, struct digest *ret, size_t *ret_count,
                           struct error *err)
{
    const struct disk *disk = image_disk(&sibling->image);
    if (disk == NULL) {
        *err = sibling->image.tart_error;
        return -1;
    }
    *ret_count = 0;
    bool fits = disk->format == DISK_V2 && is_believed(repair, disk);
    if (disk->format == DISK_V2 && tart_check_places(sibling->image.tart, err) < 0)
        return error_wrap(err, "no sibling to order a disk by");
    for (size_t i = 0; fits && i < disk->layer_count; i++)
        fits = disk->layers[i].has_content &&
               (i + 1 == disk->layer_count || disk->layers[i].length == grid->length);
    if (fits) {
        for (size_t i = 0; i < disk->layer_count && *ret_count < grid->count; i++)
            ret[(*ret_count)++] = disk->layers[i].content;
        return 0;
    }
    struct disk measured;
    struct feed feed;
    feed_init(&feed, sibling->image.blobs, NULL, repair->run->threads > 1);
    if (disk_measure(repair->run, disk, &feed.blobs, &measured, err) < 0)
        return -1;
    uint64_t count = measured.size / grid->length + (measured.size % grid->length > 0);
    *ret_count = count < grid->count ? (size_t)count : grid->count;
    return repair_hash_grid(repair, &measured, sibling->image.blobs, grid->length, *ret_count, ret,
                            err);
}

/* How many layers of this content there are, and how many places. */
static void count_content(const struct repair *repair, const struct digest *content,
                          const struct digest *digests, size_t count, size_t *ret_layers,
                          size_t *ret_places)
{
    *ret_layers = *ret_places = 0;
    for (size_t i = 0; i < repair->layer_count; i++)
        *ret_layers +=
            repair->layers[i].length > 0 && digest_equal(&repair->layers[i].content, content);
    for (size_t i = 0; i < count; i++)
        *ret_places += digest_equal(&digests[i], content);
}

/* A content that is there once and here once has its place. Zeros, and what is there several times,
 * say something only where nothing else is left over: in a sibling they may well lie elsewhere. */
struct sibling {
    const struct digest *digests;
    size_t count;
    struct digest zeros[2]; /* of a layer, and of the last one */
};

static bool is_weak(const struct repair *repair, const struct sibling *sibling, size_t layer)
{
    const struct digest *content = &repair->layers[layer].content;
    size_t layers, places;
    count_content(repair, content, sibling->digests, sibling->count, &layers, &places);
    return layers != 1 || places != 1 || digest_equal(content, &sibling->zeros[0]) ||
           digest_equal(content, &sibling->zeros[1]);
}

/* taken[place]: the layer there, or NO_LAYER. */
static bool take_place(struct repair *repair, const struct sibling *sibling, size_t index,
                       size_t *taken, enum place_grade grade)
{
    struct repair_layer *layer = &repair->layers[index];
    for (size_t place = 0; place < sibling->count; place++) {
        if (taken[place] != NO_LAYER || !digest_equal(&sibling->digests[place], &layer->content))
            continue;
        taken[place] = index;
        layer->grade = grade;
        snprintf(layer->why, sizeof layer->why, "the sibling has the same content there");
        return true;
    }
    return false;
}

static int take_from_sibling(struct repair *repair, const struct grid *grid,
                             struct sibling *sibling, size_t *taken, struct error *err)
{
    if (repair_zeros_digest(grid->length, &sibling->zeros[0], err) < 0 ||
        repair_zeros_digest(grid->last, &sibling->zeros[1], err) < 0)
        return -1;
    bool all = true;
    for (size_t i = 0; i < repair->layer_count; i++) {
        const struct repair_layer *layer = &repair->layers[i];
        size_t layers, places;
        if (layer->length == 0)
            continue;
        count_content(repair, &layer->content, sibling->digests, sibling->count, &layers, &places);
        all = all && layers <= places;
        if (!is_weak(repair, sibling, i))
            (void)take_place(repair, sibling, i, taken, PLACE_PROVED);
    }
    for (size_t i = 0; all && i < repair->layer_count; i++)
        if (repair->layers[i].length > 0 && is_weak(repair, sibling, i))
            (void)take_place(repair, sibling, i, taken, PLACE_INTERCHANGEABLE);
    return 0;
}

/* --- the disk itself --- */

static bool is_taken(const size_t *taken, size_t count, size_t layer)
{
    for (size_t i = 0; i < count; i++)
        if (taken[i] == layer)
            return true;
    return false;
}

/* Whether a layer, or NO_LAYER, has the content of that one. */
static bool is_there(const struct repair *repair, size_t taken, const struct repair_layer *layer)
{
    return taken != NO_LAYER && digest_equal(&repair->layers[taken].content, &layer->content);
}

static int contradicts(const struct repair_layer *layer, const struct chunk_place *place,
                       struct error *err)
{
    char name[LAYER_NAME_SIZE];
    error_set(err, ERROR_ORDER_UNKNOWN,
              "%s is at disk byte %" PRIu64 " by what the disk says of itself (%.80s), and "
              "elsewhere in the sibling",
              layer_name(layer, name), place->offset, place->why);
    err->where.layer = (int64_t)layer->index;
    return -1;
}

static void chunks_prepare(const struct repair *repair, struct place_chunk *chunks, size_t *layers)
{
    size_t count = 0;
    for (size_t i = 0; i < repair->layer_count; i++) {
        const struct repair_layer *layer = &repair->layers[i];
        if (layer->length == 0)
            continue;
        layers[count] = i;
        chunks[count++] = (struct place_chunk){
            .length = layer->length, .content = layer->content, .facts = layer->facts};
    }
}

/* Puts every layer that the disk places where nobody is yet; what it says of others must agree. */
static int take_from_disk(struct repair *repair, const struct grid *grid, size_t *taken,
                          struct phrase *note, struct error *err)
{
    AUTO_FREE struct place_chunk *chunks = calloc(grid->count + 1, sizeof *chunks);
    AUTO_FREE size_t *layers = calloc(grid->count + 1, sizeof *layers);
    AUTO(place_result_done) struct place_result result = {.places = NULL};
    if (chunks == NULL || layers == NULL)
        return error_memory(err);
    if (repair_scan_places(repair, err) < 0)
        return -1;
    chunks_prepare(repair, chunks, layers);
    if (place_solve(chunks, grid->count, grid->size, &result, err) < 0)
        return -1;
    phrase_add(note, "%s", result.note);
    for (size_t i = 0; i < result.count; i++) {
        const struct chunk_place *place = &result.places[i];
        struct repair_layer *layer = &repair->layers[layers[i]];
        if (is_taken(taken, grid->count, layers[i])) {
            if (place->grade == PLACE_PROVED && !is_there(repair, taken[place->index], layer))
                return contradicts(layer, place, err);
            continue;
        }
        snprintf(layer->why, sizeof layer->why, "%s", place->why);
        layer->grade = place->known ? place->grade : PLACE_UNKNOWN;
        if (!place->known || place->index >= grid->count)
            continue;
        if (taken[place->index] == NO_LAYER) {
            taken[place->index] = layers[i];
            continue;
        }
        layer->grade = PLACE_UNKNOWN;
        snprintf(layer->why, sizeof layer->why, "its place is another layer's by the sibling");
    }
    return 0;
}

/* --- the verdict --- */

static bool is_enough(const struct repair *repair, enum place_grade grade)
{
    return grade == PLACE_PROVED || grade == PLACE_INTERCHANGEABLE ||
           (repair->options->accept_likely &&
            (grade == PLACE_LIKELY || grade == PLACE_BY_ELIMINATION));
}

static bool only_likely(const struct repair *repair)
{
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].length > 0 && repair->layers[i].grade == PLACE_UNKNOWN)
            return false;
    return true;
}

/* Names the first layers without a place that is good enough, with what is known of them. */
static int refuse(struct repair *repair, const struct phrase *note, struct error *err)
{
    struct phrase layers = {.used = 0};
    size_t count = 0, first = NO_LAYER;
    for (size_t i = 0; i < repair->layer_count; i++) {
        const struct repair_layer *layer = &repair->layers[i];
        if (layer->length == 0 || is_enough(repair, layer->grade))
            continue;
        if (count++ == 0)
            first = i;
        if (count <= 3)
            phrase_add(&layers, "%s%zu is %s (%.60s)", count == 1 ? "" : ", ", layer->index,
                       place_grade_name(layer->grade), layer->why);
    }
    error_set(err, ERROR_ORDER_UNKNOWN,
              "the disk's layers seem out of order, and the places of %zu of %zu are not proved: "
              "layer %s%s%s%s%s",
              count, repair->layer_count, layers.text, count > 3 ? " ..." : "",
              note->used > 0 ? "; " : "", note->text,
              only_likely(repair) ? "; --accept-likely takes them"
              : repair->options->reference != NULL
                  ? "; --reference IMAGE may order them by a closer sibling"
                  : "; --reference IMAGE orders them by a sibling");
    if (first != NO_LAYER)
        err->where.layer = (int64_t)repair->layers[first].index;
    return -1;
}

static bool all_enough(const struct repair *repair)
{
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].length > 0 && !is_enough(repair, repair->layers[i].grade))
            return false;
    return true;
}

/* The only layer left has the only place left. */
static void take_the_last(struct repair *repair, const struct grid *grid, size_t *taken)
{
    size_t place = NO_LAYER, layer = NO_LAYER, places = 0, layers = 0;
    for (size_t i = 0; i < grid->count; i++)
        if (taken[i] == NO_LAYER) {
            place = i;
            places++;
        }
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].length > 0 && !is_taken(taken, grid->count, i)) {
            layer = i;
            layers++;
        }
    if (places != 1 || layers != 1)
        return;
    taken[place] = layer;
    repair->layers[layer].grade = grid->count == 1 ? PLACE_PROVED : PLACE_BY_ELIMINATION;
    snprintf(repair->layers[layer].why, sizeof repair->layers[layer].why,
             "it is the only layer left, for the only place left");
}

/* Empty layers stay first: they have no place. Equal ones keep the order they had. */
static void order_fill(struct repair *repair, const struct grid *grid, const size_t *taken)
{
    size_t filled = 0;
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].length == 0)
            repair->order[filled++] = i;
    for (size_t i = 0; i < grid->count; i++)
        repair->order[filled++] = taken[i];
    bool same = true;
    for (size_t i = 0; i < repair->layer_count; i++)
        same = same &&
               digest_equal(&repair->layers[i].content, &repair->layers[repair->order[i]].content);
    for (size_t i = 0; same && i < repair->layer_count; i++)
        repair->order[i] = i;
}

static bool short_is_last(const struct repair *repair, const struct grid *grid, const size_t *taken)
{
    for (size_t i = 0; i < grid->count; i++)
        if (taken[i] != NO_LAYER &&
            repair->layers[taken[i]].length != (i + 1 == grid->count ? grid->last : grid->length))
            return false;
    return true;
}

/* Whether the disk in this order has the digest that its annotation says: then all is proved. */
static int prove_by_digest(struct repair *repair, const struct grid *grid, const size_t *taken,
                           struct error *err)
{
    struct digest digest;
    for (size_t i = 0; i < grid->count; i++)
        if (taken[i] == NO_LAYER)
            return 0;
    if (!repair->states_disk_digest)
        return 0;
    order_fill(repair, grid, taken);
    if (repair_disk_digest(repair, repair->order, &digest, err) < 0)
        return -1;
    if (!digest_equal(&digest, &repair->stated_disk_digest))
        return 0;
    for (size_t i = 0; i < repair->layer_count; i++) {
        repair->layers[i].grade = PLACE_PROVED;
        snprintf(repair->layers[i].why, sizeof repair->layers[i].why,
                 "the whole disk has the digest that the image states");
    }
    return 0;
}

/* The first layer that is known to belong where one of another content stands; NO_LAYER: none. */
static size_t find_moved(const struct repair *repair, const struct grid *grid, const size_t *taken)
{
    size_t place = 0;
    for (size_t i = 0; i < repair->layer_count && place < grid->count; i++) {
        const struct repair_layer *layer = &repair->layers[i];
        if (layer->length == 0)
            continue;
        size_t there = taken[place++];
        if (there != NO_LAYER && repair->layers[there].grade >= PLACE_LIKELY &&
            !is_there(repair, there, layer))
            return there;
    }
    return NO_LAYER;
}

/* Nothing speaks against the order but the wish to have it looked at. */
static int leave_order(struct repair *repair)
{
    for (size_t i = 0; i < repair->layer_count; i++) {
        repair->order[i] = i;
        repair->layers[i].grade = PLACE_UNKNOWN;
        repair->layers[i].why[0] = '\0';
    }
    return 0;
}

/* As verify would say it. */
static int note_moved(struct repair *repair, size_t moved, struct error *err)
{
    struct error found = ERROR_INIT;
    char name[LAYER_NAME_SIZE];
    if (moved == NO_LAYER)
        return 0;
    error_set(&found, ERROR_DISK_ORDER, "%s %s elsewhere on the disk: %s",
              layer_name(&repair->layers[moved], name),
              repair->layers[moved].grade == PLACE_PROVED ? "belongs" : "likely belongs",
              repair->layers[moved].why);
    found.where.layer = (int64_t)repair->layers[moved].index;
    return findings_add_error(&repair->result->findings, &found, "`tartconv repair`", err);
}

static int weigh(struct repair *repair, const struct grid *grid, bool doubtful, size_t *taken,
                 struct error *err)
{
    struct phrase note = {.used = 0};
    /* also where a sibling has told all: what the disk itself proves must agree */
    if (take_from_disk(repair, grid, taken, &note, err) < 0)
        return -1;
    take_the_last(repair, grid, taken);
    if (!short_is_last(repair, grid, taken))
        return error_set(err, ERROR_ORDER_UNKNOWN,
                         "the sibling has the disk's short last layer at another place: it is cut "
                         "otherwise, and cannot tell the order");
    if (!all_enough(repair) && prove_by_digest(repair, grid, taken, err) < 0)
        return -1;
    size_t moved = find_moved(repair, grid, taken);
    if (!doubtful && moved == NO_LAYER)
        return leave_order(repair);
    if (note_moved(repair, moved, err) < 0)
        return -1;
    if (!all_enough(repair)) {
        for (size_t i = 0; i < repair->layer_count; i++)
            repair->order[i] = i;
        return refuse(repair, &note, err);
    }
    order_fill(repair, grid, taken);
    if (!repair_order_is_given(repair))
        repair->result->order = ORDER_EVIDENCE;
    return 0;
}

int repair_order_evidence(struct repair *repair, bool doubtful, struct error *err)
{
    struct grid grid;
    if (!grid_find(repair, &grid))
        return !doubtful && repair->options->reference == NULL
                   ? 0
                   : error_set(
                         err, ERROR_ORDER_UNKNOWN,
                         "the disk's layers are of several lengths, so where each begins depends "
                         "on all before it; only their own offsets could tell, and they do not");
    AUTO_FREE size_t *taken = calloc(grid.count + 1, sizeof *taken);
    AUTO_FREE struct digest *digests = calloc(grid.count + 1, sizeof *digests);
    if (taken == NULL || digests == NULL)
        return error_memory(err);
    for (size_t i = 0; i <= grid.count; i++)
        taken[i] = NO_LAYER;
    for (size_t i = 0; i < repair->layer_count; i++)
        repair->layers[i].grade = PLACE_UNKNOWN;
    if (repair->options->reference != NULL) {
        struct repair_helper *helper = &repair->helpers[repair->options->refill_count];
        struct sibling sibling = {.digests = digests};
        if (repair_open_helper(repair, helper, repair->options->reference, err) < 0 ||
            sibling_digests(repair, helper, &grid, digests, &sibling.count, err) < 0)
            return error_wrap(err, "%s", repair->options->reference->text);
        if (take_from_sibling(repair, &grid, &sibling, taken, err) < 0)
            return -1;
    }
    return weigh(repair, &grid, doubtful, taken, err);
}
