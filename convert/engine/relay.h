/* relay.h: a blob that goes from a source to a destination as it is.
 *
 * Where the destination can take it straight from the source (blobs.h: sink_take), nothing of it is
 * laid aside on the way: the destination asks for its bytes, and they are fetched and hashed then.
 * The last of them are given out only where size and digest matched, so no other blob is ever
 * finished there. Where the destination has to go back, the source is read again from that place:
 * from the start that is checked anew; where a session goes on in the midst, the digest that the
 * destination is asked to finish it under is what holds the bytes that came twice.
 * Other destinations get it by way of the feed.
 *
 * Threads: as blobs_open. */
#ifndef CONVERT_ENGINE_RELAY_H
#define CONVERT_ENGINE_RELAY_H

#include "convert/engine/feed.h"

struct run;

/* Nothing is read where feed->copy_to has the blob already. The errors are those of feed_drain, and
 * the destination's. Stops with the run's signal. */
int relay_blob(struct feed *feed, const struct blob_id *id, struct run *run, struct error *err);

#endif
