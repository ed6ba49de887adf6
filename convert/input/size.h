/* size.h: numbers and times as people type them. Threads: no state. */
#ifndef CONVERT_INPUT_SIZE_H
#define CONVERT_INPUT_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* Digits, then nothing (bytes) or one of kB MB GB KiB MiB GiB; at most 2^63-1 bytes. False for
 * anything else. */
bool size_parse(const char *text, uint64_t *ret);
/* Digits only, from min to max. */
bool count_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
/* Digits, then nothing or "s" (seconds), or "ms". */
bool duration_parse(const char *text, uint64_t *ret_ms);
/* "2024-01-31T12:00:00Z" and nothing else of RFC 3339: what Tart writes. Days that the month does
 * not have are refused. */
bool time_is_valid(const char *text);

/* "60.0 GiB", "512 bytes" */
void size_print(uint64_t size, char ret[24]);

#endif
