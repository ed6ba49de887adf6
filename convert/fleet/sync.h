/* sync.h: a batch's images, several at once, until all are done, have failed or were left.
 * tartconv-sync(1).
 *
 * One budget for all: one network (its rate, spool, connections a registry), and sync_lanes()
 * lanes, shared out among the jobs by what is left to be done. The largest begin first. An image
 * whose lock another process holds is tried again after the others, and then left. After equal
 * failures in a row what remains of a registry is not begun (pauses.h).
 *
 * When run->stop is set nothing new starts, and what runs stops at its next safe point; its state
 * files stay. */
#ifndef CONVERT_FLEET_SYNC_H
#define CONVERT_FLEET_SYNC_H

#include "convert/fleet/plan.h"

#define JOBS_DEFAULT 2u
#define JOBS_MAX     64u

struct sync_options {
    unsigned jobs;
    bool again;                    /* images that were rolled back, too */
    const char *state;             /* as in convert_options */
    const char *metrics;           /* a file in Prometheus' text format, NULL: none */
    const struct pins *pins;       /* the plan's file, whose images alone are meant; NULL: none */
    unsigned shard, shard_count;   /* from 1; shard_count 0: all */
    const struct history *history; /* NULL: none */
    struct network *network;
    const struct sides *sides;
    struct event_log *log;
    /* Told what the images' own events have in the log already; run->observer, which is told the
     * rest, may be one that logs. NULL: nobody. */
    const struct observer *shown;
};

struct sync_result {
    size_t statuses[IMAGE_STATUS_COUNT];
    size_t count;
    uint64_t bytes_read, bytes_written;
    struct error worst; /* of the failures, by their order as exit statuses; ERROR_NONE: none */
};

/* Lanes that so many jobs use together: the run's threads, and at least one a job. */
unsigned sync_lanes(const struct run *run, unsigned jobs);

/* What fails in an image is in the result, and what a signal left is, too: "stopped" and "not
 * begun". -1: the log or the metrics cannot be written, memory. */
int sync_once(struct run *run, const struct tasks *tasks, const struct sync_options *options,
              struct sync_result *ret, struct error *err);

#endif
