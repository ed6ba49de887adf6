/* make_order.h: a small raw disk in memory, cut into chunks that are handed to place_solve in
 * another order, for tests. */
#ifndef TESTS_UNIT_MAKE_ORDER_H
#define TESTS_UNIT_MAKE_ORDER_H

#include "formats/place.h"
#include "tests/unit/make_blocks.h"
#include "tests/unit/make_gpt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define CHUNK      (1u << 20)
#define CHUNKS_MAX 24u
#define BLOCK      4096u

struct order {
    uint8_t *disk;
    uint64_t size;
    size_t count;
    size_t at[CHUNKS_MAX]; /* the i-th chunk handed on is this one of the disk */
    struct place_chunk chunks[CHUNKS_MAX];
    struct place_facts *facts[CHUNKS_MAX];
    struct place_result result;
    size_t slice; /* bytes added at a time; 0: a chunk */
};

static const uint8_t type_apfs[16] = {0xEF, 0x57, 0x34, 0x7C, 0,    0,    0xAA, 0x11,
                                      0xAA, 0x11, 0x00, 0x30, 0x65, 0x43, 0xEC, 0xAC};
static const uint8_t type_linux[16] = {0xAF, 0x3D, 0xC6, 0x0F, 0x83, 0x84, 0x72, 0x47,
                                       0x8E, 0x79, 0x3D, 0x69, 0xD8, 0x47, 0x7D, 0xE4};

static inline void order_init(struct order *order, uint64_t size)
{
    memset(order, 0, sizeof *order);
    order->size = size;
    order->count = (size_t)((size + CHUNK - 1) / CHUNK);
    order->disk = calloc(1, (size_t)size);
    assert_non_null(order->disk);
    for (size_t i = 0; i < order->count; i++)
        order->at[i] = i;
}

static inline void order_done(struct order *order)
{
    place_result_done(&order->result);
    for (size_t i = 0; i < order->count; i++)
        order->facts[i] = place_facts_free(order->facts[i]);
    free(order->disk);
}

/* Both copies of a table with those partitions; starts and ends in sectors of 512 bytes. */
static inline void order_table(struct order *order, const uint8_t type[16], const uint64_t *bounds,
                               size_t partitions)
{
    static uint8_t array[ARRAY_SIZE];
    uint8_t header[HEADER_SIZE];
    struct ends ends = {.size = order->size, .sector_size = 512};
    uint64_t last = order->size / 512 - 1;
    memset(array, 0, sizeof array);
    for (size_t i = 0; i < partitions; i++) {
        memcpy(array + i * ENTRY_SIZE, type, 16);
        store_le64(array + i * ENTRY_SIZE + 32, bounds[2 * i]);
        store_le64(array + i * ENTRY_SIZE + 40, bounds[2 * i + 1]);
    }
    header_make(&ends, 1, last, 2, array, header);
    memcpy(order->disk + 512, header, sizeof header);
    memcpy(order->disk + 1024, array, sizeof array);
    header_make(&ends, last, 1, last - 32, array, header);
    memcpy(order->disk + last * 512, header, sizeof header);
    memcpy(order->disk + (last - 32) * 512, array, sizeof array);
}

static inline void order_fill(uint8_t *data, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24 | 1u);
    }
}

static inline void order_shuffle(struct order *order, uint32_t seed)
{
    for (size_t i = order->count; i-- > 1;) {
        seed = seed * 1664525u + 1013904223u;
        size_t j = (seed >> 8) % (i + 1), kept = order->at[i];
        order->at[i] = order->at[j];
        order->at[j] = kept;
    }
}

static inline struct place_facts *facts_make(const uint8_t *data, uint64_t length, size_t slice)
{
    struct error err = ERROR_INIT;
    struct place_scan *scan;
    struct place_facts *facts;
    assert_int_equal(place_scan_new(length, &scan, &err), 0);
    for (uint64_t at = 0; at < length;) {
        size_t size = slice == 0 || length - at < slice ? (size_t)(length - at) : slice;
        if (bytes_are_zero(data + at, size))
            assert_int_equal(place_scan_zeros(scan, size, &err), 0);
        else
            assert_int_equal(place_scan_bytes(scan, data + at, size, &err), 0);
        at += size;
    }
    assert_int_equal(place_scan_end(scan, &facts, &err), 0);
    place_scan_free(scan);
    return facts;
}

/* Scans and solves; no place may be wrong, whatever is on the disk. */
static inline void order_solve(struct order *order)
{
    struct error err = ERROR_INIT;
    place_result_done(&order->result);
    for (size_t i = 0; i < order->count; i++) {
        uint64_t offset = (uint64_t)order->at[i] * CHUNK;
        uint64_t length = order->size - offset < CHUNK ? order->size - offset : CHUNK;
        place_facts_free(order->facts[i]);
        order->facts[i] = facts_make(order->disk + offset, length, order->slice);
        order->chunks[i] = (struct place_chunk){.length = length, .facts = order->facts[i]};
        assert_int_equal(
            digest_of(order->disk + offset, (size_t)length, &order->chunks[i].content, &err), 0);
    }
    assert_int_equal(place_solve(order->chunks, order->count, order->size, &order->result, &err),
                     0);
    bool taken[CHUNKS_MAX] = {false};
    for (size_t i = 0; i < order->count; i++) {
        const struct chunk_place *place = &order->result.places[i];
        assert_int_equal(place->known, place->grade != PLACE_UNKNOWN);
        assert_true(place->why[0] != '\0');
        if (!place->known)
            continue;
        assert_false(taken[place->index]);
        taken[place->index] = true;
        assert_int_equal(place->offset, place->index * CHUNK);
        if (place->index != order->at[i])
            assert_memory_equal(order->disk + place->offset,
                                order->disk + (uint64_t)order->at[i] * CHUNK,
                                (size_t)order->chunks[i].length);
    }
}

/* The place of the disk's n-th chunk. */
static inline const struct chunk_place *order_place(const struct order *order, size_t n)
{
    for (size_t i = 0; i < order->count; i++)
        if (order->at[i] == n)
            return &order->result.places[i];
    return NULL;
}

#endif
