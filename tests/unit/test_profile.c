/* test_profile.c: which registry is sent blobs how, and what refusals, lost sessions and mounts
 * teach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "convert/net/profile.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <unistd.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

static struct profile *open_profile(const char *host)
{
    struct profile *profile = profile_new(host, 0, 0);
    assert_non_null(profile);
    return profile;
}

static void check_plan(struct profile *profile, uint64_t size, enum upload_method method,
                       uint64_t piece)
{
    struct profile_plan plan = profile_plan(profile, size, 0);
    assert_int_equal(plan.method, method);
    if (method == UPLOAD_PIECES)
        assert_int_equal(plan.piece, piece);
}

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *host, *name;
        enum upload_method method;
        unsigned uploads;
    } rows[] = {
        {"ghcr.io", "ghcr", UPLOAD_MONOLITHIC, 4},
        {"GHCR.IO:443", "ghcr", UPLOAD_MONOLITHIC, 4},
        {"xghcr.io", "unknown", UPLOAD_MONOLITHIC, 4},
        {"ghcr.io.example.com", "unknown", UPLOAD_MONOLITHIC, 4},
        {"europe-docker.pkg.dev", "artifact-registry", UPLOAD_MONOLITHIC, 8},
        {"pkg.dev", "unknown", UPLOAD_MONOLITHIC, 4},
        {"gcr.io", "artifact-registry", UPLOAD_MONOLITHIC, 8},
        {"eu.gcr.io", "artifact-registry", UPLOAD_MONOLITHIC, 8},
        {"notgcr.io", "unknown", UPLOAD_MONOLITHIC, 4},
        {"1234.dkr.ecr.eu-west-1.amazonaws.com", "ecr", UPLOAD_MONOLITHIC, 4},
        {"dkr.ecr.eu-west-1.amazonaws.com", "unknown", UPLOAD_MONOLITHIC, 4},
        {"1234.dkr.ecr.amazonaws.com", "unknown", UPLOAD_MONOLITHIC, 4},
        {"public.ecr.aws", "ecr-public", UPLOAD_MONOLITHIC, 2},
        {"mine.azurecr.io", "acr", UPLOAD_PIECES, 4},
        {"registry.gitlab.com", "gitlab", UPLOAD_MONOLITHIC, 4},
        {"docker.io", "docker-hub", UPLOAD_MONOLITHIC, 4},
        {"registry-1.docker.io", "docker-hub", UPLOAD_MONOLITHIC, 4},
        {"quay.io", "quay", UPLOAD_MONOLITHIC, 4},
        {"localhost:5000", "unknown", UPLOAD_MONOLITHIC, 4},
        {"", "unknown", UPLOAD_MONOLITHIC, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct profile *profile = open_profile(rows[i].host);
        assert_string_equal(profile_name(profile), rows[i].name);
        assert_int_equal(profile_uploads(profile), rows[i].uploads);
        check_plan(profile, 500 * MIB, rows[i].method, 16 * MIB);
        profile_free(profile);
    }
}

static void test_options(void **state)
{
    (void)state;
    struct profile *profile = profile_new("gcr.io", 3 * MIB, 17);
    assert_int_equal(profile_uploads(profile), 17);
    check_plan(profile, 3 * MIB, UPLOAD_MONOLITHIC, 0);
    check_plan(profile, 3 * MIB + 1, UPLOAD_PIECES, 3 * MIB);
    check_plan(profile, 0, UPLOAD_MONOLITHIC, 0);
    struct profile_plan plan = profile_plan(profile, 500 * MIB, 5 * MIB);
    assert_int_equal(plan.piece, 5 * MIB); /* the registry's minimum is binding */
    profile_free(profile);
}

static void test_part_limits(void **state)
{
    (void)state;
    struct profile *profile = open_profile("public.ecr.aws");
    assert_true(profile_learn(profile, REFUSED_MONOLITHIC, MIB));
    check_plan(profile, 9000 * MIB, UPLOAD_PIECES, 10 * MIB);
    struct profile_plan plan = profile_plan(profile, 20000 * MIB, 0);
    assert_true(plan.piece * 1000 >= 20000 * MIB);
    profile_free(profile);
}

