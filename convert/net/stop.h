/* stop.h: the flag that a signal handler sets and every thread looks at. Atomic, so that the look
 * from another thread is defined; a handler may set it. */
#ifndef CONVERT_NET_STOP_H
#define CONVERT_NET_STOP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static inline void stop_set(volatile sig_atomic_t *stop, int signal)
{
    __atomic_store_n(stop, signal, __ATOMIC_RELAXED);
}

/* stop NULL: never. */
static inline bool stop_is_set(const volatile sig_atomic_t *stop)
{
    return stop != NULL && __atomic_load_n(stop, __ATOMIC_RELAXED) != 0;
}

#endif
