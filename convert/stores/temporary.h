/* temporary.h: files and folders that bear the name .tartconv-XXXXXX until they are whole.
 *
 *     temporary_file or temporary_folder ─► … ─► temporary_rename ─► temporary_done
 *                                            └─────────────────────► temporary_done (removes it)
 *
 * Each is locked (flock) as long as its maker lives. So a name of ours that can be locked is a
 * leftover of a run that was killed, and temporaries_remove takes it away. Of a folder only what
 * the stores put into one is ever removed.
 *
 * Owner: temporary_done; the parent folder is borrowed. Threads: one temporary, one thread. */
#ifndef CONVERT_STORES_TEMPORARY_H
#define CONVERT_STORES_TEMPORARY_H

#include "convert/stores/files.h"

struct temporary {
    int parent;
    int fd;                               /* open, for writing where it is a file; -1: none */
    char name[sizeof ".tartconv-XXXXXX"]; /* "" where it has its own name now, or is gone */
};
#define TEMPORARY_INIT                                                                             \
    {                                                                                              \
        .parent = -1, .fd = -1                                                                     \
    }

bool temporary_is_name(const char *name);

/* ERROR_DESTINATION where none can be made. */
int temporary_file(int parent, struct temporary *ret, struct error *err);
int temporary_folder(int parent, struct temporary *ret, struct error *err);
/* Gives it its name in folder. What bears that name already: replaced where replace is given (for a
 * folder: only an empty one is), else ERROR_EXISTS. */
int temporary_rename(struct temporary *temporary, int folder, const char *name, bool replace,
                     struct error *err);
void temporary_done(struct temporary *temporary);

/* A small file, whole or not at all, brought to the disk; the folder is not synced. */
int temporary_write(int folder, const char *name, const void *data, size_t size, bool replace,
                    struct error *err);

/* Whether files without a name (O_TMPFILE) can be made in the folder and be linked later: tried.
 * Where they can, a kill leaves nothing at all. */
bool temporary_can_be_nameless(int folder);
/* Links such a file; as linkat. */
int nameless_link(int fd, int folder, const char *name);

/* Removes what killed runs of this user left in the folder. A failure harms nobody and is not told.
 */
void temporaries_remove(int folder);

/* Removes from an open folder what the stores put into one, then the folder itself; stops where
 * anything else is there. */
void folder_remove(int parent, const char *name, int folder);

/* What may lie in a folder. */
struct folder_content {
    const char *const *names; /* NULL-terminated */
    bool blobs;               /* and names of 64 hex digits */
};

/* The first name in the folder that is not of content and no temporary of ours: *ret_other, to be
 * freed; NULL where there is none. *ret_count: how many of content are there. */
int folder_find_other(int folder, const struct folder_content *content, char **ret_other,
                      size_t *ret_count, struct error *err);

#endif
