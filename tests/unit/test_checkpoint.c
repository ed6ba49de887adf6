/* test_checkpoint.c: a disk.v1 read from a checkpoint gives what an undisturbed read gives from
 * there on, wherever the stream is cut; damaged checkpoints are refused. */
#include "tests/unit/convert_disk.h"

#define SIZE       490000
#define PLACES_MAX 40

static uint8_t *data;
static struct bytes stream;         /* of `data` */
static size_t starts[PLACES_MAX];   /* of its blocks, and of the end mark */
static uint64_t before[PLACES_MAX]; /* bytes of disk before each */
static size_t start_count;

static void note_start(uint64_t decoded)
{
    assert_true(start_count < PLACES_MAX);
    starts[start_count] = stream.size;
    before[start_count++] = decoded;
}

/* Blocks of every kind: encoded, stored, short, zeros in a row, empty. */
static int setup(void **state)
{
    data = make_data(77, SIZE);
    memset(data + 131072, 0, 4 * 65536);
    bytes_init(&stream, SIZE_MAX);
    start_count = 0;
    struct encoder *encoder = encoder_named("apple");
    size_t at = 0;
    for (; at < 6 * 65536; at += 65536) {
        note_start(at);
        put_encoded(&stream, encoder, data + at, 65536);
    }
    note_start(at);
    put_stored(&stream, NULL, 0);
    note_start(at);
    put_stored(&stream, data + at, 40000);
    at += 40000;
    note_start(at);
    put_stored(&stream, data + at, SIZE - at);
    note_start(SIZE);
    put_end(&stream);
    encoder_free(encoder);
    return store_setup(state);
}

static int teardown(void **state)
{
    free(data);
    bytes_done(&stream);
    return store_teardown(state);
}

/* The stream cut before each of the bytes `cuts`. */
static struct disk cut_disk(const size_t *cuts, size_t count)
{
    struct disk_layer *layers = calloc(count + 1, sizeof *layers);
    assert_non_null(layers);
    size_t from = 0;
    for (size_t i = 0; i <= count; i++) {
        size_t to = i < count ? cuts[i] : stream.size;
        layers[i] = (struct disk_layer){.index = i + 1,
                                        .blob = store_put(&store, stream.data + from, to - from)};
        from = to;
    }
    return (struct disk){.format = DISK_V1,
                         .layers = layers,
                         .layer_count = count + 1,
                         .size = SIZE,
                         .has_size = true};
}

/* What a reader told, and what it may ask for. */
struct places {
    struct bytes printed[PLACES_MAX];
    uint64_t at[PLACES_MAX];
    size_t count, told;
    uint64_t last; /* told as matched */
};

static int note_matched(void *context, uint64_t end, const struct checkpoint *checkpoint,
                        struct error *err)
{
    struct places *places = context;
    assert_true(end >= places->last && places->told < PLACES_MAX);
    places->told++;
    places->last = end;
    if (checkpoint == NULL)
        return 0;
    assert_true(checkpoint->state.decoded == end);
    places->at[places->count] = end;
    struct bytes *printed = &places->printed[places->count++];
    bytes_init(printed, CHECKPOINT_SIZE_MAX);
    return checkpoint_print(checkpoint, printed, err);
}

static uint64_t place_before(void *context, uint64_t offset)
{
    const struct places *places = context;
    uint64_t best = 0;
    for (size_t i = 0; i < places->count; i++)
        if (places->at[i] <= offset && places->at[i] > best)
            best = places->at[i];
    return best;
}

static int place_load(void *context, uint64_t offset, struct checkpoint *ret, struct error *err)
{
    const struct places *places = context;
    for (size_t i = places->count; i-- > 0;)
        if (places->at[i] == offset)
            return checkpoint_parse(places->printed[i].data, places->printed[i].size, ret)
                       ? 0
                       : error_set(err, ERROR_IO, "is damaged");
    fail();
    return -1;
}

static void places_done(struct places *places)
{
    for (size_t i = 0; i < places->count; i++)
        bytes_done(&places->printed[i]);
}

/* From where the reader stands to the end. */
static int read_all(struct reader *reader, uint64_t limit, struct decoding *ret, struct error *err)
{
    struct batch *batch = the_batch();
    decoding_init(ret);
    int status;
    do {
        uint64_t left = limit - reader->position % limit;
        batch_reset(batch, reader->position, left);
        status = reader_read(reader, batch, err);
        if (status > 0)
            batch_take(ret, batch);
    } while (status > 0);
    return status;
}

static void assert_ends_like(const struct bytes *part, const struct bytes *whole)
{
    assert_true(part->size <= whole->size);
    if (part->size > 0)
        assert_memory_equal(part->data, whole->data + whole->size - part->size, part->size);
}

