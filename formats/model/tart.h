/* tart.h: Tart's own words in an OCI manifest: media types, annotations, and the image they make
 * up.
 *
 * Source of the facts: docs/formats/manifest.md (eras 0.2 to HEAD, the rules that newest Tart
 * applies). Owner: tart_image_free(). Threads: read-only once made; may then be shared.
 */
#ifndef FORMATS_MODEL_TART_H
#define FORMATS_MODEL_TART_H

#include "formats/model/disk.h"
#include "formats/model/manifest.h"

#define TART_TYPE_CONFIG  "application/vnd.cirruslabs.tart.config.v1"
#define TART_TYPE_NVRAM   "application/vnd.cirruslabs.tart.nvram.v1"
#define TART_TYPE_DISK_V1 "application/vnd.cirruslabs.tart.disk.v1"
#define TART_TYPE_DISK_V2 "application/vnd.cirruslabs.tart.disk.v2"
#define TART_TYPE_OVERLAY "application/vnd.cirruslabs.tart.disk.asif.overlay.v1"

#define TART_DISK_SIZE      "org.cirruslabs.tart.uncompressed-disk-size"
#define TART_UPLOAD_TIME    "org.cirruslabs.tart.upload-time"
#define TART_BLOCK_SIZE     "org.cirruslabs.tart.disk.block-size"
#define TART_CONTENT_SIZE   "org.cirruslabs.tart.uncompressed-size"
#define TART_CONTENT_DIGEST "org.cirruslabs.tart.uncompressed-content-digest"
#define TART_FILE_DIGEST    "org.cirruslabs.tart.disk-file-content-digest"
#define TART_CHUNK_COUNT    "org.cirruslabs.tart.disk-file-chunk-count"
#define TART_LABEL_FORMAT   "org.cirruslabs.tart.disk.format"

/* Ours: contract in docs/formats/manifest.md. */
#define OUR_PREFIX        "dev.tartconv."
#define OUR_DISK_OFFSET   "dev.tartconv.disk-offset"
#define OUR_SOURCE_DIGEST "dev.tartconv.source-digest"
#define OUR_SEAL          "dev.tartconv.seal"
#define OUR_SALVAGED      "dev.tartconv.salvaged"

#define TART_CHUNK_SIZE    536870912u /* disk bytes a V2 layer, Tart 2.14 to HEAD */
#define TART_V1_LAYER_SIZE 500000000u /* encoded bytes a V1 layer, 0.2 to 2.31 */
#define TART_CONFIG_MAX                                                                            \
    (1u << 20) /* config.v1 and image config: named limits, real ones have under 1 KiB */
#define TART_NVRAM_MAX (256u << 20)

/* A manifest seen as a Tart image. Descriptors point into the manifest, which must outlive it. */
struct tart_image {
    const struct manifest *manifest;
    const struct descriptor *config; /* config.v1; NULL where absent */
    const struct descriptor *nvram;  /* NULL where absent */
    size_t config_count, nvram_count;
    bool in_order; /* config first, then disk layers only, NVRAM last */
    bool stacked;  /* overlay layers are there */
    size_t v1_count, v2_count;
    struct disk disk;      /* of the base; format V1 or V2 */
    const size_t *foreign; /* indexes of layers of other media types */
    size_t foreign_count;
    const char *upload_time; /* NULL where absent */
};

/* True where at least one layer has one of Tart's disk, config or NVRAM media types. */
bool tart_is_image(const struct manifest *manifest);

/* Reads what can be read; judging is checks/ work, so this fails only on memory, ERROR_NOT_TART (no
 * Tart layers), ERROR_DISK_MIXED, ERROR_DISK_EMPTY (no disk layers, or of 0 bytes), or an
 * annotation needed for placing V2 layers that is absent or no plain number (ERROR_ANNOTATION,
 * naming the layer), or a V1 disk's size that is there but no plain number (ERROR_ANNOTATION), or
 * sizes whose sum passes 2^63-1 (ERROR_DISK_SIZE). */
int tart_image_read(const struct manifest *manifest, struct tart_image **ret, struct error *err);
struct tart_image *tart_image_free(struct tart_image *image);
void tart_image_free_auto(struct tart_image **image);

/* The first of newest Tart's fifteen manifest rules that is broken, as ERROR_MANIFEST_RULES with
 * Tart's own words and the rule's number; 0 where all hold. docs/formats/manifest.md lists them. */
int tart_check_rules(const struct manifest *manifest, struct error *err);

/* Whether V2 layers lie where the manifest's order says: the first that does not is named.
 * ERROR_DISK_ORDER: offsets (OUR_DISK_OFFSET), where layers carry them, say otherwise.
 * ERROR_CONTENT_SIZE: a layer that by its annotation holds nothing of the disk, and that no reader
 * of the disk therefore asks for, is not the empty stream. */
int tart_check_places(const struct tart_image *image, struct error *err);

enum seal { SEAL_ABSENT, SEAL_VALID, SEAL_BROKEN };
/* Whether OUR_SEAL is the digest of the manifest without its own dev.tartconv.* annotations. */
int tart_seal_check(const struct manifest *manifest, enum seal *ret, struct error *err);

/* What a new manifest is made of. Strings and trees are borrowed. */
struct tart_parts {
    const struct manifest
        *source; /* NULL for a raw source: annotations and unknown keys come from here */
    const struct digest *source_digest; /* NULL: none to note */
    struct blob_id image_config, vm_config, nvram;
    const struct disk *disk;          /* format V1 or V2, layers placed */
    const struct digest *disk_digest; /* whole-disk digest for the first layer; NULL leaves it as it
                                         is in the source */
    const char *upload_time;          /* NULL: absent */
    const char *salvaged;             /* what the disk lacks; NULL: as the source says of itself */
    bool plain;                       /* leave out, and strip, dev.tartconv.* */
};

/* Makes the manifest, seal included, in Tart's encoding. Layer annotations of a source layer with
 * the same blob are kept where foreign (neither Tart's nor ours). Appends the bytes to ret. */
int tart_manifest_make(const struct tart_parts *parts, struct bytes *ret, struct error *err);

/* Whether a manifest, of those exact bytes, is in normal form (docs/formats/manifest.md): 1, 0, -1.
 * upload_time: what it must say; NULL: nothing. The blobs are not looked at: a valid seal, which
 * normal form has, says that they were when the manifest was made. */
int tart_is_normal(const struct tart_image *image, const void *raw, size_t size,
                   const char *upload_time, struct error *err);

/* config.v1's members that conversion needs. */
struct vm_config {
    char os[16];          /* "darwin" where absent */
    char arch[16];        /* "arm64" where absent */
    char disk_format[16]; /* "raw" where absent or unknown */
};
/* ERROR_CONFIG_INVALID where it is no JSON object or these members are no strings of that length.
 */
int vm_config_parse(const void *text, size_t size, struct vm_config *ret, struct error *err);

/* The image config to write: source's bytes unchanged where they carry the disk.format label, else
 * with the label added in Tart's encoding, other members kept. source NULL: made from vm_config, as
 * Tart 2.28 writes it. Appends to ret. */
int image_config_make(const void *source, size_t size, const struct vm_config *vm_config,
                      struct bytes *ret, struct error *err);
/* The label's value: "raw", "asif", another text, or "" where absent; ERROR_CONFIG_INVALID where
 * the blob is no JSON object. */
int image_config_label(const void *text, size_t size, char ret[16], struct error *err);

#endif
