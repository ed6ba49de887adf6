/* history_apply.c: one event after another put together to what is known of images. An event tells
 * over another one only where it is not older; what is missing in it, or is no text or number, is
 * not known.
 */
#include "convert/fleet/history_parts.h"

#include "formats/model/auto.h"

#include <string.h>

/* --- members -------------------------------------------------------------------------------------
 */

static const char *text_of(const struct event *event, const char *key)
{
    return json_string(json_get(event->tree, key));
}

/* An image's, or a class's; NULL: it is no text, or empty, and names none. */
static const char *name_of(const struct json *json)
{
    return json_string(json) != NULL && json_string(json)[0] != '\0' ? json_string(json) : NULL;
}

static bool uint_of(const struct event *event, const char *key, uint64_t *ret)
{
    return json_uint(json_get(event->tree, key), ret);
}

static bool digest_of_member(const struct json *object, const char *key, struct digest *ret)
{
    const char *text = json_string(json_get(object, key));
    return text != NULL && digest_parse(text, ret);
}

static bool true_of(const struct event *event, const char *key)
{
    bool value;
    return json_bool(json_get(event->tree, key), &value) && value;
}

/* NULL: the text goes. */
static int text_put(char **place, const char *text, struct error *err)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    if (text != NULL && copy == NULL)
        return error_memory(err);
    free(*place);
    *place = copy;
    return 0;
}

/* Where the event says it. */
static int text_take(char **place, const struct event *event, const char *key, struct error *err)
{
    const char *text = text_of(event, key);
    return text == NULL ? 0 : text_put(place, text, err);
}

static void add_to(uint64_t *sum, uint64_t more)
{
    if (!add_sizes(*sum, more, sum))
        *sum = INT64_MAX;
}

/* --- an image ------------------------------------------------------------------------------------
 */

