/* switch.h: staged images to the tags that clients pull, and back. tartconv-switch(1),
 * tartconv-rollback(1). Minutes, not hours: manifests only, seven requests a tag. What was
 * done is appended to the log that knows the image, so that the log stays the one history; both can
 * be run again at any time, also after a kill between any two requests.
 *
 * Moving a tag: it is looked at; kept under its backup tag where another manifest is there;
 * "switching" logged, with what it led to; looked at again; written; "switched" logged. Back:
 * "rolling-back" logged, looked at again, written, "rolled-back" logged. A tag that moved between
 * the looks is left (tag-moved). One that moved since it was switched, or before, is left, and so
 * is one that was rolled back, unless `again`. Of several images that are staged for one tag the
 * one that was made last is meant.
 *
 * A log is input: names are checked, and nothing is written but manifests that the tag's own
 * repository has. */
#ifndef CONVERT_FLEET_SWITCH_H
#define CONVERT_FLEET_SWITCH_H

#include "convert/engine/run.h"
#include "convert/fleet/history.h"
#include "convert/fleet/sides.h"
#include "convert/input/patterns.h"

enum move_status {
    MOVE_DONE,
    MOVE_ALREADY, /* it leads there already */
    MOVE_WOULD,   /* dry run */
    MOVE_LEFT,    /* why says it */
    MOVE_FAILED,  /* error */
};

struct move {
    const struct history_image *image;
    char *tag; /* HOST/REPOSITORY:TAG that is moved; what the log has where that is no tag */
    enum move_status status;
    char why[200];
    struct error error;
    bool had_before; /* before the switch, as far as is known */
    struct digest before, after;
    char backup_tag[TAG_SIZE_MAX + 1]; /* "" none */
};

struct moves {
    struct move *items;
    size_t count;
};
void moves_done(struct moves *moves);

struct move_options {
    const struct patterns *only; /* names of images or of tags; NULL: all */
    bool dry_run, again;         /* again: also those that were rolled back, or moved since */
    const char *backup_tag;      /* template; NULL: the usual one */
    struct network *network;
    const struct sides *sides;
};

/* What fails in an image does not end the others. -1: interruption, a log that cannot be written,
 * memory. */
int switch_tags(struct run *run, const struct history *history, const struct move_options *options,
                struct moves *ret, struct error *err);
int rollback_tags(struct run *run, const struct history *history,
                  const struct move_options *options, struct moves *ret, struct error *err);

#endif
