/* event_image.c: the events of one image, from its begin to its end. Knows what they say, not how
 * they are written.
 */
#include "convert/fleet/event_parts.h"

#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <string.h>

static const char *const status_names[] = {
    [IMAGE_DONE] = "done",           [IMAGE_ALREADY] = "already", [IMAGE_GONE] = "gone",
    [IMAGE_LEFT] = "left",           [IMAGE_FAILED] = "failed",   [IMAGE_STOPPED] = "stopped",
    [IMAGE_NOT_BEGUN] = "not-begun",
};

const char *image_status_name(enum image_status status)
{
    return status_names[status];
}

bool image_status_parse(const char *name, enum image_status *ret)
{
    for (size_t i = 0; name != NULL && i < IMAGE_STATUS_COUNT; i++)
        if (strcmp(name, status_names[i]) == 0) {
            *ret = (enum image_status)i;
            return true;
        }
    return false;
}

/* An event's members, put with document.h's words. */
static struct document members_begin(const char *name)
{
    struct document members = {.tree = json_new_object()};
    members.failed = members.tree == NULL;
    put_text(&members, NULL, "name", name);
    return members;
}

/* NULL where memory ended, which event_log_write takes. */
static struct json *members_take(struct document *members)
{
    if (members->failed)
        members->tree = json_free(members->tree);
    return take_ptr(&members->tree);
}

static struct document image_members(const struct image_event *image)
{
    struct document members = members_begin(image->name);
    put_text(&members, NULL, "source", image->source);
    put_text(&members, NULL, "target", image->target);
    put_text(&members, NULL, "tag", image->tag);
    put_text(&members, NULL, "action", image->action);
    put_digest(&members, NULL, "source_digest", image->source_digest != NULL, image->source_digest);
    put_uint(&members, NULL, "source_size", image->source_size > 0, image->source_size);
    put_uint(&members, NULL, "disk_size", image->disk_size > 0, image->disk_size);
    return members;
}

int event_image_begin(struct event_log *log, const struct image_event *image, struct error *err)
{
    struct document members = image_members(image);
    return event_log_write(log, "image-begin", members_take(&members), false, err);
}

/* --- the proof -----------------------------------------------------------------------------------
 */

static int write_proof(const struct convert_watch *watch, const struct proof *proof,
                       struct error *err)
{
    struct event_log *log = watch->context;
    struct error ignored;
    if (log == NULL)
        return 0;
    struct document members = members_begin(watch->name);
    if (!members.failed && json_set(members.tree, "proof", proof_to_json(proof), &ignored) < 0)
        members.failed = true;
    return event_log_write(log, "proof", members_take(&members), true, err);
}

struct convert_watch event_watch(struct event_log *log, const char *name)
{
    return (struct convert_watch){.context = log, .name = name, .proved = write_proof};
}

/* --- the end -------------------------------------------------------------------------------------
 */

static void put_conversion(struct document *members, const struct conversion *conversion)
{
    const struct proof *proof = &conversion->proof;
    if (proof->has_source)
        put_digest(members, NULL, "source_digest", true, &proof->source);
    if (conversion->source_size > 0)
        put_uint(members, NULL, "source_size", true, conversion->source_size);
    if (proof->disk_size > 0)
        put_uint(members, NULL, "disk_size", true, proof->disk_size);
    put_digest(members, NULL, "target_digest", proof->has_destination, &proof->destination);
    put_text(members, NULL, "method", convert_method_name(conversion->method));
    put_bool(members, NULL, "decoded", conversion->decoded);
    put_uint(members, NULL, "target_size", conversion->encoded_size > 0, conversion->encoded_size);
    put_uint(members, NULL, "layers_made", true, conversion->layers_made);
    put_uint(members, NULL, "layers_kept", true, conversion->layers_kept);
    put_uint(members, NULL, "blocks_encoded", true, proof->blocks.encoded);
    put_uint(members, NULL, "blocks_carried", true, proof->blocks.carried);
    put_text(members, NULL, "backup_tag", conversion->backup_tag);
    put_text(members, NULL, "left_out", conversion->left_out);
    put_bool(members, NULL, "salvaged", conversion->salvage != NULL);
    put_bool(members, NULL, "trusted", conversion->trusted);
}

