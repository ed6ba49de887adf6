/* state_file.c: records in a file: written whole or cut off, and checked when read. Must not know
 * what is in them.
 */
#include "convert/engine/state_file.h"

#include "formats/model/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MAGIC         "tartconv state 1"
#define MAGIC_SIZE    16u
#define OWNER_SIZE    112u
#define PREAMBLE_SIZE (MAGIC_SIZE + OWNER_SIZE)
#define SUM_SIZE      16u
#define FRAME_SIZE    (8u + SUM_SIZE)
#define OPEN_TRIES    10

/* --- records --- */

static int record_sum(const uint8_t *record, size_t size, uint8_t sum[SUM_SIZE], struct error *err)
{
    struct digest digest;
    if (digest_of(record, size, &digest, err) < 0)
        return -1;
    memcpy(sum, digest.bytes, SUM_SIZE);
    return 0;
}

static int record_make(uint32_t type, const void *data, size_t size, struct bytes *ret,
                       struct error *err)
{
    uint8_t frame[8], sum[SUM_SIZE];
    bytes_init(ret, STATE_RECORD_MAX + FRAME_SIZE);
    store_le32(frame, (uint32_t)size);
    store_le32(frame + 4, type);
    if (bytes_append(ret, frame, sizeof frame, err) < 0 || bytes_append(ret, data, size, err) < 0 ||
        record_sum(ret->data, ret->size, sum, err) < 0)
        return -1;
    return bytes_append(ret, sum, sizeof sum, err);
}

/* Reads the record at `at` of a file of `end` bytes into ret, frame included: 1, 0 where none that
 * is whole is there, -1. */
static int record_read(int fd, const char *name, uint64_t at, uint64_t end, struct bytes *ret,
                       struct error *err)
{
    uint8_t frame[8], sum[SUM_SIZE];
    if (end < at || end - at < FRAME_SIZE)
        return 0;
    if (file_read_at(fd, name, at, frame, sizeof frame, err) < 0)
        return -1;
    size_t size = load_le32(frame);
    if (size > STATE_RECORD_MAX || size > end - at - FRAME_SIZE)
        return 0;
    AUTO_FREE uint8_t *record = malloc(size + FRAME_SIZE);
    if (record == NULL)
        return error_memory(err);
    if (file_read_at(fd, name, at, record, size + FRAME_SIZE, err) < 0 ||
        record_sum(record, size + 8, sum, err) < 0)
        return -1;
    if (memcmp(record + size + 8, sum, SUM_SIZE) != 0 || load_le32(record) != size)
        return 0;
    bytes_init(ret, STATE_RECORD_MAX + FRAME_SIZE);
    return bytes_append(ret, record, size + FRAME_SIZE, err) < 0 ? -1 : 1;
}

static struct state_record record_of(const struct bytes *bytes, uint64_t at)
{
    return (struct state_record){.type = load_le32(bytes->data + 4),
                                 .at = at,
                                 .data = bytes->data + 8,
                                 .size = bytes->size - FRAME_SIZE};
}

/* --- opening --- */

static int locked_error(const struct state_file *file, struct error *err)
{
    char owner[OWNER_SIZE + 1] = "";
    ssize_t size = pread(file->fd, owner, OWNER_SIZE, MAGIC_SIZE);
    owner[size < 0 ? 0 : (size_t)size] = '\0';
    return error_set(err, ERROR_LOCKED, "another run works on this conversion (%s): %s",
                     owner[0] != '\0' ? owner : "it has just begun", file->path);
}

/* Opens and locks whatever bears the name. A run that ends removes its file while others wait for
 * it: then once more. */
static int file_take(struct state_file *file, struct error *err)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        fd_close(&file->fd);
        file->fd = openat(file->place.folder, file->place.name,
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        struct stat stat;
        if (file->fd < 0 || fstat(file->fd, &stat) < 0)
            return error_set_errno(err, ERROR_IO, errno, "the state file %s cannot be opened",
                                   file->path);
        if (!S_ISREG(stat.st_mode) || stat.st_uid != geteuid())
            return error_set(err, ERROR_EXISTS, "%s is no file of ours: name another with --state",
                             file->path);
        if (flock(file->fd, LOCK_EX | LOCK_NB) < 0)
            return errno == EWOULDBLOCK
                       ? locked_error(file, err)
                       : error_set_errno(err, ERROR_IO, errno, "the state file %s cannot be locked",
                                         file->path);
        if (file_is_named(file->fd, file->place.folder, file->place.name)) {
            file->end = (uint64_t)stat.st_size;
            return 0;
        }
    }
    return error_set(err, ERROR_LOCKED, "the state file %s comes and goes", file->path);
}

