/* test_manifest.c: manifests of all eras are read and written back to the byte; other shapes are
 * refused by name. */
#include "formats/model/auto.h"
#include "formats/model/manifest.h"
#include "tests/unit/golden_manifests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ONES       "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define DESCRIPTOR "\"mediaType\":\"a/b\",\"digest\":\"" ONES "\",\"size\":7"
#define CONFIG     "\"config\":{" DESCRIPTOR "}"
#define MINIMAL    "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}"

static struct manifest *parsed(const char *text)
{
    struct error err = ERROR_INIT;
    struct manifest *manifest = NULL;
    if (manifest_parse(text, strlen(text), &manifest, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return manifest;
}

static void assert_printed(const struct manifest *manifest, const void *text, size_t size)
{
    struct error err = ERROR_INIT;
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, MANIFEST_PRINT_MAX);
    assert_int_equal(manifest_print(manifest, &bytes, &err), 0);
    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.data, text, size);
}

static void prints_each_era_as_it_came(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *digest;
        size_t layer_count;
    } cases[] = {
        {GOLDEN_V1_0_11, GOLDEN_V1_0_11_DIGEST, 4}, {GOLDEN_V1_1_9, GOLDEN_V1_1_9_DIGEST, 4},
        {GOLDEN_V1_2_0, GOLDEN_V1_2_0_DIGEST, 4},   {GOLDEN_V2_2_14, GOLDEN_V2_2_14_DIGEST, 4},
        {GOLDEN_V2_2_28, GOLDEN_V2_2_28_DIGEST, 4}, {GOLDEN_STACKED, GOLDEN_STACKED_DIGEST, 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = ERROR_INIT;
        AUTO(manifest_free_auto) struct manifest *manifest = parsed(cases[i].text);
        assert_int_equal(manifest->layer_count, cases[i].layer_count);
        AUTO(bytes_done) struct bytes bytes;
        bytes_init(&bytes, MANIFEST_PRINT_MAX);
        assert_int_equal(manifest_print(manifest, &bytes, &err), 0);
        struct digest digest;
        char text[DIGEST_TEXT_SIZE];
        assert_int_equal(digest_of(bytes.data, bytes.size, &digest, &err), 0);
        digest_print(&digest, text);
        assert_string_equal(text, cases[i].digest);
    }
}

