/* retire_list.c: asks a repository for all that leads to one manifest: tags, OCI indexes,
 * referrers. Judges nothing.
 */
#include "convert/fleet/retire_list.h"

#include "formats/model/auto.h"
#include "formats/model/json.h"
#include "formats/model/manifest.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFERRERS_SIZE_MAX (256u << 10)
#define NAMINGS_MAX        (4u << 20)
#define NESTED_MAX         8 /* indexes in indexes */

/* A manifest names another one. */
struct naming {
    struct digest by, named;
    bool subject; /* as its subject; else it is an index */
};

static void shelf_clear(struct shelf *shelf)
{
    names_done(&shelf->tags);
    free(shelf->digests);
    free(shelf->there);
    shelf->digests = NULL;
    shelf->there = NULL;
}

void shelf_done(struct shelf *shelf)
{
    shelf_clear(shelf);
    free(shelf->namings);
    tdestroy(shelf->known, free);
    *shelf = (struct shelf){.known = NULL};
}

/* --- what a manifest names -----------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    const struct digest *x = a, *y = b;
    return memcmp(x->bytes, y->bytes, sizeof x->bytes);
}

/* 1: it was not known before; 0; -1. */
static int known_add(struct shelf *shelf, const struct digest *digest, struct error *err)
{
    if (tfind(digest, &shelf->known, compare) != NULL)
        return 0;
    struct digest *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return error_memory(err);
    *copy = *digest;
    if (tsearch(copy, &shelf->known, compare) != NULL)
        return 1;
    free(copy);
    return error_memory(err);
}

static int naming_add(struct shelf *shelf, const struct naming *naming, struct error *err)
{
    if (shelf->naming_count == NAMINGS_MAX)
        return error_set(err, ERROR_REGISTRY, "the indexes of a repository name more than %u",
                         NAMINGS_MAX);
    if (shelf->naming_count == shelf->naming_capacity) {
        size_t capacity = shelf->naming_capacity * 2 + 64;
        struct naming *grown = reallocarray(shelf->namings, capacity, sizeof *grown);
        if (grown == NULL)
            return error_memory(err);
        shelf->namings = grown;
        shelf->naming_capacity = capacity;
    }
    shelf->namings[shelf->naming_count++] = *naming;
    return 0;
}

static bool entry_digest(const struct json *entry, struct digest *ret)
{
    const char *text = json_string(json_get(entry, "digest"));
    return text != NULL && digest_parse(text, ret);
}

/* An entry of an index that is an image's manifest needs no look of its own. */
static bool is_image_entry(const struct json *entry)
{
    const char *type = json_string(json_get(entry, "mediaType"));
    return type != NULL &&
           (strcmp(type, MEDIA_TYPE_OCI_MANIFEST) == 0 ||
            strcmp(type, "application/vnd.docker.distribution.manifest.v2+json") == 0);
}

static int manifest_look(struct shelf *shelf, const struct remote *remote,
                         const struct digest *digest, unsigned depth, struct error *err);

