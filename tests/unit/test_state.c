/* test_state.c: what is noted in a state file is found by the next run, whatever was cut off or
 * damaged; one run at a time has it. */
#include "tests/unit/tempdir.h"

#include "convert/engine/state.h"
#include "formats/model/auto.h"

#include <sys/wait.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_make, tempdir_remove)

static struct digest digest_with(uint8_t byte)
{
    struct digest digest;
    memset(digest.bytes, byte, sizeof digest.bytes);
    return digest;
}

static struct state_name name_of(uint8_t source, const char *destination)
{
    return (struct state_name){digest_with((uint8_t)(source + 100)), digest_with(source),
                               destination};
}

static struct state *opened(const char *path, bool restart)
{
    struct error err = ERROR_INIT;
    struct state_name name = name_of(1, "oci:there:tag");
    struct state *state;
    if (state_open(path, &name, restart, &state, &err) < 0)
        fail_msg("%s", err.text);
    return state;
}

static void assert_open_fails(const char *path, const struct state_name *name, bool restart,
                              enum error_class class, const char *text)
{
    struct error err = ERROR_INIT;
    struct state *state;
    assert_int_equal(state_open(path, name, restart, &state, &err), -1);
    if (err.class != class || strstr(err.text, text) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
}

static struct state_chunk chunk_number(unsigned i)
{
    return (struct state_chunk){
        .proof = {.offset = i * 1000u,
                  .length = 1000,
                  .content = digest_with((uint8_t)(i + 10)),
                  .blob = {digest_with((uint8_t)(i / 2 + 50)), true, 77 + i},
                  .basis = i % 2 == 0 ? BASIS_DECODED : BASIS_SAME_BLOB},
        .blocks = {i, 2 * i + 1}};
}

static void note_chunk(struct state *state, unsigned i)
{
    struct error err = ERROR_INIT;
    struct state_chunk chunk = chunk_number(i);
    assert_int_equal(state_note_chunk(state, &chunk, &err), 0);
}

static bool has_chunk(struct state *state, unsigned i)
{
    struct state_chunk found, wanted = chunk_number(i);
    assert_false(state_find_chunk(state, i * 1000u, 999, &found));
    if (!state_find_chunk(state, i * 1000u, 1000, &found))
        return false;
    assert_true(digest_equal(&found.proof.content, &wanted.proof.content));
    assert_true(digest_equal(&found.proof.blob.digest, &wanted.proof.blob.digest));
    assert_true(found.proof.blob.has_digest && found.proof.blob.size == wanted.proof.blob.size);
    assert_int_equal(found.proof.basis, wanted.proof.basis);
    assert_true(found.blocks.encoded == i && found.blocks.carried == 2 * i + 1);
    return true;
}

static void note_place(struct state *state, size_t layer, uint64_t offset)
{
    struct error err = ERROR_INIT;
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    assert_non_null(checkpoint);
    checkpoint->layer = layer;
    checkpoint->state.decoded = offset;
    checkpoint->state.consumed = layer * 100;
    memset(checkpoint->state.history, (int)layer, sizeof checkpoint->state.history);
    assert_int_equal(state_note_checkpoint(state, checkpoint, &err), 0);
    free(checkpoint);
}

static void assert_place(struct state *state, uint64_t offset, size_t layer)
{
    struct error err = ERROR_INIT;
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    assert_non_null(checkpoint);
    assert_int_equal(state_load_checkpoint(state, offset, checkpoint, &err), 0);
    assert_int_equal(checkpoint->layer, layer);
    assert_int_equal(checkpoint->state.consumed, layer * 100);
    assert_int_equal(checkpoint->state.history[65535], layer);
    free(checkpoint);
}

static void test_records(void **unused)
{
    (void)unused;
    const char *path = in_tempdir("a.state");
    struct error err = ERROR_INIT;
    struct state *state = opened(path, false);
    assert_true(state_is_empty(state));
    for (unsigned i = 0; i < 40; i++)
        note_chunk(state, i);
    note_place(state, 1, 70000);
    note_place(state, 2, 90000);
    note_place(state, 3, 90000);
    state_session_opened(state, "https://r.example/upload/1?_state=a");
    state_session_opened(state, "https://r.example/upload/2");
    state_session_closed(state, "https://r.example/upload/1?_state=a");
    struct digest lost = digest_with(51); /* of chunks 2 and 3 */
    assert_int_equal(state_forget_blob(state, &lost, &err), 0);
    assert_null(state_take_session(state)); /* this run's are not left over */
    for (int round = 0; round < 2; round++) {
        assert_false(state_is_empty(state));
        for (unsigned i = 0; i < 40; i++)
            assert_int_equal(has_chunk(state, i), i != 2 && i != 3);
        assert_int_equal(state_checkpoint_before(state, 69999), 0);
        assert_int_equal(state_checkpoint_before(state, 70000), 70000);
        assert_int_equal(state_checkpoint_before(state, 1000000), 90000);
        assert_place(state, 70000, 1);
        assert_place(state, 90000, 3);
        assert_null(state_free(state));
        struct stat stat_now;
        assert_int_equal(stat(path, &stat_now), 0);
        assert_int_equal(stat_now.st_mode & 0777, 0600);
        state = opened(path, false);
    }
    char *session = state_take_session(state);
    assert_string_equal(session, "https://r.example/upload/2");
    free(session);
    assert_null(state_take_session(state));
    state_free(state);
    state = opened(path, false);
    assert_null(state_take_session(state));
    note_chunk(state, 2);
    assert_true(has_chunk(state, 2));
    assert_null(state_remove(state));
    assert_int_equal(access(path, F_OK), -1);
}

/* A file in which nothing is, is not left behind. */
static void test_empty(void **unused)
{
    (void)unused;
    const char *path = in_tempdir("a.state");
    state_free(opened(path, false));
    assert_int_equal(access(path, F_OK), -1);
    struct state *state = opened(path, false);
    state_session_opened(state, "https://r.example/1");
    state_free(state);
    assert_int_equal(access(path, F_OK), 0);
    state = opened(path, false);
    assert_true(state_is_empty(state));
    free(state_take_session(state));
    state_free(state);
    assert_int_equal(access(path, F_OK), -1);
}

static size_t sizes_make(const char *path, size_t sizes[8])
{
    struct state *state = opened(path, false);
    size_t count = 0;
    struct stat now;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(stat(path, &now), 0);
        sizes[count++] = (size_t)now.st_size;
        if (i < 4)
            note_chunk(state, i);
    }
    state_free(state);
    return count;
}

