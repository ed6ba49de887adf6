/* upload_scene.h: one client, one blob, and the exchanges of which the scripts of upload tests are
 * made. */
#ifndef TESTS_UNIT_UPLOAD_SCENE_H
#define TESTS_UNIT_UPLOAD_SCENE_H

#include "tests/unit/http_script.h"

#include "convert/net/upload.h"

#define MIB     (1u << 20)
#define TEXT    "0123456789"
#define HEX     "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
#define DIGEST  "sha256:" HEX
#define ESCAPED "sha256%3A" HEX

static volatile sig_atomic_t stop;

struct scene {
    struct http *http;
    struct client *client;
    struct remote remote;
    struct blob_id id;
    struct http_body body;
    uint8_t *data;
    uint64_t unreadable; /* reading from there on fails; 0: nothing does */
    uint64_t stops;      /* reading from there on is when a signal comes; 0: none does */
    struct upload_watch watch;
    unsigned opened, closed;
    char location[1024]; /* of the session that is open; "": none */
};

static inline int read_data(void *context, uint64_t offset, void *data, size_t size,
                            struct error *err)
{
    const struct scene *scene = context;
    assert_true(offset + size <= scene->id.size);
    if (scene->unreadable != 0 && offset + size > scene->unreadable)
        return error_set(err, ERROR_IO, "the spool is broken");
    if (scene->stops != 0 && offset + size > scene->stops)
        stop = 1;
    memcpy(data, scene->data + offset, size);
    return 0;
}

static inline void opened(void *context, const char *location)
{
    struct scene *scene = context;
    assert_string_equal(scene->location, "");
    snprintf(scene->location, sizeof scene->location, "%s", location);
    scene->opened++;
}

static inline void closed(void *context, const char *location)
{
    struct scene *scene = context;
    assert_string_equal(scene->location, location);
    scene->location[0] = '\0';
    scene->closed++;
}

struct settings {
    size_t size; /* of the blob; 0: TEXT */
    uint64_t chunk;
    unsigned retry_times, concurrency;
};

static inline void scene_begin(struct scene *scene, const char *host, struct settings settings)
{
    struct error err = ERROR_INIT;
    const struct http_options http = {.stop = &stop};
    stop = 0;
    scene->http = http_new(&http, &err);
    assert_non_null(scene->http);
    const struct client_options options = {
        .http = scene->http,
        .host = host,
        .plain_http = strncmp(host, "127.", 4) == 0,
        .credentials = {.option_prefix = "", .registry_token = "t0ken", .host_count = 1},
        .retry_times = settings.retry_times == 0 ? 3 : settings.retry_times,
        .retry_delay_ms = 1,
        .upload_chunk = settings.chunk,
        .concurrency = settings.concurrency,
        .stop = &stop};
    scene->client = client_new(&options, &err);
    assert_non_null(scene->client);
    scene->remote = (struct remote){.client = scene->client, .repository = "a/b"};
    size_t size = settings.size == 0 ? strlen(TEXT) : settings.size;
    scene->data = malloc(size);
    assert_non_null(scene->data);
    for (size_t i = 0; i < size; i++)
        scene->data[i] = (uint8_t)('0' + i % 10);
    scene->id = (struct blob_id){.has_digest = true, .size = size};
    assert_int_equal(digest_of(scene->data, size, &scene->id.digest, &err), 0);
    scene->body = (struct http_body){.size = size, .read = read_data, .context = scene};
    scene->watch = (struct upload_watch){.context = scene, .opened = opened, .closed = closed};
}

static inline void scene_end(struct scene *scene)
{
    client_free(scene->client);
    http_free(scene->http);
    free(scene->data);
}

static inline void play_scene(struct scene *scene, struct script *script, struct settings settings,
                              enum error_class class, const char *text)
{
    struct error err = ERROR_INIT;
    scene_begin(scene, script_host(script), settings);
    int status = upload_blob(&scene->remote, &scene->id, &scene->body, &scene->watch, &err);
    if (script_wrong(script) == NULL && (status < 0 ? err.class : ERROR_NONE) != class)
        fail_msg("%d, %s: %s", status, error_class_name(err.class), err.text);
    if (class != ERROR_NONE && strstr(err.text, text) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", err.text, text);
    assert_null(strstr(err.text, "_state"));
    if (script_wrong(script) == NULL)
        assert_int_equal(scene->opened, scene->closed);
    script_end(script);
}

/* An upload of that blob over that script ends so; no session stays behind. */
static inline void play(struct script *script, struct settings settings, enum error_class class,
                        const char *text)
{
    struct scene scene = {.opened = 0};
    play_scene(&scene, script, settings, class, text);
    scene_end(&scene);
}

#define SCRIPT(...) script_start(&(struct script_options){.other = NULL}, EXCHANGES(__VA_ARGS__))
/* where a request that the client gave up may come late, or not at all */
#define ANY_ORDER(...)                                                                             \
    script_start(&(struct script_options){.any_order = true}, EXCHANGES(__VA_ARGS__))
#define PLAY(settings, ...) play(SCRIPT(__VA_ARGS__), settings, ERROR_NONE, "")
#define TEN                 ((struct settings){.chunk = 0})
#define FOURS               ((struct settings){.chunk = 4})

/* The exchanges that most scripts have. */
#define POST                                                                                       \
    {                                                                                              \
        .request = "POST /v2/a/b/blobs/uploads/ ",                                                 \
        .has = {"authorization: Bearer t0ken", "content-length: 0"}, .answer = "202 Accepted",     \
        .headers = "Location: {base}/up?_state=0\r\n"                                              \
    }
#define POST_AND_CLOSE                                                                             \
    {                                                                                              \
        .request = "POST /v2/a/b/blobs/uploads/ ", .answer = "202 Accepted",                       \
        .headers = "Location: {base}/up?_state=0\r\n", .flags = SCRIPT_CLOSE                       \
    }
#define PUT_WHOLE                                                                                  \
    {                                                                                              \
        .request = "PUT /up?_state=0&digest=" ESCAPED " ", .sent = TEXT, .answer = "201 Created"   \
    }
#define PUT_REFUSED(status, text)                                                                  \
    {                                                                                              \
        .request = "PUT /up?_state=0&digest=", .answer = status, .body = text                      \
    }
#define PATCH(from, to, bytes, state, next)                                                        \
    {                                                                                              \
        .request = "PATCH /up?_state=" state " ",                                                  \
        .has = {"content-range: " from "-" to "\r\n", "content-type: application/octet-stream"},   \
        .sent = bytes, .answer = "202 Accepted",                                                   \
        .headers = "Location: {base}/up?_state=" next "\r\nRange: 0-" to "\r\n"                    \
    }
#define PUT_END(state)                                                                             \
    {                                                                                              \
        .request = "PUT /up?_state=" state "&digest=" ESCAPED " ", .has = {"content-length: 0"},   \
        .answer = "201 Created"                                                                    \
    }
#define HEAD_THERE                                                                                 \
    {                                                                                              \
        .request = "HEAD /v2/a/b/blobs/" DIGEST " ", .answer = "200 OK", .body = TEXT              \
    }
#define HEAD_ABSENT                                                                                \
    {                                                                                              \
        .request = "HEAD /v2/a/b/blobs/sha256:", .answer = "404 Not Found"                         \
    }
#define DELETE                                                                                     \
    {                                                                                              \
        .request = "DELETE /up?_state=", .answer = "204 No Content"                                \
    }
#define ERRORS(code) "{\"errors\":[{\"code\":\"" code "\",\"message\":\"m\"}]}"

#endif
