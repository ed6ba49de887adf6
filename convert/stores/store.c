/* store.c: the front of all stores: picks the back end and passes calls on. Must not know what any
 * of them does. */
#include "convert/stores/store.h"

static const struct store_ops *const back_ends[TRANSPORT_COUNT] = {
    [TRANSPORT_OCI] = &layout_store_ops,      [TRANSPORT_VM] = &vmdir_store_ops,
    [TRANSPORT_RAW] = &rawfile_store_ops,     [TRANSPORT_REGISTRY] = &registry_store_ops,
    [TRANSPORT_ARCHIVE] = &archive_store_ops, [TRANSPORT_DIR] = &dir_store_ops,
};

const struct disk *image_disk(const struct image *image)
{
    if (image->manifest == NULL)
        return &image->disk;
    return image->tart == NULL ? NULL : &image->tart->disk;
}

void image_done(struct image *image)
{
    image->tart = tart_image_free(image->tart);
    image->manifest = manifest_free(image->manifest);
    bytes_done(&image->raw);
    disk_done(&image->disk);
}

static int check_options(const struct reference *reference, const struct store_options *options,
                         struct error *err)
{
    if (reference->transport != TRANSPORT_RAW &&
        (options->vm_config != NULL || options->vm_nvram != NULL))
        return error_set(err, ERROR_USAGE,
                         "%s: a vm config and an NVRAM are given by file for raw: alone",
                         reference->text);
    return 0;
}

int store_open_source(const struct reference *reference, const struct store_options *options,
                      struct store **ret, struct error *err)
{
    if (check_options(reference, options, err) < 0)
        return -1;
    return back_ends[reference->transport]->open_source(reference, options, ret, err);
}

int store_load(struct store *store, struct image *ret, struct error *err)
{
    *ret = (struct image){.blobs = NULL};
    return store->ops->load(store, ret, err);
}

int store_load_tolerant(struct store *store, struct image *ret, struct error *err)
{
    *ret = (struct image){.tolerant = true};
    return store->ops->load(store, ret, err);
}

int store_open_destination(const struct reference *reference, const struct store_options *options,
                           struct store **ret, struct error *err)
{
    if (check_options(reference, options, err) < 0)
        return -1;
    return back_ends[reference->transport]->open_destination(reference, options, ret, err);
}

struct sink *store_sink(struct store *store)
{
    return store->sink;
}

struct disk_file *store_disk_file(struct store *store)
{
    return store->file;
}

struct blobs *store_blobs(struct store *store)
{
    return store->blobs;
}

unsigned store_uploads(const struct store *store)
{
    return store->uploads;
}

int store_unmoved(struct store *store, struct error *err)
{
    return store->ops->unmoved == NULL ? 1 : store->ops->unmoved(store, err);
}

int store_referrers(struct store *store, struct bytes *ret, struct error *err)
{
    return store->ops->referrers == NULL ? 0 : store->ops->referrers(store, ret, err);
}

int store_stage(struct store *store, const struct publication *publication, store_lost *lost,
                void *context, struct error *err)
{
    return store->ops->stage == NULL ? 1
                                     : store->ops->stage(store, publication, lost, context, err);
}

const char *store_backup(const struct store *store)
{
    return store->backup;
}

int store_publish(struct store *store, const struct publication *publication, struct error *err)
{
    return store->ops->publish(store, publication, err);
}

struct store *store_close(struct store *store)
{
    if (store != NULL)
        store->ops->close(store);
    return NULL;
}

void store_close_auto(struct store **store)
{
    *store = store_close(*store);
}
