/* test_login.c: login keeps only what the registry took, and says where; logout forgets it. */
#include "tests/unit/credentials_scene.h"
#include "tests/unit/http_script.h"

#include "convert/cli/command.h"
#include "convert/stores/network.h"

#define BASIC "WWW-Authenticate: Basic realm=\"x\"\r\n"
#define ENTRY "\"auth\": \"bWU6czNjcmV0\"" /* me:s3cret */

static int status;
static struct error err;

/* What the command says; "" where it fails. */
static char *run_command(command_run *command, struct options *options)
{
    struct run run;
    struct bytes out;
    err = (struct error)ERROR_INIT;
    bytes_init(&out, 1u << 16);
    options->network = network_new(&options->network_options, &err);
    assert_non_null(options->network);
    assert_int_equal(run_init(&run, 1, NULL, NULL, &err), 0);
    status = command(options, &run, &out, &err);
    run_done(&run);
    network_free(options->network);
    assert_null(strstr(err.text, "s3cret"));
    assert_null(strstr(err.text, "czNjcmV0"));
    char *text = strndup(out.data == NULL ? "" : (const char *)out.data, out.size);
    bytes_done(&out);
    return text;
}

static void assert_says(command_run *command, struct options *options, const char *format)
{
    char wanted[2400];
    AUTO_FREE char *said = run_command(command, options);
    if (status != 0)
        fail_msg("%s", err.text);
    snprintf(wanted, sizeof wanted, "%s %s\n", format, options->operand_text);
    if (strncmp(said, wanted, strcspn(wanted, "\n")) != 0)
        fail_msg("%s", said);
    assert_non_null(strstr(said, options->network_options.authfile));
}

static void assert_fails(command_run *command, struct options *options, enum error_class class,
                         const char *words)
{
    AUTO_FREE char *said = run_command(command, options);
    assert_int_equal(status, -1);
    if (err.class != class || strstr(err.text, words) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    assert_string_equal(said, "");
}

static struct options given(struct script *script, const char *password)
{
    return (struct options){
        .username = "me",
        .password = password,
        .operand_text = script_host(script),
        .sides = {{.plain_http = true}},
        .network_options = {.authfile = kept_path("file"), .host_count = 1},
    };
}

static void test_login(void **state)
{
    (void)state;
    struct script *script = script_start(
        &(struct script_options){0},
        EXCHANGES({.request = "GET /v2/ ", .answer = "401 Unauthorized", .headers = BASIC},
                  {.request = "GET /v2/ ",
                   .has = {"authorization: Basic bWU6czNjcmV0"},
                   .answer = "200 OK"}));
    struct options options = given(script, "s3cret");
    assert_says(cmd_login, &options, "Login succeeded:");
    AUTO_FREE char *file = get_file(options.network_options.authfile, NULL);
    assert_non_null(strstr(file, ENTRY));
    assert_says(cmd_logout, &options, "Removed login for");
    AUTO_FREE char *after = get_file(options.network_options.authfile, NULL);
    assert_null(strstr(after, ENTRY));
    assert_fails(cmd_logout, &options, ERROR_CREDENTIALS, "not logged in to");
    script_end(script);
}

static void test_refused(void **state)
{
    (void)state;
    struct script *script = script_start(
        &(struct script_options){0},
        EXCHANGES(
            {.request = "GET /v2/ ", .answer = "401 Unauthorized", .headers = BASIC, .times = 2},
            {.request = "GET /v2/ ", .answer = "503 Service Unavailable"}));
    struct options options = given(script, "s3cret");
    assert_fails(cmd_login, &options, ERROR_CREDENTIALS, "refused the user me");
    assert_fails(cmd_login, &options, ERROR_UNREACHABLE, "503");
    assert_false(exists(options.network_options.authfile));
    script_end(script);
}

static void test_stdin(void **state)
{
    (void)state;
    struct script *script = script_start(
        &(struct script_options){0},
        EXCHANGES({.request = "GET /v2/ ", .answer = "401 Unauthorized", .headers = BASIC},
                  {.request = "GET /v2/ ",
                   .has = {"authorization: Basic bWU6czNjcmV0"},
                   .answer = "200 OK"}));
    struct options options = given(script, NULL);
    options.password_stdin = true;
    int before = dup(STDIN_FILENO);
    put_text(in_tempdir("password"), "s3cret\r\n");
    assert_non_null(freopen(in_tempdir("password"), "r", stdin));
    assert_says(cmd_login, &options, "Login succeeded:");
    put_text(in_tempdir("password"), "\n");
    assert_non_null(freopen(in_tempdir("password"), "r", stdin));
    assert_fails(cmd_login, &options, ERROR_USAGE, "empty password");
    dup2(before, STDIN_FILENO);
    close(before);
    script_end(script);
}

static void test_usage(void **state)
{
    (void)state;
    struct script *script = script_start(&(struct script_options){0}, NULL, 0);
    struct options options = given(script, "s3cret");
    options.password_stdin = true;
    assert_fails(cmd_login, &options, ERROR_USAGE, "exclude each other");
    options.username = NULL;
    assert_fails(cmd_login, &options, ERROR_USAGE, "needs --username");
    options.username = "a:b";
    assert_fails(cmd_login, &options, ERROR_USAGE, "user name must not");
    options.username = "";
    assert_fails(cmd_login, &options, ERROR_USAGE, "user name must not");
    script_end(script);
}

#define T(test) cmocka_unit_test_setup_teardown(test, places_make, tempdir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_login),
        T(test_refused),
        T(test_stdin),
        T(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
