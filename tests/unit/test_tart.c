/* test_tart.c: which images are seen in a manifest, each of newest Tart's rules broken once,
 * offsets, and both configs. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"
#include "tests/unit/golden_manifests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CONFIG_DIGEST "sha256:e94c0ba80a1157ffab5b5c6656fffc089c6446c7ed0604f3382910d1ef7dd40d"

/* --- manifests from a few letters --- */

static const char *type_of(char letter)
{
    switch (letter) {
    case 'c':
        return TART_TYPE_CONFIG;
    case 'n':
        return TART_TYPE_NVRAM;
    case '1':
        return TART_TYPE_DISK_V1;
    case '2':
        return TART_TYPE_DISK_V2;
    case 'o':
        return TART_TYPE_OVERLAY;
    default:
        return "application/foreign";
    }
}

static void set(struct json *annotations, const char *name, const char *value)
{
    struct error err = ERROR_INIT;
    assert_int_equal(json_set_string(annotations, name, value, &err), 0);
}

static struct json *descriptor_of(const char *media_type, const char *digest, uint64_t size,
                                  struct json *annotations)
{
    struct error err = ERROR_INIT;
    struct blob_id blob = {.has_digest = true, .size = size};
    struct json *descriptor = json_new_object();
    assert_true(digest_parse(digest, &blob.digest));
    assert_int_equal(descriptor_write(descriptor, media_type, &blob, &err), 0);
    if (annotations != NULL)
        assert_int_equal(json_set(descriptor, "annotations", annotations, &err), 0);
    return descriptor;
}

/* Options: f file digest, kN chunk count, sN uncompressed size, S none, dX content digest, D none,
 * @N our offset. */
static struct json *layer_of(const char *word)
{
    static const char digest[] =
        "sha256:5555555555555555555555555555555555555555555555555555555555555555";
    struct json *annotations = json_new_object();
    if (word[0] == '2' || word[0] == 'o') {
        set(annotations, TART_CONTENT_SIZE, "10");
        set(annotations, TART_CONTENT_DIGEST, digest);
    }
    char options[200];
    char *rest = options;
    snprintf(options, sizeof options, "%s", word + 1);
    for (char *option = strsep(&rest, ","); option != NULL; option = strsep(&rest, ",")) {
        if (option[0] == 'f')
            set(annotations, TART_FILE_DIGEST, digest);
        else if (option[0] == 'k')
            set(annotations, TART_CHUNK_COUNT, option + 1);
        else if (option[0] == 's')
            set(annotations, TART_CONTENT_SIZE, option + 1);
        else if (option[0] == 'S')
            json_remove(annotations, TART_CONTENT_SIZE);
        else if (option[0] == 'd')
            set(annotations, TART_CONTENT_DIGEST, option + 1);
        else if (option[0] == 'D')
            json_remove(annotations, TART_CONTENT_DIGEST);
        else if (option[0] == '@')
            set(annotations, OUR_DISK_OFFSET, option + 1);
    }
    return descriptor_of(type_of(word[0]), digest, 100, annotations);
}

#define EMPTY_STREAM "sha256:ad441971514aa132675c01bd81a7228caa6e112d485d4c575fa50f59cf6d4c79"

/* "c 2,f 2 n": layers by their letters with options. */
static struct manifest *manifest_of(const char *spec)
{
    struct error err = ERROR_INIT;
    struct json *layers = json_new_array();
    char words[400];
    char *rest = words;
    snprintf(words, sizeof words, "%s", spec);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " "))
        if (word[0] != '\0')
            assert_int_equal(json_append(layers, layer_of(word), &err), 0);
    struct json *tree = json_new_object();
    assert_int_equal(json_set_uint(tree, "schemaVersion", 2, &err), 0);
    assert_int_equal(json_set(tree, "config",
                              descriptor_of(MEDIA_TYPE_OCI_CONFIG, CONFIG_DIGEST, 38, NULL), &err),
                     0);
    assert_int_equal(json_set(tree, "layers", layers, &err), 0);
    struct manifest *manifest = NULL;
    assert_int_equal(manifest_from_json(tree, &manifest, &err), 0);
    return manifest;
}

