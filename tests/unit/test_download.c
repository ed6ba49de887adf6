/* test_download.c: blobs over a line that breaks in every way. */
#include "tests/unit/download_fixture.h"

/* the small blob, and what comes behind 40,000 bytes of it */
#define SIZE       100000
#define PART       40000
#define RANGED     .request = ASKED, .has = {"range: bytes=40000-\r\n"}
#define REST_RANGE "Content-Range: bytes 40000-99999/100000\r\n"
#define REST       RANGED, .answer = "206 P", .body = data + PART, .body_size = SIZE - PART
#define BROKEN     BLOB, .body_size = SIZE, .cut = true, .cut_size = PART

static void play_whole(const struct exchange *exchanges, size_t count, uint64_t size)
{
    struct scene scene;
    struct blob *blob;
    int status;
    scene_start(&scene, &(struct script_options){0}, exchanges, count);
    if (blob_of(&scene, size, &blob) < 0)
        fail_msg("%s", scene.err.text);
    assert_int_equal(blob->size, size);
    uint64_t got = read_on(&scene, blob, 0, &status);
    if (status < 0)
        fail_msg("%s", scene.err.text);
    assert_int_equal(got, size);
    assert_int_equal(read_on(&scene, blob, size, &status), size);
    assert_int_equal(status, 0);
    blob_close(blob);
    scene_end(&scene);
}

static void play_fails(const struct exchange *exchanges, size_t count, uint64_t size,
                       enum error_class class, const char *text)
{
    struct scene scene;
    struct blob *blob = NULL;
    int status = -1;
    scene_start(&scene, &(struct script_options){0}, exchanges, count);
    if (blob_of(&scene, size, &blob) == 0)
        read_on(&scene, blob, 0, &status);
    assert_int_equal(status, -1);
    assert_error(&scene.err, class, text);
    assert_error(&scene.err, class, "/org/vm: reading the blob sha256:" ZEROS ": ");
    blob_close(blob);
    scene_end(&scene);
}

static void test_whole(void **state)
{
    (void)state;
    play_whole(EXCHANGES({BLOB, .body_size = BIG}), BIG);
    play_whole(EXCHANGES({BLOB, .body_size = SIZE, .flags = SCRIPT_CHUNKED}), SIZE);
    play_whole(EXCHANGES({BLOB, .body_size = SIZE, .flags = SCRIPT_NO_LENGTH}), SIZE);
    play_whole(EXCHANGES({.request = ASKED, .answer = "200 OK"}), 0);
    play_fails(EXCHANGES({.request = ASKED, .answer = "404 N"}), SIZE, ERROR_BLOB_MISSING, "");
    play_fails(EXCHANGES({.request = ASKED, .answer = "206 P", .body = "x"}), SIZE, ERROR_REGISTRY,
               "answered 206");
}

static void test_breaks(void **state)
{
    (void)state;
    static const unsigned flags[] = {SCRIPT_CLOSE, SCRIPT_RESET, SCRIPT_STALL, SCRIPT_CHUNKED,
                                     SCRIPT_CHUNKED | SCRIPT_RESET};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        play_whole(EXCHANGES({BROKEN, .flags = flags[i]}, {REST, .headers = REST_RANGE}), SIZE);
    /* before and after the headers: nothing has come, so the whole is asked for */
    static const unsigned early[] = {SCRIPT_CLOSE, SCRIPT_RESET, SCRIPT_STALL};
    for (size_t i = 0; i < sizeof early / sizeof early[0]; i++) {
        play_whole(EXCHANGES({.request = ASKED, .flags = SCRIPT_NO_ANSWER | early[i]},
                             {BLOB, .body_size = SIZE}),
                   SIZE);
        play_whole(EXCHANGES({BLOB, .body_size = SIZE, .cut = true, .flags = early[i]},
                             {BLOB, .body_size = SIZE}),
                   SIZE);
    }
}

static void test_breaks_anywhere(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int i = 0; i < 20; i++) {
        char asked[64], range[64];
        random = random * 1664525 + 1013904223;
        unsigned at = i == 0 ? 1 : i == 1 ? SIZE - 1 : 1 + random % (SIZE - 1);
        snprintf(asked, sizeof asked, "Range: bytes=%u-\r\n", at);
        snprintf(range, sizeof range, "Content-Range: bytes %u-%u/%u\r\n", at, SIZE - 1, SIZE);
        play_whole(EXCHANGES({BLOB, .body_size = SIZE, .cut = true, .cut_size = at,
                              .flags = i % 2 == 0 ? SCRIPT_CLOSE : SCRIPT_RESET},
                             {.request = ASKED,
                              .has = {asked},
                              .answer = "206 P",
                              .headers = range,
                              .body = data + at,
                              .body_size = SIZE - at}),
                   SIZE);
    }
}

