/* file_blob.c: blobs over files. Must not know where the file lies or what it is. */
#include "convert/stores/file_blob.h"

#include "convert/stores/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE_SIZE (256u << 10)

struct file_blob {
    struct blob blob;
    int fd;
    char *name;
    uint64_t base;     /* in the file, of the blob's first byte */
    uint64_t position; /* in the blob, of the next piece */
    uint8_t *buffer;   /* PIECE_SIZE, made by the first peek */
    size_t start, end; /* what of the buffer is not yet skipped */
};

static int file_blob_peek(struct blob *blob, const uint8_t **ret_data, size_t *ret_size,
                          struct error *err)
{
    struct file_blob *file = (struct file_blob *)blob;
    if (file->start == file->end) {
        uint64_t left = blob->size - file->position;
        if (left == 0)
            return 0;
        if (file->buffer == NULL && (file->buffer = malloc(PIECE_SIZE)) == NULL)
            return error_memory(err);
        size_t size = left < PIECE_SIZE ? (size_t)left : PIECE_SIZE;
        if (file_read_at(file->fd, file->name, file->base + file->position, file->buffer, size,
                         err) < 0)
            return -1;
        file->position += size;
        file->start = 0;
        file->end = size;
    }
    *ret_data = file->buffer + file->start;
    *ret_size = file->end - file->start;
    return 1;
}

static void file_blob_skip(struct blob *blob, size_t size)
{
    ((struct file_blob *)blob)->start += size;
}

static int file_blob_read_at(struct blob *blob, uint64_t offset, void *data, size_t size,
                             struct error *err)
{
    struct file_blob *file = (struct file_blob *)blob;
    return file_read_at(file->fd, file->name, file->base + offset, data, size, err);
}

/* From offset to where the kernel says; a file that became shorter must not pass for one with a
 * hole at its end. */
static int file_blob_map(struct blob *blob, uint64_t offset, uint64_t *ret_length, bool *ret_hole,
                         struct error *err)
{
    struct file_blob *file = (struct file_blob *)blob;
    off_t start = (off_t)(file->base + offset);
    off_t end = (off_t)(file->base + blob->size);
    off_t data = lseek(file->fd, start, SEEK_DATA);
    *ret_hole = data > start || (data < 0 && errno == ENXIO);
    if (data > start && data < end)
        end = data;
    if (data < 0 && errno == ENXIO && lseek(file->fd, 0, SEEK_END) < end)
        return error_set(err, ERROR_IO, "%s has become shorter than %llu bytes", file->name,
                         (unsigned long long)end);
    if (data == start) {
        off_t hole = lseek(file->fd, data, SEEK_HOLE);
        if (hole > data && hole < end)
            end = hole;
    }
    *ret_length = (uint64_t)(end - start);
    return 0;
}

static void file_blob_close(struct blob *blob)
{
    struct file_blob *file = (struct file_blob *)blob;
    fd_close(&file->fd);
    free(file->name);
    free(file->buffer);
    free(file);
}

static const struct blob_ops file_blob_ops = {
    .peek = file_blob_peek,
    .skip = file_blob_skip,
    .read_at = file_blob_read_at,
    .map = file_blob_map,
    .close = file_blob_close,
};

int file_blob_new(int fd, uint64_t size, const char *name, struct blob **ret, struct error *err)
{
    return file_blob_new_part(fd, 0, size, name, ret, err);
}

int file_blob_new_part(int fd, uint64_t offset, uint64_t size, const char *name, struct blob **ret,
                       struct error *err)
{
    AUTO_CLOSE int taken = fd;
    AUTO_FREE char *copy = strdup(name);
    AUTO_FREE struct file_blob *file = calloc(1, sizeof *file);
    if (copy == NULL || file == NULL)
        return error_memory(err);
    (void)posix_fadvise(fd, (off_t)offset, (off_t)size, POSIX_FADV_SEQUENTIAL);
    file->blob = (struct blob){.ops = &file_blob_ops, .size = size};
    file->base = offset;
    file->fd = fd_take(&taken);
    file->name = take_ptr(&copy);
    *ret = &take_ptr(&file)->blob;
    return 0;
}
