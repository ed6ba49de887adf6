/* feed.h: blobs read ahead and held against their digests, for readers that know nothing of threads
 * or stores.
 *
 * A feed is a `struct blobs` before another: each blob it opens is read in pieces and hashed by a
 * thread of its own, a few pieces ahead of the reader. The blob's end is given out only when size
 * and digest matched (else ERROR_BLOB_DIGEST): what a reader decoded before that is provisional.
 * Blobs without a digest (a raw disk) pass through as they are.
 *
 * With `copy_to`, every byte that is given out is also written to an output of that sink, which is
 * committed when the blob's end matched: so a layer is copied by reading it, decoded or not.
 *
 * Owner: a plain value, which must outlive its blobs. Threads: blobs_open from several threads. */
#ifndef CONVERT_ENGINE_FEED_H
#define CONVERT_ENGINE_FEED_H

#include "formats/model/blobs.h"

#define FEED_MEMORY (1u << 20) /* bytes that a blob is read ahead, at most */

struct feed {
    struct blobs blobs;
    struct blobs *source;
    struct sink *copy_to; /* NULL: only read */
    /* Which blobs to copy; NULL: all. Called from several threads. */
    bool (*wants_copy)(void *context, const struct blob_id *id);
    void *context;
    bool threaded;
};

void feed_init(struct feed *feed, struct blobs *source, struct sink *copy_to, bool threaded);

struct run;

/* Reads a blob to its end, for its digest and, with copy_to, its copy. Stops with the run's signal.
 */
int feed_drain(struct feed *feed, const struct blob_id *id, struct run *run, struct error *err);
/* At a blob's end: 0 where what was hashed, of that size, is what the id names. */
int feed_check(struct hasher *hasher, uint64_t size, const struct blob_id *id, struct error *err);

#endif
