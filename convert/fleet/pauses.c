/* pauses.c: counts failures by registry. Asks none itself. */
#include "convert/fleet/pauses.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pauses_init(struct pauses *pauses, struct error *err)
{
    *pauses = (struct pauses){.count = 0};
    int failed = pthread_mutex_init(&pauses->lock, NULL);
    return failed == 0 ? 0 : error_set_errno(err, ERROR_MEMORY, failed, "a lock");
}

void pauses_done(struct pauses *pauses)
{
    for (size_t i = 0; i < pauses->count; i++)
        free(pauses->items[i].host);
    free(pauses->items);
    pthread_mutex_destroy(&pauses->lock);
}

/* --- what a failure says of a registry -----------------------------------------------------------
 */

enum told { TOLD_FAILED, TOLD_ANSWERED, TOLD_NOTHING };

static enum told told_by(const struct error *failure)
{
    switch (failure == NULL ? ERROR_NONE : failure->class) {
    case ERROR_UNREACHABLE:
    case ERROR_STOPPED: /* the same, where something is kept to go on with */
    case ERROR_TLS:
    case ERROR_REGISTRY:
    case ERROR_RATE_LIMIT:
    case ERROR_QUOTA:
    case ERROR_CREDENTIALS:
    case ERROR_REPOSITORY_MISSING:
    case ERROR_TAG_IMMUTABLE:
        return TOLD_FAILED;
    case ERROR_IO:
    case ERROR_MEMORY:
    case ERROR_INTERNAL:
    case ERROR_INTERRUPTED:
    case ERROR_LOCKED:
    case ERROR_USAGE:
    case ERROR_REFERENCE:
        return TOLD_NOTHING;
    default:
        return TOLD_ANSWERED;
    }
}

static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
}

/* Whole, not as a part of a longer name or with another port. */
static bool names_host(const char *text, const char *host)
{
    size_t size = strlen(host);
    for (const char *at = strstr(text, host); at != NULL; at = strstr(at + 1, host)) {
        char before = at == text ? ' ' : at[-1];
        const char *end = at + size;
        bool dotted = end[0] == '.' || end[0] == ':';
        if (!is_of_name(before) && !is_of_name(dotted ? end[1] : end[0]))
            return true;
    }
    return false;
}

/* --- the registries ------------------------------------------------------------------------------
 */

static struct pause_host *host_find(struct pauses *pauses, const char *host)
{
    for (size_t i = 0; i < pauses->count; i++)
        if (strcmp(pauses->items[i].host, host) == 0)
            return &pauses->items[i];
    return NULL;
}

static struct pause_host *host_add(struct pauses *pauses, const char *host, struct error *err)
{
    struct pause_host *known = host_find(pauses, host);
    if (known != NULL)
        return known;
    struct pause_host *grown = realloc(pauses->items, (pauses->count + 1) * sizeof *pauses->items);
    if (grown == NULL) {
        error_memory(err);
        return NULL;
    }
    pauses->items = grown;
    char *copy = strdup(host);
    if (copy == NULL) {
        error_memory(err);
        return NULL;
    }
    grown[pauses->count] = (struct pause_host){.host = copy};
    return &grown[pauses->count++];
}

static int note(struct pauses *pauses, const char *host, const struct error *failure,
                struct error *err)
{
    enum told told = told_by(failure);
    if (told == TOLD_NOTHING)
        return 0;
    struct pause_host *item = host_add(pauses, host, err);
    if (item == NULL)
        return -1;
    if (told == TOLD_ANSWERED) {
        item->failures = 0;
        return 0;
    }
    if (item->paused)
        return 0; /* by what it was paused for */
    enum error_class class = failure->class == ERROR_STOPPED ? ERROR_UNREACHABLE : failure->class;
    item->failures = item->class == class ? item->failures + 1 : 1;
    item->class = class;
    if (item->failures >= HOST_FAILURES_MAX || item->class == ERROR_CREDENTIALS)
        item->paused = true;
    return 0;
}

int pauses_note_host(struct pauses *pauses, const char *host, const struct error *failure,
                     struct error *err)
{
    pthread_mutex_lock(&pauses->lock);
    int status = note(pauses, host, failure, err);
    pthread_mutex_unlock(&pauses->lock);
    return status;
}

int pauses_note(struct pauses *pauses, const struct reference *source,
                const struct reference *target, const struct error *failure, struct error *err)
{
    bool of_source = failure == NULL || names_host(failure->text, source->host);
    bool of_target = failure == NULL || names_host(failure->text, target->host);
    if (!of_source && !of_target)
        of_source = of_target = true;
    bool both = strcmp(source->host, target->host) != 0;
    if (of_source && pauses_note_host(pauses, source->host, failure, err) < 0)
        return -1;
    return of_target && both ? pauses_note_host(pauses, target->host, failure, err) : 0;
}

int pauses_note_look(struct pauses *pauses, const struct reference *source,
                     const struct reference *target, const struct error *failure, struct error *err)
{
    bool failed = failure->class != ERROR_NONE && failure->class != ERROR_REPOSITORY_MISSING;
    return pauses_note(pauses, source, target, failed ? failure : NULL, err);
}

bool pauses_hold_host(struct pauses *pauses, const char *host, struct error *ret)
{
    pthread_mutex_lock(&pauses->lock);
    const struct pause_host *item = host_find(pauses, host);
    bool held = item != NULL && item->paused;
    if (held && item->class == ERROR_CREDENTIALS)
        error_set(ret, item->class, "%s refuses the credentials", host);
    else if (held)
        error_set(ret, item->class, "%s is paused: %u failures in a row, %s", host,
                  HOST_FAILURES_MAX, error_class_name(item->class));
    pthread_mutex_unlock(&pauses->lock);
    return held;
}

bool pauses_hold(struct pauses *pauses, const struct reference *source,
                 const struct reference *target, struct error *ret)
{
    return pauses_hold_host(pauses, source->host, ret) ||
           pauses_hold_host(pauses, target->host, ret);
}
