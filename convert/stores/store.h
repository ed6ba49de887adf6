/* store.h: places an image can live. One file a back end: layout.c (oci:), archive.c
 * (oci-archive:), dir.c (dir:), registry.c, vmdir.c (vm:), rawfile.c (raw:).
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

#include "convert/net/upload.h"
#include "convert/stores/network.h"
#include "convert/stores/reference.h"
#include "formats/model/manifest_shape.h"
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
    /* Repair's: store_load_tolerant() was asked for, and what it put right in the manifest's shape.
     * raw and digest are of the bytes as they lie there. */
    bool tolerant;
    struct manifest_shape shape;
    bool from_index; /* an OCI index led to it, which its tag names in its place */
    bool mended; /* manifest, tart and blobs are no longer the source's: raw must not be copied */
};

/* The disk, wherever it is described; NULL where a manifest could not be read as a Tart image. */
const struct disk *image_disk(const struct image *image);
void image_done(struct image *image);

struct store_options {
    const char *vm_config; /* raw: only: paths of the companions; NULL: none */
    const char *vm_nvram;
    bool replace;                    /* destination: what is there may be replaced */
    struct network *network;         /* registries and archives: needed; others: NULL will do */
    const struct network_side *side; /* registries */
    /* registries, source: NULL: the network's; else these, which may be none */
    const struct mirror *mirrors;
    size_t mirror_count;
    /* registries, destination: */
    const char
        *mount_from[2];      /* repositories of the same registry that may have blobs; NULL: none */
    const char *const *tags; /* further tags, NULL-terminated; NULL: none */
    const char
        *backup_tag; /* template with {tag} {repo} {digest8}; NULL: the usual one (backup.h) */
    bool no_backup;
    bool in_place; /* the destination is the source's own tag (contract of --in-place) */
    /* What may be under the tag already, so that a second run need not be refused: the result's
     * digest where it is known beforehand; else of the manifest that is converted, where the result
     * will note it. Both NULL: nothing can be said before the end. */
    const struct digest *result_digest, *source_digest;
    const struct upload_watch *watch; /* told of upload sessions; NULL: nobody */
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
/* The same, but a manifest in another shape than OCI's is put right (manifest_shape.h). */
int store_load_tolerant(struct store *store, struct image *ret, struct error *err);

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

/* How many outputs of the sink may be under way at once beyond one a lane; 0: none. */
unsigned store_uploads(const struct store *store);

/* Source, before the end: 1 where the tag still leads to what store_load gave, or no tag was asked
 * for; 0 where it moved; -1. Stores whose tags cannot move unseen say 1. */
int store_unmoved(struct store *store, struct error *err);

/* Source: what names the image's manifest as its subject, signatures for instance, a line each;
 * only registries know. */
#define REFERRERS_MAX (256u << 10) /* bytes of ret */
int store_referrers(struct store *store, struct bytes *ret, struct error *err);

/* Before publishing: asks for every blob once more, and puts the manifest where it can be read by
 * its digest though no tag leads to it yet: registries; for others nothing is to be done. 1: done;
 * 0: blobs have gone meanwhile (a registry's garbage collection), each told to `lost`, and must be
 * made again; -1. */
typedef void store_lost(void *context, const struct digest *blob);
int store_stage(struct store *store, const struct publication *publication, store_lost *lost,
                void *context, struct error *err);

/* After publishing: the tag under which what was there before is kept; "" where nothing was. */
const char *store_backup(const struct store *store);

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
    int (*stage)(struct store *store, const struct publication *publication, store_lost *lost,
                 void *context, struct error *err);         /* NULL: nothing to do */
    int (*unmoved)(struct store *store, struct error *err); /* NULL: cannot move */
    int (*referrers)(struct store *store, struct bytes *ret, struct error *err); /* NULL: none */
    void (*close)(struct store *store);
};

struct store { /* first member of every implementation */
    const struct store_ops *ops;
    struct sink *sink;
    struct disk_file *file;
    struct blobs *blobs; /* beside sink */
    unsigned uploads;
    char backup[TAG_SIZE_MAX + 1]; /* set by publish */
};

extern const struct store_ops layout_store_ops, vmdir_store_ops, rawfile_store_ops,
    registry_store_ops, archive_store_ops, dir_store_ops;

#endif
