/* registry.c: a repository of a registry as a store. Knows which parts of net/ to ask; speaks to
 * nobody itself.
 */
#include "convert/stores/registry.h"

#include "convert/net/download.h"
#include "convert/net/profile.h"
#include "convert/stores/image_load.h"
#include "convert/stores/layout_index.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

/* --- a manifest as a blob --- */

struct memory_blob {
    struct blob blob;
    struct bytes bytes;
    size_t position;
};

static int memory_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size,
                       struct error *err)
{
    (void)err;
    struct memory_blob *memory = (struct memory_blob *)blob;
    *ret_data = memory->bytes.data + memory->position;
    *ret_size = memory->bytes.size - memory->position;
    return *ret_size > 0 ? 1 : 0;
}

static void memory_skip(struct blob *blob, size_t size)
{
    ((struct memory_blob *)blob)->position += size;
}

static void memory_close(struct blob *blob)
{
    bytes_done(&((struct memory_blob *)blob)->bytes);
    free(blob);
}

static const struct blob_ops memory_blob_ops = {
    .peek = memory_peek, .skip = memory_skip, .close = memory_close};

static int manifests_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                          struct error *err)
{
    const struct registry *registry =
        (const struct registry *)((const char *)blobs - offsetof(struct registry, manifests));
    struct memory_blob *memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return error_memory(err);
    memory->blob.ops = &memory_blob_ops;
    bytes_init(&memory->bytes, MANIFEST_SIZE_MAX);
    char text[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, text);
    struct digest digest;
    if (remote_manifest_get(&registry->remote, text, &memory->bytes, &digest, err) < 0) {
        memory_close(&memory->blob);
        if (err->class == ERROR_NO_SUCH_IMAGE || err->class == ERROR_NO_SUCH_TAG)
            err->class = ERROR_BLOB_MISSING;
        return -1;
    }
    memory->blob.size = memory->bytes.size;
    *ret = &memory->blob;
    return 0;
}

static const struct blobs_ops manifests_ops = {.open = manifests_open};

/* --- blobs --- */

static int registry_blobs_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                               struct error *err)
{
    struct registry *registry =
        (struct registry *)((char *)blobs - offsetof(struct registry, blobs));
    if (registry->is_source) {
        int status = mirrors_open(registry, id, ret, err);
        if (status != 0)
            return status < 0 ? -1 : 0;
    }
    return download_open(&registry->remote, id, ret, err);
}

/* Of the registry itself: a mirror would fetch the whole blob for it. */
static int registry_blobs_open_parts(struct blobs *blobs, const struct blob_id *id,
                                     struct blob **ret, struct error *err)
{
    struct registry *registry =
        (struct registry *)((char *)blobs - offsetof(struct registry, blobs));
    return download_open_parts(&registry->remote, id, ret, err);
}

static const struct blobs_ops registry_blobs_ops = {.open = registry_blobs_open,
                                                    .open_parts = registry_blobs_open_parts};

/* --- opening --- */

static void registry_close(struct store *store)
{
    struct registry *registry = (struct registry *)store;
    pthread_cond_destroy(&registry->changed);
    pthread_mutex_destroy(&registry->lock);
    free(registry->mirror_failed);
    free(registry->before);
    free(registry->sent);
    free(registry->text);
    free(registry->repository);
    free(registry->tag);
    free(registry);
}

static int registry_fill(struct registry *registry, const struct reference *reference,
                         struct error *err)
{
    registry->text = strdup(reference->text);
    registry->repository = strdup(reference->repository);
    registry->tag = reference->tag == NULL ? NULL : strdup(reference->tag);
    bool own = registry->options.mirrors != NULL;
    const struct network_options *shared = network_options(registry->network);
    registry->mirrors = own ? registry->options.mirrors : shared->mirrors;
    registry->mirror_count = own ? registry->options.mirror_count : shared->mirror_count;
    registry->mirror_failed = calloc(registry->mirror_count + 1, sizeof *registry->mirror_failed);
    if (registry->text == NULL || registry->repository == NULL ||
        (reference->tag != NULL && registry->tag == NULL) || registry->mirror_failed == NULL)
        return error_memory(err);
    registry->has_digest = reference->has_digest;
    registry->digest = reference->digest;
    registry->client =
        network_client(registry->network, registry->options.side, reference->host, false, err);
    registry->remote =
        (struct remote){.client = registry->client, .repository = registry->repository};
    return registry->client == NULL ? -1 : 0;
}

