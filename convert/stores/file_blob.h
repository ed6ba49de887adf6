/* file_blob.h: a blob over an open file. Streams in pieces of 256 KiB, reads anywhere, knows holes.
 *
 * Owner: blob_close, which closes the file too. Threads: as every blob, one at a time. */
#ifndef CONVERT_STORES_FILE_BLOB_H
#define CONVERT_STORES_FILE_BLOB_H

#include "formats/model/blobs.h"

/* Takes fd over, also when it fails. size: of the file (a block device does not know its own).
 * name: for messages. */
int file_blob_new(int fd, uint64_t size, const char *name, struct blob **ret, struct error *err);
/* The same over a part of a file: size bytes from offset on. */
int file_blob_new_part(int fd, uint64_t offset, uint64_t size, const char *name, struct blob **ret,
                       struct error *err);

#endif
