/* run.c: the shared part of a run. Does no work itself.
 */
#include "convert/engine/run.h"

#include "convert/net/stop.h"
#include <stdarg.h>
#include <stdio.h>

int run_init(struct run *run, unsigned threads, const volatile sig_atomic_t *stop,
             const struct observer *observer, struct error *err)
{
    *run = (struct run){.threads = threads, .stop = stop, .observer = observer};
    int failed = pthread_mutex_init(&run->lock, NULL);
    return failed == 0 ? 0 : error_set_errno(err, ERROR_MEMORY, failed, "a lock");
}

void run_done(struct run *run)
{
    pthread_mutex_destroy(&run->lock);
}

int run_check(const struct run *run, struct error *err)
{
    if (stop_is_set(run->stop))
        return error_set(err, ERROR_INTERRUPTED, "stopped by a signal");
    return 0;
}

void run_start_progress(struct run *run, uint64_t total)
{
    pthread_mutex_lock(&run->lock);
    run->done = 0;
    run->total = total;
    observe_progress(run->observer, 0, total);
    pthread_mutex_unlock(&run->lock);
}

void run_progress(struct run *run, uint64_t more)
{
    pthread_mutex_lock(&run->lock);
    run->done += more;
    observe_progress(run->observer, run->done, run->total);
    pthread_mutex_unlock(&run->lock);
}

void run_warning(struct run *run, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&run->lock);
    observe_warning(run->observer, "%s", text);
    pthread_mutex_unlock(&run->lock);
}

void run_detail(struct run *run, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&run->lock);
    observe_detail(run->observer, "%s", text);
    pthread_mutex_unlock(&run->lock);
}

void run_chunk(struct run *run, const struct chunk_told *chunk)
{
    pthread_mutex_lock(&run->lock);
    observe_chunk(run->observer, chunk);
    pthread_mutex_unlock(&run->lock);
}