static void prints_a_real_one_as_it_came(void **state)
{
    (void)state;
    const char *folder = getenv("TARTCONV_VECTORS");
    if (folder == NULL)
        skip();
    char path[4096];
    snprintf(path, sizeof path, "%s/tart-sonoma-manifest.json", folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char text[1 << 20];
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    struct error err = ERROR_INIT;
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    assert_int_equal(manifest_parse(text, size, &manifest, &err), 0);
    assert_true(manifest->layer_count > 10);
    assert_printed(manifest, text, size);
}

static void gives_views(void **state)
{
    (void)state;
    AUTO(manifest_free_auto) struct manifest *manifest = parsed(GOLDEN_V2_2_28);
    assert_string_equal(manifest->media_type, MEDIA_TYPE_OCI_MANIFEST);
    assert_string_equal(manifest->config.media_type, MEDIA_TYPE_OCI_CONFIG);
    assert_int_equal(manifest->config.blob.size, 100);
    assert_true(manifest->config.blob.has_digest);
    assert_null(manifest->config.annotations);
    assert_null(descriptor_annotation(&manifest->config, "x"));
    assert_string_equal(manifest_annotation(manifest, "org.cirruslabs.tart.upload-time"),
                        "2026-03-20T00:00:00Z");
    assert_null(manifest_annotation(manifest, "org.cirruslabs.tart.UPLOAD-TIME"));
    assert_int_equal(manifest->layers[1].blob.size, 301234567);
    assert_int_equal(manifest->layers[1].blob.digest.bytes[31], 0x22);
    assert_string_equal(
        descriptor_annotation(&manifest->layers[1], "org.cirruslabs.tart.uncompressed-size"),
        "536870912");
    assert_non_null(manifest->layers[0].annotations);
}

/* Order of keys, a missing media type, Docker's types, unknown keys, and null annotations are all
 * well-shaped. */
static void reads_other_shapes(void **state)
{
    (void)state;
    AUTO(manifest_free_auto) struct manifest *bare = parsed(MINIMAL);
    assert_null(bare->media_type);
    assert_int_equal(bare->layer_count, 0);
    assert_null(bare->annotations);

    AUTO(manifest_free_auto)
    struct manifest *other =
        parsed(" {\"layers\" : [{" DESCRIPTOR ",\"annotations\":null,\"urls\":[\"u\"],\"n\":1.50}],"
               "\"annotations\":{\"k\":\"\"},\"mediaType\":\"application/vnd.docker.distribution."
               "manifest.v2+json\"," CONFIG ",\"schemaVersion\":2,\"subject\":{}}\n");
    assert_string_equal(other->media_type, "application/vnd.docker.distribution.manifest.v2+json");
    assert_string_equal(manifest_annotation(other, "k"), "");
    assert_null(other->layers[0].annotations);
    static const char wanted[] =
        "{\"annotations\":{\"k\":\"\"},\"config\":{\"digest\":\"" ONES "\",\"mediaType\":\"a\\/b\","
        "\"size\":7},\"layers\":[{\"annotations\":null,\"digest\":\"" ONES
        "\",\"mediaType\":\"a\\/b\","
        "\"n\":1.50,\"size\":7,\"urls\":[\"u\"]}],\"mediaType\":\"application\\/vnd.docker."
        "distribution.manifest.v2+json\",\"schemaVersion\":2,\"subject\":{}}";
    assert_printed(other, wanted, sizeof wanted - 1);
}

static void refuses_by_name(void **state)
{
    (void)state;
#define LAYER(members)                                                                             \
    "{\"schemaVersion\":2," CONFIG ",\"layers\":[{" DESCRIPTOR "},{" members "}]}"
    static const struct {
        const char *text;
        const char *wanted;
        int layer;
    } cases[] = {
        {"[]", "the manifest is an array, must be an object", -1},
        {"null", "the manifest is null, must be an object", -1},
        {"{}", "schemaVersion is absent, must be 2", -1},
        {"{\"schemaVersion\":1}", "schemaVersion is 1, must be 2", -1},
        {"{\"schemaVersion\":\"2\"}", "schemaVersion is a string, must be 2", -1},
        {"{\"schemaVersion\":2,\"mediaType\":null}", "mediaType is null, must be a string", -1},
        {"{\"schemaVersion\":2,\"mediaType\":\"application/"
         "vnd.oci.image.index.v1+json\",\"manifests\":[]}",
         "config is absent, must be an object", -1},
        {"{\"schemaVersion\":2,\"config\":[]}", "config is an array, must be an object", -1},
        {"{\"schemaVersion\":2,\"config\":{}}", "config.mediaType is absent, must be a string", -1},
        {"{\"schemaVersion\":2," CONFIG "}", "layers is absent, must be an array", -1},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", "layers is an object, must be an array",
         -1},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"annotations\":[]}",
         "annotations is an array, must be an object", -1},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"annotations\":{\"a\":\"b\",\"c\":5}}",
         "annotations[\"c\"] is a number, must be a string", -1},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[5]}",
         "layers[0] is a number, must be an object", 0},
        {LAYER("\"mediaType\":7"), "layers[1].mediaType is a number, must be a string", 1},
        {LAYER("\"mediaType\":\"a\""), "layers[1].digest is absent, must be a string", 1},
        {LAYER("\"mediaType\":\"a\",\"digest\":\"sha512:ab\""),
         "layers[1].digest is \"sha512:ab\", must be sha256: and 64 lower-case hex digits", 1},
        {LAYER("\"mediaType\":\"a\",\"digest\":\"sha256:"
               "AAAA111111111111111111111111111111111111111111111111111111111111\""),
         "layers[1].digest is "
         "\"sha256:AAAA111111111111111111111111111111111111111111111111111111111111"
         "\", must be sha256: and 64 lower-case hex digits",
         1},
        {LAYER("\"mediaType\":\"a\",\"digest\":\"" ONES "\""),
         "layers[1].size is absent, must be an integer from 0 to 2^63-1", 1},
        {LAYER("\"mediaType\":\"a\",\"digest\":\"" ONES "\",\"size\":\"7\""),
         "layers[1].size is a string, must be an integer from 0 to 2^63-1", 1},
        {LAYER("\"mediaType\":\"a\",\"digest\":\"" ONES "\",\"size\":-1"),
         "layers[1].size is -1, must be an integer from 0 to 2^63-1", 1},
        {LAYER("\"mediaType\":\"a\",\"digest\":\"" ONES "\",\"size\":1.0"),
         "layers[1].size is 1.0, must be an integer from 0 to 2^63-1", 1},
        {LAYER("\"mediaType\":\"a\",\"digest\":\"" ONES "\",\"size\":9223372036854775808"),
         "layers[1].size is 9223372036854775808, must be an integer from 0 to 2^63-1", 1},
        {LAYER(DESCRIPTOR ",\"annotations\":\"x\""),
         "layers[1].annotations is a string, must be an object", 1},
        {LAYER(DESCRIPTOR ",\"annotations\":{\"k\":null}"),
         "layers[1].annotations[\"k\"] is null, must be a string", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = ERROR_INIT;
        struct manifest *manifest = NULL;
        assert_int_equal(manifest_parse(cases[i].text, strlen(cases[i].text), &manifest, &err), -1);
        assert_null(manifest);
        assert_int_equal(err.class, ERROR_MANIFEST_INVALID);
        assert_string_equal(err.text, cases[i].wanted);
        assert_int_equal(err.where.layer, cases[i].layer);
    }
    struct error err = ERROR_INIT;
    struct manifest *manifest = NULL;
    assert_int_equal(manifest_parse("{", 1, &manifest, &err), -1);
    assert_int_equal(err.class, ERROR_JSON_SYNTAX);
}

