/* lists.c: what a registry lists of itself, page by page, and the removal of a manifest. A page is
 * anybody's writing: names are taken only where OCI's grammar allows them, and a page leads nowhere
 * but to the next of the same list at the same registry. */
#include "convert/net/lists.h"

#include "convert/net/profile.h"
#include "convert/net/refusal.h"
#include "formats/model/auto.h"
#include "formats/model/json.h"

#include <search.h>
#include <stdio.h>
#include <string.h>

#define PAGE_SIZE       1000 /* names asked for at once: the most that registries commonly give */
#define PAGES_EMPTY_MAX 100  /* in a row, that lead on without bringing a new name */
#define NAME_SIZE_MAX   255

/* A list being read. */
struct listing {
    struct client *client;
    const char *repository; /* NULL: the catalogue */
    char *path;             /* of the list, without a query */
    const char *key;        /* of the names in a page's object */
    const char *verb;
    bool once; /* not tried again */
    struct names *names;
    void *seen; /* tsearch over names->items */
    size_t capacity;
    int status;   /* of the last answer; 0: there was none */
    bool no_list; /* the last answer was 200 all the same */
};

void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){.items = NULL};
}

/* --- names --- */

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_tag(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > 128 || name[0] == '.' || name[0] == '-')
        return false;
    for (const char *c = name; *c != '\0'; c++)
        if (!is_lower(*c) && !(*c >= 'A' && *c <= 'Z') && strchr("._-", *c) == NULL)
            return false;
    return true;
}

