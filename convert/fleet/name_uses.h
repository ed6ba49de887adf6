/* name_uses.h: what the images of a batch read and write, held against each other: no name is
 * written twice, none that is read is written. For batch_check.c and tasks.c.
 *
 * Owner: name_uses_done. Threads: plain value. */
#ifndef CONVERT_FLEET_NAME_USES_H
#define CONVERT_FLEET_NAME_USES_H

#include "convert/fleet/batch.h"

enum name_use_kind {
    USE_SOURCE,
    USE_TARGET, /* it is written, now or by switch */
    USE_OWN,    /* the source's own tag, which switch will move */
};

struct name_use {
    char *name; /* HOST/REPOSITORY:TAG, the host as batch_host_canonical gives it */
    enum name_use_kind kind;
    const struct batch_entry *entry;
    size_t index; /* of the image */
};

struct name_uses {
    struct name_use *items;
    size_t count, room;
};
void name_uses_done(struct name_uses *uses);

/* An image: tag: what it is staged for; NULL: not staged. */
int name_uses_add(struct name_uses *uses, const struct batch_entry *entry, size_t index,
                  const struct reference *source, const struct reference *target, const char *tag,
                  struct error *err);
/* Puts them into order. ERROR_SETTINGS. */
int name_uses_check(struct name_uses *uses, const struct batch_file *batch, struct error *err);

/* Sets ret[index] for each image whose source another one writes. Puts them into order, too. */
void name_uses_mark(struct name_uses *uses, bool *ret);

#endif
