/* appender.c: one buffer between small writes and a file. Must not know what is written. */
#include "convert/stores/appender.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (1u << 20)
#define ALIGNMENT   4096u /* what direct writes need at most, of memory, offset and size */

static bool direct_set(int fd, bool direct)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

void appender_init(struct appender *appender, int fd, const char *name)
{
    *appender = (struct appender){.fd = fd, .name = name};
}

void appender_done(struct appender *appender)
{
    free(appender->buffer);
    appender->buffer = NULL;
}

static int buffer_make(struct appender *appender, struct error *err)
{
    void *buffer;
    if (posix_memalign(&buffer, ALIGNMENT, BUFFER_SIZE) != 0)
        return error_memory(err);
    appender->buffer = buffer;
    return 0;
}

/* The first piece shows whether the file system takes direct writes; then all whole pieces go so.
 */
static int buffer_write(struct appender *appender, struct error *err)
{
    size_t size = appender->used;
    appender->used = 0;
    if (size == 0)
        return 0;
    if (appender->written == 0 && size == BUFFER_SIZE)
        appender->direct = direct_set(appender->fd, true);
    if (appender->direct && size == BUFFER_SIZE) {
        ssize_t done = pwrite(appender->fd, appender->buffer, size, (off_t)appender->written);
        if (done == (ssize_t)size) {
            appender->written += size;
            return 0;
        }
    }
    /* the end of the file, a file system that takes none after all, or a failure that is told by
     * the next try */
    if (appender->direct)
        direct_set(appender->fd, false);
    appender->direct = false;
    if (file_write_at(appender->fd, appender->name, appender->written, appender->buffer, size,
                      err) < 0)
        return -1;
    appender->written += size;
    return 0;
}

int appender_write(struct appender *appender, const void *data, size_t size, struct error *err)
{
    const uint8_t *from = data;
    if (appender->buffer == NULL && buffer_make(appender, err) < 0)
        return -1;
    while (size > 0) {
        size_t room = BUFFER_SIZE - appender->used;
        size_t step = size < room ? size : room;
        memcpy(appender->buffer + appender->used, from, step);
        appender->used += step;
        from += step;
        size -= step;
        if (appender->used == BUFFER_SIZE && buffer_write(appender, err) < 0)
            return -1;
    }
    return 0;
}

int appender_finish(struct appender *appender, struct error *err)
{
    if (buffer_write(appender, err) < 0)
        return -1;
    if (fdatasync(appender->fd) < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be brought to the disk",
                               appender->name);
    return 0;
}
