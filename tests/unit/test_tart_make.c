/* test_tart_make.c: what we write is what Tart writes, to the byte; our annotations beside it hold,
 * and nothing foreign is lost or multiplied. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"
#include "tests/unit/golden_manifests.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct digest filled(uint8_t byte)
{
    struct digest digest;
    memset(digest.bytes, byte, sizeof digest.bytes);
    return digest;
}

static struct blob_id blob_of(uint8_t byte, uint64_t size)
{
    return (struct blob_id){.digest = filled(byte), .has_digest = true, .size = size};
}

static struct digest digest_named(const char *text)
{
    struct digest digest;
    assert_true(digest_parse(text, &digest));
    return digest;
}

static struct manifest *parsed(const char *text, size_t size)
{
    struct error err = ERROR_INIT;
    struct manifest *manifest = NULL;
    if (manifest_parse(text, size, &manifest, &err) < 0)
        fail_msg("%s", err.text);
    return manifest;
}

/* The text ends in a NUL. */
static void make(const struct tart_parts *parts, struct bytes *ret)
{
    struct error err = ERROR_INIT;
    bytes_init(ret, MANIFEST_SIZE_MAX);
    if (tart_manifest_make(parts, ret, &err) < 0)
        fail_msg("%s", err.text);
    assert_non_null(bytes_text(ret, &err));
}

static const char *text_of(const struct bytes *bytes)
{
    return (const char *)bytes->data;
}

static void assert_digest(const struct bytes *bytes, const char *wanted)
{
    struct error err = ERROR_INIT;
    struct digest digest;
    char text[DIGEST_TEXT_SIZE];
    assert_int_equal(digest_of(bytes->data, bytes->size, &digest, &err), 0);
    digest_print(&digest, text);
    assert_string_equal(text, wanted);
}

/* Cuts the only occurrence of words out. */
static void cut(struct bytes *bytes, const char *words)
{
    char *found = strstr((char *)bytes->data, words);
    assert_non_null(found);
    assert_null(strstr(found + 1, words));
    size_t length = strlen(words);
    memmove(found, found + length, strlen(found + length) + 1);
    bytes->size -= length;
}

/* The parts of GOLDEN_V2_2_28. */
struct sample {
    struct disk_layer layers[2];
    struct disk disk;
    struct tart_parts parts;
};

static void sample_init(struct sample *sample)
{
    *sample = (struct sample){
        .layers =
            {
                {.blob = blob_of(0x22, 301234567),
                 .length = 536870912,
                 .content = filled(0x55),
                 .has_content = true},
                {.blob = blob_of(0x33, 12345),
                 .offset = 536870912,
                 .length = 463129088,
                 .content = filled(0x66),
                 .has_content = true},
            },
        .disk = {.format = DISK_V2,
                 .layers = sample->layers,
                 .layer_count = 2,
                 .size = 1000000000,
                 .has_size = true},
        .parts = {.image_config = {.digest = digest_named("sha256:3a6cb4eb6201aa00136781f9d350858c"
                                                          "a23054fdda419893193af3e3a044b3a8"),
                                   .has_digest = true,
                                   .size = 100},
                  .vm_config = blob_of(0x11, 700),
                  .nvram = blob_of(0x44, 33554432),
                  .disk = &sample->disk,
                  .upload_time = "2026-03-20T00:00:00Z"},
    };
}

static void writes_what_tart_writes(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample);
    sample.parts.plain = true;
    AUTO(bytes_done) struct bytes v2;
    make(&sample.parts, &v2);
    assert_string_equal(text_of(&v2), GOLDEN_V2_2_28);
    assert_digest(&v2, GOLDEN_V2_2_28_DIGEST);

    sample.disk = (struct disk){.format = DISK_V1,
                                .layers = sample.layers,
                                .layer_count = 2,
                                .size = 53687091200,
                                .has_size = true};
    sample.layers[0].blob.size = 500000000;
    sample.layers[1].blob.size = 123456789;
    sample.parts.vm_config.size = 681;
    sample.parts.image_config = (struct blob_id){
        .digest =
            digest_named("sha256:e94c0ba80a1157ffab5b5c6656fffc089c6446c7ed0604f3382910d1ef7dd40d"),
        .has_digest = true,
        .size = 38};
    sample.parts.upload_time = "2024-01-02T03:04:05Z";
    AUTO(bytes_done) struct bytes v1;
    make(&sample.parts, &v1);
    assert_digest(&v1, GOLDEN_V1_2_0_DIGEST);
}

