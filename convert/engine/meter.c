/* meter.c: counts bytes on their way. Changes none of them, and knows no format and no store.
 */
#include "convert/engine/meter.h"

#include "formats/model/auto.h"

#include <stddef.h>

void meter_init(struct meter *meter)
{
    *meter = (struct meter){.source = NULL};
    pthread_mutex_init(&meter->lock, NULL); /* cannot fail on Linux */
}

void meter_done(struct meter *meter)
{
    free(meter->counted);
    pthread_mutex_destroy(&meter->lock);
}

void meter_read(struct meter *meter, uint64_t *ret_read, uint64_t *ret_written,
                uint64_t *ret_reused)
{
    pthread_mutex_lock(&meter->lock);
    *ret_read = meter->read;
    *ret_written = meter->written + meter->file_written;
    *ret_reused = meter->reused;
    pthread_mutex_unlock(&meter->lock);
}

/* --- the source ----------------------------------------------------------------------------------
 */

struct metered_blob {
    struct blob blob;
    struct blob *source;
    struct meter *meter;
};

static int metered_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size,
                        struct error *err)
{
    return blob_peek(((struct metered_blob *)blob)->source, ret_data, ret_size, err);
}

static void metered_skip(struct blob *blob, size_t size)
{
    struct metered_blob *metered = (struct metered_blob *)blob;
    metered->meter->read += size;
    blob_skip(metered->source, size);
}

static int metered_read_at(struct blob *blob, uint64_t offset, void *data, size_t size,
                           struct error *err)
{
    struct metered_blob *metered = (struct metered_blob *)blob;
    metered->meter->read += size;
    return blob_read_at(metered->source, offset, data, size, err);
}

static int metered_map(struct blob *blob, uint64_t offset, uint64_t *ret_length, bool *ret_hole,
                       struct error *err)
{
    return blob_map(((struct metered_blob *)blob)->source, offset, ret_length, ret_hole, err);
}

static void metered_close(struct blob *blob)
{
    blob_close(((struct metered_blob *)blob)->source);
    free(blob);
}

static int metered_new(struct blobs *blobs, struct blob **source, struct blob **ret,
                       struct error *err)
{
    static const struct blob_ops stream = {
        .peek = metered_peek, .skip = metered_skip, .map = metered_map, .close = metered_close};
    static const struct blob_ops seekable = {.peek = metered_peek,
                                             .skip = metered_skip,
                                             .read_at = metered_read_at,
                                             .map = metered_map,
                                             .close = metered_close};
    struct metered_blob *metered = calloc(1, sizeof *metered);
    if (metered == NULL)
        return error_memory(err);
    metered->blob.ops = blob_can_seek(*source) ? &seekable : &stream;
    metered->blob.size = (*source)->size;
    metered->source = take_ptr(source);
    metered->meter = (struct meter *)((char *)blobs - offsetof(struct meter, blobs));
    *ret = &metered->blob;
    return 0;
}

static struct blobs *source_of(struct blobs *blobs)
{
    return ((struct meter *)((char *)blobs - offsetof(struct meter, blobs)))->source;
}

static int metered_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                        struct error *err)
{
    AUTO(blob_close_auto) struct blob *source = NULL;
    return blobs_open(source_of(blobs), id, &source, err) < 0
               ? -1
               : metered_new(blobs, &source, ret, err);
}

static int metered_open_parts(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                              struct error *err)
{
    AUTO(blob_close_auto) struct blob *source = NULL;
    return blobs_open_parts(source_of(blobs), id, &source, err) < 0
               ? -1
               : metered_new(blobs, &source, ret, err);
}

struct blobs *meter_source(struct meter *meter, struct blobs *source)
{
    static const struct blobs_ops ops = {.open = metered_open, .open_parts = metered_open_parts};
    meter->source = source;
    meter->blobs.ops = &ops;
    return source == NULL ? NULL : &meter->blobs;
}

/* --- the destination -----------------------------------------------------------------------------
 */

