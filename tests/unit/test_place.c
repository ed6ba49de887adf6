/* test_place.c: chunks of made disks come back to their places, or to none. That no given place is
 * wrong is asserted for each disk in order_solve(). */
#include "tests/unit/make_order.h"

#define P 5u /* the container's first block on the disk */

static void objects_put(struct order *order, size_t chunk, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t block = (uint64_t)chunk * (CHUNK / BLOCK) + from + i * 2;
        apfs_object_make(order->disk + block * BLOCK, block - P, APFS_OMAP_TYPE, 0);
    }
}

/* Plain data in which files end, and a leaf that knows them: whose block is at leaf. */
static void files_put(struct order *order, size_t chunk, uint64_t leaf, size_t count)
{
    struct made_file files[FILES_A_LEAF];
    uint64_t block = (uint64_t)chunk * (CHUNK / BLOCK);
    for (size_t i = 0; i < count; i++) {
        uint64_t size = 4097 + (i * 997 + chunk * 131) % 4000;
        files[i % FILES_A_LEAF] = (struct made_file){1000 + block + i, size, block + 3 * i - P};
        order_fill(order->disk + (block + 3 * i) * BLOCK, (size_t)size, (uint32_t)(chunk + i));
        if (i % FILES_A_LEAF == FILES_A_LEAF - 1 || i + 1 == count)
            apfs_files_make(order->disk + leaf++ * BLOCK, 1100 + block + i, files,
                            i % FILES_A_LEAF + 1);
    }
}

/* 16 chunks: metadata in 0 (with the table), 3 and 5; files in 7 and 9; the rest zero. */
static void apfs_disk(struct order *order)
{
    static const uint64_t bounds[] = {P * 8, 16 * 2048 - 34};
    order_init(order, 16 * CHUNK);
    order_table(order, type_apfs, bounds, 1);
    objects_put(order, 0, 20, 10);
    objects_put(order, 3, 1, 20);
    objects_put(order, 5, 0, 30);
    files_put(order, 7, 3 * (CHUNK / BLOCK) + 100, 70);
    files_put(order, 9, 3 * (CHUNK / BLOCK) + 120, 7);
}

static void apfs(void **state)
{
    (void)state;
    static const enum place_grade grades[16] = {
        [0] = PLACE_PROVED, [3] = PLACE_PROVED, [5] = PLACE_PROVED,
        [7] = PLACE_LIKELY, [9] = PLACE_LIKELY, [15] = PLACE_PROVED};
    struct order order;
    apfs_disk(&order);
    for (uint32_t seed = 0; seed < 8; seed++) {
        order_shuffle(&order, seed);
        order_solve(&order);
        assert_true(order.result.complete);
        assert_int_equal(order.result.worst, PLACE_LIKELY);
        for (size_t i = 0; i < 16; i++)
            assert_int_equal(order_place(&order, i)->grade,
                             grades[i] != PLACE_UNKNOWN ? grades[i] : PLACE_INTERCHANGEABLE);
    }
    assert_string_equal(order_place(&order, 5)->why, "APFS objects that name their block: 30");
    assert_string_equal(order_place(&order, 7)->why, "ends of files: 70 of 70");
    order_done(&order);
}

static void slices(void **state)
{
    (void)state;
    static const size_t slices[] = {1, 100, 4095, 4096, 70000};
    struct order order;
    apfs_disk(&order);
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        order.slice = slices[i];
        order_solve(&order);
        assert_true(order.result.complete);
        assert_string_equal(order_place(&order, 5)->why, "APFS objects that name their block: 30");
        assert_string_equal(order_place(&order, 7)->why, "ends of files: 70 of 70");
        assert_int_equal(order_place(&order, 1)->grade, PLACE_INTERCHANGEABLE);
    }
    order_done(&order);
}

/* A container inside of a file names other blocks, all agreeing. */
static void image_in_a_file(void **state)
{
    (void)state;
    struct order order;
    apfs_disk(&order);
    for (uint64_t i = 0; i < 100; i++)
        apfs_object_make(order.disk + 11 * CHUNK + i * BLOCK, 3 + i, APFS_OMAP_TYPE, 0);
    order_solve(&order);
    assert_int_equal(order_place(&order, 11)->grade, PLACE_UNKNOWN);
    assert_int_equal(order_place(&order, 1)->grade, PLACE_UNKNOWN);
    assert_int_equal(order_place(&order, 1)->candidate_count, 10);
    assert_int_equal(order_place(&order, 5)->grade, PLACE_PROVED);
    assert_false(order.result.complete);
    assert_int_equal(order.result.worst, PLACE_UNKNOWN);
    order_done(&order);
}

