/* substitutes.h: blobs in place of an image's own: out of another image, unpacked from what a tool
 * compressed, or made anew and kept in the spool. A `struct blobs` before the source's: who reads
 * through it sees the repaired image.
 *
 * Bytes are checked by whoever reads (feed.h), under the substitute's own digest.
 *
 * Owner: substitutes_done after all blobs are closed; `from` is borrowed. Threads: any. */
#ifndef CONVERT_ENGINE_SUBSTITUTES_H
#define CONVERT_ENGINE_SUBSTITUTES_H

#include "convert/stores/network.h"
#include "formats/codec/packed.h"

#include <pthread.h>

struct substitute {
    struct blob_id id;       /* what it is asked for by */
    struct blobs *from;      /* who has it, under ... */
    struct blob_id outer;    /* ... this name, ... */
    enum packing packing;    /* ... packed so; */
    struct spool_part *part; /* or it lies there: owned, `from` is NULL */
};

struct substitutes {
    struct blobs blobs;
    struct sink sink; /* what is written to it becomes a substitute, in the spool */
    struct blobs *base;
    struct network *network;
    pthread_mutex_t lock;
    struct substitute *rows; /* under lock */
    size_t count, capacity;
};

void substitutes_init(struct substitutes *substitutes, struct blobs *base, struct network *network);
void substitutes_done(struct substitutes *substitutes);
/* In place of one that is there for the same digest. */
int substitutes_add(struct substitutes *substitutes, const struct substitute *row,
                    struct error *err);
/* The base gives it again. */
void substitutes_drop(struct substitutes *substitutes, const struct blob_id *id);
/* Who gives a blob that is no packed one, and under which name; false: the base does. */
bool substitutes_source(struct substitutes *substitutes, const struct blob_id *id,
                        struct blobs **ret_from, struct blob_id *ret_outer);

#endif
