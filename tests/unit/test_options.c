/* test_options.c: command lines into values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "convert/cli/command.h"
#include "convert/engine/lanes.h"

static const struct command convert_command = {
    .name = "convert", .bit = FOR_CONVERT, .operands = "SRC DST", .operand_count = 2};
static const struct command verify_command = {
    .name = "verify", .bit = FOR_VERIFY, .operands = "REF", .operand_count = 1};
static const struct command compare_command = {
    .name = "compare", .bit = FOR_COMPARE, .operands = "A B", .operand_count = 2};
static const struct command login_command = {.name = "login",
                                             .bit = FOR_LOGIN,
                                             .operands = "HOST",
                                             .operand_count = 1,
                                             .takes = OPERAND_HOST};

#define ARGUMENTS_MAX 32

/* arguments: ended by NULL. */
static int parse(const struct command *command, const char *const *arguments, struct options *ret,
                 struct error *err)
{
    char *argv[ARGUMENTS_MAX + 2] = {"tartconv"};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        assert_true(argc <= ARGUMENTS_MAX);
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    }
    return options_parse(command, argc, argv, ret, err);
}

#define PARSE(command, options, err, ...)                                                          \
    parse(command, (const char *const[]){__VA_ARGS__, NULL}, options, err)

static void test_defaults(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&convert_command, &options, &err, "oci:a:b", "vm:c"), 0);
    assert_string_equal(options.references[0].path, "a");
    assert_string_equal(options.references[0].tag, "b");
    assert_int_equal(options.references[1].transport, TRANSPORT_VM);
    assert_int_equal(options.convert.to, CONVERT_TO_V2);
    assert_int_equal(options.convert.chunk_size, 0);
    assert_int_equal(options.convert.v1_layer_size, TART_V1_LAYER_SIZE);
    assert_int_equal(options.convert.encoder.search, ENCODER_APPLE);
    assert_int_equal(options.convert.upload_time, UPLOAD_TIME_KEEP);
    assert_int_equal(options.verbosity, VERBOSITY_NORMAL);
    assert_false(options.json);
    assert_in_range(options.threads, 1, LANES_MAX);
    options_done(&options);
}

static void test_values(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&convert_command, &options, &err, "--to=v1", "--chunk-size", "2MiB",
                           "oci:a:b", "--encoder", "lz4hc:9", "--upload-time",
                           "2024-01-31T12:00:00Z", "-qv", "--proof", "-odd-", "--", "oci:-x"),
                     0);
    assert_int_equal(options.convert.to, CONVERT_TO_V1);
    assert_int_equal(options.convert.chunk_size, 2 << 20);
    assert_int_equal(options.convert.encoder.search, ENCODER_LZ4HC);
    assert_int_equal(options.convert.encoder.level, 9);
    assert_int_equal(options.convert.upload_time, UPLOAD_TIME_SET);
    assert_string_equal(options.convert.upload_time_text, "2024-01-31T12:00:00Z");
    assert_int_equal(options.verbosity, VERBOSITY_VERBOSE);
    assert_string_equal(options.proof, "-odd-");
    assert_string_equal(options.references[1].path, "-x");
    options_done(&options);
}

static void test_last_one_wins(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&convert_command, &options, &err, "oci:a:b", "oci:a:c", "--to", "v1",
                           "--to", "v2", "--format=json", "--format=text", "--threads", "1",
                           "--threads", "1000"),
                     0);
    assert_int_equal(options.convert.to, CONVERT_TO_V2);
    assert_false(options.json);
    assert_int_equal(options.threads, LANES_MAX);
    options_done(&options);
}

static void test_posix_order_changes_nothing(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    setenv("POSIXLY_CORRECT", "1", 1);
    assert_int_equal(PARSE(&verify_command, &options, &err, "oci:a:b", "--disk-digest"), 0);
    unsetenv("POSIXLY_CORRECT");
    assert_true(options.verify.disk_digest);
    options_done(&options);
}

