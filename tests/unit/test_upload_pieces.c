/* test_upload_pieces.c: blobs sent in pieces, against registries that keep them, lose them, refuse
 * them or break in between. */
#include "tests/unit/upload_scene.h"

static void test_pieces(void **state)
{
    (void)state;
    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"), PATCH("4", "7", "4567", "4", "8"),
         PATCH("8", "9", "89", "8", "10"), PUT_END("10"), HEAD_THERE);
    /* ECR: 201; no Range, no new Location */
    PLAY(FOURS, POST,
         {.request = "PATCH /up?_state=0 ",
          .has = {"content-range: 0-3\r\n", "content-length: 4\r\n"},
          .sent = "0123",
          .answer = "201 Created"},
         PATCH("4", "7", "4567", "0", "8"), PATCH("8", "9", "89", "8", "10"), PUT_END("10"),
         HEAD_THERE);
}

static void test_lengths(void **state)
{
    (void)state;
    PLAY(FOURS,
         {.request = "POST /v2/a/b/blobs/uploads/ ",
          .answer = "202 Accepted",
          .headers = "Location: /up?_state=0\r\nOCI-Chunk-Min-Length: 6\r\n"},
         PATCH("0", "5", "012345", "0", "6"), PATCH("6", "9", "6789", "6", "10"), PUT_END("10"),
         HEAD_THERE);
    struct settings settings = {.size = 100000};
    PLAY(settings,
         {.request = "POST /v2/a/b/blobs/uploads/ ",
          .answer = "202 Accepted",
          .headers = "Location: /up?_state=0\r\noci-chunk-max-length: 65536\r\n"},
         {.request = "PATCH /up?_state=0 ",
          .has = {"content-range: 0-65535\r\n"},
          .answer = "202 Accepted"},
         {.request = "PATCH /up?_state=0 ",
          .has = {"content-range: 65536-99999\r\n"},
          .answer = "202 Accepted"},
         {.request = "PUT /up?_state=0&digest=", .answer = "201 Created"},
         {.request = "HEAD /v2/a/b/blobs/sha256:",
          .answer = "200 OK",
          .headers = "Content-Length: 100000\r\n",
          .flags = SCRIPT_NO_LENGTH});
}

/* The first piece is kept, the second is not (ECR): all in one body. */
static void test_range_unmoved(void **state)
{
    (void)state;
    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"),
         {.request = "PATCH /up?_state=4 ",
          .answer = "202 Accepted",
          .headers = "Location: {base}/up?_state=5\r\nRange: 0-3\r\n"},
         {.request = "DELETE /up?_state=5 ", .answer = "204 No Content"}, POST, PUT_WHOLE);
    PLAY(FOURS, POST,
         {.request = "PATCH /up?_state=0 ", .answer = "201 Created", .headers = "Range: 0-0\r\n"},
         DELETE, POST, PUT_WHOLE);
}

static void test_pieces_not_kept(void **state)
{
    (void)state;
    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"), PATCH("4", "7", "4567", "4", "8"),
         PATCH("8", "9", "89", "8", "10"), PUT_END("10"), HEAD_ABSENT, POST, PUT_WHOLE);
    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"), PATCH("4", "7", "4567", "4", "8"),
         PATCH("8", "9", "89", "8", "10"), PUT_END("10"),
         {.request = "HEAD /v2/a/b/blobs/" DIGEST, .answer = "200 OK", .body = "0123"}, POST,
         PUT_WHOLE);
}

static void test_patch_refused(void **state)
{
    (void)state;
    static const char *const answers[] = {"405 Method Not Allowed", "404 Not Found",
                                          "400 Bad Request"};
    for (size_t i = 0; i < 3; i++)
        PLAY(FOURS, POST, {.request = "PATCH /up?_state=0 ", .answer = answers[i]}, DELETE, POST,
             PUT_WHOLE);
    /* and neither way */
    play(SCRIPT(POST, {.request = "PATCH /up?_state=0 ", .answer = "405 Method Not Allowed"},
                DELETE, POST, PUT_REFUSED("400 Bad Request", ERRORS("BLOB_UPLOAD_INVALID")),
                DELETE),
         FOURS, ERROR_REGISTRY, "BLOB_UPLOAD_INVALID");
}

static void test_elsewhere(void **state)
{
    (void)state;
    static const char refused[] = "416 Range Not Satisfiable";
    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"),
         {.request = "PATCH /up?_state=4 ", .answer = refused},
         {.request = "GET /up?_state=4 ",
          .has = {"authorization: Bearer t0ken"},
          .answer = "204 No Content",
          .headers = "Location: {base}/up?_state=2\r\nRange: bytes=0-1\r\n"},
         PATCH("2", "5", "2345", "2", "6"), PATCH("6", "9", "6789", "6", "10"), PUT_END("10"),
         HEAD_THERE);
    /* it is where we thought: the piece itself is refused (GHCR beyond 4 MiB) */
    PLAY(FOURS, POST, {.request = "PATCH /up?_state=0 ", .answer = refused},
         {.request = "GET /up?_state=0 ", .answer = "204 No Content", .headers = "Range: 0-0\r\n"},
         DELETE, POST, PUT_WHOLE);
}

