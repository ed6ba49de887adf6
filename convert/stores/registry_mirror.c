/* registry_mirror.c: blobs by way of read-through mirrors. A mirror is trusted with nothing: what
 * it gives is laid aside whole and held against its digest before a byte of it is used.
 */
#include "convert/stores/registry.h"

#include "convert/net/download.h"
#include "convert/stores/spool_blob.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

static int lay_aside(struct blob *from, const struct blob_id *id, struct spool_part *part,
                     struct error *err)
{
    AUTO(hasher_done) struct hasher hasher = {.context = NULL};
    if (hasher_init(&hasher, err) < 0)
        return -1;
    const uint8_t *data;
    size_t size;
    int status;
    while ((status = blob_peek(from, &data, &size, err)) > 0) {
        hasher_update(&hasher, data, size);
        if (size > id->size - part_size(part))
            return error_set(err, ERROR_BLOB_SIZE, "is longer than %llu bytes",
                             (unsigned long long)id->size);
        if (part_write(part, data, size, err) < 0)
            return -1;
        blob_skip(from, size);
    }
    struct digest digest;
    if (status < 0 || hasher_final(&hasher, &digest, err) < 0)
        return -1;
    if (part_size(part) != id->size)
        return error_set(err, ERROR_BLOB_SIZE, "has %llu bytes, its descriptor says %llu",
                         (unsigned long long)part_size(part), (unsigned long long)id->size);
    return digest_equal(&digest, &id->digest)
               ? 0
               : error_set(err, ERROR_BLOB_DIGEST, "its bytes have another digest");
}

static int mirror_fetch(struct registry *registry, const struct mirror *mirror,
                        const struct blob_id *id, struct spool_part *part, struct error *err)
{
    AUTO_FREE char *repository = NULL;
    struct client *client = network_client(registry->network, NULL, mirror->host, true, err);
    if (client == NULL)
        return -1;
    if (asprintf(&repository, "%s%s%s", mirror->prefix != NULL ? mirror->prefix : "",
                 mirror->prefix != NULL ? "/" : "", registry->repository) < 0) {
        repository = NULL;
        return error_memory(err);
    }
    struct remote remote = {.client = client, .repository = repository};
    AUTO(blob_close_auto) struct blob *blob = NULL;
    if (download_open(&remote, id, &blob, err) < 0)
        return -1;
    return lay_aside(blob, id, part, err);
}

/* What the origin cannot mend either. */
static bool is_ours(const struct error *error)
{
    return error->class == ERROR_INTERRUPTED || error->class == ERROR_MEMORY ||
           error->class == ERROR_IO || error->class == ERROR_INTERNAL;
}

static void mirror_note(struct registry *registry, size_t i, const struct error *error)
{
    const struct network_options *options = network_options(registry->network);
    char text[600];
    snprintf(text, sizeof text, "mirror %s: %s", registry->mirrors[i].host, error->text);
    if (options->detail != NULL)
        options->detail(options->context, text);
    if (error->class == ERROR_BLOB_MISSING)
        return;
    /* one that is down or lies is not asked for every layer again */
    pthread_mutex_lock(&registry->lock);
    registry->mirror_failed[i] = true;
    pthread_mutex_unlock(&registry->lock);
    snprintf(text, sizeof text, "mirror %s is left out from here on: %s", registry->mirrors[i].host,
             error->text);
    if (options->warn != NULL)
        options->warn(options->context, text);
}

static bool mirror_is_left_out(struct registry *registry, size_t i)
{
    pthread_mutex_lock(&registry->lock);
    bool failed = registry->mirror_failed[i];
    pthread_mutex_unlock(&registry->lock);
    return failed;
}

int mirrors_open(struct registry *registry, const struct blob_id *id, struct blob **ret,
                 struct error *err)
{
    if (registry->mirror_count == 0 || !id->has_digest)
        return 0;
    struct spool *spool = network_spool(registry->network, err);
    int status = spool == NULL ? -1 : 0;
    for (size_t i = 0; status == 0 && i < registry->mirror_count; i++) {
        if (mirror_is_left_out(registry, i))
            continue;
        struct spool_part *part = spool_open(spool, err);
        if (part != NULL && mirror_fetch(registry, &registry->mirrors[i], id, part, err) == 0 &&
            spool_blob_new(part, true, ret, err) == 0)
            return 1;
        bool ours = part == NULL || is_ours(err);
        part_close(part);
        if (ours)
            status = -1;
        else
            mirror_note(registry, i, err);
    }
    return status;
}
