/* switch.c: tags moved to what was staged for them, and back. Every look at a registry is taken at
 * the moment of the move; the log only says which images are meant and what they were. */
#include "convert/fleet/switch_list.h"

#include "convert/stores/backup.h"
#include "convert/stores/tag.h"
#include "formats/model/auto.h"
#include "formats/model/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- one move ------------------------------------------------------------------------------------
 */

struct mover {
    struct run *run;
    const struct history *history;
    const struct move_options *options;
    struct event_log **logs; /* as history->logs; opened when they are needed */
};

/* One image's tag in its registry. */
struct target {
    struct reference staged; /* the image as it was written */
    struct remote remote;
    struct tag tag;
};

static int target_open(const struct mover *mover, const struct move *move, struct target *ret,
                       struct error *err)
{
    const struct move_options *options = mover->options;
    *ret = (struct target){.tag = {.there = false}};
    if (move_staged_parse(move->image, &ret->staged, err) < 0)
        return -1;
    ret->remote.client =
        network_client(options->network, sides_find(options->sides, ret->staged.host),
                       ret->staged.host, false, err);
    if (ret->remote.client == NULL)
        return -1;
    ret->remote.repository = ret->staged.repository;
    ret->tag = (struct tag){.remote = &ret->remote, .text = move->tag, .name = move->image->tag};
    return tag_look(&ret->tag, err);
}

static void target_close(struct target *target)
{
    reference_done(&target->staged);
}

static int log_open(struct mover *mover, const struct move *move, struct error *err)
{
    struct event_log **log = &mover->logs[move->image->log];
    return *log != NULL ? 0 : event_log_open(mover->history->logs[move->image->log], log, err);
}

static int log_move(struct mover *mover, const struct move *move, const char *event,
                    struct error *err)
{
    const struct history_image *image = move->image;
    char before[DIGEST_TEXT_SIZE], after[DIGEST_TEXT_SIZE];
    digest_print(&move->before, before);
    digest_print(&move->after, after);
    if (log_open(mover, move, err) < 0)
        return -1;
    struct json *members = json_new_object();
    if (members != NULL &&
        (json_set_string(members, "name", image->name, err) < 0 ||
         json_set_string(members, "tag", image->tag, err) < 0 ||
         json_set(members, "had_before", json_new_bool(move->had_before), err) < 0 ||
         (move->had_before && json_set_string(members, "before", before, err) < 0) ||
         json_set_string(members, "after", after, err) < 0 ||
         (move->backup_tag[0] != '\0' &&
          json_set_string(members, "backup_tag", move->backup_tag, err) < 0)))
        members = json_free(members);
    return event_log_write(mover->logs[image->log], event, members, true, err);
}

static int leave(struct move *move, const char *why)
{
    move->status = MOVE_LEFT;
    snprintf(move->why, sizeof move->why, "%s", why);
    return 0;
}

/* What the log says of the switch. */
static void take_switched(struct move *move)
{
    const struct switched *switched = &move->image->switched;
    move->had_before = switched->had_before;
    move->before = switched->before;
    move->after = switched->after;
    snprintf(move->backup_tag, sizeof move->backup_tag, "%s",
             switched->backup_tag != NULL ? switched->backup_tag : "");
}

