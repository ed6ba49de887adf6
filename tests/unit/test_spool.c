/* test_spool.c: what was written is read, wherever it lies; memory is given back; a folder that is
 * none, full, or without nameless files. */
#include "tests/unit/tempdir.h"

#include "convert/stores/spool.h"
#include "tests/unit/make_data.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define PIECE (256u << 10)

/* --- faults --- */

static bool nameless_refused, disk_full;
static atomic_int files_made;

int __real_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...)
{
    if ((flags & O_TMPFILE) == O_TMPFILE && nameless_refused) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if ((flags & O_TMPFILE) == O_TMPFILE || (flags & O_CREAT) != 0)
        files_made++;
    return __real_openat64(folder, name, flags, 0600);
}

ssize_t __real_pwrite64(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    if (disk_full) {
        errno = ENOSPC;
        return -1;
    }
    return __real_pwrite64(fd, data, size, offset);
}

static int make(void **state)
{
    nameless_refused = disk_full = false;
    files_made = 0;
    return tempdir_make(state);
}

/* --- parts --- */

static uint8_t *make_bytes(size_t size, uint64_t seed)
{
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    struct dice dice = {.state = seed};
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)dice_roll(&dice);
    return bytes;
}

static struct spool_part *open_part(struct spool *spool)
{
    struct error err = ERROR_INIT;
    struct spool_part *part = spool_open(spool, &err);
    assert_non_null(part);
    return part;
}

static void write_all(struct spool_part *part, const uint8_t *bytes, size_t size, size_t step)
{
    struct error err = ERROR_INIT;
    for (size_t done = 0; done < size; done += step)
        assert_int_equal(
            part_write(part, bytes + done, size - done < step ? size - done : step, &err), 0);
    assert_int_equal(part_size(part), size);
}

static void check_read(struct spool_part *part, const uint8_t *bytes, uint64_t offset, size_t size)
{
    struct error err = ERROR_INIT;
    uint8_t *found = malloc(size + 1);
    assert_non_null(found);
    found[size] = 0xa5;
    assert_int_equal(part_read(part, offset, found, size, &err), 0);
    assert_memory_equal(found, bytes + offset, size);
    assert_int_equal(found[size], 0xa5);
    free(found);
}

static void check_part(struct spool_part *part, const uint8_t *bytes, size_t size, uint64_t seed)
{
    struct dice dice = {.state = seed};
    struct error err = ERROR_INIT;
    uint8_t byte;
    check_read(part, bytes, 0, size);
    for (int i = 0; i < 40; i++) {
        uint64_t offset = dice_roll(&dice) % (size + 1);
        check_read(part, bytes, offset, (size_t)(dice_roll(&dice) % (size - offset + 1)));
    }
    assert_int_equal(part_read(part, size, &byte, 1, &err), -1);
    assert_int_equal(part_read(part, UINT64_MAX, &byte, 1, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
}

static void test_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 77};
    static const size_t steps[] = {70000, PIECE, 3 * PIECE + 5};
    static const uint64_t memories[] = {0, PIECE, 3 * PIECE, 64 * PIECE};
    uint8_t *bytes = make_bytes(6 * PIECE, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * 3 * 4; i++) {
        size_t size = sizes[i / 12];
        uint64_t memory = memories[i % 4];
        struct error err = ERROR_INIT;
        struct spool *spool = spool_new(tempdir, memory, &err);
        assert_non_null(spool);
        struct spool_part *part = open_part(spool);
        files_made = 0;
        write_all(part, bytes, size, steps[i / 4 % 3]);
        assert_int_equal(files_made, size > memory);
        assert_int_equal(count_names(tempdir), 0);
        check_part(part, bytes, size, i + 1);
        part_close(part);
        spool_free(spool);
    }
    free(bytes);
}

/* A part that has moved to a file leaves its memory to others; one that is closed, too. */
static void test_memory_is_shared(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    uint8_t *bytes = make_bytes(5 * PIECE, 2);
    struct spool *spool = spool_new(tempdir, 4 * PIECE, &err);
    assert_non_null(spool);
    struct spool_part *large = open_part(spool), *small = open_part(spool);
    write_all(large, bytes, 4 * PIECE, PIECE);
    assert_int_equal(files_made, 0);
    write_all(small, bytes, 10, 10); /* no memory: a file */
    assert_int_equal(files_made, 1);
    assert_int_equal(part_write(large, bytes + 4 * PIECE, PIECE, &err), 0); /* moves */
    assert_int_equal(files_made, 2);
    struct spool_part *third = open_part(spool);
    write_all(third, bytes + 1, 3 * PIECE, PIECE);
    assert_int_equal(files_made, 2);
    check_part(large, bytes, 5 * PIECE, 3);
    check_part(small, bytes, 10, 4);
    check_part(third, bytes + 1, 3 * PIECE, 5);
    large = part_close(large);
    assert_null(large);
    part_close(small);
    part_close(third);
    struct spool_part *whole = open_part(spool);
    write_all(whole, bytes, 4 * PIECE, PIECE);
    assert_int_equal(files_made, 2);
    part_close(whole);
    spool_free(spool);
    free(bytes);
}

