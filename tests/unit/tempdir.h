/* tempdir.h: a folder for one test, and files in it. Paths returned live until the next call but
 * seven. */
#ifndef TESTS_UNIT_TEMPDIR_H
#define TESTS_UNIT_TEMPDIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tempdir[256];

static inline int tempdir_make(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(tempdir, sizeof tempdir, "%s/tartconv-test-XXXXXX", parent == NULL ? "/tmp" : parent);
    return mkdtemp(tempdir) == NULL ? -1 : 0;
}

static inline int tempdir_remove_one(const char *path, const struct stat *stat, int type,
                                     struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int tempdir_remove(void **state)
{
    (void)state;
    return nftw(tempdir, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a name below the folder, made by printf. */
static inline const char *in_tempdir(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *in_tempdir(const char *format, ...)
{
    static char paths[8][1024];
    static unsigned next;
    char *path = paths[next++ % 8];
    int used = snprintf(path, sizeof paths[0], "%s/", tempdir);
    va_list args;
    va_start(args, format);
    vsnprintf(path + used, sizeof paths[0] - (size_t)used, format, args);
    va_end(args);
    return path;
}

static inline void put_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

/* The whole file, with a NUL behind it; to be freed. */
static inline char *get_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, size, file), size);
    fclose(file);
    data[size] = '\0';
    if (ret_size != NULL)
        *ret_size = size;
    return data;
}

static inline void assert_file_is(const char *path, const char *text)
{
    char *found = get_file(path, NULL);
    assert_string_equal(found, text);
    free(found);
}

static inline bool exists(const char *path)
{
    struct stat stat;
    return lstat(path, &stat) == 0;
}

/* How many names (but "." and "..") a folder has. */
static inline int count_names(const char *path)
{
    DIR *stream = opendir(path);
    assert_non_null(stream);
    int count = -2;
    while (readdir(stream) != NULL)
        count++;
    closedir(stream);
    return count;
}

/* fork(), with a child that dies where it fails: cmocka would go on with the next test in it. */
static inline pid_t fork_child(void)
{
    static const int caught[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGSYS};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
            signal(caught[i], SIG_DFL);
        setenv("CMOCKA_TEST_ABORT", "1", 1);
    }
    return child;
}

#endif