static void test_no_ranges(void **state)
{
    (void)state;
    play_whole(EXCHANGES({BROKEN}, {RANGED, .answer = "200 OK", .body = data, .body_size = SIZE}),
               SIZE);
    /* and that breaks, too, before and behind the place */
    play_whole(EXCHANGES({BROKEN},
                         {RANGED, .answer = "200 OK", .body = data, .body_size = SIZE, .cut = true,
                          .cut_size = PART / 2},
                         {RANGED, .answer = "200 OK", .body = data, .body_size = SIZE, .cut = true,
                          .cut_size = 70000},
                         {.request = ASKED,
                          .has = {"range: bytes=70000-\r\n"},
                          .answer = "200 OK",
                          .body = data,
                          .body_size = SIZE}),
               SIZE);
    /* another blob's */
    play_fails(EXCHANGES({BROKEN}, {RANGED, .answer = "200 OK", .body = data, .body_size = SIZE - 1,
                                    .times = 3}),
               SIZE, ERROR_REGISTRY, "had 100000 bytes before and has 99999 now");
}

static void test_wrong_ranges(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "Content-Range: bytes 0-99999/100000\r\n",
        "Content-Range: bytes 39999-99999/100000\r\n",
        "Content-Range: bytes 40001-99999/100000\r\n",
        "Content-Range: bytes 40000-99999/100001\r\n",
        "Content-Range: bytes 40000-99999/*\r\n",
        "Content-Range: bytes 40000-100000/100000\r\n",
        "Content-Range: bytes 40000-3/100000\r\n",
        "Content-Range: bytes 40000-99999/100000 x\r\n",
        "Content-Range: bytes 40000-99999/18446744073709651616\r\n",
        "Content-Range: bytes -/\r\n",
        "Content-Range: bytes */100000\r\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        play_whole(EXCHANGES({BROKEN}, {REST, .headers = wrong[i]}, {REST, .headers = REST_RANGE}),
                   SIZE);
        play_fails(EXCHANGES({BROKEN}, {REST, .headers = wrong[i], .times = 3}), SIZE,
                   ERROR_REGISTRY, "came");
    }
    play_fails(EXCHANGES({BROKEN}, {RANGED, .answer = "416 R", .times = 3}), SIZE, ERROR_REGISTRY,
               "no bytes from 40000 on");
    /* a part of what was asked for, with an end that is honest */
    play_whole(EXCHANGES({BROKEN},
                         {RANGED, .answer = "206 P",
                          .headers = "Content-Range: bytes 40000-69999/100000\r\n",
                          .body = data + PART, .body_size = 30000},
                         {.request = ASKED,
                          .has = {"range: bytes=70000-\r\n"},
                          .answer = "206 P",
                          .headers = "Content-Range: bytes 70000-99999/100000\r\n",
                          .body = data + 70000,
                          .body_size = 30000}),
               SIZE);
}

static void test_etag(void **state)
{
    (void)state;
    play_whole(EXCHANGES({BROKEN, .headers = "ETag: \"a\"\r\n"},
                         {REST, .headers = REST_RANGE "ETag: \"b\"\r\n"},
                         {REST, .headers = REST_RANGE "ETag: \"a\"\r\n"}),
               SIZE);
    play_fails(EXCHANGES({BROKEN, .headers = "ETag: \"a\"\r\n"},
                         {REST, .headers = REST_RANGE "ETag: \"b\"\r\n", .times = 3}),
               SIZE, ERROR_REGISTRY, "ETag changed");
}

static void test_sizes(void **state)
{
    (void)state;
    struct scene scene;
    struct blob *blob;
    int status;
    /* the registry knows another size: told as it is, for the reader to judge */
    scene_start(&scene, &(struct script_options){0}, EXCHANGES({BLOB, .body_size = SIZE}));
    assert_int_equal(blob_of(&scene, 5, &blob), 0);
    assert_int_equal(blob->size, SIZE);
    assert_int_equal(read_on(&scene, blob, 0, &status), SIZE);
    blob_close(blob);
    scene_end(&scene);
    /* without a length the promise counts */
    play_fails(EXCHANGES({BLOB, .body_size = SIZE, .flags = SCRIPT_CHUNKED}), SIZE - 1,
               ERROR_BLOB_SIZE, "more than the 99999 bytes");
    play_fails(
        EXCHANGES({BLOB, .body_size = PART, .flags = SCRIPT_CHUNKED},
                  {RANGED, .answer = "416 R", .headers = "Content-Range: bytes */40000\r\n"}),
        SIZE, ERROR_BLOB_SIZE, "no bytes from 40000 on");
    play_fails(EXCHANGES({BLOB, .body_size = PART, .flags = SCRIPT_CHUNKED},
                         {REST, .headers = "Content-Range: bytes 40000-99999/200000\r\n"}),
               SIZE, ERROR_BLOB_SIZE, "has 200000 bytes");
    play_fails(EXCHANGES({BLOB, .body_size = PART, .flags = SCRIPT_CHUNKED, .times = 1},
                         {RANGED, .answer = "200 OK", .body = data, .body_size = PART,
                          .flags = SCRIPT_CHUNKED, .times = 3}),
               SIZE, ERROR_UNREACHABLE, "ended at byte 40000 of 100000");
}

