/* test_auth.c: what is shown to a registry after which challenge. */
#include "tests/unit/auth_scene.h"

/* --- schemes -------------------------------------------------------------------------------------
 */

static void test_anonymous(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, NULL,
                EXCHANGES({.request = "GET /token?" ASKED " ",
                           .has_not = {"authorization", "account"},
                           .answer = "200 OK",
                           .body = "{\"token\":\"t1\",\"expires_in\":300}"}));
    assert_shows(&scene, NULL);
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_shows(&scene, "Bearer t1");
    assert_shows(&scene, "Bearer t1");
    assert_string_equal(auth_who(scene.auth), "anonymous");
    scene_end(&scene);
}

static void test_basic(void **state)
{
    (void)state;
    struct scene scene;
    const char *basic = "www-authenticate: Basic realm=\"x\"\n";
    scene_start(&scene, "me:s3cret", NULL, 0);
    assert_shows(&scene, NULL);
    assert_int_equal(challenge(&scene, basic, NULL), 1);
    assert_shows(&scene, BASIC);
    assert_string_equal(auth_who(scene.auth), "--src-creds");
    assert_int_equal(challenge(&scene, basic, "Basic b3RoZXI="), 1);
    assert_int_equal(challenge(&scene, basic, BASIC), 0);
    scene_end(&scene);
    scene_start(&scene, NULL, NULL, 0);
    assert_int_equal(challenge(&scene, basic, NULL), 0);
    assert_shows(&scene, NULL);
    assert_int_equal(challenge(&scene, "www-authenticate: Negotiate\n", NULL), 0);
    assert_int_equal(challenge(&scene, "server: x\n", NULL), 0);
    scene_end(&scene);
}

static void test_bearer(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, "me:s3cret",
                EXCHANGES({.request = "GET /token?" ASKED_AS " ",
                           .has = {AUTH},
                           .answer = "200 OK",
                           .body = "{\"access_token\":\"t1\",\"token\":\"\"}"}));
    assert_int_equal(challenge(&scene, "www-authenticate: Basic realm=x\n" TOKENS, NULL), 1);
    assert_shows(&scene, "Bearer t1");
    scene_end(&scene);
}

/* Basic at the registry itself, where the realm may not see who we are. */
static void test_both(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, "me:s3cret", NULL, 0);
    assert_int_equal(challenge(&scene,
                               "www-authenticate: Bearer realm=\"https://elsewhere.test/t\"\n"
                               "www-authenticate: Basic realm=\"x\"\n",
                               NULL),
                     1);
    assert_shows(&scene, BASIC);
    scene_end(&scene);
}

static void test_registry_token(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, NULL, NULL, 0);
    char text[256];
    snprintf(text, sizeof text, "{\"auths\":{\"%s\":{\"registrytoken\":\"s3cret\"}}}",
             script_host(scene.script));
    put_text(in_tempdir("config.json"), text);
    assert_shows(&scene, NULL);
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_shows(&scene, "Bearer s3cret");
    assert_int_equal(challenge(&scene, TOKENS, "Bearer s3cret"), 0);
    scene_end(&scene);
    struct error err = ERROR_INIT;
    AUTO_SECRET char *header = NULL;
    struct auth *auth = auth_new(&(struct auth_options){.host = "h",
                                                        .url = "https://h",
                                                        .credentials = {.registry_token = "given"}},
                                 &err);
    assert_non_null(auth);
    assert_int_equal(auth_header(auth, NULL, "", 0, &header, &err), 0);
    assert_string_equal(header, "Bearer given");
    auth_free(auth);
}

/* --- renewal -------------------------------------------------------------------------------------
 */

