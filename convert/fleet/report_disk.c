/* report_disk.c: what is drawn: a disk's chunks as a strip, and the rate over the time.
 */
#include "convert/fleet/report_parts.h"

#include "convert/fleet/event_parts.h"
#include "formats/model/auto.h"

#include <string.h>

/* --- the strip -----------------------------------------------------------------------------------
 */

struct part {
    uint64_t offset, length;
    enum chunk_how how;
};

/* Neighbours of a kind as one, where they touch. Returns how many are left. */
static size_t parts_join(struct part *parts, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct part *last = kept > 0 ? &parts[kept - 1] : NULL;
        if (last != NULL && last->how == parts[i].how &&
            last->offset + last->length == parts[i].offset)
            last->length += parts[i].length;
        else
            parts[kept++] = parts[i];
    }
    return kept;
}

static uint64_t overlap(const struct part *part, uint64_t start, uint64_t end)
{
    uint64_t from = part->offset > start ? part->offset : start;
    uint64_t to = part->offset + part->length < end ? part->offset + part->length : end;
    return to > from ? to - from : 0;
}

/* What a column of the disk mostly is; damage is never hidden. -1: nothing was told of it. */
static int column_how(const struct part *parts, size_t count, size_t *first, uint64_t start,
                      uint64_t end)
{
    uint64_t bytes[CHUNK_HOW_COUNT] = {0};
    while (*first < count && parts[*first].offset + parts[*first].length <= start)
        (*first)++;
    for (size_t i = *first; i < count && parts[i].offset < end; i++)
        bytes[parts[i].how] += overlap(&parts[i], start, end);
    int most = -1;
    for (int how = 0; how < CHUNK_HOW_COUNT; how++)
        if (bytes[how] > 0 && (most < 0 || bytes[how] > bytes[most]))
            most = how;
    return bytes[CHUNK_DAMAGED] > 0 ? CHUNK_DAMAGED : most;
}

/* So many that nobody could see them: the disk in columns of one width. */
static size_t parts_coarse(const struct part *parts, size_t count, struct part *ret)
{
    uint64_t size = parts[count - 1].offset + parts[count - 1].length;
    uint64_t width = size / STRIP_PARTS_MAX + 1;
    size_t made = 0, first = 0;
    for (uint64_t start = 0; start < size; start += width) {
        uint64_t end = size - start < width ? size : start + width;
        int how = column_how(parts, count, &first, start, end);
        if (how >= 0)
            ret[made++] = (struct part){start, end - start, (enum chunk_how)how};
    }
    return parts_join(ret, made);
}

/* Chunks of a hostile log may overlap; what comes first counts. */
static size_t parts_take(const struct history_image *image, struct part *ret)
{
    size_t count = 0;
    uint64_t end = 0;
    for (size_t i = 0; i < image->chunk_count; i++) {
        const struct chunk_told *chunk = &image->chunks[i];
        if (chunk->offset < end)
            continue;
        ret[count++] = (struct part){chunk->offset, chunk->length, chunk->how};
        end = chunk->offset + chunk->length;
    }
    return count;
}

static void put_parts(struct document *document, struct json *object, const struct part *parts,
                      size_t count)
{
    struct json *array = put_array(document, object, "strip");
    for (size_t i = 0; i < count; i++) {
        struct json *part = add_object(document, array);
        put_uint(document, part, "offset", true, parts[i].offset);
        put_uint(document, part, "length", true, parts[i].length);
        put_text(document, part, "how", chunk_how_name(parts[i].how));
    }
}

