/* verify_quick.c: an image judged without reading it whole: which blobs are there, how long they
 * are, how disk layers begin and end, and the disk's first and, where that is cheap, last bytes.
 */
#include "convert/engine/verify_look.h"

#include "convert/engine/lanes.h"
#include "formats/model/auto.h"

#include <string.h>

/* Requests under way at once: it is the time of each that counts, not the processors'. */
#define QUICK_LANES 8
/* What of the first layer is read for the disk's first bytes: two stored blocks. */
#define HEAD_ENCODED (160u << 10)
/* A last layer of more than that is not read for the disk's last bytes. */
#define TAIL_ENCODED (4u << 20)

/* --- blobs --- */

/* Where the disk's layers have that one of the manifest, which they follow in order; SIZE_MAX. */
static size_t disk_index(const struct look *look, size_t layer)
{
    const struct disk *disk = image_disk(&look->image);
    size_t low = 0, high = disk == NULL ? 0 : disk->layer_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (disk->layers[middle].index == layer)
            return middle;
        if (disk->layers[middle].index < layer)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* Whether it is there, its size, and of a disk layer both ends. */
static int parts_look(struct look *look, size_t piece, const struct blob_id *id, struct error *err)
{
    struct blob_fact *fact = &look->blobs[piece];
    size_t disk = disk_index(look, piece);
    AUTO(blob_close_auto) struct blob *blob = NULL;
    if (blobs_open_parts(look->image.blobs, id, &blob, err) < 0)
        return look_absorb_layer(look, piece, err);
    fact->size = blob->size;
    if (disk == SIZE_MAX || blob->size != id->size)
        return 0;
    return chain_read_ends(look, disk, blob, err) < 0 ? look_absorb(look, fact, err) : 0;
}

static int quick_work(void *context, size_t lane, size_t piece, struct error *err)
{
    (void)lane;
    struct look *look = context;
    const struct manifest *manifest = look->image.manifest;
    if (run_check(look->run, err) < 0)
        return -1;
    if (piece == manifest->layer_count)
        return look_image_config(look, err);
    const struct descriptor *layer = &manifest->layers[piece];
    if (piece == look_config_layer(look))
        return look_vm_config(look, piece, err);
    return parts_look(look, piece, &layer->blob, err);
}

static int quick_blobs(struct look *look, struct error *err)
{
    const struct manifest *manifest = look->image.manifest;
    if (manifest == NULL)
        return look_blobs(look, err);
    if (image_disk(&look->image) != NULL && chain_room(look, err) < 0)
        return -1;
    return lanes_run(look->run->threads > 1 ? QUICK_LANES : 1, manifest->layer_count + 1,
                     quick_work, look, err);
}

/* --- the disk's ends --- */

/* A blob's first bytes, as a stream where there are no parts. */
static int front_read(struct look *look, struct blob *blob, uint8_t *to, size_t size,
                      struct error *err)
{
    if (!look->no_ranges && blob_can_seek(blob)) {
        if (blob_read_at(blob, 0, to, size, err) == 0)
            return 0;
        if (err->class != ERROR_UNSUPPORTED)
            return -1;
    }
    for (size_t done = 0; done < size;) {
        const uint8_t *data;
        size_t got;
        int status = blob_peek(blob, &data, &got, err);
        if (status == 0)
            error_set(err, ERROR_BLOB_SIZE, "ended after %zu bytes", done);
        if (status <= 0)
            return -1;
        got = got < size - done ? got : size - done;
        memcpy(to + done, data, got);
        blob_skip(blob, got);
        done += got;
    }
    return 0;
}

/* Decodes the disk's first bytes: 1; 0: these bytes do not reach for it; -1. */
static int head_decode(struct look *look, const uint8_t *bytes, size_t size, struct error *err)
{
    struct batch *batch = batch_new(err);
    struct applelz4_decoder *decoder = batch == NULL ? NULL : applelz4_decoder_new(err);
    int status = decoder == NULL ? -1 : 0;
    size_t used, at = 0;
    if (status == 0) {
        batch_reset(batch, 0, look->end_size);
        status = applelz4_decode(decoder, bytes, size, &used, batch, err);
    }
    for (size_t i = 0; status >= 0 && i < batch->extent_count; i++) {
        const struct extent *extent = &batch->extents[i];
        if (extent->data != NULL)
            memcpy(look->head + at, extent->data, (size_t)extent->length);
        at += (size_t)extent->length;
    }
    applelz4_decoder_free(decoder);
    batch_free(batch);
    return status < 0 ? -1 : at == look->end_size;
}

static int head_read(struct look *look, const struct disk_layer *layer, struct error *err)
{
    bool raw = look->disk.format == DISK_RAW;
    size_t most = raw ? look->end_size : HEAD_ENCODED;
    size_t size = layer->blob.size < most ? (size_t)layer->blob.size : most;
    AUTO(blob_close_auto) struct blob *blob = NULL;
    AUTO_FREE uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL)
        return error_memory(err);
    if (blobs_open_parts(look->image.blobs, &layer->blob, &blob, err) < 0 ||
        front_read(look, blob, raw ? look->head : bytes, size, err) < 0)
        return -1;
    if (!raw)
        return head_decode(look, bytes, size, err);
    if (blob_can_seek(blob) &&
        blob_read_at(blob, layer->blob.size - look->end_size, look->tail, look->end_size, err) < 0)
        return -1;
    look->tail_read = blob_can_seek(blob);
    return 1;
}

