/* test_client.c: requests with authorisation and retries, and what refusals mean. */
#include "convert/net/profile.h"
#include "tests/unit/client_fixture.h"

static int get(struct scene *scene, struct http_response *ret)
{
    const struct client_request request = {.method = HTTP_GET,
                                           .path = "/v2/org/vm/x",
                                           .repository = "org/vm",
                                           .answers = (const int[]){200, 0},
                                           .verb = "reading x"};
    return client_send(scene->client, &request, ret, &scene->err);
}

/* One GET that is played as told: its body, or NULL and scene->err. */
static void assert_get(struct scene *scene, const char *body)
{
    AUTO(http_response_done) struct http_response answer = {0};
    if (get(scene, &answer) < 0)
        fail_msg("%s", scene->err.text);
    assert_int_equal(answer.body.size, strlen(body));
    assert_memory_equal(answer.body.data, body, strlen(body));
}

static void assert_get_fails(struct scene *scene, enum error_class class, const char *text)
{
    AUTO(http_response_done) struct http_response answer = {0};
    assert_int_equal(get(scene, &answer), -1);
    assert_error(&scene->err, class, text);
}

static void test_plain(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES({.request = "GET /v2/org/vm/x HTTP/1.1\r\n",
                           .has_not = {"authorization:", "range:"},
                           .answer = "200 OK",
                           .body = "hello"}));
    assert_get(&scene, "hello");
    assert_string_equal(client_host(scene.client), script_host(scene.script));
    assert_int_equal(client_settings(scene.client)->retry_times, 3);
    assert_string_equal(profile_name(client_profile(scene.client)), "unknown");
    scene_end(&scene);
}

static void test_authorisation(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(
        &scene, &(struct script_options){0},
        EXCHANGES(
            {.request = "GET /v2/org/vm/x", .answer = "401 U", .headers = CHALLENGE},
            {.request = "GET /v2/org/vm/x", .has = {BASIC}, .answer = "200 OK", .body = "1"},
            {.request = "GET /v2/org/vm/x", .has = {BASIC}, .answer = "200 OK", .body = "2"}));
    assert_get(&scene, "1");
    assert_get(&scene, "2");
    scene_end(&scene);
}

static void test_credentials_refused(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES({.request = "GET /v2/org/vm/x", .answer = "401 U", .headers = CHALLENGE},
                          {.request = "GET /v2/org/vm/x",
                           .has = {BASIC},
                           .answer = "401 U",
                           .headers = CHALLENGE}));
    assert_get_fails(&scene, ERROR_CREDENTIALS, "/org/vm: reading x: ");
    scene_end(&scene);
}

#define SAYS(code, text) "{\"errors\":[{\"code\":\"" code "\",\"message\":\"" text "\"}]}"

struct refusal_case {
    const char *answer, *headers, *body;
    enum error_class class;
    const char *text;
    bool retried;
};

