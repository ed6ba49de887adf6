/* spool_blob.h: what lies in the spool, read as a blob. */
#ifndef CONVERT_STORES_SPOOL_BLOB_H
#define CONVERT_STORES_SPOOL_BLOB_H

#include "convert/stores/spool.h"
#include "formats/model/blobs.h"

/* owned: the part is closed with the blob; else it is borrowed. Where it fails, nothing is taken.
 */
int spool_blob_new(struct spool_part *part, bool owned, struct blob **ret, struct error *err);

#endif
