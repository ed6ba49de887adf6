/* layout.h: what the files of the oci: back end share: layout.c (a layout as a source) and
 * layout_write.c (as a destination). Nobody else includes it.
 *
 * Folders stay open from the first look to the end, and no symbolic link in them is followed, so
 * what is read and written lies in the layout, and all in one. */
#ifndef CONVERT_STORES_LAYOUT_H
#define CONVERT_STORES_LAYOUT_H

#include "convert/stores/blob_folder.h"
#include "convert/stores/layout_index.h"
#include "convert/stores/store.h"

/* What of the layout this run made, and so takes away where nothing is published in it. */
enum layout_made { MADE_NOTHING, MADE_CONTENT, MADE_FOLDER };

struct layout {
    struct store store;       /* first member */
    char *path, *tag;         /* tag: NULL where none was given */
    int folder;               /* -1: not opened yet */
    struct blob_folder blobs; /* blobs/sha256 */
    /* destination */
    bool replace, in_place;
    const char *backup_tag; /* template, with in_place; borrowed */
    bool published;
    enum layout_made made;
    struct place place; /* where made is MADE_FOLDER */
    int marker;         /* oci-layout, locked as shared while the layout is in use */
};

int layout_new(const struct reference *reference, const struct store_options *options,
               struct layout **ret, struct error *err);
/* Frees; takes nothing away. */
void layout_free(struct layout *layout);

/* Opens blobs/sha256 below layout->folder; where it is absent it stays -1. */
int layout_open_blob_folder(struct layout *layout, struct error *err);
/* oci-layout checked; index.json read. ERROR_NO_SUCH_IMAGE where it is no layout. */
int layout_read_marker(const struct layout *layout, struct error *err);
int layout_read_index(const struct layout *layout, struct json **ret, struct error *err);

int layout_open_destination(const struct reference *reference, const struct store_options *options,
                            struct store **ret, struct error *err);
int layout_publish(struct store *store, const struct publication *publication, struct error *err);
void layout_close(struct store *store);

#endif
