/* test_gpt.c: partition tables made in memory, whole, damaged in each field, cut, grown, and
 * hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/make_gpt.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Memory of exactly the size that is told, so that a sanitizer sees any read behind it. */
static struct gpt look(const struct ends *ends, uint64_t size)
{
    size_t head = size < GPT_HEAD_SIZE ? (size_t)size : GPT_HEAD_SIZE;
    size_t tail = (size_t)(size < tail_size(ends) ? size : tail_size(ends));
    uint8_t *head_bytes = malloc(head + (head == 0)), *tail_bytes = malloc(tail + (tail == 0));
    assert_non_null(head_bytes);
    assert_non_null(tail_bytes);
    memcpy(head_bytes, ends->head, head);
    memcpy(tail_bytes, ends->tail + tail_size(ends) - tail, tail);
    struct gpt gpt;
    gpt_read(head_bytes, head, tail_bytes, tail, size, &gpt);
    free(head_bytes);
    free(tail_bytes);
    return gpt;
}

static void assert_whole(const struct gpt *gpt, uint32_t sector_size, uint64_t size)
{
    assert_int_equal(gpt->primary, GPT_GOOD);
    assert_int_equal(gpt->backup, GPT_GOOD);
    assert_int_equal(gpt->sector_size, sector_size);
    assert_true(gpt->disk_size == size);
    assert_int_equal(gpt->partition_count, 3);
    assert_true(gpt->protective_mbr);
    assert_string_equal(gpt->why, "");
    assert_string_equal(gpt->backup_why, "");
}

static const uint32_t sector_sizes[] = {512, 4096};

static void test_whole(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {40960 + 8192, 90000 - 90000 % 4096, 1u << 20, 50000000768u,
                                     UINT64_C(1) << 40};
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct ends ends;
            uint64_t size = sizes[i] - sizes[i] % sector_sizes[s];
            disk_make(&ends, sector_sizes[s], size);
            struct gpt gpt = look(&ends, size);
            assert_whole(&gpt, sector_sizes[s], size);
        }
}

/* Tart's 50,000,000,000 byte disk is no whole number of 4096-byte sectors. */
static void test_part_of_a_sector_at_the_end(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 4096, 50000000000u);
    struct gpt gpt = look(&ends, 50000000000u);
    assert_whole(&gpt, 4096, 50000000000u - 50000000000u % 4096);
}

static void test_every_header_byte_counts(void **state)
{
    (void)state;
    for (size_t s = 0; s < 2; s++)
        for (size_t byte = 0; byte < HEADER_SIZE; byte++) {
            struct ends ends;
            disk_make(&ends, sector_sizes[s], 1u << 20);
            ends.head[sector_sizes[s] + byte] ^= 0x04;
            struct gpt gpt = look(&ends, 1u << 20);
            assert_int_equal(gpt.primary, GPT_DAMAGED);
            assert_int_equal(gpt.backup, GPT_GOOD);
            assert_true(strlen(gpt.why) > 0);
            assert_int_equal(gpt.sector_size, sector_sizes[s]);
            assert_true(gpt.disk_size == 1u << 20);
            assert_int_equal(gpt.partition_count, 3);

            disk_make(&ends, sector_sizes[s], 1u << 20);
            ends.tail[GPT_TAIL_SIZE - sector_sizes[s] + byte] ^= 0x04;
            gpt = look(&ends, 1u << 20);
            assert_int_equal(gpt.primary, GPT_GOOD);
            assert_int_equal(gpt.backup, GPT_DAMAGED);
            assert_true(strlen(gpt.backup_why) > 0);
        }
}

static void test_array_damaged(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, 1u << 20);
    ends.head[1024 + ARRAY_SIZE - 1] ^= 1;
    struct gpt gpt = look(&ends, 1u << 20);
    assert_int_equal(gpt.primary, GPT_DAMAGED);
    assert_non_null(strstr(gpt.why, "entries' checksum"));
    assert_int_equal(gpt.backup, GPT_GOOD);
    assert_true(gpt.disk_size == 1u << 20);

    disk_make(&ends, 512, 1u << 20);
    ends.tail[GPT_TAIL_SIZE - 512 - ARRAY_SIZE] ^= 1;
    gpt = look(&ends, 1u << 20);
    assert_int_equal(gpt.primary, GPT_GOOD);
    assert_int_equal(gpt.backup, GPT_DAMAGED);
    assert_non_null(strstr(gpt.backup_why, "entries' checksum"));
}

