/* compare.c: two disks read side by side. Each side is decoded by its own threads; the comparing is
 * done here.
 */
#include "convert/engine/compare.h"

#include "convert/engine/content.h"
#include "convert/engine/feed.h"
#include "convert/engine/pass.h"
#include "convert/engine/pipeline.h"
#include "formats/model/auto.h"

#include <string.h>

/* A stretch of both disks. */
struct stretch {
    uint64_t offset, length;
    bool same_blobs; /* the same blobs make it up on both sides */
};

struct side {
    struct store *store;
    struct image image;
    struct disk disk; /* its size known */
    struct feed feed;
    struct reader *reader;
    struct pipeline pipeline;
    uint64_t end; /* of the stretch being read */
    /* what of the batch in hand has not been compared yet */
    struct batch *batch;
    size_t extent;
    uint64_t used; /* of that extent */
};

struct comparing {
    struct run *run;
    const struct compare_options *options;
    struct side a, b;
    struct stretch *stretches;
    size_t stretch_count;
    struct comparison *result;
    /* the proof's chunk in hand */
    struct content content;
    size_t chunk;
};

void comparison_done(struct comparison *comparison)
{
    proof_done(&comparison->proof);
}

/* --- sides --- */

static int side_open(struct side *side, struct run *run, const struct reference *reference,
                     const struct store_options *options, struct error *err)
{
    if (store_open_source(reference, options, &side->store, err) < 0 ||
        store_load(side->store, &side->image, err) < 0)
        return error_wrap(err, "%s", reference->text);
    if (image_disk(&side->image) == NULL) {
        *err = side->image.tart_error;
        return error_wrap(err, "%s", reference->text);
    }
    const struct tart_image *tart = side->image.tart;
    if (tart != NULL && tart_check_places(tart, err) < 0)
        return error_wrap(err, "%s", reference->text);
    feed_init(&side->feed, side->image.blobs, NULL, run->threads > 1);
    if (disk_measure(run, image_disk(&side->image), &side->feed.blobs, &side->disk, err) < 0 ||
        reader_open(&side->disk, &side->feed.blobs, &side->reader, err) < 0 ||
        pipeline_init(&side->pipeline, run->threads > 1, err) < 0)
        return error_wrap(err, "%s", reference->text);
    return 0;
}

static void side_close(struct side *side)
{
    pipeline_done(&side->pipeline);
    side->reader = reader_close(side->reader);
    image_done(&side->image);
    side->store = store_close(side->store);
}

static int side_fill(void *context, struct batch *batch, struct error *err)
{
    struct side *side = context;
    uint64_t position = side->reader->position;
    if (position == side->end)
        return 0;
    batch_reset(batch, position, side->end - position);
    batch->wants_blocks = false;
    return reader_read(side->reader, batch, err);
}

static int side_start(struct side *side, const struct stretch *stretch, struct error *err)
{
    if (side->reader->position != stretch->offset &&
        reader_seek(side->reader, stretch->offset, err) < 0)
        return -1;
    side->end = stretch->offset + stretch->length;
    side->batch = NULL;
    return pipeline_start(&side->pipeline, side, side_fill, NULL, 0, err);
}

/* Makes sure that there is an extent in hand: 1, or -1. The disk is known to be long enough. */
static int side_more(struct side *side, struct error *err)
{
    while (side->batch == NULL || side->extent == side->batch->extent_count) {
        int status = pipeline_next(&side->pipeline, &side->batch, err);
        if (status == 0)
            return error_set(err, ERROR_DISK_SIZE, "a disk ended before its size");
        if (status < 0)
            return -1;
        side->extent = 0;
        side->used = 0;
    }
    return 1;
}

static void side_use(struct side *side, uint64_t length)
{
    side->used += length;
    if (side->used == side->batch->extents[side->extent].length) {
        side->extent++;
        side->used = 0;
    }
}

/* --- stretches --- */

