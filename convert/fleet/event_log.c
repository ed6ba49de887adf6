/* event_log.c: lines appended to a file. Knows no event's members, and reads nothing back.
 */
#include "convert/fleet/event_log.h"

#include "convert/fleet/event_parts.h"
#include "convert/stores/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct event_log {
    int fd;
    char *path;
    char run[EVENT_RUN_SIZE];
    pthread_mutex_t lock; /* of all below */
    bool cut;             /* the last line has no end */
    bool failed;          /* with error, not told yet */
    struct error error;
};

static uint32_t chance(void)
{
    uint32_t value;
    if (getrandom(&value, sizeof value, 0) == sizeof value)
        return value;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec ^ (uint32_t)getpid() << 8;
}

/* --- the file ------------------------------------------------------------------------------------
 */

/* A writer that was killed may have left half a line. */
static int look_at_end(struct event_log *log, struct error *err)
{
    struct stat stat;
    char last;
    if (fstat(log->fd, &stat) < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be looked at", log->path);
    if (!S_ISREG(stat.st_mode))
        return error_set(err, ERROR_DESTINATION, "%s is no regular file, so no log goes there",
                         log->path);
    if (stat.st_size == 0)
        return 0;
    if (pread(log->fd, &last, 1, stat.st_size - 1) != 1)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be read", log->path);
    log->cut = last != '\n';
    return 0;
}

int event_log_open(const char *path, struct event_log **ret, struct error *err)
{
    struct event_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return error_memory(err);
    pthread_mutex_init(&log->lock, NULL); /* cannot fail on Linux */
    log->path = strdup(path);
    /* no FIFO is waited for */
    log->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    int status = 0;
    if (log->path == NULL)
        status = error_memory(err);
    else if (log->fd < 0)
        status =
            error_set_errno(err, ERROR_IO, errno, "the log %s cannot be opened for writing", path);
    else
        status = look_at_end(log, err);
    snprintf(log->run, sizeof log->run, "%08x", chance());
    *ret = status == 0 ? log : event_log_close(log);
    return status;
}

struct event_log *event_log_close(struct event_log *log)
{
    if (log == NULL)
        return NULL;
    fd_close(&log->fd);
    pthread_mutex_destroy(&log->lock);
    free(log->path);
    free(log);
    return NULL;
}

const char *event_log_path(const struct event_log *log)
{
    return log->path;
}

/* --- where it lies -------------------------------------------------------------------------------
 */

/* Every folder of the path that is missing, from its second part on. */
static int folders_make(char *path, struct error *err)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return error_set_errno(err, ERROR_IO, errno,
                                   "the folder %s for logs cannot be made (--log names another "
                                   "place)",
                                   path);
        *slash = '/';
    }
    return 0;
}

int event_log_default_path(char **ret, struct error *err)
{
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool has_base = base != NULL && base[0] == '/'; /* others are ignored, says XDG */
    *ret = NULL;
    if (!has_base && (home == NULL || home[0] != '/'))
        return error_set(err, ERROR_IO,
                         "neither XDG_STATE_HOME nor HOME says where logs are kept; --log names "
                         "a file");
    char when[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
    char *path;
    if (asprintf(&path, "%s%s/tartconv/logs/%s-%08x.jsonl", has_base ? base : home,
                 has_base ? "" : "/.local/state", when, chance()) < 0)
        return error_memory(err);
    if (folders_make(path, err) < 0) {
        free(path);
        return -1;
    }
    *ret = path;
    return 0;
}

/* --- a line --------------------------------------------------------------------------------------
 */

void event_time_print(uint64_t ms, char ret[EVENT_TIME_SIZE])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    snprintf(ret, EVENT_TIME_SIZE, "%.19s.%03uZ", text, (unsigned)(ms % 1000));
}

uint64_t event_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What all events begin with, then the members, in their order. */
static int line_make(const struct event_log *log, const char *event, const struct json *members,
                     struct bytes *ret, struct error *err)
{
    char when[EVENT_TIME_SIZE];
    event_time_print(event_now(), when);
    if (bytes_append_text(ret, "\n", err) < 0 || /* for a line that was cut short */
        bytes_printf(ret, err,
                     "{\"kind\":\"event\",\"version\":1,\"time\":\"%s\",\"run\":\"%s\","
                     "\"event\":\"%s\"",
                     when, log->run, event) < 0)
        return -1;
    size_t start = ret->size;
    if (json_print(members, JSON_PLAIN, ret, err) < 0)
        return -1;
    if (json_first(members) == NULL)
        ret->size = start;
    else
        ret->data[start] = ','; /* in place of its brace */
    return bytes_append_text(ret, json_first(members) == NULL ? "}\n" : "\n", err);
}

/* In one write() where the system takes it; what is left of one that it does not take is no line.
 */
static int append(struct event_log *log, const struct bytes *line, bool sync, struct error *err)
{
    size_t done = log->cut ? 0 : 1;
    bool begun = false;
    while (done < line->size) {
        ssize_t step = write(log->fd, line->data + done, line->size - done);
        if (step < 0 && errno == EINTR)
            continue;
        if (step <= 0) {
            log->cut |= begun;
            return error_set_errno(err, ERROR_IO, step < 0 ? errno : ENOSPC,
                                   "the log %s cannot be written", log->path);
        }
        begun = true;
        done += (size_t)step;
    }
    log->cut = false;
    if (sync && fdatasync(log->fd) < 0)
        return error_set_errno(err, ERROR_IO, errno, "the log %s cannot be synced", log->path);
    return 0;
}

static int write_line(struct event_log *log, const char *event, const struct json *members,
                      bool sync, struct error *err)
{
    AUTO(bytes_done) struct bytes line;
    bytes_init(&line, EVENT_SIZE_MAX);
    if (line_make(log, event, members, &line, err) < 0)
        return error_wrap(err, "the log %s", log->path);
    pthread_mutex_lock(&log->lock);
    int status = 0;
    if (log->failed) {
        log->failed = false;
        *err = log->error;
        status = -1;
    } else
        status = append(log, &line, sync, err);
    pthread_mutex_unlock(&log->lock);
    return status;
}

int event_log_write(struct event_log *log, const char *event, struct json *members, bool sync,
                    struct error *err)
{
    int status = 0;
    if (log != NULL)
        status = members == NULL ? error_memory(err) : write_line(log, event, members, sync, err);
    json_free(members);
    return status;
}

void event_log_note(struct event_log *log, const char *event, struct json *members)
{
    struct error error = ERROR_INIT;
    if (event_log_write(log, event, members, false, &error) == 0)
        return;
    pthread_mutex_lock(&log->lock);
    log->failed = true;
    log->error = error;
    pthread_mutex_unlock(&log->lock);
}
