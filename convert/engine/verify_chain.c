/* verify_chain.c: how disk layers begin and end: each by itself, and of disk.v1 how they hang
 * together. What is read of a layer is its two ends; the search for an order may read more.
 */
#include "convert/engine/verify_look.h"

#include "convert/engine/lanes.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

int chain_room(struct look *look, struct error *err)
{
    const struct disk *disk = image_disk(&look->image);
    look->chain = calloc(disk->layer_count + 1, sizeof *look->chain);
    look->chain_seen = calloc(disk->layer_count + 1, sizeof *look->chain_seen);
    if (look->chain == NULL || look->chain_seen == NULL)
        return error_memory(err);
    for (size_t i = 0; i < disk->layer_count; i++)
        look->chain[i].digest = disk->layers[i].blob.digest;
    return 0;
}

/* --- ends --- */

/* 1: the bytes are there; 0: this store cannot give parts; -1 */
static int end_read(struct look *look, struct blob *blob, uint64_t offset, uint8_t *to, size_t size,
                    struct error *err)
{
    pthread_mutex_lock(&look->lock);
    bool none = look->no_ranges;
    pthread_mutex_unlock(&look->lock);
    if (none)
        return 0;
    bool can = blob_can_seek(blob);
    if (can && blob_read_at(blob, offset, to, size, err) == 0)
        return 1;
    if (can && err->class != ERROR_UNSUPPORTED)
        return -1;
    pthread_mutex_lock(&look->lock);
    look->no_ranges = true;
    pthread_mutex_unlock(&look->lock);
    return 0;
}

static int fail_at(const struct disk_layer *layer, uint64_t offset, struct error *err)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&layer->blob.digest, digest);
    error_wrap(err, "layer %zu %s: byte %llu", layer->index, digest, (unsigned long long)offset);
    err->where = (struct error_place){(int64_t)layer->index, (int64_t)offset, -1};
    return -1;
}

/* A disk.v2 layer is a stream of its own: its first and last bytes are known. */
static int v2_judge(const struct disk_layer *layer, const uint8_t *first, const uint8_t *last,
                    struct error *err)
{
    static const char *const magics[] = {"bv41", "bv4-", "bv4$"};
    const char *foreign = applelz4_foreign_magic(first, APPLELZ4_MAGIC_SIZE);
    bool good = false;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        good |= memcmp(first, magics[i], APPLELZ4_MAGIC_SIZE) == 0;
    int status = 0;
    if (!good && foreign != NULL)
        error_set(err, ERROR_STREAM_FOREIGN, "begins like %s, not like a disk layer", foreign);
    else if (!good)
        error_set(err, ERROR_STREAM_MAGIC, "does not begin with a block");
    if (!good)
        status = fail_at(layer, 0, err);
    else if (memcmp(last, applelz4_end_mark, APPLELZ4_MAGIC_SIZE) != 0) {
        error_set(err, ERROR_STREAM_TRUNCATED, "does not end with an end mark");
        status = fail_at(layer, layer->blob.size - APPLELZ4_MAGIC_SIZE, err);
    }
    if (status < 0)
        err->where.disk_offset = (int64_t)layer->offset;
    return status;
}

static int v2_read_ends(struct look *look, size_t index, struct blob *blob, struct error *err)
{
    const struct disk_layer *layer = &image_disk(&look->image)->layers[index];
    uint8_t first[APPLELZ4_MAGIC_SIZE], last[APPLELZ4_MAGIC_SIZE];
    if (blob->size < sizeof last) {
        error_set(err, ERROR_STREAM_TRUNCATED, "is shorter than an end mark");
        return fail_at(layer, 0, err);
    }
    int got = end_read(look, blob, blob->size - sizeof last, last, sizeof last, err);
    if (got == 1)
        got = end_read(look, blob, 0, first, sizeof first, err);
    if (got <= 0)
        return got;
    look->chain_seen[index] = true;
    return v2_judge(layer, first, last, err);
}

static int v1_read_ends(struct look *look, size_t index, struct blob *blob, struct error *err)
{
    uint64_t size = blob->size;
    size_t back_size = size < CHAIN_END ? (size_t)size : CHAIN_END;
    size_t front_size = size - back_size < CHAIN_END ? (size_t)(size - back_size) : CHAIN_END;
    AUTO_FREE uint8_t *bytes = malloc(front_size + back_size + 1);
    if (bytes == NULL)
        return error_memory(err);
    uint8_t *back = bytes + front_size;
    int got = end_read(look, blob, size - back_size, back, back_size, err);
    if (got == 1 && front_size > 0)
        got = end_read(look, blob, 0, bytes, front_size, err);
    if (got <= 0)
        return got;
    if (front_size == 0) /* one end is the whole layer */
        front_size = back_size;
    look->chain_seen[index] = true;
    return chain_layer_ends(size, bytes, front_size, back, back_size, &look->chain[index], err);
}

