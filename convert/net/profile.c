/* profile.c: the table of registries, and what one run has learned of one of them. Sends nothing.
 */
#include "convert/net/profile.h"

#include "convert/net/stop.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB           (UINT64_C(1) << 20)
#define PIECE         (16 * MIB)
#define PIECE_LEAST   (256u << 10) /* what is refused at that size is not refused for its size */
#define GOOD_IN_ROW   16
#define MOUNTS_IN_ROW 4
#define STALLS        2

/* Facts, and where they are from: docs/registries.md. */
struct row {
    const char *name;
    const char *hosts[3]; /* exact; with "*": by what stands around it, twice at most */
    enum upload_method method;
    bool no_pieces;    /* known to keep none */
    bool early;        /* blobs may be sent while they are made */
    uint64_t piece;    /* bytes of a PATCH */
    uint64_t most;     /* pieces of one blob; 0: no limit known */
    unsigned parallel; /* uploads */
};

static const struct row rows[] = {
    {.name = "ghcr", .hosts = {"ghcr.io"}, .piece = 3500000, .parallel = 4},
    {.name = "artifact-registry",
     .hosts = {"*.pkg.dev", "gcr.io", "*.gcr.io"},
     .no_pieces = true,
     .piece = PIECE,
     .parallel = 8},
    {.name = "ecr",
     .hosts = {"*.dkr.ecr.*.amazonaws.com"},
     .piece = 10 * MIB,
     .most = 4200,
     .parallel = 4},
    {.name = "ecr-public",
     .hosts = {"public.ecr.aws"},
     .piece = 10 * MIB,
     .most = 1000,
     .parallel = 2},
    {.name = "acr",
     .hosts = {"*.azurecr.io"},
     .method = UPLOAD_PIECES,
     .piece = PIECE,
     .parallel = 4},
    {.name = "gitlab", .hosts = {"registry.gitlab.com"}, .piece = PIECE, .parallel = 4},
    {.name = "docker-hub",
     .hosts = {"docker.io", "registry-1.docker.io", "index.docker.io"},
     .piece = PIECE,
     .parallel = 4},
    {.name = "quay", .hosts = {"quay.io"}, .piece = PIECE, .parallel = 4},
    {.name = "unknown", .early = true, .piece = PIECE, .parallel = 4}, /* last: serves all */
};

struct profile {
    const struct row *row;
    bool chunk_given;
    unsigned most_uploads; /* where it began */
    pthread_mutex_t lock;
    pthread_cond_t turn;
    /* under lock */
    enum upload_method method;
    uint64_t piece;
    bool monolithic_too_large, monolithic_refused, pieces_refused, early_refused;
    unsigned allowed, running, growing; /* uploads; growing: those that run before they are whole */
    unsigned good, stalls, mounts_failed;
};

/* --- the table --- */

static bool fits(const char *pattern, const char *host, size_t size)
{
    const char *star = strchr(pattern, '*');
    if (star == NULL)
        return strlen(pattern) == size && strncasecmp(pattern, host, size) == 0;
    size_t prefix = (size_t)(star - pattern);
    if (size < prefix || strncasecmp(pattern, host, prefix) != 0)
        return false;
    /* a star stands for at least one character */
    for (size_t at = prefix + 1; at <= size; at++)
        if (fits(star + 1, host + at, size - at))
            return true;
    return false;
}

static const struct row *find_row(const char *host)
{
    size_t size = strcspn(host, ":");
    const struct row *row = rows;
    for (; row->hosts[0] != NULL; row++)
        for (size_t i = 0; i < sizeof row->hosts / sizeof row->hosts[0]; i++)
            if (row->hosts[i] != NULL && fits(row->hosts[i], host, size))
                return row;
    return row;
}

struct profile *profile_new(const char *host, uint64_t upload_chunk, unsigned concurrency)
{
    struct profile *profile = calloc(1, sizeof *profile);
    if (profile == NULL)
        return NULL;
    profile->row = find_row(host);
    profile->chunk_given = upload_chunk != 0;
    profile->method = profile->chunk_given ? UPLOAD_PIECES : profile->row->method;
    profile->piece = profile->chunk_given ? upload_chunk : profile->row->piece;
    profile->pieces_refused = profile->row->no_pieces && !profile->chunk_given;
    profile->most_uploads = concurrency != 0 ? concurrency : profile->row->parallel;
    profile->allowed = profile->most_uploads;
    pthread_mutex_init(&profile->lock, NULL); /* these cannot fail on Linux */
    stop_cond_init(&profile->turn);
    return profile;
}

struct profile *profile_free(struct profile *profile)
{
    if (profile == NULL)
        return NULL;
    pthread_cond_destroy(&profile->turn);
    pthread_mutex_destroy(&profile->lock);
    free(profile);
    return NULL;
}

const char *profile_name(const struct profile *profile)
{
    return profile->row->name;
}

/* --- how to send --- */

