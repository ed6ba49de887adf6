/* stream_writer.h: extents to one encoded stream: blocks are carried over where they are what the
 * encoder would write, and encoded elsewhere. For the V1 and V2 writers, which only cut. Private to
 * formats/. */
#ifndef FORMATS_STREAM_WRITER_H
#define FORMATS_STREAM_WRITER_H

#include "formats/format.h"

/* Takes encoded bytes, at least one. */
typedef int stream_put(void *context, const uint8_t *data, size_t size, struct error *err);

struct stream_writer;

/* Uses encoder, encode_all, keep_blocks and joints of options. */
int stream_writer_new(const struct writer_options *options, stream_put *put, void *context,
                      struct stream_writer **ret, struct error *err);
struct stream_writer *stream_writer_free(struct stream_writer *stream);

/* A new stream begins, of length bytes of disk from offset on; what was not ended is forgotten. */
void stream_writer_restart(struct stream_writer *stream, uint64_t offset, uint64_t length);
int stream_writer_extent(struct stream_writer *stream, const struct extent *extent,
                         struct error *err);
/* The last, shorter block, if any, and the end mark; all bytes have been put when it returns. */
int stream_writer_end(struct stream_writer *stream, struct error *err);
/* Blocks since the start of the stream. */
struct block_counts stream_writer_counts(const struct stream_writer *stream);

#endif
