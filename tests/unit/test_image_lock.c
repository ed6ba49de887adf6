/* test_image_lock.c: one holder at a time, whatever a kill left behind, and nothing is left when
 * it is given back. */
#include "convert/fleet/image_lock.h"

#include "tests/unit/tempdir.h"

#include <pthread.h>
#include <sys/file.h>
#include <sys/wait.h>

static struct error err = ERROR_INIT;

#define NAME "a.example/vm:1-v2"

/* For several threads at once, as in_tempdir is not. */
static char place_text[300];

static const char *place(void)
{
    return place_text;
}

static int set_up(void **state)
{
    if (tempdir_make(state) < 0)
        return -1;
    snprintf(place_text, sizeof place_text, "%s/", tempdir);
    return 0;
}

static struct image_lock *take(const char *name)
{
    struct image_lock *lock;
    if (image_lock(place(), name, &lock, &err) < 0)
        fail_msg("%s", err.text);
    assert_non_null(lock);
    return lock;
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    struct image_lock *lock = take(NAME), *other = take("a.example/vm:2-v2"), *second;
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    assert_int_equal(image_lock(place(), NAME, &second, &err), -1);
    assert_int_equal(err.class, ERROR_LOCKED);
    assert_non_null(strstr(err.text, pid));
    assert_int_equal(count_names(tempdir), 2);
    image_lock_sweep(place(), NAME); /* it is held */
    assert_int_equal(image_lock(place(), NAME, &second, &err), -1);
    assert_null(image_unlock(lock));
    image_unlock(take(NAME));
    image_unlock(other);
    assert_int_equal(count_names(tempdir), 0);
    assert_null(image_unlock(NULL));
}

/* In a process that is killed with it. */
static void leave_behind(void)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct image_lock *lock;
        char done = image_lock(place(), NAME, &lock, &err) == 0 ? 'y' : 'n';
        if (write(pipes[1], &done, 1) == 1)
            pause();
        _exit(1);
    }
    char done = 'n';
    assert_int_equal(read(pipes[0], &done, 1), 1);
    assert_int_equal(done, 'y');
    struct image_lock *lock;
    assert_int_equal(image_lock(place(), NAME, &lock, &err), -1);
    assert_int_equal(err.class, ERROR_LOCKED);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(count_names(tempdir), 1);
}

static void test_killed(void **state)
{
    (void)state;
    leave_behind();
    image_unlock(take(NAME));
    assert_int_equal(count_names(tempdir), 0);
    leave_behind();
    image_lock_sweep(place(), NAME);
    assert_int_equal(count_names(tempdir), 0);
    image_lock_sweep(place(), NAME); /* there is none */
    assert_int_equal(count_names(tempdir), 0);
}

/* --- taken and given back by many --- */

#define ROUNDS 300

static int holders;

static void *take_turns(void *context)
{
    struct error error = ERROR_INIT;
    (void)context;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct image_lock *lock;
        if (image_lock(place(), NAME, &lock, &error) < 0) {
            if (error.class != ERROR_LOCKED)
                return (void *)"failed";
            continue;
        }
        if (__atomic_add_fetch(&holders, 1, __ATOMIC_SEQ_CST) != 1)
            return (void *)"held twice";
        __atomic_sub_fetch(&holders, 1, __ATOMIC_SEQ_CST);
        image_unlock(lock);
    }
    return NULL;
}

static void test_turns(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        if (failed != NULL)
            fail_msg("%s", (const char *)failed);
    }
    assert_int_equal(count_names(tempdir), 0);
}

static void test_no_place(void **state)
{
    (void)state;
    struct image_lock *lock;
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    assert_int_equal(image_lock(NULL, NAME, &lock, &err), 0);
    assert_null(lock);
    image_lock_sweep(NULL, NAME);
    assert_int_equal(image_lock(in_tempdir("none/deep/"), NAME, &lock, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    setenv("XDG_STATE_HOME", tempdir, 1);
    assert_int_equal(image_lock(NULL, NAME, &lock, &err), 0);
    assert_int_equal(count_names(in_tempdir("tartconv")), 1);
    image_unlock(lock);
    assert_int_equal(count_names(in_tempdir("tartconv")), 0);
    rmdir(in_tempdir("tartconv"));
}

/* A link that another user put there leads nowhere. */
static void test_link(void **state)
{
    (void)state;
    leave_behind();
    DIR *folder = opendir(tempdir);
    assert_non_null(folder);
    char name[300] = "";
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            snprintf(name, sizeof name, "%s", entry->d_name);
    closedir(folder);
    assert_int_equal(unlink(in_tempdir("%s", name)), 0);
    assert_int_equal(symlink(in_tempdir("elsewhere"), in_tempdir("%s", name)), 0);
    struct image_lock *lock;
    assert_int_equal(image_lock(place(), NAME, &lock, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_int_equal(access(in_tempdir("elsewhere"), F_OK), -1);
    assert_int_equal(unlink(in_tempdir("%s", name)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time), cmocka_unit_test(test_killed),
        cmocka_unit_test(test_turns),         cmocka_unit_test(test_link),
        cmocka_unit_test(test_no_place),
    };
    return cmocka_run_group_tests(tests, set_up, tempdir_remove);
}
