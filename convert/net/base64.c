/* base64.c: bytes as letters and back. Must not know what they are for. */
#include "convert/net/base64.h"

#include "convert/net/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (size > SIZE_MAX / 2)
        return NULL;
    char *text = malloc((size + 2) / 3 * 4 + 1);
    char *to = text;
    for (size_t i = 0; text != NULL && i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        *to++ = letters[group >> 18];
        *to++ = letters[group >> 12 & 63];
        *to++ = left > 1 ? letters[group >> 6 & 63] : '=';
        *to++ = left > 2 ? letters[group & 63] : '=';
    }
    if (text != NULL)
        *to = '\0';
    return text;
}

/* How many letters come before the padding, which must be right where there is any; SIZE_MAX: not
 * base64. */
static size_t count_letters(const char *text)
{
    size_t count = 0, padding = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\r' || *text == '\n')
            continue;
        if (*text == '=')
            padding++;
        else if (padding > 0 || strchr(letters, *text) == NULL)
            return SIZE_MAX;
        else
            count++;
    }
    size_t odd = count % 4;
    if (odd == 1 || (padding > 0 && (odd == 0 || odd + padding != 4)))
        return SIZE_MAX;
    return count;
}

char *base64_decode(const char *text, size_t *ret_size)
{
    size_t count = count_letters(text);
    char *data = count == SIZE_MAX ? NULL : malloc(count / 4 * 3 + 3);
    if (data == NULL)
        return NULL;
    uint32_t held = 0;
    unsigned bits = 0;
    size_t size = 0;
    for (; *text != '\0' && *text != '='; text++) {
        if (*text == '\r' || *text == '\n')
            continue;
        held = (held & 0xff) << 6 | (uint32_t)(strchr(letters, *text) - letters);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            data[size++] = (char)(uint8_t)(held >> bits);
        }
    }
    data[size] = '\0';
    *ret_size = size;
    if ((held & ((1u << bits) - 1)) != 0)
        secret_free(&data);
    return data;
}
