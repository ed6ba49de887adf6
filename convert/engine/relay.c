/* relay.c: the source's bytes, fetched and hashed as a destination asks for them. Knows no format
 * and no store.
 */
#include "convert/engine/relay.h"

#include "convert/engine/run.h"
#include "formats/model/auto.h"

#include <string.h>

struct relay {
    struct blob blob;
    struct blobs *blobs;
    const struct blob_id *id;
    const struct run *run;
    struct blob *source;
    bool in_order; /* the source cannot be read anywhere, or not any more */
    uint64_t at;   /* with in_order: of the next byte that it lends */
    struct hasher hasher;
    uint64_t hashed; /* bytes, from the start */
    bool failed;
    struct error error; /* the source's */
};

static int source_open(struct relay *relay, struct error *err)
{
    blob_close(relay->source);
    relay->source = NULL;
    relay->at = 0;
    if (blobs_open(relay->blobs, relay->id, &relay->source, err) < 0)
        return -1;
    relay->in_order = relay->in_order || !blob_can_seek(relay->source);
    return 0;
}

/* --- reading --- */

/* One step towards `offset`, or of what is wanted there: *ret_copied bytes. */
static int step(struct relay *relay, uint64_t offset, uint8_t *data, size_t size,
                size_t *ret_copied, struct error *err)
{
    const uint8_t *lent;
    size_t there;
    *ret_copied = 0;
    int status = blob_peek(relay->source, &lent, &there, err);
    if (status == 0)
        return error_set(err, ERROR_BLOB_SIZE, "ended at byte %llu of %llu",
                         (unsigned long long)relay->at, (unsigned long long)relay->id->size);
    if (status < 0)
        return -1;
    bool ahead = relay->at < offset;
    uint64_t wanted = ahead ? offset - relay->at : size;
    there = there < wanted ? there : (size_t)wanted;
    *ret_copied = ahead ? 0 : there;
    memcpy(data, lent, *ret_copied);
    blob_skip(relay->source, there);
    relay->at += there;
    return 0;
}

static int read_in_order(struct relay *relay, uint64_t offset, uint8_t *data, size_t size,
                         struct error *err)
{
    if (offset < relay->at && source_open(relay, err) < 0)
        return -1;
    for (size_t copied; size > 0; data += copied, offset += copied, size -= copied)
        if (run_check(relay->run, err) < 0 || step(relay, offset, data, size, &copied, err) < 0)
            return -1;
    return 0;
}

static int read_anywhere(struct relay *relay, uint64_t offset, uint8_t *data, size_t size,
                         struct error *err)
{
    if (run_check(relay->run, err) < 0)
        return -1;
    if (blob_read_at(relay->source, offset, data, size, err) == 0)
        return 0;
    if (err->class != ERROR_UNSUPPORTED)
        return -1;
    relay->in_order = true;
    return source_open(relay, err) < 0 ? -1 : read_in_order(relay, offset, data, size, err);
}

/* What has not been hashed yet; the end is checked before it is given out. */
static int hash(struct relay *relay, uint64_t offset, const uint8_t *data, size_t size,
                struct error *err)
{
    uint64_t end = offset + size;
    /* what is sent once more from its start is checked once more */
    if (offset == 0 && relay->hashed > 0 && hasher_restart(&relay->hasher, err) < 0)
        return -1;
    if (offset == 0)
        relay->hashed = 0;
    if (offset > relay->hashed)
        return error_set(err, ERROR_INTERNAL, "a blob is sent with byte %llu before byte %llu",
                         (unsigned long long)offset, (unsigned long long)relay->hashed);
    if (end <= relay->hashed)
        return 0;
    size_t known = (size_t)(relay->hashed - offset);
    hasher_update(&relay->hasher, data + known, size - known);
    relay->hashed = end;
    return end == relay->id->size ? feed_check(&relay->hasher, end, relay->id, err) : 0;
}

static int relay_read(struct relay *relay, uint64_t offset, void *data, size_t size,
                      struct error *err)
{
    int status = relay->in_order ? read_in_order(relay, offset, data, size, err)
                                 : read_anywhere(relay, offset, data, size, err);
    return status < 0 ? -1 : hash(relay, offset, data, size, err);
}

/* An error of the source is nothing that the destination could try again. */
static int relay_read_at(struct blob *blob, uint64_t offset, void *data, size_t size,
                         struct error *err)
{
    struct relay *relay = (struct relay *)blob;
    if (!relay->failed)
        relay->failed = relay_read(relay, offset, data, size, &relay->error) < 0;
    return relay->failed ? error_set(err, ERROR_IO, "the source fails") : 0;
}

/* --- the whole --- */

static void relay_done(struct relay *relay)
{
    blob_close(relay->source);
    hasher_done(&relay->hasher);
}

static int hand_over(struct feed *feed, const struct blob_id *id, const struct run *run,
                     struct error *err)
{
    static const struct blob_ops ops = {.read_at = relay_read_at};
    AUTO(relay_done)
    struct relay relay = {.blob = {.ops = &ops, .size = id->size},
                          .blobs = feed->source,
                          .id = id,
                          .run = run,
                          .error = ERROR_INIT};
    if (hasher_init(&relay.hasher, err) < 0 || source_open(&relay, err) < 0)
        return -1;
    if (relay.source->size != id->size)
        return error_set(err, ERROR_BLOB_SIZE, "has %llu bytes, its descriptor says %llu",
                         (unsigned long long)relay.source->size, (unsigned long long)id->size);
    if (sink_take(feed->copy_to, &relay.blob, id, err) == 0)
        return 0;
    if (relay.failed)
        *err = relay.error;
    return -1;
}

int relay_blob(struct feed *feed, const struct blob_id *id, struct run *run, struct error *err)
{
    int there = sink_has(feed->copy_to, id, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    /* of an empty blob no byte is asked for, and so none would be checked */
    bool straight = sink_can_take(feed->copy_to) && id->has_digest && id->size > 0;
    return straight ? hand_over(feed, id, run, err) : feed_drain(feed, id, run, err);
}
