/* inventory_sum.c: what images have in common, and what moving them all would come to. Asks nobody.
 */
#include "convert/fleet/inventory.h"

#include "formats/model/auto.h"

#include <search.h>
#include <string.h>

/* A blob as one manifest names it. */
struct use {
    const struct blob_id *blob;
    enum blob_role role;
    size_t item;
    const char *registry; /* up to its "/" */
    size_t registry_size;
};

struct sums {
    struct inventory *inventory;
    struct use *uses;
    size_t use_count;
    size_t *parents; /* of each item: a union-find */
    bool *twins;     /* of each item: a tag and a backup of it lead to one manifest; the later */
};

/* Sums of sizes that came from outside stay at the largest there can be. */
static void add(uint64_t *sum, uint64_t more)
{
    if (!add_sizes(*sum, more, sum))
        *sum = INT64_MAX;
}

static bool counts(const struct inventory_item *item)
{
    return !item->failed && !item->again;
}

static bool migrates(const struct inventory_item *item)
{
    enum need need = item->standing.need;
    return !item->failed && !item->standing.backup &&
           (need == NEED_CONVERT || need == NEED_RECUT || need == NEED_NORMALISE);
}

static bool keeps_layers(const struct inventory_item *item)
{
    return !migrates(item) || (item->standing.need == NEED_NORMALISE && item->standing.even);
}

/* --- the same manifest --- */

static int compare_manifests(const void *a, const void *b)
{
    const struct inventory_item *x = a, *y = b;
    return memcmp(x->standing.digest.bytes, y->standing.digest.bytes,
                  sizeof x->standing.digest.bytes);
}

static int compare_places(const void *a, const void *b)
{
    const struct inventory_item *x = a, *y = b;
    int order = compare_manifests(a, b);
    return order != 0 ? order : strcmp(x->repository, y->repository);
}

/* A backup stays where the tag that it was made of migrates. */
static int compare_again(const void *a, const void *b)
{
    const struct inventory_item *x = a, *y = b;
    int order = compare_places(a, b);
    return order != 0 ? order : x->standing.backup - y->standing.backup;
}

static void keep(void *item)
{
    (void)item; /* the inventory owns them */
}

/* The first item that compares so, which may be the item itself; NULL: memory ended. */
static const struct inventory_item *first_of(void **tree, const struct inventory_item *item,
                                             int (*compare)(const void *, const void *))
{
    const struct inventory_item *const *found = tsearch(item, tree, compare);
    return found == NULL ? NULL : *found;
}

static int find_same(struct sums *sums, struct error *err)
{
    struct inventory *inventory = sums->inventory;
    void *manifests = NULL, *places = NULL, *counted = NULL;
    int status = 0;
    sums->twins = calloc(inventory->count + 1, sizeof *sums->twins);
    if (sums->twins == NULL)
        return error_memory(err);
    for (size_t i = 0; i < inventory->count && status == 0; i++) {
        struct inventory_item *item = &inventory->items[i];
        item->same_as = item->group = SIZE_MAX;
        if (item->failed || !item->standing.has_digest)
            continue;
        const struct inventory_item *same = first_of(&manifests, item, compare_manifests);
        const struct inventory_item *twin = first_of(&places, item, compare_places);
        const struct inventory_item *again = first_of(&counted, item, compare_again);
        if (same == NULL || twin == NULL || again == NULL)
            status = error_memory(err);
        else if (same != item)
            item->same_as = (size_t)(same - inventory->items);
        sums->twins[i] = twin != item;
        item->again = again != item;
    }
    tdestroy(manifests, keep);
    tdestroy(places, keep);
    tdestroy(counted, keep);
    return status;
}

/* --- blobs --- */

static int compare_blobs(const struct use *a, const struct use *b)
{
    int order = memcmp(a->blob->digest.bytes, b->blob->digest.bytes, sizeof a->blob->digest.bytes);
    if (order != 0)
        return order;
    if (a->registry_size != b->registry_size)
        return a->registry_size < b->registry_size ? -1 : 1;
    return memcmp(a->registry, b->registry, a->registry_size);
}

static int compare_uses(const void *a, const void *b)
{
    const struct use *x = a, *y = b;
    int order = compare_blobs(x, y);
    return order != 0 ? order : (x->item > y->item) - (x->item < y->item);
}

static int list_uses(struct sums *sums, struct error *err)
{
    const struct inventory *inventory = sums->inventory;
    size_t count = 0;
    for (size_t i = 0; i < inventory->count; i++)
        count += counts(&inventory->items[i]) ? inventory->items[i].standing.blob_count : 0;
    sums->uses = calloc(count + 1, sizeof *sums->uses);
    sums->parents = calloc(inventory->count + 1, sizeof *sums->parents);
    if (sums->uses == NULL || sums->parents == NULL)
        return error_memory(err);
    for (size_t i = 0; i < inventory->count; i++) {
        const struct inventory_item *item = &inventory->items[i];
        sums->parents[i] = i;
        for (size_t k = 0; counts(item) && k < item->standing.blob_count; k++)
            sums->uses[sums->use_count++] =
                (struct use){.blob = &item->standing.blobs[k],
                             .role = item->standing.roles[k],
                             .item = i,
                             .registry = item->repository,
                             .registry_size = strcspn(item->repository, "/")};
    }
    qsort(sums->uses, sums->use_count, sizeof *sums->uses, compare_uses);
    return 0;
}

