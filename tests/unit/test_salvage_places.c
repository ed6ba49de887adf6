/* test_salvage_places.c: between two gaps, a disk.v1 goes where the disk's own partition table and
 * file systems say, and nowhere where they do not. */
#include "tests/unit/salvage_disks.h"

#define DISK_SIZE 4000256u /* no multiple of a block */

static struct dice dice;

/* Noise, so that no block leans on another, under whatever is put on it. */
static void disk_begin(void)
{
    dice.state = 4711;
    data_size = DISK_SIZE;
    data = malloc(data_size);
    assert_non_null(data);
    make_noise(&dice, data, data_size);
}

static void disk_end(void)
{
    stream_make("apple", data, data_size, &stream);
    starts_find();
    image_make(stream.size / 12 + 1);
}

static void object_at(uint64_t offset, uint64_t oid)
{
    object_put(&dice, data + offset, oid);
}

/* Two gaps, in the third layer and in the ninth. */
static void damage_twice(void)
{
    memset(layer_bytes(2)->data, 0xFF, 190000);
    memset(layer_bytes(8)->data, 0xFF, 190000);
}

/* On the disk. */
static uint64_t between(void)
{
    size_t block = 0;
    while (starts[block] < stream.size / 2)
        block++;
    return (uint64_t)block * BLOCK_SIZE;
}

static void assert_placed(enum salvage_kind kind, bool any)
{
    struct result result = salvage_image();
    assert_int_equal(result.salvage->unplaced, 0);
    assert_int_equal(is_listed(&result, between(), kind), any);
    if (!any)
        for (size_t i = SALVAGE_UNVERIFIED; i <= SALVAGE_MISSING; i++)
            assert_false(is_listed(&result, between(), (enum salvage_kind)i));
    assert_false(is_listed(&result, data_size - 1, SALVAGE_MISSING));
    result_done(&result);
    scene_done();
}

static void assert_left_out(void)
{
    struct result result = salvage_image();
    assert_true(result.salvage->unplaced > 0);
    assert_true(is_listed(&result, between(), SALVAGE_MISSING));
    assert_false(is_listed(&result, data_size - 1, SALVAGE_MISSING));
    result_done(&result);
    scene_done();
}

static void one_partition(void)
{
    const uint64_t bounds[2] = {PART_START / SECTOR, DISK_SIZE / SECTOR - 40};
    disk_begin();
    table_make(data, data_size, type_apfs, bounds, 1);
}

static void object_in_place(uint64_t oid)
{
    object_at(PART_START + oid * APFS_BLOCK_SIZE, oid);
}

static void test_apfs(void **state)
{
    (void)state;
    one_partition();
    object_in_place(460);
    object_in_place(520);
    disk_end();
    damage_twice();
    assert_placed(SALVAGE_MISSING, false);
}

/* The primary table is lost, its backup tells. */
static void test_backup_tells(void **state)
{
    (void)state;
    one_partition();
    object_in_place(95);
    object_in_place(120);
    object_in_place(460);
    object_in_place(520);
    disk_end();
    damage_twice();
    memset(layer_bytes(0)->data, 0xFF, 100000);
    assert_placed(SALVAGE_MISSING, false);
}

/* A disk that was made larger has the table's backup in its midst. */
static void test_grown(void **state)
{
    (void)state;
    const uint64_t bounds[2] = {PART_START / SECTOR, 4200};
    disk_begin();
    table_make(data, 4300 * SECTOR, type_linux, bounds, 1);
    disk_end();
    damage_twice();
    assert_placed(SALVAGE_MISSING, false);
}

static void test_ext4(void **state)
{
    (void)state;
    disk_begin();
    ext4_disk(&dice, data, data_size);
    disk_end();
    damage_twice();
    assert_placed(SALVAGE_MISSING, false);
}

