/* test_finding.c: findings keep what they are given, cleaned and bounded. */
#include "formats/model/auto.h"
#include "formats/model/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct error_place nowhere = {-1, -1, -1};

static void keeps_what_it_is_given(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(findings_done) struct findings findings = {.items = NULL};
    assert_int_equal(findings_worst(&findings), SEVERITY_NOTE);
    const struct error_place where = {.layer = 3, .offset = 17, .disk_offset = -1};
    assert_int_equal(findings_add(&findings, "old-format", SEVERITY_OBSTACLE, where, "convert it",
                                  &err, "layer %d is old", 3),
                     0);
    assert_int_equal(findings_worst(&findings), SEVERITY_OBSTACLE);
    struct error found = ERROR_INIT;
    error_set(&found, ERROR_BLOB_SIZE, "too short");
    found.where.layer = 5;
    assert_int_equal(findings_add_error(&findings, &found, NULL, &err), 0);
    assert_int_equal(findings_worst(&findings), SEVERITY_DAMAGE);

    assert_int_equal(findings.count, 2);
    assert_string_equal(findings.items[0].id, "old-format");
    assert_int_equal(findings.items[0].where.offset, 17);
    assert_string_equal(findings.items[0].text, "layer 3 is old");
    assert_string_equal(findings.items[0].fix, "convert it");
    assert_string_equal(findings.items[1].id, "blob-size");
    assert_int_equal(findings.items[1].severity, SEVERITY_DAMAGE);
    assert_int_equal(findings.items[1].where.layer, 5);
    assert_string_equal(findings.items[1].text, "too short");
    assert_string_equal(findings.items[1].fix, "");
}

static void cleans_and_cuts_texts(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(findings_done) struct findings findings = {.items = NULL};
    char name[2000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    name[0] = '\x1b';
    name[1] = '\n';
    assert_int_equal(findings_add(&findings, "name", SEVERITY_NOTE, nowhere, "", &err, "%s", name),
                     0);
    const char *text = findings.items[0].text;
    assert_int_equal(strlen(text), sizeof findings.items[0].text - 1);
    assert_memory_equal(text, "??xx", 4);
    assert_string_equal(text + strlen(text) - 3, "...");
}

static void counts_what_it_does_not_keep(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(findings_done) struct findings findings = {.items = NULL};
    for (int i = 0; i < FINDINGS_MAX + 4; i++)
        assert_int_equal(findings_add(&findings, "many", SEVERITY_NOTE, nowhere, "", &err, "%d", i),
                         0);
    assert_int_equal(findings_worst(&findings), SEVERITY_NOTE);
    assert_int_equal(findings_add(&findings, "one", SEVERITY_DAMAGE, nowhere, "", &err, "bad"), 0);
    assert_int_equal(findings.count, FINDINGS_MAX);
    assert_int_equal(findings.left_out, 5);
    assert_int_equal(findings_worst(&findings), SEVERITY_DAMAGE);
    findings_done(&findings);
    assert_int_equal(findings_worst(&findings), SEVERITY_NOTE);
}

static void names_severities(void **state)
{
    (void)state;
    assert_string_equal(severity_name(SEVERITY_NOTE), "note");
    assert_string_equal(severity_name(SEVERITY_OBSTACLE), "obstacle");
    assert_string_equal(severity_name(SEVERITY_DAMAGE), "damage");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_is_given),
        cmocka_unit_test(cleans_and_cuts_texts),
        cmocka_unit_test(counts_what_it_does_not_keep),
        cmocka_unit_test(names_severities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
