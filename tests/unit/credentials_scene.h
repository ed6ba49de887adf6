/* credentials_scene.h: all places of credentials in the test's own folder, helpers as scripts there
 * too, first in PATH. */
#ifndef TESTS_UNIT_CREDENTIALS_SCENE_H
#define TESTS_UNIT_CREDENTIALS_SCENE_H

#include "tests/unit/tempdir.h"

#include "convert/net/credentials.h"
#include "formats/model/auto.h"

#define HUB_KEY "https://index.docker.io/v1/"

static char warning[512];

static inline void on_warning(void *context, const char *text)
{
    (void)context;
    snprintf(warning, sizeof warning, "%s", text);
}

static const char *const folders[] = {
    "run", "run/containers", "config", "config/containers", "docker", "bin"};

/* Every variable that is looked at leads into the folder; PATH finds our helpers first. */
static inline int places_make(void **state)
{
    static char path[4096];
    if (path[0] == '\0')
        snprintf(path, sizeof path, "%s", getenv("PATH"));
    if (tempdir_make(state) != 0)
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (mkdir(in_tempdir("%s", folders[i]), 0700) != 0)
            return -1;
    char *with_bin = NULL;
    if (asprintf(&with_bin, "%s:%s", in_tempdir("bin"), path) < 0)
        return -1;
    setenv("PATH", with_bin, 1);
    free(with_bin);
    setenv("HOME", in_tempdir("home"), 1);
    setenv("XDG_RUNTIME_DIR", in_tempdir("run"), 1);
    setenv("XDG_CONFIG_HOME", in_tempdir("config"), 1);
    setenv("DOCKER_CONFIG", in_tempdir("docker"), 1);
    unsetenv("REGISTRY_AUTH_FILE");
    unsetenv("TART_REGISTRY_USERNAME");
    unsetenv("TART_REGISTRY_PASSWORD");
    unsetenv("TART_REGISTRY_HOSTNAME");
    warning[0] = '\0';
    return 0;
}

/* A helper that logs what it was asked to log-NAME, then does the script. */
static inline void put_helper(const char *name, const char *script)
{
    char *text = NULL;
    assert_true(asprintf(&text, "#!/bin/sh\n{ echo \"$1\"; cat; echo; } >>%s/log-%s\n%s\n", tempdir,
                         name, script) > 0);
    put_text(in_tempdir("bin/docker-credential-%s", name), text);
    assert_int_equal(chmod(in_tempdir("bin/docker-credential-%s", name), 0700), 0);
    free(text);
}

static inline struct credential find(const struct credential_options *options, const char *host,
                                     const char *repository)
{
    struct error err = ERROR_INIT;
    struct credential ret;
    if (credentials_find(options, host, repository, on_warning, NULL, &ret, &err) < 0)
        fail_msg("%s", err.text);
    return ret;
}

static inline void assert_found(const struct credential_options *options, const char *host,
                                const char *repository, const char *user, const char *password)
{
    AUTO(credential_done) struct credential found = find(options, host, repository);
    if (user == NULL) {
        assert_true(credential_is_none(&found));
        return;
    }
    assert_non_null(found.user);
    assert_string_equal(found.user, user);
    assert_string_equal(found.password, password);
    assert_non_null(found.source);
}

static inline void assert_source(const struct credential_options *options, const char *host,
                                 const char *source)
{
    AUTO(credential_done) struct credential found = find(options, host, NULL);
    assert_non_null(found.source);
    assert_string_equal(found.source, source);
}

static inline void assert_refused(const struct credential_options *options, const char *host,
                                  enum error_class class, const char *words)
{
    struct error err = ERROR_INIT;
    AUTO(credential_done) struct credential found;
    assert_int_equal(credentials_find(options, host, NULL, on_warning, NULL, &found, &err), -1);
    if (err.class != class || strstr(err.text, words) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    assert_null(strstr(err.text, "s3cret"));
}

static const struct credential_options nothing = {.option_prefix = "src-", .host_count = 1};

/* A path that outlives the next ones. */
static inline const char *kept_path(const char *name)
{
    static char paths[4][1024];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", tempdir, name);
    return path;
}

#endif
