/* test_applelz4.c: good streams: golden ones, any slicing, history across blocks, zeros, and what
 * comes with an extent. */
#include "tests/unit/make_stream.h"

#include <stdio.h>

static void test_golden(void **state)
{
    (void)state;
    static const uint8_t hello[] = "Hello, World!\n";
    struct bytes stream;
    stream_make("apple", hello, 14, &stream);
    assert_int_equal(stream.size, 26);
    assert_digest(stream.data, stream.size,
                  "25cf55c58c79b784f0d1b404d9a6f1afc27ddfc12a027542d8817cb563b228c6");
    assert_decodes(&stream, hello, 14, (struct dice){0}, 0, 0);
    bytes_done(&stream);

    stream_make("apple", NULL, 0, &stream);
    assert_int_equal(stream.size, 4);
    assert_digest(stream.data, stream.size,
                  "ad441971514aa132675c01bd81a7228caa6e112d485d4c575fa50f59cf6d4c79");
    assert_decodes(&stream, NULL, 0, (struct dice){0}, 0, 0);
    bytes_done(&stream);
}

/* The layer that most Tart images have most of: 512 MiB of zeros. */
static void test_golden_zeros(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct encoder *encoder = encoder_named("apple");
    struct bytes stream;
    bytes_init(&stream, SIZE_MAX);
    for (int i = 0; i < 8192; i++) {
        uint8_t block[APPLELZ4_ENCODED_MAX];
        int64_t size = encoder_block(encoder, NULL, BLOCK_SIZE, block, &err);
        assert_int_equal(size, 398);
        put(&stream, block, (size_t)size);
    }
    put_end(&stream);
    encoder_free(encoder);
    assert_int_equal(stream.size, 3260420);
    assert_digest(stream.data, stream.size,
                  "6f95979b1390a9ebe8ce08d802b2a6adba652c110ec73a40c8303363719cb4e9");

    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    struct batch *batch = batch_new(&err);
    assert_true(decoder != NULL && batch != NULL);
    batch_reset(batch, 0, UINT64_MAX);
    size_t used;
    assert_int_equal(applelz4_decode(decoder, stream.data, stream.size, &used, batch, &err), 0);
    assert_int_equal(applelz4_decoder_finish(decoder, &err), 0);
    assert_int_equal(used, stream.size);
    assert_true(batch->length == UINT64_C(512) << 20);
    /* the first two blocks have bytes of their own, all that follow are alike */
    assert_int_equal(batch->extent_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_null(batch->extents[i].data);
    assert_true(batch->extents[2].length == (UINT64_C(512) << 20) - 2 * BLOCK_SIZE);
    batch_free(batch);
    applelz4_decoder_free(decoder);
    bytes_done(&stream);
}

static bool read_vector(const char *name, struct bytes *ret)
{
    const char *folder = getenv("TARTCONV_VECTORS");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder == NULL ? "" : folder, name);
    FILE *file = folder == NULL ? NULL : fopen(path, "rb");
    if (file == NULL)
        return false;
    uint8_t piece[4096];
    size_t size;
    while ((size = fread(piece, 1, sizeof piece, file)) > 0)
        put(ret, piece, size);
    fclose(file);
    return true;
}

/* What a Mac made: decoded, and made again byte for byte. */
static void test_apple_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *name, *digest;
        size_t size;
    } rows[] = {
        {"apple-hello-world.applelz4",
         "c98c24b677eff44860afea6f493bbaec5bb1c4cbb209c6fc2bbb47f66ff2ad31", 14},
        {"apple-pg2554.applelz4",
         "6be9198da5aa7bc8cac69395807747ccfea9ab2dc5bd6ac3af809681cb761fb8", 1201729},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        struct bytes stream, again;
        bytes_init(&stream, SIZE_MAX);
        if (!read_vector(rows[i].name, &stream)) {
            bytes_done(&stream);
            skip();
        }
        struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
        struct decoding decoding;
        decoding_init(&decoding);
        assert_good(stream_decode(decoder, stream.data, stream.size, &decoding, &err), &err);
        assert_int_equal(decoding.data.size, rows[i].size);
        assert_digest(decoding.data.data, decoding.data.size, rows[i].digest);
        stream_make("apple", decoding.data.data, decoding.data.size, &again);
        assert_int_equal(again.size, stream.size);
        assert_memory_equal(again.data, stream.data, stream.size);
        bytes_done(&again);
        decoding_done(&decoding);
        applelz4_decoder_free(decoder);
        bytes_done(&stream);
    }
}

