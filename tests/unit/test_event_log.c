/* test_event_log.c: events are whole lines of one form, however many write them, behind half a line
 * too, and what an observer tells is in them. */
#include "convert/fleet/event_log.h"

#include "formats/model/auto.h"
#include "tests/unit/tempdir.h"

#include <pthread.h>
#include <sys/resource.h>

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s", err.text);                                                              \
    } while (0)

static struct error err = ERROR_INIT;

static struct event_log *log_open(const char *name)
{
    struct event_log *log;
    assert_ok(event_log_open(in_tempdir("%s", name), &log, &err));
    return log;
}

/* How many lines the log has; each must be an event, and `ret` is the one with that number. */
static size_t lines_of(const char *name, size_t number, struct json **ret)
{
    size_t size, count = 0;
    char *text = get_file(in_tempdir("%s", name), &size), *at = text;
    for (char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        struct json *tree;
        if (end == at)
            continue;
        if (json_parse(at, (size_t)(end - at), EVENT_SIZE_MAX, &tree, &err) < 0)
            continue;
        assert_string_equal(json_string(json_get(tree, "kind")), "event");
        if (count++ == number && ret != NULL)
            *ret = tree;
        else
            json_free(tree);
    }
    free(text);
    return count;
}

static const char *text_at(const struct json *tree, const char *key)
{
    const char *text = json_string(json_get(tree, key));
    return text == NULL ? "" : text;
}

static void test_lines(void **state)
{
    (void)state;
    struct event_log *log = log_open("lines");
    struct json *members = json_new_object(), *tree;
    assert_ok(json_set_string(members, "name", "a\nb\"</script>", &err));
    assert_ok(event_log_write(log, "detail", members, true, &err));
    assert_ok(event_log_write(log, "run-end", json_new_object(), false, &err));
    assert_int_equal(lines_of("lines", 0, &tree), 2);
    assert_string_equal(text_at(tree, "name"), "a\nb\"</script>");
    assert_string_equal(text_at(tree, "event"), "detail");
    assert_int_equal(strspn(text_at(tree, "run"), "0123456789abcdef"), 8);
    assert_int_equal(strlen(text_at(tree, "time")), 24);
    json_free(tree);
    struct stat stat;
    assert_int_equal(lstat(event_log_path(log), &stat), 0);
    assert_int_equal(stat.st_mode & 0777, 0600);
    assert_int_equal(event_log_write(log, "detail", NULL, false, &err), -1);
    assert_int_equal(err.class, ERROR_MEMORY);
    event_log_close(log);
    assert_ok(event_log_write(NULL, "detail", json_new_object(), true, &err));
}

/* A kill left half a line: what comes next is a line of its own. */
static void test_cut(void **state)
{
    (void)state;
    put_text(in_tempdir("cut"), "{\"kind\":\"event\",\"ver");
    struct event_log *log = log_open("cut");
    assert_ok(event_log_write(log, "run-begin", json_new_object(), false, &err));
    assert_ok(event_log_write(log, "run-end", json_new_object(), false, &err));
    event_log_close(log);
    assert_int_equal(lines_of("cut", 0, NULL), 2);
}

