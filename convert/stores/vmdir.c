/* vmdir.c: vm:, a Tart VM directory or an entry of Tart's cache: config.json, disk.img, nvram.bin
 * in a folder. An entry's manifest.json and .explicitly-pulled are passed over: the files are the
 * image.
 *
 * What a kill may leave: .tartconv-XXXXXX beside the folder: a directory not finished, or the old
 * one just replaced. The next run that writes there removes it. The folder itself is the old one or
 * the new one, whole. Must not know what the files hold. */
#include "convert/stores/disk_out.h"
#include "convert/stores/local_source.h"
#include "convert/stores/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_NAME  "config.json"
#define DISK_NAME    "disk.img"
#define NVRAM_NAME   "nvram.bin"
#define OVERLAY_NAME "overlay.asif"
#define RECORD_NAME  "manifest.json"
#define PULLED_NAME  ".explicitly-pulled"

struct vmdir {
    struct store store; /* first member */
    char *path;
    struct local_source source;
    /* destination */
    bool replace, exchange; /* exchange: a directory is there that gives way */
    struct place place;
    struct temporary temporary; /* the new directory */
    int disk;
    struct disk_out out;
};

static void vmdir_free(struct vmdir **vmdir)
{
    struct vmdir *vm = *vmdir;
    if (vm == NULL)
        return;
    local_source_done(&vm->source);
    fd_close(&vm->disk);
    temporary_done(&vm->temporary);
    place_done(&vm->place);
    free(vm->path);
    free(vm);
    *vmdir = NULL;
}

static void vmdir_close(struct store *store)
{
    struct vmdir *vm = (struct vmdir *)store;
    vmdir_free(&vm);
}

static int vmdir_new(const struct reference *reference, const struct store_options *options,
                     struct vmdir **ret, struct error *err)
{
    AUTO(vmdir_free) struct vmdir *vm = calloc(1, sizeof *vm);
    if (vm == NULL)
        return error_memory(err);
    vm->store.ops = &vmdir_store_ops;
    vm->replace = options->replace;
    vm->disk = -1;
    vm->place = (struct place)PLACE_INIT;
    vm->temporary = (struct temporary)TEMPORARY_INIT;
    local_source_init(&vm->source);
    vm->path = strdup(reference->path);
    if (vm->path == NULL)
        return error_memory(err);
    *ret = take_ptr(&vm);
    return 0;
}

static int vmdir_open_source(const struct reference *reference, const struct store_options *options,
                             struct store **ret, struct error *err)
{
    struct vmdir *vm;
    if (vmdir_new(reference, options, &vm, err) < 0)
        return -1;
    *ret = &vm->store;
    return 0;
}

/* The shapes that newest Tart knows, all but the one with a disk alone refused by name. */
static int check_shape(int folder, struct error *err)
{
    bool disk = file_is_there(folder, DISK_NAME);
    if (file_is_there(folder, OVERLAY_NAME))
        return error_set(err, ERROR_STACKED,
                         disk ? "it holds " DISK_NAME " and " OVERLAY_NAME
                                ", which Tart takes for a broken directory"
                              : "it is a stacked VM: " OVERLAY_NAME " over a base that lies "
                                "elsewhere in Tart's cache; stacked disks are not supported");
    if (disk)
        return 0;
    if (file_is_there(folder, RECORD_NAME))
        return error_set(err, ERROR_STACKED,
                         "it is a record of a stacked image: " RECORD_NAME " without " DISK_NAME
                         ", its disks lie elsewhere in Tart's cache; stacked disks are not "
                         "supported");
    if (file_is_there(folder, "oci-layout"))
        return error_set(err, ERROR_NO_SUCH_IMAGE,
                         "it is no Tart VM directory but an OCI layout; write oci:DIR");
    return error_set(err, ERROR_NO_SUCH_IMAGE,
                     "it is no Tart VM directory: it holds no " DISK_NAME);
}

static int load_files(struct vmdir *vm, int folder, struct image *ret, struct error *err)
{
    struct file_classes classes = {.absent = ERROR_NO_SUCH_FILE, .unfit = ERROR_UNSUPPORTED};
    int fd = -1;
    uint64_t size = 0;
    if (check_shape(folder, err) < 0 ||
        file_open(folder, DISK_NAME, O_NOFOLLOW, classes, &fd, &size, err) < 0 ||
        local_source_set_disk(&vm->source, fd, size, DISK_NAME, err) < 0)
        return -1;
    if (!file_is_there(folder, CONFIG_NAME) || !file_is_there(folder, NVRAM_NAME))
        return error_set(err, ERROR_NO_SUCH_FILE,
                         "it holds no %s; the disk alone can be read as raw:DIR/" DISK_NAME,
                         file_is_there(folder, CONFIG_NAME) ? NVRAM_NAME : CONFIG_NAME);
    if (local_source_add(&vm->source.vm_config, folder, CONFIG_NAME, O_NOFOLLOW, TART_CONFIG_MAX,
                         err) < 0 ||
        local_source_add(&vm->source.nvram, folder, NVRAM_NAME, O_NOFOLLOW, TART_NVRAM_MAX, err) <
            0)
        return -1;
    return local_source_load(&vm->source, ret, err);
}