static void test_clock(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(
        &scene, NULL,
        EXCHANGES({.request = "GET /token?",
                   .answer = "200 OK",
                   .body = "{\"token\":\"t1\",\"expires_in\":1000}"},
                  {.request = "GET /token?",
                   .answer = "200 OK",
                   .body = "{\"token\":\"t2\",\"expires_in\":\"1000\"}"},
                  {.request = "GET /token?", .answer = "200 OK", .body = "{\"token\":\"t3\"}"},
                  {.request = "GET /token?", .answer = "200 OK", .body = "{\"token\":\"t4\"}"}));
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_shows_for(&scene, 0, "Bearer t1");
    assert_shows_for(&scene, 100000, "Bearer t1"); /* a new one would be no better */
    later = 500;
    assert_shows_for(&scene, 300, "Bearer t1");
    assert_shows_for(&scene, 401, "Bearer t2");
    later = 500 + 890;
    assert_shows_for(&scene, 0, "Bearer t2");
    later = 500 + 900;
    assert_shows_for(&scene, 0, "Bearer t3");
    later += 50; /* of 60 */
    assert_shows_for(&scene, 0, "Bearer t3");
    later += 5;
    assert_shows_for(&scene, 0, "Bearer t4");
    scene_end(&scene);
}

static void test_refused_token(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(
        &scene, "me:s3cret",
        EXCHANGES({.request = "GET /token?", .answer = "200 OK", .body = "{\"token\":\"t1\"}"},
                  {.request = "GET /token?", .answer = "200 OK", .body = "{\"token\":\"t2\"}"},
                  {.request = "GET /token?", .answer = "200 OK", .body = "{\"token\":\"t3\"}"}));
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_shows(&scene, "Bearer t1");
    assert_int_equal(challenge(&scene, TOKENS, "Bearer t1"), 1);
    assert_shows(&scene, "Bearer t2");
    /* another request still had the old one */
    assert_int_equal(challenge(&scene, TOKENS, "Bearer t1"), 1);
    /* it was of use for a while */
    later = 10;
    assert_int_equal(challenge(&scene, TOKENS, "Bearer t2"), 1);
    assert_shows(&scene, "Bearer t3");
    assert_int_equal(challenge(&scene, TOKENS, "Bearer t3"), 0);
    scene_end(&scene);
}

static void put_password(struct scene *scene, const char *auth)
{
    char text[256];
    snprintf(text, sizeof text, "{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}",
             script_host(scene->script), auth);
    put_text(in_tempdir("config.json"), text);
}

static void test_file_again_basic(void **state)
{
    (void)state;
    struct scene scene;
    const char *basic = "www-authenticate: Basic realm=\"x\"\n";
    scene_start(&scene, NULL, NULL, 0);
    put_password(&scene, "YTox");
    assert_int_equal(challenge(&scene, basic, NULL), 1);
    assert_shows(&scene, "Basic YTox");
    assert_shows(&scene, "Basic YTox");
    put_password(&scene, "YToy");
    assert_int_equal(challenge(&scene, basic, "Basic YTox"), 1);
    assert_shows(&scene, "Basic YToy");
    assert_int_equal(challenge(&scene, basic, "Basic YTox"), 1);
    /* a helper that says something else each time is not asked for ever */
    put_password(&scene, "YToz");
    assert_int_equal(challenge(&scene, basic, "Basic YToy"), 0);
    later = 10;
    assert_int_equal(challenge(&scene, basic, "Basic YToy"), 1);
    assert_shows(&scene, "Basic YToz");
    scene_end(&scene);
}

static void test_file_again_bearer(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, NULL,
                EXCHANGES({.request = "GET /token?",
                           .has = {"authorization: Basic YTox"},
                           .answer = "200 OK",
                           .body = "{\"token\":\"t1\"}"},
                          {.request = "GET /token?",
                           .has = {"authorization: Basic YTox"},
                           .answer = "401 Unauthorized"},
                          {.request = "GET /token?",
                           .has = {"authorization: Basic YToy"},
                           .answer = "200 OK",
                           .body = "{\"token\":\"t2\"}"}));
    put_password(&scene, "YTox");
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    assert_shows(&scene, "Bearer t1");
    put_password(&scene, "YToy");
    assert_int_equal(challenge(&scene, TOKENS, "Bearer t1"), 1);
    assert_shows(&scene, "Bearer t2");
    scene_end(&scene);
}

/* --- realms and scopes ---------------------------------------------------------------------------
 */