int chain_read_ends(struct look *look, size_t index, struct blob *blob, struct error *err)
{
    if (image_disk(&look->image)->format == DISK_V2)
        return v2_read_ends(look, index, blob, err);
    if (blob->size > 0)
        return v1_read_ends(look, index, blob, err);
    /* Tart itself writes an empty last layer: it changes nothing */
    look->chain_seen[index] = true;
    return chain_layer_ends(0, NULL, 0, NULL, 0, &look->chain[index], err);
}

/* As struct chain_source has it. */
static int order_read(void *context, size_t index, uint64_t at, uint8_t *to, size_t size,
                      struct error *err)
{
    struct look *look = context;
    AUTO(blob_close_auto) struct blob *blob = NULL;
    if (run_check(look->run, err) < 0 ||
        blobs_open_parts(look->image.blobs, &look->image.tart->disk.layers[index].blob, &blob,
                         err) < 0)
        return -1;
    int got = end_read(look, blob, at, to, size, err);
    return got < 0 ? -1 : !got;
}

/* --- in the manifest's order --- */

static void cut_print(const struct chain_cut *cut, char ret[100])
{
    switch (cut->at) {
    case CHAIN_BOUNDARY:
        snprintf(ret, 100, "a block must begin here");
        break;
    case CHAIN_HEADER:
        snprintf(ret, 100, "a block's header must go on here");
        break;
    case CHAIN_PAYLOAD:
        snprintf(ret, 100, "%llu more bytes of a block must come first",
                 (unsigned long long)cut->need);
        break;
    default:
        snprintf(ret, 100, "the stream has ended before");
        break;
    }
}

/* The format that it begins like; NULL: none. */
static const char *foreign_name(const struct chain_layer *layer)
{
    size_t size = layer->size < sizeof layer->first ? (size_t)layer->size : sizeof layer->first;
    return applelz4_foreign_magic(layer->first, size);
}

static int break_note(struct look *look, size_t index, const struct chain_cut *cut,
                      struct error *err)
{
    const struct disk_layer *layer = &look->image.tart->disk.layers[index];
    const struct chain_layer *seen = &look->chain[index];
    const char *foreign = foreign_name(seen);
    char wanted[100];
    cut_print(cut, wanted);
    if (foreign != NULL)
        error_set(err, ERROR_STREAM_FOREIGN, "begins like %s, not like a piece of a disk.v1 stream",
                  foreign);
    else if (index == 0)
        error_set(err, ERROR_STREAM_MAGIC, "no stream begins here, so this is not the first layer");
    else
        error_set(err, ERROR_LAYER_CHAIN, "does not go on where the layer before ends: %s", wanted);
    fail_at(layer, 0, err);
    return look_absorb(look, look_fact_of(look, (int64_t)layer->index), err);
}

/* How the stream stands behind a layer by what that shows alone. */
static bool cut_alone(const struct chain_layer *layer, struct chain_cut *ret)
{
    if (layer->state != CHAIN_LAYER_KNOWN || layer->ending_count != 1)
        return false;
    *ret = layer->endings[0].cut;
    return true;
}

/* A layer whose ends do not tell: whether it surely cannot go on from there. 1, 0, -1. */
static int cannot_follow(struct look *look, size_t index, const struct chain_cut *cut,
                         struct error *err)
{
    static const char *const magics[] = {"bv41", "bv4-", "bv4$"};
    uint64_t at = cut->at == CHAIN_PAYLOAD ? cut->need : 0;
    uint8_t start[APPLELZ4_MAGIC_SIZE];
    const struct chain_layer *layer = &look->chain[index];
    if (foreign_name(layer) != NULL)
        return 1;
    if (cut->at == CHAIN_HEADER || layer->size < at + sizeof start)
        return 0;
    int unread = cut->at == CHAIN_ENDED ? 1 : order_read(look, index, at, start, sizeof start, err);
    if (unread != 0)
        return unread < 0 ? -1 : cut->at == CHAIN_ENDED;
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (memcmp(start, magics[i], sizeof start) == 0)
            return 0;
    return 1;
}

/* Whether the stream goes on with this layer: 1 with the cut behind it; 0: it does not, or (not
 * *ret_broken) that cannot be told; -1. */
static int follow(struct look *look, size_t index, struct chain_cut *cut, bool *ret_broken,
                  struct error *err)
{
    const struct chain_layer *layer = &look->chain[index];
    struct chain_cut next;
    *ret_broken = false;
    if (layer->state == CHAIN_LAYER_KNOWN && !chain_is_open(cut, layer)) {
        if ((index > 0 || !layer->reaches_back) && chain_follow(cut, layer, &next)) {
            *cut = next;
            return 1;
        }
        *ret_broken = true;
        return 0;
    }
    int cannot = cannot_follow(look, index, cut, err);
    *ret_broken = cannot == 1;
    return cannot < 0 ? -1 : 0;
}

