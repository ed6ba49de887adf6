/* test_patterns.c: which names are meant: expressions, ranges of versions, and both together. */
#include "convert/input/patterns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- ranges: "+" in front of what is in it, "-" of what is not --- */

struct range_case {
    const char *range, *names;
};

static bool mean(const struct patterns *patterns, const char *name)
{
    struct error err = ERROR_INIT;
    int meant = patterns_judge(patterns, name, &err);
    assert_true(meant >= 0);
    return meant == 1;
}

static const struct range_case ranges[] = {
    {"1.2.3", "+1.2.3 +v1.2.3 -1.2.4 -1.2.2 -1.2 +1.2.3+b.1 -1.2.3-a -latest -v -1.2.3.4 -V1.2.3"},
    {"=1.2.3", "+1.2.3 -1.2.4"},
    {"!=1.2.3", "-1.2.3 +1.2.4 +0 -x"},
    {">1.2.3", "-1.2.3 +1.2.4 +1.10 +2 -1.2.2 -2.0.0-rc"},
    {">=1.2.3", "+1.2.3 +1.2.4 -1.2.2"},
    {"=>1.2.3", "+1.2.3 -1.2.2"},
    {"<1.2.3", "-1.2.3 +1.2.2 +0.9 -1.3"},
    {"<=1.2.3", "+1.2.3 +1.2.2 -1.2.4"},
    {"=<1.2.3", "+1.2.3 -1.2.4"},
    {"> 1.2.3", "-1.2.3 +1.2.4"},
    {"v1.2.3", "+1.2.3 +v1.2.3"},
    {">=v1.2", "+1.2.0 +v2 -1.1"},
    /* numbers that are missing, or wild */
    {"1.2", "+1.2 +1.2.0 +1.2.9 -1.3.0 -1.1.9"},
    {"1", "+1 +1.9.9 -2 -0.9"},
    {"1.2.x", "+1.2.9 -1.3.0"},
    {"1.X", "+1.2.9 -2.3.0"},
    {"1.*.3", "+1.2.9 -2.3.0"},
    {"*", "+0 +1.2.3 -1.2.3-a -x"},
    {"x", "+1.2.3"},
    {"=1.2", "+1.2.7 -1.3"},
    {"!=1.2", "-1.2.7 -1.2 +1.3 +1.1"},
    {"!=*", "-1.2.7"},
    {">1.2", "-1.2 -1.2.9 +1.3.0"},
    {">1", "-1.9.9 +2.0.0"},
    {">*", "-1 -0"},
    {">=1.2", "+1.2.0 -1.1.9"},
    {">=*", "+1 +0"},
    {"<1.2", "-1.2.0 +1.1.9"},
    {"<*", "-1 -0"},
    {"<=1.2", "+1.2.9 -1.3.0"},
    {"<=1", "+1.9.9 -2"},
    {"<=*", "+1 +0"},
    /* ~ and ^ */
    {"~1.2.3", "-1.2.2 +1.2.3 +1.2.9 -1.3.0"},
    {"~1.2", "+1.2.0 +1.2.9 -1.3.0 -1.1.9"},
    {"~1", "+1.0.0 +1.9.9 -2.0.0 -0.9"},
    {"~0", "+0.9.9 -1.0"},
    {"~>1.2.3", "+1.2.9 -1.3.0"},
    {"~*", "+7.1"},
    {"^1.2.3", "-1.2.2 +1.2.3 +1.9.9 -2.0.0"},
    {"^1.2", "+1.2.0 +1.9 -2 -1.1"},
    {"^1", "+1.0.0 +1.9 -2"},
    {"^0.2.3", "-0.2.2 +0.2.3 +0.2.9 -0.3.0"},
    {"^0.2", "+0.2.0 +0.2.9 -0.3.0"},
    {"^0.0.3", "+0.0.3 -0.0.4 -0.0.2"},
    {"^0.0", "+0.0.0 +0.0.9 -0.1.0"},
    {"^0", "+0.0.0 +0.9.9 -1.0.0"},
    {"^*", "+7.1"},
    /* "a - b" */
    {"1.2.3 - 2.3.4", "-1.2.2 +1.2.3 +2.3.4 -2.3.5"},
    {"1.2 - 2.3", "+1.2.0 +2.3.9 -2.4.0 -1.1.9"},
    {"1.2.3 - 2", "+2.9.9 -3.0.0"},
    {"1.0-a - 2.0", NULL},
    {"1.0.0-a - 2.0", "+1.0.0-b +1.5.0 -1.5.0-a -2.1"},
    /* joined */
    {">=1.2 <2", "+1.2 +1.9.9 -2.0 -1.1"},
    {">=1.2,<2", "+1.2 -2.0"},
    {">= 1.2 , < 2 , != 1.5.0", "+1.2 -1.5.0 +1.5.1 -2.0"},
    {"1.x || 3.x", "+1.5 -2.5 +3.5"},
    {"1.x||3.x", "+1.5 -2.5 +3.5"},
    {"<1 || >2.3.0 <3 || 5 - 6", "+0.9 -1.5 +2.5 -3.5 +5.5 +6.9.9 -7"},
    {"  1.2.3  ", "+1.2.3"},
    /* prereleases: only where a comparator of the same three numbers has one */
    {">=1.2.3-b.2", "+1.2.3-b.2 +1.2.3-b.10 -1.2.3-b.1 -1.2.3-a +1.2.3-c +1.2.3 +1.2.4 -1.2.4-a"},
    {"<2.0.0", "-2.0.0-a -1.9.9-a +1.9.9"},
    {"^1.2.3-a", "+1.2.3-b -1.2.4-b +1.2.4 -2.0.0-a"},
    {"^1.2.3 >=2.0.0-a", "-2.0.0-b -2.0.0"},
    {"~1.2.3-1", "+1.2.3-2 -1.2.3-0 +1.2.3-a -1.3.0-a +1.2.9"},
    {">=1.0.0-a <=1.0.0-b", "+1.0.0-aa -1.0.0-b.1 +1.0.0-a -1.0.0"},
    {"=1.0.0-a.b", "+1.0.0-a.b -1.0.0-a -1.0.0-a.b.c"},
    {"1.0.0-a || 2", "+1.0.0-a -1.0.0-b +2.1 -2.0.0-a"},
    {">1.0.0-9", "+1.0.0-10 +1.0.0-a -1.0.0-1 -1.0.0-09"},
    /* large numbers, and names that are no versions */
    {">=20230101", "+20230102 +20230101.5 -20221231"},
    {">=1",
     "-18446744073709551616 +18446744073709551615 -1. -1..2 -.1 -1.2.3- -1.2.3-a..b -1.2.3-01 "
     "+1.2.3+01 -1.2.3+ -1.x -* -1.2_3 -sonoma-1.2"},
    {"18446744073709551615", "+18446744073709551615.1 -1"},
    /* refused */
    {"", NULL},
    {" ", NULL},
    {"latest", NULL},
    {"1.2.3.4", NULL},
    {">", NULL},
    {">=1.2<2", NULL},
    {">>1", NULL},
    {"1.2 |", NULL},
    {"1.2 | 1.3", NULL},
    {"1.2 ||", NULL},
    {"|| 1.2", NULL},
    {"1.2,", NULL},
    {",1.2", NULL},
    {"1.2 -", NULL},
    {"1 - x.y", NULL},
    {"1 - 2 - 3", NULL},
    {"1.2-a", NULL},
    {"1.2.3-", NULL},
    {"1.2.3-a_b", NULL},
    {"1.2.3+", NULL},
    {"(1.2)", NULL},
    {"18446744073709551616", NULL},
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const struct range_case *row = &ranges[i];
        struct patterns patterns = {NULL, NULL, NULL};
        struct error err = ERROR_INIT;
        int status = patterns_semver(&patterns, row->range, &err);
        if (row->names == NULL) {
            if (status == 0)
                fail_msg("\"%s\" is taken", row->range);
            assert_int_equal(err.class, ERROR_USAGE);
            assert_non_null(strstr(err.text, "is no range of versions"));
            continue;
        }
        if (status < 0)
            fail_msg("%s", err.text);
        for (const char *at = row->names; *at != '\0';) {
            char name[64];
            size_t size = strcspn(at, " ");
            snprintf(name, sizeof name, "%.*s", (int)size - 1, at + 1);
            if (mean(&patterns, name) != (*at == '+'))
                fail_msg("\"%s\" and %.*s", row->range, (int)size, at);
            at += size + (at[size] == ' ');
        }
        patterns_done(&patterns);
    }
}

