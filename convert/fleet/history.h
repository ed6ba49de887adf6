/* history.h: event logs read back: what became of each image, over runs and shards. Lines that are
 * no event of ours are counted and passed over, the same line a second time is not counted again,
 * and later events count over earlier ones, in whatever order the logs are named. Memory is that of
 * the images: of a log only the longest line is held, and where a proof lies.
 *
 * Owner: history_done. Threads: read-only once read. */
#ifndef CONVERT_FLEET_HISTORY_H
#define CONVERT_FLEET_HISTORY_H

#include "convert/engine/proof.h"
#include "convert/fleet/event_log.h"

#define HISTORY_LOGS_MAX   1024u
#define HISTORY_IMAGES_MAX 1000000u

/* What switch and rollback did to a tag. */
struct switched {
    bool begun;       /* event "switching": it was about to be, with what follows */
    bool done;        /* it was switched */
    bool rolled_back; /* … and moved back since */
    bool going_back;  /* event "rolling-back": it was about to be moved back */
    bool had_before;  /* the tag was there before */
    struct digest before, after;
    char *backup_tag; /* where `before` is kept; NULL: nowhere */
    uint64_t time_ms;
};

#define HISTORY_CHUNKS_MAX 16384u /* an image; further ones are not kept */
#define HISTORY_RATES_MAX  512u   /* an image; thinned out where there are more */

struct history_rate { /* bytes of disk done until then, over all attempts */
    uint64_t time_ms, done;
};

struct history_image {
    char *name, *source, *target, *tag, *action; /* as in struct image_event; tag may be NULL */
    bool has_source_digest, has_target_digest;
    struct digest source_digest, target_digest;
    bool has_made_of; /* what target_digest was made of; source_digest may be newer */
    struct digest made_of;
    uint64_t source_size, disk_size, target_size;
    uint64_t bytes_read, bytes_written, bytes_reused; /* over all attempts */
    uint64_t blocks_encoded, blocks_carried;
    bool ended; /* the last attempt has an end */
    enum image_status status;
    bool was_done;                  /* at some time, with target_digest */
    char *class, *text, *fix, *why; /* of an error; NULL. fix: a command (remedy.h) */
    char *method;                   /* "converted", "copied", "rewritten"; NULL */
    char *backup_tag;               /* what a replaced target tag led to; NULL */
    uint64_t begin_ms, end_ms;      /* since 1970, of the last attempt that did something */
    double seconds;                 /* of work, over all attempts */
    unsigned attempts;
    size_t warnings, retries, findings;
    bool salvaged;                           /* what is there is not whole */
    bool has_proof;                          /* of target_digest */
    size_t proof_log;                        /* index of the log, and the line's place in it */
    uint64_t proof_at, proof_size, proof_ms; /* ms: its event's time */
    /* what the last proof says: also where no end tells of it, since the run was killed */
    bool was_proved, has_proved_source;
    struct digest proved_target, proved_source;
    bool proof_complete; /* every chunk decoded or reused; nothing dropped, nothing trusted */
    struct switched switched;
    size_t log;   /* index of the last log that tells of it: where more of it is appended */
    bool retired; /* made_of was deleted */
    struct chunk_told *chunks; /* by offset; of the last attempt that had any */
    size_t chunk_count;
    struct history_rate *rates;
    size_t rate_count;
};

struct history {
    struct history_image *items; /* in the order in which they first come */
    size_t count;
    char **logs; /* by the time of their first event; a file that was named twice once */
    size_t log_count;
    size_t passed_over; /* lines */
    size_t planned;     /* images that runs said they have, over all shards; 0: not known */
    char **untaken;     /* names that a run listed and no log says more of: no shard took them */
    size_t untaken_count;
    unsigned long runs;
    uint64_t begin_ms, end_ms; /* of the first and last event of work; 0: none */
    struct name_table *names;  /* history_find's */
};
void history_done(struct history *history);

/* ERROR_NO_SUCH_FILE, ERROR_LOG_INVALID (something is in a file, and not one event of ours). */
int history_read(const char *const *paths, size_t count, struct history *ret, struct error *err);
/* NULL: the logs do not know it. */
const struct history_image *history_find(const struct history *history, const char *name);
int history_proof(const struct history *history, const struct history_image *image,
                  struct proof *ret, struct error *err);

#endif
