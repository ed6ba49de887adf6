/* repair_refill.c: blobs that are missing or damaged, out of other images: the same blob, or for a
 * piece of a V2 disk the same content, encoded anew where need be. Takes nothing that is not what
 * the damaged image itself names.
 */
#include "convert/engine/repair_parts.h"

#include "convert/engine/pass.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

static bool same_host(const struct reference *a, const struct reference *b)
{
    return a->transport == TRANSPORT_REGISTRY && b->transport == TRANSPORT_REGISTRY &&
           strcmp(a->host, b->host) == 0;
}

/* What was said of a side holds for that side's registry, and goes to no other. */
static const struct network_side *side_of(const struct repair *repair,
                                          const struct reference *reference)
{
    if (same_host(reference, repair->source))
        return repair->wanted.source_side;
    return same_host(reference, repair->destination) ? repair->wanted.destination_side
                                                     : &repair->stranger;
}

int repair_open_helper(struct repair *repair, struct repair_helper *helper,
                       const struct reference *reference, struct error *err)
{
    if (helper->store != NULL)
        return 0;
    const struct store_options options = {.network = repair->wanted.network,
                                          .side = side_of(repair, reference)};
    helper->reference = reference;
    if (store_open_source(reference, &options, &helper->store, err) < 0)
        return -1;
    return store_load_tolerant(helper->store, &helper->image, err);
}

/* --- by digest --- */

/* Whether the image names a blob of that digest. */
static bool names_blob(const struct image *image, const struct blob_id *id)
{
    const struct manifest *manifest = image->manifest;
    if (manifest == NULL)
        return (image->has_vm_config && digest_equal(&image->vm_config.digest, &id->digest)) ||
               (image->has_nvram && digest_equal(&image->nvram.digest, &id->digest));
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (digest_equal(&manifest->layers[i].blob.digest, &id->digest))
            return true;
    return digest_equal(&manifest->config.blob.digest, &id->digest);
}

static int take_blob(struct repair *repair, const struct repair_helper *helper,
                     const struct blob_id *id, struct error *err)
{
    const struct substitute row = {.id = *id, .from = helper->image.blobs, .outer = *id};
    return substitutes_add(&repair->substitutes, &row, err);
}

static int note_blob(struct repair *repair, const char *name, size_t layer,
                     const struct repair_helper *helper, struct error *err)
{
    return repair_note(repair, "refilled", layer, false, err, "%s taken from %s", name,
                       helper->reference->text);
}

/* A layer whose blob is not what its digest says; where the digest is right, another copy of it
 * would be no better. */
static bool wants_blob(const struct error *error)
{
    return error->class == ERROR_BLOB_MISSING || error->class == ERROR_BLOB_SIZE ||
           error->class == ERROR_BLOB_DIGEST;
}

static int layer_by_digest(struct repair *repair, size_t index, struct repair_helper *helper,
                           struct error *err)
{
    struct repair_layer *layer = &repair->layers[index];
    char name[LAYER_NAME_SIZE];
    if (!wants_blob(&layer->error) || !names_blob(&helper->image, &layer->own))
        return 0;
    layer->blob = layer->own;
    if (take_blob(repair, helper, &layer->own, err) < 0 ||
        repair_look_layer(repair, index, err) < 0)
        return -1;
    if (layer->error.class != ERROR_NONE) {
        substitutes_drop(&repair->substitutes, &layer->own);
        return 0;
    }
    layer->refilled = true;
    return note_blob(repair, layer_name(layer, name), layer->index, helper, err);
}

static int small_by_digest(struct repair *repair, struct repair_small *small,
                           struct repair_helper *helper, struct error *err)
{
    if (!wants_blob(&small->error) || !names_blob(&helper->image, &small->own))
        return 0;
    small->blob = small->own;
    if (take_blob(repair, helper, &small->own, err) < 0 ||
        repair_look_small(repair, small, err) < 0)
        return -1;
    small->refilled = small->error.class == ERROR_NONE;
    if (!small->refilled) {
        substitutes_drop(&repair->substitutes, &small->own);
        return 0;
    }
    return note_blob(repair, small->name,
                     small->layer == BLOB_FACT_CONFIG ? NO_LAYER : small->layer, helper, err);
}

