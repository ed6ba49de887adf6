/* test_tart_config.c: config.v1 is read as Tart reads it, and the image config becomes what
 * Tart 2.28 writes. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void reads_vm_configs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *os, *arch, *disk_format; /* os NULL: refused */
    } cases[] = {
        {"{\"version\":1,\"ecid\":\"YnBs\\/\"}", "darwin", "arm64", "raw"},
        {"{\"os\":\"linux\",\"arch\":\"amd64\",\"diskFormat\":\"asif\"}", "linux", "amd64", "asif"},
        {"{\n  \"os\" : \"darwin\",\n  \"diskFormat\" : \"qcow2\"\n}", "darwin", "arm64", "raw"},
        {"{\"os\":null,\"diskFormat\":null}", "darwin", "arm64", "raw"},
        {"{\"diskFormat\":\"ASIF\"}", "darwin", "arm64", "raw"},
        {"[]", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
        {"{\"os\":1}", NULL, NULL, NULL},
        {"{\"arch\":{}}", NULL, NULL, NULL},
        {"{\"diskFormat\":true}", NULL, NULL, NULL},
        {"{\"os\":\"a\",\"os\":\"b\"}", NULL, NULL, NULL},
        {"{\"os\":\"0123456789abcdef\"}", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = ERROR_INIT;
        struct vm_config config;
        int status = vm_config_parse(cases[i].text, strlen(cases[i].text), &config, &err);
        assert_int_equal(status, cases[i].os == NULL ? -1 : 0);
        if (status < 0) {
            assert_int_equal(err.class, ERROR_CONFIG_INVALID);
            assert_memory_equal(err.text, "config.v1: ", 11);
            continue;
        }
        assert_string_equal(config.os, cases[i].os);
        assert_string_equal(config.arch, cases[i].arch);
        assert_string_equal(config.disk_format, cases[i].disk_format);
    }
    struct error err = ERROR_INIT;
    struct vm_config config;
    AUTO_FREE char *large = calloc(1, TART_CONFIG_MAX + 1);
    assert_int_equal(vm_config_parse(large, TART_CONFIG_MAX + 1, &config, &err), -1);
    assert_int_equal(err.class, ERROR_CONFIG_INVALID);
}

static void assert_image_config(const char *source, const struct vm_config *vm_config,
                                const char *wanted, const char *wanted_digest)
{
    struct error err = ERROR_INIT;
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, TART_CONFIG_MAX);
    size_t size = source == NULL ? 0 : strlen(source);
    assert_int_equal(image_config_make(source, size, vm_config, &bytes, &err), 0);
    if (wanted != NULL)
        assert_string_equal(bytes_text(&bytes, &err), wanted);
    if (wanted_digest != NULL) {
        struct digest digest;
        char text[DIGEST_TEXT_SIZE];
        assert_int_equal(digest_of(bytes.data, bytes.size, &digest, &err), 0);
        digest_print(&digest, text);
        assert_string_equal(text + 7, wanted_digest);
    }
}

static void makes_image_configs(void **state)
{
    (void)state;
    static const struct vm_config darwin = {"darwin", "arm64", "raw"};
    static const struct vm_config asif = {"darwin", "arm64", "asif"};
    static const struct vm_config arm = {"linux", "arm64", "raw"};
    static const struct vm_config amd = {"linux", "amd64", "raw"};
    static const char darwin_raw[] =
        "3a6cb4eb6201aa00136781f9d350858ca23054fdda419893193af3e3a044b3a8";
    static const char linux_raw[] =
        "7ebb76025a1831b9abea3486d58c4c976928110195586a6c7575ef3b557062be";
    assert_image_config(NULL, &darwin, NULL, darwin_raw);
    assert_image_config(NULL, &asif, NULL,
                        "38d96f2291295b196f1b3e445478b8227768be8cf6b9a1f6d341422aa2e29a1e");
    assert_image_config(NULL, &arm, NULL, linux_raw);
    assert_image_config(NULL, &amd, NULL,
                        "63af3ea1c869e5da35f5af19611b96a4c6e5567aaa83b35a3acb954eeae4314f");
    /* The stubs of older eras gain the label and become those of 2.28. */
    assert_image_config("{\"architecture\":\"arm64\",\"os\":\"darwin\"}", &darwin, NULL,
                        darwin_raw);
    assert_image_config("{\"os\":\"darwin\",\"architecture\":\"arm64\"}", &darwin, NULL,
                        darwin_raw);
    assert_image_config("{\"architecture\":\"arm64\",\"config\":{\"Labels\":{}},\"os\":\"linux\"}",
                        &arm, NULL, linux_raw);
}

static void keeps_what_image_configs_hold(void **state)
{
    (void)state;
    static const struct vm_config raw = {"darwin", "arm64", "raw"};
#define LABEL "\"" TART_LABEL_FORMAT "\""
    static const char labelled[] = " {\"config\":{\"Labels\":{" LABEL ":\"asif\"}},\"z\":1}\n";
    assert_image_config(labelled, &raw, labelled, NULL);
    assert_image_config(
        "{\"z\":1.50,\"config\":{\"Labels\":{\"team\":\"a/b\"},\"User\":\"x\"}}", &raw,
        "{\"config\":{\"Labels\":{" LABEL ":\"raw\",\"team\":\"a\\/b\"},\"User\":\"x\"},"
        "\"z\":1.50}",
        NULL);
    assert_image_config("{\"config\":{\"Labels\":null}}", &raw,
                        "{\"config\":{\"Labels\":{" LABEL ":\"raw\"}}}", NULL);
    assert_image_config("{\"config\":null}", &raw, "{\"config\":{\"Labels\":{" LABEL ":\"raw\"}}}",
                        NULL);
    assert_image_config("{}", &raw, "{\"config\":{\"Labels\":{" LABEL ":\"raw\"}}}", NULL);

    static const struct {
        const char *text;
        const char *label; /* NULL: refused */
    } cases[] = {
        {labelled, "asif"},
        {"{}", ""},
        {"{\"config\":null}", ""},
        {"{\"config\":{\"Labels\":{}}}", ""},
        {"{\"config\":{\"Labels\":{" LABEL ":\"\"}}}", ""},
        {"{\"config\":{\"Labels\":{" LABEL ":\"0123456789abcdefgh\"}}}", "0123456789abcde"},
        {"7", NULL},
        {"{\"config\":[]}", NULL},
        {"{\"config\":{\"Labels\":\"x\"}}", NULL},
        {"{\"config\":{\"Labels\":{" LABEL ":1}}}", NULL},
        {"{", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = ERROR_INIT;
        char label[16];
        size_t size = strlen(cases[i].text);
        AUTO(bytes_done) struct bytes bytes;
        bytes_init(&bytes, TART_CONFIG_MAX);
        int status = image_config_label(cases[i].text, size, label, &err);
        assert_int_equal(status, cases[i].label == NULL ? -1 : 0);
        if (status == 0) {
            assert_string_equal(label, cases[i].label);
            continue;
        }
        assert_int_equal(err.class, ERROR_CONFIG_INVALID);
        assert_int_equal(image_config_make(cases[i].text, size, &raw, &bytes, &err), -1);
        assert_int_equal(err.class, ERROR_CONFIG_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_vm_configs),
        cmocka_unit_test(makes_image_configs),
        cmocka_unit_test(keeps_what_image_configs_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