static void test_too_large(void **state)
{
    (void)state;
    struct profile *profile = open_profile("r.example.com");
    assert_true(profile_learn(profile, REFUSED_TOO_LARGE, 100 * MIB));
    check_plan(profile, 100 * MIB, UPLOAD_PIECES, 16 * MIB);
    check_plan(profile, 16 * MIB, UPLOAD_MONOLITHIC, 0); /* no larger than a piece */
    /* two threads had sent monolithic bodies, and two pieces of 16 MiB: each is learned once */
    assert_true(profile_learn(profile, REFUSED_TOO_LARGE, 80 * MIB));
    check_plan(profile, 100 * MIB, UPLOAD_PIECES, 16 * MIB);
    assert_true(profile_learn(profile, REFUSED_TOO_LARGE, 16 * MIB));
    assert_true(profile_learn(profile, REFUSED_TOO_LARGE, 16 * MIB));
    check_plan(profile, 100 * MIB, UPLOAD_PIECES, 8 * MIB);
    uint64_t piece = 8 * MIB;
    for (; piece > 256 * KIB; piece /= 2) {
        check_plan(profile, 100 * MIB, UPLOAD_PIECES, piece);
        assert_true(profile_learn(profile, REFUSED_TOO_LARGE, piece));
    }
    assert_false(profile_learn(profile, REFUSED_TOO_LARGE, piece));
    assert_false(profile_learn(profile, REFUSED_PIECES, piece)); /* whole, they are too large */
    profile_free(profile);
}

/* A monolithic body smaller than the table's piece is refused: pieces are smaller than that. */
static void test_too_large_and_small(void **state)
{
    (void)state;
    struct profile *profile = open_profile("r.example.com");
    assert_true(profile_learn(profile, REFUSED_TOO_LARGE, 10 * MIB));
    check_plan(profile, 10 * MIB, UPLOAD_PIECES, 5 * MIB);
    profile_free(profile);
}

static void test_methods(void **state)
{
    (void)state;
    struct profile *profile = open_profile("m.azurecr.io");
    assert_true(profile_learn(profile, REFUSED_PIECES, 16 * MIB));
    check_plan(profile, 100 * MIB, UPLOAD_MONOLITHIC, 0);
    assert_false(profile_learn(profile, REFUSED_MONOLITHIC, 100 * MIB));
    assert_false(profile_learn(profile, REFUSED_TOO_LARGE, 100 * MIB));
    assert_false(profile_learn(profile, STALLED_MONOLITHIC, 100 * MIB));
    profile_free(profile);

    profile = open_profile("ghcr.io");
    assert_true(profile_learn(profile, REFUSED_MONOLITHIC, 100 * MIB));
    assert_true(profile_learn(profile, REFUSED_MONOLITHIC, 100 * MIB));
    check_plan(profile, 100 * MIB, UPLOAD_PIECES, 3500000);
    check_plan(profile, MIB, UPLOAD_PIECES, 3500000);
    assert_false(profile_learn(profile, REFUSED_PIECES, 3500000));
    profile_free(profile);

    profile = open_profile("eu.gcr.io"); /* known to keep no pieces */
    assert_false(profile_learn(profile, REFUSED_MONOLITHIC, 100 * MIB));
    profile_free(profile);
}

static void test_stalls(void **state)
{
    (void)state;
    struct profile *profile = open_profile("r.example.com");
    assert_true(profile_learn(profile, STALLED_MONOLITHIC, 100 * MIB));
    check_plan(profile, 100 * MIB, UPLOAD_MONOLITHIC, 0); /* one blob is no rule */
    assert_true(profile_learn(profile, STALLED_MONOLITHIC, 100 * MIB));
    check_plan(profile, 100 * MIB, UPLOAD_PIECES, 16 * MIB);
    assert_true(profile_learn(profile, REFUSED_PIECES, 16 * MIB)); /* slow is better than none */
    check_plan(profile, 100 * MIB, UPLOAD_MONOLITHIC, 0);
    profile_free(profile);
}

/* --- uploads side by side --- */

static volatile sig_atomic_t stop;

static void on_alarm(int number)
{
    (void)number;
    stop = 1;
}

/* A profile that wrongly has no room left would hang here: the whole test then ends by a signal. */
static void enter(struct profile *profile, unsigned times)
{
    signal(SIGALRM, SIG_DFL);
    alarm(60);
    for (unsigned i = 0; i < times; i++)
        assert_true(profile_enter(profile, NULL));
    alarm(0);
}

static void check_full(struct profile *profile)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    stop = 0;
    signal(SIGALRM, on_alarm);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_false(profile_enter(profile, &stop));
    assert_int_equal(stop, 1);
}

static void leave(struct profile *profile, unsigned times, bool lost)
{
    for (unsigned i = 0; i < times; i++)
        profile_leave(profile, false, lost);
}

static void check_room(struct profile *profile, unsigned room)
{
    enter(profile, room);
    check_full(profile);
    /* as good ones: they count towards the sixteen */
    leave(profile, room, false);
}

