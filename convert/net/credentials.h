/* credentials.h: who we are to a registry: where user names, passwords and tokens come from.
 *
 * Order, for each side of a command by itself, the first hit wins: the side's own options
 * (--src-creds, --src-registry-token, --src-no-creds; a helper that it names); --authfile;
 * TART_REGISTRY_USERNAME and TART_REGISTRY_PASSWORD; REGISTRY_AUTH_FILE; containers' auth.json
 * (${XDG_RUNTIME_DIR}/containers/auth.json, /run/containers/UID/auth.json where XDG_RUNTIME_DIR is
 * unset, ${XDG_CONFIG_HOME:-~/.config}/containers/auth.json);
 * Docker's ${DOCKER_CONFIG:-~/.docker}/config.json. In each file: credHelpers (exact host), then
 * auths (auth.json: the longest path prefix of HOST/REPOSITORY first, then the host; Docker's:
 * host, also with https:// and /v1/ as docker login writes them), then credsStore; identity tokens.
 * TART_REGISTRY_* serve the host that TART_REGISTRY_HOSTNAME names; where that is unset, only if a
 * single registry host takes part in the command, else they are ignored with a warning.
 *
 * Helpers are run as docker does it (docker-credential-NAME get, the host on its standard input),
 * without a shell, with a time limit of 30 s; NAME may hold letters, digits, "-", "_", "." only. A
 * helper that credHelpers names must be there (ERROR_SETTINGS); a credsStore that is not is passed
 * over with a warning.
 *
 * A file that is absent is passed over (but not the one --authfile or REGISTRY_AUTH_FILE names:
 * ERROR_NO_SUCH_FILE); one that cannot be read as JSON is ERROR_SETTINGS, with its name.
 *
 * Secrets live in memory that is wiped when it is freed, and from the first one on the process
 * leaves no core dump (credentials_guard_core). Threads: credentials_find from any thread. */
#ifndef CONVERT_NET_CREDENTIALS_H
#define CONVERT_NET_CREDENTIALS_H

#include "convert/net/secret.h" /* secret_free */
#include "formats/model/error.h"

#include <stdbool.h>
#include <stddef.h>

struct credential {
    char *user, *password; /* both or neither */
    char *identity_token;  /* an OAuth2 refresh token */
    char *registry_token;  /* a bearer token to be sent as it is */
    char *source;          /* where it was found, for messages: "--src-creds", a file's name */
};
bool credential_is_none(const struct credential *credential);
void credential_done(struct credential *credential); /* wipes */

/* "Basic …", a secret; NULL: it has no user. ERROR_CREDENTIALS: a user name with a colon. */
int credential_basic(const struct credential *credential, char **ret, struct error *err);
bool credential_equal(const struct credential *a, const struct credential *b);

/* What one side of a command was given; texts are borrowed. */
struct credential_options {
    const char *option_prefix; /* "src-", "dest-" or "", for messages; NULL: no option's */
    const char *creds;         /* USER[:PASSWORD]; NULL: not given */
    const char *registry_token;
    const char *helper;       /* docker-credential-NAME, which must be there; NULL: not given */
    const char *given_source; /* where that was given, for messages; NULL: as options */
    bool no_creds;
    const char *authfile;
    size_t host_count; /* different registry hosts that take part in the command */
};

/* host: HOST[:PORT] as in the reference (docker.io for the hub, for which Docker's files and
 * helpers say https://index.docker.io/v1/). repository: NULL: none. Nothing found: 0, and
 * credential_is_none. warn may be NULL: told of ignored TART_REGISTRY_* and of an absent
 * credsStore. ERROR_CREDENTIALS: a helper failed. */
int credentials_find(const struct credential_options *options, const char *host,
                     const char *repository, void (*warn)(void *context, const char *text),
                     void *context, struct credential *ret, struct error *err);

/* login and logout: the file that docker and skopeo read, written by rename, 0600, all else in it
 * kept: --authfile, else REGISTRY_AUTH_FILE, else ${XDG_RUNTIME_DIR}/containers/auth.json where
 * XDG_RUNTIME_DIR is a folder, else ${XDG_CONFIG_HOME:-~/.config}/containers/auth.json. Where the
 * file names a helper for the host (credHelpers, credsStore), the helper stores or erases it.
 * ret_where: allocated; what it was written to or removed from. logout: ERROR_NO_SUCH_FILE-like
 * refusal is ERROR_CREDENTIALS: "not logged in to HOST". */
int credentials_store(const char *authfile, const char *host, const struct credential *credential,
                      char **ret_where, struct error *err);
int credentials_erase(const char *authfile, const char *host, char **ret_where, struct error *err);

/* No core dump, and no attaching by other processes of the user (prctl, setrlimit). */
void credentials_guard_core(void);

#endif
