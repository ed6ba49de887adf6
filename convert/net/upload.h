/* upload.h: one blob sent to a repository. Knows sessions, pieces and their faults; asks profile.h
 * how, and client.h to do it.
 *
 * The caller has its bytes where they can be read again from any offset (a spool, a buffer, a
 * source), and has asked whether the blob is there. Done is a blob for which the registry answered
 * 201, and whose Docker-Content-Digest, where given, is the one asked for; after pieces, which some
 * registries accept and do not keep, a HEAD must show its size.
 *
 * After an error within a session the session is asked for its offset (GET, 204 with Range) and
 * goes on from there where it may; else a new one is opened. A session that is no longer wanted is
 * deleted (also when this ends with an error or a signal).
 *
 * Threads: any; a client's profile says how many at once (this waits for its turn). */
#ifndef CONVERT_NET_UPLOAD_H
#define CONVERT_NET_UPLOAD_H

#include "convert/net/remote.h"

/* Told of sessions as they come and go, so that a later run can delete what a killed one left;
 * locations are secret. NULL members are skipped. Any thread, several at once. */
struct upload_watch {
    void *context;
    void (*opened)(void *context, const char *location);
    void (*closed)(void *context, const char *location); /* as it was opened */
    char *(*left)(void *context); /* one that an earlier run left open, allocated; NULL: no more */
};

int upload_blob(const struct remote *remote, const struct blob_id *id, const struct http_body *body,
                const struct upload_watch *watch, struct error *err);

/* A blob that is still being made. */
struct growth {
    /* Waits until it has more than `size` bytes, or all: 1: *ret_size bytes can be read; 0: it is
     * whole, and *ret_id says what it is; -1: it is not wanted any more, or a signal came. */
    int (*wait)(void *context, uint64_t size, uint64_t *ret_size, struct blob_id *ret_id,
                struct error *err);
    int (*read)(void *context, uint64_t offset, void *data, size_t size, struct error *err);
    void *context;
};

/* As upload_blob, but begun before the blob is whole, in one PATCH that goes on as it grows. Where
 * that session, which has one try, comes to nothing the blob is sent by upload_blob's ways when it
 * is whole. The caller has taken its turn (profile_enter_growing), which is given back here. */
int upload_growing(const struct remote *remote, const struct growth *growth,
                   const struct upload_watch *watch, struct error *err);

/* Asks the registry to take the blob over from another of its repositories: 1 done, 0 it does not
 * (a session that it opened instead is deleted; after several such answers in a row it is not
 * asked any more), -1. */
int upload_mount(const struct remote *remote, const struct digest *digest, const char *from,
                 struct error *err);

/* DELETE; whatever comes of it. */
void upload_cancel(const struct remote *remote, const char *location);

#endif
