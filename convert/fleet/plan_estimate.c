/* plan_estimate.c: how many bytes and requests an image will take: by manifests, the engine's own
 * cut, and what is known of the registry. */
#include "convert/fleet/plan_parts.h"

#include "convert/engine/plan.h"
#include "convert/net/profile.h"
#include "formats/model/auto.h"

#include <string.h>

/* What becomes of the disk's layers. */
struct cut {
    uint64_t chunks, made;    /* layers of the result; those that are made */
    uint64_t size, kept_size; /* encoded bytes: of all; of those that stay */
};

static uint64_t layers_size(const struct disk *disk)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < disk->layer_count; i++)
        if (!add_sizes(sum, disk->layers[i].blob.size, &sum))
            return INT64_MAX;
    return sum;
}

static int cut_find(const struct task *task, const struct image *image, enum convert_method method,
                    struct cut *ret, struct error *err)
{
    AUTO(plan_done) struct plan plan = {.chunks = NULL};
    const struct disk *disk = image_disk(image);
    struct convert_options options;
    *ret = (struct cut){.chunks = 0};
    if (disk == NULL)
        return 0;
    ret->size = layers_size(disk);
    ret->chunks = disk->layer_count;
    if (method != METHOD_CONVERTED) {
        ret->kept_size = ret->size;
        return 0;
    }
    task_options(task, &options);
    if (options.normalise)
        options.chunk_size = CHUNK_SIZE_MAX;
    enum disk_format format = options.to == CONVERT_TO_V1 ? DISK_V1 : DISK_V2;
    ret->made = ret->chunks;
    if (!disk->has_size || disk->size == 0 || (image->tart != NULL && image->tart->stacked) ||
        format == DISK_V1)
        return 0; /* a guess: as many layers as there are now */
    if (plan_make(disk, format, &options, false, &plan, err) < 0)
        return -1;
    ret->chunks = plan.count;
    ret->made = plan.count - plan.kept;
    for (size_t i = 0; i < plan.count; i++)
        if (plan.chunks[i].keep)
            ret->kept_size += plan.chunks[i].layer->blob.size;
    return 0;
}

/* Of one blob that is sent: with its HEAD. */
static uint64_t sending(struct profile *profile, uint64_t size)
{
    const struct profile_plan plan = profile_plan(profile, size, 0);
    uint64_t pieces = 0;
    if (plan.method == UPLOAD_PIECES && plan.piece > 0)
        pieces = (size + plan.piece - 1) / plan.piece;
    return 3 + pieces;
}

static uint64_t sum_blobs(const struct standing *standing)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < standing->blob_count; i++)
        if (!add_sizes(sum, standing->blobs[i].size, &sum))
            return INT64_MAX;
    return sum;
}

int plan_estimate(const struct task *task, const struct image *image,
                  const struct standing *standing, struct network *network,
                  const struct sides *sides, struct planned *ret, struct error *err)
{
    const struct wish *wish = &task->entry->wish;
    struct cut cut;
    if (cut_find(task, image, ret->method, &cut, err) < 0)
        return -1;
    const char *host = task->target.host;
    struct client *client = network_client(network, sides_find(sides, host), host, false, err);
    if (client == NULL)
        return -1;
    bool near = batch_host_same(task->source.host, host); /* blobs are mounted */
    bool decodes = wish->decode || wish->disk_digest || ret->method == METHOD_REWRITTEN ||
                   (cut.made > 0 && cut.kept_size == 0);
    uint64_t all = sum_blobs(standing), made = cut.size - cut.kept_size;
    uint64_t kept = all > made ? all - made : 0;
    ret->to_read = decodes || !near ? all : made;
    ret->to_write = near ? made : made + kept;
    if (wish->read_back)
        ret->to_read += made + kept;
    uint64_t average = cut.chunks > 0 ? cut.size / cut.chunks : 0;
    uint64_t small = standing->blob_count > standing->layer_count
                         ? standing->blob_count - standing->layer_count
                         : 0;
    uint64_t one = sending(client_profile(client), average);
    uint64_t sent = near ? cut.made : cut.chunks;
    /* manifests looked at, and read again before the end; blobs read, sent or mounted, and asked
     * for once more; the manifest by its digest and by its tag, and what is kept of the one before
     */
    ret->requests = 4 + (ret->to_read > 0 ? standing->blob_count : 0) + sent * one +
                    (cut.chunks - sent) * 2 + small * (near ? 2 : 3) + cut.chunks + small + 2 +
                    (ret->replace ? 2 : 0) + (wish->read_back ? cut.chunks : 0);
    return 0;
}
