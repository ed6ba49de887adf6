/* memory.h: what a run's lanes hold at most, for --verbose: it grows with the number of threads,
 * and with the disk by less than 1 KiB a chunk, which is not counted here. */
#ifndef CONVERT_ENGINE_MEMORY_H
#define CONVERT_ENGINE_MEMORY_H

#include "convert/engine/behind.h"
#include "convert/engine/feed.h"
#include "convert/engine/pipeline.h"

#define BATCH_MEMORY (BATCH_HISTORY_SIZE + BATCH_DATA_SIZE + BATCH_ENCODED_SIZE)
/* A decoder's and an encoder's windows and tables, and the buffer of what was encoded. */
#define CODEC_MEMORY (2u << 20)
/* What the stores hold back of the outputs that are under way. */
#define STORE_MEMORY (BEHIND_PER_LANE * (1u << 20))

static inline uint64_t memory_of_lanes(unsigned lanes)
{
    return lanes * (uint64_t)(PIPELINE_BATCHES * BATCH_MEMORY + FEED_MEMORY + CODEC_MEMORY +
                              BEHIND_MEMORY + STORE_MEMORY);
}

/* What a destination that commits more than one output a lane at once adds (store_uploads). */
static inline uint64_t memory_of_uploads(unsigned lanes, unsigned uploads)
{
    uint64_t more = uploads > lanes ? uploads - lanes : 0;
    return more * ((BEHIND_MEMORY + STORE_MEMORY) / BEHIND_PER_LANE);
}

#endif
