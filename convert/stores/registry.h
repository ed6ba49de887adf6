/* registry.h: what the files of the registry back end share: registry.c (a repository as a source
 * and destination), registry_mirror.c (blobs by way of mirrors), registry_sink.c (blobs being
 * sent), registry_publish.c (manifests and tags). Nobody else includes it. */
#ifndef CONVERT_STORES_REGISTRY_H
#define CONVERT_STORES_REGISTRY_H

#include "convert/net/remote.h"
#include "convert/stores/store.h"
#include "convert/stores/tag.h"

#include <pthread.h>

/* What this run knows of a blob at the destination. */
enum sent_state { SENT_ABSENT, SENT_UNDER_WAY, SENT_PRESENT };

struct sent_blob {
    struct digest digest;
    enum sent_state state;
};

struct registry {
    struct store store; /* first member */
    struct blobs blobs;
    struct blobs manifests; /* by digest */
    struct sink sink;
    struct network *network;
    struct client *client;
    char *text, *repository;
    char *tag;            /* NULL: by digest */
    struct digest digest; /* by digest: which; after load: the manifest's that was resolved */
    bool has_digest;
    struct remote remote;
    bool is_source;

    /* destination */
    struct store_options options; /* texts borrowed */
    struct upload_watch watch;
    struct tag *before; /* one a tag of the result as it was found, the first is `tag` */
    size_t before_count;

    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t changed;
    struct sent_blob *sent;
    size_t sent_count, sent_capacity;
    enum { EARLY_UNASKED, EARLY_ASKING, EARLY_GOOD, EARLY_USELESS } early; /* sending blobs so */
    const struct mirror *mirrors;                                          /* borrowed */
    size_t mirror_count;
    bool *mirror_failed; /* one a mirror: not asked again */
};

/* --- registry_mirror.c --- */

/* The blob from the first mirror that has it, whole and with the right digest. 1 with *ret, 0: none
 * has, -1: no mirror's fault (a signal, no room). */
int mirrors_open(struct registry *registry, const struct blob_id *id, struct blob **ret,
                 struct error *err);

/* --- registry_sink.c --- */

extern const struct sink_ops registry_sink_ops;
/* Asks anew for a blob that the run has seen at the destination: 1, 0 (forgotten then), -1. */
int registry_ask_again(struct registry *registry, const struct blob_id *id, struct error *err);

/* --- registry_early.c: blobs that are sent while they are made --- */

struct early;
/* What part has so far, and all that comes, which is early_write's from now on. NULL: this blob is
 * better sent when it is whole (and nothing has happened). */
struct early *early_begin(struct registry *registry, struct spool_part *part);
int early_write(struct early *early, const void *data, size_t size, struct error *err);
/* The registry does not have it: the rest is sent. Frees. */
int early_end(struct early *early, const struct blob_id *id, struct error *err);
void early_drop(struct early *early); /* nobody wants it; takes NULL; frees */
/* A blob that was made was there already: so may others be. */
void early_useless(struct registry *registry);

/* --- registry_publish.c --- */

/* Looks at the tags that the result is to get; refuses beforehand what cannot end well. */
int registry_look_at_tags(struct registry *registry, struct error *err);
int registry_stage(struct store *store, const struct publication *publication, store_lost *lost,
                   void *context, struct error *err);
int registry_publish(struct store *store, const struct publication *publication, struct error *err);

#endif
