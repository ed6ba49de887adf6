/* remote.c: a repository's manifests, tags and blobs but for their bytes: paths, headers, and what
 * the answers say. Referrers are remote_referrers.c's business. Must not know how a request is sent
 * or tried again. */
#include "convert/net/remote.h"

#include "convert/net/refusal.h"
#include "formats/model/auto.h"
#include "formats/model/manifest.h"

#include <stdio.h>
#include <string.h>

static const char *const manifest_headers[] = {
    "Accept: " MEDIA_TYPE_OCI_MANIFEST
    ", application/vnd.docker.distribution.manifest.v2+json, " MEDIA_TYPE_OCI_INDEX
    ", application/vnd.docker.distribution.manifest.list.v2+json",
    NULL};

/* "PREFIX/what" below the repository. Allocated; NULL and err. */
static char *remote_path(const struct remote *remote, const char *kind, const char *what,
                         struct error *err)
{
    char *path = NULL;
    if (asprintf(&path, "/v2/%s/%s/%s", remote->repository, kind, what) >= 0)
        return path;
    error_memory(err);
    return NULL;
}

/* A failure that is no answer's: "HOST/REPOSITORY: VERB: …", as the client words its own. */
static int remote_wrap(const struct remote *remote, const char *verb, struct error *err)
{
    return error_wrap(err, "%s/%s: %s", client_host(remote->client), remote->repository, verb);
}

static bool is_gone(int status)
{
    return status == 404 || status == 410;
}

/* Docker-Content-Digest: 1 with *ret, 0 where there is none of an algorithm that we know. */
static bool header_digest(const struct http_response *answer, struct digest *ret)
{
    AUTO_FREE char *value = http_header(answer, "docker-content-digest", 0);
    return value != NULL && digest_parse(value, ret);
}

static int digests_match(const struct digest *found, const struct digest *wanted, const char *who,
                         enum error_class class, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    if (digest_equal(found, wanted))
        return 0;
    digest_print(wanted, text);
    return error_set(err, class, "%s %s", who, text);
}

/* --- reading --- */

static int manifest_absent(const struct remote *remote, const struct client_request *request,
                           const char *reference, const struct http_response *answer,
                           struct error *err)
{
    struct digest digest;
    client_refuse(remote->client, request, answer, err);
    if (err->class == ERROR_REPOSITORY_MISSING)
        return -1;
    if (digest_parse(reference, &digest))
        return error_set(err, ERROR_NO_SUCH_IMAGE, "%s/%s has no manifest %s",
                         client_host(remote->client), remote->repository, reference);
    return error_set(err, ERROR_NO_SUCH_TAG, "%s/%s has no tag %s", client_host(remote->client),
                     remote->repository, reference);
}

/* A portal or a proxy may answer 200 with a page of its own. */
static int body_is_json(const struct http_response *answer, struct error *err)
{
    const struct bytes *body = &answer->body;
    size_t at = 0;
    while (at < body->size && memchr(" \t\r\n", body->data[at], 4) != NULL)
        at++;
    if (at < body->size && body->data[at] == '{')
        return 0;
    struct refusal refusal;
    refusal_read(answer, &refusal);
    return error_set(err, ERROR_REGISTRY, "what came is no manifest%s%s",
                     refusal.message[0] == '\0' ? "" : ": ", refusal.message);
}

static int manifest_check(const struct http_response *answer, const char *reference,
                          struct digest *ret, struct error *err)
{
    struct digest wanted;
    if (body_is_json(answer, err) < 0 ||
        digest_of(answer->body.data, answer->body.size, ret, err) < 0)
        return -1;
    char found[DIGEST_TEXT_SIZE], text[140];
    digest_print(ret, found);
    snprintf(text, sizeof text, "its bytes have digest %s, asked for was", found);
    if (digest_parse(reference, &wanted) &&
        digests_match(ret, &wanted, text, ERROR_MANIFEST_DIGEST, err) < 0)
        return -1;
    snprintf(text, sizeof text, "its bytes have digest %s, the registry says", found);
    return header_digest(answer, &wanted)
               ? digests_match(ret, &wanted, text, ERROR_MANIFEST_DIGEST, err)
               : 0;
}

int remote_manifest_get(const struct remote *remote, const char *reference, struct bytes *ret,
                        struct digest *ret_digest, struct error *err)
{
    AUTO_FREE char *path = remote_path(remote, "manifests", reference, err);
    AUTO(http_response_done) struct http_response answer = {0};
    char verb[256];
    snprintf(verb, sizeof verb, "reading the manifest %s", reference);
    const struct client_request request = {.method = HTTP_GET,
                                           .path = path,
                                           .repository = remote->repository,
                                           .headers = manifest_headers,
                                           .answers = (const int[]){200, 404, 410, 0},
                                           .verb = verb};
    if (path == NULL || client_send(remote->client, &request, &answer, err) < 0)
        return -1;
    if (is_gone(answer.status))
        return manifest_absent(remote, &request, reference, &answer, err);
    if (answer.body.size > ret->limit - ret->size) {
        error_set(err, ERROR_MANIFEST_INVALID, "has %zu bytes, limit %zu", answer.body.size,
                  ret->limit);
        return remote_wrap(remote, verb, err);
    }
    if (manifest_check(&answer, reference, ret_digest, err) < 0)
        return remote_wrap(remote, verb, err);
    return bytes_append(ret, answer.body.data, answer.body.size, err);
}

