/* fail_thread.h: threads that cannot be started. A test that includes it is linked with
 * -Wl,--wrap=pthread_create. */
#ifndef TESTS_UNIT_FAIL_THREAD_H
#define TESTS_UNIT_FAIL_THREAD_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

static unsigned threads_left; /* how many can be started, while threads_are_few */
static bool threads_are_few;

int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *argument)
{
    if (threads_are_few && threads_left == 0)
        return EAGAIN;
    if (threads_are_few)
        threads_left--;
    return __real_pthread_create(ret, attributes, start, argument);
}

#endif