/* Writes the preamble and the head. */
static int file_begin(struct state_file *file, const struct bytes *head, struct error *err)
{
    uint8_t preamble[PREAMBLE_SIZE] = {0};
    memcpy(preamble, MAGIC, MAGIC_SIZE);
    if (ftruncate(file->fd, 0) < 0)
        return error_set_errno(err, ERROR_IO, errno, "the state file %s cannot be written",
                               file->path);
    if (file_write_at(file->fd, file->path, 0, preamble, sizeof preamble, err) < 0)
        return -1;
    file->end = PREAMBLE_SIZE;
    return state_file_append(file, STATE_RECORD_HEAD, head->data, head->size, true, NULL, err);
}

/* 1: the file begins with this head; 0: it is new, or was killed while it was made; -1. */
static int head_judge(struct state_file *file, const struct bytes *head, bool restart,
                      struct error *err)
{
    uint8_t magic[MAGIC_SIZE];
    size_t size = file->end < MAGIC_SIZE ? (size_t)file->end : MAGIC_SIZE;
    if (file_read_at(file->fd, file->path, 0, magic, size, err) < 0)
        return -1;
    if (memcmp(magic, MAGIC, size) != 0)
        return error_set(err, ERROR_EXISTS,
                         "%s is there and is no state file: name another with --state", file->path);
    AUTO(bytes_done) struct bytes record;
    bytes_init(&record, 0);
    int found = record_read(file->fd, file->path, PREAMBLE_SIZE, file->end, &record, err);
    if (found < 0)
        return -1;
    struct state_record there = {.size = 0};
    if (found == 1)
        there = record_of(&record, PREAMBLE_SIZE);
    if (found == 1 && there.type == STATE_RECORD_HEAD && there.size == head->size &&
        memcmp(there.data, head->data, head->size) == 0)
        return 1;
    if (restart || (found == 0 && file->end < PREAMBLE_SIZE + FRAME_SIZE + head->size))
        return 0;
    if (found == 1)
        return error_set(err, ERROR_EXISTS,
                         "the state file %s belongs to another conversion: name another with "
                         "--state, or give it up with --restart",
                         file->path);
    return error_set(err, ERROR_IO, "the state file %s is damaged: begin anew with --restart",
                     file->path);
}

static int owner_write(struct state_file *file, struct error *err)
{
    char owner[OWNER_SIZE] = "", host[65] = "";
    gethostname(host, sizeof host - 1);
    snprintf(owner, sizeof owner, "pid %ld on %s", (long)getpid(), host);
    return file_write_at(file->fd, file->path, MAGIC_SIZE, owner, sizeof owner, err);
}

static int file_prepare(struct state_file *file, const struct bytes *head, bool restart,
                        bool *ret_kept, struct error *err)
{
    if (file_take(file, err) < 0)
        return -1;
    int kept = head_judge(file, head, restart, err);
    if (kept < 0 || (kept == 0 && file_begin(file, head, err) < 0))
        return -1;
    *ret_kept = kept == 1;
    /* Locations of uploads are secrets */
    if (fchmod(file->fd, 0600) < 0)
        return error_set_errno(err, ERROR_IO, errno, "the state file %s", file->path);
    return owner_write(file, err);
}

int state_file_open(const char *path, const struct bytes *head, bool restart,
                    struct state_file *ret, bool *ret_kept, struct error *err)
{
    *ret = (struct state_file)STATE_FILE_INIT;
    ret->path = strdup(path);
    if (ret->path == NULL)
        return error_memory(err);
    if (place_open(path, &ret->place, err) < 0 ||
        file_prepare(ret, head, restart, ret_kept, err) < 0) {
        state_file_close(ret);
        if (err->class == ERROR_DESTINATION)
            err->class = ERROR_IO;
        if (err->class == ERROR_IO)
            error_wrap(err, "going on later needs a state file (--no-state does without)");
        return -1;
    }
    return 0;
}

