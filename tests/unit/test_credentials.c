/* test_credentials.c: which place wins, how files name a host, and what helpers are asked. */
#include "tests/unit/credentials_scene.h"

#include <sys/resource.h>

/* --- order ---------------------------------------------------------------------------------------
 */

static void fill_places(void)
{
    put_text(in_tempdir("authfile"), "{\"auths\":{\"h\":{\"auth\":\"YTox\"}}}");
    put_text(in_tempdir("envfile"), "{\"auths\":{\"h\":{\"auth\":\"YTo0\"}}}");
    put_text(in_tempdir("run/containers/auth.json"), "{\"auths\":{\"h\":{\"auth\":\"YTo1\"}}}");
    put_text(in_tempdir("config/containers/auth.json"), "{\"auths\":{\"h\":{\"auth\":\"YTo2\"}}}");
    put_text(in_tempdir("docker/config.json"), "{\"auths\":{\"h\":{\"auth\":\"YTo3\"}}}");
    setenv("REGISTRY_AUTH_FILE", in_tempdir("envfile"), 1);
    setenv("TART_REGISTRY_USERNAME", "tart", 1);
    setenv("TART_REGISTRY_PASSWORD", "pw", 1);
}

static void test_order(void **state)
{
    (void)state;
    fill_places();
    struct credential_options options = nothing;
    options.creds = "me:p:w";
    options.authfile = kept_path("authfile");
    assert_found(&options, "h", NULL, "me", "p:w");
    assert_source(&options, "h", "--src-creds");
    options.creds = "me";
    assert_found(&options, "h", NULL, "me", "");
    options.creds = NULL;
    assert_found(&options, "h", NULL, "a", "1");
    assert_source(&options, "h", options.authfile);
    assert_found(&options, "other", NULL, "tart", "pw");
    options.authfile = NULL;
    assert_found(&options, "h", NULL, "tart", "pw");
    unsetenv("TART_REGISTRY_PASSWORD");
    assert_found(&options, "h", NULL, "a", "4");
    unsetenv("REGISTRY_AUTH_FILE");
    assert_found(&options, "h", NULL, "a", "5");
    unlink(in_tempdir("run/containers/auth.json"));
    assert_found(&options, "h", NULL, "a", "6");
    unlink(in_tempdir("config/containers/auth.json"));
    assert_found(&options, "h", NULL, "a", "7");
    assert_source(&options, "h", in_tempdir("docker/config.json"));
    unlink(in_tempdir("docker/config.json"));
    assert_found(&options, "h", NULL, NULL, NULL);
}

static void test_options(void **state)
{
    (void)state;
    fill_places();
    struct credential_options options = nothing;
    options.no_creds = true;
    assert_found(&options, "h", NULL, NULL, NULL);
    options.no_creds = false;
    options.registry_token = "tok";
    AUTO(credential_done) struct credential found = find(&options, "h", NULL);
    assert_string_equal(found.registry_token, "tok");
    assert_string_equal(found.source, "--src-registry-token");
    assert_null(found.user);
    options.creds = ":s3cret";
    assert_refused(&options, "h", ERROR_USAGE, "--src-creds names no user");
}

static void test_home(void **state)
{
    (void)state;
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("DOCKER_CONFIG");
    assert_int_equal(mkdir(in_tempdir("home"), 0700), 0);
    assert_int_equal(mkdir(in_tempdir("home/.docker"), 0700), 0);
    put_text(in_tempdir("home/.docker/config.json"), "{\"auths\":{\"h\":{\"auth\":\"YTox\"}}}");
    assert_found(&nothing, "h", NULL, "a", "1");
    assert_int_equal(mkdir(in_tempdir("home/.config"), 0700), 0);
    assert_int_equal(mkdir(in_tempdir("home/.config/containers"), 0700), 0);
    put_text(in_tempdir("home/.config/containers/auth.json"),
             "{\"auths\":{\"h\":{\"auth\":\"YToy\"}}}");
    assert_found(&nothing, "h", NULL, "a", "2");
    unsetenv("HOME");
    assert_found(&nothing, "h", NULL, NULL, NULL);
}