static int stretch_add(struct comparing *work, uint64_t offset, uint64_t end, bool same_blobs,
                       struct error *err)
{
    if (offset == end)
        return 0;
    struct stretch *stretches =
        reallocarray(work->stretches, work->stretch_count + 1, sizeof *stretches);
    if (stretches == NULL)
        return error_memory(err);
    work->stretches = stretches;
    stretches[work->stretch_count++] =
        (struct stretch){.offset = offset, .length = end - offset, .same_blobs = same_blobs};
    return 0;
}

static bool same_layer(const struct disk_layer *a, const struct disk_layer *b)
{
    return a->offset == b->offset && a->length == b->length &&
           digest_equal(&a->blob.digest, &b->blob.digest);
}

/* Cuts what both disks have into stretches: equal blobs at equal offsets need no decoding. */
static int stretches_find(struct comparing *work, uint64_t size, struct error *err)
{
    const struct disk *a = &work->a.disk, *b = &work->b.disk;
    bool layers = a->format == DISK_V2 && b->format == DISK_V2 && !work->options->proof;
    uint64_t start = 0;
    for (size_t i = 0, j = 0; layers && i < a->layer_count && j < b->layer_count;) {
        const struct disk_layer *left = &a->layers[i], *right = &b->layers[j];
        if (left->length > 0 && same_layer(left, right)) {
            if (stretch_add(work, start, left->offset, false, err) < 0 ||
                stretch_add(work, left->offset, left->offset + left->length, true, err) < 0)
                return -1;
            start = left->offset + left->length;
        }
        /* the one that begins first is left behind */
        bool equal = left->offset == right->offset;
        if (left->offset < right->offset || (equal && left->length <= right->length))
            i++;
        if (right->offset < left->offset || (equal && right->length <= left->length))
            j++;
    }
    return stretch_add(work, start, size, false, err);
}

/* --- the proof --- */

/* The proof's chunks: B's layers, or pieces of 512 MiB where B has no cut of its own. */
static int proof_begin(struct comparing *work, struct error *err)
{
    struct proof *proof = &work->result->proof;
    const struct disk *disk = &work->b.disk;
    bool layers = disk->format == DISK_V2;
    size_t most =
        layers ? disk->layer_count : (size_t)((disk->size + TART_CHUNK_SIZE - 1) / TART_CHUNK_SIZE);
    proof->chunks = calloc(most + 1, sizeof *proof->chunks);
    if (proof->chunks == NULL)
        return error_memory(err);
    for (size_t i = 0; i < most; i++) {
        struct proof_chunk *chunk = &proof->chunks[proof->chunk_count];
        uint64_t offset = (uint64_t)i * TART_CHUNK_SIZE, left = disk->size - offset;
        *chunk = layers ? (struct proof_chunk){.offset = disk->layers[i].offset,
                                               .length = disk->layers[i].length,
                                               .blob = disk->layers[i].blob}
                        : (struct proof_chunk){.offset = offset,
                                               .length =
                                                   left < TART_CHUNK_SIZE ? left : TART_CHUNK_SIZE};
        proof->chunk_count += chunk->length > 0;
    }
    proof->has_source = work->result->has_digest_a;
    proof->source = work->result->digest_a;
    proof->has_destination = work->result->has_digest_b;
    proof->destination = work->result->digest_b;
    proof->disk_size = disk->size;
    return content_init(&work->content, err);
}

/* Hashes an extent, cut at the proof's chunks. */
static int proof_add(struct comparing *work, uint64_t offset, struct extent extent,
                     struct error *err)
{
    struct proof *proof = &work->result->proof;
    while (extent.length > 0) {
        struct proof_chunk *chunk = &proof->chunks[work->chunk];
        uint64_t left = chunk->offset + chunk->length - offset;
        struct batch piece = {.extent_count = 1, .extents = {extent}};
        if (extent.length > left)
            piece.extents[0].length = left;
        uint64_t length = piece.extents[0].length;
        if (offset == chunk->offset && content_begin(&work->content, err) < 0)
            return -1;
        content_add(&work->content, &piece);
        if (length == left) {
            if (content_end(&work->content, &chunk->content, err) < 0)
                return -1;
            work->chunk++;
        }
        offset += length;
        extent.length -= length;
        if (extent.data != NULL)
            extent.data += length;
    }
    return 0;
}

