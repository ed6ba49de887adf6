/* fail.c: a library to preload that makes one call of a program fail, from main's first step on.
 * FAIL_KIND says which calls count: alloc, crypto (libcrypto's allocations, which alloc leaves
 * out), read, write, sync, link, open, thread; FAIL_AT which of them fails, from 1 (0: none);
 * FAIL_STAY=1 that all later ones fail too, as on a full disk. FAIL_COUNT_FILE is written when main
 * returns: how many such calls there were. Must not allocate, nor change a call that it lets pass.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { NONE, ALLOC, CRYPTO, READ, WRITE, SYNC, LINK, OPEN, THREAD };

static const char *const kind_names[] = {"none", "alloc", "crypto", "read",  "write",
                                         "sync", "link",  "open",   "thread"};

static atomic_int counted; /* the kind, while main runs */
static atomic_ulong count, fail_at;
static atomic_bool fail_stay;
static uintptr_t crypto_start, crypto_end; /* of libcrypto's code; set before main */

/* Whether this call is one that fails. */
static bool fails(enum kind kind, int errnum)
{
    if (atomic_load(&counted) != (int)kind)
        return false;
    unsigned long number = atomic_fetch_add(&count, 1) + 1, at = atomic_load(&fail_at);
    if (at == 0 || number < at || (number > at && !atomic_load(&fail_stay)))
        return false;
    errno = errnum;
    return true;
}

static bool alloc_fails(const void *caller)
{
    uintptr_t address = (uintptr_t)caller;
    bool crypto = address >= crypto_start && address < crypto_end;
    return fails(crypto ? CRYPTO : ALLOC, ENOMEM);
}

/* The function of that name behind this library. Several threads may look at once and find the
 * same. */
static void *behind(_Atomic(void *) *place, const char *name)
{
    void *function = atomic_load(place);
    if (function == NULL) {
        function = dlsym(RTLD_NEXT, name);
        if (function == NULL)
            abort();
        atomic_store(place, function);
    }
    return function;
}

/* REAL(name): the true function, of this file's own type. */
#define REAL(name)                                                                                 \
    ({                                                                                             \
        static _Atomic(void *) place_;                                                             \
        (__typeof__(&name))behind(&place_, #name);                                                 \
    })

/* --- main ----------------------------------------------------------------------------------------
 */

static int (*true_main)(int, char **, char **);

static unsigned long number_of(const char *text)
{
    unsigned long number = 0;
    for (; text != NULL && *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (unsigned long)(*text - '0');
    return number;
}

static int crypto_find(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    if (strstr(object->dlpi_name, "/libcrypto.so") == NULL)
        return 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
            continue;
        crypto_start = object->dlpi_addr + part->p_vaddr;
        crypto_end = crypto_start + part->p_memsz;
    }
    return 1;
}

static void count_write(const char *path)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%lu\n", atomic_load(&count));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, text, (size_t)size) != size || close(fd) < 0)
        abort();
}

static int counted_main(int argc, char **argv, char **environment)
{
    const char *kind = getenv("FAIL_KIND"), *path = getenv("FAIL_COUNT_FILE");
    atomic_store(&fail_at, number_of(getenv("FAIL_AT")));
    atomic_store(&fail_stay, getenv("FAIL_STAY") != NULL);
    dl_iterate_phdr(crypto_find, NULL);
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++)
        if (kind != NULL && strcmp(kind, kind_names[i]) == 0)
            atomic_store(&counted, (int)i);
    alarm(20);
    int status = true_main(argc, argv, environment);
    atomic_store(&counted, NONE);
    if (path != NULL)
        count_write(path);
    return status;
}

int __libc_start_main(int (*program_main)(int, char **, char **), int argc, char **argv,
                      int (*init)(int, char **, char **), void (*fini)(void), void (*ld_fini)(void),
                      void *stack_end)
{
    true_main = program_main;
    return REAL(__libc_start_main)(counted_main, argc, argv, init, fini, ld_fini, stack_end);
}

