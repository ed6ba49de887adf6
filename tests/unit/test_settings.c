/* test_settings.c: the settings file: what it may say, what is refused and where, and who wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "convert/cli/command.h"
#include "convert/cli/settings.h"

static int parse(const char *text, struct settings *ret, struct error *err)
{
    return settings_parse("f.yaml", text, strlen(text), ret, err);
}

static void assert_refused(const char *text, const char *reason)
{
    struct settings settings;
    struct error err;
    if (parse(text, &settings, &err) == 0)
        fail_msg("taken: %s", text);
    if (err.class != ERROR_SETTINGS || strncmp(err.text, "f.yaml:", 7) != 0 ||
        strstr(err.text, reason) == NULL)
        fail_msg("%s: %s: %s", text, error_class_name(err.class), err.text);
}

static const char whole[] = "# all there is\n"
                            "registries:\n"
                            "  docker.io:\n"
                            "    mirrors: [mirror.lan:5000/hub, other.lan]\n"
                            "    realm-hosts:\n"
                            "      - auth.lan\n"
                            "  b.example:\n"
                            "    tls-verify: false\n"
                            "    plain-http: true\n"
                            "    cert-dir: /certs\n"
                            "    upload-chunk: 16MiB\n"
                            "    concurrency: 2\n"
                            "  mirror.lan:5000: {plain-http: true, cert-dir: '/m'}\n"
                            "defaults:\n"
                            "  limit-rate: 50MB\n"
                            "  retry-times: 9\n"
                            "  retry-delay: 500ms\n"
                            "  tmpdir: /scratch\n"
                            "  spool-memory: 64MiB\n"
                            "  threads: 3\n";

static void test_whole(void **state)
{
    (void)state;
    struct settings settings;
    struct error err;
    assert_int_equal(parse(whole, &settings, &err), 0);
    assert_int_equal(settings.registry_count, 3);
    const struct registry_settings *registry = settings_find(&settings, "Docker.io");
    assert_non_null(registry);
    assert_int_equal(registry->mirror_count, 2);
    assert_string_equal(registry->mirrors[0].host, "mirror.lan:5000");
    assert_string_equal(registry->mirrors[0].prefix, "hub");
    assert_string_equal(registry->realm_hosts[0], "auth.lan");
    assert_false(registry->no_tls_verify);
    registry = settings_find(&settings, "b.example");
    assert_true(registry->no_tls_verify && registry->plain_http);
    assert_string_equal(registry->cert_dir, "/certs");
    assert_int_equal(registry->upload_chunk, 16 << 20);
    assert_int_equal(registry->concurrency, 2);
    assert_null(settings_find(&settings, "example"));
    assert_int_equal(settings.limit_rate, 50000000);
    assert_int_equal(settings.retry_times, 9);
    assert_int_equal(settings.retry_delay_ms, 500);
    assert_string_equal(settings.tmpdir, "/scratch");
    assert_int_equal(settings.spool_memory, 64 << 20);
    assert_int_equal(settings.threads, 3);
    settings_done(&settings);
}

static void test_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "# only this\n",
                                        "---\n",
                                        "registries:\n",
                                        "defaults:\n# later\n",
                                        "registries:\n  a.example:\n",
                                        "{}",
                                        "registries: {}\ndefaults: {}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct settings settings;
        struct error err;
        if (parse(texts[i], &settings, &err) < 0)
            fail_msg("%s: %s", texts[i], err.text);
        assert_int_equal(settings.said, 0);
        settings_done(&settings);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"x: 1", ":1:1: x: no key has that name; there are registries, defaults"},
        {"defaults:\n  retries: 1", ":2:3: defaults: retries: no key has that name; there are "
                                    "limit-rate, retry-times"},
        {"registries:\n  a.example:\n    tls-verfy: true",
         ":3:5: registries: a.example: tls-verfy: no key has that name; there are mirrors"},
        {"defaults: {}\ndefaults: {}", ":2:1: defaults: the key is there twice"},
        {"defaults:\n  threads: 1\n  threads: 1", "threads: the key is there twice"},
        {"registries:\n  a.b: {}\n  A.b: {}", ":3:3: registries: A.b: the key is there twice"},
        {"registries:\n  a.b: {plain-http: true, plain-http: true}", "is there twice"},
        {"registries:\n  https://a.b: {}", "registries: https://a.b: the key must be a host"},
        {"registries:\n  a.b/c: {}", "the key must be a host"},
        {"registries: [a.b]", "registries: must be a map"},
        {"registries: a.b", "registries: must be a map"},
        {"registries: ''", "registries: must be a map"},
        {"[]", ":1:1: must be a map"},
        {"text", "must be a map"},
        {"registries: {a.b: {plain-http: yes}}", "plain-http: must be true or false"},
        {"registries: {a.b: {plain-http: 'true'}}", "plain-http: must be true or false"},
        {"registries: {a.b: {plain-http: }}", "plain-http: must be true or false"},
        {"registries: {a.b: {plain-http: [true]}}", "plain-http: must be one value"},
        {"registries: {a.b: {mirrors: m.lan}}", "mirrors: must be a list"},
        {"registries: {a.b: {mirrors: [https://m]}}", "mirrors: must be HOST"},
        {"registries: {a.b: {mirrors: [[m]]}}", "mirrors: must be one value"},
        {"registries: {a.b: {realm-hosts: [a/b]}}", "realm-hosts: must be a host"},
        {"registries: {a.b: {cert-dir: certs}}", "cert-dir: must be a folder's path"},
        {"registries: {a.b: {upload-chunk: 1}}", "upload-chunk: must be a size"},
        {"registries: {a.b: {concurrency: 0}}", "concurrency: must be a number"},
        {"defaults: {limit-rate: fast}", "limit-rate: must be a size"},
        {"defaults: {retry-times: -1}", "retry-times: must be a number"},
        {"defaults: {retry-delay: 2h}", "retry-delay: must be seconds"},
        {"defaults: {tmpdir: tmp}", "tmpdir: must be a folder's path"},
        {"defaults: {tmpdir: \"/a\\0b\"}", "without NUL"},
        {"defaults: {spool-memory: 1.5GB}", "spool-memory: must be a size"},
        {"defaults: {threads: 0}", "threads: must be a number"},
        {"defaults: &a {threads: 1}", "anchors"},
        {"defaults: *a", "aliases"},
        {"defaults: !!map {}", "tags"},
        {"defaults: {threads: !!int 1}", "tags"},
        {"? [a]\n: b", "must be one value"},
        {"defaults: {}\n---\n{}", "a second document follows"},
        {"defaults: {", ":2:1: defaults: did not find"},
        {"defaults: {threads: 1}}", "f.yaml:1:"},
        {"\tdefaults: {}", "f.yaml:1:"},
        {"defaults: {threads: \xff}", "f.yaml:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused(cases[i].text, cases[i].reason);
}

/* "billion laughs", depth, length, number */
static void test_hostile(void **state)
{
    (void)state;
    size_t size = SETTINGS_SIZE_MAX;
    char *text = malloc(size + 2);
    assert_non_null(text);
    memset(text, '[', size);
    text[size] = '\0';
    assert_refused(text, "must be a map");
    memset(text, '#', size + 1);
    text[size + 1] = '\0';
    struct settings settings;
    struct error err;
    assert_int_equal(settings_parse("f.yaml", text, size + 1, &settings, &err), -1);
    assert_int_equal(err.class, ERROR_SETTINGS);
    assert_int_equal(settings_parse("f.yaml", text, size, &settings, &err), 0);
    settings_done(&settings);

    size_t used = (size_t)snprintf(text, size, "registries:\n");
    for (int i = 0; i <= SETTINGS_REGISTRIES_MAX; i++)
        used += (size_t)snprintf(text + used, size - used, "  h%d: {cert-dir: /c}\n", i);
    assert_refused(text, "more than 256 registries");
    used = (size_t)snprintf(text, size, "registries: {h: {mirrors: [");
    for (int i = 0; i <= MIRRORS_MAX; i++)
        used += (size_t)snprintf(text + used, size - used, "m%d,", i);
    snprintf(text + used, size - used, "]}}");
    assert_refused(text, "mirrors: holds more than 16");
    used = (size_t)snprintf(text, size, "defaults: {tmpdir: /");
    memset(text + used, 'a', 5000);
    snprintf(text + used + 5000, size - used - 5000, "}");
    assert_refused(text, "at most 4096 bytes");
    memset(text, 'k', 300);
    snprintf(text + 300, size - 300, ": 1");
    assert_refused(text, "a key has more than 255 bytes");
    free(text);
}

