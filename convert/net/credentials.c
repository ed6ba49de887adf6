/* credentials.c: the order in which credentials are looked for, and where login puts them. Must not
 * know how a file or a helper is read. */
#include "convert/net/credentials.h"

#include "convert/net/base64.h"
#include "convert/net/credential_files.h"
#include "convert/net/credential_helper.h"
#include "convert/net/credential_tree.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

bool credential_is_none(const struct credential *credential)
{
    return credential->user == NULL && credential->identity_token == NULL &&
           credential->registry_token == NULL;
}

void credential_done(struct credential *credential)
{
    secret_free(&credential->user);
    secret_free(&credential->password);
    secret_free(&credential->identity_token);
    secret_free(&credential->registry_token);
    free(credential->source);
    *credential = (struct credential){0};
}

int credential_basic(const struct credential *credential, char **ret, struct error *err)
{
    AUTO_SECRET char *pair = NULL;
    AUTO_SECRET char *coded = NULL;
    *ret = NULL;
    if (credential->user == NULL)
        return 0;
    if (strchr(credential->user, ':') != NULL)
        return error_set(err, ERROR_CREDENTIALS,
                         "the user name of %s has a colon, which cannot be sent",
                         credential->source);
    if (asprintf(&pair, "%s:%s", credential->user, credential->password) < 0)
        pair = NULL;
    coded = pair == NULL ? NULL : base64_encode(pair, strlen(pair));
    if (coded == NULL || asprintf(ret, "Basic %s", coded) < 0) {
        *ret = NULL;
        return error_memory(err);
    }
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool credential_equal(const struct credential *a, const struct credential *b)
{
    return same_text(a->user, b->user) && same_text(a->password, b->password) &&
           same_text(a->identity_token, b->identity_token) &&
           same_text(a->registry_token, b->registry_token);
}

void credentials_guard_core(void)
{
    static const struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* which attaches to the process to look for leaks */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

static int fill(struct credential *ret, const char *user, size_t user_size, const char *password,
                const char *source, struct error *err)
{
    ret->user = strndup(user, user_size);
    ret->password = strdup(password);
    ret->source = strdup(source);
    if (ret->user != NULL && ret->password != NULL && ret->source != NULL)
        return 1;
    credential_done(ret);
    return error_memory(err);
}

/* --- options and environment ---------------------------------------------------------------------
 */

static int find_in_options(const struct credential_options *options, struct credential *ret,
                           struct error *err)
{
    char source[64];
    const char *prefix = options->option_prefix;
    if (options->creds != NULL) {
        const char *creds = options->creds;
        size_t user = strcspn(creds, ":");
        if (user == 0)
            return error_set(err, ERROR_USAGE, "--%screds names no user, expected USER[:PASSWORD]",
                             prefix == NULL ? "" : prefix);
        if (options->given_source != NULL)
            snprintf(source, sizeof source, "%s", options->given_source);
        else if (prefix == NULL)
            snprintf(source, sizeof source, "the command line");
        else
            snprintf(source, sizeof source, "--%screds", prefix);
        return fill(ret, creds, user, creds[user] == ':' ? creds + user + 1 : "", source, err);
    }
    if (options->registry_token == NULL)
        return 0;
    ret->registry_token = strdup(options->registry_token);
    if (asprintf(&ret->source, "--%sregistry-token", prefix == NULL ? "" : prefix) < 0)
        ret->source = NULL;
    if (ret->registry_token != NULL && ret->source != NULL)
        return 1;
    credential_done(ret);
    return error_memory(err);
}

static int find_in_helper(const char *name, const char *host, struct credential *ret,
                          struct error *err)
{
    int found = helper_get(name, tree_docker_key(host), ret, err);
    if (found <= 0)
        return found < 0 ? error_wrap(err, "docker-credential-%s", name) : 0;
    if (asprintf(&ret->source, "docker-credential-%s", name) >= 0)
        return 1;
    ret->source = NULL;
    credential_done(ret);
    return error_memory(err);
}

static int find_in_environment(const struct credential_options *options,
                               const struct credential_query *query, struct credential *ret,
                               struct error *err)
{
    const char *user = environment("TART_REGISTRY_USERNAME");
    const char *password = environment("TART_REGISTRY_PASSWORD");
    const char *host = environment("TART_REGISTRY_HOSTNAME");
    if (user == NULL || password == NULL ||
        (host != NULL && !credential_same_host(host, query->host)))
        return 0;
    if (host == NULL && options->host_count > 1) {
        if (query->warn != NULL)
            query->warn(query->context,
                        "TART_REGISTRY_USERNAME and TART_REGISTRY_PASSWORD are ignored, since "
                        "several registries take part: TART_REGISTRY_HOSTNAME can name theirs");
        return 0;
    }
    return fill(ret, user, strlen(user), password, "TART_REGISTRY_USERNAME", err);
}

/* --- files ---------------------------------------------------------------------------------------
 */

struct file_place {
    const char *variable; /* names the folder */
    const char *fallback; /* where that is unset: below the home folder, or absolute, by user */
    const char *name;
    enum credential_file_kind kind;
};

static const struct file_place places[] = {
    {"XDG_RUNTIME_DIR", "/run/containers", "containers/auth.json", CREDENTIAL_FILE_CONTAINERS},
    {"XDG_CONFIG_HOME", ".config", "containers/auth.json", CREDENTIAL_FILE_CONTAINERS},
    {"DOCKER_CONFIG", ".docker", "config.json", CREDENTIAL_FILE_DOCKER},
};
#define PLACE_RUNTIME &places[0]
#define PLACE_CONFIG  &places[1]

/* *ret NULL: there is no such place. */
static int place_path(const struct file_place *place, char **ret, struct error *err)
{
    const char *folder = environment(place->variable);
    const char *home = environment("HOME");
    int size = 0;
    *ret = NULL;
    if (folder != NULL)
        size = asprintf(ret, "%s/%s", folder, place->name);
    else if (place->fallback[0] == '/')
        size = asprintf(ret, "%s/%u/auth.json", place->fallback, (unsigned)getuid());
    else if (home != NULL)
        size = asprintf(ret, "%s/%s/%s", home, place->fallback, place->name);
    if (size >= 0)
        return 0;
    *ret = NULL;
    return error_memory(err);
}

static int find_in_places(const struct credential_query *query, struct credential *ret,
                          struct error *err)
{
    int found = 0;
    for (size_t i = 0; found == 0 && i < sizeof places / sizeof places[0]; i++) {
        AUTO_FREE char *path = NULL;
        if (place_path(&places[i], &path, err) < 0)
            return -1;
        if (path != NULL)
            found = credential_file_find(path, places[i].kind, false, query, ret, err);
    }
    return found;
}

int credentials_find(const struct credential_options *options, const char *host,
                     const char *repository, void (*warn)(void *context, const char *text),
                     void *context, struct credential *ret, struct error *err)
{
    struct credential_query query = {
        .host = host, .repository = repository, .warn = warn, .context = context};
    const char *file = environment("REGISTRY_AUTH_FILE");
    *ret = (struct credential){0};
    if (options->no_creds)
        return 0;
    credentials_guard_core();
    int found = find_in_options(options, ret, err);
    if (found == 0 && options->helper != NULL)
        found = find_in_helper(options->helper, host, ret, err);
    if (found == 0 && options->authfile != NULL)
        found = credential_file_find(options->authfile, CREDENTIAL_FILE_CONTAINERS, true, &query,
                                     ret, err);
    if (found == 0)
        found = find_in_environment(options, &query, ret, err);
    if (found == 0 && file != NULL)
        found = credential_file_find(file, CREDENTIAL_FILE_CONTAINERS, true, &query, ret, err);
    if (found == 0)
        found = find_in_places(&query, ret, err);
    return found < 0 ? -1 : 0;
}

/* --- login and logout ----------------------------------------------------------------------------
 */

static bool is_folder(const char *path)
{
    struct stat status;
    return path != NULL && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int file_to_change(const char *authfile, char **ret, struct error *err)
{
    if (authfile == NULL)
        authfile = environment("REGISTRY_AUTH_FILE");
    if (authfile != NULL) {
        *ret = strdup(authfile);
        return *ret == NULL ? error_memory(err) : 0;
    }
    bool runtime = is_folder(environment("XDG_RUNTIME_DIR"));
    if (place_path(runtime ? PLACE_RUNTIME : PLACE_CONFIG, ret, err) < 0)
        return -1;
    if (*ret == NULL)
        return error_set(err, ERROR_SETTINGS,
                         "no place for credentials: HOME is not set; --authfile can name one");
    return 0;
}

int credentials_store(const char *authfile, const char *host, const struct credential *credential,
                      char **ret_where, struct error *err)
{
    AUTO_FREE char *path = NULL;
    *ret_where = NULL;
    credentials_guard_core();
    if (file_to_change(authfile, &path, err) < 0)
        return -1;
    return credential_file_store(path, host, credential, ret_where, err);
}

int credentials_erase(const char *authfile, const char *host, char **ret_where, struct error *err)
{
    AUTO_FREE char *path = NULL;
    *ret_where = NULL;
    credentials_guard_core();
    if (file_to_change(authfile, &path, err) < 0)
        return -1;
    return credential_file_erase(path, host, ret_where, err);
}
