/* repair.c: one repair, read from top to bottom: look at every blob, say what is wrong, take from
 * other images what is missing, put annotations and order right, write the manifest anew in memory,
 * and hand that to a conversion. Every step's work is elsewhere.
 */
#include "convert/engine/repair_parts.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *order_basis_name(enum order_basis basis)
{
    static const char *const names[] = {
        [ORDER_AS_IT_WAS] = "manifest",
        [ORDER_STREAM] = "stream",
        [ORDER_OFFSETS] = "offsets",
        [ORDER_EVIDENCE] = "evidence",
    };
    return names[basis];
}

void repaired_done(struct repaired *repaired)
{
    findings_done(&repaired->findings);
    findings_done(&repaired->actions);
    free(repaired->layers);
    conversion_done(&repaired->conversion);
}

/* --- words --- */

void phrase_add(struct phrase *phrase, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size =
        vsnprintf(phrase->text + phrase->used, sizeof phrase->text - phrase->used, format, args);
    va_end(args);
    phrase->used += size < 0 ? 0 : (size_t)size;
    if (phrase->used >= sizeof phrase->text)
        phrase->used = sizeof phrase->text - 1;
}

const char *layer_name(const struct repair_layer *layer, char ret[LAYER_NAME_SIZE])
{
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&layer->own.digest, digest);
    snprintf(ret, LAYER_NAME_SIZE, "layer %zu %.19s", layer->index, digest);
    return ret;
}

int repair_note(struct repair *repair, const char *action, size_t layer, bool changes,
                struct error *err, const char *format, ...)
{
    char text[480];
    struct error_place where = {-1, -1, -1};
    if (layer != NO_LAYER)
        where.layer = (int64_t)layer;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    repair->changed = repair->changed || changes;
    return findings_add(&repair->result->actions, action, SEVERITY_NOTE, where, "", err, "%s",
                        text);
}

/* --- the parts of the image --- */

/* The annotations of a V2 layer, as far as they can be read. */
static void read_statements(struct repair *repair, const struct descriptor *descriptor,
                            struct repair_layer *layer)
{
    const char *length = descriptor_annotation(descriptor, TART_CONTENT_SIZE);
    const char *content = descriptor_annotation(descriptor, TART_CONTENT_DIGEST);
    const char *offset = descriptor_annotation(descriptor, OUR_DISK_OFFSET);
    const char *whole = descriptor_annotation(descriptor, TART_FILE_DIGEST);
    layer->states_length = length != NULL && parse_size(length, &layer->stated_length);
    layer->states_content = content != NULL && digest_parse(content, &layer->stated_content);
    layer->states_offset = offset != NULL && parse_size(offset, &layer->stated_offset);
    if (whole == NULL || repair->states_disk_digest)
        return;
    repair->states_disk_digest = digest_parse(whole, &repair->stated_disk_digest);
    repair->states_disk_digest_badly = !repair->states_disk_digest;
}

static int layers_begin(struct repair *repair, struct error *err)
{
    const struct manifest *manifest = repair->image->manifest;
    repair->layers = calloc(manifest->layer_count + 1, sizeof *repair->layers);
    repair->order = calloc(manifest->layer_count + 1, sizeof *repair->order);
    if (repair->layers == NULL || repair->order == NULL)
        return error_memory(err);
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *descriptor = &manifest->layers[i];
        bool v1 = strcmp(descriptor->media_type, TART_TYPE_DISK_V1) == 0;
        if (!v1 && strcmp(descriptor->media_type, TART_TYPE_DISK_V2) != 0)
            continue;
        struct repair_layer *layer = &repair->layers[repair->layer_count];
        *layer = (struct repair_layer){.index = i,
                                       .own = descriptor->blob,
                                       .blob = descriptor->blob,
                                       .error = ERROR_INIT,
                                       .grade = PLACE_UNKNOWN};
        repair->order[repair->layer_count] = repair->layer_count;
        repair->order_count = ++repair->layer_count;
        repair->format = v1 ? DISK_V1 : DISK_V2;
        if (v1)
            continue;
        read_statements(repair, descriptor, layer);
        repair->wants_places = repair->wants_places || !layer->states_offset;
    }
    return 0;
}

