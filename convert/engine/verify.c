/* verify.c: gathers the facts of an image by reading all of it, and has them judged by
 * formats/checks. Judges nothing itself.
 */
#include "convert/engine/verify.h"

#include "convert/engine/lanes.h"
#include "convert/engine/pass.h"
#include "formats/model/auto.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct look {
    struct run *run;
    const struct verify_options *options;
    struct verification *result;
    struct image image;
    struct feed feed;
    struct facts facts;
    struct blob_fact *blobs; /* one a layer, and the image config's behind them */
    struct bytes image_config, vm_config;
    /* the pass over the disk */
    struct disk disk;
    struct pass_chunk *chunks;
    size_t chunk_count;
    bool damaged; /* a part of the disk could not be decoded; under lock while lanes run */
    pthread_mutex_t lock;
    char *name; /* of a registry's image */
    uint8_t *head, *tail;
    size_t end_size; /* of each: as much as the disk has, at most GPT_HEAD_SIZE */
};

void verification_done(struct verification *verification)
{
    findings_done(&verification->findings);
}

static bool is_damage(const struct error *err)
{
    return error_class_status(err->class) == 2;
}

/* Damage becomes a fact, and the look goes on; anything else ends it. */
static int absorb(struct look *look, struct blob_fact *fact, struct error *err)
{
    if (!is_damage(err) || fact == NULL)
        return -1;
    pthread_mutex_lock(&look->lock);
    if (err->class == ERROR_BLOB_MISSING)
        fact->present = false;
    if (fact->error.class == ERROR_NONE)
        fact->error = *err;
    pthread_mutex_unlock(&look->lock);
    return 0;
}

/* --- blobs that are no disk --- */

static int facts_prepare(struct look *look, struct error *err)
{
    const struct manifest *manifest = look->image.manifest;
    look->facts.manifest = manifest;
    look->facts.image = look->image.tart;
    look->facts.image_error = look->image.tart_error;
    if (manifest == NULL)
        return 0;
    size_t count = manifest->layer_count + 1;
    look->blobs = calloc(count, sizeof *look->blobs);
    if (look->blobs == NULL)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        bool config = i == manifest->layer_count;
        look->blobs[i] = (struct blob_fact){
            .layer = config ? BLOB_FACT_CONFIG : i,
            .looked = true,
            .present = true,
            .size = config ? manifest->config.blob.size : manifest->layers[i].blob.size,
            .error = ERROR_INIT,
        };
    }
    look->facts.blobs = look->blobs;
    look->facts.blob_count = look->result->blobs = count;
    return 0;
}

/* Reads a small blob into memory, for checks that look inside. */
static int small_read(struct look *look, const struct blob_id *id, struct blob_fact *fact,
                      struct bytes *text, const struct bytes **ret, struct error *err)
{
    if (blobs_read_all(look->image.blobs, id, text, err) < 0)
        return absorb(look, fact, err);
    *ret = text;
    return 0;
}

static bool is_disk_layer(const struct look *look, size_t index)
{
    const struct tart_image *tart = look->image.tart;
    const char *type = look->image.manifest->layers[index].media_type;
    return tart != NULL &&
           (strcmp(type, TART_TYPE_DISK_V1) == 0 || strcmp(type, TART_TYPE_DISK_V2) == 0);
}

static int blobs_look(struct look *look, struct error *err)
{
    const struct manifest *manifest = look->image.manifest;
    if (manifest == NULL)
        return !look->image.has_vm_config
                   ? 0
                   : small_read(look, &look->image.vm_config, NULL, &look->vm_config,
                                &look->facts.vm_config, err);
    if (small_read(look, &manifest->config.blob, &look->blobs[manifest->layer_count],
                   &look->image_config, &look->facts.image_config, err) < 0)
        return -1;
    const struct descriptor *config = look->image.tart != NULL ? look->image.tart->config : NULL;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        if (is_disk_layer(look, i))
            continue;
        int status;
        if (&manifest->layers[i] == config)
            status = small_read(look, &manifest->layers[i].blob, &look->blobs[i], &look->vm_config,
                                &look->facts.vm_config, err);
        else {
            status = feed_drain(&look->feed, &manifest->layers[i].blob, look->run, err);
            if (status < 0)
                status = absorb(look, &look->blobs[i], err);
        }
        if (status < 0)
            return error_wrap(err, "layer %zu", i);
    }
    return 0;
}

