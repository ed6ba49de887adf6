/* salvage_stream.c: layers to bytes, hashed on the way, without a judgement on either. Knows no
 * blocks.
 */
#include "formats/salvage_stream.h"

#include "formats/model/auto.h"

#include <string.h>

/* Moving what is kept to the front costs little beside reading as much. */
#define BUFFER_SIZE (4u << 20)

int stream_init(struct salvage_stream *stream, const struct disk *disk, struct blobs *blobs,
                const struct salvage_watch *watch, struct error *err)
{
    *stream = (struct salvage_stream){
        .disk = disk, .blobs = blobs, .watch = watch, .capacity = BUFFER_SIZE};
    stream->layers = calloc(disk->layer_count + 1, sizeof *stream->layers);
    stream->buffer = malloc(BUFFER_SIZE);
    if (stream->layers == NULL || stream->buffer == NULL) {
        stream_done(stream);
        return error_memory(err);
    }
    if (hasher_init(&stream->hasher, err) == 0)
        return 0;
    stream_done(stream);
    return -1;
}

void stream_done(struct salvage_stream *stream)
{
    stream->blob = blob_close(stream->blob);
    hasher_done(&stream->hasher);
    free(stream->layers);
    free(stream->buffer);
    *stream = (struct salvage_stream){.disk = NULL};
}

/* --- layers --- */

static int layer_end(struct salvage_stream *stream, struct error *err)
{
    size_t i = stream->ended;
    const struct disk_layer *named = &stream->disk->layers[i];
    struct salvage_layer *layer = &stream->layers[i];
    stream->blob = blob_close(stream->blob);
    layer->index = named->index;
    if (hasher_final(&stream->hasher, &layer->digest, err) < 0)
        return -1;
    layer->size = stream->read;
    layer->good = !layer->absent && layer->size == named->blob.size &&
                  digest_equal(&layer->digest, &named->blob.digest);
    layer->missing = named->blob.size > layer->size ? named->blob.size - layer->size : 0;
    layer[1].start = layer->start + layer->size; /* there is one more than layers */
    stream->ended++;
    const struct salvage_layer *expected = stream->expected;
    if (expected == NULL ||
        (expected[i].size == layer->size && digest_equal(&expected[i].digest, &layer->digest)))
        return 0;
    return error_set(err, ERROR_IO, "layer %zu changed while it was being read", named->index);
}

/* What a store says of a blob that is not the one that was asked for: it ends there, or is not had
 * at all. */
static bool is_about_blob(enum error_class class)
{
    return class == ERROR_BLOB_SIZE || class == ERROR_BLOB_DIGEST || class == ERROR_BLOB_MISSING;
}

static int layer_begin(struct salvage_stream *stream, struct error *err)
{
    const struct disk_layer *named = &stream->disk->layers[stream->ended];
    stream->read = 0;
    if (hasher_restart(&stream->hasher, err) < 0)
        return -1;
    if (blobs_open(stream->blobs, &named->blob, &stream->blob, err) == 0)
        return 0;
    if (!is_about_blob(err->class))
        return error_wrap(err, "layer %zu", named->index);
    *err = (struct error)ERROR_INIT;
    stream->layers[stream->ended].absent = true;
    return layer_end(stream, err);
}

/* Room for more, and some of it filled: 1; 0: all layers have ended; -1. */
static int stream_more(struct salvage_stream *stream, struct error *err)
{
    if (stream->ended == stream->disk->layer_count)
        return 0;
    if (stream->blob == NULL) {
        if (layer_begin(stream, err) < 0)
            return -1;
        if (stream->blob == NULL)
            return 1;
    }
    const uint8_t *data;
    size_t size;
    int more = blob_peek(stream->blob, &data, &size, err);
    if (more < 0 && is_about_blob(err->class)) {
        *err = (struct error)ERROR_INIT;
        more = 0;
    }
    if (more < 0)
        return error_wrap(err, "layer %zu", stream->disk->layers[stream->ended].index);
    if (more == 0)
        return layer_end(stream, err) < 0 ? -1 : 1;
    if (size > stream->capacity - stream->size)
        size = stream->capacity - stream->size;
    memcpy(stream->buffer + stream->size, data, size);
    hasher_update(&stream->hasher, data, size);
    blob_skip(stream->blob, size);
    stream->size += size;
    stream->read += size;
    const struct salvage_watch *watch = stream->watch;
    if (watch != NULL && watch->step(watch->context, size, err) < 0)
        return -1;
    return 1;
}

