/* credential_files.c: finds the credentials of a host in a file, or has a helper find them. Must
 * not know which files there are. */
#include "convert/net/credential_files.h"

#include "convert/net/base64.h"
#include "convert/net/credential_helper.h"
#include "convert/net/credential_tree.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

static int set_source(struct credential *ret, const char *program, const char *path,
                      struct error *err)
{
    bool helper = program != NULL;
    if (asprintf(&ret->source, "%s%s%s%s", helper ? "docker-credential-" : "",
                 helper ? program : "", helper ? " of " : "", path) >= 0)
        return 1;
    ret->source = NULL;
    return error_memory(err);
}

/* --- an entry ------------------------------------------------------------------------------------
 */

static int refuse_entry(const char *path, const struct json *entry, const char *what,
                        struct error *err)
{
    return error_set(err, ERROR_SETTINGS, "%s: the entry for %s %s", path, json_key(entry), what);
}

static int copy_member(const struct json *entry, const char *name, char **ret, struct error *err)
{
    const char *text = json_string(json_get(entry, name));
    if (text == NULL || *text == '\0')
        return 0;
    *ret = strdup(text);
    return *ret == NULL ? error_memory(err) : 0;
}

/* "auth": base64 of USER:PASSWORD; docker leaves NULs behind the password. */
static int decode_pair(const char *path, const struct json *entry, const char *auth,
                       struct credential *ret, struct error *err)
{
    size_t size = 0;
    AUTO_SECRET char *pair = base64_decode(auth, &size);
    while (pair != NULL && size > 0 && pair[size - 1] == '\0')
        size--;
    char *colon = pair == NULL ? NULL : memchr(pair, ':', size);
    if (colon == NULL || strlen(pair) != size)
        return refuse_entry(path, entry, "has an \"auth\" that is no base64 of USER:PASSWORD", err);
    ret->user = strndup(pair, (size_t)(colon - pair));
    ret->password = strdup(colon + 1);
    return ret->user == NULL || ret->password == NULL ? error_memory(err) : 0;
}

static int read_entry(const char *path, const struct json *entry, struct credential *ret,
                      struct error *err)
{
    const char *auth = json_string(json_get(entry, "auth"));
    if (json_type(entry) == JSON_NULL)
        return 0;
    if (json_type(entry) != JSON_OBJECT)
        return refuse_entry(path, entry, "is no object", err);
    if (copy_member(entry, "identitytoken", &ret->identity_token, err) < 0 ||
        copy_member(entry, "registrytoken", &ret->registry_token, err) < 0)
        return -1;
    if (auth != NULL && *auth != '\0') {
        if (decode_pair(path, entry, auth, ret, err) < 0)
            return -1;
    } else if (copy_member(entry, "username", &ret->user, err) < 0 ||
               copy_member(entry, "password", &ret->password, err) < 0) {
        return -1;
    }
    /* Beside an identity token stands a user name of no use. */
    bool half = ret->user == NULL || ret->password == NULL || *ret->user == '\0' ||
                (ret->identity_token != NULL && *ret->password == '\0');
    if (half) {
        secret_free(&ret->user);
        secret_free(&ret->password);
    }
    return credential_is_none(ret) ? 0 : set_source(ret, NULL, path, err);
}

/* --- finding it ----------------------------------------------------------------------------------
 */

/* The longest part of HOST/REPOSITORY that has an entry, then HOST. */
static int find_exact(const char *path, enum credential_file_kind kind, const struct json *auths,
                      const struct credential_query *query, struct credential *ret,
                      struct error *err)
{
    AUTO_FREE char *key = NULL;
    bool paths = kind == CREDENTIAL_FILE_CONTAINERS && query->repository != NULL;
    if (asprintf(&key, "%s%s%s", query->host, paths ? "/" : "", paths ? query->repository : "") < 0)
        return error_memory(err);
    for (;;) {
        const struct json *entry = json_get(auths, key);
        int found = entry == NULL ? 0 : read_entry(path, entry, ret, err);
        char *slash = strrchr(key, '/');
        if (found != 0 || slash == NULL)
            return found;
        *slash = '\0';
    }
}

