/* cmd_compare.c: tartconv compare. Tells whether, and where not; writes the proof where asked. */
#include "convert/cli/command.h"
#include "convert/cli/result_file.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>

static void put_side(struct document *document, const char *key, const struct reference *reference,
                     bool has_digest, const struct digest *digest, uint64_t disk_size)
{
    struct json *object = put_object(document, NULL, key);
    put_text(document, object, "reference", reference->text);
    put_digest(document, object, "digest", has_digest, digest);
    put_uint(document, object, "disk_size", true, disk_size);
}

static int tell_json(const struct options *options, const struct comparison *comparison,
                     struct bytes *out, struct error *err)
{
    struct document document;
    document_begin(&document, "comparison");
    put_side(&document, "a", &options->references[0], comparison->has_digest_a,
             &comparison->digest_a, comparison->size_a);
    put_side(&document, "b", &options->references[1], comparison->has_digest_b,
             &comparison->digest_b, comparison->size_b);
    put_bool(&document, NULL, "same", comparison->same);
    put_bool(&document, NULL, "all", options->compare.all);
    put_bool(&document, NULL, "same_disk", comparison->same_disk);
    put_bool(&document, NULL, "same_vm_config", comparison->same_vm_config);
    put_bool(&document, NULL, "same_nvram", comparison->same_nvram);
    put_bool(&document, NULL, "same_labels", comparison->same_labels);
    put_uint(&document, NULL, "first_difference", comparison->differs_at, comparison->first);
    put_uint(&document, NULL, "byte_a", comparison->differs_at, comparison->byte_a);
    put_uint(&document, NULL, "byte_b", comparison->differs_at, comparison->byte_b);
    put_uint(&document, NULL, "bytes_compared", true, comparison->compared);
    return document_end(&document, out, err);
}

static void tell_disk(struct text *text, const struct comparison *comparison)
{
    if (comparison->same_disk)
        text_line(text, "disks: the same, %" PRIu64 " bytes", comparison->size_a);
    if (comparison->size_a != comparison->size_b)
        text_line(text, "disks: different, %" PRIu64 " and %" PRIu64 " bytes", comparison->size_a,
                  comparison->size_b);
    if (comparison->differs_at)
        text_line(text, "disks: different from byte %" PRIu64 " on, 0x%02x and 0x%02x",
                  comparison->first, comparison->byte_a, comparison->byte_b);
}

static int tell_text(const struct options *options, const struct comparison *comparison,
                     struct bytes *out, struct error *err)
{
    struct text text = {.out = out, .err = err};
    AUTO_FREE char *a = reference_with_digest(&options->references[0], comparison->has_digest_a,
                                              &comparison->digest_a);
    AUTO_FREE char *b = reference_with_digest(&options->references[1], comparison->has_digest_b,
                                              &comparison->digest_b);
    if (a == NULL || b == NULL)
        return error_memory(err);
    tell_disk(&text, comparison);
    if (!comparison->same_vm_config)
        text_line(&text, "VM configurations: different");
    if (!comparison->same_nvram)
        text_line(&text, "NVRAMs: different");
    if (!comparison->same_labels)
        text_line(&text, "labels: different");
    text_line(&text, "%s %s %s", a, b, comparison->same ? "same" : "different");
    return text.status;
}

int cmd_compare(const struct options *options, struct run *run, struct bytes *out,
                struct error *err)
{
    AUTO(result_file_done) struct result_file proof = RESULT_FILE_INIT;
    AUTO(comparison_done) struct comparison comparison = {.same = false};
    struct compare_options wanted = options->compare;
    wanted.network = options->network;
    wanted.side_a = &options->sides[0];
    wanted.side_b = &options->sides[1];
    if (result_file_open(options->proof, &proof, err) < 0 ||
        compare(run, &options->references[0], &options->references[1], &wanted, &comparison, err) <
            0)
        return -1;
    if (comparison.same_disk && result_file_write_proof(&proof, &comparison.proof, err) < 0)
        return -1;
    if (!comparison.same_disk && proof.path != NULL)
        run_warning(run, "%s is not written: the disks differ", proof.path);
    int status = options->json ? tell_json(options, &comparison, out, err)
                               : tell_text(options, &comparison, out, err);
    return status < 0 ? -1 : comparison.same ? 0 : 1;
}
