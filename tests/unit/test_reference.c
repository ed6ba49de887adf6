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

#define ZEROS "sha256:0000000000000000000000000000000000000000000000000000000000000000"

/* tag NULL: a digest is there. */
static void assert_registry(const char *text, const char *host, const char *repository,
                            const char *tag)
{
    struct error err;
    struct reference reference;
    if (reference_parse(text, &reference, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(reference.transport, TRANSPORT_REGISTRY);
    assert_null(reference.path);
    assert_string_equal(reference.host, host);
    assert_string_equal(reference.repository, repository);
    assert_string_equal(reference.text, text);
    assert_int_equal(reference.has_digest, tag == NULL);
    if (tag == NULL)
        assert_null(reference.tag);
    else
        assert_string_equal(reference.tag, tag);
    reference_done(&reference);
}

static void test_archives_and_folders(void **state)
{
    (void)state;
    assert_parsed("oci-archive:a.tar", TRANSPORT_ARCHIVE, "a.tar", NULL);
    assert_parsed("oci-archive:/x/a.tar.gz:t", TRANSPORT_ARCHIVE, "/x/a.tar.gz", "t");
    assert_refused("oci-archive:", ERROR_REFERENCE, "names no file");
    assert_refused("oci-archive:a:", ERROR_REFERENCE, "is no tag");
    assert_refused("oci-archive:a:b@sha256:00", ERROR_REFERENCE, "never by a digest");
    assert_parsed("dir:a:b", TRANSPORT_DIR, "a:b", NULL);
    assert_parsed("dir:5000/repo", TRANSPORT_DIR, "5000/repo", NULL);
    assert_refused("dir:", ERROR_REFERENCE, "names no folder");
    assert_true(transport_has_manifests(TRANSPORT_OCI));
    assert_true(transport_has_manifests(TRANSPORT_REGISTRY));
    assert_true(transport_has_manifests(TRANSPORT_ARCHIVE));
    assert_true(transport_has_manifests(TRANSPORT_DIR));
    assert_false(transport_has_manifests(TRANSPORT_VM));
    assert_false(transport_has_manifests(TRANSPORT_RAW));
}

static void test_registries(void **state)
{
    (void)state;
    assert_registry("ghcr.io/cirruslabs/macos:v1.0", "ghcr.io", "cirruslabs/macos", "v1.0");
    assert_registry("ghcr.io/cirruslabs/macos", "ghcr.io", "cirruslabs/macos", "latest");
    assert_registry("ghcr.io/a@" ZEROS, "ghcr.io", "a", NULL);
    assert_registry("host/a", "host", "a", "latest");
    assert_registry("Host-1:65535/a/b.c/d_e/f__g/h---i", "Host-1:65535", "a/b.c/d_e/f__g/h---i",
                    "latest");
    assert_registry("[::1]:5000/a:t", "[::1]:5000", "a", "t");
    assert_registry("[2001:db8::7]/a", "[2001:db8::7]", "a", "latest");
    assert_registry("127.0.0.1:1/a", "127.0.0.1:1", "a", "latest");
    assert_registry("docker.io/a", "docker.io", "a", "latest");

    /* containers' rule */
    assert_registry("docker://a", "docker.io", "library/a", "latest");
    assert_registry("docker://a:t", "docker.io", "library/a", "t");
    assert_registry("docker://a@" ZEROS, "docker.io", "library/a", NULL);
    assert_registry("docker://a/b:t", "docker.io", "a/b", "t");
    assert_registry("docker://docker.io/a", "docker.io", "library/a", "latest");
    assert_registry("docker://localhost/a", "localhost", "a", "latest");
    assert_registry("docker://localhosts/a", "docker.io", "localhosts/a", "latest");
    assert_registry("docker://h:5000/a:t", "h:5000", "a", "t");
    assert_registry("docker://[::1]/a", "[::1]", "a", "latest");
    assert_registry("docker://ghcr.io/a/b@" ZEROS, "ghcr.io", "a/b", NULL);
}

static void test_registries_refused(void **state)
{
    (void)state;
    const struct {
        const char *text, *reason;
    } refused[] = {
        {"docker:a", "docker://a"},
        {"docker://", "names no image"},
        {"docker:///a", "is no repository"},
        {"h/a:t@" ZEROS, "together"},
        {"docker://a:t@" ZEROS, "together"},
        {"h/a@", "stands a digest"},
        {"h/a@sha256:00", "stands a digest"},
        {"h/a@sha512:00", "stands a digest"},
        {"h/a:", "is no tag"},
        {"h/a:.t", "is no tag"},
        {"h/a:t:t", "is no tag"},
        {"h/", "is no repository"},
        {"h//a", "is no repository"},
        {"h/a/", "is no repository"},
        {"h/A", "lower-case"},
        {"h/a___b", "is no repository"},
        {"h/a..b", "is no repository"},
        {"h/a.-b", "is no repository"},
        {"h/-a", "is no repository"},
        {"h/a_", "is no repository"},
        {"h/a b", "is no repository"},
        {"h:/a", "no host"},
        {"h:0/a", "no host"},
        {"h:65536/a", "no host"},
        {"h:5000:1/a", "no host"},
        {"h:-1/a", "no host"},
        {"-h/a", "no host"},
        {"h-/a", "no host"},
        {"h..i/a", "no host"},
        {"h./a", "no host"},
        {"h_i/a", "no host"},
        {"[::1/a", "no host"},
        {"[]/a", "no host"},
        {"[::g]/a", "no host"},
        {"[::1]x/a", "no host"},
        {"[::1]:/a", "no host"},
        {"images dir/a", "oci:DIR"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_refused(refused[i].text, ERROR_REFERENCE, refused[i].reason);

    /* A password is not repeated. */
    struct error err;
    struct reference reference;
    const char *const secrets[] = {"user:hunter2@h/a", "https://user:hunter2@h/a",
                                   "docker://user:hunter2@h/a"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(reference_parse(secrets[i], &reference, &err), -1);
        assert_non_null(strstr(err.text, "credentials"));
        assert_null(strstr(err.text, "hunter2"));
    }

    /* Host and repository: 255 bytes. */
    char text[300] = "h/";
    memset(text + 2, 'a', 253);
    assert_registry(text, "h", text + 2, "latest");
    text[2 + 253] = 'a';
    assert_refused(text, ERROR_REFERENCE, "255");
}

static void test_unknown(void **state)
{
    (void)state;
    assert_refused("", ERROR_REFERENCE, "accepted are");
    assert_refused("image", ERROR_REFERENCE, "accepted are");
    assert_refused("/var/images", ERROR_REFERENCE, "oci:DIR");
    assert_refused("./images", ERROR_REFERENCE, "oci:DIR");
    assert_refused("../images", ERROR_REFERENCE, "oci:DIR");
    assert_refused("~/images", ERROR_REFERENCE, "oci:DIR");
    assert_refused("http://host/x", ERROR_REFERENCE, "leave http://");
    assert_refused("https://host/x", ERROR_REFERENCE, "leave https://");
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
        cmocka_unit_test(test_archives_and_folders),
        cmocka_unit_test(test_registries),
        cmocka_unit_test(test_registries_refused),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
