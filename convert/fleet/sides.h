/* sides.h: what a batch's runs share: one network, and for each registry what the batch file, the
 * settings and the command line say of it. So credentials, limits and learned profiles are per
 * registry, however many images are in work.
 *
 * Owner: sides_done; borrows all that it is made of. Threads: read-only once made. */
#ifndef CONVERT_FLEET_SIDES_H
#define CONVERT_FLEET_SIDES_H

#include "convert/fleet/batch.h"

/* What the settings say of a registry. */
struct side_host {
    const char *host;
    struct network_side side;
};

struct side {
    const char *host;
    struct network_side side;
    char *creds; /* secret; NULL: none */
};

struct sides {
    struct side *items;
    size_t count;
    const struct network_side *other; /* for hosts that nothing names */
};

/* other: what the command line says of all registries; it has no credentials. The batch wins over
 * settings, and both over other, but where other leaves certificates unchecked or TLS out. */
int sides_make(const struct batch_file *batch, const struct side_host *settings, size_t count,
               const struct network_side *other, struct sides *ret, struct error *err);
void sides_done(struct sides *sides);
/* The same pointer for every name of one registry. */
const struct network_side *sides_find(const struct sides *sides, const char *host);

#endif
