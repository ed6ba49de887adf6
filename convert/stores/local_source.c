/* local_source.c: blobs and an image over plain files. Must not know where they lie. */
#include "convert/stores/local_source.h"

#include "convert/stores/file_blob.h"
#include "convert/stores/files.h"

#include <string.h>

static bool file_is(const struct local_file *file, const struct blob_id *id)
{
    if (file->fd < 0 || file->id.has_digest != id->has_digest)
        return false;
    return !id->has_digest || digest_equal(&file->id.digest, &id->digest);
}

static int local_blobs_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                            struct error *err)
{
    const struct local_source *source = (const struct local_source *)blobs;
    const struct local_file *const files[] = {&source->disk, &source->vm_config, &source->nvram};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const struct local_file *file = files[i];
        int fd;
        if (!file_is(file, id))
            continue;
        if (file_reopen(file->fd, file->name, &fd, err) < 0)
            return -1;
        return file_blob_new(fd, file->id.size, file->name, ret, err);
    }
    char text[DIGEST_TEXT_SIZE] = "of the disk";
    if (id->has_digest)
        digest_print(&id->digest, text);
    return error_set(err, ERROR_BLOB_MISSING, "blob %s is none of this machine's files", text);
}

static const struct blobs_ops local_blobs_ops = {
    .open = local_blobs_open,
};

void local_source_init(struct local_source *source)
{
    *source = (struct local_source){
        .blobs.ops = &local_blobs_ops, .disk.fd = -1, .vm_config.fd = -1, .nvram.fd = -1};
}

static void local_file_done(struct local_file *file)
{
    fd_close(&file->fd);
    free(file->name);
    file->name = NULL;
}

void local_source_done(struct local_source *source)
{
    local_file_done(&source->disk);
    local_file_done(&source->vm_config);
    local_file_done(&source->nvram);
}

int local_source_set_disk(struct local_source *source, int fd, uint64_t size, const char *name,
                          struct error *err)
{
    source->disk.fd = fd;
    source->disk.id = (struct blob_id){.size = size};
    if (size == 0)
        return error_set(err, ERROR_DISK_EMPTY, "%s has no bytes", name);
    source->disk.name = strdup(name);
    return source->disk.name == NULL ? error_memory(err) : 0;
}

static int local_file_hash(struct local_file *file, struct error *err)
{
    AUTO(hasher_done) struct hasher hasher = {.context = NULL};
    AUTO(blob_close_auto) struct blob *blob = NULL;
    int fd;
    if (hasher_init(&hasher, err) < 0 || file_reopen(file->fd, file->name, &fd, err) < 0 ||
        file_blob_new(fd, file->id.size, file->name, &blob, err) < 0)
        return -1;
    const uint8_t *data;
    size_t size;
    int status;
    while ((status = blob_peek(blob, &data, &size, err)) > 0) {
        hasher_update(&hasher, data, size);
        blob_skip(blob, size);
    }
    if (status < 0 || hasher_final(&hasher, &file->id.digest, err) < 0)
        return -1;
    file->id.has_digest = true;
    return 0;
}

int local_source_add(struct local_file *file, int folder, const char *name, int flags, size_t limit,
                     struct error *err)
{
    struct file_classes classes = {.absent = ERROR_NO_SUCH_FILE, .unfit = ERROR_UNSUPPORTED};
    if (file_open(folder, name, flags, classes, &file->fd, &file->id.size, err) < 0)
        return -1;
    if (file->id.size > limit)
        return error_set(err, ERROR_UNSUPPORTED, "%s has %llu bytes, limit %zu", name,
                         (unsigned long long)file->id.size, limit);
    file->name = strdup(name);
    return file->name == NULL ? error_memory(err) : local_file_hash(file, err);
}

int local_source_load(struct local_source *source, struct image *ret, struct error *err)
{
    struct disk_layer *layer = calloc(1, sizeof *layer);
    if (layer == NULL)
        return error_memory(err);
    layer->blob = source->disk.id;
    layer->length = source->disk.id.size;
    *ret = (struct image){
        .blobs = &source->blobs,
        .disk = {.format = DISK_RAW,
                 .layers = layer,
                 .layer_count = 1,
                 .size = source->disk.id.size,
                 .has_size = true},
        .vm_config = source->vm_config.id,
        .nvram = source->nvram.id,
        .has_vm_config = source->vm_config.fd >= 0,
        .has_nvram = source->nvram.fd >= 0,
    };
    return 0;
}
