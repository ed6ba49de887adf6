/* test_reference.c: what is a reference and what is refused, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "convert/stores/reference.h"

static void assert_parsed(const char *text, enum transport transport, const char *path,
                          const char *tag)
{
    struct error err;
    struct reference reference;
    if (reference_parse(text, &reference, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(reference.transport, transport);
    assert_string_equal(reference.path, path);
    assert_string_equal(reference.text, text);
    if (tag == NULL)
        assert_null(reference.tag);
    else
        assert_string_equal(reference.tag, tag);
    reference_done(&reference);
}

static void assert_refused(const char *text, enum error_class class, const char *reason)
{
    struct error err;
    struct reference reference;
    assert_int_equal(reference_parse(text, &reference, &err), -1);
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s: %s", text, error_class_name(err.class), err.text);
    reference_done(&reference);
}

static void test_places(void **state)
{
    (void)state;
    assert_parsed("oci:images", TRANSPORT_OCI, "images", NULL);
    assert_parsed("oci:/var/images:latest", TRANSPORT_OCI, "/var/images", "latest");
    assert_parsed("oci:a:_x.Y-1", TRANSPORT_OCI, "a", "_x.Y-1");
    assert_parsed("oci:5000/repo", TRANSPORT_OCI, "5000/repo", NULL);
    assert_parsed("oci:with space/é:t", TRANSPORT_OCI, "with space/é", "t");
    assert_parsed("oci:user@host", TRANSPORT_OCI, "user@host", NULL);
    assert_parsed("vm:cache/OCIs/host%3A80/sha256:0123", TRANSPORT_VM,
                  "cache/OCIs/host%3A80/sha256:0123", NULL);
    assert_parsed("raw:disk.img", TRANSPORT_RAW, "disk.img", NULL);
    assert_parsed("raw:/dev/disk/by-id/a:b", TRANSPORT_RAW, "/dev/disk/by-id/a:b", NULL);
    assert_parsed("raw:oci:x", TRANSPORT_RAW, "oci:x", NULL);
}

static void test_tags(void **state)
{
    (void)state;
    char text[256] = "oci:d:";
    memset(text + 6, 'a', 128);
    assert_parsed(text, TRANSPORT_OCI, "d", text + 6);
    text[6 + 128] = 'a';
    assert_refused(text, ERROR_REFERENCE, "is no tag");
    assert_refused("oci:d:", ERROR_REFERENCE, "is no tag");
    assert_refused("oci:d:.x", ERROR_REFERENCE, "is no tag");
    assert_refused("oci:d:-x", ERROR_REFERENCE, "is no tag");
    assert_refused("oci:d:a/b", ERROR_REFERENCE, "is no tag");
    assert_refused("oci:d:a:b", ERROR_REFERENCE, "first colon");
    assert_refused("oci:d:a b", ERROR_REFERENCE, "is no tag");
    assert_refused("oci:d:é", ERROR_REFERENCE, "is no tag");
    assert_refused("oci:d:@0", ERROR_REFERENCE, "never by a digest");
    assert_refused("oci:d:t@sha256:00", ERROR_REFERENCE, "never by a digest");
    assert_refused("oci:d@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                   ERROR_REFERENCE, "never by a digest");
}

static void test_unsupported(void **state)
{
    (void)state;
    assert_refused("docker://ghcr.io/cirruslabs/macos:latest", ERROR_UNSUPPORTED, "skopeo copy");
    assert_refused("ghcr.io/cirruslabs/macos:latest", ERROR_UNSUPPORTED, "skopeo copy");
    assert_refused("localhost:5000/a", ERROR_UNSUPPORTED, "registries");
    assert_refused("oci-archive:a.tar:t", ERROR_UNSUPPORTED, "archives");
    assert_refused("dir:a", ERROR_UNSUPPORTED, "skopeo");
}

static void test_unknown(void **state)
{
    (void)state;
    assert_refused("", ERROR_REFERENCE, "accepted are");
    assert_refused("image", ERROR_REFERENCE, "accepted are");
    assert_refused("/var/images", ERROR_REFERENCE, "oci:DIR");
    assert_refused("./images", ERROR_REFERENCE, "oci:DIR");
    assert_refused("http://host/x", ERROR_REFERENCE, "accepted are");
    assert_refused("host:/x", ERROR_REFERENCE, "accepted are");
    assert_refused("host//x", ERROR_REFERENCE, "accepted are");
    assert_refused("host/", ERROR_REFERENCE, "accepted are");
    assert_refused("OCI:x", ERROR_REFERENCE, "accepted are");
    assert_refused("oci:", ERROR_REFERENCE, "names no folder");
    assert_refused("oci::tag", ERROR_REFERENCE, "names no folder");
    assert_refused("vm:", ERROR_REFERENCE, "names no folder");
    assert_refused("raw:", ERROR_REFERENCE, "names no file");
    assert_refused("\x1b[2J", ERROR_REFERENCE, "?[2J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
