/* convert.c: one conversion, read from top to bottom: look, judge, plan, move the small parts and
 * the disk, write the manifest, publish, prove. Every step's work is elsewhere.
 */
#include "convert/engine/convert_parts.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void conversion_done(struct conversion *conversion)
{
    proof_done(&conversion->proof);
    conversion->salvage = salvage_free(conversion->salvage);
}

static void job_init(struct job *job, struct run *run, const struct convert_options *options)
{
    *job = (struct job){.run = run, .options = options};
    bytes_init(&job->vm_config, TART_CONFIG_MAX);
    bytes_init(&job->nvram, TART_NVRAM_MAX);
    bytes_init(&job->image_config, TART_CONFIG_MAX + 4096);
    bytes_init(&job->manifest, MANIFEST_SIZE_MAX);
    meter_init(&job->meter);
}

static void job_done(struct job *job)
{
    job->destination = store_close(job->destination);
    made_disk_done(&job->made);
    job->reuse = reuse_free(job->reuse);
    job->salvage = salvage_free(job->salvage);
    plan_done(&job->plan);
    bytes_done(&job->vm_config);
    bytes_done(&job->nvram);
    bytes_done(&job->image_config);
    bytes_done(&job->manifest);
    image_done(&job->image);
    job->source = store_close(job->source);
    meter_done(&job->meter);
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
    const struct disk_target target = {
        .sink = sink,
        .file = meter_file(&job->meter, store_disk_file(job->destination)),
        .uploads = store_uploads(job->destination),
        .state = job->state,
        .reuse = job->reuse,
        .salvage = job->salvage,
    };
    if (convert_disk(job->run, &job->disk, job->image.blobs, &job->plan, job->options, &target,
                     &job->made, err) < 0)
        return -1;
    return disk_digest_check(job, err);
}

/* --- the ways of a conversion --- */

/* Manifest and blobs byte for byte. The disk is decoded on the way where that was asked for. */
static int copy_image(struct job *job, struct conversion *ret, struct error *err)
{
    struct sink *sink = meter_sink(&job->meter, store_sink(job->destination));
    const struct disk *disk = image_disk(&job->image);
    bool plannable = disk != NULL && job->plan.count > 0;
    if (plannable && disk_make(job, sink, err) < 0)
        return -1;
    if (convert_copy_blobs(job->run, &job->image, sink, store_uploads(job->destination), err) < 0 ||
        bytes_append(&job->manifest, job->image.raw.data, job->image.raw.size, err) < 0)
        return -1;
    ret->has_proof = plannable;
    return 0;
}

static int convert_image(struct job *job, struct conversion *ret, struct error *err)
{
    struct sink *sink = meter_sink(&job->meter, store_sink(job->destination));
    if (convert_read_vm_config(job, err) < 0)
        return -1;
    if (sink != NULL ? convert_put_small(job, sink, err) < 0 : convert_read_nvram(job, err) < 0)
        return -1;
    if (ret->method == METHOD_REWRITTEN ? convert_rewrite(job, sink, err) < 0
                                        : disk_make(job, sink, err) < 0)
        return -1;
    if (sink != NULL && convert_make_manifest(job, err) < 0)
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
    if (job->options->salvage && convert_survey(job, err) < 0)
        return -1;
    if (disk == NULL)
        return 0; /* copied by digests alone */
    bool as_it_is = method == METHOD_COPIED;
    if (job->salvage == NULL)
        job->disk = *disk;
    /* a copy is held by its blobs' digests; of a V2 image the annotations tell the disk as well */
    if (as_it_is &&
        (disk->format != DISK_V2 || (job->options->to == CONVERT_TO_SAME && !job->options->decode)))
        return 0;
    enum disk_format format = !transport_has_manifests(job->to->transport) ? DISK_RAW
                              : as_it_is                                   ? disk->format
                              : job->options->to == CONVERT_TO_V1          ? DISK_V1
                                                                           : DISK_V2;
    struct feed feed;
    feed_init(&feed, job->image.blobs, NULL, job->run->threads > 1);
    if (job->salvage == NULL && disk_measure(job->run, disk, &feed.blobs, &job->disk, err) < 0)
        return -1;
    return plan_make(&job->disk, format, job->options, as_it_is, &job->plan, err);
}

