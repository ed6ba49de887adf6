/* error.h: what went wrong, by value.
 *
 * Every function that can fail takes a `struct error *err` last, fills it once and returns -1. A
 * level that knows a name (a layer, a file, a reference) wraps the text once: "outer: inner". The
 * class travels unchanged; it decides the exit status and is what scripts read. Texts are one
 * phrase, without newline or full stop.
 *
 *     return error_set(err, ERROR_STREAM_BLOCK, "block %llu declares %u bytes, limit %u", ...);
 *     if (layer_read(...) < 0)
 *         return error_wrap(err, "layer %zu %s", index, digest);
 *
 * Threads: an error belongs to its caller; there is no shared state. Nothing here allocates.
 */
#ifndef FORMATS_MODEL_ERROR_H
#define FORMATS_MODEL_ERROR_H

#include <stdint.h>

/* One row a class: enumerator, name in JSON and docs/errors.md, exit status (docs/errors.md,
 * contract of statuses). */
#define ERROR_CLASSES(X)                                                                           \
    X(ERROR_NONE, "none", 0)                                                                       \
    /* the caller */                                                                               \
    X(ERROR_USAGE, "usage", 64)                                                                    \
    X(ERROR_REFERENCE, "reference", 64)                                                            \
    /* not there, or not for us */                                                                 \
    X(ERROR_NO_SUCH_IMAGE, "no-such-image", 66)                                                    \
    X(ERROR_NO_SUCH_FILE, "no-such-file", 66)                                                      \
    X(ERROR_NO_SUCH_TAG, "no-such-tag", 66)                                                        \
    X(ERROR_UNSUPPORTED, "unsupported", 63)                                                        \
    X(ERROR_NOT_TART, "not-tart", 63)                                                              \
    X(ERROR_FOREIGN_LAYER, "foreign-layer", 63)                                                    \
    X(ERROR_STACKED, "stacked", 63)                                                                \
    X(ERROR_CATALOGUE_REFUSED, "catalogue-refused", 63)                                            \
    X(ERROR_REPOSITORY_MISSING, "repository-missing", 66)                                          \
    /* damage: the image itself is wrong */                                                        \
    X(ERROR_LAYOUT_INVALID, "layout-invalid", 2)                                                   \
    X(ERROR_JSON_SYNTAX, "json-syntax", 2)                                                         \
    X(ERROR_MANIFEST_INVALID, "manifest-invalid", 2)                                               \
    X(ERROR_MANIFEST_RULES, "manifest-rules", 2)                                                   \
    X(ERROR_MANIFEST_DIGEST, "manifest-digest", 2)                                                 \
    X(ERROR_ANNOTATION, "annotation", 2)                                                           \
    X(ERROR_CONFIG_INVALID, "config-invalid", 2)                                                   \
    X(ERROR_BLOB_MISSING, "blob-missing", 2)                                                       \
    X(ERROR_BLOB_SIZE, "blob-size", 2)                                                             \
    X(ERROR_BLOB_DIGEST, "blob-digest", 2)                                                         \
    X(ERROR_STREAM_FOREIGN, "stream-foreign", 2)                                                   \
    X(ERROR_STREAM_MAGIC, "stream-magic", 2)                                                       \
    X(ERROR_STREAM_LIMIT, "stream-limit", 2)                                                       \
    X(ERROR_STREAM_BLOCK, "stream-block", 2)                                                       \
    X(ERROR_STREAM_TRUNCATED, "stream-truncated", 2)                                               \
    X(ERROR_STREAM_TRAILING, "stream-trailing", 2)                                                 \
    X(ERROR_LAYER_CHAIN, "layer-chain", 2)                                                         \
    X(ERROR_CONTENT_SIZE, "content-size", 2)                                                       \
    X(ERROR_CONTENT_DIGEST, "content-digest", 2)                                                   \
    X(ERROR_DISK_SIZE, "disk-size", 2)                                                             \
    X(ERROR_DISK_DIGEST, "disk-digest", 2)                                                         \
    X(ERROR_DISK_ORDER, "disk-order", 2)                                                           \
    X(ERROR_DISK_EMPTY, "disk-empty", 2)                                                           \
    X(ERROR_DISK_MIXED, "disk-mixed", 2)                                                           \
    X(ERROR_PROOF_INVALID, "proof-invalid", 2)                                                     \
    X(ERROR_ORDER_AMBIGUOUS, "order-ambiguous", 2)                                                 \
    X(ERROR_ORDER_UNKNOWN, "order-unknown", 2)                                                     \
    X(ERROR_CANNOT_REPAIR, "cannot-repair", 2)                                                     \
    /* this run */                                                                                 \
    X(ERROR_ROUND_TRIP, "round-trip", 70)                                                          \
    X(ERROR_INTERNAL, "internal", 70)                                                              \
    X(ERROR_EXISTS, "exists", 73)                                                                  \
    X(ERROR_DESTINATION, "destination", 73)                                                        \
    X(ERROR_IO, "io", 74)                                                                          \
    X(ERROR_MEMORY, "memory", 74)                                                                  \
    X(ERROR_TAG_MOVED, "tag-moved", 73)                                                            \
    X(ERROR_TAG_IMMUTABLE, "tag-immutable", 73)                                                    \
    X(ERROR_LOCKED, "locked", 75)                                                                  \
    X(ERROR_RATE_LIMIT, "rate-limit", 75)                                                          \
    X(ERROR_QUOTA, "quota", 75)                                                                    \
    X(ERROR_STOPPED, "stopped", 75)                                                                \
    /* the network */                                                                              \
    X(ERROR_UNREACHABLE, "unreachable", 69)                                                        \
    X(ERROR_TLS, "tls", 69)                                                                        \
    X(ERROR_REGISTRY, "registry", 76)                                                              \
    X(ERROR_CREDENTIALS, "credentials", 77)                                                        \
    X(ERROR_SETTINGS, "settings", 78)                                                              \
    X(ERROR_LOG_INVALID, "log-invalid", 78)                                                        \
    X(ERROR_PLAN_INVALID, "plan-invalid", 78)                                                      \
    X(ERROR_INTERRUPTED, "interrupted", 130)

