/* retire_look.c: the old image and the new one looked at in their registries, and both held against
 * the proof. Takes nothing on trust that can be looked at.
 */
#include "convert/engine/verify.h"
#include "convert/fleet/retire_parts.h"
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int retire_remote(const struct retirer *retirer, const struct reference *reference,
                  struct remote *ret, struct error *err)
{
    ret->client = network_client(retirer->options->network,
                                 sides_find(retirer->options->sides, reference->host),
                                 reference->host, false, err);
    ret->repository = reference->repository;
    return ret->client != NULL ? 0 : -1;
}

/* 1; 0: it is not there; -1. */
static int read_manifest(const struct remote *remote, const struct digest *digest,
                         struct manifest **ret, struct error *err)
{
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    char text[DIGEST_TEXT_SIZE];
    struct digest found;
    digest_print(digest, text);
    if (remote_manifest_get(remote, text, &raw, &found, err) < 0)
        return err->class == ERROR_NO_SUCH_IMAGE || err->class == ERROR_REPOSITORY_MISSING ? 0 : -1;
    return manifest_parse(raw.data, raw.size, ret, err) < 0 ? -1 : 1;
}

/* --- the old one ---------------------------------------------------------------------------------
 */

int retire_source(struct group *group, struct retirement *item, struct error *err)
{
    AUTO(tart_image_free_auto) struct tart_image *image = NULL;
    struct error unfit = ERROR_INIT;
    int there = read_manifest(&group->remote, &item->digest, &group->manifest, &unfit);
    if (there < 0 && error_class_status(unfit.class) != 2) {
        *err = unfit;
        return -1;
    }
    if (there == 0) {
        item->status = RETIRE_ALREADY;
        return 0;
    }
    if (there < 0 || tart_image_read(group->manifest, &image, &unfit) < 0) {
        if (unfit.class != ERROR_MEMORY)
            return retire_leave(item, "it is no disk.v1 image: %s", unfit.text);
        *err = unfit;
        return -1;
    }
    for (size_t i = 0; i < group->manifest->layer_count; i++)
        if (!add_sizes(item->size, group->manifest->layers[i].blob.size, &item->size))
            item->size = INT64_MAX;
    if (image->v1_count == 0 || image->v2_count > 0 || image->stacked)
        return retire_leave(item, "it is no disk.v1 image");
    return 1;
}

/* --- the new one ---------------------------------------------------------------------------------
 */

int retire_tag_stands(const struct retirer *retirer, const struct candidate *candidate,
                      struct retirement *item, struct error *err)
{
    struct remote remote;
    struct digest now;
    if (retire_remote(retirer, &candidate->final, &remote, err) < 0)
        return -1;
    int there = remote_manifest_find(&remote, candidate->final.tag, &now, err);
    if (there < 0)
        return -1;
    if (there == 1 && digest_equal(&now, &candidate->image->target_digest))
        return 1;
    bool never = candidate->image->tag != NULL && !candidate->image->switched.begun;
    return retire_leave(item, "%s %s%s", candidate->final_text,
                        there == 0 ? "is not there" : "does not lead to what the proof is of",
                        never ? "; tartconv switch moves it there" : "");
}

static bool has_layer(const struct manifest *manifest, const struct digest *digest)
{
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (digest_equal(&manifest->layers[i].blob.digest, digest))
            return true;
    return false;
}

/* Whether all but the disk is there as it was, and nothing says that it was made of another one. */
static int manifests_fit(const struct group *group, const struct candidate *candidate,
                         const struct manifest *manifest, struct retirement *item,
                         struct error *err)
{
    AUTO(tart_image_free_auto) struct tart_image *image = NULL;
    const char *name = candidate->final_text;
    enum seal seal;
    struct error unfit = ERROR_INIT;
    if (tart_image_read(manifest, &image, &unfit) < 0) {
        if (unfit.class != ERROR_MEMORY)
            return retire_leave(item, "%s is no disk.v2 image: %s", name, unfit.text);
        *err = unfit;
        return -1;
    }
    if (image->v2_count == 0 || image->v1_count > 0 || image->stacked)
        return retire_leave(item, "%s is no disk.v2 image", name);
    const struct manifest *old = group->manifest;
    for (size_t i = 0; i < old->layer_count; i++)
        if (strcmp(old->layers[i].media_type, TART_TYPE_DISK_V1) != 0 &&
            !has_layer(manifest, &old->layers[i].blob.digest))
            return retire_leave(item, "%s lacks what the old image's layer %zu (%s) is", name, i,
                                old->layers[i].media_type);
    if (manifest_annotation(manifest, OUR_SALVAGED) != NULL)
        return retire_leave(item, "%s was salvaged, and is not whole", name);
    if (tart_seal_check(manifest, &seal, err) < 0)
        return -1;
    const char *stated = manifest_annotation(manifest, OUR_SOURCE_DIGEST);
    struct digest made_of;
    if (seal == SEAL_VALID && stated != NULL && digest_parse(stated, &made_of) &&
        !digest_equal(&made_of, &item->digest))
        return retire_leave(item, "%s says that it was made of %s", name, stated);
    return 1;
}