/* Parts of lower-case letters and digits, joined by ".", "_", "__" or any number of "-". */
static bool is_repository(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > NAME_SIZE_MAX)
        return false;
    for (const char *c = name;;) {
        size_t part = 0;
        while (is_lower(c[part]))
            part++;
        if (part == 0)
            return false;
        c += part;
        if (*c == '\0')
            return true;
        size_t dashes = strspn(c, "-");
        if (dashes > 0)
            c += dashes;
        else if (strncmp(c, "__", 2) == 0)
            c += 2;
        else if (*c == '.' || *c == '_' || *c == '/')
            c++;
        else
            return false;
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void keep(void *item)
{
    (void)item; /* names own them */
}

/* 1: added; 0: it was there; -1. */
static int names_add(struct listing *listing, const char *text, struct error *err)
{
    struct names *names = listing->names;
    if (tfind(text, &listing->seen, compare) != NULL)
        return 0;
    if (names->count == LIST_NAMES_MAX)
        return error_set(err, ERROR_REGISTRY, "the list has more than %u names", LIST_NAMES_MAX);
    if (names->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
        char **items = reallocarray(names->items, capacity, sizeof *items);
        if (items == NULL)
            return error_memory(err);
        names->items = items;
        listing->capacity = capacity;
    }
    char *name = strdup(text);
    if (name == NULL || tsearch(name, &listing->seen, compare) == NULL) {
        free(name);
        return error_memory(err);
    }
    names->items[names->count++] = name;
    return 1;
}

/* The page's names: 1; 0 where there are some and all were known: the list repeats itself; -1. No
 * list in it: ERROR_REGISTRY. */
static int take_page(struct listing *listing, const struct bytes *body, size_t *ret_new,
                     struct error *err)
{
    AUTO(json_free_auto) struct json *page = NULL;
    struct error unreadable = ERROR_INIT;
    *ret_new = 0;
    if (json_parse(body->data, body->size, HTTP_BODY_MAX, &page, &unreadable) < 0 &&
        unreadable.class == ERROR_MEMORY)
        return error_memory(err);
    const struct json *list = json_get(page, listing->key);
    bool none = list != NULL && json_type(list) == JSON_NULL;
    listing->no_list = !none && (list == NULL || json_type(list) != JSON_ARRAY);
    if (listing->no_list)
        return error_set(err, ERROR_REGISTRY, "what came is no list of %s", listing->key);
    bool any = false;
    for (const struct json *item = none ? NULL : json_first(list); item != NULL;
         item = json_next(item)) {
        const char *name = json_string(item);
        if (name == NULL || !(listing->repository != NULL ? is_tag : is_repository)(name)) {
            listing->names->passed_over++;
            continue;
        }
        any = true;
        int added = names_add(listing, name, err);
        if (added < 0)
            return -1;
        *ret_new += (size_t)added;
    }
    return !any || *ret_new > 0;
}

/* --- the way to the next page: RFC 8288 --- */

/* Whether parameters of a link, up to its end, say rel=next. */
static bool is_next(const char *text, const char **ret_end)
{
    bool next = false;
    while (*text != '\0' && *text != ',') {
        text += strspn(text, "; \t");
        size_t name = strcspn(text, "=;, \t");
        bool is_rel = name == 3 && strncasecmp(text, "rel", 3) == 0;
        text += name;
        if (*text != '=') {
            text += strspn(text, " \t");
            continue;
        }
        text++;
        bool quoted = *text == '"';
        text += quoted;
        const char *value = text;
        text += strcspn(text, quoted ? "\"" : ";, \t");
        for (const char *word = value; is_rel && word < text;) {
            size_t size = strcspn(word, " \t\"");
            if (word + size > text)
                size = (size_t)(text - word);
            next |= size == 4 && strncasecmp(word, "next", 4) == 0;
            word += size + 1;
        }
        text += quoted && *text == '"';
    }
    *ret_end = *text == ',' ? text + 1 : text;
    return next;
}

/* The target of the first link with rel=next; *ret NULL: none. */
static int link_next(const struct http_response *answer, char **ret, struct error *err)
{
    *ret = NULL;
    for (size_t i = 0; *ret == NULL; i++) {
        AUTO_FREE char *header = http_header(answer, "link", i);
        if (header == NULL)
            return 0;
        for (const char *at = header; *ret == NULL && *at != '\0';) {
            at += strspn(at, " \t,");
            size_t size = strcspn(at, ">");
            if (*at != '<' || at[size] == '\0')
                break;
            const char *target = at + 1;
            if (is_next(at + size + 1, &at) && (*ret = strndup(target, size - 1)) == NULL)
                return error_memory(err);
        }
    }
    return 0;
}

/* Path and query of the next page; *ret NULL: this was the last. Only these are taken of the link,
 * so that the registry itself is asked whatever it says. */
static int next_page(const struct listing *listing, const struct http_response *answer, char **ret,
                     struct error *err)
{
    AUTO_FREE char *link = NULL;
    *ret = NULL;
    if (link_next(answer, &link, err) < 0)
        return -1;
    if (link == NULL)
        return 0;
    AUTO_FREE char *url = url_resolve(answer->url, link, err);
    if (url == NULL)
        return -1;
    const char *rest = strstr(url, "://");
    const char *path = rest == NULL ? NULL : strchr(rest + 3, '/');
    size_t size = strlen(listing->path);
    if (!url_same_origin(answer->url, url) || path == NULL ||
        strncmp(path, listing->path, size) != 0 || (path[size] != '?' && path[size] != '\0')) {
        AUTO_FREE char *shown = url_show(url);
        return error_set(err, ERROR_REGISTRY,
                         "the list is said to go on at %s, which is another place and is not "
                         "followed; name what is meant by --list FILE",
                         shown == NULL ? "another URL" : shown);
    }
    *ret = strdup(path);
    return *ret == NULL ? error_memory(err) : 0;
}

/* --- all pages --- */

static int wrap(const struct listing *listing, struct error *err)
{
    const char *repository = listing->repository;
    return err->class == ERROR_MEMORY
               ? -1
               : error_wrap(err, "%s%s%s: %s", client_host(listing->client),
                            repository != NULL ? "/" : "", repository != NULL ? repository : "",
                            listing->verb);
}

static int fetch(struct listing *listing, const char *path, struct http_response *ret,
                 struct error *err)
{
    const struct client_request request = {
        .method = HTTP_GET,
        .path = path,
        .repository = listing->repository,
        .headers = (const char *const[]){"Accept: application/json", NULL},
        .once = listing->once,
        .answers = (const int[]){200, 400, 403, 404, 405, 501, 0},
        .verb = listing->verb};
    listing->status = 0;
    if (client_send(listing->client, &request, ret, err) < 0)
        return -1;
    listing->status = ret->status;
    if (ret->status == 200)
        return 0;
    client_refuse(listing->client, &request, ret, err);
    if (ret->status == 404 && listing->repository != NULL)
        err->class = ERROR_REPOSITORY_MISSING;
    return -1;
}

static int read_page(struct listing *listing, const char *path, bool *ret_new, char **ret_next,
                     struct error *err)
{
    AUTO(http_response_done) struct http_response answer = {0};
    size_t new_names;
    if (fetch(listing, path, &answer, err) < 0)
        return -1;
    int goes_on = take_page(listing, &answer.body, &new_names, err);
    *ret_new = new_names > 0;
    AUTO_FREE char *more = NULL;
    if (goes_on == 0 && link_next(&answer, &more, err) < 0)
        return wrap(listing, err);
    listing->names->repeats |= more != NULL;
    if (goes_on < 0 || (goes_on > 0 && next_page(listing, &answer, ret_next, err) < 0))
        return wrap(listing, err);
    return 0;
}

/* Some registries have a smaller limit, and refuse a number beyond it rather than cut it. */
static int read_first_page(struct listing *listing, const char *path, bool *ret_new,
                           char **ret_next, struct error *err)
{
    int status = read_page(listing, path, ret_new, ret_next, err);
    if (status < 0 && listing->status == 400)
        status = read_page(listing, listing->path, ret_new, ret_next, err);
    return status;
}

static int read_pages(struct listing *listing, struct error *err)
{
    AUTO_FREE char *path = NULL;
    unsigned empty = 0;
    if (asprintf(&path, "%s?n=%d", listing->path, PAGE_SIZE) < 0) {
        path = NULL;
        return error_memory(err);
    }
    for (unsigned pages = 1;; pages++) {
        AUTO_FREE char *next = NULL;
        bool has_new = false;
        if ((pages == 1 ? read_first_page : read_page)(listing, path, &has_new, &next, err) < 0)
            return -1;
        if (next == NULL || strcmp(next, path) == 0)
            return 0;
        empty = has_new ? 0 : empty + 1;
        if (pages == LIST_PAGES_MAX || empty == PAGES_EMPTY_MAX) {
            error_set(err, ERROR_REGISTRY,
                      "the list does not end: %u pages, the last %u without a new name", pages,
                      empty);
            return wrap(listing, err);
        }
        free(path);
        path = take_ptr(&next);
    }
}

static int read_list(struct listing *listing, struct error *err)
{
    *listing->names = (struct names){.items = NULL};
    int status = read_pages(listing, err);
    tdestroy(listing->seen, keep);
    if (status < 0)
        names_done(listing->names);
    return status;
}

/* listing->path is the caller's to free. */
static int tags_of(const struct remote *remote, struct names *names, struct listing *ret,
                   struct error *err)
{
    *ret = (struct listing){.client = remote->client,
                            .repository = remote->repository,
                            .key = "tags",
                            .verb = "listing the tags",
                            .names = names};
    if (asprintf(&ret->path, "/v2/%s/tags/list", remote->repository) >= 0)
        return 0;
    ret->path = NULL;
    return error_memory(err);
}

int remote_tags(const struct remote *remote, struct names *ret, struct error *err)
{
    struct listing listing;
    int status = tags_of(remote, ret, &listing, err) < 0 || read_list(&listing, err) < 0 ? -1 : 0;
    free(listing.path);
    return status;
}

bool remote_is_new(const struct remote *remote)
{
    struct names names = {.items = NULL};
    struct listing listing;
    struct error error = ERROR_INIT;
    AUTO_FREE char *next = NULL;
    char path[320];
    bool any;
    int status = tags_of(remote, &names, &listing, &error);
    listing.once = true;
    snprintf(path, sizeof path, "/v2/%.255s/tags/list?n=1", remote->repository);
    if (status == 0)
        status = read_page(&listing, path, &any, &next, &error);
    bool none = status == 0 ? !any && names.passed_over == 0 && next == NULL
                            : error.class == ERROR_REPOSITORY_MISSING;
    tdestroy(listing.seen, keep);
    names_done(&names);
    free(listing.path);
    return none;
}

int remote_catalogue(struct client *client, struct names *ret, struct error *err)
{
    struct listing listing = {.client = client,
                              .path = (char[]){"/v2/_catalog"},
                              .key = "repositories",
                              .verb = "listing the repositories",
                              .names = ret};
    if (read_list(&listing, err) == 0)
        return 0;
    bool refused = (listing.status >= 400 && err->class == ERROR_REGISTRY) || listing.no_list ||
                   err->class == ERROR_CREDENTIALS || err->class == ERROR_REPOSITORY_MISSING;
    if (!refused)
        return -1;
    err->class = ERROR_CATALOGUE_REFUSED;
    return error_wrap(err, "the registry does not tell its repositories, so name them by --list "
                           "FILE");
}

/* --- removal --- */

/* What a vendor offers instead. */
static const char *own_way(const char *profile)
{
    static const struct {
        const char *profile, *way;
    } rows[] = {
        {"ghcr", "GitHub deletes versions of a package: gh api -X DELETE "
                 "/user/packages/container/NAME/versions/ID (or /orgs/ORG/packages/…)"},
        {"docker-hub", "Docker Hub deletes on its web pages, under the repository's tags"},
        {"ecr", "aws ecr batch-delete-image --repository-name NAME --image-ids imageDigest=DIGEST"},
        {"ecr-public", "aws ecr-public batch-delete-image --repository-name NAME --image-ids "
                       "imageDigest=DIGEST"},
        {"artifact-registry", "gcloud artifacts docker images delete IMAGE@DIGEST"},
        {"quay", "Quay deletes tags, on its web pages or by its API"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].profile, profile) == 0)
            return rows[i].way;
    return "whoever runs it may allow that (docker-registry: storage.delete.enabled)";
}