static struct manifest *parsed(const char *text)
{
    struct error err = ERROR_INIT;
    struct manifest *manifest = NULL;
    if (manifest_parse(text, strlen(text), &manifest, &err) < 0)
        fail_msg("%s", err.text);
    return manifest;
}

static struct tart_image *read_image(const struct manifest *manifest)
{
    struct error err = ERROR_INIT;
    struct tart_image *image = NULL;
    if (tart_image_read(manifest, &image, &err) < 0)
        fail_msg("%s", err.text);
    return image;
}

/* --- images --- */

static void sees_v1_images(void **state)
{
    (void)state;
    const char *const texts[] = {GOLDEN_V1_0_11, GOLDEN_V1_1_9, GOLDEN_V1_2_0};
    for (size_t i = 0; i < 3; i++) {
        AUTO(manifest_free_auto) struct manifest *manifest = parsed(texts[i]);
        assert_true(tart_is_image(manifest));
        AUTO(tart_image_free_auto) struct tart_image *image = read_image(manifest);
        assert_int_equal(image->disk.format, DISK_V1);
        assert_true(image->disk.has_size);
        assert_int_equal(image->disk.size, 53687091200);
        assert_int_equal(image->disk.layer_count, 2);
        assert_int_equal(image->disk.layers[1].index, 2);
        assert_int_equal(image->disk.layers[1].blob.size, 123456789);
        assert_int_equal(image->v1_count, 2);
        assert_true(image->in_order);
        assert_false(image->stacked);
        assert_ptr_equal(image->config, &manifest->layers[0]);
        assert_ptr_equal(image->nvram, &manifest->layers[3]);
        assert_int_equal(image->upload_time != NULL, i > 0);
    }
    /* Before 0.9 nothing says how long the disk is. */
    AUTO(manifest_free_auto) struct manifest *old = manifest_of("c 1 1 n");
    AUTO(tart_image_free_auto) struct tart_image *image = read_image(old);
    assert_false(image->disk.has_size);
    assert_int_equal(image->disk.size, 0);
}

static void sees_v2_images(void **state)
{
    (void)state;
    const char *const texts[] = {GOLDEN_V2_2_14, GOLDEN_V2_2_28, GOLDEN_STACKED};
    for (size_t i = 0; i < 3; i++) {
        AUTO(manifest_free_auto) struct manifest *manifest = parsed(texts[i]);
        AUTO(tart_image_free_auto) struct tart_image *image = read_image(manifest);
        assert_int_equal(image->disk.format, DISK_V2);
        assert_true(image->disk.has_size);
        assert_int_equal(image->disk.size, 1000000000);
        assert_int_equal(image->disk.layer_count, 2);
        assert_int_equal(image->disk.layers[0].offset, 0);
        assert_int_equal(image->disk.layers[0].length, 536870912);
        assert_int_equal(image->disk.layers[1].offset, 536870912);
        assert_int_equal(image->disk.layers[1].length, 463129088);
        assert_true(image->disk.layers[1].has_content);
        assert_int_equal(image->disk.layers[1].content.bytes[0], 0x66);
        assert_true(image->in_order);
        assert_int_equal(image->stacked, i == 2);
        assert_int_equal(image->foreign_count, 0);
    }
    /* 2.0 to 2.10 cut by encoded size: layers of any length. */
    AUTO(manifest_free_auto)
    struct manifest *uneven = manifest_of("c 2,s1073741824 2,s98926258176 n");
    AUTO(tart_image_free_auto) struct tart_image *image = read_image(uneven);
    assert_int_equal(image->disk.size, 100000000000);
}