/* One chunk is a copy of another one, changed a little: both name one place. */
static void two_for_one_place(void **state)
{
    (void)state;
    struct order order;
    apfs_disk(&order);
    memcpy(order.disk + 12 * CHUNK, order.disk + 5 * CHUNK, CHUNK);
    order.disk[12 * CHUNK + 200 * BLOCK] = 1;
    order_solve(&order);
    assert_int_equal(order_place(&order, 5)->grade, PLACE_UNKNOWN);
    assert_int_equal(order_place(&order, 12)->grade, PLACE_UNKNOWN);
    assert_int_equal(order_place(&order, 12)->candidates[0], 5 * CHUNK);
    assert_string_equal(order_place(&order, 5)->why, "several chunks claim its place");
    order_done(&order);
}

/* ... and if it is an equal copy, one of them belongs there, and the other where a place is left.
 */
static void equal_copy(void **state)
{
    (void)state;
    struct order order;
    order_init(&order, 4 * CHUNK);
    static const uint64_t bounds[] = {P * 8, 4 * 2048 - 34};
    order_table(&order, type_apfs, bounds, 1);
    objects_put(&order, 1, 0, 30);
    memcpy(order.disk + 2 * CHUNK, order.disk + CHUNK, CHUNK);
    order_solve(&order);
    assert_true(order.result.complete);
    assert_int_equal(order.result.worst, PLACE_PROVED);
    order_done(&order);
}

static void elimination(void **state)
{
    (void)state;
    struct order order;
    order_init(&order, 3 * CHUNK + 70000);
    static const uint64_t bounds[] = {P * 8, 3 * 2048 + 70};
    order_table(&order, type_apfs, bounds, 1);
    objects_put(&order, 1, 0, 30);
    order_fill(order.disk + 2 * CHUNK, CHUNK, 5);
    order_shuffle(&order, 3);
    order_solve(&order);
    assert_int_equal(order_place(&order, 2)->grade, PLACE_BY_ELIMINATION);
    assert_int_equal(order_place(&order, 3)->grade, PLACE_PROVED);
    assert_true(order.result.complete);
    assert_int_equal(order.result.worst, PLACE_PROVED);
    /* a second one that says nothing leaves both without a place */
    order_fill(order.disk + CHUNK, CHUNK, 6);
    order_solve(&order);
    assert_int_equal(order_place(&order, 1)->grade, PLACE_UNKNOWN);
    assert_int_equal(order_place(&order, 2)->candidate_count, 2);
    order_done(&order);
}

static void without_a_table(void **state)
{
    (void)state;
    struct order order;
    apfs_disk(&order);
    memset(order.disk + 512, 0, 20000);
    memset(order.disk + 16 * CHUNK - 20000, 0, 20000);
    order_solve(&order);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(order_place(&order, i)->grade, PLACE_UNKNOWN);
    assert_string_equal(order.result.note, "no partition table was found");
    order_done(&order);
}

/* 4 chunks with a table that speaks of 3: of a disk that has grown, or of one that lies in a file.
 */
static void grown_disk(struct order *order)
{
    static const uint64_t bounds[] = {P * 8, 3 * 2048 - 34};
    order->size = 3 * CHUNK;
    order_table(order, type_apfs, bounds, 1);
    order->size = 4 * CHUNK;
    objects_put(order, 1, 0, 30);
}

static void grown(void **state)
{
    (void)state;
    struct order order;
    order_init(&order, 4 * CHUNK);
    grown_disk(&order);
    order_solve(&order);
    assert_int_equal(order_place(&order, 0)->grade, PLACE_LIKELY);
    assert_int_equal(order_place(&order, 1)->grade, PLACE_PROVED);
    assert_int_equal(order_place(&order, 2)->grade, PLACE_PROVED);
    objects_put(&order, 0, 20, 10);
    order_solve(&order);
    assert_int_equal(order_place(&order, 0)->grade, PLACE_PROVED);
    order_done(&order);
}

/* Ends of files confirm what else is known, unless another chunk shows them as well. */
static void confirmed(void **state)
{
    (void)state;
    struct order order;
    order_init(&order, 4 * CHUNK);
    files_put(&order, 0, CHUNK / BLOCK + 100, 70);
    grown_disk(&order);
    order_solve(&order);
    assert_int_equal(order_place(&order, 0)->grade, PLACE_PROVED);
    assert_string_equal(order_place(&order, 0)->why,
                        "begins with the partition table, ends of files: 68 of 68");
    memcpy(order.disk + 3 * CHUNK + 10 * BLOCK, order.disk + 10 * BLOCK, CHUNK - 10 * BLOCK);
    order_solve(&order);
    assert_int_equal(order_place(&order, 0)->grade, PLACE_LIKELY);
    order_done(&order);
}

/* --- ext4 --- */

#define TABLE_BLOCK 300u /* of group 0: in the second chunk */
#define E           256u /* the partition's first block: a chunk */