/* For the checks, which do without what cannot be read. */
static int read_documents(struct repair *repair, struct error *err)
{
    struct {
        struct repair_small *small;
        struct bytes *bytes;
        bool *is_there;
    } const documents[] = {
        {&repair->small[SMALL_VM_CONFIG], &repair->vm_config, &repair->has_vm_config},
        {&repair->small[SMALL_IMAGE_CONFIG], &repair->image_config, &repair->has_image_config},
    };
    for (size_t i = 0; i < 2; i++) {
        documents[i].bytes->size = 0;
        *documents[i].is_there = documents[i].small->error.class == ERROR_NONE;
        if (*documents[i].is_there &&
            blobs_read_all(&repair->substitutes.blobs, &documents[i].small->blob,
                           documents[i].bytes, err) < 0)
            return -1;
    }
    return 0;
}

/* --- what is wrong --- */

static bool disk_is_readable(const struct repair *repair)
{
    if (repair->format != DISK_V2 || repair->layer_count == 0)
        return false;
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].error.class != ERROR_NONE)
            return false;
    return true;
}

/* As verify would say it of the image as it came. */
static int diagnose(struct repair *repair, struct error *err)
{
    bool readable = disk_is_readable(repair);
    if (readable && repair_read_ends(repair, NULL, err) < 0)
        return -1;
    repair->looked_at_ends = readable;
    repair->has_disk_digest = readable && repair->states_disk_digest;
    if (repair->has_disk_digest && repair_disk_digest(repair, NULL, &repair->disk_digest, err) < 0)
        return -1;
    return repair_check(repair, repair->has_disk_digest ? &repair->disk_digest : NULL,
                        &repair->result->findings, err);
}

/* --- packed blobs --- */

static int note_packings(struct repair *repair, struct error *err)
{
    for (size_t i = 0; i < repair->layer_count; i++) {
        const struct repair_layer *layer = &repair->layers[i];
        char name[LAYER_NAME_SIZE];
        if (layer->packing != PACKING_NONE &&
            repair_note(repair, "unpacked", layer->index, true, err, "%s: the %s around it undone",
                        layer_name(layer, name), packing_name(layer->packing)) < 0)
            return -1;
    }
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        const struct repair_small *small = &repair->small[i];
        if (small->packing != PACKING_NONE &&
            repair_note(repair, "unpacked",
                        small->layer == BLOB_FACT_CONFIG ? NO_LAYER : small->layer, true, err,
                        "%s: the %s around it undone", small->name,
                        packing_name(small->packing)) < 0)
            return -1;
    }
    return 0;
}

/* --- the result must be sound --- */

/* Damage that lies in the disk's own bytes and not in the image around it. A table in the midst of
 * the disk, which is told with its layer, is no such thing. */
static bool is_guests(const struct finding *finding)
{
    static const char *const ids[] = {"gpt-primary", "gpt-backup", "gpt-short"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (strcmp(ids[i], finding->id) == 0)
            return finding->where.layer < 0;
    return false;
}

/* Whether the disk had it before layers that decode were given another content. */
static bool was_there(const struct repair *repair, const struct finding *finding)
{
    bool overruled = false;
    for (size_t i = 0; i < repair->layer_count; i++)
        overruled = overruled || repair->layers[i].overruled;
    if (!overruled || !repair->looked_at_ends)
        return true;
    const struct findings *findings = &repair->result->findings;
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(findings->items[i].id, finding->id) == 0)
            return true;
    return false;
}

static bool order_is_proved(const struct repair *repair)
{
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].length > 0 && repair->layers[i].grade != PLACE_PROVED &&
            repair->layers[i].grade != PLACE_INTERCHANGEABLE)
            return false;
    return true;
}

static int remaining(const struct finding *finding, struct error *err)
{
    error_set(err, ERROR_CANNOT_REPAIR, "what remains wrong cannot be repaired: %s: %.300s",
              finding->id, finding->text);
    err->where = finding->where;
    return -1;
}

