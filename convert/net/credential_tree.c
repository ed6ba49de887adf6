/* credential_tree.c: credentials files on the disk, and the many ways in which they name a host.
 * Must not know what an entry holds. */
#include "convert/net/credential_tree.h"

#include "formats/model/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX    (1u << 20)
#define PRINTED_MAX (16u << 20) /* 1 MiB of deeply nested JSON has many spaces */
#define LOCK_STEPS  100         /* of 100 ms */

static void fd_done(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- names ---------------------------------------------------------------------------------------
 */

static const char *const hub_names[] = {"docker.io", "index.docker.io", "registry-1.docker.io"};
#define HUB_KEY "https://index.docker.io/v1/"

static bool is_hub(const char *host, size_t size)
{
    for (size_t i = 0; i < sizeof hub_names / sizeof hub_names[0]; i++)
        if (strlen(hub_names[i]) == size && strncasecmp(host, hub_names[i], size) == 0)
            return true;
    return false;
}

static bool same_host(const char *a, size_t size, const char *b)
{
    if (strlen(b) == size && strncasecmp(a, b, size) == 0)
        return true;
    return is_hub(a, size) && is_hub(b, strlen(b));
}

bool credential_same_host(const char *a, const char *b)
{
    return same_host(a, strlen(a), b);
}

const char *tree_docker_key(const char *host)
{
    return is_hub(host, strlen(host)) ? HUB_KEY : host;
}

const char *tree_key(const char *path, const char *host)
{
    const char *slash = strrchr(path, '/');
    bool docker = strcmp(slash == NULL ? path : slash + 1, "config.json") == 0;
    return docker ? tree_docker_key(host) : is_hub(host, strlen(host)) ? hub_names[0] : host;
}

bool tree_key_is(const char *key, enum credential_file_kind kind, const char *host)
{
    size_t scheme = strncasecmp(key, "https://", 8) == 0  ? 8
                    : strncasecmp(key, "http://", 7) == 0 ? 7
                                                          : 0;
    const char *name = key + scheme;
    bool cut = scheme > 0 || kind == CREDENTIAL_FILE_DOCKER;
    return same_host(name, cut ? strcspn(name, "/") : strlen(name), host);
}

const char *tree_helper(const struct json *tree, const char *host)
{
    const struct json *helpers = json_get(tree, "credHelpers");
    const char *name = json_string(json_get(helpers, host));
    for (const struct json *member = json_first(helpers); name == NULL && member != NULL;
         member = json_next(member))
        if (tree_key_is(json_key(member), CREDENTIAL_FILE_CONTAINERS, host))
            name = json_string(member);
    return name != NULL && *name != '\0' ? name : NULL;
}

bool tree_remove_host(struct json *auths, const char *host)
{
    bool removed = false;
    struct json *next;
    if (auths == NULL || json_type(auths) != JSON_OBJECT)
        return false;
    for (struct json *member = json_first(auths); member != NULL; member = next) {
        next = json_next(member);
        if (!tree_key_is(json_key(member), CREDENTIAL_FILE_CONTAINERS, host))
            continue;
        json_remove(auths, json_key(member));
        removed = true;
    }
    return removed;
}

/* --- reading -------------------------------------------------------------------------------------
 */

static int read_all(int fd, const char *path, size_t size, struct bytes *ret, struct error *err)
{
    if (secret_bytes_init(ret, size, size, err) < 0)
        return -1;
    while (ret->size < size) {
        ssize_t step = read(fd, ret->data + ret->size, size - ret->size);
        if (step < 0 && errno == EINTR)
            continue;
        if (step < 0)
            return error_set_errno(err, ERROR_SETTINGS, errno, "%s cannot be read", path);
        if (step == 0)
            break;
        ret->size += (size_t)step;
    }
    return 0;
}

static int parse(const char *path, const struct bytes *text, struct json **ret, struct error *err)
{
    AUTO(secret_json_free) struct json *tree = NULL;
    if (text->size == 0) {
        tree = json_new_object();
        if (tree == NULL)
            return error_memory(err);
    } else if (json_parse(text->data, text->size, FILE_MAX, &tree, err) < 0) {
        if (err->class == ERROR_JSON_SYNTAX)
            err->class = ERROR_SETTINGS;
        return error_wrap(err, "%s cannot be read", path);
    }
    if (json_type(tree) != JSON_OBJECT)
        return error_set(err, ERROR_SETTINGS, "%s holds %s, expected an object", path,
                         json_type_name(tree));
    *ret = take_ptr(&tree);
    return 1;
}

int tree_read(const char *path, struct json **ret, struct error *err)
{
    AUTO(secret_bytes_done) struct bytes text;
    AUTO(fd_done) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bytes_init(&text, 0);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) < 0)
        return error_set_errno(err, ERROR_SETTINGS, errno, "%s cannot be read", path);
    if (!S_ISREG(stat.st_mode))
        return error_set(err, ERROR_SETTINGS, "%s is no regular file", path);
    if (stat.st_size > (off_t)FILE_MAX)
        return error_set(err, ERROR_SETTINGS, "%s has %lld bytes, limit %u", path,
                         (long long)stat.st_size, FILE_MAX);
    if (read_all(fd, path, (size_t)stat.st_size, &text, err) < 0)
        return -1;
    return parse(path, &text, ret, err);
}

