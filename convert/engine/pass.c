/* pass.c: one lane's way through its chunks. Knows readers and pipelines, not what is done with
 * what was read.
 */
#include "convert/engine/pass.h"

#include "convert/engine/lanes.h"
#include "formats/model/auto.h"

#include <inttypes.h>

/* A hole can be as long as the disk, and hashing it takes time: a batch is as much as may pass
 * before a signal is seen. */
#define STEP_MAX (64u << 20)

static void lane_done(struct pass_lane *lane)
{
    if (lane->pass != NULL && lane->pass->lane_close != NULL)
        lane->pass->lane_close(lane);
    pipeline_done(&lane->pipeline);
    content_done(&lane->content);
    lane->reader = reader_close(lane->reader);
}

static int lane_init(struct pass_lane *lane, struct pass *pass, struct error *err)
{
    lane->pass = pass;
    if (reader_open(pass->disk, &pass->feed->blobs, &lane->reader, err) < 0 ||
        content_init(&lane->content, err) < 0 ||
        pipeline_init(&lane->pipeline, pass->feed->threaded, err) < 0)
        return -1;
    return pass->lane_open == NULL ? 0 : pass->lane_open(lane, err);
}

static int lane_fill(void *context, struct batch *batch, struct error *err)
{
    struct pass_lane *lane = context;
    if (lane->chunk == lane->end)
        return 0;
    const struct pass_chunk *chunk = &lane->pass->chunks[lane->chunk];
    uint64_t end = chunk->offset + chunk->length;
    uint64_t position = lane->reader->position;
    batch_reset(batch, position, end - position < STEP_MAX ? end - position : STEP_MAX);
    batch->wants_blocks = lane->pass->wants_blocks;
    int status = reader_read(lane->reader, batch, err);
    if (status == 0) {
        error_set(err, ERROR_DISK_SIZE,
                  "the disk ends at byte %" PRIu64 ", before the %" PRIu64
                  " bytes that it must have",
                  position, end);
        return -1;
    }
    batch->chunk = lane->chunk;
    batch->last = lane->reader->position == end;
    if (batch->last)
        lane->chunk++;
    return status;
}

static int stage_content(void *context, struct batch *batch, struct error *err)
{
    struct pass_lane *lane = context;
    if (!lane->content_begun && content_begin(&lane->content, err) < 0)
        return -1;
    lane->content_begun = !batch->last;
    content_add(&lane->content, batch);
    return batch->last ? content_end(&lane->content, &lane->pass->chunks[batch->chunk].content, err)
                       : 0;
}

static int stage_disk(void *context, struct batch *batch, struct error *err)
{
    (void)err;
    struct hasher *hasher = ((struct pass_lane *)context)->pass->disk_hasher;
    for (size_t i = 0; i < batch->extent_count; i++) {
        const struct extent *extent = &batch->extents[i];
        if (extent->data == NULL)
            hasher_update_zeros(hasher, extent->length);
        else
            hasher_update(hasher, extent->data, (size_t)extent->length);
    }
    return 0;
}

int pass_lane_run(struct pass_lane *lane, size_t first, size_t end, struct error *err)
{
    struct pass *pass = lane->pass;
    uint64_t offset = pass->chunks[first].offset;
    if (lane->reader->position != offset || lane->reader->failed || lane->chunk != first)
        if (reader_seek(lane->reader, offset, err) < 0)
            return -1;
    lane->chunk = first;
    lane->end = end;
    lane->content_begun = false;
    pipeline_stage *stages[PIPELINE_STAGES_MAX];
    size_t count = 0;
    if (pass->hash_content)
        stages[count++] = stage_content;
    if (pass->disk_hasher != NULL)
        stages[count++] = stage_disk;
    if (pass->stage != NULL)
        stages[count++] = pass->stage;
    if (pipeline_start(&lane->pipeline, lane, lane_fill, stages, count, err) < 0)
        return -1;
    struct batch *batch;
    int status;
    while ((status = pipeline_next(&lane->pipeline, &batch, err)) == 1) {
        run_progress(pass->run, batch->length);
        if (run_check(pass->run, err) < 0) {
            status = -1;
            break;
        }
    }
    pipeline_stop(&lane->pipeline);
    return status;
}

