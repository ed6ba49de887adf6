/* tag.h: a tag of a repository that is to be moved: looked at, what it leads to kept under another
 * one, looked at again, moved. Between the second look and the move there is one round trip, in
 * which somebody else's move would be lost: registries have no other way.
 *
 * Threads: any. Texts are borrowed. */
#ifndef CONVERT_STORES_TAG_H
#define CONVERT_STORES_TAG_H

#include "convert/net/remote.h"
#include "convert/stores/reference.h"

struct tag {
    const struct remote *remote;
    const char *text; /* the image or repository, for messages */
    const char *name;
    /* as it was found by tag_look */
    bool there;
    struct digest digest;
};

int tag_look(struct tag *tag, struct error *err);

/* Looks again: 1: it leads to `digest` already; 0: it is as it was found; ERROR_TAG_MOVED. */
int tag_check(const struct tag *tag, const struct digest *digest, struct error *err);

/* The further tag, `ret`, that is to keep what the tag was found to lead to: 1: it leads there
 * already, or nothing is to be kept (""); 0: it is not there. template: as in backup.h.
 * ERROR_EXISTS where it leads to something else, ERROR_USAGE where it is the tag itself. */
int tag_keep_look(const struct tag *tag, const char *template, char ret[TAG_SIZE_MAX + 1],
                  struct error *err);
/* The same, and makes it. */
int tag_keep(const struct tag *tag, const char *template, char ret[TAG_SIZE_MAX + 1],
             struct error *err);

/* PUT of exactly these bytes under a tag or their digest. */
int tag_put(const struct remote *remote, const char *reference, const struct bytes *manifest,
            struct error *err);

#endif