/* A repaired V2 image is looked at as any other before it is written. */
static int check_result(struct repair *repair, struct error *err)
{
    AUTO(findings_done) struct findings findings = {.items = NULL};
    if (repair_check_refilled(repair, err) < 0 ||
        repair_read_ends(repair, repair->order, err) < 0 || read_documents(repair, err) < 0 ||
        repair_check(repair, NULL, &findings, err) < 0)
        return -1;
    for (size_t i = 0; i < findings.count; i++) {
        const struct finding *finding = &findings.items[i];
        if (finding->severity != SEVERITY_DAMAGE)
            continue;
        if (!is_guests(finding) || !order_is_proved(repair) || !was_there(repair, finding))
            return remaining(finding, err);
        run_warning(repair->run, "%s: %s (in the disk itself; the image around it is repaired)",
                    finding->id, finding->text);
    }
    return repair_check_size(repair, err);
}

/* --- what the conversion is told --- */

static int note_layers(struct repair *repair, struct error *err)
{
    struct repaired *result = repair->result;
    uint64_t offset = 0;
    result->layers = calloc(repair->order_count + 1, sizeof *result->layers);
    if (result->layers == NULL)
        return error_memory(err);
    result->layer_count = repair->order_count;
    for (size_t i = 0; i < repair->order_count; i++) {
        const struct repair_layer *layer = &repair->layers[repair->order[i]];
        struct repaired_layer *noted = &result->layers[i];
        *noted = (struct repaired_layer){
            .layer = layer->index,
            .blob = layer->blob.digest,
            .has_offset = repair->format == DISK_V2,
            .offset = offset,
            .length = layer->length,
            .grade = layer->grade == PLACE_UNKNOWN ? NULL : place_grade_name(layer->grade),
            .likely = layer->grade == PLACE_LIKELY || layer->grade == PLACE_BY_ELIMINATION};
        snprintf(noted->why, sizeof noted->why, "%s", layer->why);
        offset += layer->length;
    }
    return 0;
}

static int conclude(struct repair *repair, struct error *err)
{
    repair->result->sound = repair->result->actions.count == 0;
    if (repair->changed && repair_write_manifest(repair, err) < 0)
        return -1;
    repair->image->blobs = &repair->substitutes.blobs;
    if (!repair->result->sound && repair->format == DISK_V2 && check_result(repair, err) < 0)
        return -1;
    if (repair->format == DISK_V2 && repair->changed &&
        (repair->states_disk_digest || repair->states_disk_digest_badly))
        repair->wanted.disk_digest = true;
    if (repair->format == DISK_V1 && !repair->changed) {
        /* what needs no repair stays what it is */
        if (!repair->options->to_given)
            repair->wanted.to = CONVERT_TO_V1;
        if (repair->wanted.to == CONVERT_TO_V1 && repair_hold_size_v1(repair, err) < 0)
            return -1;
    }
    return note_layers(repair, err);
}

/* Whether there is anything left that order and annotations do not mend. */
static int refuse_rest(const struct repair *repair, struct error *err)
{
    const struct findings *findings = &repair->result->findings;
    if (repair->changed || repair->result->actions.count > 0)
        return 0;
    for (size_t i = 0; i < findings->count; i++)
        if (findings->items[i].severity == SEVERITY_DAMAGE &&
            (!is_guests(&findings->items[i]) || repair->format == DISK_V1))
            return remaining(&findings->items[i], err);
    return 0;
}

static int mend_image(struct repair *repair, struct image *image, struct error *err)
{
    repair->image = image;
    substitutes_init(&repair->substitutes, image->blobs, repair->wanted.network);
    feed_init(&repair->feed, &repair->substitutes.blobs, NULL, repair->run->threads > 1);
    repair->begun = true;
    if (repair_check_kinds(repair, err) < 0 || layers_begin(repair, err) < 0 ||
        repair_look(repair, err) < 0 || read_documents(repair, err) < 0 ||
        diagnose(repair, err) < 0 || repair_refill(repair, err) < 0 ||
        note_packings(repair, err) < 0)
        return -1;
    if (repair->format == DISK_V2 && repair_annotations(repair, err) < 0)
        return -1;
    if ((repair->format == DISK_V1 ? repair_order_v1 : repair_order_v2)(repair, err) < 0 ||
        repair_shape(repair, err) < 0 || refuse_rest(repair, err) < 0)
        return -1;
    return conclude(repair, err);
}

/* Of a disk.v1 disk that is no stream in any order. */
static bool can_be_salvaged(const struct repair *repair, const struct error *error)
{
    switch (error->class) {
    case ERROR_LAYER_CHAIN:
    case ERROR_STREAM_MAGIC:
    case ERROR_STREAM_LIMIT:
    case ERROR_STREAM_BLOCK:
    case ERROR_STREAM_TRUNCATED:
    case ERROR_STREAM_TRAILING:
        return repair->format == DISK_V1;
    default:
        return false;
    }
}

