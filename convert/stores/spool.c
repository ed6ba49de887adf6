/* spool.c: bytes that wait: in pieces of memory as long as the shared budget has some, from then on
 * in a file that nobody can see. A part's first `flushed` bytes are in its file, the rest in its
 * pieces: a part that has moved keeps one piece at most, to write large runs. Must not know what
 * the bytes are. */
#include "convert/stores/spool.h"

#include "convert/stores/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PIECE_SIZE (256u << 10)
#define FILE_NAME  "a temporary file"

struct spool {
    char *path;
    int folder;
    atomic_uint_fast64_t pieces_left;
};

struct spool_part {
    struct spool *spool;
    uint64_t size, flushed;
    uint8_t **pieces;
    size_t piece_count, piece_capacity;
    int fd; /* -1: all is in memory */
};

static void spool_free_auto(struct spool **spool)
{
    if (*spool == NULL)
        return;
    fd_close(&(*spool)->folder);
    free((*spool)->path);
    free(*spool);
    *spool = NULL;
}

struct spool *spool_free(struct spool *spool)
{
    spool_free_auto(&spool);
    return NULL;
}

struct spool *spool_new(const char *tmpdir, uint64_t memory, struct error *err)
{
    const char *path = tmpdir != NULL ? tmpdir : getenv("TMPDIR");
    if (path == NULL || *path == '\0')
        path = "/var/tmp";
    AUTO(spool_free_auto) struct spool *spool = calloc(1, sizeof *spool);
    if (spool == NULL) {
        error_memory(err);
        return NULL;
    }
    spool->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->folder < 0) {
        error_set_errno(
            err, errno == ENOENT || errno == ENOTDIR ? ERROR_NO_SUCH_FILE : ERROR_IO, errno,
            "the folder for temporaries %s cannot be opened (--tmpdir names another)", path);
        return NULL;
    }
    spool->path = strdup(path);
    if (spool->path == NULL) {
        error_memory(err);
        return NULL;
    }
    atomic_init(&spool->pieces_left, memory / PIECE_SIZE);
    return take_ptr(&spool);
}

