/* meter.h: how many bytes one conversion moves: counters that stand before a source's blobs and
 * before a destination.
 *
 *     read      bytes of source blobs that were taken, as often as they were
 *     written   bytes of blobs that went to the destination; of a disk file, bytes that are no hole
 *     reused    bytes of blobs that the destination had already
 *
 * Of blobs each digest counts once: written and reused together are what the result's blobs take.
 *
 * Owner: meter_init/meter_done; what stands behind is borrowed. Threads: all but init, done and the
 * two calls that say what stands behind, from any thread. */
#ifndef CONVERT_ENGINE_METER_H
#define CONVERT_ENGINE_METER_H

#include "formats/model/blobs.h"
#include "formats/model/digest.h"

#include <pthread.h>
#include <stdatomic.h>

struct meter {
    struct blobs blobs;
    struct sink sink;
    struct disk_file file;
    struct blobs *source;
    struct sink *target;
    struct disk_file *target_file;
    _Atomic uint64_t read, file_written;
    pthread_mutex_t lock;
    /* under lock: */
    uint64_t written, reused;
    struct digest *counted;
    size_t counted_count, counted_capacity;
};

void meter_init(struct meter *meter);
void meter_done(struct meter *meter);

/* Each gives back what is to be used in its place; NULL stays NULL. */
struct blobs *meter_source(struct meter *meter, struct blobs *source);
struct sink *meter_sink(struct meter *meter, struct sink *target);
struct disk_file *meter_file(struct meter *meter, struct disk_file *target);

void meter_read(struct meter *meter, uint64_t *ret_read, uint64_t *ret_written,
                uint64_t *ret_reused);

#endif
