/* test_history.c: logs read back: later events count, over files in any order; half lines, foreign
 * lines and lines that stand twice do no harm; proofs are found where they lie. */
#include "convert/fleet/history.h"

#include "convert/fleet/remedy.h"
#include "formats/model/auto.h"
#include "tests/unit/tempdir.h"

static struct error err = ERROR_INIT;

#define HEAD(second, run)                                                                          \
    "{\"kind\":\"event\",\"version\":1,\"time\":\"2026-11-24T13:30:" second                        \
    ".000Z\",\"run\":\"0000000" run "\",\"event\":"
#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define BEGIN(second, run, name)                                                                   \
    HEAD(second, run)                                                                              \
    "\"image-begin\",\"name\":\"" name                                                             \
    "\",\"source\":\"s/s:1\",\"target\":\"t/t:1\",\"tag\":\"v\",\"action\":\"convert\"}\n"
#define PROGRESS(second, run, name, done)                                                          \
    HEAD(second, run) "\"progress\",\"name\":\"" name "\",\"done\":" done ",\"total\":100}\n"
#define PROOF(second, run, name, basis, dropped)                                                   \
    HEAD(second, run)                                                                              \
    "\"proof\",\"name\":\"" name                                                                   \
    "\",\"proof\":{\"kind\":\"proof\",\"version\":1,\"source_digest\":\"" A                        \
    "\",\"destination_digest\":\"" B                                                               \
    "\",\"disk_size\":9,\"disk_digest\":null,\"encoder\":null,\"encoder_library\":null,"           \
    "\"blocks_encoded\":1,\"blocks_carried\":2,\"chunks\":[{\"offset\":0,\"length\":9,\"content_"  \
    "digest\":\"" C "\",\"blob\":null,\"basis\":\"" basis "\"}],\"dropped_layers\":[" dropped      \
    "]}}\n"
#define DONE(second, run, name, target)                                                            \
    HEAD(second, run)                                                                              \
    "\"image-end\",\"name\":\"" name "\",\"source\":\"s/s:1\",\"target\":\"t/t:1\",\"tag\":\"v\"," \
    "\"action\":\"convert\",\"status\":\"done\",\"milliseconds\":1500,\"source_digest\":\"" A      \
    "\",\"target_digest\":\"" target "\",\"target_size\":70,\"bytes_read\":10,\"bytes_written\":"  \
    "4,\"bytes_reused\":3,\"error\":null}\n"
#define FAILED(second, run, name)                                                                  \
    HEAD(second, run)                                                                              \
    "\"image-end\",\"name\":\"" name                                                               \
    "\",\"source\":\"s/s:1\",\"target\":\"t/t:1\",\"action\":\"convert\","                         \
    "\"status\":\"failed\",\"milliseconds\":500,\"bytes_read\":1,\"error\":{\"class\":\"disk-"     \
    "order\",\"text\":\"oh\",\"status\":2}}\n"

static struct history read_texts(const char *one, const char *two)
{
    struct history history;
    const char *paths[] = {in_tempdir("one"), in_tempdir("two")};
    put_text(paths[0], one);
    if (two != NULL)
        put_text(paths[1], two);
    if (history_read(paths, two == NULL ? 1 : 2, &history, &err) < 0)
        fail_msg("%s", err.text);
    return history;
}

static const struct history_image *find(const struct history *history, const char *name)
{
    const struct history_image *image = history_find(history, name);
    assert_non_null(image);
    return image;
}

