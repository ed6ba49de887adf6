/* temporary.c: temporaries and what killed runs left of them. Must not remove anything it cannot
 * tell to be its own. */
#include "convert/stores/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define PREFIX   ".tartconv-"
#define LETTERS  "abcdefghijklmnopqrstuvwxyz234567"
#define RANDOM   6
#define ATTEMPTS 100

bool temporary_is_name(const char *name)
{
    size_t prefix = strlen(PREFIX);
    return strncmp(name, PREFIX, prefix) == 0 && strlen(name) == prefix + RANDOM &&
           strspn(name + prefix, LETTERS) == RANDOM;
}

static int name_make(struct temporary *temporary, struct error *err)
{
    uint8_t random[RANDOM];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return error_set_errno(err, ERROR_IO, errno, "no random bytes for a name");
    size_t prefix = strlen(PREFIX);
    memcpy(temporary->name, PREFIX, prefix);
    for (size_t i = 0; i < RANDOM; i++)
        temporary->name[prefix + i] = LETTERS[random[i] % 32];
    temporary->name[prefix + RANDOM] = '\0';
    return 0;
}

static int open_new(int parent, const char *name, bool folder)
{
    if (!folder)
        return openat(parent, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (mkdirat(parent, name, 0777) < 0)
        return -1;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int reason = errno;
        unlinkat(parent, name, AT_REMOVEDIR);
        errno = reason;
    }
    return fd;
}

static int temporary_new(int parent, bool folder, struct temporary *ret, struct error *err)
{
    *ret = (struct temporary)TEMPORARY_INIT;
    struct temporary made = {.parent = parent};
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (name_make(&made, err) < 0)
            return -1;
        made.fd = open_new(parent, made.name, folder);
        if (made.fd < 0 && errno != EEXIST && errno != ENOENT)
            return error_set_errno(err, ERROR_DESTINATION, errno, "%s cannot be made", made.name);
        if (made.fd < 0)
            continue;
        /* Between making and locking, another run may have taken it for a leftover. A file system
         * without locks is no obstacle: there no run removes anything. */
        bool taken = flock(made.fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
        if (!taken && file_is_named(made.fd, parent, made.name)) {
            *ret = made;
            return 0;
        }
        close(made.fd);
    }
    return error_set(err, ERROR_DESTINATION, "no name for a temporary is free");
}

int temporary_file(int parent, struct temporary *ret, struct error *err)
{
    return temporary_new(parent, false, ret, err);
}

int temporary_folder(int parent, struct temporary *ret, struct error *err)
{
    return temporary_new(parent, true, ret, err);
}

int temporary_rename(struct temporary *temporary, int folder, const char *name, bool replace,
                     struct error *err)
{
    int status;
    if (replace)
        status = renameat(temporary->parent, temporary->name, folder, name);
    else
        status = renameat2(temporary->parent, temporary->name, folder, name, RENAME_NOREPLACE);
    if (status < 0 && !replace && (errno == EINVAL || errno == ENOSYS)) {
        /* No such step on this file system: look, then rename. */
        if (file_is_there(folder, name))
            errno = EEXIST;
        else
            status = renameat(temporary->parent, temporary->name, folder, name);
    }
    if (status < 0 && (errno == EEXIST || errno == ENOTEMPTY))
        return error_set(err, ERROR_EXISTS, "%s is there already", name);
    if (status < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "%s cannot be put in place", name);
    temporary->name[0] = '\0';
    return 0;
}

void temporary_done(struct temporary *temporary)
{
    struct stat stat;
    if (temporary->fd >= 0 && temporary->name[0] != '\0') {
        if (fstat(temporary->fd, &stat) == 0 && S_ISDIR(stat.st_mode))
            folder_remove(temporary->parent, temporary->name, temporary->fd);
        else
            unlinkat(temporary->parent, temporary->name, 0);
    }
    temporary->name[0] = '\0';
    fd_close(&temporary->fd);
}

