/* test_checks.c: the checks of manifest, blobs, sizes, order and seal, each with facts that it must
 * speak on. */
#include "formats/chain.h"
#include "tests/unit/scene.h"

/* --- manifest, format --- */

static void test_media_types(void **state)
{
    (void)state;
    static const char layers[] = CONFIG "," V2(4096) "," NVRAM;
    char text[4000];
    snprintf(text, sizeof text, MANIFEST_OF("", MEDIA_TYPE_OCI_CONFIG, "%s", "%s"), layers,
             NOTES(NOTE(TART_DISK_SIZE, "4096")));
    struct scene *scene = scene_open(text);
    expect(scene, "damage:media-type-missing");
    expect_pull(scene, "", "", "damaged: ");
    scene_close(scene);
    snprintf(text, sizeof text, MANIFEST_OF("\"mediaType\":\"x/y\",", "x/z", "%s", "%s"), layers,
             NOTES(NOTE(TART_DISK_SIZE, "4096")));
    scene = scene_open(text);
    expect(scene, "note:manifest-media-type note:config-media-type");
    expect_pull(scene, "2.0", "", "");
    scene_close(scene);
}

static void test_shape(void **state)
{
    (void)state;
    struct manifest_shape shape = {.sizes = 3};
    struct scene *scene = scene_open(GOOD_V2);
    scene->facts.shape = &shape;
    expect(scene, "damage:manifest-invalid");
    expect_pull(scene, "", "", "3 sizes that are texts");
    shape.sizes = 0;
    expect(scene, "");
    scene_close(scene);
}

/* What is wrong behind the rule that Tart names is told, too. */
static void test_rules_all(void **state)
{
    (void)state;
    expect_of(SIZED(4096, V2(4096) "," CONFIG "," CONFIG),
              "damage:manifest-rules damage:manifest-rules damage:manifest-rules");
    expect_of(SIZED(4096, V2(4096)), "damage:manifest-rules damage:manifest-rules");
    expect_of(SIZED(4096, NVRAM "," V1(4096) "," CONFIG "," NVRAM),
              "damage:manifest-rules damage:manifest-rules obstacle:disk-v1");
    expect_of(SIZED(4096, CONFIG "," CONFIG "," V1(4096) "," NVRAM),
              "damage:manifest-rules obstacle:disk-v1");
    struct scene *scene =
        scene_open(SIZED(4096, CONFIG "," CONFIG "," NVRAM ",{\"mediaType\":\"a/b\",\"size\":1,"
                                      "\"digest\":\"" DIGEST_1 "\"}," V2(4096)));
    expect(scene, "damage:manifest-rules damage:manifest-rules damage:manifest-rules "
                  "obstacle:foreign-layer");
    assert_int_equal(scene->findings.items[2].where.layer, 3); /* rule 5, by the real index */
    scene_close(scene);
}

static void test_annotations_lost(void **state)
{
    (void)state;
    static const char bare[] =
        "{\"mediaType\":\"" TART_TYPE_DISK_V2 "\",\"size\":9,\"digest\":\"" DIGEST_1 "\"}";
    char layers[2000], text[4000];
    snprintf(layers, sizeof layers, "%s,%s,%s,%s,%s", CONFIG, bare, bare, bare, NVRAM);
    snprintf(text, sizeof text, SIZED(4096, "%s"), layers);
    struct scene *scene = scene_open(text);
    expect(scene, "damage:manifest-rules damage:annotation");
    expect_place(scene, "annotation", 1, -1, -1);
    assert_non_null(strstr(finding_named(scene, "annotation")->text, "none of the 3"));
    scene_close(scene);
    snprintf(layers, sizeof layers, "%s,%s,%s,%s,%s", CONFIG, bare, V2(4096), bare, NVRAM);
    snprintf(text, sizeof text, SIZED(4096, "%s"), layers);
    expect_of(text, "damage:manifest-rules damage:annotation damage:annotation damage:annotation "
                    "damage:annotation");
}

