/* auth_scene.h: a registry as auth.h sees it, whose realm plays a script; credentials only from the
 * test's own folder, and a clock that is moved by hand. Link with -Wl,--wrap=clock_gettime. */
#ifndef TESTS_UNIT_AUTH_SCENE_H
#define TESTS_UNIT_AUTH_SCENE_H

#include "tests/unit/http_script.h"
#include "tests/unit/tempdir.h"

#include "convert/net/auth.h"
#include "formats/model/auto.h"

#define SCOPE    "repository:a/b:pull"
#define BASIC    "Basic bWU6czNjcmV0" /* me:s3cret */
#define AUTH     "authorization: " BASIC
#define TOKENS   "www-authenticate: Bearer realm=\"%s/token\",service=\"reg\",scope=\"" SCOPE "\"\n"
#define ASKED    "service=reg&scope=repository%3Aa%2Fb%3Apull"
#define ASKED_AS "service=reg&account=me&scope=repository%3Aa%2Fb%3Apull"

/* --- clock, places -------------------------------------------------------------------------------
 */

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

static _Atomic int later; /* seconds */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    int status = __real_clock_gettime(clock, ret);
    if (clock == CLOCK_MONOTONIC)
        ret->tv_sec += later;
    return status;
}

static inline int places_make(void **state)
{
    static const char *const variables[] = {"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
                                            "DOCKER_CONFIG"};
    if (tempdir_make(state) != 0)
        return -1;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        setenv(variables[i], tempdir, 1);
    unsetenv("REGISTRY_AUTH_FILE");
    unsetenv("TART_REGISTRY_USERNAME");
    unsetenv("TART_REGISTRY_PASSWORD");
    unsetenv("TART_REGISTRY_HOSTNAME");
    unsetenv("http_proxy");
    later = 0;
    return 0;
}

/* --- one registry --------------------------------------------------------------------------------
 */

struct scene {
    struct script *script;
    struct http *http;
    struct auth *auth;
};

static inline void scene_start(struct scene *scene, const char *creds,
                               const struct exchange *exchanges, size_t count)
{
    struct error err = ERROR_INIT;
    scene->script = script_start(&(struct script_options){0}, exchanges, count);
    scene->http = http_new(&(struct http_options){0}, &err);
    assert_non_null(scene->http);
    const struct auth_options options = {
        .http = scene->http,
        .host = script_host(scene->script),
        .url = script_base(scene->script),
        .trust = {.verify = true},
        .credentials = {.option_prefix = "src-", .creds = creds, .host_count = 1}};
    scene->auth = auth_new(&options, &err);
    assert_non_null(scene->auth);
}

static inline void scene_end(struct scene *scene)
{
    auth_free(scene->auth);
    http_free(scene->http);
    script_end(scene->script);
}

static inline char *header_for(struct scene *scene, const char *scope, unsigned seconds)
{
    struct error err = ERROR_INIT;
    char *ret;
    if (auth_header(scene->auth, "a/b", scope, seconds, &ret, &err) < 0)
        fail_msg("%s", err.text);
    return ret;
}

static inline void assert_shows(struct scene *scene, const char *wanted)
{
    AUTO_SECRET char *header = header_for(scene, SCOPE, 1);
    if (wanted == NULL) {
        assert_null(header);
        return;
    }
    assert_non_null(header);
    assert_string_equal(header, wanted);
}

static inline void assert_fails(struct scene *scene, enum error_class class, const char *words)
{
    struct error err = ERROR_INIT;
    char *header;
    assert_int_equal(auth_header(scene->auth, "a/b", SCOPE, 1, &header, &err), -1);
    assert_null(header);
    if (err.class != class || strstr(err.text, words) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    assert_null(strstr(err.text, "s3cret"));
    assert_null(strstr(err.text, "czNjcmV0"));
    assert_null(strstr(err.text, "service="));
}

/* headers: as http_response has them; %s in it is the script's base. */
static inline int challenge(struct scene *scene, const char *headers, const char *used)
{
    struct error err = ERROR_INIT;
    char filled[1024] = "";
    const char *mark = strstr(headers, "%s");
    snprintf(filled, sizeof filled, "%.*s%s%s", mark == NULL ? 0 : (int)(mark - headers), headers,
             mark == NULL ? "" : script_base(scene->script), mark == NULL ? headers : mark + 2);
    const struct http_response answer = {.status = 401, .headers = filled};
    int status = auth_challenge(scene->auth, "a/b", SCOPE, used, &answer, &err);
    if (status < 0)
        fail_msg("%s", err.text);
    return status;
}

static inline void assert_shows_for(struct scene *scene, unsigned seconds, const char *wanted)
{
    AUTO_SECRET char *header = header_for(scene, SCOPE, seconds);
    assert_non_null(header);
    assert_string_equal(header, wanted);
}

#endif
