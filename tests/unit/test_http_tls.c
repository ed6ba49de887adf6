/* test_http_tls.c: whom a request trusts, and who it says it is, against a TLS server in this
 * process. */
#include "tests/unit/http_fixture.h"
#include "tests/unit/tempdir.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* Answers every request, one connection after the other. */
static struct {
    SSL_CTX *context;
    int listener;
    unsigned port;
    pthread_t thread;
    const char *answer; /* NULL: "200 OK" with the client's name */
    const char *plain;  /* said instead of a handshake, before a reset; NULL: TLS is spoken */
} server;

static void server_answer(SSL *ssl)
{
    char head[8192], answer[512];
    size_t size = 0;
    int got;
    while (size < sizeof head - 1 &&
           (got = SSL_read(ssl, head + size, (int)(sizeof head - 1 - size))) > 0) {
        size += (size_t)got;
        head[size] = '\0';
        if (strstr(head, "\r\n\r\n") == NULL)
            continue;
        X509 *peer = SSL_get1_peer_certificate(ssl);
        const char *who = peer == NULL ? "nobody" : "somebody";
        X509_free(peer);
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(who), who);
        const char *text = server.answer == NULL ? answer : server.answer;
        SSL_write(ssl, text, (int)strlen(text));
        size = 0;
    }
}

static void *server_run(void *context)
{
    (void)context;
    int fd;
    while ((fd = accept4(server.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct timeval limit = {.tv_sec = 10};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        SSL *ssl = SSL_new(server.context);
        SSL_set_fd(ssl, fd);
        char hello[16384];
        if (server.plain != NULL) {
            /* what is not read makes the close a reset */
            (void)!recv(fd, hello, server.plain[0] == '\0' ? 1 : sizeof hello, 0);
            (void)!send(fd, server.plain, strlen(server.plain), MSG_NOSIGNAL);
        } else if (SSL_accept(ssl) == 1) {
            server_answer(ssl);
        } else {
            /* so that the alert arrives */
            shutdown(fd, SHUT_WR);
            script_drain(fd);
        }
        SSL_free(ssl);
        close(fd);
        ERR_clear_error();
    }
    return NULL;
}

static void server_start(const char *name, int verify)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    server.answer = NULL;
    server.plain = NULL;
    server.context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(
        SSL_CTX_use_certificate_file(server.context, in_tempdir("%s.pem", name), SSL_FILETYPE_PEM),
        1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(server.context, in_tempdir("%s.key", name), SSL_FILETYPE_PEM),
        1);
    assert_int_equal(SSL_CTX_load_verify_locations(server.context, in_tempdir("ca.pem"), NULL), 1);
    SSL_CTX_set_verify(server.context, verify, NULL);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server.listener, 16), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &length), 0);
    server.port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server.thread, NULL, server_run, NULL), 0);
}

/* After the connections are closed: http_free. */
static void server_end(void)
{
    http = http_free(http);
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    SSL_CTX_free(server.context);
}

static int make_certificates(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    if (tempdir_make(state) < 0)
        return -1;
    char command[4096];
    snprintf(command, sizeof command,
             "cd '%s' && exec 2>log && new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' && "
             "openssl req -x509 $new -keyout ca.key -out ca.pem -subj /CN=ca -days 2 && "
             "for i in good wrong client; do "
             "case $i in wrong) san=DNS:other.example ;; *) san=IP:127.0.0.1,DNS:localhost ;; esac;"
             "openssl req $new -keyout $i.key -out $i.csr -subj /CN=$i && "
             "echo subjectAltName=$san >$i.ext && "
             "openssl x509 -req -in $i.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
             "-extfile $i.ext -out $i.pem || exit 1; done && "
             "mkdir ca both nokey bad empty && cp ca.pem ca/ca.crt && cp ca.pem both/x.crt && "
             "cp client.pem both/me.cert && cp client.key both/me.key && "
             "cp client.pem nokey/me.cert && echo nonsense >bad/x.crt",
             tempdir);
    return system(command) == 0 ? 0 : -1;
}

static int get(const char *scheme, bool verify, const char *dir, struct http_response *ret,
               struct error *err)
{
    char url[128], path[1024];
    snprintf(url, sizeof url, "%s://127.0.0.1:%u/", scheme, server.port);
    snprintf(path, sizeof path, "%s", dir == NULL ? "" : in_tempdir("%s", dir));
    struct http_request request = {
        .url = url, .trust = {.verify = verify, .cert_dir = dir == NULL ? NULL : path}};
    return http_send(http, &request, ret, err);
}

