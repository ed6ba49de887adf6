/* repair_extra.c: V1 layers that are there twice or are another image's, left out. Must not leave
 * out what could as well belong there, nor take for whole what only looks so.
 */
#include "convert/engine/repair_parts.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 12 /* layers in a text */

/* Where the stream breaks in the manifest's order, and how it stands there. */
static size_t break_find(const struct repair *repair, struct chain_cut *cut)
{
    *cut = (struct chain_cut){.at = CHAIN_BOUNDARY};
    for (size_t i = 0; i < repair->layer_count; i++) {
        const struct chain_layer *layer = &repair->layers[i].chain;
        struct chain_cut next;
        if ((i == 0 && layer->reaches_back) || !chain_follow(cut, layer, &next))
            return i;
        *cut = next;
    }
    return NO_LAYER;
}

static void say_layers(struct phrase *phrase, const struct repair *repair,
                       const struct chain_result *result)
{
    phrase_add(phrase, "layer%s ", result->extra_count == 1 ? "" : "s");
    for (size_t i = 0; i < result->extra_count && i < SHOWN; i++)
        phrase_add(phrase, "%s%zu", i == 0 ? "" : ", ", repair->layers[result->extra[i]].index);
    if (result->extra_count > SHOWN)
        phrase_add(phrase, " ...");
}

/* The place where the chain breaks; where lengths alone show none, the first layer too many. */
static void say_break(const struct repair *repair, const struct chain_result *result,
                      struct error *ret)
{
    struct phrase stands = {.used = 0}, layers = {.used = 0};
    struct chain_cut cut;
    char name[LAYER_NAME_SIZE], before[LAYER_NAME_SIZE];
    size_t at = break_find(repair, &cut);
    say_layers(&layers, repair, result);
    repair_say_cut(&stands, &cut);
    if (at == NO_LAYER)
        error_set(ret, ERROR_LAYER_CHAIN, "%s: not part of the stream", layers.text);
    else if (at == 0)
        error_set(ret, ERROR_LAYER_CHAIN, "%s cannot be the first",
                  layer_name(repair->layers, name));
    else
        error_set(ret, ERROR_LAYER_CHAIN, "%s does not go on where %s %s",
                  layer_name(&repair->layers[at], name),
                  layer_name(&repair->layers[at - 1], before), stands.text);
    ret->where.layer = (int64_t)repair->layers[at == NO_LAYER ? result->extra[0] : at].index;
}

/* "LAYER does not go on where LAYER ends ...; without layer 3 the others make one whole stream, but
 * WHY" */
static int refuse(const struct repair *repair, const struct chain_result *result, const char *why,
                  struct error *err)
{
    struct phrase layers = {.used = 0};
    struct error broken = ERROR_INIT;
    char reason[sizeof err->text];
    snprintf(reason, sizeof reason, "%s", why);
    say_break(repair, result, &broken);
    say_layers(&layers, repair, result);
    error_set(err, ERROR_LAYER_CHAIN,
              "%.200s; without %s the others make one whole stream, but %.200s", broken.text,
              layers.text, reason);
    err->where = broken.where;
    return -1;
}

/* --- what could be the right one --- */

static bool same_cut(const struct chain_cut *a, const struct chain_cut *b)
{
    if (a->at != b->at)
        return false;
    if (a->at == CHAIN_PAYLOAD)
        return a->need == b->need && a->block == b->block;
    return a->at != CHAIN_HEADER ||
           (a->part_size == b->part_size && memcmp(a->part, b->part, a->part_size) == 0);
}

/* A layer that could stand where one that is kept stands, of other bytes: NO_LAYER where none
 * could.
 */
static size_t stand_in_find(const struct repair *repair, const struct chain_result *result)
{
    struct chain_cut cut = {.at = CHAIN_BOUNDARY}, next, other;
    for (size_t i = 0; i < result->count; i++, cut = next) {
        const struct chain_layer *kept = &repair->layers[result->order[i]].chain;
        if (!chain_follow(&cut, kept, &next))
            return result->extra[0];
        for (size_t k = 0; k < result->extra_count; k++) {
            const struct chain_layer *extra = &repair->layers[result->extra[k]].chain;
            if (!digest_equal(&extra->digest, &kept->digest) && chain_follow(&cut, extra, &other) &&
                same_cut(&next, &other))
                return result->extra[k];
        }
    }
    return NO_LAYER;
}

/* --- left out --- */

static bool is_there_twice(const struct repair *repair, const struct chain_result *result,
                           size_t layer)
{
    for (size_t i = 0; i < result->count; i++)
        if (digest_equal(&repair->layers[result->order[i]].blob.digest,
                         &repair->layers[layer].blob.digest))
            return true;
    return false;
}

static int note(struct repair *repair, const struct chain_result *result, struct error *err)
{
    struct error found = ERROR_INIT;
    struct phrase order = {.used = 0};
    bool sorted = true;
    say_break(repair, result, &found);
    if (findings_add_error(&repair->result->findings, &found, "`tartconv repair`", err) < 0)
        return -1;
    for (size_t i = 0; i < result->extra_count; i++) {
        const struct repair_layer *layer = &repair->layers[result->extra[i]];
        char name[LAYER_NAME_SIZE];
        if (repair_note(repair, "dropped", layer->index, true, err,
                        "%s left out, %s: the others are one whole stream", layer_name(layer, name),
                        is_there_twice(repair, result, result->extra[i])
                            ? "which is there twice"
                            : "which is another image's") < 0)
            return -1;
    }
    for (size_t i = 0; i < result->count; i++) {
        sorted = sorted && (i == 0 || result->order[i - 1] < result->order[i]);
        if (i < SHOWN)
            phrase_add(&order, "%s%zu", i == 0 ? "" : " ", repair->layers[result->order[i]].index);
    }
    repair->result->order = ORDER_STREAM;
    return sorted ? 0
                  : repair_note(repair, "ordered", NO_LAYER, true, err,
                                "the disk's layers put in the order in which they make one stream: "
                                "%s%s",
                                order.text, result->count > SHOWN ? " ..." : "");
}

int repair_leave_out(struct repair *repair, const struct chain_result *result, struct error *err)
{
    char why[LAYER_NAME_SIZE + 80], name[LAYER_NAME_SIZE];
    size_t stand_in = stand_in_find(repair, result);
    if (stand_in != NO_LAYER) {
        snprintf(why, sizeof why, "%s could stand in place of one of them",
                 layer_name(&repair->layers[stand_in], name));
        return refuse(repair, result, why, err);
    }
    for (size_t i = 0; i < result->count; i++) {
        repair->order[i] = result->order[i];
        repair->layers[result->order[i]].grade = PLACE_PROVED;
    }
    repair->order_count = result->count;
    if (repair_prove_size_v1(repair, true, err) < 0)
        return repair_is_damage(err) ? refuse(repair, result, err->text, err) : -1;
    return note(repair, result, err);
}
