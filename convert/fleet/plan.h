/* plan.h: what a sync would do, image by image, by manifests alone; as a file, so that many
 * machines can each do a part of it. docs/json.md, kind "plan".
 *
 * Owner: plan_done. Threads: read-only once made. */
#ifndef CONVERT_FLEET_PLAN_H
#define CONVERT_FLEET_PLAN_H

#include "convert/fleet/history.h"
#include "convert/fleet/pauses.h"
#include "convert/fleet/sides.h"
#include "convert/fleet/standing.h"
#include "convert/fleet/tasks.h"

enum verdict {
    VERDICT_DO,     /* convert, normalise or copy */
    VERDICT_DONE,   /* the target is the result already */
    VERDICT_GONE,   /* done, and the source is gone */
    VERDICT_LEAVE,  /* rolled back, or something of another's is there and replace is not given */
    VERDICT_FAILED, /* cannot be looked at, or damaged */
};

const char *verdict_name(enum verdict verdict); /* "do", "done", "gone", "left", "failed" */

struct planned {
    size_t task; /* index */
    enum verdict verdict;
    char why[200];      /* a phrase */
    struct error error; /* with FAILED; with LEAVE: exists, where another's is there; else none */
    bool has_source;
    struct standing source; /* what is done and was asked for its digest alone: no more than that */
    enum convert_method method; /* with DO */
    bool has_target;
    struct digest target; /* what is there now */
    bool replace;         /* what is there may be replaced: ours, or asked for */
    uint64_t to_read,
        to_write;      /* with DO: bytes of blobs, estimates: mounts are thought to be had */
    uint64_t requests; /* an estimate, from the registries' profiles */
    size_t group;      /* images to be done that share layers have the same */
    bool held;         /* with FAILED: was not asked for, a registry of it is paused */
};

struct fleet_plan {
    struct planned *items; /* as tasks */
    size_t count;
    size_t group_count;
};
void fleet_plan_done(struct fleet_plan *plan);

/* Asks for the manifests of both sides, one request each where that tells. history: may be NULL.
 * pauses: a registry that all fails of is not asked for the rest; what is learned is kept in it.
 * NULL: of this plan alone. */
int fleet_plan_make(struct run *run, const struct tasks *tasks, const struct sides *sides,
                    struct network *network, const struct history *history, bool again,
                    struct pauses *pauses, struct fleet_plan *ret, struct error *err);
/* One task anew, for just before its work; ret->task is the caller's, and kept. What fails of the
 * image is in ret; -1: an interruption, memory. Owner: standing_done(&ret->source). */
int fleet_plan_one(struct run *run, const struct task *task, const struct sides *sides,
                   struct network *network, const struct history *history, bool again,
                   struct planned *ret, struct error *err);

/* --- as a file, for --plan --- */

/* NULL where memory ends. */
struct json *fleet_plan_to_json(const struct fleet_plan *plan, const struct tasks *tasks);

/* What a plan's file pins: names, source digests, groups. */
struct pinned {
    char *name; /* task_name */
    bool has_digest;
    struct digest digest; /* of the source */
    size_t group;
    uint64_t weight; /* bytes to be read and written, and something for every image */
};
#define PLAN_SIZE_MAX (256u << 20)
#define SHARDS_MAX    10000u

struct pins {
    struct pinned *items;
    size_t count;
};
/* ERROR_NO_SUCH_FILE; ERROR_PLAN_INVALID. */
int pins_load(const char *path, struct pins *ret, struct error *err);
int pins_parse(const char *name, const void *text, size_t size, struct pins *ret,
               struct error *err);
void pins_done(struct pins *pins);

/* Which of `count` shards (from 1, at most SHARDS_MAX) does each of the pins: groups balanced by
 * bytes, the largest first, the same on every machine. */
int pins_shard(const struct pins *pins, size_t count, unsigned *ret_shards, struct error *err);
/* Without a plan: by the hash of the target's host and repository, the same for ever. */
unsigned task_shard(const struct task *task, unsigned count);

#endif
