/* test_realm.c: which realm may see what, and which scope is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "convert/net/realm.h"
#include "formats/model/auto.h"

static void test_realms(void **state)
{
    (void)state;
    static const char *const named[] = {"Sso.test", "ported.test:8443", NULL};
    static const struct {
        const char *host, *url, *realm;
        const char *open, *trusted; /* words of the refusal without, with credentials; NULL: none */
    } rows[] = {
        {"r.test", "https://r.test:443", "https://r.test/token", NULL, NULL},
        {"r.test", "https://r.test:443", "https://R.TEST:5001/token", NULL, NULL},
        {"r.test", "https://r.test:443", "https://evil.test/token", NULL, "--realm-host evil.test"},
        {"r.test", "https://r.test:443", "https://r.test.evil.test/", NULL, "r.test.evil.test"},
        {"r.test", "https://r.test:443", "https://xr.test/", NULL, "--realm-host xr.test"},
        {"r.test", "https://r.test:443", "https://sso.test/token", NULL, NULL},
        {"r.test", "https://r.test:443", "https://ported.test:8443/token", NULL, NULL},
        {"r.test", "https://r.test:443", "https://ported.test/token", NULL, "ported.test"},
        {"r.test", "https://r.test:443", "http://r.test/token", "not encrypted", "not encrypted"},
        {"r.test", "https://r.test:443", "http://sso.test/", "not encrypted", "not encrypted"},
        {"r.test", "https://r.test:443", "http://127.0.0.1/", "not encrypted", "another host"},
        {"r.test", "http://r.test:80", "http://r.test/token", NULL, "not encrypted"},
        {"r.test", "http://r.test:80", "https://r.test/token", NULL, NULL},
        {"localhost:1", "http://localhost:1", "http://127.0.0.1:2/token", NULL, NULL},
        {"localhost:1", "https://localhost:1", "http://[::1]:2/token", NULL, NULL},
        {"localhost:1", "http://localhost:1", "http://localhost.test/", NULL, "not encrypted"},
        {"docker.io", "https://registry-1.docker.io:443", "https://auth.docker.io/token", NULL,
         NULL},
        {"docker.io", "https://registry-1.docker.io:443", "https://auth.docker.io.x/", NULL,
         "--realm-host auth.docker.io.x"},
        {"registry.gitlab.com", "https://registry.gitlab.com:443", "https://gitlab.com/jwt/auth",
         NULL, NULL},
        {"gitlab.com", "https://gitlab.com:443", "https://registry.gitlab.com/", NULL, "another"},
        {"r.test", "https://r.test:443", "ftp://r.test/", "cannot be used", "cannot be used"},
        {"r.test", "https://r.test:443", "/token", "cannot be used", "cannot be used"},
        {"r.test", "https://r.test:443", "https://a:s3cret@r.test/", "cannot be used",
         "cannot be used"},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        struct http_trust trust;
        bool credentials = i % 2 == 1;
        const char *words = credentials ? rows[i / 2].trusted : rows[i / 2].open;
        const struct realm_rules rules = {.host = rows[i / 2].host,
                                          .url = rows[i / 2].url,
                                          .trust = {.cert_dir = "own"},
                                          .realm_hosts = named};
        int status = realm_judge(&rules, rows[i / 2].realm, credentials, &trust, &err);
        if ((status == 0) != (words == NULL) || (words != NULL && !strstr(err.text, words)))
            fail_msg("%s, %s: %s", rows[i / 2].realm, credentials ? "credentials" : "anonymous",
                     status == 0 ? "allowed" : err.text);
        assert_null(strstr(err.text, "s3cret"));
        if (status < 0)
            assert_non_null(strstr(err.text, rows[i / 2].host));
    }
}

/* A registry's certificates and their absence concern no other host. */
static void test_realm_trust(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct http_trust trust;
    const struct realm_rules rules = {
        .host = "docker.io", .url = "https://registry-1.docker.io:443", .trust = {.cert_dir = "c"}};
    assert_int_equal(realm_judge(&rules, "https://registry-1.docker.io:5/", true, &trust, &err), 0);
    assert_false(trust.verify);
    assert_string_equal(trust.cert_dir, "c");
    assert_int_equal(realm_judge(&rules, "https://auth.docker.io/", true, &trust, &err), 0);
    assert_true(trust.verify);
    assert_null(trust.cert_dir);
}

static void test_widen(void **state)
{
    (void)state;
    static const struct {
        const char *asked, *challenged, *wanted;
    } rows[] = {
        {"repository:a:pull", NULL, NULL},
        {"repository:a:pull", "", NULL},
        {"repository:a:pull", "repository:a:pull", NULL},
        {"repository:a:pull,push", "repository:a:pull", NULL},
        {"repository:a:pull,push", "repository:a:push,pull", NULL},
        {"repository:a:pull repository:b:push", " repository:b:push ", NULL},
        {"repository:a:pull", "repository:a:pull,push", "repository:a:pull,push"},
        {"repository:a:pull", "repository:a:pull repository:b:pull",
         "repository:a:pull repository:b:pull"},
        {"repository:a:pull", "repository:h:5/a:pull", "repository:a:pull repository:h:5/a:pull"},
        {"repository:a:pull,push", "repository:a:delete",
         "repository:a:pull,push repository:a:delete"},
        {"", "registry:catalog:*", "registry:catalog:*"},
        {"repository:a:pull", "odd", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        AUTO_FREE char *wider = NULL;
        assert_int_equal(scope_widen(rows[i].asked, rows[i].challenged, &wider, &err), 0);
        if (rows[i].wanted == NULL)
            assert_null(wider);
        else
            assert_string_equal(wider, rows[i].wanted);
    }
    struct error err = ERROR_INIT;
    char *wider;
    AUTO_FREE char *large = calloc(1, 5000);
    assert_non_null(large);
    memset(large, 'a', 4990);
    large[9] = ':';
    assert_int_equal(scope_widen("repository:a:pull", large, &wider, &err), -1);
    assert_int_equal(err.class, ERROR_REGISTRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_realms),
        cmocka_unit_test(test_realm_trust),
        cmocka_unit_test(test_widen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