static void test_rules_no_tart_has(void **state)
{
    (void)state;
    struct scene *scene = scene_open(SIZED(4096, V2(4096) "," NVRAM));
    expect(scene, "damage:manifest-rules");
    expect_pull(scene, "", "", "rule 1");
    scene_close(scene);
    expect_of(SIZED(4096, CONFIG "," V2(4096)), "damage:manifest-rules");
    expect_of(SIZED(4096, CONFIG "," V1(4096)), "damage:manifest-rules obstacle:disk-v1");
    expect_of(SIZED(4096, CONFIG "," CONFIG "," V2(4096) "," NVRAM), "damage:manifest-rules");
    /* a stacked image whose base has no digest */
    expect_of(SIZED(4096, CONFIG "," V2(4096) "," OVERLAY "," NVRAM),
              "damage:manifest-rules note:stacked");

    scene =
        scene_open(SIZED(4096, CONFIG "," LAYER(TART_TYPE_DISK_V2, 9,
                                                NOTES(NOTE(TART_CONTENT_SIZE, "4096"))) "," NVRAM));
    expect(scene, "damage:manifest-rules damage:annotation");
    expect_place(scene, "manifest-rules", 1, -1, -1);
    scene_close(scene);
}

static void test_rules_only_newest_has(void **state)
{
    (void)state;
    struct scene *scene = scene_open(SIZED(4096, NVRAM "," V2(4096) "," CONFIG));
    expect(scene, "obstacle:manifest-rules");
    expect_pull(scene, "2.0", "2.35", "descriptors must be ordered as config");
    scene_close(scene);
    expect_of(SIZED(4096, NVRAM "," V1(4096) "," CONFIG),
              "obstacle:manifest-rules obstacle:disk-v1");

    scene = scene_open(
        SIZED(8192, CONFIG "," V2(4096) "," V2_WITH(NOTE(TART_CONTENT_SIZE, "4096") "," NOTE(
                        TART_FILE_DIGEST, DIGEST_1)) "," NVRAM));
    expect(scene, "obstacle:manifest-rules");
    expect_place(scene, "manifest-rules", 2, -1, -1);
    scene_close(scene);
}

static void test_foreign_layers(void **state)
{
    (void)state;
    struct scene *scene = scene_open(SIZED(4096, CONFIG "," V2(4096) "," FOREIGN "," NVRAM));
    expect(scene, "obstacle:manifest-rules obstacle:foreign-layer");
    expect_place(scene, "foreign-layer", 2, -1, -1);
    expect_pull(scene, "2.0", "2.35", "Tart after 2.35");
    scene_close(scene);
    scene = scene_open(SIZED(4096, CONFIG "," V1(4096) "," FOREIGN "," NVRAM));
    expect(scene, "obstacle:disk-v1 obstacle:foreign-layer");
    expect_pull(scene, "0.2", "2.31", "disk.v1");
    scene_close(scene);
}

