/* files.h: the few steps on the file system that all local stores share.
 *
 * Names are taken below an open folder, so that nothing moves under us; a link is never followed
 * where O_NOFOLLOW is passed. Messages name the file as it was passed; who knows the folder wraps
 * them.
 *
 * Owner: a file descriptor is closed by fd_close (or AUTO_CLOSE); -1 is none. Threads: no shared
 * state. */
#ifndef CONVERT_STORES_FILES_H
#define CONVERT_STORES_FILES_H

#include "formats/model/auto.h"
#include "formats/model/bytes.h"

#include <sys/stat.h>

void fd_close(int *fd);
#define AUTO_CLOSE AUTO(fd_close)

/* Leaves -1 behind, as take_ptr leaves NULL. */
static inline int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* What a failure means where the file is expected: nothing bears the name; what bears it is no
 * regular file (or a symbolic link, with O_NOFOLLOW) or is too long. All else is ERROR_IO. */
struct file_classes {
    enum error_class absent, unfit;
};

/* Opens a regular file for reading. Never waits (a FIFO). */
int file_open(int folder, const char *name, int flags, struct file_classes classes, int *ret_fd,
              uint64_t *ret_size, struct error *err);
/* The whole of a small regular file to the end of ret, whose limit bounds it; follows no link. */
int file_read(int folder, const char *name, struct file_classes classes, struct bytes *ret,
              struct error *err);
/* Another description of the same file: its own read-ahead, whatever has become of the name. */
int file_reopen(int fd, const char *name, int *ret_fd, struct error *err);

/* Reads or writes exactly that, over interruptions. Written bytes begin their way to the disk
 * whenever 8 MiB are complete, so that the sync at the end is short. */
int file_read_at(int fd, const char *name, uint64_t offset, void *data, size_t size,
                 struct error *err);
int file_write_at(int fd, const char *name, uint64_t offset, const void *data, size_t size,
                  struct error *err);
int file_sync(int fd, const char *name, struct error *err);

/* Waits up to a minute for the folder's (or file's) lock; ERROR_LOCKED then. unlock: flock(fd,
 * LOCK_UN) or close. */
int file_lock(int fd, const char *name, struct error *err);

/* Whether both are the same file or folder, under whatever names. */
static inline bool file_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}
/* Whether the name still leads to this file; whether anything bears the name. Follow no link. */
bool file_is_named(int fd, int folder, const char *name);
bool file_is_there(int folder, const char *name);

/* Where something new is made: the parent folder, open, and the last name of a path. */
struct place {
    int folder; /* -1: none */
    char *name;
};
#define PLACE_INIT                                                                                 \
    {                                                                                              \
        .folder = -1                                                                               \
    }

/* ERROR_DESTINATION where the parent cannot be opened or written, or the path has no last name
 * ("/", "."). */
int place_open(const char *path, struct place *ret, struct error *err);
/* The same for a file, which is looked at: ERROR_EXISTS where one is there and replace was not
 * given, ERROR_DESTINATION where something else is. */
int place_open_file(const char *path, bool replace, struct place *ret, struct error *err);
void place_done(struct place *place);

#endif
