/* new_folder.c: making a folder beside, and exchanging it for an old one. Must not know what it
 * holds. */
#include "convert/stores/new_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* A mount point cannot be renamed away; better known now than after hours. */
static bool is_mount_point(int parent, const char *name)
{
    struct statx stat;
    return statx(parent, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stat) == 0 &&
           (stat.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 &&
           (stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int exchange(int parent, const char *a, const char *b)
{
    return renameat2(parent, a, parent, b, RENAME_EXCHANGE);
}

/* Whether two folders here can be exchanged in one step: tried with two empty ones. */
static int probe_exchange(int parent, struct error *err)
{
    AUTO(temporary_done) struct temporary a = TEMPORARY_INIT;
    AUTO(temporary_done) struct temporary b = TEMPORARY_INIT;
    if (temporary_folder(parent, &a, err) < 0 || temporary_folder(parent, &b, err) < 0)
        return -1;
    if (exchange(parent, a.name, b.name) < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno,
                               "this file system cannot replace a folder in one step; remove it "
                               "first, or name a new one");
    return 0;
}

/* Looks at what bears the name: only such a folder without anything else may give way. */
static int check_old(struct new_folder *folder, bool replace, struct error *err)
{
    const struct folder_kind *kind = folder->kind;
    const struct place *place = &folder->place;
    AUTO_CLOSE int old =
        openat(place->folder, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (old < 0 && errno == ENOENT)
        return 0;
    if (old < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "it cannot be opened as a folder");
    if (is_mount_point(place->folder, place->name))
        return error_set(err, ERROR_DESTINATION,
                         "it is a mount point, which cannot be replaced; name a new folder in it");
    AUTO_FREE char *other = NULL;
    size_t count;
    if (folder_find_other(old, &kind->content, &other, &count, err) < 0)
        return -1;
    folder->exchange = count > 0;
    if (other != NULL)
        return error_set(err, replace ? ERROR_DESTINATION : ERROR_EXISTS,
                         "it is there already and holds %s, which is not ours to remove; name a "
                         "new folder",
                         other);
    if (count > 0 && !file_is_there(old, kind->sign))
        return error_set(err, ERROR_DESTINATION, "it is there already and is no %s", kind->name);
    if (count > 0 && !replace)
        return error_set(err, ERROR_EXISTS, "it is there already; --replace replaces it");
    return folder->exchange ? probe_exchange(place->folder, err) : 0;
}

int new_folder_begin(const char *path, const struct folder_kind *kind, bool replace,
                     struct new_folder *ret, struct error *err)
{
    *ret = (struct new_folder){
        .kind = kind, .path = path, .place = PLACE_INIT, .temporary = TEMPORARY_INIT};
    if (place_open(path, &ret->place, err) < 0)
        return -1;
    int status = check_old(ret, replace, err);
    if (status == 0) {
        temporaries_remove(ret->place.folder);
        status = temporary_folder(ret->place.folder, &ret->temporary, err);
    }
    return status < 0 ? error_wrap(err, "%s %s", kind->name, path) : 0;
}

/* The new folder takes the name; the old one, now under the temporary's, goes away. */
static int put_in_place(struct new_folder *folder, struct error *err)
{
    int parent = folder->place.folder;
    const char *name = folder->place.name;
    if (!folder->exchange)
        return temporary_rename(&folder->temporary, parent, name, true, err);
    AUTO_CLOSE int old = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (old < 0 || exchange(parent, folder->temporary.name, name) < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "it cannot be replaced");
    folder_remove(parent, folder->temporary.name, old);
    folder->temporary.name[0] = '\0';
    return 0;
}

int new_folder_put(struct new_folder *folder, struct error *err)
{
    if (file_sync(folder->temporary.fd, folder->path, err) < 0 || put_in_place(folder, err) < 0)
        return -1;
    return file_sync(folder->place.folder, folder->path, err);
}

void new_folder_done(struct new_folder *folder)
{
    temporary_done(&folder->temporary);
    place_done(&folder->place);
}
