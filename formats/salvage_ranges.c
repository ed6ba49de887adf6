/* salvage_ranges.c: a list of stretches of a disk that stays short, whatever is put into it.
 */
#include "formats/salvage.h"

#include <stdlib.h>

#define GRAIN_LEAST 512u

const char *salvage_kind_name(enum salvage_kind kind)
{
    static const char *const names[] = {
        [SALVAGE_UNVERIFIED] = "unverified",
        [SALVAGE_DERIVED] = "derived",
        [SALVAGE_MISSING] = "missing",
    };
    return names[kind];
}

/* Whether two of different kinds may be one: the less known one's kind is then said of both, so
 * that must not be said of much more than it is true of. */
static bool kinds_join(const struct salvage_range *a, const struct salvage_range *b, uint64_t grain)
{
    const struct salvage_range *better = a->kind < b->kind ? a : b;
    return a->kind == b->kind || better->length <= grain;
}

/* Makes `last` reach to the end of `range`, where they are close enough to be one. */
static bool range_join(struct salvage_range *last, const struct salvage_range *range,
                       uint64_t grain)
{
    uint64_t apart = range->offset - (last->offset + last->length);
    if (apart > grain || !kinds_join(last, range, grain))
        return false;
    last->length = range->offset + range->length - last->offset;
    if (range->kind > last->kind)
        last->kind = range->kind;
    return true;
}

/* Puts a range behind the others; what became one may now be one with what is before it. */
static void range_append(struct salvage_ranges *ranges, struct salvage_range range)
{
    ranges->items[ranges->count++] = range;
    while (ranges->count > 1 && range_join(&ranges->items[ranges->count - 2],
                                           &ranges->items[ranges->count - 1], ranges->grain))
        ranges->count--;
}

static void coarsen(struct salvage_ranges *ranges)
{
    while (ranges->count == SALVAGE_RANGES_MAX) {
        ranges->grain = ranges->grain == 0 ? GRAIN_LEAST : ranges->grain * 2;
        ranges->count = 0;
        for (size_t i = 0; i < SALVAGE_RANGES_MAX; i++)
            range_append(ranges, ranges->items[i]);
    }
}

int ranges_add(struct salvage_ranges *ranges, uint64_t offset, uint64_t length,
               enum salvage_kind kind, struct error *err)
{
    const struct salvage_range range = {offset, length, kind};
    if (length == 0)
        return 0;
    ranges->bytes[kind] += length;
    if (ranges->items == NULL)
        ranges->items = malloc(SALVAGE_RANGES_MAX * sizeof *ranges->items);
    if (ranges->items == NULL)
        return error_memory(err);
    range_append(ranges, range);
    coarsen(ranges);
    return 0;
}

void ranges_reset(struct salvage_ranges *ranges)
{
    struct salvage_range *items = ranges->items;
    *ranges = (struct salvage_ranges){.items = items};
}
