/* download.h: a blob of a repository as formats/ wants it (blobs.h): streamed by GET and, where the
 * registry has ranges, read anywhere.
 *
 * A stream that breaks is taken up where it broke by Range, asked anew of the registry (never of
 * the storage it was redirected to before, whose URL may have expired). 206 must say Content-Range
 * bytes A-B/SIZE with our A and the blob's size, and the ETag must not have changed, else it is not
 * used: the last try's is ERROR_REGISTRY. A 200 in answer to a Range is read over again up to the
 * place and goes on from there. A body that ends early is a break; one that goes on too long is
 * ERROR_BLOB_SIZE. Each break costs one of the client's retries, and a break after progress (1 MiB
 * or more) gives them all back; in all at most 1000. The bytes' digest is the reader's business
 * (engine/feed.h).
 *
 * read_at goes on with the stream where that comes by (a row of reads from the start is one
 * request); elsewhere it asks for windows of 256 KiB by Range, and after some in a row for all that
 * follows. The first window that a registry
 * answers with 200 is ERROR_UNSUPPORTED, and blob_can_seek is false from then on. peek's place is
 * its own: where read_at took the stream further, peek asks for it again.
 *
 * Threads: as blobs.h. */
#ifndef CONVERT_NET_DOWNLOAD_H
#define CONVERT_NET_DOWNLOAD_H

#include "convert/net/remote.h"

/* remote is copied, its texts are borrowed. ERROR_BLOB_MISSING where the registry has none. */
int download_open(const struct remote *remote, const struct blob_id *id, struct blob **ret,
                  struct error *err);
/* For parts: HEAD tells whether it is there, and its size. Nothing is streamed until peek asks for
 * it, and each read_at is a request for exactly its bytes; where the registry has no ranges it is
 * ERROR_UNSUPPORTED, at byte 0 too. */
int download_open_parts(const struct remote *remote, const struct blob_id *id, struct blob **ret,
                        struct error *err);

#endif
