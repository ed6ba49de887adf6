/* test_rawfile.c: raw: as a source and as a destination. */
#include "tests/unit/disk_fixture.h"

static void make_sparse(const char *path)
{
    static uint8_t data[MIB];
    memset(data, 'a', sizeof data);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(pwrite(fd, data, MIB, 0), MIB);
    assert_int_equal(pwrite(fd, data, MIB - 1, 2 * MIB), MIB - 1);
    close(fd);
}

static void test_raw_blob(void **state)
{
    (void)state;
    struct error err;
    struct image image;
    make_sparse(in_tempdir("disk"));
    struct store *store = source_open("raw", in_tempdir("disk"), &no_options);
    assert_int_equal(store_load(store, &image, &err), 0);
    assert_false(image.has_vm_config || image.has_nvram);
    struct blob *blob;
    assert_int_equal(blobs_open(image.blobs, &image.disk.layers[0].blob, &blob, &err), 0);
    assert_true(blob_can_seek(blob));
    assert_int_equal(blob->size, 3 * MIB - 1);

    uint64_t length, mapped = 0, holes = 0;
    bool hole;
    while (mapped < blob->size) {
        assert_int_equal(blob_map(blob, mapped, &length, &hole, &err), 0);
        assert_in_range(length, 1, blob->size - mapped);
        mapped += length;
        holes += hole ? length : 0;
    }
    assert_int_equal(mapped, blob->size);
    assert_true(holes == MIB || holes == 0); /* 0: a file system without holes */

    uint8_t around[4];
    assert_int_equal(blob_read_at(blob, MIB - 2, around, 4, &err), 0);
    assert_memory_equal(around, "aa\0\0", 4);
    assert_int_equal(blob_read_at(blob, blob->size - 3, around, 4, &err), -1);

    const uint8_t *piece;
    size_t size;
    uint64_t streamed = 0;
    int status;
    while ((status = blob_peek(blob, &piece, &size, &err)) > 0) {
        size_t step = size > 1000 ? size - 999 : size; /* peeks that go on where the last stopped */
        assert_int_equal(piece[0], streamed / MIB == 1 ? 0 : 'a');
        blob_skip(blob, step);
        streamed += step;
    }
    assert_int_equal(status, 0);
    assert_int_equal(streamed, blob->size);
    blob_close(blob);

    /* Loaded, then shortened: an error, never zeros. */
    assert_int_equal(truncate(in_tempdir("disk"), MIB), 0);
    assert_int_equal(blobs_open(image.blobs, &image.disk.layers[0].blob, &blob, &err), 0);
    assert_int_equal(blob_map(blob, MIB + 5, &length, &hole, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_int_equal(blob_read_at(blob, MIB - 2, around, 4, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    blob_close(blob);
    image_done(&image);
    store_close(store);
}

static void test_raw_source_refused(void **state)
{
    (void)state;
    put_text(in_tempdir("disk"), "disk");
    assert_load_fails("raw", in_tempdir("none"), &no_options, ERROR_NO_SUCH_FILE, "none");
    assert_load_fails("raw", tempdir, &no_options, ERROR_NO_SUCH_FILE, "vm:");
    assert_load_fails("raw", "/dev/null", &no_options, ERROR_NO_SUCH_FILE, "neither");
    assert_int_equal(mkfifo(in_tempdir("fifo"), 0600), 0);
    assert_load_fails("raw", in_tempdir("fifo"), &no_options, ERROR_NO_SUCH_FILE, "neither");
    struct store_options options = {.vm_config = in_tempdir("none")};
    assert_load_fails("raw", in_tempdir("disk"), &options, ERROR_NO_SUCH_FILE, "vm config");
    options = (struct store_options){.vm_nvram = "/dev/zero"};
    assert_load_fails("raw", in_tempdir("disk"), &options, ERROR_UNSUPPORTED, "NVRAM");
    struct error err;
    struct store *store;
    struct reference reference = reference_of("vm", tempdir);
    assert_int_equal(store_open_source(&reference, &options, &store, &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
    reference_done(&reference);
}

static void test_raw_destination(void **state)
{
    (void)state;
    struct error err;
    struct store_options options = {.vm_config = strdup(in_tempdir("c")),
                                    .vm_nvram = strdup(in_tempdir("n"))};
    struct store *store = destination_open("raw", in_tempdir("disk"), &options);
    assert_false(exists(in_tempdir("disk")));
    assert_int_equal(write_disk(store, 100 * MIB, true, &err), 0);
    store_close(store);
    size_t size;
    char *disk = get_file(in_tempdir("disk"), &size);
    assert_int_equal(size, 100 * MIB);
    assert_memory_equal(disk, "\0\0new\0", 6);
    free(disk);
    struct stat stat;
    assert_int_equal(lstat(in_tempdir("disk"), &stat), 0);
    assert_true(stat.st_blocks < 2048);
    assert_file_is(in_tempdir("c"), "new config");
    assert_file_is(in_tempdir("n"), "new nvram");
    assert_int_equal(count_names(tempdir), 3);

    assert_destination_fails("raw", in_tempdir("disk"), &no_options, ERROR_EXISTS, "--replace");
    assert_destination_fails("raw", in_tempdir("disk2"), &options, ERROR_EXISTS, "/c is there");
    options.replace = true;
    store = destination_open("raw", in_tempdir("disk"), &options);
    assert_int_equal(write_disk(store, 5, false, &err), 0);
    store_close(store);
    disk = get_file(in_tempdir("disk"), &size);
    assert_int_equal(size, 5);
    free(disk);
    assert_file_is(in_tempdir("c"), "new config");

    store = destination_open("raw", in_tempdir("disk3"), &no_options);
    assert_int_equal(disk_file_write_at(store_disk_file(store), 0, "x", 1, &err), 0);
    store_close(store);
    assert_int_equal(count_names(tempdir), 3);

    /* What came meanwhile is not replaced. */
    store = destination_open("raw", in_tempdir("disk4"), &no_options);
    put_text(in_tempdir("disk4"), "other");
    assert_int_equal(write_disk(store, 5, false, &err), -1);
    assert_int_equal(err.class, ERROR_EXISTS);
    store_close(store);
    assert_file_is(in_tempdir("disk4"), "other");
    assert_int_equal(count_names(tempdir), 4);
    free((char *)options.vm_config);
    free((char *)options.vm_nvram);
}

static void test_raw_destination_refused(void **state)
{
    (void)state;
    struct store_options replace = {.replace = true};
    assert_int_equal(mkfifo(in_tempdir("fifo"), 0600), 0);
    assert_destination_fails("raw", in_tempdir("fifo"), &replace, ERROR_DESTINATION, "no regular");
    assert_destination_fails("raw", tempdir, &replace, ERROR_DESTINATION, "no regular file");
    assert_destination_fails("raw", in_tempdir("x/"), &replace, ERROR_DESTINATION, "folder");
    assert_destination_fails("raw", in_tempdir("a/b"), &replace, ERROR_DESTINATION, "No such");
    assert_destination_fails("raw", "..", &replace, ERROR_DESTINATION, "last name");
    assert_int_equal(symlink("nowhere", in_tempdir("link")), 0);
    assert_destination_fails("raw", in_tempdir("link"), &replace, ERROR_DESTINATION, "no regular");
    replace.vm_config = in_tempdir("./d");
    assert_destination_fails("raw", in_tempdir("d"), &replace, ERROR_USAGE, "a file each");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_raw_blob),
        TEST(test_raw_source_refused),
        TEST(test_raw_destination),
        TEST(test_raw_destination_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