static int registry_new(const struct reference *reference, const struct store_options *options,
                        struct registry **ret, struct error *err)
{
    struct registry *registry = calloc(1, sizeof *registry);
    if (registry == NULL)
        return error_memory(err);
    registry->store.ops = &registry_store_ops;
    registry->blobs.ops = &registry_blobs_ops;
    registry->manifests.ops = &manifests_ops;
    registry->sink.ops = &registry_sink_ops;
    registry->options = *options;
    registry->network = options->network;
    pthread_mutex_init(&registry->lock, NULL); /* cannot fail on Linux, nor does the next */
    pthread_cond_init(&registry->changed, NULL);
    if (registry_fill(registry, reference, err) < 0) {
        registry_close(&registry->store);
        return -1;
    }
    *ret = registry;
    return 0;
}

static int registry_open_source(const struct reference *reference,
                                const struct store_options *options, struct store **ret,
                                struct error *err)
{
    struct registry *registry;
    if (registry_new(reference, options, &registry, err) < 0)
        return -1;
    registry->is_source = true;
    *ret = &registry->store;
    return 0;
}

/* What a killed run began to send is of no use to anybody. */
static void cancel_left(const struct registry *registry)
{
    const struct upload_watch *watch = registry->options.watch;
    char *location;
    while (watch != NULL && watch->left != NULL &&
           (location = watch->left(watch->context)) != NULL) {
        upload_cancel(&registry->remote, location);
        secret_free(&location);
    }
}

static void tell_profile(const struct registry *registry)
{
    const struct network_options *options = network_options(registry->network);
    char text[400];
    snprintf(text, sizeof text, "%.255s: blobs are sent as to a registry of the kind \"%s\"",
             client_host(registry->client), profile_name(client_profile(registry->client)));
    if (options->detail != NULL)
        options->detail(options->context, text);
}

static int registry_open_destination(const struct reference *reference,
                                     const struct store_options *options, struct store **ret,
                                     struct error *err)
{
    struct registry *registry;
    if (reference->has_digest)
        return error_set(err, ERROR_REFERENCE,
                         "%s: a destination has a tag; its digest is what comes out",
                         reference->text);
    if (registry_new(reference, options, &registry, err) < 0)
        return -1;
    if (registry_look_at_tags(registry, err) < 0) {
        registry_close(&registry->store);
        return -1;
    }
    tell_profile(registry);
    cancel_left(registry);
    registry->store.sink = &registry->sink;
    registry->store.blobs = &registry->blobs;
    registry->store.uploads = profile_uploads(client_profile(registry->client));
    *ret = &registry->store;
    return 0;
}

/* --- loading --- */

/* What the tag or digest leads to may be an OCI index. */
static int registry_load(struct store *store, struct image *ret, struct error *err)
{
    struct registry *registry = (struct registry *)store;
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    char text[DIGEST_TEXT_SIZE];
    digest_print(&registry->digest, text);
    struct blob_id id = {.has_digest = true};
    if (remote_manifest_get(&registry->remote, registry->has_digest ? text : registry->tag, &raw,
                            &id.digest, err) < 0)
        return -1;
    registry->digest = id.digest;
    id.size = raw.size;
    AUTO(json_free_auto) struct json *index = NULL;
    struct error ignored;
    bool is_index = layout_index_parse(&raw, &index, &ignored) == 0;
    if (is_index)
        return image_load(&registry->manifests, &id, true, &registry->blobs, ret, err);
    return image_from_manifest(&raw, &id.digest, &registry->blobs, ret, err);
}

static int registry_unmoved(struct store *store, struct error *err)
{
    const struct registry *registry = (const struct registry *)store;
    if (registry->has_digest)
        return 1;
    struct digest now;
    int there = remote_manifest_find(&registry->remote, registry->tag, &now, err);
    if (there < 0)
        return error_wrap(err, "%s", registry->text);
    return there == 1 && digest_equal(&now, &registry->digest);
}

static int registry_referrers(struct store *store, struct bytes *ret, struct error *err)
{
    const struct registry *registry = (const struct registry *)store;
    return remote_referrers(&registry->remote, &registry->digest, ret, err);
}

const struct store_ops registry_store_ops = {
    .open_source = registry_open_source,
    .load = registry_load,
    .open_destination = registry_open_destination,
    .stage = registry_stage,
    .publish = registry_publish,
    .unmoved = registry_unmoved,
    .referrers = registry_referrers,
    .close = registry_close,
};
