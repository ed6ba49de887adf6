/* test_lists.c: tags and catalogue page by page, and the removal of a manifest. */
#include "convert/net/lists.h"

#include "tests/unit/client_fixture.h"

#define ASKED_TAGS   "GET /v2/org/vm/tags/list?n=1000 HTTP/1.1\r\n"
#define NEXT_TAGS    "GET /v2/org/vm/tags/list?n=1000&last=b HTTP/1.1\r\n"
#define TAGS(list)   "{\"name\":\"org/vm\",\"tags\":" list "}"
#define ASKED_ALL    "GET /v2/_catalog?n=1000 HTTP/1.1\r\n"
#define ALL(list)    "{\"repositories\":" list "}"
#define LINK(url)    "Link: <" url ">; rel=\"next\"\r\n"
#define ERRORS(code) "{\"errors\":[{\"code\":\"" code "\",\"message\":\"m\"}]}"

/* What a list gives: names with a space between, and how many were passed over. */
static void play(bool catalogue, const struct exchange *exchanges, size_t count,
                 const char *expected, size_t passed_over)
{
    struct scene scene;
    struct names names;
    char text[1000] = "";
    scene_start(&scene, &(struct script_options){0}, exchanges, count);
    int status = catalogue ? remote_catalogue(scene.client, &names, &scene.err)
                           : remote_tags(&scene.remote, &names, &scene.err);
    if (status < 0)
        fail_msg("%s", scene.err.text);
    for (size_t i = 0; i < names.count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "", names.items[i]);
    }
    assert_string_equal(text, expected);
    assert_int_equal(names.passed_over, passed_over);
    names_done(&names);
    scene_end(&scene);
}

static void refused(bool catalogue, const struct exchange *exchanges, size_t count,
                    enum error_class class, const char *text)
{
    struct scene scene;
    struct names names;
    scene_start(&scene, &(struct script_options){0}, exchanges, count);
    int status = catalogue ? remote_catalogue(scene.client, &names, &scene.err)
                           : remote_tags(&scene.remote, &names, &scene.err);
    assert_int_equal(status, -1);
    assert_null(names.items);
    assert_error(&scene.err, class, text);
    scene_end(&scene);
}

#define OK(line, ...)                                                                              \
    {                                                                                              \
        .request = line, .answer = "200 OK", __VA_ARGS__                                           \
    }

static void test_pages(void **state)
{
    (void)state;
    play(false, EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[\"b\",\"a\"]"))), "b a", 0);
    play(false, EXCHANGES(OK(ASKED_TAGS, .body = TAGS("null"))), "", 0);
    play(false, EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[]"))), "", 0);
    play(false,
         EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[\"a\",\"b\"]"),
                      .headers = LINK("/v2/org/vm/tags/list?n=1000&last=b")),
                   OK(NEXT_TAGS, .body = TAGS("[\"b\",\"c\"]"))),
         "a b c", 0);
    play(true,
         EXCHANGES(OK(ASKED_ALL, .body = ALL("[\"a/b\"]"),
                      .headers = LINK("{base}/v2/_catalog?last=x%20y")),
                   OK("GET /v2/_catalog?last=x%20y HTTP/1.1\r\n", .body = ALL("[\"c\"]"))),
         "a/b c", 0);
    /* an empty page in between */
    play(true,
         EXCHANGES(OK(ASKED_ALL, .body = ALL("[]"), .headers = LINK("/v2/_catalog?last=a")),
                   OK("GET /v2/_catalog?last=a HTTP/1.1\r\n", .body = ALL("[\"c\"]"))),
         "c", 0);
}

