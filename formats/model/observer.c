/* observer.c: the calls around struct observer. */
#include "formats/model/observer.h"

#include <stdarg.h>
#include <stdio.h>

void observe_progress(const struct observer *observer, uint64_t done, uint64_t total)
{
    if (observer != NULL && observer->progress != NULL)
        observer->progress(observer->context, done, total);
}

void observe_warning(const struct observer *observer, const char *format, ...)
{
    if (observer == NULL || observer->warning == NULL)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    observer->warning(observer->context, text);
}

void observe_detail(const struct observer *observer, const char *format, ...)
{
    if (observer == NULL || observer->detail == NULL)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    observer->detail(observer->context, text);
}
