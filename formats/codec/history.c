/* history.c: moving 64 KiB to where they are needed. Knows no blocks.
 */
#include "formats/codec/history.h"

#include <string.h>

void history_reset(struct history *history)
{
    history->size = 0;
    history->is_zeros = false;
    history->in_batch = false;
}

void history_copy(const struct history *history, uint8_t *to)
{
    if (history->is_zeros)
        memset(to, 0, APPLELZ4_WINDOW);
    else
        memcpy(to, history->bytes, APPLELZ4_WINDOW);
}

bool history_place(struct history *history, struct batch *batch)
{
    if (history->in_batch)
        return true;
    if (batch->data_used > 0) {
        /* only behind zeros that were never written */
        if (BATCH_DATA_SIZE - batch->data_used < APPLELZ4_WINDOW)
            return false;
        batch->data_used += APPLELZ4_WINDOW;
    }
    history_copy(history, batch->data + batch->data_used - APPLELZ4_WINDOW);
    history->in_batch = true;
    return true;
}

void history_save(struct history *history, const struct batch *batch)
{
    if (history->in_batch && !history->is_zeros)
        memcpy(history->bytes, batch->data + batch->data_used - APPLELZ4_WINDOW, APPLELZ4_WINDOW);
}

void history_grow(struct history *history, size_t size)
{
    history->size += size;
    if (history->size > APPLELZ4_WINDOW)
        history->size = APPLELZ4_WINDOW;
}
