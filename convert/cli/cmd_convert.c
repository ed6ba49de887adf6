/* cmd_convert.c: tartconv convert. Checks what the engine cannot know (files beside the result,
 * a destination that is the source), and tells what was done. */
#include "convert/cli/command.h"
#include "convert/cli/logged.h"
#include "convert/cli/result_file.h"
#include "convert/cli/salvage_report.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Written, not whole. */
#define STATUS_NOT_WHOLE 3

/* --- what is refused beforehand ------------------------------------------------------------------
 */

/* The file or folder that tells whether two references lead to the same place. */
static int place_stat(const struct reference *reference, struct stat *ret)
{
    AUTO_FREE char *disk = NULL;
    if (reference->transport != TRANSPORT_VM)
        return stat(reference->path, ret);
    if (asprintf(&disk, "%s/disk.img", reference->path) < 0) {
        disk = NULL;
        return -1;
    }
    return stat(disk, ret);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_place(const struct reference *a, const struct reference *b)
{
    struct stat stat_a, stat_b;
    bool registry = a->transport == TRANSPORT_REGISTRY;
    if (registry != (b->transport == TRANSPORT_REGISTRY) ||
        (a->transport == TRANSPORT_OCI) != (b->transport == TRANSPORT_OCI))
        return false;
    if (registry)
        return strcmp(a->host, b->host) == 0 && strcmp(a->repository, b->repository) == 0;
    if (place_stat(a, &stat_a) == 0 && place_stat(b, &stat_b) == 0)
        return file_same(&stat_a, &stat_b);
    return a->transport == b->transport && strcmp(a->path, b->path) == 0;
}

/* Whether a further tag of the result is the one that the source has. */
static bool tag_is_given(const struct options *options, const char *tag)
{
    for (size_t i = 0; options->tags[i] != NULL; i++)
        if (same_text(options->tags[i], tag))
            return true;
    return false;
}

/* No command changes its source, unless it is asked to by name. */
static int check_apart(const struct options *options, struct error *err)
{
    const struct reference *source = &options->references[0];
    const struct reference *destination = &options->references[1];
    bool tags = source->transport == TRANSPORT_OCI || source->transport == TRANSPORT_REGISTRY;
    if (options->convert.in_place || !same_place(source, destination))
        return 0;
    if (tags && source->tag == NULL && destination->tag != NULL) {
        /* Which tag the source has is not known here; without --replace it is safe. */
        if (source->has_digest || !options->convert.replace)
            return 0;
        return error_set(err, ERROR_USAGE,
                         "%s: with --replace into the same layout the source's tag must be named",
                         source->text);
    }
    if (tags && source->tag != NULL && destination->tag != NULL &&
        !same_text(source->tag, destination->tag) && !tag_is_given(options, source->tag))
        return 0;
    return error_set(err, ERROR_USAGE,
                     "%s is the source itself, which is never changed; name another %s%s",
                     tags ? source->text : destination->text, tags ? "tag" : "place",
                     tags ? ", or ask for --in-place" : "");
}

static int check_companions(const struct options *options, struct error *err)
{
    if ((options->convert.vm_config == NULL && options->convert.vm_nvram == NULL) ||
        options->references[0].transport == TRANSPORT_RAW ||
        options->references[1].transport == TRANSPORT_RAW)
        return 0;
    return error_set(err, ERROR_USAGE,
                     "--vm-config and --vm-nvram go with a raw: disk, and neither reference is "
                     "one");
}

/* What only some kinds of places have. */
static int check_places(const struct options *options, struct error *err)
{
    const struct reference *destination = &options->references[1];
    if (destination->has_digest)
        return error_set(err, ERROR_REFERENCE, "%s: a digest is no place to write to; give a tag",
                         destination->text);
    if (options->tags[0] != NULL && destination->transport != TRANSPORT_REGISTRY)
        return error_set(err, ERROR_USAGE, "%s is in no registry, which is what --tag is for",
                         destination->text);
    if (transport_has_manifests(destination->transport))
        return 0;
    if (options->digestfile != NULL)
        return error_set(err, ERROR_USAGE,
                         "%s has no manifest, so there is no digest for --digestfile",
                         destination->text);
    if (options->convert.read_back)
        return error_set(err, ERROR_USAGE,
                         "%s holds no blobs that --read-back could check; use `tartconv compare`",
                         destination->text);
    return 0;
}

int check_destination(const struct options *options, struct error *err)
{
    if (check_companions(options, err) < 0 || check_places(options, err) < 0)
        return -1;
    return check_apart(options, err);
}

/* --- what is told --------------------------------------------------------------------------------
 */

/* "copied, not decoded" */
static void method_print(const struct conversion *conversion, char ret[48])
{
    snprintf(ret, 48, "%s, %s", convert_method_name(conversion->method),
             conversion->decoded ? "decoded" : "not decoded");
    if (conversion->method == METHOD_CONVERTED)
        snprintf(ret, 48, "converted");
}

/* In JSON and in words. */
static const struct {
    const char *name, *words;
} normals[] = {
    [NORMAL_UNASKED] = {NULL, NULL},
    [NORMAL_MADE] = {"made", NULL},
    [NORMAL_COPIED] = {"copied", "already normal, copied as it is"},
    [NORMAL_ALREADY] = {"already", "already normal, nothing to do"},
};

static int tell_json(const struct options *options, const struct conversion *conversion,
                     struct bytes *out, struct error *err)
{
    const struct proof *proof = &conversion->proof;
    bool dry = options->convert.dry_run;
    struct document document;
    document_begin(&document, "conversion");
    struct json *source = put_object(&document, NULL, "source");
    put_text(&document, source, "reference", options->references[0].text);
    put_digest(&document, source, "digest", proof->has_source, &proof->source);
    struct json *destination = put_object(&document, NULL, "destination");
    put_text(&document, destination, "reference", options->references[1].text);
    put_digest(&document, destination, "digest", proof->has_destination, &proof->destination);
    put_bool(&document, NULL, "dry_run", dry);
    put_text(&document, NULL, "method", convert_method_name(conversion->method));
    put_bool(&document, NULL, "decoded", conversion->decoded);
    put_uint(&document, NULL, "disk_size", proof->disk_size > 0, proof->disk_size);
    put_digest(&document, NULL, "disk_digest", proof->has_disk_digest, &proof->disk_digest);
    put_uint(&document, NULL, "layers_made", true, conversion->layers_made);
    put_uint(&document, NULL, "layers_kept", true, conversion->layers_kept);
    put_uint(&document, NULL, "encoded_size", conversion->encoded_size > 0,
             conversion->encoded_size);
    put_text(&document, NULL, "encoder", proof->encoder);
    put_text(&document, NULL, "encoder_library", proof->encoder_library);
    put_uint(&document, NULL, "blocks_encoded", !dry, proof->blocks.encoded);
    put_uint(&document, NULL, "blocks_carried", !dry, proof->blocks.carried);
    put_dropped(&document, proof);
    put_uint(&document, NULL, "spool_size", true, conversion->spool_size);
    put_text(&document, NULL, "left_out", conversion->left_out);
    put_texts(&document, NULL, "tags", options->convert.tags);
    put_text(&document, NULL, "backup_tag", conversion->backup_tag);
    put_salvage(&document, conversion->salvage);
    put_text(&document, NULL, "normal", normals[conversion->normal].name);
    return document_end(&document, out, err);
}

static int tell_text(const struct options *options, const struct conversion *conversion,
                     struct bytes *out, struct error *err)
{
    const struct proof *proof = &conversion->proof;
    const struct reference *reference = &options->references[1];
    struct text text = {.out = out, .err = err};
    AUTO_FREE char *result =
        reference_with_digest(reference, proof->has_destination, &proof->destination);
    if (result == NULL)
        return error_memory(err);
    char method[48];
    method_print(conversion, method);
    if (options->convert.dry_run && conversion->normal == NORMAL_ALREADY)
        text_line(&text, "%s: %s", reference->text, normals[conversion->normal].words);
    else if (options->convert.dry_run)
        text_line(&text,
                  "%s would be %s: %" PRIu64 " bytes of disk, %" PRIu64 " layers made, %" PRIu64
                  " kept",
                  reference->text, method, proof->disk_size, conversion->layers_made,
                  conversion->layers_kept);
    if (options->convert.dry_run && conversion->spool_size > 0)
        text_line(&text, "at most %" PRIu64 " bytes would wait in the spool at once",
                  conversion->spool_size);
    if (!options->convert.dry_run)
        text_line(&text, "%s", result);
    return text.status;
}

static void tell_tags(const struct options *options, struct run *run,
                      const struct conversion *conversion)
{
    for (size_t i = 0; options->tags[i] != NULL; i++)
        run_detail(run, "%s: tagged %s, too", options->references[1].text, options->tags[i]);
    if (conversion->backup_tag[0] != '\0')
        run_warning(run, "%s: what the tag led to before is tagged %s", options->references[1].text,
                    conversion->backup_tag);
}

static void tell_details(const struct options *options, struct run *run,
                         const struct conversion *conversion)
{
    char method[48];
    method_print(conversion, method);
    if (conversion->left_out[0] != '\0')
        run_warning(run, "%s: left out, a disk file has no place for it: %s",
                    options->references[1].text, conversion->left_out);
    if (conversion->salvage != NULL)
        tell_salvage(run, &options->references[1], conversion->salvage);
    if (options->convert.dry_run)
        return;
    if (normals[conversion->normal].words != NULL)
        run_warning(run, "%s: %s", options->references[1].text, normals[conversion->normal].words);
    else if (conversion->method != METHOD_CONVERTED && !conversion->decoded)
        run_warning(run, "%s: %s%s", options->references[1].text, method,
                    conversion->has_proof ? "; --decode decodes on the way" : "");
    tell_tags(options, run, conversion);
    run_detail(run,
               "%s: %" PRIu64 " layers made, %" PRIu64 " kept, %" PRIu64 " encoded bytes; %" PRIu64
               " blocks encoded, %" PRIu64 " carried over",
               method, conversion->layers_made, conversion->layers_kept, conversion->encoded_size,
               conversion->proof.blocks.encoded, conversion->proof.blocks.carried);
    for (size_t i = 0; i < conversion->proof.dropped_count; i++) {
        char digest[DIGEST_TEXT_SIZE];
        digest_print(&conversion->proof.dropped[i], digest);
        run_warning(run, "left out, not Tart's: layer %s", digest);
    }
}

static const char *action_of(const struct convert_options *options)
{
    return options->normalise ? "normalise" : options->to == CONVERT_TO_SAME ? "copy" : "convert";
}

int convert_and_tell(const struct options *options, const struct convert_options *given,
                     struct run *run, struct bytes *out, struct error *err)
{
    AUTO(result_file_done) struct result_file proof = RESULT_FILE_INIT;
    AUTO(result_file_done) struct result_file digest = RESULT_FILE_INIT;
    AUTO(conversion_done) struct conversion conversion = {.has_proof = false};
    if (check_destination(options, err) < 0 || result_file_open(options->proof, &proof, err) < 0 ||
        result_file_open(options->digestfile, &digest, err) < 0)
        return -1;
    struct convert_options wanted = *given;
    wanted.proof = options->proof != NULL;
    wanted.network = options->network;
    wanted.source_side = &options->sides[0];
    wanted.destination_side = &options->sides[1];
    AUTO(logged_done) struct logged logged;
    if (logged_begin(options, action_of(&wanted), run, &logged, err) < 0)
        return -1;
    wanted.watch = logged.log != NULL ? &logged.watch : NULL;
    int made =
        convert(run, &options->references[0], &options->references[1], &wanted, &conversion, err);
    if (logged_end(&logged, made, &conversion, err) < 0)
        return -1;
    tell_details(options, run, &conversion);
    if (!options->convert.dry_run &&
        (result_file_write_digest(&digest, &conversion.proof.destination, err) < 0 ||
         result_file_write_proof(&proof, &conversion.proof, err) < 0))
        return -1;
    int status = options->json ? tell_json(options, &conversion, out, err)
                               : tell_text(options, &conversion, out, err);
    return status == 0 && conversion.salvage != NULL ? STATUS_NOT_WHOLE : status;
}

int cmd_convert(const struct options *options, struct run *run, struct bytes *out,
                struct error *err)
{
    return convert_and_tell(options, &options->convert, run, out, err);
}