/* --- comparing --- */

static const uint8_t *side_data(const struct side *side)
{
    const uint8_t *data = side->batch->extents[side->extent].data;
    return data == NULL ? NULL : data + side->used;
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, uint64_t length)
{
    if (a == NULL && b == NULL)
        return true;
    if (a == NULL || b == NULL)
        return bytes_are_zero(a == NULL ? b : a, (size_t)length);
    return memcmp(a, b, (size_t)length) == 0;
}

static void difference_find(struct comparison *result, const uint8_t *a, const uint8_t *b,
                            uint64_t offset)
{
    uint64_t i = 0;
    while ((a == NULL ? 0 : a[i]) == (b == NULL ? 0 : b[i]))
        i++;
    result->differs_at = true;
    result->first = offset + i;
    result->byte_a = a == NULL ? 0 : a[i];
    result->byte_b = b == NULL ? 0 : b[i];
}

/* Compares what both sides have in hand. 1: go on; 0: they differ; -1. */
static int step_compare(struct comparing *work, uint64_t offset, uint64_t *ret_length,
                        struct error *err)
{
    struct side *a = &work->a, *b = &work->b;
    if (side_more(a, err) < 0)
        return error_wrap(err, "the first image");
    if (side_more(b, err) < 0)
        return error_wrap(err, "the second image");
    uint64_t left_a = a->batch->extents[a->extent].length - a->used;
    uint64_t left_b = b->batch->extents[b->extent].length - b->used;
    uint64_t length = left_a < left_b ? left_a : left_b;
    const uint8_t *data_a = side_data(a), *data_b = side_data(b);
    *ret_length = length;
    if (!same_bytes(data_a, data_b, length)) {
        difference_find(work->result, data_a, data_b, offset);
        return 0;
    }
    if (work->options->proof &&
        proof_add(work, offset, (struct extent){.length = length, .data = data_b}, err) < 0)
        return -1;
    side_use(a, length);
    side_use(b, length);
    return 1;
}

/* 1: the same; 0: they differ; -1. */
static int stretch_compare(struct comparing *work, const struct stretch *stretch, struct error *err)
{
    if (stretch->same_blobs) {
        run_progress(work->run, stretch->length);
        return 1;
    }
    if (side_start(&work->a, stretch, err) < 0)
        return -1;
    int status = side_start(&work->b, stretch, err);
    uint64_t done = 0;
    if (status == 0)
        status = 1;
    while (status == 1 && done < stretch->length) {
        uint64_t length = 0;
        status = step_compare(work, stretch->offset + done, &length, err);
        done += length;
        run_progress(work->run, length);
        if (status == 1 && run_check(work->run, err) < 0)
            status = -1;
    }
    pipeline_stop(&work->a.pipeline);
    pipeline_stop(&work->b.pipeline);
    work->result->compared += done;
    return status;
}

static int disks_compare(struct comparing *work, struct error *err)
{
    struct comparison *result = work->result;
    result->size_a = work->a.disk.size;
    result->size_b = work->b.disk.size;
    uint64_t size = result->size_a < result->size_b ? result->size_a : result->size_b;
    if (stretches_find(work, size, err) < 0)
        return -1;
    run_start_progress(work->run, size);
    int status = 1;
    for (size_t i = 0; i < work->stretch_count && status == 1; i++)
        status = stretch_compare(work, &work->stretches[i], err);
    if (status < 0)
        return -1;
    result->same_disk = status == 1 && result->size_a == result->size_b;
    return 0;
}

