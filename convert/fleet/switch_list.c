/* switch_list.c: which tags a switch or a rollback is about, out of the logs alone. Asks no
 * registry.
 */
#include "convert/fleet/switch_list.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void moves_done(struct moves *moves)
{
    for (size_t i = 0; i < moves->count; i++)
        free(moves->items[i].tag);
    free(moves->items);
    *moves = (struct moves){.count = 0};
}

int move_staged_parse(const struct history_image *image, struct reference *ret, struct error *err)
{
    if (image->target == NULL)
        return error_set(err, ERROR_LOG_INVALID, "%s: the log does not say where it is",
                         image->name);
    if (reference_parse(image->target, ret, err) < 0)
        return -1;
    if (ret->transport == TRANSPORT_REGISTRY && ret->tag != NULL && reference_tag_valid(image->tag))
        return 0;
    reference_done(ret);
    return error_set(err, ERROR_LOG_INVALID,
                     "%s, which is said to be staged for the tag \"%s\", is no tag of a registry",
                     image->target, image->tag);
}

static bool is_staged(const struct history_image *image)
{
    return image->tag != NULL && image->was_done && image->has_target_digest && !image->salvaged;
}

static uint64_t made_at(const struct history_image *image)
{
    return image->has_proof ? image->proof_ms : image->end_ms;
}

static const struct digest *made_as(const struct history_image *image)
{
    return &image->target_digest;
}

static bool is_switched(const struct history_image *image)
{
    return image->tag != NULL && image->switched.begun && !image->switched.rolled_back;
}

static uint64_t switched_at(const struct history_image *image)
{
    return image->switched.time_ms;
}

static const struct digest *switched_to(const struct history_image *image)
{
    return &image->switched.after;
}

const struct move_kind move_kind_switch = {.meant = is_staged, .time = made_at, .after = made_as};
const struct move_kind move_kind_rollback = {
    .meant = is_switched, .time = switched_at, .after = switched_to};

/* What the image's tag is called; what the log has, and move->error, where that is none. */
static int name_move(struct move *move, struct error *err)
{
    struct reference staged;
    if (move_staged_parse(move->image, &staged, &move->error) < 0) {
        move->status = MOVE_FAILED;
        move->tag = strdup(move->image->name);
    } else {
        if (asprintf(&move->tag, "%s/%s:%s", staged.host, staged.repository, move->image->tag) < 0)
            move->tag = NULL;
        reference_done(&staged);
    }
    return move->tag != NULL ? 0 : error_memory(err);
}

static int is_meant(const struct patterns *only, const struct move *move, struct error *err)
{
    if (only == NULL)
        return 1;
    int meant = patterns_judge(only, move->image->name, err);
    return meant != 0 ? meant : patterns_judge(only, move->tag, err);
}

static int moves_list(const struct history *history, const struct patterns *only,
                      const struct move_kind *kind, struct moves *ret, struct error *err)
{
    ret->items = calloc(history->count + 1, sizeof *ret->items);
    if (ret->items == NULL)
        return error_memory(err);
    for (size_t i = 0; i < history->count; i++) {
        struct move *move = &ret->items[ret->count];
        const struct history_image *image = &history->items[i];
        if (!kind->meant(image))
            continue;
        *move = (struct move){.image = image, .after = *kind->after(image), .error = ERROR_INIT};
        if (name_move(move, err) < 0)
            return -1;
        int meant = is_meant(only, move, err);
        ret->count += meant != 0;
        if (meant < 0)
            return -1;
        if (meant == 0)
            free(move->tag);
    }
    return 0;
}

struct claim { /* of an image to a tag */
    struct move *move;
    uint64_t time_ms;
};

static int by_tag(const void *a, const void *b)
{
    const struct claim *one = a, *two = b;
    int order = strcmp(one->move->tag, two->move->tag);
    if (order != 0)
        return order;
    if (one->time_ms != two->time_ms)
        return one->time_ms < two->time_ms ? -1 : 1;
    return one->move < two->move ? -1 : one->move > two->move;
}

/* Of several images for one tag all but the last are taken out. */
static int moves_thin(struct run *run, const struct move_kind *kind, struct moves *moves,
                      struct error *err)
{
    AUTO_FREE struct claim *claims = calloc(moves->count + 1, sizeof *claims);
    if (claims == NULL)
        return error_memory(err);
    for (size_t i = 0; i < moves->count; i++)
        claims[i] =
            (struct claim){.move = &moves->items[i], .time_ms = kind->time(moves->items[i].image)};
    qsort(claims, moves->count, sizeof *claims, by_tag);
    for (size_t i = 0; i + 1 < moves->count; i++) {
        struct move *move = claims[i].move, *next = claims[i + 1].move;
        if (strcmp(move->tag, next->tag) != 0)
            continue;
        run_warning(run, "%s: %s came later, and %s is passed over", move->tag, next->image->name,
                    move->image->name);
        move->image = NULL;
    }
    size_t kept = 0;
    for (size_t i = 0; i < moves->count; i++) {
        if (moves->items[i].image == NULL)
            free(moves->items[i].tag);
        else
            moves->items[kept++] = moves->items[i];
    }
    moves->count = kept;
    return 0;
}

int moves_find(struct run *run, const struct history *history, const struct patterns *only,
               const struct move_kind *kind, struct moves *ret, struct error *err)
{
    return moves_list(history, only, kind, ret, err) < 0 ? -1 : moves_thin(run, kind, ret, err);
}