static void test_inodes_alone(void **state)
{
    (void)state;
    const uint64_t bounds[2] = {VOLUME_START / SECTOR, DISK_SIZE / SECTOR - 40};
    struct ext4_super super;
    disk_begin();
    table_make(data, data_size, type_linux, bounds, 1);
    uint8_t *volume = data + VOLUME_START;
    ext4_super_make(volume + EXT4_SUPER_SIZE, 1, INODES, 0);
    assert_true(ext4_super_read(volume + EXT4_SUPER_SIZE, &super));
    ext4_descriptor_make(volume + EXT4_BLOCK_SIZE, super.seed, 0, 480);
    for (uint32_t i = 0; i < 32; i++)
        ext4_inode_make(volume + 480 * EXT4_BLOCK_SIZE + (size_t)i * 256, super.seed, i + 1, i, i);
    disk_end();
    damage_twice();
    assert_placed(SALVAGE_MISSING, false);
}

static void test_not_told(void **state)
{
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        one_partition();
        object_in_place(460);
        switch (kind) {
        case 0: /* only one */
            break;
        case 1: /* they differ */
            object_in_place(520);
            object_in_place(521);
            object_at(PART_START + 530 * APFS_BLOCK_SIZE, 514);
            break;
        case 2: /* not on the grid of blocks */
            object_at(PART_START + 460 * APFS_BLOCK_SIZE, 461);
            object_at(PART_START + 520 * APFS_BLOCK_SIZE, 521);
            break;
        case 3: /* outside of what is missing */
            object_at(PART_START + 460 * APFS_BLOCK_SIZE, 60);
            object_at(PART_START + 520 * APFS_BLOCK_SIZE, 120);
            break;
        case 4: /* a checksum is wrong */
            object_in_place(520);
            data[PART_START + 520 * APFS_BLOCK_SIZE + 1000] ^= 1;
            break;
        default: /* no table */
            object_in_place(520);
            memset(data + SECTOR, 0, SECTOR);
            memset(data + data_size - SECTOR, 0, SECTOR);
            break;
        }
        disk_end();
        damage_twice();
        assert_left_out();
    }
}

/* Another partition begins so that the objects could as well be its own. */
static void test_two_partitions(void **state)
{
    (void)state;
    for (uint64_t shift = 0; shift < 3; shift++) {
        uint64_t second = PART_START / SECTOR + 256 + shift / 2 * 8;
        const uint64_t bounds[4] = {PART_START / SECTOR, second - 1, second,
                                    DISK_SIZE / SECTOR - 40};
        const uint64_t overlap[4] = {PART_START / SECTOR, DISK_SIZE / SECTOR - 40, second,
                                     DISK_SIZE / SECTOR - 40};
        disk_begin();
        table_make(data, data_size, type_apfs, shift == 0 ? bounds : overlap, 2);
        uint64_t start = shift == 0 ? second * SECTOR : PART_START;
        object_at(start + 460 * APFS_BLOCK_SIZE, 460);
        object_at(start + 480 * APFS_BLOCK_SIZE, 480);
        disk_end();
        damage_twice();
        /* 0: the first is too short; 1: both could be; 2: the second is not on the grid */
        if (shift == 1)
            assert_left_out();
        else
            assert_placed(SALVAGE_MISSING, false);
    }
}

/* Witnesses whose own layer is damaged place it, but prove nothing. */
static void test_unverified_witness(void **state)
{
    (void)state;
    one_partition();
    for (uint64_t oid = 440; oid < 540; oid += 8)
        object_in_place(oid);
    disk_end();
    damage_twice();
    for (size_t i = 3; i < 8; i++)
        layer_bytes(i)->data[5000] ^= 1;
    assert_placed(SALVAGE_UNVERIFIED, true);
}

/* The last layer is longer than it was, so its end is not the stream's. */
static void test_end_lost(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    one_partition();
    for (uint64_t oid = 440; oid < 540; oid += 8)
        object_in_place(oid);
    disk_end();
    memset(layer_bytes(2)->data, 0xFF, 190000);
    const char more[] = "more bytes than there were";
    assert_good(bytes_append(layer_bytes(disk.layer_count - 1), more, sizeof more, &err), &err);
    struct result result = salvage_image();
    assert_int_equal(result.salvage->unplaced, 0);
    assert_false(is_listed(&result, between(), SALVAGE_MISSING));
    assert_true(is_listed(&result, data_size - 1, SALVAGE_UNVERIFIED));
    result_done(&result);
    scene_done();
}