static void test_broken_piece(void **state)
{
    (void)state;
    /* two of its bytes were taken */
    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"),
         {.request = "PATCH /up?_state=4 ", .answer = "502 Bad Gateway"},
         {.request = "GET /up?_state=4 ",
          .answer = "204 No Content",
          .headers = "Location: {base}/up?_state=6\r\nRange: 0-5\r\n"},
         PATCH("6", "9", "6789", "6", "10"), PUT_END("10"), HEAD_THERE);
    /* by a reset; the session cannot be taken up */
    PLAY(FOURS, POST,
         {.request = "PATCH /up?_state=0 ",
          .sent = "0123",
          .answer = "202 Accepted",
          .headers = "Location: {base}/up?_state=4\r\nRange: 0-3\r\n",
          .flags = SCRIPT_CLOSE},
         {.request = "PATCH /up?_state=4 ", .answer = "", .flags = SCRIPT_NO_ANSWER | SCRIPT_RESET},
         {.request = "GET /up?_state=4 ", .answer = "404 Not Found"}, POST,
         PATCH("0", "3", "0123", "0", "4"), PATCH("4", "7", "4567", "4", "8"),
         PATCH("8", "9", "89", "8", "10"), PUT_END("10"), HEAD_THERE);
    /* a session that says it has more than it was sent is not believed */
    PLAY(FOURS, POST, {.request = "PATCH /up?_state=0 ", .answer = "500 No"},
         {.request = "GET /up?_state=0 ", .answer = "204 No Content", .headers = "Range: 0-9\r\n"},
         POST, PATCH("0", "3", "0123", "0", "4"), PATCH("4", "7", "4567", "4", "8"),
         PATCH("8", "9", "89", "8", "10"), PUT_END("10"), HEAD_THERE);
}

static void test_broken_end(void **state)
{
    (void)state;
    PLAY(FOURS, POST, PATCH("0", "3", "0123", "0", "4"), PATCH("4", "7", "4567", "4", "8"),
         PATCH("8", "9", "89", "8", "10"),
         {.request = "PUT /up?_state=10&digest=", .answer = "504 Gateway Timeout"}, HEAD_ABSENT,
         {.request = "GET /up?_state=10 ", .answer = "204 No Content", .headers = "Range: 0-9\r\n"},
         PUT_END("10"), HEAD_THERE);
}

/* With one retry each: a piece that went well gives it back. */
static void test_progress_gives_back(void **state)
{
    (void)state;
    struct settings settings = {.chunk = 4, .retry_times = 1};
#define FAULT_AT(state, last)                                                                      \
    {.request = "PATCH /up?_state=" state " ", .answer = "500 No"},                                \
        {.request = "GET /up?_state=" state " ",                                                   \
         .answer = "204 No Content",                                                               \
         .headers = "Range: 0-" last "\r\n"}
    PLAY(settings, POST, FAULT_AT("0", "0"), PATCH("0", "3", "0123", "0", "4"), FAULT_AT("4", "3"),
         PATCH("4", "7", "4567", "4", "8"), FAULT_AT("8", "7"), PATCH("8", "9", "89", "8", "10"),
         PUT_END("10"), HEAD_THERE);
    play(SCRIPT(POST, FAULT_AT("0", "0"), {.request = "PATCH /up?_state=0 ", .answer = "500 No"},
                DELETE),
         settings, ERROR_UNREACHABLE, "500");
}

/* However much progress there is, a hundred faults of one blob end it. */
static void test_no_end(void **state)
{
    (void)state;
    static char ranges[100][32];
    struct exchange exchanges[203] = {POST};
    for (size_t i = 0; i < 100; i++) {
        snprintf(ranges[i], sizeof ranges[i], "Range: 0-%zu\r\n", i + 1);
        exchanges[2 * i + 1] =
            (struct exchange){.request = "PATCH /up?_state=0 ", .answer = "500 No"};
        exchanges[2 * i + 2] = (struct exchange){
            .request = "GET /up?_state=0 ", .answer = "204 No Content", .headers = ranges[i]};
    }
    exchanges[201] = exchanges[1];
    exchanges[202] = (struct exchange)DELETE;
    struct settings settings = {.size = 1000, .chunk = 999};
    play(script_start(&(struct script_options){.other = NULL}, exchanges, 203), settings,
         ERROR_UNREACHABLE, "500");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_range_unmoved),
        cmocka_unit_test(test_pieces_not_kept),
        cmocka_unit_test(test_patch_refused),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_broken_piece),
        cmocka_unit_test(test_broken_end),
        cmocka_unit_test(test_progress_gives_back),
        cmocka_unit_test(test_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