/* A converted V1 image of any era, made plain, is what Tart 2.28 would have written around the same
 * layers. */
static void leaves_nothing_of_the_source_behind(void **state)
{
    (void)state;
    const char *const sources[] = {GOLDEN_V1_0_11, GOLDEN_V1_2_0, GOLDEN_V2_2_14};
    for (size_t i = 0; i < 3; i++) {
        struct sample sample;
        sample_init(&sample);
        AUTO(manifest_free_auto) struct manifest *source = parsed(sources[i], strlen(sources[i]));
        sample.parts.source = source;
        sample.parts.plain = true;
        AUTO(bytes_done) struct bytes bytes;
        make(&sample.parts, &bytes);
        assert_string_equal(text_of(&bytes), GOLDEN_V2_2_28);
    }
}

static enum seal seal_of(const struct bytes *bytes)
{
    struct error err = ERROR_INIT;
    enum seal seal = SEAL_ABSENT;
    AUTO(manifest_free_auto) struct manifest *manifest = parsed(text_of(bytes), bytes->size);
    assert_int_equal(tart_seal_check(manifest, &seal, &err), 0);
    return seal;
}

static void seals_what_it_writes(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct sample sample;
    sample_init(&sample);
    struct digest source_digest = filled(0xab);
    sample.parts.source_digest = &source_digest;
    AUTO(bytes_done) struct bytes bytes;
    make(&sample.parts, &bytes);
    assert_int_equal(seal_of(&bytes), SEAL_VALID);

    AUTO(manifest_free_auto) struct manifest *manifest = parsed(text_of(&bytes), bytes.size);
    assert_int_equal(tart_check_rules(manifest, &err), 0);
    AUTO(tart_image_free_auto) struct tart_image *image = NULL;
    assert_int_equal(tart_image_read(manifest, &image, &err), 0);
    assert_int_equal(tart_check_places(image, &err), 0);
    assert_string_equal(descriptor_annotation(&manifest->layers[1], OUR_DISK_OFFSET), "0");
    assert_string_equal(descriptor_annotation(&manifest->layers[2], OUR_DISK_OFFSET), "536870912");
    assert_null(descriptor_annotation(&manifest->layers[3], OUR_DISK_OFFSET));

    /* The seal is the digest of these very bytes without the manifest's own annotations of ours. */
    char seal[DIGEST_TEXT_SIZE], words[200], source[DIGEST_TEXT_SIZE];
    snprintf(seal, sizeof seal, "%s", manifest_annotation(manifest, OUR_SEAL));
    digest_print(&source_digest, source);
    snprintf(words, sizeof words, "\"" OUR_SEAL "\":\"%s\",", seal);
    cut(&bytes, words);
    assert_int_equal(seal_of(&bytes), SEAL_ABSENT);
    snprintf(words, sizeof words, "\"" OUR_SOURCE_DIGEST "\":\"%s\",", source);
    cut(&bytes, words);
    assert_digest(&bytes, seal);

    /* Without offsets too, it is Tart's own manifest again. */
    cut(&bytes, "\"dev.tartconv.disk-offset\":\"0\",");
    cut(&bytes, "\"dev.tartconv.disk-offset\":\"536870912\",");
    assert_string_equal(text_of(&bytes), GOLDEN_V2_2_28);
}

