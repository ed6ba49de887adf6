/* spool.h: where encoded chunks wait until their digest is known and they are sent: memory up to a
 * bound that all share, then files without a name in a folder for temporaries.
 *
 * Owner: spool_free when all its parts are closed. Threads: any; one part, one writer; part_read
 * also from others once writing has ended. */
#ifndef CONVERT_STORES_SPOOL_H
#define CONVERT_STORES_SPOOL_H

#include "formats/model/blobs.h"

struct spool;
struct spool_part;

/* tmpdir: NULL: $TMPDIR, else /var/tmp. memory: bytes in all. ERROR_NO_SUCH_FILE where the folder
 * is none. */
struct spool *spool_new(const char *tmpdir, uint64_t memory, struct error *err); /* NULL and err */
struct spool *spool_free(struct spool *spool);                                   /* takes NULL */

/* ERROR_IO naming the folder and --tmpdir where it has less than `bytes` free. */
int spool_check_space(struct spool *spool, uint64_t bytes, struct error *err);

struct spool_part *spool_open(struct spool *spool, struct error *err); /* NULL and err */
/* ERROR_IO where the folder is full, naming it and --tmpdir. */
int part_write(struct spool_part *part, const void *data, size_t size, struct error *err);
uint64_t part_size(const struct spool_part *part);
/* Exactly size bytes, which must be there. */
int part_read(struct spool_part *part, uint64_t offset, void *data, size_t size, struct error *err);
/* Moves all that was written into the part's file, for readers that want one: an open file,
 * borrowed; -1. Writing has ended. */
int part_file(struct spool_part *part, struct error *err);
struct spool_part *part_close(struct spool_part *part); /* takes NULL; gives its room back */

#endif
