/* test_metrics.c: the file is whole at any time, says what was told, and may be read by others. */
#include "convert/fleet/metrics.h"

#include "tests/unit/tempdir.h"

static struct error err = ERROR_INIT;

static void assert_says(const char *line)
{
    char *text = get_file(in_tempdir("sync.prom"), NULL);
    if (strstr(text, line) == NULL)
        fail_msg("no line \"%s\" in:\n%s", line, text);
    free(text);
}

static void test_told(void **state)
{
    (void)state;
    umask(022);
    struct metrics *metrics = metrics_new(in_tempdir("sync.prom"), &err);
    assert_non_null(metrics);
    assert_says("\ntartconv_sync_finished 0\n");
    metrics_images(metrics, 3);
    metrics_begin_image(metrics);
    metrics_begin_image(metrics);
    metrics_disk(metrics, 1000);
    metrics_disk(metrics, 24);
    metrics_end_image(metrics, IMAGE_DONE, 10, 20, 30, 1.5);
    metrics_end_image(metrics, IMAGE_FAILED, 1, 2, 3, 1.75);
    metrics_end_image(metrics, IMAGE_ALREADY, 0, 0, 0, 0);
    assert_int_equal(metrics_end(metrics, &err), 0);
    metrics_free(metrics);
    assert_says("# TYPE tartconv_sync_images_total counter\n");
    assert_says("\ntartconv_sync_images_total{status=\"done\"} 1\n");
    assert_says("\ntartconv_sync_images_total{status=\"not-begun\"} 0\n");
    assert_says("\ntartconv_sync_images_planned 3\n");
    assert_says("\ntartconv_sync_disk_bytes_total 1024\n");
    assert_says("\ntartconv_sync_read_bytes_total 11\n");
    assert_says("\ntartconv_sync_written_bytes_total 22\n");
    assert_says("\ntartconv_sync_reused_bytes_total 33\n");
    assert_says("\ntartconv_sync_work_seconds_total 3\n");
    assert_says("\ntartconv_sync_finished 1\n");
    assert_int_equal(count_names(tempdir), 1);
    struct stat stat;
    assert_int_equal(lstat(in_tempdir("sync.prom"), &stat), 0);
    assert_int_equal(stat.st_mode & 0444, 0444);
}

/* Every line is one of the format's: a comment, or a name with labels and a number. */
static void test_form(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new(in_tempdir("sync.prom"), &err);
    assert_non_null(metrics);
    metrics_free(metrics);
    char *text = get_file(in_tempdir("sync.prom"), NULL), *at = text;
    size_t lines = 0;
    for (char *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
        *end = '\0';
        char *space = strrchr(at, ' ');
        assert_non_null(space);
        if (at[0] == '#')
            assert_true(strncmp(at, "# HELP tartconv_sync_", 21) == 0 ||
                        strncmp(at, "# TYPE tartconv_sync_", 21) == 0);
        else
            assert_true(strncmp(at, "tartconv_sync_", 14) == 0 &&
                        space[1 + strspn(space + 1, "0123456789")] == '\0');
    }
    assert_int_equal(*at, '\0');
    assert_true(lines > 20);
    free(text);
}

static void test_refused(void **state)
{
    (void)state;
    assert_null(metrics_new(in_tempdir("none/sync.prom"), &err));
    assert_int_equal(err.class, ERROR_DESTINATION);
    assert_int_equal(mkdir(in_tempdir("folder"), 0700), 0);
    assert_null(metrics_new(in_tempdir("folder"), &err));
    assert_int_equal(err.class, ERROR_DESTINATION);
    rmdir(in_tempdir("folder"));
}

/* The folder goes away meanwhile: told at the end, and only there. */
static void test_lost(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_tempdir("gone"), 0700), 0);
    struct metrics *metrics = metrics_new(in_tempdir("gone/m"), &err);
    assert_non_null(metrics);
    unlink(in_tempdir("gone/m"));
    assert_int_equal(rmdir(in_tempdir("gone")), 0);
    metrics_images(metrics, 1);
    assert_int_equal(metrics_end(metrics, &err), -1);
    assert_non_null(strstr(err.text, "all else is done"));
    metrics_free(metrics);
}

static void test_none(void **state)
{
    (void)state;
    metrics_images(NULL, 1);
    metrics_begin_image(NULL);
    metrics_disk(NULL, 1);
    metrics_end_image(NULL, IMAGE_DONE, 1, 1, 1, 1);
    assert_int_equal(metrics_end(NULL, &err), 0);
    assert_null(metrics_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told), cmocka_unit_test(test_form), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lost), cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