/* --- by content --- */

/* Another image's layer of the same content, however it is encoded. */
static int content_by_layer(struct repair *repair, size_t index, struct repair_helper *helper,
                            struct error *err)
{
    struct repair_layer *layer = &repair->layers[index];
    const struct disk *disk = image_disk(&helper->image);
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *other = &disk->layers[i];
        if (disk->format != DISK_V2 || !other->has_content ||
            !digest_equal(&other->content, &layer->stated_content) ||
            digest_equal(&other->blob.digest, &layer->own.digest))
            continue;
        layer->blob = other->blob;
        if (take_blob(repair, helper, &other->blob, err) < 0 ||
            repair_look_layer(repair, index, err) < 0)
            return -1;
        if (layer->error.class == ERROR_NONE &&
            digest_equal(&layer->content, &layer->stated_content)) {
            layer->content_at = other->offset;
            return 1;
        }
        substitutes_drop(&repair->substitutes, &other->blob);
    }
    return 0;
}

struct making {
    struct writer *writer;
    struct written_chunk written;
};

static int stage_make(void *context, struct batch *batch, struct error *err)
{
    const struct pass *pass = ((struct pass_lane *)context)->pass;
    struct making *making = pass->context;
    const struct pass_chunk *chunk = &pass->chunks[batch->chunk];
    if (batch->offset == chunk->offset &&
        writer_begin(making->writer, chunk->offset, chunk->length, err) < 0)
        return -1;
    if (writer_write(making->writer, batch, err) < 0)
        return -1;
    return batch->last ? writer_end(making->writer, &making->written, err) : 0;
}

/* Encodes offset .. offset + length of that disk into the spool. */
static int encode(struct repair *repair, const struct disk *disk, struct blobs *blobs,
                  struct pass_chunk *chunk, struct blob_id *ret, struct error *err)
{
    const struct writer_options options = {.encoder = repair->wanted.encoder,
                                           .encode_all = true,
                                           .disk_size = disk->size,
                                           .sink = &repair->substitutes.sink};
    struct making making = {.writer = NULL};
    struct feed feed;
    feed_init(&feed, blobs, NULL, repair->run->threads > 1);
    if (writer_open(DISK_V2, &options, &making.writer, err) < 0)
        return -1;
    struct pass pass = {.run = repair->run,
                        .disk = disk,
                        .feed = &feed,
                        .chunks = chunk,
                        .chunk_count = 1,
                        .hash_content = true,
                        .in_order = true,
                        .context = &making,
                        .stage = stage_make};
    int status = pass_run(&pass, err);
    writer_close(making.writer);
    *ret = making.written.blob;
    return status;
}

/* Whether another image's disk has that content there: 1, 0, -1. Its disk is measured into
 * *ret_disk, which shares the image's layers. */
static int has_content_at(struct repair *repair, const struct repair_helper *helper,
                          const struct digest *content, struct pass_chunk *chunk,
                          struct disk *ret_disk, struct error *err)
{
    struct feed feed;
    feed_init(&feed, helper->image.blobs, NULL, repair->run->threads > 1);
    if (disk_measure(repair->run, image_disk(&helper->image), &feed.blobs, ret_disk, err) < 0)
        return -1;
    if (chunk->length == 0 || chunk->offset > ret_disk->size ||
        chunk->length > ret_disk->size - chunk->offset)
        return 0;
    struct pass pass = {.run = repair->run,
                        .disk = ret_disk,
                        .feed = &feed,
                        .chunks = chunk,
                        .chunk_count = 1,
                        .hash_content = true,
                        .in_order = true};
    if (pass_run(&pass, err) < 0)
        return -1;
    return digest_equal(&chunk->content, content);
}

