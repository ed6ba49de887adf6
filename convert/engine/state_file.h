/* state_file.h: the file behind a state: checked records, one behind another, appended only.
 * Private to the engine's state.c, which knows what is in them.
 *
 *     16 bytes "tartconv state 1" | 112 bytes: who has it open, as text, NULs | record *
 *     record := u32le size | u32le type | size bytes | the first 16 bytes of the SHA-256 of all
 * that
 *
 * The first record is the head: it says which conversion the file belongs to. What is behind the
 * last good record (a kill, a full disk) is cut off when the file is opened.
 *
 * Owner: state_file_close. Threads: one at a time. */
#ifndef CONVERT_ENGINE_STATE_FILE_H
#define CONVERT_ENGINE_STATE_FILE_H

#include "convert/stores/files.h"

#define STATE_RECORD_MAX  (256u << 10) /* bytes in a record */
#define STATE_RECORD_HEAD 1u           /* type; others are state.c's, from 2 on */

struct state_file {
    struct place place;
    int fd;
    char *path; /* for messages */
    uint64_t end;
};
#define STATE_FILE_INIT                                                                            \
    {                                                                                              \
        .place = PLACE_INIT, .fd = -1                                                              \
    }

/* Opens or makes it (0600) and locks it. ERROR_LOCKED, naming the owner, where another process has
 * it; ERROR_EXISTS where it is no state file, or its head is another's; ERROR_IO where its head is
 * damaged. Over the last two helps restart. *ret_kept: the head was there already. */
int state_file_open(const char *path, const struct bytes *head, bool restart,
                    struct state_file *ret, bool *ret_kept, struct error *err);
void state_file_close(struct state_file *file);
void state_file_remove(struct state_file *file);

struct state_record {
    uint32_t type;
    uint64_t at; /* for state_file_load */
    const uint8_t *data;
    size_t size;
};

/* Gives every record behind the head in order; cuts the file off at the first that is damaged or
 * for which `take` returns 0 (1: go on; -1). */
int state_file_read(struct state_file *file,
                    int (*take)(void *context, const struct state_record *record,
                                struct error *err),
                    void *context, struct error *err);
/* Forgets all but the head. */
int state_file_clear(struct state_file *file, struct error *err);
/* sync: it is on the disk on return, with all before it. */
int state_file_append(struct state_file *file, uint32_t type, const void *data, size_t size,
                      bool sync, uint64_t *ret_at, struct error *err);
/* Appends the content of the record at `at` to ret, checked again. */
int state_file_load(const struct state_file *file, uint64_t at, struct bytes *ret,
                    struct error *err);

/* The head of any file, unlocked: 1, or 0 where it has none. */
int state_file_peek(int folder, const char *name, struct bytes *ret, struct error *err);

/* A file beside this one whose head differs from `head` in its second 32 bytes, and is alike behind
 * them: *ret_path, to be freed, or NULL (state_place.c). */
int state_file_find_other(const struct state_file *file, const struct bytes *head, char **ret_path,
                          struct error *err);

#endif
