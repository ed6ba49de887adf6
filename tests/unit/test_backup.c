/* test_backup.c: the names of tags that keep what other tags led to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "convert/stores/backup.h"

static struct digest digest_from(const char *text)
{
    struct digest digest;
    assert_true(digest_parse(text, &digest));
    return digest;
}

#define OLD "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *template, *tag, *repository, *name; /* name NULL: refused */
    } rows[] = {
        {NULL, "v1", "org/vm", "v1-before-01234567"},
        {"old_{tag}_{digest8}", "v1", "org/vm", "old_v1_01234567"},
        {"{repo}.{tag}", "v1", "org/a/vm", "org-a-vm.v1"},
        {"{digest8}{digest8}", "v1", "vm", "0123456701234567"},
        {"fixed", "v1", "vm", "fixed"},
        {"{tagg}", "v1", "vm", NULL},
        {"{tag", "v1", "vm", NULL},
        {"-{tag}", "v1", "vm", NULL},
        {"{tag}/{digest8}", "v1", "vm", "v1-01234567"},
        {"{tag}{tag}", "a123456789012345678901234567890123456789012345678901234567890123456789",
         "vm", NULL},
    };
    struct digest old = digest_from(OLD);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        char name[TAG_SIZE_MAX + 1];
        int status =
            backup_name(rows[i].template, rows[i].tag, rows[i].repository, &old, name, &err);
        if (rows[i].name == NULL) {
            assert_int_equal(status, -1);
            assert_int_equal(err.class, ERROR_USAGE);
            continue;
        }
        assert_int_equal(status, 0);
        assert_string_equal(name, rows[i].name);
    }
}

static void test_fits(void **state)
{
    (void)state;
    static const struct {
        const char *template, *tag;
        bool fits;
    } rows[] = {
        {NULL, "v1-before-01234567", true},
        {NULL, "v1-before-01234568", false},
        {NULL, "-before-01234567", false},
        {NULL, "v1-before-01234567x", false},
        {"old_{tag}_{digest8}", "old_x_01234567", true},
        {"old_{tag}_{digest8}", "v1-before-01234567", false},
        {"{digest8}.{repo}", "01234567.a", true},
        {"fixed", "fixed", false},
    };
    struct digest old = digest_from(OLD);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(backup_fits(rows[i].template, rows[i].tag, &old), rows[i].fits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_fits)};
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
