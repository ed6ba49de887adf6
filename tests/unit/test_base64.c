/* test_base64.c: RFC 4648's vectors, and what is no base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "convert/net/base64.h"
#include "convert/net/secret.h"

static const struct {
    const char *plain;
    size_t size;
    const char *coded;
} rows[] = {
    {"", 0, ""},
    {"f", 1, "Zg=="},
    {"fo", 2, "Zm8="},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy"},
    {"\xff\xfe\xfd\x00\x7f", 5, "//79AH8="},
    {"AWS:ey/+", 8, "QVdTOmV5Lys="},
};

static void assert_decodes(const char *text, const char *plain, size_t size)
{
    size_t decoded_size = 0;
    AUTO_SECRET char *decoded = base64_decode(text, &decoded_size);
    if (decoded == NULL)
        fail_msg("%s is not read", text);
    assert_int_equal(decoded_size, size);
    assert_memory_equal(decoded, plain, size);
    assert_int_equal(decoded[size], '\0');
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO_SECRET char *coded = base64_encode(rows[i].plain, rows[i].size);
        assert_string_equal(coded, rows[i].coded);
        assert_decodes(rows[i].coded, rows[i].plain, rows[i].size);
    }
}

static void test_lenient(void **state)
{
    (void)state;
    assert_decodes("Zg", "f", 1);
    assert_decodes("Zm8", "fo", 2);
    assert_decodes("Zm9v\r\nYmFy\n", "foobar", 6);
    assert_decodes("Zg=\n=", "f", 1);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Z",        "Zm9vY", "Zg=",  "Zg===", "Zm9v=", "Zm9v====", "=",
        "Zg==Zg==", "Zm 8",  "Zm-_", "Zh==",  "Zm9=",  "\xc3\xa9",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t size;
        AUTO_SECRET char *decoded = base64_decode(texts[i], &size);
        if (decoded != NULL)
            fail_msg("%s was read", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_lenient),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
