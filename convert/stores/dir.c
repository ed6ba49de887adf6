/* dir.c: dir:, a folder as skopeo writes it: "version", "manifest.json", and blobs named by the hex
 * digits of their digests. Written as new_folder.h says. Must not know what an image is made of. */
#include "convert/stores/blob_folder.h"
#include "convert/stores/image_load.h"
#include "convert/stores/layout_index.h"
#include "convert/stores/new_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define VERSION_NAME  "version"
#define VERSION_START "Directory Transport Version: "
#define VERSION       "1.1\n"
#define VERSION_MAX   256
#define MANIFEST_NAME "manifest.json"
#define KIND          "folder of skopeo's"

struct dir {
    struct store store; /* first member */
    char *path;
    struct blob_folder blobs;
    struct new_folder folder; /* destination */
};

static void dir_free(struct dir **dir)
{
    if (*dir == NULL)
        return;
    blob_folder_done(&(*dir)->blobs);
    new_folder_done(&(*dir)->folder);
    free((*dir)->path);
    free(*dir);
    *dir = NULL;
}

static void dir_close(struct store *store)
{
    struct dir *dir = (struct dir *)store;
    dir_free(&dir);
}

static int dir_new(const struct reference *reference, struct dir **ret, struct error *err)
{
    struct dir *dir = calloc(1, sizeof *dir);
    if (dir == NULL)
        return error_memory(err);
    dir->store.ops = &dir_store_ops;
    dir->folder = (struct new_folder)NEW_FOLDER_INIT;
    dir->path = strdup(reference->path);
    blob_folder_init(&dir->blobs, KIND, dir->path);
    *ret = dir;
    if (dir->path != NULL)
        return 0;
    dir_free(ret);
    return error_memory(err);
}

/* --- as a source ---------------------------------------------------------------------------------
 */

static int dir_open_source(const struct reference *reference, const struct store_options *options,
                           struct store **ret, struct error *err)
{
    (void)options;
    struct dir *dir;
    if (dir_new(reference, &dir, err) < 0)
        return -1;
    *ret = &dir->store;
    return 0;
}

static int check_version(int folder, struct error *err)
{
    struct file_classes classes = {.absent = ERROR_NO_SUCH_IMAGE, .unfit = ERROR_LAYOUT_INVALID};
    AUTO(bytes_done) struct bytes content;
    bytes_init(&content, VERSION_MAX);
    if (!file_is_there(folder, VERSION_NAME))
        return error_set(err, ERROR_NO_SUCH_IMAGE,
                         "it is no folder of skopeo's: it holds no file " VERSION_NAME "%s",
                         file_is_there(folder, "oci-layout")    ? "; a layout is written oci:DIR"
                         : file_is_there(folder, "config.json") ? "; a Tart VM directory is "
                                                                  "written vm:DIR"
                                                                : "");
    if (file_read(folder, VERSION_NAME, classes, &content, err) < 0)
        return -1;
    const char *text = bytes_text(&content, err);
    if (text == NULL)
        return -1;
    if (strncmp(text, VERSION_START, strlen(VERSION_START)) != 0)
        return error_set(err, ERROR_LAYOUT_INVALID,
                         VERSION_NAME " does not begin with \"" VERSION_START "\"");
    const char *version = text + strlen(VERSION_START);
    if (strcmp(version, VERSION) != 0)
        return error_set(err, ERROR_UNSUPPORTED, "its version is \"%.20s\", only 1.1 is known",
                         version);
    return 0;
}

/* What skopeo writes for several manifests: an OCI index in the manifest's place. */
static bool is_index(const struct bytes *raw)
{
    AUTO(json_free_auto) struct json *json = NULL;
    struct error ignored;
    return json_parse(raw->data, raw->size, MANIFEST_SIZE_MAX, &json, &ignored) == 0 &&
           (layout_entry_is_index(json) || json_get(json, "manifests") != NULL);
}

static int load(struct dir *dir, struct image *ret, struct error *err)
{
    struct file_classes classes = {.absent = ERROR_LAYOUT_INVALID, .unfit = ERROR_MANIFEST_INVALID};
    struct digest digest;
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    if (check_version(dir->blobs.folder, err) < 0 ||
        file_read(dir->blobs.folder, MANIFEST_NAME, classes, &raw, err) < 0 ||
        digest_of(raw.data, raw.size, &digest, err) < 0)
        return -1;
    if (is_index(&raw))
        return error_set(err, ERROR_UNSUPPORTED,
                         "it holds several manifests; copy the one that is meant, as by "
                         "\"skopeo copy docker://NAME@DIGEST dir:DIR\"");
    return image_from_manifest(&raw, &digest, &dir->blobs.blobs, ret, err);
}

static int dir_load(struct store *store, struct image *ret, struct error *err)
{
    struct dir *dir = (struct dir *)store;
    dir->blobs.folder = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->blobs.folder < 0)
        return error_set_errno(err,
                               errno == ENOENT || errno == ENOTDIR ? ERROR_NO_SUCH_IMAGE : ERROR_IO,
                               errno, KIND " %s cannot be opened", dir->path);
    if (load(dir, ret, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, KIND " %s", dir->path);
    return 0;
}

/* --- as a destination ----------------------------------------------------------------------------
 */

static const struct folder_kind dir_kind = {
    .name = KIND,
    .sign = VERSION_NAME,
    .content = {.names = (const char *const[]){VERSION_NAME, MANIFEST_NAME, NULL}, .blobs = true},
};

static int dir_open_destination(const struct reference *reference,
                                const struct store_options *options, struct store **ret,
                                struct error *err)
{
    AUTO(dir_free) struct dir *dir = NULL;
    if (dir_new(reference, &dir, err) < 0 ||
        new_folder_begin(dir->path, &dir_kind, options->replace, &dir->folder, err) < 0 ||
        file_reopen(dir->folder.temporary.fd, dir->path, &dir->blobs.folder, err) < 0)
        return -1;
    blob_folder_prepare(&dir->blobs, dir->blobs.folder, false);
    dir->store.sink = &dir->blobs.sink;
    dir->store.blobs = &dir->blobs.blobs;
    *ret = &take_ptr(&dir)->store;
    return 0;
}

static int publish(struct dir *dir, const struct bytes *manifest, struct error *err)
{
    if (image_check_blobs(&dir->blobs.sink, manifest, err) < 0 ||
        temporary_write(dir->blobs.folder, MANIFEST_NAME, manifest->data, manifest->size, false,
                        err) < 0 ||
        temporary_write(dir->blobs.folder, VERSION_NAME, VERSION_START VERSION,
                        strlen(VERSION_START VERSION), false, err) < 0)
        return -1;
    return new_folder_put(&dir->folder, err);
}

static int dir_publish(struct store *store, const struct publication *publication,
                       struct error *err)
{
    struct dir *dir = (struct dir *)store;
    if (publish(dir, publication->manifest, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, KIND " %s", dir->path);
    return 0;
}

const struct store_ops dir_store_ops = {
    .open_source = dir_open_source,
    .load = dir_load,
    .open_destination = dir_open_destination,
    .publish = dir_publish,
    .close = dir_close,
};
