/* packed.c: a blob that gives what is packed in another. Knows the packings' names and first bytes;
 * unpacking itself is one file a packing. */
#include "formats/codec/packed.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name;
    const struct unpacker_ops *ops;
} packings[] = {
    [PACKING_NONE] = {"none", NULL},
    [PACKING_GZIP] = {"gzip", &gzip_ops},
    [PACKING_ZSTD] = {"zstd", &zstd_ops},
};

const char *packing_name(enum packing packing)
{
    return packings[packing].name;
}

enum packing packing_of(const uint8_t *start, size_t size)
{
    static const uint8_t gzip[PACKED_MAGIC_SIZE - 1] = {0x1f, 0x8b, 8};
    static const uint8_t zstd[PACKED_MAGIC_SIZE] = {0x28, 0xb5, 0x2f, 0xfd};
    if (size < PACKED_MAGIC_SIZE)
        return PACKING_NONE;
    if (memcmp(start, gzip, sizeof gzip) == 0)
        return PACKING_GZIP;
    return memcmp(start, zstd, sizeof zstd) == 0 ? PACKING_ZSTD : PACKING_NONE;
}

struct packed_blob {
    struct blob blob;
    enum packing packing;
    struct blob *outer;
    void *state;
    uint64_t packed; /* bytes of outer that were taken */
    uint64_t given;  /* bytes that came out */
    bool between;    /* a stream has ended whole, and no other begun */
    uint8_t out[PACKED_BUFFER];
    size_t out_at, out_size;
};

static int fail(const struct packed_blob *packed, struct error *err)
{
    if (error_class_status(err->class) != 2)
        return -1;
    error_wrap(err, "the %s around it is damaged at byte %" PRIu64, packing_name(packed->packing),
               packed->packed);
    err->where.offset = (int64_t)packed->packed;
    return -1;
}

/* The end of the packed bytes. */
static int packed_end(const struct packed_blob *packed, struct error *err)
{
    if (packed->between)
        return 0;
    error_set(err, ERROR_STREAM_TRUNCATED, "it is cut off");
    return fail(packed, err);
}

/* Some more of what is inside: 1, 0 at its end, -1. */
static int packed_fill(struct packed_blob *packed, struct error *err)
{
    packed->out_at = packed->out_size = 0;
    while (packed->out_size == 0) {
        const uint8_t *in = NULL;
        size_t size = 0;
        int more = blob_peek(packed->outer, &in, &size, err);
        if (more < 0)
            return -1;
        if (more == 0 && packed->between)
            return packed_end(packed, err);
        /* what is left inside the library can still come without input */
        size_t left = size;
        int status = packings[packed->packing].ops->step(packed->state, &in, &left, packed->out,
                                                         PACKED_BUFFER, &packed->out_size, err);
        if (more > 0)
            blob_skip(packed->outer, size - left);
        packed->packed += size - left;
        if (status < 0)
            return fail(packed, err);
        packed->between = status == 0;
        if (more == 0 && packed->out_size == 0 && !packed->between)
            return packed_end(packed, err);
    }
    packed->given += packed->out_size;
    if (packed->given <= packed->blob.size)
        return 1;
    error_set(err, ERROR_STREAM_LIMIT, "more than %" PRIu64 " bytes come out", packed->blob.size);
    return fail(packed, err);
}

static int packed_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size,
                       struct error *err)
{
    struct packed_blob *packed = (struct packed_blob *)blob;
    if (packed->out_at == packed->out_size) {
        int status = packed_fill(packed, err);
        if (status <= 0)
            return status;
    }
    *ret_data = packed->out + packed->out_at;
    *ret_size = packed->out_size - packed->out_at;
    return 1;
}

static void packed_skip(struct blob *blob, size_t size)
{
    ((struct packed_blob *)blob)->out_at += size;
}

static void packed_close(struct blob *blob)
{
    struct packed_blob *packed = (struct packed_blob *)blob;
    if (packed->state != NULL)
        packings[packed->packing].ops->close(packed->state);
    blob_close(packed->outer);
    free(packed);
}

static const struct blob_ops packed_ops = {
    .peek = packed_peek, .skip = packed_skip, .close = packed_close};

int packed_open(enum packing packing, struct blob *outer, uint64_t size, struct blob **ret,
                struct error *err)
{
    if (packing == PACKING_NONE) {
        *ret = outer;
        return 0;
    }
    struct packed_blob *packed = calloc(1, sizeof *packed);
    if (packed == NULL) {
        blob_close(outer);
        return error_memory(err);
    }
    packed->blob = (struct blob){.ops = &packed_ops, .size = size};
    packed->packing = packing;
    packed->outer = outer;
    if (packings[packing].ops->open(&packed->state, err) < 0) {
        packed_close(&packed->blob);
        return -1;
    }
    *ret = &packed->blob;
    return 0;
}
