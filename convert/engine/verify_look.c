/* verify_look.c: the facts of an image but for its disk. Judges nothing.
 */
#include "convert/engine/verify_look.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool look_is_damage(const struct error *err)
{
    return error_class_status(err->class) == 2;
}

int look_absorb(struct look *look, struct blob_fact *fact, struct error *err)
{
    if (!look_is_damage(err) || fact == NULL)
        return -1;
    pthread_mutex_lock(&look->lock);
    if (err->class == ERROR_BLOB_MISSING)
        fact->present = false;
    if (fact->error.class == ERROR_NONE)
        fact->error = *err;
    pthread_mutex_unlock(&look->lock);
    return 0;
}

int look_absorb_layer(struct look *look, size_t layer, struct error *err)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&look->image.manifest->layers[layer].blob.digest, digest);
    err->where.layer = (int64_t)layer;
    error_wrap(err, "layer %zu %s", layer, digest);
    return look_absorb(look, &look->blobs[layer], err);
}

struct blob_fact *look_fact_of(struct look *look, int64_t layer)
{
    return look->blobs == NULL || layer < 0 ? NULL : &look->blobs[layer];
}

bool look_is_good(const struct look *look, const struct disk_layer *layer)
{
    if (look->blobs == NULL)
        return true;
    const struct blob_fact *fact = &look->blobs[layer->index];
    return fact->present && fact->size == layer->blob.size && fact->error.class == ERROR_NONE;
}

int look_facts(struct look *look, struct error *err)
{
    const struct manifest *manifest = look->image.manifest;
    look->facts.manifest = manifest;
    look->facts.shape = &look->image.shape;
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
            .looked = !look->options->quick,
            .present = true,
            .size = config ? manifest->config.blob.size : manifest->layers[i].blob.size,
            .error = ERROR_INIT,
        };
    }
    look->facts.blobs = look->blobs;
    look->facts.blob_count = look->result->blobs = count;
    return 0;
}

/* As Tart would be told it, host and port aside. */
int look_name(struct look *look, const struct reference *reference, struct error *err)
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

static int small_read(struct look *look, const struct blob_id *id, struct bytes *text,
                      const struct bytes **ret, struct error *err)
{
    if (blobs_read_all(look->image.blobs, id, text, err) < 0)
        return -1;
    *ret = text;
    return 0;
}

int look_image_config(struct look *look, struct error *err)
{
    struct blob_fact *fact = &look->blobs[look->image.manifest->layer_count];
    fact->looked = true;
    if (small_read(look, &look->image.manifest->config.blob, &look->image_config,
                   &look->facts.image_config, err) == 0)
        return 0;
    error_wrap(err, "the image config");
    return look_absorb(look, fact, err);
}

/* The VM configuration's layer, the first of several; layer_count: none. It can be told, too, where
 * the disk's layers cannot. */
size_t look_config_layer(const struct look *look)
{
    const struct manifest *manifest = look->image.manifest;
    size_t layer = 0;
    while (layer < manifest->layer_count &&
           strcmp(manifest->layers[layer].media_type, TART_TYPE_CONFIG) != 0)
        layer++;
    return layer;
}

int look_vm_config(struct look *look, size_t layer, struct error *err)
{
    look->blobs[layer].looked = true;
    if (small_read(look, &look->image.manifest->layers[layer].blob, &look->vm_config,
                   &look->facts.vm_config, err) == 0)
        return 0;
    return look_absorb_layer(look, layer, err);
}

bool look_is_disk_layer(const struct look *look, size_t index)
{
    const char *type = look->image.manifest->layers[index].media_type;
    return strcmp(type, TART_TYPE_DISK_V1) == 0 || strcmp(type, TART_TYPE_DISK_V2) == 0;
}

int look_blobs(struct look *look, struct error *err)
{
    const struct manifest *manifest = look->image.manifest;
    if (manifest == NULL)
        return !look->image.has_vm_config
                   ? 0
                   : small_read(look, &look->image.vm_config, &look->vm_config,
                                &look->facts.vm_config, err);
    if (look_image_config(look, err) < 0)
        return -1;
    size_t config = look_config_layer(look);
    for (size_t i = 0; i < manifest->layer_count; i++) {
        if (look_is_disk_layer(look, i))
            continue;
        int status = 0;
        if (i == config)
            status = look_vm_config(look, i, err);
        else if (feed_drain(&look->feed, &manifest->layers[i].blob, look->run, err) < 0)
            status = look_absorb_layer(look, i, err);
        if (status < 0)
            return -1;
    }
    return 0;
}

void look_unseen(struct look *look, const char *format, ...)
{
    struct verification *result = look->result;
    if (result->unseen_count == UNSEEN_MAX)
        return;
    struct unseen *unseen = &result->unseen[result->unseen_count++];
    va_list args;
    va_start(args, format);
    vsnprintf(unseen->text, sizeof unseen->text, format, args);
    va_end(args);
}

void look_done(struct look *look)
{
    const struct disk *disk = image_disk(&look->image);
    for (size_t i = 0; look->chain != NULL && i < disk->layer_count; i++)
        chain_layer_done(&look->chain[i]);
    free(look->chain);
    free(look->chain_seen);
    chain_result_done(&look->order);
    free(look->blobs);
    for (size_t i = 0; look->places != NULL && i < look->chunk_count; i++)
        place_facts_free(look->places[i]);
    free(look->places);
    free(look->misplaced);
    free(look->chunks);
    free(look->name);
    free(look->head);
    free(look->tail);
    bytes_done(&look->image_config);
    bytes_done(&look->vm_config);
    image_done(&look->image);
    pthread_mutex_destroy(&look->lock);
}
