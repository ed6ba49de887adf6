/* test_token.c: how a token is asked for, and what is made of the answer. */
#include "tests/unit/auth_scene.h"

#include "convert/net/token.h"

static void test_oauth(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, NULL,
                EXCHANGES({.request = "POST /token HTTP",
                           .has = {"content-type: application/x-www-form-urlencoded"},
                           .has_not = {"authorization"},
                           .sent = "grant_type=refresh_token&service=reg&client_id=tartconv&scope="
                                   "repository%3Aa%2Fb%3Apull&refresh_token=s3cret%2F%2B",
                           .answer = "200 OK",
                           .body = "{\"access_token\":\"t1\"}"}));
    char text[256];
    snprintf(text, sizeof text,
             "{\"auths\":{\"%s\":{\"auth\":\"MDA6\",\"identitytoken\":\"s3cret/+\"}}}",
             script_host(scene.script));
    put_text(in_tempdir("config.json"), text);
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_shows(&scene, "Bearer t1");
    assert_string_equal(auth_who(scene.auth), in_tempdir("config.json"));
    scene_end(&scene);
}

static void test_oauth_password(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, "me:s3cret&",
                EXCHANGES({.request = "GET /token?", .answer = "405 Method Not Allowed"},
                          {.request = "POST /token HTTP",
                           .sent = "grant_type=password&service=reg&client_id=tartconv&scope="
                                   "repository%3Aa%2Fb%3Apull&username=me&password=s3cret%26",
                           .answer = "200 OK",
                           .body = "{\"token\":\"t1\"}"}));
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_shows(&scene, "Bearer t1");
    scene_end(&scene);
}

/* One token that says it came `ago` seconds ago lives 1000 s from now, or 1000 - ago. */
static void check_issued(const char *issued_at, bool counts)
{
    struct scene scene;
    char body[256];
    snprintf(body, sizeof body, "{\"token\":\"t1\",\"expires_in\":1000,\"issued_at\":\"%s\"}",
             issued_at);
    scene_start(&scene, NULL,
                EXCHANGES({.request = "GET /token?", .answer = "200 OK", .body = body},
                          {.request = "GET /token?",
                           .answer = "200 OK",
                           .body = "{\"token\":\"t2\"}",
                           .optional = true}));
    later = 0;
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_shows_for(&scene, 0, "Bearer t1");
    later = 800;
    assert_shows_for(&scene, 0, counts ? "Bearer t2" : "Bearer t1");
    scene_end(&scene);
}

static void test_issued(void **state)
{
    (void)state;
    char ago[64];
    struct tm date;
    time_t then = time(NULL) - 500;
    assert_non_null(gmtime_r(&then, &date));
    strftime(ago, sizeof ago, "%Y-%m-%dT%H:%M:%S.123456789Z", &date);
    check_issued(ago, true);
    check_issued("1970-01-01T00:00:00Z", false);
    check_issued("0001-01-01T00:00:00Z", false);
    check_issued("9999-12-31T23:59:59Z", false);
    check_issued("yesterday", false);
    check_issued("", false);
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* -1: no date */
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T12:00:00z", 1709208000},
        {"2024-02-29 12:00:00.5Z", 1709208000},
        {"2024-02-29T13:30:00.123+01:30", 1709208000},
        {"2024-02-29T11:00:00-01:00", 1709208000},
        {"2024-02-29T12:00:00", -1},
        {"2024-02-29T12:00:00+0100", -1},
        {"2024-02-29T12:00:00+01:00x", -1},
        {"2024-02-29T12:00:00ZZ", -1},
        {"2024-13-29T12:00:00Z", -1},
        {"2024-02-32T12:00:00Z", -1},
        {"2024-02-29T24:00:00Z", -1},
        {"2024-2-29T12:00:00ZZZ", -1},
        {"Thu, 29 Feb 2024 12:00:00 GMT", -1},
        {"-024-02-29T12:00:00Z", -1},
        {"2024-02-29T12:00:00.", -1},
        {"2024-02-29T12:00:00+", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t seconds = -1;
        bool is_date = token_date(rows[i].text, &seconds);
        if (is_date != (rows[i].seconds >= 0) || seconds != rows[i].seconds)
            fail_msg("%s: %lld", rows[i].text, (long long)seconds);
    }
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *body;
        enum error_class class;
        const char *words;
    } rows[] = {
        {"401 Unauthorized", "s3cret", ERROR_CREDENTIALS, "refused the credentials of --src-creds"},
        {"403 Forbidden", "s3cret", ERROR_CREDENTIALS, "/token refused the credentials of"},
        {"400 Bad Request", "s3cret", ERROR_CREDENTIALS, "(400)"},
        {"429 Too Many Requests", "", ERROR_RATE_LIMIT, "answered 429"},
        {"503 Service Unavailable", "", ERROR_UNREACHABLE, "answered 503"},
        {"500 Oops", "s3cret", ERROR_UNREACHABLE, "answered 500"},
        {"202 Accepted", "{\"token\":\"t\"}", ERROR_REGISTRY, "answered 202 instead of a token"},
        {"200 OK", "<html>s3cret", ERROR_REGISTRY, "is no token"},
        {"200 OK", "", ERROR_REGISTRY, "is no token"},
        {"200 OK", "{}", ERROR_REGISTRY, "gave no token"},
        {"200 OK", "[\"s3cret\"]", ERROR_REGISTRY, "gave no token"},
        {"200 OK", "{\"token\":7}", ERROR_REGISTRY, "gave no token"},
        {"200 OK", "{\"token\":\"s3cret\\r\\nX: y\"}", ERROR_REGISTRY, "cannot be sent"},
        {"200 OK", "{\"token\":\"a b\"}", ERROR_REGISTRY, "cannot be sent"},
        {"200 OK", "{\"token\":\"\",\"access_token\":\"\"}", ERROR_REGISTRY, "cannot be sent"},
        {"200 OK", "{\"token\":\"\xc3\xa9\"}", ERROR_REGISTRY, "cannot be sent"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene;
        scene_start(&scene, "me:s3cret",
                    EXCHANGES({.request = "GET /token?",
                               .has = {AUTH},
                               .answer = rows[i].answer,
                               .body = rows[i].body}));
        assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
        assert_fails(&scene, rows[i].class, rows[i].words);
        scene_end(&scene);
    }
}

static void test_anonymous_refused(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, NULL,
                EXCHANGES({.request = "GET /token?",
                           .answer = "401 Unauthorized",
                           .headers = "Connection: close\r\n",
                           .flags = SCRIPT_CLOSE},
                          {.request = "GET /token?", .flags = SCRIPT_NO_ANSWER | SCRIPT_RESET}));
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_fails(&scene, ERROR_CREDENTIALS, "gives no token without credentials");
    assert_fails(&scene, ERROR_UNREACHABLE, "");
    scene_end(&scene);
}

#define T(test) cmocka_unit_test_setup_teardown(test, places_make, tempdir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_oauth), T(test_oauth_password), T(test_issued),
        T(test_dates), T(test_answers),        T(test_anonymous_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
