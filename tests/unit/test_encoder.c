/* test_encoder.c: what each encoder makes decodes to what went in, is framed by the same rule, and
 * is the same however and whenever it is made. */
#include "tests/unit/make_stream.h"

static const char *const names[] = {"apple", "lz4", "lz4hc:1", "lz4hc:9", "lz4hc:12"};
#define NAMES (sizeof names / sizeof names[0])

static void check_round_trip(const char *name, const uint8_t *data, size_t size)
{
    struct bytes stream;
    stream_make(name, data, size, &stream);
    assert_decodes(&stream, data, size, (struct dice){0}, 0, 0);
    bytes_done(&stream);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const size_t sizes[] = {1,     2,     5,      12,     127,    128,    129,
                                   255,   65407, 65408,  65409,  65535,  65536,  65537,
                                   65664, 65665, 131071, 131072, 131073, 1000000};
    for (size_t n = 0; n < NAMES; n++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            uint8_t *data = make_data(i + n, sizes[i]);
            check_round_trip(names[n], data, sizes[i]);
            struct dice dice = {i + 1};
            make_words(&dice, data, sizes[i]);
            check_round_trip(names[n], data, sizes[i]);
            memset(data, 0, sizes[i]);
            check_round_trip(names[n], data, sizes[i]);
            free(data);
        }
}

static void test_round_trip_of_megabytes(void **state)
{
    (void)state;
    const size_t size = 2500001;
    for (size_t n = 0; n < NAMES; n += 2) {
        uint8_t *data = make_data(100 + n, size);
        check_round_trip(names[n], data, size);
        free(data);
    }
}

/* A period at the edge of a match's reach, just within and just outside. */
static void test_far_matches(void **state)
{
    (void)state;
    static const size_t periods[] = {65534, 65535, 65536, 65537};
    const size_t size = 400000;
    uint8_t *data = malloc(size);
    assert_non_null(data);
    for (size_t i = 0; i < 4; i++) {
        struct dice dice = {77};
        make_noise(&dice, data, periods[i]);
        for (size_t at = periods[i]; at < size; at++)
            data[at] = data[at - periods[i]];
        for (size_t n = 0; n < NAMES; n++)
            check_round_trip(names[n], data, size);
    }
    struct bytes near, far;
    stream_make("lz4hc:9", data, size, &far);
    for (size_t at = 65535; at < size; at++)
        data[at] = data[at - 65535];
    stream_make("lz4hc:9", data, size, &near);
    assert_true(far.size > size);
    assert_true(near.size < 80000);
    bytes_done(&near);
    bytes_done(&far);
    free(data);
}

/* Every block is compressed where that pays, headers included, else stored; and none but the last
 * is shorter than 64 KiB. */
static void test_stored_rule(void **state)
{
    (void)state;
    const size_t size = 3000000;
    uint8_t *data = make_data(8, size);
    struct dice dice = {4};
    make_noise(&dice, data + 500000, 600000);
    for (size_t n = 0; n < NAMES; n++) {
        struct bytes stream;
        stream_make(names[n], data, size, &stream);
        size_t at = 0, decoded = 0, stored = 0, compressed = 0;
        while (applelz4_magic(stream.data + at) != APPLELZ4_END) {
            const uint8_t *block = stream.data + at;
            uint32_t d = load_le32(block + 4), e = load_le32(block + 8);
            assert_int_equal(d, size - decoded < BLOCK_SIZE ? size - decoded : BLOCK_SIZE);
            if (applelz4_magic(block) == APPLELZ4_STORED) {
                assert_memory_equal(block + 8, data + decoded, d);
                at += APPLELZ4_HEADER_STORED + d;
                stored++;
            } else {
                assert_true(12 + e < 8 + d);
                at += APPLELZ4_HEADER_BLOCK + e;
                compressed++;
            }
            decoded += d;
        }
        assert_int_equal(at + APPLELZ4_MAGIC_SIZE, stream.size);
        assert_int_equal(decoded, size);
        assert_true(stored >= 8 && compressed >= 8);
        bytes_done(&stream);
    }
    free(data);
}

/* Apple's blocks of up to 128 bytes are never searched; one byte more may be. */
static void test_apple_stores_short_blocks(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 140; size++) {
        struct bytes stream;
        stream_make("apple", zero_page, size, &stream);
        if (size <= 128) {
            assert_int_equal(applelz4_magic(stream.data), APPLELZ4_STORED);
            assert_int_equal(stream.size, 8 + size + 4);
        }
        bytes_done(&stream);
    }
}

/* The last sequence of Apple's blocks has at least 113 literals. */
static void test_apple_ends_in_literals(void **state)
{
    (void)state;
    for (size_t size = 129; size < 3000; size += 29) {
        uint8_t *data = make_data(size, size);
        struct dice dice = {size};
        make_words(&dice, data, size);
        struct bytes stream;
        stream_make("apple", data, size, &stream);
        if (applelz4_magic(stream.data) == APPLELZ4_BLOCK)
            assert_memory_equal(stream.data + stream.size - 4 - 113, data + size - 113, 113);
        bytes_done(&stream);
        free(data);
    }
}

