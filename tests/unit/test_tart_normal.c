/* test_tart_normal.c: what is in normal form and what is not, each time by one thing only. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UPLOADED "2026-03-20T00:00:00Z"

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

/* What a normal image of two layers is made of, but for what a test changes. */
struct sample {
    struct disk_layer layers[2];
    struct disk disk;
    struct digest disk_digest, source_digest;
    struct tart_parts parts;
};

static void sample_init(struct sample *sample)
{
    *sample = (struct sample){
        .layers = {{.blob = blob_of(0x22, 3),
                    .length = TART_CHUNK_SIZE,
                    .content = filled(0x55),
                    .has_content = true},
                   {.blob = blob_of(0x33, 4),
                    .offset = TART_CHUNK_SIZE,
                    .length = 5,
                    .content = filled(0x66),
                    .has_content = true}},
        .disk = {.format = DISK_V2,
                 .layers = sample->layers,
                 .layer_count = 2,
                 .has_size = true,
                 .size = TART_CHUNK_SIZE + 5},
        .disk_digest = filled(0x77),
        .source_digest = filled(0x88),
        .parts = {.image_config = blob_of(0x11, 100),
                  .vm_config = blob_of(0x44, 700),
                  .nvram = blob_of(0x99, 4096),
                  .disk = &sample->disk,
                  .disk_digest = &sample->disk_digest,
                  .source_digest = &sample->source_digest,
                  .upload_time = UPLOADED},
    };
}

static void make(const struct tart_parts *parts, struct bytes *ret)
{
    struct error err = ERROR_INIT;
    bytes_init(ret, MANIFEST_SIZE_MAX);
    if (tart_manifest_make(parts, ret, &err) < 0)
        fail_msg("%s", err.text);
}

static int is_normal(const struct bytes *raw, const char *upload_time)
{
    struct error err = ERROR_INIT;
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    AUTO(tart_image_free_auto) struct tart_image *image = NULL;
    if (manifest_parse(raw->data, raw->size, &manifest, &err) < 0 ||
        tart_image_read(manifest, &image, &err) < 0)
        fail_msg("%s", err.text);
    int status = tart_is_normal(image, raw->data, raw->size, upload_time, &err);
    if (status < 0)
        fail_msg("%s", err.text);
    return status;
}

static void is_what_normalise_writes(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample);
    AUTO(bytes_done) struct bytes raw;
    make(&sample.parts, &raw);
    assert_int_equal(is_normal(&raw, UPLOADED), 1);
    assert_int_equal(is_normal(&raw, NULL), 0);
    assert_int_equal(is_normal(&raw, "2024-01-31T12:00:00Z"), 0);

    sample.parts.source_digest = NULL; /* made of a disk */
    sample.parts.upload_time = NULL;
    bytes_done(&raw);
    make(&sample.parts, &raw);
    assert_int_equal(is_normal(&raw, NULL), 1);

    sample.disk.layer_count = 1; /* one chunk that is full */
    sample.disk.size = TART_CHUNK_SIZE;
    bytes_done(&raw);
    make(&sample.parts, &raw);
    assert_int_equal(is_normal(&raw, NULL), 1);

    sample.layers[1] = sample.layers[0]; /* equal layers */
    sample.layers[1].offset = TART_CHUNK_SIZE;
    sample.disk.layer_count = 2;
    sample.disk.size = 2 * (uint64_t)TART_CHUNK_SIZE;
    bytes_done(&raw);
    make(&sample.parts, &raw);
    assert_int_equal(is_normal(&raw, NULL), 1);
}

static void plain(struct sample *sample)
{
    sample->parts.plain = true;
}

static void no_disk_digest(struct sample *sample)
{
    sample->parts.disk_digest = NULL;
}

static void short_first(struct sample *sample)
{
    sample->layers[0].length = sample->layers[1].offset = 500000000;
    sample->disk.size = 500000005;
}

static void long_last(struct sample *sample)
{
    sample->layers[1].length = TART_CHUNK_SIZE + (uint64_t)1;
    sample->disk.size = 2 * (uint64_t)TART_CHUNK_SIZE + 1;
}

static void disk_v1(struct sample *sample)
{
    sample->disk.format = DISK_V1;
}

static void is_not_what_was_made_otherwise(void **state)
{
    (void)state;
    void (*const others[])(struct sample *) = {plain, no_disk_digest, short_first, long_last,
                                               disk_v1};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct sample sample;
        sample_init(&sample);
        others[i](&sample);
        AUTO(bytes_done) struct bytes raw;
        make(&sample.parts, &raw);
        if (is_normal(&raw, UPLOADED) != 0)
            fail_msg("other %zu is normal", i);
    }
}

/* One change of the text, which is there once. */
struct edit {
    const char *was, *becomes;
};

static void is_not_what_was_edited(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"dev.tartconv.seal", "dev.tartconv.other"},
        {"dev.tartconv.source-digest\":\"sha256:8", "dev.tartconv.source-digest\":\"sha512:8"},
        {"\"dev.tartconv.disk-offset\":\"0\",", ""},
        {"\"dev.tartconv.disk-offset\":\"536870912\",", ""},
        {"dev.tartconv.disk-offset\":\"536870912", "dev.tartconv.disk-offset\":\"536870911"},
        {"uncompressed-disk-size\":\"536870917", "uncompressed-disk-size\":\"536870918"},
        {"disk-file-content-digest\":\"sha256:7", "disk-file-content-digest\":\"7"},
        {"],\"mediaType\"", "], \"mediaType\""},
        {"\"schemaVersion\":2", "\"schemaVersion\":2,\"subject\":{}"},
        {"\"schemaVersion\":2", "\"schemaVersion\":2,\"zz\":1"}, /* covered by the seal */
        {"\"annotations\":{},\"digest\":\"sha256:44", "\"digest\":\"sha256:44"},
        {"application\\/vnd.oci.image.config", "application/vnd.oci.image.config"},
    };
    struct sample sample;
    sample_init(&sample);
    AUTO(bytes_done) struct bytes raw;
    make(&sample.parts, &raw);
    struct error err = ERROR_INIT;
    const char *text = bytes_text(&raw, &err);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        const char *at = strstr(text, edits[i].was);
        if (at == NULL || strstr(at + 1, edits[i].was) != NULL)
            fail_msg("edit %zu: \"%s\" is not there once", i, edits[i].was);
        AUTO(bytes_done) struct bytes edited;
        bytes_init(&edited, MANIFEST_SIZE_MAX);
        assert_int_equal(bytes_append(&edited, text, (size_t)(at - text), &err), 0);
        assert_int_equal(bytes_append_text(&edited, edits[i].becomes, &err), 0);
        assert_int_equal(bytes_append_text(&edited, at + strlen(edits[i].was), &err), 0);
        if (is_normal(&edited, UPLOADED) != 0)
            fail_msg("edit %zu is normal", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_normalise_writes),
        cmocka_unit_test(is_not_what_was_made_otherwise),
        cmocka_unit_test(is_not_what_was_edited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