static const struct refusal_case refusals[] = {
    {"403 F", NULL, SAYS("DENIED", "requested access is denied"), ERROR_CREDENTIALS,
     "403: DENIED, requested access is denied; asked as ", false},
    {"403 F", NULL, SAYS("DENIED", "requested access is denied"), ERROR_CREDENTIALS, "--src-creds",
     false},
    {"403 F", "Retry-After: 0\r\n", SAYS("DENIED", "denied"), ERROR_RATE_LIMIT, "403", true},
    {"403 F", "X-RateLimit-Remaining: 0\r\n", SAYS("DENIED", "denied"), ERROR_RATE_LIMIT, "", true},
    {"403 F", "X-RateLimit-Remaining: 7\r\n", SAYS("DENIED", "denied"), ERROR_CREDENTIALS, "",
     false},
    {"403 F", NULL, SAYS("DENIED", "You have exceeded a secondary Rate Limit"), ERROR_RATE_LIMIT,
     "Rate Limit; wait", true},
    {"429 T", NULL, SAYS("TOOMANYREQUESTS", "slow down"), ERROR_RATE_LIMIT, "slow down", true},
    {"401 U", NULL, SAYS("TOOMANYREQUESTS", "slow down"), ERROR_RATE_LIMIT, "slow down", true},
    {"408 T", NULL, NULL, ERROR_UNREACHABLE, "answered 408", true},
    {"500 I", NULL, "oops", ERROR_UNREACHABLE, "answered 500: oops", true},
    {"502 B", NULL, "<html><head><title>502 Bad\n Gateway</title></head><body>x", ERROR_UNREACHABLE,
     "answered 502: 502 Bad Gateway", true},
    {"503 S", NULL, NULL, ERROR_UNREACHABLE, "answered 503", true},
    {"504 G", NULL, NULL, ERROR_UNREACHABLE, "answered 504", true},
    {"501 N", NULL, NULL, ERROR_REGISTRY, "answered 501", false},
    {"202 A", NULL, NULL, ERROR_REGISTRY, "answered 202", false},
    {"404 N", NULL, SAYS("NAME_UNKNOWN", "no such repository"), ERROR_REPOSITORY_MISSING,
     "NAME_UNKNOWN", false},
    {"404 N", NULL, SAYS("BLOB_UNKNOWN", "b"), ERROR_REGISTRY, "404: BLOB_UNKNOWN, b", false},
    {"403 F", NULL, SAYS("DENIED", "will exceed the storage limit of 10 GiB"), ERROR_QUOTA,
     "make room", false},
    {"403 F", NULL, SAYS("DENIED", "Permission storage.objects.create denied"), ERROR_CREDENTIALS,
     "", false},
    {"413 T", NULL, SAYS("DENIED", "quota is used up"), ERROR_QUOTA, "", false},
    {"413 T", NULL, "<html><title>413</title>", ERROR_REGISTRY, "413: 413", false},
    {"507 I", NULL, NULL, ERROR_QUOTA, "507", false},
    {"400 B", NULL, "{\"message\":\"no\"}", ERROR_REGISTRY, "400: no", false},
    {"400 B", NULL, "{\"errors\":[]}", ERROR_REGISTRY, "400: {\"errors\":[]}", false},
    {"400 B", NULL, "{\"errors\":{\"code\":7}}", ERROR_REGISTRY, "400: {", false},
    {"400 B", NULL, "\x01\x02 \x80nonsense\x7f here\n", ERROR_REGISTRY, "400: nonsense here",
     false},
    {"400 B", NULL, "<xml><p>secret</p>", ERROR_REGISTRY, "a page without a title", false},
    {"400 B", NULL, "<?xml?><Error><Message>Request has expired</Message><Sig>secret</Sig>",
     ERROR_REGISTRY, "400: Request has expired", false},
    {"400 B", NULL, "see https://user:secret@h/p?sig=secret or /v2/u?_state=secret end",
     ERROR_REGISTRY, "400: see *** or /v2/u? end", false},
    {"400 B", NULL, "got Bearer secret-token back", ERROR_REGISTRY, "got Bearer *** back", false},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal_case *row = &refusals[i];
        struct scene scene;
        scene_start(&scene, &(struct script_options){0},
                    EXCHANGES({.request = "GET /v2/org/vm/x",
                               .answer = row->answer,
                               .headers = row->headers,
                               .body = row->body,
                               .times = row->retried ? 4 : 1}));
        assert_get_fails(&scene, row->class, row->text);
        scene_end(&scene);
    }
}

