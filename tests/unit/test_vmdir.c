/* test_vmdir.c: vm: and raw:, as sources and as destinations, and the temporaries of both. */
#include "tests/unit/tempdir.h"

#include "convert/stores/store.h"
#include "convert/stores/temporary.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MIB (1u << 20)

/* The linker puts this before libc's: file systems without RENAME_NOREPLACE and RENAME_EXCHANGE can
 * be played. */
static bool without_rename_flags;
int __real_renameat2(int from, const char *old, int to, const char *new, unsigned flags);
int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags);
int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    if (!without_rename_flags)
        return __real_renameat2(from, old, to, new, flags);
    errno = EINVAL;
    return -1;
}

static const struct store_options no_options;

static struct reference reference_of(const char *transport, const char *path)
{
    char text[1200];
    struct error err;
    struct reference reference;
    snprintf(text, sizeof text, "%s:%s", transport, path);
    assert_int_equal(reference_parse(text, &reference, &err), 0);
    return reference;
}

static struct store *source_open(const char *transport, const char *path,
                                 const struct store_options *options)
{
    struct error err;
    struct store *store;
    struct reference reference = reference_of(transport, path);
    assert_int_equal(store_open_source(&reference, options, &store, &err), 0);
    reference_done(&reference);
    return store;
}

static struct store *destination_open(const char *transport, const char *path,
                                      const struct store_options *options)
{
    struct error err;
    struct store *store;
    struct reference reference = reference_of(transport, path);
    if (store_open_destination(&reference, options, &store, &err) < 0)
        fail_msg("%s", err.text);
    reference_done(&reference);
    return store;
}

static void assert_load_fails(const char *transport, const char *path,
                              const struct store_options *options, enum error_class class,
                              const char *reason)
{
    struct error err;
    struct image image;
    struct store *store = source_open(transport, path, options);
    assert_int_equal(store_load(store, &image, &err), -1);
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    image_done(&image);
    store_close(store);
}

static void assert_destination_fails(const char *transport, const char *path,
                                     const struct store_options *options, enum error_class class,
                                     const char *reason)
{
    struct error err;
    struct store *store;
    struct reference reference = reference_of(transport, path);
    assert_int_equal(store_open_destination(&reference, options, &store, &err), -1);
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    reference_done(&reference);
}

static void make_vm(const char *name)
{
    assert_int_equal(mkdir(in_tempdir("%s", name), 0777), 0);
    put_text(in_tempdir("%s/config.json", name), "{\"os\":\"linux\"}");
    put_text(in_tempdir("%s/nvram.bin", name), "nvram");
    put_text(in_tempdir("%s/disk.img", name), "old disk");
}

static void test_vm_source(void **state)
{
    (void)state;
    struct error err;
    make_vm("vm");
    put_text(in_tempdir("vm/manifest.json"), "{}");
    put_text(in_tempdir("vm/.explicitly-pulled"), "");
    struct image image;
    struct store *store = source_open("vm", in_tempdir("vm"), &no_options);
    assert_int_equal(store_load(store, &image, &err), 0);
    assert_null(image.manifest);
    assert_null(image.tart);
    assert_ptr_equal(image_disk(&image), &image.disk);
    assert_int_equal(image.disk.format, DISK_RAW);
    assert_int_equal(image.disk.layer_count, 1);
    assert_int_equal(image.disk.size, 8);
    assert_true(image.disk.has_size);
    assert_false(image.disk.layers[0].blob.has_digest);
    assert_true(image.has_vm_config && image.has_nvram);
    struct bytes content;
    bytes_init(&content, 100);
    assert_int_equal(blobs_read_all(image.blobs, &image.vm_config, &content, &err), 0);
    assert_string_equal(bytes_text(&content, &err), "{\"os\":\"linux\"}");
    assert_int_equal(blobs_read_all(image.blobs, &image.nvram, &content, &err), 0);
    assert_int_equal(blobs_read_all(image.blobs, &image.disk.layers[0].blob, &content, &err), 0);
    assert_string_equal(bytes_text(&content, &err), "{\"os\":\"linux\"}nvramold disk");
    struct blob_id foreign = {.has_digest = true, .size = 3};
    struct blob *blob;
    assert_int_equal(blobs_open(image.blobs, &foreign, &blob, &err), -1);
    assert_int_equal(err.class, ERROR_BLOB_MISSING);
    bytes_done(&content);
    image_done(&image);
    store_close(store);
}