/* Cut anywhere: what was whole is there, and more can be noted. */
static void test_torn(void **unused)
{
    (void)unused;
    const char *path = in_tempdir("a.state");
    size_t sizes[8], size;
    size_t count = sizes_make(path, sizes);
    char *whole = get_file(path, &size);
    assert_int_equal(size, sizes[count - 1]);
    for (size_t cut = 0; cut <= size; cut++) {
        put_file(path, whole, cut);
        struct state *state = opened(path, false);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(has_chunk(state, i), cut >= sizes[i + 1]);
        note_chunk(state, 9);
        state_free(state);
        state = opened(path, false);
        assert_true(has_chunk(state, 9));
        assert_int_equal(has_chunk(state, 0), cut >= sizes[1]);
        state_remove(state);
    }
    free(whole);
}

/* Any flipped bit: the records before it are there, nothing behind it is believed. */
static void test_damage(void **unused)
{
    (void)unused;
    const char *path = in_tempdir("a.state");
    struct state_name name = name_of(1, "oci:there:tag");
    size_t sizes[8], size;
    sizes_make(path, sizes);
    char *whole = get_file(path, &size);
    for (size_t at = 0; at < size; at++) {
        whole[at] ^= 0x10;
        put_file(path, whole, size);
        whole[at] ^= 0x10;
        bool owner = at >= 16 && at < 128;
        if (at < 16)
            assert_open_fails(path, &name, true, ERROR_EXISTS, "is no state file");
        else if (!owner && at < sizes[0]) {
            assert_open_fails(path, &name, false, ERROR_IO, "is damaged");
            struct state *state = opened(path, true);
            assert_true(state_is_empty(state));
            state_free(state);
        } else {
            struct state *state = opened(path, false);
            for (unsigned i = 0; i < 4; i++)
                assert_int_equal(has_chunk(state, i), owner || at >= sizes[i + 1]);
            state_free(state);
        }
    }
    free(whole);
}

/* Records whose sums are right and that make no sense end what is believed, too. */
static void test_nonsense(void **unused)
{
    (void)unused;
    const char *path = in_tempdir("a.state");
    struct error err = ERROR_INIT;
    struct state *state = opened(path, false);
    note_chunk(state, 0);
    struct state_chunk chunk = chunk_number(1);
    chunk.proof.offset = UINT64_MAX - 10;
    assert_int_equal(state_note_chunk(state, &chunk, &err), 0);
    note_chunk(state, 2);
    state_free(state);
    state = opened(path, false);
    assert_true(has_chunk(state, 0));
    assert_false(has_chunk(state, 2));
    state_remove(state);
}

