/* cmd_verify.c: tartconv verify. Reads the proof to hold the image against, and tells the verdict.
 */
#include "convert/cli/command.h"
#include "convert/output/document.h"
#include "convert/stores/files.h"
#include "formats/model/auto.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

/* The verdict's three words, in JSON and in text. */
struct verdict {
    const char *name, *words;
    int status;
};

static struct verdict verdict_of(const struct verification *verification)
{
    static const struct verdict verdicts[] = {
        [SEVERITY_NOTE] = {"sound", "sound", 0},
        [SEVERITY_OBSTACLE] = {"needs-converting", "needs converting", 3},
        [SEVERITY_DAMAGE] = {"damaged", "damaged", 2},
    };
    return verdicts[findings_worst(&verification->findings)];
}

/* An image whose disk could not be read cannot be held against a proof: that is no fit either, and
 * as a rule damage. */
static int status_of(const struct options *options, const struct verification *verification)
{
    int status = verdict_of(verification).status;
    if (options->against_proof == NULL || status == 2)
        return status;
    switch (verification->fit) {
    case PROOF_FITS:
        return 0;
    case PROOF_MISFIT:
        return 1;
    default:
        return 2;
    }
}

static int proof_read(const char *path, struct proof *ret, struct error *err)
{
    const struct file_classes classes = {.absent = ERROR_NO_SUCH_FILE,
                                         .unfit = ERROR_PROOF_INVALID};
    AUTO_CLOSE int fd = -1;
    uint64_t size;
    if (file_open(AT_FDCWD, path, 0, classes, &fd, &size, err) < 0)
        return -1;
    if (size > PROOF_SIZE_MAX)
        return error_set(err, ERROR_PROOF_INVALID, "%s has %" PRIu64 " bytes, limit %u", path, size,
                         PROOF_SIZE_MAX);
    AUTO_FREE char *text = malloc((size_t)size + 1);
    if (text == NULL)
        return error_memory(err);
    if (file_read_at(fd, path, 0, text, (size_t)size, err) < 0)
        return -1;
    if (proof_parse(text, (size_t)size, ret, err) < 0)
        return error_wrap(err, "%s", path);
    return 0;
}

/* --- text ----------------------------------------------------------------------------------------
 */

/* " (layer 3, byte 17, disk byte 4096)", or "" */
static void place_print(const struct error_place *where, char ret[96])
{
    const struct {
        const char *name;
        int64_t value;
    } parts[] = {
        {"layer", where->layer}, {"byte", where->offset}, {"disk byte", where->disk_offset}};
    size_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].value >= 0)
            used += (size_t)snprintf(ret + used, 96 - used, "%s%s %" PRId64,
                                     used == 0 ? " (" : ", ", parts[i].name, parts[i].value);
    snprintf(ret + used, 96 - used, "%s", used == 0 ? "" : ")");
}

static void tell_findings(struct text *text, const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        char place[96];
        place_print(&finding->where, place);
        text_line(text, "%s: %s%s: %s", severity_name(finding->severity), finding->id, place,
                  finding->text);
        if (finding->fix[0] != '\0')
            text_line(text, "    fix: %s", finding->fix);
    }
    if (findings->left_out > 0)
        text_line(text, "and %zu more findings, up to: %s", findings->left_out,
                  severity_name(findings->left_out_worst));
}

static bool is_sample(const struct options *options)
{
    return options->verify.sample_percent > 0 || options->verify.sample_size > 0;
}

static void tell_unseen(struct text *text, const struct options *options,
                        const struct verify_options *wanted,
                        const struct verification *verification)
{
    if (is_sample(options))
        text_line(text, "sample: %" PRIu64 " bytes of disk were decoded, --seed %" PRIu64,
                  verification->sampled, wanted->seed);
    for (size_t i = 0; i < verification->unseen_count; i++)
        text_line(text, "not looked at: %s", verification->unseen[i].text);
}

