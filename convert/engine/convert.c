/* convert.c: one conversion, read from top to bottom: look, judge, plan, move the small parts and
 * the disk, write the manifest, publish, prove. Every step's work is elsewhere.
 */
#include "convert/engine/convert_parts.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

void conversion_done(struct conversion *conversion)
{
    proof_done(&conversion->proof);
}

/* What is carried through the steps. */
struct job {
    struct run *run;
    const struct convert_options *options;
    enum transport to; /* of the destination */
    struct image image;
    struct disk disk; /* the source's, its size known; shares the image's layers */
    struct plan plan;
    struct store *destination;
    struct bytes vm_config, nvram, image_config, manifest;
    struct blob_id vm_config_id, nvram_id, image_config_id;
    struct made_disk made;
};

static void job_init(struct job *job, struct run *run, const struct convert_options *options)
{
    *job = (struct job){.run = run, .options = options};
    bytes_init(&job->vm_config, TART_CONFIG_MAX);
    bytes_init(&job->nvram, TART_NVRAM_MAX);
    bytes_init(&job->image_config, TART_CONFIG_MAX + 4096);
    bytes_init(&job->manifest, MANIFEST_SIZE_MAX);
}

static void job_done(struct job *job)
{
    job->destination = store_close(job->destination);
    made_disk_done(&job->made);
    plan_done(&job->plan);
    bytes_done(&job->vm_config);
    bytes_done(&job->nvram);
    bytes_done(&job->image_config);
    bytes_done(&job->manifest);
    image_done(&job->image);
}

/* --- the small parts --- */

static const struct blob_id *part_id(const struct job *job, bool nvram)
{
    const struct tart_image *tart = job->image.tart;
    if (tart != NULL)
        return nvram ? &tart->nvram->blob : &tart->config->blob;
    return nvram ? &job->image.nvram : &job->image.vm_config;
}

static int part_read(const struct job *job, const struct blob_id *id, const char *name,
                     struct bytes *ret, struct error *err)
{
    if (blobs_read_all(job->image.blobs, id, ret, err) == 0)
        return 0;
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, digest);
    return error_wrap(err, "%s %s", name, digest);
}

/* config.v1 is needed in any case: to be carried, and for the label of the image config. */
static int vm_config_read(struct job *job, struct error *err)
{
    return job->image.has_vm_config
               ? part_read(job, part_id(job, false), "config.v1", &job->vm_config, err)
               : 0;
}

static int nvram_read(struct job *job, struct error *err)
{
    return job->image.has_nvram ? part_read(job, part_id(job, true), "nvram.v1", &job->nvram, err)
                                : 0;
}

static int image_config_prepare(struct job *job, struct error *err)
{
    struct vm_config config;
    if (vm_config_parse(job->vm_config.data, job->vm_config.size, &config, err) < 0)
        return error_wrap(err, "config.v1");
    if (job->image.manifest == NULL)
        return image_config_make(NULL, 0, &config, &job->image_config, err);
    AUTO(bytes_done) struct bytes source;
    bytes_init(&source, TART_CONFIG_MAX);
    if (part_read(job, &job->image.manifest->config.blob, "image config", &source, err) < 0)
        return -1;
    return image_config_make(source.data, source.size, &config, &job->image_config, err);
}

/* Moves config.v1, NVRAM and the image config into a destination that holds blobs. */
static int parts_put(struct job *job, struct sink *sink, struct error *err)
{
    if (image_config_prepare(job, err) < 0)
        return -1;
    struct feed feed;
    feed_init(&feed, job->image.blobs, sink, false);
    job->nvram_id = *part_id(job, true);
    if (feed_copy(&feed, &job->nvram_id, job->run, err) < 0)
        return error_wrap(err, "nvram.v1");
    if (sink_put(sink, job->vm_config.data, job->vm_config.size, &job->vm_config_id, err) < 0)
        return error_wrap(err, "config.v1");
    if (sink_put(sink, job->image_config.data, job->image_config.size, &job->image_config_id, err) <
        0)
        return error_wrap(err, "the image config");
    return 0;
}

/* --- the manifest --- */

static const char *upload_time(const struct job *job)
{
    switch (job->options->upload_time) {
    case UPLOAD_TIME_NONE:
        return NULL;
    case UPLOAD_TIME_SET:
        return job->options->upload_time_text;
    default:
        return job->image.tart != NULL ? job->image.tart->upload_time : NULL;
    }
}

static int manifest_make(struct job *job, struct error *err)
{
    struct tart_parts parts = {
        .source = job->image.manifest,
        .source_digest = job->image.manifest != NULL ? &job->image.digest : NULL,
        .image_config = job->image_config_id,
        .vm_config = job->vm_config_id,
        .nvram = job->nvram_id,
        .disk = &job->made.disk,
        .disk_digest = job->made.has_disk_digest ? &job->made.disk_digest : NULL,
        .upload_time = upload_time(job),
        .plain = job->options->plain,
    };
    return tart_manifest_make(&parts, &job->manifest, err);
}

/* --- the end --- */

