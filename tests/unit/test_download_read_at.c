/* test_download_read_at.c: blobs of a registry read anywhere: by the stream, windows, parts. */
#include "tests/unit/download_fixture.h"

static int parts_of(struct scene *scene, uint64_t size, struct blob **ret)
{
    const struct blob_id id = {.has_digest = true, .size = size};
    return download_open_parts(&scene->remote, &id, ret, &scene->err);
}

static void assert_reads(struct scene *scene, struct blob *blob, uint64_t offset, size_t size)
{
    uint8_t *read = malloc(size);
    assert_non_null(read);
    if (blob_read_at(blob, offset, read, size, &scene->err) < 0)
        fail_msg("%s", scene->err.text);
    assert_memory_equal(read, data + offset, size);
    free(read);
}

#define WINDOW_ASKED(range) .request = ASKED, .has = {"range: bytes=" range "\r\n"}
#define WINDOW_SENT(first, last)                                                                   \
    .answer = "206 P", .body = data + first, .body_size = last - first + 1
#define WINDOW_RANGE(first, last) .headers = "Content-Range: bytes " #first "-" #last "/6291456\r\n"
#define WINDOW_1                  WINDOW_ASKED("4980736-5242879"), WINDOW_SENT(4980736, 5242879)
#define WINDOW_2                                                                                   \
    WINDOW_ASKED("5242880-5505023"), WINDOW_SENT(5242880, 5505023), WINDOW_RANGE(5242880, 5505023)
#define WINDOW_LAST WINDOW_ASKED("6225920-"), WINDOW_SENT(6225920, 6291455)
#define WRONG_RANGE .headers = "Content-Range: bytes 0-1/2\r\n"

/* Row by row it is the stream that is read, over breaks, too; elsewhere windows are. */
static void test_read_at(void **state)
{
    (void)state;
    struct scene scene;
    struct blob *blob;
    const uint8_t *lent;
    size_t size;
    int status;
    scene_start(
        &scene, &(struct script_options){0},
        EXCHANGES({BLOB, .body_size = BIG, .cut = true, .cut_size = 500000},
                  {.request = ASKED,
                   .has = {"range: bytes=500000-\r\n"},
                   .answer = "206 P",
                   .headers = "Content-Range: bytes 500000-6291455/6291456\r\n",
                   .body = data + 500000,
                   .body_size = BIG - 500000},
                  {WINDOW_1, WINDOW_RANGE(4980736, 5242879)}, {WINDOW_2},
                  {WINDOW_LAST, WINDOW_RANGE(6225920, 6291455)}, {BLOB, .body_size = BIG},
                  {WINDOW_ASKED("0-262143"), WINDOW_SENT(0, 262143), WINDOW_RANGE(0, 262143)},
                  {WINDOW_1, WINDOW_RANGE(4980736, 5242879)}));
    assert_int_equal(blob_of(&scene, BIG, &blob), 0);
    assert_true(blob_can_seek(blob));
    for (uint64_t at = 0; at < 1000000; at += 100000)
        assert_reads(&scene, blob, at, 100000);
    assert_reads(&scene, blob, 1100000, 1000); /* close ahead: the stream still */
    assert_reads(&scene, blob, 5000000, 10);
    assert_reads(&scene, blob, 5000500, 3000);
    assert_reads(&scene, blob, 5242870, 20);
    assert_reads(&scene, blob, BIG - 1, 1);
    assert_reads(&scene, blob, BIG, 0);
    /* what is lent stays, and the stream is still at its start */
    assert_int_equal(blob_peek(blob, &lent, &size, &scene.err), 1);
    assert_reads(&scene, blob, 1000, 100);
    assert_reads(&scene, blob, 5000000, 100);
    assert_memory_equal(lent, data, size);
    assert_int_equal(read_on(&scene, blob, 0, &status), BIG);
    assert_int_equal(status, 0);
    blob_close(blob);
    scene_end(&scene);
}

