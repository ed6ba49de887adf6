/* layout.c: oci:, an OCI image layout, read. Must not write; layout_write.c does. */
#include "convert/stores/layout.h"

#include "convert/stores/file_blob.h"
#include "convert/stores/layout_index.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define MARKER_MAX 4096

/* An OCI index in the layout is searched for its Tart image to this depth, through so many
 * manifests. */
#define NESTED_DEPTH_MAX     4
#define NESTED_MANIFESTS_MAX 256

static int layout_blobs_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                             struct error *err)
{
    const struct layout *layout =
        (const struct layout *)((const char *)blobs - offsetof(struct layout, blobs));
    struct file_classes classes = {.absent = ERROR_BLOB_MISSING, .unfit = ERROR_LAYOUT_INVALID};
    char text[DIGEST_TEXT_SIZE], name[DIGEST_TEXT_SIZE];
    if (!id->has_digest)
        return error_set(err, ERROR_INTERNAL, "a layout's blob has a digest");
    digest_print(&id->digest, text);
    digest_print_hex(&id->digest, name);
    if (layout->blob_folder < 0)
        return error_set(err, ERROR_BLOB_MISSING, "blob %s: %s has no folder blobs/sha256", text,
                         layout->path);
    int fd;
    uint64_t size;
    if (file_open(layout->blob_folder, name, O_NOFOLLOW, classes, &fd, &size, err) < 0)
        return error_wrap(err, "blob %.19s in %s", text, layout->path);
    return file_blob_new(fd, size, text, ret, err);
}

static const struct blobs_ops layout_blobs_ops = {
    .open = layout_blobs_open,
};

int layout_new(const struct reference *reference, const struct store_options *options,
               struct layout **ret, struct error *err)
{
    struct layout *layout = calloc(1, sizeof *layout);
    if (layout == NULL)
        return error_memory(err);
    layout->store.ops = &layout_store_ops;
    layout->blobs.ops = &layout_blobs_ops;
    layout->sink.ops = &layout_sink_ops;
    layout->folder = layout->blob_folder = layout->marker = -1;
    layout->place = (struct place)PLACE_INIT;
    layout->replace = options->replace;
    pthread_mutex_init(&layout->mutex, NULL); /* cannot fail for a plain one */
    layout->path = strdup(reference->path);
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
    fd_close(&layout->blob_folder);
    fd_close(&layout->folder);
    place_done(&layout->place);
    pthread_mutex_destroy(&layout->mutex);
    free(layout->linked);
    free(layout->path);
    free(layout->tag);
    free(layout);
}

int layout_open_blob_folder(struct layout *layout, struct error *err)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    AUTO_CLOSE int blobs = openat(layout->folder, "blobs", flags);
    if (blobs >= 0)
        layout->blob_folder = openat(blobs, "sha256", flags);
    if (layout->blob_folder >= 0 || errno == ENOENT)
        return 0;
    return error_set_errno(err,
                           errno == ELOOP || errno == ENOTDIR ? ERROR_LAYOUT_INVALID : ERROR_IO,
                           errno, "blobs/sha256 cannot be opened as a folder in it");
}

int layout_read_marker(const struct layout *layout, struct error *err)
{
    struct file_classes classes = {.absent = ERROR_NO_SUCH_IMAGE, .unfit = ERROR_LAYOUT_INVALID};
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, MARKER_MAX);
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

bool layout_has_blob(const struct layout *layout, const struct blob_id *id)
{
    char name[DIGEST_TEXT_SIZE];
    digest_print_hex(&id->digest, name);
    struct stat stat;
    return fstatat(layout->blob_folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(stat.st_mode) && (uint64_t)stat.st_size == id->size;
}

/* A manifest's or OCI index's exact bytes, which are what the entry promised. */
static int read_manifest(struct layout *layout, const struct blob_id *id, struct bytes *ret,
                         struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, text);
    if (id->size > MANIFEST_SIZE_MAX)
        return error_set(err, ERROR_MANIFEST_INVALID, "manifest %s has %llu bytes, limit %u", text,
                         (unsigned long long)id->size, MANIFEST_SIZE_MAX);
    if (blobs_read_all(&layout->blobs, id, ret, err) == 0)
        return 0;
    if (err->class == ERROR_BLOB_SIZE || err->class == ERROR_BLOB_DIGEST)
        err->class = ERROR_MANIFEST_DIGEST;
    return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "manifest %s", text);
}

struct search {
    struct layout *layout;
    unsigned looked;      /* manifests and indexes read */
    size_t absent;        /* entries whose manifest is not in the layout */
    struct blob_id found; /* where has_digest */
};