static void sees_what_is_out_of_place(void **state)
{
    (void)state;
    const char *const disorder[] = {"2 c n",   "c n 2",   "n 2 c", "c x 2 n", "c 2 n x",
                                    "c c 2 n", "c 2 n n", "2",     "c 2",     "2 n"};
    for (size_t i = 0; i < sizeof disorder / sizeof disorder[0]; i++) {
        AUTO(manifest_free_auto) struct manifest *manifest = manifest_of(disorder[i]);
        AUTO(tart_image_free_auto) struct tart_image *image = read_image(manifest);
        assert_false(image->in_order);
    }
    AUTO(manifest_free_auto) struct manifest *manifest = manifest_of("x c 2,dSHA256:no x n c x");
    AUTO(tart_image_free_auto) struct tart_image *image = read_image(manifest);
    assert_int_equal(image->foreign_count, 3);
    assert_int_equal(image->foreign[0], 0);
    assert_int_equal(image->foreign[1], 3);
    assert_int_equal(image->foreign[2], 6);
    assert_int_equal(image->config_count, 2);
    assert_ptr_equal(image->config, &manifest->layers[1]);
    assert_false(image->disk.layers[0].has_content);
    assert_null(tart_image_free(NULL));
}

static void refuses_what_cannot_be_placed(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        enum error_class class;
        int layer;
    } cases[] = {
        {"", ERROR_NOT_TART, -1},
        {"x x", ERROR_NOT_TART, -1},
        {"c n", ERROR_DISK_EMPTY, -1},
        {"c o n", ERROR_DISK_EMPTY, -1},
        {"c 1 2 n", ERROR_DISK_MIXED, -1},
        {"c 2 2,S n", ERROR_ANNOTATION, 2},
        {"c 2,s n", ERROR_ANNOTATION, 1},
        {"c 2,s+5 n", ERROR_ANNOTATION, 1},
        {"c 2,s05 n", ERROR_ANNOTATION, 1},
        {"c 2,s1e3 n", ERROR_ANNOTATION, 1},
        {"c 2,s9223372036854775808 n", ERROR_ANNOTATION, 1},
        {"c 2 2,s9223372036854775807 n", ERROR_DISK_SIZE, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = ERROR_INIT;
        struct tart_image *image = NULL;
        AUTO(manifest_free_auto) struct manifest *manifest = manifest_of(cases[i].spec);
        assert_int_equal(tart_image_read(manifest, &image, &err), -1);
        assert_null(image);
        assert_int_equal(err.class, cases[i].class);
        assert_int_equal(err.where.layer, cases[i].layer);
    }
}

static void refuses_a_v1_size_that_is_no_number(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct tart_image *image = NULL;
    AUTO(manifest_free_auto) struct manifest *plain = manifest_of("c 1 n");
    struct json *tree = json_copy(plain->tree);
    struct json *annotations = json_new_object();
    set(annotations, TART_DISK_SIZE, "5 GB");
    assert_int_equal(json_set(tree, "annotations", annotations, &err), 0);
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    assert_int_equal(manifest_from_json(tree, &manifest, &err), 0);
    assert_int_equal(tart_image_read(manifest, &image, &err), -1);
    assert_int_equal(err.class, ERROR_ANNOTATION);
    assert_string_equal(err.text,
                        "the annotation " TART_DISK_SIZE " is \"5 GB\", must be a plain number");
}

