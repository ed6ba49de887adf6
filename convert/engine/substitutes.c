/* substitutes.c: a list of blobs that are had from elsewhere. Does not know why.
 */
#include "convert/engine/substitutes.h"

#include "convert/stores/spool_blob.h"
#include "formats/model/auto.h"

/* --- outputs into the spool --- */

struct kept_output {
    struct output output;
    struct substitutes *substitutes;
    struct spool_part *part;
};

static int output_write_part(struct output *output, const void *data, size_t size,
                             struct error *err)
{
    return part_write(((struct kept_output *)output)->part, data, size, err);
}

static void output_abort_part(struct output *output)
{
    struct kept_output *kept = (struct kept_output *)output;
    part_close(kept->part);
    free(kept);
}

static int output_commit_part(struct output *output, const struct blob_id *id, struct error *err)
{
    struct kept_output *kept = (struct kept_output *)output;
    const struct substitute row = {.id = *id, .part = kept->part};
    int status = substitutes_add(kept->substitutes, &row, err);
    if (status == 0)
        kept->part = NULL;
    output_abort_part(output);
    return status;
}

static const struct output_ops kept_output_ops = {
    .write = output_write_part, .commit = output_commit_part, .abort = output_abort_part};

static int keep_open(struct sink *sink, struct output **ret, struct error *err)
{
    struct substitutes *substitutes =
        (struct substitutes *)((char *)sink - offsetof(struct substitutes, sink));
    struct spool *spool = network_spool(substitutes->network, err);
    if (spool == NULL)
        return -1;
    struct kept_output *kept = calloc(1, sizeof *kept);
    if (kept == NULL)
        return error_memory(err);
    kept->output.ops = &kept_output_ops;
    kept->substitutes = substitutes;
    kept->part = spool_open(spool, err);
    if (kept->part == NULL) {
        free(kept);
        return -1;
    }
    *ret = &kept->output;
    return 0;
}

/* --- the list --- */

static struct substitute *row_find(const struct substitutes *substitutes,
                                   const struct digest *digest)
{
    for (size_t i = 0; i < substitutes->count; i++)
        if (digest_equal(&substitutes->rows[i].id.digest, digest))
            return &substitutes->rows[i];
    return NULL;
}

/* 1: *ret is a copy of it; 0: there is none. */
static int row_get(struct substitutes *substitutes, const struct blob_id *id,
                   struct substitute *ret)
{
    pthread_mutex_lock(&substitutes->lock);
    const struct substitute *row = id->has_digest ? row_find(substitutes, &id->digest) : NULL;
    if (row != NULL)
        *ret = *row;
    pthread_mutex_unlock(&substitutes->lock);
    return row != NULL;
}

static int keep_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    (void)err;
    struct substitute row;
    return row_get((struct substitutes *)((char *)sink - offsetof(struct substitutes, sink)), id,
                   &row);
}

static int substitute_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                           struct error *err)
{
    struct substitutes *substitutes = (struct substitutes *)blobs;
    struct substitute row;
    if (row_get(substitutes, id, &row) == 0)
        return blobs_open(substitutes->base, id, ret, err);
    if (row.part != NULL)
        return spool_blob_new(row.part, false, ret, err);
    struct blob *outer = NULL;
    if (blobs_open(row.from, &row.outer, &outer, err) < 0)
        return -1;
    return packed_open(row.packing, outer, row.id.size, ret, err);
}

bool substitutes_source(struct substitutes *substitutes, const struct blob_id *id,
                        struct blobs **ret_from, struct blob_id *ret_outer)
{
    struct substitute row;
    if (row_get(substitutes, id, &row) == 0 || row.from == NULL || row.packing != PACKING_NONE)
        return false;
    *ret_from = row.from;
    *ret_outer = row.outer;
    return true;
}

int substitutes_add(struct substitutes *substitutes, const struct substitute *row,
                    struct error *err)
{
    int status = 0;
    pthread_mutex_lock(&substitutes->lock);
    struct substitute *old = row_find(substitutes, &row->id.digest);
    if (old == NULL && substitutes->count == substitutes->capacity) {
        size_t capacity = substitutes->capacity * 2 + 16;
        struct substitute *rows = reallocarray(substitutes->rows, capacity, sizeof *rows);
        if (rows != NULL) {
            substitutes->rows = rows;
            substitutes->capacity = capacity;
        } else {
            status = error_memory(err);
        }
    }
    if (status == 0) {
        if (old == NULL)
            old = &substitutes->rows[substitutes->count++];
        else
            part_close(old->part);
        *old = *row;
    }
    pthread_mutex_unlock(&substitutes->lock);
    return status;
}

void substitutes_drop(struct substitutes *substitutes, const struct blob_id *id)
{
    pthread_mutex_lock(&substitutes->lock);
    struct substitute *row = row_find(substitutes, &id->digest);
    if (row != NULL) {
        part_close(row->part);
        *row = substitutes->rows[--substitutes->count];
    }
    pthread_mutex_unlock(&substitutes->lock);
}

void substitutes_init(struct substitutes *substitutes, struct blobs *base, struct network *network)
{
    static const struct blobs_ops blobs_ops = {.open = substitute_open};
    static const struct sink_ops sink_ops = {.open = keep_open, .has = keep_has};
    *substitutes = (struct substitutes){
        .blobs = {&blobs_ops}, .sink = {&sink_ops}, .base = base, .network = network};
    pthread_mutex_init(&substitutes->lock, NULL); /* cannot fail on Linux */
}

void substitutes_done(struct substitutes *substitutes)
{
    for (size_t i = 0; i < substitutes->count; i++)
        part_close(substitutes->rows[i].part);
    free(substitutes->rows);
    pthread_mutex_destroy(&substitutes->lock);
}
