/* test_applelz4_refused.c: streams that are wrong, each with its class and its place. */
#include "tests/unit/make_stream.h"

#include <stdio.h>

static struct applelz4_decoder *decoder;

static int setup(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    decoder = applelz4_decoder_new(&err);
    return decoder == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    decoder = applelz4_decoder_free(decoder);
    return 0;
}

#define DISK_OFFSET 1000000

/* The error of a stream that is not good; how many bytes of disk came before it. */
static struct error error_of(const struct bytes *stream, size_t slice, size_t *ret_size)
{
    struct error err = ERROR_INIT;
    struct decoding decoding;
    decoding_init(&decoding);
    decoding.slice = slice;
    decoding.disk_offset = DISK_OFFSET;
    if (stream_decode(decoder, stream->data, stream->size, &decoding, &err) == 0)
        fail_msg("a wrong stream of %zu bytes was taken", stream->size);
    if (ret_size != NULL)
        *ret_size = decoding.data.size;
    decoding_done(&decoding);
    return err;
}

/* Refused at once and byte by byte alike, with a place and with texts that it must hold. */
static void assert_refused(const struct bytes *stream, enum error_class class, int64_t offset,
                           int64_t disk_offset, const char *block, const char *text)
{
    static const size_t slices[] = {0, 1, 7};
    for (size_t i = 0; i < 3; i++) {
        struct error err = error_of(stream, slices[i], NULL);
        if (err.class != class)
            fail_msg("%s: %s", error_class_name(err.class), err.text);
        assert_int_equal(err.where.offset, offset);
        assert_int_equal(err.where.disk_offset, DISK_OFFSET + disk_offset);
        assert_int_equal(err.where.layer, -1);
        if (strstr(err.text, block) == NULL || strstr(err.text, text) == NULL)
            fail_msg("'%s' does not say '%s' and '%s'", err.text, block, text);
    }
}

static void test_foreign(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *name;
    } rows[] = {
        {"\x04\x22\x4d\x18 rest", "an LZ4 frame (liblz4)"},
        {"\x02\x21\x4c\x18 rest", "a legacy LZ4 frame"},
        {"\x1f\x8b\x08\x01 rest", "gzip"},
        {"\x28\xb5\x2f\xfd rest", "zstd"},
        {"\xfd\x37zXZ rest", "xz"},
        {"BZh9 rest", "bzip2"},
        {"bvx- rest", "LZFSE"},
        {"bvx1 rest", "LZFSE"},
        {"bvx2 rest", "LZFSE"},
        {"bvxn rest", "LZFSE"},
        {"bvx$ rest", "LZFSE"},
        {"pbz4 rest", "Apple Archive"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes stream;
        bytes_init(&stream, SIZE_MAX);
        put(&stream, rows[i].bytes, strlen(rows[i].bytes));
        assert_refused(&stream, ERROR_STREAM_FOREIGN, 0, 0, "block 0", rows[i].name);
        bytes_done(&stream);

        /* behind a block it is only wrong */
        bytes_init(&stream, SIZE_MAX);
        put_stored(&stream, "abc", 3);
        put(&stream, rows[i].bytes, strlen(rows[i].bytes));
        assert_refused(&stream, ERROR_STREAM_MAGIC, 11, 3, "block 1", "where a block");
        bytes_done(&stream);
    }
    assert_null(applelz4_foreign_magic((const uint8_t *)"BZ", 2));
    assert_null(applelz4_foreign_magic(NULL, 0));
}

static void test_magic(void **state)
{
    (void)state;
    static const char *const wrong[] = {"bv40", "bv42", "bv4 ", "bw41", "cv41", "BV41", "\0\0\0\0"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct bytes stream;
        bytes_init(&stream, SIZE_MAX);
        put(&stream, wrong[i], 4);
        put_end(&stream);
        char shown[32];
        const uint8_t *w = (const uint8_t *)wrong[i];
        snprintf(shown, sizeof shown, "%02x %02x %02x %02x", w[0], w[1], w[2], w[3]);
        assert_refused(&stream, ERROR_STREAM_MAGIC, 0, 0, "block 0", shown);
        bytes_done(&stream);
    }
}