static int vmdir_load(struct store *store, struct image *ret, struct error *err)
{
    struct vmdir *vm = (struct vmdir *)store;
    AUTO_CLOSE int folder = open(vm->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set_errno(err,
                               errno == ENOENT || errno == ENOTDIR ? ERROR_NO_SUCH_IMAGE : ERROR_IO,
                               errno, "VM directory %s cannot be opened", vm->path);
    if (load_files(vm, folder, ret, err) < 0)
        return error_wrap(err, "VM directory %s", vm->path);
    return 0;
}

/* A mount point cannot be renamed away; better known now than after hours. */
static bool is_mount_point(int parent, const char *name)
{
    struct statx stat;
    return statx(parent, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stat) == 0 &&
           (stat.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 &&
           (stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int exchange(int parent, const char *a, const char *b)
{
    return renameat2(parent, a, parent, b, RENAME_EXCHANGE);
}

/* Whether two folders here can be exchanged in one step: tried with two empty ones. */
static int probe_exchange(int parent, struct error *err)
{
    AUTO(temporary_done) struct temporary a = TEMPORARY_INIT;
    AUTO(temporary_done) struct temporary b = TEMPORARY_INIT;
    if (temporary_folder(parent, &a, err) < 0 || temporary_folder(parent, &b, err) < 0)
        return -1;
    if (exchange(parent, a.name, b.name) < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno,
                               "this file system cannot replace a folder in one step; remove it "
                               "first, or name a new one");
    return 0;
}

/* Looks at a folder that bears the name: only a VM directory without anything else may give way. */
static int check_old(struct vmdir *vm, struct error *err)
{
    static const char *const names[] = {CONFIG_NAME, DISK_NAME,   NVRAM_NAME,
                                        RECORD_NAME, PULLED_NAME, NULL};
    AUTO_CLOSE int folder =
        openat(vm->place.folder, vm->place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT)
        return 0;
    if (folder < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "it cannot be opened as a folder");
    if (is_mount_point(vm->place.folder, vm->place.name))
        return error_set(err, ERROR_DESTINATION,
                         "it is a mount point, which cannot be replaced; name a new folder in it");
    AUTO_FREE char *other = NULL;
    size_t count;
    if (folder_find_other(folder, names, &other, &count, err) < 0)
        return -1;
    vm->exchange = count > 0;
    if (other != NULL)
        return error_set(err, vm->replace ? ERROR_DESTINATION : ERROR_EXISTS,
                         "it is there already and holds %s, which is not ours to remove; name a "
                         "new folder",
                         other);
    if (count > 0 && !file_is_there(folder, DISK_NAME))
        return error_set(err, ERROR_DESTINATION, "it is there already and is no VM directory");
    if (count > 0 && !vm->replace)
        return error_set(err, ERROR_EXISTS, "it is there already; --replace replaces it");
    return vm->exchange ? probe_exchange(vm->place.folder, err) : 0;
}

static int begin(struct vmdir *vm, struct error *err)
{
    if (check_old(vm, err) < 0)
        return -1;
    temporaries_remove(vm->place.folder);
    if (temporary_folder(vm->place.folder, &vm->temporary, err) < 0)
        return -1;
    vm->disk = openat(vm->temporary.fd, DISK_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (vm->disk < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, DISK_NAME " cannot be made");
    disk_out_init(&vm->out, vm->disk, DISK_NAME);
    vm->store.file = &vm->out.file;
    return 0;
}

static int vmdir_open_destination(const struct reference *reference,
                                  const struct store_options *options, struct store **ret,
                                  struct error *err)
{
    AUTO(vmdir_free) struct vmdir *vm = NULL;
    if (vmdir_new(reference, options, &vm, err) < 0 ||
        place_open(reference->path, &vm->place, err) < 0)
        return -1;
    if (begin(vm, err) < 0)
        return error_wrap(err, "VM directory %s", vm->path);
    *ret = &take_ptr(&vm)->store;
    return 0;
}

/* The new directory takes the name; the old one, now under the temporary's, goes away. */
static int put_in_place(struct vmdir *vm, struct error *err)
{
    if (!vm->exchange)
        return temporary_rename(&vm->temporary, vm->place.folder, vm->place.name, true, err);
    AUTO_CLOSE int old =
        openat(vm->place.folder, vm->place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (old < 0 || exchange(vm->place.folder, vm->temporary.name, vm->place.name) < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "it cannot be replaced");
    folder_remove(vm->place.folder, vm->temporary.name, old);
    vm->temporary.name[0] = '\0';
    return 0;
}

static int publish_files(struct vmdir *vm, const struct publication *publication, struct error *err)
{
    if (publication->vm_config == NULL || publication->nvram == NULL)
        return error_set(err, ERROR_USAGE,
                         "it needs a vm config and an NVRAM, and the source has no %s",
                         publication->vm_config == NULL ? "vm config" : "NVRAM");
    if (disk_out_finish(&vm->out, publication->disk_size, err) < 0 ||
        temporary_write(vm->temporary.fd, CONFIG_NAME, publication->vm_config->data,
                        publication->vm_config->size, false, err) < 0 ||
        temporary_write(vm->temporary.fd, NVRAM_NAME, publication->nvram->data,
                        publication->nvram->size, false, err) < 0 ||
        file_sync(vm->temporary.fd, vm->path, err) < 0 || put_in_place(vm, err) < 0)
        return -1;
    return file_sync(vm->place.folder, vm->path, err);
}

static int vmdir_publish(struct store *store, const struct publication *publication,
                         struct error *err)
{
    struct vmdir *vm = (struct vmdir *)store;
    if (publish_files(vm, publication, err) < 0)
        return error_wrap(err, "VM directory %s", vm->path);
    return 0;
}

const struct store_ops vmdir_store_ops = {
    .open_source = vmdir_open_source,
    .load = vmdir_load,
    .open_destination = vmdir_open_destination,
    .publish = vmdir_publish,
    .close = vmdir_close,
};