static void notices_a_broken_seal(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample);
    AUTO(bytes_done) struct bytes bytes;
    make(&sample.parts, &bytes);
    assert_null(strstr(text_of(&bytes), OUR_SOURCE_DIGEST));
    char *size = strstr((char *)bytes.data, "12345}");
    assert_non_null(size);
    size[0] = '2';
    assert_int_equal(seal_of(&bytes), SEAL_BROKEN);
    size[0] = '1';
    assert_int_equal(seal_of(&bytes), SEAL_VALID);
    char *seal = strstr((char *)bytes.data, OUR_SEAL "\":\"");
    assert_non_null(seal);
    memcpy(seal + strlen(OUR_SEAL) + 3, "SHA256", 6);
    assert_int_equal(seal_of(&bytes), SEAL_BROKEN);
}

/* Another tool may write a manifest anew, in its own encoding: what is said stays the same, and so
 * the seal fits. */
static void takes_a_sealed_manifest_in_another_encoding(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct sample sample;
    sample_init(&sample);
    AUTO(bytes_done) struct bytes bytes, pretty;
    bytes_init(&pretty, MANIFEST_SIZE_MAX);
    make(&sample.parts, &bytes);
    AUTO(manifest_free_auto) struct manifest *manifest = parsed(text_of(&bytes), bytes.size);
    assert_int_equal(json_print(manifest->tree, JSON_PRETTY, &pretty, &err), 0);
    assert_int_equal(seal_of(&pretty), SEAL_VALID);
}

#define DIGEST_OF(two) two two two two two two two two two two two two two two two two
#define DIGEST_32(two) "sha256:" DIGEST_OF(two) DIGEST_OF(two)

/* A source that holds what we do not know, ours of an older run, and zero chunks that are alike. */
#define RICH_SOURCE                                                                                \
    "{\"schemaVersion\":2,\"subject\":{\"x\":1},\"artifactType\":\"a/b\",\"unknown\":1.50,"        \
    "\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"size\":5,"     \
    "\"digest\":\"" DIGEST_32(                                                                     \
        "77") "\",\"data\":\"e30K\"},"                                                             \
              "\"annotations\":{\"org.label\":\"kept\",\"dev.tartconv.seal\":\"old\","             \
              "\"dev.tartconv.future\":\"old\",\"org.cirruslabs.tart.upload-time\":\"2020-01-"     \
              "01T00:00:00Z\","                                                                    \
              "\"org.cirruslabs.tart.uncompressed-disk-size\":\"1\"},"                             \
              "\"layers\":[{\"mediaType\":\"" TART_TYPE_CONFIG                                     \
              "\",\"size\":700,\"digest\":\"" DIGEST_32(                                           \
                  "11") "\",\"urls\":[\"u\"]},"                                                    \
                        "{\"mediaType\":\"x/sbom\",\"size\":1,\"digest\":\"" DIGEST_32(            \
                            "99") "\"},"                                                           \
                                  "{\"mediaType\":\"" TART_TYPE_DISK_V2                            \
                                  "\",\"size\":9,\"digest\":\"" DIGEST_32(                         \
                                      "22") "\",\"annotations\":{\"who\":\"first\",\"dev."         \
                                            "tartconv.disk-offset\":\"9\","                        \
                                            "\"org.cirruslabs.tart.disk-file-content-digest\":"    \
                                            "\"" DIGEST_32(                                        \
                                                "dd") "\"}},"                                      \
                                                      "{\"mediaType\":\"" TART_TYPE_DISK_V2        \
                                                      "\",\"size\":9,\"digest\":\"" DIGEST_32(     \
                                                          "22") "\",\"annotations\":{\"who\":"     \
                                                                "\"second\",\"org.cirruslabs."     \
                                                                "tart.disk-file-chunk-count\":"    \
                                                                "\"3\"}}]}"

