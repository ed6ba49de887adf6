/* test_lz4_block.c: raw LZ4 blocks by Apple's rules, and held against liblz4. */
#include "formats/codec/applelz4.h"
#include "tests/unit/lz4_twin.h"
#include "tests/unit/make_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static const struct row {
    const char *payload;
    size_t size;
    const char *text; /* what it decodes to; NULL: refused */
} rows[] = {
    {"", 0, NULL},
    {"\x00", 1, ""},
    {"\x50zzzzz", 6, "zzzzz"},
    {"\x44wxyz\x04\x00\x50zzzzz", 13, "wxyzwxyzwxyzzzzzz"},
    {"\x44wxyz\x01\x00\x50zzzzz", 13, "wxyzzzzzzzzzzzzzz"},
    /* offset 0: liblz4 reads zeros, Apple's decoder refuses */
    {"\x44wxyz\x00\x00\x50zzzzz", 13, NULL},
    {"\x44wxyz\x04\x00\x04\x00\x00\x50zzzzz", 16, NULL},
    /* from before the history */
    {"\x44wxyz\x05\x00\x50zzzzz", 13, NULL},
    {"\x44wxyz\x00\x01\x50zzzzz", 13, NULL},
    {"\x04\x01\x00\x50zzzzz", 9, NULL},
    /* ends right behind a match, which Apple's decoder takes */
    {"\x40wxyz\x04\x00", 7, "wxyzwxyz"},
    /* ends inside something */
    {"\x44wxyz\x04", 6, NULL},
    {"\x44wxy", 4, NULL},
    {"\xF0", 1, NULL},
    {"\xF0\xFF\xFF", 3, NULL},
    {"\x4Fwxyz\x04\x00", 7, NULL},
    {"\x4Fwxyz\x04\x00\xFF", 8, NULL},
    {"\x4Fwxyz\x04\x00\x00\x50zzzzz", 14, "wxyzwxyzwxyzwxyzwxyzwxyzzzzz"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        int64_t wanted = row->text == NULL ? -1 : (int64_t)strlen(row->text);
        uint8_t output[64];
        int64_t got =
            lz4_block_decode((const uint8_t *)row->payload, row->size, output, sizeof output, 0);
        if (got != wanted || (got > 0 && memcmp(output, row->text, (size_t)got) != 0))
            fail_msg("row %zu: %lld", i, (long long)got);
        /* with one byte less room than it needs it is refused */
        if (wanted > 0)
            assert_int_equal(lz4_block_decode((const uint8_t *)row->payload, row->size, output,
                                              (size_t)wanted - 1, 0),
                             -1);
    }
}

/* Offsets 1 to 70 with lengths 4 to 300, near the end and far from it: each repeats what lies
 * there. */
static void test_every_overlap(void **state)
{
    (void)state;
    for (size_t offset = 1; offset <= 70; offset++)
        for (size_t length = 4; length <= 300; length += length < 40 ? 1 : 13)
            for (size_t behind = 0; behind <= 200; behind += 200) {
                uint8_t block[700], output[1000], wanted[1000];
                size_t size = 0, at = 0;
                block[size++] = 0xF0 | (uint8_t)(length - 4 < 15 ? length - 4 : 15);
                block[size++] = 70 - 15;
                for (size_t i = 0; i < 70; i++)
                    block[size++] = wanted[at++] = (uint8_t)(i * 7 + 1);
                block[size++] = (uint8_t)offset;
                block[size++] = 0;
                if (length - 4 >= 15) {
                    size_t left = length - 4 - 15;
                    for (; left >= 255; left -= 255)
                        block[size++] = 255;
                    block[size++] = (uint8_t)left;
                }
                for (size_t i = 0; i < length; i++, at++)
                    wanted[at] = wanted[at - offset];
                block[size++] = 0xF0;
                block[size++] = (uint8_t)(15 + behind - 15);
                for (size_t i = 0; i < 15 + behind; i++)
                    block[size++] = wanted[at++] = (uint8_t)i;
                int64_t got = lz4_block_decode(block, size, output, at, 0);
                if (got != (int64_t)at || memcmp(output, wanted, at) != 0)
                    fail_msg("offset %zu, length %zu, %zu behind", offset, length, behind);
            }
}

/* Blocks of every encoder and damaged ones, each with every history that makes a difference. */
static void test_twins(void **state)
{
    (void)state;
    static const char *const names[] = {"apple", "lz4", "lz4hc:9"};
    static const size_t histories[] = {0, 1, 1000, 65536};
    const size_t size = 6 * (size_t)BLOCK_SIZE;
    uint8_t *data = make_data(7, size);
    uint32_t dice = 12345;
    size_t refused = 0, taken = 0;
    for (size_t n = 0; n < 3; n++) {
        struct encoder_kind kind;
        struct error err;
        assert_true(encoder_kind_parse(names[n], &kind));
        struct encoder *encoder = encoder_new(kind, &err);
        assert_non_null(encoder);
        for (size_t at = 0; at < size; at += BLOCK_SIZE) {
            static uint8_t block[APPLELZ4_ENCODED_MAX + 16];
            encoder_restart(encoder);
            int64_t encoded = encoder_block(encoder, data + at, BLOCK_SIZE, block, &err);
            if (applelz4_magic(block) != APPLELZ4_BLOCK)
                continue;
            uint8_t *payload = block + APPLELZ4_HEADER_BLOCK;
            size_t payload_size = (size_t)encoded - APPLELZ4_HEADER_BLOCK;
            for (size_t i = 0; i < 120; i++) {
                dice = dice * 1664525 + 1013904223;
                size_t place = (dice >> 8) % payload_size;
                uint8_t before = payload[place];
                if (i > 0)
                    payload[place] = i % 3 == 0 ? 0 : (uint8_t)(dice >> 3);
                size_t cut = i % 5 == 4 ? place + 1 : payload_size;
                int64_t got = -1;
                if (!twins_agree(payload, cut, BLOCK_SIZE - i % 2, histories[i % 4], &got))
                    fail_msg("%s, block at %zu, change %zu", names[n], at, i);
                if (got < 0)
                    refused++;
                else
                    taken++;
                payload[place] = before;
            }
        }
        encoder_free(encoder);
    }
    free(data);
    assert_true(refused > 200 && taken > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_every_overlap),
        cmocka_unit_test(test_twins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
