/* files.c: opening, reading, writing and locking files for the local stores. Must not know what is
 * in them. */
#include "convert/stores/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define WRITE_BACK_SIZE (8u << 20)
#define LOCK_WAIT_STEPS 600 /* of 100 ms */

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int file_open(int folder, const char *name, int flags, struct file_classes classes, int *ret_fd,
              uint64_t *ret_size, struct error *err)
{
    AUTO_CLOSE int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
    if (fd < 0 && errno == ELOOP)
        return error_set(err, classes.unfit, "%s is a symbolic link, which is not followed here",
                         name);
    if (fd < 0)
        return error_set_errno(err, errno == ENOENT || errno == ENOTDIR ? classes.absent : ERROR_IO,
                               errno, "%s cannot be opened", name);
    struct stat stat;
    if (fstat(fd, &stat) < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be looked at", name);
    if (!S_ISREG(stat.st_mode))
        return error_set(err, classes.unfit, "%s is not a regular file", name);
    *ret_size = (uint64_t)stat.st_size;
    *ret_fd = fd_take(&fd);
    return 0;
}

int file_read(int folder, const char *name, struct file_classes classes, struct bytes *ret,
              struct error *err)
{
    AUTO_CLOSE int fd = -1;
    uint64_t size;
    if (file_open(folder, name, O_NOFOLLOW, classes, &fd, &size, err) < 0)
        return -1;
    if (size > ret->limit - ret->size)
        return error_set(err, classes.unfit, "%s has %llu bytes, limit %zu", name,
                         (unsigned long long)size, ret->limit);
    AUTO_FREE uint8_t *data = malloc((size_t)size + 1);
    if (data == NULL)
        return error_memory(err);
    if (file_read_at(fd, name, 0, data, (size_t)size, err) < 0)
        return -1;
    return bytes_append(ret, data, (size_t)size, err);
}

int file_reopen(int fd, const char *name, int *ret_fd, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDONLY | O_CLOEXEC);
    if (again < 0)
        again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (again < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be opened", name);
    *ret_fd = again;
    return 0;
}

int file_read_at(int fd, const char *name, uint64_t offset, void *data, size_t size,
                 struct error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t step = pread(fd, (uint8_t *)data + done, size - done, (off_t)(offset + done));
        if (step > 0)
            done += (size_t)step;
        else if (step == 0)
            return error_set(err, ERROR_IO, "%s ended at byte %llu, it has become shorter", name,
                             (unsigned long long)(offset + done));
        else if (errno != EINTR)
            return error_set_errno(err, ERROR_IO, errno, "%s cannot be read at byte %llu", name,
                                   (unsigned long long)(offset + done));
    }
    return 0;
}

/* Only advice: a failure shows up in the sync. */
static void begin_write_back(int fd, uint64_t offset, size_t size)
{
    uint64_t first = offset / WRITE_BACK_SIZE * WRITE_BACK_SIZE;
    uint64_t end = (offset + size) / WRITE_BACK_SIZE * WRITE_BACK_SIZE;
    if (end > first)
        (void)sync_file_range(fd, (off_t)first, (off_t)(end - first), SYNC_FILE_RANGE_WRITE);
}

int file_write_at(int fd, const char *name, uint64_t offset, const void *data, size_t size,
                  struct error *err)
{
    uint64_t end;
    if (!add_sizes(offset, size, &end))
        return error_set(err, ERROR_INTERNAL, "%s: a write would pass the largest size", name);
    for (size_t done = 0; done < size;) {
        ssize_t step =
            pwrite(fd, (const uint8_t *)data + done, size - done, (off_t)(offset + done));
        if (step >= 0)
            done += (size_t)step;
        else if (errno != EINTR)
            return error_set_errno(err, ERROR_IO, errno, "%s cannot be written at byte %llu", name,
                                   (unsigned long long)(offset + done));
    }
    begin_write_back(fd, offset, size);
    return 0;
}

int file_sync(int fd, const char *name, struct error *err)
{
    if (fsync(fd) < 0 && errno != EINVAL) /* EINVAL: a file system that cannot sync folders */
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be brought to the disk", name);
    return 0;
}

int file_lock(int fd, const char *name, struct error *err)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    for (int step = 0; step < LOCK_WAIT_STEPS; step++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set_errno(err, ERROR_DESTINATION, errno, "%s cannot be locked", name);
        nanosleep(&pause, NULL);
    }
    return error_set(err, ERROR_LOCKED, "%s is locked by another program for a minute now", name);
}

bool file_is_named(int fd, int folder, const char *name)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           file_same(&opened, &named);
}

bool file_is_there(int folder, const char *name)
{
    return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int place_open(const char *path, struct place *ret, struct error *err)
{
    *ret = (struct place)PLACE_INIT;
    AUTO_FREE char *parent = strdup(path);
    if (parent == NULL)
        return error_memory(err);
    size_t size = strlen(parent);
    while (size > 0 && parent[size - 1] == '/')
        parent[--size] = '\0';
    char *slash = strrchr(parent, '/');
    const char *last = slash == NULL ? parent : slash + 1;
    if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return error_set(err, ERROR_DESTINATION, "%s has no last name that could be made", path);
    AUTO_FREE char *name = strdup(last);
    if (name == NULL)
        return error_memory(err);
    if (slash != NULL)
        slash[slash == parent ? 1 : 0] = '\0';
    const char *shown = slash == NULL ? "." : parent;
    AUTO_CLOSE int folder = open(shown, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "%s: its folder %s cannot be opened",
                               path, shown);
    if (faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "%s: its folder %s cannot be written",
                               path, shown);
    ret->folder = fd_take(&folder);
    ret->name = take_ptr(&name);
    return 0;
}

int place_open_file(const char *path, bool replace, struct place *ret, struct error *err)
{
    if (path[strlen(path) - 1] == '/')
        return error_set(err, ERROR_DESTINATION, "%s names a folder, no file", path);
    if (place_open(path, ret, err) < 0)
        return -1;
    struct stat stat;
    if (fstatat(ret->folder, ret->name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT
                   ? 0
                   : error_set_errno(err, ERROR_DESTINATION, errno, "%s cannot be looked at", path);
    if (!S_ISREG(stat.st_mode))
        return error_set(err, ERROR_DESTINATION,
                         "%s is no regular file; only a file can be replaced", path);
    if (!replace)
        return error_set(err, ERROR_EXISTS, "%s is there already; --replace replaces it", path);
    return 0;
}

void place_done(struct place *place)
{
    fd_close(&place->folder);
    free(place->name);
    place->name = NULL;
}
