/* test_options.c: sizes and times as people type them, and command lines into values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "convert/cli/command.h"
#include "convert/cli/size.h"
#include "convert/engine/lanes.h"

static void assert_size(const char *text, uint64_t wanted)
{
    uint64_t size = 77;
    if (!size_parse(text, &size))
        fail_msg("\"%s\" is a size", text);
    assert_int_equal(size, wanted);
}

static void test_sizes(void **state)
{
    (void)state;
    assert_size("0", 0);
    assert_size("512", 512);
    assert_size("007", 7);
    assert_size("1kB", 1000);
    assert_size("50MB", 50000000);
    assert_size("2GB", 2000000000);
    assert_size("1KiB", 1024);
    assert_size("512MiB", 536870912);
    assert_size("3GiB", 3221225472);
    assert_size("9223372036854775807", INT64_MAX);
    assert_size("8589934591GiB", (uint64_t)8589934591 << 30);
}

static void test_no_sizes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1 MiB",
        "1M",
        "1K",
        "1mib",
        "1MIB",
        "1kiB",
        "1KB",
        "1.5MB",
        "0x10",
        "1e3",
        "MiB",
        "1B",
        "1MiBx",
        "8589934592GiB",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999",
        "9223372036854775807kB",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t size = 77;
        if (size_parse(texts[i], &size))
            fail_msg("\"%s\" is no size", texts[i]);
        assert_int_equal(size, 77);
    }
}

static void test_counts(void **state)
{
    (void)state;
    uint64_t count = 77;
    assert_true(count_parse("1", 1, 64, &count));
    assert_int_equal(count, 1);
    assert_true(count_parse("64", 1, 64, &count));
    assert_int_equal(count, 64);
    assert_false(count_parse("0", 1, 64, &count));
    assert_false(count_parse("65", 1, 64, &count));
    assert_false(count_parse("1kB", 1, 2000, &count));
    assert_false(count_parse("", 0, 64, &count));
    assert_int_equal(count, 64);
}

static void test_times(void **state)
{
    (void)state;
    static const char *const good[] = {"2024-01-31T12:00:00Z", "2024-02-29T23:59:59Z",
                                       "2000-02-29T00:00:00Z", "0001-12-31T00:00:00Z"};
    static const char *const bad[] = {
        "",
        "2024-01-31",
        "2024-01-31T12:00:00",
        "2024-01-31T12:00:00+00:00",
        "2024-01-31T12:00:00.5Z",
        "2024-01-31t12:00:00z",
        "2024-1-31T12:00:00ZZ",
        "2024-13-01T12:00:00Z",
        "2024-00-01T12:00:00Z",
        "2024-01-00T12:00:00Z",
        "2024-04-31T12:00:00Z",
        "2023-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2024-01-31T24:00:00Z",
        "2024-01-31T12:60:00Z",
        "2024-01-31T12:00:60Z",
        "2024-01-31T12:00:00Z ",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!time_is_valid(good[i]))
            fail_msg("\"%s\" is a time", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (time_is_valid(bad[i]))
            fail_msg("\"%s\" is no time", bad[i]);
}

static void test_sizes_printed(void **state)
{
    (void)state;
    char text[24];
    size_print(0, text);
    assert_string_equal(text, "0 bytes");
    size_print(1023, text);
    assert_string_equal(text, "1023 bytes");
    size_print(1536, text);
    assert_string_equal(text, "1.5 KiB");
    size_print((uint64_t)60 << 30, text);
    assert_string_equal(text, "60.0 GiB");
    size_print(UINT64_MAX, text);
    assert_string_equal(text, "16.0 EiB");
}

/* --- command lines -------------------------------------------------------------------------------
 */

static const struct command convert_command = {
    .name = "convert", .bit = FOR_CONVERT, .operands = "SRC DST", .operand_count = 2};
static const struct command verify_command = {
    .name = "verify", .bit = FOR_VERIFY, .operands = "REF", .operand_count = 1};

#define ARGUMENTS_MAX 16

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
    REFUSED(c, "--proof needs the name", "--proof", "", "oci:a", "oci:b");
    REFUSED(c, "1 of 2 references", "oci:a");
    REFUSED(c, "one reference too many", "oci:a", "oci:b", "oci:c");
    REFUSED(c, "excludes --chunk-size", "--to=same", "--chunk-size=1MiB", "oci:a", "oci:b");
    REFUSED(c, "excludes --plain", "--to=same", "--plain", "oci:a", "oci:b");
    REFUSED(c, "--decode", "--to=same", "--proof=p", "oci:a", "oci:b");
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
    assert_int_equal(PARSE(&verify_command, &options, &err, "docker://x"), -1);
    assert_int_equal(err.class, ERROR_UNSUPPORTED);
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
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_no_sizes),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_sizes_printed),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_last_one_wins),
        cmocka_unit_test(test_posix_order_changes_nothing),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_abbreviations),
        cmocka_unit_test(test_format_behind_an_error),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