/* Impossible fields under a checksum that is right. */
static void test_fields_under_a_right_checksum(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        int width;
        uint64_t value;
        const char *why;
    } rows[] = {
        {8, 4, 0x00020000, "revision"},
        {12, 4, 0, "size"},
        {12, 4, 91, "size"},
        {12, 4, 513, "size"},
        {12, 4, UINT32_MAX, "size"},
        {24, 8, 2, "another sector"},
        {24, 8, UINT64_MAX, "another sector"},
        {32, 8, UINT64_MAX, "impossible sector"},
        {32, 8, INT64_MAX / 512, "impossible sector"},
        {32, 8, 0, "usable"},
        {32, 8, 1, "usable"},
        {40, 8, 0, "usable"},
        {40, 8, UINT64_MAX, "usable"},
        {48, 8, 0, "usable"},
        {48, 8, UINT64_MAX, "usable"},
        {72, 8, 0, "outside"},
        {72, 8, 1, "outside"},
        {72, 8, UINT64_MAX, "outside"},
        {72, 8, UINT64_MAX / 512, "outside"},
        {72, 8, 2048, "outside"},
        {80, 4, 0, "number or size"},
        {80, 4, UINT32_MAX, "outside"},
        {84, 4, 0, "number or size"},
        {84, 4, 64, "number or size"},
        {84, 4, 129, "number or size"},
        {84, 4, UINT32_MAX, "number or size"},
        {84, 4, 0x80000000, "outside"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ends ends;
        disk_make(&ends, 512, 1u << 20);
        uint8_t *header = ends.head + 512;
        if (rows[i].width == 4)
            store_le32(header + rows[i].at, (uint32_t)rows[i].value);
        else
            store_le64(header + rows[i].at, rows[i].value);
        header_seal(header);
        struct gpt gpt = look(&ends, 1u << 20);
        assert_int_equal(gpt.primary, GPT_DAMAGED);
        if (strstr(gpt.why, rows[i].why) == NULL)
            fail_msg("row %zu: %s", i, gpt.why);
        assert_int_equal(gpt.backup, GPT_GOOD);
        assert_true(gpt.disk_size == 1u << 20);
    }
}

/* The longest array that fits on a huge disk, but not into what is given. */
static void test_huge_array_is_unseen(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, UINT64_C(1) << 40);
    store_le32(ends.head + 512 + 80, UINT32_MAX);
    header_seal(ends.head + 512);
    struct gpt gpt = look(&ends, ends.size);
    assert_int_equal(gpt.primary, GPT_UNSEEN);
    assert_int_equal(gpt.sector_size, 512);
    assert_true(gpt.disk_size == ends.size);

    /* and is better than a broken header of the other sector size */
    disk_make(&ends, 4096, UINT64_C(1) << 40);
    store_le32(ends.head + 4096 + 80, UINT32_MAX);
    header_seal(ends.head + 4096);
    memcpy(ends.head + 512, "EFI PART", 8);
    gpt = look(&ends, ends.size);
    assert_int_equal(gpt.primary, GPT_UNSEEN);
    assert_int_equal(gpt.sector_size, 4096);
}

static void test_longer_header(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, 1u << 20);
    uint8_t *header = ends.head + 512;
    store_le32(header + 12, 512);
    store_le32(header + 16, 0);
    store_le32(header + 16, (uint32_t)crc32(0, header, 512));
    struct gpt gpt = look(&ends, 1u << 20);
    assert_whole(&gpt, 512, 1u << 20);
}

static void test_grown(void **state)
{
    (void)state;
    struct ends ends, grown;
    disk_make(&ends, 512, 1u << 20);
    grown = ends;
    grown.size = 1u << 21;
    memset(grown.tail, 0, sizeof grown.tail);
    struct gpt gpt = look(&grown, grown.size);
    assert_int_equal(gpt.primary, GPT_GOOD);
    assert_int_equal(gpt.backup, GPT_UNSEEN);
    assert_true(gpt.disk_size == 1u << 20);
}

