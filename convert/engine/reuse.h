/* reuse.h: layers of an image that lies at the destination, which serve in place of chunks that
 * would be made: the same content in other encoded bytes, so nothing of it is sent (--reuse).
 *
 * A layer's annotation is a promise and no proof: before its first use the layer is fetched,
 * decoded and its content hashed, unless annotations are to be trusted. One that turns out wrong is
 * warned of and left alone.
 *
 * Owner: reuse_free. Threads: reuse_find from any thread; one layer is looked at once. */
#ifndef CONVERT_ENGINE_REUSE_H
#define CONVERT_ENGINE_REUSE_H

#include "convert/engine/run.h"
#include "convert/stores/store.h"

struct reuse;

/* options: of the destination's side. ERROR_UNSUPPORTED where the image has no disk.v2 layers. */
struct reuse *reuse_open(struct run *run, const struct reference *reference,
                         const struct store_options *options, bool trust, struct error *err);
struct reuse *reuse_free(struct reuse *reuse); /* takes NULL; returns NULL */

/* Whether a layer with that content may serve, and `sink` has it: 1 with *ret; 0; -1. */
int reuse_find(struct reuse *reuse, struct sink *sink, const struct digest *content,
               uint64_t length, struct blob_id *ret, struct error *err);

#endif