static void test_one_byte_slices(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 129, 65535, 65536, 65537, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *data = make_data(i + 40, sizes[i]);
        struct bytes stream;
        stream_make("apple", data, sizes[i], &stream);
        assert_decodes(&stream, data, sizes[i], (struct dice){0}, 1, 0);
        assert_decodes(&stream, data, sizes[i], (struct dice){0}, 13, 4097);
        bytes_done(&stream);
        free(data);
    }
}

static void test_any_slicing(void **state)
{
    (void)state;
    static const char *const encoders[] = {"apple", "lz4", "lz4hc:3"};
    const size_t size = 2500000;
    uint8_t *data = make_data(7, size);
    for (size_t i = 0; i < 3; i++) {
        struct bytes stream;
        stream_make(encoders[i], data, size, &stream);
        assert_decodes(&stream, data, size, (struct dice){0}, 0, 0);
        assert_decodes(&stream, data, size, (struct dice){0}, 65536, BLOCK_SIZE);
        assert_decodes(&stream, data, size, (struct dice){0}, 0, 100000);
        for (uint64_t seed = 1; seed < 3; seed++) {
            assert_decodes(&stream, data, size, (struct dice){seed}, 300000, 0);
            assert_decodes(&stream, data, size, (struct dice){seed}, 20000, 300000);
            assert_decodes(&stream, data, size, (struct dice){seed}, 2000000, 3000000);
        }
        bytes_done(&stream);
    }
    free(data);
}

/* Blocks of any size, compressed with up to 64 KiB of what came before, stored ones in between. */
static void test_foreign_block_sizes(void **state)
{
    (void)state;
    const size_t size = 2000000;
    uint8_t *data = make_data(11, size);
    for (uint64_t seed = 1; seed < 4; seed++) {
        struct dice dice = {seed};
        struct encoder *encoder = encoder_named("lz4");
        struct bytes stream;
        bytes_init(&stream, SIZE_MAX);
        for (size_t at = 0; at < size;) {
            size_t step = dice_size(&dice, BLOCK_SIZE);
            if (step > size - at)
                step = size - at;
            if (dice_roll(&dice) % 4 == 0) {
                /* the encoder sees it too, so that the next blocks refer to it */
                struct bytes unused;
                bytes_init(&unused, SIZE_MAX);
                put_encoded(&unused, encoder, data + at, step);
                bytes_done(&unused);
                put_stored(&stream, data + at, step);
            } else
                put_encoded(&stream, encoder, data + at, step);
            if (dice_roll(&dice) % 8 == 0)
                put_stored(&stream, NULL, 0);
            at += step;
        }
        put_end(&stream);
        encoder_free(encoder);
        assert_decodes(&stream, data, size, (struct dice){0}, 0, 3000);
        assert_decodes(&stream, data, size, dice, 3000, 300000);
        assert_decodes(&stream, data, size, dice, 300000, 3000000);
        bytes_done(&stream);
    }
    free(data);
}

/* Literals up to the reach of one match, which goes back as far as a match can. */
static void test_history_across_stored_blocks(void **state)
{
    (void)state;
    static const uint8_t back[] = {0x0F, 0xFF, 0xFF, 1, 0x50, 'a', 'b', 'c', 'd', 'e'};
    const size_t reach = 65535;
    uint8_t *data = make_data(1, 2 * BLOCK_SIZE);
    struct dice dice = {5};
    make_noise(&dice, data, 2 * BLOCK_SIZE);
    for (size_t stored = 1; stored <= 3; stored++) {
        struct bytes stream, wanted;
        bytes_init(&stream, SIZE_MAX);
        bytes_init(&wanted, SIZE_MAX);
        for (size_t i = 0; i < stored; i++) {
            size_t piece = i == 0 ? reach - (stored - 1) * 20 : 20;
            put_stored(&stream, data + wanted.size, piece);
            put(&wanted, data + wanted.size, piece);
        }
        put_block(&stream, 25, back, sizeof back);
        put_end(&stream);
        put(&wanted, data, 20);
        put(&wanted, "abcde", 5);
        assert_decodes(&stream, wanted.data, wanted.size, (struct dice){0}, 0, 0);
        assert_decodes(&stream, wanted.data, wanted.size, (struct dice){0}, 1, 1000);
        bytes_done(&wanted);
        bytes_done(&stream);
    }
    free(data);
}