/* What a broken stream's layers say of their order; indexes are the manifest's. */
static void test_layer_order(void **state)
{
    (void)state;
    size_t swapped[] = {1, 0, 2}, straight[] = {0, 1, 2}, extra[] = {1};
    bool sure[] = {true, false};
    const struct {
        struct chain_result order;
        const char *text;
        int64_t layer;
    } rows[] = {
        {{.verdict = CHAIN_ORDERED, .order = swapped, .count = 3}, "one stream: 2, 1, 3", -1},
        {{.verdict = CHAIN_AMBIGUOUS, .order = straight, .count = 3, .other = swapped},
         "two of them: 1-3; and 2, 1, 3",
         -1},
        {{.verdict = CHAIN_BROKEN,
          .order = straight,
          .count = 3,
          .sure = sure,
          .begins = true,
          .ends = true,
          .after = 1},
         "none goes on behind layer 2; what hangs together: 1-2 | 3",
         2},
        {{.verdict = CHAIN_BROKEN, .order = straight, .count = 3}, "can be the first", -1},
        {{.verdict = CHAIN_BROKEN, .extra = extra, .extra_count = 1, .rest_is_whole = true},
         "without layer 2, foreign or there twice, the others make one good stream",
         2},
        {{.verdict = CHAIN_UNDECIDED, .undecided = 2}, "layer 3 does not show", -1},
        {{.verdict = CHAIN_UNDECIDED, .undecided = SIZE_MAX}, "in time", -1},
    };
    struct scene *scene = scene_open(SIZED(4096, CONFIG "," V1(4) "," V1(5) "," V1(6) "," NVRAM));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        scene->facts.order = &rows[i].order;
        expect(scene, "obstacle:disk-v1 damage:layer-order note:layer-size");
        expect_place(scene, "layer-order", rows[i].layer, -1, -1);
        expect_text(scene, "layer-order", rows[i].text);
    }
    /* bytes in the middle of a layer are nothing that an order mends */
    struct blob_fact blob = {.layer = 2, .looked = true, .present = true, .size = 5};
    error_set(&blob.error, ERROR_STREAM_LIMIT, "block 7");
    blob.error.where = (struct error_place){2, 3, -1};
    scene->facts.blobs = &blob;
    scene->facts.blob_count = 1;
    scene->facts.order = &rows[3].order;
    expect(scene, "obstacle:disk-v1 damage:stream-limit damage:layer-order note:layer-size");
    expect_place(scene, "layer-order", 2, -1, -1);
    expect_text(scene, "layer-order", "layer 2 is broken inside");
    scene->facts.blob_count = 0;
    const struct chain_result good = {.verdict = CHAIN_ORDERED, .order = straight, .count = 3};
    scene->facts.order = &good;
    expect(scene, "obstacle:disk-v1 note:layer-size");
    scene_close(scene);
}

/* A layer of another size than all others but the last is not only out of place. */
static void test_layer_cut_short(void **state)
{
    (void)state;
    size_t straight[] = {0, 1, 2, 3};
    bool sure[] = {true, false, true};
    const struct chain_result order = {.verdict = CHAIN_BROKEN,
                                       .order = straight,
                                       .count = 4,
                                       .sure = sure,
                                       .begins = true,
                                       .ends = true,
                                       .after = 1};
    struct scene *scene =
        scene_open(SIZED(4096, CONFIG "," V1(9) "," V1(5) "," V1(9) "," V1(6) "," NVRAM));
    scene->facts.order = &order;
    expect(scene, "obstacle:disk-v1 damage:layer-order note:layer-size");
    expect_text(scene, "layer-order", "layer 2 (which has 5 bytes, others 9: it was cut short)");
    scene_close(scene);
}

static void test_no_image(void **state)
{
    (void)state;
    struct scene *scene = scene_open(SIZED(4096, CONFIG "," V1(4) "," V2(4096) "," NVRAM));
    expect(scene, "damage:manifest-rules damage:disk-mixed");
    expect_pull(scene, "", "", "damaged");
    scene_close(scene);
    expect_of(SIZED(4096, CONFIG "," NVRAM), "damage:manifest-rules damage:disk-empty");
    scene = scene_open(
        SIZED(4096, CONFIG "," V2(4096) "," LAYER(TART_TYPE_DISK_V2, 4, NOTES(CONTENT)) "," NVRAM));
    expect(scene, "damage:manifest-rules damage:annotation");
    expect_place(scene, "annotation", 2, -1, -1);
    scene_close(scene);
    scene = scene_open(MANIFEST(, FOREIGN));
    expect(scene, "obstacle:not-tart");
    scene_close(scene);
}

