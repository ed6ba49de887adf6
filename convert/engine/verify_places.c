/* verify_places.c: where the chunks of a disk.v2 belong, by their own bytes, held against where the
 * manifest has them.
 */
#include "convert/engine/verify_look.h"

#include "convert/engine/place_batch.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>

/* Our offsets, one for each layer: they were held against the order already. */
static bool has_offsets(const struct look *look)
{
    const struct disk *disk = &look->image.tart->disk;
    for (size_t i = 0; i < disk->layer_count; i++)
        if (descriptor_annotation(&look->image.manifest->layers[disk->layers[i].index],
                                  OUR_DISK_OFFSET) == NULL)
            return false;
    return true;
}

/* All of one length, and a last one that may be shorter. Where a shorter one is elsewhere, its
 * length alone would have a place for it, and that is no word of the disk's: another tool may cut
 * so. */
static bool is_even(const struct look *look)
{
    for (size_t i = 1; i < look->chunk_count; i++) {
        uint64_t length = look->chunks[i].length, first = look->chunks[0].length;
        if (length > first || (length < first && i + 1 < look->chunk_count))
            return false;
    }
    return look->chunk_count > 1 && look->chunks[0].length <= PLACE_CHUNK_MAX;
}

int look_ask_places(struct look *look, struct error *err)
{
    if (look->options->quick || look->image.tart == NULL || look->disk.format != DISK_V2 ||
        !is_even(look) || has_offsets(look))
        return 0;
    look->places = calloc(look->chunk_count, sizeof(struct place_facts *));
    return look->places != NULL ? 0 : error_memory(err);
}

int look_scan_places(struct look *look, struct pass_lane *lane, const struct batch *batch,
                     struct error *err)
{
    const struct pass_chunk *chunk = &look->chunks[batch->chunk];
    struct place_scan *scan = lane->context;
    if (batch->offset == chunk->offset) { /* what is left of one that broke off goes */
        scan = lane->context = place_scan_free(scan);
        if (place_scan_new(chunk->length, &scan, err) < 0)
            return -1;
        lane->context = scan;
    }
    if (place_scan_batch(scan, batch, err) < 0)
        return -1;
    if (!batch->last)
        return 0;
    int status = place_scan_end(scan, &look->places[batch->chunk], err);
    lane->context = place_scan_free(scan);
    return status;
}

void look_close_lane(struct pass_lane *lane)
{
    lane->context = place_scan_free(lane->context);
}

/* The layer that is the chunk. */
static size_t layer_of(const struct look *look, const struct pass_chunk *chunk)
{
    const struct disk *disk = &look->disk;
    size_t i = 0;
    while (i + 1 < disk->layer_count &&
           (disk->layers[i].offset != chunk->offset || disk->layers[i].length != chunk->length))
        i++;
    return disk->layers[i].index;
}

int look_find_misplaced(struct look *look, struct error *err)
{
    AUTO_FREE struct place_chunk *chunks = calloc(look->chunk_count, sizeof *chunks);
    AUTO(place_result_done) struct place_result result = {.places = NULL};
    look->misplaced = calloc(look->chunk_count, sizeof *look->misplaced);
    if (chunks == NULL || look->misplaced == NULL)
        return error_memory(err);
    for (size_t i = 0; i < look->chunk_count; i++)
        chunks[i] = (struct place_chunk){.length = look->chunks[i].length,
                                         .content = look->chunks[i].content,
                                         .facts = look->places[i]};
    if (place_solve(chunks, look->chunk_count, look->disk.size, &result, err) < 0)
        return -1;
    for (size_t i = 0; i < result.count; i++) {
        const struct chunk_place *place = &result.places[i];
        bool proved = place->grade == PLACE_PROVED;
        if (!place->known || (!proved && place->grade != PLACE_LIKELY) ||
            place->offset == look->chunks[i].offset)
            continue;
        struct misplaced *one = &look->misplaced[look->facts.misplaced_count++];
        *one = (struct misplaced){.layer = layer_of(look, &look->chunks[i]),
                                  .offset = look->chunks[i].offset,
                                  .place = place->offset,
                                  .proved = proved};
        snprintf(one->why, sizeof one->why, "%s", place->why);
    }
    look->facts.misplaced = look->misplaced;
    return 0;
}