static void test_sides(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&convert_command, &options, &err, "docker://a.example/x:1",
                           "docker://b.example/x:2", "--src-creds", "u:p", "--dest-no-creds",
                           "--src-tls-verify=false", "--dest-tls-verify", "--dest-cert-dir=/c",
                           "--dest-plain-http"),
                     0);
    assert_string_equal(options.sides[0].creds, "u:p");
    assert_string_equal(options.sides[0].prefix, "src-");
    assert_false(options.sides[0].no_creds);
    assert_true(options.sides[0].no_tls_verify);
    assert_false(options.sides[0].plain_http);
    assert_null(options.sides[0].cert_dir);
    assert_null(options.sides[1].creds);
    assert_string_equal(options.sides[1].prefix, "dest-");
    assert_true(options.sides[1].no_creds);
    assert_false(options.sides[1].no_tls_verify);
    assert_true(options.sides[1].plain_http);
    assert_string_equal(options.sides[1].cert_dir, "/c");
    assert_int_equal(options.given, GIVEN_SRC_TLS_VERIFY | GIVEN_DEST_TLS_VERIFY);
    assert_int_equal(options.network_options.host_count, 2);
    options_done(&options);

    assert_int_equal(PARSE(&compare_command, &options, &err, "a.example/x:1", "a.example/y:2",
                           "--dest-registry-token=t", "--insecure"),
                     0);
    assert_string_equal(options.sides[1].registry_token, "t");
    assert_true(options.sides[0].plain_http && options.sides[1].plain_http);
    assert_int_equal(options.network_options.host_count, 1);
    options_done(&options);

    assert_int_equal(PARSE(&verify_command, &options, &err, "a.example/x", "--creds", "u:p",
                           "--tls-verify=false", "--tls-verify=true"),
                     0);
    assert_string_equal(options.sides[0].creds, "u:p");
    assert_string_equal(options.sides[0].prefix, "");
    assert_false(options.sides[0].no_tls_verify);
    options_done(&options);
}

static void test_network_values(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&convert_command, &options, &err, "a.example/x:1", "oci:b:c"), 0);
    const struct network_options *network = &options.network_options;
    assert_int_equal(network->retry_times, CLIENT_RETRY_TIMES);
    assert_int_equal(network->retry_delay_ms, CLIENT_RETRY_DELAY_MS);
    assert_int_equal(network->spool_memory, SPOOL_MEMORY);
    assert_int_equal(network->mirror_count, 0);
    assert_null(options.convert.tags);
    options_done(&options);

    assert_int_equal(
        PARSE(&convert_command, &options, &err, "a.example/x:1", "b.example/x:1", "--tag", "t1",
              "--tag", "t2", "--tag=t1", "--src-mirror", "m.example", "--src-mirror=n.example/p",
              "--realm-host=r.example", "--realm-host", "s.example", "--upload-chunk=16MiB",
              "--concurrency=3", "--retry-times=0", "--retry-delay=500ms", "--limit-rate=1MB",
              "--tmpdir=/t", "--spool-memory=0", "--authfile=a.json", "--state=s", "--restart"),
        0);
    assert_string_equal(options.convert.tags[0], "t1");
    assert_string_equal(options.convert.tags[1], "t2");
    assert_null(options.convert.tags[2]);
    assert_int_equal(network->mirror_count, 2);
    assert_string_equal(network->mirrors[0].host, "m.example");
    assert_string_equal(network->mirrors[1].prefix, "p");
    assert_string_equal(network->realm_hosts[1], "s.example");
    assert_null(network->realm_hosts[2]);
    assert_int_equal(network->upload_chunk, 16 << 20);
    assert_int_equal(network->concurrency, 3);
    assert_int_equal(network->retry_times, 0);
    assert_int_equal(network->retry_delay_ms, 500);
    assert_int_equal(network->limit_rate, 1000000);
    assert_int_equal(network->spool_memory, 0);
    assert_string_equal(network->authfile, "a.json");
    assert_int_equal(network->host_count, 4);
    assert_string_equal(options.convert.state, "s");
    assert_true(options.convert.restart);
    options_done(&options);
}

static void test_in_place(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&convert_command, &options, &err, "--in-place", "a.example/x:1",
                           "--src-creds=u:p", "--dest-cert-dir=/c"),
                     0);
    assert_string_equal(options.references[1].text, "a.example/x:1");
    assert_string_equal(options.sides[1].creds, "u:p");
    assert_string_equal(options.sides[1].prefix, "src-");
    assert_string_equal(options.sides[1].cert_dir, "/c");
    assert_null(options.sides[0].cert_dir);
    options_done(&options);
    assert_int_equal(PARSE(&convert_command, &options, &err, "--in-place", "oci:x:1",
                           "--src-creds=u:p", "--dest-registry-token=t"),
                     0);
    assert_null(options.sides[1].creds);
    options_done(&options);
}

