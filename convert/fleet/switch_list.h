/* switch_list.h: which tags a switch or a rollback is about. Private to switch. */
#ifndef CONVERT_FLEET_SWITCH_LIST_H
#define CONVERT_FLEET_SWITCH_LIST_H

#include "convert/fleet/switch.h"

/* Which images of the logs a command is about. */
struct move_kind {
    bool (*meant)(const struct history_image *image);
    uint64_t (*time)(
        const struct history_image *image); /* of several for one tag the last counts */
    const struct digest *(*after)(const struct history_image *image); /* of the switch */
};
extern const struct move_kind move_kind_switch, move_kind_rollback;

/* The image as it was staged: a tag of a registry, and another tag that it is for, or
 * ERROR_LOG_INVALID. */
int move_staged_parse(const struct history_image *image, struct reference *ret, struct error *err);

/* ret is zeroed; moves_done ends it after an error, too. */
int moves_find(struct run *run, const struct history *history, const struct patterns *only,
               const struct move_kind *kind, struct moves *ret, struct error *err);

#endif
