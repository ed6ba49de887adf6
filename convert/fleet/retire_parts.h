/* retire_parts.h: what the parts of retire share. Private to retire*.c. */
#ifndef CONVERT_FLEET_RETIRE_PARTS_H
#define CONVERT_FLEET_RETIRE_PARTS_H

#include "convert/fleet/retire.h"
#include "convert/fleet/retire_list.h"
#include "formats/model/manifest.h"

struct retirer {
    struct run *run;
    const struct history *history;
    const struct retire_options *options;
    uint64_t now_ms;
    struct event_log **logs; /* as history->logs; opened when they are needed */
};

/* An image of the log, and what is found of it. */
struct candidate {
    const struct history_image *image;
    bool in_registry;        /* its source */
    struct reference source; /* where in_registry */
    bool has_final;
    struct reference final; /* the tag it was made for; where has_final */
    char *final_text;       /* HOST/REPOSITORY:TAG */
    bool meant;             /* by --only */
    const char *why;        /* what the log has against it; NULL: nothing */
    bool claims;            /* a tag of its own leads to the manifest */
    bool good;              /* the new image was looked at, and holds */
};

/* All that were made of one manifest in one repository. */
struct group {
    struct candidate *items;
    size_t count;
    struct remote remote; /* the old images' repository */
    struct manifest *manifest;
};

/* Sets why and RETIRE_LEFT; 0. */
__attribute__((format(printf, 2, 3))) int retire_leave(struct retirement *item, const char *format,
                                                       ...);
int retire_remote(const struct retirer *retirer, const struct reference *reference,
                  struct remote *ret, struct error *err);

/* --- retire_look.c --- */

/* The old manifest, into group->manifest: 1: it is a disk.v1 image; 0: item's status says; -1. */
int retire_source(struct group *group, struct retirement *item, struct error *err);
/* Whether the tag for which it was made leads to what the proof is of: 1, 0 and why, -1. */
int retire_tag_stands(const struct retirer *retirer, const struct candidate *candidate,
                      struct retirement *item, struct error *err);
/* The same, and whether the image there is good: candidate->good. */
int retire_target(const struct retirer *retirer, const struct group *group,
                  struct candidate *candidate, struct retirement *item, struct error *err);

#endif
