/* cmd_retire.c: tartconv retire: V1 manifests whose images have been migrated, listed or deleted.
 */
#include "convert/cli/command.h"
#include "convert/cli/sync_setup.h"
#include "convert/fleet/retire.h"
#include "convert/input/size.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

static const char *const status_names[] = {
    [RETIRE_DONE] = "deleted", [RETIRE_WOULD] = "would",   [RETIRE_ALREADY] = "gone",
    [RETIRE_LEFT] = "left",    [RETIRE_FAILED] = "failed",
};

static const char *why_of(const struct retirement *item)
{
    return item->status == RETIRE_FAILED ? item->error.text : item->why;
}

static int tell_json(const struct retirements *items, bool yes, struct bytes *out,
                     struct error *err)
{
    struct document document;
    document_begin(&document, "retire");
    put_bool(&document, NULL, "yes", yes);
    struct json *array = put_array(&document, NULL, "manifests");
    for (size_t i = 0; i < items->count; i++) {
        const struct retirement *item = &items->items[i];
        struct json *object = add_object(&document, array);
        put_text(&document, object, "repository", item->repository);
        put_digest(&document, object, "digest", item->image->has_made_of, &item->digest);
        put_text(&document, object, "image", item->image->name);
        put_text(&document, object, "target", item->target);
        put_text(&document, object, "status", status_names[item->status]);
        put_text(&document, object, "why", why_of(item));
        put_text(&document, object, "class",
                 item->status == RETIRE_FAILED ? error_class_name(item->error.class) : NULL);
        put_uint(&document, object, "size", item->size > 0, item->size);
        put_texts(&document, object, "tags", (const char *const *)item->tags);
    }
    return document_end(&document, out, err);
}

/* How it is called: as it was written, else by its digest. */
static void tell_one(struct text *text, const struct retirement *item)
{
    const char *source = item->image->source != NULL ? item->image->source : item->image->name;
    const char *name = status_names[item->status];
    char digest[DIGEST_TEXT_SIZE], units[24];
    digest_print(&item->digest, digest);
    size_print(item->size, units);
    if (item->status > RETIRE_ALREADY) {
        text_line(text, "%-7s  %s: %s", name, source, why_of(item));
        return;
    }
    text_line(text, "%-7s  %s@%s%s%s", name, item->repository, digest,
              item->status == RETIRE_ALREADY ? "" : "  ",
              item->status == RETIRE_ALREADY ? "" : units);
    if (item->status != RETIRE_ALREADY)
        text_line(text, "         its disk is in %s", item->target);
    for (size_t k = 0; item->tags != NULL && item->tags[k] != NULL; k++)
        text_line(text, "         with the tag %s", item->tags[k]);
}

static int tell_text(const struct retirements *items, bool yes, struct bytes *out,
                     struct error *err)
{
    struct text text = {.out = out, .err = err};
    size_t counts[RETIRE_FAILED + 1] = {0};
    uint64_t size = 0;
    for (size_t i = 0; i < items->count; i++) {
        const struct retirement *item = &items->items[i];
        tell_one(&text, item);
        counts[item->status]++;
        if (item->status <= RETIRE_WOULD && !add_sizes(size, item->size, &size))
            size = INT64_MAX;
    }
    size_t good = counts[RETIRE_DONE] + counts[RETIRE_WOULD];
    char units[24];
    size_print(size, units);
    if (items->count == 0)
        text_line(&text, "nothing: the logs know of no such image");
    else
        text_line(&text,
                  "%zu %s (%s of blobs, until the registry's garbage collection), %zu gone, %zu "
                  "left, %zu failed%s",
                  good, yes ? "deleted" : "would be deleted", units, counts[RETIRE_ALREADY],
                  counts[RETIRE_LEFT], counts[RETIRE_FAILED],
                  yes || good == 0 ? "" : "; --yes deletes");
    return text.status;
}

/* The registry's refusals first, that scripts can tell: who we are, and what it does not do. */
static int status_of(const struct retirements *items)
{
    int status = 0;
    for (size_t i = 0; i < items->count; i++) {
        const struct retirement *item = &items->items[i];
        bool failed = item->status == RETIRE_FAILED;
        if (failed && item->error.class == ERROR_CREDENTIALS)
            return error_class_status(ERROR_CREDENTIALS);
        if (failed && item->error.class == ERROR_UNSUPPORTED)
            status = error_class_status(ERROR_UNSUPPORTED);
        else if (item->status >= RETIRE_LEFT && status == 0)
            status = STATUS_NOT_ALL;
    }
    return status;
}

int cmd_retire(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    AUTO(history_done) struct history history = {.count = 0};
    AUTO(sync_setup_done) struct sync_setup setup = {.network = NULL};
    AUTO(retirements_done) struct retirements items = {.count = 0};
    if (sync_setup_make(options, NULL, run, &setup, err) < 0)
        return -1;
    const struct retire_options wanted = {.only = options->has_only ? &options->only : NULL,
                                          .yes = options->yes,
                                          .trust_head = options->trust_head,
                                          .older_than_s = options->older_than_s,
                                          .network = setup.network,
                                          .sides = &setup.sides};
    if (history_read(options->words, options->word_count, &history, err) < 0 ||
        retire(run, &history, &wanted, &items, err) < 0)
        return -1;
    int status = options->json ? tell_json(&items, wanted.yes, out, err)
                               : tell_text(&items, wanted.yes, out, err);
    return status < 0 ? -1 : status_of(&items);
}