static uint64_t piece_for(const struct profile *profile, uint64_t size, uint64_t minimum)
{
    uint64_t piece = profile->piece;
    uint64_t most = profile->chunk_given ? 0 : profile->row->most;
    if (most != 0 && piece < size / most + 1)
        piece = size / most + 1;
    return piece < minimum ? minimum : piece;
}

struct profile_plan profile_plan(struct profile *profile, uint64_t size, uint64_t minimum)
{
    pthread_mutex_lock(&profile->lock);
    struct profile_plan plan = {.method = profile->method,
                                .piece = piece_for(profile, size, minimum)};
    if (size == 0 || (size <= plan.piece && !profile->monolithic_refused))
        plan.method = UPLOAD_MONOLITHIC;
    pthread_mutex_unlock(&profile->lock);
    return plan;
}

static bool learn_too_large(struct profile *profile, uint64_t sent)
{
    if (profile->pieces_refused || sent <= PIECE_LEAST)
        return false;
    if (profile->method == UPLOAD_MONOLITHIC) {
        profile->method = UPLOAD_PIECES;
        profile->monolithic_too_large = true;
    }
    if (sent <= profile->piece) {
        profile->piece = sent / 2;
        if (profile->piece < PIECE_LEAST)
            profile->piece = PIECE_LEAST;
    }
    return true;
}

static bool learn_locked(struct profile *profile, enum upload_refusal refusal, uint64_t sent)
{
    switch (refusal) {
    case REFUSED_TOO_LARGE:
        return learn_too_large(profile, sent);
    case REFUSED_PIECES:
        profile->pieces_refused = true;
        profile->method = UPLOAD_MONOLITHIC;
        return !profile->monolithic_refused && !profile->monolithic_too_large;
    case REFUSED_MONOLITHIC:
        if (profile->pieces_refused)
            return false;
        profile->monolithic_refused = true;
        profile->method = UPLOAD_PIECES;
        return true;
    case REFUSED_EARLY:
        profile->early_refused = true;
        return true;
    case STALLED_MONOLITHIC:
        if (profile->pieces_refused)
            return false;
        if (++profile->stalls >= STALLS)
            profile->method = UPLOAD_PIECES;
        return true;
    }
    return false;
}

bool profile_learn(struct profile *profile, enum upload_refusal refusal, uint64_t sent)
{
    pthread_mutex_lock(&profile->lock);
    bool left = learn_locked(profile, refusal, sent);
    pthread_mutex_unlock(&profile->lock);
    return left;
}

/* --- how many at once --- */

unsigned profile_uploads(const struct profile *profile)
{
    return profile->most_uploads;
}

bool profile_enter(struct profile *profile, const volatile sig_atomic_t *stop)
{
    bool entered = false, stopped = false;
    pthread_mutex_lock(&profile->lock);
    while (!entered && !stopped) {
        stopped = stop_is_set(stop);
        /* growing ones may wait for what this one does: one that is whole always goes on */
        entered = !stopped &&
                  (profile->running < profile->allowed || profile->running == profile->growing);
        if (!entered && !stopped)
            stop_cond_wait(&profile->turn, &profile->lock);
    }
    if (entered)
        profile->running++;
    pthread_mutex_unlock(&profile->lock);
    return entered;
}

bool profile_enter_growing(struct profile *profile)
{
    pthread_mutex_lock(&profile->lock);
    bool may = profile->row->early && !profile->chunk_given && !profile->pieces_refused &&
               !profile->early_refused && profile->method == UPLOAD_MONOLITHIC &&
               profile->running + 1 < profile->allowed;
    if (may) {
        profile->running++;
        profile->growing++;
    }
    pthread_mutex_unlock(&profile->lock);
    return may;
}

void profile_leave(struct profile *profile, bool growing, bool session_lost)
{
    pthread_mutex_lock(&profile->lock);
    profile->running--;
    if (growing)
        profile->growing--;
    if (session_lost) {
        profile->good = 0;
        if (profile->allowed > 1)
            profile->allowed /= 2;
    } else if (profile->allowed < profile->most_uploads && ++profile->good == GOOD_IN_ROW) {
        profile->good = 0;
        profile->allowed++;
    }
    pthread_cond_broadcast(&profile->turn);
    pthread_mutex_unlock(&profile->lock);
}

/* --- mounts --- */

static void mount_was(struct profile *profile, bool done)
{
    pthread_mutex_lock(&profile->lock);
    profile->mounts_failed = done ? 0 : profile->mounts_failed + 1;
    pthread_mutex_unlock(&profile->lock);
}

bool profile_mounts(struct profile *profile)
{
    pthread_mutex_lock(&profile->lock);
    bool mounts = profile->mounts_failed < MOUNTS_IN_ROW;
    pthread_mutex_unlock(&profile->lock);
    return mounts;
}

void profile_mount_done(struct profile *profile)
{
    mount_was(profile, true);
}

void profile_mount_failed(struct profile *profile)
{
    mount_was(profile, false);
}
