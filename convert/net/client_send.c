/* client_send.c: one request until it is answered as it was meant to be: where it goes, with whose
 * authorisation, how often; and what an answer means that was not asked for. Must not know what the
 * requests are for. */
#include "convert/net/client_parts.h"
#include "convert/net/refusal.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define AUTH_ROUNDS 2

/* Where a request goes and as whom. */
struct route {
    struct auth *auth; /* NULL: not the registry's own origin: as nobody */
    char *url, *scope;
    unsigned seconds;
};

static void route_done(struct route *route)
{
    free(route->url);
    free(route->scope);
}

static const char *repository_of(const struct client_request *request)
{
    return request->repository == NULL ? "" : request->repository;
}

/* "HOST/REPOSITORY: VERB: " before an error that comes from below. */
static int wrap(const struct client *client, const struct client_request *request,
                struct error *err)
{
    const char *repository = repository_of(request);
    return error_wrap(err, "%s%s%s: %s", client->options.host, repository[0] == '\0' ? "" : "/",
                      repository, request->verb);
}

static int route_scope(const struct client_request *request, char **ret, struct error *err)
{
    const char *access = request->access == ACCESS_PUSH ? "pull,push" : "pull";
    int printed;
    if (request->repository == NULL)
        printed = asprintf(ret, "%s", "");
    else if (request->from == NULL)
        printed = asprintf(ret, "repository:%s:%s", request->repository, access);
    else
        printed = asprintf(ret, "repository:%s:%s repository:%s:pull", request->repository, access,
                           request->from);
    if (printed >= 0)
        return 0;
    *ret = NULL;
    return error_memory(err);
}

/* Of the body; 0: there is none, or it is not known how long it will be. */
static uint64_t known_size(const struct client_request *request)
{
    const struct http_body *body = request->body;
    return body == NULL || body->size == HTTP_SIZE_UNKNOWN ? 0 : body->size;
}

