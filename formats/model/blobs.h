/* blobs.h: all that formats/ knows of the world: blobs that can be read, and blobs that can be
 * written. Stores implement both; the engine wraps them (hashing, overlapping); readers and writers
 * of formats only call the front functions here.
 *
 * Life cycle of a source blob:
 *
 *     blobs_open ─► blob_peek ⇄ blob_skip … ─► blob_peek gives 0 (end) ─► blob_close
 *              └──► blob_read_at, blob_map (where blob_can_seek) ───────────┘
 *
 * Life cycle of a written blob:
 *
 *     sink_open ─► output_write … ─► output_commit (publishes under its digest, or finds it there
 * already) └───► output_abort  (leaves nothing behind)
 *
 * Threads: one blob or output is used by one thread at a time; different ones of one store at once,
 * so blobs_open and sink_open must be callable from several threads.
 */
#ifndef FORMATS_MODEL_BLOBS_H
#define FORMATS_MODEL_BLOBS_H

#include "formats/model/bytes.h"
#include "formats/model/digest.h"

/* What identifies a blob. For a disk file outside any registry (a Tart VM's disk.img) there is no
 * digest: a raw disk of many GB is not read only to be named. */
struct blob_id {
    struct digest digest;
    bool has_digest;
    uint64_t size; /* bytes, as the manifest promises or the file has */
};

struct blob;

struct blob_ops {
    /* Lends the next bytes: 1 and at least one byte, valid until skip, the next peek or close; 0 at
     * the blob's end; -1. */
    int (*peek)(struct blob *blob, const uint8_t **ret_data, size_t *ret_size, struct error *err);
    /* Goes past size bytes of what the last peek lent. */
    void (*skip)(struct blob *blob, size_t size);
    /* Random access; NULL where the store has none. Reads exactly size bytes or fails. */
    int (*read_at)(struct blob *blob, uint64_t offset, void *data, size_t size, struct error *err);
    /* From offset on: how many bytes are alike, hole (reads as zeros) or data. NULL: all is data.
     */
    int (*map)(struct blob *blob, uint64_t offset, uint64_t *ret_length, bool *ret_hole,
               struct error *err);
    void (*close)(struct blob *blob);
};

/* First member of every implementation. */
struct blob {
    const struct blob_ops *ops;
    uint64_t size; /* of what is really there */
};

struct blobs {
    const struct blobs_ops *ops;
};

struct blobs_ops {
    /* ERROR_BLOB_MISSING where it is absent. A blob whose real size differs from id->size is opened
     * all the same: judging that is the reader's work, who knows the place. */
    int (*open)(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                struct error *err);
    /* The same for who wants to know of it, and to read parts: no byte of it moves before it is
     * asked for, and no more than are. NULL: as open. */
    int (*open_parts)(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                      struct error *err);
};

int blobs_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret, struct error *err);
int blobs_open_parts(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                     struct error *err);
int blob_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size, struct error *err);
void blob_skip(struct blob *blob, size_t size);
bool blob_can_seek(const struct blob *blob);
int blob_read_at(struct blob *blob, uint64_t offset, void *data, size_t size, struct error *err);
/* Where the back end has no map: the rest of the blob, as data. offset must lie before the end. */
int blob_map(struct blob *blob, uint64_t offset, uint64_t *ret_length, bool *ret_hole,
             struct error *err);
struct blob *blob_close(struct blob *blob); /* takes NULL; returns NULL */
void blob_close_auto(struct blob **blob);

/* Reads a whole small blob (a config, an NVRAM) to the end of ret, checks size and digest
 * (ERROR_BLOB_SIZE, ERROR_BLOB_DIGEST). ret->limit bounds it. */
int blobs_read_all(struct blobs *blobs, const struct blob_id *id, struct bytes *ret,
                   struct error *err);

struct output;

struct output_ops {
    int (*write)(struct output *output, const void *data, size_t size, struct error *err);
    /* Both end the output's life, whatever they return. */
    int (*commit)(struct output *output, const struct blob_id *id, struct error *err);
    void (*abort)(struct output *output);
};

struct output {
    const struct output_ops *ops;
};

struct sink {
    const struct sink_ops *ops;
};

struct sink_ops {
    int (*open)(struct sink *sink, struct output **ret, struct error *err);
    /* Whether a blob of that digest and size is there; then nothing needs to be written. 1, 0, -1.
     */
    int (*has)(struct sink *sink, const struct blob_id *id, struct error *err);
    /* Takes a blob that can be read at any place straight from there, forwards, but for what it has
     * to send again; or finds that it is there already. NULL: it is to be opened and written. */
    int (*take)(struct sink *sink, struct blob *blob, const struct blob_id *id, struct error *err);
};

int sink_open(struct sink *sink, struct output **ret, struct error *err);
int sink_has(struct sink *sink, const struct blob_id *id, struct error *err);
bool sink_can_take(const struct sink *sink);
int sink_take(struct sink *sink, struct blob *blob, const struct blob_id *id, struct error *err);
int output_write(struct output *output, const void *data, size_t size, struct error *err);
/* id: what the writer hashed. Sets *output NULL. */
int output_commit(struct output **output, const struct blob_id *id, struct error *err);
void output_abort(struct output **output); /* takes a pointer to NULL too */

/* Writes one small blob whole and fills ret_id. */
int sink_put(struct sink *sink, const void *data, size_t size, struct blob_id *ret_id,
             struct error *err);

/* Where a disk is written as a disk: a file that takes bytes at any offset and reads as zeros
 * elsewhere. Threads: writes at different offsets may come from several threads. */
struct disk_file {
    const struct disk_file_ops *ops;
};

struct disk_file_ops {
    int (*write_at)(struct disk_file *file, uint64_t offset, const void *data, size_t size,
                    struct error *err);
};

int disk_file_write_at(struct disk_file *file, uint64_t offset, const void *data, size_t size,
                       struct error *err);

#endif
