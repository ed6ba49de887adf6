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

static int lane_matched(void *context, uint64_t end, const struct checkpoint *checkpoint,
                        struct error *err)
{
    struct pass_lane *lane = context;
    lane->matched = end;
    return lane->pass->matched(lane, end, checkpoint, err);
}

static uint64_t lane_checkpoint_before(void *context, uint64_t offset)
{
    const struct pass *pass = ((const struct pass_lane *)context)->pass;
    return pass->checkpoint_before(pass->context, offset);
}

static int lane_checkpoint_load(void *context, uint64_t offset, struct checkpoint *ret,
                                struct error *err)
{
    const struct pass *pass = ((const struct pass_lane *)context)->pass;
    return pass->checkpoint_load(pass->context, offset, ret, err);
}

static int lane_reader_open(struct pass_lane *lane, struct pass *pass, struct error *err)
{
    lane->pass = pass;
    lane->reading = (struct reader_options){
        .context = lane,
        .matched = pass->matched != NULL ? lane_matched : NULL,
        .checkpoint_before = pass->checkpoint_before != NULL ? lane_checkpoint_before : NULL,
        .checkpoint_load = pass->checkpoint_load != NULL ? lane_checkpoint_load : NULL,
        .salvage = pass->salvage,
    };
    return reader_open_with(pass->disk, &pass->feed->blobs, &lane->reading, &lane->reader, err);
}

static int lane_init(struct pass_lane *lane, struct pass *pass, struct error *err)
{
    if (lane_reader_open(lane, pass, err) < 0 || content_init(&lane->content, err) < 0 ||
        pipeline_init(&lane->pipeline, pass->feed->threaded, err) < 0)
        return -1;
    return pass->lane_open == NULL ? 0 : pass->lane_open(lane, err);
}

/* --- which chunks --- */

static uint64_t chunk_end(const struct pass *pass, size_t i)
{
    return pass->chunks[i].offset + pass->chunks[i].length;
}

/* The whole disk's hash wants every byte. */
static bool is_read(const struct pass *pass, size_t i)
{
    return pass->disk_hasher != NULL || !pass->chunks[i].done;
}

/* Whether the stages look at a batch. */
static bool is_wanted(const struct pass *pass, const struct batch *batch)
{
    return batch->chunk != PASS_DROPPED && !pass->chunks[batch->chunk].done;
}

/* --- reading --- */

/* Fills the batch with at most length bytes. */
static int lane_read(struct pass_lane *lane, struct batch *batch, uint64_t length,
                     struct error *err)
{
    batch_reset(batch, lane->reader->position, length < STEP_MAX ? length : STEP_MAX);
    batch->wants_blocks = lane->pass->wants_blocks;
    batch->chunk = PASS_DROPPED;
    batch->last = false;
    return reader_read(lane->reader, batch, err);
}

/* Behind the last wanted chunk: on to where its last layer ends. */
static int lane_settle(struct pass_lane *lane, struct batch *batch, struct error *err)
{
    const struct pass *pass = lane->pass;
    if (pass->matched == NULL || lane->matched >= chunk_end(pass, lane->end - 1))
        return 0;
    return lane_read(lane, batch, pass->disk->size - lane->reader->position, err);
}

static int lane_fill(void *context, struct batch *batch, struct error *err)
{
    struct pass_lane *lane = context;
    const struct pass *pass = lane->pass;
    if (lane->chunk == lane->end)
        return lane_settle(lane, batch, err);
    uint64_t position = lane->reader->position, start = pass->chunks[lane->chunk].offset;
    uint64_t end = position < start ? start : chunk_end(pass, lane->chunk);
    int status = lane_read(lane, batch, end - position, err);
    if (status == 0) {
        error_set(err, ERROR_DISK_SIZE,
                  "the disk ends at byte %" PRIu64 ", before the %" PRIu64
                  " bytes that it must have",
                  position, end);
        return -1;
    }
    if (status < 0 || position < start)
        return status;
    batch->chunk = lane->chunk;
    batch->last = lane->reader->position == end;
    if (batch->last)
        do
            lane->chunk++;
        while (lane->chunk < lane->end && !is_read(pass, lane->chunk));
    return status;
}