/* Zeros are told as zeros, however they were encoded, and those before and behind them are right.
 */
static void test_zero_runs(void **state)
{
    (void)state;
    const size_t size = 70 * (size_t)BLOCK_SIZE + 1234;
    uint8_t *data = calloc(1, size);
    assert_non_null(data);
    memset(data + 3 * BLOCK_SIZE, 'x', BLOCK_SIZE);
    memset(data + 40 * BLOCK_SIZE + 100, 'y', 50);
    static const char *const encoders[] = {"apple", "lz4", "lz4hc:9"};
    for (size_t i = 0; i < 3; i++) {
        struct error err = ERROR_INIT;
        struct bytes stream;
        stream_make(encoders[i], data, size, &stream);
        struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
        struct decoding decoding;
        decoding_init(&decoding);
        assert_good(stream_decode(decoder, stream.data, stream.size, &decoding, &err), &err);
        /* runs of 3, 36 and 29 blocks and the short one; a run's first block or two may have bytes
         * of their own */
        assert_in_range(decoding.extents, 2 + 4, 2 + 10);
        assert_int_equal(decoding.extents - decoding.zero_extents, 2);
        decoding_done(&decoding);
        applelz4_decoder_free(decoder);
        assert_decodes(&stream, data, size, (struct dice){0}, 0, 0);
        assert_decodes(&stream, data, size, (struct dice){3}, 0, 5000000);
        assert_decodes(&stream, data, size, (struct dice){0}, 999, 0);
        bytes_done(&stream);
    }
    free(data);
}

/* A stored block of zeros, and one whose first copy came from what is no zeros. */
static void test_zero_blocks_of_two_forms(void **state)
{
    (void)state;
    struct bytes stream, encoded;
    stream_make("apple", zero_page, BLOCK_SIZE, &encoded);
    encoded.size -= APPLELZ4_MAGIC_SIZE;
    bytes_init(&stream, SIZE_MAX);
    for (int i = 0; i < 12; i++)
        if (i % 4 == 1)
            put_stored(&stream, zero_page, BLOCK_SIZE);
        else
            put(&stream, encoded.data, encoded.size);
    put_end(&stream);
    uint8_t *zeros = calloc(12, BLOCK_SIZE);
    assert_non_null(zeros);
    assert_decodes(&stream, zeros, 12 * (size_t)BLOCK_SIZE, (struct dice){0}, 0, 0);
    assert_decodes(&stream, zeros, 12 * (size_t)BLOCK_SIZE, (struct dice){0}, 7, 0);
    assert_decodes(&stream, zeros, 12 * (size_t)BLOCK_SIZE, (struct dice){9}, 7, 200000);
    free(zeros);
    bytes_done(&encoded);
    bytes_done(&stream);
}

/* Who does not want the blocks gets the same disk, in longer runs of zeros. */
static void test_without_blocks(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    const size_t size = 3000000;
    uint8_t *data = make_data(60, size);
    memset(data + 900000, 0, 900000);
    struct bytes stream;
    stream_make("apple", data, size, &stream);
    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    for (uint64_t limit = 0; limit <= 800000; limit += 400000) {
        struct decoding decoding;
        decoding_init(&decoding);
        decoding.limit = limit;
        decoding.slice = 100000;
        the_batch()->wants_blocks = false;
        int status = stream_decode(decoder, stream.data, stream.size, &decoding, &err);
        the_batch()->wants_blocks = true;
        assert_good(status, &err);
        assert_int_equal(decoding.without_block, decoding.extents);
        assert_int_equal(decoding.data.size, size);
        assert_memory_equal(decoding.data.data, data, size);
        decoding_done(&decoding);
    }
    applelz4_decoder_free(decoder);
    bytes_done(&stream);
    free(data);
}

static void test_reset_forgets(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    const size_t size = 200000;
    uint8_t *data = make_data(3, size);
    struct bytes stream;
    stream_make("apple", data, size, &stream);
    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    for (size_t cut = 0; cut <= stream.size; cut += 7919) {
        struct decoding decoding;
        decoding_init(&decoding);
        (void)stream_decode(decoder, stream.data, cut, &decoding, &err);
        decoding_done(&decoding);
        decoding_init(&decoding);
        assert_good(stream_decode(decoder, stream.data, stream.size, &decoding, &err), &err);
        assert_int_equal(decoding.data.size, size);
        assert_memory_equal(decoding.data.data, data, size);
        decoding_done(&decoding);
    }
    applelz4_decoder_free(decoder);
    bytes_done(&stream);
    free(data);
}

