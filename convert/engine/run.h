/* run.h: what one run of the engine shares: how many threads, who watches, whether to stop.
 *
 * Owner: run_init/run_done by the command. Threads: all calls from any thread. */
#ifndef CONVERT_ENGINE_RUN_H
#define CONVERT_ENGINE_RUN_H

#include "formats/model/observer.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct run {
    unsigned threads;                  /* lanes side by side; 1: everything in the calling thread */
    const volatile sig_atomic_t *stop; /* set by a signal handler; NULL: never */
    const struct observer *observer;   /* NULL: nobody */
    pthread_mutex_t lock;              /* one thread at a time speaks to the observer */
    uint64_t done, total;              /* bytes of disk; under lock */
};

int run_init(struct run *run, unsigned threads, const volatile sig_atomic_t *stop,
             const struct observer *observer, struct error *err);
void run_done(struct run *run);

/* ERROR_INTERRUPTED once a signal came. */
int run_check(const struct run *run, struct error *err);
void run_start_progress(struct run *run, uint64_t total);
void run_progress(struct run *run, uint64_t more);
void run_warning(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void run_detail(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void run_chunk(struct run *run, const struct chunk_told *chunk);

#endif
