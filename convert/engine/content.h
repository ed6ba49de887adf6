/* content.h: the SHA-256 of a chunk's content. Zeros at a chunk's start are only counted until
 * something follows, and the digest of an all-zero chunk is computed once a length. Threads: one
 * content, one thread at a time. */
#ifndef CONVERT_ENGINE_CONTENT_H
#define CONVERT_ENGINE_CONTENT_H

#include "formats/model/disk.h"

#define CONTENT_ZERO_LENGTHS 4

struct content {
    struct hasher hasher;
    uint64_t zeros; /* bytes, while nothing else came */
    bool only_zeros;
    struct {
        uint64_t length; /* 0: free */
        struct digest digest;
    } known[CONTENT_ZERO_LENGTHS];
    size_t known_next;
};

int content_init(struct content *content, struct error *err);
void content_done(struct content *content); /* takes a zeroed one too */

int content_begin(struct content *content, struct error *err);
void content_add(struct content *content, const struct batch *batch);
int content_end(struct content *content, struct digest *ret, struct error *err);

#endif
