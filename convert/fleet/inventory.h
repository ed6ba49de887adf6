/* inventory.h: which tags of which repositories are Tart images, and what they need. Only
 * catalogue, lists of tags and manifests are read; with `quick` also what verify's quick look
 * reads. tartconv-scan(1).
 *
 * Owner: inventory_done. Threads: one caller; it asks several repositories at once by itself, at
 * most `concurrency` requests a registry; with `quick` one image after another. */
#ifndef CONVERT_FLEET_INVENTORY_H
#define CONVERT_FLEET_INVENTORY_H

#include "convert/engine/run.h"
#include "convert/fleet/standing.h"
#include "convert/input/patterns.h"

#define INVENTORY_REFUSALS_MAX 3

struct inventory_options {
    bool quick;
    /* Of what registries list; what is named itself is meant. NULL: all. */
    const struct patterns *repositories, *tags;
    const char *backup_tag;
    struct network *network;
    /* What a registry was told of; the same pointer for the same host; NULL: memory ended. */
    const struct network_side *(*side)(void *context, const char *host);
    void *context; /* of side; it is called by the caller's thread alone */
};

struct inventory_item {
    char *name; /* HOST/REPOSITORY:TAG, or @DIGEST; without either: could not be listed */
    char *repository, *tag; /* HOST/REPOSITORY; NULL: no tag */
    bool failed;            /* error says why; no standing */
    struct error error;
    struct standing standing;
    size_t same_as;       /* an item before it with the same manifest; SIZE_MAX: none */
    bool again;           /* ... in the same repository: it counts once in the sums */
    uint64_t shared_size; /* bytes of its blobs that other manifests of the registry name, too */
    size_t group;         /* images of a registry that share layers of their disks, but for such as
                             hold little but zeros, have the same, from 0 on; SIZE_MAX: none */
};

struct inventory {
    struct inventory_item *items; /* by repository, then by tag, as the registry lists them */
    size_t count;
    size_t repositories, failed_repositories, failed;
    size_t passed_over;       /* names that registries listed and nobody can ask for */
    size_t backups;           /* not among needs, nor migrated */
    size_t needs[NEED_COUNT]; /* tags */
    uint64_t blobs_size;      /* bytes of all blobs, each digest once a registry */
    uint64_t by_position; /* the same, each as often as a manifest names it: less what is shared */
    /* A migration (convert, re-cut, normalise) of all that needs one, at most: what it reads; what
     * it writes, taking new layers to be as large as the old ones; and what could be deleted after
     * it, once the old manifests are: blobs of disks that nothing names that stays. */
    uint64_t to_read, to_write, to_free;
};
void inventory_done(struct inventory *inventory);

/* places: "HOST", "HOST/REPOSITORY" or "HOST/REPOSITORY:TAG" (or @DIGEST), in order; what is named
 * twice is told once. What fails in one image or repository is an item of its own (failed) and does
 * not end the others; -1 and err: a place that is none, a catalogue that cannot be had, an
 * interruption, memory, and credentials that a registry has refused INVENTORY_REFUSALS_MAX times
 * and taken never. */
int inventory_take(struct run *run, const char *const *places, size_t place_count,
                   const struct inventory_options *options, struct inventory *ret,
                   struct error *err);

/* All but the items, out of them; for inventory_take. */
int inventory_sum(struct inventory *inventory, struct error *err);

#endif