/* Three blocks, a compressed one among them. */
static void small_stream(struct bytes *ret)
{
    bytes_init(ret, SIZE_MAX);
    put_stored(ret, "0123456789", 10);
    put_block(ret, 15, "\x15x\x0B\x00\x50zzzzz", 10);
    put_stored(ret, "end", 3);
    put_end(ret);
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    struct bytes stream;
    small_stream(&stream);
    assert_int_equal(stream.size, 18 + 22 + 11 + 4);
    struct decoding decoding;
    struct error err = ERROR_INIT;
    decoding_init(&decoding);
    assert_good(stream_decode(decoder, stream.data, stream.size, &decoding, &err), &err);
    assert_int_equal(decoding.data.size, 28);
    assert_memory_equal(decoding.data.data, "0123456789x012345678zzzzzend", 28);
    decoding_done(&decoding);

    static const struct {
        int64_t start, disk;
        const char *name;
    } blocks[] = {{0, 0, "block 0"}, {18, 10, "block 1"}, {40, 25, "block 2"}, {51, 28, "block 3"}};
    const size_t whole = stream.size;
    for (stream.size = 0; stream.size < whole; stream.size++) {
        size_t block = stream.size < 18 ? 0 : stream.size < 40 ? 1 : stream.size < 51 ? 2 : 3;
        char inside[40] = "where it or the end mark must begin";
        if (stream.size > (size_t)blocks[block].start)
            snprintf(inside, sizeof inside, "inside it, %zu bytes",
                     stream.size - (size_t)blocks[block].start);
        assert_refused(&stream, ERROR_STREAM_TRUNCATED, blocks[block].start, blocks[block].disk,
                       blocks[block].name, inside);
    }
    bytes_done(&stream);
}

/* Cut anywhere, a real stream is refused, and what was given before is right. */
static void test_truncated_real_stream(void **state)
{
    (void)state;
    const size_t size = 300000;
    uint8_t *data = make_data(21, size);
    struct bytes stream;
    stream_make("apple", data, size, &stream);
    const size_t whole = stream.size;
    for (stream.size = 0; stream.size < whole; stream.size += 3001) {
        size_t given;
        struct error err = error_of(&stream, 0, &given);
        assert_int_equal(err.class, ERROR_STREAM_TRUNCATED);
        assert_true(given % BLOCK_SIZE == 0 && given < size);
        assert_int_equal(err.where.disk_offset, DISK_OFFSET + given);
    }
    bytes_done(&stream);
    free(data);
}

