/* session.h: one upload session at a registry: where it is, how much it holds, and single steps in
 * it. What comes after a step is upload.h's business.
 *
 *     session_open ─► session_stream, session_patch …, session_ask ─► session_put ─► session_close
 *
 * Every step that is not STEP_DONE fills err, in words that may be the last ones.
 *
 * Owner: session_close, which deletes at the registry what is still open there. Threads: one
 * session, one thread. */
#ifndef CONVERT_NET_SESSION_H
#define CONVERT_NET_SESSION_H

#include "convert/net/upload.h"

enum step {
    STEP_DONE,
    STEP_FAILED,    /* and nothing helps */
    STEP_BUSY,      /* too many requests: nothing was taken, the same again after retry_after */
    STEP_BROKEN,    /* in between, or by a fault of the registry: how much was taken is not known */
    STEP_LOST,      /* the registry knows no such session */
    STEP_ELSEWHERE, /* 416: the session is at another byte */
    STEP_TOO_LARGE, /* 413 */
    STEP_REFUSED,   /* this way of sending is not taken, or not kept */
    STEP_MISMATCH,  /* what came has another digest or size */
    STEP_UNSURE,    /* put: neither made nor refused: 200, 202, 204 */
};

struct session {
    const struct remote *remote;
    const struct upload_watch *watch;
    char digest[DIGEST_TEXT_SIZE];
    char *opened;              /* as the watch was told; NULL: not open, or over */
    char *location;            /* the newest, whole; secret */
    uint64_t held;             /* bytes that the registry has, as far as is known */
    uint64_t sent;             /* it cannot have more */
    uint64_t minimum, maximum; /* of a piece, as the registry says; 0: nothing said */
    unsigned retry_after;      /* of the last answer; seconds */
};

/* session is zeroed. digest: for messages; NULL: it is not known yet, and there is one try. watch:
 * NULL: nobody. STEP_DONE or STEP_FAILED. */
enum step session_open(struct session *session, const struct remote *remote,
                       const struct digest *digest, const struct upload_watch *watch,
                       struct error *err);
/* The next size bytes of the blob, from held on. */
enum step session_patch(struct session *session, const struct http_body *blob, uint64_t size,
                        struct error *err);
/* A blob of a size that is not known yet (http_body.wait), from its start to its end: one PATCH, as
 * other clients send whole blobs. The session holds nothing before. */
enum step session_stream(struct session *session, const struct http_body *blob, struct error *err);
/* Ends the session, with the whole blob, or (NULL) with what it holds, which has that digest.
 * Whatever was made of it, it is over after a 201. */
enum step session_put(struct session *session, const struct digest *digest,
                      const struct http_body *blob, struct error *err);
/* How much it holds: held. STEP_DONE, STEP_LOST (also where it does not tell) or STEP_FAILED. */
enum step session_ask(struct session *session, struct error *err);
/* It is over at the registry: nothing is to be deleted. */
void session_is_over(struct session *session);
void session_close(struct session *session); /* takes a zeroed one, and one that is over */

#endif
