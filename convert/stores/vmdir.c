/* vmdir.c: vm:, a Tart VM directory or an entry of Tart's cache: config.json, disk.img, nvram.bin
 * in a folder. An entry's manifest.json and .explicitly-pulled are passed over: the files are the
 * image.
 *
 * Written as new_folder.h says. Must not know what the files hold. */
#include "convert/stores/disk_out.h"
#include "convert/stores/local_source.h"
#include "convert/stores/new_folder.h"

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
    struct new_folder folder;
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
    new_folder_done(&vm->folder);
    free(vm->path);
    free(vm);
    *vmdir = NULL;
}

static void vmdir_close(struct store *store)
{
    struct vmdir *vm = (struct vmdir *)store;
    vmdir_free(&vm);
}

static int vmdir_new(const struct reference *reference, struct vmdir **ret, struct error *err)
{
    AUTO(vmdir_free) struct vmdir *vm = calloc(1, sizeof *vm);
    if (vm == NULL)
        return error_memory(err);
    vm->store.ops = &vmdir_store_ops;
    vm->disk = -1;
    vm->folder = (struct new_folder)NEW_FOLDER_INIT;
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
    (void)options;
    struct vmdir *vm;
    if (vmdir_new(reference, &vm, err) < 0)
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

static const struct folder_kind vm_directory = {
    .name = "VM directory",
    .sign = DISK_NAME,
    .content = {.names = (const char *const[]){CONFIG_NAME, DISK_NAME, NVRAM_NAME, RECORD_NAME,
                                               PULLED_NAME, NULL}},
};

static int vmdir_open_destination(const struct reference *reference,
                                  const struct store_options *options, struct store **ret,
                                  struct error *err)
{
    AUTO(vmdir_free) struct vmdir *vm = NULL;
    if (vmdir_new(reference, &vm, err) < 0 ||
        new_folder_begin(vm->path, &vm_directory, options->replace, &vm->folder, err) < 0)
        return -1;
    vm->disk =
        openat(vm->folder.temporary.fd, DISK_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (vm->disk < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno,
                               "VM directory %s: " DISK_NAME " cannot be made", vm->path);
    disk_out_init(&vm->out, vm->disk, DISK_NAME);
    vm->store.file = &vm->out.file;
    *ret = &take_ptr(&vm)->store;
    return 0;
}

static int publish_files(struct vmdir *vm, const struct publication *publication, struct error *err)
{
    if (publication->vm_config == NULL || publication->nvram == NULL)
        return error_set(err, ERROR_USAGE,
                         "it needs a vm config and an NVRAM, and the source has no %s",
                         publication->vm_config == NULL ? "vm config" : "NVRAM");
    int folder = vm->folder.temporary.fd;
    if (disk_out_finish(&vm->out, publication->disk_size, err) < 0 ||
        temporary_write(folder, CONFIG_NAME, publication->vm_config->data,
                        publication->vm_config->size, false, err) < 0 ||
        temporary_write(folder, NVRAM_NAME, publication->nvram->data, publication->nvram->size,
                        false, err) < 0)
        return -1;
    return new_folder_put(&vm->folder, err);
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
