/* remote_referrers.c: who names a manifest as its subject. Lists are anybody's writing: an entry
 * that cannot be read is passed over, and what is told is fit for a line of text. */
#include "convert/net/remote.h"

#include "formats/model/auto.h"
#include "formats/model/json.h"
#include "formats/model/manifest.h"

#include <stdio.h>
#include <string.h>

#define REFERRERS_MAX 100
#define TYPE_MAX      128

static int add_line(struct bytes *ret, const struct digest *digest, const char *what,
                    struct error *err)
{
    char text[DIGEST_TEXT_SIZE], type[TYPE_MAX];
    digest_print(digest, text);
    snprintf(type, sizeof type, "%s", what == NULL || what[0] == '\0' ? "unknown" : what);
    for (char *c = type; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            *c = '?';
    return bytes_printf(ret, err, "%s %s\n", text, type);
}

/* Adds the entries of an index. 1; 0: it is no index; -1. */
static int add_index(const struct bytes *body, struct bytes *ret, unsigned *count,
                     struct error *err)
{
    struct error unreadable = ERROR_INIT;
    AUTO(json_free_auto) struct json *json = NULL;
    if (json_parse(body->data, body->size, HTTP_BODY_MAX, &json, &unreadable) < 0) {
        if (unreadable.class == ERROR_MEMORY)
            *err = unreadable;
        return unreadable.class == ERROR_MEMORY ? -1 : 0;
    }
    const struct json *entries = json_get(json, "manifests");
    if (entries == NULL || json_type(entries) != JSON_ARRAY)
        return 0;
    for (const struct json *entry = json_first(entries); entry != NULL && *count < REFERRERS_MAX;
         entry = json_next(entry)) {
        const char *text = json_string(json_get(entry, "digest"));
        struct digest digest;
        if (text == NULL || !digest_parse(text, &digest))
            continue;
        if (add_line(ret, &digest, json_string(json_get(entry, "artifactType")), err) < 0)
            return -1;
        ++*count;
    }
    return 1;
}

/* 1 where the registry has the API; 0; -1. */
static int ask_api(const struct remote *remote, const struct digest *digest, struct bytes *ret,
                   unsigned *count, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    AUTO_FREE char *path = NULL;
    AUTO(http_response_done) struct http_response answer = {0};
    if (asprintf(&path, "/v2/%s/referrers/%s", remote->repository, text) < 0) {
        path = NULL;
        return error_memory(err);
    }
    const struct client_request request = {
        .method = HTTP_GET,
        .path = path,
        .repository = remote->repository,
        .headers = (const char *const[]){"Accept: " MEDIA_TYPE_OCI_INDEX, NULL},
        .answers = (const int[]){200, 400, 404, 405, 406, 501, 0},
        .verb = "asking for referrers"};
    if (client_send(remote->client, &request, &answer, err) < 0)
        return -1;
    return answer.status == 200 ? add_index(&answer.body, ret, count, err) : 0;
}

/* The tag under which clients keep the list where the registry has no API. */
static int ask_tag(const struct remote *remote, const char *tag, struct bytes *ret, unsigned *count,
                   struct error *err)
{
    AUTO(bytes_done) struct bytes manifest;
    struct digest ignored;
    bytes_init(&manifest, MANIFEST_SIZE_MAX);
    if (remote_manifest_get(remote, tag, &manifest, &ignored, err) == 0)
        return add_index(&manifest, ret, count, err) < 0 ? -1 : 0;
    return err->class == ERROR_NO_SUCH_TAG || err->class == ERROR_REPOSITORY_MISSING ? 0 : -1;
}

int remote_referrers(const struct remote *remote, const struct digest *digest, struct bytes *ret,
                     struct error *err)
{
    static const char *const endings[] = {".sig", ".att", ".sbom"};
    unsigned count = 0;
    char hex[DIGEST_TEXT_SIZE], tag[DIGEST_TEXT_SIZE + 16];
    digest_print_hex(digest, hex);
    snprintf(tag, sizeof tag, "sha256-%s", hex);
    int known = ask_api(remote, digest, ret, &count, err);
    if (known < 0 || (known == 0 && ask_tag(remote, tag, ret, &count, err) < 0))
        return -1;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0] && count < REFERRERS_MAX; i++) {
        struct digest found;
        snprintf(tag, sizeof tag, "sha256-%s%s", hex, endings[i]);
        int there = remote_manifest_find(remote, tag, &found, err);
        if (there < 0 || (there > 0 && add_line(ret, &found, tag, err) < 0))
            return -1;
        count += there > 0;
    }
    return 0;
}