/* --- memory --------------------------------------------------------------------------------------
 */

void *malloc(size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL : REAL(malloc)(size);
}

void *calloc(size_t number, size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL : REAL(calloc)(number, size);
}

void *realloc(void *memory, size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL : REAL(realloc)(memory, size);
}

void *reallocarray(void *memory, size_t number, size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? NULL
                                                    : REAL(reallocarray)(memory, number, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    return alloc_fails(__builtin_return_address(0)) ? ENOMEM
                                                    : REAL(posix_memalign)(ret, alignment, size);
}

/* --- files ---------------------------------------------------------------------------------------
 */

ssize_t read(int fd, void *data, size_t size)
{
    return fails(READ, EIO) ? -1 : REAL(read)(fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    return fails(READ, EIO) ? -1 : REAL(pread)(fd, data, size, offset);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    return fails(READ, EIO) ? -1 : REAL(pread64)(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return fails(WRITE, ENOSPC) ? -1 : REAL(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return fails(WRITE, ENOSPC) ? -1 : REAL(pwrite)(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    return fails(WRITE, ENOSPC) ? -1 : REAL(pwrite64)(fd, data, size, offset);
}

int ftruncate(int fd, off_t size)
{
    return fails(WRITE, ENOSPC) ? -1 : REAL(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return fails(WRITE, ENOSPC) ? -1 : REAL(ftruncate64)(fd, size);
}

int fsync(int fd)
{
    return fails(SYNC, EIO) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails(SYNC, EIO) ? -1 : REAL(fdatasync)(fd);
}

/* --- names ---------------------------------------------------------------------------------------
 */

int linkat(int from_folder, const char *from, int folder, const char *name, int flags)
{
    return fails(LINK, ENOSPC) ? -1 : REAL(linkat)(from_folder, from, folder, name, flags);
}

int rename(const char *from, const char *name)
{
    return fails(LINK, ENOSPC) ? -1 : REAL(rename)(from, name);
}

int renameat(int from_folder, const char *from, int folder, const char *name)
{
    return fails(LINK, ENOSPC) ? -1 : REAL(renameat)(from_folder, from, folder, name);
}

int renameat2(int from_folder, const char *from, int folder, const char *name, unsigned flags)
{
    return fails(LINK, ENOSPC) ? -1 : REAL(renameat2)(from_folder, from, folder, name, flags);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    return fails(LINK, ENOSPC) ? -1 : REAL(mkdirat)(folder, name, mode);
}

/* The mode is there only where a file may be made; else what is read is not used. */
#define OPEN_MODE(flags, mode)                                                                     \
    mode_t mode = 0;                                                                               \
    if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) {                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode = (mode_t)va_arg(args, int);                                                          \
        va_end(args);                                                                              \
    }

int open(const char *name, int flags, ...)
{
    OPEN_MODE(flags, mode)
    return fails(OPEN, EMFILE) ? -1 : REAL(open)(name, flags, mode);
}

int open64(const char *name, int flags, ...)
{
    OPEN_MODE(flags, mode)
    return fails(OPEN, EMFILE) ? -1 : REAL(open64)(name, flags, mode);
}

int openat(int folder, const char *name, int flags, ...)
{
    OPEN_MODE(flags, mode)
    return fails(OPEN, EMFILE) ? -1 : REAL(openat)(folder, name, flags, mode);
}

int openat64(int folder, const char *name, int flags, ...)
{
    OPEN_MODE(flags, mode)
    return fails(OPEN, EMFILE) ? -1 : REAL(openat64)(folder, name, flags, mode);
}

/* --- threads -------------------------------------------------------------------------------------
 */

int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    return fails(THREAD, EAGAIN) ? EAGAIN : REAL(pthread_create)(ret, attributes, start, argument);
}
