/* parts.c: how long the parts of a conversion take by themselves: the same calls as the program's,
 * on all of the disk, with the clock running around the calls only. What they cost together is the
 * floor under the program's own time. Reads files; runs no threads.
 */
#include "tests/bench/bench.h"

#include "convert/engine/content.h"
#include "convert/stores/files.h"
#include "formats/codec/applelz4.h"
#include "formats/model/auto.h"

#include <string.h>

#define PIECE_SIZE   (256u << 10)
#define GROUP_BLOCKS 32u /* encoded between two looks at the clock */
#define GROUP_SIZE   ((size_t)GROUP_BLOCKS * BLOCK_SIZE)
#define OUTPUT_SIZE  (APPLELZ4_HEADER_BLOCK + APPLELZ4_ENCODED_MAX)

static void hasher_done_auto(struct hasher *hasher)
{
    hasher_done(hasher);
}

static void decoder_free_auto(struct applelz4_decoder **decoder)
{
    applelz4_decoder_free(*decoder);
}

static void encoder_free_auto(struct encoder **encoder)
{
    encoder_free(*encoder);
}

static void batch_free_auto(struct batch **batch)
{
    batch_free(*batch);
}

static uint64_t chunk_length(uint64_t disk_size, uint64_t offset)
{
    uint64_t left = disk_size - offset;
    return left < TART_CHUNK_SIZE ? left : TART_CHUNK_SIZE;
}

/* --- the V1 stream: digests of what comes in, decoding, digests of the content */

struct walk {
    struct parts *parts;
    uint64_t disk_size;
    struct applelz4_decoder *decoder;
    struct batch *batch;
    struct content content;
    uint64_t chunk_left;   /* bytes until the chunk in hand ends */
    uint64_t zeros_length; /* of all-zero chunks whose digest was computed */
    bool *zero_chunks;     /* one a chunk: all of it is zeros */
};

static int chunk_end(struct walk *walk, uint64_t end, struct error *err)
{
    uint64_t chunk = (end - 1) / TART_CHUNK_SIZE;
    uint64_t length = end - chunk * TART_CHUNK_SIZE;
    walk->zero_chunks[chunk] = walk->content.only_zeros;
    if (!walk->content.only_zeros || walk->zeros_length != length)
        walk->parts->bytes[PART_CONTENT] += length;
    if (walk->content.only_zeros) {
        walk->parts->zero_bytes += length;
        walk->zeros_length = length;
    }
    struct digest digest;
    double begun = seconds_now();
    int status = content_end(&walk->content, &digest, err);
    walk->parts->seconds[PART_CONTENT] += seconds_now() - begun;
    return status < 0 ? -1 : content_begin(&walk->content, err);
}

/* Hashes what the batch holds, and makes it ready for what comes behind. */
static int batch_take(struct walk *walk, struct error *err)
{
    struct batch *batch = walk->batch;
    uint64_t end = batch->offset + batch->length;
    double begun = seconds_now();
    content_add(&walk->content, batch);
    walk->parts->seconds[PART_CONTENT] += seconds_now() - begun;
    walk->chunk_left -= batch->length;
    if (walk->chunk_left == 0) {
        if (batch->length > 0 && chunk_end(walk, end, err) < 0)
            return -1;
        if (batch->length == 0)
            return error_set(err, ERROR_DISK_SIZE, "the V1 stream is longer than the disk");
        walk->chunk_left = chunk_length(walk->disk_size, end);
    }
    batch_reset(batch, end, walk->chunk_left);
    return 0;
}

static int piece_decode(struct walk *walk, const uint8_t *data, size_t size, struct error *err)
{
    walk->parts->bytes[PART_DECODE] += size;
    for (;;) {
        size_t used;
        double begun = seconds_now();
        int full = applelz4_decode(walk->decoder, data, size, &used, walk->batch, err);
        walk->parts->seconds[PART_DECODE] += seconds_now() - begun;
        if (full <= 0)
            return full;
        data += used;
        size -= used;
        if (batch_take(walk, err) < 0)
            return -1;
    }
}

