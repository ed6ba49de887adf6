/* Manifests in another shape than OCI's: what is put right, and that nothing else is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/model/auto.h"
#include "formats/model/manifest.h"
#include "formats/model/manifest_shape.h"

#include <string.h>

#define HEX    "00000000000000000000000000000000000000000000000000000000000000ab"
#define HEX_UP "00000000000000000000000000000000000000000000000000000000000000AB"
#define CONFIG(size, digest)                                                                       \
    "\"config\":{\"mediaType\":\"c\",\"size\":" size ",\"digest\":\"sha256:" digest "\"}"
#define LAYER(type, size, more)                                                                    \
    "\"layers\":[{\"mediaType\":\"" type "\",\"size\":" size ",\"digest\":\"sha256:" HEX "\"" more \
    "}]"

static const struct {
    const char *text;
    size_t changes;  /* in all */
    const char *has; /* in what is written then; NULL: it is still refused */
} cases[] = {
    {"{\"schemaVersion\":2," CONFIG("1", HEX) "," LAYER("t", "2", "") "}", 0, "\"size\":2"},
    {"{\"schemaVersion\":\"2\"," CONFIG("1", HEX) "," LAYER("t", "2", "") "}", 1,
     "\"schemaVersion\":2"},
    {"{" CONFIG("1", HEX) "," LAYER("t", "2", "") "}", 1, "\"schemaVersion\":2"},
    {"{\"schemaVersion\":\"1\"," CONFIG("1", HEX) "," LAYER("t", "2", "") "}", 0, NULL},
    {"{\"schemaVersion\":2," CONFIG("\"1\"", HEX) "," LAYER("t", "\"77\"", "") "}", 2,
     "\"size\":77"},
    {"{\"schemaVersion\":2," CONFIG("1", HEX) "," LAYER("t", "\"-77\"", "") "}", 0, NULL},
    {"{\"schemaVersion\":2," CONFIG("1", HEX) "," LAYER("t", "\"077\"", "") "}", 0, NULL},
    {"{\"schemaVersion\":2," CONFIG("1", HEX_UP) "," LAYER("t", "2", "") "}", 1, HEX},
    {"{\"schemaVersion\":2," CONFIG("1", "xyz") "," LAYER("t", "2", "") "}", 0, NULL},
    {"{\"schemaVersion\":2," CONFIG("1", HEX) "," LAYER(
         "t", "2", ",\"annotations\":{\"a\":1.50,\"b\":true,\"c\":\"d\"}") "}",
     2, "{\"a\":\"1.50\",\"b\":\"true\",\"c\":\"d\"}"},
    {"{\"schemaVersion\":2," CONFIG("1", HEX) "," LAYER("t", "2",
                                                        ",\"annotations\":{\"a\":[1]}") "}",
     0, NULL},
    {"{\"schemaVersion\":2," CONFIG("1", HEX) "," LAYER("t.v2+zstd", "2", "") "}", 1,
     "\"mediaType\":\"t.v2\""},
    {"{\"schemaVersion\":2," CONFIG("1", HEX) "," LAYER("+gzip", "2", "") "}", 0, "+gzip"},
    {"{\"schemaVersion\":2,\"mediaType\":null," CONFIG("1", HEX) "," LAYER("t", "2", "") "}", 1,
     "{\"config\""},
    {"[]", 0, NULL},
    {"{\"schemaVersion\":2,\"layers\":7}", 0, NULL},
};

static void test_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = ERROR_INIT;
        struct json *tree = NULL;
        struct manifest_shape shape;
        AUTO(manifest_free_auto) struct manifest *manifest = NULL;
        AUTO(bytes_done) struct bytes out;
        char text[200];
        bytes_init(&out, MANIFEST_PRINT_MAX);
        assert_int_equal(
            json_parse(cases[i].text, strlen(cases[i].text), MANIFEST_SIZE_MAX, &tree, &err), 0);
        assert_int_equal(manifest_shape_mend(tree, &shape, &err), 0);
        size_t changes = shape.version + shape.sizes + shape.annotations + shape.digests +
                         shape.packed + shape.types;
        if (changes != cases[i].changes)
            fail_msg("case %zu: %zu changes", i, changes);
        assert_int_equal(manifest_shape_is_good(&shape), changes == 0);
        manifest_shape_print(&shape, text);
        assert_int_equal(text[0] == '\0', changes == 0);
        int status = manifest_from_json(tree, &manifest, &err);
        assert_int_equal(status, cases[i].has == NULL ? -1 : 0);
        if (cases[i].has == NULL)
            continue;
        assert_int_equal(manifest_print(manifest, &out, &err), 0);
        if (strstr(bytes_text(&out, &err), cases[i].has) == NULL)
            fail_msg("case %zu: %s", i, bytes_text(&out, &err));
    }
}

/* All of it at once still fits the text. */
static void test_text(void **state)
{
    (void)state;
    const struct manifest_shape all = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    char text[200];
    manifest_shape_print(&all, text);
    assert_true(strlen(text) < sizeof text);
}

/* So many that putting each right would take long are left. */
static void test_many(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct manifest_shape shape;
    for (size_t count = 256; count <= 257; count++) {
        AUTO(json_free_auto) struct json *tree = NULL;
        AUTO(bytes_done) struct bytes text;
        bytes_init(&text, MANIFEST_SIZE_MAX);
        assert_int_equal(bytes_printf(&text, &err, "{\"annotations\":{\"a\":0"), 0);
        for (size_t i = 1; i < count; i++)
            assert_int_equal(bytes_printf(&text, &err, ",\"a%zu\":0", i), 0);
        assert_int_equal(bytes_printf(&text, &err, "}}"), 0);
        assert_int_equal(json_parse(text.data, text.size, MANIFEST_SIZE_MAX, &tree, &err), 0);
        assert_int_equal(manifest_shape_mend(tree, &shape, &err), 0);
        assert_int_equal(shape.annotations, count == 256 ? 256 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
