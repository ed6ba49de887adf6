/* client_fixture.h: a client of a scripted registry, for the tests of client, remote and download:
 * waits are short, what it tells is kept.
 *
 *     struct scene scene; scene_start(&scene, &(struct script_options){0}, EXCHANGES(…));
 *     … scene.client, scene.remote, scene.err …
 *     scene_end(&scene);          script_end's assertions */
#ifndef TESTS_UNIT_CLIENT_FIXTURE_H
#define TESTS_UNIT_CLIENT_FIXTURE_H

#include "convert/net/remote.h"
#include "formats/model/auto.h"
#include "tests/unit/http_script.h"

#define CREDENTIALS "user:secret-pass"
#define BASIC       "authorization: Basic dXNlcjpzZWNyZXQtcGFzcw=="
#define CHALLENGE   "WWW-Authenticate: Basic realm=\"r\"\r\n"

struct scene {
    struct script *script;
    struct http *http;
    struct client *client;
    struct remote remote;
    struct error err;
    char details[8192]; /* lines of client_options.detail */
    volatile sig_atomic_t stop;
};

static inline void scene_detail(void *context, const char *text)
{
    struct scene *scene = context;
    size_t used = strlen(scene->details);
    snprintf(scene->details + used, sizeof scene->details - used, "%s\n", text);
}

static inline struct client_options scene_options(struct scene *scene)
{
    return (struct client_options){
        .http = scene->http,
        .host = script_host(scene->script),
        .plain_http = true,
        .tls_verify = true,
        .credentials = {.option_prefix = "src-", .creds = CREDENTIALS, .host_count = 1},
        .retry_times = 3,
        .retry_delay_ms = 1,
        .stop = &scene->stop,
        .detail = scene_detail,
        .context = scene};
}

/* Another client of the same registry in the scene's place. */
static inline void scene_client(struct scene *scene, const struct client_options *options)
{
    client_free(scene->client);
    scene->client = client_new(options, &scene->err);
    assert_non_null(scene->client);
    scene->remote = (struct remote){.client = scene->client, .repository = "org/vm"};
}

static inline void scene_start(struct scene *scene, const struct script_options *options,
                               const struct exchange *exchanges, size_t count)
{
    *scene = (struct scene){.err = ERROR_INIT};
    scene->script = script_start(options, exchanges, count);
    const struct http_options http = {.stop = &scene->stop, .stall_seconds = 1};
    scene->http = http_new(&http, &scene->err);
    assert_non_null(scene->http);
    const struct client_options wanted = scene_options(scene);
    scene_client(scene, &wanted);
}

static inline void scene_end(struct scene *scene)
{
    client_free(scene->client);
    http_free(scene->http);
    assert_null(strstr(scene->err.text, "secret"));
    assert_null(strstr(scene->details, "secret"));
    script_end(scene->script);
}

static inline void assert_error(const struct error *err, enum error_class class, const char *text)
{
    if (err->class != class || strstr(err->text, text) == NULL)
        fail_msg("%s \"%s\", wanted %s with \"%s\"", error_class_name(err->class), err->text,
                 error_class_name(class), text);
}

#endif
