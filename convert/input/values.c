/* values.c: judges one value at a time. Says nothing itself: who asks knows where it stood. */
#include "convert/input/values.h"

#include "convert/engine/lanes.h"
#include "convert/input/size.h"

#include <stdlib.h>
#include <string.h>

#define HOST_SIZE_MAX 255u

#define DELAY_MAX        3600000u /* an hour, in milliseconds */
#define LIMIT_RATE_MIN   ((uint64_t)64 << 10)
#define UPLOAD_PIECE_MIN ((uint64_t)1 << 10)
#define UPLOAD_PIECE_MAX ((uint64_t)5 << 30)

static bool number(const char *text, uint64_t min, uint64_t max, unsigned *ret)
{
    uint64_t value;
    if (!count_parse(text, min, max, &value))
        return false;
    *ret = (unsigned)value;
    return true;
}

bool value_threads(const char *text, unsigned *ret)
{
    if (!number(text, 1, 1000000, ret))
        return false;
    if (*ret > LANES_MAX)
        *ret = LANES_MAX;
    return true;
}

bool value_concurrency(const char *text, unsigned *ret)
{
    return number(text, 1, 64, ret);
}

bool value_retry_times(const char *text, unsigned *ret)
{
    return number(text, 0, 100, ret);
}

bool value_retry_delay(const char *text, unsigned *ret_ms)
{
    uint64_t value;
    if (!duration_parse(text, &value) || value > DELAY_MAX)
        return false;
    *ret_ms = (unsigned)value;
    return true;
}

bool value_limit_rate(const char *text, uint64_t *ret)
{
    uint64_t value;
    if (!size_parse(text, &value) || (value != 0 && value < LIMIT_RATE_MIN))
        return false;
    *ret = value;
    return true;
}

bool value_upload_chunk(const char *text, uint64_t *ret)
{
    uint64_t value;
    if (!size_parse(text, &value) || value < UPLOAD_PIECE_MIN || value > UPLOAD_PIECE_MAX)
        return false;
    *ret = value;
    return true;
}

/* --- texts --- */

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool port_is_valid(const char *text, size_t size)
{
    unsigned port = 0;
    if (size < 1 || size > 5)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

static bool is_host(const char *text, size_t size)
{
    size_t end = 0;
    if (size == 0 || size > HOST_SIZE_MAX)
        return false;
    if (text[0] == '[') {
        for (end = 1; end < size && text[end] != ']'; end++)
            if (!is_letter_or_digit(text[end]) && text[end] != ':' && text[end] != '.')
                return false;
        if (end < 3 || end == size)
            return false;
        end++;
    } else
        while (end < size && (is_letter_or_digit(text[end]) || strchr(".-_", text[end]) != NULL))
            end++;
    if (end == 0 || end == size)
        return end != 0;
    return text[end] == ':' && port_is_valid(text + end + 1, size - end - 1);
}

bool value_host(const char *text)
{
    return is_host(text, strlen(text));
}

/* The length of a placeholder at text; 0: none is there. */
static size_t placeholder(const char *text)
{
    static const char *const names[] = {"{tag}", "{repo}", "{digest8}"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(text, names[i], strlen(names[i])) == 0)
            return strlen(names[i]);
    return 0;
}

bool value_backup_tag(const char *text)
{
    if (*text == '\0' || *text == '.' || *text == '-' || strlen(text) > TAG_SIZE_MAX)
        return false;
    while (*text != '\0') {
        size_t size = placeholder(text);
        if (size == 0 && !is_letter_or_digit(*text) && strchr("._-", *text) == NULL)
            return false;
        text += size == 0 ? 1 : size;
    }
    return true;
}

/* As a repository's name, in front of which it is put. */
static bool prefix_is_valid(const char *text)
{
    char before = '/';
    for (const char *c = text; *c != '\0'; before = *c++)
        if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z')) &&
            (strchr("._-/", *c) == NULL || before == '/'))
            return false;
    return before != '/' && strlen(text) <= HOST_SIZE_MAX;
}

int mirror_parse(const char *text, struct mirror *ret)
{
    size_t size = strcspn(text, "/");
    const char *prefix = text[size] == '/' ? text + size + 1 : NULL;
    *ret = (struct mirror){.host = NULL};
    if (!is_host(text, size) || (prefix != NULL && !prefix_is_valid(prefix)))
        return 0;
    ret->host = strndup(text, size);
    ret->prefix = prefix != NULL ? strdup(prefix) : NULL;
    if (ret->host != NULL && (prefix == NULL || ret->prefix != NULL))
        return 1;
    mirror_done(ret);
    return -1;
}

void mirror_done(struct mirror *mirror)
{
    free(mirror->host);
    free(mirror->prefix);
    *mirror = (struct mirror){.host = NULL};
}
