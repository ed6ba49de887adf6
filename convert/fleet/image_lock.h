/* image_lock.h: one image is worked on by one process at a time on a machine, whatever batch it is
 * in: a lock on a file named by the target. Beside the state files; a machine without a place for
 * them has no locks. Owner: image_unlock. Threads: any, each its own lock. */
#ifndef CONVERT_FLEET_IMAGE_LOCK_H
#define CONVERT_FLEET_IMAGE_LOCK_H

#include "formats/model/error.h"

struct image_lock;

/* state: as in convert_options, a folder or NULL. 0 with *ret, which is NULL where there is no
 * place for it; ERROR_LOCKED with the process that has it. */
int image_lock(const char *state, const char *target, struct image_lock **ret, struct error *err);
/* Removes what a kill left behind of a lock that nobody has. */
void image_lock_sweep(const char *state, const char *target);
struct image_lock *image_unlock(struct image_lock *lock); /* takes NULL; returns NULL */

#endif