static void test_recovery(void **state)
{
    (void)state;
    static const struct exchange faults[] = {
        {.request = "GET ", .answer = "503 S"},
        {.request = "GET ", .answer = "429 T"},
        {.request = "GET ", .answer = "200 OK", .flags = SCRIPT_NO_ANSWER | SCRIPT_RESET},
        {.request = "GET ", .answer = "200 OK", .flags = SCRIPT_NO_ANSWER | SCRIPT_CLOSE},
        {.request = "GET ", .answer = "200 OK", .flags = SCRIPT_NO_ANSWER | SCRIPT_STALL},
        {.request = "GET ", .answer = "200 OK", .body = "hello", .cut = true},
        {.request = "GET ", .answer = "200 OK", .body = "hello", .cut = true, .cut_size = 2},
        {.request = "GET ", .answer = "200 OK", .body = "x", .cut = true, .flags = SCRIPT_RESET},
        {.request = "GET ", .answer = "200 OK", .body = "x", .cut = true, .flags = SCRIPT_CHUNKED},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct scene scene;
        scene_start(&scene, &(struct script_options){0},
                    EXCHANGES(faults[i], {.request = "GET ", .answer = "200 OK", .body = "hello"}));
        assert_get(&scene, "hello");
        assert_non_null(strstr(scene.details, "/org/vm: reading x: "));
        assert_non_null(strstr(scene.details, "trying again in 0.0 s (1 of 3)\n"));
        scene_end(&scene);
    }
}

static void test_retry_after(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, &(struct script_options){0},
                EXCHANGES({.request = "GET ", .answer = "429 T", .headers = "Retry-After: 1\r\n"},
                          {.request = "GET ",
                           .answer = "429 T",
                           .headers = "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"},
                          {.request = "GET ", .answer = "200 OK", .body = "x"}));
    assert_get(&scene, "x");
    assert_non_null(strstr(scene.details, "trying again in 1.0 s (1 of 3)\n"));
    assert_non_null(strstr(scene.details, "trying again in 0.0 s (2 of 3)\n"));
    scene_end(&scene);
}

static void stop_on_detail(void *context, const char *text)
{
    (void)text;
    ((struct scene *)context)->stop = SIGINT;
}

/* A wait of minutes ends with the signal. */
static void test_stop(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(
        &scene, &(struct script_options){0},
        EXCHANGES({.request = "GET ", .answer = "503 S", .headers = "Retry-After: 99\r\n"}));
    struct client_options options = scene_options(&scene);
    options.detail = stop_on_detail;
    scene_client(&scene, &options);
    assert_get_fails(&scene, ERROR_INTERRUPTED, "signal");
    scene_end(&scene);
}

/* What is sent once is not sent again after an error, but it is after a 401. */
static void test_once(void **state)
{
    (void)state;
    struct scene scene;
    struct client_request request = {.method = HTTP_POST,
                                     .path = "/v2/org/vm/blobs/uploads/",
                                     .repository = "org/vm",
                                     .access = ACCESS_PUSH,
                                     .once = true,
                                     .answers = (const int[]){202, 0},
                                     .verb = "v"};
    scene_start(
        &scene, &(struct script_options){0},
        EXCHANGES(
            {.request = "POST /v2/org/vm/blobs/uploads/ ", .answer = "401 U", .headers = CHALLENGE},
            {.request = "POST ", .has = {BASIC}, .answer = "503 S"}));
    AUTO(http_response_done) struct http_response answer = {0};
    assert_int_equal(client_send(scene.client, &request, &answer, &scene.err), -1);
    assert_error(&scene.err, ERROR_UNREACHABLE, "503");
    assert_true(client_may_retry(&scene.err));
    scene_end(&scene);
}

static void test_wanted(void **state)
{
    (void)state;
    struct scene scene;
    const struct client_request request = {
        .method = HTTP_GET, .path = "/v2/x", .answers = (const int[]){403, 416, 0}, .verb = "v"};
    scene_start(
        &scene, &(struct script_options){0},
        EXCHANGES({.request = "GET /v2/x", .answer = "416 R"},
                  {.request = "GET /v2/x", .answer = "403 F"},
                  {.request = "GET /v2/x", .answer = "403 F", .body = "rate limit", .times = 2},
                  {.request = "GET /v2/x", .answer = "403 F"}));
    AUTO(http_response_done) struct http_response answer = {0};
    const int wanted[] = {416, 403, 403};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(client_send(scene.client, &request, &answer, &scene.err), 0);
        assert_int_equal(answer.status, wanted[i]);
        http_response_done(&answer);
    }
    scene_end(&scene);
}

