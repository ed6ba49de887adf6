/* repair_look.c: reads every blob of a damaged image once and notes what is there: packed or not,
 * whole or not, and what it decodes to. Judges nothing.
 */
#include "convert/engine/repair_parts.h"

#include "convert/engine/place_batch.h"

#include "convert/engine/content.h"
#include "convert/engine/lanes.h"
#include "formats/format.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

/* What config.v1, NVRAM or the image config can have inside. */
#define SMALL_SIZE_MAX TART_NVRAM_MAX

bool repair_is_damage(const struct error *err)
{
    return error_class_status(err->class) == 2;
}

/* Damage belongs to the part that has it, anything else ends the run. */
static int absorb(struct error *part, struct error *err)
{
    if (!repair_is_damage(err))
        return -1;
    *part = *err;
    return 0;
}

/* --- packings --- */

static int sniff(struct blobs *blobs, const struct blob_id *id, enum packing *ret,
                 struct error *err)
{
    AUTO(blob_close_auto) struct blob *blob = NULL;
    const uint8_t *data = NULL;
    size_t size = 0;
    *ret = PACKING_NONE;
    if (blobs_open(blobs, id, &blob, err) < 0)
        return -1;
    int status = blob_peek(blob, &data, &size, err);
    if (status > 0)
        *ret = packing_of(data, size);
    return status < 0 ? -1 : 0;
}

/* What is inside, by name; read through the feed, so that the packed bytes are checked too. */
static int unpacked_id(struct repair *repair, struct blob *blob, struct blob_id *ret,
                       struct error *err)
{
    AUTO(hasher_done) struct hasher hasher = {.context = NULL};
    if (hasher_init(&hasher, err) < 0)
        return -1;
    const uint8_t *data;
    size_t size;
    int status;
    *ret = (struct blob_id){.has_digest = true};
    while ((status = blob_peek(blob, &data, &size, err)) > 0) {
        hasher_update(&hasher, data, size);
        ret->size += size;
        blob_skip(blob, size);
        if (run_check(repair->run, err) < 0)
            return -1;
    }
    return status < 0 ? -1 : hasher_final(&hasher, &ret->digest, err);
}

/* Where the blob is packed: *id becomes what is inside, limit bytes at most. */
static int unpack(struct repair *repair, struct blob_id *id, uint64_t limit, enum packing *ret,
                  struct error *err)
{
    if (sniff(&repair->substitutes.blobs, id, ret, err) < 0)
        return -1;
    if (*ret == PACKING_NONE)
        return 0;
    AUTO(blob_close_auto) struct blob *inner = NULL;
    struct blob *outer = NULL;
    struct substitute row = {.outer = *id, .packing = *ret, .from = repair->substitutes.base};
    if (blobs_open(&repair->feed.blobs, id, &outer, err) < 0 ||
        packed_open(*ret, outer, limit, &inner, err) < 0 ||
        unpacked_id(repair, inner, &row.id, err) < 0)
        return -1;
    /* a packed blob that came out of another image stays that image's */
    (void)substitutes_source(&repair->substitutes, id, &row.from, &row.outer);
    *id = row.id;
    return substitutes_add(&repair->substitutes, &row, err);
}

/* --- streams --- */

/* What was decoded is also scanned for what it says of its place. Where the layer turns out to have
 * another length than its annotation says, the scan is given up: repair_scan_places makes it. */
static int scan_batch(struct place_scan **scan, const struct batch *batch, uint64_t length,
                      struct error *err)
{
    if (batch->offset + batch->length > length)
        *scan = place_scan_free(*scan);
    return *scan == NULL ? 0 : place_scan_batch(*scan, batch, err);
}

static int scan_begin(const struct repair *repair, struct repair_layer *layer,
                      struct place_scan **ret, struct error *err)
{
    layer->facts = place_facts_free(layer->facts);
    if (!repair->wants_places || !layer->states_length || layer->stated_length == 0 ||
        layer->stated_length > PLACE_CHUNK_MAX)
        return 0;
    return place_scan_new(layer->stated_length, ret, err);
}

/* As gpt.md has it: the layer's first bytes, if these are a disk's. */
static void table_keep(struct repair_layer *layer, const struct batch *batch)
{
    static const uint32_t sectors[] = {512, 4096};
    const struct extent *first = &batch->extents[0];
    struct gpt_table table;
    if (batch->offset > 0 || batch->extent_count == 0 || first->data == NULL)
        return;
    for (size_t i = 0; i < 2; i++)
        if (gpt_table_read(first->data, (size_t)first->length, sectors[i], sectors[i], &table) &&
            table.lba == 1 && table.alternate < UINT64_MAX)
            layer->table_sectors[i] = table.alternate + 1;
}

