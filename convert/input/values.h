/* values.h: what the command line and the settings file say alike: numbers with their bounds,
 * hosts, mirrors, templates. MUST_… completes "… must be". Threads: no state. */
#ifndef CONVERT_INPUT_VALUES_H
#define CONVERT_INPUT_VALUES_H

#include "convert/stores/network.h"

#define MUST_THREADS      "a number from 1 on"
#define MUST_CONCURRENCY  "a number from 1 to 64"
#define MUST_RETRY_TIMES  "a number from 0 to 100"
#define MUST_RETRY_DELAY  "seconds, like 2, 2s or 500ms, up to an hour"
#define MUST_LIMIT_RATE   "a size of at least 64KiB (a second), or 0 for no limit"
#define MUST_UPLOAD_CHUNK "a size from 1KiB to 5GiB"
#define MUST_SIZE         "a size"
#define MUST_HOST         "a host as in references: HOST[:PORT], without https:// or a path"
#define MUST_MIRROR       "HOST[:PORT][/PREFIX], without https://"
#define MUST_BACKUP_TAG                                                                            \
    "a tag with {tag}, {repo} or {digest8} in it where they are wanted, at most 128 bytes"

bool value_threads(const char *text, unsigned *ret); /* cut to LANES_MAX */
bool value_concurrency(const char *text, unsigned *ret);
bool value_retry_times(const char *text, unsigned *ret);
bool value_retry_delay(const char *text, unsigned *ret_ms);
bool value_limit_rate(const char *text, uint64_t *ret);
bool value_upload_chunk(const char *text, uint64_t *ret);

/* Letters, digits, "." "-" "_", brackets for IPv6, and a port. */
bool value_host(const char *text);
/* Whether it is a template of BACKUP_TEMPLATE's kind. */
bool value_backup_tag(const char *text);

/* 1; 0: text is none; -1: memory ended. Owner: mirror_done, which leaves an empty one. */
int mirror_parse(const char *text, struct mirror *ret);
void mirror_done(struct mirror *mirror);

#endif
