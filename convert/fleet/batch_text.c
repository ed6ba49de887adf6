/* batch_text.c: single values of a batch file: variables filled in, places noted, names of
 * registries held against each other. Knows no key. */
#include "convert/fleet/batch_parts.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE_SIZE_MAX 128u

/* --- variables -----------------------------------------------------------------------------------
 */

static size_t name_size(const char *text)
{
    size_t size = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return size > 0 && size <= VARIABLE_SIZE_MAX && (text[0] < '0' || text[0] > '9') ? size : 0;
}

/* text: behind "${". *ret: what it stands for, *ret_size of it; *ret_end: behind its "}". */
static int variable_find(struct yaml *yaml, const struct batch_reader *reader, const char *text,
                         const char **ret, size_t *ret_size, const char **ret_end,
                         struct error *err)
{
    char name[VARIABLE_SIZE_MAX + 1];
    size_t size = name_size(text);
    const char *end = strchr(text, '}');
    bool has_default = strncmp(text + size, ":-", 2) == 0;
    if (size == 0 || end == NULL || (!has_default && text[size] != '}'))
        return yaml_refuse(yaml, err, "a variable is written ${NAME} or ${NAME:-what it is else}");
    memcpy(name, text, size);
    name[size] = '\0';
    const char *value = reader->variable(reader->context, name);
    *ret_end = end + 1;
    if (has_default && (value == NULL || *value == '\0')) {
        *ret = text + size + 2;
        *ret_size = (size_t)(end - *ret);
        return 0;
    }
    if (value == NULL)
        return yaml_refuse(
            yaml, err, "the environment has no variable %s; set it, or write ${%s:-…}", name, name);
    *ret = value;
    *ret_size = strlen(value);
    return 0;
}

int batch_text(struct yaml *yaml, struct batch_reader *reader, const char **ret,
               const char **ret_raw, struct error *err)
{
    const char *text;
    size_t used = 0;
    if (yaml_text(yaml, &text, err) < 0)
        return -1;
    *ret_raw = text;
    while (*text != '\0') {
        const char *piece = text, *end = text + 1;
        size_t size = 1;
        if (text[0] == '$' && text[1] == '{' &&
            variable_find(yaml, reader, text + 2, &piece, &size, &end, err) < 0)
            return -1;
        if (size > BATCH_TEXT_MAX - used)
            return yaml_refuse(yaml, err, "has more than %u bytes with its variables filled in",
                               BATCH_TEXT_MAX);
        memcpy(reader->text + used, piece, size);
        used += size;
        text = end;
    }
    reader->text[used] = '\0';
    *ret = reader->text;
    return 0;
}

int batch_text_copy(struct yaml *yaml, struct batch_reader *reader, char **ret, struct error *err)
{
    const char *text, *raw;
    if (batch_text(yaml, reader, &text, &raw, err) < 0)
        return -1;
    free(*ret);
    *ret = strdup(text);
    return *ret != NULL ? 0 : error_memory(err);
}

int batch_bool(struct yaml *yaml, struct batch_reader *reader, bool *ret, struct error *err)
{
    const char *text, *raw;
    if (batch_text(yaml, reader, &text, &raw, err) < 0)
        return -1;
    if (strstr(raw, "${") == NULL)
        return yaml_bool(yaml, ret, err);
    *ret = strcmp(text, "true") == 0;
    if (*ret || strcmp(text, "false") == 0)
        return 0;
    return yaml_refuse(yaml, err, "must be true or false, which \"%s\" does not stand for", raw);
}

/* --- places --------------------------------------------------------------------------------------
 */

struct batch_place batch_place(const struct yaml *yaml)
{
    struct batch_place place;
    yaml_place(yaml, &place.line, &place.column);
    return place;
}

int batch_refuse(const struct batch_file *batch, struct batch_place place, const char *key,
                 struct error *err, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(err, ERROR_SETTINGS, "%s:%u:%u: %s: %s", batch->name, place.line, place.column,
                     key, text);
}

/* --- registries ----------------------------------------------------------------------------------
 */

static bool cut_end(char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    if (size <= end_size || strcmp(text + size - end_size, end) != 0)
        return false;
    text[size - end_size] = '\0';
    return true;
}

/* The default ports of http and https are no part of a name. */
void batch_host_canonical(const char *host, char *ret)
{
    static const char *const hubs[] = {"index.docker.io", "registry-1.docker.io"};
    static const char *const loopbacks[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t size = strlen(host);
    for (size_t i = 0; i <= size; i++)
        ret[i] = (char)tolower((unsigned char)host[i]);
    if (!cut_end(ret, ":443"))
        cut_end(ret, ":80");
    for (size_t i = 0; i < sizeof hubs / sizeof hubs[0]; i++)
        if (strcmp(ret, hubs[i]) == 0)
            memcpy(ret, "docker.io", sizeof "docker.io");
    for (size_t i = 0; i < sizeof loopbacks / sizeof loopbacks[0]; i++) {
        size_t length = strlen(loopbacks[i]);
        if (strncmp(ret, loopbacks[i], length) != 0 || (ret[length] != '\0' && ret[length] != ':'))
            continue;
        /* the shortest of them names all three, so that it fits */
        memmove(ret + 5, ret + length, strlen(ret + length) + 1);
        memcpy(ret, "[::1]", 5);
        break;
    }
}

bool batch_host_same(const char *a, const char *b)
{
    char first[BATCH_TEXT_MAX + 1], second[BATCH_TEXT_MAX + 1];
    if (strlen(a) > BATCH_TEXT_MAX || strlen(b) > BATCH_TEXT_MAX)
        return false;
    batch_host_canonical(a, first);
    batch_host_canonical(b, second);
    return strcmp(first, second) == 0;
}
