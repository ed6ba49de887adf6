/* read_disk.h: layers made of a fuzzer's input, and a reader that must keep its promises whatever
 * is in them. */
#ifndef TESTS_FUZZ_READ_DISK_H
#define TESTS_FUZZ_READ_DISK_H

#include "tests/fuzz/input.h"
#include "tests/unit/make_data.h"
#include "tests/unit/memory_store.h"

#define LAYERS 8
/* Of disk; what goes on behind it is not read. */
#define ENOUGH (3u << 20)

/* One more layer, of the input's next bytes; its descriptor may lie by what `flaws` has. */
static inline void layer_add(struct memory_store *store, struct disk *disk, struct input *input,
                             size_t wanted, uint32_t flaws)
{
    struct error err = ERROR_INIT;
    size_t size;
    const uint8_t *data = input_take(input, wanted, &size);
    struct disk_layer *layer = &disk->layers[disk->layer_count++];
    *layer =
        (struct disk_layer){.index = disk->layer_count, .blob = {.has_digest = true, .size = size}};
    layer->blob.digest.bytes[0] = (uint8_t)disk->layer_count;
    struct stored_blob *row = store_add(store);
    require(bytes_append(&row->bytes, data, size, &err) == 0);
    row->id = layer->blob;
    row->damaged = (flaws & 0xF0) == 0x10;
    if ((flaws & 0xF0) == 0x20)
        layer->blob.size++;
    if ((flaws & 0xF0) == 0x30)
        layer->blob.digest.bytes[1] = 1; /* is not there */
}

/* Reads to the end, an error, or enough of it. */
static inline enum error_class disk_read(struct reader *reader, struct batch *batch,
                                         struct dice *dice)
{
    struct error err = ERROR_INIT;
    for (;;) {
        uint64_t position = reader->position, length = 0;
        batch_reset(batch, position, dice_size(dice, BATCH_DATA_SIZE));
        int status = reader_read(reader, batch, &err);
        require((status < 0) == (err.class != ERROR_NONE));
        require(!reader->disk->has_size || reader->position <= reader->disk->size);
        if (status < 0) {
            require(err.text[0] != '\0' && err.where.layer > 0 &&
                    err.where.layer <= (int64_t)reader->disk->layer_count);
            return err.class;
        }
        for (size_t i = 0; i < batch->extent_count; i++)
            length += batch->extents[i].length;
        require(length == batch->length && reader->position == position + length);
        require(batch->length <= batch->limit && (status == 1) == (length > 0));
        if (status == 0) {
            require(!reader->disk->has_size || position == reader->disk->size);
            return ERROR_NONE;
        }
        if (reader->position > ENOUGH)
            return ERROR_NONE;
    }
}

/* Reads twice, with other limits: the same must come out. Then from each place where it can begin.
 */
static inline void disk_check(struct disk *disk, struct memory_store *store, struct dice *dice)
{
    struct error err = ERROR_INIT;
    static struct batch *batch; /* for the whole run: it is large */
    if (batch == NULL)
        batch = batch_new(&err);
    require(batch != NULL);
    batch->wants_blocks = dice_roll(dice) % 2 == 0;
    struct reader *reader;
    require(reader_open(disk, &store->blobs, &reader, &err) == 0);
    enum error_class first = disk_read(reader, batch, dice);
    uint64_t position = reader->position;
    require(reader_seek(reader, 0, &err) == 0);
    enum error_class second = disk_read(reader, batch, dice);
    if (position < ENOUGH && reader->position < ENOUGH)
        require(first == second);
    for (size_t i = 0; disk->format == DISK_V2 && i < disk->layer_count; i++)
        if (disk->layers[i].length > 0) {
            require(reader_starts_at(reader, disk->layers[i].offset));
            require(reader_seek(reader, disk->layers[i].offset, &err) == 0);
            (void)disk_read(reader, batch, dice);
        }
    reader_close(reader);
}

#endif
