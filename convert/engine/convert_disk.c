/* convert_disk.c: the disk's way through one conversion: chunks are decoded, hashed and written, or
 * their blobs kept. Knows nothing of manifests.
 */
#include "convert/engine/convert_parts.h"

#include "convert/engine/behind.h"
#include "convert/engine/lanes.h"
#include "convert/engine/relay.h"
#include "convert/engine/tracker.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

struct disk_work {
    struct pass pass;
    const struct plan *plan;
    const struct convert_options *options;
    struct writer_options writer_options;
    struct feed feed; /* copies the layers that are kept */
    bool decode_kept;
    struct written_chunk *written; /* one a chunk of the plan */
    bool *reused;                  /* one a chunk: a layer that was there serves */
    bool *data;                    /* one a chunk: something but zeros was decoded */
    struct reuse *reuse;           /* NULL: none */
    struct salvage *salvage;       /* NULL: none */
    struct sink *sink;             /* of the destination */
    struct state *state;           /* NULL: none */
    struct state_chunk *found;     /* with state, of chunks that are done: what it says of them */
    struct tracker tracker;
    struct disk v1; /* what the V1 writer made */
};

/* --- copying while reading --- */

static bool is_kept(void *context, const struct blob_id *id)
{
    const struct plan *plan = ((const struct disk_work *)context)->plan;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->chunks[i].keep && digest_equal(&plan->chunks[i].layer->blob.digest, &id->digest))
            return true;
    return false;
}

/* --- a lane --- */

static int lane_open(struct pass_lane *lane, struct error *err)
{
    const struct disk_work *work = lane->pass->context;
    struct writer *writer = NULL;
    if (writer_open(work->plan->format, &work->writer_options, &writer, err) < 0)
        return -1;
    lane->context = writer;
    return 0;
}

static void lane_close(struct pass_lane *lane)
{
    lane->context = writer_close(lane->context);
}

static int content_check(const struct plan_chunk *chunk, const struct digest *content,
                         struct error *err)
{
    if (chunk->layer == NULL || !chunk->layer->has_content ||
        digest_equal(&chunk->layer->content, content))
        return 0;
    char found[DIGEST_TEXT_SIZE], promised[DIGEST_TEXT_SIZE];
    digest_print(content, found);
    digest_print(&chunk->layer->content, promised);
    error_set(err, ERROR_CONTENT_DIGEST, "layer %zu: decodes to %s, its annotation says %s",
              chunk->layer->index, found, promised);
    err->where.layer = (int64_t)chunk->layer->index;
    err->where.disk_offset = (int64_t)chunk->offset;
    return -1;
}

/* All that is known of a chunk when it was made or kept. */
static struct state_chunk chunk_made(const struct disk_work *work, size_t i)
{
    const struct plan_chunk *chunk = &work->plan->chunks[i];
    struct state_chunk made = {.proof = {.offset = chunk->offset,
                                         .length = chunk->length,
                                         .content = work->pass.chunks[i].content,
                                         .blob = work->written[i].blob,
                                         .basis = BASIS_DECODED},
                               .blocks = work->written[i].blocks};
    if (work->reused[i])
        made.proof.basis = BASIS_REUSED;
    if (chunk->keep) {
        made.proof.blob = chunk->layer->blob;
        made.proof.basis = work->decode_kept ? BASIS_DECODED : BASIS_SAME_BLOB;
    }
    return made;
}

/* --- what is told of a chunk --- */

static bool is_damaged(const struct salvage *salvage, const struct proof_chunk *chunk)
{
    for (size_t i = 0; salvage != NULL && i < salvage->ranges.count; i++) {
        const struct salvage_range *range = &salvage->ranges.items[i];
        if (range->offset < chunk->offset + chunk->length &&
            range->offset + range->length > chunk->offset)
            return true;
    }
    return false;
}

static enum chunk_how how_made(const struct disk_work *work, size_t i,
                               const struct state_chunk *made)
{
    bool here = !work->pass.chunks[i].done;
    bool decoded = here && (!work->plan->chunks[i].keep || work->decode_kept);
    if (is_damaged(work->salvage, &made->proof))
        return CHUNK_DAMAGED;
    /* of an earlier run it is not known; only zeros become so small */
    if ((decoded && !work->data[i]) ||
        (!here && made->proof.blob.has_digest && made->proof.blob.size < made->proof.length / 200))
        return CHUNK_ZERO;
    if (made->proof.basis == BASIS_REUSED)
        return CHUNK_REUSED;
    if (work->plan->chunks[i].keep || made->blocks.encoded + made->blocks.carried == 0)
        return CHUNK_COPIED;
    return made->blocks.carried >= made->blocks.encoded ? CHUNK_CARRIED : CHUNK_ENCODED;
}