static void keeps_what_it_does_not_know(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample);
    AUTO(manifest_free_auto) struct manifest *source = parsed(RICH_SOURCE, strlen(RICH_SOURCE));
    struct disk_layer layers[3] = {sample.layers[0], sample.layers[0], sample.layers[0]};
    sample.disk.layers = layers;
    sample.disk.layer_count = 3;
    sample.parts.source = source;
    sample.parts.image_config = blob_of(0x77, 5);
    sample.parts.upload_time = NULL;
    AUTO(bytes_done) struct bytes bytes;
    make(&sample.parts, &bytes);
    AUTO(manifest_free_auto) struct manifest *made = parsed(text_of(&bytes), bytes.size);

    assert_null(json_get(made->tree, "subject"));
    assert_string_equal(json_string(json_get(made->tree, "artifactType")), "a/b");
    assert_string_equal(json_number(json_get(made->tree, "unknown")), "1.50");
    assert_string_equal(made->media_type, MEDIA_TYPE_OCI_MANIFEST);
    assert_string_equal(made->config.media_type, MEDIA_TYPE_OCI_CONFIG);
    assert_string_equal(json_string(json_get(json_get(made->tree, "config"), "data")), "e30K");
    assert_string_equal(manifest_annotation(made, "org.label"), "kept");
    assert_null(manifest_annotation(made, "dev.tartconv.future"));
    assert_null(manifest_annotation(made, TART_UPLOAD_TIME));
    assert_string_equal(manifest_annotation(made, TART_DISK_SIZE), "1000000000");
    assert_int_equal(seal_of(&bytes), SEAL_VALID);

    assert_int_equal(made->layer_count, 5);
    assert_non_null(json_get(json_first(json_get(made->tree, "layers")), "urls"));
    static const char *const who[] = {NULL, "first", "second", NULL, NULL};
    for (size_t i = 0; i < 5; i++) {
        const char *found = descriptor_annotation(&made->layers[i], "who");
        assert_int_equal(found == NULL, who[i] == NULL);
        if (found != NULL)
            assert_string_equal(found, who[i]);
        assert_null(descriptor_annotation(&made->layers[i], TART_CHUNK_COUNT));
    }
    assert_int_equal(made->layers[1].blob.size, 301234567);
    assert_string_equal(descriptor_annotation(&made->layers[1], OUR_DISK_OFFSET), "0");
    assert_string_equal(descriptor_annotation(&made->layers[1], TART_FILE_DIGEST), DIGEST_32("dd"));
    assert_null(descriptor_annotation(&made->layers[2], TART_FILE_DIGEST));
}

static void replaces_the_disk_digest(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample);
    AUTO(manifest_free_auto) struct manifest *source = parsed(RICH_SOURCE, strlen(RICH_SOURCE));
    struct digest digest = filled(0xee);
    sample.parts.source = source;
    sample.parts.disk_digest = &digest;
    sample.parts.plain = true;
    AUTO(bytes_done) struct bytes v2, v1;
    make(&sample.parts, &v2);
    AUTO(manifest_free_auto) struct manifest *made = parsed(text_of(&v2), v2.size);
    assert_string_equal(descriptor_annotation(&made->layers[1], TART_FILE_DIGEST), DIGEST_32("ee"));
    assert_null(strstr(text_of(&v2), "dev.tartconv."));
    assert_string_equal(manifest_annotation(made, "org.label"), "kept");

    /* A V1 layer says nothing of the disk. */
    sample.disk.format = DISK_V1;
    sample.parts.plain = false;
    make(&sample.parts, &v1);
    AUTO(manifest_free_auto) struct manifest *old = parsed(text_of(&v1), v1.size);
    assert_int_equal(json_count(old->layers[1].annotations), 1);
    assert_string_equal(descriptor_annotation(&old->layers[1], "who"), "first");
    assert_int_equal(json_count(old->layers[2].annotations), 0);
    assert_non_null(old->layers[2].annotations);
    assert_int_equal(seal_of(&v1), SEAL_VALID);
}

static int make_class(const struct tart_parts *parts)
{
    struct error err = ERROR_INIT;
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, MANIFEST_SIZE_MAX);
    return tart_manifest_make(parts, &bytes, &err) < 0 ? (int)err.class : 0;
}