static void test_short(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 4096, 1u << 20);
    ends.size -= 4096;
    memset(ends.tail, 0, sizeof ends.tail);
    struct gpt gpt = look(&ends, ends.size);
    assert_int_equal(gpt.primary, GPT_GOOD);
    assert_int_equal(gpt.backup, GPT_DAMAGED);
    assert_non_null(strstr(gpt.backup_why, "missing"));
    assert_true(gpt.disk_size == 1u << 20);
}

static void test_backup_missing(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, 1u << 20);
    memset(ends.tail, 0, sizeof ends.tail);
    struct gpt gpt = look(&ends, 1u << 20);
    assert_int_equal(gpt.primary, GPT_GOOD);
    assert_int_equal(gpt.backup, GPT_DAMAGED);
    assert_non_null(strstr(gpt.backup_why, "missing"));
}

static void test_backup_of_another_disk(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, 1u << 20);
    uint8_t *header = ends.tail + GPT_TAIL_SIZE - 512;
    header[56] ^= 1;
    header_seal(header);
    struct gpt gpt = look(&ends, 1u << 20);
    assert_int_equal(gpt.primary, GPT_GOOD);
    assert_int_equal(gpt.backup, GPT_DAMAGED);
    assert_non_null(strstr(gpt.backup_why, "differs"));
}

static void test_backup_points_elsewhere(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, 1u << 20);
    uint8_t *header = ends.tail + GPT_TAIL_SIZE - 512;
    header[32] = 2;
    header_seal(header);
    struct gpt gpt = look(&ends, 1u << 20);
    assert_int_equal(gpt.primary, GPT_GOOD);
    assert_int_equal(gpt.backup, GPT_DAMAGED);
    assert_non_null(strstr(gpt.backup_why, "impossible sector"));
}

static void test_primary_missing(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 4096, 1u << 20);
    memset(ends.head, 0, sizeof ends.head);
    struct gpt gpt = look(&ends, 1u << 20);
    assert_int_equal(gpt.primary, GPT_DAMAGED);
    assert_non_null(strstr(gpt.why, "missing"));
    assert_int_equal(gpt.backup, GPT_GOOD);
    assert_int_equal(gpt.sector_size, 4096);
    assert_true(gpt.disk_size == 1u << 20);
    assert_false(gpt.protective_mbr);

    /* a plain MBR in front: the disk was partitioned again */
    ends.head[446 + 4] = 0x83;
    ends.head[510] = 0x55;
    ends.head[511] = 0xAA;
    gpt = look(&ends, 1u << 20);
    assert_int_equal(gpt.primary, GPT_ABSENT);
    assert_int_equal(gpt.backup, GPT_GOOD);
    assert_false(gpt.protective_mbr);
}

static void test_both_headers_damaged(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, 1u << 20);
    ends.head[512 + 60] ^= 1;
    ends.tail[GPT_TAIL_SIZE - 512 + 60] ^= 1;
    struct gpt gpt = look(&ends, 1u << 20);
    assert_int_equal(gpt.primary, GPT_DAMAGED);
    assert_int_equal(gpt.backup, GPT_DAMAGED);
    assert_true(gpt.disk_size == 0);
    assert_int_equal(gpt.partition_count, 0);
}

/* On a disk of 4096-byte sectors, LBA 0 may hold anything behind the MBR. */
static void test_good_4096_beats_fake_512(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 4096, 1u << 20);
    memcpy(ends.head + 512, "EFI PART", 8);
    struct gpt gpt = look(&ends, 1u << 20);
    assert_whole(&gpt, 4096, 1u << 20);
}

static void test_no_table(void **state)
{
    (void)state;
    struct ends ends = {.size = 1u << 20, .sector_size = 512};
    struct gpt gpt = look(&ends, ends.size);
    assert_int_equal(gpt.primary, GPT_ABSENT);
    assert_int_equal(gpt.backup, GPT_ABSENT);
    assert_int_equal(gpt.sector_size, 0);
    assert_true(gpt.disk_size == 0);
}

