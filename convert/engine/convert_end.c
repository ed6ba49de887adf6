/* convert_end.c: the end of a conversion: what is said of it, the proof, and the steps from blobs
 * that lie there to an image that can be pulled.
 */
#include "convert/engine/convert_parts.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

int convert_fill_proof(struct job *job, struct conversion *ret, struct error *err)
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
    if (job->plan.kept < job->plan.count && ret->method != METHOD_REWRITTEN &&
        job->plan.format != DISK_RAW) {
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

/* What is no disk layer that was decoded. */
static int drain_blobs(struct job *job, bool disk_too, struct error *err)
{
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    struct feed feed;
    feed_init(&feed, store_blobs(job->destination), NULL, job->run->threads > 1);
    if (manifest_parse(job->manifest.data, job->manifest.size, &manifest, err) < 0 ||
        feed_drain(&feed, &manifest->config.blob, job->run, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        bool disk = strcmp(layer->media_type, TART_TYPE_DISK_V1) == 0 ||
                    strcmp(layer->media_type, TART_TYPE_DISK_V2) == 0;
        if ((!disk || disk_too) && feed_drain(&feed, &layer->blob, job->run, err) < 0)
            return error_wrap(err, "layer %zu", i);
    }
    return 0;
}

/* Every blob is fetched again from the destination, hashed and decoded, before anything points to
 * it. */
int convert_read_back(struct job *job, const struct conversion *conversion, struct error *err)
{
    struct error misfit;
    int fits = conversion->has_proof ? proof_hold(&conversion->proof, job->run, &job->made.disk,
                                                  store_blobs(job->destination), &misfit, err)
                                     : 1;
    if (fits == 0)
        *err = misfit;
    if (fits == 1 && drain_blobs(job, !conversion->has_proof, err) == 0)
        return 0;
    /* what is damaged there is no damage of the source */
    if (error_class_status(err->class) == 2)
        err->class = ERROR_ROUND_TRIP;
    return error_wrap(err, "reading back what was written");
}

const char *convert_method_name(enum convert_method method)
{
    static const char *const names[] = {[METHOD_COPIED] = "copied",
                                        [METHOD_REWRITTEN] = "rewritten",
                                        [METHOD_CONVERTED] = "converted"};
    return names[method];
}

void convert_fill_summary(const struct job *job, struct conversion *ret)
{
    bool rewritten = ret->method == METHOD_REWRITTEN; /* from the beginning: V1 */
    const struct disk *disk = job->plan.count > 0 && !rewritten ? &job->made.disk : &job->disk;
    ret->layers_kept = job->plan.count > 0 ? job->plan.kept : disk->layer_count;
    ret->layers_made = job->plan.count - job->plan.kept;
    if (job->plan.count > 0 && disk->format == DISK_V1)
        ret->layers_made = disk->layer_count;
    if (rewritten) {
        ret->layers_made = 0;
        ret->layers_kept = disk->layer_count;
    }
    for (size_t i = 0; i < disk->layer_count; i++)
        ret->encoded_size += disk->layers[i].blob.size;
    for (size_t i = 0; i < job->disk.layer_count; i++)
        ret->source_size += job->disk.layers[i].blob.size;
    ret->trusted = job->reuse != NULL && job->options->trust_annotations;
    ret->decoded = (job->plan.count > 0 && job->plan.kept == 0) || job->options->decode ||
                   job->options->disk_digest;
    if (ret->method != METHOD_COPIED && job->plan.count > 0 && ret->layers_made == 0)
        ret->method = METHOD_REWRITTEN;
}

static struct publication publication_of(const struct job *job)
{
    return (struct publication){
        .manifest = job->manifest.size > 0 ? &job->manifest : NULL,
        .vm_config = job->image.has_vm_config ? &job->vm_config : NULL,
        .nvram = job->image.has_nvram ? &job->nvram : NULL,
        .disk_size = job->disk.size,
    };
}

/* What was converted must be what its tag leads to now, or users would get an older image back. A
 * disk file that was made carries no tag. */
static int source_check(const struct job *job, struct error *err)
{
    int unmoved = job->manifest.size == 0 ? 1 : store_unmoved(job->source, err);
    if (unmoved != 0)
        return unmoved < 0 ? -1 : 0;
    struct digest result;
    char digest[DIGEST_TEXT_SIZE];
    if (digest_of(job->manifest.data, job->manifest.size, &result, err) < 0)
        return -1;
    digest_print(&result, digest);
    return error_set(err, ERROR_TAG_MOVED,
                     "%s was moved by somebody else during this run, so no tag is set; the image "
                     "made from what it was is there as %s: run again for what it is now",
                     job->from->text, digest);
}

static void stage_lost(void *context, const struct digest *blob)
{
    struct job *job = context;
    struct error error;
    char text[DIGEST_TEXT_SIZE];
    digest_print(blob, text);
    run_warning(job->run, "%s lost blob %s, which was there before: making it again", job->to->text,
                text);
    if (job->state != NULL && state_forget_blob(job->state, blob, &error) < 0)
        run_warning(job->run, "%s", error.text);
}

int convert_stage(struct job *job, struct error *err)
{
    struct publication publication = publication_of(job);
    return store_stage(job->destination, &publication, stage_lost, job, err);
}

int convert_publish(struct job *job, struct conversion *ret, struct error *err)
{
    struct publication publication = publication_of(job);
    if (run_check(job->run, err) < 0 || source_check(job, err) < 0 ||
        store_publish(job->destination, &publication, err) < 0)
        return -1;
    snprintf(ret->backup_tag, sizeof ret->backup_tag, "%s", store_backup(job->destination));
    return 0;
}

/* Signatures and the like name the source's digest; a new digest has none. */
int convert_tell_referrers(const struct job *job, enum convert_method method, struct error *err)
{
    AUTO(bytes_done) struct bytes list;
    bytes_init(&list, REFERRERS_MAX);
    if (store_referrers(job->source, &list, err) < 0) {
        /* only worth knowing: an image is not lost over it */
        if (err->class == ERROR_INTERRUPTED || err->class == ERROR_MEMORY)
            return -1;
        run_warning(job->run, "whether the source has signatures is not known: %s", err->text);
        return 0;
    }
    const char *text = bytes_text(&list, err);
    if (text == NULL)
        return -1;
    for (size_t size; *text != '\0'; text += size + (text[size] == '\n')) {
        size = strcspn(text, "\n");
        run_warning(job->run, "%s: not copied: %.*s%s", job->from->text, (int)size, text,
                    method == METHOD_COPIED ? ""
                                            : ", which covers the source and not what is made of "
                                              "it");
    }
    return 0;
}
