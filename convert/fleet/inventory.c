/* inventory.c: from what was named to images, one by one: catalogues, lists of tags, manifests,
 * several at once and told in order. Judges no image (standing.h); adds nothing up
 * (inventory_sum.c). */
#include "convert/fleet/inventory.h"

#include "convert/engine/lanes.h"
#include "convert/engine/verify.h"
#include "convert/input/values.h"
#include "convert/net/lists.h"
#include "convert/net/profile.h"
#include "convert/stores/backup.h"
#include "convert/stores/image_load.h"
#include "convert/stores/layout_index.h"
#include "formats/model/auto.h"

#include <search.h>
#include <stdio.h>
#include <string.h>

/* A registry that takes part. */
struct host {
    char *name;
    const struct network_side *side;
    struct client *client;
    unsigned refusals; /* under lock, like what follows */
    bool taken;        /* it has answered to these credentials */
};

/* A repository whose tags are wanted, or one image of it. */
struct wanted {
    struct host *host;
    char *repository;
    char *reference; /* a tag or digest; NULL: all tags */
    bool has_digest;
    struct names tags;
    bool failed;
    struct error error;
};

struct take {
    struct run *run;
    const struct inventory_options *options;
    struct inventory *ret;
    pthread_mutex_t lock; /* over hosts' counts */
    struct host **hosts;  /* they stay where they are */
    size_t host_count;
    struct wanted *wanted;
    size_t count, capacity;
    size_t *owners; /* of each item: index into wanted */
    size_t item_capacity;
    void *seen; /* tsearch: keys of what is wanted, and names of items */
};

void inventory_done(struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++) {
        struct inventory_item *item = &inventory->items[i];
        free(item->name);
        free(item->repository);
        free(item->tag);
        standing_done(&item->standing);
    }
    free(inventory->items);
    *inventory = (struct inventory){.items = NULL};
}

static void take_done(struct take *take)
{
    for (size_t i = 0; i < take->count; i++) {
        free(take->wanted[i].repository);
        free(take->wanted[i].reference);
        names_done(&take->wanted[i].tags);
    }
    for (size_t i = 0; i < take->host_count; i++) {
        free(take->hosts[i]->name);
        free(take->hosts[i]);
    }
    tdestroy(take->seen, free);
    free(take->hosts);
    free(take->wanted);
    free(take->owners);
    pthread_mutex_destroy(&take->lock);
}

/* --- what is wanted --- */

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Takes name over: 1: it is new; 0: it was seen; -1. */
static int see(struct take *take, char *name, struct error *err)
{
    if (name != NULL && tfind(name, &take->seen, compare) != NULL) {
        free(name);
        return 0;
    }
    if (name != NULL && tsearch(name, &take->seen, compare) != NULL)
        return 1;
    free(name);
    return error_memory(err);
}

/* Allocated; NULL: no memory. */
static char *join(const char *a, const char *between, const char *b)
{
    char *ret = NULL;
    return asprintf(&ret, "%s%s%s", a, between, b) < 0 ? NULL : ret;
}

static int host_find(struct take *take, const char *name, struct host **ret, struct error *err)
{
    for (size_t i = 0; i < take->host_count; i++)
        if (strcasecmp(take->hosts[i]->name, name) == 0) {
            *ret = take->hosts[i];
            return 0;
        }
    struct host **hosts = reallocarray(take->hosts, take->host_count + 1, sizeof(struct host *));
    if (hosts == NULL)
        return error_memory(err);
    take->hosts = hosts;
    struct host *host = calloc(1, sizeof *host);
    if (host != NULL)
        host->name = strdup(name);
    if (host == NULL || host->name == NULL) {
        free(host);
        return error_memory(err);
    }
    hosts[take->host_count++] = *ret = host;
    host->side = take->options->side(take->options->context, name);
    if (host->side == NULL)
        return error_memory(err);
    host->client = network_client(take->options->network, host->side, name, false, err);
    return host->client == NULL ? -1 : 0;
}