static void test_tart_variables(void **state)
{
    (void)state;
    struct credential_options two = nothing;
    two.host_count = 2;
    setenv("TART_REGISTRY_USERNAME", "tart", 1);
    setenv("TART_REGISTRY_PASSWORD", "s3cret", 1);
    assert_found(&nothing, "h", NULL, "tart", "s3cret");
    assert_string_equal(warning, "");
    assert_found(&two, "h", NULL, NULL, NULL);
    assert_non_null(strstr(warning, "TART_REGISTRY_HOSTNAME"));
    assert_null(strstr(warning, "s3cret"));
    setenv("TART_REGISTRY_HOSTNAME", "H:5000", 1);
    warning[0] = '\0';
    assert_found(&two, "h:5000", NULL, "tart", "s3cret");
    assert_found(&nothing, "h", NULL, NULL, NULL);
    setenv("TART_REGISTRY_HOSTNAME", "index.docker.io", 1);
    assert_found(&two, "docker.io", NULL, "tart", "s3cret");
    assert_string_equal(warning, "");
    setenv("TART_REGISTRY_USERNAME", "", 1);
    assert_found(&two, "docker.io", NULL, NULL, NULL);
}

/* --- files ---------------------------------------------------------------------------------------
 */

static void test_paths(void **state)
{
    (void)state;
    const char *text = "{\"auths\":{\"h\":{\"auth\":\"aDox\"},\"h/a/b\":{\"auth\":\"YjoxCg==\"},"
                       "\"h/a\":{\"auth\":\"YTox\"},\"h/e\":{}}}";
    put_text(in_tempdir("run/containers/auth.json"), text);
    assert_found(&nothing, "h", NULL, "h", "1");
    assert_found(&nothing, "h", "x", "h", "1");
    assert_found(&nothing, "h", "a", "a", "1");
    assert_found(&nothing, "h", "a/bc", "a", "1");
    assert_found(&nothing, "h", "a/b/c", "b", "1\n");
    assert_found(&nothing, "h", "e/x", "h", "1");
    assert_found(&nothing, "H", "x", "h", "1");
    assert_found(&nothing, "hh", "a", NULL, NULL);
    /* Docker knows no paths: its first entry of the host is as good as any */
    unlink(in_tempdir("run/containers/auth.json"));
    put_text(in_tempdir("docker/config.json"), text);
    assert_found(&nothing, "h", "a/b", "h", "1");
}

static void test_host_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key, *host;
        bool containers, docker; /* found in such a file */
    } rows[] = {
        {"h:5000", "h:5000", true, true},
        {"h:5000", "h", false, false},
        {"https://h", "h", true, true},
        {"http://h/v2/", "h", true, true},
        {"https://h/v1/", "h", true, true},
        {"h/v1/", "h", false, true},
        {"HTTPS://H/", "h", true, true},
        {HUB_KEY, "docker.io", true, true},
        {"docker.io", "docker.io", true, true},
        {"index.docker.io", "docker.io", true, true},
        {"registry-1.docker.io", "docker.io", true, true},
        {"https://evil/docker.io", "docker.io", false, false},
        {"xdocker.io", "docker.io", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"auths\":{\"%s\":{\"auth\":\"YTox\"}}}", rows[i].key);
        put_text(in_tempdir("run/containers/auth.json"), text);
        assert_found(&nothing, rows[i].host, NULL, rows[i].containers ? "a" : NULL, "1");
        unlink(in_tempdir("run/containers/auth.json"));
        put_text(in_tempdir("docker/config.json"), text);
        assert_found(&nothing, rows[i].host, NULL, rows[i].docker ? "a" : NULL, "1");
        unlink(in_tempdir("docker/config.json"));
    }
}

