/* bytes.c: growing buffers and zero tests. Must not know any format. */
#include "formats/model/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t zero_page[ZERO_PAGE_SIZE];

void bytes_init(struct bytes *bytes, size_t limit)
{
    *bytes = (struct bytes){.limit = limit};
}

void bytes_done(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){.limit = bytes->limit};
}

/* Room for `more` bytes and the NUL of bytes_text(). */
static int bytes_reserve(struct bytes *bytes, size_t more, struct error *err)
{
    if (more > bytes->limit - bytes->size)
        return error_set(err, ERROR_INTERNAL, "a buffer would pass its limit of %zu bytes",
                         bytes->limit);
    size_t wanted = bytes->size + more + 1;
    if (wanted <= bytes->capacity)
        return 0;
    size_t capacity = bytes->capacity == 0 ? 256 : bytes->capacity;
    while (capacity < wanted)
        capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
    uint8_t *data = realloc(bytes->data, capacity);
    if (data == NULL)
        return error_memory(err);
    bytes->data = data;
    bytes->capacity = capacity;
    return 0;
}

int bytes_append(struct bytes *bytes, const void *data, size_t size, struct error *err)
{
    if (bytes_reserve(bytes, size, err) < 0)
        return -1;
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return 0;
}

int bytes_append_text(struct bytes *bytes, const char *text, struct error *err)
{
    return bytes_append(bytes, text, strlen(text), err);
}

int bytes_printf(struct bytes *bytes, struct error *err, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int status = -1;
    if (size < 0)
        error_set(err, ERROR_INTERNAL, "a text could not be formatted");
    else
        status = bytes_reserve(bytes, (size_t)size, err);
    if (status == 0) {
        vsnprintf((char *)bytes->data + bytes->size, (size_t)size + 1, format, again);
        bytes->size += (size_t)size;
    }
    va_end(again);
    return status;
}

const char *bytes_text(struct bytes *bytes, struct error *err)
{
    if (bytes_reserve(bytes, 0, err) < 0)
        return NULL;
    bytes->data[bytes->size] = '\0';
    return (const char *)bytes->data;
}

bool bytes_are_zero(const uint8_t *data, size_t size)
{
    /* Most data differs at once; memcmp with itself shifted is the fast way through the rest. */
    size_t head = size < 16 ? size : 16;
    for (size_t i = 0; i < head; i++)
        if (data[i] != 0)
            return false;
    return size <= 16 || memcmp(data, data + 16, size - 16) == 0;
}

bool parse_size(const char *text, uint64_t *ret)
{
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    uint64_t value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > INT64_MAX / 10)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    if (value > INT64_MAX)
        return false;
    *ret = value;
    return true;
}
