/* new_folder.h: a folder written as a whole: made under a temporary name beside its place, and put
 * there in one step when it is done. What is there already gives way only where that was asked for
 * and it holds nothing but what such a folder holds.
 *
 *     new_folder_begin ─► files into .temporary.fd … ─► new_folder_put ─► new_folder_done
 *                                                  └────────────────────► new_folder_done
 *
 * What a kill may leave: .tartconv-XXXXXX beside the place: a folder not finished, or the old one
 * just replaced, which the next run that writes there removes. The place itself has the old folder
 * or the new one, whole.
 *
 * Owner: new_folder_done. Threads: one at a time. */
#ifndef CONVERT_STORES_NEW_FOLDER_H
#define CONVERT_STORES_NEW_FOLDER_H

#include "convert/stores/temporary.h"

struct folder_kind {
    const char *name;              /* "VM directory" */
    const char *sign;              /* the file by which one is told */
    struct folder_content content; /* all that may lie in one */
};

struct new_folder {
    const struct folder_kind *kind;
    const char *path; /* borrowed */
    struct place place;
    struct temporary temporary; /* the new folder */
    bool exchange;              /* a folder is there that gives way */
};
#define NEW_FOLDER_INIT                                                                            \
    {                                                                                              \
        .place = PLACE_INIT, .temporary = TEMPORARY_INIT                                           \
    }

/* ERROR_EXISTS where such a folder is there and replace was not given, ERROR_DESTINATION where what
 * is there must stay or nothing can be made. */
int new_folder_begin(const char *path, const struct folder_kind *kind, bool replace,
                     struct new_folder *ret, struct error *err);
/* Everything in it is on the disk. */
int new_folder_put(struct new_folder *folder, struct error *err);
void new_folder_done(struct new_folder *folder);

#endif