/* --- options win ---------------------------------------------------------------------------------
 */

static const struct command convert_command = {
    .name = "convert", .bit = FOR_CONVERT, .operands = "SRC DST", .operand_count = 2};
static const struct command compare_command = {
    .name = "compare", .bit = FOR_COMPARE, .operands = "A B", .operand_count = 2};
static const struct command login_command = {.name = "login",
                                             .bit = FOR_LOGIN,
                                             .operands = "HOST",
                                             .operand_count = 1,
                                             .takes = OPERAND_HOST};

static void apply(const struct command *command, const char *const *arguments,
                  struct settings *settings, struct options *options)
{
    struct error err;
    char *argv[32] = {"tartconv"};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    if (parse(whole, settings, &err) < 0 || options_parse(command, argc, argv, options, &err) < 0 ||
        settings_apply(settings, command, options, &err) < 0)
        fail_msg("%s", err.text);
}

#define APPLY(command, settings, options, ...)                                                     \
    apply(command, (const char *const[]){__VA_ARGS__, NULL}, settings, options)

static void test_fills_in(void **state)
{
    (void)state;
    struct settings settings;
    struct options options;
    APPLY(&convert_command, &settings, &options, "docker://a/x:1", "b.example/x:1",
          "--realm-host=r.lan");
    const struct network_options *network = &options.network_options;
    assert_int_equal(network->mirror_count, 2);
    assert_string_equal(network->mirrors[0].host, "mirror.lan:5000");
    assert_true(network->mirrors[0].plain_http);
    assert_string_equal(network->mirrors[0].cert_dir, "/m");
    assert_false(network->mirrors[1].plain_http);
    assert_int_equal(network->host_count, 4);
    assert_int_equal(network->upload_chunk, 16 << 20);
    assert_int_equal(network->concurrency, 2);
    assert_int_equal(network->retry_times, 9);
    assert_int_equal(network->retry_delay_ms, 500);
    assert_int_equal(network->limit_rate, 50000000);
    assert_int_equal(network->spool_memory, 64 << 20);
    assert_string_equal(network->tmpdir, "/scratch");
    assert_int_equal(options.threads, 3);
    /* one registry's settings are not another's */
    assert_false(options.sides[0].no_tls_verify || options.sides[0].plain_http);
    assert_null(options.sides[0].cert_dir);
    assert_true(options.sides[1].no_tls_verify && options.sides[1].plain_http);
    assert_string_equal(options.sides[1].cert_dir, "/certs");
    assert_string_equal(options.sides[0].realm_hosts[0], "r.lan");
    assert_string_equal(options.sides[0].realm_hosts[1], "auth.lan");
    assert_null(options.sides[0].realm_hosts[2]);
    assert_null(options.sides[1].realm_hosts);
    assert_null(network->realm_hosts[1]);
    options_done(&options);
    settings_done(&settings);
}