static int want(struct take *take, struct host *host, const char *repository, const char *reference,
                bool has_digest, struct error *err)
{
    AUTO_FREE char *place = join(host->name, "/", repository);
    if (place == NULL)
        return error_memory(err);
    /* "*" is in no tag: all of them */
    int new = see(take, join(place, " ", reference == NULL ? "*" : reference), err);
    if (new <= 0)
        return new;
    if (take->count == take->capacity) {
        size_t capacity = take->capacity * 2 + 64;
        struct wanted *items = reallocarray(take->wanted, capacity, sizeof *items);
        if (items == NULL)
            return error_memory(err);
        take->wanted = items;
        take->capacity = capacity;
    }
    struct wanted *wanted = &take->wanted[take->count++];
    *wanted =
        (struct wanted){.host = host, .has_digest = has_digest, .repository = strdup(repository)};
    if (reference != NULL)
        wanted->reference = strdup(reference);
    return wanted->repository == NULL || (reference != NULL && wanted->reference == NULL)
               ? error_memory(err)
               : 0;
}

/* 1, 0, -1. */
static int means(const struct patterns *patterns, const char *name, struct error *err)
{
    return patterns == NULL ? 1 : patterns_judge(patterns, name, err);
}

static int want_registry(struct take *take, const char *name, struct error *err)
{
    AUTO(names_done) struct names names = {.items = NULL};
    struct host *host;
    int status = 0;
    if (host_find(take, name, &host, err) < 0 || remote_catalogue(host->client, &names, err) < 0)
        return -1;
    host->taken = true;
    take->ret->passed_over += names.passed_over;
    const struct patterns *meant = take->options->repositories;
    for (size_t i = 0; i < names.count && status == 0; i++)
        if ((status = means(meant, names.items[i], err)) == 1)
            status = want(take, host, names.items[i], NULL, false, err);
    run_detail(take->run, "%s lists %zu repositories", name, names.count);
    return status;
}

/* Whether the text names a tag or digest itself, which a reference has in any case. */
static bool names_image(const char *text)
{
    const char *name = strrchr(text, '/');
    return strpbrk(name == NULL ? text : name, ":@") != NULL;
}

static int want_place(struct take *take, const char *text, struct error *err)
{
    AUTO(reference_done) struct reference reference = {.text = NULL};
    size_t size = strcspn(text, "/");
    if (text[size] == '\0' || text[size + 1] == '\0') {
        AUTO_FREE char *host = strndup(text, size);
        if (host == NULL)
            return error_memory(err);
        if (!value_host(host))
            return error_set(err, ERROR_REFERENCE, "\"%s\" must be " MUST_HOST, host);
        return want_registry(take, host, err);
    }
    struct host *host;
    char digest[DIGEST_TEXT_SIZE];
    if (reference_parse(text, &reference, err) < 0)
        return -1;
    if (reference.transport != TRANSPORT_REGISTRY)
        return error_set(err, ERROR_REFERENCE,
                         "%s: wanted is a registry, or a repository or image in one", text);
    if (host_find(take, reference.host, &host, err) < 0)
        return -1;
    digest_print(&reference.digest, digest);
    return want(take, host, reference.repository,
                reference.has_digest ? digest
                : names_image(text)  ? reference.tag
                                     : NULL,
                reference.has_digest, err);
}

/* --- failures --- */

/* What one place's failure means for the others: 0: nothing; -1: all ends. */
static int fail(struct take *take, struct host *host, const struct error *error, struct error *err)
{
    bool ends = error->class == ERROR_INTERRUPTED || error->class == ERROR_MEMORY;
    pthread_mutex_lock(&take->lock);
    if (error->class == ERROR_CREDENTIALS && !host->taken)
        ends = ends || ++host->refusals >= INVENTORY_REFUSALS_MAX;
    pthread_mutex_unlock(&take->lock);
    if (!ends)
        return 0;
    *err = *error;
    return -1;
}

static void succeed(struct take *take, struct host *host)
{
    pthread_mutex_lock(&take->lock);
    host->taken = true;
    pthread_mutex_unlock(&take->lock);
}

/* --- tags --- */

static int list_one(void *context, size_t lane, size_t piece, struct error *err)
{
    (void)lane;
    struct take *take = context;
    struct wanted *wanted = &take->wanted[piece];
    const struct remote remote = {.client = wanted->host->client, .repository = wanted->repository};
    if (run_check(take->run, err) < 0)
        return -1;
    if (wanted->reference != NULL)
        return 0;
    if (remote_tags(&remote, &wanted->tags, &wanted->error) < 0) {
        wanted->failed = true;
        return fail(take, wanted->host, &wanted->error, err);
    }
    succeed(take, wanted->host);
    run_detail(take->run, "%s/%s has %zu tags", wanted->host->name, wanted->repository,
               wanted->tags.count);
    return 0;
}

