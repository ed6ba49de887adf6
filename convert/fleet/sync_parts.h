/* sync_parts.h: what the parts of one sync share. Private to sync.c and sync_image.c. */
#ifndef CONVERT_FLEET_SYNC_PARTS_H
#define CONVERT_FLEET_SYNC_PARTS_H

#include "convert/fleet/metrics.h"
#include "convert/fleet/pauses.h"
#include "convert/fleet/sync.h"

struct sync_job {
    size_t task;
    uint64_t size; /* bytes to read: the largest begin first */
    uint64_t disk; /* bytes of disk */
    bool waited;   /* it was put behind all others once */
};

struct sync {
    struct run *run;
    const struct tasks *tasks;
    const struct sync_options *options;
    struct fleet_plan plan;
    struct metrics *metrics; /* NULL: none */
    struct pauses pauses;
    pthread_mutex_t lock; /* of all below */
    struct sync_job *queue;
    size_t next, count;
    pthread_cond_t given_back; /* lanes were */
    unsigned running, lanes;   /* images, and lanes that they use */
    uint64_t left;             /* bytes of disk of what runs and what is queued */
    struct error failure;      /* what ends the whole run; ERROR_NONE: nothing */
    struct sync_result *result;
    const struct pinned **pins; /* the plan's, by name; read-only */
};

/* NULL: the plan has no such image, or there is none. */
const struct pinned *sync_pin(const struct sync *sync, const char *name);

/* What became of one image. */
struct outcome {
    enum image_status status;
    struct error error; /* FAILED, STOPPED */
    char why[200];
    const struct conversion *conversion; /* NULL: none was begun */
    double seconds;
};

/* What is not begun since a signal came. */
int sync_settle_stopped(struct sync *sync, const struct task *task, struct error *err);

/* What a verdict other than VERDICT_DO means. */
void sync_outcome(const struct planned *planned, struct outcome *ret);

/* Logs it (damage as a finding, too), counts it, and tells it. -1 where the log cannot be written.
 */
int sync_settle(struct sync *sync, const struct task *task, const struct planned *planned,
                const struct outcome *outcome, struct error *err);

/* One image from being looked at again to its end; with `threads` lanes. *ret_again: nothing was
 * settled, it is to be tried once more behind the others: another process has it, or the registry
 * lost a blob while others were sent. What fails in it is settled; -1 ends the whole run. */
int sync_image(struct sync *sync, const struct sync_job *job, unsigned threads, bool *ret_again,
               struct error *err);

#endif
