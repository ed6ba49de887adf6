/* convert_salvage.c: what a conversion with --salvage does before its disk is read: what is
 * refused, the survey, and the words for what it found. Reading is formats/salvage.h's business.
 */
#include "convert/engine/convert_parts.h"

#include "formats/chain.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>

/* A salvaged disk takes no other's place and passes for no other (docs/formats/manifest.md). */
int convert_check_salvage(const struct convert_options *options, struct error *err)
{
    const struct {
        bool given;
        const char *name;
    } excluded[] = {
        {options->in_place, "--in-place"},
        {options->replace, "--replace"},
        {options->plain, "--plain"},
        {options->proof, "--proof"},
        {options->to != CONVERT_TO_V2, "--to"},
    };
    if (!options->salvage)
        return 0;
    for (size_t i = 0; i < sizeof excluded / sizeof excluded[0]; i++)
        if (excluded[i].given)
            return error_set(err, ERROR_USAGE,
                             "--salvage makes a new V2 image or disk that says it is not whole, "
                             "which excludes %s",
                             excluded[i].name);
    return 0;
}

static int survey_step(void *context, uint64_t bytes, struct error *err)
{
    run_progress(context, bytes);
    return run_check(context, err);
}

/* --- whether it is damage at all: layers that are whole, in a wrong order --- */

static int scan_layer(struct job *job, struct chain_scan *scan, size_t index,
                      struct chain_layer *ret, struct error *err)
{
    struct blob *blob = NULL;
    const uint8_t *data;
    size_t size;
    if (blobs_open(job->image.blobs, &job->disk.layers[index].blob, &blob, err) < 0)
        return -1;
    int status;
    while ((status = blob_peek(blob, &data, &size, err)) == 1) {
        if (chain_scan_push(scan, data, size, err) < 0 || run_check(job->run, err) < 0) {
            status = -1;
            break;
        }
        blob_skip(blob, size);
        run_progress(job->run, size);
    }
    blob_close(blob);
    ret->digest = job->disk.layers[index].blob.digest;
    return status < 0 ? -1 : chain_scan_end(scan, ret, err);
}

static bool is_given_order(const struct job *job, const struct chain_result *result)
{
    for (size_t i = 0; i < result->count; i++)
        if (!digest_equal(&job->disk.layers[result->order[i]].blob.digest,
                          &job->disk.layers[i].blob.digest))
            return false;
    return true;
}

/* Lengths alone are asked: no other order than the given one is a good stream by chance. */
static int judge_order(const struct job *job, const struct chain_result *result, struct error *err)
{
    if ((result->verdict != CHAIN_ORDERED && result->verdict != CHAIN_AMBIGUOUS) ||
        is_given_order(job, result))
        return 0;
    return error_set(err, ERROR_LAYER_CHAIN,
                     "all layers are whole, and make one stream in another order: nothing is to be "
                     "salvaged, `tartconv repair` puts it right");
}

static int check_order(struct job *job, struct error *err)
{
    size_t count = job->disk.layer_count, done = 0;
    for (size_t i = 0; i < count; i++)
        if (!job->salvage->layers[i].good)
            return 0;
    if (count < 2 || count > CHAIN_LAYERS_MAX)
        return 0;
    AUTO_FREE struct chain_layer *layers = calloc(count, sizeof *layers);
    struct chain_scan *scan = layers == NULL ? NULL : chain_scan_new(err);
    int status = scan == NULL ? -1 : 0;
    if (layers == NULL)
        error_memory(err);
    while (status == 0 && done < count) {
        status = scan_layer(job, scan, done, &layers[done], err);
        done++;
    }
    AUTO(chain_result_done) struct chain_result result = {.order = NULL};
    if (status == 0)
        status = chain_search(layers, count, NULL, &result, err);
    if (status == 0)
        status = judge_order(job, &result, err);
    for (size_t i = 0; i < done; i++)
        chain_layer_done(&layers[i]);
    chain_scan_free(scan);
    return status;
}

/* --- words --- */

