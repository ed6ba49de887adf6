/* fuzz_salvage.c: any bytes as the layers of a disk.v1 from which as much as possible is to be had:
 * the reader gives the whole disk, and the ranges lie on it. */
#include "formats/salvage.h"
#include "tests/fuzz/read_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct salvage *salvage)
{
    const struct salvage_ranges *ranges = &salvage->ranges;
    uint64_t at = 0, sum = 0, bytes = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        const struct salvage_range *range = &ranges->items[i];
        require(range->offset >= at && range->length > 0);
        at = range->offset + range->length;
        require(at <= salvage->size);
        sum += range->length;
    }
    for (size_t kind = 0; kind <= SALVAGE_MISSING; kind++)
        bytes += ranges->bytes[kind];
    require(ranges->grain == 0 ? sum == bytes : sum >= bytes);
}

static void check_read(const struct disk *disk, struct salvage *salvage, struct memory_store *store,
                       struct dice *dice)
{
    struct error err = ERROR_INIT;
    static struct batch *batch; /* for the whole run: it is large */
    struct disk sized = *disk;
    struct reader *reader;
    const struct reader_options options = {.salvage = salvage};
    if (batch == NULL)
        batch = batch_new(&err);
    require(batch != NULL);
    sized.size = salvage->size;
    sized.has_size = true;
    require(reader_open_with(&sized, &store->blobs, &options, &reader, &err) == 0);
    int status = 1;
    while (status == 1) {
        batch_reset(batch, reader->position, dice_size(dice, 4 * BATCH_DATA_SIZE));
        status = reader_read(reader, batch, &err);
    }
    require(status == 0 && reader->position == salvage->size);
    reader_close(reader);
    check_ranges(salvage);
}

/* The layers are what they say. */
static void make_good(struct memory_store *store, struct disk_layer *layer)
{
    struct error err = ERROR_INIT;
    struct stored_blob *row = store->last;
    if (row->damaged || layer->blob.size != row->bytes.size)
        return;
    require(digest_of(row->bytes.data, row->bytes.size, &row->id.digest, &err) == 0);
    layer->blob.digest = row->id.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct error err = ERROR_INIT;
    struct memory_store store;
    struct disk_layer layers[LAYERS];
    struct disk disk = {.format = DISK_V1, .layers = layers};
    struct salvage *salvage;
    store_init(&store);
    struct dice dice = {input_number(&input, 2) | 1u};
    uint32_t flags = input_number(&input, 1);
    disk.has_size = (flags & 1) != 0;
    disk.size = disk.has_size ? input_number(&input, 3) + 1 : 0;
    store.slice = flags >> 4;
    uint16_t cuts[LAYERS - 1];
    uint32_t count = (flags >> 1) % LAYERS;
    for (uint32_t i = 0; i < count; i++)
        cuts[i] = (uint16_t)input_number(&input, 2);
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t cut = i < count ? cuts[i] : 0;
        layer_add(&store, &disk, &input, i < count ? cut & 0xFFF : SIZE_MAX, cut >> 8);
        if ((cut & 0xF000) == 0x4000)
            make_good(&store, &layers[i]);
    }
    if (salvage_survey(&disk, &store.blobs, NULL, &salvage, &err) < 0)
        require(err.class == ERROR_STREAM_BLOCK || err.class == ERROR_DISK_SIZE);
    else {
        if (salvage->damaged)
            check_read(&disk, salvage, &store, &dice);
        salvage_free(salvage);
    }
    require(store_done(&store));
    return 0;
}
