/* test_layout_write.c: oci: layouts as destinations: blobs, tags, several runs at once, runs that
 * are killed. */
#include "tests/unit/layout_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>

#define RUNS 8

static const struct store_options replacing = {.replace = true};

/* The linker puts this before the stores' own: file systems without nameless files can be played.
 */
static bool without_nameless;
bool __real_temporary_can_be_nameless(int folder);
bool __wrap_temporary_can_be_nameless(int folder);
bool __wrap_temporary_can_be_nameless(int folder)
{
    return !without_nameless && __real_temporary_can_be_nameless(folder);
}

static void test_new_layout(void **state)
{
    (void)state;
    must_publish("d", "one", "first", &no_options);
    assert_file_is(in_tempdir("d/oci-layout"), MARKER);
    assert_image("d", "one", "first");
    assert_image("d", NULL, "first");
    assert_int_equal(count_names(in_tempdir("d")), 3);
    assert_int_equal(count_names(in_tempdir("d/blobs/sha256")), 5);
    assert_int_equal(count_names(tempdir), 1);

    /* The same again: nothing is written. */
    struct stat before, after;
    assert_int_equal(stat(in_tempdir("d/index.json"), &before), 0);
    must_publish("d", "one", "first", &no_options);
    must_publish("d", NULL, "first", &no_options);
    assert_int_equal(stat(in_tempdir("d/index.json"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);

    /* In a folder that is there, also one that a killed run began. */
    assert_int_equal(mkdir(in_tempdir("e"), 0777), 0);
    must_publish("e", NULL, "x", &no_options);
    assert_image("e", NULL, "x");
    assert_int_equal(mkdir(in_tempdir("f"), 0777), 0);
    assert_int_equal(mkdir(in_tempdir("f/blobs"), 0777), 0);
    put_text(in_tempdir("f/oci-layout"), MARKER);
    put_text(in_tempdir("f/.tartconv-abcdef"), "half a file");
    must_publish("f", "t", "x", &no_options);
    assert_image("f", "t", "x");
    assert_int_equal(count_names(in_tempdir("f")), 3);
}

static void test_blobs(void **state)
{
    (void)state;
    struct error err;
    struct store *store = destination("d", "t", &no_options);
    struct sink *sink = store_sink(store);
    assert_null(store_disk_file(store));
    struct blob_id id;
    assert_int_equal(sink_put(sink, "", 0, &id, &err), 0);
    assert_int_equal(sink_put(sink, "abc", 3, &id, &err), 0);
    assert_int_equal(sink_has(sink, &id, &err), 1);
    struct bytes back;
    bytes_init(&back, 3);
    assert_int_equal(blobs_read_all(store_blobs(store), &id, &back, &err), 0);
    assert_memory_equal(back.data, "abc", 3);
    bytes_done(&back);
    assert_int_equal(sink_put(sink, "abc", 3, &id, &err), 0);
    id.size = 4;
    assert_int_equal(sink_has(sink, &id, &err), 0);
    id.size = 3;
    struct output *output;
    assert_int_equal(sink_open(sink, &output, &err), 0);
    assert_int_equal(output_write(output, "abcd", 4, &err), 0);
    output_abort(&output);
    assert_int_equal(sink_open(sink, &output, &err), 0);
    assert_int_equal(output_write(output, "abcd", 4, &err), 0);
    assert_int_equal(output_commit(&output, &id, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(count_names(in_tempdir("d/blobs/sha256")), 2);

    /* A file of another size, and a link, are no such blob and give way. */
    char hex[DIGEST_TEXT_SIZE];
    digest_print_hex(&id.digest, hex);
    const char *path = in_tempdir("d/blobs/sha256/%s", hex);
    put_text(path, "ab");
    assert_int_equal(sink_put(sink, "abc", 3, &id, &err), 0);
    assert_file_is(path, "abc");
    unlink(path);
    put_text(in_tempdir("outside"), "abc");
    assert_int_equal(symlink("../../../outside", path), 0);
    assert_int_equal(sink_has(sink, &id, &err), 0);
    assert_int_equal(sink_put(sink, "abc", 3, &id, &err), 0);
    struct stat stat;
    assert_int_equal(lstat(path, &stat), 0);
    assert_true(S_ISREG(stat.st_mode));
    store_close(store);
}

static void *put_many(void *sink)
{
    struct error err;
    for (uint32_t i = 0; i < 50; i++) {
        struct blob_id id;
        if (sink_put(sink, &i, sizeof i, &id, &err) < 0)
            return sink;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct store *store = destination("d", "t", &no_options);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, store_sink(store)), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(count_names(in_tempdir("d/blobs/sha256")), 50);
    store_close(store);
    assert_false(exists(in_tempdir("d")));
}

static void test_unpublished(void **state)
{
    (void)state;
    struct error err;
    struct bytes manifest;
    struct store *store = destination("d", "t", &no_options);
    assert_int_equal(put_image(store_sink(store), "x", &manifest, &err), 0);
    store_close(store);
    assert_int_equal(count_names(tempdir), 0);

    /* A folder that was there stays, empty as it was. */
    assert_int_equal(mkdir(in_tempdir("d"), 0777), 0);
    store = destination("d", "t", &no_options);
    bytes_done(&manifest);
    assert_int_equal(put_image(store_sink(store), "x", &manifest, &err), 0);
    store_close(store);
    assert_int_equal(count_names(in_tempdir("d")), 0);

    /* A layout that another run uses meanwhile stays, and so do the blobs it counts on. */
    store = destination("d", "t", &no_options);
    bytes_done(&manifest);
    assert_int_equal(put_image(store_sink(store), "x", &manifest, &err), 0);
    struct store *other = destination("d", "u", &no_options);
    store_close(store);
    struct publication publication = {.manifest = &manifest};
    assert_int_equal(store_publish(other, &publication, &err), 0);
    store_close(other);
    assert_image("d", "u", "x");

    /* What was a layout before keeps new blobs and gets no tag. */
    char *before = get_file(in_tempdir("d/index.json"), NULL);
    store = destination("d", "v", &no_options);
    struct blob_id id;
    assert_int_equal(sink_put(store_sink(store), "new", 3, &id, &err), 0);
    store_close(store);
    assert_file_is(in_tempdir("d/index.json"), before);
    free(before);

    /* A manifest whose blobs are gone is not published. */
    store = destination("d", "w", &no_options);
    bytes_done(&manifest);
    assert_int_equal(put_image(store_sink(store), "y", &manifest, &err), 0);
    assert_int_equal(sink_put(store_sink(store), "y 1", 3, &id, &err), 0);
    char hex[DIGEST_TEXT_SIZE];
    digest_print_hex(&id.digest, hex);
    unlink(in_tempdir("d/blobs/sha256/%s", hex));
    assert_int_equal(store_publish(store, &publication, &err), -1);
    assert_int_equal(err.class, ERROR_BLOB_MISSING);
    store_close(store);
    bytes_done(&manifest);
}

static void test_not_ours(void **state)
{
    (void)state;
    assert_destination_fails("a/b", ERROR_DESTINATION, "No such file");
    put_text(in_tempdir("d"), "a file");
    assert_destination_fails("d", ERROR_DESTINATION, "Not a directory");
    unlink(in_tempdir("d"));
    assert_int_equal(symlink("nowhere", in_tempdir("d")), 0);
    assert_destination_fails("d", ERROR_DESTINATION, "symbolic link to nothing");
    unlink(in_tempdir("d"));

    assert_int_equal(mkdir(in_tempdir("d"), 0777), 0);
    put_text(in_tempdir("d/notes.txt"), "mine");
    assert_destination_fails("d", ERROR_DESTINATION, "no OCI layout and not empty");
    assert_int_equal(count_names(in_tempdir("d")), 1);
    put_text(in_tempdir("d/oci-layout"), MARKER);
    assert_destination_fails("d", ERROR_DESTINATION, "index.json");
    unlink(in_tempdir("d/notes.txt"));
    put_text(in_tempdir("d/oci-layout"), "mine");
    assert_destination_fails("d", ERROR_DESTINATION, "oci-layout");
    assert_file_is(in_tempdir("d/oci-layout"), "mine");
    assert_int_equal(count_names(in_tempdir("d")), 1);

    make_layout(MARKER, "[]");
    assert_destination_fails("d", ERROR_DESTINATION, "an object");
    assert_file_is(in_tempdir("d/index.json"), "[]");
    make_layout("{\"imageLayoutVersion\":\"2.0.0\"}", "{}");
    assert_destination_fails("d", ERROR_DESTINATION, "2.0.0");
    put_index("");
    put_text(in_tempdir("d/oci-layout"), MARKER);
    rmdir(in_tempdir("d/blobs/sha256"));
    assert_int_equal(symlink("/tmp", in_tempdir("d/blobs/sha256")), 0);
    assert_destination_fails("d", ERROR_DESTINATION, "blobs/sha256");
}

/* Folders that this user may not write. Root may write them all, so it becomes somebody else for a
 * while. */
static void test_not_writable(void **state)
{
    (void)state;
    bool root = geteuid() == 0;
    if (root) {
        assert_int_equal(chown(tempdir, 65534, 65534), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    must_publish("d", "t", "x", &no_options);
    assert_int_equal(chmod(in_tempdir("d/blobs/sha256"), 0555), 0);
    assert_destination_fails("d", ERROR_DESTINATION, "cannot be written");
    assert_int_equal(chmod(in_tempdir("d/blobs/sha256"), 0), 0);
    assert_load_fails("t", ERROR_IO, "Permission denied");
    assert_int_equal(chmod(in_tempdir("d/blobs/sha256"), 0777), 0);
    assert_int_equal(chmod(tempdir, 0555), 0);
    assert_destination_fails("e", ERROR_DESTINATION, "cannot be written");
    assert_int_equal(chmod(tempdir, 0777), 0);
    assert_int_equal(root ? seteuid(0) : 0, 0);
}

static void test_tags(void **state)
{
    (void)state;
    must_publish("d", "one", "first", &no_options);
    must_publish("d", "two", "second", &no_options);
    assert_image("d", "one", "first");
    assert_image("d", "two", "second");
    assert_load_fails(NULL, ERROR_NO_SUCH_TAG, "one, two");
    assert_load_fails("three", ERROR_NO_SUCH_TAG, "no tag three; there are: one, two");

    assert_publish_fails("one", "second", &no_options, ERROR_EXISTS, "--replace");
    assert_publish_fails(NULL, "third", &no_options, ERROR_EXISTS, "needs a tag");
    assert_publish_fails(NULL, "third", &replacing, ERROR_EXISTS, "needs a tag");

    /* Replaced: the old manifest stays, nameless, and is noted once however often the tag goes back
     * and forth. */
    for (int i = 0; i < 3; i++) {
        must_publish("d", "one", "third", &replacing);
        assert_image("d", "one", "third");
        must_publish("d", "one", "first", &replacing);
        assert_image("d", "one", "first");
    }
    assert_image("d", "two", "second");
    assert_int_equal(count_in_index("\"digest\""), 4);
    assert_int_equal(count_in_index("ref.name"), 2);

    /* Two tags of one image; the name goes over without leaving anything that another entry keeps.
     */
    must_publish("d", "two", "first", &replacing);
    assert_image("d", "two", "first");
    assert_image("d", "one", "first");
}

static void test_untagged(void **state)
{
    (void)state;
    must_publish("d", NULL, "first", &no_options);
    assert_int_equal(count_in_index("annotations"), 0);
    assert_image("d", NULL, "first");
    assert_publish_fails(NULL, "second", &no_options, ERROR_EXISTS, "--replace");
    must_publish("d", NULL, "second", &replacing);
    assert_image("d", NULL, "second");
    assert_int_equal(count_in_index("digest"), 1);
    must_publish("d", "t", "second", &no_options);
    assert_image("d", NULL, "second"); /* two entries, one image */
    must_publish("d", NULL, "second", &no_options);
}

/* What this program does not know in an index comes through unchanged, in its order. */
static void test_foreign_entries(void **state)
{
    (void)state;
    make_layout(MARKER, "{\"x\":1.50,\"schemaVersion\":2,\"manifests\":["
                        "{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":"
                        "\"sha512:00\",\"size\":-1,\"y\":[null]},"
                        "{\"digest\":7},"
                        "{\"digest\":\"sha256:old\",\"annotations\":{\"a\":\"b\",\"org."
                        "opencontainers.image.ref.name\":\"t\",\"c\":\"d\"},\"z\":{}}"
                        "],\"annotations\":{\"k\":\"v\"}}");
    assert_publish_fails("t", "x", &no_options, ERROR_EXISTS, "sha256:old");
    must_publish("d", "t", "x", &replacing);
    char *text = get_file(in_tempdir("d/index.json"), NULL);
    const char *head =
        "{\"x\":1.50,\"schemaVersion\":2,\"manifests\":["
        "{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":"
        "\"sha512:00\",\"size\":-1,\"y\":[null]},"
        "{\"digest\":7},"
        "{\"digest\":\"sha256:old\",\"annotations\":{\"a\":\"b\",\"c\":\"d\"},\"z\":{}"
        "},"
        "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":";
    const char *tail = "\"annotations\":{\"org.opencontainers.image.ref.name\":\"t\"}}"
                       "],\"annotations\":{\"k\":\"v\"}}";
    assert_memory_equal(text, head, strlen(head));
    assert_string_equal(text + strlen(text) - strlen(tail), tail);
    free(text);
    assert_image("d", "t", "x");
}

static void test_concurrent(void **state)
{
    (void)state;
    pid_t children[RUNS];
    for (int i = 0; i < RUNS; i++) {
        children[i] = fork_child();
        if (children[i] == 0) {
            char word[16];
            struct error err;
            snprintf(word, sizeof word, "run%d", i);
            _exit(publish("d", word, word, &no_options, &err) < 0);
        }
    }
    for (int i = 0; i < RUNS; i++) {
        int status;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < RUNS; i++) {
        char word[16];
        snprintf(word, sizeof word, "run%d", i);
        assert_image("d", word, word);
    }
    assert_int_equal(count_names(tempdir), 1);
    assert_int_equal(count_names(in_tempdir("d")), 3);
}

/* Killed at moments all over a run: what is there loads, or there is no layout; and the next run
 * succeeds. */
static void test_killed(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct error err;
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork_child();
        if (child == 0) {
            (void)!write(ready[1], "x", 1);
            for (int i = 0; i < 1000; i++) {
                char word[32];
                snprintf(word, sizeof word, "round%d-%d", round, i);
                (void)publish("d", "t", word, &replacing, &err);
            }
            _exit(0);
        }
        char c;
        assert_int_equal(read(ready[0], &c, 1), 1);
        poll(NULL, 0, round % 20);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(ready[0]);
        close(ready[1]);
        if (exists(in_tempdir("d/index.json")) && count_in_index("\"t\"") > 0)
            assert_image("d", "t", "round");
        must_publish("d", "u", "after", &replacing);
        assert_image("d", "u", "after");
        assert_int_equal(count_names(in_tempdir("d")), 3);
        if (round % 3 == 0) {
            assert_int_equal(tempdir_remove(NULL), 0);
            assert_int_equal(mkdir(tempdir, 0777), 0);
        }
    }
}

static int tempdir_make_named(void **state)
{
    without_nameless = true;
    return tempdir_make(state);
}

static int tempdir_remove_named(void **state)
{
    without_nameless = false;
    return tempdir_remove(state);
}

#define TEST_NAMED(name)                                                                           \
    {                                                                                              \
#name "_with_names", name, tempdir_make_named, tempdir_remove_named, NULL                  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_layout),
        TEST(test_blobs),
        TEST(test_threads),
        TEST(test_unpublished),
        TEST(test_not_ours),
        TEST(test_not_writable),
        TEST(test_tags),
        TEST(test_untagged),
        TEST(test_foreign_entries),
        TEST(test_concurrent),
        TEST(test_killed),
        TEST_NAMED(test_new_layout),
        TEST_NAMED(test_blobs),
        TEST_NAMED(test_threads),
        TEST_NAMED(test_unpublished),
        TEST_NAMED(test_concurrent),
        TEST_NAMED(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