#define BEARER       "WWW-Authenticate: Bearer realm=\"{base}/token\",service=\"s\"\r\n"
#define TOKEN(token) "{\"token\":\"" token "\",\"expires_in\":3600}"

static void test_authorisation(void **state)
{
    (void)state;
    /* the token is over in the middle */
    play_whole(
        EXCHANGES(
            {.request = ASKED, .answer = "401 U", .headers = BEARER},
            {.request = "GET /token?", .has = {BASIC}, .answer = "200 OK", .body = TOKEN("t1")},
            {BROKEN, .has = {"authorization: Bearer t1\r\n"}},
            {RANGED, .answer = "401 U", .headers = BEARER},
            {.request = "GET /token?", .has = {BASIC}, .answer = "200 OK", .body = TOKEN("t2")},
            {.request = ASKED,
             .has = {"range: bytes=40000-\r\n", "authorization: Bearer t2\r\n"},
             .answer = "206 P",
             .headers = REST_RANGE,
             .body = data + PART,
             .body_size = SIZE - PART}),
        SIZE);
    play_whole(EXCHANGES({BROKEN}, {RANGED, .answer = "503 S"}, {REST, .headers = REST_RANGE}),
               SIZE);
    play_fails(EXCHANGES({BROKEN}, {RANGED, .answer = "404 N"}), SIZE, ERROR_BLOB_MISSING,
               "any more");
    play_fails(EXCHANGES({BROKEN}, {RANGED, .answer = "403 F"}), SIZE, ERROR_CREDENTIALS, "403");
}

/* The storage behind a redirect sees no authorisation, and is not asked again by itself. */
static void test_storage(void **state)
{
    (void)state;
    struct scene scene;
    struct blob *blob;
    int status;
    struct script *storage = script_start(&(struct script_options){0},
                                          EXCHANGES({.request = "GET /s1?sig=secret",
                                                     .has_not = {"authorization:", "range:"},
                                                     .answer = "200 OK",
                                                     .headers = "ETag: \"e\"\r\n",
                                                     .body = data,
                                                     .body_size = SIZE,
                                                     .cut = true,
                                                     .cut_size = PART},
                                                    {.request = "GET /s2?sig=secret",
                                                     .has = {"range: bytes=40000-\r\n"},
                                                     .has_not = {"authorization:"},
                                                     .answer = "206 P",
                                                     .headers = REST_RANGE "ETag: \"e\"\r\n",
                                                     .body = data + PART,
                                                     .body_size = SIZE - PART}));
    scene_start(
        &scene, &(struct script_options){.other = script_base(storage)},
        EXCHANGES({.request = ASKED, .answer = "401 U", .headers = CHALLENGE},
                  {.request = ASKED,
                   .has = {BASIC},
                   .answer = "307 T",
                   .headers = "Location: {other}/s1?sig=secret\r\n"},
                  {RANGED, .answer = "307 T", .headers = "Location: {other}/s2?sig=secret\r\n"}));
    assert_int_equal(blob_of(&scene, SIZE, &blob), 0);
    assert_int_equal(read_on(&scene, blob, 0, &status), SIZE);
    assert_int_equal(status, 0);
    blob_close(blob);
    scene_end(&scene);
    script_end(storage);
}

/* The first of these exchanges gives the blob, each other its part from 1.25 MiB further on. */
static struct exchange steps[5];
static char step_asked[5][64], step_range[5][64];
#define STEP (5u << 18)

static size_t make_steps(size_t step)
{
    size_t count = 0;
    for (size_t at = 0; at < BIG && count < 5; at += step, count++) {
        snprintf(step_asked[count], 64, "Range: bytes=%zu-\r\n", at);
        snprintf(step_range[count], 64, "Content-Range: bytes %zu-%u/%u\r\n", at, BIG - 1, BIG);
        steps[count] = (struct exchange){.request = ASKED,
                                         .has = {at == 0 ? NULL : step_asked[count]},
                                         .answer = at == 0 ? "200 OK" : "206 P",
                                         .headers = at == 0 ? NULL : step_range[count],
                                         .body = data + at,
                                         .body_size = BIG - at,
                                         .cut = true,
                                         .cut_size = step};
    }
    return count;
}

/* Three retries, but progress gives them back. */
static void test_retries(void **state)
{
    (void)state;
    size_t count = make_steps(STEP);
    assert_int_equal(count, 5);
    play_whole(steps, count, BIG);
    play_fails(steps, make_steps(1000) - 1, BIG, ERROR_UNREACHABLE, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),           cmocka_unit_test(test_breaks),
        cmocka_unit_test(test_breaks_anywhere), cmocka_unit_test(test_no_ranges),
        cmocka_unit_test(test_wrong_ranges),    cmocka_unit_test(test_etag),
        cmocka_unit_test(test_sizes),           cmocka_unit_test(test_authorisation),
        cmocka_unit_test(test_storage),         cmocka_unit_test(test_retries),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, fill, NULL);
}
