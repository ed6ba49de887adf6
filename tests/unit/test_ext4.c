/* test_ext4.c: what pieces of an ext4 file system say of their place, and CRC-32C backwards. */
#include "tests/unit/make_blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SEED 0x1234ABCDu

static uint8_t block[EXT4_BLOCK_SIZE];

static void crc(void **state)
{
    (void)state;
    assert_int_equal(crc32c(CRC32C_START, "123456789", 9) ^ 0xFFFFFFFF, 0xE3069283);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 7 + i / 256);
    for (uint32_t start = 0; start < 2000; start += 3) {
        uint32_t after = crc32c(start * 0x01010101u, block, 100 + start);
        assert_int_equal(crc32c_undo(after, block, 100 + start), start * 0x01010101u);
    }
    assert_int_equal(crc32c_undo_number(crc32c_number(SEED, 4711), 0), SEED ^ 4711);
}

static void super(void **state)
{
    (void)state;
    struct ext4_super read;
    ext4_super_make(block, 20, 8192, 3);
    assert_true(ext4_super_read(block, &read));
    assert_true(read.checksums && read.descriptors);
    assert_int_equal(read.groups, 20);
    assert_int_equal(read.group, 3);
    assert_int_equal(read.block_size, 4096);
    assert_int_equal(read.blocks, 20 * EXT4_GROUP_BLOCKS);
    assert_int_equal(ext4_super_offset(&read), UINT64_C(3) * EXT4_GROUP_BLOCKS * 4096);
    assert_int_equal(ext4_descriptors_offset(&read), ext4_super_offset(&read) + 4096);
    read.group = 0;
    assert_int_equal(ext4_super_offset(&read), 1024);
    assert_int_equal(ext4_descriptors_offset(&read), 4096);
    for (size_t at = 0; at < EXT4_SUPER_SIZE; at += 13) {
        ext4_super_make(block, 20, 8192, 3);
        block[at] ^= 4;
        /* without metadata_csum nothing but the fields can be judged */
        assert_true(!ext4_super_read(block, &read) || !read.checksums);
    }
    ext4_super_make(block, 20, 8192, 20);
    assert_false(ext4_super_read(block, &read));
}

static void inode_table(void **state)
{
    (void)state;
    struct ext4_super read;
    uint64_t tables[20] = {0};
    ext4_super_make(block, 20, 8192, 0);
    assert_true(ext4_super_read(block, &read));
    uint8_t descriptor[64];
    ext4_descriptor_make(descriptor, read.seed, 5, 1070);
    assert_int_equal(ext4_inode_table(&read, 5, descriptor), 1070 * 4096);
    assert_int_equal(ext4_inode_table(&read, 6, descriptor), 0);
    tables[5] = 1070 * 4096;
    assert_int_equal(ext4_inode_offset(&read, tables, 5 * 8192 + 1), 1070 * 4096);
    assert_int_equal(ext4_inode_offset(&read, tables, 5 * 8192 + 100), 1070 * 4096 + 99 * 256);
    assert_int_equal(ext4_inode_offset(&read, tables, 1), 0);
    assert_int_equal(ext4_inode_offset(&read, tables, 0), 0);
    assert_int_equal(ext4_inode_offset(&read, tables, 20 * 8192 + 1), 0);
}

static void inode(void **state)
{
    (void)state;
    struct ext4_inode read;
    for (uint32_t number = 1; number < 100000; number = number * 3 + 1) {
        ext4_inode_make(block, SEED, number, 5000, 777);
        assert_true(ext4_inode_read(block, &read));
        assert_int_equal(read.masked ^ SEED, number);
        assert_int_equal(read.end, 777 * 4096 + 5000);
    }
    ext4_inode_make(block, SEED, 12, 8192, 777); /* ends with a block */
    assert_true(ext4_inode_read(block, &read));
    assert_int_equal(read.end, 0);
    block[200] ^= 1;
    assert_true(ext4_inode_read(block, &read));
    assert_int_not_equal(read.masked ^ SEED, 12);
    memset(block, 0, EXT4_INODE_SIZE);
    assert_false(ext4_inode_read(block, &read));
    memset(block, 0xFF, EXT4_INODE_SIZE);
    assert_false(ext4_inode_read(block, &read));
}

static void attributes(void **state)
{
    (void)state;
    uint32_t masked;
    ext4_attributes_make(block, SEED, 98765);
    assert_true(ext4_attributes_read(block, &masked));
    assert_int_equal(masked ^ SEED, 98765);
    block[0] = 1;
    assert_false(ext4_attributes_read(block, &masked));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc),   cmocka_unit_test(super),      cmocka_unit_test(inode_table),
        cmocka_unit_test(inode), cmocka_unit_test(attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
