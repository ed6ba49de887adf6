/* auth.h: what one side of a command shows to one registry: nothing, Basic, or a Bearer token that
 * is fetched, kept for its time, and fetched again.
 *
 *     auth_new ─► auth_header before a request ─► (401) auth_challenge ─► auth_header again …
 *
 * Tokens are kept per scope. A token is renewed when the time that the caller says the request may
 * take would pass its end (expires_in, default 60 s, from issued_at or now, less a tenth). With an
 * identity token or, where GET is refused, a password: OAuth2 POST; else GET with Basic.
 *
 * A realm gets credentials only over https (or where its host is loopback), and only if it is the
 * registry's own host (any port; all names of the loopback are one host), a host that the built-in
 * table names for the registry (docker.io, registry-1.docker.io: auth.docker.io;
 * registry.gitlab.com: gitlab.com), or one given by
 * --realm-host; else ERROR_CREDENTIALS, naming both hosts and the option. Without credentials a
 * token is asked for anonymously at any https realm, or http realm of a loopback or plain-http
 * registry.
 *
 * ERROR_CREDENTIALS: refused, with where they came from. ERROR_UNREACHABLE, ERROR_RATE_LIMIT: the
 * realm, later it may do. ERROR_REGISTRY: its answer is no token.
 * Threads: any; one token is fetched once. */
#ifndef CONVERT_NET_AUTH_H
#define CONVERT_NET_AUTH_H

#include "convert/net/credentials.h"
#include "convert/net/http.h"

struct auth_options {
    struct http *http;
    const char *host;        /* HOST[:PORT] as in the reference */
    const char *url;         /* the registry's base: scheme://host:port */
    struct http_trust trust; /* also for a realm on the registry's own host */
    struct credential_options credentials;
    const char *const *realm_hosts; /* NULL-terminated; NULL: none */
    const volatile sig_atomic_t *stop;
    void (*warn)(void *context, const char *text);
    void *context;
};

struct auth;
struct auth *auth_new(const struct auth_options *options,
                      struct error *err);  /* borrows options' texts */
struct auth *auth_free(struct auth *auth); /* takes NULL */

/* scope: "repository:NAME:pull,push", several separated by a space (a mount); "" for the registry
 * itself. repository: for credentials by path; NULL: none. seconds: how long the request may take.
 * *ret: the header's value, allocated (secret_free), or NULL: none is needed as far as is known. */
int auth_header(struct auth *auth, const char *repository, const char *scope, unsigned seconds,
                char **ret, struct error *err);

/* After a 401 whose request carried `used` (NULL: nothing): learns from its challenge. 1: ask
 * auth_header and try again; 0: what we have was refused and nothing else can be tried; -1. What is
 * refused at once when it is new is not asked for again and again, but where several requests are
 * under way that cannot be told for sure: a caller gives a request up after a few rounds. A refusal
 * makes the file or helper be read once more, and again when what came of it had been of use. The
 * scope that the challenge names is used where it is larger than what was asked for. */
int auth_challenge(struct auth *auth, const char *repository, const char *scope, const char *used,
                   const struct http_response *answer, struct error *err);

/* For messages: "anonymous", or where the credentials come from. Lives as long as auth. */
const char *auth_who(const struct auth *auth);

#endif
