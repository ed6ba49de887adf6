/* session.c: the requests of an upload session, and what their answers mean. Registries differ most
 * here: docs/registries.md. Must not know why a step is taken, nor try one twice. */
#include "convert/net/session.h"

#include "convert/net/refusal.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

#define EXPECT_SIZE (1u << 20) /* larger bodies ask first */

/* Smaller ones would only make requests; no registry is known to ask for them. */
#define MAXIMUM_LEAST (64u << 10)

static const int answers[] = {200, 201, 202, 204, 400, 403, 404, 405, 408,
                              413, 416, 429, 500, 502, 503, 504, 0};

/* "HOST/REPOSITORY: sending blob DIGEST: " before what no request has put there. */
static enum step fail(const struct session *session, struct error *err)
{
    error_wrap(err, "%s/%s: sending blob %s", client_host(session->remote->client),
               session->remote->repository, session->digest);
    return STEP_FAILED;
}

void session_is_over(struct session *session)
{
    if (session->opened != NULL && session->watch != NULL && session->watch->closed != NULL)
        session->watch->closed(session->watch->context, session->opened);
    secret_free(&session->opened);
    secret_free(&session->location);
}

/* --- what is said in headers --- */

/* Where the session is now. The specification asks for a Location in every answer; where there is
 * none the old one goes on. */
static int take_location(struct session *session, const struct http_response *answer,
                         struct error *err)
{
    AUTO(secret_free) char *value = http_header(answer, "location", 0);
    if (value == NULL || value[0] == '\0') {
        if (session->location != NULL)
            return 0;
        return error_set(err, ERROR_REGISTRY,
                         "the registry opened an upload session without saying where");
    }
    char *location = url_resolve(answer->url == NULL ? session->location : answer->url, value, err);
    if (location == NULL)
        return -1;
    secret_free(&session->location);
    session->location = location;
    return 0;
}

/* "0-N", or as some write it "bytes=0-N": N + 1 bytes. "0-0" is also said of nothing. */
static bool read_range(const struct http_response *answer, uint64_t *ret)
{
    AUTO_FREE char *value = http_header(answer, "range", 0);
    if (value == NULL)
        return false;
    const char *text = strncmp(value, "bytes=", 6) == 0 ? value + 6 : value;
    uint64_t last;
    if (strncmp(text, "0-", 2) != 0 || !parse_size(text + 2, &last))
        return false;
    *ret = last == 0 ? 0 : last + 1;
    return true;
}

/* --- what a status means --- */

static enum step judge_error(const struct error *err)
{
    if (err->class == ERROR_RATE_LIMIT)
        return STEP_BUSY;
    return client_may_retry(err) ? STEP_BROKEN : STEP_FAILED;
}

static enum step judge(struct session *session, const struct client_request *request,
                       const struct http_response *answer, struct error *err)
{
    struct refusal refusal;
    refusal_read(answer, &refusal);
    session->retry_after = refusal_retry_after(answer);
    client_refuse(session->remote->client, request, answer, err);
    if (err->class != ERROR_REGISTRY)
        return judge_error(err);
    if (answer->status == 404 && request->method == HTTP_PATCH && session->held == 0 &&
        !refusal_says(&refusal, "UPLOAD"))
        return STEP_REFUSED;
    if (answer->status == 404)
        return STEP_LOST;
    if (answer->status == 413)
        return STEP_TOO_LARGE;
    if (answer->status == 416)
        return STEP_ELSEWHERE;
    if (answer->status == 400 &&
        (refusal_says(&refusal, "DIGEST_INVALID") || refusal_says(&refusal, "SIZE_INVALID")))
        return STEP_MISMATCH;
    bool refused =
        answer->status == 400 || (answer->status == 405 && request->method == HTTP_PATCH);
    return refused ? STEP_REFUSED : STEP_FAILED;
}

/* A request within the session; an answer below 300 is STEP_DONE. */
static enum step send_step(struct session *session, struct client_request *request,
                           struct http_response *ret, struct error *err)
{
    char verb[sizeof session->digest + 16];
    snprintf(verb, sizeof verb, "sending blob %s", session->digest);
    request->repository = session->remote->repository;
    request->access = ACCESS_PUSH;
    request->answers = answers;
    request->once = true;
    request->blob = request->body != NULL;
    request->expect_continue = request->body != NULL && request->body->size > EXPECT_SIZE;
    request->verb = verb;
    session->retry_after = 0;
    if (client_send(session->remote->client, request, ret, err) < 0) {
        if (ret->status != 0)
            session->retry_after = refusal_retry_after(ret);
        return judge_error(err);
    }
    return ret->status < 300 ? STEP_DONE : judge(session, request, ret, err);
}

