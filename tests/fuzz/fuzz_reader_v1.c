/* fuzz_reader_v1.c: any bytes as the layers of a disk.v1, cut anywhere, with any promise of size;
 * read again from a checkpoint, and from bytes that may be none. */
#include "tests/fuzz/read_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct checkpoint place; /* the last one that was told */
static bool has_place;

static int keep_place(void *context, uint64_t end, const struct checkpoint *checkpoint,
                      struct error *err)
{
    (void)context;
    (void)err;
    has_place = has_place || checkpoint != NULL;
    if (checkpoint != NULL)
        place = *checkpoint;
    require(checkpoint == NULL || checkpoint->state.decoded == end);
    return 0;
}

static uint64_t place_before(void *context, uint64_t offset)
{
    (void)context;
    return has_place && place.state.decoded <= offset ? place.state.decoded : 0;
}

static int place_load(void *context, uint64_t offset, struct checkpoint *ret, struct error *err)
{
    struct bytes *printed = context;
    require(offset == place.state.decoded);
    require(checkpoint_print(&place, printed, err) == 0);
    require(checkpoint_parse(printed->data, printed->size, ret));
    return 0;
}

static struct batch *the_batch(void)
{
    static struct batch *batch; /* for the whole run: it is large */
    struct error err = ERROR_INIT;
    if (batch == NULL)
        batch = batch_new(&err);
    require(batch != NULL);
    return batch;
}

/* From the last checkpoint the same comes of it as from the start. */
static void check_resume(const struct disk *disk, struct memory_store *store, struct dice *dice)
{
    struct error err = ERROR_INIT;
    struct bytes printed;
    bytes_init(&printed, CHECKPOINT_SIZE_MAX);
    struct reader_options options = {.context = &printed,
                                     .matched = keep_place,
                                     .checkpoint_before = place_before,
                                     .checkpoint_load = place_load};
    struct reader *reader;
    has_place = false;
    require(reader_open_with(disk, &store->blobs, &options, &reader, &err) == 0);
    enum error_class first = disk_read(reader, the_batch(), dice);
    bool whole = reader->position < ENOUGH;
    uint64_t start = reader_start_before(reader, ENOUGH);
    if (start > 0 && whole) {
        require(reader_seek(reader, start, &err) == 0);
        require(disk_read(reader, the_batch(), dice) == first);
    }
    reader_close(reader);
    bytes_done(&printed);
}

/* The input's bytes, framed so that most of them are parsed, as a decoder's state. */
static void check_state(const uint8_t *data, size_t size)
{
    static struct checkpoint any;
    struct error err = ERROR_INIT;
    if (!checkpoint_parse(data, size, &any)) {
        memset(&any, 0, sizeof any);
        size_t part = size < sizeof any.state ? size : sizeof any.state;
        if (part > 0)
            memcpy(any.state.pending, data, part < 40 ? part : 40);
        any.state.pending_size = part < 40 ? part : 40;
        any.state.consumed = any.state.pending_size;
    }
    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    require(decoder != NULL);
    if (applelz4_decoder_restore(decoder, &any.state, &err) == 0) {
        size_t used;
        batch_reset(the_batch(), 0, ENOUGH);
        (void)applelz4_decode(decoder, data, size, &used, the_batch(), &err);
    }
    applelz4_decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct memory_store store;
    struct disk_layer layers[LAYERS];
    struct disk disk = {.format = DISK_V1, .layers = layers};
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
    for (uint32_t i = 0; i < count; i++)
        layer_add(&store, &disk, &input, cuts[i] & 0xFFF, cuts[i] >> 8);
    layer_add(&store, &disk, &input, SIZE_MAX, 0);
    disk_check(&disk, &store, &dice);
    check_resume(&disk, &store, &dice);
    check_state(data, size);
    require(store_done(&store));
    return 0;
}
