/* base64.h: RFC 4648, section 4, as Basic authorisation and credentials files have it.
 *
 * Results are secrets: allocated, to be released with secret_free. Threads: no state. */
#ifndef CONVERT_NET_BASE64_H
#define CONVERT_NET_BASE64_H

#include <stddef.h>

/* With padding. NULL: no memory. */
char *base64_encode(const void *data, size_t size);

/* The bytes, with a NUL behind them that is not counted. Line breaks are passed over, padding may
 * be missing. NULL: another character, a length that cannot be, bits that stand for nothing, or no
 * memory. */
char *base64_decode(const char *text, size_t *ret_size);

#endif