static int find_entry(const char *path, enum credential_file_kind kind, const struct json *auths,
                      const struct credential_query *query, struct credential *ret,
                      struct error *err)
{
    int found = find_exact(path, kind, auths, query, ret, err);
    for (const struct json *entry = json_first(auths); found == 0 && entry != NULL;
         entry = json_next(entry))
        if (tree_key_is(json_key(entry), kind, query->host))
            found = read_entry(path, entry, ret, err);
    return found;
}

static int ask_helper(const char *path, const char *name, const struct credential_query *query,
                      struct credential *ret, struct error *err)
{
    int found = helper_get(name, tree_docker_key(query->host), ret, err);
    if (found == 0 && strcmp(tree_docker_key(query->host), query->host) != 0)
        found = helper_get(name, query->host, ret, err);
    return found == 1 ? set_source(ret, name, path, err) : found;
}

/* Docker's desktop leaves its name in files that are then used without it: so a store that is not
 * there keeps no one from what can be had without credentials. */
static int ask_store(const char *path, const char *name, const struct credential_query *query,
                     struct credential *ret, struct error *err)
{
    int found = ask_helper(path, name, query, ret, err);
    if (found >= 0 || err->class != ERROR_NO_SUCH_FILE)
        return found;
    AUTO_FREE char *text = NULL;
    if (query->warn != NULL &&
        asprintf(&text, "%s names the credsStore \"%s\", but docker-credential-%s is not in PATH",
                 path, name, name) >= 0)
        query->warn(query->context, text);
    return 0;
}

static int find_in_tree(const char *path, enum credential_file_kind kind, const struct json *tree,
                        const struct credential_query *query, struct credential *ret,
                        struct error *err)
{
    int found = 0;
    const char *helper = tree_helper(tree, query->host);
    const char *store = json_string(json_get(tree, "credsStore"));
    if (helper != NULL)
        found = ask_helper(path, helper, query, ret, err);
    if (found < 0 && err->class == ERROR_NO_SUCH_FILE)
        err->class = ERROR_SETTINGS;
    if (found == 0)
        found = find_entry(path, kind, json_get(tree, "auths"), query, ret, err);
    if (found == 0 && store != NULL && *store != '\0')
        found = ask_store(path, store, query, ret, err);
    return found;
}

int credential_file_find(const char *path, enum credential_file_kind kind, bool required,
                         const struct credential_query *query, struct credential *ret,
                         struct error *err)
{
    AUTO(secret_json_free) struct json *tree = NULL;
    *ret = (struct credential){0};
    int there = tree_read(path, &tree, err);
    if (there < 0)
        return -1;
    if (there == 0)
        return required ? error_set(err, ERROR_NO_SUCH_FILE, "%s is not there", path) : 0;
    int found = find_in_tree(path, kind, tree, query, ret, err);
    if (found <= 0)
        credential_done(ret);
    if (found < 0 && strstr(err->text, path) == NULL)
        error_wrap(err, "%s", path);
    return found;
}

/* --- storing and erasing -------------------------------------------------------------------------
 */

static int say_where(const char *helper, const char *path, char **ret, struct error *err)
{
    int size = helper == NULL ? asprintf(ret, "%s", path)
                              : asprintf(ret, "docker-credential-%s of %s", helper, path);
    return size < 0 ? error_memory(err) : 0;
}