static void parses_sizes_as_tart_writes_them(void **state)
{
    (void)state;
    uint64_t size = 77;
    const char *const bad[] = {"",
                               "-1",
                               "+1",
                               " 1",
                               "1 ",
                               "00",
                               "01",
                               "1.0",
                               "0x1",
                               "1e3",
                               "9223372036854775808",
                               "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parse_size(bad[i], &size));
    assert_int_equal(size, 77);
    assert_true(parse_size("0", &size));
    assert_int_equal(size, 0);
    assert_true(parse_size("9223372036854775807", &size));
    assert_int_equal(size, INT64_MAX);
}

/* --- rules --- */

static const struct {
    const char *spec;
    int layer;
    const char *wanted; /* NULL: every rule holds; of the words after "rule " */
} rule_cases[] = {
    {"c 2 n", -1, NULL},
    {"c 2 2 2 n", -1, NULL},
    {"c 2,f 2 n", -1, NULL}, /* rule 8: flat, with a whole-file digest */
    {"c 2,f o,f,k1 n", -1, NULL},
    {"c 2,f 2 o,f,k2 o o,f,k1 n", -1, NULL},
    /* numbers are read as Swift reads them */
    {"c 2,s+5 n", -1, NULL},
    {"c 2,s007 n", -1, NULL},
    {"c 2,s-0 n", -1, NULL},
    {"c 2,s18446744073709551615 n", -1, NULL},
    {"c 2,ktwo n", -1, NULL},
    {"c 2 2,k n", -1, NULL},
    {"c 2 2,k9223372036854775808 n", -1, NULL},
    {"c 2,f o,f,k+01 n", -1, NULL},

    {"", -1, "1: manifest must contain exactly one Tart config descriptor"},
    {"2 n", -1, "1: manifest must contain exactly one Tart config descriptor"},
    {"c c 2 n", -1, "1: manifest must contain exactly one Tart config descriptor"},
    {"c 2", -1, "2: manifest must contain exactly one NVRAM descriptor"},
    {"c 2 n n", -1, "2: manifest must contain exactly one NVRAM descriptor"},
    {"2 c n", -1, "3: descriptors must be ordered as config, disk chunks, then NVRAM"},
    {"c n 2", -1, "3: descriptors must be ordered as config, disk chunks, then NVRAM"},
    {"c 2 n x", -1, "3: descriptors must be ordered as config, disk chunks, then NVRAM"},
    {"c n", -1, "4: manifest has no disk chunks"},
    {"c 1 n", 1, "5: disk chunks must start with a disk.v2 base"},
    {"c x 2 n", 1, "5: disk chunks must start with a disk.v2 base"},
    {"c o,f,k1 n", 1, "5: disk chunks must start with a disk.v2 base"},
    {"c 2,S n", 1, "6: disk chunks need uncompressed size and content digest"},
    {"c 2 2,D n", 2, "6: disk chunks need uncompressed size and content digest"},
    {"c 2,s n", 1, "6: disk chunks need uncompressed size and content digest"},
    {"c 2,s-1 n", 1, "6: disk chunks need uncompressed size and content digest"},
    {"c 2,s1e3 n", 1, "6: disk chunks need uncompressed size and content digest"},
    {"c 2,s18446744073709551616 n", 1, "6: disk chunks need uncompressed size and content digest"},
    {"c 2,k1 n", 1, "7: base disk metadata must appear only on its first chunk"},
    {"c 2 2,f n", 2, "7: base disk metadata must appear only on its first chunk"},
    {"c 2 2 2,k-9223372036854775808 n", 3,
     "7: base disk metadata must appear only on its first chunk"},
    {"c 2 o,f,k1 n", 1, "9: a stacked base disk needs a whole-file content digest"},
    {"c 2 x n", 1, "9: a stacked base disk needs a whole-file content digest"},
    {"c 2,f x n", 2, "10: unsupported disk chunk media type: application/foreign"},
    {"c 2,f 1 n", 2, "10: unsupported disk chunk media type: " TART_TYPE_DISK_V1},
    {"c 2,f o,f,k1 2 n", 3, "10: unsupported disk chunk media type: " TART_TYPE_DISK_V2},
    {"c 2,f o,k1 n", 2, "11: an ASIF overlay needs a content digest and chunk count"},
    {"c 2,f o,f n", 2, "11: an ASIF overlay needs a content digest and chunk count"},
    {"c 2,f o,f,kx n", 2, "11: an ASIF overlay needs a content digest and chunk count"},
    {"c 2,f o,f,k9223372036854775808 n", 2,
     "11: an ASIF overlay needs a content digest and chunk count"},
    {"c 2,f o,f,k0 n", 2, "12: ASIF overlay chunk count is invalid"},
    {"c 2,f o,f,k-1 n", 2, "12: ASIF overlay chunk count is invalid"},
    {"c 2,f o,f,k2 n", 2, "12: ASIF overlay chunk count is invalid"},
    {"c 2,f o,f,k9223372036854775807 n", 2, "12: ASIF overlay chunk count is invalid"},
    {"c 2,f o,f,k2 x n", 3, "13: ASIF overlay chunks must be contiguous"},
    {"c 2,f o,f,k3 o 2 n", 4, "13: ASIF overlay chunks must be contiguous"},
    {"c 2,f o,f,k2 o,f n", 3, "14: ASIF overlay metadata must appear only on its first chunk"},
    {"c 2,f o,f,k2 o,k1 n", 3, "14: ASIF overlay metadata must appear only on its first chunk"},
    {"c 2,f o,f,k1,S n", 2, "15: disk chunks need uncompressed size and content digest"},
    {"c 2,f o,f,k1 o,f,k2 o,D n", 4, "15: disk chunks need uncompressed size and content digest"},
};

static void knows_each_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rule_cases / sizeof rule_cases[0]; i++) {
        struct error err = ERROR_INIT;
        AUTO(manifest_free_auto) struct manifest *manifest = manifest_of(rule_cases[i].spec);
        int status = tart_check_rules(manifest, &err);
        if ((status < 0) != (rule_cases[i].wanted != NULL))
            fail_msg("\"%s\" gives %d: %s", rule_cases[i].spec, status, err.text);
        if (rule_cases[i].wanted == NULL)
            continue;
        assert_int_equal(err.class, ERROR_MANIFEST_RULES);
        assert_memory_equal(err.text, "rule ", 5);
        assert_string_equal(err.text + 5, rule_cases[i].wanted);
        assert_int_equal(err.where.layer, rule_cases[i].layer);
    }
}

