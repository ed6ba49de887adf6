/* refusal.h: what a registry says when it refuses: the specification's JSON `errors`, or what a
 * proxy puts in their place, made fit for a message.
 *
 * Threads: plain value. */
#ifndef CONVERT_NET_REFUSAL_H
#define CONVERT_NET_REFUSAL_H

#include "convert/net/http.h"

struct refusal {
    char codes[96];    /* "MANIFEST_UNKNOWN", several with a space between; "": none was given */
    char message[208]; /* one line of printable ASCII, secrets hidden; "": nothing was said */
};

/* Never fails: of a body that is no JSON the title, or its first 100 printable characters. */
void refusal_read(const struct http_response *answer, struct refusal *ret);
/* Whether a code or the message holds the text, in any case of letters. */
bool refusal_says(const struct refusal *refusal, const char *text);

/* 429; 403 that tells so by a header or its text (GHCR); 401 that does so by its text. */
bool refusal_is_rate_limit(const struct http_response *answer, const struct refusal *refusal);
/* 403, 413 or 507 that speaks of a quota or of storage. */
bool refusal_is_quota(const struct http_response *answer, const struct refusal *refusal);

/* Retry-After in seconds, whether it was given so or as a date: at most REFUSAL_WAIT_MAX; 0: none,
 * or now. */
unsigned refusal_retry_after(const struct http_response *answer);
#define REFUSAL_WAIT_MAX 600

#endif