int temporary_write(int folder, const char *name, const void *data, size_t size, bool replace,
                    struct error *err)
{
    AUTO(temporary_done) struct temporary temporary = TEMPORARY_INIT;
    if (temporary_file(folder, &temporary, err) < 0 ||
        file_write_at(temporary.fd, name, 0, data, size, err) < 0 ||
        file_sync(temporary.fd, name, err) < 0)
        return -1;
    return temporary_rename(&temporary, folder, name, replace, err);
}

static bool is_blob_name(const char *name)
{
    return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

static void names_remove(int folder, bool (*is_one)(const char *name),
                         void (*remove)(int folder, const char *name))
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL) {
        fd_close(&fd);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(stream)) != NULL)
        if (is_one(entry->d_name))
            remove(folder, entry->d_name);
    closedir(stream);
}

/* Opens and locks a leftover; -1 where it is none, or not this user's. */
static int leftover_lock(int folder, const char *name, struct stat *ret_stat)
{
    AUTO_CLOSE int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, ret_stat) < 0 || ret_stat->st_uid != geteuid() ||
        flock(fd, LOCK_EX | LOCK_NB) < 0 || !file_is_named(fd, folder, name))
        return -1;
    return fd_take(&fd);
}

static void leftover_remove_file(int folder, const char *name)
{
    struct stat stat;
    AUTO_CLOSE int fd = leftover_lock(folder, name, &stat);
    if (fd >= 0 && S_ISREG(stat.st_mode))
        unlinkat(folder, name, 0);
}

static void leftover_remove(int folder, const char *name)
{
    struct stat stat;
    AUTO_CLOSE int fd = leftover_lock(folder, name, &stat);
    if (fd >= 0 && S_ISREG(stat.st_mode))
        unlinkat(folder, name, 0);
    if (fd >= 0 && S_ISDIR(stat.st_mode))
        folder_remove(folder, name, fd);
}

static void file_remove(int folder, const char *name)
{
    unlinkat(folder, name, 0);
}

void folder_remove(int parent, const char *name, int folder)
{
    static const char *const files[] = {
        "config.json",        "disk.img",   "nvram.bin",  "manifest.json",
        ".explicitly-pulled", "index.json", "oci-layout", "version",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlinkat(folder, files[i], 0);
    names_remove(folder, temporary_is_name, leftover_remove_file);
    names_remove(folder, is_blob_name, file_remove);
    unlinkat(folder, "blobs/sha256", AT_REMOVEDIR);
    unlinkat(folder, "blobs", AT_REMOVEDIR);
    unlinkat(parent, name, AT_REMOVEDIR);
}

void temporaries_remove(int folder)
{
    names_remove(folder, temporary_is_name, leftover_remove);
}

bool temporary_can_be_nameless(int folder)
{
    struct error ignored;
    struct temporary named = TEMPORARY_INIT;
    AUTO_CLOSE int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (fd < 0 || name_make(&named, &ignored) < 0 || nameless_link(fd, folder, named.name) < 0)
        return false;
    unlinkat(folder, named.name, 0);
    return true;
}

int nameless_link(int fd, int folder, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, folder, name, AT_SYMLINK_FOLLOW);
}

static bool content_has(const struct folder_content *content, const char *name)
{
    if (content->blobs && is_blob_name(name))
        return true;
    for (const char *const *names = content->names; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static void closedir_auto(DIR **stream)
{
    if (*stream != NULL)
        closedir(*stream);
}

int folder_find_other(int folder, const struct folder_content *content, char **ret_other,
                      size_t *ret_count, struct error *err)
{
    *ret_other = NULL;
    *ret_count = 0;
    AUTO_CLOSE int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(closedir_auto) DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL)
        return error_set_errno(err, ERROR_IO, errno, "the folder cannot be read");
    (void)fd_take(&fd); /* the stream's now */
    struct dirent *entry;
    while (errno = 0, (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            temporary_is_name(entry->d_name))
            continue;
        if (content_has(content, entry->d_name)) {
            ++*ret_count;
            continue;
        }
        *ret_other = strdup(entry->d_name);
        return *ret_other == NULL ? error_memory(err) : 0;
    }
    return errno == 0 ? 0 : error_set_errno(err, ERROR_IO, errno, "the folder cannot be read");
}