static void refuses_what_cannot_be_written(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample);
    sample.layers[1].has_content = false;
    assert_int_equal(make_class(&sample.parts), ERROR_INTERNAL);
    sample_init(&sample);
    sample.disk.format = DISK_RAW;
    assert_int_equal(make_class(&sample.parts), ERROR_INTERNAL);
    sample_init(&sample);
    sample.disk.layer_count = 0;
    assert_int_equal(make_class(&sample.parts), ERROR_INTERNAL);

    AUTO_FREE struct disk_layer *many = calloc(MANIFEST_LAYERS_MAX, sizeof *many);
    assert_non_null(many);
    sample_init(&sample);
    for (size_t i = 0; i < MANIFEST_LAYERS_MAX; i++)
        many[i] = sample.layers[0];
    sample.disk.layers = many;
    sample.disk.layer_count = MANIFEST_LAYERS_MAX - 1;
    assert_int_equal(make_class(&sample.parts), ERROR_UNSUPPORTED);
    sample.disk.layer_count = 12000; /* over 4 MiB */
    assert_int_equal(make_class(&sample.parts), ERROR_UNSUPPORTED);
    sample.disk.layer_count = 8000;
    assert_int_equal(make_class(&sample.parts), 0);
}

/* Many layers of ours that equal one fat layer of a hostile source take its annotations over once.
 */
static void does_not_multiply_a_hostile_layer(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct sample sample;
    sample_init(&sample);
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, MANIFEST_SIZE_MAX);
    bytes_append_text(&text,
                      "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a\",\"size\":5,\"digest\":"
                      "\"" DIGEST_32("77") "\"},\"layers\":[{\"mediaType\":\"" TART_TYPE_DISK_V1
                                           "\","
                                           "\"size\":9,\"digest\":\"" DIGEST_32(
                                               "22") "\",\"annotations\":{\"a\":\"b\"",
                      &err);
    for (unsigned i = 0; i < 50000; i++)
        bytes_printf(&text, &err, ",\"%s%u\":\"\"", i % 2 == 0 ? "dev.tartconv.x" : "x", i);
    bytes_append_text(&text, "}}]}", &err);
    AUTO(manifest_free_auto)
    struct manifest *source = parsed((const char *)text.data, text.size);
    AUTO_FREE struct disk_layer *many = calloc(5000, sizeof *many);
    for (size_t i = 0; i < 5000; i++)
        many[i] = sample.layers[0];
    sample.parts.source = source;
    sample.disk.layers = many;
    sample.disk.layer_count = 5000;
    AUTO(bytes_done) struct bytes bytes;
    make(&sample.parts, &bytes);
    AUTO(manifest_free_auto) struct manifest *made = parsed(text_of(&bytes), bytes.size);
    assert_int_equal(json_count(made->layers[1].annotations), 1 + 25000 + 3);
    assert_int_equal(json_count(made->layers[2].annotations), 3);
}

/* A real manifest, taken apart and made anew, is the same to the byte. */
static void makes_a_real_one_anew(void **state)
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
    AUTO(manifest_free_auto) struct manifest *manifest = parsed(text, size);
    assert_int_equal(tart_check_rules(manifest, &err), 0);
    AUTO(tart_image_free_auto) struct tart_image *image = NULL;
    assert_int_equal(tart_image_read(manifest, &image, &err), 0);
    const struct manifest *const sources[] = {NULL, manifest};
    for (size_t i = 0; i < 2; i++) {
        const struct tart_parts parts = {.source = sources[i],
                                         .image_config = manifest->config.blob,
                                         .vm_config = image->config->blob,
                                         .nvram = image->nvram->blob,
                                         .disk = &image->disk,
                                         .upload_time = image->upload_time,
                                         .plain = true};
        AUTO(bytes_done) struct bytes bytes;
        make(&parts, &bytes);
        assert_int_equal(bytes.size, size);
        assert_memory_equal(bytes.data, text, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_tart_writes),
        cmocka_unit_test(leaves_nothing_of_the_source_behind),
        cmocka_unit_test(seals_what_it_writes),
        cmocka_unit_test(notices_a_broken_seal),
        cmocka_unit_test(takes_a_sealed_manifest_in_another_encoding),
        cmocka_unit_test(keeps_what_it_does_not_know),
        cmocka_unit_test(replaces_the_disk_digest),
        cmocka_unit_test(refuses_what_cannot_be_written),
        cmocka_unit_test(does_not_multiply_a_hostile_layer),
        cmocka_unit_test(makes_a_real_one_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
