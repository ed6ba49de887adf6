/* digest.c: SHA-256 by libcrypto, the one file that knows it. */
#include "formats/model/digest.h"

#include "formats/model/bytes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool digest_parse(const char *text, struct digest *ret)
{
    if (strncmp(text, "sha256:", 7) != 0 || strlen(text) != DIGEST_TEXT_SIZE - 1)
        return false;
    struct digest digest;
    for (size_t i = 0; i < sizeof digest.bytes; i++) {
        int high = hex_value(text[7 + 2 * i]);
        int low = hex_value(text[8 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret = digest;
    return true;
}

void digest_print_hex(const struct digest *digest, char text[DIGEST_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof digest->bytes; i++) {
        text[2 * i] = digits[digest->bytes[i] >> 4];
        text[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    text[64] = '\0';
}

void digest_print(const struct digest *digest, char text[DIGEST_TEXT_SIZE])
{
    memcpy(text, "sha256:", 7);
    char hex[DIGEST_TEXT_SIZE];
    digest_print_hex(digest, hex);
    memcpy(text + 7, hex, 65);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int hasher_init(struct hasher *hasher, struct error *err)
{
    *hasher = (struct hasher){.context = NULL};
    /* where this fails, OpenSSL 3.0 would follow a null pointer at its next step */
    if (OSSL_LIB_CTX_get0_global_default() == NULL)
        return error_memory(err);
    hasher->context = EVP_MD_CTX_new();
    if (hasher->context == NULL)
        return error_memory(err);
    if (hasher_restart(hasher, err) < 0) {
        hasher_done(hasher);
        return -1;
    }
    return 0;
}

void hasher_done(struct hasher *hasher)
{
    EVP_MD_CTX_free(hasher->context);
    hasher->context = NULL;
}

int hasher_restart(struct hasher *hasher, struct error *err)
{
    hasher->failed = false;
    if (EVP_DigestInit_ex(hasher->context, EVP_sha256(), NULL) != 1)
        return error_set(err, ERROR_MEMORY, "SHA-256 could not be started");
    return 0;
}

void hasher_update(struct hasher *hasher, const void *data, size_t size)
{
    if (EVP_DigestUpdate(hasher->context, data, size) != 1)
        hasher->failed = true;
}

void hasher_update_zeros(struct hasher *hasher, uint64_t size)
{
    while (size > 0) {
        size_t step = size < ZERO_PAGE_SIZE ? (size_t)size : ZERO_PAGE_SIZE;
        hasher_update(hasher, zero_page, step);
        size -= step;
    }
}

int hasher_final(struct hasher *hasher, struct digest *ret, struct error *err)
{
    unsigned size = 0;
    struct digest digest;
    if (hasher->failed || EVP_DigestFinal_ex(hasher->context, digest.bytes, &size) != 1 ||
        size != sizeof digest.bytes)
        return error_set(err, ERROR_INTERNAL, "SHA-256 failed");
    *ret = digest;
    return 0;
}

int digest_of(const void *data, size_t size, struct digest *ret, struct error *err)
{
    struct hasher hasher;
    if (hasher_init(&hasher, err) < 0)
        return -1;
    hasher_update(&hasher, data, size);
    int status = hasher_final(&hasher, ret, err);
    hasher_done(&hasher);
    return status;
}

const char *digest_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
