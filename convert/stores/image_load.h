/* image_load.h: from the digest of a manifest or OCI index to an image, for all stores that hold
 * manifests: layouts, archives, skopeo's folders, registries.
 *
 * An OCI index is accepted where exactly one of its entries, also of nested indexes, is a Tart
 * image.
 *
 * Owner: ret is the caller's (image_done). Threads: no shared state. */
#ifndef CONVERT_STORES_IMAGE_LOAD_H
#define CONVERT_STORES_IMAGE_LOAD_H

#include "convert/stores/store.h"

/* ret->tolerant says how strictly manifests are read (store_load_tolerant); all else of it is
 * filled.
 *
 * manifests: gives manifests and indexes by their ids (in a layout the same as blobs).
 * ERROR_MANIFEST_DIGEST, ERROR_BLOB_MISSING, ERROR_NOT_TART (an index without a Tart image),
 * ERROR_UNSUPPORTED (with several), what manifest_parse says. */
int image_load(struct blobs *manifests, const struct blob_id *id, bool is_index,
               struct blobs *blobs, struct image *ret, struct error *err);

/* The entry of a layout's index.json (layout_index_pick). */
struct json;
int image_load_tag(const struct json *index, const char *tag, struct blobs *blobs,
                   struct image *ret, struct error *err);

/* A manifest whose bytes are in hand, their digest known; takes raw over, also when it fails. */
int image_from_manifest(struct bytes *raw, const struct digest *digest, struct blobs *blobs,
                        struct image *ret, struct error *err);

/* Before a manifest is published: whether all its blobs are there. ERROR_BLOB_MISSING. */
int image_check_blobs(struct sink *sink, const struct bytes *manifest, struct error *err);

#endif