static void tell_chunk(const struct disk_work *work, size_t i, const struct state_chunk *made)
{
    const struct proof_chunk *proof = &made->proof;
    const struct chunk_told told = {.offset = proof->offset,
                                    .length = proof->length,
                                    .encoded_size = proof->blob.has_digest ? proof->blob.size : 0,
                                    .how = how_made(work, i, made)};
    run_chunk(work->pass.run, &told);
}

static void note_data(struct disk_work *work, const struct batch *batch)
{
    for (size_t i = 0; i < batch->extent_count && !work->data[batch->chunk]; i++)
        work->data[batch->chunk] = batch->extents[i].data != NULL;
}

/* A layer that is there with the same content takes the place of what was made. */
static int chunk_end(struct pass_lane *lane, size_t i, struct error *err)
{
    struct disk_work *work = lane->pass->context;
    struct written_chunk *written = &work->written[i];
    const struct pass_chunk *chunk = &lane->pass->chunks[i];
    struct blob_id blob;
    int found = work->reuse == NULL ? 0
                                    : reuse_find(work->reuse, work->sink, &chunk->content,
                                                 chunk->length, &blob, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return writer_end(lane->context, written, err);
    writer_abandon(lane->context);
    *written =
        (struct written_chunk){.offset = chunk->offset, .length = chunk->length, .blob = blob};
    work->reused[i] = true;
    return 0;
}

static int stage_write(void *context, struct batch *batch, struct error *err)
{
    struct pass_lane *lane = context;
    struct disk_work *work = lane->pass->context;
    const struct plan_chunk *chunk = &work->plan->chunks[batch->chunk];
    struct writer *writer = lane->context;
    note_data(work, batch);
    if (!chunk->keep) {
        if (batch->offset == chunk->offset &&
            writer_begin(writer, chunk->offset, chunk->length, err) < 0)
            return -1;
        if (writer_write(writer, batch, err) < 0)
            return -1;
        if (batch->last && chunk_end(lane, batch->chunk, err) < 0)
            return -1;
    }
    if (!batch->last)
        return 0;
    /* the hashing stage has just finished the chunk */
    if (content_check(chunk, &lane->pass->chunks[batch->chunk].content, err) < 0)
        return -1;
    /* a layer that is kept is copied when it matches: nothing else will be told of it */
    struct state_chunk made = chunk_made(work, batch->chunk);
    tracker_written(&work->tracker, batch->chunk, &made,
                    chunk->keep || made.proof.basis == BASIS_REUSED);
    if (work->salvage == NULL) /* else what is damaged is known at the end */
        tell_chunk(work, batch->chunk, &made);
    return 0;
}

/* A lane's layers have matched up to a byte of the disk. */
static int layers_matched(struct pass_lane *lane, uint64_t end, const struct checkpoint *checkpoint,
                          struct error *err)
{
    (void)err;
    struct disk_work *work = lane->pass->context;
    for (size_t i = lane->first; i < lane->end; i++)
        if (lane->pass->chunks[i].offset + lane->pass->chunks[i].length <= end)
            tracker_matched(&work->tracker, i);
    if (checkpoint != NULL)
        tracker_checkpoint(&work->tracker, checkpoint);
    return 0;
}

static uint64_t checkpoint_before(void *context, uint64_t offset)
{
    return state_checkpoint_before(((struct disk_work *)context)->state, offset);
}

static int checkpoint_load(void *context, uint64_t offset, struct checkpoint *ret,
                           struct error *err)
{
    return state_load_checkpoint(((struct disk_work *)context)->state, offset, ret, err);
}

static int lane_work(struct pass_lane *lane, size_t first, size_t end, struct error *err)
{
    struct disk_work *work = lane->pass->context;
    const struct plan_chunk *chunk = &work->plan->chunks[first];
    if (chunk->keep && !work->decode_kept) {
        if (relay_blob(&work->feed, &chunk->layer->blob, lane->pass->run, err) < 0)
            return error_wrap(err, "layer %zu", chunk->layer->index);
        work->pass.chunks[first].content = chunk->layer->content;
        struct state_chunk made = chunk_made(work, first);
        tracker_written(&work->tracker, first, &made, true);
        tracker_matched(&work->tracker, first);
        tell_chunk(work, first, &made);
        run_progress(lane->pass->run, chunk->length);
        return 0;
    }
    if (pass_lane_run(lane, first, end, err) < 0)
        return -1;
    return end == work->plan->count ? writer_finish(lane->context, &work->v1, err) : 0;
}

/* --- results --- */

void made_disk_done(struct made_disk *made)
{
    disk_done(&made->disk);
    free(made->chunks);
    *made = (struct made_disk){.chunks = NULL};
}

static void note_chunk(const struct disk_work *work, size_t i, struct made_disk *ret)
{
    struct state_chunk made = work->pass.chunks[i].done ? work->found[i] : chunk_made(work, i);
    ret->chunks[i] = made.proof;
    ret->blocks.encoded += made.blocks.encoded;
    ret->blocks.carried += made.blocks.carried;
    if (work->salvage != NULL)
        tell_chunk(work, i, &made);
}

static int note_all(struct disk_work *work, struct made_disk *ret, struct error *err)
{
    size_t count = work->plan->count;
    ret->chunks = calloc(count, sizeof *ret->chunks);
    if (ret->chunks == NULL)
        return error_memory(err);
    ret->chunk_count = count;
    for (size_t i = 0; i < count; i++)
        note_chunk(work, i, ret);
    if (work->plan->format != DISK_V2) {
        ret->disk = work->v1;
        work->v1 = (struct disk){.layers = NULL};
        return 0;
    }
    ret->disk =
        (struct disk){.format = DISK_V2, .layers = calloc(count, sizeof(struct disk_layer))};
    if (ret->disk.layers == NULL)
        return error_memory(err);
    ret->disk.layer_count = count;
    ret->disk.size = work->pass.disk->size;
    ret->disk.has_size = true;
    for (size_t i = 0; i < count; i++)
        ret->disk.layers[i] = (struct disk_layer){.index = i + 1,
                                                  .blob = ret->chunks[i].blob,
                                                  .offset = ret->chunks[i].offset,
                                                  .length = ret->chunks[i].length,
                                                  .content = ret->chunks[i].content,
                                                  .has_content = true};
    return 0;
}

static int run_work(struct disk_work *work, struct made_disk *ret, struct error *err)
{
    struct hasher hasher = {.context = NULL};
    if (work->options->disk_digest) {
        if (hasher_init(&hasher, err) < 0)
            return -1;
        work->pass.disk_hasher = &hasher;
    }
    run_start_progress(work->pass.run, work->pass.disk->size);
    int status = pass_run(&work->pass, err);
    if (status == 0 && work->options->disk_digest) {
        status = hasher_final(&hasher, &ret->disk_digest, err);
        ret->has_disk_digest = true;
    }
    hasher_done(&hasher);
    return status == 0 ? note_all(work, ret, err) : -1;
}

/* Takes over what an earlier run finished, where it is what this one would make. */
static void find_done(struct disk_work *work)
{
    for (size_t i = 0; work->state != NULL && i < work->plan->count; i++) {
        const struct plan_chunk *chunk = &work->plan->chunks[i];
        struct state_chunk *found = &work->found[i];
        enum basis basis = chunk->keep && !work->decode_kept ? BASIS_SAME_BLOB : BASIS_DECODED;
        if (state_find_chunk(work->state, chunk->offset, chunk->length, found) &&
            found->proof.basis == basis &&
            (!chunk->keep || digest_equal(&found->proof.blob.digest, &chunk->layer->blob.digest)))
            work->pass.chunks[i].done = true;
        if (work->pass.chunks[i].done)
            tell_chunk(work, i, found);
    }
}

static void work_done(struct disk_work *work)
{
    tracker_done(&work->tracker);
    disk_done(&work->v1);
}

/* What is kept a chunk or a layer. */
struct disk_lists {
    struct pass_chunk *chunks;
    struct written_chunk *written;
    bool *reused, *data;
    struct state_chunk *found;
    uint64_t *joints;
};

static void lists_done(struct disk_lists *lists)
{
    free(lists->chunks);
    free(lists->written);
    free(lists->reused);
    free(lists->data);
    free(lists->found);
    free(lists->joints);
}

static int lists_init(struct disk_lists *lists, const struct disk *disk, const struct plan *plan,
                      struct error *err)
{
    lists->chunks = calloc(plan->count, sizeof *lists->chunks);
    lists->written = calloc(plan->count, sizeof *lists->written);
    lists->reused = calloc(plan->count, sizeof *lists->reused);
    lists->data = calloc(plan->count, sizeof *lists->data);
    lists->found = calloc(plan->count, sizeof *lists->found);
    lists->joints = calloc(disk->layer_count + 1, sizeof *lists->joints);
    if (lists->chunks == NULL || lists->written == NULL || lists->reused == NULL ||
        lists->data == NULL || lists->found == NULL || lists->joints == NULL)
        return error_memory(err);
    for (size_t i = 0; i < plan->count; i++) {
        lists->chunks[i].offset = plan->chunks[i].offset;
        lists->chunks[i].length = plan->chunks[i].length;
    }
    for (size_t i = 0; i < disk->layer_count; i++)
        lists->joints[i] = disk->layers[i].offset;
    return 0;
}

static void pass_prepare(struct disk_work *work, struct run *run, const struct disk *disk,
                         struct pass_chunk *chunks)
{
    const struct plan *plan = work->plan;
    work->pass = (struct pass){
        .run = run,
        .disk = disk,
        .salvage = work->salvage,
        .feed = &work->feed,
        .chunks = chunks,
        .chunk_count = plan->count,
        .hash_content = true,
        .wants_blocks = plan->format != DISK_RAW && !work->options->encode_all,
        .in_order = plan->format == DISK_V1 || work->options->disk_digest,
        .context = work,
        .lane_open = lane_open,
        .lane_close = lane_close,
        .stage = stage_write,
        .work = lane_work,
    };
    if (work->state != NULL) {
        work->pass.matched = layers_matched;
        work->pass.checkpoint_before = checkpoint_before;
        work->pass.checkpoint_load = checkpoint_load;
    }
}

int convert_disk(struct run *run, const struct disk *disk, struct blobs *blobs,
                 const struct plan *plan, const struct convert_options *options,
                 const struct disk_target *target, struct made_disk *ret, struct error *err)
{
    *ret = (struct made_disk){.chunks = NULL};
    AUTO(lists_done) struct disk_lists lists = {.chunks = NULL};
    AUTO(work_done)
    struct disk_work work = {
        .plan = plan,
        .options = options,
        .decode_kept = convert_decodes_kept(options),
        .reuse = target->reuse,
        .salvage = target->salvage,
        .sink = target->sink,
        .state = target->state,
    };
    if (lists_init(&lists, disk, plan, err) < 0 ||
        tracker_init(&work.tracker, run, target->state, plan->count, err) < 0)
        return -1;
    struct behind behind;
    behind_init(&behind, target->sink, run->threads, target->uploads, run->threads > 1);
    behind.committed = tracker_committed;
    behind.context = &work.tracker;
    work.written = lists.written;
    work.reused = lists.reused;
    work.data = lists.data;
    work.found = lists.found;
    work.writer_options = (struct writer_options){
        .encoder = options->encoder,
        .encode_all = options->encode_all,
        .keep_blocks = options->keep_blocks,
        .v1_layer_size = options->v1_layer_size,
        .disk_size = disk->size,
        .joints = lists.joints,
        .joint_count = disk->format == DISK_V2 ? disk->layer_count : 0,
        .sink = &behind.sink,
        .file = target->file,
    };
    feed_init(&work.feed, blobs, plan->kept > 0 ? target->sink : NULL, run->threads > 1);
    work.feed.wants_copy = is_kept;
    work.feed.context = &work;
    pass_prepare(&work, run, disk, lists.chunks);
    find_done(&work);
    int status = run_work(&work, ret, err);
    if (status == 0)
        status = behind_wait(&behind, err);
    behind_done(&behind);
    if (status < 0)
        made_disk_done(ret);
    return status;
}

/* --- copying everything --- */

struct copy_work {
    struct run *run;
    const struct image *image;
    struct feed feed;
};

static int copy_piece(void *context, size_t lane, size_t piece, struct error *err)
{
    (void)lane;
    struct copy_work *work = context;
    const struct manifest *manifest = work->image->manifest;
    bool is_config = piece == manifest->layer_count;
    const struct blob_id *id = is_config ? &manifest->config.blob : &manifest->layers[piece].blob;
    if (relay_blob(&work->feed, id, work->run, err) < 0) {
        char digest[DIGEST_TEXT_SIZE];
        digest_print(&id->digest, digest);
        return is_config ? error_wrap(err, "the image config %s", digest)
                         : error_wrap(err, "layer %zu %s", piece, digest);
    }
    run_progress(work->run, id->size);
    return 0;
}

int convert_copy_blobs(struct run *run, const struct image *image, struct sink *sink,
                       unsigned uploads, struct error *err)
{
    struct copy_work work = {.run = run, .image = image};
    feed_init(&work.feed, image->blobs, sink, run->threads > 1);
    const struct manifest *manifest = image->manifest;
    uint64_t total = manifest->config.blob.size;
    for (size_t i = 0; i < manifest->layer_count; i++)
        total += manifest->layers[i].blob.size;
    run_start_progress(run, total);
    size_t pieces = manifest->layer_count + 1;
    /* what waits for a network needs no core of its own, and nobody should begin to fetch who has
     * to wait for a turn there */
    size_t lanes = uploads > 0 ? uploads : run->threads;
    if (lanes > LANES_MAX)
        lanes = LANES_MAX;
    return lanes_run(lanes < pieces ? lanes : pieces, pieces, copy_piece, &work, err);
}
