/* salvage_stream.h: what is there of a disk.v1 stream, whatever its layers' digests and sizes.
 * Private to formats/.
 *
 * Bytes are counted as they are there: a layer that is absent or short takes up what there is of
 * it, and leaves a hole of no length behind itself. */
#ifndef FORMATS_SALVAGE_STREAM_H
#define FORMATS_SALVAGE_STREAM_H

#include "formats/salvage.h"

struct salvage_stream {
    const struct disk *disk;
    struct blobs *blobs;
    const struct salvage_watch *watch;
    struct salvage_layer *layers; /* of the disk; the first `ended` are filled; owned */
    size_t ended;
    const struct salvage_layer *expected; /* what they must turn out to be; NULL: anything */
    struct blob *blob;                    /* of layers[ended]; NULL: not opened yet */
    struct hasher hasher;
    uint64_t read; /* of that layer */
    /* bytes `base` .. base + size of the stream; what lies before `keep` is not needed any more */
    uint8_t *buffer;
    size_t capacity, size;
    uint64_t base, keep;
};

/* All is borrowed. */
int stream_init(struct salvage_stream *stream, const struct disk *disk, struct blobs *blobs,
                const struct salvage_watch *watch, struct error *err);
void stream_done(struct salvage_stream *stream); /* takes a zeroed one too */

/* Lends the stream's bytes from `at` on, which was not forgotten: `size` of them, or fewer where it
 * ends. Valid until the next call. *ret_size is at most size. Layers that end before at + size have
 * ended then, and with fewer bytes all have. */
int stream_lend(struct salvage_stream *stream, uint64_t at, size_t size, const uint8_t **ret,
                size_t *ret_size, struct error *err);
/* Bytes before `at` will not be asked for. */
void stream_forget(struct salvage_stream *stream, uint64_t at);
/* To the end of all layers. */
int stream_drain(struct salvage_stream *stream, struct error *err);

/* Whether a layer ends between byte `from` and `to`, both excluded; `count` layers have ended. */
bool layers_end_between(const struct salvage_layer *layers, size_t count, uint64_t from,
                        uint64_t to);
/* Bytes that are missing at holes that lie between byte `from` and `to`, as above. */
uint64_t layers_missing_between(const struct salvage_layer *layers, size_t count, uint64_t from,
                                uint64_t to);
/* Whether there is a hole right before a byte. */
bool layers_hole_at(const struct salvage_layer *layers, size_t count, uint64_t at);
/* Whether bytes lie in layers that match their digests, and no hole among them. */
bool layers_prove(const struct salvage_layer *layers, size_t count, uint64_t at, uint64_t size);

#endif
