/* blobs.c: checked front functions over blobs, outputs and disk files. Does no I/O of its own. */
#include "formats/model/blobs.h"

#include "formats/model/auto.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int blobs_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret, struct error *err)
{
    return blobs->ops->open(blobs, id, ret, err);
}

int blobs_open_parts(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                     struct error *err)
{
    return blobs->ops->open_parts == NULL ? blobs_open(blobs, id, ret, err)
                                          : blobs->ops->open_parts(blobs, id, ret, err);
}

int blob_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size, struct error *err)
{
    int status = blob->ops->peek(blob, ret_data, ret_size, err);
    assert(status != 1 || *ret_size > 0);
    return status;
}

void blob_skip(struct blob *blob, size_t size)
{
    blob->ops->skip(blob, size);
}

bool blob_can_seek(const struct blob *blob)
{
    return blob->ops->read_at != NULL;
}

int blob_read_at(struct blob *blob, uint64_t offset, void *data, size_t size, struct error *err)
{
    assert(blob_can_seek(blob));
    if (offset > blob->size || size > blob->size - offset)
        return error_set(err, ERROR_INTERNAL,
                         "read of %zu bytes at %llu lies outside a blob of %llu bytes", size,
                         (unsigned long long)offset, (unsigned long long)blob->size);
    return blob->ops->read_at(blob, offset, data, size, err);
}

int blob_map(struct blob *blob, uint64_t offset, uint64_t *ret_length, bool *ret_hole,
             struct error *err)
{
    assert(offset < blob->size);
    if (blob->ops->map != NULL)
        return blob->ops->map(blob, offset, ret_length, ret_hole, err);
    *ret_length = blob->size - offset;
    *ret_hole = false;
    return 0;
}

struct blob *blob_close(struct blob *blob)
{
    if (blob != NULL)
        blob->ops->close(blob);
    return NULL;
}

void blob_close_auto(struct blob **blob)
{
    *blob = blob_close(*blob);
}

int blobs_read_all(struct blobs *blobs, const struct blob_id *id, struct bytes *ret,
                   struct error *err)
{
    AUTO(blob_close_auto) struct blob *blob = NULL;
    if (blobs_open(blobs, id, &blob, err) < 0)
        return -1;
    if (blob->size != id->size)
        return error_set(err, ERROR_BLOB_SIZE, "has %llu bytes, its descriptor says %llu",
                         (unsigned long long)blob->size, (unsigned long long)id->size);
    if (id->size > ret->limit - ret->size)
        return error_set(err, ERROR_BLOB_SIZE, "has %llu bytes, limit %zu",
                         (unsigned long long)id->size, ret->limit);
    size_t start = ret->size;
    const uint8_t *data;
    size_t size;
    int status;
    while ((status = blob_peek(blob, &data, &size, err)) > 0) {
        if (bytes_append(ret, data, size, err) < 0)
            return -1;
        blob_skip(blob, size);
    }
    if (status < 0)
        return -1;
    if (!id->has_digest)
        return 0;
    struct digest digest;
    if (digest_of(ret->data + start, ret->size - start, &digest, err) < 0)
        return -1;
    if (!digest_equal(&digest, &id->digest)) {
        char found[DIGEST_TEXT_SIZE];
        digest_print(&digest, found);
        return error_set(err, ERROR_BLOB_DIGEST, "its bytes have digest %s", found);
    }
    return 0;
}

int sink_open(struct sink *sink, struct output **ret, struct error *err)
{
    return sink->ops->open(sink, ret, err);
}

int sink_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    return sink->ops->has(sink, id, err);
}

bool sink_can_take(const struct sink *sink)
{
    return sink->ops->take != NULL;
}

int sink_take(struct sink *sink, struct blob *blob, const struct blob_id *id, struct error *err)
{
    assert(sink_can_take(sink) && blob_can_seek(blob) && blob->size == id->size);
    return sink->ops->take(sink, blob, id, err);
}

int output_write(struct output *output, const void *data, size_t size, struct error *err)
{
    return size == 0 ? 0 : output->ops->write(output, data, size, err);
}

int output_commit(struct output **output, const struct blob_id *id, struct error *err)
{
    struct output *ended = take_ptr(output);
    return ended->ops->commit(ended, id, err);
}

void output_abort(struct output **output)
{
    struct output *ended = take_ptr(output);
    if (ended != NULL)
        ended->ops->abort(ended);
}

int sink_put(struct sink *sink, const void *data, size_t size, struct blob_id *ret_id,
             struct error *err)
{
    struct blob_id id = {.has_digest = true, .size = size};
    if (digest_of(data, size, &id.digest, err) < 0)
        return -1;
    AUTO(output_abort) struct output *output = NULL;
    if (sink_open(sink, &output, err) < 0 || output_write(output, data, size, err) < 0 ||
        output_commit(&output, &id, err) < 0)
        return -1;
    *ret_id = id;
    return 0;
}

int disk_file_write_at(struct disk_file *file, uint64_t offset, const void *data, size_t size,
                       struct error *err)
{
    return size == 0 ? 0 : file->ops->write_at(file, offset, data, size, err);
}
