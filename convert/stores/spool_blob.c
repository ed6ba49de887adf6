/* spool_blob.c: a part of the spool, whose writing has ended, behind the front of a blob.
 */
#include "convert/stores/spool_blob.h"

#include <stdlib.h>

#define PIECE_SIZE (256u << 10)

struct spool_blob {
    struct blob blob;
    struct spool_part *part;
    bool owned;
    uint64_t position; /* of the piece in hand */
    size_t size, used; /* of it */
    uint8_t piece[PIECE_SIZE];
};

static int spool_blob_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size,
                           struct error *err)
{
    struct spool_blob *spooled = (struct spool_blob *)blob;
    if (spooled->used == spooled->size) {
        uint64_t left = blob->size - spooled->position - spooled->size;
        if (left == 0)
            return 0;
        spooled->position += spooled->size;
        spooled->size = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        spooled->used = 0;
        if (part_read(spooled->part, spooled->position, spooled->piece, spooled->size, err) < 0)
            return -1;
    }
    *ret_data = spooled->piece + spooled->used;
    *ret_size = spooled->size - spooled->used;
    return 1;
}

static void spool_blob_skip(struct blob *blob, size_t size)
{
    ((struct spool_blob *)blob)->used += size;
}

static int spool_blob_read_at(struct blob *blob, uint64_t offset, void *data, size_t size,
                              struct error *err)
{
    return part_read(((struct spool_blob *)blob)->part, offset, data, size, err);
}

static void spool_blob_close(struct blob *blob)
{
    struct spool_blob *spooled = (struct spool_blob *)blob;
    if (spooled->owned)
        part_close(spooled->part);
    free(spooled);
}

int spool_blob_new(struct spool_part *part, bool owned, struct blob **ret, struct error *err)
{
    static const struct blob_ops ops = {.peek = spool_blob_peek,
                                        .skip = spool_blob_skip,
                                        .read_at = spool_blob_read_at,
                                        .close = spool_blob_close};
    struct spool_blob *spooled = calloc(1, sizeof *spooled);
    if (spooled == NULL)
        return error_memory(err);
    spooled->blob = (struct blob){.ops = &ops, .size = part_size(part)};
    spooled->part = part;
    spooled->owned = owned;
    *ret = &spooled->blob;
    return 0;
}