static void test_nothing_given(void **state)
{
    (void)state;
    struct gpt gpt;
    gpt_read(NULL, 0, NULL, 0, 1u << 20, &gpt);
    assert_int_equal(gpt.primary, GPT_UNSEEN);
    assert_int_equal(gpt.backup, GPT_UNSEEN);
    struct ends ends;
    disk_make(&ends, 512, 1u << 20);
    gpt_read(ends.head, GPT_HEAD_SIZE, NULL, 0, ends.size, &gpt);
    assert_int_equal(gpt.primary, GPT_GOOD);
    assert_int_equal(gpt.backup, GPT_UNSEEN);
    assert_true(gpt.disk_size == 1u << 20);
}

/* Tables cut at every size, down to nothing: no size reads outside (the sanitizers watch), and none
 * is called good. */
static void test_tiny_disks(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, 49152);
    for (uint64_t size = 0; size < 2048; size++) {
        struct gpt gpt = look(&ends, size);
        assert_int_not_equal(gpt.primary, GPT_GOOD);
        assert_int_not_equal(gpt.backup, GPT_GOOD);
    }
    for (uint64_t size = 2048; size < 49152; size += 509) {
        struct gpt gpt = look(&ends, size);
        assert_int_not_equal(gpt.backup, GPT_UNSEEN);
    }
    static const uint64_t sizes[] = {0, 1, 511};
    for (size_t i = 0; i < 3; i++) {
        struct gpt gpt = look(&ends, sizes[i]);
        assert_int_equal(gpt.primary, GPT_ABSENT);
        assert_int_equal(gpt.backup, GPT_ABSENT);
    }
}

/* More bytes than the disk is said to have: what lies behind its end is not looked at. */
static void test_more_given_than_the_disk_has(void **state)
{
    (void)state;
    struct ends ends;
    disk_make(&ends, 512, 1u << 20);
    struct gpt gpt;
    gpt_read(ends.head, GPT_HEAD_SIZE, ends.tail, GPT_TAIL_SIZE, 600, &gpt);
    assert_int_equal(gpt.primary, GPT_ABSENT);
    gpt_read(ends.head, GPT_HEAD_SIZE, ends.tail, GPT_TAIL_SIZE, 100, &gpt);
    assert_false(gpt.protective_mbr);
    gpt_read(ends.head, GPT_HEAD_SIZE, ends.tail, GPT_TAIL_SIZE, UINT64_MAX, &gpt);
    assert_int_equal(gpt.primary, GPT_GOOD);
    assert_int_equal(gpt.backup, GPT_UNSEEN);
    /* of a tail that is too long, the end counts */
    gpt_read(NULL, 0, ends.tail, GPT_TAIL_SIZE, 49152, &gpt);
    assert_int_equal(gpt.backup, GPT_DAMAGED);
    disk_make(&ends, 512, 49152);
    memmove(ends.tail + GPT_TAIL_SIZE - 49152, ends.tail, 49152);
    gpt_read(NULL, 0, ends.tail, GPT_TAIL_SIZE, 49152, &gpt);
    assert_int_equal(gpt.backup, GPT_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_part_of_a_sector_at_the_end),
        cmocka_unit_test(test_every_header_byte_counts),
        cmocka_unit_test(test_array_damaged),
        cmocka_unit_test(test_fields_under_a_right_checksum),
        cmocka_unit_test(test_huge_array_is_unseen),
        cmocka_unit_test(test_longer_header),
        cmocka_unit_test(test_grown),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_backup_missing),
        cmocka_unit_test(test_backup_of_another_disk),
        cmocka_unit_test(test_backup_points_elsewhere),
        cmocka_unit_test(test_primary_missing),
        cmocka_unit_test(test_both_headers_damaged),
        cmocka_unit_test(test_good_4096_beats_fake_512),
        cmocka_unit_test(test_no_table),
        cmocka_unit_test(test_nothing_given),
        cmocka_unit_test(test_tiny_disks),
        cmocka_unit_test(test_more_given_than_the_disk_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
