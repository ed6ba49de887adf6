/* image_lock.c: locks by target. A lock file that nobody holds is only litter: it is removed by
 * whoever gives the lock back, and one that was removed meanwhile is made anew. */
#include "convert/fleet/image_lock.h"

#include "convert/engine/state.h"
#include "convert/stores/files.h"
#include "formats/model/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct image_lock {
    int fd;
    char *path;
};

#define TRIES 8

/* The state's own path for this key, with another ending. */
static int lock_path(const char *state, const char *target, char **ret, struct error *err)
{
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *path = NULL;
    struct digest key;
    *ret = NULL;
    if (asprintf(&text, "image lock\n%s", target) < 0) {
        text = NULL;
        return error_memory(err);
    }
    if (digest_of(text, strlen(text), &key, err) < 0 || state_path(state, &key, &path, err) < 0)
        return -1;
    if (path != NULL && asprintf(ret, "%s.lock", path) < 0) {
        *ret = NULL;
        return error_memory(err);
    }
    return 0;
}

static int refuse(int fd, const char *target, struct error *err)
{
    char pid[32] = "";
    ssize_t size = pread(fd, pid, sizeof pid - 1, 0);
    pid[size > 0 ? size : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return error_set(err, ERROR_LOCKED, "%s: %s%s is working on it; it can be tried again later",
                     target, pid[0] != '\0' ? "process " : "another process", pid);
}

/* 1: locked, and still what the path leads to; 0: it was removed meanwhile; -1. */
static int lock_take(const char *path, const char *target, int *ret, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, ERROR_IO, errno, "the lock %s cannot be made", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? refuse(fd, target, err)
                   : error_set_errno(err, ERROR_IO, errno, "the lock %s cannot be taken", path);
    struct stat mine, there;
    if (fstat(fd, &mine) < 0 || stat(path, &there) < 0 || !file_same(&mine, &there))
        return 0;
    char pid[32];
    int size = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)size, 0) != size)
        return error_set_errno(err, ERROR_IO, errno, "the lock %s cannot be written", path);
    *ret = fd_take(&fd);
    return 1;
}

int image_lock(const char *state, const char *target, struct image_lock **ret, struct error *err)
{
    AUTO_FREE char *path = NULL;
    *ret = NULL;
    if (lock_path(state, target, &path, err) < 0)
        return -1;
    if (path == NULL)
        return 0;
    struct image_lock *lock = calloc(1, sizeof *lock);
    if (lock == NULL)
        return error_memory(err);
    int status = 0;
    for (int tries = 0; status == 0 && tries < TRIES; tries++)
        status = lock_take(path, target, &lock->fd, err);
    if (status == 1) {
        lock->path = take_ptr(&path);
        *ret = lock;
        return 0;
    }
    free(lock);
    return status < 0 ? -1
                      : error_set(err, ERROR_LOCKED,
                                  "%s: other processes take turns at it; it can "
                                  "be tried again later",
                                  target);
}

void image_lock_sweep(const char *state, const char *target)
{
    AUTO_FREE char *path = NULL;
    struct image_lock *lock;
    struct error ignored;
    if (lock_path(state, target, &path, &ignored) == 0 && path != NULL && access(path, F_OK) == 0 &&
        image_lock(state, target, &lock, &ignored) == 0)
        image_unlock(lock);
}

struct image_lock *image_unlock(struct image_lock *lock)
{
    if (lock == NULL)
        return NULL;
    unlink(lock->path);
    close(lock->fd);
    free(lock->path);
    free(lock);
    return NULL;
}
