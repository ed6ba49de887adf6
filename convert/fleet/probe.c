/* probe.c: opens uploads and gives them up. Sends no byte of an image. */
#include "convert/fleet/probe.h"

#include "convert/engine/lanes.h"
#include "convert/net/profile.h"
#include "convert/net/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBES_AT_ONCE 8u
#define LAYER_SIZE     ((uint64_t)256 << 20) /* of which it is asked how it would be sent */

struct probing {
    struct run *run;
    const struct sides *sides;
    struct network *network;
    struct probes *probes;
};

void probes_done(struct probes *probes)
{
    for (size_t i = 0; i < probes->count; i++)
        free(probes->items[i].repository);
    free(probes->items);
    *probes = (struct probes){.items = NULL};
}

static int probe_order(const void *a, const void *b)
{
    return strcmp(((const struct probe *)a)->repository, ((const struct probe *)b)->repository);
}

/* Each once, in order. */
static int probes_collect(const struct fleet_plan *plan, const struct tasks *tasks,
                          struct probes *ret, struct error *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct task *task = &tasks->items[plan->items[i].task];
        if (plan->items[i].verdict != VERDICT_DO)
            continue;
        struct probe *probe = &ret->items[ret->count];
        *probe = (struct probe){.error = ERROR_INIT};
        if (asprintf(&probe->repository, "%s/%s", task->target.host, task->target.repository) < 0)
            return error_memory(err);
        ret->count++;
    }
    qsort(ret->items, ret->count, sizeof *ret->items, probe_order);
    size_t kept = 0;
    for (size_t i = 0; i < ret->count; i++) {
        if (kept > 0 && probe_order(&ret->items[kept - 1], &ret->items[i]) == 0)
            free(ret->items[i].repository);
        else
            ret->items[kept++] = ret->items[i];
    }
    ret->count = kept;
    return 0;
}

static int probe_open(struct client *client, const char *repository, struct probe *ret,
                      struct error *err)
{
    const struct remote remote = {.client = client, .repository = repository};
    struct session session = {.remote = &remote};
    struct digest none;
    if (digest_of("", 0, &none, err) < 0)
        return -1;
    if (session_open(&session, &remote, &none, NULL, &ret->error) == STEP_DONE) {
        ret->minimum = session.minimum;
        ret->maximum = session.maximum;
    } else
        ret->failed = true;
    session_close(&session);
    if (!ret->failed || (ret->error.class != ERROR_INTERRUPTED && ret->error.class != ERROR_MEMORY))
        return 0;
    *err = ret->error;
    return -1;
}

static int probe_one(void *context, size_t lane, size_t piece, struct error *err)
{
    const struct probing *probing = context;
    struct probe *probe = &probing->probes->items[piece];
    (void)lane;
    if (run_check(probing->run, err) < 0)
        return -1;
    char *slash = strchr(probe->repository, '/');
    *slash = '\0';
    struct client *client =
        network_client(probing->network, sides_find(probing->sides, probe->repository),
                       probe->repository, false, err);
    *slash = '/';
    if (client == NULL)
        return -1;
    struct profile *profile = client_profile(client);
    int status = probe_open(client, slash + 1, probe, err);
    const struct profile_plan plan = profile_plan(profile, LAYER_SIZE, probe->minimum);
    snprintf(probe->kind, sizeof probe->kind, "%s", profile_name(profile));
    probe->uploads = profile_uploads(profile);
    probe->piece = plan.method == UPLOAD_PIECES ? plan.piece : 0;
    return status;
}

int probe_targets(struct run *run, const struct fleet_plan *plan, const struct tasks *tasks,
                  const struct sides *sides, struct network *network, struct probes *ret,
                  struct error *err)
{
    struct probing probing = {.run = run, .sides = sides, .network = network, .probes = ret};
    *ret = (struct probes){.items = calloc(plan->count + 1, sizeof *ret->items)};
    if (ret->items == NULL)
        return error_memory(err);
    if (probes_collect(plan, tasks, ret, err) == 0 &&
        (ret->count == 0 || lanes_run(PROBES_AT_ONCE, ret->count, probe_one, &probing, err) == 0))
        return 0;
    probes_done(ret);
    return -1;
}
