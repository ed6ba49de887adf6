/* applelz4.h: Apple's framed LZ4 stream: what the bytes are, a decoder, and encoders.
 *
 *     stream := block* "bv4$"
 *     block  := "bv41" u32le decoded  u32le encoded  raw LZ4 block of `encoded` bytes
 *             | "bv4-" u32le size     `size` bytes as they are
 *
 * Blocks depend on the 64 KiB of output before them, stored ones included. Source of the facts,
 * byte by byte and with what is not known: docs/formats/applelz4.md.
 *
 * Threads: a decoder or encoder is used by one thread at a time. Nothing here does I/O. */
#ifndef FORMATS_CODEC_APPLELZ4_H
#define FORMATS_CODEC_APPLELZ4_H

#include "formats/model/disk.h"

#define APPLELZ4_MAGIC_SIZE    4
#define APPLELZ4_HEADER_BLOCK  12
#define APPLELZ4_HEADER_STORED 8
#define APPLELZ4_WINDOW        65536u
/* Larger blocks than 64 KiB are foreign, but they are met (64 MiB ones are the largest on record);
 * a block that says it is larger than this, decoded or encoded, is refused: ERROR_STREAM_LIMIT. */
#define APPLELZ4_BLOCK_MAX (64u << 20)
/* Room for a block of BLOCK_SIZE in either form, with slack for wide copies. */
#define APPLELZ4_ENCODED_MAX (BLOCK_SIZE + BLOCK_SIZE / 255 + 64)

enum applelz4_magic { APPLELZ4_BLOCK, APPLELZ4_STORED, APPLELZ4_END, APPLELZ4_UNKNOWN };
enum applelz4_magic applelz4_magic(const uint8_t magic[4]);

/* Names what four first bytes are, where they are a format that wrong producers put into disk
 * layers ("an LZ4 frame (liblz4)", "LZFSE", "gzip", "zstd", ...); NULL where unknown. size may be
 * under 4. */
const char *applelz4_foreign_magic(const uint8_t *start, size_t size);

/* --- decoding --- */

struct applelz4_decoder;

struct applelz4_decoder *applelz4_decoder_new(struct error *err); /* NULL and err */
struct applelz4_decoder *applelz4_decoder_free(struct applelz4_decoder *decoder);
/* Forgets everything: a new stream begins at disk offset `disk_offset` (for messages only). */
void applelz4_decoder_reset(struct applelz4_decoder *decoder, uint64_t disk_offset);

/* Takes bytes of the stream, in any slicing, and adds extents to batch until it is full or the
 * bytes are used up; sets *ret_used. A block that would pass batch->limit comes in pieces without
 * its encoded form; call again (with size 0 when no input is left) to get the rest. Zeros come as
 * extents without data: a block is known as zeros by its encoded bytes alone where the block before
 * was zeros with the same bytes.
 *
 * Returns 1: the batch is full, call again with another; 0: the input is used up; -1: err, whose
 * place is the byte of the stream where the block begins and its disk offset: ERROR_STREAM_MAGIC,
 * _FOREIGN (first bytes of the stream only), _LIMIT, _BLOCK, _TRAILING. After an error only reset
 * and free are allowed. */
int applelz4_decode(struct applelz4_decoder *decoder, const uint8_t *input, size_t size,
                    size_t *ret_used, struct batch *batch, struct error *err);

/* At the end of the input: 0 where the end mark was read, else ERROR_STREAM_TRUNCATED. */
int applelz4_decoder_finish(const struct applelz4_decoder *decoder, struct error *err);
bool applelz4_decoder_ended(const struct applelz4_decoder *decoder);
/* Disk bytes decoded so far, the stream's byte at which the block in hand begins, and at which the
 * one before began. */
uint64_t applelz4_decoder_decoded(const struct applelz4_decoder *decoder);
uint64_t applelz4_decoder_block_start(const struct applelz4_decoder *decoder);
uint64_t applelz4_decoder_last_start(const struct applelz4_decoder *decoder);

/* What a decoder must know to go on at a byte of the stream when all before it was used up and
 * given out. */
#define APPLELZ4_PENDING_MAX (APPLELZ4_HEADER_BLOCK + APPLELZ4_ENCODED_MAX)
struct applelz4_state {
    uint64_t consumed; /* bytes of the stream */
    uint64_t decoded;  /* bytes of disk */
    uint64_t last_start, block_number;
    bool zeros;                            /* the history is 64 KiB of zeros */
    uint8_t history[APPLELZ4_WINDOW];      /* the last bytes of disk; zeros before the first */
    uint8_t pending[APPLELZ4_PENDING_MAX]; /* of a block that began before */
    size_t pending_size;
};

/* False where there is nothing to go on from: the end mark was read, a decoded block was not given
 * out whole, or the pending bytes of a foreign block are too many. */
bool applelz4_decoder_save(const struct applelz4_decoder *decoder, struct applelz4_state *ret);
/* In place of reset. Takes any bytes: -1 where no stream leads to such a state. */
int applelz4_decoder_restore(struct applelz4_decoder *decoder, const struct applelz4_state *state,
                             struct error *err);

/* Decodes one whole block (header included, at most BLOCK_SIZE decoded) whose history is the
 * `history` bytes directly before `output`. Writes at most capacity bytes; returns how many, or -1:
 * it is no valid block of that size. */
int64_t applelz4_block_decode(const uint8_t *block, size_t block_size, uint8_t *output,
                              size_t capacity, size_t history);

/* --- encoding --- */

/* A search fills a raw LZ4 block; the frame around it is common (encoder_block). */
struct encoder;

struct encoder_kind {
    enum { ENCODER_APPLE, ENCODER_LZ4, ENCODER_LZ4HC } search;
    int level; /* lz4hc: 1..12; else 0 */
};

/* Reads "apple", "lz4", "lz4hc:N"; false for anything else. */
bool encoder_kind_parse(const char *text, struct encoder_kind *ret);
/* The same text back; lives for ever or in buffer. */
const char *encoder_kind_name(struct encoder_kind kind, char buffer[16]);
/* liblz4's version for lz4 and lz4hc, whose bytes depend on it (docs/formats/applelz4.md); NULL for
 * apple. */
const char *encoder_kind_library(struct encoder_kind kind);
/* liblz4's version, for --version. */
const char *applelz4_library(void);

struct encoder *encoder_new(struct encoder_kind kind, struct error *err); /* NULL and err */
struct encoder *encoder_free(struct encoder *encoder);

/* A new stream begins. */
void encoder_restart(struct encoder *encoder);

/* Encodes the next size bytes (1..BLOCK_SIZE; only a stream's last block may be shorter than
 * BLOCK_SIZE) as one block, header included, into output (APPLELZ4_ENCODED_MAX bytes); data NULL
 * means zeros. The block is decoded again and compared before it is given out: ERROR_ROUND_TRIP.
 * Returns the size in bytes, or -1. */
int64_t encoder_block(struct encoder *encoder, const uint8_t *data, size_t size, uint8_t *output,
                      struct error *err);

extern const uint8_t applelz4_end_mark[APPLELZ4_MAGIC_SIZE];

#endif
