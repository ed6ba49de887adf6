/* rawfile.c: raw:, a disk as a file (as a source a block device too), its companions in files that
 * options name.
 *
 * What a kill may leave: .tartconv-XXXXXX beside the file or a companion, which the next run that
 * writes there removes; or, between the last renames, new companions beside the old disk. Must not
 * know what is on the disk. */
#include "convert/stores/disk_out.h"
#include "convert/stores/local_source.h"
#include "convert/stores/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct rawfile {
    struct store store; /* first member */
    char *path, *vm_config_path, *nvram_path;
    /* source */
    struct local_source source;
    /* destination */
    bool replace;
    struct place place, vm_config_place, nvram_place;
    struct temporary temporary; /* of the disk */
    struct disk_out out;
};

static void rawfile_free(struct rawfile **rawfile)
{
    struct rawfile *raw = *rawfile;
    if (raw == NULL)
        return;
    local_source_done(&raw->source);
    temporary_done(&raw->temporary);
    place_done(&raw->place);
    place_done(&raw->vm_config_place);
    place_done(&raw->nvram_place);
    free(raw->path);
    free(raw->vm_config_path);
    free(raw->nvram_path);
    free(raw);
    *rawfile = NULL;
}

static void rawfile_close(struct store *store)
{
    struct rawfile *raw = (struct rawfile *)store;
    rawfile_free(&raw);
}

/* NULL stays NULL. */
static int copy_path(const char *path, char **ret, struct error *err)
{
    *ret = path == NULL ? NULL : strdup(path);
    return path != NULL && *ret == NULL ? error_memory(err) : 0;
}

static int rawfile_new(const struct reference *reference, const struct store_options *options,
                       struct rawfile **ret, struct error *err)
{
    AUTO(rawfile_free) struct rawfile *raw = calloc(1, sizeof *raw);
    if (raw == NULL)
        return error_memory(err);
    raw->store.ops = &rawfile_store_ops;
    raw->replace = options->replace;
    raw->place = raw->vm_config_place = raw->nvram_place = (struct place)PLACE_INIT;
    raw->temporary = (struct temporary)TEMPORARY_INIT;
    local_source_init(&raw->source);
    if (copy_path(reference->path, &raw->path, err) < 0 ||
        copy_path(options->vm_config, &raw->vm_config_path, err) < 0 ||
        copy_path(options->vm_nvram, &raw->nvram_path, err) < 0)
        return -1;
    *ret = take_ptr(&raw);
    return 0;
}

static int rawfile_open_source(const struct reference *reference,
                               const struct store_options *options, struct store **ret,
                               struct error *err)
{
    struct rawfile *raw;
    if (rawfile_new(reference, options, &raw, err) < 0)
        return -1;
    *ret = &raw->store;
    return 0;
}

static int disk_open(const char *path, int *ret_fd, uint64_t *ret_size, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set_errno(err,
                               errno == ENOENT || errno == ENOTDIR ? ERROR_NO_SUCH_FILE : ERROR_IO,
                               errno, "%s cannot be opened", path);
    struct stat stat;
    if (fstat(fd, &stat) < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be looked at", path);
    if (S_ISDIR(stat.st_mode))
        return error_set(err, ERROR_NO_SUCH_FILE,
                         "%s is a folder, no disk; a Tart VM directory is written vm:%s, a layout "
                         "oci:%s",
                         path, path, path);
    if (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode))
        return error_set(err, ERROR_NO_SUCH_FILE, "%s is neither a file nor a block device", path);
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s does not tell its size", path);
    *ret_size = (uint64_t)size;
    *ret_fd = fd_take(&fd);
    return 0;
}

static int rawfile_load(struct store *store, struct image *ret, struct error *err)
{
    struct rawfile *raw = (struct rawfile *)store;
    int fd = -1;
    uint64_t size = 0;
    if (disk_open(raw->path, &fd, &size, err) < 0 ||
        local_source_set_disk(&raw->source, fd, size, raw->path, err) < 0)
        return -1;
    if (raw->vm_config_path != NULL &&
        local_source_add(&raw->source.vm_config, AT_FDCWD, raw->vm_config_path, 0, TART_CONFIG_MAX,
                         err) < 0)
        return error_wrap(err, "vm config");
    if (raw->nvram_path != NULL &&
        local_source_add(&raw->source.nvram, AT_FDCWD, raw->nvram_path, 0, TART_NVRAM_MAX, err) < 0)
        return error_wrap(err, "NVRAM");
    return local_source_load(&raw->source, ret, err);
}

