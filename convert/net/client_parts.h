/* client_parts.h: what client.c and client_send.c share of a client. Nobody else's.
 *
 * Threads: members above the lock never change once the client is made. */
#ifndef CONVERT_NET_CLIENT_PARTS_H
#define CONVERT_NET_CLIENT_PARTS_H

#include "convert/net/client.h"

#include <pthread.h>

struct client {
    struct client_options options; /* all texts are the client's own */
    const char *address;           /* whom we speak to: host, or what the hub's name stands for */
    bool loopback;
    struct http_trust trust;
    struct profile *profile;

    pthread_mutex_t lock;
    char *base;        /* scheme://address; NULL until it is found. Never changes then. */
    struct auth *auth; /* beside base */
    uint64_t rate;     /* bytes a second that a body takes, told low */
};

/* The registry's base URL and who we are to it; the first call may ask the network. Both live as
 * long as the client. */
int client_reach(struct client *client, const char **ret_base, struct auth **ret_auth,
                 struct error *err);

/* How long a request may take that sends so many bytes, in seconds; and what one took. */
unsigned client_estimate(struct client *client, uint64_t size);
void client_learn(struct client *client, uint64_t size, uint64_t ms);

#endif