static void test_login(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&login_command, &options, &err, "-u", "me", "-psecret", "h.example:1"),
                     0);
    assert_string_equal(options.operand_text, "h.example:1");
    assert_string_equal(options.username, "me");
    assert_string_equal(options.password, "secret");
    options_done(&options);
}

/* What may be a password is in no error. */
static void test_secrets(void **state)
{
    (void)state;
    const struct {
        const struct command *command;
        const char *arguments[6];
    } lines[] = {
        {&convert_command, {"a.example/x", "b.example/x", "--src-cred=u:SECRET"}},
        {&convert_command, {"a.example/x", "b.example/x", "--src-credential=u:SECRET"}},
        {&convert_command, {"a.example/x", "b.example/x", "--src-no-creds=u:SECRET"}},
        {&convert_command, {"--src-creds=u:SECRET", "--src-no-creds", "a.example/x", "oci:b"}},
        {&login_command, {"h.example", "me", "SECRET"}},
        {&login_command, {"h.example", "--password=SECRET", "--password-stdin"}},
        {&login_command, {"me:SECRET@h.example"}},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct options options;
        struct error err;
        assert_int_equal(parse(lines[i].command, lines[i].arguments, &options, &err), -1);
        if (err.class != ERROR_USAGE || strstr(err.text, "SECRET") != NULL)
            fail_msg("line %zu: %s", i, err.text);
        options_done(&options);
    }
}

static void assert_refused(const struct command *command, const char *reason,
                           const char *const *arguments)
{
    struct options options;
    struct error err;
    assert_int_equal(parse(command, arguments, &options, &err), -1);
    if (err.class != ERROR_USAGE || strstr(err.text, reason) == NULL ||
        strstr(err.text, "--help` tells") == NULL)
        fail_msg("%s: %s: %s", arguments[0], error_class_name(err.class), err.text);
    options_done(&options);
}

#define REFUSED(command, reason, ...)                                                              \
    assert_refused(command, reason, (const char *const[]){__VA_ARGS__, NULL})