static int stage_content(void *context, struct batch *batch, struct error *err)
{
    struct pass_lane *lane = context;
    if (!is_wanted(lane->pass, batch))
        return 0;
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

static int stage_asker(void *context, struct batch *batch, struct error *err)
{
    struct pass_lane *lane = context;
    return is_wanted(lane->pass, batch) ? lane->pass->stage(lane, batch, err) : 0;
}

/* To where the run can begin, unless the reader is between that and its first chunk. */
static int lane_go(struct pass_lane *lane, uint64_t offset, struct error *err)
{
    struct reader *reader = lane->reader;
    uint64_t start = reader_start_before(reader, offset);
    if (!reader->failed && start <= reader->position && reader->position <= offset)
        return 0;
    return reader_seek(reader, start, err);
}

int pass_lane_run(struct pass_lane *lane, size_t first, size_t end, struct error *err)
{
    struct pass *pass = lane->pass;
    if (lane_go(lane, pass->chunks[first].offset, err) < 0)
        return -1;
    lane->first = lane->chunk = first;
    lane->end = end;
    lane->matched = 0;
    lane->content_begun = false;
    pipeline_stage *stages[PIPELINE_STAGES_MAX];
    size_t count = 0;
    if (pass->hash_content)
        stages[count++] = stage_content;
    if (pass->disk_hasher != NULL)
        stages[count++] = stage_disk;
    if (pass->stage != NULL)
        stages[count++] = stage_asker;
    if (pipeline_start(&lane->pipeline, lane, lane_fill, stages, count, err) < 0)
        return -1;
    struct batch *batch;
    int status;
    while ((status = pipeline_next(&lane->pipeline, &batch, err)) == 1) {
        if (batch->chunk != PASS_DROPPED)
            run_progress(pass->run, batch->length);
        if (run_check(pass->run, err) < 0) {
            status = -1;
            break;
        }
    }
    pipeline_stop(&lane->pipeline);
    return status;
}

/* first .. end - 1 */
struct pass_row {
    size_t first, end;
};

struct pass_runs {
    struct pass *pass;
    struct pass_lane *lanes;
    struct pass_row *rows;
    size_t count;
};

static int runs_work(void *context, size_t lane, size_t piece, struct error *err)
{
    struct pass_runs *runs = context;
    size_t first = runs->rows[piece].first, end = runs->rows[piece].end;
    if (runs->pass->work != NULL)
        return runs->pass->work(&runs->lanes[lane], first, end, err);
    return pass_lane_run(&runs->lanes[lane], first, end, err);
}

/* A run goes on as long as reading cannot begin between its last wanted chunk and the next. */
static int runs_find(struct pass_runs *runs, struct error *err)
{
    struct pass *pass = runs->pass;
    struct pass_lane lane = {.pass = NULL};
    if (lane_reader_open(&lane, pass, err) < 0)
        return -1;
    for (size_t i = 0; i < pass->chunk_count; i++) {
        if (!is_read(pass, i)) {
            run_progress(pass->run, pass->chunks[i].length);
            continue;
        }
        struct pass_row *row = runs->count > 0 ? &runs->rows[runs->count - 1] : NULL;
        if (row == NULL || reader_start_before(lane.reader, pass->chunks[i].offset) >=
                               chunk_end(pass, row->end - 1))
            runs->rows[runs->count++] = (struct pass_row){i, i};
        runs->rows[runs->count - 1].end = i + 1;
    }
    reader_close(lane.reader);
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
    AUTO_FREE struct pass_row *rows = calloc(pass->chunk_count + 1, sizeof *rows);
    if (lanes == NULL || rows == NULL)
        return error_memory(err);
    struct pass_runs runs = {.pass = pass, .lanes = lanes, .rows = rows};
    if (runs_find(&runs, err) < 0)
        return -1;
    if (runs.count == 0)
        return 0;
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
