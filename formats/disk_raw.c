/* disk_raw.c: a disk as it is, in a file: read with its holes, written sparse. Zeros are found by
 * looking, 64 KiB at a time from where reading began, so that the result does not depend on how the
 * file happens to be allocated.
 */
#include "formats/formats.h"

#include "formats/model/auto.h"

struct raw_reader {
    struct reader reader;
    struct blob *blob;
    uint64_t position;
};

static void raw_reader_close(struct reader *reader)
{
    struct raw_reader *raw = (struct raw_reader *)reader;
    blob_close(raw->blob);
    free(raw);
}

static int raw_reader_open(const struct disk *disk, struct blobs *blobs, struct reader **ret,
                           struct error *err)
{
    struct raw_reader *raw = calloc(1, sizeof *raw);
    if (raw == NULL)
        return error_memory(err);
    if (blobs_open(blobs, &disk->layers[0].blob, &raw->blob, err) < 0) {
        free(raw);
        return -1;
    }
    if (raw->blob->size != disk->size) {
        error_set(err, ERROR_IO, "the disk changed its size while it was being read");
        raw_reader_close(&raw->reader);
        return -1;
    }
    *ret = &raw->reader;
    return 0;
}

static void add_extent(struct raw_reader *raw, struct batch *batch, uint64_t length,
                       const uint8_t *data)
{
    batch->length += length;
    raw->position += length;
    struct extent *last = batch->extent_count > 0 ? &batch->extents[batch->extent_count - 1] : NULL;
    if (data == NULL && last != NULL && last->data == NULL)
        last->length += length;
    else
        batch->extents[batch->extent_count++] = (struct extent){.length = length, .data = data};
}

/* Takes what is a hole from the position on, in whole blocks. */
static int take_hole(struct raw_reader *raw, struct batch *batch, uint64_t left,
                     uint64_t *ret_length, struct error *err)
{
    uint64_t length;
    bool hole;
    if (blob_map(raw->blob, raw->position, &length, &hole, err) < 0)
        return -1;
    if (length > left)
        length = left;
    if (hole && length < left)
        length -= length % BLOCK_SIZE;
    *ret_length = length;
    if (!hole || length == 0)
        return 0;
    add_extent(raw, batch, length, NULL);
    return 1;
}

/* Reads up to `length` bytes of data, at least a block unless the end comes first. */
static int take_data(struct raw_reader *raw, struct batch *batch, uint64_t left, uint64_t length,
                     struct error *err)
{
    size_t room = BATCH_DATA_SIZE - batch->data_used;
    uint64_t size = length - length % BLOCK_SIZE;
    if (size == 0)
        size = BLOCK_SIZE;
    if (size > room)
        size = room;
    if (size > left)
        size = left;
    uint8_t *data = batch->data + batch->data_used;
    if (blob_read_at(raw->blob, raw->position, data, (size_t)size, err) < 0)
        return -1;
    batch->data_used += (size_t)size;
    for (size_t at = 0; at < size; at += BLOCK_SIZE) {
        size_t piece = size - at < BLOCK_SIZE ? (size_t)size - at : BLOCK_SIZE;
        add_extent(raw, batch, piece, bytes_are_zero(data + at, piece) ? NULL : data + at);
    }
    return 0;
}

/* All but the batch's last extent are whole blocks, as encoders want them. */
static int raw_read(struct reader *reader, struct batch *batch, struct error *err)
{
    struct raw_reader *raw = (struct raw_reader *)reader;
    const size_t blocks = BATCH_DATA_SIZE / BLOCK_SIZE;
    for (;;) {
        uint64_t left = raw->blob->size - raw->position;
        if (left > batch->limit - batch->length)
            left = batch->limit - batch->length;
        if (left == 0 || BATCH_DATA_SIZE - batch->data_used < BLOCK_SIZE ||
            batch->extent_count + blocks > BATCH_EXTENTS_MAX)
            break;
        uint64_t length;
        int status = take_hole(raw, batch, left, &length, err);
        if (status == 0)
            status = take_data(raw, batch, left, length, err);
        if (status < 0) {
            err->where.disk_offset = (int64_t)raw->position;
            return -1;
        }
    }
    return batch->length > 0 ? 1 : 0;
}

static uint64_t raw_start_before(const struct reader *reader, uint64_t offset)
{
    (void)reader;
    return offset;
}

static int raw_seek(struct reader *reader, uint64_t offset, struct error *err)
{
    (void)err;
    ((struct raw_reader *)reader)->position = offset;
    return 0;
}

const struct reader_ops raw_reader_ops = {
    .open = raw_reader_open,
    .read = raw_read,
    .start_before = raw_start_before,
    .seek = raw_seek,
    .close = raw_reader_close,
};

struct raw_writer {
    struct writer writer;
    struct disk_file *file;
};

static int raw_writer_open(const struct writer_options *options, struct writer **ret,
                           struct error *err)
{
    struct raw_writer *raw = calloc(1, sizeof *raw);
    if (raw == NULL)
        return error_memory(err);
    raw->file = options->file;
    *ret = &raw->writer;
    return 0;
}

static int raw_begin(struct writer *writer, uint64_t length, struct error *err)
{
    (void)writer;
    (void)length;
    (void)err;
    return 0;
}

static int raw_write(struct writer *writer, const struct extent *extent, struct error *err)
{
    if (extent->data == NULL)
        return 0;
    return disk_file_write_at(((struct raw_writer *)writer)->file, writer->position, extent->data,
                              (size_t)extent->length, err);
}

static int raw_end(struct writer *writer, struct written_chunk *ret, struct error *err)
{
    (void)writer;
    (void)ret;
    (void)err;
    return 0;
}

static void raw_writer_close(struct writer *writer)
{
    free(writer);
}

const struct writer_ops raw_writer_ops = {
    .open = raw_writer_open,
    .begin = raw_begin,
    .write = raw_write,
    .end = raw_end,
    .close = raw_writer_close,
};