static int route_find(struct client *client, const struct client_request *request,
                      struct route *ret, struct error *err)
{
    const char *base;
    if (client_reach(client, &base, &ret->auth, err) < 0 ||
        route_scope(request, &ret->scope, err) < 0)
        return -1;
    ret->seconds = client_estimate(client, known_size(request));
    bool whole = request->path[0] != '/';
    if (asprintf(&ret->url, "%s%s", whole ? "" : base, request->path) < 0) {
        ret->url = NULL;
        return error_memory(err);
    }
    if (!whole || url_same_origin(base, ret->url))
        return 0;
    ret->auth = NULL;
    AUTO(url_done) struct url to = {0};
    if (url_parse(ret->url, &to, err) < 0)
        return -1;
    if (strncmp(base, "https:", 6) == 0 && strcmp(to.scheme, "https") != 0)
        return error_set(err, ERROR_REGISTRY, "the registry leads from https to %s://%s", to.scheme,
                         to.host);
    return 0;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int send_once(struct client *client, const struct client_request *request,
                     const struct route *route, const char *authorization,
                     struct http_response *ret, struct http_stream **ret_stream, struct error *err)
{
    const struct http_request sent = {.method = request->method,
                                      .url = route->url,
                                      .trust = client->trust,
                                      .small = !request->blob,
                                      .headers = request->headers,
                                      .authorization = authorization,
                                      .body = request->body,
                                      .expect_continue = request->expect_continue};
    http_response_done(ret);
    *ret = (struct http_response){.status = 0};
    if (ret_stream != NULL)
        return http_open(client->options.http, &sent, ret, ret_stream, err);
    uint64_t start = now_ms();
    int status = http_send(client->options.http, &sent, ret, err);
    if (status == 0 && ret->status / 100 == 2 && known_size(request) > 0)
        client_learn(client, request->body->size, now_ms() - start);
    return status;
}

/* A challenge counts only where the registry itself made it, not a storage it led to. */
static bool is_challenge(const struct route *route, const struct http_response *answer)
{
    struct refusal refusal;
    if (answer->status != 401 || route->auth == NULL ||
        (answer->url != NULL && !url_same_origin(route->url, answer->url)))
        return false;
    refusal_read(answer, &refusal);
    return !refusal_is_rate_limit(answer, &refusal);
}

static int send_authorised(struct client *client, const struct client_request *request,
                           const struct route *route, struct http_response *ret,
                           struct http_stream **ret_stream, struct error *err)
{
    for (unsigned round = 0;; round++) {
        AUTO(secret_free) char *header = NULL;
        if (route->auth != NULL && auth_header(route->auth, request->repository, route->scope,
                                               route->seconds, &header, err) < 0)
            return -1;
        if (send_once(client, request, route, header, ret, ret_stream, err) < 0)
            return -1;
        if (round == AUTH_ROUNDS || !is_challenge(route, ret))
            return 0;
        int again =
            auth_challenge(route->auth, request->repository, route->scope, header, ret, err);
        if (again <= 0)
            return again;
    }
}

/* A rate limit in the guise of a 403 is nobody's answer. */
static bool is_wanted(const struct client_request *request, const struct http_response *answer)
{
    const int *wanted = request->answers;
    struct refusal refusal;
    while (wanted != NULL && *wanted != 0 && *wanted != answer->status)
        wanted++;
    if (wanted == NULL || *wanted == 0)
        return false;
    if (answer->status != 403)
        return true;
    refusal_read(answer, &refusal);
    return !refusal_is_rate_limit(answer, &refusal);
}

static bool is_passing(int status)
{
    return status == 408 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* One try: 0 the answer is one that was asked for; -1 with, where the registry said so, how long to
 * wait before the next. */
static int try_once(struct client *client, const struct client_request *request,
                    struct http_response *ret, struct http_stream **ret_stream,
                    unsigned *ret_retry_after, struct error *err)
{
    AUTO(route_done) struct route route = {0};
    if (route_find(client, request, &route, err) < 0 ||
        send_authorised(client, request, &route, ret, ret_stream, err) < 0)
        return wrap(client, request, err);
    if (is_wanted(request, ret))
        return 0;
    if (ret_stream != NULL)
        *ret_stream = http_close(*ret_stream);
    *ret_retry_after = refusal_retry_after(ret);
    return client_refuse(client, request, ret, err);
}

static int try_often(struct client *client, const struct client_request *request,
                     struct http_response *ret, struct http_stream **ret_stream, struct error *err)
{
    for (unsigned attempt = 0;; attempt++) {
        unsigned retry_after = 0;
        if (try_once(client, request, ret, ret_stream, &retry_after, err) == 0)
            return 0;
        if (request->once || !client_may_retry(err) ||
            client_wait(client, attempt, retry_after, err) < 0)
            return -1;
    }
}

int client_send(struct client *client, const struct client_request *request,
                struct http_response *ret, struct error *err)
{
    return try_often(client, request, ret, NULL, err);
}

int client_open(struct client *client, const struct client_request *request,
                struct http_response *ret, struct http_stream **ret_stream, struct error *err)
{
    *ret_stream = NULL;
    return try_often(client, request, ret, ret_stream, err);
}

/* --- what an answer means --- */

/* Who answered, where it was not the registry itself: allocated; NULL: it was. */
static char *stranger(struct client *client, const struct http_response *answer)
{
    const char *base;
    struct auth *auth;
    struct error ignored = ERROR_INIT;
    AUTO(url_done) struct url url = {0};
    if (answer->url == NULL || client_reach(client, &base, &auth, &ignored) < 0 ||
        url_same_origin(base, answer->url) || url_parse(answer->url, &url, &ignored) < 0)
        return NULL;
    return take_ptr(&url.host);
}

static enum error_class class_of(const struct http_response *answer, const struct refusal *refusal,
                                 bool strange)
{
    if (refusal_is_rate_limit(answer, refusal))
        return ERROR_RATE_LIMIT;
    if (is_passing(answer->status))
        return ERROR_UNREACHABLE;
    if (refusal_is_quota(answer, refusal))
        return ERROR_QUOTA;
    if (strange)
        return ERROR_REGISTRY;
    if (answer->status == 401 || answer->status == 403)
        return ERROR_CREDENTIALS;
    if (answer->status == 404 && refusal_says(refusal, "NAME_UNKNOWN"))
        return ERROR_REPOSITORY_MISSING;
    return ERROR_REGISTRY;
}

static bool is_ecr(const char *host)
{
    return strstr(host, ".dkr.ecr.") != NULL || strcmp(host, "public.ecr.aws") == 0;
}

/* What to do about it: with a leading "; ", or nothing. */
static void remedy(struct client *client, const struct client_request *request,
                   enum error_class class, char *ret, size_t size)
{
    const char *base, *host = client->options.host;
    struct auth *auth;
    struct error ignored = ERROR_INIT;
    if (class == ERROR_RATE_LIMIT)
        snprintf(ret, size, "; wait, then run the same command again");
    else if (class == ERROR_QUOTA)
        snprintf(ret, size, "; make room there, then run the same command again");
    else if (class == ERROR_REPOSITORY_MISSING && is_ecr(host))
        snprintf(ret, size, "; create the repository first: aws ecr%s create-repository",
                 strcmp(host, "public.ecr.aws") == 0 ? "-public" : "");
    else if (class == ERROR_REPOSITORY_MISSING)
        snprintf(ret, size, "; %s",
                 request->access == ACCESS_PUSH ? "create the repository first"
                                                : "no such repository, or not for us to see");
    else if (class == ERROR_CREDENTIALS && client_reach(client, &base, &auth, &ignored) == 0)
        snprintf(ret, size, "; asked as %s: tartconv login %s, or --%screds", auth_who(auth), host,
                 client->options.credentials.option_prefix == NULL
                     ? ""
                     : client->options.credentials.option_prefix);
    else
        ret[0] = '\0';
}

int client_refuse(struct client *client, const struct client_request *request,
                  const struct http_response *answer, struct error *err)
{
    struct refusal refusal;
    char advice[200];
    AUTO_FREE char *host = stranger(client, answer);
    refusal_read(answer, &refusal);
    enum error_class class = class_of(answer, &refusal, host != NULL);
    remedy(client, request, class, advice, sizeof advice);
    bool says = refusal.codes[0] != '\0' || refusal.message[0] != '\0';
    error_set(err, class, "%s answered %d%s%s%s%s%s", host == NULL ? "the registry" : host,
              answer->status, says ? ": " : "", refusal.codes,
              refusal.codes[0] != '\0' && refusal.message[0] != '\0' ? ", " : "", refusal.message,
              advice);
    return wrap(client, request, err);
}