/* Credentials go to the registry's own origin only, redirected or told. */
static void test_other_origin(void **state)
{
    (void)state;
    struct scene scene;
    struct script *other = script_start(
        &(struct script_options){0},
        EXCHANGES(
            {.request = "GET /up?_state=secret", .has_not = {"authorization:"}, .answer = "200 OK"},
            {.request = "GET /up",
             .has_not = {"authorization:"},
             .answer = "401 U",
             .headers = CHALLENGE,
             .body = "AccessDenied"},
            {.request = "GET /s",
             .has_not = {"authorization:"},
             .answer = "401 U",
             .headers = "WWW-Authenticate: Bearer realm=\"{base}/t\"\r\n"}));
    char url[128];
    scene_start(&scene, &(struct script_options){.other = script_base(other)},
                EXCHANGES({.request = "GET /v2/a", .answer = "401 U", .headers = CHALLENGE},
                          {.request = "GET /v2/a", .has = {BASIC}, .answer = "200 OK"},
                          {.request = "GET /v2/b", .has = {BASIC}, .answer = "200 OK"},
                          {.request = "GET /v2/c",
                           .has = {BASIC},
                           .answer = "307 T",
                           .headers = "Location: {other}/s?sig=secret\r\n"}));
    AUTO(http_response_done) struct http_response answer = {0};
    struct client_request request = {
        .method = HTTP_GET, .path = "/v2/a", .answers = (const int[]){200, 0}, .verb = "v"};
    assert_int_equal(client_send(scene.client, &request, &answer, &scene.err), 0);
    snprintf(url, sizeof url, "%s/v2/b", script_base(scene.script));
    request.path = url;
    assert_int_equal(client_send(scene.client, &request, &answer, &scene.err), 0);
    snprintf(url, sizeof url, "%s/up?_state=secret", script_base(other));
    assert_int_equal(client_send(scene.client, &request, &answer, &scene.err), 0);
    assert_int_equal(client_send(scene.client, &request, &answer, &scene.err), -1);
    assert_error(&scene.err, ERROR_REGISTRY, "127.0.0.1 answered 401: AccessDenied");
    request.path = "/v2/c";
    assert_int_equal(client_send(scene.client, &request, &answer, &scene.err), -1);
    assert_error(&scene.err, ERROR_REGISTRY, "127.0.0.1 answered 401");
    scene_end(&scene);
    script_end(other);
}

/* What is asked for of the token server, by what is to be done. */
static void test_scopes(void **state)
{
    (void)state;
    struct scene scene;
    static const char bearer[] =
        "WWW-Authenticate: Bearer realm=\"{base}/token\",service=\"s\"\r\n";
    static const char token[] = "{\"token\":\"t\",\"expires_in\":3600}";
    scene_start(
        &scene, &(struct script_options){0},
        EXCHANGES({.request = "GET /v2/org/vm/x", .answer = "401 U", .headers = bearer},
                  {.request = "GET /token?",
                   .has = {"&scope=repository%3Aorg%2Fvm%3Apull HTTP"},
                   .answer = "200 OK",
                   .body = token},
                  {.request = "GET /v2/org/vm/x", .answer = "200 OK"},
                  {.request = "GET /token?",
                   .has = {"scope=repository%3Aorg%2Fvm%3Apull%2Cpush"},
                   .answer = "200 OK",
                   .body = token},
                  {.request = "POST /v2/org/vm/y", .answer = "202 A"},
                  {.request = "GET /token?",
                   .has = {"repository%3Aorg%2Fvm%3Apull%2Cpush", "repository%3Aa%2Fb%3Apull"},
                   .answer = "200 OK",
                   .body = token},
                  {.request = "POST /v2/org/vm/y", .answer = "201 C"}));
    assert_get(&scene, "");
    AUTO(http_response_done) struct http_response answer = {0};
    struct client_request request = {.method = HTTP_POST,
                                     .path = "/v2/org/vm/y",
                                     .repository = "org/vm",
                                     .access = ACCESS_PUSH,
                                     .answers = (const int[]){201, 202, 0},
                                     .verb = "v"};
    if (client_send(scene.client, &request, &answer, &scene.err) < 0)
        fail_msg("%s", scene.err.text);
    request.from = "a/b";
    if (client_send(scene.client, &request, &answer, &scene.err) < 0)
        fail_msg("%s", scene.err.text);
    assert_int_equal(answer.status, 201);
    scene_end(&scene);
}