static size_t root_of(struct sums *sums, size_t item)
{
    while (sums->parents[item] != item)
        item = sums->parents[item] = sums->parents[sums->parents[item]];
    return item;
}

/* The lower becomes the root, so that groups are found in order. */
static void unite(struct sums *sums, size_t a, size_t b)
{
    a = root_of(sums, a);
    b = root_of(sums, b);
    sums->parents[a < b ? b : a] = a < b ? a : b;
}

/* All uses of one blob in one registry. */
static void sum_blob(struct sums *sums, const struct use *uses, size_t count)
{
    struct inventory *inventory = sums->inventory;
    bool goes = true;
    size_t manifests = 0;
    for (size_t i = 0; i < count; i++)
        manifests += !sums->twins[uses[i].item];
    add(&inventory->blobs_size, uses->blob->size);
    for (size_t i = 0; i < count; i++) {
        struct inventory_item *item = &inventory->items[uses[i].item];
        if (!sums->twins[uses[i].item])
            add(&inventory->by_position, uses[i].blob->size);
        if (manifests > 1)
            add(&item->shared_size, uses[i].blob->size);
        if (i > 0 && uses[0].role == ROLE_DISK && uses[i].role == ROLE_DISK)
            unite(sums, uses[0].item, uses[i].item);
        goes = goes && uses[i].role != ROLE_OTHER && !keeps_layers(item);
    }
    if (goes)
        add(&inventory->to_free, uses->blob->size);
}

static void sum_blobs(struct sums *sums)
{
    for (size_t i = 0, end; i < sums->use_count; i = end) {
        for (end = i + 1;
             end < sums->use_count && compare_blobs(&sums->uses[i], &sums->uses[end]) == 0;)
            end++;
        sum_blob(sums, &sums->uses[i], end - i);
    }
}

/* Numbers the groups of more than one image, and gives what counts once the same as its first. */
static void number_groups(struct sums *sums)
{
    struct inventory *inventory = sums->inventory;
    size_t groups = 0;
    for (size_t i = 0; i < inventory->count; i++) {
        size_t root = root_of(sums, i);
        if (root == i)
            continue;
        if (inventory->items[root].group == SIZE_MAX)
            inventory->items[root].group = groups++;
        inventory->items[i].group = inventory->items[root].group;
    }
}

/* --- images --- */

static void sum_migration(struct inventory *inventory, const struct inventory_item *item)
{
    const struct standing *standing = &item->standing;
    add(&inventory->to_read, standing->manifest_size);
    add(&inventory->to_read, standing->encoded_size);
    for (size_t i = 0; i < standing->blob_count; i++)
        if (standing->roles[i] == ROLE_OTHER)
            add(&inventory->to_read, standing->blobs[i].size);
    add(&inventory->to_write, standing->manifest_size);
    if (!keeps_layers(item))
        add(&inventory->to_write, standing->encoded_size);
}

static void sum_items(struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++) {
        const struct inventory_item *item = &inventory->items[i];
        inventory->failed += item->failed;
        if (item->failed)
            continue;
        inventory->backups += item->standing.backup;
        inventory->needs[item->standing.need] += !item->standing.backup;
        if (!item->again && migrates(item))
            sum_migration(inventory, item);
    }
}

/* What was told of the first item with that manifest in that repository holds for the others. */
static int copy_again(struct inventory *inventory, struct error *err)
{
    void *places = NULL;
    int status = 0;
    for (size_t i = 0; i < inventory->count && status == 0; i++) {
        struct inventory_item *item = &inventory->items[i];
        if (item->failed || !item->standing.has_digest)
            continue;
        const struct inventory_item *first = first_of(&places, item, compare_again);
        if (first == NULL)
            status = error_memory(err);
        else if (first != item) {
            item->shared_size = first->shared_size;
            item->group = first->group;
        }
    }
    tdestroy(places, keep);
    return status;
}

int inventory_sum(struct inventory *inventory, struct error *err)
{
    struct sums sums = {.inventory = inventory};
    int status = find_same(&sums, err);
    if (status == 0)
        status = list_uses(&sums, err);
    if (status == 0) {
        sum_blobs(&sums);
        number_groups(&sums);
        sum_items(inventory);
        status = copy_again(inventory, err);
    }
    free(sums.uses);
    free(sums.parents);
    free(sums.twins);
    return status;
}