static int layer_walk(struct walk *walk, struct blobs *blobs, const struct blob_id *id,
                      uint8_t *piece, struct error *err)
{
    AUTO(blob_close_auto) struct blob *blob = NULL;
    AUTO(hasher_done_auto) struct hasher hasher = {.context = NULL};
    if (blobs_open(blobs, id, &blob, err) < 0 || hasher_init(&hasher, err) < 0)
        return -1;
    for (uint64_t offset = 0; offset < blob->size;) {
        uint64_t left = blob->size - offset;
        size_t size = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        if (blob_read_at(blob, offset, piece, size, err) < 0)
            return -1;
        double begun = seconds_now();
        hasher_update(&hasher, piece, size);
        walk->parts->seconds[PART_HASH_IN] += seconds_now() - begun;
        walk->parts->bytes[PART_HASH_IN] += size;
        if (piece_decode(walk, piece, size, err) < 0)
            return -1;
        offset += size;
    }
    struct digest digest;
    return hasher_final(&hasher, &digest, err);
}

static int v1_walk(const struct image *v1, bool *zero_chunks, struct parts *parts,
                   struct error *err)
{
    const struct disk *disk = image_disk(v1);
    AUTO(decoder_free_auto) struct applelz4_decoder *decoder = applelz4_decoder_new(err);
    AUTO(batch_free_auto) struct batch *batch = decoder == NULL ? NULL : batch_new(err);
    AUTO_FREE uint8_t *piece = malloc(PIECE_SIZE);
    if (decoder == NULL || batch == NULL)
        return -1;
    if (piece == NULL)
        return error_memory(err);
    struct walk walk = {.parts = parts,
                        .disk_size = disk->size,
                        .decoder = decoder,
                        .batch = batch,
                        .chunk_left = chunk_length(disk->size, 0),
                        .zero_chunks = zero_chunks};
    applelz4_decoder_reset(decoder, 0);
    batch_reset(batch, 0, walk.chunk_left);
    int status = content_init(&walk.content, err);
    if (status == 0)
        status = content_begin(&walk.content, err);
    for (size_t i = 0; i < disk->layer_count && status == 0; i++)
        status = layer_walk(&walk, v1->blobs, &disk->layers[i].blob, piece, err);
    if (status == 0)
        status = batch_take(&walk, err);
    if (status == 0)
        status = applelz4_decoder_finish(decoder, err);
    content_done(&walk.content);
    return status;
}

/* --- the disk: encoding, checking, digests of what goes out */

struct mill {
    struct parts *parts;
    int fd;
    struct encoder *encoder;
    struct hasher hasher;
    size_t history;
    size_t sizes[GROUP_BLOCKS]; /* of the encoded blocks */
    uint8_t output[GROUP_BLOCKS][OUTPUT_SIZE];
    uint8_t data[GROUP_SIZE];
    uint8_t check[APPLELZ4_WINDOW + GROUP_SIZE + 32]; /* as encoder.c has it, history first */
};

static size_t block_length(size_t size, size_t at)
{
    return size - at < BLOCK_SIZE ? size - at : BLOCK_SIZE;
}

static int group_encode(struct mill *mill, size_t size, struct error *err)
{
    double begun = seconds_now();
    for (size_t at = 0, i = 0; at < size; at += BLOCK_SIZE, i++) {
        int64_t encoded = encoder_block(mill->encoder, mill->data + at, block_length(size, at),
                                        mill->output[i], err);
        if (encoded < 0)
            return -1;
        mill->sizes[i] = (size_t)encoded;
    }
    mill->parts->seconds[PART_ENCODE] += seconds_now() - begun;
    mill->parts->bytes[PART_ENCODE] += size;
    return 0;
}

/* The encoder has decoded these blocks already; once more, to know how long that took of its time.
 */