/* reference NULL: the repository could not be listed. */
static int add_item(struct take *take, size_t owner, const char *reference, struct error *err)
{
    const struct wanted *wanted = &take->wanted[owner];
    struct inventory *ret = take->ret;
    AUTO_FREE char *place = join(wanted->host->name, "/", wanted->repository);
    AUTO_FREE char *name = place == NULL ? NULL
                           : reference == NULL
                               ? strdup(place)
                               : join(place, wanted->has_digest ? "@" : ":", reference);
    int new = name == NULL ? error_memory(err) : see(take, strdup(name), err);
    if (new <= 0)
        return new;
    if (ret->count == take->item_capacity) {
        size_t capacity = take->item_capacity * 2 + 64;
        struct inventory_item *items = reallocarray(ret->items, capacity, sizeof *items);
        if (items != NULL)
            ret->items = items;
        size_t *owners = reallocarray(take->owners, capacity, sizeof *owners);
        if (owners != NULL)
            take->owners = owners;
        if (items == NULL || owners == NULL)
            return error_memory(err);
        take->item_capacity = capacity;
    }
    bool has_tag = reference != NULL && !wanted->has_digest;
    take->owners[ret->count] = owner;
    ret->items[ret->count++] = (struct inventory_item){.name = take_ptr(&name),
                                                       .repository = take_ptr(&place),
                                                       .tag = has_tag ? strdup(reference) : NULL,
                                                       .failed = wanted->failed,
                                                       .error = wanted->error};
    return has_tag && ret->items[ret->count - 1].tag == NULL ? error_memory(err) : 0;
}

static int add_items(struct take *take, struct error *err)
{
    const struct patterns *meant = take->options->tags;
    for (size_t i = 0; i < take->count; i++) {
        const struct wanted *wanted = &take->wanted[i];
        int status = 0;
        if (wanted->failed || wanted->reference != NULL)
            status = add_item(take, i, wanted->reference, err);
        for (size_t k = 0; k < wanted->tags.count && status >= 0; k++)
            if ((status = means(meant, wanted->tags.items[k], err)) == 1)
                status = add_item(take, i, wanted->tags.items[k], err);
        if (status < 0)
            return -1;
        take->ret->passed_over += wanted->tags.passed_over;
        take->ret->repositories += wanted->reference == NULL;
        take->ret->failed_repositories += wanted->failed;
    }
    return 0;
}

/* --- images --- */

/* By digest, for what asks a store. */
static struct reference reference_of(const struct wanted *wanted, const struct inventory_item *item,
                                     const struct digest *digest)
{
    return (struct reference){.transport = TRANSPORT_REGISTRY,
                              .host = wanted->host->name,
                              .repository = wanted->repository,
                              .has_digest = true,
                              .digest = *digest,
                              .text = item->name};
}

static int load_index(const struct take *take, const struct wanted *wanted,
                      const struct reference *reference, struct image *ret, struct error *err)
{
    AUTO(store_close_auto) struct store *store = NULL;
    const struct store_options options = {.network = take->options->network,
                                          .side = wanted->host->side};
    if (store_open_source(reference, &options, &store, err) < 0 ||
        store_load_tolerant(store, ret, err) < 0)
        return -1;
    ret->blobs = NULL; /* they end with the store */
    return 0;
}

/* The image, with the digest that was led to. What has nothing of Tart's in it is not taken for a
 * broken image of Tart's, whatever it is. */
static int load(const struct take *take, const struct wanted *wanted,
                const struct inventory_item *item, struct image *ret, struct digest *ret_digest,
                struct error *err)
{
    static const char tart[] = "vnd.cirruslabs.tart.";
    const struct remote remote = {.client = wanted->host->client, .repository = wanted->repository};
    AUTO(bytes_done) struct bytes raw;
    AUTO(json_free_auto) struct json *index = NULL;
    struct error ignored;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    if (remote_manifest_get(&remote, item->tag != NULL ? item->tag : wanted->reference, &raw,
                            ret_digest, err) < 0)
        return -1;
    if (layout_index_parse(&raw, &index, &ignored) == 0) {
        const struct reference reference = reference_of(wanted, item, ret_digest);
        return load_index(take, wanted, &reference, ret, err);
    }
    bool ours = memmem(raw.data, raw.size, tart, sizeof tart - 1) != NULL;
    *ret = (struct image){.tolerant = true};
    if (image_from_manifest(&raw, ret_digest, NULL, ret, err) == 0)
        return 0;
    if (!ours && err->class != ERROR_MEMORY)
        return error_set(err, ERROR_NOT_TART, "neither an image manifest nor anything of Tart's");
    return -1;
}

