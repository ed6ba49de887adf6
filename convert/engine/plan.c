/* plan.c: the cut of the destination.
 */
#include "convert/engine/plan.h"

#include <inttypes.h>
#include <stdlib.h>

/* What a layer takes in a manifest, with room to spare, against the 4 MiB that registries accept.
 */
#define LAYER_JSON_SIZE 420u
#define CHUNKS_MAX      ((MANIFEST_SIZE_MAX - 65536u) / LAYER_JSON_SIZE)

static int add_chunk(struct plan *plan, uint64_t offset, uint64_t length,
                     const struct disk_layer *layer, bool keep, struct error *err)
{
    if (plan->count == CHUNKS_MAX)
        return error_set(err, ERROR_USAGE,
                         "the manifest would pass the %u bytes that registries accept: take a "
                         "larger --chunk-size",
                         MANIFEST_SIZE_MAX);
    if (plan->count % 1024 == 0) {
        struct plan_chunk *chunks = reallocarray(plan->chunks, plan->count + 1024, sizeof *chunks);
        if (chunks == NULL)
            return error_memory(err);
        plan->chunks = chunks;
    }
    plan->chunks[plan->count++] =
        (struct plan_chunk){.offset = offset, .length = length, .layer = layer, .keep = keep};
    plan->kept += keep;
    return 0;
}

/* Cuts offset .. offset + length into pieces of `size`. */
static int add_pieces(struct plan *plan, uint64_t offset, uint64_t length, uint64_t size,
                      struct error *err)
{
    while (length > 0) {
        uint64_t step = length < size ? length : size;
        if (add_chunk(plan, offset, step, NULL, false, err) < 0)
            return -1;
        offset += step;
        length -= step;
    }
    return 0;
}

/* The source's own cut: layers that are short enough stay, longer ones are cut from their start. */
static int follow_layers(struct plan *plan, const struct disk *disk, bool keep, bool as_it_is,
                         struct error *err)
{
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        bool fits = as_it_is || layer->length <= CHUNK_SIZE_MAX;
        int status = 0;
        if (fits && layer->length > 0)
            status = add_chunk(plan, layer->offset, layer->length, layer, keep, err);
        else
            status = add_pieces(plan, layer->offset, layer->length, CHUNK_SIZE_MAX, err);
        if (status < 0)
            return -1;
    }
    return 0;
}

/* A cut of its own; a layer that happens to lie on it stays. */
static int follow_grid(struct plan *plan, const struct disk *disk, uint64_t size, bool keep,
                       struct error *err)
{
    size_t layer = 0;
    for (uint64_t offset = 0; offset < disk->size; offset += size) {
        uint64_t length = disk->size - offset < size ? disk->size - offset : size;
        while (layer < disk->layer_count &&
               (disk->layers[layer].offset < offset || disk->layers[layer].length == 0))
            layer++;
        bool same = disk->format == DISK_V2 && layer < disk->layer_count &&
                    disk->layers[layer].offset == offset && disk->layers[layer].length == length;
        if (add_chunk(plan, offset, length, same ? &disk->layers[layer] : NULL, same && keep, err) <
            0)
            return -1;
    }
    return 0;
}

int plan_make(const struct disk *disk, enum disk_format format,
              const struct convert_options *options, bool as_it_is, struct plan *ret,
              struct error *err)
{
    *ret = (struct plan){.format = format};
    /* what a manifest says of a V1 disk is not known to be true here */
    if (disk->size / CHUNK_SIZE_MAX >= CHUNKS_MAX)
        return error_set(err, ERROR_DISK_SIZE,
                         "the disk is said to have %" PRIu64 " bytes, limit %" PRIu64, disk->size,
                         (uint64_t)CHUNKS_MAX * CHUNK_SIZE_MAX);
    bool keep = disk->format == DISK_V2 && format == DISK_V2 && (as_it_is || !options->encode_all);
    int status;
    if (disk->format == DISK_V2 && format != DISK_V1 && (as_it_is || options->chunk_size == 0))
        status = follow_layers(ret, disk, keep, as_it_is, err);
    else {
        uint64_t size = options->chunk_size != 0 ? options->chunk_size : CHUNK_SIZE_MAX;
        status = follow_grid(ret, disk, size, keep, err);
    }
    if (status < 0)
        plan_done(ret);
    return status;
}

void plan_done(struct plan *plan)
{
    free(plan->chunks);
    *plan = (struct plan){.chunks = NULL};
}