/* --- what is not the disk --- */

static bool same_part(bool has_a, const struct blob_id *a, bool has_b, const struct blob_id *b)
{
    return has_a == has_b && (!has_a || digest_equal(&a->digest, &b->digest));
}

static const struct blob_id *part_of(const struct image *image, bool nvram)
{
    if (image->tart == NULL)
        return nvram ? &image->nvram : &image->vm_config;
    const struct descriptor *part = nvram ? image->tart->nvram : image->tart->config;
    return part == NULL ? NULL : &part->blob;
}

/* An image's labels in one exact form; empty for none. */
static int labels_read(const struct image *image, struct bytes *ret, struct error *err)
{
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, TART_CONFIG_MAX);
    AUTO(json_free_auto) struct json *tree = NULL;
    if (blobs_read_all(image->blobs, &image->manifest->config.blob, &text, err) < 0 ||
        json_parse(text.data, text.size, TART_CONFIG_MAX, &tree, err) < 0)
        return error_wrap(err, "the image config");
    const struct json *labels = json_get(json_get(tree, "config"), "Labels");
    return labels == NULL || json_count(labels) == 0 ? 0 : json_print(labels, JSON_TART, ret, err);
}

static int labels_compare(struct comparing *work, struct error *err)
{
    if (work->a.image.manifest == NULL || work->b.image.manifest == NULL) {
        /* a disk without a manifest has no place for labels */
        work->result->same_labels = true;
        return 0;
    }
    AUTO(bytes_done) struct bytes a;
    AUTO(bytes_done) struct bytes b;
    bytes_init(&a, 2 * (size_t)TART_CONFIG_MAX);
    bytes_init(&b, 2 * (size_t)TART_CONFIG_MAX);
    if (labels_read(&work->a.image, &a, err) < 0 || labels_read(&work->b.image, &b, err) < 0)
        return -1;
    work->result->same_labels =
        a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
    return 0;
}

static int parts_compare(struct comparing *work, struct error *err)
{
    const struct image *a = &work->a.image, *b = &work->b.image;
    struct comparison *result = work->result;
    result->same_vm_config =
        same_part(a->has_vm_config, part_of(a, false), b->has_vm_config, part_of(b, false));
    result->same_nvram = same_part(a->has_nvram, part_of(a, true), b->has_nvram, part_of(b, true));
    result->has_digest_a = a->manifest != NULL;
    result->has_digest_b = b->manifest != NULL;
    result->digest_a = a->digest;
    result->digest_b = b->digest;
    return labels_compare(work, err);
}

static int compare_all(struct comparing *work, const struct reference *a, const struct reference *b,
                       struct error *err)
{
    struct comparison *result = work->result;
    const struct compare_options *options = work->options;
    const struct store_options from_a = {.network = options->network, .side = options->side_a};
    const struct store_options from_b = {.network = options->network, .side = options->side_b};
    if (side_open(&work->a, work->run, a, &from_a, err) < 0 ||
        side_open(&work->b, work->run, b, &from_b, err) < 0 || parts_compare(work, err) < 0)
        return -1;
    if (options->proof && proof_begin(work, err) < 0)
        return -1;
    if (disks_compare(work, err) < 0)
        return -1;
    result->same =
        result->same_disk &&
        (!options->all || (result->same_vm_config && result->same_nvram && result->same_labels));
    return 0;
}

int compare(struct run *run, const struct reference *a, const struct reference *b,
            const struct compare_options *options, struct comparison *ret, struct error *err)
{
    *ret = (struct comparison){.same = false};
    struct comparing work = {.run = run, .options = options, .result = ret};
    int status = compare_all(&work, a, b, err);
    content_done(&work.content);
    free(work.stretches);
    side_close(&work.a);
    side_close(&work.b);
    if (status < 0)
        comparison_done(ret);
    return status;
}