/* --- steps --- */

enum step session_open(struct session *session, const struct remote *remote,
                       const struct digest *digest, const struct upload_watch *watch,
                       struct error *err)
{
    session->remote = remote;
    session->watch = watch;
    if (digest != NULL)
        digest_print(digest, session->digest);
    else
        snprintf(session->digest, sizeof session->digest, "that is being made");
    AUTO_FREE char *path = NULL;
    AUTO(http_response_done) struct http_response answer = {0};
    if (asprintf(&path, "/v2/%s/blobs/uploads/", remote->repository) < 0) {
        path = NULL;
        error_memory(err);
        return STEP_FAILED;
    }
    const struct client_request request = {.method = HTTP_POST,
                                           .path = path,
                                           .repository = remote->repository,
                                           .access = ACCESS_PUSH,
                                           .once = digest == NULL,
                                           .answers = (const int[]){202, 0},
                                           .verb = "opening an upload session"};
    if (client_send(remote->client, &request, &answer, err) < 0)
        return STEP_FAILED;
    if (take_location(session, &answer, err) < 0)
        return fail(session, err);
    session->opened = strdup(session->location);
    if (session->opened == NULL) {
        error_memory(err);
        return STEP_FAILED;
    }
    http_header_number(&answer, "oci-chunk-min-length", &session->minimum);
    http_header_number(&answer, "oci-chunk-max-length", &session->maximum);
    if (session->maximum < MAXIMUM_LEAST || session->maximum < session->minimum)
        session->maximum = 0;
    if (watch != NULL && watch->opened != NULL)
        watch->opened(watch->context, session->opened);
    return STEP_DONE;
}

struct piece {
    const struct http_body *blob;
    uint64_t start;
};

static int piece_read(void *context, uint64_t offset, void *data, size_t size, struct error *err)
{
    const struct piece *piece = context;
    return piece->blob->read(piece->blob->context, piece->start + offset, data, size, err);
}

/* Whether the piece was kept. Some registries answer well and keep nothing (docs/registries.md). */
static enum step check_kept(struct session *session, const struct http_response *answer,
                            struct error *err)
{
    uint64_t has;
    if (!read_range(answer, &has) || has >= session->sent || session->sent == 1) {
        session->held = session->sent;
        return STEP_DONE;
    }
    error_set(err, ERROR_REGISTRY,
              "the registry answered %d to a piece and has %llu bytes where it was sent %llu",
              answer->status, (unsigned long long)has, (unsigned long long)session->sent);
    fail(session, err);
    return STEP_REFUSED;
}

static enum step end_patch(struct session *session, enum step step,
                           const struct http_response *answer, struct error *err)
{
    if (step != STEP_DONE)
        return step;
    if (take_location(session, answer, err) < 0)
        return fail(session, err);
    return check_kept(session, answer, err);
}

enum step session_patch(struct session *session, const struct http_body *blob, uint64_t size,
                        struct error *err)
{
    struct piece piece = {.blob = blob, .start = session->held};
    const struct http_body body = {.size = size, .read = piece_read, .context = &piece};
    uint64_t end = session->held + size;
    char range[64];
    snprintf(range, sizeof range, "Content-Range: %llu-%llu", (unsigned long long)session->held,
             (unsigned long long)end - 1);
    const char *const headers[] = {"Content-Type: application/octet-stream", range, NULL};
    AUTO(http_response_done) struct http_response answer = {0};
    struct client_request request = {
        .method = HTTP_PATCH, .path = session->location, .headers = headers, .body = &body};
    session->sent = end;
    return end_patch(session, send_step(session, &request, &answer, err), &answer, err);
}

/* What goes is counted: so much the session may have. */
struct counted {
    const struct http_body *blob;
    uint64_t *sent;
};

static int counted_wait(void *context, uint64_t offset, uint64_t *ret_size, struct error *err)
{
    const struct counted *counted = context;
    return counted->blob->wait(counted->blob->context, offset, ret_size, err);
}