static void test_options_win(void **state)
{
    (void)state;
    struct settings settings;
    struct options options;
    APPLY(&convert_command, &settings, &options, "docker://a/x:1", "b.example/x:1",
          "--src-mirror=own.lan", "--dest-tls-verify=true", "--dest-cert-dir=/mine",
          "--upload-chunk=1MiB", "--concurrency=5", "--retry-times=5", "--retry-delay=1",
          "--limit-rate=0", "--spool-memory=0", "--tmpdir=/t", "--threads=1");
    const struct network_options *network = &options.network_options;
    assert_int_equal(network->mirror_count, 1);
    assert_string_equal(network->mirrors[0].host, "own.lan");
    assert_false(options.sides[1].no_tls_verify);
    assert_string_equal(options.sides[1].cert_dir, "/mine");
    assert_int_equal(network->upload_chunk, 1 << 20);
    assert_int_equal(network->concurrency, 5);
    assert_int_equal(network->retry_times, 5);
    assert_int_equal(network->retry_delay_ms, 1000);
    assert_int_equal(network->limit_rate, 0);
    assert_int_equal(network->spool_memory, 0);
    assert_string_equal(network->tmpdir, "/t");
    assert_int_equal(options.threads, 1);
    options_done(&options);
    settings_done(&settings);
}

