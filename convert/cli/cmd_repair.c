/* cmd_repair.c: tartconv repair. Tells what was wrong, what was done, and what the order of the
 * disk's layers rests on. */
#include "convert/cli/command.h"
#include "convert/cli/logged.h"
#include "convert/cli/result_file.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

static size_t count_likely(const struct repaired *repaired)
{
    size_t count = 0;
    for (size_t i = 0; i < repaired->layer_count; i++)
        count += repaired->layers[i].likely;
    return count;
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

static void put_actions(struct document *document, const struct findings *actions)
{
    struct json *array = put_array(document, NULL, "actions");
    for (size_t i = 0; i < actions->count; i++) {
        const struct finding *action = &actions->items[i];
        struct json *object = add_object(document, array);
        put_text(document, object, "action", action->id);
        put_uint(document, object, "layer", action->where.layer >= 0,
                 (uint64_t)action->where.layer);
        put_text(document, object, "text", action->text);
    }
}

/* A grade says something only where the order had to be found. */
static void put_layers(struct document *document, const struct repaired *repaired)
{
    struct json *array = put_array(document, NULL, "layers");
    for (size_t i = 0; i < repaired->layer_count; i++) {
        const struct repaired_layer *layer = &repaired->layers[i];
        struct json *object = add_object(document, array);
        put_uint(document, object, "layer", true, layer->layer);
        put_digest(document, object, "blob", true, &layer->blob);
        put_uint(document, object, "offset", layer->has_offset, layer->offset);
        put_uint(document, object, "length", layer->has_offset, layer->length);
        put_text(document, object, "grade", layer->grade);
        put_text(document, object, "why", layer->why);
    }
}

static int tell_json(const struct options *options, const struct repaired *repaired,
                     struct bytes *out, struct error *err)
{
    const struct proof *proof = &repaired->conversion.proof;
    struct document document;
    document_begin(&document, "repair");
    struct json *source = put_object(&document, NULL, "source");
    put_text(&document, source, "reference", options->references[0].text);
    put_digest(&document, source, "digest", proof->has_source, &proof->source);
    struct json *destination = put_object(&document, NULL, "destination");
    put_text(&document, destination, "reference", options->references[1].text);
    put_digest(&document, destination, "digest", proof->has_destination, &proof->destination);
    put_bool(&document, NULL, "dry_run", options->convert.dry_run);
    put_bool(&document, NULL, "sound", repaired->sound);
    put_text(&document, NULL, "method", convert_method_name(repaired->conversion.method));
    put_uint(&document, NULL, "disk_size", proof->disk_size > 0, proof->disk_size);
    put_findings(&document, &repaired->findings);
    put_actions(&document, &repaired->actions);
    put_text(&document, NULL, "order", order_basis_name(repaired->order));
    put_bool(&document, NULL, "likely", count_likely(repaired) > 0);
    put_layers(&document, repaired);
    put_text(&document, NULL, "left_out", repaired->conversion.left_out);
    put_texts(&document, NULL, "tags", options->convert.tags);
    put_text(&document, NULL, "backup_tag", repaired->conversion.backup_tag);
    return document_end(&document, out, err);
}

/* --- text ----------------------------------------------------------------------------------------
 */

static void tell_damage(struct run *run, const struct repaired *repaired)
{
    for (size_t i = 0; i < repaired->findings.count; i++) {
        const struct finding *finding = &repaired->findings.items[i];
        if (finding->severity != SEVERITY_NOTE)
            run_warning(run, "%s: %s: %s", severity_name(finding->severity), finding->id,
                        finding->text);
    }
}

static void tell_details(const struct options *options, struct run *run,
                         const struct repaired *repaired)
{
    const char *name = options->references[1].text;
    size_t likely = count_likely(repaired);
    for (size_t i = 0; i < repaired->actions.count; i++)
        run_warning(run, "repaired: %s", repaired->actions.items[i].text);
    if (repaired->sound)
        run_warning(run, "%s: nothing to repair%s", name,
                    repaired->conversion.method == METHOD_COPIED ? ", copied as it is" : "");
    if (likely > 0)
        run_warning(run,
                    "%s: the places of %zu of %zu layers are likely and not proved: boot it before "
                    "you rely on it",
                    name, likely, repaired->layer_count);
    if (repaired->conversion.left_out[0] != '\0')
        run_warning(run, "%s: left out, a disk file has no place for it: %s", name,
                    repaired->conversion.left_out);
    if (repaired->conversion.backup_tag[0] != '\0')
        run_warning(run, "%s: what the tag led to before is tagged %s", name,
                    repaired->conversion.backup_tag);
}

static int tell_text(const struct options *options, const struct repaired *repaired,
                     struct bytes *out, struct error *err)
{
    const struct proof *proof = &repaired->conversion.proof;
    const struct reference *reference = &options->references[1];
    struct text text = {.out = out, .err = err};
    AUTO_FREE char *result =
        reference_with_digest(reference, proof->has_destination, &proof->destination);
    if (result == NULL)
        return error_memory(err);
    if (options->convert.dry_run)
        text_line(&text, "%s would be %s", reference->text,
                  repaired->sound ? "the same image: nothing to repair" : "repaired");
    else
        text_line(&text, "%s", result);
    return text.status;
}

static int check_options(const struct options *options, struct error *err)
{
    if ((options->given & GIVEN_TO) != 0 && options->convert.to == CONVERT_TO_SAME)
        return error_set(err, ERROR_USAGE,
                         "--to same copies the manifest as it is, which `tartconv convert` does");
    if (options->accept_likely && options->convert.in_place)
        return error_set(err, ERROR_USAGE,
                         "what is not proved takes no other image's tag: --accept-likely excludes "
                         "--in-place");
    return check_destination(options, err);
}

/* Its findings, the log's failures among them. */
static int log_all(struct logged *logged, int status, const struct repaired *repaired,
                   struct error *err)
{
    struct error error = ERROR_INIT;
    for (size_t i = 0; i < repaired->findings.count && error.class == ERROR_NONE; i++)
        if (event_finding(logged->log, logged->image.name, &repaired->findings.items[i], &error) <
                0 &&
            status >= 0) {
            *err = error;
            return -1;
        }
    return logged_end(logged, status, &repaired->conversion, err);
}

int cmd_repair(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    AUTO(result_file_done) struct result_file proof = RESULT_FILE_INIT;
    AUTO(result_file_done) struct result_file digest = RESULT_FILE_INIT;
    if (check_options(options, err) < 0 || result_file_open(options->proof, &proof, err) < 0 ||
        result_file_open(options->digestfile, &digest, err) < 0)
        return -1;
    struct convert_options wanted = options->convert;
    wanted.proof = options->proof != NULL;
    wanted.network = options->network;
    wanted.source_side = &options->sides[0];
    wanted.destination_side = &options->sides[1];
    const struct repair_options repairing = {
        .convert = &wanted,
        .to_given = (options->given & GIVEN_TO) != 0,
        .accept_likely = options->accept_likely,
        .reference = options->sibling.text != NULL ? &options->sibling : NULL,
        .refills = options->refills,
        .refill_count = options->refill_count,
    };
    AUTO(logged_done) struct logged logged;
    if (logged_begin(options, "repair", run, &logged, err) < 0)
        return -1;
    wanted.watch = logged.log != NULL ? &logged.watch : NULL;
    AUTO(repaired_done) struct repaired repaired = {.sound = false};
    int status =
        repair(run, &options->references[0], &options->references[1], &repairing, &repaired, err);
    tell_damage(run, &repaired);
    if (log_all(&logged, status, &repaired, err) < 0)
        return -1;
    tell_details(options, run, &repaired);
    if (!options->convert.dry_run &&
        (result_file_write_digest(&digest, &repaired.conversion.proof.destination, err) < 0 ||
         result_file_write_proof(&proof, &repaired.conversion.proof, err) < 0))
        return -1;
    return options->json ? tell_json(options, &repaired, out, err)
                         : tell_text(options, &repaired, out, err);
}
