/* test_checks_eras.c: images as each era of Tart makes them, on which no check may cry damage, and
 * who can pull them. */
#include "tests/unit/scene.h"

/* --- nothing normal is damage --- */

static void test_era_a(void **state)
{
    (void)state;
    struct scene *scene =
        scene_open(MANIFEST(, CONFIG "," V1(500000000) "," V1(123456789) "," NVRAM));
    scene_configs(scene, VM_DARWIN, UNLABELLED);
    expect(scene, "obstacle:disk-v1 note:disk-size-absent note:label-absent");
    expect_pull(scene, "0.2", "2.31", "Tart 2.32 and later refuse disk.v1");
    scene_close(scene);
}

static void test_eras_b_to_e(void **state)
{
    (void)state;
    expect_of(SIZED(53687091200, CONFIG "," V1(500000000) "," V1(123456789) "," NVRAM),
              "obstacle:disk-v1");
    expect_of(SIZED(53687091200, CONFIG "," V1(4) "," NVRAM), "obstacle:disk-v1");
    expect_of(MANIFEST(NOTES(NOTE(TART_DISK_SIZE, "53687091200") "," NOTE(TART_UPLOAD_TIME,
                                                                          "2024-01-02T03:04:05Z")),
                       LAYER(TART_TYPE_CONFIG, 681, NOTES()) "," LAYER(
                           TART_TYPE_DISK_V1, 500000000, NOTES()) "," LAYER(TART_TYPE_NVRAM,
                                                                            33554432, NOTES())),
              "obstacle:disk-v1");
}

static void test_empty_last_v1_layer(void **state)
{
    (void)state;
    expect_of(SIZED(1000, CONFIG "," V1(500000000) "," V1(0) "," NVRAM), "obstacle:disk-v1");
}

static void test_era_f_long_layers(void **state)
{
    (void)state;
    struct scene *scene =
        scene_open(SIZED(100000000000, CONFIG "," V2(1073741824) "," V2(98926258176) "," NVRAM));
    expect(scene, "note:layer-long");
    expect_place(scene, "layer-long", 1, -1, -1);
    expect_pull(scene, "2.0", "", "");
    scene_close(scene);
}

static void test_era_g_chunks(void **state)
{
    (void)state;
    struct scene *scene = scene_open(
        SIZED(1200000000, CONFIG "," V2(500000000) "," V2(500000000) "," V2(200000000) "," NVRAM));
    expect(scene, "note:layer-unaligned");
    assert_non_null(
        strstr(finding_named(scene, "layer-unaligned")->text, "refuse: 2, first layer 1"));
    expect_place(scene, "layer-unaligned", 1, -1, -1);
    expect_pull(scene, "2.0", "", "");
    scene_close(scene);
}

/* Equal layers are in it too: all descriptors here have one digest. */
static void test_eras_h_to_k(void **state)
{
    (void)state;
    struct scene *scene = scene_open(GOOD_V2);
    expect(scene, "");
    expect_pull(scene, "2.0", "", "");
    scene_configs(scene, VM_LINUX, UNLABELLED);
    expect(scene, "note:label-absent");
    scene_close(scene);
    expect_of(SIZED(536870912, CONFIG "," V2(536870912) "," NVRAM), "");
    expect_of(SIZED(1073741824, CONFIG "," V2(536870912) "," V2(536870912) "," NVRAM), "");
    expect_of(SIZED(4096, CONFIG "," V2(4096) "," NVRAM), "");
}

/* A manifest that Tart itself pushed. */
static void test_real_manifest(void **state)
{
    (void)state;
    const char *folder = getenv("TARTCONV_VECTORS");
    char path[4096];
    snprintf(path, sizeof path, "%s/tart-sonoma-manifest.json", folder == NULL ? "" : folder);
    FILE *file = folder == NULL ? NULL : fopen(path, "rb");
    if (file == NULL)
        skip();
    static char text[1u << 20];
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    struct scene *scene = scene_open(text);
    expect(scene, "");
    expect_pull(scene, "2.0", "", "");
    scene_close(scene);
}

static void test_stacked(void **state)
{
    (void)state;
    struct scene *scene = scene_open(
        SIZED(1000000000, CONFIG "," V2_WITH(NOTE(TART_CONTENT_SIZE, "536870912") "," NOTE(
                              TART_FILE_DIGEST, DIGEST_1)) "," OVERLAY "," NVRAM));
    expect(scene, "note:stacked");
    /* the base's bytes are not what the guest sees, and its format is not config.v1's matter */
    disk_make(&scene->ends, 512, 536870912);
    scene->ends.head[512 + 70] ^= 1;
    scene_configs(scene, VM_ASIF, LABELLED("asif"));
    scene_disk(scene, 536870912);
    expect(scene, "note:stacked");
    expect_pull(scene, "2.36", "", "2.35 and earlier");
    scene_close(scene);
}

static void test_asif(void **state)
{
    (void)state;
    struct scene *scene = scene_open(GOOD_V2);
    memcpy(scene->ends.head, "shdw\0\0\0\1\0\0\2\0", 12);
    scene_configs(scene, VM_ASIF, LABELLED("asif"));
    scene_disk(scene, 1000000000);
    expect(scene, "");
    expect_pull(scene, "2.28", "", "");
    scene->ends.head[7] = 2; /* a version yet to come */
    expect(scene, "");
    expect_pull(scene, "2.28", "", "");
    scene_close(scene);

    scene = scene_open(SIZED(1000000000, CONFIG "," V1(77) "," NVRAM));
    scene_configs(scene, VM_ASIF, LABELLED("asif"));
    expect(scene, "obstacle:disk-v1");
    expect_pull(scene, "2.28", "2.31", "disk.v1");
    scene_close(scene);
}

static void test_bare_disk(void **state)
{
    (void)state;
    struct scene *scene = scene_open(NULL);
    scene->facts.image_config = NULL;
    disk_make(&scene->ends, 512, 50000000000u);
    scene_disk(scene, 50000000000u);
    expect(scene, "");
    expect_pull(scene, "", "", "outside of any registry");
    scene->facts.disk_read = false; /* --quick: the file's size is known all the same */
    scene->facts.disk_size = 60000000000u;
    memset(scene->ends.tail, 0, sizeof scene->ends.tail);
    expect(scene, "note:gpt-grown");
    scene->facts.disk_size = 0;
    expect(scene, "");
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_era_a),
        cmocka_unit_test(test_eras_b_to_e),
        cmocka_unit_test(test_empty_last_v1_layer),
        cmocka_unit_test(test_era_f_long_layers),
        cmocka_unit_test(test_era_g_chunks),
        cmocka_unit_test(test_eras_h_to_k),
        cmocka_unit_test(test_real_manifest),
        cmocka_unit_test(test_stacked),
        cmocka_unit_test(test_asif),
        cmocka_unit_test(test_bare_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
