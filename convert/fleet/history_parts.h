/* history_parts.h: what the parts of reading logs share: lines, a table of names, what is put
 * together of one image. Private to history*.c. */
#ifndef CONVERT_FLEET_HISTORY_PARTS_H
#define CONVERT_FLEET_HISTORY_PARTS_H

#include "convert/fleet/event_parts.h"
#include "convert/fleet/history.h"

/* --- history_lines.c --- */

/* A file line by line; a line is at most EVENT_SIZE_MAX bytes, longer ones are passed over and
 * counted. */
struct lines {
    int fd;
    const char *name;
    struct bytes buffer;
    size_t start;     /* of what is not given out yet */
    uint64_t at;      /* its place in the file */
    size_t too_long;  /* lines */
    bool ended, over; /* the file was read to its end; in a line that is too long */
};
int lines_open(const char *path, struct lines *ret, struct error *err);
void lines_done(struct lines *lines);
/* 1 and a line without its end, valid until the next call; 0 at the end; -1. */
int lines_next(struct lines *lines, const uint8_t **ret, size_t *ret_size, uint64_t *ret_at,
               struct error *err);

uint64_t text_hash(const void *text, size_t size);

/* Hashes that were seen; beyond LINE_SET_MAX none is taken in. Zeroed is empty. */
#define LINE_SET_MAX (1u << 22)
struct line_set {
    uint64_t *slots;
    size_t count, capacity;
};
void line_set_done(struct line_set *set);
/* 1: it is new; 0: it was there; -1. */
int line_set_add(struct line_set *set, uint64_t hash, struct error *err);

/* Names to indices. The names are the asker's. */
struct name_table {
    struct name_slot {
        const char *name;
        size_t index;
    } * slots;
    size_t count, capacity;
};
void name_table_done(struct name_table *table);
/* SIZE_MAX: none. */
size_t name_table_find(const struct name_table *table, const char *name);
int name_table_add(struct name_table *table, const char *name, size_t index, struct error *err);

/* --- history_apply.c --- */

struct seen_proof {
    bool there, complete;
    size_t log;
    uint64_t at, size, time_ms, disk_size;
    bool has_source, has_target;
    struct digest source, target;
};

struct building {
    struct history_image image;
    bool listed, seen;             /* by a run-begin; by an event of its own */
    char run[EVENT_RUN_SIZE];      /* of the attempt in hand */
    uint64_t attempt_ms, ended_ms; /* of the last begin and the last end */
    uint64_t retired_ms;           /* of the last "retired"; 0: none */
    bool has_retired;              /* it says which manifest */
    struct digest retired;
    uint64_t high, moved; /* bytes of disk: most of the attempt in hand; over all */
    uint64_t rate_step_ms;
    size_t chunk_capacity, rate_capacity;
    bool chunks_old; /* of an attempt before */
    struct seen_proof proof;
};

struct builder {
    struct history *history;
    struct building *items;
    size_t count, capacity;
    struct name_table names;
    struct line_set lines;
};

struct event {
    const struct json *tree;
    uint64_t time_ms;
    const char *run;
    size_t log;
    uint64_t at, size; /* of its line */
};

/* 1: it is one of ours; 0: it is not, or nothing that counts; -1: memory, or too many images. */
int builder_apply(struct builder *builder, const struct event *event, const char *name,
                  struct error *err);

#endif