static void tell_layer(struct run *run, const struct salvage_layer *layer, uint64_t expected)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&layer->digest, digest);
    if (layer->absent)
        run_warning(run, "layer %zu is absent", layer->index);
    else if (layer->size == expected)
        run_warning(run,
                    "layer %zu is damaged: its digest is %s; which of its bytes are wrong, only "
                    "broken blocks tell, so all others of it are unverified",
                    layer->index, digest);
    else
        run_warning(run,
                    "layer %zu is damaged: %" PRIu64 " bytes are there, its descriptor says "
                    "%" PRIu64 ", and its digest is %s",
                    layer->index, layer->size, expected, digest);
}

static void tell_survey(const struct job *job)
{
    const struct salvage *salvage = job->salvage;
    bool all_good = true;
    for (size_t i = 0; i < job->disk.layer_count; i++) {
        if (!salvage->layers[i].good)
            tell_layer(job->run, &salvage->layers[i], job->disk.layers[i].blob.size);
        all_good = all_good && salvage->layers[i].good;
    }
    if (all_good)
        run_warning(job->run,
                    "all layers match their digests, but do not make one stream: one is "
                    "missing, of another image, or was damaged before it got its digest; another "
                    "copy of the image may be whole");
    if (salvage->unplaced > 0)
        run_warning(job->run,
                    "behind disk byte %" PRIu64
                    " it stops, as far as the disk's end does not tell: "
                    "%" PRIu64 " bytes can be read, but nothing says where on the disk they lie",
                    salvage->gap_start, salvage->unplaced);
}

/* What only reading tells, where nothing is written that would. */
static int read_dry(struct job *job, struct error *err)
{
    const struct reader_options options = {.salvage = job->salvage};
    AUTO(reader_close_auto) struct reader *reader = NULL;
    struct batch *batch = batch_new(err);
    if (batch == NULL)
        return -1;
    int status = reader_open_with(&job->disk, job->image.blobs, &options, &reader, err);
    if (status == 0)
        status = 1;
    while (status == 1) {
        batch_reset(batch, reader->position, 64u << 20);
        status = reader_read(reader, batch, err);
        if (status == 1 && run_check(job->run, err) < 0)
            status = -1;
    }
    batch_free(batch);
    return status;
}

int convert_survey(struct job *job, struct error *err)
{
    const struct tart_image *tart = job->image.tart;
    if (tart == NULL || tart->disk.format != DISK_V1)
        return error_set(err, ERROR_UNSUPPORTED,
                         "--salvage is for disk.v1 images: a layer of any other that is whole can "
                         "be read by itself, and one that is not is lost");
    const struct salvage_watch watch = {job->run, survey_step};
    uint64_t total = 0;
    for (size_t i = 0; i < tart->disk.layer_count; i++)
        total += tart->disk.layers[i].blob.size;
    run_start_progress(job->run, total);
    if (salvage_survey(&tart->disk, job->image.blobs, &watch, &job->salvage, err) < 0)
        return -1;
    job->disk = tart->disk;
    if (!job->salvage->damaged) {
        job->salvage = salvage_free(job->salvage);
        run_warning(job->run, "%s is not damaged, so nothing is to be salvaged", job->from->text);
        return 0;
    }
    if (check_order(job, err) < 0)
        return -1;
    job->disk.size = job->salvage->size;
    job->disk.has_size = true;
    tell_survey(job);
    return job->options->dry_run ? read_dry(job, err) : 0;
}

const char *convert_salvaged_text(const struct salvage *salvage, char ret[SALVAGED_TEXT_SIZE])
{
    const uint64_t *bytes = salvage->ranges.bytes;
    snprintf(ret, SALVAGED_TEXT_SIZE,
             "missing %" PRIu64 " bytes, derived %" PRIu64 " bytes, unverified %" PRIu64 " bytes",
             bytes[SALVAGE_MISSING], bytes[SALVAGE_DERIVED], bytes[SALVAGE_UNVERIFIED]);
    return ret;
}
