/* verify.h: an image looked at whole: everything that Tart does not check. tartconv-verify(1).
 */
#ifndef CONVERT_ENGINE_VERIFY_H
#define CONVERT_ENGINE_VERIFY_H

#include "convert/engine/proof.h"
#include "convert/stores/store.h"
#include "formats/checks/checks.h"

struct verify_options {
    bool disk_digest;          /* hash the disk whole, also where nothing promises its digest */
    const struct proof *proof; /* hold the image against it; NULL: none */
    struct network *network;   /* as store_options have them */
    const struct network_side *side;
};

enum proof_fit { PROOF_NOT_HELD, PROOF_FITS, PROOF_MISFIT };

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
};

void verification_done(struct verification *verification);

/* What is wrong with the image becomes findings; -1 and err are for what kept this from looking. */
int verify(struct run *run, const struct reference *reference, const struct verify_options *options,
           struct verification *ret, struct error *err);

#endif
