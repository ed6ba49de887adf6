/* test_dir.c: dir:, skopeo's folders, as a source and as a destination. */
#include "tests/unit/layout_fixture.h"

#define VERSION "Directory Transport Version: 1.1\n"

static const struct store_options replacing = {.replace = true};

static void test_round(void **state)
{
    (void)state;
    must_publish("d", NULL, "first", &no_options);
    assert_image("d", NULL, "first");
    assert_file_is(in_tempdir("d/version"), VERSION);
    assert_int_equal(count_names(in_tempdir("d")), 2 + 4);
    assert_int_equal(count_names(tempdir), 1);

    /* Into an empty folder. */
    assert_int_equal(mkdir(in_tempdir("e"), 0777), 0);
    must_publish("e", NULL, "x", &no_options);
    assert_image("e", NULL, "x");

    /* Without publishing: nothing. */
    struct error err;
    struct bytes manifest;
    struct store *store = destination("f", NULL, &no_options);
    assert_int_equal(put_image(store_sink(store), "x", &manifest, &err), 0);
    store_close(store);
    bytes_done(&manifest);
    assert_int_equal(count_names(tempdir), 2);
}

static void test_blobs(void **state)
{
    (void)state;
    struct error err;
    struct blob_id id;
    struct bytes back, manifest;
    struct store *store = destination("d", NULL, &no_options);
    assert_null(store_disk_file(store));
    assert_int_equal(store_uploads(store), 0);
    assert_int_equal(sink_put(store_sink(store), "abc", 3, &id, &err), 0);
    assert_int_equal(sink_put(store_sink(store), "abc", 3, &id, &err), 0);
    assert_int_equal(sink_has(store_sink(store), &id, &err), 1);
    bytes_init(&back, 3);
    assert_int_equal(blobs_read_all(store_blobs(store), &id, &back, &err), 0);
    assert_memory_equal(back.data, "abc", 3);
    bytes_done(&back);

    /* A manifest whose blobs are not there is not published. */
    assert_int_equal(put_image(store_sink(store), "x", &manifest, &err), 0);
    store_close(store);
    store = destination("d", NULL, &no_options);
    struct publication publication = {.manifest = &manifest};
    assert_int_equal(store_stage(store, &publication, NULL, NULL, &err), 1);
    assert_int_equal(store_publish(store, &publication, &err), -1);
    assert_int_equal(err.class, ERROR_BLOB_MISSING);
    store_close(store);
    bytes_done(&manifest);
    assert_int_equal(count_names(tempdir), 0);
}

static void assert_refused(const char *name, const struct store_options *options,
                           enum error_class class, const char *reason)
{
    struct error err;
    assert_null(open_layout(name, NULL, true, options, &err));
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
}

static void test_replaced(void **state)
{
    (void)state;
    must_publish("d", NULL, "first", &no_options);
    assert_refused("d", &no_options, ERROR_EXISTS, "--replace");
    must_publish("d", NULL, "second", &replacing);
    assert_image("d", NULL, "second");
    assert_int_equal(count_names(in_tempdir("d")), 2 + 4);
    assert_int_equal(count_names(tempdir), 1);

    /* What holds anything else is not ours. */
    put_text(in_tempdir("d/notes.txt"), "mine");
    assert_refused("d", &replacing, ERROR_DESTINATION, "notes.txt");
    unlink(in_tempdir("d/notes.txt"));
    unlink(in_tempdir("d/version"));
    assert_refused("d", &replacing, ERROR_DESTINATION, "is no folder of skopeo's");
    put_text(in_tempdir("e"), "a file");
    assert_refused("e", &replacing, ERROR_DESTINATION, "Not a directory");
    assert_int_equal(count_names(tempdir), 2);
}

static void test_leftovers(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_tempdir(".tartconv-abcdef"), 0777), 0);
    put_text(in_tempdir(".tartconv-abcdef/version"), VERSION);
    put_text(in_tempdir(".tartconv-abcdef/manifest.json"), "{}");
    put_text(in_tempdir(".tartconv-abcdef/%064d", 0), "blob");
    put_text(in_tempdir(".tartconv-abcdef/.tartconv-abcdef"), "half a blob");
    must_publish("d", NULL, "x", &no_options);
    assert_int_equal(count_names(tempdir), 1);
}

static void test_source_refused(void **state)
{
    (void)state;
    assert_load_fails(NULL, ERROR_NO_SUCH_IMAGE, "No such file");
    make_layout(MARKER, "{}");
    assert_load_fails(NULL, ERROR_NO_SUCH_IMAGE, "oci:DIR");
    unlink(in_tempdir("d/oci-layout"));
    put_text(in_tempdir("d/config.json"), "{}");
    assert_load_fails(NULL, ERROR_NO_SUCH_IMAGE, "vm:DIR");
    put_text(in_tempdir("d/version"), "Directory Transport Version: 1.1");
    assert_load_fails(NULL, ERROR_UNSUPPORTED, "only 1.1");
    put_text(in_tempdir("d/version"), "Directory Transport Version: 2.0\n");
    assert_load_fails(NULL, ERROR_UNSUPPORTED, "2.0");
    put_text(in_tempdir("d/version"), "7\n");
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "does not begin");
    put_text(in_tempdir("d/version"), VERSION);
    assert_load_fails(NULL, ERROR_LAYOUT_INVALID, "manifest.json");
    put_text(in_tempdir("d/manifest.json"), "{");
    assert_load_fails(NULL, ERROR_JSON_SYNTAX, "byte");
    put_text(in_tempdir("d/manifest.json"), "{\"schemaVersion\":2,\"manifests\":[]}");
    assert_load_fails(NULL, ERROR_UNSUPPORTED, "several manifests");
    put_text(in_tempdir("d/manifest.json"),
             "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_INDEX "\"}");
    assert_load_fails(NULL, ERROR_UNSUPPORTED, "several manifests");
    assert_int_equal(truncate(in_tempdir("d/manifest.json"), 5 << 20), 0);
    assert_load_fails(NULL, ERROR_MANIFEST_INVALID, "limit");
    unlink(in_tempdir("d/manifest.json"));
    assert_int_equal(symlink("version", in_tempdir("d/manifest.json")), 0);
    assert_load_fails(NULL, ERROR_MANIFEST_INVALID, "symbolic link");
}

/* Blobs that are gone, or lead elsewhere. */
static void test_bad_blobs(void **state)
{
    (void)state;
    struct error err;
    struct image image;
    must_publish("d", NULL, "x", &no_options);
    AUTO(store_close_auto) struct store *store = open_layout("d", NULL, false, &no_options, &err);
    assert_int_equal(store_load(store, &image, &err), 0);
    assert_int_equal(store_unmoved(store, &err), 1);
    char hex[DIGEST_TEXT_SIZE];
    digest_print_hex(&image.nvram.digest, hex);
    assert_int_equal(rename(in_tempdir("d/%s", hex), in_tempdir("outside")), 0);
    struct blob *blob;
    assert_int_equal(blobs_open(image.blobs, &image.nvram, &blob, &err), -1);
    assert_int_equal(err.class, ERROR_BLOB_MISSING);
    assert_int_equal(symlink("../outside", in_tempdir("d/%s", hex)), 0);
    assert_int_equal(blobs_open(image.blobs, &image.nvram, &blob, &err), -1);
    assert_int_equal(err.class, ERROR_LAYOUT_INVALID);
    image_done(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round),     TEST(test_blobs),          TEST(test_replaced),
        TEST(test_leftovers), TEST(test_source_refused), TEST(test_bad_blobs),
    };
    transport_word = "dir";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
