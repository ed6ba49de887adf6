/* blob_folder.h: a folder in which blobs lie under the hex digits of their digest: blobs/sha256 of
 * a layout, the whole of skopeo's folders. Reads them, and writes new ones: files without a name,
 * or, where the file system has none, temporaries, which get their name when they are whole. No
 * symbolic link is followed.
 *
 * Owner: blob_folder_done. Threads: once it is open, blobs and outputs may be used from several. */
#ifndef CONVERT_STORES_BLOB_FOLDER_H
#define CONVERT_STORES_BLOB_FOLDER_H

#include "convert/stores/files.h"
#include "formats/model/blobs.h"

#include <pthread.h>

struct blob_folder {
    struct blobs blobs;
    struct sink sink;
    const char *kind, *path; /* "layout", its path: for messages; borrowed */
    int folder;              /* owned; -1: not opened, or absent */
    /* writing */
    int temporaries;       /* where temporaries are made: on the same file system; borrowed */
    bool nameless;         /* none are needed */
    bool noted;            /* what is put there is remembered, to be taken away again */
    pthread_mutex_t mutex; /* over what follows */
    struct digest *put;
    size_t put_count, put_capacity;
};

void blob_folder_init(struct blob_folder *blobs, const char *kind, const char *path);
void blob_folder_done(struct blob_folder *blobs);

/* Before the first output: finds out how files are best made. */
void blob_folder_prepare(struct blob_folder *blobs, int temporaries, bool noted);

/* Whether a regular file of that size is there under the digest. */
bool blob_folder_has(const struct blob_folder *blobs, const struct blob_id *id);
/* Takes away what was noted. */
void blob_folder_empty(const struct blob_folder *blobs);

#endif