int spool_check_space(struct spool *spool, uint64_t bytes, struct error *err)
{
    struct statvfs stat;
    if (bytes > 0 && faccessat(spool->folder, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return error_set_errno(err, ERROR_IO, errno,
                               "the folder for temporaries %s cannot be written (--tmpdir names "
                               "another)",
                               spool->path);
    if (fstatvfs(spool->folder, &stat) < 0)
        return error_set_errno(err, ERROR_IO, errno,
                               "the folder for temporaries %s cannot be looked at", spool->path);
    uint64_t free_bytes;
    if (__builtin_mul_overflow((uint64_t)stat.f_bavail, (uint64_t)stat.f_frsize, &free_bytes) ||
        free_bytes >= bytes)
        return 0;
    return error_set(err, ERROR_IO,
                     "the folder for temporaries %s has %llu bytes free, up to %llu may be needed: "
                     "name another with --tmpdir",
                     spool->path, (unsigned long long)free_bytes, (unsigned long long)bytes);
}

/* --- memory --- */

static bool budget_take(struct spool *spool)
{
    uint_fast64_t left = atomic_load(&spool->pieces_left);
    while (left > 0)
        if (atomic_compare_exchange_weak(&spool->pieces_left, &left, left - 1))
            return true;
    return false;
}

/* 1: the part has one piece more; 0: the budget is used up; -1. */
static int piece_add(struct spool_part *part, struct error *err)
{
    if (part->piece_count == part->piece_capacity) {
        size_t capacity = part->piece_capacity == 0 ? 16 : part->piece_capacity * 2;
        uint8_t **pieces = reallocarray(part->pieces, capacity, sizeof *pieces);
        if (pieces == NULL)
            return error_memory(err);
        part->pieces = pieces;
        part->piece_capacity = capacity;
    }
    if (!budget_take(part->spool))
        return 0;
    uint8_t *piece = malloc(PIECE_SIZE);
    if (piece == NULL) {
        atomic_fetch_add(&part->spool->pieces_left, 1);
        return error_memory(err);
    }
    part->pieces[part->piece_count++] = piece;
    return 1;
}

static void pieces_drop(struct spool_part *part, size_t keep)
{
    while (part->piece_count > keep) {
        free(part->pieces[--part->piece_count]);
        atomic_fetch_add(&part->spool->pieces_left, 1);
    }
}

/* --- file --- */

static int file_failed(const struct spool_part *part, struct error *err)
{
    if (err->class != ERROR_MEMORY)
        err->class = ERROR_IO;
    return error_wrap(err, "the spool in %s (--tmpdir names another folder)", part->spool->path);
}

static int file_make(struct spool_part *part, struct error *err)
{
    part->fd = openat(part->spool->folder, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (part->fd >= 0)
        return 0;
    /* Kernels and file systems without nameless files say so in several ways; a real reason comes
     * up again. */
    struct temporary named;
    if (temporary_file(part->spool->folder, &named, err) < 0)
        return file_failed(part, err);
    unlinkat(part->spool->folder, named.name, 0);
    part->fd = fd_take(&named.fd);
    return 0;
}

static int file_append(struct spool_part *part, const void *data, size_t size, struct error *err)
{
    if (file_write_at(part->fd, FILE_NAME, part->flushed, data, size, err) < 0)
        return file_failed(part, err);
    part->flushed += size;
    return 0;
}

static int flush(struct spool_part *part, struct error *err)
{
    if (part->fd < 0 && file_make(part, err) < 0)
        return -1;
    /* All are full. A failure in the middle leaves the part unreadable, but nobody goes on with it.
     */
    for (size_t i = 0; i < part->piece_count; i++)
        if (file_append(part, part->pieces[i], PIECE_SIZE, err) < 0)
            return -1;
    pieces_drop(part, 1);
    return 0;
}

/* --- parts --- */

struct spool_part *spool_open(struct spool *spool, struct error *err)
{
    struct spool_part *part = calloc(1, sizeof *part);
    if (part == NULL) {
        error_memory(err);
        return NULL;
    }
    part->spool = spool;
    part->fd = -1;
    return part;
}

/* Room behind the last byte: *ret 0 where the bytes are to go straight to the file. */
static int make_room(struct spool_part *part, size_t *ret, struct error *err)
{
    *ret = (size_t)(part->flushed + part->piece_count * (uint64_t)PIECE_SIZE - part->size);
    if (*ret > 0)
        return 0;
    int added = part->fd < 0 ? piece_add(part, err) : 0;
    if (added < 0 || (added == 0 && flush(part, err) < 0))
        return -1;
    *ret = part->piece_count == 0 ? 0 : PIECE_SIZE;
    return 0;
}

int part_write(struct spool_part *part, const void *data, size_t size, struct error *err)
{
    const uint8_t *bytes = data;
    uint64_t end;
    if (!add_sizes(part->size, size, &end))
        return error_set(err, ERROR_INTERNAL, "a spooled blob would pass the largest size");
    while (size > 0) {
        size_t room, step = size;
        if (make_room(part, &room, err) < 0)
            return -1;
        if (room == 0) {
            if (file_append(part, bytes, size, err) < 0)
                return -1;
        } else {
            uint64_t place = part->size - part->flushed;
            step = size < room ? size : room;
            /* room never spans pieces: it is what the last one has left */
            memcpy(part->pieces[place / PIECE_SIZE] + place % PIECE_SIZE, bytes, step);
        }
        part->size += step;
        bytes += step;
        size -= step;
    }
    return 0;
}

uint64_t part_size(const struct spool_part *part)
{
    return part->size;
}

static void read_pieces(const struct spool_part *part, uint64_t place, uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t skip = (size_t)(place % PIECE_SIZE);
        size_t step = size < PIECE_SIZE - skip ? size : PIECE_SIZE - skip;
        memcpy(data, part->pieces[place / PIECE_SIZE] + skip, step);
        place += step;
        data += step;
        size -= step;
    }
}

int part_read(struct spool_part *part, uint64_t offset, void *data, size_t size, struct error *err)
{
    uint64_t end;
    if (!add_sizes(offset, size, &end) || end > part->size)
        return error_set(err, ERROR_INTERNAL, "a spooled blob is read beyond its end");
    uint8_t *bytes = data;
    if (offset < part->flushed) {
        uint64_t there = part->flushed - offset;
        size_t step = size < there ? size : (size_t)there;
        if (file_read_at(part->fd, FILE_NAME, offset, bytes, step, err) < 0)
            return file_failed(part, err);
        offset += step;
        bytes += step;
        size -= step;
    }
    if (size > 0)
        read_pieces(part, offset - part->flushed, bytes, size);
    return 0;
}

int part_file(struct spool_part *part, struct error *err)
{
    return flush(part, err) < 0 ? -1 : part->fd;
}

struct spool_part *part_close(struct spool_part *part)
{
    if (part == NULL)
        return NULL;
    pieces_drop(part, 0);
    fd_close(&part->fd);
    free(part->pieces);
    free(part);
    return NULL;
}
