/* registry_early.c: blobs sent by a thread of their own while they are being made, so that a link
 * need not wait for the first of them to be whole. They lie in the spool all the same, and are sent
 * again from there where that is needed.
 *
 * A digest is known at a blob's end, and only then a registry can be asked whether it has the blob.
 * So this is for repositories without a tag, which have no image whose layers could be the same.
 */
#include "convert/stores/registry.h"

#include "convert/net/lists.h"
#include "convert/net/profile.h"
#include "convert/net/stop.h"
#include "convert/net/upload.h"
#include "formats/model/auto.h"

#define EARLY_LEAST (4u << 20) /* what is smaller is whole soon */

struct early {
    struct registry *registry;
    struct spool_part *part;
    pthread_t thread;
    pthread_mutex_t lock; /* over the part, too */
    pthread_cond_t changed;
    /* under lock: */
    enum { GROWING, WHOLE, DROPPED } state;
    struct blob_id id; /* with WHOLE */
    int status;        /* the thread's, when it has ended */
    struct error error;
};

/* --- whether --- */

/* One thread asks; blobs of others may begin when the answer is there. */
static bool may_begin(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    bool asks = registry->early == EARLY_UNASKED, good = registry->early == EARLY_GOOD;
    if (asks)
        registry->early = EARLY_ASKING;
    pthread_mutex_unlock(&registry->lock);
    if (!asks)
        return good;
    good = registry->options.mount_from[0] == NULL && remote_is_new(&registry->remote);
    pthread_mutex_lock(&registry->lock);
    registry->early = good ? EARLY_GOOD : EARLY_USELESS;
    pthread_mutex_unlock(&registry->lock);
    return good;
}

/* --- the thread --- */

static bool is_stopped(const struct early *early)
{
    return stop_is_set(client_settings(early->registry->client)->stop);
}

static int growth_wait(void *context, uint64_t size, uint64_t *ret_size, struct blob_id *ret_id,
                       struct error *err)
{
    struct early *early = context;
    bool stopped;
    pthread_mutex_lock(&early->lock);
    while (!(stopped = is_stopped(early)) && early->state == GROWING &&
           part_size(early->part) <= size)
        stop_cond_wait(&early->changed, &early->lock);
    bool dropped = early->state == DROPPED, whole = early->state == WHOLE;
    *ret_size = part_size(early->part);
    if (whole)
        *ret_id = early->id;
    pthread_mutex_unlock(&early->lock);
    return stopped || dropped ? error_set(err, ERROR_INTERRUPTED, "it was given up") : !whole;
}

static int growth_read(void *context, uint64_t offset, void *data, size_t size, struct error *err)
{
    struct early *early = context;
    pthread_mutex_lock(&early->lock);
    int status = part_read(early->part, offset, data, size, err);
    pthread_mutex_unlock(&early->lock);
    return status;
}

static void *send_growing(void *context)
{
    struct early *early = context;
    const struct growth growth = {.wait = growth_wait, .read = growth_read, .context = early};
    early->status = upload_growing(&early->registry->remote, &growth,
                                   early->registry->options.watch, &early->error);
    return NULL;
}

/* --- the writing side --- */

static void early_free(struct early *early)
{
    pthread_cond_destroy(&early->changed);
    pthread_mutex_destroy(&early->lock);
    free(early);
}

struct early *early_begin(struct registry *registry, struct spool_part *part)
{
    struct profile *profile = client_profile(registry->client);
    if (part_size(part) < EARLY_LEAST || !may_begin(registry) || !profile_enter_growing(profile))
        return NULL;
    struct early *early = calloc(1, sizeof *early);
    if (early == NULL) {
        profile_leave(profile, true, false);
        return NULL;
    }
    early->registry = registry;
    early->part = part;
    pthread_mutex_init(&early->lock, NULL); /* these cannot fail on Linux */
    stop_cond_init(&early->changed);
    if (pthread_create(&early->thread, NULL, send_growing, early) != 0) {
        early_free(early);
        profile_leave(profile, true, false);
        return NULL;
    }
    return early;
}

int early_write(struct early *early, const void *data, size_t size, struct error *err)
{
    pthread_mutex_lock(&early->lock);
    int status = part_write(early->part, data, size, err);
    pthread_cond_signal(&early->changed);
    pthread_mutex_unlock(&early->lock);
    return status;
}

static void leave(struct early *early, const struct blob_id *id)
{
    pthread_mutex_lock(&early->lock);
    early->state = id != NULL ? WHOLE : DROPPED;
    if (id != NULL)
        early->id = *id;
    pthread_cond_signal(&early->changed);
    pthread_mutex_unlock(&early->lock);
    pthread_join(early->thread, NULL);
}

int early_end(struct early *early, const struct blob_id *id, struct error *err)
{
    leave(early, id);
    int status = early->status;
    if (status < 0)
        *err = early->error;
    early_free(early);
    return status;
}

void early_drop(struct early *early)
{
    if (early == NULL)
        return;
    leave(early, NULL);
    early_free(early);
}

void early_useless(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    registry->early = EARLY_USELESS;
    pthread_mutex_unlock(&registry->lock);
}