int chain_walk(struct look *look, struct error *err)
{
    const struct disk *disk = &look->image.tart->disk;
    struct chain_cut cut = {.at = CHAIN_BOUNDARY};
    bool known = true;
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct chain_layer *layer = &look->chain[i];
        bool there = look->chain_seen[i] && look_is_good(look, &disk->layers[i]);
        if (there && layer->size == 0)
            continue;
        /* behind a break another format's first bytes are worth a word */
        bool broken = there && !known && foreign_name(layer) != NULL;
        int goes_on = there && known ? follow(look, i, &cut, &broken, err) : 0;
        if (goes_on < 0 || (broken && break_note(look, i, &cut, err) < 0))
            return -1;
        if (goes_on == 0) /* what is in another format's end says nothing */
            known = there && foreign_name(layer) == NULL && cut_alone(layer, &cut);
    }
    if (!known || cut.at == CHAIN_ENDED || disk->layer_count == 0)
        return 0;
    const struct disk_layer *last = &disk->layers[disk->layer_count - 1];
    error_set(err, ERROR_STREAM_TRUNCATED, "the stream does not end with the last layer");
    fail_at(last, last->blob.size, err);
    return look_absorb(look, look_fact_of(look, (int64_t)last->index), err);
}

/* --- another order --- */

/* Reads a layer whole, where its ends do not tell. */
static int layer_scan(struct look *look, size_t index, struct error *err)
{
    AUTO(blob_close_auto) struct blob *blob = NULL;
    struct chain_scan *scan = chain_scan_new(err);
    if (scan == NULL)
        return -1;
    int status =
        blobs_open(look->image.blobs, &look->image.tart->disk.layers[index].blob, &blob, err);
    const uint8_t *data;
    size_t size;
    while (status >= 0 && (status = blob_peek(blob, &data, &size, err)) > 0) {
        status = chain_scan_push(scan, data, size, err);
        blob_skip(blob, size);
        if (status == 0)
            status = run_check(look->run, err);
    }
    if (status == 0) {
        chain_layer_done(&look->chain[index]);
        status = chain_scan_end(scan, &look->chain[index], err);
        look->chain_seen[index] = status == 0;
    }
    chain_scan_free(scan);
    return status;
}

/* Ends for the layers that have not been looked at. */
static int order_work(void *context, size_t lane, size_t index, struct error *err)
{
    (void)lane;
    struct look *look = context;
    AUTO(blob_close_auto) struct blob *blob = NULL;
    if (run_check(look->run, err) < 0)
        return -1;
    if (!look->chain_seen[index] &&
        (blobs_open_parts(look->image.blobs, &look->image.tart->disk.layers[index].blob, &blob,
                          err) < 0 ||
         chain_read_ends(look, index, blob, err) < 0))
        return -1;
    bool told = look->chain_seen[index] && look->chain[index].state != CHAIN_LAYER_UNCLEAR;
    return told || look->options->quick ? 0 : layer_scan(look, index, err);
}

/* An order is only looked for where every layer's bytes are what they should be. */
static bool order_is_open(const struct look *look)
{
    const struct disk *disk = &look->image.tart->disk;
    bool broken = false;
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct blob_fact *fact = &look->blobs[disk->layers[i].index];
        if (!fact->present || fact->size != disk->layers[i].blob.size ||
            fact->error.class == ERROR_BLOB_SIZE || fact->error.class == ERROR_BLOB_DIGEST ||
            fact->error.class == ERROR_STREAM_FOREIGN ||
            (look->options->quick && !look->chain_seen[i]))
            return false;
        broken |= fact->error.class != ERROR_NONE;
    }
    return broken && disk->layer_count <= CHAIN_LAYERS_MAX;
}

int chain_find_order(struct look *look, struct error *err)
{
    const struct tart_image *tart = look->image.tart;
    if (tart == NULL || tart->disk.format != DISK_V1 || !order_is_open(look))
        return 0;
    if (look->chain == NULL && chain_room(look, err) < 0)
        return -1;
    const struct chain_source source = {.context = look, .read = order_read};
    size_t lanes = look->run->threads < LANES_MAX ? look->run->threads : LANES_MAX;
    if (lanes_run(lanes == 0 ? 1 : lanes, tart->disk.layer_count, order_work, look, err) < 0 ||
        chain_search(look->chain, tart->disk.layer_count, &source, &look->order, err) < 0)
        return -1;
    look->facts.order = &look->order;
    return 0;
}