/* Reads undisturbed, noting checkpoints; then from each of them. */
static void assert_resumes(const size_t *cuts, size_t count, uint64_t limit, struct places *places)
{
    struct error err = ERROR_INIT;
    struct disk disk = cut_disk(cuts, count);
    *places = (struct places){.count = 0};
    struct reader_options options = {.context = places, .matched = note_matched};
    struct reader *reader;
    struct decoding whole, rest;
    assert_good(reader_open_with(&disk, &store.blobs, &options, &reader, &err), &err);
    assert_good(read_all(reader, limit, &whole, &err), &err);
    assert_int_equal(places->last, SIZE);
    reader_close(reader);
    options = (struct reader_options){
        .context = places, .checkpoint_before = place_before, .checkpoint_load = place_load};
    assert_good(reader_open_with(&disk, &store.blobs, &options, &reader, &err), &err);
    for (size_t i = places->count; i-- > 0;) {
        uint64_t at = places->at[i];
        assert_true(reader_starts_at(reader, at));
        assert_true(reader_start_before(reader, at + 1) >= at);
        assert_good(reader_seek(reader, at, &err), &err);
        assert_good(read_all(reader, limit, &rest, &err), &err);
        assert_int_equal(rest.data.size, SIZE - at);
        assert_memory_equal(rest.data.data, data + at, SIZE - at);
        assert_ends_like(&rest.blocks, &whole.blocks);
        if (limit % 65536 == 0) /* the blocks before it are the only ones missing */
            assert_true(rest.without_block == whole.without_block);
        decoding_done(&rest);
    }
    reader_close(reader);
    decoding_done(&whole);
    disk_done(&disk);
    store_renew();
}

static uint64_t decoded_before(size_t cut)
{
    uint64_t decoded = 0;
    for (size_t i = 0; i < start_count && starts[i] <= cut; i++)
        decoded = before[i];
    return decoded;
}

static void test_one_cut(void **state)
{
    (void)state;
    for (size_t k = 0; k < start_count; k++)
        for (size_t step = 0; step < 22; step++) {
            size_t cut = starts[k] + step - 6;
            if (starts[k] + step < 7 || cut >= stream.size)
                continue;
            struct places places;
            assert_resumes(&cut, 1, UINT64_MAX, &places);
            uint64_t decoded = decoded_before(cut);
            bool wanted = decoded > 0 && decoded < SIZE;
            assert_int_equal(places.count, wanted);
            if (wanted)
                assert_int_equal(places.at[0], decoded);
            places_done(&places);
        }
}

/* Blocks that lie in three layers and more, and batches that end anywhere. */
static void test_many_cuts(void **state)
{
    (void)state;
    struct dice dice = {99};
    static const uint64_t limits[] = {UINT64_MAX, 65536, 40000, 100001};
    for (size_t round = 0; round < 200; round++) {
        size_t cuts[12], count = 0;
        for (size_t at = dice_size(&dice, stream.size / 3); at < stream.size && count < 12;
             at += dice_size(&dice, stream.size / 6))
            cuts[count++] = at;
        struct places places;
        assert_resumes(cuts, count, limits[round % 4], &places);
        places_done(&places);
    }
}

static struct disk one_place(struct places *places)
{
    struct error err = ERROR_INIT;
    const size_t cuts[] = {starts[2] + 3, starts[5] + 9};
    struct disk disk = cut_disk(cuts, 2);
    *places = (struct places){.count = 0};
    struct reader_options options = {.context = places, .matched = note_matched};
    struct reader *reader;
    struct decoding whole;
    assert_good(reader_open_with(&disk, &store.blobs, &options, &reader, &err), &err);
    assert_good(read_all(reader, UINT64_MAX, &whole, &err), &err);
    decoding_done(&whole);
    reader_close(reader);
    assert_int_equal(places->count, 2);
    return disk;
}

/* Errors name the same place as without a checkpoint. */
static void test_errors(void **state)
{
    (void)state;
    struct places places;
    struct disk disk = one_place(&places);
    struct stored_blob *row = store_find(&store, &disk.layers[2].blob);
    struct reader_options options = {
        .context = &places, .checkpoint_before = place_before, .checkpoint_load = place_load};
    for (size_t i = 0; i < 2; i++) {
        struct error errors[2] = {ERROR_INIT, ERROR_INIT};
        size_t flip = i == 0 ? 0 : starts[6] - starts[5] - 9;
        row->bytes.data[flip] ^= 0xFF;
        for (size_t from = 0; from < 2; from++) {
            struct reader *reader;
            struct decoding read;
            assert_good(reader_open_with(&disk, &store.blobs, &options, &reader, &errors[from]),
                        &errors[from]);
            if (from == 1)
                assert_good(reader_seek(reader, places.at[1], &errors[1]), &errors[1]);
            assert_int_equal(read_all(reader, UINT64_MAX, &read, &errors[from]), -1);
            decoding_done(&read);
            reader_close(reader);
        }
        row->bytes.data[flip] ^= 0xFF;
        assert_string_equal(errors[0].text, errors[1].text);
        assert_int_equal(errors[0].class, errors[1].class);
        assert_int_equal(errors[0].where.offset, errors[1].where.offset);
        assert_int_equal(errors[0].where.disk_offset, errors[1].where.disk_offset);
    }
    places_done(&places);
    disk_done(&disk);
}