static struct meter *of_sink(struct sink *sink)
{
    return (struct meter *)((char *)sink - offsetof(struct meter, sink));
}

/* Where memory ends a number is wrong, and no more than that. */
static bool count_once(struct meter *meter, const struct digest *digest)
{
    for (size_t i = meter->counted_count; i > 0; i--)
        if (digest_equal(&meter->counted[i - 1], digest))
            return false;
    if (meter->counted_count == meter->counted_capacity) {
        size_t capacity = meter->counted_capacity * 2 + 64;
        struct digest *grown = reallocarray(meter->counted, capacity, sizeof *grown);
        if (grown == NULL)
            return true;
        meter->counted = grown;
        meter->counted_capacity = capacity;
    }
    meter->counted[meter->counted_count++] = *digest;
    return true;
}

static void count(struct meter *meter, const struct blob_id *id, bool there)
{
    pthread_mutex_lock(&meter->lock);
    if (count_once(meter, &id->digest))
        *(there ? &meter->reused : &meter->written) += id->size;
    pthread_mutex_unlock(&meter->lock);
}

static int metered_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    struct meter *meter = of_sink(sink);
    int there = sink_has(meter->target, id, err);
    if (there == 1)
        count(meter, id, true);
    return there;
}

struct metered_output {
    struct output output;
    struct output *target;
    struct meter *meter;
};

static int metered_write(struct output *base, const void *data, size_t size, struct error *err)
{
    return output_write(((struct metered_output *)base)->target, data, size, err);
}

/* A commit asks first, too: it is no request more to ask before it. */
static int metered_commit(struct output *base, const struct blob_id *id, struct error *err)
{
    struct metered_output *output = (struct metered_output *)base;
    int there = sink_has(output->meter->target, id, err);
    int status = there < 0 ? -1 : output_commit(&output->target, id, err);
    if (status == 0)
        count(output->meter, id, there == 1);
    output_abort(&output->target);
    free(output);
    return status;
}

static void metered_abort(struct output *base)
{
    output_abort(&((struct metered_output *)base)->target);
    free(base);
}

static int metered_sink_open(struct sink *sink, struct output **ret, struct error *err)
{
    static const struct output_ops ops = {
        .write = metered_write, .commit = metered_commit, .abort = metered_abort};
    struct metered_output *output = calloc(1, sizeof *output);
    if (output == NULL)
        return error_memory(err);
    output->output.ops = &ops;
    output->meter = of_sink(sink);
    if (sink_open(output->meter->target, &output->target, err) < 0) {
        free(output);
        return -1;
    }
    *ret = &output->output;
    return 0;
}

/* As a commit. */
static int metered_take(struct sink *sink, struct blob *blob, const struct blob_id *id,
                        struct error *err)
{
    struct meter *meter = of_sink(sink);
    int there = sink_has(meter->target, id, err);
    if (there < 0 || sink_take(meter->target, blob, id, err) < 0)
        return -1;
    count(meter, id, there == 1);
    return 0;
}

struct sink *meter_sink(struct meter *meter, struct sink *target)
{
    static const struct sink_ops written = {.open = metered_sink_open, .has = metered_has};
    static const struct sink_ops taken = {
        .open = metered_sink_open, .has = metered_has, .take = metered_take};
    meter->target = target;
    meter->sink.ops = target != NULL && sink_can_take(target) ? &taken : &written;
    return target == NULL ? NULL : &meter->sink;
}

static int metered_write_at(struct disk_file *file, uint64_t offset, const void *data, size_t size,
                            struct error *err)
{
    struct meter *meter = (struct meter *)((char *)file - offsetof(struct meter, file));
    meter->file_written += size;
    return disk_file_write_at(meter->target_file, offset, data, size, err);
}

struct disk_file *meter_file(struct meter *meter, struct disk_file *target)
{
    static const struct disk_file_ops ops = {.write_at = metered_write_at};
    meter->target_file = target;
    meter->file.ops = &ops;
    return target == NULL ? NULL : &meter->file;
}