static int source_open(struct job *job, struct error *err)
{
    const struct convert_options *given = job->options;
    struct store_options options = {.network = given->network,
                                    .side = given->source_side,
                                    .mirrors = given->mirrors,
                                    .mirror_count = given->mirror_count};
    if (job->from->transport == TRANSPORT_RAW) {
        options.vm_config = given->vm_config;
        options.vm_nvram = given->vm_nvram;
    }
    if (store_open_source(job->from, &options, &job->source, err) < 0)
        return -1;
    if (given->mend == NULL ? store_load(job->source, &job->image, err) < 0
                            : store_load_tolerant(job->source, &job->image, err) < 0)
        return -1;
    if (given->pinned != NULL && !digest_equal(given->pinned, &job->image.digest))
        return error_set(err, ERROR_TAG_MOVED,
                         "the tag was moved since it was looked at; run the same again");
    job->image.blobs = meter_source(&job->meter, job->image.blobs);
    return given->mend == NULL
               ? 0
               : given->mend->mend(given->mend->context, job->run, &job->image, err);
}

int convert_open_destination(struct job *job, const struct digest *result, struct error *err)
{
    const struct convert_options *given = job->options;
    const struct reference *from = job->from, *to = job->to;
    bool next_door = from->transport == TRANSPORT_REGISTRY && to->transport == TRANSPORT_REGISTRY &&
                     strcmp(from->host, to->host) == 0;
    const struct reference *reuse = given->reuse;
    bool reuse_next_door = reuse != NULL && reuse->transport == TRANSPORT_REGISTRY &&
                           to->transport == TRANSPORT_REGISTRY &&
                           strcmp(reuse->host, to->host) == 0;
    struct store_options options = {
        .replace = given->replace,
        .network = given->network,
        .side = given->destination_side,
        .mount_from = {next_door ? from->repository : NULL,
                       reuse_next_door ? reuse->repository : NULL},
        .tags = given->tags,
        .backup_tag = given->backup_tag,
        .no_backup = given->no_backup,
        .watch = job->state != NULL ? &job->watch : NULL,
        .in_place = given->in_place,
        .result_digest = result,
        .source_digest = given->plain || job->image.manifest == NULL || job->salvage != NULL
                             ? NULL
                             : &job->image.digest,
    };
    if (to->transport == TRANSPORT_RAW) {
        options.vm_config = given->vm_config;
        options.vm_nvram = given->vm_nvram;
    }
    return store_open_destination(to, &options, &job->destination, err);
}

/* Opened behind the destination, whose rights it has. */
static int reuse_prepare(struct job *job, struct error *err)
{
    const struct convert_options *given = job->options;
    if (given->reuse == NULL || job->plan.format != DISK_V2)
        return 0;
    struct store_options options = {.network = given->network, .side = given->destination_side};
    job->reuse = reuse_open(job->run, given->reuse, &options, given->trust_annotations, err);
    return job->reuse == NULL ? error_wrap(err, "--reuse") : 0;
}

static void note_left_out(const struct job *job, struct conversion *ret)
{
    if (job->to->transport != TRANSPORT_RAW)
        return;
    bool config = job->image.has_vm_config && job->options->vm_config == NULL;
    bool nvram = job->image.has_nvram && job->options->vm_nvram == NULL;
    snprintf(ret->left_out, sizeof ret->left_out, "%s%s%s", config ? "config.v1" : "",
             config && nvram ? ", " : "", nvram ? "NVRAM" : "");
}

/* Makes the image and puts it where it can be had by its digest. What the destination lost
 * meanwhile is made again. */
#define STAGE_TRIES 3
static int make_and_stage(struct job *job, struct conversion *ret, struct error *err)
{
    for (int tries = 0; tries < STAGE_TRIES; tries++) {
        made_disk_done(&job->made);
        job->manifest.size = job->image_config.size = job->vm_config.size = job->nvram.size = 0;
        int status =
            ret->method == METHOD_COPIED ? copy_image(job, ret, err) : convert_image(job, ret, err);
        if (status == 0)
            status = convert_stage(job, err);
        if (status != 0)
            return status < 0 ? -1 : 0;
    }
    return error_set(err, ERROR_REGISTRY,
                     "%s loses blobs as fast as they come (a garbage collection that does not "
                     "wait?); nothing was tagged",
                     job->to->text);
}

