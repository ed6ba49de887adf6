/* layout.c: oci:, an OCI image layout, read. Must not write; layout_write.c does. */
#include "convert/stores/layout.h"

#include "convert/stores/image_load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int layout_new(const struct reference *reference, const struct store_options *options,
               struct layout **ret, struct error *err)
{
    struct layout *layout = calloc(1, sizeof *layout);
    if (layout == NULL)
        return error_memory(err);
    layout->store.ops = &layout_store_ops;
    layout->folder = layout->marker = -1;
    layout->place = (struct place)PLACE_INIT;
    layout->replace = options->replace;
    layout->in_place = options->in_place;
    layout->backup_tag = options->backup_tag;
    layout->path = strdup(reference->path);
    blob_folder_init(&layout->blobs, "layout", layout->path);
    layout->tag = reference->tag == NULL ? NULL : strdup(reference->tag);
    if (layout->path == NULL || (reference->tag != NULL && layout->tag == NULL)) {
        layout_free(layout);
        return error_memory(err);
    }
    *ret = layout;
    return 0;
}

void layout_free(struct layout *layout)
{
    fd_close(&layout->marker);
    blob_folder_done(&layout->blobs);
    fd_close(&layout->folder);
    place_done(&layout->place);
    free(layout->path);
    free(layout->tag);
    free(layout);
}

int layout_open_blob_folder(struct layout *layout, struct error *err)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    AUTO_CLOSE int blobs = openat(layout->folder, "blobs", flags);
    if (blobs >= 0)
        layout->blobs.folder = openat(blobs, "sha256", flags);
    if (layout->blobs.folder >= 0 || errno == ENOENT)
        return 0;
    return error_set_errno(err,
                           errno == ELOOP || errno == ENOTDIR ? ERROR_LAYOUT_INVALID : ERROR_IO,
                           errno, "blobs/sha256 cannot be opened as a folder in it");
}

int layout_read_marker(const struct layout *layout, struct error *err)
{
    struct file_classes classes = {.absent = ERROR_NO_SUCH_IMAGE, .unfit = ERROR_LAYOUT_INVALID};
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, LAYOUT_MARKER_MAX);
    if (!file_is_there(layout->folder, LAYOUT_MARKER_NAME))
        return error_set(err, ERROR_NO_SUCH_IMAGE,
                         file_is_there(layout->folder, "config.json")
                             ? "it is no OCI layout (no file oci-layout); a Tart VM directory is "
                               "written vm:DIR"
                             : "it is no OCI layout (no file oci-layout)");
    if (file_read(layout->folder, LAYOUT_MARKER_NAME, classes, &text, err) < 0)
        return -1;
    if (layout_marker_check(&text, err) < 0)
        return error_wrap(err, LAYOUT_MARKER_NAME);
    return 0;
}

int layout_read_index(const struct layout *layout, struct json **ret, struct error *err)
{
    struct file_classes classes = {.absent = ERROR_LAYOUT_INVALID, .unfit = ERROR_LAYOUT_INVALID};
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, LAYOUT_INDEX_MAX);
    if (file_read(layout->folder, LAYOUT_INDEX_NAME, classes, &text, err) < 0)
        return -1;
    if (layout_index_parse(&text, ret, err) < 0)
        return error_wrap(err, LAYOUT_INDEX_NAME);
    return 0;
}

static int load(struct layout *layout, struct image *ret, struct error *err)
{
    AUTO(json_free_auto) struct json *index = NULL;
    if (layout_read_marker(layout, err) < 0 || layout_read_index(layout, &index, err) < 0 ||
        layout_open_blob_folder(layout, err) < 0)
        return -1;
    return image_load_tag(index, layout->tag, &layout->blobs.blobs, ret, err);
}

static int layout_load(struct store *store, struct image *ret, struct error *err)
{
    struct layout *layout = (struct layout *)store;
    layout->folder = open(layout->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layout->folder < 0)
        return error_set_errno(err,
                               errno == ENOENT || errno == ENOTDIR ? ERROR_NO_SUCH_IMAGE : ERROR_IO,
                               errno, "layout %s cannot be opened", layout->path);
    if (load(layout, ret, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "layout %s", layout->path);
    return 0;
}

static int layout_open_source(const struct reference *reference,
                              const struct store_options *options, struct store **ret,
                              struct error *err)
{
    struct layout *layout;
    if (layout_new(reference, options, &layout, err) < 0)
        return -1;
    *ret = &layout->store;
    return 0;
}

const struct store_ops layout_store_ops = {
    .open_source = layout_open_source,
    .load = layout_load,
    .open_destination = layout_open_destination,
    .publish = layout_publish,
    .close = layout_close,
};