/* The piece of disk at the layer's place, if its content is the one that the layer should have. */
static int content_by_disk(struct repair *repair, size_t index, uint64_t offset,
                           struct repair_helper *helper, struct error *err)
{
    struct repair_layer *layer = &repair->layers[index];
    struct disk disk;
    struct blob_id made;
    struct pass_chunk chunk = {.offset = offset, .length = layer->stated_length};
    /* looked at before it is encoded, which costs more */
    int there = has_content_at(repair, helper, &layer->stated_content, &chunk, &disk, err);
    if (there <= 0)
        return there;
    if (encode(repair, &disk, helper->image.blobs, &chunk, &made, err) < 0)
        return -1;
    layer->blob = made;
    layer->content_at = offset;
    if (repair_look_layer(repair, index, err) < 0)
        return -1;
    return layer->error.class == ERROR_NONE &&
           digest_equal(&layer->content, &layer->stated_content);
}

/* Where the layer begins, by what those before it say; false where one of them does not. */
static bool stated_place(const struct repair *repair, size_t index, uint64_t *ret)
{
    const struct repair_layer *layer = &repair->layers[index];
    *ret = 0;
    if (layer->states_offset) {
        *ret = layer->stated_offset;
        return true;
    }
    for (size_t i = 0; i < index; i++) {
        const struct repair_layer *before = &repair->layers[i];
        bool whole = before->error.class == ERROR_NONE;
        if ((!whole && !before->states_length) ||
            !add_sizes(*ret, whole ? before->length : before->stated_length, ret))
            return false;
    }
    return true;
}

/* Its blob is whole, and not what its annotation says: one of these is wrong. */
static bool is_contradicted(const struct repair_layer *layer)
{
    return layer->error.class == ERROR_NONE && layer->states_content &&
           !digest_equal(&layer->content, &layer->stated_content);
}

/* Layers that are each what another one should be: blobs or annotations were exchanged, and what a
 * third image has says nothing of which. */
static void find_exchanged(struct repair *repair)
{
    for (size_t i = 0; repair->format == DISK_V2 && i < repair->layer_count; i++) {
        struct repair_layer *layer = &repair->layers[i];
        for (size_t k = 0; is_contradicted(layer) && k < repair->layer_count; k++)
            layer->exchanged = layer->exchanged ||
                               (is_contradicted(&repair->layers[k]) &&
                                digest_equal(&repair->layers[k].content, &layer->stated_content));
    }
}

static bool wants_content(const struct repair *repair, const struct repair_layer *layer)
{
    return repair->format == DISK_V2 && layer->states_content && layer->states_length &&
           !layer->exchanged && (layer->error.class != ERROR_NONE || is_contradicted(layer));
}

static int layer_by_content(struct repair *repair, size_t index, struct repair_helper *helper,
                            struct error *err)
{
    struct repair_layer *layer = &repair->layers[index];
    uint64_t offset;
    char name[LAYER_NAME_SIZE];
    if (!wants_content(repair, layer) || image_disk(&helper->image) == NULL)
        return 0;
    const struct blob_id before = layer->blob;
    const enum packing packing = layer->packing;
    const struct error error = layer->error;
    int status = content_by_layer(repair, index, helper, err);
    if (status == 0 && stated_place(repair, index, &offset))
        status = content_by_disk(repair, index, offset, helper, err);
    if (status < 0 && !repair_is_damage(err))
        return -1;
    if (status < 0) /* the other image's own */
        run_warning(repair->run, "%s: %s", helper->reference->text, err->text);
    if (status <= 0) {
        layer->blob = before;
        if (error.class == ERROR_NONE && repair_look_layer(repair, index, err) < 0)
            return -1;
        layer->packing = packing;
        layer->error = error;
        return 0;
    }
    layer->refilled = true;
    layer->content_of = helper;
    layer->overruled = error.class == ERROR_NONE;
    return repair_note(repair, "refilled", layer->index, true, err,
                       "%s: its content taken from %s, in another blob", layer_name(layer, name),
                       helper->reference->text);
}

/* --- its place --- */

