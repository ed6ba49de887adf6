/* stream_reader.h: an encoded stream read out of layer blobs, for the V1 and V2 readers. Private to
 * formats/.
 *
 * What is common to both: opening a layer and holding its size against the descriptor, feeding its
 * bytes to the decoder, and telling damage in the layer's bytes (its digest is wrong) from damage
 * in what they say. */
#ifndef FORMATS_STREAM_READER_H
#define FORMATS_STREAM_READER_H

#include "formats/codec/applelz4.h"

struct stream_reader {
    struct blobs *blobs;
    struct applelz4_decoder *decoder;
    struct blob *blob;              /* of the layer in hand; NULL between layers */
    const struct disk_layer *layer; /* the layer in hand, or the last one */
    uint8_t head[8]; /* its first bytes, for naming what it is when it does not decode */
    size_t head_size;
};

int stream_reader_init(struct stream_reader *stream, struct blobs *blobs, struct error *err);
void stream_reader_done(struct stream_reader *stream);

int stream_reader_open_layer(struct stream_reader *stream, const struct disk_layer *layer,
                             struct error *err);
/* Leaves the layer in hand, wherever it is. */
void stream_reader_leave(struct stream_reader *stream);

/* Decodes from the layer in hand. 1: the batch is full; 0: all the layer's bytes are used and
 * matched its digest (the layer is closed); -1: err, not wrapped yet. */
int stream_reader_fill(struct stream_reader *stream, struct batch *batch, struct error *err);

/* Gives an error of the layer in hand its last form and returns -1: reads the layer to its end
 * first, and where its digest turns out wrong, that is the error; then puts the layer's name, its
 * place and `layer` before the text. `start` is the stream's byte at which the layer begins. */
int stream_reader_fail(struct stream_reader *stream, uint64_t start, struct error *err);

#endif
