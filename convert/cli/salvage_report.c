/* salvage_report.c: how ranges of a disk that are not whole are written down. */
#include "convert/cli/salvage_report.h"

#include <inttypes.h>

/* More than these are told in JSON only. */
#define TOLD_MAX 20

void put_salvage(struct document *document, const struct salvage *salvage)
{
    if (salvage == NULL) {
        put_null(document, NULL, "salvage");
        return;
    }
    const struct salvage_ranges *ranges = &salvage->ranges;
    struct json *object = put_object(document, NULL, "salvage");
    for (enum salvage_kind kind = SALVAGE_MISSING + 1; kind-- > SALVAGE_UNVERIFIED;)
        put_uint(document, object, salvage_kind_name(kind), true, ranges->bytes[kind]);
    put_uint(document, object, "unplaced", true, salvage->unplaced);
    put_bool(document, object, "stopped", salvage->unplaced > 0);
    put_uint(document, object, "grain", true, ranges->grain);
    struct json *array = put_array(document, object, "ranges");
    for (size_t i = 0; i < ranges->count && !document->failed; i++) {
        struct json *range = add_object(document, array);
        put_uint(document, range, "offset", true, ranges->items[i].offset);
        put_uint(document, range, "length", true, ranges->items[i].length);
        put_text(document, range, "kind", salvage_kind_name(ranges->items[i].kind));
    }
}

void tell_salvage(struct run *run, const struct reference *reference, const struct salvage *salvage)
{
    const struct salvage_ranges *ranges = &salvage->ranges;
    char text[SALVAGED_TEXT_SIZE];
    run_warning(run, "%s is not whole: %s", reference->text, convert_salvaged_text(salvage, text));
    for (size_t i = 0; i < ranges->count && i < TOLD_MAX; i++)
        run_warning(run, "disk bytes %" PRIu64 " to %" PRIu64 ": %s", ranges->items[i].offset,
                    ranges->items[i].offset + ranges->items[i].length - 1,
                    salvage_kind_name(ranges->items[i].kind));
    if (ranges->count > TOLD_MAX)
        run_warning(run, "and %zu more such ranges; --format json lists all",
                    ranges->count - TOLD_MAX);
}
