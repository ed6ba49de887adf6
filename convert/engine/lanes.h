/* lanes.h: several pieces of work side by side, taken in order; the first failure in that order is
 * the one that is told, whatever the number of lanes. Threads: lanes_run returns when all lanes
 * have ended. */
#ifndef CONVERT_ENGINE_LANES_H
#define CONVERT_ENGINE_LANES_H

#include "formats/model/error.h"

#include <stddef.h>

#define LANES_MAX 64

/* Does piece `piece` in lane `lane`; pieces of one lane are done one after another. 0, -1. */
typedef int lanes_work(void *context, size_t lane, size_t piece, struct error *err);

/* After a failure no later piece is begun; earlier ones are always done. */
int lanes_run(size_t lane_count, size_t piece_count, lanes_work *work, void *context,
              struct error *err);

#endif
