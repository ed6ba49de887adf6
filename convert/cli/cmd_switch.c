/* cmd_switch.c: tartconv switch and tartconv rollback: tags moved to what a sync staged for them,
 * and back.
 */
#include "convert/cli/command.h"
#include "convert/cli/sync_setup.h"
#include "convert/fleet/switch.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

static const char *const status_names[] = {
    [MOVE_DONE] = "done", [MOVE_ALREADY] = "already", [MOVE_WOULD] = "would",
    [MOVE_LEFT] = "left", [MOVE_FAILED] = "failed",
};

static const char *why_of(const struct move *move)
{
    return move->status == MOVE_FAILED ? move->error.text : move->why;
}

static int tell_json(const char *kind, const struct moves *moves, bool dry_run, struct bytes *out,
                     struct error *err)
{
    struct document document;
    document_begin(&document, kind);
    put_bool(&document, NULL, "dry_run", dry_run);
    struct json *array = put_array(&document, NULL, "tags");
    for (size_t i = 0; i < moves->count; i++) {
        const struct move *move = &moves->items[i];
        struct json *object = add_object(&document, array);
        put_text(&document, object, "tag", move->tag);
        put_text(&document, object, "image", move->image->name);
        put_text(&document, object, "status", status_names[move->status]);
        put_text(&document, object, "why", why_of(move));
        put_text(&document, object, "class",
                 move->status == MOVE_FAILED ? error_class_name(move->error.class) : NULL);
        put_digest(&document, object, "before", move->had_before, &move->before);
        put_digest(&document, object, "after", true, &move->after);
        put_text(&document, object, "backup_tag", move->backup_tag);
    }
    return document_end(&document, out, err);
}

static int tell_text(const struct moves *moves, bool back, struct bytes *out, struct error *err)
{
    struct text text = {.out = out, .err = err};
    size_t counts[MOVE_FAILED + 1] = {0};
    for (size_t i = 0; i < moves->count; i++) {
        const struct move *move = &moves->items[i];
        char digest[DIGEST_TEXT_SIZE];
        digest_print(back ? &move->before : &move->after, digest);
        counts[move->status]++;
        if (move->status <= MOVE_WOULD)
            text_line(&text, "%-7s  %s@%s%s%s", status_names[move->status], move->tag, digest,
                      move->backup_tag[0] != '\0' && !back ? "  before: " : "",
                      back ? "" : move->backup_tag);
        else
            text_line(&text, "%-7s  %s: %s", status_names[move->status], move->tag, why_of(move));
    }
    if (moves->count == 0)
        text_line(&text, back ? "nothing: the logs know of no such tag that is switched"
                              : "nothing: the logs know of no such image that is staged");
    else
        text_line(&text, "%zu %s, %zu already, %zu left, %zu failed",
                  counts[MOVE_DONE] + counts[MOVE_WOULD],
                  counts[MOVE_WOULD] > 0 ? "would be moved" : "moved", counts[MOVE_ALREADY],
                  counts[MOVE_LEFT], counts[MOVE_FAILED]);
    return text.status;
}

static int status_of(const struct moves *moves)
{
    int status = 0;
    for (size_t i = 0; i < moves->count; i++) {
        const struct move *move = &moves->items[i];
        if (move->status == MOVE_FAILED && move->error.class == ERROR_CREDENTIALS)
            return error_class_status(ERROR_CREDENTIALS);
        if (move->status >= MOVE_LEFT)
            status = STATUS_NOT_ALL;
    }
    return status;
}

typedef int move_tags(struct run *run, const struct history *history,
                      const struct move_options *options, struct moves *ret, struct error *err);

static int move_and_tell(const struct options *options, move_tags *move, bool back, struct run *run,
                         struct bytes *out, struct error *err)
{
    AUTO(history_done) struct history history = {.count = 0};
    AUTO(sync_setup_done) struct sync_setup setup = {.network = NULL};
    AUTO(moves_done) struct moves moves = {.count = 0};
    if (sync_setup_make(options, NULL, run, &setup, err) < 0)
        return -1;
    const struct move_options wanted = {.only = options->has_only ? &options->only : NULL,
                                        .dry_run = options->convert.dry_run,
                                        .again = options->again,
                                        .backup_tag = options->convert.backup_tag,
                                        .network = setup.network,
                                        .sides = &setup.sides};
    if (history_read(options->words, options->word_count, &history, err) < 0 ||
        move(run, &history, &wanted, &moves, err) < 0)
        return -1;
    int status = options->json
                     ? tell_json(back ? "rollback" : "switch", &moves, wanted.dry_run, out, err)
                     : tell_text(&moves, back, out, err);
    return status < 0 ? -1 : status_of(&moves);
}

int cmd_switch(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    return move_and_tell(options, switch_tags, false, run, out, err);
}

int cmd_rollback(const struct options *options, struct run *run, struct bytes *out,
                 struct error *err)
{
    return move_and_tell(options, rollback_tags, true, run, out, err);
}