static int put_entry(struct json *tree, const char *path, const char *host,
                     const struct credential *credential, struct error *err)
{
    AUTO_SECRET char *pair = NULL;
    AUTO_SECRET char *auth = NULL;
    struct json *auths = json_get(tree, "auths");
    if (auths != NULL && json_type(auths) != JSON_NULL && json_type(auths) != JSON_OBJECT)
        return error_set(err, ERROR_SETTINGS, "%s: \"auths\" is %s, expected an object", path,
                         json_type_name(auths));
    if ((auths == NULL || json_type(auths) == JSON_NULL) &&
        json_set(tree, "auths", json_new_object(), err) < 0)
        return -1;
    auths = json_get(tree, "auths");
    tree_remove_host(auths, host);
    struct json *entry = json_new_object();
    if (json_set(auths, tree_key(path, host), entry, err) < 0)
        return -1;
    const char *user = credential->user, *password = credential->password;
    if (asprintf(&pair, "%s:%s", user == NULL ? "" : user, password == NULL ? "" : password) < 0)
        pair = NULL;
    auth = pair == NULL ? NULL : base64_encode(pair, strlen(pair));
    if (auth == NULL)
        return error_memory(err);
    if (json_set_string(entry, "auth", auth, err) < 0)
        return -1;
    if (credential->identity_token == NULL)
        return 0;
    return json_set_string(entry, "identitytoken", credential->identity_token, err);
}

static int store_in(struct tree_file *file, const char *host, const struct credential *credential,
                    char **ret_where, struct error *err)
{
    const char *helper = tree_helper(file->tree, host);
    const char *store = json_string(json_get(file->tree, "credsStore"));
    if (helper == NULL && store != NULL && *store != '\0')
        helper = store;
    /* Said first, so that nothing can fail behind the deed. */
    if (say_where(helper, file->path, ret_where, err) < 0)
        return -1;
    if (helper != NULL)
        return helper_store(helper, tree_docker_key(host), credential, err);
    if (put_entry(file->tree, file->path, host, credential, err) < 0)
        return -1;
    return tree_file_write(file, err);
}

int credential_file_store(const char *path, const char *host, const struct credential *credential,
                          char **ret_where, struct error *err)
{
    AUTO(tree_file_done) struct tree_file file = TREE_FILE_INIT;
    *ret_where = NULL;
    if (tree_file_open(path, true, &file, err) < 0)
        return -1;
    if (store_in(&file, host, credential, ret_where, err) == 0)
        return 0;
    free(*ret_where);
    *ret_where = NULL;
    if (err->class == ERROR_NO_SUCH_FILE)
        err->class = ERROR_SETTINGS;
    return strstr(err->text, path) == NULL ? error_wrap(err, "%s", path) : -1;
}

static int erase_in(struct tree_file *file, const char *host, char **ret_where, struct error *err)
{
    const char *helper = tree_helper(file->tree, host);
    const char *store = json_string(json_get(file->tree, "credsStore"));
    int erased = 0;
    if (helper == NULL && store != NULL && *store != '\0')
        helper = store;
    bool removed = tree_remove_host(json_get(file->tree, "auths"), host);
    if (removed && tree_file_write(file, err) < 0)
        return -1;
    if (helper != NULL)
        erased = helper_erase(helper, tree_docker_key(host), err);
    if (erased < 0)
        return -1;
    if (!removed && erased == 0)
        return error_set(err, ERROR_CREDENTIALS, "not logged in to %s according to %s", host,
                         file->path);
    return say_where(erased == 1 ? helper : NULL, file->path, ret_where, err);
}

int credential_file_erase(const char *path, const char *host, char **ret_where, struct error *err)
{
    AUTO(tree_file_done) struct tree_file file = TREE_FILE_INIT;
    *ret_where = NULL;
    if (tree_file_open(path, false, &file, err) < 0) {
        if (err->class != ERROR_NO_SUCH_FILE)
            return -1;
        return error_set(err, ERROR_CREDENTIALS, "not logged in to %s: %s is not there", host,
                         path);
    }
    if (erase_in(&file, host, ret_where, err) == 0)
        return 0;
    if (err->class == ERROR_NO_SUCH_FILE)
        err->class = ERROR_SETTINGS;
    return strstr(err->text, path) == NULL ? error_wrap(err, "%s", path) : -1;
}