/* 12 chunks: superblock in 1, inode table in 2, copies of it (a journal) in 5, files in 7. */
static void ext4_disk(struct order *order)
{
    static const uint64_t bounds[] = {E * 8, 12 * 2048 - 34};
    order_init(order, 12 * CHUNK);
    order_table(order, type_linux, bounds, 1);
    uint8_t *volume = order->disk + E * BLOCK;
    struct ext4_super super;
    ext4_super_make(volume + 1024, 1, 4096, 0);
    store_le32(volume + 1024 + 4, 11 * 256 - 8);
    store_le32(volume + 1024 + 0x3FC, crc32c(CRC32C_START, volume + 1024, 0x3FC));
    assert_true(ext4_super_read(volume + 1024, &super));
    ext4_descriptor_make(volume + BLOCK, super.seed, 0, TABLE_BLOCK);
    for (uint32_t i = 0; i < 1600; i++) {
        uint32_t block = 6 * 256 + (i * 3) % 255;
        uint64_t size = i < 85 ? 4097 + i * 41 : 4096;
        ext4_inode_make(volume + TABLE_BLOCK * BLOCK + i * 256, super.seed, i + 1, size, block);
        if (i < 85)
            order_fill(volume + (uint64_t)block * BLOCK, (size_t)size, i);
    }
    memcpy(volume + (4 * 256 + 77) * BLOCK, volume + TABLE_BLOCK * BLOCK, 60 * BLOCK);
    ext4_attributes_make(volume + (8 * 256 + 3) * BLOCK, super.seed, 8 * 256 + 3);
    ext4_attributes_make(volume + (8 * 256 + 9) * BLOCK, super.seed, 8 * 256 + 9);
}

static void ext4(void **state)
{
    (void)state;
    struct order order;
    ext4_disk(&order);
    for (uint32_t seed = 0; seed < 5; seed++) {
        order_shuffle(&order, seed);
        order_solve(&order);
        assert_int_equal(order_place(&order, 2)->grade, PLACE_PROVED);
        assert_int_equal(order_place(&order, 7)->grade, PLACE_LIKELY); /* by ends of files alone */
        assert_int_equal(order_place(&order, 9)->grade, PLACE_PROVED);
        assert_int_equal(order_place(&order, 5)->grade, PLACE_UNKNOWN);
    }
    assert_string_equal(order_place(&order, 2)->why, "blocks of ext4 inodes: 100");
    assert_string_equal(order_place(&order, 9)->why, "ext4 attribute blocks: 2");
    assert_string_equal(order_place(&order, 7)->why, "ends of files: 85 of 85");
    order_done(&order);
}

/* --- what is asked of the caller --- */

static void lengths(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct place_result result;
    struct place_chunk chunks[3] = {{.length = 100}, {.length = 50}, {.length = 70}};
    chunks[1].content.bytes[0] = 1;
    assert_int_equal(place_solve(chunks, 3, 220, &result, &err), 0);
    assert_false(result.complete);
    assert_int_equal(result.places[0].grade, PLACE_UNKNOWN);
    assert_string_equal(result.note, "the chunks' lengths are no even grid");
    place_result_done(&result);
    assert_int_equal(place_solve(chunks, 3, 221, &result, &err), -1);
    assert_int_equal(err.class, ERROR_DISK_SIZE);
    assert_int_equal(place_solve(chunks, 0, 0, &result, &err), -1);
    /* two chunks whose bytes nobody read: the shorter one is last */
    assert_int_equal(place_solve(chunks, 2, 150, &result, &err), 0);
    assert_true(result.complete);
    assert_int_equal(result.places[0].grade, PLACE_BY_ELIMINATION);
    assert_int_equal(result.places[1].index, 1);
    place_result_done(&result);
}

static void misuse(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct place_scan *scan;
    struct place_facts *facts;
    assert_int_equal(place_scan_new(PLACE_CHUNK_MAX + 1, &scan, &err), -1);
    assert_int_equal(err.class, ERROR_UNSUPPORTED);
    assert_int_equal(place_scan_new(10, &scan, &err), 0);
    assert_int_equal(place_scan_zeros(scan, 11, &err), -1);
    assert_int_equal(place_scan_zeros(scan, 9, &err), 0);
    assert_int_equal(place_scan_end(scan, &facts, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(place_scan_bytes(scan, (const uint8_t *)"", 1, &err), 0);
    assert_int_equal(place_scan_end(scan, &facts, &err), 0);
    assert_true(place_facts_zero(facts));
    place_facts_free(facts);
    place_scan_free(scan);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(apfs),
        cmocka_unit_test(slices),
        cmocka_unit_test(image_in_a_file),
        cmocka_unit_test(two_for_one_place),
        cmocka_unit_test(equal_copy),
        cmocka_unit_test(elimination),
        cmocka_unit_test(without_a_table),
        cmocka_unit_test(grown),
        cmocka_unit_test(confirmed),
        cmocka_unit_test(ext4),
        cmocka_unit_test(lengths),
        cmocka_unit_test(misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
