/* test_inventory.c: what images have in common, and what moving them comes to. */
#include "convert/fleet/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS_MAX 8

/* An image as a row: its blobs are letters: small ones are configs of 1 byte, large ones layers of
 * 100, digits layers of zeros of 10. Its digest is made of `manifest`. */
struct image_row {
    const char *repository;
    char manifest;
    enum need need;
    const char *blobs; /* then " backup", " even" or " failed" */
};

static struct blob_id blob_of(char name)
{
    struct blob_id id = {.has_digest = true};
    memset(id.digest.bytes, name, sizeof id.digest.bytes);
    id.size = name >= 'a' ? 1 : name >= 'A' ? 100 : 10;
    return id;
}

static void fill(const struct image_row *row, struct inventory_item *ret)
{
    size_t count = strcspn(row->blobs, " ");
    const char *flag = row->blobs + count;
    *ret = (struct inventory_item){.repository = strdup(row->repository),
                                   .failed = strcmp(flag, " failed") == 0};
    struct standing *standing = &ret->standing;
    *standing = (struct standing){.has_digest = !ret->failed,
                                  .manifest_size = 1000,
                                  .need = row->need,
                                  .backup = strcmp(flag, " backup") == 0,
                                  .even = strcmp(flag, " even") == 0,
                                  .blob_count = count,
                                  .blobs = calloc(count + 1, sizeof *standing->blobs),
                                  .roles = calloc(count + 1, sizeof *standing->roles)};
    memset(standing->digest.bytes, row->manifest, sizeof standing->digest.bytes);
    assert_true(standing->blobs != NULL && standing->roles != NULL && ret->repository != NULL);
    for (size_t i = 0; i < count; i++) {
        char name = row->blobs[i];
        standing->blobs[i] = blob_of(name);
        standing->roles[i] = name >= 'a' ? ROLE_OTHER : name >= 'A' ? ROLE_DISK : ROLE_ZEROS;
        if (name < 'a')
            standing->encoded_size += standing->blobs[i].size;
    }
}

static void sum(const struct image_row *rows, size_t count, struct inventory *ret)
{
    struct error err = ERROR_INIT;
    *ret = (struct inventory){.items = calloc(ITEMS_MAX, sizeof *ret->items), .count = count};
    assert_non_null(ret->items);
    for (size_t i = 0; i < count; i++)
        fill(&rows[i], &ret->items[i]);
    if (inventory_sum(ret, &err) < 0)
        fail_msg("%s", err.text);
}

#define SUM(ret, ...)                                                                              \
    sum((const struct image_row[]){__VA_ARGS__},                                                   \
        sizeof((const struct image_row[]){__VA_ARGS__}) / sizeof(struct image_row), ret)

static void assert_sums(struct inventory *inventory, uint64_t stored, uint64_t unshared,
                        uint64_t to_read, uint64_t to_write, uint64_t to_free)
{
    assert_int_equal(inventory->blobs_size, stored);
    assert_int_equal(inventory->by_position, unshared);
    assert_int_equal(inventory->to_read, to_read);
    assert_int_equal(inventory->to_write, to_write);
    assert_int_equal(inventory->to_free, to_free);
    inventory_done(inventory);
}

static void test_needs(void **state)
{
    (void)state;
    struct inventory inventory;
    SUM(&inventory, {"h/r", 1, NEED_CONVERT, "cAB"});
    assert_sums(&inventory, 201, 201, 1201, 1200, 200);
    SUM(&inventory, {"h/r", 1, NEED_RECUT, "cAB"});
    assert_sums(&inventory, 201, 201, 1201, 1200, 200);
    SUM(&inventory, {"h/r", 1, NEED_NORMALISE, "cAB"});
    assert_sums(&inventory, 201, 201, 1201, 1200, 200);
    SUM(&inventory, {"h/r", 1, NEED_NORMALISE, "cAB even"});
    assert_sums(&inventory, 201, 201, 1201, 1000, 0);
    static const enum need stays[] = {NEED_NOTHING, NEED_REPAIR, NEED_NONE_KNOWN};
    for (size_t i = 0; i < 3; i++) {
        SUM(&inventory, {"h/r", 1, stays[i], "cAB"});
        assert_int_equal(inventory.needs[stays[i]], 1);
        assert_sums(&inventory, 201, 201, 0, 0, 0);
    }
    SUM(&inventory, {"h/r", 1, NEED_CONVERT, " failed"});
    assert_int_equal(inventory.failed, 1);
    assert_int_equal(inventory.needs[NEED_CONVERT], 0);
    assert_sums(&inventory, 0, 0, 0, 0, 0);
    SUM(&inventory, {"h/r", 1, NEED_CONVERT, "cA backup"});
    assert_int_equal(inventory.backups, 1);
    assert_int_equal(inventory.needs[NEED_CONVERT], 0);
    assert_sums(&inventory, 101, 101, 0, 0, 0);
}

