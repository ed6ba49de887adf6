/* manifest.h: an OCI image manifest as bytes mean it, without judging it.
 *
 * A manifest is kept as its JSON tree, so that what this program does not know survives; the
 * descriptors are views into that tree. Editing goes through the tree (json.h) followed by
 * manifest_from_json().
 *
 * Source of the facts: OCI image-spec 1.1 (manifest.md, descriptor.md); what Tart needs of it:
 * docs/formats/manifest.md.
 *
 * Owner: manifest_free. Views live as long as the manifest. Threads: read-only once made; may then
 * be shared.
 */
#ifndef FORMATS_MODEL_MANIFEST_H
#define FORMATS_MODEL_MANIFEST_H

#include "formats/model/blobs.h"
#include "formats/model/json.h"

#define MANIFEST_SIZE_MAX   (4u << 20) /* registries refuse larger ones: distribution-spec */
#define MANIFEST_LAYERS_MAX 20000
#define MANIFEST_PRINT_MAX  (32u << 20) /* bounds a buffer to print one into: "/" becomes "\/" */

#define MEDIA_TYPE_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_OCI_CONFIG   "application/vnd.oci.image.config.v1+json"

struct descriptor {
    const char *media_type;
    struct blob_id blob;
    const struct json *annotations; /* NULL where absent */
};

/* Value of one annotation, NULL where absent. */
const char *descriptor_annotation(const struct descriptor *descriptor, const char *name);

struct manifest {
    struct json *tree;
    const char
        *media_type; /* NULL where the key is absent (legal in OCI 1.0, unreadable to Tart) */
    struct descriptor config;
    struct descriptor *layers;
    size_t layer_count;
    const struct json *annotations; /* of the manifest; NULL where absent */
};

/* Reads a manifest: ERROR_JSON_SYNTAX, or ERROR_MANIFEST_INVALID naming the member ("layers[3].size
 * is a string, must be an integer"). Required: schemaVersion 2, config, layers with mediaType, size
 * (0 .. 2^63-1) and digest (sha256, lower case); annotation values must be strings. Other keys are
 * kept. */
int manifest_parse(const void *text, size_t size, struct manifest **ret, struct error *err);
/* The same over a tree, which it takes over, also when it fails. */
int manifest_from_json(struct json *tree, struct manifest **ret, struct error *err);
struct manifest *manifest_free(struct manifest *manifest); /* takes NULL; returns NULL */
void manifest_free_auto(struct manifest **manifest);

const char *manifest_annotation(const struct manifest *manifest, const char *name);

/* Appends the manifest in Tart's exact encoding. */
int manifest_print(const struct manifest *manifest, struct bytes *ret, struct error *err);

/* Sets the three members that every descriptor has; others, and annotations, stay. */
int descriptor_write(struct json *object, const char *media_type, const struct blob_id *blob,
                     struct error *err);

#endif