static int look_quick(const struct take *take, const struct wanted *wanted,
                      const struct inventory_item *item, const struct image *image,
                      struct verification *ret, struct error *err)
{
    struct run quiet;
    const struct reference reference = reference_of(wanted, item, &image->digest);
    const struct verify_options options = {
        .quick = true, .network = take->options->network, .side = wanted->host->side};
    if (run_init(&quiet, 1, take->run->stop, NULL, err) < 0)
        return -1;
    int status = verify(&quiet, &reference, &options, ret, err);
    run_done(&quiet);
    return status;
}

static int judge(const struct take *take, const struct wanted *wanted, struct inventory_item *item,
                 const struct image *image, struct error *err)
{
    AUTO(verification_done) struct verification verification = {.has_digest = false};
    bool quick =
        take->options->quick && (image->tart != NULL || image->tart_error.class != ERROR_NOT_TART);
    if (quick && look_quick(take, wanted, item, image, &verification, err) < 0)
        return -1;
    return standing_judge(image, item->tag, take->options->backup_tag,
                          quick ? &verification.findings : NULL, &item->standing, err);
}

static int load_one(void *context, size_t lane, size_t piece, struct error *err)
{
    (void)lane;
    struct take *take = context;
    struct inventory_item *item = &take->ret->items[piece];
    const struct wanted *wanted = &take->wanted[take->owners[piece]];
    AUTO(image_done) struct image image = {.blobs = NULL};
    struct digest digest;
    item->same_as = item->group = SIZE_MAX;
    if (run_check(take->run, err) < 0)
        return -1;
    if (item->failed)
        return 0;
    item->error = (struct error)ERROR_INIT;
    bool got = false;
    int status = load(take, wanted, item, &image, &digest, &item->error);
    if (status == 0)
        status = judge(take, wanted, item, &image, &item->error);
    if (status < 0)
        got = standing_of_error(&item->error, &item->standing);
    item->failed = status < 0 && !got;
    if (item->failed)
        return fail(take, wanted->host, &item->error, err);
    succeed(take, wanted->host);
    if (item->tag != NULL && item->standing.has_digest)
        item->standing.backup = backup_fits(take->options->backup_tag, item->tag, &digest);
    return 0;
}

/* --- all of it --- */

/* At once: as many as each of the registries takes. */
static unsigned lanes_of(const struct take *take)
{
    unsigned ret = LANES_MAX;
    for (size_t i = 0; i < take->host_count; i++) {
        unsigned most = profile_uploads(client_profile(take->hosts[i]->client));
        ret = most < ret ? most : ret;
    }
    return ret == 0 ? 1 : ret;
}

static int take_all(struct take *take, const char *const *places, size_t place_count,
                    struct error *err)
{
    for (size_t i = 0; i < place_count; i++)
        if (run_check(take->run, err) < 0 || want_place(take, places[i], err) < 0)
            return -1;
    unsigned lanes = lanes_of(take);
    if (lanes_run(lanes, take->count, list_one, take, err) < 0 || add_items(take, err) < 0)
        return -1;
    /* a quick look asks several things at once by itself */
    if (take->options->quick)
        lanes = 1;
    if (lanes_run(lanes, take->ret->count, load_one, take, err) < 0)
        return -1;
    return inventory_sum(take->ret, err);
}

int inventory_take(struct run *run, const char *const *places, size_t place_count,
                   const struct inventory_options *options, struct inventory *ret,
                   struct error *err)
{
    struct take take = {.run = run, .options = options, .ret = ret};
    *ret = (struct inventory){.items = NULL};
    pthread_mutex_init(&take.lock, NULL); /* cannot fail on Linux */
    int status = take_all(&take, places, place_count, err);
    take_done(&take);
    if (status < 0)
        inventory_done(ret);
    return status;
}