static int image_of(struct builder *builder, const char *name, struct building **ret,
                    struct error *err)
{
    size_t index = name_table_find(&builder->names, name);
    if (index != SIZE_MAX) {
        *ret = &builder->items[index];
        return 0;
    }
    if (builder->count == HISTORY_IMAGES_MAX)
        return error_set(err, ERROR_LOG_INVALID, "more than %u images in the logs",
                         HISTORY_IMAGES_MAX);
    if (builder->count == builder->capacity) {
        size_t capacity = builder->capacity * 2 + 64;
        struct building *grown = reallocarray(builder->items, capacity, sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        builder->items = grown;
        builder->capacity = capacity;
    }
    struct building *item = &builder->items[builder->count];
    *item = (struct building){.rate_step_ms = 1};
    item->image.name = strdup(name);
    if (item->image.name == NULL ||
        name_table_add(&builder->names, item->image.name, builder->count, err) < 0) {
        free(item->image.name);
        return error_memory(err);
    }
    builder->count++;
    *ret = item;
    return 0;
}

/* What begin and end both say of it. */
static int take_names(struct history_image *image, const struct event *event, struct error *err)
{
    if (text_take(&image->source, event, "source", err) < 0 ||
        text_take(&image->target, event, "target", err) < 0 ||
        text_take(&image->action, event, "action", err) < 0 ||
        text_put(&image->tag, text_of(event, "tag"), err) < 0)
        return -1;
    image->has_source_digest |=
        digest_of_member(event->tree, "source_digest", &image->source_digest);
    uint_of(event, "source_size", &image->source_size);
    uint_of(event, "disk_size", &image->disk_size);
    return 0;
}

static int on_begin(struct builder *builder, struct building *item, const struct event *event,
                    struct error *err)
{
    (void)builder;
    item->image.attempts++;
    if (event->time_ms < item->attempt_ms)
        return 0;
    item->attempt_ms = event->time_ms;
    memcpy(item->run, event->run, sizeof item->run);
    item->image.begin_ms = event->time_ms;
    item->image.ended = false;
    item->high = 0;
    item->chunks_old = true;
    return take_names(&item->image, event, err);
}

/* --- its end -------------------------------------------------------------------------------------
 */

static int take_error(struct history_image *image, const struct event *event, struct error *err)
{
    const struct json *error = json_get(event->tree, "error");
    if (text_put(&image->class, name_of(json_get(error, "class")), err) < 0 ||
        text_put(&image->text, json_string(json_get(error, "text")), err) < 0)
        return -1;
    return text_put(&image->why, text_of(event, "why"), err);
}

/* The proof was written before the end; it counts where it is of what the end says was made. */
static void take_proof(struct building *item)
{
    struct history_image *image = &item->image;
    const struct seen_proof *proof = &item->proof;
    bool fits = proof->there && proof->has_target == image->has_target_digest &&
                (!proof->has_target || digest_equal(&proof->target, &image->target_digest));
    image->has_proof = fits;
    image->proof_complete = fits && proof->complete;
    image->proof_log = proof->log;
    image->proof_at = proof->at;
    image->proof_size = proof->size;
    image->proof_ms = proof->time_ms;
}

static int take_result(struct building *item, const struct event *event, struct error *err)
{
    struct history_image *image = &item->image;
    image->was_done = true;
    image->has_made_of = image->has_source_digest;
    image->made_of = image->source_digest;
    image->has_target_digest =
        digest_of_member(event->tree, "target_digest", &image->target_digest);
    image->target_size = image->blocks_encoded = image->blocks_carried = 0;
    uint_of(event, "target_size", &image->target_size);
    uint_of(event, "blocks_encoded", &image->blocks_encoded);
    uint_of(event, "blocks_carried", &image->blocks_carried);
    image->salvaged = true_of(event, "salvaged");
    take_proof(item);
    image->proof_complete &= !true_of(event, "trusted") && !image->salvaged;
    if (text_put(&image->method, text_of(event, "method"), err) < 0)
        return -1;
    return text_put(&image->backup_tag, text_of(event, "backup_tag"), err);
}

/* A run that was killed between the proof and the end: what it made is there, as one finds. */
static void take_found(struct building *item)
{
    struct history_image *image = &item->image;
    if (image->was_done || !item->proof.there || !item->proof.has_target)
        return;
    image->was_done = image->has_target_digest = true;
    image->target_digest = item->proof.target;
    image->has_source_digest = image->has_made_of = item->proof.has_source;
    image->source_digest = image->made_of = item->proof.source;
    take_proof(item);
}

static int on_end(struct builder *builder, struct building *item, const struct event *event,
                  struct error *err)
{
    (void)builder;
    struct history_image *image = &item->image;
    enum image_status status;
    if (!image_status_parse(text_of(event, "status"), &status))
        return 0;
    bool worked = status == IMAGE_DONE || status == IMAGE_FAILED || status == IMAGE_STOPPED;
    uint64_t value;
    if (uint_of(event, "bytes_read", &value))
        add_to(&image->bytes_read, value);
    if (uint_of(event, "bytes_written", &value))
        add_to(&image->bytes_written, value);
    if (uint_of(event, "bytes_reused", &value))
        add_to(&image->bytes_reused, value);
    if (worked && uint_of(event, "milliseconds", &value))
        image->seconds += (double)value / 1000;
    if (event->time_ms < item->ended_ms)
        return 0;
    item->ended_ms = event->time_ms;
    image->ended = event->time_ms >= item->attempt_ms;
    image->status = status;
    if (worked)
        image->end_ms = event->time_ms;
    if (take_names(image, event, err) < 0 || take_error(image, event, err) < 0)
        return -1;
    if (status == IMAGE_ALREADY)
        take_found(item);
    bool made =
        status == IMAGE_DONE ||
        (status == IMAGE_ALREADY && text_of(event, "target_digest") != NULL && !image->was_done);
    return made ? take_result(item, event, err) : 0;
}

/* --- the proof -----------------------------------------------------------------------------------
 */

static bool chunks_are_proved(const struct json *chunks)
{
    for (const struct json *chunk = json_first(chunks); chunk != NULL; chunk = json_next(chunk)) {
        const char *basis = json_string(json_get(chunk, "basis"));
        if (basis == NULL || (strcmp(basis, "decoded") != 0 && strcmp(basis, "reused") != 0))
            return false;
    }
    return json_count(chunks) > 0;
}

static int on_proof(struct builder *builder, struct building *item, const struct event *event,
                    struct error *err)
{
    (void)builder;
    (void)err;
    const struct json *proof = json_get(event->tree, "proof");
    struct seen_proof seen = {.there = true,
                              .log = event->log,
                              .at = event->at,
                              .size = event->size,
                              .time_ms = event->time_ms};
    if (event->time_ms < item->proof.time_ms ||
        !json_uint(json_get(proof, "disk_size"), &seen.disk_size))
        return 0;
    seen.has_source = digest_of_member(proof, "source_digest", &seen.source);
    seen.has_target = digest_of_member(proof, "destination_digest", &seen.target);
    const struct json *chunks = json_get(proof, "chunks"),
                      *dropped = json_get(proof, "dropped_layers");
    seen.complete = chunks != NULL && json_type(chunks) == JSON_ARRAY &&
                    chunks_are_proved(chunks) && dropped != NULL &&
                    json_type(dropped) == JSON_ARRAY && json_first(dropped) == NULL;
    item->proof = seen;
    return 0;
}

/* --- what happened meanwhile ---------------------------------------------------------------------
 */

static bool is_of_attempt(const struct building *item, const struct event *event)
{
    return event->time_ms >= item->attempt_ms && strcmp(event->run, item->run) == 0;
}

/* Every second one goes, so that as many are left for what comes. */
static void rates_thin(struct building *item)
{
    struct history_image *image = &item->image;
    size_t kept = 0;
    for (size_t i = 1; i < image->rate_count; i += 2)
        image->rates[kept++] = image->rates[i];
    image->rate_count = kept;
    uint64_t span = image->rates[kept - 1].time_ms - image->rates[0].time_ms;
    item->rate_step_ms = span / (HISTORY_RATES_MAX / 2) + 1;
}

static int on_progress(struct builder *builder, struct building *item, const struct event *event,
                       struct error *err)
{
    (void)builder;
    struct history_image *image = &item->image;
    uint64_t done;
    if (!uint_of(event, "done", &done) || !is_of_attempt(item, event))
        return 0;
    /* later passes over the same disk are no new work */
    if (done > item->high) {
        add_to(&item->moved, done - item->high);
        item->high = done;
    }
    struct history_rate *last = image->rate_count > 0 ? &image->rates[image->rate_count - 1] : NULL;
    if (last != NULL && event->time_ms < last->time_ms)
        return 0;
    if (last != NULL && image->rate_count > 1 &&
        event->time_ms - image->rates[image->rate_count - 2].time_ms < item->rate_step_ms) {
        *last = (struct history_rate){.time_ms = event->time_ms, .done = item->moved};
        return 0;
    }
    if (image->rate_count == HISTORY_RATES_MAX)
        rates_thin(item);
    if (image->rate_count == item->rate_capacity) {
        size_t capacity = item->rate_capacity * 2 + 16;
        struct history_rate *grown = reallocarray(image->rates, capacity, sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        image->rates = grown;
        item->rate_capacity = capacity;
    }
    image->rates[image->rate_count++] =
        (struct history_rate){.time_ms = event->time_ms, .done = item->moved};
    return 0;
}

static bool how_parse(const char *name, enum chunk_how *ret)
{
    for (size_t i = 0; name != NULL && i < CHUNK_HOW_COUNT; i++)
        if (strcmp(name, chunk_how_name((enum chunk_how)i)) == 0) {
            *ret = (enum chunk_how)i;
            return true;
        }
    return false;
}

static int on_chunk(struct builder *builder, struct building *item, const struct event *event,
                    struct error *err)
{
    (void)builder;
    struct history_image *image = &item->image;
    struct chunk_told chunk = {.encoded_size = 0};
    uint64_t end;
    if (!is_of_attempt(item, event) || !uint_of(event, "offset", &chunk.offset) ||
        !uint_of(event, "length", &chunk.length) || chunk.length == 0 ||
        !add_sizes(chunk.offset, chunk.length, &end) ||
        !how_parse(text_of(event, "how"), &chunk.how))
        return 0;
    uint_of(event, "encoded_size", &chunk.encoded_size);
    image->chunk_count = item->chunks_old ? 0 : image->chunk_count;
    item->chunks_old = false;
    if (image->chunk_count == HISTORY_CHUNKS_MAX)
        return 0;
    if (image->chunk_count == item->chunk_capacity) {
        size_t capacity = item->chunk_capacity * 2 + 16;
        struct chunk_told *grown = reallocarray(image->chunks, capacity, sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        image->chunks = grown;
        item->chunk_capacity = capacity;
    }
    image->chunks[image->chunk_count++] = chunk;
    return 0;
}

/* "warning", "retry", "finding". */
static int on_count(struct builder *builder, struct building *item, const struct event *event,
                    struct error *err)
{
    (void)builder;
    (void)err;
    struct history_image *image = &item->image;
    char kind = text_of(event, "event")[0];
    *(kind == 'w' ? &image->warnings : kind == 'r' ? &image->retries : &image->findings) += 1;
    return 0;
}

/* --- switch, rollback, retire --------------------------------------------------------------------
 */

/* "switching", "switched". */
static int on_switch(struct builder *builder, struct building *item, const struct event *event,
                     struct error *err)
{
    (void)builder;
    struct switched *switched = &item->image.switched;
    bool done = strcmp(text_of(event, "event"), "switched") == 0;
    struct digest after;
    if (event->time_ms < switched->time_ms || !digest_of_member(event->tree, "after", &after))
        return 0;
    switched->time_ms = event->time_ms;
    switched->begun = true;
    switched->done = done;
    switched->rolled_back = switched->going_back = false;
    switched->after = after;
    switched->had_before =
        true_of(event, "had_before") && digest_of_member(event->tree, "before", &switched->before);
    return text_put(&switched->backup_tag, text_of(event, "backup_tag"), err);
}

/* "rolling-back", "rolled-back". */
static int on_rollback(struct builder *builder, struct building *item, const struct event *event,
                       struct error *err)
{
    (void)builder;
    (void)err;
    struct switched *switched = &item->image.switched;
    if (event->time_ms < switched->time_ms)
        return 0;
    switched->time_ms = event->time_ms;
    switched->rolled_back |= strcmp(text_of(event, "event"), "rolled-back") == 0;
    switched->going_back = true;
    return 0;
}

static int on_retired(struct builder *builder, struct building *item, const struct event *event,
                      struct error *err)
{
    (void)builder;
    (void)err;
    if (event->time_ms < item->retired_ms)
        return 0;
    item->retired_ms = event->time_ms;
    item->has_retired = digest_of_member(event->tree, "digest", &item->retired);
    return 0;
}

static int on_run_begin(struct builder *builder, struct building *item, const struct event *event,
                        struct error *err)
{
    (void)item;
    builder->history->runs++;
    for (const struct json *name = json_first(json_get(event->tree, "images")); name != NULL;
         name = json_next(name)) {
        struct building *listed;
        if (name_of(name) == NULL)
            continue;
        if (image_of(builder, name_of(name), &listed, err) < 0)
            return -1;
        builder->history->planned += !listed->listed;
        listed->listed = true;
    }
    return 0;
}

static int on_nothing(struct builder *builder, struct building *item, const struct event *event,
                      struct error *err)
{
    (void)builder;
    (void)item;
    (void)event;
    (void)err;
    return 0;
}

/* An image is named by all but those of a run, where a name is optional. */
static const struct {
    const char *name;
    int (*apply)(struct builder *builder, struct building *item, const struct event *event,
                 struct error *err);
    bool of_run; /* needs no image */
    bool work;   /* counts for when the runs were */
} events[] = {
    {"image-begin", on_begin, false, true},  {"image-end", on_end, false, true},
    {"progress", on_progress, false, true},  {"chunk", on_chunk, false, true},
    {"proof", on_proof, false, true},        {"warning", on_count, false, true},
    {"detail", on_nothing, false, true},     {"retry", on_count, false, true},
    {"finding", on_count, false, true},      {"switching", on_switch, false, false},
    {"switched", on_switch, false, false},   {"rolled-back", on_rollback, false, false},
    {"retired", on_retired, false, false},   {"rolling-back", on_rollback, false, false},
    {"run-begin", on_run_begin, true, true}, {"run-end", on_nothing, true, true},
};

static void note_time(struct history *history, uint64_t time_ms)
{
    if (history->begin_ms == 0 || time_ms < history->begin_ms)
        history->begin_ms = time_ms;
    if (time_ms > history->end_ms)
        history->end_ms = time_ms;
}

int builder_apply(struct builder *builder, const struct event *event, const char *name,
                  struct error *err)
{
    size_t kind = 0, count = sizeof events / sizeof events[0];
    const char *image = name_of(json_get(event->tree, "name"));
    struct building *item = NULL;
    while (kind < count && strcmp(events[kind].name, name) != 0)
        kind++;
    if (kind == count)
        return 1; /* of a later version */
    if (events[kind].work)
        note_time(builder->history, event->time_ms);
    if (!events[kind].of_run && image == NULL)
        return 1;
    if (!events[kind].of_run) {
        if (image_of(builder, image, &item, err) < 0)
            return -1;
        item->seen = true;
        item->image.log = event->log;
    }
    return events[kind].apply(builder, item, event, err) < 0 ? -1 : 1;
}
