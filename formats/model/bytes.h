/* bytes.h: growing buffers with a limit from birth, little-endian numbers, checked sums, zero
 * tests.
 *
 * Owner: whoever declares a `struct bytes` calls bytes_done() (or marks it AUTO(bytes_done)).
 * Threads: none of this is shared. Failure: -1 and err; a buffer that failed to grow keeps what it
 * had.
 */
#ifndef FORMATS_MODEL_BYTES_H
#define FORMATS_MODEL_BYTES_H

#include "formats/model/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data; /* not NUL-terminated, but see bytes_text() */
    size_t size;
    size_t capacity;
    size_t limit; /* size never passes it: ERROR_INTERNAL */
};

/* A buffer that never grows beyond limit bytes. Allocates nothing yet. */
void bytes_init(struct bytes *bytes, size_t limit);
void bytes_done(struct bytes *bytes);

int bytes_append(struct bytes *bytes, const void *data, size_t size, struct error *err);
int bytes_append_text(struct bytes *bytes, const char *text, struct error *err);
int bytes_printf(struct bytes *bytes, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The content as a C string: a NUL is kept behind it, uncounted. NULL and err where memory ends. */
const char *bytes_text(struct bytes *bytes, struct error *err);

static inline uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_le64(const uint8_t *p)
{
    return (uint64_t)load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

static inline void store_le32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

/* *ret = a + b; false (and *ret untouched) where that passes INT64_MAX, the largest size any of our
 * formats can say. */
static inline bool add_sizes(uint64_t a, uint64_t b, uint64_t *ret)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum) || sum > INT64_MAX)
        return false;
    *ret = sum;
    return true;
}

/* Reads a decimal as JSON and Tart write sizes: digits only, no sign, no leading zero (but "0"), at
 * most 2^63-1. False, and *ret untouched, for anything else. */
bool parse_size(const char *text, uint64_t *ret);

/* True where all size bytes are zero (also for size 0). */
bool bytes_are_zero(const uint8_t *data, size_t size);

/* 64 KiB of zeros that live for ever. */
#define ZERO_PAGE_SIZE 65536
extern const uint8_t zero_page[ZERO_PAGE_SIZE];

#endif