static void test_refused(void **state)
{
    (void)state;
    const struct command *c = &convert_command;
    REFUSED(c, "unknown option --frob", "--frob", "oci:a", "oci:b");
    REFUSED(c, "unknown option -x", "-qx", "oci:a", "oci:b");
    REFUSED(c, "--encode-all takes no value", "--encode-all=1", "oci:a", "oci:b");
    REFUSED(c, "--to needs a value", "oci:a", "oci:b", "--to");
    REFUSED(c, "--to must be v2, v1 or same, not \"v3\"", "--to", "v3", "oci:a", "oci:b");
    REFUSED(c, "1 MiB to 512 MiB", "--chunk-size", "1048575", "oci:a", "oci:b");
    REFUSED(c, "1 MiB to 512 MiB", "--chunk-size", "536870913", "oci:a", "oci:b");
    REFUSED(c, "--v1-layer-size", "--v1-layer-size", "0", "oci:a", "oci:b");
    REFUSED(c, "--encoder", "--encoder", "lz4hc:13", "oci:a", "oci:b");
    REFUSED(c, "--upload-time", "--upload-time", "now", "oci:a", "oci:b");
    REFUSED(c, "--threads", "--threads", "0", "oci:a", "oci:b");
    REFUSED(c, "--proof must not be empty", "--proof", "", "oci:a", "oci:b");
    REFUSED(c, "1 of 2 references", "oci:a");
    REFUSED(c, "one reference too many", "oci:a", "oci:b", "oci:c");
    REFUSED(c, "excludes --chunk-size", "--to=same", "--chunk-size=1MiB", "oci:a", "oci:b");
    REFUSED(c, "excludes --plain", "--to=same", "--plain", "oci:a", "oci:b");
    REFUSED(c, "--decode", "--to=same", "--proof=p", "oci:a", "oci:b");
    REFUSED(c, "excludes --state", "--no-state", "--state=s", "oci:a", "oci:b");
    REFUSED(c, "excludes --restart", "--no-state", "--restart", "oci:a", "oci:b");
    REFUSED(c, "excludes --backup-tag", "--no-backup", "--backup-tag=x", "oci:a", "oci:b");
    REFUSED(c, "excludes --in-place", "--no-backup", "--in-place", "oci:a:b");
    REFUSED(c, "excludes --in-place", "--to=same", "--in-place", "oci:a:b");
    REFUSED(c, "{digest8}", "--in-place", "--backup-tag={tag}-old", "oci:a:b");
    REFUSED(c, "leave \"oci:b\" out", "--in-place", "oci:a:b", "oci:b");
    REFUSED(c, "needs one", "--in-place", "oci:a");
    REFUSED(c, "needs one", "--in-place", "vm:a");
    REFUSED(c, "0 of 2 references", "--in-place");
    REFUSED(c, "exclude each other", "--src-creds=u", "--src-no-creds", "oci:a", "oci:b");
    REFUSED(c, "exclude each other", "--dest-creds=u", "--dest-registry-token=t", "oci:a", "oci:b");
    REFUSED(c, "unknown option --creds", "--creds=u", "oci:a", "oci:b");
    REFUSED(c, "--src-tls-verify must be true or false, not \"no\"", "--src-tls-verify=no", "oci:a",
            "oci:b");
    REFUSED(c, "--tag must be a tag", "--tag", "a/b", "oci:a", "oci:b");
    REFUSED(c, "--backup-tag must be", "--backup-tag", "{x}", "oci:a", "oci:b");
    REFUSED(c, "--src-mirror must be", "--src-mirror=https://m", "oci:a", "oci:b");
    REFUSED(c, "--realm-host must be", "--realm-host=r/x", "oci:a", "oci:b");
    REFUSED(c, "--upload-chunk must be", "--upload-chunk=1", "oci:a", "oci:b");
    REFUSED(c, "--concurrency must be", "--concurrency=0", "oci:a", "oci:b");
    REFUSED(c, "--retry-times must be", "--retry-times=101", "oci:a", "oci:b");
    REFUSED(c, "--retry-delay must be", "--retry-delay=2h", "oci:a", "oci:b");
    REFUSED(c, "--limit-rate must be", "--limit-rate=1", "oci:a", "oci:b");
    REFUSED(&verify_command, "unknown option --src-creds", "--src-creds=u", "oci:a");
    REFUSED(&login_command, "no HOST given", "-u", "me");
    REFUSED(&login_command, "HOST must be", "https://h.example");
    REFUSED(&login_command, "-p needs a value", "h.example", "-p");
    REFUSED(NULL, "the command stands first", "-q", "convert");
    REFUSED(&verify_command, "unknown option --to", "--to=v1", "oci:a");
}

/* What can be added later must not change what is accepted today. */
static void test_no_abbreviations(void **state)
{
    (void)state;
    REFUSED(&convert_command, "--chunk-size is meant?", "--chunk", "1MiB", "oci:a", "oci:b");
    REFUSED(&convert_command, "--chunk-size is meant?", "--chunk=1MiB", "oci:a", "oci:b");
    REFUSED(&convert_command, "--decode is meant?", "--dec", "oci:a", "oci:b");
}

/* An error in JSON is wanted wherever the option stands. */
static void test_format_behind_an_error(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&verify_command, &options, &err, "--frob", "--nix", "--format", "json"),
                     -1);
    assert_non_null(strstr(err.text, "--frob"));
    assert_true(options.json);
    options_done(&options);
}

static void test_references(void **state)
{
    (void)state;
    struct options options;
    struct error err;
    assert_int_equal(PARSE(&verify_command, &options, &err, "docker://x"), 0);
    assert_int_equal(options.references[0].transport, TRANSPORT_REGISTRY);
    options_done(&options);
    assert_int_equal(PARSE(&convert_command, &options, &err, "oci:a:b", "nix"), -1);
    assert_int_equal(err.class, ERROR_REFERENCE);
    options_done(&options);
    assert_int_equal(PARSE(&convert_command, &options, &err, "--help", "nix"), 0);
    assert_true(options.help);
    options_done(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_last_one_wins),
        cmocka_unit_test(test_posix_order_changes_nothing),
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_network_values),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_abbreviations),
        cmocka_unit_test(test_format_behind_an_error),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