void put_strip(struct document *document, struct json *object, const struct history_image *image)
{
    uint64_t bytes[CHUNK_HOW_COUNT] = {0};
    AUTO_FREE struct part *parts = calloc(image->chunk_count + 1, sizeof *parts);
    AUTO_FREE struct part *coarse = calloc(STRIP_PARTS_MAX + 1, sizeof *coarse);
    if (parts == NULL || coarse == NULL) {
        document->failed = true;
        return;
    }
    size_t count = parts_take(image, parts);
    for (size_t i = 0; i < count; i++)
        bytes[parts[i].how] += parts[i].length;
    count = parts_join(parts, count);
    if (count > STRIP_PARTS_MAX)
        put_parts(document, object, coarse, parts_coarse(parts, count, coarse));
    else
        put_parts(document, object, parts, count);
    struct json *chunks = put_object(document, object, "chunks");
    for (size_t how = 0; how < CHUNK_HOW_COUNT; how++)
        put_uint(document, chunks, chunk_how_name((enum chunk_how)how), true, bytes[how]);
}

/* --- the rate ------------------------------------------------------------------------------------
 */

struct rates {
    uint64_t begin, end, step; /* milliseconds */
    double *bytes;
    size_t count;
};

static void rates_span(const struct history *history, struct rates *ret)
{
    *ret = (struct rates){.begin = UINT64_MAX};
    for (size_t i = 0; i < history->count; i++) {
        const struct history_image *image = &history->items[i];
        if (image->rate_count == 0)
            continue;
        uint64_t first = image->rates[0].time_ms,
                 last = image->rates[image->rate_count - 1].time_ms;
        ret->begin = first < ret->begin ? first : ret->begin;
        ret->end = last > ret->end ? last : ret->end;
    }
    if (ret->begin > ret->end)
        return;
    uint64_t seconds = (ret->end - ret->begin) / 1000 + 1;
    ret->step = (seconds + RATE_STEPS_MAX - 1) / RATE_STEPS_MAX * 1000;
    ret->count = (size_t)((ret->end - ret->begin) / ret->step) + 1;
}

/* What was done between two looks was done evenly. */
static void rates_spread(struct rates *rates, const struct history_rate *from,
                         const struct history_rate *to)
{
    double bytes = (double)(to->done - from->done);
    if (to->time_ms == from->time_ms) {
        rates->bytes[(to->time_ms - rates->begin) / rates->step] += bytes;
        return;
    }
    double each = bytes / (double)(to->time_ms - from->time_ms);
    for (uint64_t at = from->time_ms; at < to->time_ms;) {
        size_t i = (size_t)((at - rates->begin) / rates->step);
        uint64_t end = rates->begin + (i + 1) * rates->step;
        end = end < to->time_ms ? end : to->time_ms;
        rates->bytes[i] += each * (double)(end - at);
        at = end;
    }
}

void put_rates(struct document *document, const struct history *history)
{
    struct rates rates;
    rates_span(history, &rates);
    rates.bytes = calloc(rates.count + 1, sizeof *rates.bytes);
    AUTO_FREE double *owned = rates.bytes;
    if (owned == NULL) {
        document->failed = true;
        return;
    }
    for (size_t i = 0; i < history->count && rates.count > 0; i++) {
        const struct history_image *image = &history->items[i];
        for (size_t j = 1; j < image->rate_count; j++)
            if (image->rates[j].done > image->rates[j - 1].done)
                rates_spread(&rates, &image->rates[j - 1], &image->rates[j]);
    }
    put_uint(document, NULL, "rate_step_ms", rates.count > 0, rates.step);
    struct json *array = put_array(document, NULL, "rate");
    for (size_t i = 0; i < rates.count; i++) {
        char when[EVENT_TIME_SIZE];
        struct json *step = add_object(document, array);
        event_time_print(rates.begin + i * rates.step, when);
        put_text(document, step, "time", when);
        /* the last step may not be over */
        uint64_t end = rates.begin + (i + 1) * rates.step;
        uint64_t length = end <= rates.end ? rates.step : rates.step - (end - rates.end);
        put_uint(document, step, "bytes_per_second", true,
                 length < 100 ? 0 : report_whole(owned[i] * 1000 / (double)length));
    }
}