static int proof_fill(struct job *job, struct conversion *ret, struct error *err)
{
    struct proof *proof = &ret->proof;
    proof->has_source = job->image.manifest != NULL;
    proof->source = job->image.digest;
    proof->has_destination = job->manifest.size > 0;
    if (proof->has_destination &&
        digest_of(job->manifest.data, job->manifest.size, &proof->destination, err) < 0)
        return -1;
    proof->disk_size = job->disk.size;
    proof->has_disk_digest = job->made.has_disk_digest;
    proof->disk_digest = job->made.disk_digest;
    proof->blocks = job->made.blocks;
    proof->chunks = take_ptr(&job->made.chunks);
    proof->chunk_count = job->made.chunk_count;
    if (job->plan.kept < job->plan.count && job->plan.format != DISK_RAW) {
        char buffer[16];
        snprintf(proof->encoder, sizeof proof->encoder, "%s",
                 encoder_kind_name(job->options->encoder, buffer));
        const char *library = encoder_kind_library(job->options->encoder);
        snprintf(proof->encoder_library, sizeof proof->encoder_library, "%s",
                 library != NULL ? library : "");
    }
    size_t dropped = job->image.tart != NULL ? job->image.tart->foreign_count : 0;
    if (ret->method == METHOD_COPIED || dropped == 0)
        return 0;
    proof->dropped = calloc(dropped, sizeof *proof->dropped);
    if (proof->dropped == NULL)
        return error_memory(err);
    for (size_t i = 0; i < dropped; i++)
        proof->dropped[i] = job->image.manifest->layers[job->image.tart->foreign[i]].blob.digest;
    proof->dropped_count = dropped;
    return 0;
}

/* Every blob is fetched again from the destination, hashed and decoded, before anything points to
 * it. */
static int read_back(struct job *job, const struct conversion *conversion, struct error *err)
{
    struct error misfit;
    int fits = proof_hold(&conversion->proof, job->run, &job->made.disk,
                          store_blobs(job->destination), &misfit, err);
    if (fits == 0) {
        *err = misfit;
        err->class = ERROR_ROUND_TRIP;
    }
    return fits == 1 ? 0 : error_wrap(err, "reading back what was written");
}

static void summary_fill(const struct job *job, struct conversion *ret)
{
    const struct disk *disk = job->plan.count > 0 ? &job->made.disk : &job->disk;
    ret->layers_kept = job->plan.count > 0 ? job->plan.kept : disk->layer_count;
    ret->layers_made = job->plan.count - job->plan.kept;
    if (job->plan.count > 0 && disk->format == DISK_V1)
        ret->layers_made = disk->layer_count;
    for (size_t i = 0; i < disk->layer_count; i++)
        ret->encoded_size += disk->layers[i].blob.size;
    ret->decoded = (job->plan.count > 0 && job->plan.kept == 0) || job->options->decode ||
                   job->options->disk_digest;
    if (ret->method != METHOD_COPIED && job->plan.count > 0 && ret->layers_made == 0)
        ret->method = METHOD_REWRITTEN;
}

static int publish(struct job *job, struct error *err)
{
    struct publication publication = {
        .manifest = job->manifest.size > 0 ? &job->manifest : NULL,
        .vm_config = job->image.has_vm_config ? &job->vm_config : NULL,
        .nvram = job->image.has_nvram ? &job->nvram : NULL,
        .disk_size = job->disk.size,
    };
    return store_publish(job->destination, &publication, err);
}

/* --- the disk --- */

/* Where the disk was hashed whole, the source's own digest of it must be that one. */
static int disk_digest_check(const struct job *job, struct error *err)
{
    const struct tart_image *tart = job->image.tart;
    if (!job->made.has_disk_digest || tart == NULL || tart->disk.format != DISK_V2)
        return 0;
    size_t first = tart->disk.layers[0].index;
    const char *text = descriptor_annotation(&tart->manifest->layers[first], TART_FILE_DIGEST);
    struct digest stated;
    if (text == NULL ||
        (digest_parse(text, &stated) && digest_equal(&stated, &job->made.disk_digest)))
        return 0;
    char found[DIGEST_TEXT_SIZE];
    digest_print(&job->made.disk_digest, found);
    error_set(err, ERROR_DISK_DIGEST, "the disk's digest is %s, layer %zu says %s", found, first,
              text);
    err->where.layer = (int64_t)first;
    return -1;
}

static int disk_make(struct job *job, struct sink *sink, struct error *err)
{
    if (convert_disk(job->run, &job->disk, job->image.blobs, &job->plan, job->options, sink,
                     store_disk_file(job->destination), &job->made, err) < 0)
        return -1;
    return disk_digest_check(job, err);
}

/* --- the ways of a conversion --- */

/* Manifest and blobs byte for byte. The disk is decoded on the way where that was asked for. */
static int copy_image(struct job *job, struct conversion *ret, struct error *err)
{
    struct sink *sink = store_sink(job->destination);
    const struct disk *disk = image_disk(&job->image);
    bool plannable = disk != NULL && job->plan.count > 0;
    if (plannable && disk_make(job, sink, err) < 0)
        return -1;
    if (convert_copy_blobs(job->run, &job->image, sink, err) < 0 ||
        bytes_append(&job->manifest, job->image.raw.data, job->image.raw.size, err) < 0)
        return -1;
    ret->has_proof = plannable;
    return 0;
}

