/* salvage_place.c: where on the disk lies what a survey found: counted from the disk's start, from
 * its end, or by what the disk says of itself. Says what of that is proved.
 * docs/formats/disk-v1.md, "Salvage".
 */
#include "formats/salvage_parts.h"
#include "formats/salvage_witness.h"

#include "formats/model/auto.h"

enum place_state {
    PLACE_UNKNOWN,
    PLACE_UNSURE, /* counted over what may have another length than it seems */
    PLACE_SURE,
};

struct place {
    const struct island *island;
    size_t thread;
    uint64_t offset; /* on the disk */
    enum place_state state;
    bool doubtful;               /* its own length is not proved */
    struct witnesses *witnesses; /* of the stretch that begins here; owned */
};

struct places {
    const struct survey *survey;
    struct salvage *salvage;
    struct place *items; /* all islands, in the order of the stream */
    size_t count;
};

static void places_done(struct places *places)
{
    for (size_t i = 0; places->items != NULL && i < places->count; i++)
        free(places->items[i].witnesses);
    free(places->items);
}

static bool has_gap(const struct survey *survey)
{
    return survey->thread_count > 1;
}

static uint64_t front_length(const struct survey *survey)
{
    return survey->threads[0].length;
}

/* 0 where nothing leads to the disk's end. */
static uint64_t tail_length(const struct survey *survey)
{
    bool has_tail = has_gap(survey) && survey->ended;
    return has_tail ? survey->threads[survey->thread_count - 1].length : 0;
}

bool survey_fits(const struct survey *survey)
{
    const struct disk *disk = survey->stream.disk;
    uint64_t front = front_length(survey);
    if (!disk->has_size)
        return !has_gap(survey) && front > 0;
    if (!has_gap(survey))
        return front == disk->size;
    return front <= disk->size && tail_length(survey) <= disk->size - front;
}

/* --- what is counted --- */

/* Blocks of a layer whose digest is wrong may be others than were there. They still are as many
 * where no byte came or went and each has the size that all blocks have: else others would have to
 * be as long, to the byte. */
static bool is_doubtful(const struct salvage *salvage, const struct island *island)
{
    const struct disk *disk = salvage->disk;
    bool last = island->blocks == 1 && disk->has_size && island->length == disk->size % BLOCK_SIZE;
    uint64_t end = island->at + island->size;
    for (size_t i = 0; i < disk->layer_count && !island->certain; i++) {
        const struct salvage_layer *layer = &salvage->layers[i];
        if (layer->start >= end || layer->start + layer->size < island->at ||
            (layer->start + layer->size == island->at && island->size > 0))
            continue;
        if (!layer->good &&
            (layer->absent || layer->size != disk->layers[i].blob.size || (island->odd && !last)))
            return true;
    }
    return false;
}

static int places_list(struct places *places, struct error *err)
{
    const struct survey *survey = places->survey;
    places->items = calloc(survey->island_count + 1, sizeof *places->items);
    if (places->items == NULL)
        return error_memory(err);
    for (size_t i = 0; i < survey->thread_count; i++)
        for (size_t k = 0; k < survey->threads[i].count; k++) {
            const struct island *island = &survey->threads[i].items[k];
            places->items[places->count++] = (struct place){
                .island = island, .thread = i, .doubtful = is_doubtful(places->salvage, island)};
        }
    return 0;
}

/* Where the sizes say that nothing is left out, nothing was miscounted either. */
static void places_count(struct places *places)
{
    const struct survey *survey = places->survey;
    const struct salvage *salvage = places->salvage;
    bool whole = !has_gap(survey) && salvage->disk->has_size;
    enum place_state state = PLACE_SURE;
    for (size_t i = 0; i < places->count && places->items[i].thread == 0; i++) {
        struct place *place = &places->items[i];
        if (place->doubtful && !whole)
            state = PLACE_UNSURE;
        place->offset = place->island->offset;
        place->state = state;
    }
    state = PLACE_SURE;
    for (size_t i = places->count; tail_length(survey) > 0 && i-- > 0 &&
                                   places->items[i].thread + 1 == survey->thread_count;) {
        struct place *place = &places->items[i];
        place->offset = salvage->gap_end + place->island->offset;
        /* all blocks but a disk's last have one size: else the stated size is not the disk's */
        bool misfit = i + 1 == places->count && place->offset % BLOCK_SIZE != 0;
        if (place->doubtful || misfit)
            state = PLACE_UNSURE;
        place->state = state;
    }
}

