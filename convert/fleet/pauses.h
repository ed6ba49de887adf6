/* pauses.h: which registries a batch no longer goes to, since there all fails alike.
 *
 * A registry pauses, for the rest of the run, after HOST_FAILURES_MAX equal failures (class) in a
 * row, or at once when it refuses credentials. Only failures that a registry can be the reason of
 * count. What is wrong with one image shows that its registries answer, and ends their rows; what
 * goes wrong on this machine does neither.
 *
 * Owner: pauses_done. Threads: any, but init and done. */
#ifndef CONVERT_FLEET_PAUSES_H
#define CONVERT_FLEET_PAUSES_H

#include "convert/stores/reference.h"

#include <pthread.h>

#define HOST_FAILURES_MAX 5

struct pause_host {
    char *host;
    unsigned failures; /* in a row, of class */
    enum error_class class;
    bool paused;
};
struct pauses {
    pthread_mutex_t lock;
    struct pause_host *items;
    size_t count;
};

int pauses_init(struct pauses *pauses, struct error *err);
void pauses_done(struct pauses *pauses);

/* What came of asking one registry; failure NULL: it answered. */
int pauses_note_host(struct pauses *pauses, const char *host, const struct error *failure,
                     struct error *err);
/* What became of an image; failure NULL: it was done. An error that names one of the two hosts is
 * that one's, else both'. */
int pauses_note(struct pauses *pauses, const struct reference *source,
                const struct reference *target, const struct error *failure, struct error *err);
/* The same of one that was only looked at: a repository that is missing is an answer. */
int pauses_note_look(struct pauses *pauses, const struct reference *source,
                     const struct reference *target, const struct error *failure,
                     struct error *err);

/* Whether the registry is paused; then *ret has its class, and says why. */
bool pauses_hold_host(struct pauses *pauses, const char *host, struct error *ret);
/* Whether one of the two is. */
bool pauses_hold(struct pauses *pauses, const struct reference *source,
                 const struct reference *target, struct error *ret);

#endif
