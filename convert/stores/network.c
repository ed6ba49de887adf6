/* network.c: what the stores of one command share, made when it is first asked for. Must not speak
 * to anybody.
 */
#include "convert/stores/network.h"

#include "formats/model/auto.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* More registries than a batch can name. */
#define CLIENTS_MAX 4096u

struct known_client {
    struct client *client;
    const struct network_side *side;
    char *host;
    bool mirror;
};

struct network {
    struct network_options options;
    pthread_mutex_t lock; /* over what follows */
    struct http *http;
    struct spool *spool;
    struct known_client *clients;
    size_t client_count, client_room;
};

struct network *network_new(const struct network_options *options, struct error *err)
{
    struct network *network = calloc(1, sizeof *network);
    if (network == NULL) {
        error_memory(err);
        return NULL;
    }
    network->options = *options;
    pthread_mutex_init(&network->lock, NULL); /* cannot fail on Linux */
    return network;
}

struct network *network_free(struct network *network)
{
    if (network == NULL)
        return NULL;
    for (size_t i = 0; i < network->client_count; i++) {
        client_free(network->clients[i].client);
        free(network->clients[i].host);
    }
    free(network->clients);
    spool_free(network->spool);
    http_free(network->http);
    pthread_mutex_destroy(&network->lock);
    free(network);
    return NULL;
}

const struct network_options *network_options(const struct network *network)
{
    return &network->options;
}

static int http_make(struct network *network, struct error *err)
{
    struct http_options options = {
        .stop = network->options.stop,
        .trace = network->options.trace,
        .context = network->options.context,
        .limit_rate = network->options.limit_rate,
    };
    if (network->http == NULL)
        network->http = http_new(&options, err);
    return network->http == NULL ? -1 : 0;
}

static struct client *client_make(const struct network *network, const struct network_side *side,
                                  const char *host, bool mirror, struct error *err)
{
    const struct network_options *shared = &network->options;
    struct client_options options = {
        .http = network->http,
        .host = host,
        .tls_verify = true,
        .credentials = {.option_prefix = "",
                        .authfile = shared->authfile,
                        .host_count = shared->host_count},
        .realm_hosts = shared->realm_hosts,
        .retry_times = shared->retry_times,
        .retry_delay_ms = shared->retry_delay_ms,
        .upload_chunk = shared->upload_chunk,
        .concurrency = shared->concurrency,
        .stop = shared->stop,
        .warn = shared->warn,
        .detail = shared->detail,
        .context = shared->context,
    };
    /* A mirror gets what files say of its own host, and nothing that was said of the origin. */
    for (size_t i = 0; mirror && i < shared->mirror_count; i++)
        if (strcmp(shared->mirrors[i].host, host) == 0) {
            options.plain_http = shared->mirrors[i].plain_http;
            options.tls_verify = !shared->mirrors[i].no_tls_verify;
            options.cert_dir = shared->mirrors[i].cert_dir;
        }
    if (!mirror) {
        if (side->realm_hosts != NULL)
            options.realm_hosts = side->realm_hosts;
        options.plain_http = side->plain_http;
        options.tls_verify = !side->no_tls_verify;
        options.cert_dir = side->cert_dir;
        options.credentials.option_prefix = side->prefix;
        options.credentials.creds = side->creds;
        options.credentials.registry_token = side->registry_token;
        options.credentials.no_creds = side->no_creds;
        options.credentials.helper = side->helper;
        options.credentials.given_source = side->given_source;
        if (side->authfile != NULL)
            options.credentials.authfile = side->authfile;
        if (side->upload_chunk != 0)
            options.upload_chunk = side->upload_chunk;
        if (side->concurrency != 0)
            options.concurrency = side->concurrency;
    }
    return client_new(&options, err);
}

static struct client *client_find(const struct network *network, const struct network_side *side,
                                  const char *host, bool mirror)
{
    for (size_t i = 0; i < network->client_count; i++) {
        const struct known_client *known = &network->clients[i];
        if (known->mirror == mirror && (mirror || known->side == side) &&
            strcmp(known->host, host) == 0)
            return known->client;
    }
    return NULL;
}

static int clients_grow(struct network *network, struct error *err)
{
    if (network->client_count < network->client_room)
        return 0;
    if (network->client_count >= CLIENTS_MAX)
        return error_set(err, ERROR_INTERNAL, "more than %u registries in one command",
                         CLIENTS_MAX);
    size_t room = network->client_room == 0 ? 4 : 2 * network->client_room;
    struct known_client *clients = reallocarray(network->clients, room, sizeof *clients);
    if (clients == NULL)
        return error_memory(err);
    network->clients = clients;
    network->client_room = room;
    return 0;
}

static struct client *client_add(struct network *network, const struct network_side *side,
                                 const char *host, bool mirror, struct error *err)
{
    if (clients_grow(network, err) < 0)
        return NULL;
    struct known_client *known = &network->clients[network->client_count];
    *known = (struct known_client){.side = side, .mirror = mirror, .host = strdup(host)};
    if (known->host == NULL) {
        error_memory(err);
        return NULL;
    }
    if (http_make(network, err) == 0)
        known->client = client_make(network, side, host, mirror, err);
    if (known->client == NULL)
        free(take_ptr(&known->host));
    else
        network->client_count++;
    return known->client;
}

struct client *network_client(struct network *network, const struct network_side *side,
                              const char *host, bool mirror, struct error *err)
{
    pthread_mutex_lock(&network->lock);
    struct client *client = client_find(network, side, host, mirror);
    if (client == NULL)
        client = client_add(network, side, host, mirror, err);
    pthread_mutex_unlock(&network->lock);
    return client;
}

struct spool *network_spool(struct network *network, struct error *err)
{
    pthread_mutex_lock(&network->lock);
    if (network->spool == NULL)
        network->spool = spool_new(network->options.tmpdir, network->options.spool_memory, err);
    struct spool *spool = network->spool;
    pthread_mutex_unlock(&network->lock);
    return spool;
}
