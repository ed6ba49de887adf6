/* retire_list.h: what leads to a manifest in its repository at this moment: tags, OCI indexes under
 * tags and what these name in turn, what names it as its subject. An index that no tag leads to
 * cannot be found: registries have no list of those. Private to retire. */
#ifndef CONVERT_FLEET_RETIRE_LIST_H
#define CONVERT_FLEET_RETIRE_LIST_H

#include "convert/net/lists.h"

/* A repository's tags, and what the manifests under them name. Owner: shelf_done. */
struct shelf {
    struct names tags;
    struct digest *digests; /* of each tag, as far as `there` */
    bool *there;
    struct naming *namings; /* of all manifests that were read so far */
    size_t naming_count, naming_capacity;
    void *known; /* a tree of their digests */
};
void shelf_done(struct shelf *shelf); /* takes a zeroed one */

/* Reads the list of tags, where each leads to, and the manifests that were not read before, which
 * digests keep from changing. One that cannot be read: ERROR_REGISTRY, since it might be an index.
 */
int shelf_look(struct shelf *shelf, const struct remote *remote, struct error *err);

#define LEAD_TEXT_MAX 160

struct leads {
    const char **tags; /* that lead to it, NULL-terminated; names are the shelf's */
    size_t tag_count;
    char index[LEAD_TEXT_MAX];    /* an index that names it: its tag, else its digest; "" none */
    char referrer[LEAD_TEXT_MAX]; /* what names it as its subject; "" none */
};
void leads_done(struct leads *leads);

/* From the shelf as it was looked at last; referrers are asked for now. */
int leads_find(const struct shelf *shelf, const struct remote *remote, const struct digest *digest,
               struct leads *ret, struct error *err);

#endif