/* --- changing ------------------------------------------------------------------------------------
 */

static int lock_folder(const char *path, int folder, struct error *err)
{
    static const struct timespec step = {.tv_nsec = 100000000};
    for (int i = 0; i < LOCK_STEPS; i++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return 0; /* a file system without locks is no obstacle */
        nanosleep(&step, NULL);
    }
    return error_set(err, ERROR_LOCKED, "another process has the folder of %s locked", path);
}

/* All folders above the last name. */
static int make_folders(char *path, struct error *err)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int status = mkdir(path, 0700) < 0 && errno != EEXIST ? errno : 0;
        if (status != 0)
            error_set_errno(err, ERROR_DESTINATION, status, "the folder %s cannot be made", path);
        *slash = '/';
        if (status != 0)
            return -1;
    }
    return 0;
}

static int open_folder(const char *path, int *ret, struct error *err)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder =
        slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL)
        return error_memory(err);
    *ret = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "the folder %s cannot be opened",
                               folder);
    return 0;
}

int tree_file_open(const char *path, bool make, struct tree_file *ret, struct error *err)
{
    ret->path = realpath(path, NULL); /* a link stays a link */
    if (ret->path == NULL && !make)
        return error_set_errno(err, errno == ENOENT ? ERROR_NO_SUCH_FILE : ERROR_SETTINGS, errno,
                               "%s cannot be read", path);
    if (ret->path == NULL)
        ret->path = strdup(path);
    if (ret->path == NULL)
        return error_memory(err);
    if ((make && make_folders(ret->path, err) < 0) ||
        open_folder(ret->path, &ret->folder, err) < 0 || lock_folder(path, ret->folder, err) < 0)
        return -1;
    int there = tree_read(ret->path, &ret->tree, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    if (!make)
        return error_set(err, ERROR_NO_SUCH_FILE, "%s is not there", path);
    ret->tree = json_new_object();
    return ret->tree == NULL ? error_memory(err) : 0;
}

void tree_file_done(struct tree_file *file)
{
    free(file->path);
    file->path = NULL;
    secret_json_free(&file->tree);
    fd_done(&file->folder);
}

static int write_all(int fd, const struct bytes *text)
{
    for (size_t done = 0; done < text->size;) {
        ssize_t step = write(fd, text->data + done, text->size - done);
        if (step >= 0)
            done += (size_t)step;
        else if (errno != EINTR)
            return -1;
    }
    return fsync(fd);
}

int tree_file_write(struct tree_file *file, struct error *err)
{
    AUTO(secret_bytes_done) struct bytes text;
    AUTO_FREE char *temporary = NULL;
    if (secret_bytes_init(&text, FILE_MAX, PRINTED_MAX, err) < 0 ||
        json_print(file->tree, JSON_PRETTY, &text, err) < 0)
        return -1;
    if (asprintf(&temporary, "%s.XXXXXX", file->path) < 0) {
        temporary = NULL;
        return error_memory(err);
    }
    AUTO(fd_done) int fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
    if (fd < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "%s cannot be written", file->path);
    if (write_all(fd, &text) == 0 && rename(temporary, file->path) == 0)
        return 0;
    int reason = errno;
    unlink(temporary);
    return error_set_errno(err, ERROR_DESTINATION, reason, "%s cannot be written", file->path);
}