static void test_done(void **state)
{
    (void)state;
    struct history history = read_texts(
        BEGIN("00", "1", "a") PROGRESS("01", "1", "a", "40") PROGRESS("03", "1", "a", "100")
            PROOF("04", "1", "a", "decoded", "") DONE("05", "1", "a", B),
        NULL);
    const struct history_image *image = find(&history, "a");
    assert_int_equal(history.count, 1);
    assert_true(image->ended && image->was_done && image->has_proof && image->proof_complete);
    assert_int_equal(image->status, IMAGE_DONE);
    assert_string_equal(image->tag, "v");
    assert_int_equal(image->bytes_read, 10);
    assert_int_equal(image->target_size, 70);
    assert_int_equal(image->rate_count, 2);
    assert_int_equal(image->rates[1].done, 100);
    assert_int_equal(image->end_ms - image->begin_ms, 5000);
    struct proof proof;
    if (history_proof(&history, image, &proof, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(proof.disk_size, 9);
    assert_true(digest_equal(&proof.destination, &image->target_digest));
    proof_done(&proof);
    history_done(&history);
}

/* The logs are given in the wrong order: what failed later, or was done later, is by its time. */
static void test_order(void **state)
{
    (void)state;
    struct history history = read_texts(
        BEGIN("20", "2", "a") FAILED("21", "2", "a") BEGIN("22", "2", "b") DONE("23", "2", "b", C),
        BEGIN("00", "1", "a") DONE("01", "1", "a", B) BEGIN("02", "1", "b") FAILED("03", "1", "b"));
    const struct history_image *a = find(&history, "a"), *b = find(&history, "b");
    assert_int_equal(a->status, IMAGE_FAILED);
    assert_true(a->was_done);
    assert_int_equal(a->attempts, 2);
    assert_string_equal(a->class, "disk-order");
    assert_string_equal(a->fix, "tartconv repair s/s:1 t/t:1");
    assert_int_equal(a->bytes_read, 11);
    assert_true(a->seconds > 1.9 && a->seconds < 2.1);
    assert_int_equal(b->status, IMAGE_DONE);
    assert_null(b->class);
    assert_string_equal(history.logs[0], in_tempdir("two"));
    assert_int_equal(a->log, 1);
    history_done(&history);
}

static void test_hostile_lines(void **state)
{
    (void)state;
    struct history history = read_texts(
        "\n{\"kind\":\"event\",\"version\":1,\"time\":\"2026-13-24T13:30:00.000Z\",\"run\":"
        "\"00000001\",\"event\":\"run-end\"}\n"
        "nonsense\n{\"kind\":\"proof\"}\n" BEGIN("00", "1", "a") BEGIN("00", "1", "a") DONE(
            "01", "1", "a", B) DONE("01", "1", "a", B)
            HEAD("02", "1") "\"image-end\",\"name\":\"a\",\"status\":\"unheard of\"}\n" HEAD(
                "02",
                "1") "\"of a later version\",\"name\":\"a\"}\n" HEAD("02",
                                                                     "1") "\"chunk\",\"name\":"
                                                                          "\"a\",\"offset\":"
                                                                          "9223372036854775807,"
                                                                          "\"length\":"
                                                                          "9223372036854775807,"
                                                                          "\"how\":\"zero\"}"
                                                                          "\n" HEAD("02",
                                                                                    "1") "\"image-"
                                                                                         "end\","
                                                                                         "\"name\":"
                                                                                         "\"a\","
                                                                                         "\"stat",
        NULL);
    const struct history_image *image = find(&history, "a");
    assert_int_equal(history.passed_over, 4);
    assert_int_equal(image->attempts, 1);
    assert_int_equal(image->bytes_read, 10);
    assert_int_equal(image->status, IMAGE_DONE);
    assert_int_equal(image->chunk_count, 0);
    assert_false(image->has_proof);
    history_done(&history);
}

/* A file that is named twice is read once. */
static void test_named_twice(void **state)
{
    (void)state;
    const char *paths[] = {in_tempdir("one"), in_tempdir("link")};
    struct history history;
    put_text(paths[0], BEGIN("00", "1", "a"));
    assert_int_equal(symlink(paths[0], paths[1]), 0);
    assert_int_equal(history_read(paths, 2, &history, &err), 0);
    assert_int_equal(history.log_count, 1);
    assert_false(find(&history, "a")->ended);
    history_done(&history);
}

static void test_refused(void **state)
{
    (void)state;
    const char *path = in_tempdir("bad");
    struct history history;
    put_text(path, "{}\nno log\n");
    assert_int_equal(history_read(&path, 1, &history, &err), -1);
    assert_int_equal(err.class, ERROR_LOG_INVALID);
    const char *none = in_tempdir("absent"), *folder = tempdir;
    assert_int_equal(history_read(&none, 1, &history, &err), -1);
    assert_int_equal(err.class, ERROR_NO_SUCH_FILE);
    assert_int_equal(history_read(&folder, 1, &history, &err), -1);
    assert_int_equal(err.class, ERROR_LOG_INVALID);
    put_text(path, "");
    assert_int_equal(history_read(&path, 1, &history, &err), 0);
    history_done(&history);
}

static void test_proofs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool has, complete;
    } rows[] = {
        {PROOF("00", "1", "a", "reused", "") DONE("01", "1", "a", B), true, true},
        {PROOF("00", "1", "a", "same-blob", "") DONE("01", "1", "a", B), true, false},
        {PROOF("00", "1", "a", "decoded", "\"" C "\"") DONE("01", "1", "a", B), true, false},
        {PROOF("00", "1", "a", "decoded", "") DONE("01", "1", "a", C), false, false},
        {DONE("01", "1", "a", B), false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct history history = read_texts(rows[i].text, NULL);
        assert_int_equal(find(&history, "a")->has_proof, rows[i].has);
        assert_int_equal(find(&history, "a")->proof_complete, rows[i].complete);
        struct proof proof;
        if (!rows[i].has)
            assert_int_equal(history_proof(&history, find(&history, "a"), &proof, &err), -1);
        history_done(&history);
    }
}

/* A kill between the proof and the end; the next run finds the image there. */
static void test_found(void **state)
{
    (void)state;
    struct history history =
        read_texts(BEGIN("00", "1", "a") PROOF("01", "1", "a", "decoded", "")
                       HEAD("09", "2") "\"image-end\",\"name\":\"a\",\"status\":\"already\"}\n",
                   NULL);
    const struct history_image *image = find(&history, "a");
    assert_true(image->was_done && image->has_target_digest && image->has_proof);
    assert_int_equal(image->status, IMAGE_ALREADY);
    history_done(&history);
}

static void test_moves(void **state)
{
    (void)state;
#define MOVE(second, event)                                                                        \
    HEAD(second, "3")                                                                              \
    "\"" event "\",\"name\":\"a\",\"tag\":\"v\",\"had_before\":true,\"before\":\"" A               \
    "\",\"after\":\"" B "\",\"backup_tag\":\"old\"}\n"
    struct history history = read_texts(DONE("01", "1", "a", B) MOVE("02", "switching"), NULL);
    assert_true(find(&history, "a")->switched.begun && !find(&history, "a")->switched.done);
    history_done(&history);
    history =
        read_texts(DONE("01", "1", "a", B) MOVE("02", "switching") MOVE("03", "switched"), NULL);
    const struct switched *switched = &find(&history, "a")->switched;
    assert_true(switched->done && switched->had_before && !switched->rolled_back);
    assert_string_equal(switched->backup_tag, "old");
    history_done(&history);
    history = read_texts(DONE("01", "1", "a", B) MOVE("03", "switched") MOVE("04", "rolled-back")
                             HEAD("05", "3") "\"retired\",\"name\":\"a\",\"repository\":\"s/s\"}\n",
                         NULL);
    assert_true(find(&history, "a")->switched.rolled_back && find(&history, "a")->retired);
    history_done(&history);
    /* about to be moved back, and switched once more */
    history =
        read_texts(DONE("01", "1", "a", B) MOVE("03", "switched") MOVE("04", "rolling-back"), NULL);
    switched = &find(&history, "a")->switched;
    assert_true(switched->done && switched->going_back && !switched->rolled_back);
    history_done(&history);
    history = read_texts(MOVE("03", "switched") MOVE("04", "rolling-back") MOVE("05", "switched"),
                         DONE("01", "1", "a", B));
    switched = &find(&history, "a")->switched;
    assert_true(switched->done && !switched->going_back);
    history_done(&history);
}

/* What is there was made of the source of then; a newer one that failed, or was not retired, is
 * another matter. */
static void test_made_of(void **state)
{
    (void)state;
#define RETIRED(second, digest)                                                                    \
    HEAD(second, "3")                                                                              \
    "\"retired\",\"name\":\"a\",\"repository\":\"s/s\",\"digest\":\"" digest "\"}\n"
#define NEWER                                                                                      \
    HEAD("03", "2")                                                                                \
    "\"image-begin\",\"name\":\"a\",\"source\":\"s/s:1\",\"target\":\"t/t:1\","                    \
    "\"source_digest\":\"" C "\"}\n" FAILED("04", "2", "a")
    struct history history = read_texts(
        PROOF("00", "1", "a", "decoded", "") DONE("01", "1", "a", B) NEWER, RETIRED("05", A));
    const struct history_image *image = find(&history, "a");
    struct digest a, c;
    assert_true(digest_parse(A, &a) && digest_parse(C, &c));
    assert_true(image->has_made_of && digest_equal(&image->made_of, &a));
    assert_true(digest_equal(&image->source_digest, &c));
    assert_true(image->retired);
    assert_int_equal(image->proof_ms % 60000, 0); /* not the later attempt's time */
    history_done(&history);
    history = read_texts(DONE("01", "1", "a", B), RETIRED("05", C));
    assert_false(find(&history, "a")->retired);
    history_done(&history);
}

static void test_shards(void **state)
{
    (void)state;
#define LISTED(second, run)                                                                        \
    HEAD(second, run) "\"run-begin\",\"command\":\"sync\",\"images\":[\"a\",\"b\",\"c\"]}\n"
    struct history history =
        read_texts(LISTED("00", "1") BEGIN("01", "1", "a") DONE("02", "1", "a", B),
                   LISTED("00", "2") BEGIN("01", "2", "b") FAILED("02", "2", "b"));
    assert_int_equal(history.planned, 3);
    assert_int_equal(history.runs, 2);
    assert_int_equal(history.count, 2);
    assert_int_equal(history.untaken_count, 1);
    assert_string_equal(history.untaken[0], "c");
    assert_null(history_find(&history, "c"));
    history_done(&history);
}

/* Ten thousand looks at one image are thinned out, and nothing of the sum is lost. */
static void test_thinned(void **state)
{
    (void)state;
    FILE *file = fopen(in_tempdir("many"), "w");
    assert_non_null(file);
    fputs(BEGIN("00", "1", "a"), file);
    for (unsigned i = 1; i <= 10000; i++)
        fprintf(file,
                "{\"kind\":\"event\",\"version\":1,\"time\":\"2026-11-24T%02u:%02u:%02u.000Z\","
                "\"run\":\"00000001\",\"event\":"
                "\"progress\",\"name\":\"a\",\"done\":%u,\"total\":10000}\n",
                14 + i / 3600, i / 60 % 60, i % 60, i);
    fclose(file);
    const char *path = in_tempdir("many");
    struct history history;
    assert_int_equal(history_read(&path, 1, &history, &err), 0);
    const struct history_image *image = find(&history, "a");
    assert_in_range(image->rate_count, 100, HISTORY_RATES_MAX);
    assert_int_equal(image->rates[image->rate_count - 1].done, 10000);
    for (size_t i = 1; i < image->rate_count; i++)
        assert_true(image->rates[i].time_ms >= image->rates[i - 1].time_ms);
    history_done(&history);
}

/* Longer than any event of ours: passed over, and what is behind it is read. */
static void test_too_long(void **state)
{
    (void)state;
    static char piece[1 << 20];
    memset(piece, 'x', sizeof piece);
    FILE *file = fopen(in_tempdir("long"), "w");
    assert_non_null(file);
    for (size_t size = 0; size <= EVENT_SIZE_MAX + 2 * sizeof piece; size += sizeof piece)
        assert_int_equal(fwrite(piece, 1, sizeof piece, file), sizeof piece);
    fputs("\n" DONE("01", "1", "a", B), file);
    fclose(file);
    const char *path = in_tempdir("long");
    struct history history;
    assert_int_equal(history_read(&path, 1, &history, &err), 0);
    assert_int_equal(history.passed_over, 1);
    assert_true(find(&history, "a")->was_done);
    history_done(&history);
}

static void test_remedies(void **state)
{
    (void)state;
    static const struct {
        struct remedy_of of;
        const char *command;
    } rows[] = {
        {{"disk-order", "", "convert", "a/b:c", "d/e:f"}, "tartconv repair a/b:c d/e:f"},
        {{"stream-magic", "", "convert", "a/b", "d/e"}, "tartconv repair a/b d/e"},
        {{"blob-missing", "", "convert", "a/b", "d/e"}, "tartconv repair --refill IMAGE a/b d/e"},
        {{"disk-mixed", "", "convert", "a/b", "d/e"}, "tartconv verify a/b"},
        {{"quota", "", "normalise", "a/b", "d/e"}, "tartconv normalise a/b d/e"},
        {{"exists", "", "copy", "a/b", "d/e"}, "tartconv convert --to same --replace a/b d/e"},
        {{"credentials", "d.example: 401", "convert", "a.example/b", "docker://d.example/e"},
         "tartconv login d.example"},
        {{"credentials", NULL, "convert", "a.example/b", "d.example/e"},
         "tartconv login a.example"},
        {{"io", "", NULL, "oci:a b'c", "-x"}, "tartconv convert 'oci:a b'\\''c' '-x'"},
        {{"io", "", NULL, "$(reboot)", "a\nb"}, "tartconv convert '$(reboot)' 'a?b'"},
        {{"disk", "", NULL, "a", "b"}, NULL},
        {{"", "", NULL, "a", "b"}, NULL},
        {{" disk-order", "", NULL, "a", "b"}, NULL},
        {{" ", "", NULL, "a", "b"}, NULL},
        {{"io", "", NULL, NULL, "b"}, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *command = remedy_make(&rows[i].of);
        if (rows[i].command == NULL)
            assert_null(command);
        else
            assert_string_equal(command, rows[i].command);
        free(command);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_done),          cmocka_unit_test(test_order),
        cmocka_unit_test(test_hostile_lines), cmocka_unit_test(test_named_twice),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_proofs),
        cmocka_unit_test(test_found),         cmocka_unit_test(test_moves),
        cmocka_unit_test(test_made_of),       cmocka_unit_test(test_shards),
        cmocka_unit_test(test_thinned),       cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_remedies),
    };
    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