/* What is damaged has no proof, whatever was read of it. */
static int tell_proved(const struct job *job, const struct conversion *conversion,
                       struct error *err)
{
    const struct convert_watch *watch = job->options->watch;
    if (watch == NULL || !conversion->has_proof || job->salvage != NULL)
        return 0;
    return watch->proved(watch, &conversion->proof, err);
}

static int move_image(struct job *job, struct conversion *ret, struct error *err)
{
    if (plan_job(job, ret->method, err) < 0)
        return -1;
    if (job->options->proof && job->plan.count == 0)
        return error_set(
            err, ERROR_UNSUPPORTED,
            "a copy that is not decoded proves nothing of the disk: leave --proof out; "
            "`tartconv compare --proof` makes one afterwards");
    note_left_out(job, ret);
    if (convert_tell_referrers(job, ret->method, err) < 0)
        return -1;
    if (convert_measure_room(job, ret, err) < 0)
        return -1;
    if (job->options->dry_run) {
        convert_fill_summary(job, ret);
        return convert_fill_proof(job, ret, err);
    }
    if (convert_check_room(job, ret, err) < 0 || convert_begin_state(job, err) < 0 ||
        convert_open_destination(job, ret->method == METHOD_COPIED ? &job->image.digest : NULL,
                                 err) < 0 ||
        reuse_prepare(job, err) < 0 || make_and_stage(job, ret, err) < 0)
        return -1;
    convert_fill_summary(job, ret);
    if (convert_fill_proof(job, ret, err) < 0)
        return -1;
    if (job->options->read_back && store_sink(job->destination) != NULL &&
        convert_read_back(job, ret, err) < 0)
        return -1;
    const struct convert_mend *mend = job->options->mend;
    if (mend != NULL && store_sink(job->destination) != NULL &&
        mend->check(mend->context, job->run, &job->manifest, store_blobs(job->destination), err) <
            0)
        return -1;
    if (tell_proved(job, ret, err) < 0)
        return -1;
    return convert_publish(job, ret, err);
}

static int run_job(struct job *job, struct conversion *ret, struct error *err)
{
    if (convert_judge(&job->image, job->to->transport, job->options, &ret->method, err) < 0)
        return -1;
    if (!job->options->normalise)
        return move_image(job, ret, err);
    bool normal = ret->method == METHOD_COPIED;
    ret->normal = normal ? NORMAL_COPIED : NORMAL_MADE;
    job->own.disk_digest = !normal || job->options->decode; /* the manifest says it already */
    int settled = convert_settle(job, ret, err);
    return settled == 0 ? move_image(job, ret, err) : settled < 0 ? -1 : 0;
}

/* Of damage verify says more than one line, and what mends it; repair has its own words. */
static int name_verify(const struct convert_options *options, struct error *err)
{
    if (options->mend != NULL || error_class_status(err->class) != 2 ||
        strstr(err->text, "`tartconv ") != NULL)
        return -1;
    return error_hint(err, "`tartconv verify` tells what to do");
}

int convert(struct run *run, const struct reference *source, const struct reference *destination,
            const struct convert_options *options, struct conversion *ret, struct error *err)
{
    *ret = (struct conversion){.method = METHOD_CONVERTED};
    if (convert_check_salvage(options, err) < 0)
        return -1;
    struct job job;
    job_init(&job, run, options);
    job.from = source;
    job.to = destination;
    if (options->normalise)
        convert_ask_normal(&job);
    int status = source_open(&job, err);
    if (status < 0)
        error_wrap(err, "%s", source->text);
    else
        status = run_job(&job, ret, err);
    if (status < 0)
        name_verify(options, err);
    convert_end_state(&job, status < 0 ? err : NULL);
    ret->salvage = take_ptr(&job.salvage);
    meter_read(&job.meter, &ret->bytes_read, &ret->bytes_written, &ret->bytes_reused);
    job_done(&job);
    if (status < 0)
        conversion_done(ret);
    return status;
}
