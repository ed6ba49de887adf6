/* test_layout.c: oci: layouts as sources: what is chosen, and hostile content. Writing them:
 * test_layout_write.c. */
#include "tests/unit/layout_fixture.h"

static void test_many_names(void **state)
{
    (void)state;
    make_layout(MARKER, "");
    char entries[10000] = "";
    for (int i = 0; i < 25; i++)
        snprintf(entries + strlen(entries), sizeof entries - strlen(entries),
                 "%s{\"digest\":\"sha256:%064d\",\"size\":1,\"annotations\":{\"org.opencontainers."
                 "image.ref.name\":\"tag%d\"}}",
                 i == 0 ? "" : ",", i, i);
    put_index(entries);
    assert_load_fails("none", ERROR_NO_SUCH_TAG,
                      "tag0, tag1, tag2, tag3, tag4, tag5, tag6, tag7, tag8, tag9 and 15 more");
    assert_load_fails(NULL, ERROR_NO_SUCH_TAG, "25 entries");
}

static void test_no_layout(void **state)
{
    (void)state;
    assert_load_fails(NULL, ERROR_NO_SUCH_IMAGE, "No such file");
    assert_int_equal(mkdir(in_tempdir("d"), 0777), 0);
    assert_load_fails(NULL, ERROR_NO_SUCH_IMAGE, "no file oci-layout");
    put_text(in_tempdir("d/config.json"), "{}");
    assert_load_fails(NULL, ERROR_NO_SUCH_IMAGE, "vm:DIR");
    put_text(in_tempdir("d/oci-layout"), MARKER);
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "index.json");
    make_layout("1.0.0", "{}");
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "oci-layout");
    make_layout("{\"imageLayoutVersion\":\"1.1.0\"}", "{}");
    assert_load_fails(NULL, ERROR_UNSUPPORTED, "1.1.0");
    const char *const bad[] = {"",
                               "[]",
                               "{}",
                               "{\"schemaVersion\":1,\"manifests\":[]}",
                               "{\"schemaVersion\":2}",
                               "{\"schemaVersion\":2,\"manifests\":{}}",
                               "{\"schemaVersion\":2,\"manifests\":[1]}",
                               "{\"schemaVersion\":2,\"manifests\":[]}x",
                               "{\"schemaVersion\":2,\"mediaType\":\"x\",\"manifests\":[]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        make_layout(MARKER, bad[i]);
        assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "index.json");
    }
    put_index("");
    assert_load_fails(NULL, ERROR_NO_SUCH_IMAGE, "holds no image");
    assert_load_fails("t", ERROR_NO_SUCH_TAG, "none");
    assert_int_equal(truncate(in_tempdir("d/index.json"), 5 << 20), 0);
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "limit");
    unlink(in_tempdir("d/index.json"));
    assert_int_equal(mkfifo(in_tempdir("d/index.json"), 0600), 0);
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "not a regular file");
}

static void test_bad_entries(void **state)
{
    (void)state;
    make_layout(MARKER, "");
    put_index("{\"size\":1}");
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "digest");
    put_index("{\"digest\":\"sha256:../../../../etc/passwd\",\"size\":1}");
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "64 hex");
    char entry[600];
    snprintf(entry, sizeof entry, "{\"digest\":\"sha256:%064d\",\"size\":\"1\"}", 1);
    put_index(entry);
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "no size");
    snprintf(entry, sizeof entry, "{\"digest\":\"sha256:%064d\",\"size\":1}", 1);
    put_index(entry);
    assert_load_fails(NULL, ERROR_BLOB_MISSING, "sha256:00");
    snprintf(entry, sizeof entry, "{\"digest\":\"sha256:%064d\",\"size\":4194305}", 1);
    put_index(entry);
    assert_load_fails(NULL, ERROR_MANIFEST_INVALID, "limit 4194304");

    const char *good = put_blob("{}", MEDIA_TYPE_OCI_MANIFEST);
    snprintf(entry, sizeof entry, "%s}", good);
    put_index(entry);
    assert_load_fails(NULL, ERROR_MANIFEST_INVALID, "manifest sha256:");
    char path[1200];
    snprintf(path, sizeof path, "%s/d/blobs/sha256/%.64s", tempdir, strstr(good, "sha256:") + 7);
    put_text(path, "{ }");
    assert_load_fails(NULL, ERROR_MANIFEST_DIGEST, "3 bytes");
    put_text(path, "[]");
    assert_load_fails(NULL, ERROR_MANIFEST_DIGEST, "digest");
    unlink(path);
    put_text(in_tempdir("outside"), "{}");
    assert_int_equal(symlink("../../../outside", path), 0);
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "symbolic link");
    unlink(path);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "not a regular file");

    snprintf(entry, sizeof entry,
             "%s,\"annotations\":{\""
             "org.opencontainers.image.ref.name\":\"t\"}},{\"digest\":\""
             "sha256:%064d\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\""
             "t\"}}",
             good, 1);
    put_index(entry);
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "twice");
}

