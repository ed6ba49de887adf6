/* event_log.h: the log of what happened, JSON lines, one event a line (docs/json.md, kind "event").
 * Written by every sync, by convert, normalise and repair with --log, by switch, rollback and
 * retire; history.h reads it. No secret is in it, and no path of the machine but those that
 * references name; it is the only document that holds a clock.
 *
 *     {"kind":"event","version":1,"time":"2026-11-24T13:30:00.123Z","run":"9f86d081","event":"image-begin",…}
 *
 * A line is written by one write() to a file opened with O_APPEND, so that several processes may
 * share one; a last line that a kill cut short is passed over by readers, and the next writer
 * begins a new line.
 *
 * Owner: event_log_close. Threads: writing from any thread. */
#ifndef CONVERT_FLEET_EVENT_LOG_H
#define CONVERT_FLEET_EVENT_LOG_H

#include "convert/engine/convert.h"
#include "formats/model/json.h"

#define EVENT_SIZE_MAX (68u << 20) /* a proof is the longest */
#define EVENT_RUN_SIZE 9

struct event_log;

/* Makes the file (0600) where it is missing. ERROR_IO; ERROR_DESTINATION where it is no regular
 * file. */
int event_log_open(const char *path, struct event_log **ret, struct error *err);
/* ${XDG_STATE_HOME:-~/.local/state}/tartconv/logs/DATE-TIME-CHANCE.jsonl, its folder made; to be
 * freed. ERROR_IO where neither variable is set. */
int event_log_default_path(char **ret, struct error *err);
struct event_log *event_log_close(struct event_log *log); /* takes NULL; returns NULL */
const char *event_log_path(const struct event_log *log);

/* Appends an event; takes members (an object; NULL: memory ended) over. sync: on the disk when it
 * returns. log NULL: nothing is written, and members are freed. A failure of an observer's event is
 * told by the next call. */
int event_log_write(struct event_log *log, const char *event, struct json *members, bool sync,
                    struct error *err);

/* --- the events of one image, shared by convert --log and sync --- */

enum image_status {
    IMAGE_DONE,    /* made, and its tag written */
    IMAGE_ALREADY, /* done before: nothing had to be done */
    IMAGE_GONE,    /* done before, and its source is gone */
    IMAGE_LEFT,    /* rolled back, or something of another's is there */
    IMAGE_FAILED,
    IMAGE_STOPPED,   /* by a signal, or a registry that went away: to be gone on with */
    IMAGE_NOT_BEGUN, /* by a signal, or its host is paused */
};
#define IMAGE_STATUS_COUNT 7
const char *image_status_name(enum image_status status); /* "done", "already", … */
bool image_status_parse(const char *name, enum image_status *ret);

struct image_event {
    const char *name;                   /* of the image: task_name(); for convert the destination */
    const char *source, *target;        /* references */
    const char *tag;                    /* staged: the tag it is for; NULL */
    const char *action;                 /* "convert", "normalise", "copy", "repair" */
    const struct digest *source_digest; /* NULL: not known */
    uint64_t source_size;               /* bytes of the source's blobs; 0: not known */
    uint64_t disk_size;                 /* 0: not known */
};
int event_image_begin(struct event_log *log, const struct image_event *image, struct error *err);
/* For convert_options.watch: logs the proof, synced, before any tag is written. log NULL: logs
 * nothing. log and name are borrowed. */
struct convert_watch event_watch(struct event_log *log, const char *name);
/* Synced where work was done or failed. conversion: of what ended well, or of what failed, for the
 * bytes it moved; NULL: none. error: with FAILED, STOPPED, and LEFT for another run; else NULL.
 * why: a phrase; NULL or "": none. seconds: of work. */
int event_image_end(struct event_log *log, const struct image_event *image,
                    enum image_status status, const struct conversion *conversion,
                    const struct error *error, const char *why, double seconds, struct error *err);
int event_finding(struct event_log *log, const char *name, const struct finding *finding,
                  struct error *err);

/* An observer that logs progress (at most one a second an image, and its end), warnings, details as
 * "retry" or "detail", and finished chunks; each is handed on to `next` (NULL: nobody). */
struct event_observer {
    struct observer observer;
    struct event_log *log;
    const char *name;
    const struct observer *next;
    uint64_t last_ms;
};
void event_observer_init(struct event_observer *observer, struct event_log *log, const char *name,
                         const struct observer *next);

#endif
