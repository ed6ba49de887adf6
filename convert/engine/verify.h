/* verify.h: an image looked at whole, or in part: everything that Tart does not check.
 * tartconv-verify(1).
 */
#ifndef CONVERT_ENGINE_VERIFY_H
#define CONVERT_ENGINE_VERIFY_H

#include "convert/engine/proof.h"
#include "convert/stores/store.h"
#include "formats/checks/checks.h"

struct verify_options {
    bool disk_digest;          /* hash the disk whole, also where nothing promises its digest */
    const struct proof *proof; /* hold the image against it; NULL: none */
    /* Look only at what is soon told, reading little of it; with either kind of sample also decode
     * that much of the disk, chosen by the seed. With neither disk_digest nor proof. */
    bool quick;
    unsigned sample_percent; /* 0: none */
    uint64_t sample_size;    /* bytes of disk; 0: none */
    uint64_t seed;
    struct network *network; /* as store_options have them */
    const struct network_side *side;
};

enum proof_fit { PROOF_NOT_HELD, PROOF_FITS, PROOF_MISFIT };

/* What was not looked at, in words. */
#define UNSEEN_MAX 12
struct unseen {
    char text[160];
};

/* Owner: verification_done. */
struct verification {
    bool has_digest;
    struct digest digest; /* of the manifest */
    struct findings findings;
    struct pullability pullability;
    bool has_format;
    enum disk_format format;
    bool disk_read; /* all of the disk was decoded */
    uint64_t disk_size;
    bool has_disk_digest;
    struct digest disk_digest;
    uint64_t blobs; /* looked at, by position */
    enum proof_fit fit;
    struct error misfit; /* with PROOF_MISFIT */
    bool complete;       /* all was looked at */
    struct unseen unseen[UNSEEN_MAX];
    size_t unseen_count;
    uint64_t sampled; /* bytes of disk that the sample decoded without an error */
};

void verification_done(struct verification *verification);

/* What is wrong with the image becomes findings; -1 and err are for what kept this from looking. */
int verify(struct run *run, const struct reference *reference, const struct verify_options *options,
           struct verification *ret, struct error *err);

#endif
