/* inspection.h: what an image says of itself, gathered without reading its disk. cmd_inspect.c
 * tells it.
 *
 * Owner: inspection_done. Threads: one at a time. */
#ifndef CONVERT_CLI_INSPECTION_H
#define CONVERT_CLI_INSPECTION_H

#include "convert/engine/run.h"
#include "convert/stores/store.h"
#include "formats/checks/checks.h"

struct inspection {
    struct store *store;
    struct image image;
    const struct disk *disk;          /* of the image */
    uint64_t encoded_size;            /* of its layers, by position */
    size_t distinct;                  /* blobs among them */
    uint64_t chunk_least, chunk_most; /* V2: bytes of disk a layer */
    size_t placed;                    /* layers that carry their offsets */
    uint64_t data_size;               /* vm:, raw:: bytes that are not holes */
    struct bytes vm_config_text, image_config_text;
    struct json *vm_config, *image_config; /* NULL where absent or not readable */
    enum seal seal; /* meaningful, as what follows, where there is a manifest */
    bool has_source_digest;
    struct digest source_digest; /* OUR_SOURCE_DIGEST; counts only while the seal fits */
    struct pullability pullability;
};

/* What cannot be read of the small parts is warned of, not an error; a manifest that is no Tart
 * image is one, unless only_manifest asks for no more than image.raw. */
int inspection_make(struct run *run, const struct reference *reference,
                    const struct store_options *from, bool only_manifest, struct inspection *ret,
                    struct error *err);
void inspection_done(struct inspection *inspection);

/* NULL where absent. */
const struct json *inspection_labels(const struct inspection *inspection);
/* Whether a manifest's annotation is neither Tart's nor ours. */
bool annotation_is_foreign(const char *name);

#endif