static void judges_the_eras(void **state)
{
    (void)state;
    const char *const texts[] = {GOLDEN_V1_0_11, GOLDEN_V1_2_0, GOLDEN_V2_2_14, GOLDEN_V2_2_28,
                                 GOLDEN_STACKED};
    for (size_t i = 0; i < 5; i++) {
        struct error err = ERROR_INIT;
        AUTO(manifest_free_auto) struct manifest *manifest = parsed(texts[i]);
        assert_int_equal(tart_check_rules(manifest, &err), i < 2 ? -1 : 0);
    }
}

/* What is said to hold nothing must be the empty stream: nobody asks for it. */
static void checks_empty_layers(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(manifest_free_auto) struct manifest *manifest = manifest_of("c 2 2 n");
    AUTO(tart_image_free_auto) struct tart_image *image = read_image(manifest);
    struct disk_layer *last = &image->disk.layers[1];
    last->length = 0;
    assert_int_equal(tart_check_places(image, &err), -1);
    assert_int_equal(err.class, ERROR_CONTENT_SIZE);
    assert_int_equal(err.where.layer, 2);
    assert_true(digest_parse(EMPTY_STREAM, &last->blob.digest));
    last->blob.size = 4;
    assert_int_equal(tart_check_places(image, &err), 0);
    last->blob.size = 5;
    assert_int_equal(tart_check_places(image, &err), -1);
}

static void checks_offsets(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int layer; /* -1: fine */
    } cases[] = {
        {"c 2 2 n", -1},          {"c 2,@0 2,@10 2,@20 n", -1},
        {"c 2 2,@10 n", -1},      {"c 1,@5 n", -1},
        {"c 2,@10 2,@0 n", 1},    {"c 2,@0 2,@20 2,@10 n", 2},
        {"c 2,@ n", 1},           {"c 2,@00 n", 1},
        {"n 2,@0 2 2,@0 c x", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = ERROR_INIT;
        AUTO(manifest_free_auto) struct manifest *manifest = manifest_of(cases[i].spec);
        AUTO(tart_image_free_auto) struct tart_image *image = read_image(manifest);
        assert_int_equal(tart_check_places(image, &err), cases[i].layer < 0 ? 0 : -1);
        if (cases[i].layer < 0)
            continue;
        assert_int_equal(err.class, ERROR_DISK_ORDER);
        assert_int_equal(err.where.layer, cases[i].layer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_v1_images),
        cmocka_unit_test(sees_v2_images),
        cmocka_unit_test(sees_what_is_out_of_place),
        cmocka_unit_test(refuses_what_cannot_be_placed),
        cmocka_unit_test(refuses_a_v1_size_that_is_no_number),
        cmocka_unit_test(parses_sizes_as_tart_writes_them),
        cmocka_unit_test(knows_each_rule),
        cmocka_unit_test(judges_the_eras),
        cmocka_unit_test(checks_offsets),
        cmocka_unit_test(checks_empty_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
