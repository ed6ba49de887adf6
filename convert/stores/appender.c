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

/* Writes a whole buffer directly, where the file system takes that; the first try shows it. False:
 * it was not written, and none will be so from now on. */
static bool direct_write(struct appender *appender, const uint8_t *data)
{
    if (appender->written == 0)
        appender->direct = direct_set(appender->fd, true);
    if (!appender->direct)
        return false;
    if (pwrite(appender->fd, data, BUFFER_SIZE, (off_t)appender->written) == BUFFER_SIZE)
        return true;
    /* what really failed is told by the next try, through the page cache */
    direct_set(appender->fd, false);
    appender->direct = false;
    return false;
}

static int piece_write(struct appender *appender, const uint8_t *data, size_t size,
                       struct error *err)
{
    if (size < BUFFER_SIZE && appender->direct) {
        /* the end of the file is no whole piece */
        direct_set(appender->fd, false);
        appender->direct = false;
    }
    if ((size < BUFFER_SIZE || !direct_write(appender, data)) &&
        file_write_at(appender->fd, appender->name, appender->written, data, size, err) < 0)
        return -1;
    appender->written += size;
    return 0;
}

static int buffer_write(struct appender *appender, struct error *err)
{
    size_t size = appender->used;
    appender->used = 0;
    return size == 0 ? 0 : piece_write(appender, appender->buffer, size, err);
}

static bool is_aligned(const uint8_t *data)
{
    return (uintptr_t)data % ALIGNMENT == 0;
}

int appender_write(struct appender *appender, const void *data, size_t size, struct error *err)
{
    const uint8_t *from = data;
    while (size >= BUFFER_SIZE && appender->used == 0 && is_aligned(from)) {
        if (piece_write(appender, from, BUFFER_SIZE, err) < 0)
            return -1;
        from += BUFFER_SIZE;
        size -= BUFFER_SIZE;
    }
    if (size > 0 && appender->buffer == NULL && buffer_make(appender, err) < 0)
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