static int counted_read(void *context, uint64_t offset, void *data, size_t size, struct error *err)
{
    const struct counted *counted = context;
    if (*counted->sent < offset + size)
        *counted->sent = offset + size;
    return counted->blob->read(counted->blob->context, offset, data, size, err);
}

enum step session_stream(struct session *session, const struct http_body *blob, struct error *err)
{
    static const char *const headers[] = {"Content-Type: application/octet-stream", NULL};
    struct counted counted = {.blob = blob, .sent = &session->sent};
    const struct http_body body = {
        .size = HTTP_SIZE_UNKNOWN, .read = counted_read, .wait = counted_wait, .context = &counted};
    AUTO(http_response_done) struct http_response answer = {0};
    struct client_request request = {
        .method = HTTP_PATCH, .path = session->location, .headers = headers, .body = &body};
    return end_patch(session, send_step(session, &request, &answer, err), &answer, err);
}

/* 201 must name our digest, where it names one. */
static enum step check_made(struct session *session, const struct http_response *answer,
                            struct error *err)
{
    AUTO_FREE char *digest = http_header(answer, "docker-content-digest", 0);
    if (digest == NULL || strcmp(digest, session->digest) == 0)
        return STEP_DONE;
    error_set(err, ERROR_REGISTRY, "the registry says that it is %s", digest);
    return fail(session, err);
}

enum step session_put(struct session *session, const struct digest *digest,
                      const struct http_body *blob, struct error *err)
{
    static const char *const headers[] = {"Content-Type: application/octet-stream", NULL};
    digest_print(digest, session->digest);
    AUTO(secret_free) char *url = url_add_query(session->location, "digest", session->digest);
    AUTO(http_response_done) struct http_response answer = {0};
    if (url == NULL) {
        error_memory(err);
        return STEP_FAILED;
    }
    struct client_request request = {
        .method = HTTP_PUT, .path = url, .headers = headers, .body = blob};
    enum step step = send_step(session, &request, &answer, err);
    if (step != STEP_DONE)
        return step;
    if (answer.status == 201) {
        session_is_over(session);
        return check_made(session, &answer, err);
    }
    error_set(err, ERROR_REGISTRY,
              "the registry answered %d where 201 says that the blob is there, and it is not",
              answer.status);
    fail(session, err);
    return STEP_UNSURE;
}

enum step session_ask(struct session *session, struct error *err)
{
    AUTO(http_response_done) struct http_response answer = {0};
    const struct client_request request = {.method = HTTP_GET,
                                           .path = session->location,
                                           .repository = session->remote->repository,
                                           .access = ACCESS_PUSH,
                                           .answers =
                                               (const int[]){200, 202, 204, 400, 404, 405, 0},
                                           .verb = "asking an upload session how far it is"};
    if (client_send(session->remote->client, &request, &answer, err) < 0)
        return STEP_FAILED;
    uint64_t has;
    /* one more than was sent: some count the bytes where others name the last one */
    if (answer.status >= 300 || !read_range(&answer, &has) || has > session->sent + 1) {
        error_set(err, ERROR_UNREACHABLE, "the registry has lost the upload session");
        fail(session, err);
        return STEP_LOST;
    }
    if (take_location(session, &answer, err) < 0)
        return fail(session, err);
    session->held = has < session->sent ? has : session->sent;
    session->sent = session->held;
    return STEP_DONE;
}

/* --- the end --- */

/* Whether the registry answered: then nothing is left that a later run could delete. */
static bool delete_at(const struct remote *remote, const char *location)
{
    struct error ignored = ERROR_INIT;
    AUTO(http_response_done) struct http_response answer = {0};
    const struct client_request request = {.method = HTTP_DELETE,
                                           .path = location,
                                           .repository = remote->repository,
                                           .access = ACCESS_PUSH,
                                           .once = true,
                                           .answers =
                                               (const int[]){200, 202, 204, 400, 404, 405, 0},
                                           .verb = "deleting an upload session"};
    return client_send(remote->client, &request, &answer, &ignored) == 0;
}

void session_close(struct session *session)
{
    if (session->location != NULL && delete_at(session->remote, session->location))
        session_is_over(session);
    secret_free(&session->opened);
    secret_free(&session->location);
}

void upload_cancel(const struct remote *remote, const char *location)
{
    delete_at(remote, location);
}
