/* layout_write.c: an OCI image layout as a destination.
 *
 * Locks: index.json is read, changed and renamed under a lock (flock) on the layout's folder;
 * oci-layout is locked as shared by every run that writes into the layout, so that a run that takes
 * its own new layout away leaves it to others.
 *
 * What a kill may leave: a new folder under a .tartconv-XXXXXX name beside, which the next run that
 * makes a layout there removes; a layout with an empty index; in an empty folder that was there
 * before, a layout just begun (no index.json yet), which the next run completes; blobs without a
 * manifest; .tartconv-XXXXXX in the layout where files without names are not to be had, removed by
 * the next run. index.json is the old one or the new one, and every blob under a digest is whole.
 * Must not change or remove what this run did not make, but for index.json and leftovers. */
#include "convert/stores/backup.h"
#include "convert/stores/image_load.h"
#include "convert/stores/layout.h"
#include "convert/stores/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define OPEN_ATTEMPTS 10

static void layout_close_auto(struct layout **layout)
{
    if (*layout != NULL)
        layout_close(&(*layout)->store);
}

static int make_blob_folder(int folder, struct error *err)
{
    bool made = mkdirat(folder, "blobs", 0777) == 0 || errno == EEXIST;
    AUTO_CLOSE int blobs = openat(folder, "blobs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!made || blobs < 0 || (mkdirat(blobs, "sha256", 0777) < 0 && errno != EEXIST))
        return error_set_errno(err, ERROR_DESTINATION, errno, "blobs/sha256 cannot be made");
    return file_sync(blobs, "blobs", err);
}

/* A layout with an empty index; the last rename makes it one. */
static int fill(int folder, struct error *err)
{
    if (make_blob_folder(folder, err) < 0 ||
        temporary_write(folder, LAYOUT_MARKER_NAME, LAYOUT_MARKER, strlen(LAYOUT_MARKER), true,
                        err) < 0 ||
        temporary_write(folder, LAYOUT_INDEX_NAME, LAYOUT_EMPTY, strlen(LAYOUT_EMPTY), false, err) <
            0)
        return -1;
    return file_sync(folder, LAYOUT_INDEX_NAME, err);
}

/* Makes the folder beside and renames it: 1, 0 where meanwhile something else bears the name, -1.
 * It stays locked. */
static int make_folder(struct layout *layout, struct error *err)
{
    place_done(&layout->place);
    if (place_open(layout->path, &layout->place, err) < 0)
        return -1;
    int parent = layout->place.folder;
    temporaries_remove(parent);
    AUTO(temporary_done) struct temporary temporary = TEMPORARY_INIT;
    if (temporary_folder(parent, &temporary, err) < 0 || fill(temporary.fd, err) < 0)
        return -1;
    if (temporary_rename(&temporary, parent, layout->place.name, false, err) < 0)
        return err->class == ERROR_EXISTS ? 0 : -1;
    layout->made = MADE_FOLDER;
    layout->folder = fd_take(&temporary.fd);
    return file_sync(parent, layout->path, err) < 0 ? -1 : 1;
}

/* Whether the folder holds nothing but what fill() makes before its last rename: 1, 0, -1. */
static int is_empty_or_begun(const struct layout *layout, struct error *err)
{
    static const char *const in_folder[] = {LAYOUT_MARKER_NAME, "blobs", "lost+found", NULL};
    static const char *const in_blobs[] = {"sha256", NULL};
    static const char *const in_sha256[] = {NULL};
    const struct {
        const char *folder;
        struct folder_content content;
    } levels[] = {{".", {.names = in_folder}},
                  {"blobs", {.names = in_blobs}},
                  {"blobs/sha256", {.names = in_sha256}}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        AUTO_CLOSE int folder = openat(layout->folder, levels[i].folder,
                                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0)
            return errno == ENOENT;
        AUTO_FREE char *other = NULL;
        size_t count;
        if (folder_find_other(folder, &levels[i].content, &other, &count, err) < 0)
            return -1;
        if (other != NULL)
            return 0;
    }
    return 1;
}

/* A layout that cannot be read is no damage to a source, but no place to write to. */
static int refuse(struct error *err)
{
    if (err->class != ERROR_MEMORY && err->class != ERROR_IO)
        err->class = ERROR_DESTINATION;
    return -1;
}

/* A folder that is there already, locked: a layout is taken as it is, an empty folder is made one,
 * others are refused. */
static int take_folder(struct layout *layout, struct error *err)
{
    int begun = is_empty_or_begun(layout, err);
    bool marked = file_is_there(layout->folder, LAYOUT_MARKER_NAME);
    AUTO(json_free_auto) struct json *index = NULL;
    if (begun < 0)
        return -1;
    if (!begun && !marked)
        return error_set(err, ERROR_DESTINATION,
                         "it is no OCI layout and not empty, and stays as it is; name a layout, an "
                         "empty folder or a new one");
    if (marked && layout_read_marker(layout, err) < 0)
        return refuse(err);
    if (begun) {
        layout->made = MADE_CONTENT;
        return fill(layout->folder, err);
    }
    if (layout_read_index(layout, &index, err) < 0)
        return refuse(err);
    return make_blob_folder(layout->folder, err);
}

/* Opens or makes the folder, and leaves it locked: 1, 0 where it went away or came meanwhile, -1.
 */
static int get_folder(struct layout *layout, struct error *err)
{
    fd_close(&layout->folder);
    layout->folder = open(layout->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layout->folder < 0 && errno == ENOENT)
        return make_folder(layout, err);
    if (layout->folder < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "it cannot be opened as a folder");
    if (file_lock(layout->folder, "it", err) < 0)
        return -1;
    struct stat locked, named;
    if (fstat(layout->folder, &locked) < 0 || stat(layout->path, &named) < 0 ||
        !file_same(&locked, &named))
        return 0;
    return take_folder(layout, err) < 0 ? -1 : 1;
}

static int check_writable(const struct layout *layout, struct error *err)
{
    if (faccessat(layout->folder, ".", W_OK | X_OK, AT_EACCESS) < 0 ||
        faccessat(layout->blobs.folder, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno, "it cannot be written");
    return 0;
}

/* With the folder locked: all that writing blobs needs. */
static int prepare(struct layout *layout, struct error *err)
{
    if (layout_open_blob_folder(layout, err) < 0)
        return refuse(err);
    if (layout->blobs.folder < 0)
        return error_set(err, ERROR_DESTINATION, "blobs/sha256 has gone away");
    if (check_writable(layout, err) < 0)
        return -1;
    layout->marker = openat(layout->folder, LAYOUT_MARKER_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (layout->marker < 0)
        return error_set_errno(err, ERROR_DESTINATION, errno,
                               LAYOUT_MARKER_NAME " cannot be opened");
    (void)flock(layout->marker,
                LOCK_SH | LOCK_NB); /* a courtesy to others; publishing looks itself */
    temporaries_remove(layout->folder);
    blob_folder_prepare(&layout->blobs, layout->folder, layout->made != MADE_NOTHING);
    layout->store.sink = &layout->blobs.sink;
    layout->store.blobs = &layout->blobs.blobs;
    flock(layout->folder, LOCK_UN);
    return 0;
}

int layout_open_destination(const struct reference *reference, const struct store_options *options,
                            struct store **ret, struct error *err)
{
    AUTO(layout_close_auto) struct layout *layout = NULL;
    if (layout_new(reference, options, &layout, err) < 0)
        return -1;
    int status = 0;
    for (int attempt = 0; status == 0 && attempt < OPEN_ATTEMPTS; attempt++)
        status = get_folder(layout, err);
    if (status == 0)
        return error_set(err, ERROR_DESTINATION,
                         "layout %s: it comes and goes, or is a symbolic link to nothing",
                         layout->path);
    if (status < 0 || prepare(layout, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "layout %s", layout->path);
    *ret = &take_ptr(&layout)->store;
    return 0;
}

static int write_index(const struct layout *layout, const struct json *index, struct error *err)
{
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, LAYOUT_INDEX_MAX);
    if (json_print(index, JSON_PLAIN, &text, err) < 0 ||
        temporary_write(layout->folder, LAYOUT_INDEX_NAME, text.data, text.size, true, err) < 0)
        return -1;
    return file_sync(layout->folder, LAYOUT_INDEX_NAME, err);
}

/* In place: what the tag leads to gets the backup's name first. */
static int keep_old(struct layout *layout, struct json *index, const struct blob_id *id,
                    struct error *err)
{
    const struct json *entry;
    struct blob_id old;
    if (layout_index_pick(index, layout->tag, &entry, err) < 0 ||
        layout_entry_blob(entry, &old, err) < 0)
        return -1;
    if (digest_equal(&old.digest, &id->digest))
        return 0;
    if (backup_fits(layout->backup_tag, layout->tag, &old.digest))
        return error_set(err, ERROR_EXISTS,
                         "the tag %s keeps what another tag led to before; it is never moved",
                         layout->tag);
    const char *slash = strrchr(layout->path, '/');
    bool changed;
    return backup_name(layout->backup_tag, layout->tag, slash != NULL ? slash + 1 : layout->path,
                       &old.digest, layout->store.backup, err) < 0
               ? -1
               : layout_index_add(index, layout->store.backup, &old, false, &changed, err);
}

static int publish_locked(struct layout *layout, const struct bytes *text, struct error *err)
{
    struct blob_id id = {.has_digest = true, .size = text->size};
    AUTO(json_free_auto) struct json *index = NULL;
    bool changed;
    if (digest_of(text->data, text->size, &id.digest, err) < 0 ||
        layout_read_index(layout, &index, err) < 0 ||
        (layout->in_place && keep_old(layout, index, &id, err) < 0) ||
        layout_index_add(index, layout->tag, &id, layout->replace || layout->in_place, &changed,
                         err) < 0)
        return -1;
    if (!changed && blob_folder_has(&layout->blobs, &id))
        return 0;
    if (image_check_blobs(&layout->blobs.sink, text, err) < 0 ||
        sink_put(&layout->blobs.sink, text->data, text->size, &id, err) < 0 ||
        file_sync(layout->blobs.folder, "blobs/sha256", err) < 0)
        return -1;
    return changed ? write_index(layout, index, err) : 0;
}

int layout_publish(struct store *store, const struct publication *publication, struct error *err)
{
    struct layout *layout = (struct layout *)store;
    if (publication->manifest->size > MANIFEST_SIZE_MAX)
        return error_set(err, ERROR_INTERNAL, "a manifest of %zu bytes, limit %u",
                         publication->manifest->size, MANIFEST_SIZE_MAX);
    int status = file_lock(layout->folder, LAYOUT_INDEX_NAME, err);
    if (status == 0) {
        status = publish_locked(layout, publication->manifest, err);
        flock(layout->folder, LOCK_UN);
    }
    if (status < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "layout %s", layout->path);
    layout->published = true;
    return 0;
}

/* Whether index.json names anything, told without memory or a further open file, which may be what
 * the run ended for: an entry alone, with its digest, is longer than an empty index. */
static bool index_is_filled(const struct layout *layout)
{
    struct stat stat;
    if (fstatat(layout->folder, LAYOUT_INDEX_NAME, &stat, AT_SYMLINK_NOFOLLOW) < 0)
        return errno != ENOENT;
    return stat.st_size > (off_t)strlen(LAYOUT_EMPTY);
}

/* Takes away what this run made, while the folder is locked; stops at the first thing that is not
 * its own. */
static void unmake_locked(struct layout *layout)
{
    if (index_is_filled(layout))
        return;
    /* Without the marker's lock this run never let go of the folder's: nobody else can be here. */
    if (layout->marker >= 0 && flock(layout->marker, LOCK_EX | LOCK_NB) < 0)
        return;
    blob_folder_empty(&layout->blobs);
    if (unlinkat(layout->folder, "blobs/sha256", AT_REMOVEDIR) < 0)
        return;
    unlinkat(layout->folder, "blobs", AT_REMOVEDIR);
    unlinkat(layout->folder, LAYOUT_INDEX_NAME, 0);
    unlinkat(layout->folder, LAYOUT_MARKER_NAME, 0);
    if (layout->made == MADE_FOLDER &&
        file_is_named(layout->folder, layout->place.folder, layout->place.name))
        unlinkat(layout->place.folder, layout->place.name, AT_REMOVEDIR);
}

void layout_close(struct store *store)
{
    struct layout *layout = (struct layout *)store;
    struct error ignored;
    if (layout->made != MADE_NOTHING && !layout->published &&
        file_lock(layout->folder, LAYOUT_INDEX_NAME, &ignored) == 0)
        unmake_locked(layout);
    layout_free(layout);
}
