/* layout_index.h: index.json of an OCI layout (image-layout 1.0.0) and OCI indexes in it, as JSON
 * trees. No I/O.
 *
 * A tag is an entry's annotation org.opencontainers.image.ref.name. Entries that are of no concern
 * are never judged and live on as they are.
 *
 * Owner: trees are the caller's. Threads: one at a time. */
#ifndef CONVERT_STORES_LAYOUT_INDEX_H
#define CONVERT_STORES_LAYOUT_INDEX_H

#include "formats/model/blobs.h"
#include "formats/model/json.h"

#define LAYOUT_MARKER_NAME "oci-layout"
#define LAYOUT_INDEX_NAME  "index.json"
#define LAYOUT_MARKER_MAX  4096
#define LAYOUT_INDEX_MAX   (4u << 20)
#define LAYOUT_TAG_NAME    "org.opencontainers.image.ref.name"
#define LAYOUT_MARKER      "{\"imageLayoutVersion\":\"1.0.0\"}"
#define LAYOUT_EMPTY                                                                               \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","              \
    "\"manifests\":[]}"

/* oci-layout's content. ERROR_LAYOUT_INVALID; ERROR_UNSUPPORTED for another version. */
int layout_marker_check(const struct bytes *text, struct error *err);

/* ERROR_LAYOUT_INVALID where it is no OCI index (or Docker manifest list). */
int layout_index_parse(const struct bytes *text, struct json **ret, struct error *err);
const struct json *layout_index_first(const struct json *index); /* then json_next() */
size_t layout_index_count(const struct json *index);

bool layout_entry_is_index(const struct json *entry);
/* ERROR_LAYOUT_INVALID where the entry's digest or size is no such thing. */
int layout_entry_blob(const struct json *entry, struct blob_id *ret, struct error *err);

/* The entry under the tag; for NULL the only one (or several of the same digest). ERROR_NO_SUCH_TAG
 * with the names that are there, ERROR_NO_SUCH_IMAGE where the index is empty, ERROR_LAYOUT_INVALID
 * for a tag with several digests. */
int layout_index_pick(const struct json *index, const char *tag, const struct json **ret,
                      struct error *err);

/* Puts an image manifest in under the tag, or without one (NULL): only where it is or becomes the
 * only entry. A tag's former manifest stays as a nameless entry, unless another entry keeps it.
 * *ret_changed: false where it was there already. ERROR_EXISTS where something has the tag (or the
 * place of the only entry) and replace was not given. */
int layout_index_add(struct json *index, const char *tag, const struct blob_id *manifest,
                     bool replace, bool *ret_changed, struct error *err);

#endif