/* --- expressions --- */

static void allow(struct patterns *patterns, const char *text)
{
    struct error err = ERROR_INIT;
    if (patterns_allow(patterns, text, &err) < 0)
        fail_msg("%s", err.text);
}

static void deny(struct patterns *patterns, const char *text)
{
    struct error err = ERROR_INIT;
    if (patterns_deny(patterns, text, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_expressions(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool fits;
    } rows[] = {
        {"latest", "latest", true},
        {"latest", "latest-1", false},
        {"latest", "a-latest", false},
        {"a|b", "a", true},
        {"a|b", "b", true},
        {"a|b", "ab", false},
        {"a|bc", "abc", false},
        {"v[0-9]+", "v12", true},
        {"v[0-9]+", "v1.2", false},
        {"v[0-9]+\\..*", "v1.2", true},
        {".*", "", true},
        {"", "", true},
        {"", "a", false},
        {"^a$", "a", true},
        {"A", "a", false},
        {"(a|b){2}", "ab", true},
        {"[[:digit:]]+", "17", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct patterns patterns = {NULL, NULL, NULL};
        allow(&patterns, rows[i].pattern);
        if (mean(&patterns, rows[i].name) != rows[i].fits)
            fail_msg("%s and %s", rows[i].pattern, rows[i].name);
        patterns_done(&patterns);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
    } rows[] = {
        {"(", "it is no regular expression"},
        {"a)|(b", "it is no regular expression"},
        {"[a", "it is no regular expression"},
        {"\\d+", "\"\\d\" is not known"},
        {"(?:a)", "is not known"},
        {"a\\1", "is not known"},
        {"a\\", "stands at its end"},
        {"a{257}", "written out"},
        {"((a?){0,50}){0,20}", "written out"},
        {"(a{200}){2}", "written out"},
        {"(([]{]{9})*\\)[[:alpha:]{]{9}){40}", "written out"},
        {"a{99999999999999999999}", "written out"},
    };
    struct patterns patterns = {NULL, NULL, NULL};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        assert_int_equal(patterns_allow(&patterns, rows[i].pattern, &err), -1);
        assert_int_equal(err.class, ERROR_USAGE);
        if (strstr(err.text, rows[i].text) == NULL)
            fail_msg("%s: %s", rows[i].pattern, err.text);
    }
    patterns_done(&patterns);
}

static void test_limits(void **state)
{
    (void)state;
    struct patterns patterns = {NULL, NULL, NULL};
    struct error err = ERROR_INIT;
    char text[PATTERN_SIZE_MAX + 2];
    memset(text, 'a', sizeof text);
    text[PATTERN_SIZE_MAX + 1] = '\0';
    assert_int_equal(patterns_deny(&patterns, text, &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
    text[PATTERN_SIZE_MAX] = '\0';
    deny(&patterns, text);
    assert_false(mean(&patterns, text));
    deny(&patterns, "([0-9]{1,3}[.]){3}[0-9]{1,3}|[a-f0-9]{64}|[[:alnum:]{401}]*|\\{401}");
    assert_false(mean(&patterns, "127.0.0.1"));
    assert_false(mean(&patterns, "{401}"));
    for (size_t i = 2; i < PATTERNS_MAX; i++)
        deny(&patterns, "x");
    assert_int_equal(patterns_deny(&patterns, "y", &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
    memset(text, ' ', PATTERN_SIZE_MAX + 1);
    text[0] = '1';
    assert_int_equal(patterns_semver(&patterns, text, &err), -1);
    assert_int_equal(patterns_semver(&patterns, "1", &err), 0);
    assert_int_equal(patterns_semver(&patterns, "1", &err), -1);
    assert_non_null(strstr(err.text, "||"));
    patterns_done(&patterns);
    patterns_done(&patterns);
}

static void test_together(void **state)
{
    (void)state;
    struct patterns patterns = {NULL, NULL, NULL};
    struct error err = ERROR_INIT;
    assert_true(mean(&patterns, "anything"));
    deny(&patterns, ".*-old");
    assert_true(mean(&patterns, "anything"));
    assert_false(mean(&patterns, "1.5.0-old"));
    assert_int_equal(patterns_semver(&patterns, ">=1.5.0-a", &err), 0);
    assert_false(mean(&patterns, "anything"));
    assert_true(mean(&patterns, "1.6"));
    assert_false(mean(&patterns, "1.5.0-old"));
    allow(&patterns, "latest");
    allow(&patterns, "main-.*");
    assert_true(mean(&patterns, "latest"));
    assert_true(mean(&patterns, "main-1"));
    assert_false(mean(&patterns, "main-old"));
    assert_true(mean(&patterns, "1.6"));
    assert_false(mean(&patterns, "1.4"));
    patterns_done(&patterns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),   cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_together),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