static void test_other_commands(void **state)
{
    (void)state;
    struct settings settings;
    struct options options;
    APPLY(&compare_command, &settings, &options, "docker://a/x:1", "b.example/x:1");
    assert_int_equal(options.network_options.mirror_count, 0);
    options_done(&options);
    settings_done(&settings);
    APPLY(&compare_command, &settings, &options, "docker://a/x:1", "oci:l:x");
    assert_int_equal(options.network_options.mirror_count, 2);
    options_done(&options);
    settings_done(&settings);
    APPLY(&login_command, &settings, &options, "b.example");
    assert_true(options.sides[0].plain_http);
    options_done(&options);
    settings_done(&settings);
    APPLY(&convert_command, &settings, &options, "--in-place", "b.example/x:1",
          "--src-tls-verify=true");
    assert_false(options.sides[0].no_tls_verify || options.sides[1].no_tls_verify);
    options_done(&options);
    settings_done(&settings);
}

/* --- where it lies -------------------------------------------------------------------------------
 */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_places(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_settings.XXXXXX", inner[64], path[96], elsewhere[64];
    struct settings settings;
    struct error err;
    assert_non_null(mkdtemp(folder));
    setenv("XDG_CONFIG_HOME", folder, 1);
    assert_int_equal(settings_load(NULL, &settings, &err), 0); /* absent */
    settings_done(&settings);
    snprintf(inner, sizeof inner, "%s/tartconv", folder);
    snprintf(path, sizeof path, "%s/settings.yaml", inner);
    snprintf(elsewhere, sizeof elsewhere, "%s/real", folder);
    assert_int_equal(mkdir(inner, 0700), 0);
    write_text(elsewhere, "defaults: {threads: 2}\n");
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_int_equal(settings_load(NULL, &settings, &err), 0);
    assert_int_equal(settings.threads, 2);
    settings_done(&settings);
    write_text(elsewhere, "threads: 2\n");
    assert_int_equal(settings_load(NULL, &settings, &err), -1);
    assert_int_equal(err.class, ERROR_SETTINGS);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(settings_load(inner, &settings, &err), -1); /* a folder */
    assert_int_equal(err.class, ERROR_SETTINGS);
    unlink(path);
    unlink(elsewhere);
    assert_int_equal(settings_load(path, &settings, &err), -1);
    assert_int_equal(err.class, ERROR_NO_SUCH_FILE);
    rmdir(inner);
    rmdir(folder);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    assert_int_equal(settings_load(NULL, &settings, &err), 0);
    settings_done(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),          cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_fills_in),       cmocka_unit_test(test_options_win),
        cmocka_unit_test(test_other_commands), cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
