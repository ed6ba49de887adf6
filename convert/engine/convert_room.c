/* convert_room.c: how much of an image may wait in the spool at once, and whether there is room for
 * it: told before the first byte is fetched, since a disk that fills up after an hour helps nobody.
 */
#include "convert/engine/convert_parts.h"

#include "convert/engine/memory.h"
#include "convert/net/profile.h"

#include <inttypes.h>

/* How many blobs the destination takes at once. */
static int uploads_find(const struct job *job, unsigned *ret, struct error *err)
{
    *ret = 0;
    if (job->to->transport != TRANSPORT_REGISTRY)
        return 0;
    struct client *client = network_client(job->options->network, job->options->destination_side,
                                           job->to->host, false, err);
    if (client == NULL)
        return -1;
    *ret = profile_uploads(client_profile(client));
    return 0;
}

struct sizes {
    uint64_t largest, sum;
};

static void add(struct sizes *sizes, uint64_t size)
{
    if (size > sizes->largest)
        sizes->largest = size;
    if (!add_sizes(sizes->sum, size, &sizes->sum))
        sizes->sum = INT64_MAX;
}

/* What comes from a mirror is laid aside and checked before it is believed (registry_mirror.c). */
static bool has_mirrors(const struct job *job)
{
    const struct convert_options *options = job->options;
    return job->from->transport == TRANSPORT_REGISTRY &&
           (options->mirrors != NULL ? options->mirror_count
                                     : network_options(options->network)->mirror_count) > 0;
}

/* Whether a blob that is copied goes straight from the source to the destination (relay.h). */
static bool goes_straight(const struct job *job, enum convert_method method)
{
    return job->to->transport == TRANSPORT_REGISTRY && method != METHOD_REWRITTEN &&
           !has_mirrors(job) && !convert_decodes_kept(job->options);
}

/* A chunk that is made takes as much as its disk at most, but for 1 in 5,000. */
static struct sizes sizes_of(const struct job *job, enum convert_method method)
{
    struct sizes sizes = {.sum = 0};
    const struct manifest *manifest = job->image.manifest;
    bool straight = goes_straight(job, method);
    if (method != METHOD_CONVERTED)
        for (size_t i = 0; i < manifest->layer_count && !straight; i++)
            add(&sizes, manifest->layers[i].blob.size);
    else
        for (size_t i = 0; i < job->plan.count; i++) {
            const struct plan_chunk *chunk = &job->plan.chunks[i];
            if (!chunk->keep)
                add(&sizes, chunk->length);
            else if (!straight)
                add(&sizes, chunk->layer->blob.size);
        }
    return sizes;
}

int convert_measure_room(const struct job *job, struct conversion *ret, struct error *err)
{
    ret->spool_size = 0;
    if (job->options->network == NULL ||
        (job->to->transport != TRANSPORT_REGISTRY && job->to->transport != TRANSPORT_ARCHIVE))
        return 0;
    unsigned lanes = job->run->threads, uploads;
    if (uploads_find(job, &uploads, err) < 0)
        return -1;
    /* one a lane that is being made, and those that are being sent (behind.h) */
    uint64_t at_once = lanes + (uint64_t)(uploads > lanes ? uploads : lanes), size;
    run_detail(job->run, "%" PRIu64 " blobs on their way at once, at most %" PRIu64 " MiB more",
               at_once,
               (memory_of_uploads(lanes, uploads) +
                network_options(job->options->network)->spool_memory) >>
                   20);
    struct sizes sizes = sizes_of(job, ret->method);
    ret->spool_size = sizes.sum;
    if (!__builtin_mul_overflow(sizes.largest, at_once, &size) && size < sizes.sum)
        ret->spool_size = size;
    return 0;
}

int convert_check_room(const struct job *job, const struct conversion *conversion,
                       struct error *err)
{
    struct network *network = job->options->network;
    if (conversion->spool_size == 0)
        return 0;
    uint64_t memory = network_options(network)->spool_memory;
    struct spool *spool = network_spool(network, err);
    if (spool == NULL)
        return -1;
    return spool_check_space(
        spool, conversion->spool_size > memory ? conversion->spool_size - memory : 0, err);
}