static void test_trailing(void **state)
{
    (void)state;
    static const char *const rows[] = {"x", "bv4$", "bv4-", "\0"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes stream;
        small_stream(&stream);
        put(&stream, rows[i], strlen(rows[i]) + (rows[i][0] == '\0'));
        assert_refused(&stream, ERROR_STREAM_TRAILING, 55, 28, "follow the end mark", "");
        bytes_done(&stream);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {APPLELZ4_BLOCK_MAX + 1, INT32_MAX, 0x80000000u, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bytes stream;
        bytes_init(&stream, SIZE_MAX);
        put_stored(&stream, "abc", 3);
        put(&stream, "bv4-", 4);
        put_u32(&stream, sizes[i]);
        put(&stream, "some bytes", 10);
        char declared[64];
        snprintf(declared, sizeof declared, "declares %" PRIu32 " decoded bytes, limit 67108864",
                 sizes[i]);
        assert_refused(&stream, ERROR_STREAM_LIMIT, 11, 3, "block 1", declared);
        memcpy(stream.data + 11, "bv41", 4);
        assert_refused(&stream, ERROR_STREAM_LIMIT, 11, 3, "block 1", declared);
        bytes_done(&stream);
    }
}

/* No encoder needs more than a length byte for 255 literals. */
static void test_encoded_limit(void **state)
{
    (void)state;
    static const struct {
        uint32_t decoded, most;
    } rows[] = {{0, 16}, {1, 17}, {255, 272}, {65536, 65536 + 257 + 16}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint32_t over = 0; over < 2; over++) {
            struct bytes stream;
            bytes_init(&stream, SIZE_MAX);
            put(&stream, "bv41", 4);
            put_u32(&stream, rows[i].decoded);
            put_u32(&stream, rows[i].most + over);
            /* within the limit, it is only cut off */
            assert_refused(&stream, over ? ERROR_STREAM_LIMIT : ERROR_STREAM_TRUNCATED, 0, 0,
                           "block 0", over ? "encoded bytes for" : "inside it");
            bytes_done(&stream);
        }
}

static void test_bad_blocks(void **state)
{
    (void)state;
    static const struct {
        uint32_t decoded;
        const char *payload;
        size_t size;
    } rows[] = {
        {13, "\x44wxyz\x05\x00\x50zzzzz", 13}, /* a match before the stream's start */
        {20, "\x44wxyz\x0F\x00\x50zzzzz", 13}, /* a match right before it, and a wrong size */
        {17, "\x44wxyz\x0F\x00\x50zzzzz", 13}, /* one byte before the stream's start */
        {17, "\x44wxyz\xFF\xFF\x50zzzzz", 13}, /* far before it */
        {16, "\x44wxyz\x04\x00\x50zzzzz", 13}, /* less than it gives */
        {18, "\x44wxyz\x04\x00\x50zzzzz", 13}, /* more than it gives */
        {17, "\x44wxyz\x04\x00\x50zzzzz", 12}, /* input that ends in literals */
        {17, "\x44wxyz\x04", 6},               /* input that ends in an offset */
        {17, "\x44", 1},                       /* input that ends behind a token */
        {300, "\xF0\xFF", 2},                  /* input that ends in a length */
        {4, "", 0},                            /* no input */
        {0, "", 0},                            /* nothing from nothing, but without its token */
        {5, "\x50zzzzz\x00", 7},               /* something behind the end */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes stream;
        bytes_init(&stream, SIZE_MAX);
        put_stored(&stream, "0123456789", 10);
        if (rows[i].size > 6 && (uint8_t)rows[i].payload[5] == 5)
            stream.size = 0; /* this one has nothing before it */
        int64_t start = (int64_t)stream.size;
        put_block(&stream, rows[i].decoded, rows[i].payload, rows[i].size);
        put_end(&stream);
        char declared[64];
        snprintf(declared, sizeof declared, "the %" PRIu32 " bytes that it declares",
                 rows[i].decoded);
        assert_refused(&stream, ERROR_STREAM_BLOCK, start, start == 0 ? 0 : 10,
                       start == 0 ? "block 0" : "block 1", declared);
        bytes_done(&stream);
    }
}

/* A stream begins with nothing to refer to, whatever the decoder read before. */
static void test_no_history_from_another_stream(void **state)
{
    (void)state;
    struct bytes first, second;
    struct error err = ERROR_INIT;
    struct decoding decoding;
    uint8_t *data = make_data(2, 200000);
    stream_make("apple", data, 200000, &first);
    decoding_init(&decoding);
    assert_good(stream_decode(decoder, first.data, first.size, &decoding, &err), &err);
    decoding_done(&decoding);
    bytes_init(&second, SIZE_MAX);
    put_block(&second, 17, "\x44wxyz\x05\x00\x50zzzzz", 13);
    put_end(&second);
    assert_refused(&second, ERROR_STREAM_BLOCK, 0, 0, "block 0", "");
    bytes_done(&second);

    /* nor the reach of the whole window after a few bytes */
    bytes_init(&second, SIZE_MAX);
    put_stored(&second, zero_page, 65534);
    put_block(&second, 9, "\x00\xFF\xFF\x50zzzzz", 9);
    put_end(&second);
    assert_refused(&second, ERROR_STREAM_BLOCK, 65542, 65534, "block 1", "");
    bytes_done(&second);
    bytes_done(&first);
    free(data);
}

static void test_damage_in_a_large_block(void **state)
{
    (void)state;
    struct bytes stream;
    bytes_init(&stream, SIZE_MAX);
    put_stored(&stream, "abc", 3);
    put_block(&stream, 5000000, "\x1Fz\x01\x00\xFF\x50zzzzz", 11);
    put_end(&stream);
    assert_refused(&stream, ERROR_STREAM_BLOCK, 11, 3, "block 1", "the 5000000 bytes");
    bytes_done(&stream);
}

/* One damaged byte is an error, or other bytes of the same number. */
static void test_any_damaged_byte(void **state)
{
    (void)state;
    const size_t size = 150000;
    uint8_t *data = make_data(31, size);
    struct bytes stream;
    stream_make("apple", data, size, &stream);
    struct dice dice = {17};
    for (int i = 0; i < 150; i++) {
        struct error err = ERROR_INIT;
        struct decoding decoding;
        decoding_init(&decoding);
        size_t at = dice_roll(&dice) % stream.size;
        uint8_t by = (uint8_t)(1u << dice_roll(&dice) % 8);
        stream.data[at] ^= by;
        int status = stream_decode(decoder, stream.data, stream.size, &decoding, &err);
        stream.data[at] ^= by;
        if (status == 0)
            assert_int_equal(decoding.data.size, size);
        else {
            assert_in_range(err.class, ERROR_STREAM_FOREIGN, ERROR_STREAM_TRAILING);
            assert_in_range(err.where.offset, 0, at);
        }
        decoding_done(&decoding);
    }
    bytes_done(&stream);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_magic),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_truncated_real_stream),
        cmocka_unit_test(test_trailing),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_encoded_limit),
        cmocka_unit_test(test_bad_blocks),
        cmocka_unit_test(test_no_history_from_another_stream),
        cmocka_unit_test(test_damage_in_a_large_block),
        cmocka_unit_test(test_any_damaged_byte),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
