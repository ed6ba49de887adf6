/* error.c: error values. Knows the table of classes and nothing else of the project. */
#include "formats/model/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct class_row {
    const char *name;
    int status;
};

static const struct class_row rows[] = {
#define X(enumerator, class_name, exit_status) [enumerator] = {class_name, exit_status},
    ERROR_CLASSES(X)
#undef X
};

/* Texts may quote names from hostile input: a control character could rewrite a terminal. */
static void text_clean(struct error *err, int formatted)
{
    size_t size = sizeof err->text;
    if (formatted >= (int)size)
        memcpy(err->text + size - 4, "...", 4);
    for (char *c = err->text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

int error_set(struct error *err, enum error_class class, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int formatted = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    text_clean(err, formatted);
    err->class = class;
    err->where = (struct error_place){-1, -1, -1};
    return -1;
}

int error_set_errno(struct error *err, enum error_class class, int errnum, const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char reason[128];
    /* strerror_r's XSI and GNU forms differ; %m reads errno and is thread-safe in glibc and musl */
    errno = errnum;
    snprintf(reason, sizeof reason, "%m");
    return error_set(err, errnum == ENOMEM ? ERROR_MEMORY : class, "%s: %s", text, reason);
}

int error_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int error_wrap(struct error *err, const char *format, ...)
{
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    char outer[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(outer, sizeof outer, format, args);
    va_end(args);
    int formatted = snprintf(err->text, sizeof err->text, "%s: %s", outer, inner);
    text_clean(err, formatted);
    return -1;
}

int error_hint(struct error *err, const char *hint)
{
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    int room = (int)(sizeof err->text - strlen(hint) - sizeof "; ");
    snprintf(err->text, sizeof err->text, "%.*s; %s", room, inner, hint);
    return -1;
}

const char *error_class_name(enum error_class class)
{
    return rows[class].name;
}

int error_class_status(enum error_class class)
{
    return rows[class].status;
}
