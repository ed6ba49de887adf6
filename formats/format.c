/* format.c: the table of formats and the checked front functions. What a caller or a back end must
 * keep to is checked here, once.
 */
#include "formats/format.h"

#include "formats/formats.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>

static const struct {
    const struct reader_ops *reader;
    const struct writer_ops *writer;
} formats[] = {
    [DISK_RAW] = {&raw_reader_ops, &raw_writer_ops},
    [DISK_V1] = {&v1_reader_ops, &v1_writer_ops},
    [DISK_V2] = {&v2_reader_ops, &v2_writer_ops},
};

int reader_open(const struct disk *disk, struct blobs *blobs, struct reader **ret,
                struct error *err)
{
    static const struct reader_options none;
    return reader_open_with(disk, blobs, &none, ret, err);
}

int reader_open_with(const struct disk *disk, struct blobs *blobs,
                     const struct reader_options *options, struct reader **ret, struct error *err)
{
    struct reader *reader;
    const struct reader_ops *ops =
        options->salvage != NULL ? &salvage_reader_ops : formats[disk->format].reader;
    if (ops->open(disk, blobs, &reader, err) < 0)
        return -1;
    reader->ops = ops;
    reader->disk = disk;
    reader->options = options;
    reader->position = 0;
    reader->failed = false;
    *ret = reader;
    return 0;
}

int reader_read(struct reader *reader, struct batch *batch, struct error *err)
{
    assert(!reader->failed && batch->offset == reader->position && batch->length == 0);
    if (reader->disk->has_size && reader->position == reader->disk->size)
        batch->limit = 0; /* what is left to see is the end */
    int status = reader->ops->read(reader, batch, err);
    if (status < 0)
        reader->failed = true;
    assert(batch->length <= batch->limit && (status != 1 || batch->length > 0));
    reader->position += batch->length;
    return status;
}

uint64_t reader_start_before(const struct reader *reader, uint64_t offset)
{
    uint64_t start = offset == 0 ? 0 : reader->ops->start_before(reader, offset);
    assert(start <= offset);
    return start;
}

bool reader_starts_at(const struct reader *reader, uint64_t offset)
{
    return reader_start_before(reader, offset) == offset;
}

int reader_seek(struct reader *reader, uint64_t offset, struct error *err)
{
    assert(reader_starts_at(reader, offset));
    reader->failed = false;
    reader->position = offset;
    return reader->ops->seek(reader, offset, err);
}

struct reader *reader_close(struct reader *reader)
{
    if (reader != NULL)
        reader->ops->close(reader);
    return NULL;
}

void reader_close_auto(struct reader **reader)
{
    *reader = reader_close(*reader);
}

int writer_open(enum disk_format format, const struct writer_options *options, struct writer **ret,
                struct error *err)
{
    struct writer *writer;
    if (formats[format].writer->open(options, &writer, err) < 0)
        return -1;
    writer->ops = formats[format].writer;
    writer->offset = writer->position = 0;
    writer->in_chunk = false;
    *ret = writer;
    return 0;
}

int writer_begin(struct writer *writer, uint64_t offset, uint64_t length, struct error *err)
{
    assert(!writer->in_chunk && length > 0);
    writer->offset = writer->position = offset;
    writer->end = offset + length;
    writer->in_chunk = true;
    return writer->ops->begin(writer, length, err);
}

int writer_write(struct writer *writer, const struct batch *batch, struct error *err)
{
    assert(writer->in_chunk && batch->offset == writer->position &&
           batch->length <= writer->end - writer->position);
    for (size_t i = 0; i < batch->extent_count; i++) {
        if (writer->ops->write(writer, &batch->extents[i], err) < 0)
            return -1;
        writer->position += batch->extents[i].length;
    }
    return 0;
}

int writer_end(struct writer *writer, struct written_chunk *ret, struct error *err)
{
    assert(writer->in_chunk && writer->position == writer->end);
    writer->in_chunk = false;
    *ret = (struct written_chunk){.offset = writer->offset,
                                  .length = writer->position - writer->offset};
    return writer->ops->end(writer, ret, err);
}

void writer_abandon(struct writer *writer)
{
    writer->in_chunk = false;
}

int writer_finish(struct writer *writer, struct disk *ret, struct error *err)
{
    assert(!writer->in_chunk);
    return writer->ops->finish == NULL ? 0 : writer->ops->finish(writer, ret, err);
}

struct writer *writer_close(struct writer *writer)
{
    if (writer != NULL)
        writer->ops->close(writer);
    return NULL;
}