static bool place_same(const struct place *a, const struct place *b)
{
    struct stat stat_a, stat_b;
    return a->folder >= 0 && b->folder >= 0 && strcmp(a->name, b->name) == 0 &&
           fstat(a->folder, &stat_a) == 0 && fstat(b->folder, &stat_b) == 0 &&
           file_same(&stat_a, &stat_b);
}

static int rawfile_open_destination(const struct reference *reference,
                                    const struct store_options *options, struct store **ret,
                                    struct error *err)
{
    AUTO(rawfile_free) struct rawfile *raw = NULL;
    if (rawfile_new(reference, options, &raw, err) < 0 ||
        place_open_file(raw->path, raw->replace, &raw->place, err) < 0 ||
        (raw->vm_config_path != NULL &&
         place_open_file(raw->vm_config_path, raw->replace, &raw->vm_config_place, err) < 0) ||
        (raw->nvram_path != NULL &&
         place_open_file(raw->nvram_path, raw->replace, &raw->nvram_place, err) < 0))
        return -1;
    if (place_same(&raw->place, &raw->vm_config_place) ||
        place_same(&raw->place, &raw->nvram_place) ||
        place_same(&raw->vm_config_place, &raw->nvram_place))
        return error_set(err, ERROR_USAGE, "%s: disk, vm config and NVRAM need a file each",
                         reference->text);
    temporaries_remove(raw->place.folder);
    if (temporary_file(raw->place.folder, &raw->temporary, err) < 0)
        return error_wrap(err, "%s", raw->path);
    disk_out_init(&raw->out, raw->temporary.fd, raw->path);
    raw->store.file = &raw->out.file;
    *ret = &take_ptr(&raw)->store;
    return 0;
}

/* A companion under a temporary name, brought to the disk; nothing where it is not wanted or not
 * there. */
static int companion_write(const struct place *place, const struct bytes *content,
                           struct temporary *ret, struct error *err)
{
    if (place->folder < 0 || content == NULL)
        return 0;
    if (temporary_file(place->folder, ret, err) < 0 ||
        file_write_at(ret->fd, place->name, 0, content->data, content->size, err) < 0)
        return -1;
    return file_sync(ret->fd, place->name, err);
}

static int companion_rename(const struct place *place, struct temporary *temporary, bool replace,
                            struct error *err)
{
    if (temporary->fd < 0)
        return 0;
    if (temporary_rename(temporary, place->folder, place->name, replace, err) < 0)
        return -1;
    return file_sync(place->folder, place->name, err);
}

/* Everything is on the disk before the first rename; the disk itself comes last. */
static int rawfile_publish(struct store *store, const struct publication *publication,
                           struct error *err)
{
    struct rawfile *raw = (struct rawfile *)store;
    AUTO(temporary_done) struct temporary vm_config = TEMPORARY_INIT;
    AUTO(temporary_done) struct temporary nvram = TEMPORARY_INIT;
    if (disk_out_finish(&raw->out, publication->disk_size, err) < 0 ||
        companion_write(&raw->vm_config_place, publication->vm_config, &vm_config, err) < 0 ||
        companion_write(&raw->nvram_place, publication->nvram, &nvram, err) < 0 ||
        companion_rename(&raw->vm_config_place, &vm_config, raw->replace, err) < 0 ||
        companion_rename(&raw->nvram_place, &nvram, raw->replace, err) < 0 ||
        companion_rename(&raw->place, &raw->temporary, raw->replace, err) < 0)
        return error_wrap(err, "%s", raw->path);
    return 0;
}

const struct store_ops rawfile_store_ops = {
    .open_source = rawfile_open_source,
    .load = rawfile_load,
    .open_destination = rawfile_open_destination,
    .publish = rawfile_publish,
    .close = rawfile_close,
};