/* Who goes back and reads on from there gets a stream again, after a few windows. */
static void test_read_at_goes_back(void **state)
{
    (void)state;
    struct scene scene;
    struct blob *blob;
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES({BLOB, .body_size = BIG},
                          {WINDOW_ASKED("1048576-1310719"), WINDOW_SENT(1048576, 1310719),
                           WINDOW_RANGE(1048576, 1310719)},
                          {WINDOW_ASKED("1310720-1572863"), WINDOW_SENT(1310720, 1572863),
                           WINDOW_RANGE(1310720, 1572863)},
                          {WINDOW_ASKED("1572864-1835007"), WINDOW_SENT(1572864, 1835007),
                           WINDOW_RANGE(1572864, 1835007)},
                          {WINDOW_ASKED("1835008-2097151"), WINDOW_SENT(1835008, 2097151),
                           WINDOW_RANGE(1835008, 2097151)},
                          {WINDOW_ASKED("2097152-"), WINDOW_SENT(2097152, 6291455),
                           WINDOW_RANGE(2097152, 6291455)},
                          {WINDOW_ASKED("2097152-2359295"), WINDOW_SENT(2097152, 2359295),
                           WINDOW_RANGE(2097152, 2359295)},
                          {WINDOW_ASKED("2359296-2621439"), WINDOW_SENT(2359296, 2621439),
                           WINDOW_RANGE(2359296, 2621439)},
                          {WINDOW_ASKED("2621440-2883583"), WINDOW_SENT(2621440, 2883583),
                           WINDOW_RANGE(2621440, 2883583)},
                          {WINDOW_ASKED("2883584-"), WINDOW_SENT(2883584, 6291455),
                           WINDOW_RANGE(2883584, 6291455)}));
    assert_int_equal(blob_of(&scene, BIG, &blob), 0);
    assert_reads(&scene, blob, 0, 3000000);
    for (size_t at = 1u << 20; at < BIG; at += 1u << 19)
        assert_reads(&scene, blob, at, 1u << 19);
    /* once more, into the window that is still there */
    for (size_t at = 1900000; at < 5000000; at += 1u << 19)
        assert_reads(&scene, blob, at, 1u << 19);
    blob_close(blob);
    scene_end(&scene);
}

static void test_read_at_no_ranges(void **state)
{
    (void)state;
    struct scene scene;
    struct blob *blob;
    uint8_t byte;
    int status;
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES({BLOB, .body_size = BIG},
                          {.request = ASKED,
                           .has = {"range: bytes=4980736-5242879\r\n"},
                           .answer = "200 OK",
                           .body = data,
                           .body_size = BIG},
                          {BLOB, .body_size = BIG}));
    assert_int_equal(blob_of(&scene, BIG, &blob), 0);
    assert_int_equal(blob_read_at(blob, 5000000, &byte, 1, &scene.err), -1);
    assert_error(&scene.err, ERROR_UNSUPPORTED, "no ranges");
    assert_false(blob_can_seek(blob));
    assert_int_equal(read_on(&scene, blob, 0, &status), BIG);
    assert_int_equal(status, 0);
    blob_close(blob);
    scene_end(&scene);
}

static void test_read_at_faults(void **state)
{
    (void)state;
    struct scene scene;
    struct blob *blob;
    uint8_t byte;
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES({BLOB, .body_size = BIG},
                          {WINDOW_1, WINDOW_RANGE(4980736, 5242879), .cut = true, .cut_size = 100},
                          {WINDOW_1, WRONG_RANGE}, {WINDOW_1, WINDOW_RANGE(4980736, 5242879)},
                          {WINDOW_LAST, WRONG_RANGE, .times = 4}));
    assert_int_equal(blob_of(&scene, BIG, &blob), 0);
    assert_reads(&scene, blob, 5000000, 10);
    assert_int_equal(blob_read_at(blob, BIG - 1, &byte, 1, &scene.err), -1);
    assert_error(&scene.err, ERROR_REGISTRY, "bytes 0-1/2 came");
    blob_close(blob);
    scene_end(&scene);
}

/* For parts: no GET before one is asked for, and exactly that. */
static void test_parts(void **state)
{
    (void)state;
    struct scene scene;
    struct blob *blob;
    uint8_t bytes[4];
    int status;
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES({.request = "HEAD /v2/org/vm/blobs/sha256:" ZEROS " HTTP/1.1\r\n",
                           .answer = "200 OK",
                           .body = data,
                           .body_size = BIG},
                          {WINDOW_ASKED("4980736-4980739"), WINDOW_SENT(4980736, 4980739),
                           WINDOW_RANGE(4980736, 4980739)},
                          {WINDOW_ASKED("0-3"), .answer = "200 OK", .body = data, .body_size = BIG},
                          {BLOB, .body_size = BIG}));
    assert_int_equal(parts_of(&scene, BIG, &blob), 0);
    assert_int_equal(blob->size, BIG);
    assert_reads(&scene, blob, 4980736, 4);
    assert_reads(&scene, blob, 100, 0);
    assert_int_equal(blob_read_at(blob, 0, bytes, sizeof bytes, &scene.err), -1);
    assert_error(&scene.err, ERROR_UNSUPPORTED, "no ranges");
    assert_false(blob_can_seek(blob));
    assert_int_equal(read_on(&scene, blob, 0, &status), BIG);
    assert_int_equal(status, 0);
    blob_close(blob);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_at),
        cmocka_unit_test(test_read_at_goes_back),
        cmocka_unit_test(test_read_at_no_ranges),
        cmocka_unit_test(test_read_at_faults),
        cmocka_unit_test(test_parts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, fill, NULL);
}
