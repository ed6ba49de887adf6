/* network.h: what all stores of one command share: connections, credentials' sources, limits, the
 * spool. Made by the command from its options; stores only borrow it.
 *
 * Owner: network_free after all stores are closed. Threads: any. */
#ifndef CONVERT_STORES_NETWORK_H
#define CONVERT_STORES_NETWORK_H

#include "convert/net/client.h"
#include "convert/stores/reference.h"
#include "convert/stores/spool.h"

/* What one side of a command was told: --src-X, --dest-X, or --X. */
struct network_side {
    const char *prefix; /* of its options, for messages: "src-", "dest-", "" */
    const char *creds, *registry_token, *cert_dir;
    /* of a batch, where each registry has its own; NULL and 0: as network_options says */
    const char *authfile, *helper, *given_source; /* as in struct credential_options */
    uint64_t upload_chunk;
    unsigned concurrency;
    bool no_creds, plain_http;
    bool no_tls_verify;
    const char *const *realm_hosts; /* NULL-terminated; NULL: network_options.realm_hosts */
};

/* A read-through mirror: HOST[/PREFIX]; a repository NAME is at HOST/PREFIX/NAME. */
struct mirror {
    char *host, *prefix; /* prefix: NULL: none */
    /* what settings say of its own host, never what a side was told */
    bool no_tls_verify, plain_http;
    const char *cert_dir; /* borrowed; NULL: none */
};

#define MIRRORS_MAX     16
#define REALM_HOSTS_MAX 16

struct network_options {
    const char *authfile;
    const char *realm_hosts[REALM_HOSTS_MAX + 1]; /* NULL-terminated */
    const struct mirror *mirrors;                 /* of the source */
    size_t mirror_count;
    uint64_t upload_chunk; /* bytes; 0: as the registry's profile says */
    unsigned concurrency;  /* uploads and copies at once; 0: as the profile says */
    unsigned retry_times, retry_delay_ms;
    uint64_t limit_rate; /* bytes a second; 0: none */
    const char *tmpdir;
    uint64_t spool_memory; /* bytes */
    const volatile sig_atomic_t *stop;
    size_t host_count;                              /* different registry hosts in the command */
    void (*trace)(void *context, const char *line); /* --debug; NULL: nobody */
    void (*warn)(void *context, const char *text);
    void (*detail)(void *context, const char *text);
    void *context;
};
#define SPOOL_MEMORY (32u << 20)

struct network;
/* Texts are borrowed. Nothing is opened before it is needed. */
struct network *network_new(const struct network_options *options, struct error *err);
struct network *network_free(struct network *network); /* takes NULL */
const struct network_options *network_options(const struct network *network);

/* For one side of the command and one host. mirror: neither credentials nor trust of the side. */
struct client *network_client(struct network *network, const struct network_side *side,
                              const char *host, bool mirror, struct error *err);
/* Made by the first call. */
struct spool *network_spool(struct network *network, struct error *err);

#endif