/* Whether a manifest is a Tart image: 1, 0, -1. What is no manifest at all is none. */
static int is_tart(struct search *search, const struct blob_id *id, struct error *err)
{
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, MANIFEST_SIZE_MAX);
    if (read_manifest(search->layout, id, &text, err) < 0) {
        if (err->class != ERROR_BLOB_MISSING)
            return -1;
        search->absent++;
        return 0;
    }
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    if (manifest_parse(text.data, text.size, &manifest, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : 0;
    return tart_is_image(manifest);
}

static int search_index(struct search *search, const struct blob_id *id, int depth,
                        struct error *err);

static int search_entry(struct search *search, const struct json *entry, int depth,
                        struct error *err)
{
    struct blob_id id;
    if (layout_entry_blob(entry, &id, err) < 0)
        return -1;
    if (search->found.has_digest && digest_equal(&search->found.digest, &id.digest))
        return 0;
    if (++search->looked > NESTED_MANIFESTS_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "it leads to more than %d manifests",
                         NESTED_MANIFESTS_MAX);
    if (layout_entry_is_index(entry))
        return search_index(search, &id, depth + 1, err);
    int tart = is_tart(search, &id, err);
    if (tart <= 0)
        return tart;
    if (search->found.has_digest)
        return error_set(err, ERROR_UNSUPPORTED,
                         "it holds more than one Tart image; tag the one that is meant");
    search->found = id;
    return 0;
}

static int search_index(struct search *search, const struct blob_id *id, int depth,
                        struct error *err)
{
    if (depth > NESTED_DEPTH_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "it is nested deeper than %d", NESTED_DEPTH_MAX);
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, MANIFEST_SIZE_MAX);
    AUTO(json_free_auto) struct json *index = NULL;
    if (read_manifest(search->layout, id, &text, err) < 0 ||
        layout_index_parse(&text, &index, err) < 0)
        return -1;
    for (const struct json *entry = layout_index_first(index); entry != NULL;
         entry = json_next(entry))
        if (search_entry(search, entry, depth, err) < 0)
            return -1;
    return 0;
}

/* From an OCI index to its one Tart image. */
static int resolve_index(struct layout *layout, struct blob_id *id, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, text);
    struct search search = {.layout = layout};
    if (search_index(&search, id, 1, err) < 0)
        return error_wrap(err, "OCI index %s", text);
    if (search.found.has_digest) {
        *id = search.found;
        return 0;
    }
    if (search.absent > 0)
        return error_set(err, ERROR_BLOB_MISSING,
                         "OCI index %s: %zu of its manifests are not in the layout, and none that "
                         "is there is a Tart image",
                         text, search.absent);
    return error_set(err, ERROR_NOT_TART, "OCI index %s: none of its entries is a Tart image",
                     text);
}

/* What a manifest tells beyond its disk, also where it could not be read as an image. */
static void find_companions(struct image *image)
{
    const struct manifest *manifest = image->manifest;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        if (!image->has_vm_config && strcmp(layer->media_type, TART_TYPE_CONFIG) == 0) {
            image->has_vm_config = true;
            image->vm_config = layer->blob;
        }
        if (!image->has_nvram && strcmp(layer->media_type, TART_TYPE_NVRAM) == 0) {
            image->has_nvram = true;
            image->nvram = layer->blob;
        }
    }
}

static int load_manifest(struct layout *layout, const struct blob_id *id, struct image *image,
                         struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, text);
    image->blobs = &layout->blobs;
    image->digest = id->digest;
    if (read_manifest(layout, id, &image->raw, err) < 0)
        return -1;
    if (manifest_parse(image->raw.data, image->raw.size, &image->manifest, err) < 0)
        return error_wrap(err, "manifest %s", text);
    if (tart_image_read(image->manifest, &image->tart, &image->tart_error) < 0 &&
        image->tart_error.class == ERROR_MEMORY)
        return error_memory(err);
    find_companions(image);
    return 0;
}

static int load(struct layout *layout, struct image *ret, struct error *err)
{
    AUTO(json_free_auto) struct json *index = NULL;
    const struct json *entry;
    struct blob_id id;
    if (layout_read_marker(layout, err) < 0 || layout_read_index(layout, &index, err) < 0 ||
        layout_open_blob_folder(layout, err) < 0 ||
        layout_index_pick(index, layout->tag, &entry, err) < 0 ||
        layout_entry_blob(entry, &id, err) < 0 ||
        (layout_entry_is_index(entry) && resolve_index(layout, &id, err) < 0))
        return -1;
    AUTO(image_done) struct image image = {.tart_error = ERROR_INIT};
    bytes_init(&image.raw, MANIFEST_SIZE_MAX);
    if (load_manifest(layout, &id, &image, err) < 0)
        return -1;
    *ret = image;
    image = (struct image){.blobs = NULL};
    return 0;
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