static int blobs_are_there(const struct remote *remote, const struct manifest *manifest,
                           const char *name, struct retirement *item, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    for (size_t i = 0; i <= manifest->layer_count; i++) {
        const struct blob_id *id =
            i < manifest->layer_count ? &manifest->layers[i].blob : &manifest->config.blob;
        bool asked = false;
        for (size_t k = 0; k < i && !asked; k++)
            asked = digest_equal(&manifest->layers[k].blob.digest, &id->digest);
        uint64_t size;
        int there = asked ? 1 : remote_blob_find(remote, &id->digest, &size, err);
        if (there < 0)
            return -1;
        if (!asked && (there == 0 || (size != UINT64_MAX && size != id->size))) {
            digest_print(&id->digest, text);
            return retire_leave(item, "%s: the blob %s is %s", name, text,
                                there == 0 ? "not there" : "of another size");
        }
    }
    return 1;
}

/* --- both, and the proof -------------------------------------------------------------------------
 */

/* 1 and the proof: it is complete, and of these two. */
static int read_proof(const struct retirer *retirer, const struct candidate *candidate,
                      struct proof *ret, struct retirement *item, struct error *err)
{
    struct error unfit = ERROR_INIT;
    if (history_proof(retirer->history, candidate->image, ret, &unfit) < 0) {
        if (unfit.class == ERROR_PROOF_INVALID || unfit.class == ERROR_LOG_INVALID)
            return retire_leave(item, "its proof cannot be read: %s", unfit.text);
        *err = unfit;
        return -1;
    }
    bool fits = ret->has_source && digest_equal(&ret->source, &item->digest) &&
                ret->has_destination &&
                digest_equal(&ret->destination, &candidate->image->target_digest);
    if (!fits)
        return retire_leave(item, "the log's proof is of other images");
    bool complete = ret->chunk_count > 0 && ret->dropped_count == 0;
    for (size_t i = 0; i < ret->chunk_count; i++)
        complete &= ret->chunks[i].basis != BASIS_SAME_BLOB;
    return complete ? 1 : retire_leave(item, "its proof is not complete");
}

/* Reads and decodes one of the two, by its digest. 1, 0 and why, -1. */
static int holds(const struct retirer *retirer, const struct reference *place,
                 const struct digest *digest, const struct proof *proof, const char *what,
                 struct retirement *item, struct error *err)
{
    AUTO(verification_done) struct verification found = {.has_digest = false};
    AUTO(reference_done) struct reference reference = {.path = NULL};
    AUTO_FREE char *name = NULL;
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    if (asprintf(&name, "%s/%s@%s", place->host, place->repository, text) < 0) {
        name = NULL;
        return error_memory(err);
    }
    if (reference_parse(name, &reference, err) < 0)
        return -1;
    run_detail(retirer->run, "%s: read and held against the proof", name);
    struct verify_options options = {.proof = proof,
                                     .network = retirer->options->network,
                                     .side = sides_find(retirer->options->sides, place->host)};
    struct error error = ERROR_INIT;
    if (verify(retirer->run, &reference, &options, &found, &error) < 0) {
        if (error_class_status(error.class) == 2)
            return retire_leave(item, "the %s image is not good: %s", what, error.text);
        *err = error;
        return -1;
    }
    if (found.fit == PROOF_MISFIT)
        return retire_leave(item, "the %s image is not what the proof is of: %s", what,
                            found.misfit.text);
    if (found.fit != PROOF_FITS || findings_worst(&found.findings) >= SEVERITY_DAMAGE ||
        !found.has_digest || !digest_equal(&found.digest, digest))
        return retire_leave(item, "the %s image is damaged; tartconv verify %s tells more", what,
                            name);
    return 1;
}

/* The same new image, for which another candidate was held against the old one already. */
static bool is_held(const struct group *group, const struct candidate *candidate)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct candidate *other = &group->items[i];
        if (other->good && other != candidate &&
            digest_equal(&other->image->target_digest, &candidate->image->target_digest) &&
            strcmp(other->final.host, candidate->final.host) == 0 &&
            strcmp(other->final.repository, candidate->final.repository) == 0)
            return true;
    }
    return false;
}

static int image_is_good(const struct retirer *retirer, const struct group *group,
                         const struct candidate *candidate, struct retirement *item,
                         struct error *err)
{
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    AUTO(proof_done) struct proof proof = {.has_source = false};
    const struct digest *digest = &candidate->image->target_digest;
    struct remote remote;
    if (is_held(group, candidate))
        return 1;
    if (retire_remote(retirer, &candidate->final, &remote, err) < 0)
        return -1;
    int status = read_manifest(&remote, digest, &manifest, err);
    if (status == 0)
        return retire_leave(item, "%s is not there any more", candidate->final_text);
    if (status == 1)
        status = manifests_fit(group, candidate, manifest, item, err);
    if (status == 1)
        status = read_proof(retirer, candidate, &proof, item, err);
    if (status != 1)
        return status;
    if (retirer->options->trust_head)
        return blobs_are_there(&remote, manifest, candidate->final_text, item, err);
    status = holds(retirer, &candidate->final, digest, &proof, "new", item, err);
    if (status == 1)
        status = holds(retirer, &candidate->source, &item->digest, &proof, "old", item, err);
    return status;
}

int retire_target(const struct retirer *retirer, const struct group *group,
                  struct candidate *candidate, struct retirement *item, struct error *err)
{
    int status = retire_tag_stands(retirer, candidate, item, err);
    if (status == 1)
        status = image_is_good(retirer, group, candidate, item, err);
    candidate->good = status == 1;
    return status;
}