/* Any flipped bit in what is not disk bytes, and any missing end, is refused: when it is parsed,
 * when a reader goes there, or when it reads. */
static void test_damage(void **state)
{
    (void)state;
    struct places places;
    struct disk disk = one_place(&places);
    struct reader_options options = {
        .context = &places, .checkpoint_before = place_before, .checkpoint_load = place_load};
    struct checkpoint *checkpoint = malloc(sizeof *checkpoint);
    assert_non_null(checkpoint);
    struct bytes *printed = &places.printed[1];
    for (size_t size = 0; size < printed->size; size += size < 100 ? 1 : 997)
        assert_false(checkpoint_parse(printed->data, size, checkpoint));
    for (size_t bit = 0; bit < 52 * 8; bit++) {
        struct error err = ERROR_INIT;
        struct reader *reader;
        struct decoding read;
        uint64_t at;
        size_t layer;
        printed->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_good(reader_open_with(&disk, &store.blobs, &options, &reader, &err), &err);
        if (checkpoint_place(printed->data, printed->size, &at, &layer) &&
            reader_seek(reader, places.at[1], &err) == 0) {
            (void)read_all(reader, UINT64_MAX, &read, &err);
            decoding_done(&read);
            if (bit / 8 < 28 || bit / 8 >= 44) /* last_start and block_number serve messages */
                assert_int_not_equal(err.class, ERROR_NONE);
        }
        reader_close(reader);
        printed->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(checkpoint);
    places_done(&places);
    disk_done(&disk);
}

/* Pending bytes that hold a whole block, or no block at all. */
static void test_pending(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    struct applelz4_state *at = calloc(1, sizeof *at);
    assert_true(decoder != NULL && at != NULL);
    static const struct {
        const char *bytes;
        size_t size;
        int status;
    } rows[] = {{"bv4", 3, 0},
                {"bv4$", 4, -1},
                {"bv4$b", 5, -1},
                {"bv4-\x02\0\0\0a", 9, 0},
                {"bv4-\x02\0\0\0ab", 10, -1},
                {"bv4-\x02\0\0\0abc", 11, -1},
                {"bv4-\0\0\0\0", 8, -1},
                {"bv4-\xff\xff\xff\xff", 8, -1},
                {"nope", 4, -1},
                {"", 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        *at = (struct applelz4_state){.consumed = 100 + rows[i].size, .decoded = 50};
        memcpy(at->pending, rows[i].bytes, rows[i].size);
        at->pending_size = rows[i].size;
        assert_int_equal(applelz4_decoder_restore(decoder, at, &err), rows[i].status);
        at->consumed = rows[i].size - (rows[i].size > 0);
        assert_int_equal(applelz4_decoder_restore(decoder, at, &err), rows[i].size == 0 ? 0 : -1);
    }
    *at = (struct applelz4_state){.consumed = 9, .decoded = 65535, .zeros = true};
    assert_int_equal(applelz4_decoder_restore(decoder, at, &err), -1);
    at->decoded = 65536;
    assert_int_equal(applelz4_decoder_restore(decoder, at, &err), 0);
    at->last_start = 10;
    assert_int_equal(applelz4_decoder_restore(decoder, at, &err), -1);
    free(at);
    applelz4_decoder_free(decoder);
}

/* A foreign block of more than 64 KiB may be pending at a cut: no checkpoint there. */
static void test_large_blocks(void **state)
{
    (void)state;
    stream.size = 0;
    put_stored(&stream, data, 300000);
    put_stored(&stream, data + 300000, SIZE - 300000);
    put_end(&stream);
    static const size_t cuts[] = {100, 300008, 300016, 300016 + 100000, 300016 + 100050};
    static const uint64_t limits[] = {UINT64_MAX, 70000};
    for (size_t i = 0; i < 2; i++) {
        struct places places;
        assert_resumes(cuts, 5, limits[i], &places);
        assert_int_equal(places.count, 2); /* 300008 and 300016 */
        assert_int_equal(places.told, 6);
        places_done(&places);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_cut), TEST(test_many_cuts), TEST(test_errors),
        TEST(test_damage),  TEST(test_pending),   TEST(test_large_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
