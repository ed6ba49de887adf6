/* disk_out.c: writing a disk as a file. Must not know how the file gets its name. */
#include "convert/stores/disk_out.h"

#include "convert/stores/files.h"

#include <errno.h>
#include <unistd.h>

static int disk_out_write_at(struct disk_file *file, uint64_t offset, const void *data, size_t size,
                             struct error *err)
{
    struct disk_out *out = (struct disk_out *)file;
    return file_write_at(out->fd, out->name, offset, data, size, err);
}

static const struct disk_file_ops disk_out_ops = {
    .write_at = disk_out_write_at,
};

void disk_out_init(struct disk_out *out, int fd, const char *name)
{
    *out = (struct disk_out){.file.ops = &disk_out_ops, .fd = fd, .name = name};
}

int disk_out_finish(struct disk_out *out, uint64_t size, struct error *err)
{
    if (size > INT64_MAX)
        return error_set(err, ERROR_INTERNAL, "%s: no file can have %llu bytes", out->name,
                         (unsigned long long)size);
    if (ftruncate(out->fd, (off_t)size) < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot get its size of %llu bytes",
                               out->name, (unsigned long long)size);
    return file_sync(out->fd, out->name, err);
}
