/* test_vmdir.c: vm: as a source and as a destination, and the temporaries of vm: and raw:. */
#include "tests/unit/disk_fixture.h"

#include "convert/stores/temporary.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_vm_source),
        TEST(test_vm_source_refused),
        TEST(test_vm_destination),
        TEST(test_vm_replace),
        TEST(test_without_rename_flags),
        TEST(test_full),
        TEST(test_leftovers),
        TEST(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