/* A layer of V2 is a whole stream: that of a V1 disk of one layer. */
static int decode(struct repair *repair, struct repair_layer *layer, struct error *err)
{
    AUTO(content_done) struct content content = {.only_zeros = true};
    AUTO(place_scan_free_auto) struct place_scan *places = NULL;
    AUTO(reader_close_auto) struct reader *reader = NULL;
    struct disk_layer only = {.index = layer->index, .blob = layer->blob};
    const struct disk disk = {.format = DISK_V1, .layers = &only, .layer_count = 1};
    struct batch *batch = NULL;
    int status = 1;
    memset(layer->table_sectors, 0, sizeof layer->table_sectors);
    if (content_init(&content, err) < 0 || content_begin(&content, err) < 0 ||
        scan_begin(repair, layer, &places, err) < 0 ||
        reader_open(&disk, &repair->feed.blobs, &reader, err) < 0 ||
        (batch = batch_new(err)) == NULL)
        return -1;
    while (status == 1) {
        batch_reset(batch, reader->position, INT64_MAX - reader->position);
        batch->wants_blocks = false;
        status = reader_read(reader, batch, err);
        if (status == 1) {
            content_add(&content, batch);
            table_keep(layer, batch);
            run_progress(repair->run, batch->length);
            if (run_check(repair->run, err) < 0 ||
                scan_batch(&places, batch, layer->stated_length, err) < 0)
                status = -1;
        }
    }
    layer->length = reader->position;
    batch_free(batch);
    if (status < 0 || content_end(&content, &layer->content, err) < 0)
        return -1;
    return places == NULL || layer->length != layer->stated_length
               ? 0
               : place_scan_end(places, &layer->facts, err);
}

static int scan(struct repair *repair, struct repair_layer *layer, struct error *err)
{
    AUTO(blob_close_auto) struct blob *blob = NULL;
    if (blobs_open(&repair->feed.blobs, &layer->blob, &blob, err) < 0)
        return -1;
    struct chain_scan *chain = chain_scan_new(err);
    if (chain == NULL)
        return -1;
    const uint8_t *data;
    size_t size;
    int status;
    while ((status = blob_peek(blob, &data, &size, err)) > 0) {
        if (chain_scan_push(chain, data, size, err) < 0 || run_check(repair->run, err) < 0) {
            status = -1;
            break;
        }
        blob_skip(blob, size);
        run_progress(repair->run, size);
    }
    chain_layer_done(&layer->chain);
    layer->chain = (struct chain_layer){.digest = layer->blob.digest};
    if (status == 0)
        status = chain_scan_end(chain, &layer->chain, err);
    layer->chain.digest = layer->blob.digest;
    chain_scan_free(chain);
    return status;
}

int repair_look_layer(struct repair *repair, size_t index, struct error *err)
{
    struct repair_layer *layer = &repair->layers[index];
    layer->error = (struct error)ERROR_INIT;
    if (unpack(repair, &layer->blob, UNPACKED_MAX, &layer->packing, err) == 0 &&
        (repair->format == DISK_V1 ? scan(repair, layer, err) : decode(repair, layer, err)) == 0)
        return 0;
    if (!repair_is_damage(err))
        return -1;
    /* the readers have named the layer already */
    char name[LAYER_NAME_SIZE], start[24];
    snprintf(start, sizeof start, "layer %zu", layer->index);
    if (strncmp(err->text, start, strlen(start)) != 0)
        error_wrap(err, "%s", layer_name(layer, name));
    err->where.layer = (int64_t)layer->index;
    return absorb(&layer->error, err);
}

/* --- what is no disk --- */

int repair_look_small(struct repair *repair, struct repair_small *small, struct error *err)
{
    /* an NVRAM is any bytes: only where media types say so is it packed */
    bool packable = small != &repair->small[SMALL_NVRAM] || repair->image->shape.packed > 0;
    small->error = (struct error)ERROR_INIT;
    int status = packable ? unpack(repair, &small->blob, SMALL_SIZE_MAX, &small->packing, err) : 0;
    if (status == 0)
        status = feed_drain(&repair->feed, &small->blob, repair->run, err);
    if (status == 0)
        return 0;
    if (!repair_is_damage(err))
        return -1;
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&small->own.digest, digest);
    error_wrap(err, "%s %.19s", small->name, digest);
    return absorb(&small->error, err);
}

static int look_piece(void *context, size_t lane, size_t piece, struct error *err)
{
    (void)lane;
    return repair_look_layer(context, piece, err);
}

int repair_look(struct repair *repair, struct error *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < repair->layer_count; i++)
        total += repair->format == DISK_V1 ? repair->layers[i].own.size
                                           : repair->layers[i].stated_length;
    for (size_t i = 0; i < SMALL_COUNT; i++)
        if (repair->small[i].own.has_digest &&
            repair_look_small(repair, &repair->small[i], err) < 0)
            return -1;
    run_start_progress(repair->run, total);
    size_t lanes = repair->run->threads < LANES_MAX ? repair->run->threads : LANES_MAX;
    if (lanes > repair->layer_count)
        lanes = repair->layer_count;
    return lanes_run(lanes, repair->layer_count, look_piece, repair, err);
}
