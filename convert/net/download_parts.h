/* download_parts.h: what download.c (streaming) and download_range.c (asking for ranges) share.
 * Nobody else's. */
#ifndef CONVERT_NET_DOWNLOAD_PARTS_H
#define CONVERT_NET_DOWNLOAD_PARTS_H

#include "convert/net/download.h"

#define WINDOW_SIZE (256u << 10)

struct download {
    struct blob blob; /* size: what the registry says, or, where it does not, what id says */
    struct remote remote;
    char *path, *etag;      /* etag NULL: none was given */
    char verb[128];         /* for messages */
    bool size_told;         /* by the registry */
    uint64_t position;      /* of the next byte that peek lends */
    size_t lent;            /* bytes of the stream that peek lent */
    unsigned tries, breaks; /* since there was progress; in all */
    uint64_t broke_at;

    struct http_stream *stream; /* NULL: none is open */
    uint64_t at;                /* the stream's place, also of one that broke */
    bool streaming;             /* read_at may go on at `at`, with a new stream too */

    uint8_t *window; /* WINDOW_SIZE, made by the first read_at that needs it */
    uint64_t window_start;
    size_t window_size;
    unsigned row; /* windows that each began where the last one ended */
};

/* What one try to have some bytes came to. */
struct part {
    struct http_stream *stream;
    bool whole; /* 200: the stream gives the blob from its start, not the part */
    bool bad;   /* an answer came that must not be used: the last try's is ERROR_REGISTRY */
    bool final; /* the client has tried often enough, or it is of no use */
};

/* Asks for the bytes from start to end - 1 (end: size: to the blob's end). An answer that must not
 * be used is ERROR_UNREACHABLE: another try may give a better one. */
int part_open(struct download *download, uint64_t start, uint64_t end, struct part *ret,
              struct error *err);

/* After an error: 0 where it is worth another try, after a wait; else -1. at: how far things are.
 */
int download_break(struct download *download, uint64_t at, const struct part *part,
                   struct error *err);

/* Reads exactly these bytes, by one Range. */
int range_read(struct download *download, uint64_t offset, uint8_t *data, size_t size,
               struct error *err);
/* Fills the window so that it holds `offset`. */
int window_fill(struct download *download, uint64_t offset, struct error *err);

int download_wrap(const struct download *download, struct error *err);

#endif
