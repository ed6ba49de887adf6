/* verify.c: what is looked at of an image, and the verdict, which formats/checks gives. Judges
 * nothing itself.
 */
#include "convert/engine/verify_look.h"

#include "formats/model/auto.h"

#include <string.h>

void verification_done(struct verification *verification)
{
    findings_done(&verification->findings);
}

/* True where the pass just made hashed exactly the proof's chunks. */
static bool has_cut_of(const struct look *look, const struct proof *proof)
{
    if (look->disk.format != DISK_V2 || look->chunk_count != proof->chunk_count)
        return false;
    for (size_t i = 0; i < proof->chunk_count; i++)
        if (look->chunks[i].offset != proof->chunks[i].offset ||
            look->chunks[i].length != proof->chunks[i].length)
            return false;
    return true;
}

static int proof_look(struct look *look, struct error *err)
{
    const struct proof *proof = look->options->proof;
    struct verification *result = look->result;
    if (proof == NULL || !look->facts.disk_read)
        return 0;
    int fits = has_cut_of(look, proof) ? proof_compare(proof, look->chunks, &result->misfit)
                                       : proof_hold(proof, look->run, &look->disk,
                                                    look->image.blobs, &result->misfit, err);
    if (fits < 0)
        return -1;
    result->fit = fits == 1 ? PROOF_FITS : PROOF_MISFIT;
    return 0;
}

static int judge(struct look *look, struct error *err)
{
    struct verification *result = look->result;
    if (checks_run(&look->facts, &result->findings, err) < 0)
        return -1;
    checks_pullability(&look->facts, &result->findings, &result->pullability);
    result->has_digest = look->image.manifest != NULL;
    result->digest = look->image.digest;
    const struct disk *disk = image_disk(&look->image);
    result->has_format = disk != NULL;
    if (disk != NULL)
        result->format = disk->format;
    result->disk_read = look->facts.disk_read;
    result->disk_size = look->facts.disk_size;
    result->has_disk_digest = look->facts.has_file_digest;
    result->disk_digest = look->facts.disk_digest;
    return 0;
}

static int look_all(struct look *look, struct store *store, const struct reference *reference,
                    struct error *err)
{
    /* A manifest in another shape than OCI's is read for what it means: the rest of the image is to
     * be looked at, too. */
    if (store_load_tolerant(store, &look->image, err) < 0) {
        /* what cannot even be loaded is a finding too */
        if (!look_is_damage(err))
            return -1;
        struct error found = *err;
        return findings_add_error(&look->result->findings, &found,
                                  "fetch the image again from where it came from", err);
    }
    feed_init(&look->feed, look->image.blobs, NULL, look->run->threads > 1);
    if (look_name(look, reference, err) < 0 || look_facts(look, err) < 0)
        return -1;
    if (look->options->quick)
        return look_quick(look, err) < 0 ? -1 : judge(look, err);
    look->result->complete = true;
    if (look_blobs(look, err) < 0 || look_disk(look, err) < 0 || judge(look, err) < 0)
        return -1;
    return proof_look(look, err);
}

int verify(struct run *run, const struct reference *reference, const struct verify_options *options,
           struct verification *ret, struct error *err)
{
    *ret = (struct verification){.misfit = ERROR_INIT};
    AUTO(store_close_auto) struct store *store = NULL;
    struct store_options store_options = {.network = options->network, .side = options->side};
    if (store_open_source(reference, &store_options, &store, err) < 0)
        return error_wrap(err, "%s", reference->text);
    struct look look = {.run = run, .options = options, .result = ret};
    pthread_mutex_init(&look.lock, NULL); /* cannot fail on Linux */
    bytes_init(&look.image_config, TART_CONFIG_MAX);
    bytes_init(&look.vm_config, TART_CONFIG_MAX);
    int status = look_all(&look, store, reference, err);
    look_done(&look);
    if (status < 0) {
        verification_done(ret);
        return error_wrap(err, "%s", reference->text);
    }
    return 0;
}