static int group_check(struct mill *mill, size_t size, struct error *err)
{
    double begun = seconds_now();
    uint8_t *decoded = mill->check + APPLELZ4_WINDOW;
    for (size_t at = 0, i = 0; at < size; at += BLOCK_SIZE, i++) {
        size_t length = block_length(size, at);
        if (applelz4_block_decode(mill->output[i], mill->sizes[i], decoded + at, length,
                                  mill->history) != (int64_t)length)
            return error_set(err, ERROR_ROUND_TRIP, "an encoded block cannot be decoded");
        mill->history = APPLELZ4_WINDOW;
    }
    double taken = seconds_now() - begun;
    mill->parts->seconds[PART_CHECK] += taken;
    mill->parts->seconds[PART_ENCODE] -= taken;
    if (size == GROUP_SIZE)
        memcpy(mill->check, decoded + GROUP_SIZE - APPLELZ4_WINDOW, APPLELZ4_WINDOW);
    return 0;
}

static void group_hash(struct mill *mill, size_t size)
{
    size_t count = (size + BLOCK_SIZE - 1) / BLOCK_SIZE;
    double begun = seconds_now();
    for (size_t i = 0; i < count; i++)
        hasher_update(&mill->hasher, mill->output[i], mill->sizes[i]);
    mill->parts->seconds[PART_HASH_OUT] += seconds_now() - begun;
    for (size_t i = 0; i < count; i++) {
        mill->parts->bytes[PART_CHECK] += mill->sizes[i];
        mill->parts->bytes[PART_HASH_OUT] += mill->sizes[i];
    }
}

static int chunk_mill(struct mill *mill, uint64_t offset, uint64_t length, struct error *err)
{
    encoder_restart(mill->encoder);
    mill->history = 0;
    if (hasher_restart(&mill->hasher, err) < 0)
        return -1;
    while (length > 0) {
        size_t size = length < GROUP_SIZE ? (size_t)length : GROUP_SIZE;
        if (file_read_at(mill->fd, "disk.img", offset, mill->data, size, err) < 0 ||
            group_encode(mill, size, err) < 0 || group_check(mill, size, err) < 0)
            return -1;
        group_hash(mill, size);
        offset += size;
        length -= size;
    }
    struct digest digest;
    return hasher_final(&mill->hasher, &digest, err);
}

static int disk_mill(int fd, uint64_t disk_size, const bool *zero_chunks, struct parts *parts,
                     struct error *err)
{
    AUTO_FREE struct mill *mill = calloc(1, sizeof *mill);
    if (mill == NULL)
        return error_memory(err);
    AUTO(encoder_free_auto)
    struct encoder *encoder = encoder_new((struct encoder_kind){ENCODER_APPLE, 0}, err);
    if (encoder == NULL || hasher_init(&mill->hasher, err) < 0)
        return -1;
    mill->parts = parts;
    mill->fd = fd;
    mill->encoder = encoder;
    uint64_t zeros_length = 0; /* of the all-zero chunk that was encoded */
    int status = 0;
    for (uint64_t offset = 0; offset < disk_size && status == 0; offset += TART_CHUNK_SIZE) {
        uint64_t length = chunk_length(disk_size, offset);
        bool zeros = zero_chunks[offset / TART_CHUNK_SIZE];
        if (zeros && zeros_length == length)
            continue;
        if (zeros)
            zeros_length = length;
        status = chunk_mill(mill, offset, length, err);
    }
    hasher_done(&mill->hasher);
    return status;
}

int parts_measure(const struct image *v1, int fd, struct parts *ret, struct error *err)
{
    *ret = (struct parts){.zero_bytes = 0};
    uint64_t size = image_disk(v1)->size;
    AUTO_FREE bool *zero_chunks = calloc(size / TART_CHUNK_SIZE + 1, sizeof *zero_chunks);
    if (zero_chunks == NULL)
        return error_memory(err);
    if (v1_walk(v1, zero_chunks, ret, err) < 0)
        return -1;
    return disk_mill(fd, size, zero_chunks, ret, err);
}
