/* test_apfs.c: which blocks are taken for objects of an APFS container, and what their leaves say.
 */
#include "tests/unit/make_blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint8_t block[APFS_BLOCK_SIZE];

static void sorts(void **state)
{
    (void)state;
    static const struct {
        uint32_t type, subtype;
        enum apfs_sort sort;
    } cases[] = {
        {0x4000000B, 0, APFS_PHYSICAL},   {0x40000002, 0xB, APFS_PHYSICAL},
        {0x40000003, 0xF, APFS_PHYSICAL}, {0x40000007, 0, APFS_PHYSICAL},
        {0x4000000C, 0, APFS_PHYSICAL},   {0x4000000D, 0, APFS_PHYSICAL},
        {0x00000003, 0xE, APFS_VIRTUAL},  {0x0000000D, 0, APFS_VIRTUAL},
        {0x80000001, 0, APFS_NONE},       {0x80000005, 0, APFS_NONE},
        {0x40000002, 0xE, APFS_NONE},     {0x4000000B, 3, APFS_NONE},
        {0x40000004, 0, APFS_NONE},       {0x4001000B, 0, APFS_NONE},
        {0x5000000B, 0, APFS_NONE},       {0x00000002, 0xB, APFS_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct apfs_object object;
        apfs_object_make(block, 1234, cases[i].type, cases[i].subtype);
        assert_int_equal(apfs_object_read(block, &object), cases[i].sort != APFS_NONE);
        assert_int_equal(object.sort, cases[i].sort);
        if (cases[i].sort != APFS_NONE) {
            assert_int_equal(object.oid, 1234);
            assert_true(apfs_may_be_object(block));
        }
    }
}

static void refused(void **state)
{
    (void)state;
    struct apfs_object object;
    memset(block, 0, sizeof block);
    assert_false(apfs_object_read(block, &object));
    /* its checksum is right */
    memset(block, 0xFF, sizeof block);
    assert_true(apfs_checksum(block) == UINT64_MAX || load_le64(block) == UINT64_MAX);
    assert_false(apfs_object_read(block, &object));
    for (size_t at = 0; at < APFS_BLOCK_SIZE; at += 97) {
        apfs_object_make(block, 55, APFS_OMAP_TYPE, 0);
        block[at] ^= 0x10;
        assert_false(apfs_object_read(block, &object));
    }
    apfs_object_make(block, 0, APFS_OMAP_TYPE, 0);
    assert_false(apfs_object_read(block, &object));
    apfs_object_make(block, 55, APFS_OMAP_TYPE, 0);
    apfs_seal(block, 55, 0, APFS_OMAP_TYPE, 0);
    assert_false(apfs_object_read(block, &object));
}

static void checksum_of_real(void **state)
{
    (void)state;
    /* By the definition: both sums over it, with the checksum's own two words behind, are zero. */
    apfs_object_make(block, 77, APFS_OMAP_TYPE, 0);
    uint64_t sum = 0, sums = 0;
    for (size_t at = 8; at < APFS_BLOCK_SIZE + 8; at += 4) {
        sum += load_le32(block + at % APFS_BLOCK_SIZE);
        sums += sum;
    }
    assert_int_equal(sum % UINT32_MAX, 0);
    assert_int_equal(sums % UINT32_MAX, 0);
}

static void mappings(void **state)
{
    (void)state;
    uint8_t keys[3][16], values[3][16] = {{0}};
    struct node_entry entries[3];
    for (size_t i = 0; i < 3; i++) {
        set_le64(keys[i], 1030 + i);
        set_le64(keys[i] + 8, 7);
        set_le64(values[i] + 8, 500 + i);
        entries[i] = (struct node_entry){keys[i], values[i], 16, 16};
    }
    apfs_leaf_make(block, true, entries, 3);
    apfs_seal(block, 200, 9, APFS_OMAP_LEAF);
    struct apfs_object object;
    struct apfs_mapping found[4];
    assert_true(apfs_object_read(block, &object));
    assert_int_equal(apfs_mappings(block, &object, found, 4), 3);
    assert_int_equal(found[2].oid, 1032);
    assert_int_equal(found[2].xid, 7);
    assert_int_equal(found[2].block, 502);
    assert_int_equal(apfs_mappings(block, &object, found, 2), 2);
    /* an entry that points outside is left out */
    set_le16(block + 56 + 6, 5000);
    assert_int_equal(apfs_mappings(block, &object, found, 4), 2);
    store_le32(block + 36, 2000);
    assert_int_equal(apfs_mappings(block, &object, found, 4), 0);
}

static void file_ends(void **state)
{
    (void)state;
    static const struct made_file files[] = {
        {20, 100, 300}, {21, 8192, 301}, {22, 5000, 310}, {23, 0, 320}};
    apfs_files_make(block, 1100, files, 4);
    struct apfs_object object;
    uint64_t ends[8];
    assert_true(apfs_object_read(block, &object));
    assert_int_equal(apfs_file_ends(block, &object, ends, 8), 2);
    assert_int_equal(ends[0], 300 * 4096 + 100);
    assert_int_equal(ends[1], 310 * 4096 + 5000);
    /* not a leaf */
    block[34] = 1;
    assert_int_equal(apfs_file_ends(block, &object, ends, 8), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts),    cmocka_unit_test(refused),   cmocka_unit_test(checksum_of_real),
        cmocka_unit_test(mappings), cmocka_unit_test(file_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