/* How a link may be written; each leads on to "c". */
static void test_links(void **state)
{
    (void)state;
    static const char *const follows[] = {
        LINK("/v2/org/vm/tags/list?n=1000&last=b"),
        "Link: <?n=1000&last=b>; rel=\"next\"\r\n",
        "link: </v2/org/vm/tags/list?n=1000&last=b>;rel=next\r\n",
        "Link: <{base}/v2/org/vm/tags/list?n=1000&last=b>; title=\"a, b; rel=x\"; REL=\"x "
        "Next\"\r\n",
        "Link: </elsewhere>; rel=\"prev\", </v2/org/vm/tags/list?n=1000&last=b>; rel=\"next\"\r\n",
        "Link: </elsewhere>; rel=\"last\"\r\n" LINK("/v2/org/vm/tags/list?n=1000&last=b"),
    };
    for (size_t i = 0; i < sizeof follows / sizeof follows[0]; i++)
        play(false,
             EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[\"b\"]"), .headers = follows[i]),
                       OK(NEXT_TAGS, .body = TAGS("[\"c\"]"))),
             "b c", 0);
    static const char *const ends[] = {
        "Link: </elsewhere>; rel=\"nextish\"\r\n",
        "Link: /v2/x; rel=\"next\"\r\n",
        "Link: <\r\n",
        "Link: </elsewhere>\r\n",
        "Link: </elsewhere>; rel\r\n",
        "Link: </elsewhere>; rel=\"prev\r\n",
        "Link: ,,\r\n",
        LINK("/v2/org/vm/tags/list?n=1000"), /* itself */
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        play(false, EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[\"b\"]"), .headers = ends[i])), "b", 0);
}

static void test_links_elsewhere(void **state)
{
    (void)state;
    static const char *const leads[] = {
        LINK("http://127.0.0.2:1/v2/org/vm/tags/list?last=b"),
        LINK("https://{host}/v2/org/vm/tags/list?last=b"),
        LINK("//example.com/v2/org/vm/tags/list?last=b"),
        LINK("/v2/org/other/tags/list?last=b"),
        LINK("/v2/org/vm/tags/listing?last=b"),
        LINK("/v2/org/vm/tags/list/../../../_catalog"),
    };
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++)
        refused(false, EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[\"b\"]"), .headers = leads[i])),
                ERROR_REGISTRY, "is another place and is not followed");
    refused(false, EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[\"b\"]"), .headers = LINK("ftp://x/y"))),
            ERROR_REGISTRY, "ftp");
}

static void test_repeats(void **state)
{
    (void)state;
    static const char back[] = LINK("/v2/org/vm/tags/list?page=1");
    play(false,
         EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[\"a\"]"), .headers = back),
                   OK("GET /v2/org/vm/tags/list?page=1 HTTP/1.1\r\n", .body = TAGS("[\"a\"]"),
                      .headers = LINK("/v2/org/vm/tags/list?page=2"))),
         "a", 0);
    /* two empty pages that lead to each other, for ever */
    struct exchange pages[101] = {OK(ASKED_TAGS, .body = TAGS("[]"), .headers = back)};
    for (size_t i = 1; i < 100; i++)
        pages[i] =
            (struct exchange)OK("GET /v2/org/vm/tags/list?page=", .body = TAGS("[]"),
                                .headers = i % 2 == 1 ? LINK("/v2/org/vm/tags/list?page=2") : back);
    refused(false, pages, 100, ERROR_REGISTRY, "the list does not end: 100 pages");
}

static void test_names(void **state)
{
    (void)state;
    play(false,
         EXCHANGES(
             OK(ASKED_TAGS, .body = TAGS("[\"a\",\"..\",\"-x\",\"a/b\",\"a b\",\"x\\u001b[2J\","
                                         "\"\",7,null,[\"a\"],\"_1.A-z\",\"a\",\"\xc3\xa9\"]"))),
         "a _1.A-z", 10);
    play(true,
         EXCHANGES(
             OK(ASKED_ALL,
                .body = ALL("[\"a\",\"a/b-c.d_e__f--g/h\",\"A\",\"a//b\",\"/a\",\"a/\",\"a/../b\","
                            "\"a___b\",\"a..b\",\"a?b\",\"a%2fb\",\"-a\",\"a-\",\"\"]"))),
         "a a/b-c.d_e__f--g/h", 12);
    /* a page of nothing but such does not end the list */
    play(false,
         EXCHANGES(OK(ASKED_TAGS, .body = TAGS("[\"?\"]"),
                      .headers = LINK("/v2/org/vm/tags/list?n=1000&last=b")),
                   OK(NEXT_TAGS, .body = TAGS("[\"c\"]"))),
         "c", 1);
}

