/* stop.h: the flag that a signal handler sets and every thread looks at, also while it waits for
 * another. Atomic, so that the look from another thread is defined; a handler may set it. */
#ifndef CONVERT_NET_STOP_H
#define CONVERT_NET_STOP_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

static inline void stop_set(volatile sig_atomic_t *stop, int signal)
{
    __atomic_store_n(stop, signal, __ATOMIC_RELAXED);
}

/* stop NULL: never. */
static inline bool stop_is_set(const volatile sig_atomic_t *stop)
{
    return stop != NULL && __atomic_load_n(stop, __ATOMIC_RELAXED) != 0;
}

/* Waiting for a condition and looking at the flag now and then: a signal handler cannot wake one.
 * The condition must be made by stop_cond_init. */
#define STOP_LOOK_MS 200

static inline void stop_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes); /* these cannot fail on Linux */
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static inline void stop_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += STOP_LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(condition, lock, &until);
}

#endif
