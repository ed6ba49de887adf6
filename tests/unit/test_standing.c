/* test_standing.c: what images of all kinds are taken for, and what they are said to need. */
#include "convert/fleet/standing.h"

#include "formats/model/auto.h"
#include "tests/unit/golden_manifests.h"
#include "tests/unit/scene.h"

/* An image as a registry's store gives it. */
static void load(const char *text, struct image *ret)
{
    struct error err = ERROR_INIT;
    struct json *tree;
    *ret = (struct image){.tolerant = true, .tart_error = ERROR_INIT};
    ret->raw = bytes_of(text);
    if (digest_of(text, strlen(text), &ret->digest, &err) < 0 ||
        json_parse(text, strlen(text), MANIFEST_SIZE_MAX, &tree, &err) < 0 ||
        manifest_shape_mend(tree, &ret->shape, &err) < 0 ||
        manifest_from_json(tree, &ret->manifest, &err) < 0)
        fail_msg("%s", err.text);
    (void)tart_image_read(ret->manifest, &ret->tart, &ret->tart_error);
}

static void judge(const char *text, const char *tag, const char *template,
                  const struct findings *quick, struct standing *ret)
{
    struct error err = ERROR_INIT;
    AUTO(image_done) struct image image;
    load(text, &image);
    if (standing_judge(&image, tag, template, quick, ret, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(ret->has_digest && digest_equal(&ret->digest, &image.digest));
    assert_int_equal(ret->manifest_size, strlen(text));
}

struct era_case {
    const char *manifest, *era;
    enum need need;
    const char *finding; /* the worst; NULL: none */
};

static const struct era_case eras[] = {
    {GOLDEN_V1_0_11, "v1", NEED_CONVERT, "disk-v1"},
    {GOLDEN_V1_1_9, "v1", NEED_CONVERT, "disk-v1"},
    {GOLDEN_V1_2_0, "v1", NEED_CONVERT, "disk-v1"},
    {GOOD_V2, "v2 (512 MiB)", NEED_NORMALISE, NULL},
    {SIZED(4096, CONFIG "," V2(4096) "," NVRAM), "v2 (512 MiB)", NEED_NORMALISE, NULL},
    {SIZED(536870913, CONFIG "," V2(536870913) "," NVRAM), "v2 (unbounded)", NEED_RECUT,
     "layer-long"},
    {SIZED(500000512, CONFIG "," V2(500000000) "," V2(512) "," NVRAM), "v2 (500000000)", NEED_RECUT,
     "layer-unaligned"},
    {SIZED(1000000000, CONFIG "," V2(500000000) "," V2(500000000) "," NVRAM), "v2 (500000000)",
     NEED_RECUT, "layer-unaligned"},
    {SIZED(2097152, CONFIG "," V2(1048576) "," V2(1048576) "," NVRAM), "v2 (other cut)",
     NEED_NORMALISE, NULL},
    /* obstacles */
    {SIZED(4096, CONFIG "," V2(4096) "," NVRAM "," FOREIGN), "v2 (512 MiB)", NEED_NORMALISE,
     "manifest-rules"},
    /* damage */
    {SIZED(5, CONFIG "," V2(4096) "," NVRAM), "v2 (512 MiB)", NEED_REPAIR, "disk-size"},
    {SIZED(4096, CONFIG "," V2(4096)), "v2 (512 MiB)", NEED_REPAIR, "manifest-rules"},
    {SIZED(4096, CONFIG "," V1(9) "," V2(4096) "," NVRAM), "mixed", NEED_REPAIR, "disk-mixed"},
    {SIZED(4096, CONFIG "," LAYER(TART_TYPE_DISK_V2, 9, ) "," NVRAM), "v2", NEED_REPAIR,
     "annotation"},
    {SIZED(4096, CONFIG "," NVRAM), "unreadable", NEED_REPAIR, "disk-empty"},
    {MANIFEST_OF("", MEDIA_TYPE_OCI_CONFIG, NOTES(NOTE(TART_DISK_SIZE, "4096")),
                 CONFIG "," V2(4096) "," NVRAM),
     "v2 (512 MiB)", NEED_REPAIR, "media-type-missing"},
    {SIZED(4096, CONFIG "," LAYER(TART_TYPE_DISK_V2, "9",
                                  NOTES(CONTENT "," NOTE(TART_CONTENT_SIZE, "4096"))) "," NVRAM),
     "v2 (512 MiB)", NEED_REPAIR, "manifest-invalid"},
    /* what is left alone */
    {MANIFEST("", FOREIGN), "not tart", NEED_NONE_KNOWN, "not-tart"},
    {MANIFEST(NOTES(NOTE(OUR_SALVAGED, "1 of 2") "," NOTE(TART_DISK_SIZE, "4096")),
              CONFIG "," V2(4096) "," NVRAM),
     "v2 (512 MiB)", NEED_NONE_KNOWN, "salvaged"},
};

static void test_eras(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof eras / sizeof eras[0]; i++) {
        const struct era_case *row = &eras[i];
        AUTO(standing_done) struct standing standing;
        judge(row->manifest, NULL, NULL, NULL, &standing);
        const char *finding = standing.finding == NULL ? "none" : standing.finding;
        if (strcmp(standing.era, row->era) != 0 || standing.need != row->need ||
            (row->finding == NULL) != (standing.finding == NULL) ||
            (row->finding != NULL && strcmp(finding, row->finding) != 0))
            fail_msg("row %zu: %s, %s, %s: %s", i, standing.era, need_name(standing.need), finding,
                     standing.why);
        assert_int_equal(standing.why[0] == '\0', row->need == NEED_NOTHING);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    AUTO(standing_done) struct standing standing, stacked;
    judge(GOLDEN_V1_1_9, NULL, NULL, NULL, &standing);
    assert_true(standing.has_disk_size);
    assert_int_equal(standing.disk_size, 53687091200);
    assert_int_equal(standing.encoded_size, 623456789);
    assert_int_equal(standing.layer_count, 2);
    assert_int_equal(standing.blob_count, 5);
    static const enum blob_role roles[] = {ROLE_OTHER, ROLE_OTHER, ROLE_DISK, ROLE_DISK,
                                           ROLE_OTHER};
    assert_memory_equal(standing.roles, roles, sizeof roles);
    assert_int_equal(standing.blobs[4].size, 33554432);
    assert_false(standing.backup || standing.sealed || standing.has_source || standing.salvaged);
    judge(GOLDEN_STACKED, NULL, NULL, NULL, &stacked);
    assert_string_equal(stacked.era, "stacked");
    assert_int_equal(stacked.need, NEED_NONE_KNOWN);
    assert_true(stacked.has_disk_size);
}

/* Layers that are one blob count once among the blobs, and by position in the size; one that can
 * hold little but zeros is told. */
static void test_blobs(void **state)
{
    (void)state;
    AUTO(standing_done) struct standing standing;
    judge(SIZED(1073741824, CONFIG "," V2(536870912) "," V2(536870912) "," NVRAM), NULL, NULL, NULL,
          &standing);
    assert_int_equal(standing.encoded_size, 2000);
    assert_int_equal(standing.blob_count, 2);
    assert_int_equal(standing.roles[0], ROLE_OTHER); /* the config comes first */
    static const char zeros[] =
        SIZED(536870912, "{\"mediaType\":\"" TART_TYPE_DISK_V2 "\",\"size\":5368709,\"digest\":"
                         "\"" DIGEST_1 "\"" NOTES(CONTENT "," NOTE(TART_CONTENT_SIZE, "%s")) "}");
    static const struct {
        const char *length;
        enum blob_role role;
    } rows[] = {{"536871100", ROLE_ZEROS}, {"536870912", ROLE_DISK}, {"9", ROLE_DISK}};
    for (size_t i = 0; i < 3; i++) {
        char text[sizeof zeros + 20];
        AUTO(standing_done) struct standing other;
        snprintf(text, sizeof text, zeros, rows[i].length);
        judge(text, NULL, NULL, NULL, &other);
        assert_int_equal(other.blob_count, 2);
        assert_int_equal(other.roles[1], rows[i].role);
    }
}

static struct blob_id blob_of(uint8_t byte)
{
    struct blob_id id = {.has_digest = true, .size = 100};
    memset(id.digest.bytes, byte, sizeof id.digest.bytes);
    return id;
}

/* As normalise makes one. */
static void make_ours(bool plain, struct bytes *ret)
{
    struct error err = ERROR_INIT;
    struct disk_layer layer = {
        .blob = blob_of(1), .length = 4096, .content = blob_of(2).digest, .has_content = true};
    const struct disk disk = {
        .format = DISK_V2, .layers = &layer, .layer_count = 1, .has_size = true, .size = 4096};
    const struct digest disk_digest = blob_of(3).digest, source = blob_of(4).digest;
    const struct tart_parts parts = {.image_config = blob_of(5),
                                     .vm_config = blob_of(6),
                                     .nvram = blob_of(7),
                                     .disk = &disk,
                                     .disk_digest = &disk_digest,
                                     .source_digest = &source,
                                     .upload_time = "2026-03-20T00:00:00Z",
                                     .plain = plain};
    bytes_init(ret, MANIFEST_SIZE_MAX);
    if (tart_manifest_make(&parts, ret, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_ours(void **state)
{
    (void)state;
    struct error err;
    AUTO(bytes_done) struct bytes ours, plain;
    AUTO(standing_done) struct standing standing, other, broken;
    make_ours(false, &ours);
    judge(bytes_text(&ours, &err), NULL, NULL, NULL, &standing);
    assert_string_equal(standing.era, "v2 (tartconv)");
    assert_int_equal(standing.need, NEED_NOTHING);
    assert_true(standing.sealed && standing.has_source);
    const struct digest source = blob_of(4).digest;
    assert_true(digest_equal(&standing.source, &source));
    make_ours(true, &plain);
    judge(bytes_text(&plain, &err), NULL, NULL, NULL, &other);
    assert_string_equal(other.era, "v2 (512 MiB)");
    assert_int_equal(other.need, NEED_NORMALISE);
    assert_false(other.sealed || other.has_source);
    /* with a broken seal the note on the source does not count */
    char *text = strdup(bytes_text(&ours, &err));
    char *digit = strstr(text, "2026-03-20");
    assert_non_null(digit);
    digit[9] = '1';
    judge(text, NULL, NULL, NULL, &broken);
    assert_false(broken.sealed || broken.has_source);
    assert_int_equal(broken.need, NEED_NORMALISE);
    free(text);
}

static void test_backup(void **state)
{
    (void)state;
    char name[64], hex[DIGEST_TEXT_SIZE];
    AUTO(standing_done) struct standing first, standing, other, own;
    judge(GOOD_V2, "latest", NULL, NULL, &first);
    assert_false(first.backup);
    digest_print_hex(&first.digest, hex);
    snprintf(name, sizeof name, "latest-before-%.8s", hex);
    judge(GOOD_V2, name, NULL, NULL, &standing);
    assert_true(standing.backup);
    judge(GOOD_V2, "latest-before-00000000", NULL, NULL, &other);
    assert_false(other.backup);
    judge(GOOD_V2, name, "old-{digest8}", NULL, &own);
    assert_false(own.backup);
}

/* What the quick look found counts in place of what the manifest tells. */
static void test_quick(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO(findings_done) struct findings quick = {.items = NULL};
    AUTO(standing_done) struct standing sound, damaged;
    judge(GOOD_V2, NULL, NULL, &quick, &sound);
    assert_int_equal(sound.need, NEED_NORMALISE);
    char long_text[400];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    const struct error_place nowhere = {-1, -1, -1};
    assert_int_equal(findings_add(&quick, "some-note", SEVERITY_NOTE, nowhere, "", &err, "n"), 0);
    assert_int_equal(
        findings_add(&quick, "blob-missing", SEVERITY_DAMAGE, nowhere, "", &err, "%s", long_text),
        0);
    judge(GOOD_V2, NULL, NULL, &quick, &damaged);
    assert_int_equal(damaged.need, NEED_REPAIR);
    assert_string_equal(damaged.finding, "blob-missing");
    assert_int_equal(strlen(damaged.why), sizeof damaged.why - 1);
    assert_string_equal(damaged.why + sizeof damaged.why - 5, "x...");
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        enum error_class class;
        bool tells;
        enum need need;
        const char *finding;
    } rows[] = {
        {ERROR_JSON_SYNTAX, true, NEED_REPAIR, "json-syntax"},
        {ERROR_MANIFEST_INVALID, true, NEED_REPAIR, "manifest-invalid"},
        {ERROR_BLOB_MISSING, true, NEED_REPAIR, "blob-missing"},
        {ERROR_NOT_TART, true, NEED_NONE_KNOWN, NULL},
        {ERROR_UNSUPPORTED, true, NEED_NONE_KNOWN, NULL},
        {ERROR_UNREACHABLE, false, NEED_NOTHING, NULL},
        {ERROR_CREDENTIALS, false, NEED_NOTHING, NULL},
        {ERROR_NO_SUCH_TAG, false, NEED_NOTHING, NULL},
        {ERROR_MEMORY, false, NEED_NOTHING, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error;
        struct standing standing;
        error_set(&error, rows[i].class, "so it is");
        assert_int_equal(standing_of_error(&error, &standing), rows[i].tells);
        if (!rows[i].tells)
            continue;
        assert_int_equal(standing.need, rows[i].need);
        assert_string_equal(standing.why, "so it is");
        assert_string_equal(standing.era, rows[i].finding == NULL ? "not tart" : "unreadable");
        assert_string_equal(standing.finding == NULL ? "" : standing.finding,
                            rows[i].finding == NULL ? "" : rows[i].finding);
        standing_done(&standing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eras),   cmocka_unit_test(test_sizes),  cmocka_unit_test(test_blobs),
        cmocka_unit_test(test_ours),   cmocka_unit_test(test_backup), cmocka_unit_test(test_quick),
        cmocka_unit_test(test_errors),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