/* Registries whose limit of a page is smaller. */
static void test_smaller_pages(void **state)
{
    (void)state;
    static const char plain[] = "GET /v2/_catalog HTTP/1.1\r\n";
    play(true,
         EXCHANGES(
             {.request = ASKED_ALL, .answer = "400 B", .body = ERRORS("PAGINATION_NUMBER_INVALID")},
             OK(plain, .body = ALL("[\"a\"]"), .headers = LINK("/v2/_catalog?n=1&last=a")),
             OK("GET /v2/_catalog?n=1&last=a HTTP/1.1\r\n", .body = ALL("[\"b\"]"))),
         "a b", 0);
    refused(false,
            EXCHANGES({.request = ASKED_TAGS, .answer = "400 B"},
                      {.request = "GET /v2/org/vm/tags/list HTTP/1.1\r\n", .answer = "400 B"}),
            ERROR_REGISTRY, "listing the tags: the registry answered 400");
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *body, *text;
    } catalogues[] = {
        {"401 U", NULL, "--list FILE"},
        {"403 F", ERRORS("DENIED"), "--list FILE"},
        {"404 N", NULL, "answered 404"},
        {"404 N", ERRORS("NAME_UNKNOWN"), "NAME_UNKNOWN"},
        {"405 M", ERRORS("UNSUPPORTED"), "UNSUPPORTED, m"},
        {"501 N", NULL, "501"},
        {"200 OK", "<html>hello</html>", "no list of repositories"},
        {"200 OK", "{}", "no list of repositories"},
        {"200 OK", "{\"repositories\":\"a\"}", "no list of repositories"},
    };
    for (size_t i = 0; i < sizeof catalogues / sizeof catalogues[0]; i++)
        refused(
            true,
            EXCHANGES(
                {.request = ASKED_ALL, .answer = catalogues[i].answer, .body = catalogues[i].body}),
            ERROR_CATALOGUE_REFUSED, catalogues[i].text);
    /* what is no refusal keeps its own class */
    refused(
        true,
        EXCHANGES(
            {.request = ASKED_ALL, .answer = "429 T", .headers = "Retry-After: 0\r\n", .times = 4}),
        ERROR_RATE_LIMIT, "answered 429");
    refused(false, EXCHANGES({.request = ASKED_TAGS, .answer = "404 N"}), ERROR_REPOSITORY_MISSING,
            "/org/vm: listing the tags");
    refused(false, EXCHANGES({.request = ASKED_TAGS, .answer = "403 F"}), ERROR_CREDENTIALS, "403");
    refused(false, EXCHANGES(OK(ASKED_TAGS, .body = "{}")), ERROR_REGISTRY, "no list of tags");
    refused(false, EXCHANGES(OK(ASKED_TAGS, .body = "[")), ERROR_REGISTRY, "no list of tags");
}

#define DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define DELETE "DELETE /v2/org/vm/manifests/" DIGEST " HTTP/1.1\r\n"

static void test_delete(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *body;
        enum error_class class;
        const char *text;
    } rows[] = {
        {"202 A", NULL, ERROR_NONE, ""},
        {"200 OK", NULL, ERROR_NONE, ""},
        {"404 N", ERRORS("MANIFEST_UNKNOWN"), ERROR_NONE, ""},
        {"404 N", ERRORS("NAME_UNKNOWN"), ERROR_NONE, ""},
        {"405 M", ERRORS("UNSUPPORTED"), ERROR_UNSUPPORTED, "storage.delete.enabled"},
        {"405 M", NULL, ERROR_UNSUPPORTED, "so " DIGEST " stays"},
        {"400 B", ERRORS("UNSUPPORTED"), ERROR_UNSUPPORTED, "stays"},
        {"400 B", ERRORS("X"), ERROR_REGISTRY, "deleting the manifest"},
        {"403 F", ERRORS("DENIED"), ERROR_CREDENTIALS, "DENIED"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene;
        const struct digest digest = {{0}};
        scene_start(&scene, &(struct script_options){0},
                    EXCHANGES({.request = DELETE, .answer = rows[i].answer, .body = rows[i].body}));
        int status = remote_manifest_delete(&scene.remote, &digest, &scene.err);
        assert_int_equal(status, rows[i].class == ERROR_NONE ? 0 : -1);
        if (status < 0)
            assert_error(&scene.err, rows[i].class, rows[i].text);
        scene_end(&scene);
    }
}