static void test_entries(void **state)
{
    (void)state;
    put_text(in_tempdir("docker/config.json"),
             "{\"auths\":{\"id\":{\"auth\":\"MDA6\",\"identitytoken\":\"refresh\"},"
             "\"reg\":{\"registrytoken\":\"bear\"},"
             "\"pair\":{\"username\":\"u\",\"password\":\"p\",\"email\":\"x\"},"
             "\"half\":{\"username\":\"u\"},\"null\":null,"
             "\"nul\":{\"auth\":\"YTpiAAA=\"}}}");
    AUTO(credential_done) struct credential identity = find(&nothing, "id", NULL);
    assert_string_equal(identity.identity_token, "refresh");
    assert_null(identity.user);
    AUTO(credential_done) struct credential token = find(&nothing, "reg", NULL);
    assert_string_equal(token.registry_token, "bear");
    assert_found(&nothing, "pair", NULL, "u", "p");
    assert_found(&nothing, "half", NULL, NULL, NULL);
    assert_found(&nothing, "null", NULL, NULL, NULL);
    assert_found(&nothing, "nul", NULL, "a", "b");
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"{", "auth.json cannot be read"},
        {"[]", "auth.json holds an array"},
        {"{\"auths\":{},\"auths\":{}}", "stands twice"},
        {"{\"auths\":{\"h\":{\"auth\":\"s3cret!\"}}}", "the entry for h has an \"auth\""},
        {"{\"auths\":{\"h\":{\"auth\":\"YWI=\"}}}", "no base64 of USER:PASSWORD"},
        {"{\"auths\":{\"h\":{\"auth\":\"YToAYg==\"}}}", "no base64 of USER:PASSWORD"},
        {"{\"auths\":{\"h\":\"s3cret\"}}", "the entry for h is no object"},
        {"{\"credHelpers\":{\"h\":\"../sh\"}}", "cannot be the name of a credential helper"},
        {"{\"credHelpers\":{\"h\":\"a;b\"}}", "cannot be the name of a credential helper"},
        {"{\"credHelpers\":{\"h\":\"a b\"}}", "cannot be the name of a credential helper"},
        {"{\"credsStore\":\"x/y\"}", "cannot be the name of a credential helper"},
        {"{\"credHelpers\":{\"h\":\"not-there\"}}",
         "docker-credential-not-there cannot be started"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_text(in_tempdir("run/containers/auth.json"), rows[i].text);
        assert_refused(&nothing, "h", ERROR_SETTINGS, rows[i].words);
        assert_refused(&nothing, "h", ERROR_SETTINGS, in_tempdir("run/containers/auth.json"));
    }
    put_text(in_tempdir("run/containers/auth.json"), "");
    assert_found(&nothing, "h", NULL, NULL, NULL);
    unlink(in_tempdir("run/containers/auth.json"));
    assert_int_equal(mkdir(in_tempdir("run/containers/auth.json"), 0700), 0);
    assert_refused(&nothing, "h", ERROR_SETTINGS, "is no regular file");
    rmdir(in_tempdir("run/containers/auth.json"));
    assert_int_equal(mkfifo(in_tempdir("run/containers/auth.json"), 0600), 0);
    assert_refused(&nothing, "h", ERROR_SETTINGS, "is no regular file");
    unlink(in_tempdir("run/containers/auth.json"));
    put_text(in_tempdir("run/containers/auth.json"), "{}");
    assert_int_equal(truncate(in_tempdir("run/containers/auth.json"), (1 << 20) + 1), 0);
    assert_refused(&nothing, "h", ERROR_SETTINGS, "has 1048577 bytes, limit 1048576");
}

static void test_absent_files(void **state)
{
    (void)state;
    struct credential_options options = nothing;
    options.authfile = kept_path("none");
    assert_refused(&options, "h", ERROR_NO_SUCH_FILE, "none is not there");
    setenv("REGISTRY_AUTH_FILE", in_tempdir("gone"), 1);
    assert_refused(&nothing, "h", ERROR_NO_SUCH_FILE, "gone is not there");
}

/* --- helpers -------------------------------------------------------------------------------------
 */