static int tell_text(const struct options *options, const struct verify_options *wanted,
                     const struct verification *verification, struct bytes *out, struct error *err)
{
    struct text text = {.out = out, .err = err};
    tell_findings(&text, &verification->findings);
    tell_unseen(&text, options, wanted, verification);
    if (verification->has_disk_digest) {
        char digest[DIGEST_TEXT_SIZE];
        digest_print(&verification->disk_digest, digest);
        text_line(&text, "disk %s, %" PRIu64 " bytes", digest, verification->disk_size);
    }
    if (verification->has_digest)
        text_pullability(&text, &verification->pullability);
    if (verification->fit == PROOF_FITS)
        text_line(&text, "fits the proof");
    else if (options->against_proof != NULL)
        text_line(&text, "does not fit the proof: %s",
                  verification->fit == PROOF_MISFIT ? verification->misfit.text
                                                    : "the disk could not be read");
    AUTO_FREE char *result = reference_with_digest(&options->references[0],
                                                   verification->has_digest, &verification->digest);
    if (result == NULL)
        return error_memory(err);
    text_line(&text, "%s %s%s", result, verdict_of(verification).words,
              wanted->quick ? ", as far as looked" : "");
    return text.status;
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

static void put_fit(struct document *document, const struct options *options,
                    const struct verification *verification)
{
    if (options->against_proof == NULL) {
        put_null(document, NULL, "proof");
        return;
    }
    struct json *object = put_object(document, NULL, "proof");
    bool misfit = verification->fit == PROOF_MISFIT;
    put_bool(document, object, "fits", verification->fit == PROOF_FITS);
    put_text(document, object, "misfit", misfit ? verification->misfit.text : NULL);
    put_uint(document, object, "disk_offset", misfit && verification->misfit.where.disk_offset >= 0,
             (uint64_t)verification->misfit.where.disk_offset);
}

static void put_sample(struct document *document, const struct options *options,
                       const struct verify_options *wanted, const struct verification *verification)
{
    if (!is_sample(options)) {
        put_null(document, NULL, "sample");
        return;
    }
    struct json *object = put_object(document, NULL, "sample");
    put_uint(document, object, "seed", true, wanted->seed);
    put_uint(document, object, "decoded", true, verification->sampled);
}

static int tell_json(const struct options *options, const struct verify_options *wanted,
                     const struct verification *verification, struct bytes *out, struct error *err)
{
    struct verdict verdict = verdict_of(verification);
    struct document document;
    document_begin(&document, "verification");
    put_text(&document, NULL, "reference", options->references[0].text);
    put_digest(&document, NULL, "digest", verification->has_digest, &verification->digest);
    put_bool(&document, NULL, "sound", verdict.status != 2);
    put_text(&document, NULL, "verdict", verdict.name);
    put_bool(&document, NULL, "complete", verification->complete);
    const char *unseen[UNSEEN_MAX + 1] = {NULL};
    for (size_t i = 0; i < verification->unseen_count; i++)
        unseen[i] = verification->unseen[i].text;
    put_texts(&document, NULL, "not_looked", unseen);
    put_sample(&document, options, wanted, verification);
    struct json *disk = put_object(&document, NULL, "disk");
    put_text(&document, disk, "format",
             verification->has_format ? disk_format_name(verification->format) : NULL);
    put_bool(&document, disk, "read", verification->disk_read);
    put_uint(&document, disk, "size", verification->disk_read, verification->disk_size);
    put_digest(&document, disk, "digest", verification->has_disk_digest,
               &verification->disk_digest);
    put_uint(&document, NULL, "blobs", true, verification->blobs);
    put_pullability(&document, &verification->pullability);
    put_fit(&document, options, verification);
    put_findings(&document, &verification->findings);
    return document_end(&document, out, err);
}

static int seed_make(struct verify_options *wanted, struct error *err)
{
    if (getrandom(&wanted->seed, sizeof wanted->seed, 0) != (ssize_t)sizeof wanted->seed)
        return error_set(err, ERROR_INTERNAL, "no random number to be had; give --seed");
    wanted->seed &= INT64_MAX;
    return 0;
}

int cmd_verify(const struct options *options, struct run *run, struct bytes *out, struct error *err)
{
    AUTO(proof_done) struct proof proof = {.has_source = false};
    AUTO(verification_done) struct verification verification = {.has_digest = false};
    struct verify_options wanted = options->verify;
    wanted.network = options->network;
    wanted.side = &options->sides[0];
    wanted.quick |= is_sample(options);
    if (is_sample(options) && (options->given & GIVEN_SEED) == 0 && seed_make(&wanted, err) < 0)
        return -1;
    if (options->against_proof != NULL) {
        if (proof_read(options->against_proof, &proof, err) < 0)
            return -1;
        wanted.proof = &proof;
    }
    if (verify(run, &options->references[0], &wanted, &verification, err) < 0)
        return -1;
    int status = options->json ? tell_json(options, &wanted, &verification, out, err)
                               : tell_text(options, &wanted, &verification, out, err);
    return status < 0 ? -1 : status_of(options, &verification);
}