enum error_class {
#define X(enumerator, name, status) enumerator,
    ERROR_CLASSES(X)
#undef X
};

/* `where` says the place for findings; a member that is not known is -1. Set by the level that
 * knows it. */
struct error_place {
    int64_t layer; /* index into the manifest's layers */
    int64_t
        offset; /* byte in that layer (or in the encoded stream, before a reader has mapped it) */
    int64_t disk_offset; /* byte of the guest's disk */
};

struct error {
    enum error_class class;
    struct error_place where;
    char text[480]; /* NUL-terminated, cut with "..." where it would not fit; never holds control
                       characters */
};

#define ERROR_INIT                                                                                 \
    {                                                                                              \
        .class = ERROR_NONE, .where = { -1, -1, -1 }                                               \
    }

/* Fills err (place unknown) and returns -1, so that a failure is one line. Control characters in
 * the formatted text are replaced by '?', since names come from hostile input. */
int error_set(struct error *err, enum error_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set, with ": " and the text of errnum (an errno value) behind it. ENOMEM becomes
 * ERROR_MEMORY. */
int error_set_errno(struct error *err, enum error_class class, int errnum, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets ERROR_MEMORY; returns -1. */
int error_memory(struct error *err);

/* Puts "format: " before the text; class and place stay. Returns -1. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "; hint" behind the text, which gives way to it; class and place stay. Returns -1. */
int error_hint(struct error *err, const char *hint);

/* "stream-block" and the like; the exit status that the class stands for. Any enumerator is valid.
 */
const char *error_class_name(enum error_class class);
int error_class_status(enum error_class class);

#endif
