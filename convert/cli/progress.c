/* progress.c: draws. Must not steer the work, and must not fail it: what standard error does not
 * take is lost. */
#include "convert/cli/progress.h"

#include "convert/input/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIVE_PAUSE  100u   /* milliseconds between two drawings */
#define PLAIN_PAUSE 10000u /* between two lines, and before the first */

static uint64_t now(void)
{
    struct timespec time = {.tv_sec = 0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void time_print(uint64_t seconds, char ret[32])
{
    if (seconds < 60)
        snprintf(ret, 32, "%" PRIu64 " s", seconds);
    else if (seconds < 3600)
        snprintf(ret, 32, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
    else
        snprintf(ret, 32, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
}

/* "42 %, 25.2 GiB of 60.0 GiB, 310.0 MiB/s, 1 min 54 s left" */
static void line_print(uint64_t done, uint64_t total, uint64_t elapsed, char ret[160])
{
    char size[24], whole[24], rate_text[24], left[32];
    double rate = elapsed == 0 ? 0 : (double)done * 1000 / (double)elapsed;
    size_print(done, size);
    size_print((uint64_t)rate, rate_text);
    if (total == 0 || done > total) {
        snprintf(ret, 160, "%s, %s/s", size, rate_text);
        return;
    }
    size_print(total, whole);
    int used = snprintf(ret, 160, "%3.0f %%, %s of %s, %s/s", (double)done * 100 / (double)total,
                        size, whole, rate_text);
    if (rate < 1 || elapsed < 1000 || done == total)
        return;
    time_print((uint64_t)((double)(total - done) / rate), left);
    snprintf(ret + used, 160 - (size_t)used, ", %s left", left);
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;
    if (!progress->live && !progress->plain)
        return;
    uint64_t time = now();
    if (done < progress->done || done == 0)
        progress->phase_begun = time;
    progress->done = done;
    if (time - progress->told < (progress->live ? LIVE_PAUSE : PLAIN_PAUSE))
        return;
    progress->told = time;
    char line[160];
    line_print(done, total, time - progress->phase_begun, line);
    fprintf(stderr, progress->live ? "\r%s\033[K" : "tartconv: %s\n", line);
    fflush(stderr);
    progress->drawn = progress->live;
}

void progress_end(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->drawn = false;
}

/* Names from images may be in it. */
static void message(struct progress *progress, const char *kind, const char *text)
{
    struct error clean;
    error_set(&clean, ERROR_NONE, "%s%s", kind, text);
    progress_end(progress);
    if (progress->verbosity < VERBOSITY_DEBUG) {
        fprintf(stderr, "tartconv: %s\n", clean.text);
        return;
    }
    uint64_t time = now() - progress->begun;
    fprintf(stderr, "tartconv: %" PRIu64 ".%03u s: %s\n", time / 1000, (unsigned)(time % 1000),
            clean.text);
}

static void on_warning(void *context, const char *text)
{
    message(context, "warning: ", text);
}

static void on_detail(void *context, const char *text)
{
    message(context, "", text);
}

static bool terminal_can_redraw(void)
{
    const char *name = getenv("TERM");
    return isatty(STDERR_FILENO) && name != NULL && name[0] != '\0' && strcmp(name, "dumb") != 0;
}

void progress_init(struct progress *progress, const struct options *options)
{
    bool quiet = options->verbosity == VERBOSITY_QUIET;
    bool shown = !quiet && options->progress != PROGRESS_NONE;
    bool live = shown && options->progress == PROGRESS_AUTO && terminal_can_redraw();
    uint64_t time = now();
    *progress = (struct progress){
        .observer = {.progress = on_progress,
                     .warning = quiet ? NULL : on_warning,
                     .detail = options->verbosity >= VERBOSITY_VERBOSE ? on_detail : NULL},
        .verbosity = options->verbosity,
        .live = live,
        .plain = shown && !live,
        .begun = time,
        .phase_begun = time,
        .told = time,
    };
    progress->observer.context = progress;
}
