/* gunzip.h: a file that is packed by gzip (RFC 1952, several members too), unpacked into the spool.
 *
 * Threads: no shared state. */
#ifndef CONVERT_STORES_GUNZIP_H
#define CONVERT_STORES_GUNZIP_H

#include "convert/stores/spool.h"

#include <signal.h>

/* size: of the file. stop: looked at now and then; NULL: never. ERROR_LAYOUT_INVALID where the
 * stream is damaged, by its own checksums too, ERROR_INTERRUPTED. */
int gunzip(int fd, uint64_t size, const volatile sig_atomic_t *stop, struct spool_part *to,
           struct error *err);

#endif