static void test_without_nameless_files(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    uint8_t *bytes = make_bytes(3 * PIECE, 6);
    struct spool *spool = spool_new(tempdir, PIECE, &err);
    nameless_refused = true;
    struct spool_part *part = open_part(spool);
    write_all(part, bytes, 3 * PIECE, 100000);
    assert_int_equal(files_made, 1);
    assert_int_equal(count_names(tempdir), 0);
    check_part(part, bytes, 3 * PIECE, 7);
    part_close(part);
    spool_free(spool);
    free(bytes);
}

static void test_full(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    uint8_t *bytes = make_bytes(2 * PIECE, 8);
    struct spool *spool = spool_new(tempdir, PIECE, &err);
    struct spool_part *part = open_part(spool);
    write_all(part, bytes, PIECE, PIECE);
    disk_full = true;
    assert_int_equal(part_write(part, bytes, 1, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_non_null(strstr(err.text, tempdir));
    assert_non_null(strstr(err.text, "--tmpdir"));
    part_close(part);
    spool_free(spool);
    free(bytes);
}

static void test_folder(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    put_text(in_tempdir("file"), "x");
    assert_null(spool_new(in_tempdir("absent"), 0, &err));
    assert_int_equal(err.class, ERROR_NO_SUCH_FILE);
    assert_null(spool_new(in_tempdir("file"), 0, &err));
    assert_int_equal(err.class, ERROR_NO_SUCH_FILE);
    struct spool *spool = spool_new(tempdir, 0, &err);
    assert_int_equal(spool_check_space(spool, 1, &err), 0);
    assert_int_equal(spool_check_space(spool, UINT64_MAX / 2, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_non_null(strstr(err.text, tempdir));
    assert_non_null(strstr(err.text, "--tmpdir"));
    spool_free(spool);
}

/* TMPDIR says where, and a folder that is taken away later is said when it is needed. */
static void test_default_folder(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    char *before = getenv("TMPDIR") == NULL ? NULL : strdup(getenv("TMPDIR"));
    const char *folder = in_tempdir("sub");
    assert_int_equal(mkdir(folder, 0700), 0);
    setenv("TMPDIR", folder, 1);
    struct spool *spool = spool_new(NULL, 0, &err);
    if (before == NULL)
        unsetenv("TMPDIR");
    else
        setenv("TMPDIR", before, 1);
    free(before);
    assert_non_null(spool);
    assert_int_equal(rmdir(folder), 0);
    struct spool_part *part = open_part(spool);
    assert_int_equal(part_write(part, "x", 1, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_non_null(strstr(err.text, folder));
    part_close(part);
    spool_free(spool);
}

/* --- threads --- */

struct job {
    struct spool *spool;
    const uint8_t *bytes;
    struct spool_part *part;
    bool wrong;
};

static void *fill_and_read(void *argument)
{
    struct job *job = argument;
    struct error err = ERROR_INIT;
    uint8_t found[1000];
    for (int round = 0; round < 10; round++) {
        struct spool_part *part = spool_open(job->spool, &err);
        if (part == NULL || part_write(part, job->bytes, 2 * PIECE, &err) < 0 ||
            part_read(part, PIECE - 500, found, sizeof found, &err) < 0 ||
            memcmp(found, job->bytes + PIECE - 500, sizeof found) != 0 ||
            part_read(job->part, PIECE - 500, found, sizeof found, &err) < 0 ||
            memcmp(found, job->bytes + PIECE - 500, sizeof found) != 0)
            job->wrong = true;
        part_close(part);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    uint8_t *bytes = make_bytes(2 * PIECE, 9);
    struct spool *spool = spool_new(tempdir, 4 * PIECE, &err);
    struct spool_part *common = open_part(spool);
    write_all(common, bytes, 2 * PIECE, 5000);
    struct job jobs[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        jobs[i] = (struct job){.spool = spool, .bytes = bytes, .part = common};
        assert_int_equal(pthread_create(&threads[i], NULL, fill_and_read, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_false(jobs[i].wrong);
    }
    part_close(common);
    spool_free(spool);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_size, make, tempdir_remove),
        cmocka_unit_test_setup_teardown(test_memory_is_shared, make, tempdir_remove),
        cmocka_unit_test_setup_teardown(test_without_nameless_files, make, tempdir_remove),
        cmocka_unit_test_setup_teardown(test_full, make, tempdir_remove),
        cmocka_unit_test_setup_teardown(test_folder, make, tempdir_remove),
        cmocka_unit_test_setup_teardown(test_default_folder, make, tempdir_remove),
        cmocka_unit_test_setup_teardown(test_threads, make, tempdir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