/* Behind what is written first, "switching" or "rolling-back": the tag, where nobody moved it. */
static int move_now(const struct target *target, const struct digest *digest,
                    const struct bytes *raw, struct error *err)
{
    int there = tag_check(&target->tag, digest, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    return tag_put(&target->remote, target->tag.name, raw, err);
}

/* --- there ---------------------------------------------------------------------------------------
 */

/* Whether the tag is the one that the image was made of, in the same repository. */
static bool is_own_source(const struct history_image *image, const struct target *target)
{
    struct reference source;
    struct error ignored;
    if (image->source == NULL || reference_parse(image->source, &source, &ignored) < 0)
        return false;
    bool same = source.transport == TRANSPORT_REGISTRY && source.tag != NULL &&
                strcmp(source.host, target->staged.host) == 0 &&
                strcmp(source.repository, target->staged.repository) == 0 &&
                strcmp(source.tag, image->tag) == 0;
    reference_done(&source);
    return same;
}

static bool leads_to(const struct tag *tag, bool there, const struct digest *digest)
{
    return tag->there && there && digest_equal(&tag->digest, digest);
}

/* Whether it leads to what one would expect after a switch that the log knows, which may have been
 * cut short, or have been of an older image. */
static bool is_as_left(const struct history_image *image, const struct tag *tag, bool own)
{
    const struct switched *switched = &image->switched;
    bool remade = !digest_equal(&switched->after, &image->target_digest);
    bool as_before =
        tag->there ? leads_to(tag, switched->had_before, &switched->before) : !switched->had_before;
    if (!switched->done && as_before)
        return true;
    return remade && (leads_to(tag, true, &switched->after) ||
                      (own && leads_to(tag, image->has_made_of, &image->made_of)));
}

/* NULL where the log and the tag as it is allow the move. */
static const char *why_not_switch(const struct mover *mover, const struct target *target,
                                  const struct history_image *image)
{
    const struct switched *switched = &image->switched;
    const struct tag *tag = &target->tag;
    bool own = is_own_source(image, target), again = mover->options->again;
    if (switched->rolled_back && !again)
        return "it was rolled back; --again switches it once more";
    if (switched->going_back && !again)
        return "a rollback of it was begun; --again switches it all the same";
    if (own && !leads_to(tag, image->has_made_of, &image->made_of) &&
        !leads_to(tag, switched->begun, &switched->after))
        return "the tag was moved since the image was converted; run sync again";
    if (switched->begun && !again && !is_as_left(image, tag, own))
        return "the tag was moved since it was switched; --again switches it once more";
    if (tag->there && backup_fits(mover->options->backup_tag, tag->name, &tag->digest))
        return "the tag keeps what another one led to before, and is never moved";
    return NULL;
}

/* 1 and the manifest's bytes: the move may be made; 0: it is settled; -1. */
static int switch_judge(const struct mover *mover, const struct target *target, struct move *move,
                        struct bytes *ret, struct error *err)
{
    const struct history_image *image = move->image;
    struct digest staged;
    if (leads_to(&target->tag, true, &image->target_digest)) {
        move->status = MOVE_ALREADY;
        if (image->switched.begun && digest_equal(&image->switched.after, &image->target_digest))
            take_switched(move);
        move->after = image->target_digest;
        return 0;
    }
    move->had_before = target->tag.there;
    move->before = target->tag.digest;
    move->after = image->target_digest;
    const char *why = why_not_switch(mover, target, image);
    if (why != NULL)
        return leave(move, why);
    int status = remote_manifest_get(&target->remote, target->staged.tag, ret, &staged, err);
    if (status < 0 && err->class != ERROR_NO_SUCH_TAG && err->class != ERROR_REPOSITORY_MISSING)
        return -1;
    if (status < 0 || !digest_equal(&staged, &move->after))
        return leave(move, "its staged tag no longer leads to what the log knows; run sync again");
    return 1;
}

/* A switch that was cut short before its end was logged, or one once more of what was rolled back.
 */
static bool is_to_be_noted(const struct mover *mover, const struct move *move)
{
    const struct switched *switched = &move->image->switched;
    bool back = switched->rolled_back || switched->going_back;
    return !mover->options->dry_run && switched->begun &&
           digest_equal(&switched->after, &move->after) &&
           (back ? mover->options->again : !switched->done);
}

static int tag_switch(struct mover *mover, struct move *move, struct error *err)
{
    const struct move_options *options = mover->options;
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    AUTO(target_close) struct target target;
    if (target_open(mover, move, &target, err) < 0)
        return -1;
    int may = switch_judge(mover, &target, move, &raw, err);
    if (may < 0)
        return -1;
    if (may == 0)
        return move->status == MOVE_ALREADY && is_to_be_noted(mover, move)
                   ? log_move(mover, move, "switched", err)
                   : 0;
    if (options->dry_run) {
        move->status = MOVE_WOULD;
        return tag_keep_look(&target.tag, options->backup_tag, move->backup_tag, err) < 0 ? -1 : 0;
    }
    /* the log first: what cannot be noted is not done */
    if (log_open(mover, move, err) < 0 ||
        tag_keep(&target.tag, options->backup_tag, move->backup_tag, err) < 0 ||
        log_move(mover, move, "switching", err) < 0 ||
        move_now(&target, &move->after, &raw, err) < 0)
        return -1;
    move->status = MOVE_DONE;
    return log_move(mover, move, "switched", err);
}

/* --- back ----------------------------------------------------------------------------------------
 */

static int rollback_judge(const struct target *target, struct move *move)
{
    const struct switched *switched = &move->image->switched;
    const struct tag *tag = &target->tag;
    take_switched(move);
    if (tag->there ? leads_to(tag, switched->had_before, &switched->before)
                   : !switched->had_before) {
        move->status = MOVE_ALREADY;
        return 0;
    }
    if (!tag->there)
        return leave(move, "the tag is gone");
    if (!digest_equal(&tag->digest, &switched->after))
        return leave(move, "the tag was moved since it was switched");
    if (!switched->had_before)
        return leave(move, "the log knows of nothing that the tag led to before the switch; remove "
                           "it by the registry's own means");
    return 1;
}

static int tag_rollback(struct mover *mover, struct move *move, struct error *err)
{
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    AUTO(target_close) struct target target;
    char before[DIGEST_TEXT_SIZE];
    struct digest found;
    if (target_open(mover, move, &target, err) < 0)
        return -1;
    if (!rollback_judge(&target, move))
        return move->status == MOVE_ALREADY && !mover->options->dry_run
                   ? log_move(mover, move, "rolled-back", err)
                   : 0;
    digest_print(&move->before, before);
    if (remote_manifest_get(&target.remote, before, &raw, &found, err) < 0)
        return err->class == ERROR_NO_SUCH_IMAGE || err->class == ERROR_REPOSITORY_MISSING
                   ? leave(move, "what it led to before is not there any more")
                   : -1;
    if (mover->options->dry_run) {
        move->status = MOVE_WOULD;
        return 0;
    }
    if (log_move(mover, move, "rolling-back", err) < 0 ||
        move_now(&target, &move->before, &raw, err) < 0)
        return -1;
    move->status = MOVE_DONE;
    return log_move(mover, move, "rolled-back", err);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

/* What ends all of it, not the one image alone. */
static bool ends_all(const struct error *error)
{
    return error->class == ERROR_INTERRUPTED || error->class == ERROR_MEMORY ||
           error->class == ERROR_IO || error->class == ERROR_DESTINATION;
}

typedef int move_one(struct mover *mover, struct move *move, struct error *err);

static int move_all(struct mover *mover, const struct move_kind *kind, move_one *move_it,
                    struct moves *ret, struct error *err)
{
    if (moves_find(mover->run, mover->history, mover->options->only, kind, ret, err) < 0)
        return -1;
    for (size_t i = 0; i < ret->count; i++) {
        struct move *move = &ret->items[i];
        if (run_check(mover->run, err) < 0)
            return -1;
        if (move->status == MOVE_FAILED || move_it(mover, move, &move->error) == 0)
            continue;
        move->status = MOVE_FAILED;
        if (ends_all(&move->error)) {
            *err = move->error;
            return -1;
        }
    }
    return 0;
}

static int run_moves(struct run *run, const struct history *history,
                     const struct move_options *options, const struct move_kind *kind,
                     move_one *move_it, struct moves *ret, struct error *err)
{
    struct mover mover = {.run = run, .history = history, .options = options};
    *ret = (struct moves){.count = 0};
    mover.logs = calloc(history->log_count + 1, sizeof(struct event_log *));
    if (mover.logs == NULL)
        return error_memory(err);
    int status = move_all(&mover, kind, move_it, ret, err);
    for (size_t i = 0; i < history->log_count; i++)
        event_log_close(mover.logs[i]);
    free(mover.logs);
    return status;
}

int switch_tags(struct run *run, const struct history *history, const struct move_options *options,
                struct moves *ret, struct error *err)
{
    return run_moves(run, history, options, &move_kind_switch, tag_switch, ret, err);
}

int rollback_tags(struct run *run, const struct history *history,
                  const struct move_options *options, struct moves *ret, struct error *err)
{
    return run_moves(run, history, options, &move_kind_rollback, tag_rollback, ret, err);
}
