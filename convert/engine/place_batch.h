/* place_batch.h: a chunk's bytes as a pass has them, for what looks for traces of file systems in
 * them (formats/place.h). Threads: as the scan. */
#ifndef CONVERT_ENGINE_PLACE_BATCH_H
#define CONVERT_ENGINE_PLACE_BATCH_H

#include "convert/engine/pipeline.h"
#include "formats/place.h"

int place_scan_batch(struct place_scan *scan, const struct batch *batch, struct error *err);

#endif