static void test_not_tart(void **state)
{
    (void)state;
    make_layout(MARKER, "");
    char entry[600];
    snprintf(entry, sizeof entry, "%s}",
             put_blob("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a\",\"digest\":\"sha256:"
                      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":"
                      "0},\"layers\":[]}",
                      MEDIA_TYPE_OCI_MANIFEST));
    put_index(entry);
    struct error err;
    struct image image;
    AUTO(store_close_auto) struct store *store = open_layout("d", NULL, false, &no_options, &err);
    assert_int_equal(store_load(store, &image, &err), 0);
    assert_non_null(image.manifest);
    assert_null(image.tart);
    assert_null(image_disk(&image));
    assert_int_equal(image.tart_error.class, ERROR_NOT_TART);
    assert_false(image.has_vm_config || image.has_nvram);
    assert_int_equal(image.raw.data[0], '{');
    image_done(&image);
}

/* OCI indexes inside the index: one Tart image among other things. */
static void test_nested(void **state)
{
    (void)state;
    must_publish("d", NULL, "inner", &no_options);
    char *tart = get_entries();
    char text[8000], entry[600];
    const char *other = put_blob("{\"other\":1}", MEDIA_TYPE_OCI_MANIFEST);

    snprintf(text, sizeof text, INDEX, "");
    snprintf(entry, sizeof entry, "%s}", put_blob(text, MEDIA_TYPE_OCI_INDEX));
    put_index(entry);
    assert_load_fails(NULL, ERROR_NOT_TART, "none of its entries");

    int used = snprintf(text, sizeof text, "{\"schemaVersion\":2,\"manifests\":[");
    snprintf(text + used, sizeof text - (size_t)used, "%s},%s,%s]}", other, tart, tart);
    snprintf(entry, sizeof entry, "%s}",
             put_blob(text, "application/vnd.docker.distribution.manifest.list.v2+json"));
    put_index(entry);
    assert_image("d", NULL, "inner");

    /* Indexes in indexes, to a depth that is bounded. */
    for (int depth = 2; depth <= 5; depth++) {
        snprintf(text, sizeof text, INDEX, entry);
        snprintf(entry, sizeof entry, "%s}", put_blob(text, MEDIA_TYPE_OCI_INDEX));
        put_index(entry);
        if (depth <= 4)
            assert_image("d", NULL, "inner");
        else
            assert_load_fails(NULL, ERROR_UNSUPPORTED, "deeper");
    }

    /* Absent manifests do no harm beside the one; alone they are named. */
    char absent[200];
    snprintf(absent, sizeof absent, "{\"digest\":\"sha256:%064d\",\"size\":1}", 1);
    snprintf(text, sizeof text, INDEX, absent);
    snprintf(entry, sizeof entry, "%s}", put_blob(text, MEDIA_TYPE_OCI_INDEX));
    put_index(entry);
    assert_load_fails(NULL, ERROR_BLOB_MISSING, "1 of its manifests");
    snprintf(text, sizeof text, "{\"schemaVersion\":2,\"manifests\":[%s,%s]}", absent, tart);
    snprintf(entry, sizeof entry, "%s}", put_blob(text, MEDIA_TYPE_OCI_INDEX));
    put_index(entry);
    assert_image("d", NULL, "inner");

    /* Two different ones. */
    put_index(tart);
    must_publish("d", "u", "second", &no_options);
    char *both = get_entries();
    snprintf(text, sizeof text, INDEX, both);
    snprintf(entry, sizeof entry, "%s}", put_blob(text, MEDIA_TYPE_OCI_INDEX));
    put_index(entry);
    assert_load_fails(NULL, ERROR_UNSUPPORTED, "more than one");
    free(both);
    free(tart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many_names), TEST(test_no_layout), TEST(test_bad_entries),
        TEST(test_not_tart),   TEST(test_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
