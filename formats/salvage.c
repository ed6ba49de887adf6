/* salvage.c: the reader over what a survey found. Decodes islands, gives zeros between them, and
 * lists what is not proved. Judges nothing.
 */
#include "formats/formats.h"
#include "formats/salvage_parts.h"

#include "formats/model/auto.h"

#include <string.h>

struct salvage_reader {
    struct reader reader;
    struct salvage_stream stream;
    struct track track;
    bool begun;
    size_t next;       /* the island in hand, or to come */
    uint64_t at;       /* the stream's byte at which its next block begins */
    uint64_t position; /* on the disk, of what was found and listed */
    uint64_t lost;     /* lost bytes before it that were not given out yet */
    size_t given;      /* bytes of the block in hand */
};

static void salvage_leave(struct salvage_reader *salvage)
{
    stream_done(&salvage->stream);
    track_done(&salvage->track);
    salvage->begun = false;
}

static void salvage_close(struct reader *reader)
{
    struct salvage_reader *salvage = (struct salvage_reader *)reader;
    salvage_leave(salvage);
    free(salvage);
}

static int salvage_open(const struct disk *disk, struct blobs *blobs, struct reader **ret,
                        struct error *err)
{
    (void)disk;
    (void)blobs;
    struct salvage_reader *salvage = calloc(1, sizeof *salvage);
    if (salvage == NULL)
        return error_memory(err);
    *ret = &salvage->reader;
    return 0;
}

static uint64_t salvage_start_before(const struct reader *reader, uint64_t offset)
{
    (void)reader;
    (void)offset;
    return 0;
}

static int salvage_seek(struct reader *reader, uint64_t offset, struct error *err)
{
    (void)offset;
    (void)err;
    salvage_leave((struct salvage_reader *)reader);
    return 0;
}

static int salvage_begin(struct salvage_reader *salvage, struct error *err)
{
    struct salvage *found = salvage->reader.options->salvage;
    if (stream_init(&salvage->stream, found->disk, found->blobs, NULL, err) < 0)
        return -1;
    if (track_init(&salvage->track, err) < 0) {
        stream_done(&salvage->stream);
        return -1;
    }
    salvage->stream.expected = found->layers;
    track_reset(&salvage->track);
    ranges_reset(&found->ranges);
    salvage->next = 0;
    salvage->position = salvage->lost = 0;
    salvage->given = 0;
    salvage->at = found->island_count > 0 ? found->islands[0].at : 0;
    salvage->begun = true;
    return 0;
}

/* --- the next stretch --- */

/* Up to the next island, or the disk's end. */
static int next_gap(struct salvage_reader *salvage, uint64_t end, struct error *err)
{
    struct salvage_ranges *ranges = &salvage->reader.options->salvage->ranges;
    uint64_t length = end - salvage->position;
    if (ranges_add(ranges, salvage->position, length, SALVAGE_MISSING, err) < 0)
        return -1;
    track_skip(&salvage->track, length);
    salvage->lost = length;
    salvage->position = end;
    return 1;
}

/* Lists what of the block in hand is not known. */
static int list_marks(const struct salvage_reader *salvage, struct error *err)
{
    static const enum salvage_kind kinds[] = {
        [MARK_UNVERIFIED] = SALVAGE_UNVERIFIED, [MARK_LOST] = SALVAGE_DERIVED};
    struct salvage_ranges *ranges = &salvage->reader.options->salvage->ranges;
    const uint8_t *marks = salvage->track.marks + APPLELZ4_WINDOW;
    size_t size = salvage->track.size;
    for (size_t from = 0, to; from < size; from = to) {
        for (to = from + 1; to < size && marks[to] == marks[from]; to++)
            ;
        if (marks[from] != MARK_KNOWN &&
            ranges_add(ranges, salvage->position + from, to - from, kinds[marks[from]], err) < 0)
            return -1;
    }
    return 0;
}

/* The next block of the island in hand. */
static int next_block(struct salvage_reader *salvage, const struct salvage_island *island,
                      struct error *err)
{
    const struct salvage *found = salvage->reader.options->salvage;
    uint64_t left = island->offset + island->length - salvage->position;
    size_t size;
    if (block_decode(&salvage->stream, found->layers, &salvage->track, salvage->at, left,
                     island->sure ? MARK_KNOWN : MARK_UNVERIFIED, &size, err) < 0)
        return -1;
    salvage->at += size;
    salvage->given = 0;
    if (list_marks(salvage, err) < 0)
        return -1;
    salvage->position += salvage->track.size;
    return 1;
}

/* 1, 0 at the disk's end, -1. */
static int next_stretch(struct salvage_reader *salvage, struct error *err)
{
    const struct salvage *found = salvage->reader.options->salvage;
    const struct salvage_island *island = &found->islands[salvage->next];
    if (salvage->next < found->island_count &&
        salvage->position == island->offset + island->length) {
        island++;
        if (++salvage->next < found->island_count)
            salvage->at = island->at;
    }
    if (salvage->next == found->island_count)
        return salvage->position < found->size ? next_gap(salvage, found->size, err)
                                               : stream_drain(&salvage->stream, err);
    return salvage->position < island->offset ? next_gap(salvage, island->offset, err)
                                              : next_block(salvage, island, err);
}

/* --- giving it out --- */

static void give(struct batch *batch, uint64_t length, const uint8_t *data)
{
    batch->extents[batch->extent_count++] = (struct extent){.length = length, .data = data};
    batch->length += length;
}

/* Moves what fits into the batch; false where it is full. */
static bool give_stretch(struct salvage_reader *salvage, struct batch *batch)
{
    while (salvage->lost > 0 || salvage->given < salvage->track.size) {
        uint64_t room = batch->limit - batch->length;
        if (room == 0 || batch->extent_count == BATCH_EXTENTS_MAX)
            return false;
        if (salvage->lost > 0) {
            uint64_t length = salvage->lost < room ? salvage->lost : room;
            give(batch, length, NULL);
            salvage->lost -= length;
            continue;
        }
        size_t size = salvage->track.size - salvage->given;
        size = size < BLOCK_SIZE ? size : BLOCK_SIZE;
        size = size < room ? size : (size_t)room;
        const uint8_t *data = salvage->track.data + APPLELZ4_WINDOW + salvage->given;
        if (bytes_are_zero(data, size))
            give(batch, size, NULL);
        else if (size > BATCH_DATA_SIZE - batch->data_used)
            return false;
        else {
            uint8_t *kept = batch->data + batch->data_used;
            memcpy(kept, data, size);
            batch->data_used += size;
            give(batch, size, kept);
        }
        salvage->given += size;
    }
    return true;
}

static int salvage_read(struct reader *reader, struct batch *batch, struct error *err)
{
    struct salvage_reader *salvage = (struct salvage_reader *)reader;
    if (!salvage->begun && salvage_begin(salvage, err) < 0)
        return -1;
    int status = 1;
    while (status == 1 && give_stretch(salvage, batch) && batch->length < batch->limit)
        status = next_stretch(salvage, err);
    /* the disk's last bytes are given out when all layers were seen to be the same as before */
    if (status == 1 && batch->offset + batch->length == reader->options->salvage->size)
        status = next_stretch(salvage, err);
    if (status < 0)
        return -1;
    return batch->length > 0 ? 1 : 0;
}

const struct reader_ops salvage_reader_ops = {
    .open = salvage_open,
    .read = salvage_read,
    .start_before = salvage_start_before,
    .seek = salvage_seek,
    .close = salvage_close,
};