struct pass_runs {
    struct pass *pass;
    struct pass_lane *lanes;
    size_t *starts; /* first chunk of each run, and behind the last the number of chunks */
    size_t count;
};

static int runs_work(void *context, size_t lane, size_t piece, struct error *err)
{
    struct pass_runs *runs = context;
    size_t first = runs->starts[piece], end = runs->starts[piece + 1];
    if (runs->pass->work != NULL)
        return runs->pass->work(&runs->lanes[lane], first, end, err);
    return pass_lane_run(&runs->lanes[lane], first, end, err);
}

static int runs_find(struct pass_runs *runs, struct error *err)
{
    const struct pass *pass = runs->pass;
    AUTO(reader_close_auto) struct reader *reader = NULL;
    if (reader_open(pass->disk, &pass->feed->blobs, &reader, err) < 0)
        return -1;
    for (size_t i = 0; i < pass->chunk_count; i++)
        if (i == 0 || reader_starts_at(reader, pass->chunks[i].offset))
            runs->starts[runs->count++] = i;
    runs->starts[runs->count] = pass->chunk_count;
    return 0;
}

static size_t lane_count(const struct pass_runs *runs)
{
    size_t lanes = runs->pass->in_order ? 1 : runs->pass->run->threads;
    if (lanes > runs->count)
        lanes = runs->count;
    if (lanes > LANES_MAX)
        lanes = LANES_MAX;
    return lanes == 0 ? 1 : lanes;
}

int pass_run(struct pass *pass, struct error *err)
{
    AUTO_FREE struct pass_lane *lanes = calloc(LANES_MAX, sizeof *lanes);
    AUTO_FREE size_t *starts = calloc(pass->chunk_count + 1, sizeof *starts);
    if (lanes == NULL || starts == NULL)
        return error_memory(err);
    struct pass_runs runs = {.pass = pass, .lanes = lanes, .starts = starts};
    if (runs_find(&runs, err) < 0)
        return -1;
    size_t wanted = lane_count(&runs), count = 0;
    /* Lanes that fill all cores do everything themselves: what crosses between cores costs more
     * than what waits for it gains. Stages get threads of their own where lanes leave cores idle.
     */
    pass->feed->threaded = wanted < pass->run->threads;
    int status = 0;
    for (; count < wanted && status == 0; count++)
        status = lane_init(&lanes[count], pass, err);
    if (status == 0)
        status = lanes_run(count, runs.count, runs_work, &runs, err);
    for (size_t i = 0; i < count; i++)
        lane_done(&lanes[i]);
    return status;
}

static int measure(struct run *run, struct reader *reader, struct batch *batch, struct error *err)
{
    int status = 1;
    while (status == 1) {
        batch_reset(batch, reader->position, INT64_MAX - reader->position);
        batch->wants_blocks = false;
        status = reader_read(reader, batch, err);
        if (status == 1 && run_check(run, err) < 0)
            status = -1;
    }
    return status;
}

int disk_measure(struct run *run, const struct disk *disk, struct blobs *blobs, struct disk *ret,
                 struct error *err)
{
    *ret = *disk;
    if (disk->has_size)
        return 0;
    run_detail(run, "the image does not say how large its disk is: reading it once to find out");
    AUTO(reader_close_auto) struct reader *reader = NULL;
    if (reader_open(disk, blobs, &reader, err) < 0)
        return -1;
    struct batch *batch = batch_new(err);
    if (batch == NULL)
        return -1;
    int status = measure(run, reader, batch, err);
    batch_free(batch);
    if (status < 0)
        return -1;
    if (reader->position == 0)
        return error_set(err, ERROR_DISK_EMPTY, "the image's disk is empty");
    ret->size = reader->position;
    ret->has_size = true;
    return 0;
}
