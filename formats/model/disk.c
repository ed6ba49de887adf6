/* disk.c: disks, extents and batches: memory only. */
#include "formats/model/disk.h"

#include <stdlib.h>

const char *disk_format_name(enum disk_format format)
{
    static const char *const names[] = {
        [DISK_RAW] = "raw", [DISK_V1] = "disk.v1", [DISK_V2] = "disk.v2"};
    return names[format];
}

void disk_done(struct disk *disk)
{
    free(disk->layers);
    *disk = (struct disk){.layers = NULL};
}

struct batch *batch_new(struct error *err)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        error_memory(err);
        return NULL;
    }
    batch->memory = malloc(BATCH_HISTORY_SIZE + BATCH_DATA_SIZE + BATCH_ENCODED_SIZE);
    if (batch->memory == NULL) {
        error_memory(err);
        return batch_free(batch);
    }
    batch->data = batch->memory + BATCH_HISTORY_SIZE;
    batch->encoded = batch->data + BATCH_DATA_SIZE;
    batch->wants_blocks = true;
    return batch;
}

struct batch *batch_free(struct batch *batch)
{
    if (batch != NULL)
        free(batch->memory);
    free(batch);
    return NULL;
}

void batch_reset(struct batch *batch, uint64_t offset, uint64_t limit)
{
    batch->offset = offset;
    batch->limit = limit;
    batch->length = 0;
    batch->extent_count = 0;
    batch->data_used = 0;
    batch->encoded_used = 0;
    batch->last = false;
}