static void test_annotations_that_are_no_digests(void **state)
{
    (void)state;
    struct scene *scene =
        scene_open(SIZED(4096, CONFIG "," LAYER(TART_TYPE_DISK_V2, 9,
                                                NOTES(NOTE(TART_CONTENT_SIZE, "4096") "," NOTE(
                                                    TART_CONTENT_DIGEST, "md5:1"))) "," NVRAM));
    expect(scene, "damage:annotation");
    expect_place(scene, "annotation", 1, -1, -1);
    scene_close(scene);
    scene = scene_open(SIZED(4096, CONFIG "," V2_WITH(NOTE(TART_CONTENT_SIZE, "4096") "," NOTE(
                                       TART_FILE_DIGEST, "x")) "," NVRAM));
    expect(scene, "damage:annotation");
    expect_place(scene, "annotation", 1, -1, -1);
    scene_close(scene);
}

/* --- blobs --- */

static void test_blobs(void **state)
{
    (void)state;
    struct scene *scene = scene_open(GOOD_V2);
    struct blob_fact facts[] = {
        {.layer = BLOB_FACT_CONFIG, .looked = true, .present = true, .size = 38},
        {.layer = 0, .looked = true, .present = true, .size = 681},
        {.layer = 1, .looked = true, .present = true, .size = 1000},
        {.layer = 2, .looked = true, .present = true, .size = 1000},
        {.layer = 3, .present = true, .size = 33554432},
    };
    scene->facts.blobs = facts;
    scene->facts.blob_count = sizeof facts / sizeof facts[0];
    expect(scene, "");

    facts[0].present = facts[4].present = false;
    expect(scene, "damage:blob-missing damage:blob-missing");
    expect_place(scene, "blob-missing", -1, -1, -1);
    assert_non_null(strstr(scene->findings.items[0].text, DIGEST_2));
    assert_int_equal(scene->findings.items[1].where.layer, 3);
    assert_int_equal(scene->findings.items[1].where.disk_offset, -1);
    expect_pull(scene, "", "", "damaged: the image config");
    facts[0].present = facts[4].present = true;

    facts[3].present = false;
    expect(scene, "damage:blob-missing");
    expect_place(scene, "blob-missing", 2, -1, 536870912);
    facts[3].present = true;

    facts[2].size = 999;
    error_set(&facts[2].error, ERROR_BLOB_SIZE, "said twice");
    expect(scene, "damage:blob-size");
    expect_place(scene, "blob-size", 1, -1, 0);
    facts[2].size = 1000;
    expect(scene, "damage:blob-size");

    error_set(&facts[2].error, ERROR_BLOB_DIGEST, "layer 1: other bytes");
    facts[2].error.where = (struct error_place){1, 1000, -1};
    error_set(&facts[3].error, ERROR_STREAM_BLOCK, "layer 2: block 7 at byte 70");
    facts[3].error.where = (struct error_place){2, 70, 536900000};
    expect(scene, "damage:blob-digest damage:stream-block");
    expect_place(scene, "blob-digest", 1, 1000, -1);
    expect_place(scene, "stream-block", 2, 70, 536900000);
    assert_non_null(strstr(finding_named(scene, "blob-digest")->fix, "--refill"));
    scene_close(scene);
}

