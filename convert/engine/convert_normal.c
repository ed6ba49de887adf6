/* convert_normal.c: normal form (normalise): what it asks of a conversion, whether an image has it
 * already, and the short end of a run that finds nothing to do. Looks at manifests, and whether
 * blobs are there; reads and writes none.
 */
#include "convert/engine/convert_parts.h"

#include "formats/model/auto.h"

#include <string.h>

void convert_ask_normal(struct job *job)
{
    job->own = *job->options;
    job->own.to = CONVERT_TO_V2;
    job->own.chunk_size = CHUNK_SIZE_MAX;
    job->own.disk_digest = true;
    job->options = &job->own;
}

int convert_judge_normal(const struct image *image, enum transport destination, struct error *err)
{
    if (image->manifest == NULL)
        return error_set(err, ERROR_USAGE,
                         "only what has a manifest can be normalised; `tartconv convert "
                         "--disk-digest` makes an image in normal form of a disk");
    if (!transport_has_manifests(destination))
        return error_set(err, ERROR_USAGE,
                         "normal form is one of images, and a disk alone is none; use `tartconv "
                         "convert` for that");
    if (image->tart != NULL && image->tart->stacked)
        return error_set(err, ERROR_STACKED,
                         "a stacked image has no normal form: its layers are copied as they are, "
                         "with `tartconv convert`, or not at all");
    if (manifest_annotation(image->manifest, OUR_SALVAGED) != NULL)
        return error_set(err, ERROR_UNSUPPORTED,
                         "it was salvaged and is not whole, which normal form would hide; use "
                         "`tartconv convert --to same` to copy it");
    return 0;
}

int convert_is_normal(const struct image *image, const struct convert_options *options,
                      struct error *err)
{
    if (image->tart == NULL || image->mended)
        return 0;
    return tart_is_normal(image->tart, image->raw.data, image->raw.size,
                          convert_upload_time(options, image->tart), err);
}

/* --- nothing to do --- */

/* Whether something was asked for that only a run gives. */
static bool asks_for_work(const struct convert_options *options)
{
    return options->proof || options->decode || options->read_back || options->restart ||
           options->encoder.search != ENCODER_APPLE || options->reuse != NULL;
}

static void settle(const struct job *job, const struct image *found, struct conversion *ret)
{
    const struct disk *disk = &found->tart->disk;
    ret->method = METHOD_COPIED;
    ret->normal = NORMAL_ALREADY;
    ret->layers_kept = disk->layer_count;
    for (size_t i = 0; i < disk->layer_count; i++)
        ret->encoded_size += disk->layers[i].blob.size;
    ret->proof.has_source = ret->proof.has_destination = true;
    ret->proof.source = job->image.digest;
    ret->proof.destination = found->digest;
    ret->proof.disk_size = disk->size;
}

/* Whether the image is what this run would bring there: the source itself, or made of it, as it
 * says itself; a seal that fits, which normal form has, makes that credible. */
static int is_the_result(const struct job *job, const struct image *there, bool source_is_normal,
                         struct error *err)
{
    if (source_is_normal)
        return digest_equal(&there->digest, &job->image.digest);
    struct digest stated;
    const char *text =
        there->tart == NULL ? NULL : manifest_annotation(there->manifest, OUR_SOURCE_DIGEST);
    if (text == NULL || !digest_parse(text, &stated) || !digest_equal(&stated, &job->image.digest))
        return 0;
    return tart_check_rules(there->manifest, err) < 0 ? 0
                                                      : convert_is_normal(there, job->options, err);
}

static void none_is_lost(void *context, const struct digest *blob)
{
    (void)context;
    (void)blob;
}

/* Registries: sets further tags, behind asking for the blobs: 1, 0 where not all are there, -1. */
static int set_tags(struct job *job, const struct image *there, struct conversion *ret,
                    struct error *err)
{
    if (convert_open_destination(job, &there->digest, err) < 0 ||
        bytes_append(&job->manifest, there->raw.data, there->raw.size, err) < 0)
        return -1;
    const struct publication publication = {.manifest = &job->manifest};
    int all = store_stage(job->destination, &publication, none_is_lost, NULL, err);
    if (all == 1)
        return convert_publish(job, ret, err) < 0 ? -1 : 1;
    if (all == 0) {
        job->destination = store_close(job->destination);
        job->manifest.size = 0;
    }
    return all;
}

static bool is_there(struct blobs *blobs, const struct blob_id *id)
{
    struct error ignored;
    AUTO(blob_close_auto) struct blob *blob = NULL;
    return blobs_open(blobs, id, &blob, &ignored) == 0 && blob->size == id->size;
}

/* Layouts: nothing is opened for writing, which would leave its traces. Registries are not asked:
 * they keep what a manifest of theirs names, and a question a blob makes a short run a long one. */
static bool all_are_there(const struct image *there)
{
    const struct manifest *manifest = there->manifest;
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (!is_there(there->blobs, &manifest->layers[i].blob))
            return false;
    return is_there(there->blobs, &manifest->config.blob);
}

/* What the destination's tag leads to; 0 where that cannot be told: what is wrong there, is told
 * when it is written to. */
static int look_there(const struct job *job, struct store **ret, struct image *ret_image)
{
    struct error ignored;
    struct store_options options = {.network = job->options->network,
                                    .side = job->options->destination_side};
    bool tagged = job->to->transport == TRANSPORT_REGISTRY ||
                  (job->to->transport == TRANSPORT_OCI && job->to->tag != NULL);
    return tagged && store_open_source(job->to, &options, ret, &ignored) == 0 &&
           store_load(*ret, ret_image, &ignored) == 0;
}

int convert_settle(struct job *job, struct conversion *ret, struct error *err)
{
    bool source_is_normal = ret->normal == NORMAL_COPIED;
    if (asks_for_work(job->options))
        return 0;
    if (job->options->in_place) {
        if (!source_is_normal || job->image.from_index || job->options->tags != NULL)
            return 0;
        settle(job, &job->image, ret);
        return 1;
    }
    AUTO(store_close_auto) struct store *store = NULL;
    AUTO(image_done) struct image there = {.blobs = NULL};
    if (!look_there(job, &store, &there))
        return 0;
    int status = there.from_index ? 0 : is_the_result(job, &there, source_is_normal, err);
    if (status == 1 && job->to->transport == TRANSPORT_OCI)
        status = all_are_there(&there);
    else if (status == 1 && job->options->tags != NULL && !job->options->dry_run)
        status = set_tags(job, &there, ret, err);
    if (status == 1)
        settle(job, &there, ret);
    return status;
}