static void assert_trusts(bool verify, const char *dir, const char *body)
{
    struct error err = ERROR_INIT;
    struct http_response answer;
    if (get("https", verify, dir, &answer, &err) < 0)
        fail_msg("%s: %s", dir == NULL ? "none" : dir, err.text);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.size, strlen(body));
    assert_memory_equal(answer.body.data, body, strlen(body));
    http_response_done(&answer);
}

static void assert_distrusts(const char *dir, enum error_class class, const char *text)
{
    struct error err = ERROR_INIT;
    struct http_response answer;
    assert_int_equal(get("https", true, dir, &answer, &err), -1);
    assert_error(&err, class, text);
    assert_false(answer.no_tls);
}

static void test_authorities(void **state)
{
    (void)state;
    server_start("good", SSL_VERIFY_PEER);
    assert_distrusts(NULL, ERROR_TLS, "--cert-dir");
    assert_distrusts("empty", ERROR_TLS, "--tls-verify=false");
    assert_trusts(true, "ca", "nobody");
    assert_trusts(false, NULL, "nobody");
    /* what was trusted before is asked again */
    assert_distrusts(NULL, ERROR_TLS, "certificate");
    server_end();
}

static void test_names(void **state)
{
    (void)state;
    server_start("wrong", SSL_VERIFY_PEER);
    assert_distrusts("ca", ERROR_TLS, "127.0.0.1");
    assert_trusts(false, "ca", "nobody");
    server_end();
}

static void test_client_certificate(void **state)
{
    (void)state;
    server_start("good", SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    assert_trusts(true, "both", "somebody");
    assert_distrusts("ca", ERROR_TLS, "certificate");
    server_end();
}

static void test_folders(void **state)
{
    (void)state;
    server_start("good", SSL_VERIFY_PEER);
    assert_distrusts("nokey", ERROR_SETTINGS, "nokey/me.key");
    assert_distrusts("absent", ERROR_SETTINGS, "absent");
    assert_distrusts("bad", ERROR_SETTINGS, "bad");
    server_end();
}

/* A redirect to another port is another host: our certificate is not shown there. */
static void test_redirected(void **state)
{
    (void)state;
    server_start("good", SSL_VERIFY_PEER);
    char location[128];
    snprintf(location, sizeof location, "Location: https://127.0.0.1:%u/\r\n", server.port);
    struct script *script = script_start(
        &(struct script_options){0},
        EXCHANGES({.request = "GET /", .answer = "307 Temporary Redirect", .headers = location}));
    struct error err = ERROR_INIT;
    struct http_response answer;
    char path[1024];
    snprintf(path, sizeof path, "%s", in_tempdir("both"));
    struct http_request request = {.url = base_and(script, "/"),
                                   .trust = {.verify = true, .cert_dir = path}};
    if (http_send(http, &request, &answer, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(answer.body.size, strlen("nobody"));
    http_response_done(&answer);
    script_end(script);
    server_end();
}

static void test_downgrade(void **state)
{
    (void)state;
    server_start("good", SSL_VERIFY_PEER);
    server.answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/?hidden\r\n"
                    "Content-Length: 0\r\n\r\n";
    struct error err = ERROR_INIT;
    struct http_response answer;
    assert_int_equal(get("https", true, "ca", &answer, &err), -1);
    assert_error(&err, ERROR_REGISTRY, "127.0.0.1");
    assert_null(strstr(err.text, "hidden"));
    server_end();
}

static void assert_no_tls(unsigned port)
{
    struct error err = ERROR_INIT;
    struct http_response answer;
    server.port = port;
    assert_int_equal(get("https", true, "ca", &answer, &err), -1);
    assert_error(&err, ERROR_TLS, "does not speak TLS");
    assert_true(answer.no_tls);
}

/* What answers a handshake in plain text, or on a loopback breaks it off, speaks no TLS. */
static void test_no_tls(void **state)
{
    (void)state;
    server_start("good", SSL_VERIFY_PEER);
    unsigned port = server.port;
    server.plain = "HTTP/1.0 400 Bad Request\r\n\r\nspeak plainly";
    assert_no_tls(port);
    server.plain = "";
    assert_no_tls(port);
    server_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, http_fixture, http_fixture_done)
        T(test_authorities), T(test_names),      T(test_client_certificate),
        T(test_folders),     T(test_redirected), T(test_downgrade),
        T(test_no_tls),
#undef T
    };
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    return cmocka_run_group_tests(tests, make_certificates, tempdir_remove);
}
