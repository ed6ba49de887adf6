/* tasks.h: the images of a batch, one by one: entries opened up by the registries' lists of
 * repositories and tags. Backups and the batch's own staged targets are never sources.
 *
 * Owner: tasks_done; tasks borrow from the batch. Threads: read-only once made. */
#ifndef CONVERT_FLEET_TASKS_H
#define CONVERT_FLEET_TASKS_H

#include "convert/engine/run.h"
#include "convert/fleet/sides.h"

struct task {
    const struct batch_entry *entry;
    struct reference source; /* a registry's tag */
    struct reference target; /* what is written: staged, or the tag itself */
    char *tag;               /* what `switch` will give the staged image; NULL: not staged */
    bool failed; /* its source cannot be listed or named, or is a backup: error. Where it is a whole
                    repository or registry, so are the references' texts */
    struct error error;
};

struct tasks {
    struct task *items; /* in the batch's order */
    size_t count;
};
void tasks_done(struct tasks *tasks);

/* target.text, HOST/REPOSITORY:TAG: names a task in logs and plans; unique in a batch. */
const char *task_name(const struct task *task);

/* only: names (source or target) that are meant; NULL: all. What fails in one entry is a task that
 * has failed; ERROR_SETTINGS with the entry's place where two tasks have one target, or a target is
 * a source; -1 for a refused catalogue or an interruption, too. Lists are asked for several at
 * once.
 */
int tasks_make(struct run *run, const struct batch_file *batch, const struct sides *sides,
               struct network *network, const struct patterns *only, struct tasks *ret,
               struct error *err);

/* What a conversion is told for the task, borrowed from it; network and sides are the caller's to
 * add. */
void task_options(const struct task *task, struct convert_options *ret);

#endif