static int mend(void *context, struct run *run, struct image *image, struct error *err)
{
    struct repair *repair = context;
    (void)run;
    if (mend_image(repair, image, err) == 0)
        return 0;
    return can_be_salvaged(repair, err)
               ? error_hint(err, "take another copy of the image; `tartconv convert --salvage` "
                                 "writes what can be had of this one")
               : -1;
}

static bool was_refilled(const struct repair *repair, const struct digest *digest)
{
    for (size_t i = 0; i < SMALL_COUNT; i++)
        if (repair->small[i].refilled && digest_equal(&repair->small[i].blob.digest, digest))
            return true;
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].refilled && digest_equal(&repair->layers[i].blob.digest, digest))
            return true;
    return false;
}

/* A place that holds a blob already does not take it again, and may hold a damaged one, as the
 * source did. */
static int check_blob(const struct repair *repair, struct feed *feed, const struct blob_id *blob,
                      struct error *err)
{
    if (!was_refilled(repair, &blob->digest) || feed_drain(feed, blob, repair->run, err) == 0)
        return 0;
    if (!repair_is_damage(err))
        return -1;
    char text[sizeof err->text];
    memcpy(text, err->text, sizeof text);
    return error_set(err, ERROR_DESTINATION,
                     "%s has a damaged blob in place of one that was refilled: take it away there, "
                     "or repair to another place (%.200s)",
                     repair->destination->text, text);
}

static int check(void *context, struct run *run, const struct bytes *manifest, struct blobs *blobs,
                 struct error *err)
{
    const struct repair *repair = context;
    AUTO(manifest_free_auto) struct manifest *made = NULL;
    struct feed feed;
    feed_init(&feed, blobs, NULL, run->threads > 1);
    if (manifest_parse(manifest->data, manifest->size, &made, err) < 0 ||
        check_blob(repair, &feed, &made->config.blob, err) < 0)
        return -1;
    for (size_t i = 0; i < made->layer_count; i++)
        if (check_blob(repair, &feed, &made->layers[i].blob, err) < 0)
            return -1;
    return 0;
}

/* --- beginning and end --- */

static void repair_done(struct repair *repair)
{
    if (repair->begun)
        substitutes_done(&repair->substitutes);
    for (size_t i = 0; i < repair->layer_count; i++) {
        chain_layer_done(&repair->layers[i].chain);
        place_facts_free(repair->layers[i].facts);
    }
    for (size_t i = 0; repair->helpers != NULL && i <= repair->options->refill_count; i++) {
        image_done(&repair->helpers[i].image);
        store_close(repair->helpers[i].store);
    }
    free(repair->helpers);
    free(repair->layers);
    free(repair->order);
    free(repair->head);
    free(repair->tail);
    bytes_done(&repair->vm_config);
    bytes_done(&repair->image_config);
}

int repair(struct run *run, const struct reference *source, const struct reference *destination,
           const struct repair_options *options, struct repaired *ret, struct error *err)
{
    *ret = (struct repaired){.sound = false};
    AUTO(repair_done)
    struct repair work = {
        .run = run,
        .source = source,
        .destination = destination,
        .stranger = {.prefix = "src-"},
        .options = options,
        .wanted = *options->convert,
        .result = ret,
        .small = {{.name = "config.v1", .error = ERROR_INIT},
                  {.name = "nvram.v1", .error = ERROR_INIT},
                  {.name = "the image config", .layer = BLOB_FACT_CONFIG, .error = ERROR_INIT}},
    };
    const struct convert_mend hook = {.context = &work, .mend = mend, .check = check};
    bytes_init(&work.vm_config, TART_CONFIG_MAX);
    bytes_init(&work.image_config, TART_CONFIG_MAX);
    work.helpers = calloc(options->refill_count + 1, sizeof *work.helpers);
    if (work.helpers == NULL)
        return error_memory(err);
    work.wanted.mend = &hook;
    /* a state is kept by what the source's manifest says, which is not what is converted here */
    work.wanted.no_state = true;
    return convert(run, source, destination, &work.wanted, &ret->conversion, err);
}
