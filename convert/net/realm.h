/* realm.h: whether a token may be asked for at the realm that a registry named, and which scope is
 * to be asked for.
 *
 * Threads: no state. */
#ifndef CONVERT_NET_REALM_H
#define CONVERT_NET_REALM_H

#include "convert/net/http.h"

struct realm_rules {
    const char *host; /* of the registry, as in the reference */
    const char *url;  /* its base */
    struct http_trust trust;
    const char *const *realm_hosts; /* HOST or HOST:PORT, NULL-terminated; NULL: none */
};

/* By the rules of auth.h. All names of the loopback are one host. *ret: how the realm is trusted.
 * ERROR_CREDENTIALS, ERROR_REGISTRY (not a URL). */
int realm_judge(const struct realm_rules *rules, const char *realm, bool credentials,
                struct http_trust *ret, struct error *err);

/* What to ask for where `asked` was, and the challenge named `challenged` (NULL: nothing): *ret
 * allocated, or NULL where asked has all of it. Both are lists of TYPE:NAME:ACTION,ACTION. */
int scope_widen(const char *asked, const char *challenged, char **ret, struct error *err);

#endif