static bool never_deletes(const char *profile)
{
    return strcmp(profile, "ghcr") == 0 || strcmp(profile, "docker-hub") == 0;
}

static int refuse_delete(const struct remote *remote, const char *text, struct error *err)
{
    return error_set(err, ERROR_UNSUPPORTED,
                     "%s/%s: the registry deletes no manifest, so %s stays; %s",
                     client_host(remote->client), remote->repository, text,
                     own_way(profile_name(client_profile(remote->client))));
}

int remote_manifest_deletable(const struct remote *remote, const struct digest *digest,
                              struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    return never_deletes(profile_name(client_profile(remote->client)))
               ? refuse_delete(remote, text, err)
               : 0;
}

/* "Not found" is said both by who has it no more and by who does not know the request. */
static int look_gone(const struct remote *remote, const char *text, const struct refusal *refusal,
                     struct error *err)
{
    struct digest found;
    if (refusal_says(refusal, "MANIFEST_UNKNOWN") || refusal_says(refusal, "NAME_UNKNOWN"))
        return 0;
    int there = remote_manifest_find(remote, text, &found, err);
    return there <= 0 ? there : refuse_delete(remote, text, err);
}

int remote_manifest_delete(const struct remote *remote, const struct digest *digest,
                           struct error *err)
{
    char text[DIGEST_TEXT_SIZE], verb[128];
    AUTO_FREE char *path = NULL;
    AUTO(http_response_done) struct http_response answer = {0};
    digest_print(digest, text);
    if (remote_manifest_deletable(remote, digest, err) < 0)
        return -1;
    snprintf(verb, sizeof verb, "deleting the manifest %s", text);
    if (asprintf(&path, "/v2/%s/manifests/%s", remote->repository, text) < 0) {
        path = NULL;
        return error_memory(err);
    }
    const struct client_request request = {
        .method = HTTP_DELETE,
        .path = path,
        .repository = remote->repository,
        .access = ACCESS_PUSH,
        .answers = (const int[]){200, 202, 204, 400, 404, 405, 410, 501, 0},
        .verb = verb};
    if (client_send(remote->client, &request, &answer, err) < 0)
        return -1;
    struct refusal refusal;
    refusal_read(&answer, &refusal);
    bool unsupported = answer.status == 405 || answer.status == 501 ||
                       (answer.status >= 400 && refusal_says(&refusal, "UNSUPPORTED"));
    if (unsupported)
        return refuse_delete(remote, text, err);
    if (answer.status == 400)
        return client_refuse(remote->client, &request, &answer, err);
    bool gone = answer.status == 404 || answer.status == 410;
    return gone ? look_gone(remote, text, &refusal, err) : 0;
}