static void put_error(struct document *members, const struct error *error)
{
    struct json *object = put_object(members, NULL, "error");
    put_text(members, object, "class", error_class_name(error->class));
    put_text(members, object, "text", error->text);
    put_uint(members, object, "status", true, (uint64_t)error_class_status(error->class));
    put_place(members, object, &error->where);
}

int event_image_end(struct event_log *log, const struct image_event *image,
                    enum image_status status, const struct conversion *conversion,
                    const struct error *error, const char *why, double seconds, struct error *err)
{
    bool made = conversion != NULL && (status == IMAGE_DONE || status == IMAGE_ALREADY);
    struct document members = image_members(image);
    put_text(&members, NULL, "status", status_names[status]);
    put_text(&members, NULL, "why", why);
    put_uint(&members, NULL, "milliseconds", true,
             seconds > 0 && seconds < 1e12 ? (uint64_t)(seconds * 1000) : 0);
    if (made)
        put_conversion(&members, conversion);
    if (conversion != NULL) {
        put_uint(&members, NULL, "bytes_read", true, conversion->bytes_read);
        put_uint(&members, NULL, "bytes_written", true, conversion->bytes_written);
        put_uint(&members, NULL, "bytes_reused", true, conversion->bytes_reused);
    }
    if (error != NULL && error->class != ERROR_NONE)
        put_error(&members, error);
    else
        put_null(&members, NULL, "error");
    /* what can be seen again by its manifests needs not be on the disk at once */
    bool worked = conversion != NULL || status == IMAGE_DONE || status == IMAGE_FAILED;
    return event_log_write(log, "image-end", members_take(&members), worked, err);
}

int event_finding(struct event_log *log, const char *name, const struct finding *finding,
                  struct error *err)
{
    struct document members = members_begin(name);
    put_text(&members, NULL, "id", finding->id);
    put_text(&members, NULL, "severity", severity_name(finding->severity));
    put_place(&members, NULL, &finding->where);
    put_text(&members, NULL, "text", finding->text);
    put_text(&members, NULL, "fix", finding->fix);
    return event_log_write(log, "finding", members_take(&members), false, err);
}

/* --- what is seen meanwhile ----------------------------------------------------------------------
 */

static void note_text(struct event_observer *observer, const char *event, const char *text)
{
    struct document members = members_begin(observer->name);
    put_text(&members, NULL, "text", text);
    event_log_note(observer->log, event, members_take(&members));
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct event_observer *observer = context;
    uint64_t now = event_now();
    observe_progress(observer->next, done, total);
    /* a clock that was set back keeps nothing from being told */
    bool due = now < observer->last_ms || now - observer->last_ms >= 1000 || done == total;
    if (observer->log == NULL || !due)
        return;
    observer->last_ms = now;
    struct document members = members_begin(observer->name);
    put_uint(&members, NULL, "done", true, done);
    put_uint(&members, NULL, "total", total > 0, total);
    event_log_note(observer->log, "progress", members_take(&members));
}

static void on_warning(void *context, const char *text)
{
    struct event_observer *observer = context;
    observe_warning(observer->next, "%s", text);
    note_text(observer, "warning", text);
}

static void on_detail(void *context, const char *text)
{
    struct event_observer *observer = context;
    observe_detail(observer->next, "%s", text);
    note_text(observer, strstr(text, "; trying again in ") != NULL ? "retry" : "detail", text);
}

static void on_chunk(void *context, const struct chunk_told *chunk)
{
    struct event_observer *observer = context;
    observe_chunk(observer->next, chunk);
    struct document members = members_begin(observer->name);
    put_uint(&members, NULL, "offset", true, chunk->offset);
    put_uint(&members, NULL, "length", true, chunk->length);
    put_uint(&members, NULL, "encoded_size", chunk->encoded_size > 0, chunk->encoded_size);
    put_text(&members, NULL, "how", chunk_how_name(chunk->how));
    event_log_note(observer->log, "chunk", members_take(&members));
}

void event_observer_init(struct event_observer *observer, struct event_log *log, const char *name,
                         const struct observer *next)
{
    *observer = (struct event_observer){.observer = {.context = observer,
                                                     .progress = on_progress,
                                                     .warning = on_warning,
                                                     .detail = on_detail,
                                                     .chunk = on_chunk},
                                        .log = log,
                                        .name = name,
                                        .next = next};
}