static void test_vm_source_refused(void **state)
{
    (void)state;
    assert_load_fails("vm", in_tempdir("none"), &no_options, ERROR_NO_SUCH_IMAGE, "none");
    make_vm("vm");
    assert_load_fails("vm", in_tempdir("vm/disk.img"), &no_options, ERROR_NO_SUCH_IMAGE,
                      "Not a directory");
    put_text(in_tempdir("vm/overlay.asif"), "shdw");
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_STACKED, "disk.img and overlay");
    unlink(in_tempdir("vm/disk.img"));
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_STACKED, "stacked VM");
    unlink(in_tempdir("vm/overlay.asif"));
    put_text(in_tempdir("vm/manifest.json"), "{}");
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_STACKED, "record");
    unlink(in_tempdir("vm/manifest.json"));
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_NO_SUCH_IMAGE, "no disk.img");
    put_text(in_tempdir("vm/oci-layout"), "{}");
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_NO_SUCH_IMAGE, "oci:DIR");
    assert_int_equal(symlink("config.json", in_tempdir("vm/disk.img")), 0);
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_UNSUPPORTED, "symbolic link");
    unlink(in_tempdir("vm/disk.img"));
    put_text(in_tempdir("vm/disk.img"), "");
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_DISK_EMPTY, "no bytes");
    put_text(in_tempdir("vm/disk.img"), "x");
    assert_int_equal(truncate(in_tempdir("vm/config.json"), TART_CONFIG_MAX + 1), 0);
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_UNSUPPORTED, "limit");
    unlink(in_tempdir("vm/nvram.bin"));
    assert_load_fails("vm", in_tempdir("vm"), &no_options, ERROR_NO_SUCH_FILE, "nvram.bin");
}

/* A disk of 3 MiB: 1 MiB of data, 1 MiB of hole, data again to an odd end. */
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

static struct bytes bytes_of(const char *text)
{
    struct error err;
    struct bytes bytes;
    bytes_init(&bytes, 1000);
    assert_int_equal(bytes_append_text(&bytes, text, &err), 0);
    return bytes;
}

