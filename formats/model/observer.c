/* observer.c: the calls around struct observer. */
#include "formats/model/observer.h"

#include <stdarg.h>
#include <stdio.h>

void observe_progress(const struct observer *observer, uint64_t done, uint64_t total)
{
    if (observer != NULL && observer->progress != NULL)
        observer->progress(observer->context, done, total);
}

static void tell(void (*hear)(void *context, const char *text), void *context, const char *format,
                 va_list args) __attribute__((format(printf, 3, 0)));

static void tell(void (*hear)(void *context, const char *text), void *context, const char *format,
                 va_list args)
{
    char text[512];
    if (hear == NULL)
        return;
    vsnprintf(text, sizeof text, format, args);
    hear(context, text);
}

void observe_warning(const struct observer *observer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (observer != NULL)
        tell(observer->warning, observer->context, format, args);
    va_end(args);
}

void observe_detail(const struct observer *observer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (observer != NULL)
        tell(observer->detail, observer->context, format, args);
    va_end(args);
}

void observe_chunk(const struct observer *observer, const struct chunk_told *chunk)
{
    if (observer != NULL && observer->chunk != NULL)
        observer->chunk(observer->context, chunk);
}

const char *chunk_how_name(enum chunk_how how)
{
    static const char *const names[] = {
        [CHUNK_ZERO] = "zero",     [CHUNK_CARRIED] = "carried", [CHUNK_ENCODED] = "encoded",
        [CHUNK_REUSED] = "reused", [CHUNK_COPIED] = "copied",   [CHUNK_DAMAGED] = "damaged"};
    return names[how];
}
