/* convert_parts.h: the pieces of one conversion that convert.c puts together. Private to the
 * engine. */
#ifndef CONVERT_ENGINE_CONVERT_PARTS_H
#define CONVERT_ENGINE_CONVERT_PARTS_H

#include "convert/engine/convert.h"
#include "convert/engine/pass.h"
#include "convert/engine/plan.h"

/* --- convert_judge.c: what may be converted, and how --- */

/* ERROR_… where this image must not go to such a destination (docs/formats/manifest.md, "What a
 * conversion does with what it meets"); else *ret_method: METHOD_COPIED, or METHOD_CONVERTED, which
 * the plan may find to be a rewrite. */
int convert_judge(const struct image *image, enum transport destination,
                  const struct convert_options *options, enum convert_method *ret_method,
                  struct error *err);

/* --- convert_disk.c: the disk's way from source to destination --- */

struct made_disk {
    struct disk disk; /* V1 and V2: the destination's layers, owned */
    struct proof_chunk *chunks;
    size_t chunk_count;
    struct block_counts blocks;
    bool has_disk_digest;
    struct digest disk_digest;
};

void made_disk_done(struct made_disk *made);

/* Makes or keeps every chunk of the plan. disk: the source's, its size known. Exactly one of sink
 * and file. */
int convert_disk(struct run *run, const struct disk *disk, struct blobs *blobs,
                 const struct plan *plan, const struct convert_options *options, struct sink *sink,
                 struct disk_file *file, struct made_disk *ret, struct error *err);

/* Copies every blob that the manifest names, each digest once. */
int convert_copy_blobs(struct run *run, const struct image *image, struct sink *sink,
                       struct error *err);

#endif
