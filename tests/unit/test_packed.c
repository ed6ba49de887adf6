/* gzip and zstd around a blob: what comes out, in any slicing, and how damage is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/codec/packed.h"
#include "tests/unit/memory_store.h"

#include <zlib.h>
#include <zstd.h>

#define SIZE 300000

static uint8_t plain[SIZE];

static size_t pack(enum packing packing, const uint8_t *data, size_t size, uint8_t *to, size_t room)
{
    if (packing == PACKING_ZSTD)
        return ZSTD_compress(to, room, data, size, 3);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
    stream.next_out = to;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return room - stream.avail_out;
}

/* What comes out; ret->class is ERROR_NONE where all was well. */
static size_t unpack(enum packing packing, const uint8_t *data, size_t size, uint64_t promised,
                     size_t slice, uint8_t *to, struct error *ret)
{
    struct memory_store store;
    struct blob *outer = NULL, *inner = NULL;
    const uint8_t *lent;
    size_t lent_size, used = 0;
    *ret = (struct error)ERROR_INIT;
    store_init(&store);
    store.slice = slice;
    struct blob_id id = store_put(&store, data, size);
    assert_int_equal(blobs_open(&store.blobs, &id, &outer, ret), 0);
    assert_int_equal(packed_open(packing, outer, promised, &inner, ret), 0);
    int status;
    while ((status = blob_peek(inner, &lent, &lent_size, ret)) == 1) {
        size_t take = lent_size > 7001 ? 7001 : lent_size;
        assert_true(used + take <= 2 * SIZE);
        memcpy(to + used, lent, take);
        used += take;
        blob_skip(inner, take);
    }
    assert_true(status == 0 || ret->class != ERROR_NONE);
    blob_close(inner);
    assert_true(store_done(&store));
    return used;
}

static const enum packing both[] = {PACKING_GZIP, PACKING_ZSTD};
static uint8_t packed[2 * SIZE], out[2 * SIZE];

static void test_round(void **state)
{
    (void)state;
    static const size_t slices[] = {0, 1, 3, 4096};
    struct error err;
    for (size_t p = 0; p < 2; p++) {
        size_t size = pack(both[p], plain, SIZE, packed, sizeof packed);
        assert_int_equal(packing_of(packed, size), both[p]);
        for (size_t s = 0; s < 4; s++) {
            memset(out, 0, sizeof out);
            assert_int_equal(unpack(both[p], packed, size, SIZE, slices[s], out, &err), SIZE);
            assert_int_equal(err.class, ERROR_NONE);
            assert_memory_equal(out, plain, SIZE);
        }
    }
}

static void test_members(void **state)
{
    (void)state;
    struct error err;
    for (size_t p = 0; p < 2; p++) {
        size_t size = pack(both[p], plain, 1000, packed, sizeof packed);
        size += pack(both[p], plain + 1000, 500, packed + size, sizeof packed - size);
        assert_int_equal(unpack(both[p], packed, size, 1500, 5, out, &err), 1500);
        assert_int_equal(err.class, ERROR_NONE);
        assert_memory_equal(out, plain, 1500);
    }
}

static void assert_refused(enum packing packing, size_t size, uint64_t promised,
                           enum error_class class)
{
    struct error err;
    unpack(packing, packed, size, promised, 100, out, &err);
    if (err.class != class)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    assert_non_null(strstr(err.text, packing_name(packing)));
}

static void test_damage(void **state)
{
    (void)state;
    for (size_t p = 0; p < 2; p++) {
        size_t size = pack(both[p], plain, SIZE, packed, sizeof packed);
        assert_refused(both[p], size / 2, SIZE, ERROR_STREAM_TRUNCATED);
        assert_refused(both[p], size - 1, SIZE, ERROR_STREAM_TRUNCATED);
        assert_refused(both[p], size, SIZE - 1, ERROR_STREAM_LIMIT);
        memcpy(packed + size, "behind it", 9);
        assert_refused(both[p], size + 9, SIZE, ERROR_STREAM_BLOCK);
        packed[size / 2] ^= 0x55;
        packed[size / 2 + 1] ^= 0x55;
        packed[size - 5] ^= 0x55; /* the checksum or the last block */
        struct error err;
        size_t got = unpack(both[p], packed, size, SIZE, 0, out, &err);
        /* a frame of zstd without a checksum can be damaged and not know it */
        assert_true(err.class == ERROR_STREAM_BLOCK || err.class == ERROR_STREAM_TRUNCATED ||
                    (both[p] == PACKING_ZSTD && got <= SIZE && memcmp(out, plain, SIZE) != 0));
    }
}

static void test_sniff(void **state)
{
    (void)state;
    assert_int_equal(packing_of((const uint8_t *)"\x1f\x8b\x08", 3), PACKING_NONE);
    assert_int_equal(packing_of((const uint8_t *)"bv41", 4), PACKING_NONE);
    assert_int_equal(packing_of((const uint8_t *)"\x1f\x8b\x07\x00", 4), PACKING_NONE);
}

int main(void)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < SIZE; i++) {
        seed = seed * 1103515245 + 12345;
        plain[i] = i % 3 == 0 ? (uint8_t)(seed >> 16) : (uint8_t)(i >> 8);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_sniff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
