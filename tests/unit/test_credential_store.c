/* test_credential_store.c: what login and logout leave in files, and what helpers are given. */
#include "tests/unit/credentials_scene.h"

static const struct credential new_one = {.user = (char *)"me", .password = (char *)"p:w"};

static void store(const char *authfile, const char *host, const char *wanted_where)
{
    struct error err = ERROR_INIT;
    AUTO_FREE char *where = NULL;
    if (credentials_store(authfile, host, &new_one, &where, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(where, wanted_where);
}

static void erase(const char *authfile, const char *host, const char *wanted_where)
{
    struct error err = ERROR_INIT;
    AUTO_FREE char *where = NULL;
    if (credentials_erase(authfile, host, &where, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(where, wanted_where);
}

static void assert_erase_refused(const char *authfile, const char *host)
{
    struct error err = ERROR_INIT;
    AUTO_FREE char *where = NULL;
    assert_int_equal(credentials_erase(authfile, host, &where, &err), -1);
    assert_int_equal(err.class, ERROR_CREDENTIALS);
    assert_non_null(strstr(err.text, "not logged in to"));
    assert_null(where);
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void test_store_keeps(void **state)
{
    (void)state;
    const char *path = kept_path("run/containers/auth.json");
    put_text(path, "{\"auths\":{\"a\":{\"auth\":\"eDp5\",\"email\":\"e\"},"
                   "\"https://h/v1/\":{\"auth\":\"eDp5\"},\"h/ns\":{\"auth\":\"eDp5\"}},"
                   "\"other\":[1.50,true,null,\"/\"]}");
    assert_int_equal(chmod(path, 0644), 0);
    store(NULL, "h", path);
    assert_int_equal(mode_of(path), 0600);
    assert_file_is(path, "{\n  \"auths\": {\n    \"a\": {\n      \"auth\": \"eDp5\",\n"
                         "      \"email\": \"e\"\n    },\n    \"h/ns\": {\n"
                         "      \"auth\": \"eDp5\"\n    },\n    \"h\": {\n"
                         "      \"auth\": \"bWU6cDp3\"\n    }\n  },\n  \"other\": [\n    1.50,\n"
                         "    true,\n    null,\n    \"/\"\n  ]\n}\n");
    assert_found(&nothing, "h", NULL, "me", "p:w");
    erase(NULL, "h", path);
    assert_int_equal(mode_of(path), 0600);
    assert_found(&nothing, "h", NULL, NULL, NULL);
    assert_found(&nothing, "a", NULL, "x", "y");
    assert_found(&nothing, "h", "ns/x", "x", "y");
    assert_erase_refused(NULL, "h");
    assert_int_equal(count_names(in_tempdir("run/containers")), 1);
}

static void test_store_places(void **state)
{
    (void)state;
    const char *made = kept_path("new/folder/auth.json");
    assert_erase_refused(made, "h");
    store(made, "h", made);
    assert_int_equal(mode_of(made), 0600);
    assert_int_equal(mode_of(in_tempdir("new")), 0700);
    setenv("REGISTRY_AUTH_FILE", in_tempdir("envfile"), 1);
    store(NULL, "h", in_tempdir("envfile"));
    unsetenv("REGISTRY_AUTH_FILE");
    store(NULL, "h", in_tempdir("run/containers/auth.json"));
    setenv("XDG_RUNTIME_DIR", in_tempdir("no-such"), 1);
    store(NULL, "h", in_tempdir("config/containers/auth.json"));
    unsetenv("XDG_CONFIG_HOME");
    store(NULL, "h", in_tempdir("home/.config/containers/auth.json"));
    /* a link stays one */
    assert_int_equal(symlink(made, in_tempdir("link")), 0);
    store(in_tempdir("link"), "i", made);
    erase(in_tempdir("link"), "h", made);
    AUTO_FREE char *text = get_file(made, NULL);
    assert_string_equal(text, "{\n  \"auths\": {\n    \"i\": {\n"
                              "      \"auth\": \"bWU6cDp3\"\n    }\n  }\n}\n");
    struct stat status;
    assert_int_equal(lstat(in_tempdir("link"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static void assert_holds(const char *path, const char *wanted, bool holds)
{
    AUTO_FREE char *text = get_file(path, NULL);
    if ((strstr(text, wanted) != NULL) != holds)
        fail_msg("%s: %s", wanted, text);
}

static void test_store_hub(void **state)
{
    (void)state;
    const char *containers = kept_path("run/containers/auth.json");
    put_text(containers, "{\"auths\":{\"" HUB_KEY "\":{\"auth\":\"eDp5\"}}}");
    store(NULL, "docker.io", containers);
    assert_holds(containers, "\"docker.io\"", true);
    assert_holds(containers, HUB_KEY, false);
    const char *docker = kept_path("docker/config.json");
    store(docker, "docker.io", docker);
    assert_holds(docker, "\"" HUB_KEY "\"", true);
    erase(docker, "docker.io", docker);
    assert_holds(docker, "docker.io", false);
}

static void test_store_helper(void **state)
{
    (void)state;
    char where[1200];
    const char *path = kept_path("docker/config.json");
    snprintf(where, sizeof where, "docker-credential-kept of %s", path);
    put_helper("kept", "");
    put_helper("none", "echo credentials not found; exit 1");
    const char *text = "{\"credHelpers\":{\"h\":\"kept\",\"n\":\"none\",\"x\":\"absent\"}}";
    put_text(path, text);
    store(path, "h", where);
    assert_file_is(path, text);
    assert_file_is(in_tempdir("log-kept"), "store\n{\"ServerURL\":\"h\",\"Username\":\"me\","
                                           "\"Secret\":\"p:w\"}\n");
    erase(path, "h", where);
    assert_erase_refused(path, "n");
    put_text(path, "{\"credsStore\":\"kept\"}");
    unlink(in_tempdir("log-kept"));
    store(path, "docker.io", where);
    erase(path, "docker.io", where);
    assert_file_is(in_tempdir("log-kept"),
                   "store\n{\"ServerURL\":\"" HUB_KEY "\",\"Username\":\"me\","
                   "\"Secret\":\"p:w\"}\nerase\n" HUB_KEY "\n");
    struct error err = ERROR_INIT;
    AUTO_FREE char *none = NULL;
    put_text(path, text);
    assert_int_equal(credentials_store(path, "x", &new_one, &none, &err), -1);
    assert_int_equal(err.class, ERROR_SETTINGS);
    put_helper("kept", "cat >&2; echo p:w; exit 1");
    assert_int_equal(credentials_store(path, "h", &new_one, &none, &err), -1);
    assert_int_equal(err.class, ERROR_CREDENTIALS);
    assert_null(strstr(err.text, "p:w"));
}

static void test_store_refused(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    AUTO_FREE char *where = NULL;
    const char *path = kept_path("run/containers/auth.json");
    put_text(path, "{\"auths\":");
    assert_int_equal(credentials_store(NULL, "h", &new_one, &where, &err), -1);
    assert_int_equal(err.class, ERROR_SETTINGS);
    assert_file_is(path, "{\"auths\":");
    put_text(path, "{\"auths\":[1]}");
    assert_int_equal(credentials_store(NULL, "h", &new_one, &where, &err), -1);
    assert_int_equal(err.class, ERROR_SETTINGS);
    put_text(path, "{\"auths\":null}");
    store(NULL, "h", path);
    assert_int_equal(
        credentials_store(in_tempdir("docker/config.json/x"), "h", &new_one, &where, &err), 0);
    put_text(in_tempdir("plain"), "");
    AUTO_FREE char *again = NULL;
    assert_int_equal(credentials_store(in_tempdir("plain/x"), "h", &new_one, &again, &err), -1);
    assert_int_equal(err.class, ERROR_DESTINATION);
}

#define T(test) cmocka_unit_test_setup_teardown(test, places_make, tempdir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_store_keeps),  T(test_store_places),  T(test_store_hub),
        T(test_store_helper), T(test_store_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
