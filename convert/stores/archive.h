/* archive.h: what the files of the oci-archive: back end share: archive.c (an archive as a source)
 * and archive_write.c (as a destination). Nobody else includes it.
 *
 * An archive is an OCI layout in a tar. Its bytes are read where they lie, by the file's offsets;
 * one that is packed by gzip is unpacked once, into the spool. */
#ifndef CONVERT_STORES_ARCHIVE_H
#define CONVERT_STORES_ARCHIVE_H

#include "convert/stores/archive_index.h"
#include "convert/stores/store.h"
#include "convert/stores/temporary.h"

#include <pthread.h>

struct archive {
    struct store store; /* first member */
    struct blobs blobs;
    struct sink sink;
    char *path, *tag;         /* tag: NULL where none was given */
    struct network *network;  /* borrowed; NULL: the spool is our own */
    struct spool *spool;      /* where network is NULL and it was needed */
    struct spool_part *plain; /* source: what was unpacked */
    int fd;                   /* the tar; source: owned unless plain; -1: none */
    pthread_mutex_t mutex;    /* over what follows */
    struct archive_index index;
    /* destination */
    bool replace, failed;
    struct place place;
    struct temporary temporary;
    uint64_t end; /* where the next entry begins */
};

int archive_new(const struct reference *reference, const struct store_options *options,
                struct archive **ret, struct error *err);
void archive_close(struct store *store);
void archive_close_auto(struct archive **archive);

/* The command's, or one of our own. */
struct spool *archive_spool(struct archive *archive, struct error *err); /* NULL and err */
/* Whether the blob is there; under the mutex. */
bool archive_find(struct archive *archive, const struct digest *digest, struct archive_extent *ret);

int archive_open_destination(const struct reference *reference, const struct store_options *options,
                             struct store **ret, struct error *err);
int archive_publish(struct store *store, const struct publication *publication, struct error *err);

#endif