/* By GET, for registries whose HEAD does not tell. */
static int find_by_get(const struct remote *remote, const char *reference,
                       struct digest *ret_digest, struct error *err)
{
    AUTO(bytes_done) struct bytes manifest;
    bytes_init(&manifest, MANIFEST_SIZE_MAX);
    if (remote_manifest_get(remote, reference, &manifest, ret_digest, err) == 0)
        return 1;
    return err->class == ERROR_NO_SUCH_TAG || err->class == ERROR_NO_SUCH_IMAGE ||
                   err->class == ERROR_REPOSITORY_MISSING
               ? 0
               : -1;
}

int remote_manifest_find(const struct remote *remote, const char *reference,
                         struct digest *ret_digest, struct error *err)
{
    AUTO_FREE char *path = remote_path(remote, "manifests", reference, err);
    AUTO(http_response_done) struct http_response answer = {0};
    char verb[256];
    struct digest wanted;
    snprintf(verb, sizeof verb, "looking for the manifest %s", reference);
    const struct client_request request = {.method = HTTP_HEAD,
                                           .path = path,
                                           .repository = remote->repository,
                                           .headers = manifest_headers,
                                           .answers = (const int[]){200, 404, 405, 410, 501, 0},
                                           .verb = verb};
    if (path == NULL || client_send(remote->client, &request, &answer, err) < 0)
        return -1;
    if (is_gone(answer.status))
        return 0;
    if (answer.status != 200 || !header_digest(&answer, ret_digest))
        return find_by_get(remote, reference, ret_digest, err);
    if (digest_parse(reference, &wanted) &&
        digests_match(ret_digest, &wanted, "the registry names another digest than",
                      ERROR_MANIFEST_DIGEST, err) < 0)
        return remote_wrap(remote, verb, err);
    return 1;
}

/* --- writing --- */

/* The words of ECR, Harbor, Quay, ACR and others. */
static bool is_immutable(const struct http_response *answer, const struct refusal *refusal)
{
    if (answer->status < 400 || answer->status >= 500)
        return false;
    return refusal_says(refusal, "immutab") || refusal_says(refusal, "cannot be overwritten") ||
           (refusal_says(refusal, "TAG_INVALID") && refusal_says(refusal, "already exists"));
}

static int put_refused(const struct remote *remote, const struct client_request *request,
                       const char *reference, const struct http_response *answer, struct error *err)
{
    struct refusal refusal;
    refusal_read(answer, &refusal);
    if (is_immutable(answer, &refusal)) {
        error_set(err, ERROR_TAG_IMMUTABLE,
                  "the registry does not let the tag %s be moved: %s%s%s; choose another tag",
                  reference, refusal.codes, refusal.codes[0] == '\0' ? "" : ", ", refusal.message);
        return remote_wrap(remote, request->verb, err);
    }
    if (refusal_says(&refusal, "BLOB_UNKNOWN")) {
        error_set(err, ERROR_BLOB_MISSING, "the registry misses a blob: %s, %s", refusal.codes,
                  refusal.message);
        return remote_wrap(remote, request->verb, err);
    }
    return client_refuse(remote->client, request, answer, err);
}

static int bytes_read(void *context, uint64_t offset, void *data, size_t size, struct error *err)
{
    const struct bytes *bytes = context;
    (void)err;
    memcpy(data, bytes->data + offset, size);
    return 0;
}

int remote_manifest_put(const struct remote *remote, const char *reference, const char *media_type,
                        const struct bytes *manifest, const struct digest *digest,
                        struct error *err)
{
    AUTO_FREE char *path = remote_path(remote, "manifests", reference, err);
    AUTO(http_response_done) struct http_response answer = {0};
    struct digest kept;
    char verb[256], type[160];
    snprintf(verb, sizeof verb, "writing the manifest %s", reference);
    snprintf(type, sizeof type, "Content-Type: %s", media_type);
    const struct http_body body = {
        .size = manifest->size, .read = bytes_read, .context = (void *)manifest};
    const struct client_request request = {
        .method = HTTP_PUT,
        .path = path,
        .repository = remote->repository,
        .access = ACCESS_PUSH,
        .headers = (const char *const[]){type, NULL},
        .body = &body,
        .answers = (const int[]){201, 400, 403, 404, 405, 409, 412, 422, 0},
        .verb = verb};
    if (path == NULL || client_send(remote->client, &request, &answer, err) < 0)
        return -1;
    if (answer.status != 201)
        return put_refused(remote, &request, reference, &answer, err);
    if (header_digest(&answer, &kept) &&
        digests_match(&kept, digest, "the registry keeps it under another digest than",
                      ERROR_REGISTRY, err) < 0)
        return remote_wrap(remote, verb, err);
    return 0;
}

/* --- blobs --- */

int remote_blob_find(const struct remote *remote, const struct digest *digest, uint64_t *ret_size,
                     struct error *err)
{
    char text[DIGEST_TEXT_SIZE], verb[128];
    digest_print(digest, text);
    snprintf(verb, sizeof verb, "looking for the blob %s", text);
    AUTO_FREE char *path = remote_path(remote, "blobs", text, err);
    AUTO(http_response_done) struct http_response answer = {0};
    const struct client_request request = {.method = HTTP_HEAD,
                                           .path = path,
                                           .repository = remote->repository,
                                           .answers = (const int[]){200, 404, 410, 0},
                                           .verb = verb};
    if (path == NULL || client_send(remote->client, &request, &answer, err) < 0)
        return -1;
    if (is_gone(answer.status))
        return 0;
    if (!http_header_number(&answer, "content-length", ret_size))
        *ret_size = UINT64_MAX;
    return 1;
}
