/* plan.h: which chunks a conversion makes and which layers it keeps. Decides; does nothing. */
#ifndef CONVERT_ENGINE_PLAN_H
#define CONVERT_ENGINE_PLAN_H

#include "convert/engine/convert.h"

struct plan_chunk {
    uint64_t offset, length;
    const struct disk_layer *layer; /* the source's V2 layer of exactly these bytes; NULL: none */
    bool keep;                      /* its blob serves as it is */
};

struct plan {
    enum disk_format format;   /* of the destination */
    struct plan_chunk *chunks; /* in disk order, without gaps */
    size_t count, kept;
};

/* disk: its size known. as_it_is: every layer is kept, however long. MANIFEST_SIZE_MAX bounds the
 * number of chunks: ERROR_USAGE names a chunk size that fits. */
int plan_make(const struct disk *disk, enum disk_format format,
              const struct convert_options *options, bool as_it_is, struct plan *ret,
              struct error *err);
void plan_done(struct plan *plan);

#endif