/* --- the disk --- */

/* Keeps what a batch has of the disk's first and last bytes. */
static void ends_keep(struct look *look, uint64_t offset, const struct extent *extent)
{
    uint64_t end = offset + extent->length, tail_start = look->disk.size - look->end_size;
    if (extent->data == NULL)
        return; /* both were made of zeros */
    if (offset < look->end_size) {
        uint64_t stop = end < look->end_size ? end : look->end_size;
        memcpy(look->head + offset, extent->data, (size_t)(stop - offset));
    }
    if (end > tail_start) {
        uint64_t start = offset > tail_start ? offset : tail_start;
        memcpy(look->tail + (start - tail_start), extent->data + (start - offset),
               (size_t)(end - start));
    }
}

static int stage_ends(void *context, struct batch *batch, struct error *err)
{
    (void)err;
    struct look *look = ((struct pass_lane *)context)->pass->context;
    uint64_t offset = batch->offset;
    for (size_t i = 0; i < batch->extent_count; i++) {
        ends_keep(look, offset, &batch->extents[i]);
        offset += batch->extents[i].length;
    }
    return 0;
}

static void damage_note(struct look *look)
{
    pthread_mutex_lock(&look->lock);
    look->damaged = true;
    pthread_mutex_unlock(&look->lock);
}

static struct blob_fact *fact_of(struct look *look, int64_t layer)
{
    return look->blobs == NULL || layer < 0 ? NULL : &look->blobs[layer];
}

static int content_check(struct look *look, size_t chunk, struct error *err)
{
    const struct disk_layer *layer = NULL;
    for (size_t i = 0; i < look->disk.layer_count && layer == NULL; i++)
        if (look->disk.layers[i].offset == look->chunks[chunk].offset &&
            look->disk.layers[i].length == look->chunks[chunk].length)
            layer = &look->disk.layers[i];
    if (layer == NULL || !layer->has_content ||
        digest_equal(&layer->content, &look->chunks[chunk].content))
        return 0;
    char found[DIGEST_TEXT_SIZE], promised[DIGEST_TEXT_SIZE];
    digest_print(&look->chunks[chunk].content, found);
    digest_print(&layer->content, promised);
    error_set(err, ERROR_CONTENT_DIGEST, "layer %zu: decodes to %s, its annotation says %s",
              layer->index, found, promised);
    err->where.layer = (int64_t)layer->index;
    err->where.disk_offset = (int64_t)layer->offset;
    return absorb(look, fact_of(look, err->where.layer), err);
}

/* What comes behind a break of a V1 stream cannot be decoded, but its bytes can be held against
 * their digests. */
static int rest_drain(struct look *look, int64_t broken, struct error *err)
{
    for (size_t i = 0; i < look->disk.layer_count; i++) {
        const struct disk_layer *layer = &look->disk.layers[i];
        if ((int64_t)layer->index <= broken)
            continue;
        if (feed_drain(&look->feed, &layer->blob, look->run, err) < 0 &&
            absorb(look, fact_of(look, (int64_t)layer->index), err) < 0)
            return -1;
    }
    return 0;
}

static int lane_look(struct pass_lane *lane, size_t first, size_t end, struct error *err)
{
    struct look *look = lane->pass->context;
    if (pass_lane_run(lane, first, end, err) == 0) {
        for (size_t i = first; i < end; i++)
            if (look->disk.format == DISK_V2 && content_check(look, i, err) < 0)
                return -1;
        return 0;
    }
    damage_note(look);
    int64_t layer = err->where.layer;
    if (absorb(look, fact_of(look, layer), err) < 0)
        return -1;
    return look->disk.format == DISK_V1 ? rest_drain(look, layer, err) : 0;
}

/* V2: a chunk a layer, whose content digest it promises; else one chunk. */
static int chunks_make(struct look *look, struct error *err)
{
    bool layers = look->disk.format == DISK_V2;
    look->chunks = calloc(layers ? look->disk.layer_count + 1 : 1, sizeof *look->chunks);
    if (look->chunks == NULL)
        return error_memory(err);
    if (!layers) {
        look->chunks[0].length = look->disk.size;
        look->chunk_count = 1;
        return 0;
    }
    for (size_t i = 0; i < look->disk.layer_count; i++)
        if (look->disk.layers[i].length > 0)
            look->chunks[look->chunk_count++] = (struct pass_chunk){
                .offset = look->disk.layers[i].offset, .length = look->disk.layers[i].length};
    return 0;
}