static int convert_image(struct job *job, struct conversion *ret, struct error *err)
{
    struct sink *sink = store_sink(job->destination);
    if (vm_config_read(job, err) < 0)
        return -1;
    if (sink != NULL ? parts_put(job, sink, err) < 0 : nvram_read(job, err) < 0)
        return -1;
    if (disk_make(job, sink, err) < 0)
        return -1;
    if (sink != NULL && manifest_make(job, err) < 0)
        return -1;
    if (sink != NULL && job->image.manifest != NULL &&
        json_get(job->image.manifest->tree, "subject") != NULL)
        run_warning(job->run,
                    "left out: the manifest's subject, which belongs to the source alone");
    ret->has_proof = true;
    return 0;
}

static int plan_job(struct job *job, enum convert_method method, struct error *err)
{
    const struct disk *disk = image_disk(&job->image);
    if (disk == NULL)
        return 0; /* copied by digests alone */
    bool as_it_is = method == METHOD_COPIED;
    job->disk = *disk;
    /* a copy is held by its blobs' digests; of a V2 image the annotations tell the disk as well */
    if (as_it_is &&
        (disk->format != DISK_V2 || (job->options->to == CONVERT_TO_SAME && !job->options->decode)))
        return 0;
    enum disk_format format = job->to != TRANSPORT_OCI            ? DISK_RAW
                              : as_it_is                          ? disk->format
                              : job->options->to == CONVERT_TO_V1 ? DISK_V1
                                                                  : DISK_V2;
    struct feed feed;
    feed_init(&feed, job->image.blobs, NULL, job->run->threads > 1);
    if (disk_measure(job->run, disk, &feed.blobs, &job->disk, err) < 0)
        return -1;
    return plan_make(&job->disk, format, job->options, as_it_is, &job->plan, err);
}

static int destination_open(struct job *job, const struct reference *destination, struct error *err)
{
    struct store_options options = {.replace = job->options->replace};
    if (job->to == TRANSPORT_RAW) {
        options.vm_config = job->options->vm_config;
        options.vm_nvram = job->options->vm_nvram;
    }
    return store_open_destination(destination, &options, &job->destination, err);
}

static void note_left_out(const struct job *job, struct conversion *ret)
{
    if (job->to != TRANSPORT_RAW)
        return;
    bool config = job->image.has_vm_config && job->options->vm_config == NULL;
    bool nvram = job->image.has_nvram && job->options->vm_nvram == NULL;
    snprintf(ret->left_out, sizeof ret->left_out, "%s%s%s", config ? "config.v1" : "",
             config && nvram ? ", " : "", nvram ? "NVRAM" : "");
}

static int run_job(struct job *job, const struct reference *destination, struct conversion *ret,
                   struct error *err)
{
    if (convert_judge(&job->image, job->to, job->options, &ret->method, err) < 0 ||
        plan_job(job, ret->method, err) < 0)
        return -1;
    if (job->options->proof && job->plan.count == 0)
        return error_set(
            err, ERROR_UNSUPPORTED,
            "a copy that is not decoded proves nothing of the disk: leave --proof out; "
            "`tartconv compare --proof` makes one afterwards");
    note_left_out(job, ret);
    if (job->options->dry_run) {
        summary_fill(job, ret);
        return proof_fill(job, ret, err);
    }
    if (destination_open(job, destination, err) < 0)
        return -1;
    int status =
        ret->method == METHOD_COPIED ? copy_image(job, ret, err) : convert_image(job, ret, err);
    if (status < 0)
        return -1;
    summary_fill(job, ret);
    if (proof_fill(job, ret, err) < 0)
        return -1;
    if (job->options->read_back && ret->has_proof && store_sink(job->destination) != NULL &&
        read_back(job, ret, err) < 0)
        return -1;
    if (run_check(job->run, err) < 0)
        return -1;
    return publish(job, err);
}

int convert(struct run *run, const struct reference *source, const struct reference *destination,
            const struct convert_options *options, struct conversion *ret, struct error *err)
{
    *ret = (struct conversion){.method = METHOD_CONVERTED};
    AUTO(store_close_auto) struct store *store = NULL;
    struct store_options source_options = {.vm_config = options->vm_config,
                                           .vm_nvram = options->vm_nvram};
    if (source->transport != TRANSPORT_RAW)
        source_options = (struct store_options){.replace = false};
    struct job job;
    job_init(&job, run, options);
    job.to = destination->transport;
    int status = store_open_source(source, &source_options, &store, err);
    if (status == 0)
        status = store_load(store, &job.image, err);
    if (status < 0)
        error_wrap(err, "%s", source->text);
    else
        status = run_job(&job, destination, ret, err);
    job_done(&job);
    if (status < 0)
        conversion_done(ret);
    return status;
}