static void test_lost_sessions(void **state)
{
    (void)state;
    struct profile *profile = profile_new("r.example.com", 0, 4);
    enter(profile, 4);
    check_full(profile);
    leave(profile, 1, true);
    check_full(profile); /* three are still in */
    leave(profile, 3, true);
    check_room(profile, 1);
    enter(profile, 1);
    leave(profile, 1, true); /* never less than one */
    for (unsigned i = 0; i < 15; i++) {
        enter(profile, 1);
        leave(profile, 1, false);
    }
    check_room(profile, 1); /* the sixteenth */
    check_room(profile, 2); /* and two more */
    for (unsigned i = 0; i < 7; i++) {
        enter(profile, 2);
        leave(profile, 2, false);
    }
    check_room(profile, 3);
    for (unsigned i = 0; i < 40; i++) {
        enter(profile, 1);
        leave(profile, 1, false);
    }
    check_room(profile, 4); /* where it began, and no more */
    profile_free(profile);
}

static void test_halving(void **state)
{
    (void)state;
    struct profile *profile = profile_new("r.example.com", 0, 8);
    enter(profile, 1);
    leave(profile, 1, true);
    check_room(profile, 4);
    assert_int_equal(profile_uploads(profile), 8);
    profile_free(profile);
}

static void test_stopped_at_once(void **state)
{
    (void)state;
    struct profile *profile = open_profile("r.example.com");
    stop = 1;
    assert_false(profile_enter(profile, &stop));
    profile_free(profile);
}

struct crowd {
    struct profile *profile;
    atomic_int in, most;
};

static void *come_and_go(void *argument)
{
    struct crowd *crowd = argument;
    for (int i = 0; i < 200; i++) {
        if (!profile_enter(crowd->profile, NULL))
            return crowd;
        int in = atomic_fetch_add(&crowd->in, 1) + 1;
        int most = atomic_load(&crowd->most);
        while (in > most && !atomic_compare_exchange_weak(&crowd->most, &most, in))
            ;
        sched_yield();
        atomic_fetch_sub(&crowd->in, 1);
        profile_leave(crowd->profile, false, i % 50 == 49);
    }
    return NULL;
}

static void test_crowd(void **state)
{
    (void)state;
    struct crowd crowd = {.profile = profile_new("r.example.com", 0, 3)};
    pthread_t threads[8];
    void *failed;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_in_range(crowd.most, 1, 3);
    profile_free(crowd.profile);
}

/* Blobs that are not whole leave a turn to those that are, and never keep one from going on. */
static void test_growing(void **state)
{
    (void)state;
    struct profile *profile = open_profile("r.example.com");
    for (unsigned i = 0; i < 3; i++)
        assert_true(profile_enter_growing(profile));
    assert_false(profile_enter_growing(profile));
    enter(profile, 1);
    check_full(profile);
    assert_false(profile_enter_growing(profile));
    /* one lost session leaves two turns: three grow already */
    leave(profile, 1, true);
    enter(profile, 1);
    check_full(profile);
    for (unsigned i = 0; i < 3; i++)
        profile_leave(profile, true, false);
    assert_false(profile_enter_growing(profile));
    leave(profile, 1, false);
    assert_true(profile_enter_growing(profile));
    profile_leave(profile, true, false);
    assert_true(profile_learn(profile, REFUSED_EARLY, 0));
    assert_false(profile_enter_growing(profile));
    check_plan(profile, 100 * MIB, UPLOAD_MONOLITHIC, 0); /* whole ones are sent as before */
    profile_free(profile);

    static const enum upload_refusal refusals[] = {REFUSED_TOO_LARGE, REFUSED_PIECES,
                                                   REFUSED_MONOLITHIC};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        profile = open_profile("r.example.com");
        assert_true(profile_learn(profile, refusals[i], 100 * MIB));
        assert_false(profile_enter_growing(profile));
        profile_free(profile);
    }
    static const char *const hosts[] = {"ghcr.io", "eu.gcr.io", "a.azurecr.io", "quay.io"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        profile = open_profile(hosts[i]);
        assert_false(profile_enter_growing(profile));
        profile_free(profile);
    }
    profile = profile_new("r.example.com", 3 * MIB, 0); /* --upload-chunk: no body may be longer */
    assert_false(profile_enter_growing(profile));
    profile_free(profile);
    profile = profile_new("r.example.com", 0, 1);
    assert_false(profile_enter_growing(profile));
    profile_free(profile);
}

static void test_mounts(void **state)
{
    (void)state;
    struct profile *profile = open_profile("r.example.com");
    for (int i = 0; i < 3; i++)
        profile_mount_failed(profile);
    assert_true(profile_mounts(profile));
    profile_mount_done(profile);
    for (int i = 0; i < 3; i++)
        profile_mount_failed(profile);
    assert_true(profile_mounts(profile));
    profile_mount_failed(profile);
    assert_false(profile_mounts(profile));
    profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_part_limits),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_too_large_and_small),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_stalls),
        cmocka_unit_test(test_lost_sessions),
        cmocka_unit_test(test_halving),
        cmocka_unit_test(test_stopped_at_once),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_mounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
