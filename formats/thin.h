/* thin.h: a list of records with a cap that never fills up: where it would, half of what it holds
 * and of all that comes is left out, by a hash of the record's key. So what stays is spread evenly,
 * does not depend on the order of arrival, and two lists keep the same keys as far as both can.
 *
 * Owner: whoever declares one calls thin_done(). Threads: none of this is shared. */
#ifndef FORMATS_THIN_H
#define FORMATS_THIN_H

#include "formats/model/error.h"

#include <stddef.h>
#include <stdint.h>

struct thin {
    void *items; /* in the order of arrival */
    size_t count;
    size_t size, key; /* bytes of a record, and of its first bytes that are its key */
    size_t cap, capacity;
    uint64_t mask; /* kept are keys whose hash has none of these bits */
};

/* Allocates nothing yet. */
void thin_init(struct thin *thin, size_t size, size_t key, size_t cap);
void thin_done(struct thin *thin); /* takes a zeroed one too */
int thin_add(struct thin *thin, const void *item, struct error *err);

#endif
