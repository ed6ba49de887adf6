/* http_rate.c: a limit on bytes a second that all lines share. Each transfer books its bytes behind
 * those that others have booked, and sleeps until its turn has passed; so nobody starves, and there
 * is nothing to refill. */
#include "convert/net/http_curl.h"

#include "convert/net/stop.h"
#include <time.h>

#define SECOND_NS INT64_C(1000000000)
#define BURST_NS  (SECOND_NS / 10)

int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void sleep_ns(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
    nanosleep(&time, NULL);
}

bool rate_spend(struct rate *rate, uint64_t limit, size_t size, const volatile sig_atomic_t *stop)
{
    if (limit == 0)
        return true;
    double ns = (double)size * (double)SECOND_NS / (double)limit;
    int64_t price = ns > 1e15 ? (int64_t)1e15 : (int64_t)ns, now = clock_ns();
    pthread_mutex_lock(&rate->lock);
    if (rate->free_at < now - BURST_NS)
        rate->free_at = now - BURST_NS;
    rate->free_at += price;
    int64_t until = rate->free_at;
    pthread_mutex_unlock(&rate->lock);
    for (; now < until; now = clock_ns()) {
        if (stop_is_set(stop))
            return false;
        int64_t step = (int64_t)WAIT_MS * (SECOND_NS / 1000);
        sleep_ns(until - now < step ? until - now : step);
    }
    return true;
}
