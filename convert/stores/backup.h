/* backup.h: the tags under which stays what a tag led to before it was moved: a template with the
 * placeholders {tag}, {repo} (slashes become "-") and {digest8}, the first eight hex digits of the
 * digest of the manifest that the tag is given to. NULL is the usual one.
 *
 * Threads: no shared state. */
#ifndef CONVERT_STORES_BACKUP_H
#define CONVERT_STORES_BACKUP_H

#include "convert/stores/reference.h"

#define BACKUP_TEMPLATE "{tag}-before-{digest8}"

/* The tag that keeps the manifest `digest`, to which `tag` leads. ERROR_USAGE where the template
 * makes none. */
int backup_name(const char *template, const char *tag, const char *repository,
                const struct digest *digest, char ret[TAG_SIZE_MAX + 1], struct error *err);

/* Whether `tag` is itself a backup: it fits the template, whatever was backed up, and its {digest8}
 * begins the digest that it leads to. A template without {digest8} makes none that can be told. */
bool backup_fits(const char *template, const char *tag, const struct digest *digest);

#endif
