/* probe.h: whether the registries will take what a plan brings: in each repository that is written
 * to an upload is opened and given up. tartconv-sync(1), --probe.
 *
 * Owner: probes_done. Threads: one caller. */
#ifndef CONVERT_FLEET_PROBE_H
#define CONVERT_FLEET_PROBE_H

#include "convert/fleet/plan.h"

struct probe {
    char *repository; /* HOST/REPOSITORY */
    bool failed;      /* error: repository-missing, credentials, quota, … */
    struct error error;
    char kind[32];             /* the profile's name: "ghcr", "unknown" */
    uint64_t minimum, maximum; /* bytes of a piece, as the registry says; 0: it does not */
    unsigned uploads;          /* at once, as its profile says */
    uint64_t piece;            /* bytes of a PATCH, as its profile says; 0: a layer goes in one */
};

struct probes {
    struct probe *items; /* by name */
    size_t count;
};
void probes_done(struct probes *probes);

/* What fails is in the result; -1: an interruption, memory. */
int probe_targets(struct run *run, const struct fleet_plan *plan, const struct tasks *tasks,
                  const struct sides *sides, struct network *network, struct probes *ret,
                  struct error *err);

#endif
