/* digest.h: SHA-256, as OCI writes it ("sha256:" and 64 lower-case hex digits). The only file that
 * knows libcrypto is digest.c. No other algorithm occurs in Tart images.
 *
 * Owner: a hasher is released by hasher_done(). Threads: one hasher, one thread at a time. */
#ifndef FORMATS_MODEL_DIGEST_H
#define FORMATS_MODEL_DIGEST_H

#include "formats/model/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_TEXT_SIZE (7 + 64 + 1) /* with the NUL */

struct digest {
    uint8_t bytes[32];
};

/* Reads exactly "sha256:" + 64 lower-case hex digits; false for anything else. */
bool digest_parse(const char *text, struct digest *ret);
/* Writes that form, NUL-terminated. digest_hex leaves the prefix out. */
void digest_print(const struct digest *digest, char text[DIGEST_TEXT_SIZE]);
void digest_print_hex(const struct digest *digest, char text[DIGEST_TEXT_SIZE]);
bool digest_equal(const struct digest *a, const struct digest *b);

struct hasher {
    void *context; /* EVP_MD_CTX */
    bool failed;
};

int hasher_init(struct hasher *hasher, struct error *err);
void hasher_done(struct hasher *hasher); /* takes a zeroed one too */
/* Starts again from nothing; usable after hasher_final(). */
int hasher_restart(struct hasher *hasher, struct error *err);
void hasher_update(struct hasher *hasher, const void *data, size_t size);
void hasher_update_zeros(struct hasher *hasher, uint64_t size);
/* A failure anywhere since the start is told here, as ERROR_INTERNAL. */
int hasher_final(struct hasher *hasher, struct digest *ret, struct error *err);

/* The digest of one buffer. */
int digest_of(const void *data, size_t size, struct digest *ret, struct error *err);

/* The SHA-256 library with its version, for --version: "OpenSSL 3.0.19 ...". Lives for ever. */
const char *digest_library(void);

#endif
