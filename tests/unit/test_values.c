/* test_values.c: sizes, times, hosts and templates as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "convert/input/size.h"
#include "convert/input/values.h"

static void assert_size(const char *text, uint64_t wanted)
{
    uint64_t size = 77;
    if (!size_parse(text, &size))
        fail_msg("\"%s\" is a size", text);
    assert_int_equal(size, wanted);
}

static void test_sizes(void **state)
{
    (void)state;
    assert_size("0", 0);
    assert_size("512", 512);
    assert_size("007", 7);
    assert_size("1kB", 1000);
    assert_size("50MB", 50000000);
    assert_size("2GB", 2000000000);
    assert_size("1KiB", 1024);
    assert_size("512MiB", 536870912);
    assert_size("3GiB", 3221225472);
    assert_size("9223372036854775807", INT64_MAX);
    assert_size("8589934591GiB", (uint64_t)8589934591 << 30);
}

static void test_no_sizes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1 MiB",
        "1M",
        "1K",
        "1mib",
        "1MIB",
        "1kiB",
        "1KB",
        "1.5MB",
        "0x10",
        "1e3",
        "MiB",
        "1B",
        "1MiBx",
        "8589934592GiB",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999",
        "9223372036854775807kB",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t size = 77;
        if (size_parse(texts[i], &size))
            fail_msg("\"%s\" is no size", texts[i]);
        assert_int_equal(size, 77);
    }
}

static void test_counts(void **state)
{
    (void)state;
    uint64_t count = 77;
    assert_true(count_parse("1", 1, 64, &count));
    assert_int_equal(count, 1);
    assert_true(count_parse("64", 1, 64, &count));
    assert_int_equal(count, 64);
    assert_false(count_parse("0", 1, 64, &count));
    assert_false(count_parse("65", 1, 64, &count));
    assert_false(count_parse("1kB", 1, 2000, &count));
    assert_false(count_parse("", 0, 64, &count));
    assert_int_equal(count, 64);
}

static void test_durations(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "s", "1m", "1 s", "-1", "1.5s", "1sm", "1min", "18446744073709551615"};
    uint64_t duration = 77;
    assert_true(duration_parse("2", &duration));
    assert_int_equal(duration, 2000);
    assert_true(duration_parse("2s", &duration));
    assert_int_equal(duration, 2000);
    assert_true(duration_parse("500ms", &duration));
    assert_int_equal(duration, 500);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (duration_parse(bad[i], &duration))
            fail_msg("\"%s\" is no duration", bad[i]);
}

static void test_hosts(void **state)
{
    (void)state;
    static const char *const good[] = {
        "ghcr.io", "localhost:5000", "a", "[::1]", "[::1]:5000", "10.0.0.1:65535", "my_host-1.lan"};
    static const char *const bad[] = {"",     ":5000", "a:",        "a:0",       "a:65536",
                                      "a:b",  "a/b",   "a b",       "https://a", "a@b",
                                      "[::1", "[]",    "[::1]5000", "a\n",       "u:p@h"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!value_host(good[i]))
            fail_msg("\"%s\" is a host", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (value_host(bad[i]))
            fail_msg("\"%s\" is no host", bad[i]);
}

static void test_mirrors(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "/x",   "h/",          "h//x",
                                      "h/X", "h/x/", "https://h/x", "h/x y"};
    struct mirror mirror;
    assert_int_equal(mirror_parse("mirror.lan:5000/hub/all", &mirror), 1);
    assert_string_equal(mirror.host, "mirror.lan:5000");
    assert_string_equal(mirror.prefix, "hub/all");
    mirror_done(&mirror);
    assert_int_equal(mirror_parse("mirror.lan", &mirror), 1);
    assert_null(mirror.prefix);
    mirror_done(&mirror);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mirror_parse(bad[i], &mirror) != 0)
            fail_msg("\"%s\" is no mirror", bad[i]);
}

static void test_backup_templates(void **state)
{
    (void)state;
    static const char *const good[] = {"{tag}-before-{digest8}", "old", "{repo}.{tag}_x",
                                       "{digest8}"};
    static const char *const bad[] = {"",    "-x",  ".x",     "{tag", "{name}",
                                      "a b", "a/b", "{tag}}", "a:b",  "{TAG}"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!value_backup_tag(good[i]))
            fail_msg("\"%s\" is a template", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (value_backup_tag(bad[i]))
            fail_msg("\"%s\" is no template", bad[i]);
}

static void test_times(void **state)
{
    (void)state;
    static const char *const good[] = {"2024-01-31T12:00:00Z", "2024-02-29T23:59:59Z",
                                       "2000-02-29T00:00:00Z", "0001-12-31T00:00:00Z"};
    static const char *const bad[] = {
        "",
        "2024-01-31",
        "2024-01-31T12:00:00",
        "2024-01-31T12:00:00+00:00",
        "2024-01-31T12:00:00.5Z",
        "2024-01-31t12:00:00z",
        "2024-1-31T12:00:00ZZ",
        "2024-13-01T12:00:00Z",
        "2024-00-01T12:00:00Z",
        "2024-01-00T12:00:00Z",
        "2024-04-31T12:00:00Z",
        "2023-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2024-01-31T24:00:00Z",
        "2024-01-31T12:60:00Z",
        "2024-01-31T12:00:60Z",
        "2024-01-31T12:00:00Z ",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!time_is_valid(good[i]))
            fail_msg("\"%s\" is a time", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (time_is_valid(bad[i]))
            fail_msg("\"%s\" is no time", bad[i]);
}

static void test_sizes_printed(void **state)
{
    (void)state;
    char text[24];
    size_print(0, text);
    assert_string_equal(text, "0 bytes");
    size_print(1023, text);
    assert_string_equal(text, "1023 bytes");
    size_print(1536, text);
    assert_string_equal(text, "1.5 KiB");
    size_print((uint64_t)60 << 30, text);
    assert_string_equal(text, "60.0 GiB");
    size_print(UINT64_MAX, text);
    assert_string_equal(text, "16.0 EiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_no_sizes),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_mirrors),
        cmocka_unit_test(test_backup_templates),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_sizes_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