/* Blocks of `block` bytes, which a decoder has to put aside. */
static void check_large_blocks(size_t block, bool stored, uint64_t limit)
{
    const size_t size = 2 * block + 5000;
    uint8_t *data = make_data(block, size);
    struct bytes stream, payload;
    bytes_init(&stream, SIZE_MAX);
    for (size_t at = 0; at < size; at += block) {
        size_t step = size - at < block ? size - at : block;
        bytes_init(&payload, SIZE_MAX);
        if (stored)
            put_stored(&stream, data + at, step);
        else {
            /* one sequence of literals */
            uint8_t token = 0xF0, more = 255;
            put(&payload, &token, 1);
            size_t left = step - 15;
            for (; left >= 255; left -= 255)
                put(&payload, &more, 1);
            more = (uint8_t)left;
            put(&payload, &more, 1);
            put(&payload, data + at, step);
            put_block(&stream, (uint32_t)step, payload.data, payload.size);
        }
        bytes_done(&payload);
    }
    put_end(&stream);
    assert_decodes(&stream, data, size, (struct dice){0}, 100000, limit);
    assert_decodes(&stream, data, size, (struct dice){limit}, 0, limit);
    bytes_done(&stream);
    free(data);
}

static void test_large_blocks(void **state)
{
    (void)state;
    static const size_t sizes[] = {BLOCK_SIZE + 1, 100000, BATCH_DATA_SIZE, BATCH_DATA_SIZE + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int stored = 0; stored < 2; stored++) {
            check_large_blocks(sizes[i], stored != 0, 3000000);
            check_large_blocks(sizes[i], stored != 0, 70000);
        }
}

/* As large as it may be: 64 MiB that one match makes of one byte. */
static void test_largest_block(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct bytes stream, payload;
    bytes_init(&stream, SIZE_MAX);
    bytes_init(&payload, SIZE_MAX);
    put(&payload, "\x1Fz\x01\x00", 4);
    size_t left = APPLELZ4_BLOCK_MAX - 1 - 5 - 4 - 15;
    for (; left >= 255; left -= 255)
        put(&payload, "\xFF", 1);
    uint8_t last = (uint8_t)left;
    put(&payload, &last, 1);
    put(&payload, "\x50zzzzz", 6);
    put_block(&stream, APPLELZ4_BLOCK_MAX, payload.data, payload.size);
    put_end(&stream);

    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    struct batch *batch = batch_new(&err);
    assert_true(decoder != NULL && batch != NULL);
    uint64_t length = 0;
    size_t at = 0;
    int status;
    do {
        size_t used;
        batch_reset(batch, length, UINT64_MAX);
        status = applelz4_decode(decoder, stream.data + at, stream.size - at, &used, batch, &err);
        assert_good(status, &err);
        for (size_t i = 0; i < batch->extent_count; i++) {
            const struct extent *extent = &batch->extents[i];
            assert_true(extent->data != NULL && extent->data[0] == 'z');
            assert_memory_equal(extent->data, extent->data + 1, extent->length - 1);
        }
        at += used;
        length += batch->length;
    } while (status > 0);
    assert_int_equal(applelz4_decoder_finish(decoder, &err), 0);
    assert_true(length == APPLELZ4_BLOCK_MAX);
    batch_free(batch);
    applelz4_decoder_free(decoder);
    bytes_done(&payload);
    bytes_done(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_golden_zeros),
        cmocka_unit_test(test_apple_vectors),
        cmocka_unit_test(test_one_byte_slices),
        cmocka_unit_test(test_any_slicing),
        cmocka_unit_test(test_foreign_block_sizes),
        cmocka_unit_test(test_history_across_stored_blocks),
        cmocka_unit_test(test_zero_runs),
        cmocka_unit_test(test_zero_blocks_of_two_forms),
        cmocka_unit_test(test_without_blocks),
        cmocka_unit_test(test_reset_forgets),
        cmocka_unit_test(test_large_blocks),
        cmocka_unit_test(test_largest_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