/* --- what the disk says --- */

/* Islands of one thread that can only be moved together: the end of those from i on. */
static size_t stretch_end(const struct places *places, size_t i)
{
    size_t thread = places->items[i].thread;
    while (i < places->count && places->items[i].thread == thread && !places->items[i].doubtful)
        i++;
    return i;
}

static bool is_asked(const struct places *places, size_t first)
{
    return !places->items[first].doubtful && places->items[first].state != PLACE_SURE;
}

static bool anything_is_asked(const struct places *places, size_t thread)
{
    for (size_t i = 0; i < places->count; i++)
        if (places->items[i].thread == thread && is_asked(places, i))
            return true;
    return false;
}

/* What decodes the islands once more, to hear them. */
struct hearing {
    struct places *places;
    struct salvage_stream stream;
    struct track track;
    struct lore *lore;
};

static void hearing_done(struct hearing *hearing)
{
    stream_done(&hearing->stream);
    track_done(&hearing->track);
    lore_free(hearing->lore);
}

/* Every block of an island. of: whose witnesses its blocks are; NULL: nobody's. */
static int hear_island(struct hearing *hearing, const struct place *place, struct witnesses *of,
                       struct error *err)
{
    const struct island *island = place->island;
    bool sure = place->state == PLACE_SURE && !island->early;
    uint64_t at = island->at, done = 0;
    while (done < island->length) {
        size_t size;
        if (block_decode(&hearing->stream, hearing->places->salvage->layers, &hearing->track, at,
                         island->length - done, island->early ? MARK_UNVERIFIED : MARK_KNOWN, &size,
                         err) < 0)
            return -1;
        if (sure && lore_learn(hearing->lore, &hearing->track, place->offset + done, err) < 0)
            return -1;
        if (of != NULL && !island->early)
            witnesses_hear(of, hearing->lore, &hearing->track, island->offset + done);
        at += size;
        done += hearing->track.size;
    }
    return 0;
}

/* A thread's islands, up to where nobody needs more. */
static int hear_thread(struct hearing *hearing, size_t first, size_t end, struct error *err)
{
    struct place *items = hearing->places->items;
    bool asked = anything_is_asked(hearing->places, items[first].thread);
    struct witnesses *of = NULL;
    uint64_t position = 0;
    if (items[first].thread == 0)
        track_reset(&hearing->track);
    else
        track_skip(&hearing->track, APPLELZ4_WINDOW);
    for (size_t i = first; i < end; i++) {
        struct place *place = &items[i];
        bool begins = i == first || items[i - 1].doubtful || place->doubtful;
        if (items[first].thread == 0 && !asked && !lore_wants(hearing->lore, place->offset))
            return 0;
        if (begins)
            of = NULL;
        if (begins && is_asked(hearing->places, i)) {
            of = place->witnesses = calloc(1, sizeof *of);
            if (of == NULL)
                return error_memory(err);
        }
        track_skip(&hearing->track, place->island->offset - position);
        if (place->island->lost) {
            track_skip(&hearing->track, place->island->length);
        } else if (hear_island(hearing, place, of, err) < 0)
            return -1;
        position = place->island->offset + place->island->length;
    }
    return 0;
}

static int hear_all(struct hearing *hearing, const struct salvage_watch *watch, struct error *err)
{
    struct places *places = hearing->places;
    const struct salvage *salvage = places->salvage;
    hearing->lore = lore_new(salvage->size, err);
    if (hearing->lore == NULL || track_init(&hearing->track, err) < 0 ||
        stream_init(&hearing->stream, salvage->disk, salvage->blobs, watch, err) < 0)
        return -1;
    hearing->stream.expected = salvage->layers;
    for (size_t first = 0, end; first < places->count; first = end) {
        size_t thread = places->items[first].thread;
        for (end = first; end < places->count && places->items[end].thread == thread; end++)
            ;
        bool needed =
            thread == 0 || anything_is_asked(places, thread) || !lore_has_table(hearing->lore);
        if (needed && hear_thread(hearing, first, end, err) < 0)
            return -1;
    }
    return 0;
}

/* Blocks begin at multiples of their size where all have the same. */
static uint64_t grain_of(const struct places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        const struct island *island = places->items[i].island;
        bool last = i + 1 == places->count && island->blocks == 1 && places->survey->ended;
        if (island->odd && !last)
            return 512;
    }
    return BLOCK_SIZE;
}

/* What leads on from a stretch that begins at `start`, to the thread's end, whatever its length is
 * worth. Where it ends. */