/* What is no damage of the image ends the run instead. */
static void test_blob_not_reached(void **state)
{
    (void)state;
    struct scene *scene = scene_open(GOOD_V2);
    struct blob_fact fact = {.layer = 1, .present = true, .size = 1000};
    struct error err;
    error_set(&fact.error, ERROR_IO, "the disk drive failed");
    scene->facts.blobs = &fact;
    scene->facts.blob_count = 1;
    assert_int_equal(checks_run(&scene->facts, &scene->findings, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    scene_close(scene);
}

/* A stream that breaks in a disk.v1 image is an order to look at first. */
static void test_blob_of_v1(void **state)
{
    (void)state;
    struct scene *scene = scene_open(SIZED(4096, CONFIG "," V1(500000000) "," V1(9) "," NVRAM));
    struct blob_fact fact = {.layer = 2, .looked = true, .present = true, .size = 9};
    error_set(&fact.error, ERROR_STREAM_MAGIC, "layer 2: no block begins here");
    fact.error.where = (struct error_place){2, 3, 100};
    scene->facts.blobs = &fact;
    scene->facts.blob_count = 1;
    expect(scene, "obstacle:disk-v1 damage:stream-magic");
    expect_place(scene, "stream-magic", 2, 3, 100);
    assert_non_null(strstr(finding_named(scene, "stream-magic")->fix, "orders"));
    scene_close(scene);
}

/* --- sizes, order, seal --- */

static void test_total(void **state)
{
    (void)state;
    struct scene *scene = scene_open(SIZED(4097, CONFIG "," V2(4096) "," NVRAM));
    expect(scene, "damage:disk-size");
    expect_place(scene, "disk-size", -1, -1, -1);
    expect_pull(scene, "2.0", "", "");
    scene_close(scene);
    expect_of(MANIFEST(, CONFIG "," V2(4096) "," NVRAM), "note:disk-size-absent");
    expect_of(SIZED(-1, CONFIG "," V2(4096) "," NVRAM), "damage:annotation");

    scene = scene_open(SIZED(4096, CONFIG "," V1(77) "," NVRAM));
    scene->facts.disk_read = true;
    scene->facts.disk_size = 4096;
    expect(scene, "obstacle:disk-v1");
    scene->facts.disk_size = 4095;
    expect(scene, "obstacle:disk-v1 damage:disk-size");
    scene_close(scene);
}

static void test_v1_layers_of_another_size(void **state)
{
    (void)state;
    struct scene *scene = scene_open(
        SIZED(4096, CONFIG "," V1(500000000) "," V1(499999999) "," V1(7) "," V1(8) "," NVRAM));
    expect(scene, "obstacle:disk-v1 note:layer-size");
    expect_place(scene, "layer-size", 2, -1, -1);
    scene_close(scene);
    expect_of(SIZED(4096, CONFIG "," V1(500000001) "," NVRAM), "obstacle:disk-v1 note:layer-size");
}

#define OFFSET(length, offset)                                                                     \
    V2_WITH(NOTE(TART_CONTENT_SIZE, #length) "," NOTE(OUR_DISK_OFFSET, #offset))

static void test_offsets(void **state)
{
    (void)state;
    struct scene *scene =
        scene_open(SIZED(12288, CONFIG "," OFFSET(4096, 0) "," OFFSET(8192, 4096) "," NVRAM));
    expect(scene, "");
    scene_close(scene);
    scene = scene_open(SIZED(12288, CONFIG "," OFFSET(8192, 4096) "," OFFSET(4096, 0) "," NVRAM));
    expect(scene, "damage:disk-order");
    expect_place(scene, "disk-order", 1, -1, -1);
    expect_pull(scene, "", "", "damaged: ");
    scene_close(scene);
}

static void test_misplaced(void **state)
{
    (void)state;
    const struct misplaced proved = {1, 0, 4096, true, "blocks of ext4 inodes: 9"};
    const struct misplaced likely = {2, 4096, 0, false, "ends of files: 3"};
    struct scene *scene = scene_open(SIZED(12288, CONFIG "," V2(4096) "," V2(8192) "," NVRAM));
    scene->facts.misplaced = &likely;
    scene->facts.misplaced_count = 1;
    expect(scene, "note:order-doubtful");
    expect_place(scene, "order-doubtful", 2, -1, 4096);
    scene_close(scene);
    scene = scene_open(SIZED(12288, CONFIG "," V2(4096) "," V2(8192) "," NVRAM));
    scene->facts.misplaced = &proved;
    scene->facts.misplaced_count = 1;
    expect(scene, "damage:disk-order");
    expect_place(scene, "disk-order", 1, -1, 0);
    expect_pull(scene, "", "", "damaged: ");
    scene_close(scene);
}

static void test_short_layer_inside(void **state)
{
    (void)state;
    struct scene *scene = scene_open(
        SIZED(1073742336, CONFIG "," V2(536870912) "," V2(512) "," V2(536870912) "," NVRAM));
    expect(scene, "note:order-doubtful");
    expect_place(scene, "order-doubtful", 2, -1, -1);
    scene_close(scene);
    expect_of(SIZED(700000000, CONFIG "," V2(200000000) "," V2(500000000) "," NVRAM),
              "note:order-doubtful");
    /* a long one is not the disk's end */
    expect_of(SIZED(1610612736, CONFIG "," V2(1073741824) "," V2(536870912) "," NVRAM),
              "note:layer-long");
    /* our offset proves that it belongs there */
    expect_of(SIZED(536871424, CONFIG "," OFFSET(512, 0) "," V2(536870912) "," NVRAM), "");
}

static void test_disk_digest(void **state)
{
    (void)state;
    struct scene *scene =
        scene_open(SIZED(4096, CONFIG "," V2_WITH(NOTE(TART_CONTENT_SIZE, "4096") "," NOTE(
                                   TART_FILE_DIGEST, DIGEST_1)) "," NVRAM));
    expect(scene, "");
    scene->facts.has_file_digest = true;
    expect(scene, "damage:disk-digest");
    expect_place(scene, "disk-digest", 1, -1, -1);
    memset(scene->facts.disk_digest.bytes, 0x11, 32);
    expect(scene, "");
    scene_close(scene);
}

static void test_seal(void **state)
{
    (void)state;
    expect_of(MANIFEST(NOTES(NOTE(TART_DISK_SIZE, "4096") "," NOTE(
                           OUR_SOURCE_DIGEST, DIGEST_1) "," NOTE(OUR_SEAL, DIGEST_2)),
                       CONFIG "," V2(4096) "," NVRAM),
              "note:seal-broken");
    /* no claim, nothing to say */
    expect_of(MANIFEST(NOTES(NOTE(TART_DISK_SIZE, "4096") "," NOTE(OUR_SEAL, DIGEST_2)),
                       CONFIG "," V2(4096) "," NVRAM),
              "");
}

static void test_seal_whole(void **state)
{
    (void)state;
    /* The seal is of the manifest without it: print that, hash it, put it in. */
    static const char bare[] = SIZED(4096, CONFIG "," V2(4096) "," NVRAM);
    struct manifest *manifest = NULL;
    struct error err;
    assert_int_equal(manifest_parse(bare, strlen(bare), &manifest, &err), 0);
    struct bytes bytes;
    bytes_init(&bytes, 1u << 20);
    struct digest digest;
    char seal[DIGEST_TEXT_SIZE], text[4000];
    assert_int_equal(manifest_print(manifest, &bytes, &err), 0);
    assert_int_equal(digest_of(bytes.data, bytes.size, &digest, &err), 0);
    digest_print(&digest, seal);
    bytes_done(&bytes);
    manifest_free(manifest);
    snprintf(text, sizeof text,
             MANIFEST(NOTES(NOTE(TART_DISK_SIZE, "4096") "," NOTE(
                          OUR_SOURCE_DIGEST, DIGEST_1) "," NOTE(OUR_SEAL, "%s")),
                      "%s"),
             CONFIG "," V2(4096) "," NVRAM, seal);
    expect_of(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_rules_all),
        cmocka_unit_test(test_annotations_lost),
        cmocka_unit_test(test_rules_no_tart_has),
        cmocka_unit_test(test_rules_only_newest_has),
        cmocka_unit_test(test_foreign_layers),
        cmocka_unit_test(test_no_image),
        cmocka_unit_test(test_annotations_that_are_no_digests),
        cmocka_unit_test(test_blobs),
        cmocka_unit_test(test_blob_not_reached),
        cmocka_unit_test(test_blob_of_v1),
        cmocka_unit_test(test_total),
        cmocka_unit_test(test_v1_layers_of_another_size),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_misplaced),
        cmocka_unit_test(test_short_layer_inside),
        cmocka_unit_test(test_disk_digest),
        cmocka_unit_test(test_layer_order),
        cmocka_unit_test(test_layer_cut_short),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_seal_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