/* A bare "not found" may be of the request itself: it is gone only where it is not there. */
static void test_delete_absent(void **state)
{
    (void)state;
    for (int there = 0; there < 2; there++) {
        struct scene scene;
        const struct digest digest = {{0}};
        scene_start(&scene, &(struct script_options){0},
                    EXCHANGES({.request = DELETE, .answer = "404 N"},
                              {.request = "HEAD /v2/org/vm/manifests/" DIGEST " HTTP/1.1\r\n",
                               .answer = there ? "200 OK" : "404 N",
                               .headers = "Docker-Content-Digest: " DIGEST "\r\n"}));
        int status = remote_manifest_delete(&scene.remote, &digest, &scene.err);
        assert_int_equal(status, there ? -1 : 0);
        if (there)
            assert_error(&scene.err, ERROR_UNSUPPORTED, "stays");
        scene_end(&scene);
    }
}

/* Nobody is asked. */
static void test_delete_known(void **state)
{
    (void)state;
    static const struct {
        const char *host, *text;
    } rows[] = {{"ghcr.io", "gh api -X DELETE"}, {"docker.io", "web pages"}};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene;
        const struct digest digest = {{0}};
        scene_start(&scene, &(struct script_options){0}, NULL, 0);
        assert_int_equal(remote_manifest_deletable(&scene.remote, &digest, &scene.err), 0);
        struct client_options options = scene_options(&scene);
        options.host = rows[i].host;
        scene_client(&scene, &options);
        assert_int_equal(remote_manifest_deletable(&scene.remote, &digest, &scene.err), -1);
        assert_error(&scene.err, ERROR_UNSUPPORTED, rows[i].text);
        assert_int_equal(remote_manifest_delete(&scene.remote, &digest, &scene.err), -1);
        assert_error(&scene.err, ERROR_UNSUPPORTED, rows[i].text);
        scene_end(&scene);
    }
}

/* New is a repository that is not there, or says that it has no tag; asked once, for one. */
static void test_is_new(void **state)
{
    (void)state;
#define ASKED_ONE .request = "GET /v2/org/vm/tags/list?n=1 HTTP/1.1\r\n"
    static const struct {
        struct exchange exchange;
        bool is_new;
    } rows[] = {
        {{ASKED_ONE, .answer = "404 N"}, true},
        {{ASKED_ONE, .answer = "200 OK", .body = TAGS("null")}, true},
        {{ASKED_ONE, .answer = "200 OK", .body = TAGS("[]")}, true},
        {{ASKED_ONE, .answer = "200 OK", .body = TAGS("[\"a\"]")}, false},
        {{ASKED_ONE, .answer = "200 OK", .body = TAGS("[\"-\"]")}, false},
        {{ASKED_ONE, .answer = "200 OK",
          .headers = "Link: </v2/org/vm/tags/list?n=1&last=a>; rel=\"next\"\r\n",
          .body = TAGS("[]")},
         false},
        {{ASKED_ONE, .answer = "200 OK", .body = "{}"}, false},
        {{ASKED_ONE, .answer = "400 N"}, false},
        {{ASKED_ONE, .answer = "403 N"}, false},
        {{ASKED_ONE, .answer = "405 N"}, false},
        {{ASKED_ONE, .answer = "500 N"}, false},
        {{ASKED_ONE, .answer = "429 N"}, false},
        {{ASKED_ONE, .answer = "200 OK", .flags = SCRIPT_RESET | SCRIPT_NO_ANSWER}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene;
        scene_start(&scene, &(struct script_options){0}, &rows[i].exchange, 1);
        if (remote_is_new(&scene.remote) != rows[i].is_new)
            fail_msg("row %zu", i);
        scene_end(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_new),        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_links),         cmocka_unit_test(test_links_elsewhere),
        cmocka_unit_test(test_repeats),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_smaller_pages), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_delete),        cmocka_unit_test(test_delete_absent),
        cmocka_unit_test(test_delete_known),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
