/* store.h: places an image can live. One file a back end: layout.c (oci:), vmdir.c (vm:), rawfile.c
 * (raw:).
 *
 * Life cycle, source:       store_open_source ─► store_load ─► image_blobs (from several threads) …
 * ─► store_close Life cycle, destination:  store_open_destination ─► sink or file (from several
 * threads) … ─► store_publish ─► store_close
 *
 * A destination that is closed without store_publish has been left as it was: no tag, no file, no
 * new directory; in a layout that was there before, blobs without a manifest may remain, which harm
 * nobody and serve the next run.
 */
#ifndef CONVERT_STORES_STORE_H
#define CONVERT_STORES_STORE_H

#include "convert/stores/reference.h"
#include "formats/model/observer.h"
#include "formats/model/tart.h"

/* An image as a source gives it. Owner: image_done. Read-only once loaded; may be shared between
 * threads. */
struct image {
    struct blobs *blobs;       /* of the store, which must outlive the image */
    struct bytes raw;          /* the manifest's exact bytes; size 0 for vm: and raw: */
    struct digest digest;      /* of raw; meaningful where manifest is not NULL */
    struct manifest *manifest; /* NULL for vm: and raw: */
    struct tart_image *tart; /* NULL for vm: and raw:, and where it could not be read: tart_error */
    struct error tart_error;
    struct disk disk; /* vm: and raw:: the raw disk, owned; for manifests use image_disk() */
    struct blob_id vm_config,
        nvram; /* vm:, raw:: of the companions, where has_vm_config and has_nvram */
    bool has_vm_config, has_nvram; /* for manifests: whether a layer of that type is there */
};

/* The disk, wherever it is described; NULL where a manifest could not be read as a Tart image. */
const struct disk *image_disk(const struct image *image);
void image_done(struct image *image);

struct store_options {
    const char *vm_config; /* raw: only: paths of the companions; NULL: none */
    const char *vm_nvram;
    bool replace; /* destination: what is there may be replaced */
};

/* What a finished image is made of, for store_publish. */
struct publication {
    const struct bytes *manifest;          /* layouts; exact bytes */
    const struct bytes *vm_config, *nvram; /* vm: and raw: (where wanted); NULL: none */
    uint64_t disk_size;                    /* vm: and raw: */
};

struct store;

/* Does not touch the disk for a destination yet beyond looking. ERROR_NO_SUCH_IMAGE and friends
 * come from store_load. */
int store_open_source(const struct reference *reference, const struct store_options *options,
                      struct store **ret, struct error *err);

/* Reads the manifest (or looks at the files) and checks: layout validity, a single entry or the tag
 * (ERROR_NO_SUCH_TAG listing the names), an index with exactly one Tart image, the manifest blob's
 * own size and digest (ERROR_MANIFEST_DIGEST). vm: and raw: read their small files' digests. A
 * manifest that cannot be read as a Tart image is loaded all the same where its JSON is sound;
 * image->tart is NULL then and tart_error says why. */
int store_load(struct store *store, struct image *ret, struct error *err);

/* Prepares the destination: a new layout directory is made whole (empty index) and renamed into
 * place, a file or VM directory is begun under a temporary name beside it. ERROR_EXISTS where
 * something is there that needs options.replace (for a layout this is judged in store_publish,
 * since the same digest under the tag is success). */
int store_open_destination(const struct reference *reference, const struct store_options *options,
                           struct store **ret, struct error *err);

/* Exactly one of the two is not NULL: a destination holds blobs and manifests, or a disk file. */
struct sink *store_sink(struct store *store);
struct disk_file *store_disk_file(struct store *store);

/* The blobs of a destination that holds blobs, for reading back what was written. */
struct blobs *store_blobs(struct store *store);

/* Makes the image visible, durably, in one step: layout: manifest blob, then index.json by rename
 * under a lock; others: size set, companions written, synced, renamed. Where the tag already has
 * this digest nothing is written. ERROR_EXISTS where a tag with another digest is there and replace
 * was not given (what it is, and the option, named). */
int store_publish(struct store *store, const struct publication *publication, struct error *err);

struct store *store_close(struct store *store); /* takes NULL; returns NULL */
void store_close_auto(struct store **store);

/* Behind the front functions: the back ends' table. */
struct store_ops {
    int (*open_source)(const struct reference *reference, const struct store_options *options,
                       struct store **ret, struct error *err);
    int (*load)(struct store *store, struct image *ret, struct error *err);
    int (*open_destination)(const struct reference *reference, const struct store_options *options,
                            struct store **ret, struct error *err);
    int (*publish)(struct store *store, const struct publication *publication, struct error *err);
    void (*close)(struct store *store);
};

struct store { /* first member of every implementation */
    const struct store_ops *ops;
    struct sink *sink;
    struct disk_file *file;
    struct blobs *blobs; /* beside sink */
};

extern const struct store_ops layout_store_ops, vmdir_store_ops, rawfile_store_ops;

#endif
