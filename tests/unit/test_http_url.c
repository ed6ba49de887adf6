/* test_http_url.c: what URLs and Locations mean, what is refused, what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "convert/net/http.h"

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text, *scheme, *host;
        unsigned port;
    } rows[] = {
        {"https://ghcr.io", "https", "ghcr.io", 443},
        {"http://Localhost:5000/v2/", "http", "localhost", 5000},
        {"HTTPS://EXAMPLE.com:443/a?b#c", "https", "example.com", 443},
        {"http://[::1]:80/x", "http", "[::1]", 80},
        {"http://[2001:DB8::1]/x", "http", "[2001:db8::1]", 80},
        {"http://127.0.0.1/x@y:z", "http", "127.0.0.1", 80},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url url;
        struct error err = ERROR_INIT;
        if (url_parse(rows[i].text, &url, &err) < 0)
            fail_msg("%s: %s", rows[i].text, err.text);
        assert_string_equal(url.scheme, rows[i].scheme);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        url_done(&url);
    }
}

static void test_parse_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "ghcr.io/a",
        "/v2/",
        "ftp://host/",
        "file:///etc/passwd",
        "gopher://host/",
        "https://",
        "http://user@host/",
        "http://user:hidden@host/",
        "http://:hidden@host/",
        "http://host:0/",
        "http://host:65536/",
        "http://host:x/",
        "http://[::1/",
        "http://a b/",
        "http://host/\r\nX: y",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url url;
        struct error err = ERROR_INIT;
        if (url_parse(rows[i], &url, &err) == 0)
            fail_msg("\"%s\" was taken", rows[i]);
        assert_int_equal(err.class, ERROR_REGISTRY);
        assert_null(strstr(err.text, "hidden"));
        assert_null(url.host);
    }
}

static void test_resolve(void **state)
{
    (void)state;
    static const struct {
        const char *base, *reference, *result; /* NULL: refused */
    } rows[] = {
        {"https://h/v2/a/blobs/uploads/?x=1", "/v2/a/up/1?_state=q",
         "https://h/v2/a/up/1?_state=q"},
        {"https://h:5000/v2/a", "b/c", "https://h:5000/v2/b/c"},
        {"https://h/v2/a/b", "../c", "https://h/v2/c"},
        {"https://h/v2/a?x=1", "?y=2", "https://h/v2/a?y=2"},
        {"https://h/v2/", "//other/x", "https://other/x"},
        {"http://h/", "https://s3.example/a%2Fb?X-Sig=a%2Bb%3D&c=d+e",
         "https://s3.example/a%2Fb?X-Sig=a%2Bb%3D&c=d+e"},
        {"https://h/", "/a#part", "https://h/a"},
        {"http://[::1]:5000/v2/", "/x", "http://[::1]:5000/x"},
        {"https://h/", "/a b", "https://h/a%20b"},
        {"https://h/", "", NULL},
        {"https://h/", "http://u:hidden@h/", NULL},
        {"https://h/", "//u@h/", NULL},
        {"https://h/", "file:///etc/passwd", NULL},
        {"https://h/", "ftp://h/x", NULL},
        {"https://h/", "http://", NULL},
        {"https://h/", "http://h:99999/", NULL},
        {"not a url", "/x", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        char *result = url_resolve(rows[i].base, rows[i].reference, &err);
        if (rows[i].result == NULL && result != NULL)
            fail_msg("\"%s\" was taken as %s", rows[i].reference, result);
        if (rows[i].result != NULL && (result == NULL || strcmp(result, rows[i].result) != 0))
            fail_msg("\"%s\": %s", rows[i].reference, result == NULL ? err.text : result);
        assert_int_equal(err.class, result == NULL ? ERROR_REGISTRY : ERROR_NONE);
        assert_null(strstr(err.text, "hidden"));
        free(result);
    }
}

static void test_redirect(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    char *up = url_redirect("http://a/x", "https://b/y?z", &err);
    assert_string_equal(up, "https://b/y?z");
    free(up);
    char *same = url_redirect("https://a/x", "y", &err);
    assert_string_equal(same, "https://a/y");
    free(same);
    assert_null(url_redirect("https://a.example/x", "http://b.example/y?hidden", &err));
    assert_int_equal(err.class, ERROR_REGISTRY);
    assert_non_null(strstr(err.text, "a.example"));
    assert_non_null(strstr(err.text, "b.example"));
    assert_null(strstr(err.text, "hidden"));
    assert_null(url_redirect("https://a/x", "HTTP://a/x", &err));
}

static void test_add_query(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"https://h/x", "https://h/x?digest=sha256%3Aab"},
        {"https://h/x?", "https://h/x?digest=sha256%3Aab"},
        {"https://h/x?_state=a%3D", "https://h/x?_state=a%3D&digest=sha256%3Aab"},
        {"https://h/x?a&", "https://h/x?a&digest=sha256%3Aab"},
        {"https://h/x?a#f", "https://h/x?a&digest=sha256%3Aab#f"},
        {"https://h/x#f?g", "https://h/x?digest=sha256%3Aab#f?g"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *result = url_add_query(rows[i][0], "digest", "sha256:ab");
        assert_string_equal(result, rows[i][1]);
        free(result);
    }
    char *escaped = url_escape("aZ09-._~ /?&=+%\xc3\xa9");
    assert_string_equal(escaped, "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9");
    free(escaped);
}

static void test_show(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"https://h/x?hidden#y", "https://h/x"},
        {"https://u:hidden@h:5000/x", "https://h:5000/x"},
        {"http://[::1]:5000/", "http://[::1]:5000/"},
        {"nonsense hidden", "(not a URL)"},
        {"", "(not a URL)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *shown = url_show(rows[i][0]);
        assert_string_equal(shown, rows[i][1]);
        free(shown);
    }
}

static void test_origins(void **state)
{
    (void)state;
    assert_true(url_same_origin("https://h/a", "https://H:443/b?c"));
    assert_true(url_same_origin("http://[::1]/a", "http://[::1]:80/"));
    assert_false(url_same_origin("https://h/", "http://h/"));
    assert_false(url_same_origin("https://h/", "https://h:444/"));
    assert_false(url_same_origin("https://h/", "https://h.example/"));
    assert_false(url_same_origin("https://h/", "https://h@other/"));
    assert_false(url_same_origin("nonsense", "nonsense"));
    static const char *const loopback[] = {"localhost", "LOCALHOST", "127.0.0.1",
                                           "127.1.2.3", "[::1]",     "[0:0::1]"};
    static const char *const others[] = {
        "localhost.example", "128.0.0.1", "127.0.0.1.example", "[::2]", "::1", "", "[]",
        "10.0.0.1",          "127"};
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
        assert_true(host_is_loopback(loopback[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(host_is_loopback(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),     cmocka_unit_test(test_parse_refused),
        cmocka_unit_test(test_resolve),   cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_add_query), cmocka_unit_test(test_show),
        cmocka_unit_test(test_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
