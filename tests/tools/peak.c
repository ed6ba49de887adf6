/* peak.c: peak FILE COMMAND ARGUMENT...: runs the command, writes into FILE how much memory it had
 * at most, in KiB, and ends with its status. For tests only. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 64;
    pid_t child = fork();
    if (child < 0)
        return 71;
    if (child == 0) {
        execvp(argv[2], &argv[2]);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child)
        return 71;
    FILE *file = fopen(argv[1], "w");
    if (file == NULL || fprintf(file, "%ld\n", usage.ru_maxrss) < 0 || fclose(file) != 0)
        return 74;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
