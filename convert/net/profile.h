/* profile.h: how blobs are best sent to a registry: a table of what is known of some
 * (docs/registries.md), and what this run has learned of the one in hand.
 *
 * Threads: any; one profile a client. */
#ifndef CONVERT_NET_PROFILE_H
#define CONVERT_NET_PROFILE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct profile;

enum upload_method { UPLOAD_MONOLITHIC, UPLOAD_PIECES };

struct profile_plan {
    enum upload_method method;
    uint64_t piece; /* bytes of a PATCH, with UPLOAD_PIECES */
};

/* host: of the registry. upload_chunk: --upload-chunk; 0: not given (given: pieces of that size).
 * concurrency: --concurrency; 0: as the table says. NULL: no memory. */
struct profile *profile_new(const char *host, uint64_t upload_chunk, unsigned concurrency);
struct profile *profile_free(struct profile *profile);   /* takes NULL */
const char *profile_name(const struct profile *profile); /* "unknown", "ghcr", … */

/* How a blob of that size is to be sent now; one that is no larger than a piece goes in one body,
 * where that was not refused. minimum: what the session's OCI-Chunk-Min-Length says; 0: nothing. */
struct profile_plan profile_plan(struct profile *profile, uint64_t size, uint64_t minimum);

/* What happened teaches: 413: smaller pieces (the first time 16 MiB, or what the table says, then
 * halved); a PATCH whose bytes were not kept (Range did not move), 416, 404 or 405 to a PATCH:
 * monolithic; 400 to a monolithic body: pieces. STALLED: monolithic bodies of one blob broke twice
 * in a row: true: that blob is better sent in pieces; the second such blob makes it the rule.
 * EARLY: blobs are sent when they are whole from now on.
 * sent: bytes of the body that was refused: what another thread has learned meanwhile is not
 * learned twice. False: nothing is left to try. */
enum upload_refusal {
    REFUSED_TOO_LARGE,
    REFUSED_PIECES,
    REFUSED_MONOLITHIC,
    REFUSED_EARLY,
    STALLED_MONOLITHIC,
};
bool profile_learn(struct profile *profile, enum upload_refusal refusal, uint64_t sent);

/* Uploads side by side: enter waits until one more may begin (false: stop was set); leave tells how
 * it went: a lost session halves the number (at least 1), 16 good ones in a row add one again, up
 * to where it began. */
unsigned profile_uploads(const struct profile *profile); /* at once, at most */
bool profile_enter(struct profile *profile, const volatile sig_atomic_t *stop);
/* For a blob that is not whole yet (upload_growing). Never waits; false: it is better sent when it
 * is whole: that was refused, or bodies as long as a blob were, or no further turn would be free.
 */
bool profile_enter_growing(struct profile *profile);
/* growing: it was entered so. */
void profile_leave(struct profile *profile, bool growing, bool session_lost);

/* Whether to ask for mounts: not any more after several in a row that were not done. */
bool profile_mounts(struct profile *profile);
void profile_mount_done(struct profile *profile);
void profile_mount_failed(struct profile *profile);

#endif