#define PAIR(user, secret)                                                                         \
    "echo '{\"ServerURL\":\"x\",\"Username\":\"" user "\",\"Secret\":\"" secret "\"}'"

static void test_helpers(void **state)
{
    (void)state;
    put_helper("one", PAIR("u1", "p1"));
    put_helper("all", PAIR("u2", "p2"));
    put_helper("tok", PAIR("<token>", "refresh"));
    put_helper("none", "echo credentials not found in native keychain; exit 1");
    put_text(in_tempdir("docker/config.json"),
             "{\"auths\":{\"f\":{\"auth\":\"YTox\"},\"g\":{},\"n\":{\"auth\":\"bjox\"}},"
             "\"credHelpers\":{\"h:5000\":\"one\",\"t\":\"tok\",\"n\":\"none\","
             "\"docker.io\":\"one\"},"
             "\"credsStore\":\"all\"}");
    assert_found(&nothing, "h:5000", "a/b", "u1", "p1");
    assert_file_is(in_tempdir("log-one"), "get\nh:5000\n");
    assert_found(&nothing, "docker.io", NULL, "u1", "p1");
    assert_file_is(in_tempdir("log-one"), "get\nh:5000\nget\n" HUB_KEY "\n");
    assert_found(&nothing, "f", NULL, "a", "1");
    assert_found(&nothing, "n", NULL, "n", "1");
    assert_false(exists(in_tempdir("log-all")));
    assert_found(&nothing, "g", NULL, "u2", "p2");
    assert_found(&nothing, "other", NULL, "u2", "p2");
    assert_file_is(in_tempdir("log-all"), "get\ng\nget\nother\n");
    AUTO(credential_done) struct credential token = find(&nothing, "t", NULL);
    assert_string_equal(token.identity_token, "refresh");
    assert_non_null(strstr(token.source, "docker-credential-tok of "));
}

static void test_helpers_fail(void **state)
{
    (void)state;
    static const struct {
        const char *script, *words;
    } rows[] = {
        {"echo the keyring is locked; echo more; exit 1",
         "docker-credential-bad get failed: the keyring is locked"},
        {"echo '{\"Secret\":\"s3cret\"}'; exit 1", "docker-credential-bad get failed"},
        {"kill -9 $$", "docker-credential-bad get failed"},
        {"echo s3cret", "gave no JSON"},
        {"", "gave no JSON"},
        {"echo '{\"Username\":\"u\"}'", "gave no Username or no Secret"},
        {"head -c 300000 /dev/zero; exec sleep 20", "said more than 262144 bytes"},
    };
    put_text(in_tempdir("docker/config.json"), "{\"credsStore\":\"bad\"}");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_helper("bad", rows[i].script);
        assert_refused(&nothing, "h", ERROR_CREDENTIALS, rows[i].words);
    }
    put_helper("bad", PAIR("", ""));
    assert_found(&nothing, "h", NULL, NULL, NULL);
    /* who is left behind by a helper, and keeps its output open, is not waited for */
    put_helper("bad", "{ sleep 10; touch \"$HOME\"/../late; } 2>/dev/null & " PAIR("u", "p"));
    assert_int_equal(mkdir(in_tempdir("home"), 0700), 0);
    assert_found(&nothing, "h", NULL, "u", "p");
    assert_false(exists(in_tempdir("late")));
    unlink(in_tempdir("bin/docker-credential-bad"));
    assert_string_equal(warning, "");
    assert_found(&nothing, "h", NULL, NULL, NULL);
    assert_non_null(strstr(warning, "docker-credential-bad is not in PATH"));
}

static void test_core(void **state)
{
    (void)state;
    struct rlimit limit;
    struct credential_options options = nothing;
    options.creds = "a:b";
    assert_found(&options, "h", NULL, "a", "b");
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, places_make, tempdir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_order),        T(test_options),   T(test_home),         T(test_tart_variables),
        T(test_paths),        T(test_host_keys), T(test_entries),      T(test_bad_files),
        T(test_absent_files), T(test_helpers),   T(test_helpers_fail), T(test_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
