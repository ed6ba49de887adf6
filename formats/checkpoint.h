/* checkpoint.h: a place from which a disk.v1 stream can be decoded: a layer's start, with what the
 * decoder knows there. Every layer before it has matched its digest.
 *
 * Large (about 130 KiB): never on a stack. */
#ifndef FORMATS_CHECKPOINT_H
#define FORMATS_CHECKPOINT_H

#include "formats/codec/applelz4.h"

struct checkpoint {
    size_t layer;                /* among the disk's layers, from 1 */
    struct applelz4_state state; /* state.decoded is its place on the disk */
};

#define CHECKPOINT_SIZE_MAX (64u + APPLELZ4_WINDOW + APPLELZ4_PENDING_MAX)

/* Appends it to ret, as bytes. */
int checkpoint_print(const struct checkpoint *checkpoint, struct bytes *ret, struct error *err);
/* False for anything that was not printed by it. Whether it fits an image and a stream is seen when
 * a reader goes there. */
bool checkpoint_parse(const uint8_t *data, size_t size, struct checkpoint *ret);
/* Its place on the disk and its layer, read from its bytes alone; false as above. */
bool checkpoint_place(const uint8_t *data, size_t size, uint64_t *ret_offset, size_t *ret_layer);

#endif