static void test_refused(void **state)
{
    (void)state;
    struct event_log *log;
    assert_int_equal(mkfifo(in_tempdir("fifo"), 0600), 0);
    assert_int_equal(event_log_open(in_tempdir("fifo"), &log, &err), -1);
    assert_int_equal(err.class, ERROR_DESTINATION);
    assert_int_equal(event_log_open(in_tempdir("none/log"), &log, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_null(log);
}

#define WRITERS 4
#define EVENTS  200

static void *write_many(void *argument)
{
    static char long_text[6000];
    struct error error = ERROR_INIT;
    memset(long_text, 'x', sizeof long_text - 1);
    for (size_t i = 0; i < EVENTS; i++) {
        struct json *members = json_new_object();
        if (json_set_string(members, "text", i % 2 == 0 ? "short" : long_text, &error) < 0 ||
            event_log_write(argument, "detail", members, false, &error) < 0)
            return argument;
    }
    return NULL;
}

/* Two processes' descriptors, two threads each. */
static void test_together(void **state)
{
    (void)state;
    struct event_log *logs[2] = {log_open("together"), log_open("together")};
    pthread_t threads[WRITERS];
    struct json *first, *second;
    for (size_t i = 0; i < 2; i++)
        assert_ok(event_log_write(logs[i], "detail", json_new_object(), false, &err));
    assert_int_equal(lines_of("together", 0, &first), 2);
    assert_int_equal(lines_of("together", 1, &second), 2);
    assert_string_not_equal(text_at(first, "run"), text_at(second, "run"));
    json_free(first);
    json_free(second);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, logs[i % 2]), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    event_log_close(logs[0]);
    event_log_close(logs[1]);
    assert_int_equal(lines_of("together", 0, NULL), 2 + WRITERS * EVENTS);
}

static void test_default_path(void **state)
{
    (void)state;
    char *path;
    setenv("XDG_STATE_HOME", in_tempdir("state"), 1);
    assert_ok(event_log_default_path(&path, &err));
    assert_non_null(strstr(path, "/state/tartconv/logs/20"));
    assert_string_equal(path + strlen(path) - 6, ".jsonl");
    free(path);
    setenv("XDG_STATE_HOME", "relative", 1);
    unsetenv("HOME");
    assert_int_equal(event_log_default_path(&path, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_null(path);
}

/* --- an image ------------------------------------------------------------------------------------
 */

static size_t handed_on;

static void hear_text(void *context, const char *text)
{
    (void)context;
    (void)text;
    handed_on++;
}

static void hear_chunk(void *context, const struct chunk_told *chunk)
{
    (void)context;
    handed_on += chunk->how == CHUNK_CARRIED;
}

static void test_image(void **state)
{
    (void)state;
    const struct observer next = {.warning = hear_text, .detail = hear_text, .chunk = hear_chunk};
    const struct image_event image = {
        .name = "n", .source = "s", .target = "t", .action = "convert", .source_size = 7};
    struct conversion conversion = {.method = METHOD_REWRITTEN, .bytes_read = 11};
    struct error failure = ERROR_INIT;
    struct event_observer observer;
    struct event_log *log = log_open("image");
    struct json *tree;
    assert_ok(event_image_begin(log, &image, &err));
    event_observer_init(&observer, log, "n", &next);
    observe_progress(&observer.observer, 0, 100);
    observe_progress(&observer.observer, 1, 100); /* within the same second, but by ill luck */
    observe_progress(&observer.observer, 100, 100);
    observe_warning(&observer.observer, "oh");
    observe_detail(&observer.observer, "503; trying again in 1.0 s (1 of 5)");
    observe_detail(&observer.observer, "so it is");
    const struct chunk_told chunk = {.offset = 3, .length = 4, .how = CHUNK_CARRIED};
    observe_chunk(&observer.observer, &chunk);
    assert_int_equal(handed_on, 4);
    const struct convert_watch watch = event_watch(log, "n");
    assert_ok(watch.proved(&watch, &conversion.proof, &err));
    error_set(&failure, ERROR_QUOTA, "no room");
    assert_ok(event_image_end(log, &image, IMAGE_FAILED, &conversion, &failure, NULL, 1.5, &err));
    assert_ok(event_image_end(log, &image, IMAGE_DONE, &conversion, NULL, "so", 0, &err));
    event_log_close(log);
    size_t count = lines_of("image", 0, NULL);
    assert_in_range(count, 10, 11);
    static const char *const last[] = {"warning", "retry", "detail", "chunk", "proof"};
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++) {
        lines_of("image", count - 7 + i, &tree);
        assert_string_equal(text_at(tree, "event"), last[i]);
        assert_string_equal(text_at(tree, "name"), "n");
        json_free(tree);
    }
    lines_of("image", count - 2, &tree);
    uint64_t number;
    assert_string_equal(text_at(tree, "status"), "failed");
    assert_string_equal(text_at(json_get(tree, "error"), "class"), "quota");
    assert_true(json_uint(json_get(tree, "milliseconds"), &number) && number == 1500);
    assert_true(json_uint(json_get(tree, "bytes_read"), &number) && number == 11);
    assert_null(json_get(tree, "method"));
    json_free(tree);
    lines_of("image", count - 1, &tree);
    assert_string_equal(text_at(tree, "method"), "rewritten");
    assert_string_equal(text_at(tree, "why"), "so");
    json_free(tree);
}

static void test_statuses(void **state)
{
    (void)state;
    enum image_status found;
    for (int i = 0; i < IMAGE_STATUS_COUNT; i++) {
        assert_true(image_status_parse(image_status_name((enum image_status)i), &found));
        assert_int_equal(found, i);
    }
    assert_false(image_status_parse("Done", &found));
    assert_false(image_status_parse(NULL, &found));
}

/* What an observer could not write is told by who waits. */
static void test_full(void **state)
{
    (void)state;
    struct event_log *log;
    struct event_observer observer;
    if (event_log_open("/dev/full", &log, &err) == 0)
        fail();
    log = log_open("full");
    struct rlimit before, none = {.rlim_cur = 0};
    getrlimit(RLIMIT_FSIZE, &before);
    none.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    event_observer_init(&observer, log, "n", NULL);
    observe_warning(&observer.observer, "lost");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(event_log_write(log, "run-end", json_new_object(), true, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_ok(event_log_write(log, "run-end", json_new_object(), true, &err));
    event_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_cut),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_together),
        cmocka_unit_test(test_image),   cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_full),    cmocka_unit_test(test_default_path),
    };
    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