/* What is left of an end mark still is the end. */
static void test_end_mark(void **state)
{
    (void)state;
    for (size_t left = 0; left <= 4; left++) {
        one_partition();
        disk_end();
        memset(layer_bytes(2)->data, 0xFF, 190000);
        struct bytes *last = layer_bytes(disk.layer_count - 1);
        last->data[last->size - 4] ^= 1;
        last->size -= 4 - left;
        struct result result = salvage_image();
        assert_int_equal(result.salvage->unplaced, 0);
        assert_true(is_listed(&result, data_size - 1, SALVAGE_UNVERIFIED));
        result_done(&result);
        scene_done();
    }
}

/* Blocks are gone without a break: what comes behind has no sure place, until witnesses give one.
 */
static void test_doubt(void **state)
{
    (void)state;
    for (int told = 0; told < 2; told++) {
        one_partition();
        if (told) {
            object_in_place(460);
            object_in_place(520);
        }
        disk_end();
        size_t first = 0, from = 2 * layers[0].blob.size;
        while (starts[first] < from)
            first++;
        cut_out(2, starts[first + 1] - from, starts[first + 2] - starts[first + 1]);
        memset(layer_bytes(8)->data, 0xFF, 190000);
        struct result result = salvage_image();
        assert_false(is_listed(&result, 0, SALVAGE_UNVERIFIED));
        /* the witnesses are one block off from where it was counted: it stays unverified */
        assert_true(is_listed(&result, between(), SALVAGE_UNVERIFIED));
        result_done(&result);
        scene_done();
    }
}

/* A stored block holds blocks of another stream, the last of which ends where it does; its own
 * header is lost. */
static void test_stream_inside(void **state)
{
    (void)state;
    uint8_t noise[8000];
    struct bytes inner;
    bytes_init(&inner, SIZE_MAX);
    for (size_t i = 0; i < 6; i++) {
        make_noise(&dice, noise, sizeof noise);
        put_stored(&inner, noise, sizeof noise);
    }
    disk_begin();
    memcpy(data + (size_t)3 * BLOCK_SIZE - inner.size, inner.data, inner.size);
    disk_end();
    assert_true(applelz4_magic(stream.data + starts[2]) == APPLELZ4_STORED);
    image_make(starts[2] + 1000);
    lose(0);
    struct result result = salvage_image();
    assert_true(is_listed(&result, (uint64_t)3 * BLOCK_SIZE - 1, SALVAGE_UNVERIFIED));
    assert_false(is_listed(&result, data_size - 1, SALVAGE_UNVERIFIED));
    result_done(&result);
    bytes_done(&inner);
    scene_done();
}

/* A stated size that is not the blocks' own puts nothing in its place for sure. */
static void test_stated_size(void **state)
{
    (void)state;
    for (int by = -512; by <= 512; by += 512) {
        disk_begin();
        disk_end();
        memset(layer_bytes(5)->data, 0xFF, 190000);
        data_size = (size_t)((int)DISK_SIZE + by);
        disk.size = data_size;
        data = realloc(data, data_size);
        assert_non_null(data);
        struct result result = salvage_image();
        assert_int_equal(is_listed(&result, data_size - 1, SALVAGE_UNVERIFIED), by != 0);
        assert_false(is_listed(&result, data_size - 1, SALVAGE_MISSING));
        result_done(&result);
        scene_done();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apfs),           cmocka_unit_test(test_backup_tells),
        cmocka_unit_test(test_grown),          cmocka_unit_test(test_ext4),
        cmocka_unit_test(test_inodes_alone),   cmocka_unit_test(test_not_told),
        cmocka_unit_test(test_two_partitions), cmocka_unit_test(test_unverified_witness),
        cmocka_unit_test(test_end_lost),       cmocka_unit_test(test_end_mark),
        cmocka_unit_test(test_doubt),          cmocka_unit_test(test_stream_inside),
        cmocka_unit_test(test_stated_size),
    };
    return cmocka_run_group_tests_name("salvage_places", tests, store_setup, store_teardown);
}