/* Whether the other image has the layer's content at that place of its disk. */
static int is_at_place(struct repair *repair, const struct repair_layer *layer, uint64_t offset,
                       bool *ret, struct error *err)
{
    const struct repair_helper *helper = layer->content_of;
    struct pass_chunk chunk = {.offset = offset, .length = layer->length};
    struct disk disk;
    *ret = false;
    if (image_disk(&helper->image)->format == DISK_V2 &&
        tart_check_places(helper->image.tart, err) < 0)
        return 0; /* of its places nothing is believed */
    *ret = layer->content_at == offset;
    if (*ret)
        return 0;
    int there = has_content_at(repair, helper, &layer->content, &chunk, &disk, err);
    *ret = there == 1;
    return there < 0 ? -1 : 0;
}

static int check_place(struct repair *repair, const struct repair_layer *layer, uint64_t offset,
                       struct error *err)
{
    bool there = false;
    struct digest zeros;
    char name[LAYER_NAME_SIZE];
    if (layer->length == 0)
        return 0;
    if (is_at_place(repair, layer, offset, &there, err) < 0 && !repair_is_damage(err))
        return -1;
    if (there)
        return 0;
    /* zeros may lie where another disk has something, unless the layer itself has something */
    if (repair_zeros_digest(layer->length, &zeros, err) < 0)
        return -1;
    if (!layer->overruled && digest_equal(&zeros, &layer->content))
        return 0;
    error_set(err, ERROR_CANNOT_REPAIR,
              "%s: %s does not have the content that its annotation says at disk byte %" PRIu64
              ", but elsewhere: the annotation may be another layer's",
              layer_name(layer, name), layer->content_of->reference->text, offset);
    err->where.layer = (int64_t)layer->index;
    err->where.disk_offset = (int64_t)offset;
    return -1;
}

int repair_check_refilled(struct repair *repair, struct error *err)
{
    uint64_t offset = 0;
    for (size_t i = 0; repair->format == DISK_V2 && i < repair->layer_count; i++) {
        const struct repair_layer *layer = &repair->layers[repair->order[i]];
        if (layer->content_of != NULL && check_place(repair, layer, offset, err) < 0)
            return -1;
        offset += layer->length;
    }
    return 0;
}

/* --- all --- */

static bool is_whole(const struct repair *repair)
{
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].error.class != ERROR_NONE ||
            wants_content(repair, &repair->layers[i]))
            return false;
    for (size_t i = 0; i < SMALL_COUNT; i++)
        if (repair->small[i].error.class != ERROR_NONE)
            return false;
    return true;
}

static int refill_from(struct repair *repair, struct repair_helper *helper, struct error *err)
{
    for (size_t i = 0; i < SMALL_COUNT; i++)
        if (small_by_digest(repair, &repair->small[i], helper, err) < 0)
            return -1;
    for (size_t i = 0; i < repair->layer_count; i++)
        if (layer_by_digest(repair, i, helper, err) < 0 ||
            layer_by_content(repair, i, helper, err) < 0)
            return -1;
    return 0;
}

static int still_missing(const struct repair *repair, const struct error *error, struct error *err)
{
    *err = *error;
    if (!wants_blob(error) && repair->format == DISK_V1)
        return -1;
    char text[sizeof err->text];
    memcpy(text, error->text, sizeof text);
    error_set(err, error->class, "%.400s; %s", text,
              repair->options->refill_count == 0 ? "--refill IMAGE takes it from another image"
                                                 : "no image of --refill has it");
    err->where = error->where;
    return -1;
}

int repair_refill(struct repair *repair, struct error *err)
{
    find_exchanged(repair);
    repair->has_disk_digest = repair->has_disk_digest && is_whole(repair);
    for (size_t i = 0; i < repair->options->refill_count && !is_whole(repair); i++) {
        struct repair_helper *helper = &repair->helpers[i];
        if (repair_open_helper(repair, helper, &repair->options->refills[i], err) < 0 ||
            refill_from(repair, helper, err) < 0)
            return error_wrap(err, "%s", repair->options->refills[i].text);
    }
    for (size_t i = 0; i < SMALL_COUNT; i++)
        if (repair->small[i].error.class != ERROR_NONE)
            return still_missing(repair, &repair->small[i].error, err);
    for (size_t i = 0; i < repair->layer_count; i++)
        if (repair->layers[i].error.class != ERROR_NONE)
            return still_missing(repair, &repair->layers[i].error, err);
    return 0;
}
