/* client.h: one registry as one side of a command sees it: a request with authorisation, retries
 * and errors in the words of the field. What is asked of a registry is remote.h's, download.h's and
 * upload.h's business.
 *
 * Tried again, with waits that double from retry_delay (jittered, at most 60 s) or as Retry-After
 * says (at most 10 minutes): transport errors, 408, 429, 500, 502, 503, 504, and a 403 that is a
 * rate limit (GHCR: DENIED with a retry-after or x-ratelimit-* header or "rate limit" in its text).
 * Waits end at once with `stop`. A request whose body cannot be repeated is `once`.
 *
 * Errors: ERROR_UNREACHABLE after the last try; ERROR_RATE_LIMIT; ERROR_CREDENTIALS (401 that auth
 * could not help, 403); ERROR_REPOSITORY_MISSING (404 NAME_UNKNOWN); ERROR_QUOTA (403 or 413 or 507
 * that speaks of a quota, or of storage); ERROR_REGISTRY for every other status that was not asked
 * for, with the registry's own code and message. Texts name registry, repository and verb.
 *
 * Threads: any. Owner: client_free after all that uses it. */
#ifndef CONVERT_NET_CLIENT_H
#define CONVERT_NET_CLIENT_H

#include "convert/net/auth.h"
#include "convert/net/http.h"

struct client;
struct profile;

struct client_options {
    struct http *http;
    const char *host; /* HOST[:PORT] as in the reference; docker.io becomes registry-1.docker.io */
    bool plain_http;
    bool tls_verify;
    const char
        *cert_dir; /* NULL: the first of skopeo's that is there: ~/.config/containers/certs.d,
                      /etc/containers/certs.d, /etc/docker/certs.d, each with HOST:PORT */
    struct credential_options credentials;
    const char *const *realm_hosts;
    unsigned retry_times;    /* further tries; default CLIENT_RETRY_TIMES */
    unsigned retry_delay_ms; /* the first wait */
    uint64_t upload_chunk;   /* bytes of a PATCH; 0: as the profile says */
    unsigned concurrency;    /* uploads at once; 0: as the profile says */
    const volatile sig_atomic_t *stop;
    void (*warn)(void *context, const char *text);
    void (*detail)(void *context, const char *text); /* retries and the like */
    void *context;
};
#define CLIENT_RETRY_TIMES    5
#define CLIENT_RETRY_DELAY_MS 1000

/* Copies what it needs. Plain HTTP is spoken where asked for, and to a loopback host that speaks no
 * TLS, or that refuses https and answers http: before the first request its root is looked at, by
 * https, and what was found is remembered. A host that cannot be read: ERROR_REGISTRY. */
struct client *client_new(const struct client_options *options,
                          struct error *err);      /* NULL and err */
struct client *client_free(struct client *client); /* takes NULL */

const char *client_host(const struct client *client);
struct profile *
client_profile(struct client *client); /* what was learned of the registry (profile.h) */
const struct client_options *client_settings(const struct client *client);

enum access { ACCESS_PULL, ACCESS_PUSH };

struct client_request {
    enum http_method method;
    const char *path; /* "/v2/…", or a whole URL (a Location as url_resolve gave it), to whose host
                         alone, and only where it is the registry's own origin, credentials go */
    const char *repository; /* for the scope */
    enum access access;
    const char *from;           /* a mount: this repository is to be pulled from; NULL: none */
    const char *const *headers; /* NULL-terminated; NULL: none */
    const struct http_body *body;
    bool expect_continue;
    bool once;          /* never sent a second time, but for a 401 before anything was done */
    bool blob;          /* HTTP/1.1, and its time is estimated for the token's sake from its size */
    const int *answers; /* statuses that are returned, 0-terminated; all others are errors, and so
                           is a 403 that is a rate limit */
    const char *verb;   /* for messages: "reading the manifest v1" */
};

int client_send(struct client *client, const struct client_request *request,
                struct http_response *ret, struct error *err);
/* As http_open; *ret_stream NULL for answers other than 200 and 206. */
int client_open(struct client *client, const struct client_request *request,
                struct http_response *ret, struct http_stream **ret_stream, struct error *err);

/* The error that a status means, as client_send would set it; for whoever takes statuses itself. */
int client_refuse(struct client *client, const struct client_request *request,
                  const struct http_response *answer, struct error *err);

/* Waits before the attempt-th retry (from 0): 0 go on; -1: ERROR_INTERRUPTED, or no retry is left
 * (err unchanged). retry_after: seconds, 0: none said. */
int client_wait(struct client *client, unsigned attempt, unsigned retry_after, struct error *err);
/* Whether an error may be gone when it is tried again. */
bool client_may_retry(const struct error *err);

#endif
