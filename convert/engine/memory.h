/* memory.h: what a run's lanes hold at most, for --verbose: it grows with the number of threads,
 * and with the disk by less than 1 KiB a chunk, which is not counted here. */
#ifndef CONVERT_ENGINE_MEMORY_H
#define CONVERT_ENGINE_MEMORY_H

#include "convert/engine/feed.h"
#include "convert/engine/pipeline.h"

#define BATCH_MEMORY (BATCH_HISTORY_SIZE + BATCH_DATA_SIZE + BATCH_ENCODED_SIZE)
/* A decoder's and an encoder's windows and tables, and the buffer of what was encoded. */
#define CODEC_MEMORY (2u << 20)
/* Two outputs a lane are under way behind it (behind.c), of 1.5 MiB each. */
#define OUTPUT_MEMORY (3u << 20)

static inline uint64_t memory_of_lanes(unsigned lanes)
{
    return lanes *
           (uint64_t)(PIPELINE_BATCHES * BATCH_MEMORY + FEED_MEMORY + CODEC_MEMORY + OUTPUT_MEMORY);
}

#endif
