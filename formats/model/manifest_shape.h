/* manifest_shape.h: a manifest that says what it must, but in another shape than OCI's: numbers
 * written as texts, digests in capitals, media types with the name of a packing behind them. Only
 * repair reads so; manifest_parse() stays strict.
 *
 * Nothing is added that the manifest does not say. Threads: a plain function over a tree. */
#ifndef FORMATS_MODEL_MANIFEST_SHAPE_H
#define FORMATS_MODEL_MANIFEST_SHAPE_H

#include "formats/model/json.h"

/* How many of each were put right. */
struct manifest_shape {
    size_t version;     /* schemaVersion: "2", or absent where config and layers are there */
    size_t sizes;       /* "123" in place of 123 */
    size_t annotations; /* 123 or true in place of "123" or "true" */
    size_t digests;     /* capitals */
    size_t packed;      /* media types of layers ending in +gzip, .gzip, +zstd, .zstd */
    size_t types;       /* null in place of no mediaType; a config without one */
};

bool manifest_shape_is_good(const struct manifest_shape *shape);
/* "3 sizes and 1 annotation were ..." into ret, always one phrase. */
void manifest_shape_print(const struct manifest_shape *shape, char ret[200]);

/* Puts right what can be, of an object with 256 annotations at most; what cannot is left for
 * manifest_from_json() to refuse. -1 only where memory ends. */
int manifest_shape_mend(struct json *tree, struct manifest_shape *ret, struct error *err);

#endif