static int document_look(struct shelf *shelf, const struct remote *remote,
                         const struct digest *digest, const struct json *document, unsigned depth,
                         struct error *err)
{
    struct naming naming = {.by = *digest, .subject = true};
    if (entry_digest(json_get(document, "subject"), &naming.named) &&
        naming_add(shelf, &naming, err) < 0)
        return -1;
    naming.subject = false;
    for (const struct json *entry = json_first(json_get(document, "manifests")); entry != NULL;
         entry = json_next(entry)) {
        if (!entry_digest(entry, &naming.named))
            continue;
        if (naming_add(shelf, &naming, err) < 0)
            return -1;
        if (!is_image_entry(entry) &&
            manifest_look(shelf, remote, &naming.named, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

/* Reads a manifest, unless it was read before, and what it names. */
static int manifest_look(struct shelf *shelf, const struct remote *remote,
                         const struct digest *digest, unsigned depth, struct error *err)
{
    AUTO(json_free_auto) struct json *document = NULL;
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    char text[DIGEST_TEXT_SIZE];
    struct digest found;
    digest_print(digest, text);
    if (depth > NESTED_MAX)
        return error_set(err, ERROR_REGISTRY, "%s is in more than %d indexes that name each other",
                         text, NESTED_MAX);
    if (tfind(digest, &shelf->known, compare) != NULL)
        return 0;
    if (remote_manifest_get(remote, text, &raw, &found, err) < 0) {
        /* gone since; or an index of which not all is here */
        bool gone = err->class == ERROR_NO_SUCH_IMAGE || err->class == ERROR_REPOSITORY_MISSING;
        return gone ? 0 : -1;
    }
    if (json_parse(raw.data, raw.size, MANIFEST_SIZE_MAX, &document, err) < 0) {
        if (err->class != ERROR_MEMORY)
            err->class = ERROR_REGISTRY;
        return error_wrap(err, "the manifest %s, which may be an index that names others", text);
    }
    if (document_look(shelf, remote, digest, document, depth, err) < 0)
        return -1;
    return known_add(shelf, digest, err) < 0 ? -1 : 0;
}

/* --- a repository --------------------------------------------------------------------------------
 */

static int tags_look(struct shelf *shelf, const struct remote *remote, struct error *err)
{
    if (remote_tags(remote, &shelf->tags, err) < 0)
        return -1;
    if (shelf->tags.repeats || shelf->tags.passed_over > 0)
        return error_set(err, ERROR_REGISTRY,
                         "%s/%s: the list of tags repeats itself or has names that are none, so "
                         "what else leads to it is not known",
                         client_host(remote->client), remote->repository);
    size_t count = shelf->tags.count;
    shelf->digests = calloc(count + 1, sizeof *shelf->digests);
    shelf->there = calloc(count + 1, sizeof *shelf->there);
    if (shelf->digests == NULL || shelf->there == NULL)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        int there = remote_manifest_find(remote, shelf->tags.items[i], &shelf->digests[i], err);
        if (there < 0)
            return -1;
        shelf->there[i] = there == 1; /* else removed since the list was read */
        if (there == 1 && manifest_look(shelf, remote, &shelf->digests[i], 0, err) < 0)
            return error_wrap(err, "the tag %s", shelf->tags.items[i]);
    }
    return 0;
}

int shelf_look(struct shelf *shelf, const struct remote *remote, struct error *err)
{
    shelf_clear(shelf);
    if (tags_look(shelf, remote, err) == 0)
        return 0;
    shelf_clear(shelf);
    return -1;
}

/* --- one manifest --------------------------------------------------------------------------------
 */

void leads_done(struct leads *leads)
{
    free(leads->tags);
    *leads = (struct leads){.tag_count = 0};
}

/* The tag that leads to it, else its digest. */
static void name_lead(const struct shelf *shelf, const struct digest *digest,
                      char ret[LEAD_TEXT_MAX])
{
    char text[DIGEST_TEXT_SIZE];
    const char *name = NULL;
    for (size_t i = 0; i < shelf->tags.count && name == NULL; i++)
        if (shelf->there[i] && digest_equal(&shelf->digests[i], digest))
            name = shelf->tags.items[i];
    digest_print(digest, text);
    snprintf(ret, LEAD_TEXT_MAX, "%s", name != NULL ? name : text);
}

static int ask_referrers(const struct remote *remote, const struct digest *digest,
                         struct leads *ret, struct error *err)
{
    AUTO(bytes_done) struct bytes referrers;
    bytes_init(&referrers, REFERRERS_SIZE_MAX);
    if (remote_referrers(remote, digest, &referrers, err) < 0)
        return -1;
    if (referrers.size > 0)
        snprintf(ret->referrer, sizeof ret->referrer, "%.*s",
                 (int)strcspn((const char *)referrers.data, " \n"), (const char *)referrers.data);
    return 0;
}

int leads_find(const struct shelf *shelf, const struct remote *remote, const struct digest *digest,
               struct leads *ret, struct error *err)
{
    char hex[DIGEST_TEXT_SIZE], tag[DIGEST_TEXT_SIZE + 16];
    *ret = (struct leads){.tags = calloc(shelf->tags.count + 1, sizeof *ret->tags)};
    if (ret->tags == NULL)
        return error_memory(err);
    /* as clients name what refers to it: cosign's, and those for registries without the API */
    digest_print_hex(digest, hex);
    int size = snprintf(tag, sizeof tag, "sha256-%s", hex);
    for (size_t i = 0; i < shelf->tags.count; i++) {
        const char *name = shelf->tags.items[i];
        if (shelf->there[i] && digest_equal(&shelf->digests[i], digest))
            ret->tags[ret->tag_count++] = name;
        if (shelf->there[i] && strncmp(name, tag, (size_t)size) == 0)
            snprintf(ret->referrer, sizeof ret->referrer, "%s", name);
    }
    for (size_t i = 0; i < shelf->naming_count; i++) {
        const struct naming *naming = &shelf->namings[i];
        if (digest_equal(&naming->named, digest))
            name_lead(shelf, &naming->by, naming->subject ? ret->referrer : ret->index);
    }
    if (ret->index[0] != '\0' || ret->referrer[0] != '\0' ||
        ask_referrers(remote, digest, ret, err) == 0)
        return 0;
    leads_done(ret);
    return -1;
}