static void bounds_layers_and_bytes(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct manifest *manifest = NULL;
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, 2 * MANIFEST_SIZE_MAX);
    bytes_append_text(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[{}", &err);
    for (int i = 0; i < MANIFEST_LAYERS_MAX; i++)
        bytes_append_text(&text, ",{}", &err);
    bytes_append_text(&text, "]}", &err);
    assert_int_equal(manifest_parse(text.data, text.size, &manifest, &err), -1);
    assert_int_equal(err.class, ERROR_MANIFEST_INVALID);
    assert_string_equal(err.text, "20001 layers, limit 20000");

    AUTO_FREE char *large = malloc(MANIFEST_SIZE_MAX + 1);
    memset(large, ' ', MANIFEST_SIZE_MAX + 1);
    memcpy(large, MINIMAL, sizeof MINIMAL - 1);
    assert_int_equal(manifest_parse(large, MANIFEST_SIZE_MAX + 1, &manifest, &err), -1);
    assert_int_equal(err.class, ERROR_JSON_SYNTAX);
    assert_string_equal(err.text, "manifest: 4194305 bytes of JSON, limit 4194304");
    assert_int_equal(manifest_parse(large, MANIFEST_SIZE_MAX, &manifest, &err), 0);
    manifest_free(manifest);
}

static void writes_descriptors(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct blob_id blob = {.has_digest = true, .size = 12};
    assert_true(digest_parse(ONES, &blob.digest));
    AUTO(json_free_auto) struct json *object = json_new_object();
    assert_int_equal(json_set(object, "annotations", json_new_object(), &err), 0);
    assert_int_equal(json_set_string(object, "digest", "another", &err), 0);
    assert_int_equal(descriptor_write(object, "a/b", &blob, &err), 0);
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, 4096);
    assert_int_equal(json_print(object, JSON_TART, &bytes, &err), 0);
    assert_string_equal(bytes_text(&bytes, &err), "{\"annotations\":{},\"digest\":\"" ONES
                                                  "\",\"mediaType\":\"a\\/b\",\"size\":12}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_each_era_as_it_came),
        cmocka_unit_test(prints_a_real_one_as_it_came),
        cmocka_unit_test(gives_views),
        cmocka_unit_test(reads_other_shapes),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(bounds_layers_and_bytes),
        cmocka_unit_test(writes_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