static void *get_often(void *context)
{
    struct scene *scene = context;
    struct error err = ERROR_INIT;
    const struct client_request request = {
        .method = HTTP_GET, .path = "/v2/x", .answers = (const int[]){200, 0}, .verb = "v"};
    for (int i = 0; i < 10; i++) {
        AUTO(http_response_done) struct http_response answer = {0};
        if (client_send(scene->client, &request, &answer, &err) < 0 || answer.body.size != 5)
            return "failed";
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct scene scene;
    pthread_t threads[4];
    scene_start(
        &scene, &(struct script_options){0},
        EXCHANGES({.request = "GET /v2/x", .answer = "200 OK", .body = "hello", .times = 40}));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_often, &scene), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed = "";
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    scene_end(&scene);
}

/* --- which scheme --- */

/* A listener that ends each connection at once, as often as it is asked for a TLS handshake: a
 * script waits for a request's head, which a handshake does not have. */
static void *shut(void *context)
{
    int *listener = context;
    for (int fd; (fd = accept(*listener, NULL, NULL)) >= 0;) {
        char byte = 0;
        bool greets = recv(fd, &byte, 1, MSG_PEEK) == 1;
        char head[4096];
        ssize_t got = greets ? recv(fd, head, sizeof head, 0) : 0;
        const char *answer = byte == 0x16 ? "HTTP/1.0 400 Bad Request\r\n\r\n"
                                          : "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                                            "Connection: close\r\n\r\nhello";
        if (got > 0)
            (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void test_loopback_without_tls(void **state)
{
    (void)state;
    struct scene scene;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pthread_t thread;
    char host[64];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(pthread_create(&thread, NULL, shut, &listener), 0);
    snprintf(host, sizeof host, "127.0.0.1:%u", ntohs(address.sin_port));
    scene_start(&scene, &(struct script_options){0}, NULL, 0);
    struct client_options options = scene_options(&scene);
    options.host = host;
    options.plain_http = false;
    scene_client(&scene, &options);
    assert_get(&scene, "hello");
    assert_get(&scene, "hello");
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    assert_get_fails(&scene, ERROR_UNREACHABLE, "http://");
    scene_end(&scene);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct scene scene;
    scene_start(&scene, &(struct script_options){0}, NULL, 0);
    struct client_options options = scene_options(&scene);
    options.host = "127.0.0.1:1";
    options.plain_http = false;
    scene_client(&scene, &options);
    assert_get_fails(&scene, ERROR_UNREACHABLE, "127.0.0.1:1/org/vm: reading x: ");
    assert_non_null(strstr(scene.details, "(3 of 3)"));
    scene_end(&scene);
}

static void test_bad_hosts(void **state)
{
    (void)state;
    static const char *const hosts[] = {"user:secret@h", "h:99999", "h/../x"};
    struct scene scene;
    scene_start(&scene, &(struct script_options){0}, NULL, 0);
    struct client_options options = scene_options(&scene);
    for (size_t i = 0; i < 2; i++) {
        options.host = hosts[i];
        assert_null(client_new(&options, &scene.err));
    }
    options.host = "docker.io";
    scene_client(&scene, &options);
    assert_string_equal(client_host(scene.client), "docker.io");
    scene.err = (struct error)ERROR_INIT;
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_authorisation),
        cmocka_unit_test(test_credentials_refused),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_other_origin),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_loopback_without_tls),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_bad_hosts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
