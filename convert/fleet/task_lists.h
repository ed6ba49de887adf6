/* task_lists.h: the tags of the repositories that a batch's entries mean, several asked for at
 * once. For tasks.c.
 *
 * Owner: task_lists_done. Threads: one caller. */
#ifndef CONVERT_FLEET_TASK_LISTS_H
#define CONVERT_FLEET_TASK_LISTS_H

#include "convert/fleet/tasks.h"
#include "convert/net/lists.h"

#define LISTS_AT_ONCE 8u
#define TASKS_MAX     200000u

struct task_list {
    const struct batch_entry *entry;
    char *repository; /* HOST/REPOSITORY; NULL: the registry itself could not be listed */
    struct names tags;
    bool failed;
    struct error error;
};

struct task_lists {
    struct task_list *items; /* by entry, then in the registry's order */
    size_t count, room;
};
void task_lists_done(struct task_lists *lists);

/* -1: a refused catalogue, an interruption, memory. */
int task_lists_take(struct run *run, const struct batch_file *batch, const struct sides *sides,
                    struct network *network, struct task_lists *ret, struct error *err);

#endif