static bool promises_disk_digest(const struct look *look)
{
    const struct tart_image *tart = look->image.tart;
    return tart != NULL && tart->disk.format == DISK_V2 && tart->disk.layer_count > 0 &&
           descriptor_annotation(&look->image.manifest->layers[tart->disk.layers[0].index],
                                 TART_FILE_DIGEST) != NULL;
}

static int disk_pass(struct look *look, struct error *err)
{
    struct hasher hasher = {.context = NULL};
    bool whole = look->options->disk_digest || promises_disk_digest(look);
    if (whole && hasher_init(&hasher, err) < 0)
        return -1;
    struct pass pass = {
        .run = look->run,
        .disk = &look->disk,
        .feed = &look->feed,
        .chunks = look->chunks,
        .chunk_count = look->chunk_count,
        .hash_content = look->disk.format == DISK_V2,
        .in_order = whole,
        .disk_hasher = whole ? &hasher : NULL,
        .context = look,
        .stage = stage_ends,
        .work = lane_look,
    };
    run_start_progress(look->run, look->disk.size);
    int status = pass_run(&pass, err);
    if (status == 0 && whole && !look->damaged) {
        status = hasher_final(&hasher, &look->facts.disk_digest, err);
        look->facts.has_file_digest = status == 0;
    }
    hasher_done(&hasher);
    return status;
}

/* The disk's size, where only decoding tells it. 0: known; 1: damage was found on the way. */
static int size_find(struct look *look, const struct disk *disk, struct error *err)
{
    if (disk_measure(look->run, disk, &look->feed.blobs, &look->disk, err) == 0)
        return 0;
    look->disk = *disk;
    int64_t layer = err->where.layer;
    if (absorb(look, fact_of(look, layer), err) < 0 || rest_drain(look, layer, err) < 0)
        return -1;
    return 1;
}

static int disk_look(struct look *look, struct error *err)
{
    const struct disk *disk = image_disk(&look->image);
    if (disk == NULL)
        return 0;
    int damaged = size_find(look, disk, err);
    if (damaged != 0)
        return damaged < 0 ? -1 : 0;
    look->end_size = look->disk.size < GPT_HEAD_SIZE ? (size_t)look->disk.size : GPT_HEAD_SIZE;
    look->head = calloc(1, look->end_size + 1);
    look->tail = calloc(1, look->end_size + 1);
    if (look->head == NULL || look->tail == NULL)
        return error_memory(err);
    if (chunks_make(look, err) < 0 || disk_pass(look, err) < 0)
        return -1;
    if (look->damaged)
        return 0;
    look->facts.disk_read = true;
    look->facts.disk_size = look->disk.size;
    look->facts.head = look->head;
    look->facts.tail = look->tail;
    look->facts.head_size = look->facts.tail_size = look->end_size;
    return 0;
}

/* --- the verdict --- */

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

static void look_done(struct look *look)
{
    free(look->blobs);
    free(look->chunks);
    free(look->name);
    free(look->head);
    free(look->tail);
    bytes_done(&look->image_config);
    bytes_done(&look->vm_config);
    image_done(&look->image);
    pthread_mutex_destroy(&look->lock);
}

/* As Tart would be told it, host and port aside. */
static int name_note(struct look *look, const struct reference *reference, struct error *err)
{
    bool tag = reference->tag != NULL;
    look->facts.repository_name = reference->tag;
    if (reference->repository == NULL)
        return 0;
    if (asprintf(&look->name, "%s%s%s", reference->repository, tag ? ":" : "",
                 tag ? reference->tag : "") < 0) {
        look->name = NULL;
        return error_memory(err);
    }
    look->facts.repository_name = look->name;
    return 0;
}

static int look_all(struct look *look, struct store *store, const struct reference *reference,
                    struct error *err)
{
    if (store_load(store, &look->image, err) < 0) {
        /* what cannot even be loaded is a finding too */
        if (!is_damage(err))
            return -1;
        struct error found = *err;
        return findings_add_error(&look->result->findings, &found,
                                  "fetch the image again from where it came from", err);
    }
    feed_init(&look->feed, look->image.blobs, NULL, look->run->threads > 1);
    if (name_note(look, reference, err) < 0 || facts_prepare(look, err) < 0 ||
        blobs_look(look, err) < 0 || disk_look(look, err) < 0 || judge(look, err) < 0)
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
