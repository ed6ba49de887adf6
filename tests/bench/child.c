/* child.c: starts a program, waits for it, and says what it took. Knows nothing of disks.
 */
#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void child_main(const char *const argv[], const char *log)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (null >= 0 && fd >= 0 && dup2(null, 0) == 0 && dup2(fd, 1) == 1 && dup2(fd, 2) == 2)
        execvp(argv[0], (char *const *)argv);
    _exit(127);
}

static void log_show(const char *log)
{
    FILE *file = fopen(log, "r");
    if (file == NULL)
        return;
    int c;
    while ((c = getc(file)) != EOF)
        putc(c, stderr);
    fclose(file);
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* The kernel counts into a child's peak what its parent had in memory when it was forked: whoever
 * calls this must hold little. */
int child_run(const char *const argv[], const char *log, int status, struct cost *ret,
              struct error *err)
{
    double begun = seconds_now();
    pid_t child = fork();
    if (child == 0)
        child_main(argv, log);
    int ended = 0;
    struct rusage usage;
    pid_t waited = child;
    if (child > 0)
        do
            waited = wait4(child, &ended, 0, &usage);
        while (waited < 0 && errno == EINTR);
    if (child < 0 || waited < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be run", argv[0]);
    ret->wall = seconds_now() - begun;
    ret->cpu = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    ret->peak = (uint64_t)usage.ru_maxrss * 1024;
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == status)
        return 0;
    log_show(log);
    if (WIFEXITED(ended))
        return error_set(err, ERROR_IO, "%s %s ended with status %d, not %d", argv[0], argv[1],
                         WEXITSTATUS(ended), status);
    return error_set(err, ERROR_IO, "%s %s was ended by signal %d", argv[0], argv[1],
                     WTERMSIG(ended));
}