/* The layer in which the disk begins. */
static const struct disk_layer *head_layer(const struct look *look)
{
    for (size_t i = 0; i < look->disk.layer_count; i++)
        if (look->disk.layers[i].blob.size > 0 &&
            (look->disk.format != DISK_V2 || look->disk.layers[i].length > 0))
            return &look->disk.layers[i];
    return NULL;
}

static int head_look(struct look *look, struct error *err)
{
    const struct disk_layer *layer = head_layer(look);
    if (layer == NULL || !look_is_good(look, layer))
        return 0;
    int got = head_read(look, layer, err);
    if (got < 0) {
        char digest[DIGEST_TEXT_SIZE];
        digest_print(&layer->blob.digest, digest);
        int64_t offset = err->where.offset;
        err->where.layer = (int64_t)layer->index;
        error_wrap(err, "layer %zu %s: byte %lld", layer->index, digest,
                   offset < 0 ? 0LL : (long long)offset);
        return look_absorb(look, look_fact_of(look, (int64_t)layer->index), err);
    }
    if (got == 1) {
        look->facts.head = look->head;
        look->facts.head_size = look->end_size;
    }
    return 0;
}

/* The last layer that has any disk is read where it is small. */
static void tail_choose(struct look *look)
{
    size_t chunk = look->chunk_count;
    for (size_t i = look->disk.layer_count; i-- > 0;)
        if (look->disk.layers[i].length > 0) {
            if (chunk > 0 && look->disk.layers[i].blob.size <= TAIL_ENCODED)
                look->chunks[chunk - 1].done = false;
            return;
        }
}

/* What cannot be there is not asked for. */
static void bad_leave_out(struct look *look)
{
    size_t chunk = 0;
    for (size_t i = 0; i < look->disk.layer_count; i++)
        if (look->disk.layers[i].length > 0)
            look->chunks[chunk++].done |= !look_is_good(look, &look->disk.layers[i]);
}

static int chunks_look(struct look *look, struct error *err)
{
    bool v2 = look->disk.format == DISK_V2;
    if (look->disk.format == DISK_RAW)
        return 0;
    if (look_chunks(look, err) < 0)
        return -1;
    for (size_t i = 0; i < look->chunk_count; i++)
        look->chunks[i].done = true;
    if (is_sample(look->options) && sample_choose(look, err) < 0)
        return -1;
    if (v2) {
        tail_choose(look);
        bad_leave_out(look);
    }
    return look_pass(look, NULL, err);
}

static void tail_note(struct look *look)
{
    if (!look->tail_read)
        return;
    uint64_t size = look->end_size;
    if (look->disk.format != DISK_RAW && look->chunks[look->chunk_count - 1].length < size)
        size = look->chunks[look->chunk_count - 1].length;
    look->facts.tail = look->tail + (look->end_size - size);
    look->facts.tail_size = (size_t)size;
}

/* --- what was left out --- */

static void unseen_tell(struct look *look)
{
    const struct disk *disk = &look->disk;
    size_t blind = 0, unclear = 0;
    for (size_t i = 0; look->chain != NULL && i < disk->layer_count; i++) {
        bool good = look_is_good(look, &disk->layers[i]);
        blind += good && !look->chain_seen[i];
        unclear += look->chain_seen[i] && disk->format == DISK_V1 &&
                   look->chain[i].state != CHAIN_LAYER_KNOWN;
    }
    if (disk->format == DISK_RAW && is_sample(look->options))
        look_unseen(look, "the sample: a raw disk has no digests to hold it against");
    if (disk->format == DISK_RAW)
        look_unseen(look, "the disk between its ends");
    else
        look_unseen(look, "the contents of the %zu disk layers%s, and their digests",
                    disk->layer_count,
                    is_sample(look->options) ? " but for the sample" : " between their ends");
    if (blind > 0)
        look_unseen(look, "%zu disk layers at all, but for their sizes: the %s", blind,
                    look->no_ranges ? "store gives no parts of blobs" : "look ended before");
    if (unclear > 0)
        look_unseen(look, "how %zu disk.v1 layers hang together: their ends do not tell", unclear);
    if (look->facts.head == NULL)
        look_unseen(look, "the partition table");
    else if (look->facts.tail == NULL)
        look_unseen(look, "the partition table's backup: %s",
                    disk->format == DISK_V1 ? "the last layer cannot be decoded alone"
                                            : "the last layer is large");
    if (look->image.manifest != NULL && look->image.has_nvram)
        look_unseen(look, "the NVRAM's bytes, and those of every blob that is not Tart's");
}

static int disk_look(struct look *look, struct error *err)
{
    const struct disk *disk = image_disk(&look->image);
    if (disk == NULL || disk->layer_count == 0) {
        look_unseen(look, "the disk");
        return 0;
    }
    look->disk = *disk;
    if (!disk->has_size) /* more than there can be: only for how much of its ends is kept */
        look->disk.size = INT64_MAX;
    bool chained = disk->format == DISK_V1;
    if (look_ends_room(look, err) < 0 || (chained && chain_walk(look, err) < 0) ||
        head_look(look, err) < 0 || chunks_look(look, err) < 0 ||
        (chained && chain_find_order(look, err) < 0))
        return -1;
    tail_note(look);
    unseen_tell(look);
    return 0;
}

int look_quick(struct look *look, struct error *err)
{
    if (quick_blobs(look, err) < 0)
        return -1;
    return disk_look(look, err);
}
