/* test_pauses.c: after which failures a registry pauses, and which registry it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "convert/fleet/pauses.h"

static struct error err = ERROR_INIT;

static const struct row {
    const char *what;
    const char *source, *target;
    /* one a failure: its class, or ERROR_NONE where the image was done */
    enum error_class classes[8];
    size_t count;
    const char *text;
    bool source_held, target_held;
} rows[] = {
    {"four",
     "a.example",
     "b.example",
     {ERROR_UNREACHABLE, ERROR_UNREACHABLE, ERROR_UNREACHABLE, ERROR_UNREACHABLE},
     4,
     "a.example: no",
     false,
     false},
    {"five",
     "a.example",
     "b.example",
     {ERROR_UNREACHABLE, ERROR_UNREACHABLE, ERROR_UNREACHABLE, ERROR_UNREACHABLE,
      ERROR_UNREACHABLE},
     5,
     "a.example: no",
     true,
     false},
    {"of the target",
     "a.example",
     "b.example",
     {ERROR_REGISTRY, ERROR_REGISTRY, ERROR_REGISTRY, ERROR_REGISTRY, ERROR_REGISTRY},
     5,
     "GET https://b.example/v2/: no",
     false,
     true},
    {"of nobody",
     "a.example",
     "b.example",
     {ERROR_TLS, ERROR_TLS, ERROR_TLS, ERROR_TLS, ERROR_TLS},
     5,
     "no",
     true,
     true},
    {"not equal",
     "a.example",
     "b.example",
     {ERROR_TLS, ERROR_TLS, ERROR_TLS, ERROR_REGISTRY, ERROR_TLS, ERROR_TLS},
     6,
     "no",
     false,
     false},
    {"not in a row",
     "a.example",
     "b.example",
     {ERROR_TLS, ERROR_TLS, ERROR_TLS, ERROR_NONE, ERROR_TLS, ERROR_TLS},
     6,
     "no",
     false,
     false},
    {"damage answers",
     "a.example",
     "b.example",
     {ERROR_TLS, ERROR_TLS, ERROR_TLS, ERROR_TLS, ERROR_BLOB_DIGEST, ERROR_TLS},
     6,
     "no",
     false,
     false},
    {"damage alone",
     "a.example",
     "b.example",
     {ERROR_BLOB_DIGEST, ERROR_BLOB_DIGEST, ERROR_BLOB_DIGEST, ERROR_BLOB_DIGEST, ERROR_BLOB_DIGEST,
      ERROR_BLOB_DIGEST},
     6,
     "no",
     false,
     false},
    {"this machine says nothing",
     "a.example",
     "b.example",
     {ERROR_TLS, ERROR_TLS, ERROR_IO, ERROR_TLS, ERROR_TLS, ERROR_TLS},
     6,
     "no",
     true,
     true},
    {"credentials",
     "a.example",
     "b.example",
     {ERROR_CREDENTIALS},
     1,
     "b.example: refused",
     false,
     true},
    {"one registry",
     "a.example",
     "a.example",
     {ERROR_QUOTA, ERROR_QUOTA, ERROR_QUOTA},
     3,
     "a.example: full",
     false,
     false},
    {"another port",
     "a.example:5000",
     "a.example:50001",
     {ERROR_CREDENTIALS},
     1,
     "http://a.example:50001/v2/: refused",
     false,
     true},
    {"no port",
     "a.example",
     "a.example:5000",
     {ERROR_CREDENTIALS},
     1,
     "http://a.example:5000/v2/: refused",
     false,
     true},
    {"a longer name",
     "a.example",
     "b.a.example",
     {ERROR_CREDENTIALS},
     1,
     "b.a.example: refused",
     false,
     true},
    {"a name goes on",
     "a.example",
     "a.example.net",
     {ERROR_CREDENTIALS},
     1,
     "at a.example.net.",
     false,
     true},
    {"before a stop",
     "a.example",
     "b.example",
     {ERROR_CREDENTIALS},
     1,
     "refused by a.example.",
     true,
     false},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct reference source = {.host = (char *)(uintptr_t)row->source},
                         target = {.host = (char *)(uintptr_t)row->target};
        struct pauses pauses;
        struct error why = ERROR_INIT;
        assert_int_equal(pauses_init(&pauses, &err), 0);
        for (size_t k = 0; k < row->count; k++) {
            struct error failure = ERROR_INIT;
            if (row->classes[k] != ERROR_NONE)
                error_set(&failure, row->classes[k], "%s", row->text);
            assert_int_equal(pauses_note(&pauses, &source, &target,
                                         failure.class != ERROR_NONE ? &failure : NULL, &err),
                             0);
        }
        if (pauses_hold_host(&pauses, row->source, &why) != row->source_held ||
            pauses_hold_host(&pauses, row->target, &why) != row->target_held ||
            pauses_hold(&pauses, &source, &target, &why) != (row->source_held || row->target_held))
            fail_msg("%s", row->what);
        pauses_done(&pauses);
    }
}

/* It stays paused, and says why, whatever those tell that were begun before. */
static void test_stays(void **state)
{
    (void)state;
    const struct reference a = {.host = (char *)(uintptr_t) "a.example"};
    struct pauses pauses;
    struct error failure, why = ERROR_INIT;
    assert_int_equal(pauses_init(&pauses, &err), 0);
    for (size_t i = 0; i < HOST_FAILURES_MAX; i++) {
        error_set(&failure, ERROR_RATE_LIMIT, "a.example: slowly");
        assert_int_equal(pauses_note_look(&pauses, &a, &a, &failure, &err), 0);
    }
    error_set(&failure, ERROR_CREDENTIALS, "a.example: no");
    assert_int_equal(pauses_note(&pauses, &a, &a, &failure, &err), 0);
    assert_int_equal(pauses_note(&pauses, &a, &a, NULL, &err), 0);
    assert_true(pauses_hold(&pauses, &a, &a, &why));
    assert_int_equal(why.class, ERROR_RATE_LIMIT);
    assert_string_equal(why.text, "a.example is paused: 5 failures in a row, rate-limit");
    pauses_done(&pauses);
}

/* A repository that is missing is an answer to a look, and a failure to write. */
static void test_looks(void **state)
{
    (void)state;
    const struct reference a = {.host = (char *)(uintptr_t) "a.example"};
    struct pauses pauses;
    struct error failure, why;
    assert_int_equal(pauses_init(&pauses, &err), 0);
    error_set(&failure, ERROR_REPOSITORY_MISSING, "a.example/x is not there");
    for (size_t i = 0; i < 2 * HOST_FAILURES_MAX; i++)
        assert_int_equal(pauses_note_look(&pauses, &a, &a, &failure, &err), 0);
    assert_false(pauses_hold(&pauses, &a, &a, &why));
    for (size_t i = 0; i < HOST_FAILURES_MAX; i++)
        assert_int_equal(pauses_note(&pauses, &a, &a, &failure, &err), 0);
    assert_true(pauses_hold(&pauses, &a, &a, &why));
    pauses_done(&pauses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_stays),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
