/* history.h: the last 64 KiB that a decoder gave out, which the next block may refer to. Private to
 * codec/.
 *
 * LZ4 wants them directly before the place that it decodes to. They lie there by themselves while
 * blocks follow each other in one batch; history_place() brings them there at a batch's start and
 * behind zeros that were never written. */
#ifndef FORMATS_CODEC_HISTORY_H
#define FORMATS_CODEC_HISTORY_H

#include "formats/codec/applelz4.h"

struct history {
    uint8_t bytes[APPLELZ4_WINDOW]; /* kept from batch to batch; out of date while is_zeros */
    size_t size;   /* of what the stream has given so far, at most APPLELZ4_WINDOW */
    bool is_zeros; /* 64 KiB of zeros */
    bool in_batch; /* it lies directly before the batch's next free byte */
};

void history_reset(struct history *history);
/* Makes the history lie directly before the batch's next free byte; false where there is no room.
 */
bool history_place(struct history *history, struct batch *batch);
/* Keeps it beyond the batch's life. */
void history_save(struct history *history, const struct batch *batch);
/* Writes it to APPLELZ4_WINDOW bytes of memory; it must have been saved. */
void history_copy(const struct history *history, uint8_t *to);
/* `size` more bytes were given out. */
void history_grow(struct history *history, size_t size);

#endif
