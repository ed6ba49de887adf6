/* registry_sink.c: blobs on their way to a repository. They wait in the spool until their digest is
 * known; then the registry is asked for it, offered a mount, and sent it, each digest once.
 */
#include "convert/stores/registry.h"

#include "formats/model/auto.h"

#include <string.h>

struct registry_output {
    struct output output;
    struct registry *registry;
    struct spool_part *part;
    struct early *early; /* NULL: it is sent when it is whole */
};

static struct registry *registry_of(struct sink *sink)
{
    return (struct registry *)((char *)sink - offsetof(struct registry, sink));
}

/* --- what is known of a digest; with registry->lock held --- */

static struct sent_blob *sent_find(const struct registry *registry, const struct digest *digest)
{
    for (size_t i = 0; i < registry->sent_count; i++)
        if (digest_equal(&registry->sent[i].digest, digest))
            return &registry->sent[i];
    return NULL;
}

static int sent_set(struct registry *registry, const struct digest *digest, enum sent_state state,
                    struct error *err)
{
    struct sent_blob *known = sent_find(registry, digest);
    if (known == NULL) {
        if (registry->sent_count == registry->sent_capacity) {
            size_t capacity = registry->sent_capacity == 0 ? 64 : registry->sent_capacity * 2;
            struct sent_blob *sent = reallocarray(registry->sent, capacity, sizeof *sent);
            if (sent == NULL)
                return error_memory(err);
            registry->sent = sent;
            registry->sent_capacity = capacity;
        }
        known = &registry->sent[registry->sent_count++];
        known->digest = *digest;
    }
    known->state = state;
    pthread_cond_broadcast(&registry->changed);
    return 0;
}

/* --- asking --- */

/* 1 where the registry has it, or took it over from the repository next door; 0; -1. */
static int ask(struct registry *registry, const struct blob_id *id, struct error *err)
{
    uint64_t size;
    int there = remote_blob_find(&registry->remote, &id->digest, &size, err);
    /* what it has under the digest is of that size, or it is no registry */
    if (there == 1 && size != UINT64_MAX && size != id->size)
        return error_set(
            err, ERROR_REGISTRY, "%s says that its blob has %llu bytes, which must be %llu",
            client_host(registry->client), (unsigned long long)size, (unsigned long long)id->size);
    for (size_t i = 0; i < 2 && there == 0; i++) {
        const char *from = registry->options.mount_from[i];
        if (from != NULL && strcmp(from, registry->repository) != 0)
            there = upload_mount(&registry->remote, &id->digest, from, err);
    }
    return there;
}

/* Waits while another thread sends it. Then 1: it is there; 0: nobody knows, and the caller is to
 * find out: the digest is the caller's until sent_end. *ret_absent: it was asked for before, in
 * vain. */
static int sent_begin(struct registry *registry, const struct digest *digest, bool *ret_absent,
                      struct error *err)
{
    pthread_mutex_lock(&registry->lock);
    struct sent_blob *known;
    while ((known = sent_find(registry, digest)) != NULL && known->state == SENT_UNDER_WAY)
        pthread_cond_wait(&registry->changed, &registry->lock);
    int status = known != NULL && known->state == SENT_PRESENT;
    *ret_absent = known != NULL && known->state == SENT_ABSENT;
    if (status == 0)
        status = sent_set(registry, digest, SENT_UNDER_WAY, err);
    pthread_mutex_unlock(&registry->lock);
    return status;
}

static void sent_end(struct registry *registry, const struct digest *digest, bool present)
{
    struct error ignored; /* the entry is there, so nothing is allocated */
    pthread_mutex_lock(&registry->lock);
    sent_set(registry, digest, present ? SENT_PRESENT : SENT_ABSENT, &ignored);
    pthread_mutex_unlock(&registry->lock);
}

static int registry_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    struct registry *registry = registry_of(sink);
    bool absent;
    int status = sent_begin(registry, &id->digest, &absent, err);
    if (status != 0)
        return status;
    if (!absent)
        status = ask(registry, id, err);
    sent_end(registry, &id->digest, status == 1);
    return status;
}

int registry_ask_again(struct registry *registry, const struct blob_id *id, struct error *err)
{
    uint64_t size;
    int there = remote_blob_find(&registry->remote, &id->digest, &size, err);
    if (there == 0)
        sent_end(registry, &id->digest, false);
    return there;
}

/* --- sending --- */

static int registry_write(struct output *base, const void *data, size_t size, struct error *err)
{
    struct registry_output *output = (struct registry_output *)base;
    if (output->early == NULL)
        output->early = early_begin(output->registry, output->part);
    return output->early != NULL ? early_write(output->early, data, size, err)
                                 : part_write(output->part, data, size, err);
}

static void registry_abort(struct output *base)
{
    struct registry_output *output = (struct registry_output *)base;
    early_drop(output->early);
    part_close(output->part);
    free(output);
}

static int body_read(void *context, uint64_t offset, void *data, size_t size, struct error *err)
{
    return part_read(context, offset, data, size, err);
}

static int blob_body_read(void *context, uint64_t offset, void *data, size_t size,
                          struct error *err)
{
    return blob_read_at(context, offset, data, size, err);
}

/* *early: what is being sent already, taken where it is wanted; NULL: nothing is. */
static int send(struct registry *registry, const struct http_body *body, const struct blob_id *id,
                struct early **early, struct error *err)
{
    bool absent;
    int there = sent_begin(registry, &id->digest, &absent, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    if (!absent)
        there = ask(registry, id, err);
    if (there == 1 && early != NULL)
        early_useless(registry);
    if (there == 0) {
        struct early *begun = early == NULL ? NULL : take_ptr(early);
        int status = begun != NULL
                         ? early_end(begun, id, err)
                         : upload_blob(&registry->remote, id, body, registry->options.watch, err);
        there = status < 0 ? -1 : 1;
    }
    sent_end(registry, &id->digest, there == 1);
    return there == 1 ? 0 : -1;
}

static int registry_commit(struct output *base, const struct blob_id *id, struct error *err)
{
    struct registry_output *output = (struct registry_output *)base;
    const struct http_body body = {.size = id->size, .read = body_read, .context = output->part};
    int status =
        part_size(output->part) == id->size
            ? send(output->registry, &body, id, &output->early, err)
            : error_set(err, ERROR_INTERNAL, "a blob has %llu bytes, not %llu",
                        (unsigned long long)part_size(output->part), (unsigned long long)id->size);
    registry_abort(base);
    return status;
}

static const struct output_ops registry_output_ops = {
    .write = registry_write, .commit = registry_commit, .abort = registry_abort};

static int registry_open(struct sink *sink, struct output **ret, struct error *err)
{
    struct registry *registry = registry_of(sink);
    struct spool *spool = network_spool(registry->network, err);
    if (spool == NULL)
        return -1;
    struct registry_output *output = calloc(1, sizeof *output);
    if (output == NULL)
        return error_memory(err);
    output->output.ops = &registry_output_ops;
    output->registry = registry;
    output->part = spool_open(spool, err);
    if (output->part == NULL) {
        free(output);
        return -1;
    }
    *ret = &output->output;
    return 0;
}

static int registry_take(struct sink *sink, struct blob *blob, const struct blob_id *id,
                         struct error *err)
{
    const struct http_body body = {.size = id->size, .read = blob_body_read, .context = blob};
    return send(registry_of(sink), &body, id, NULL, err);
}

const struct sink_ops registry_sink_ops = {
    .open = registry_open, .has = registry_has, .take = registry_take};