/* --- bytes --- */

/* Makes room for one byte more at least, up to `end` where that is asked for. */
static int stream_reserve(struct salvage_stream *stream, uint64_t end, struct error *err)
{
    if (stream->size < stream->capacity)
        return 0;
    uint64_t gone = stream->keep > stream->base ? stream->keep - stream->base : 0;
    if (gone > stream->size)
        gone = stream->size;
    if (gone > 0) {
        stream->size -= (size_t)gone;
        memmove(stream->buffer, stream->buffer + gone, stream->size);
        stream->base += gone;
    }
    size_t wanted = (size_t)(end - stream->base);
    if (wanted <= stream->capacity && stream->size < stream->capacity)
        return 0;
    size_t capacity = wanted > stream->capacity ? wanted : stream->capacity;
    uint8_t *buffer = realloc(stream->buffer, capacity + BUFFER_SIZE);
    if (buffer == NULL)
        return error_memory(err);
    stream->buffer = buffer;
    stream->capacity = capacity + BUFFER_SIZE;
    return 0;
}

void stream_forget(struct salvage_stream *stream, uint64_t at)
{
    if (at > stream->keep)
        stream->keep = at;
}

int stream_lend(struct salvage_stream *stream, uint64_t at, size_t size, const uint8_t **ret,
                size_t *ret_size, struct error *err)
{
    uint64_t end = at + size;
    int more = 1;
    while (more == 1 && stream->base + stream->size < end) {
        if (stream_reserve(stream, end, err) < 0)
            return -1;
        more = stream_more(stream, err);
    }
    if (more < 0)
        return -1;
    uint64_t there = stream->base + stream->size;
    there = there > at ? there - at : 0;
    *ret_size = there < size ? (size_t)there : size;
    *ret = stream->buffer + (*ret_size > 0 ? at - stream->base : 0);
    return 0;
}

int stream_drain(struct salvage_stream *stream, struct error *err)
{
    int more = 1;
    while (more == 1) {
        stream->base += stream->size;
        stream->size = 0;
        more = stream_more(stream, err);
    }
    return more;
}

/* --- what is known of a stretch --- */

static uint64_t end_of(const struct salvage_layer *layer)
{
    return layer->start + layer->size;
}

/* The first layer that ends behind `at`. */
static size_t layer_behind(const struct salvage_layer *layers, size_t count, uint64_t at)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (end_of(&layers[middle]) <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool layers_end_between(const struct salvage_layer *layers, size_t count, uint64_t from,
                        uint64_t to)
{
    size_t i = layer_behind(layers, count, from);
    return i < count && end_of(&layers[i]) < to;
}

uint64_t layers_missing_between(const struct salvage_layer *layers, size_t count, uint64_t from,
                                uint64_t to)
{
    uint64_t missing = 0;
    for (size_t i = layer_behind(layers, count, from); i < count && end_of(&layers[i]) < to; i++)
        missing += layers[i].missing;
    return missing;
}

bool layers_hole_at(const struct salvage_layer *layers, size_t count, uint64_t at)
{
    for (size_t i = layer_behind(layers, count, at); i > 0 && end_of(&layers[i - 1]) == at; i--)
        if (layers[i - 1].missing > 0)
            return true;
    return false;
}

bool layers_prove(const struct salvage_layer *layers, size_t count, uint64_t at, uint64_t size)
{
    uint64_t end = at + size;
    for (size_t i = layer_behind(layers, count, at); i < count && layers[i].start < end; i++)
        if (!layers[i].good)
            return false;
    return true;
}