/* Refused before anything is sent. */
static void test_realm_refused(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, "me:s3cret", NULL, 0);
    assert_int_equal(
        challenge(&scene, "www-authenticate: Bearer realm=\"https://evil.test/t\"\n", NULL), 1);
    assert_fails(&scene, ERROR_CREDENTIALS, "--realm-host evil.test allows it");
    assert_int_equal(
        challenge(&scene, "www-authenticate: Bearer realm=\"http://evil.test/t\"\n", NULL), 1);
    assert_fails(&scene, ERROR_CREDENTIALS, "not encrypted");
    assert_int_equal(challenge(&scene, "www-authenticate: Bearer realm=\"x\"\n", NULL), 1);
    assert_fails(&scene, ERROR_REGISTRY, "");
    scene_end(&scene);
}

static void test_scopes(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(
        &scene, NULL,
        EXCHANGES({.request = "GET /token?service=reg&scope=repository%3Aa%2Fb%3Apull%2Cpush&"
                              "scope=repository%3Ac%3Apull ",
                   .answer = "200 OK",
                   .body = "{\"token\":\"two\"}"},
                  {.request = "GET /token?service=reg ",
                   .answer = "200 OK",
                   .body = "{\"token\":\"none\"}"},
                  {.request = "GET /token?" ASKED " ",
                   .answer = "200 OK",
                   .body = "{\"token\":\"small\"}"},
                  {.request = "GET /token?service=reg&scope=repository%3Aa%2Fb%3Apull%2Cpush ",
                   .answer = "200 OK",
                   .body = "{\"token\":\"large\"}"}));
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    const char *two = "repository:a/b:pull,push repository:c:pull";
    AUTO_SECRET char *first = header_for(&scene, two, 1);
    assert_string_equal(first, "Bearer two");
    AUTO_SECRET char *none = header_for(&scene, "", 1);
    assert_string_equal(none, "Bearer none");
    assert_shows(&scene, "Bearer small");
    assert_int_equal(challenge(&scene,
                               "www-authenticate: Bearer realm=\"%s/token\",service=\"reg\","
                               "scope=\"repository:a/b:pull,push\",error=\"insufficient_scope\"\n",
                               "Bearer small"),
                     1);
    assert_shows(&scene, "Bearer large");
    AUTO_SECRET char *again = header_for(&scene, two, 1);
    assert_string_equal(again, "Bearer two");
    scene_end(&scene);
}

static void test_bad_challenge(void **state)
{
    (void)state;
    struct scene scene;
    struct error err = ERROR_INIT;
    scene_start(&scene, NULL, NULL, 0);
    char headers[] = "www-authenticate: Bearer realm=\"x\n";
    const struct http_response answer = {.status = 401, .headers = headers};
    assert_int_equal(auth_challenge(scene.auth, "a/b", SCOPE, NULL, &answer, &err), -1);
    assert_int_equal(err.class, ERROR_REGISTRY);
    scene_end(&scene);
}

/* --- threads -------------------------------------------------------------------------------------
 */

static void *ask(void *context)
{
    char *header = NULL;
    struct error err = ERROR_INIT;
    if (auth_header(context, "a/b", SCOPE, 1, &header, &err) < 0)
        return NULL;
    return header;
}

static void test_threads(void **state)
{
    (void)state;
    struct scene scene;
    pthread_t threads[8];
    scene_start(&scene, "me:s3cret",
                EXCHANGES({.request = "GET /token?",
                           .answer = "200 OK",
                           .body = "{\"token\":\"t1\"}",
                           .delay_ms = 50}));
    assert_int_equal(challenge(&scene, TOKENS, NULL), 1);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, scene.auth), 0);
    for (size_t i = 0; i < 8; i++) {
        void *header;
        assert_int_equal(pthread_join(threads[i], &header), 0);
        assert_non_null(header);
        assert_string_equal(header, "Bearer t1");
        free(header);
    }
    scene_end(&scene);
}

#define T(test) cmocka_unit_test_setup_teardown(test, places_make, tempdir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_anonymous),
        T(test_basic),
        T(test_bearer),
        T(test_both),
        T(test_registry_token),
        T(test_clock),
        T(test_refused_token),
        T(test_file_again_basic),
        T(test_file_again_bearer),
        T(test_realm_refused),
        T(test_scopes),
        T(test_bad_challenge),
        T(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