static uint64_t stretch_extend(struct places *places, size_t end, int64_t start)
{
    struct place *items = places->items;
    const struct island *last = items[end - 1].island;
    uint64_t placed = items[end - 1].offset + last->length;
    size_t more = end;
    while (more < places->count && items[more].thread == items[end - 1].thread)
        if (!items[more++].doubtful)
            return placed;
    uint64_t length = items[more - 1].island->offset + items[more - 1].island->length -
                      (last->offset + last->length);
    if (length > places->salvage->gap_end - placed)
        return placed;
    for (size_t i = end; i < more; i++) {
        items[i].offset = (uint64_t)(start + (int64_t)items[i].island->offset);
        items[i].state = PLACE_UNSURE;
    }
    return placed + length;
}

/* Gives a stretch the place that its witnesses agree on, between what was placed before and what
 * comes behind. */
static void stretch_settle(struct places *places, const struct lore *lore, size_t first, size_t end,
                           uint64_t grain, uint64_t *placed)
{
    struct place *items = places->items;
    const struct island *begin = items[first].island, *last = items[end - 1].island;
    bool counted = items[first].state != PLACE_UNKNOWN;
    uint64_t least = counted ? items[first].offset : *placed;
    uint64_t reach = last->offset + last->length - begin->offset;
    if (items[first].witnesses == NULL || (!counted && (places->salvage->gap_end < least ||
                                                        reach > places->salvage->gap_end - least)))
        return;
    uint64_t most = counted ? least : places->salvage->gap_end - reach;
    const struct berth berth = {(int64_t)least - (int64_t)begin->offset,
                                (int64_t)most - (int64_t)begin->offset, grain};
    int64_t start;
    enum verdict verdict = witnesses_agree(items[first].witnesses, lore, &berth, &start);
    if (verdict == VERDICT_NONE)
        return;
    for (size_t i = first; i < end; i++) {
        items[i].offset = (uint64_t)(start + (int64_t)items[i].island->offset);
        items[i].state = verdict == VERDICT_PROVED ? PLACE_SURE : PLACE_UNSURE;
    }
    if (!counted)
        *placed = stretch_extend(places, end, start);
}

static int places_ask(struct places *places, const struct salvage_watch *watch, struct error *err)
{
    AUTO(hearing_done) struct hearing hearing = {.places = places};
    bool asked = false;
    for (size_t i = 0; i < places->count; i++)
        asked |= is_asked(places, i);
    if (!asked || !places->salvage->disk->has_size)
        return 0;
    if (hear_all(&hearing, watch, err) < 0)
        return -1;
    uint64_t grain = grain_of(places), placed = places->salvage->gap_start;
    for (size_t i = 0; i < places->count; i++) {
        size_t end = stretch_end(places, i);
        if (end == i)
            continue;
        if (is_asked(places, i))
            stretch_settle(places, hearing.lore, i, end, grain, &placed);
        i = end - 1;
    }
    return 0;
}

/* --- what comes of it --- */

static int islands_take(struct salvage *salvage, const struct places *places, struct error *err)
{
    salvage->islands = calloc(places->count + 1, sizeof *salvage->islands);
    if (salvage->islands == NULL)
        return error_memory(err);
    for (size_t i = 0; i < places->count; i++) {
        const struct place *place = &places->items[i];
        if (place->state == PLACE_UNKNOWN && !place->island->early && !place->island->lost)
            salvage->unplaced += place->island->length;
        if (place->state == PLACE_UNKNOWN || place->island->lost)
            continue;
        salvage->islands[salvage->island_count++] = (struct salvage_island){
            .at = place->island->at,
            .offset = place->offset,
            .length = place->island->length,
            .sure = place->state == PLACE_SURE && !place->island->early,
        };
    }
    return 0;
}

int survey_place(struct salvage *salvage, const struct survey *survey,
                 const struct salvage_watch *watch, struct error *err)
{
    AUTO(places_done) struct places places = {.survey = survey, .salvage = salvage};
    salvage->size = salvage->disk->has_size ? salvage->disk->size : front_length(survey);
    salvage->gap_start = front_length(survey);
    salvage->gap_end = salvage->size - tail_length(survey);
    if (!has_gap(survey))
        salvage->gap_start = salvage->gap_end;
    if (places_list(&places, err) < 0)
        return -1;
    places_count(&places);
    if (places_ask(&places, watch, err) < 0)
        return -1;
    return islands_take(salvage, &places, err);
}
