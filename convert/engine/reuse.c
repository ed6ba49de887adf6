/* reuse.c: looks at layers of another image before they serve here. Makes and sends nothing.
 */
#include "convert/engine/reuse.h"

#include "convert/engine/content.h"
#include "convert/engine/feed.h"
#include "formats/format.h"
#include "formats/model/auto.h"

#include <stdlib.h>

struct reuse {
    struct run *run;
    struct store *store;
    struct image image;
    bool trust;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum { UNSEEN, UNDER_WAY, GOOD, BAD } * looked; /* one a disk layer; under lock */
};

struct reuse *reuse_free(struct reuse *reuse)
{
    if (reuse == NULL)
        return NULL;
    image_done(&reuse->image);
    store_close(reuse->store);
    pthread_cond_destroy(&reuse->changed);
    pthread_mutex_destroy(&reuse->lock);
    free(reuse->looked);
    free(reuse);
    return NULL;
}

static int load(struct reuse *reuse, const struct reference *reference,
                const struct store_options *options, struct error *err)
{
    if (store_open_source(reference, options, &reuse->store, err) < 0 ||
        store_load(reuse->store, &reuse->image, err) < 0)
        return -1;
    const struct disk *disk = image_disk(&reuse->image);
    if (disk == NULL || disk->format != DISK_V2)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: only an image with disk.v2 layers can be used again",
                         reference->text);
    reuse->looked = calloc(disk->layer_count + 1, sizeof *reuse->looked);
    return reuse->looked == NULL ? error_memory(err) : 0;
}

struct reuse *reuse_open(struct run *run, const struct reference *reference,
                         const struct store_options *options, bool trust, struct error *err)
{
    struct reuse *reuse = calloc(1, sizeof *reuse);
    if (reuse == NULL) {
        error_memory(err);
        return NULL;
    }
    reuse->run = run;
    reuse->trust = trust;
    pthread_mutex_init(&reuse->lock, NULL); /* cannot fail on Linux, nor does the next */
    pthread_cond_init(&reuse->changed, NULL);
    return load(reuse, reference, options, err) < 0 ? reuse_free(reuse) : reuse;
}

static int hash(struct reader *reader, struct content *content, struct batch *batch,
                struct run *run, struct digest *ret, struct error *err)
{
    int status;
    if (content_begin(content, err) < 0)
        return -1;
    do {
        batch_reset(batch, reader->position, INT64_MAX - reader->position);
        batch->wants_blocks = false;
        status = reader_read(reader, batch, err);
        if (status == 1)
            content_add(content, batch);
        if (status == 1 && run_check(run, err) < 0)
            return -1;
    } while (status == 1);
    return status < 0 ? -1 : content_end(content, ret, err);
}

/* The digest of what a layer really holds. */
static int layer_hash(const struct reuse *reuse, const struct disk_layer *layer, struct digest *ret,
                      struct error *err)
{
    struct disk_layer alone = *layer;
    alone.offset = 0;
    struct disk disk = {.format = DISK_V2,
                        .layers = &alone,
                        .layer_count = 1,
                        .size = layer->length,
                        .has_size = true};
    struct feed feed;
    feed_init(&feed, reuse->image.blobs, NULL, false);
    AUTO(reader_close_auto) struct reader *reader = NULL;
    AUTO(content_done) struct content content = {.zeros = 0};
    if (reader_open(&disk, &feed.blobs, &reader, err) < 0 || content_init(&content, err) < 0)
        return -1;
    struct batch *batch = batch_new(err);
    if (batch == NULL)
        return -1;
    int status = hash(reader, &content, batch, reuse->run, ret, err);
    batch_free(batch);
    return status;
}

/* 1: it holds what its annotation says; 0: it does not; -1. */
static int look(struct reuse *reuse, const struct disk_layer *layer, struct error *err)
{
    if (reuse->trust)
        return 1;
    char text[DIGEST_TEXT_SIZE];
    digest_print(&layer->blob.digest, text);
    struct digest found;
    if (layer_hash(reuse, layer, &found, err) < 0) {
        if (error_class_status(err->class) != 2)
            return -1;
        run_warning(reuse->run, "--reuse: layer %s is damaged and left alone: %s", text, err->text);
        return 0;
    }
    if (digest_equal(&found, &layer->content))
        return 1;
    run_warning(reuse->run,
                "--reuse: layer %s does not hold what its annotation says, and is left "
                "alone",
                text);
    return 0;
}

/* look() once a layer, whoever asks. */
static int look_once(struct reuse *reuse, size_t i, struct error *err)
{
    pthread_mutex_lock(&reuse->lock);
    while (reuse->looked[i] == UNDER_WAY)
        pthread_cond_wait(&reuse->changed, &reuse->lock);
    bool unseen = reuse->looked[i] == UNSEEN;
    int status = reuse->looked[i] == GOOD;
    if (unseen)
        reuse->looked[i] = UNDER_WAY;
    pthread_mutex_unlock(&reuse->lock);
    if (!unseen)
        return status;
    status = look(reuse, &image_disk(&reuse->image)->layers[i], err);
    pthread_mutex_lock(&reuse->lock);
    reuse->looked[i] = status == 1 ? GOOD : status == 0 ? BAD : UNSEEN;
    pthread_cond_broadcast(&reuse->changed);
    pthread_mutex_unlock(&reuse->lock);
    return status;
}

int reuse_find(struct reuse *reuse, struct sink *sink, const struct digest *content,
               uint64_t length, struct blob_id *ret, struct error *err)
{
    const struct disk *disk = image_disk(&reuse->image);
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        if (!layer->has_content || layer->length != length ||
            !digest_equal(&layer->content, content))
            continue;
        int status = sink_has(sink, &layer->blob, err);
        if (status == 1)
            status = look_once(reuse, i, err);
        if (status == 1)
            *ret = layer->blob;
        if (status != 0)
            return status;
    }
    return 0;
}
