/* lists.h: what a registry lists of itself, page by page, and the removal of a manifest. OCI
 * distribution specification 1.1 ("Listing Tags", "Deleting Manifests"); the catalogue is Docker's.
 *
 * A page's Link is followed where it stays on the origin that answered and on the list's own path;
 * one that leads elsewhere is ERROR_REGISTRY, since the list would not be whole. Only its query is
 * taken: whatever it says, the registry itself is asked. A list ends where there is no Link, or it
 * repeats itself: a page of known names, a Link to the page itself. More than LIST_PAGES_MAX pages,
 * LIST_NAMES_MAX names, or 100 pages in a row without a name: ERROR_REGISTRY.
 *
 * Threads: any. Owner: names_done. */
#ifndef CONVERT_NET_LISTS_H
#define CONVERT_NET_LISTS_H

#include "convert/net/remote.h"

#define LIST_NAMES_MAX 1000000u
#define LIST_PAGES_MAX 10000u

/* In the registry's order, each once, each one that OCI's grammar allows (others are passed over
 * and counted). */
struct names {
    char **items;
    size_t count;
    size_t passed_over;
    bool repeats; /* a page that leads on brought nothing new: not all may have come */
};
void names_done(struct names *names);

/* ERROR_REPOSITORY_MISSING; a repository without tags gives none. */
int remote_tags(const struct remote *remote, struct names *ret, struct error *err);
/* Whether the repository is not there yet, or has no tag. Asks once, for one; where that is
 * refused, or anything else comes, it is not. */
bool remote_is_new(const struct remote *remote);
/* The registry's repositories. ERROR_CATALOGUE_REFUSED where it does not tell them (401, 403, 404,
 * 405, or 200 without a list), with the registry's words; the fix names --list. */
int remote_catalogue(struct client *client, struct names *ret, struct error *err);

/* ERROR_UNSUPPORTED, as remote_manifest_delete's, where it is known beforehand that the registry
 * deletes no manifest (GHCR, Docker Hub). Asks nobody. */
int remote_manifest_deletable(const struct remote *remote, const struct digest *digest,
                              struct error *err);
/* DELETE by digest, with every tag that leads to it. ERROR_UNSUPPORTED where the registry does not
 * (405, UNSUPPORTED; GHCR and Docker Hub are known beforehand), with the vendor's own way. 0 also
 * where it is gone already. */
int remote_manifest_delete(const struct remote *remote, const struct digest *digest,
                           struct error *err);

#endif
