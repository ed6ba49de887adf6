/* logged.c: what an event log is told of a single image. Does no part of the work. */
#include "convert/cli/logged.h"

#include <time.h>

static uint64_t now_ms(void)
{
    struct timespec now = {.tv_sec = 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int write_begin(const struct logged *logged, struct error *err)
{
    struct json *members = json_new_object(), *images = json_new_array();
    if (images != NULL && json_append(images, json_new_string(logged->image.name), err) < 0)
        images = json_free(images);
    if (members == NULL)
        json_free(images);
    else if (json_set_string(members, "command", logged->image.action, err) < 0 ||
             json_set(members, "images", images, err) < 0)
        members = json_free(members);
    if (event_log_write(logged->log, "run-begin", members, false, err) < 0)
        return -1;
    return event_image_begin(logged->log, &logged->image, err);
}

int logged_begin(const struct options *options, const char *action, struct run *run,
                 struct logged *ret, struct error *err)
{
    const struct reference *source = &options->references[0], *target = &options->references[1];
    *ret = (struct logged){.image = {.name = target->text,
                                     .source = source->text,
                                     .target = target->text,
                                     .action = action},
                           .run = run,
                           .before = run->observer,
                           .begun_ms = now_ms()};
    if (options->log == NULL || options->convert.dry_run)
        return 0;
    if (event_log_open(options->log, &ret->log, err) < 0)
        return error_wrap(err, "--log");
    if (write_begin(ret, err) < 0) {
        ret->log = event_log_close(ret->log);
        return error_wrap(err, "--log");
    }
    event_observer_init(&ret->observer, ret->log, target->text, run->observer);
    run->observer = &ret->observer.observer;
    ret->watch = event_watch(ret->log, target->text);
    return 0;
}

void logged_done(struct logged *logged)
{
    if (logged->log != NULL)
        logged->run->observer = logged->before;
    logged->log = event_log_close(logged->log);
}

static enum image_status status_of(int status, const struct conversion *conversion,
                                   const struct error *error)
{
    if (status < 0)
        return error->class == ERROR_INTERRUPTED || error->class == ERROR_STOPPED ? IMAGE_STOPPED
                                                                                  : IMAGE_FAILED;
    return conversion->normal == NORMAL_ALREADY ? IMAGE_ALREADY : IMAGE_DONE;
}

int logged_end(struct logged *logged, int status, const struct conversion *conversion,
               struct error *err)
{
    if (logged->log == NULL)
        return status;
    struct error error = ERROR_INIT;
    enum image_status became = status_of(status, conversion, err);
    struct json *members = json_new_object();
    if (members != NULL && json_set_uint(members, image_status_name(became), 1, &error) < 0)
        members = json_free(members);
    int written =
        event_image_end(logged->log, &logged->image, became, conversion, status < 0 ? err : NULL,
                        NULL, (double)(now_ms() - logged->begun_ms) / 1000, &error);
    if (written < 0)
        json_free(members);
    else
        written = event_log_write(logged->log, "run-end", members, true, &error);
    logged_done(logged);
    if (status < 0 || written == 0)
        return status;
    *err = error;
    return error_wrap(err, "all else is done");
}
