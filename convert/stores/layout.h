/* layout.h: what the files of the oci: back end share: layout.c (a layout as a source),
 * layout_write.c (as a destination) and layout_sink.c (blobs being written). Nobody else includes
 * it.
 *
 * Folders stay open from the first look to the end, and no symbolic link in them is followed, so
 * what is read and written lies in the layout, and all in one. */
#ifndef CONVERT_STORES_LAYOUT_H
#define CONVERT_STORES_LAYOUT_H

#include "convert/stores/files.h"
#include "convert/stores/store.h"

#include <pthread.h>

#define LAYOUT_MARKER_NAME "oci-layout"
#define LAYOUT_INDEX_NAME  "index.json"

/* What of the layout this run made, and so takes away where nothing is published in it. */
enum layout_made { MADE_NOTHING, MADE_CONTENT, MADE_FOLDER };

struct layout {
    struct store store; /* first member */
    struct blobs blobs;
    struct sink sink;
    char *path, *tag; /* tag: NULL where none was given */
    int folder;       /* -1: not opened yet */
    int blob_folder;  /* blobs/sha256; -1: not opened, or absent */
    /* destination */
    bool replace;
    bool nameless; /* blobs are written without a name */
    bool published;
    enum layout_made made;
    struct place place;    /* where made is MADE_FOLDER */
    int marker;            /* oci-layout, locked as shared while the layout is in use */
    pthread_mutex_t mutex; /* over what follows */
    struct digest *linked; /* blobs that this run put there; kept only where made */
    size_t linked_count, linked_capacity;
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

/* 1 where a regular file of that size is there under the digest. */
bool layout_has_blob(const struct layout *layout, const struct blob_id *id);

extern const struct sink_ops layout_sink_ops;

int layout_open_destination(const struct reference *reference, const struct store_options *options,
                            struct store **ret, struct error *err);
int layout_publish(struct store *store, const struct publication *publication, struct error *err);
void layout_close(struct store *store);

#endif
