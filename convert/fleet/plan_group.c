/* plan_group.c: which images share layers of disk, so that one machine may do them: what one has
 * written serves the others. Looks at digests alone. */
#include "convert/fleet/plan_parts.h"

#include "formats/model/auto.h"

#include <stdlib.h>
#include <string.h>

struct named_blob {
    const struct digest *digest;
    size_t item;
};

static int blob_order(const void *a, const void *b)
{
    const struct named_blob *first = a, *second = b;
    int order = memcmp(first->digest->bytes, second->digest->bytes, sizeof first->digest->bytes);
    return order != 0 ? order : first->item < second->item ? -1 : first->item > second->item;
}

/* The least item of a set stands for it. */
static size_t root_of(size_t *parents, size_t item)
{
    while (parents[item] != item) {
        parents[item] = parents[parents[item]];
        item = parents[item];
    }
    return item;
}

static void join(size_t *parents, size_t a, size_t b)
{
    a = root_of(parents, a);
    b = root_of(parents, b);
    if (a < b)
        parents[b] = a;
    else
        parents[a] = b;
}

/* Layers of zeros are everybody's. */
static size_t blobs_collect(const struct fleet_plan *plan, struct named_blob *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct standing *source = &plan->items[i].source;
        for (size_t k = 0; plan->items[i].verdict == VERDICT_DO && k < source->blob_count; k++) {
            if (source->roles[k] != ROLE_DISK)
                continue;
            if (ret != NULL)
                ret[count] = (struct named_blob){&source->blobs[k].digest, i};
            count++;
        }
    }
    return count;
}

int plan_group(struct fleet_plan *plan, struct error *err)
{
    size_t count = blobs_collect(plan, NULL);
    AUTO_FREE struct named_blob *blobs = calloc(count + 1, sizeof *blobs);
    AUTO_FREE size_t *parents = calloc(plan->count + 1, sizeof *parents);
    if (blobs == NULL || parents == NULL)
        return error_memory(err);
    blobs_collect(plan, blobs);
    for (size_t i = 0; i < plan->count; i++)
        parents[i] = i;
    qsort(blobs, count, sizeof *blobs, blob_order);
    for (size_t i = 1; i < count; i++)
        if (digest_equal(blobs[i - 1].digest, blobs[i].digest))
            join(parents, blobs[i - 1].item, blobs[i].item);
    plan->group_count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        size_t root = root_of(parents, i);
        plan->items[i].group = root == i ? plan->group_count++ : plan->items[root].group;
    }
    return 0;
}