static void test_others(void **unused)
{
    (void)unused;
    const char *path = in_tempdir("a.state");
    struct error err = ERROR_INIT;
    char *other;
    struct state *state = opened(path, false);
    note_chunk(state, 0);
    state_session_opened(state, "https://r.example/1");
    assert_int_equal(state_find_other(state, &other, &err), 0);
    assert_null(other);
    state_free(state);
    struct state_name moved = name_of(2, "oci:there:tag"), elsewhere = name_of(1, "oci:x:tag");
    assert_open_fails(path, &moved, false, ERROR_EXISTS, "another conversion");
    assert_open_fails(path, &elsewhere, false, ERROR_EXISTS, "another conversion");
    put_text(in_tempdir("foreign.state"), "tartconv is a word");
    assert_open_fails(in_tempdir("foreign.state"), &moved, true, ERROR_EXISTS, "no state file");
    assert_open_fails(in_tempdir("no/folder.state"), &moved, true, ERROR_IO, "--no-state");
    assert_int_equal(symlink("a.state", in_tempdir("link.state")), 0);
    assert_open_fails(in_tempdir("link.state"), &moved, true, ERROR_IO, "cannot be opened");

    /* a tag that moved: its old state is found, from beside */
    assert_int_equal(state_open(in_tempdir("b.state"), &moved, false, &state, &err), 0);
    assert_int_equal(state_find_other(state, &other, &err), 0);
    assert_string_equal(other, path);
    free(other);
    state_free(state);

    /* --restart: chunks are given up, uploads are not */
    state = opened(path, true);
    assert_true(state_is_empty(state));
    state_free(state);
    state = opened(path, false);
    assert_true(state_is_empty(state));
    char *session = state_take_session(state);
    assert_string_equal(session, "https://r.example/1");
    free(session);
    note_chunk(state, 1);
    state_free(state);
    assert_int_equal(state_open(path, &moved, true, &state, &err), 0);
    assert_true(state_is_empty(state));
    state_free(state);
}

static void test_lock(void **unused)
{
    (void)unused;
    const char *path = in_tempdir("a.state");
    struct state_name name = name_of(1, "oci:there:tag");
    struct state *state = opened(path, false);
    char owner[40];
    snprintf(owner, sizeof owner, "(pid %ld on ", (long)getpid());
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error err = ERROR_INIT;
        struct state *mine;
        bool good = state_open(path, &name, true, &mine, &err) < 0 && err.class == ERROR_LOCKED &&
                    strstr(err.text, owner) != NULL;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_open_fails(path, &name, false, ERROR_LOCKED, owner);
    state_free(state);
    state_free(opened(path, false));
}

static void test_place(void **unused)
{
    (void)unused;
    struct error err = ERROR_INIT;
    struct convert_options options = {.to = CONVERT_TO_V2, .encoder = {ENCODER_APPLE, 0}};
    struct digest source = digest_with(1), key, other;
    assert_int_equal(state_key(&source, "oci:a", &options, &key, &err), 0);
    options.replace = true;
    assert_int_equal(state_key(&source, "oci:a", &options, &other, &err), 0);
    assert_true(digest_equal(&key, &other));
    assert_int_equal(state_key(&source, "oci:b", &options, &other, &err), 0);
    assert_false(digest_equal(&key, &other));
    options.encode_all = true;
    assert_int_equal(state_key(&source, "oci:a", &options, &other, &err), 0);
    assert_false(digest_equal(&key, &other));

    char hex[DIGEST_TEXT_SIZE], *path;
    digest_print_hex(&key, hex);
    setenv("HOME", in_tempdir("home"), 1);
    unsetenv("XDG_STATE_HOME");
    assert_int_equal(state_path(NULL, &key, &path, &err), 0);
    assert_string_equal(path, in_tempdir("home/.local/state/tartconv/%s.state", hex));
    assert_int_equal(access(in_tempdir("home/.local/state/tartconv"), W_OK), 0);
    free(path);
    setenv("XDG_STATE_HOME", "not/absolute", 1);
    assert_int_equal(state_path(NULL, &key, &path, &err), 0);
    assert_string_equal(path, in_tempdir("home/.local/state/tartconv/%s.state", hex));
    free(path);
    setenv("XDG_STATE_HOME", in_tempdir("xdg"), 1);
    assert_int_equal(state_path(NULL, &key, &path, &err), 0);
    assert_string_equal(path, in_tempdir("xdg/tartconv/%s.state", hex));
    free(path);
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    assert_int_equal(state_path(NULL, &key, &path, &err), 0);
    assert_null(path);
    assert_int_equal(state_path(in_tempdir("mine.state"), &key, &path, &err), 0);
    assert_string_equal(path, in_tempdir("mine.state"));
    free(path);
    assert_int_equal(state_path(in_tempdir("states/"), &key, &path, &err), 0);
    assert_string_equal(path, in_tempdir("states/%s.state", hex));
    free(path);
    assert_int_equal(state_path(in_tempdir("no/states/"), &key, &path, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records),  TEST(test_empty),  TEST(test_torn), TEST(test_damage),
        TEST(test_nonsense), TEST(test_others), TEST(test_lock), TEST(test_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