/* Writes "new" at offset 2 of a disk of size bytes and publishes it. */
static int write_disk(struct store *store, uint64_t size, bool companions, struct error *err)
{
    struct bytes vm_config = bytes_of("new config"), nvram = bytes_of("new nvram");
    struct publication publication = {.disk_size = size};
    if (companions) {
        publication.vm_config = &vm_config;
        publication.nvram = &nvram;
    }
    assert_null(store_sink(store));
    assert_int_equal(disk_file_write_at(store_disk_file(store), 2, "new", 3, err), 0);
    int status = store_publish(store, &publication, err);
    bytes_done(&vm_config);
    bytes_done(&nvram);
    return status;
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

static void test_vm_destination(void **state)
{
    (void)state;
    struct error err;
    struct store *store = destination_open("vm", in_tempdir("vm/"), &no_options);
    assert_false(exists(in_tempdir("vm")));
    assert_int_equal(write_disk(store, 6, true, &err), 0);
    store_close(store);
    char *disk = get_file(in_tempdir("vm/disk.img"), NULL);
    assert_memory_equal(disk, "\0\0new\0", 6);
    free(disk);
    assert_file_is(in_tempdir("vm/config.json"), "new config");
    assert_file_is(in_tempdir("vm/nvram.bin"), "new nvram");
    assert_int_equal(count_names(in_tempdir("vm")), 3);
    assert_int_equal(count_names(tempdir), 1);

    /* Without companions, and closed without having published: nothing is left. */
    store = destination_open("vm", in_tempdir("vm2"), &no_options);
    assert_int_equal(write_disk(store, 6, false, &err), -1);
    assert_int_equal(err.class, ERROR_USAGE);
    store_close(store);
    assert_int_equal(count_names(tempdir), 1);

    /* An empty folder is filled; one that came meanwhile is left. */
    assert_int_equal(mkdir(in_tempdir("vm3"), 0777), 0);
    store = destination_open("vm", in_tempdir("vm3"), &no_options);
    assert_int_equal(write_disk(store, 6, true, &err), 0);
    store_close(store);
    assert_int_equal(count_names(in_tempdir("vm3")), 3);
    store = destination_open("vm", in_tempdir("vm4"), &no_options);
    make_vm("vm4");
    assert_int_equal(write_disk(store, 6, true, &err), -1);
    assert_int_equal(err.class, ERROR_EXISTS);
    store_close(store);
    assert_file_is(in_tempdir("vm4/disk.img"), "old disk");
    assert_int_equal(count_names(tempdir), 3);
}

static void test_vm_replace(void **state)
{
    (void)state;
    struct error err;
    struct store_options replace = {.replace = true};
    make_vm("vm");
    put_text(in_tempdir("vm/.explicitly-pulled"), "");
    assert_destination_fails("vm", in_tempdir("vm"), &no_options, ERROR_EXISTS, "--replace");
    struct store *store = destination_open("vm", in_tempdir("vm"), &replace);
    assert_file_is(in_tempdir("vm/disk.img"), "old disk");
    assert_int_equal(write_disk(store, 5, true, &err), 0);
    store_close(store);
    assert_int_equal(count_names(tempdir), 1);
    assert_int_equal(count_names(in_tempdir("vm")), 3);
    assert_file_is(in_tempdir("vm/nvram.bin"), "new nvram");

    put_text(in_tempdir("vm/notes.txt"), "mine");
    assert_destination_fails("vm", in_tempdir("vm"), &replace, ERROR_DESTINATION, "notes.txt");
    assert_destination_fails("vm", in_tempdir("vm"), &no_options, ERROR_EXISTS, "notes.txt");
    unlink(in_tempdir("vm/notes.txt"));
    unlink(in_tempdir("vm/disk.img"));
    assert_destination_fails("vm", in_tempdir("vm"), &replace, ERROR_DESTINATION, "no VM");
    put_text(in_tempdir("file"), "x");
    assert_destination_fails("vm", in_tempdir("file"), &replace, ERROR_DESTINATION, "folder");
    assert_int_equal(symlink("vm", in_tempdir("link")), 0);
    assert_destination_fails("vm", in_tempdir("link"), &replace, ERROR_DESTINATION, "folder");
    assert_destination_fails("vm", "/proc", &replace, ERROR_DESTINATION, "");
    assert_int_equal(count_names(tempdir), 3);
}

static void test_without_rename_flags(void **state)
{
    (void)state;
    struct error err;
    struct store_options replace = {.replace = true};
    without_rename_flags = true;
    struct store *store = destination_open("raw", in_tempdir("disk"), &no_options);
    assert_int_equal(write_disk(store, 5, false, &err), 0);
    store_close(store);
    store = destination_open("raw", in_tempdir("disk2"), &no_options);
    put_text(in_tempdir("disk2"), "other");
    assert_int_equal(write_disk(store, 5, false, &err), -1);
    assert_int_equal(err.class, ERROR_EXISTS);
    store_close(store);
    store = destination_open("vm", in_tempdir("vm"), &replace);
    assert_int_equal(write_disk(store, 5, true, &err), 0);
    store_close(store);
    assert_destination_fails("vm", in_tempdir("vm"), &replace, ERROR_DESTINATION, "in one step");
    without_rename_flags = false;
    assert_int_equal(count_names(tempdir), 3);
}

/* A disk that is full, as a limit on file sizes plays it: told by its name, and nothing stays. */
static void test_full(void **state)
{
    (void)state;
    struct error err;
    struct rlimit old, small = {.rlim_cur = MIB};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct store *vm = destination_open("vm", in_tempdir("vm"), &no_options);
    assert_int_equal(disk_file_write_at(store_disk_file(vm), MIB, "x", 1, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_non_null(strstr(err.text, "at byte 1048576: File too large"));
    assert_int_equal(write_disk(vm, MIB + 1, true, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    store_close(vm);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(count_names(tempdir), 0);
}

static void test_leftovers(void **state)
{
    (void)state;
    struct error err;
    /* Of killed runs, and of one that lives. */
    put_text(in_tempdir(".tartconv-abc234"), "x");
    make_vm(".tartconv-abcdef");
    put_text(in_tempdir(".tartconv-abcdef/.tartconv-abcdef"), "x");
    make_vm(".tartconv-ghijkl");
    put_text(in_tempdir(".tartconv-ghijkl/mine"), "x");
    put_text(in_tempdir(".tartconv-abc23"), "not the form");
    put_text(in_tempdir(".tartconv-ABCDEF"), "not the form");
    assert_int_equal(symlink("file", in_tempdir(".tartconv-zzzzzz")), 0);
    put_text(in_tempdir("file"), "x");
    put_text(in_tempdir(".tartconv-locked"), "x");
    int locked = open(in_tempdir(".tartconv-locked"), O_RDONLY);
    assert_int_equal(flock(locked, LOCK_EX), 0);
    struct store *store = destination_open("raw", in_tempdir("disk"), &no_options);
    assert_false(exists(in_tempdir(".tartconv-abc234")));
    assert_false(exists(in_tempdir(".tartconv-abcdef")));
    assert_true(exists(in_tempdir(".tartconv-ghijkl/mine")));
    assert_true(exists(in_tempdir(".tartconv-abc23")));
    assert_true(exists(in_tempdir(".tartconv-ABCDEF")));
    assert_true(exists(in_tempdir(".tartconv-zzzzzz")));
    assert_true(exists(in_tempdir(".tartconv-locked")));
    /* Another run beside does not disturb this one. */
    struct store *other = destination_open("vm", in_tempdir("vm"), &no_options);
    assert_int_equal(write_disk(store, 5, false, &err), 0);
    store_close(store);
    store = destination_open("raw", in_tempdir("disk2"), &no_options);
    assert_int_equal(write_disk(other, 5, true, &err), 0);
    store_close(other);
    store_close(store);
    close(locked);
}

static void test_killed(void **state)
{
    (void)state;
    struct error err;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork_child();
    if (child == 0) {
        struct store *vm = destination_open("vm", in_tempdir("vm"), &no_options);
        struct store *raw = destination_open("raw", in_tempdir("disk"), &no_options);
        disk_file_write_at(store_disk_file(vm), 0, "x", 1, &err);
        disk_file_write_at(store_disk_file(raw), 0, "x", 1, &err);
        (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(count_names(tempdir), 2); /* the two temporaries, no disk and no vm */
    assert_false(exists(in_tempdir("vm")) || exists(in_tempdir("disk")));
    struct store *store = destination_open("vm", in_tempdir("vm"), &no_options);
    assert_int_equal(count_names(tempdir), 1);
    assert_int_equal(write_disk(store, 5, true, &err), 0);
    store_close(store);
    assert_int_equal(count_names(tempdir), 1);
    close(ready[0]);
    close(ready[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_make, tempdir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_vm_source),
        TEST(test_vm_source_refused),
        TEST(test_raw_blob),
        TEST(test_raw_source_refused),
        TEST(test_raw_destination),
        TEST(test_raw_destination_refused),
        TEST(test_vm_destination),
        TEST(test_vm_replace),
        TEST(test_without_rename_flags),
        TEST(test_full),
        TEST(test_leftovers),
        TEST(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