void state_file_close(struct state_file *file)
{
    fd_close(&file->fd); /* and so the lock */
    place_done(&file->place);
    free(file->path);
    *file = (struct state_file)STATE_FILE_INIT;
}

void state_file_remove(struct state_file *file)
{
    if (file->fd >= 0)
        unlinkat(file->place.folder, file->place.name, 0);
    state_file_close(file);
}

/* --- reading and writing --- */

static int cut_off(struct state_file *file, uint64_t end, struct error *err)
{
    if (ftruncate(file->fd, (off_t)end) < 0)
        return error_set_errno(err, ERROR_IO, errno, "the state file %s cannot be shortened",
                               file->path);
    file->end = end;
    return 0;
}

int state_file_read(struct state_file *file,
                    int (*take)(void *context, const struct state_record *record,
                                struct error *err),
                    void *context, struct error *err)
{
    bool head = true;
    for (uint64_t at = PREAMBLE_SIZE;; head = false) {
        AUTO(bytes_done) struct bytes bytes;
        bytes_init(&bytes, 0);
        int status = record_read(file->fd, file->path, at, file->end, &bytes, err);
        if (status == 1 && !head) {
            struct state_record record = record_of(&bytes, at);
            status = take(context, &record, err);
        }
        if (status < 0)
            return -1;
        if (status == 0)
            return at < file->end ? cut_off(file, at, err) : 0;
        at += bytes.size;
    }
}

int state_file_clear(struct state_file *file, struct error *err)
{
    AUTO(bytes_done) struct bytes head;
    bytes_init(&head, 0);
    if (record_read(file->fd, file->path, PREAMBLE_SIZE, file->end, &head, err) < 0)
        return -1;
    return cut_off(file, PREAMBLE_SIZE + head.size, err);
}

int state_file_append(struct state_file *file, uint32_t type, const void *data, size_t size,
                      bool sync, uint64_t *ret_at, struct error *err)
{
    AUTO(bytes_done) struct bytes record;
    if (record_make(type, data, size, &record, err) < 0)
        return -1;
    if (file_write_at(file->fd, file->path, file->end, record.data, record.size, err) < 0) {
        struct error ignored;
        cut_off(file, file->end, &ignored);
        return error_wrap(err, "the state file");
    }
    if (ret_at != NULL)
        *ret_at = file->end;
    file->end += record.size;
    if (sync && fdatasync(file->fd) < 0)
        return error_set_errno(err, ERROR_IO, errno, "the state file %s", file->path);
    return 0;
}

int state_file_load(const struct state_file *file, uint64_t at, struct bytes *ret,
                    struct error *err)
{
    AUTO(bytes_done) struct bytes record;
    bytes_init(&record, 0);
    int status = record_read(file->fd, file->path, at, file->end, &record, err);
    if (status == 0)
        return error_set(err, ERROR_IO,
                         "the state file %s changed since it was opened: begin anew with --restart",
                         file->path);
    return status < 0 ? -1 : bytes_append(ret, record.data + 8, record.size - FRAME_SIZE, err);
}

int state_file_peek(int folder, const char *name, struct bytes *ret, struct error *err)
{
    static const struct file_classes classes = {ERROR_NO_SUCH_FILE, ERROR_NO_SUCH_FILE};
    AUTO_CLOSE int fd = -1;
    uint64_t size;
    uint8_t magic[MAGIC_SIZE];
    if (file_open(folder, name, O_NOFOLLOW, classes, &fd, &size, err) < 0 || size < PREAMBLE_SIZE)
        return 0;
    if (file_read_at(fd, name, 0, magic, sizeof magic, err) < 0)
        return -1;
    AUTO(bytes_done) struct bytes record;
    bytes_init(&record, 0);
    if (memcmp(magic, MAGIC, MAGIC_SIZE) != 0)
        return 0;
    int found = record_read(fd, name, PREAMBLE_SIZE, size, &record, err);
    if (found <= 0 || load_le32(record.data + 4) != STATE_RECORD_HEAD)
        return found < 0 ? -1 : 0;
    return bytes_append(ret, record.data + 8, record.size - FRAME_SIZE, err) < 0 ? -1 : 1;
}
