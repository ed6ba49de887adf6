/* compare.h: two images' disks side by side, of any two formats and cuts. tartconv-compare(1).
 */
#ifndef CONVERT_ENGINE_COMPARE_H
#define CONVERT_ENGINE_COMPARE_H

#include "convert/engine/proof.h"
#include "convert/stores/store.h"

struct compare_options {
    bool all;                /* config.v1, NVRAM and labels count too */
    bool proof;              /* fill comparison.proof: the disks are hashed on the way */
    struct network *network; /* as store_options have them */
    const struct network_side *side_a, *side_b;
};

/* Owner: comparison_done. */
struct comparison {
    uint64_t size_a, size_b; /* of the disks */
    bool same_disk;
    bool differs_at; /* whether `first` is meaningful: a byte differs, not only the size */
    uint64_t first;  /* the first differing byte of disk */
    uint8_t byte_a, byte_b;
    uint64_t compared; /* bytes of disk that were decoded and compared; the rest are equal blobs at
                          equal offsets */
    /* Both absent counts as the same. */
    bool same_vm_config, same_nvram, same_labels;
    bool same; /* what was asked for is the same: the exit status */
    bool has_digest_a, has_digest_b;
    struct digest digest_a, digest_b; /* of the manifests */
    struct proof proof;               /* where asked for and the disks are the same */
};

void comparison_done(struct comparison *comparison);

int compare(struct run *run, const struct reference *a, const struct reference *b,
            const struct compare_options *options, struct comparison *ret, struct error *err);

#endif