/* Where in memory the data lies, what the encoder did before, and zeros told as zeros: all the
 * same. */
static void test_same_bytes_again(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    const size_t size = 700000;
    uint8_t *data = make_data(12, size + 16);
    for (size_t n = 0; n < NAMES; n++) {
        struct bytes first;
        stream_make(names[n], data, size, &first);
        struct encoder *encoder = encoder_named(names[n]);
        for (size_t shift = 1; shift < 16; shift += 7) {
            struct bytes again;
            uint8_t *moved = malloc(size + shift);
            assert_non_null(moved);
            memcpy(moved + shift, data, size);
            encoder_restart(encoder);
            bytes_init(&again, SIZE_MAX);
            put_encoded(&again, encoder, moved + shift, size);
            put_end(&again);
            assert_int_equal(again.size, first.size);
            assert_memory_equal(again.data, first.data, first.size);
            bytes_done(&again);
            free(moved);
            /* the next one begins in the middle of this one's window */
            put_encoded(&first, encoder, data, shift * 10000);
            stream_make(names[n], data, size, &again);
            assert_memory_equal(again.data, first.data, again.size);
            first.size = again.size;
            bytes_done(&again);
        }
        encoder_restart(encoder);
        for (int i = 0; i < 3; i++) {
            uint8_t zeros[APPLELZ4_ENCODED_MAX], told[APPLELZ4_ENCODED_MAX];
            struct encoder *other = encoder_named(names[n]);
            for (int k = 0; k < i; k++)
                assert_true(encoder_block(other, zero_page, BLOCK_SIZE, zeros, &err) > 0);
            int64_t a = encoder_block(other, zero_page, BLOCK_SIZE, zeros, &err);
            int64_t b = encoder_block(encoder, NULL, BLOCK_SIZE, told, &err);
            assert_true(a > 0 && a == b);
            assert_memory_equal(zeros, told, (size_t)a);
            encoder_free(other);
        }
        encoder_free(encoder);
        bytes_done(&first);
    }
    free(data);
}

/* liblz4's encoders see 64 KiB and nothing before: started later, they give the same blocks. */
static void test_lz4_depends_on_the_window_alone(void **state)
{
    (void)state;
    const size_t size = 600000;
    uint8_t *data = make_data(14, size);
    for (size_t n = 1; n < NAMES; n++) {
        struct bytes whole, prefix, late;
        stream_make(names[n], data, size, &whole);
        stream_make(names[n], data, 3 * (size_t)BLOCK_SIZE, &prefix);
        struct encoder *encoder = encoder_named(names[n]);
        bytes_init(&late, SIZE_MAX);
        put_encoded(&late, encoder, data + 2 * (size_t)BLOCK_SIZE, BLOCK_SIZE);
        late.size = 0;
        put_encoded(&late, encoder, data + 3 * (size_t)BLOCK_SIZE, size - 3 * (size_t)BLOCK_SIZE);
        size_t from = prefix.size - APPLELZ4_MAGIC_SIZE;
        assert_int_equal(whole.size - APPLELZ4_MAGIC_SIZE - from, late.size);
        assert_memory_equal(whole.data + from, late.data, late.size);
        encoder_free(encoder);
        bytes_done(&late);
        bytes_done(&prefix);
        bytes_done(&whole);
    }
    free(data);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int search, level;
    } good[] = {
        {"apple", ENCODER_APPLE, 0},     {"lz4", ENCODER_LZ4, 0},
        {"lz4hc:1", ENCODER_LZ4HC, 1},   {"lz4hc:9", ENCODER_LZ4HC, 9},
        {"lz4hc:10", ENCODER_LZ4HC, 10}, {"lz4hc:12", ENCODER_LZ4HC, 12},
    };
    static const char *const bad[] = {"",          "Apple",    "apple ",   "apple:1",  "lz4:1",
                                      "lz4 ",      "lz4hc",    "lz4hc:",   "lz4hc:0",  "lz4hc:00",
                                      "lz4hc:01",  "lz4hc:13", "lz4hc:19", "lz4hc:99", "lz4hc:100",
                                      "lz4hc:1x",  "lz4hc:-1", "lz4hc:+1", "lz4hc: 1", "lz4hc:1 ",
                                      "lz4hc:12x", "zstd"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct encoder_kind kind;
        char buffer[16];
        assert_true(encoder_kind_parse(good[i].text, &kind));
        assert_int_equal(kind.search, good[i].search);
        assert_int_equal(kind.level, good[i].level);
        assert_string_equal(encoder_kind_name(kind, buffer), good[i].text);
        assert_true((encoder_kind_library(kind) == NULL) == (kind.search == ENCODER_APPLE));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct encoder_kind kind;
        if (encoder_kind_parse(bad[i], &kind))
            fail_msg("'%s' was taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_of_megabytes),
        cmocka_unit_test(test_far_matches),
        cmocka_unit_test(test_stored_rule),
        cmocka_unit_test(test_apple_stores_short_blocks),
        cmocka_unit_test(test_apple_ends_in_literals),
        cmocka_unit_test(test_same_bytes_again),
        cmocka_unit_test(test_lz4_depends_on_the_window_alone),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