/* What is shared is stored once, read twice, and goes only where nothing needs it. */
static void test_shared(void **state)
{
    (void)state;
    struct inventory inventory;
    SUM(&inventory, {"h/a", 1, NEED_CONVERT, "cAB"}, {"h/b", 2, NEED_CONVERT, "cAC"});
    assert_int_equal(inventory.items[0].shared_size, 101);
    assert_int_equal(inventory.items[1].shared_size, 101);
    assert_int_equal(inventory.items[0].group, 0);
    assert_int_equal(inventory.items[1].group, 0);
    assert_sums(&inventory, 301, 402, 2402, 2400, 300);
    SUM(&inventory, {"h/a", 1, NEED_CONVERT, "cAB"}, {"h/b", 2, NEED_NOTHING, "cAC"});
    assert_sums(&inventory, 301, 402, 1201, 1200, 100);
    SUM(&inventory, {"h/a", 1, NEED_CONVERT, "cAB"}, {"h/b", 2, NEED_NORMALISE, "cA even"});
    assert_sums(&inventory, 201, 302, 2302, 2200, 100);
    /* not over registries */
    SUM(&inventory, {"h/a", 1, NEED_CONVERT, "cA"}, {"hh/a", 2, NEED_NOTHING, "cA"});
    assert_int_equal(inventory.items[0].shared_size, 0);
    assert_true(inventory.items[0].group == SIZE_MAX && inventory.items[1].group == SIZE_MAX);
    assert_sums(&inventory, 202, 202, 1101, 1100, 100);
}

static void test_groups(void **state)
{
    (void)state;
    struct inventory inventory;
    SUM(&inventory, {"h/a", 1, NEED_CONVERT, "cA0"}, {"h/b", 2, NEED_CONVERT, "cB0"},
        {"h/c", 3, NEED_CONVERT, "cD"}, {"h/d", 4, NEED_CONVERT, "cBC"},
        {"h/e", 5, NEED_CONVERT, "cCE"}, {"h/f", 6, NEED_CONVERT, "cD0"});
    static const size_t groups[] = {SIZE_MAX, 0, 1, 0, 0, 1};
    for (size_t i = 0; i < 6; i++)
        assert_true(inventory.items[i].group == groups[i]);
    inventory_done(&inventory);
}

static void test_same(void **state)
{
    (void)state;
    struct inventory inventory;
    /* two tags of one manifest count once; in another repository it is another image to move */
    SUM(&inventory, {"h/a", 1, NEED_CONVERT, "cA"}, {"h/a", 1, NEED_CONVERT, "cA"},
        {"h/b", 1, NEED_CONVERT, "cA"});
    assert_true(inventory.items[0].same_as == SIZE_MAX);
    assert_int_equal(inventory.items[1].same_as, 0);
    assert_int_equal(inventory.items[2].same_as, 0);
    assert_true(!inventory.items[0].again && inventory.items[1].again && !inventory.items[2].again);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(inventory.items[i].shared_size, 101);
        assert_int_equal(inventory.items[i].group, 0);
    }
    assert_int_equal(inventory.needs[NEED_CONVERT], 3);
    assert_sums(&inventory, 101, 202, 2202, 2200, 100);
    /* its backup keeps the blobs, whichever comes first */
    for (int i = 0; i < 2; i++) {
        SUM(&inventory, {"h/a", 1, NEED_CONVERT, i == 0 ? "cA backup" : "cA"},
            {"h/a", 1, NEED_CONVERT, i == 1 ? "cA backup" : "cA"});
        assert_int_equal(inventory.items[0].shared_size, 0);
        assert_sums(&inventory, 101, 101, 1101, 1100, 0);
    }
}

/* Sizes come from outside. */
static void test_large(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct inventory inventory;
    SUM(&inventory, {"h/a", 1, NEED_CONVERT, "AB"}, {"h/b", 2, NEED_CONVERT, "AC"});
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++)
            inventory.items[i].standing.blobs[k].size = INT64_MAX;
    inventory.items[0].standing.encoded_size = INT64_MAX;
    struct inventory_item *items = inventory.items;
    inventory = (struct inventory){.items = items, .count = 2};
    items[0].shared_size = items[1].shared_size = 0;
    assert_int_equal(inventory_sum(&inventory, &err), 0);
    assert_sums(&inventory, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needs), cmocka_unit_test(test_shared), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_same),  cmocka_unit_test(test_large),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
