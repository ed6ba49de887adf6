/* test_resume.c: a conversion that failed anywhere and is begun again with its state gives the
 * layers and the proof of an undisturbed one, and does little twice. */
#include "tests/unit/resume_scenes.h"

/* --- bounds --- */

static bool is_done(struct state *state, const struct plan_chunk *chunk)
{
    struct state_chunk found;
    return state_find_chunk(state, chunk->offset, chunk->length, &found);
}

/* What is noted is what an undisturbed run makes, and its blob is there. */
static size_t count_done(const struct scene *scene, struct state *state, struct faulty_sink *sink)
{
    struct error err = ERROR_INIT;
    size_t count = 0;
    for (size_t i = 0; i < scene->plan.count; i++) {
        const struct proof_chunk *wanted = &scene->undisturbed.chunks[i];
        struct state_chunk found;
        if (!state_find_chunk(state, wanted->offset, wanted->length, &found))
            continue;
        assert_true(digest_equal(&found.proof.content, &wanted->content));
        assert_true(digest_equal(&found.proof.blob.digest, &wanted->blob.digest));
        assert_int_equal(sink_has(&sink->sink, &found.proof.blob, &err), 1);
        count++;
    }
    return count;
}

struct walls {
    uint64_t ends[128]; /* bytes of disk that the first 1, 2, ... layers hold whole */
    size_t count;
};

static int note_wall(void *context, uint64_t end, const struct checkpoint *checkpoint,
                     struct error *err)
{
    struct walls *walls = context;
    (void)checkpoint;
    (void)err;
    walls->ends[walls->count++] = end;
    return 0;
}

static struct walls walls_of(const struct disk *disk)
{
    struct error err = ERROR_INIT;
    struct walls walls = {.count = 0};
    struct reader_options options = {.context = &walls, .matched = note_wall};
    struct reader *reader;
    struct bytes read;
    assert_good(reader_open_with(disk, &store.blobs, &options, &reader, &err), &err);
    assert_good(disk_read_from(reader, 0, UINT64_MAX, &read, &err), &err);
    bytes_done(&read);
    reader_close(reader);
    return walls;
}

/* Bytes of the layers that hold anything of the chunks that are not done. */
static uint64_t layers_needed(const struct scene *scene, struct state *state)
{
    struct walls walls = walls_of(&scene->disk);
    uint64_t size = 0;
    for (size_t layer = 0; layer < scene->disk.layer_count; layer++) {
        uint64_t start = layer == 0 ? 0 : layer <= walls.count ? walls.ends[layer - 1] : SIZE;
        uint64_t end = layer < walls.count ? walls.ends[layer] : SIZE;
        bool needed = false;
        for (size_t i = 0; i < scene->plan.count; i++) {
            const struct plan_chunk *chunk = &scene->plan.chunks[i];
            needed = needed || (!is_done(state, chunk) && chunk->offset <= end &&
                                chunk->offset + chunk->length >= start);
        }
        size += needed ? scene->disk.layers[layer].blob.size : 0;
    }
    return size;
}

/* One lane, in order: what was committed and lies in layers that were read whole is finished. */
static void assert_kept(const struct scene *scene, struct state *state, uint64_t read,
                        size_t commits)
{
    struct walls walls = walls_of(&scene->disk);
    size_t layer = 0, done = 0, expected = 0;
    uint64_t matched = 0;
    for (; layer < walls.count && read >= scene->disk.layers[layer].blob.size; layer++) {
        read -= scene->disk.layers[layer].blob.size;
        /* its end was seen where the next was begun */
        if (read > 0)
            matched = walls.ends[layer];
    }
    for (size_t i = 0; i < scene->plan.count; i++) {
        const struct plan_chunk *chunk = &scene->plan.chunks[i];
        expected += i < commits && chunk->offset + chunk->length <= matched;
        done += is_done(state, chunk);
    }
    assert_true(done >= expected);
}

/* --- tests --- */

/* Fails the first run at commit or read k, then goes on. Returns how many chunks were done. */
static size_t fail_and_resume(const struct scene *scene, size_t commit, size_t read)
{
    struct error err = ERROR_INIT;
    struct made_disk made;
    struct faulty_sink sink;
    faulty_sink_init(&sink);
    sink.commit_fails = commit;
    struct counted source = counted_make(read);
    struct state *state = state_opened();
    int status = run_once(scene, &source, &sink, state, &made, &err);
    /* with lanes, equal chunks are committed once or twice: the last commit may never come */
    assert_true(status < 0 || scene->threads > 1);
    if (status == 0)
        made_disk_done(&made);
    else
        assert_int_equal(err.class, ERROR_IO);
    if (scene->threads == 1)
        assert_kept(scene, state, source.size, sink.commits - (commit != NEVER));
    state_free(state);
    state = state_opened();
    size_t done = count_done(scene, state, &sink);
    uint64_t needed = layers_needed(scene, state);
    sink.commit_fails = NEVER;
    size_t commits = sink.commits;
    source = counted_make(NEVER);
    assert_good(run_once(scene, &source, &sink, state, &made, &err), &err);
    assert_same_made(&made, &scene->undisturbed);
    if (sink.commits - commits > scene->plan.count - done)
        fail_msg("%s: %zu commits for %zu chunks", scene->name, sink.commits - commits,
                 scene->plan.count - done);
    if (!scene->disk_digest && source.size > needed && scene->threads == 1)
        fail_msg("%s: %zu bytes read, %zu needed", scene->name, source.size, (size_t)needed);
    made_disk_done(&made);
    /* and now everything is finished */
    assert_int_equal(count_done(scene, state, &sink), scene->plan.count);
    commits = sink.commits;
    source = counted_make(NEVER);
    assert_good(run_once(scene, &source, &sink, state, &made, &err), &err);
    assert_same_made(&made, &scene->undisturbed);
    assert_int_equal(sink.commits, commits);
    assert_true(scene->disk_digest || source.size == 0);
    made_disk_done(&made);
    state_remove(state);
    faulty_sink_done(&sink);
    return done;
}

static void test_failures(unsigned threads, size_t step)
{
    for (size_t i = 0; i < SCENES; i++) {
        struct scene scene = scene_open(&scenes[i], threads);
        size_t most = 0;
        /* from the last on, which leaves the most done */
        for (size_t k = scene.commits; k > 0; k -= k < step ? k : step) {
            size_t done = fail_and_resume(&scene, k - 1, NEVER);
            most = done > most ? done : most;
        }
        for (size_t k = scene.reads; k > 0; k -= k < step ? k : step) {
            size_t done = fail_and_resume(&scene, NEVER, k - 1);
            most = done > most ? done : most;
        }
        /* it was worth it, where there is more than one layer */
        if (most < scene.plan.count / 2 && scene.disk.layer_count > 1)
            fail_msg("%s: %zu of %zu", scene.name, most, scene.plan.count);
        scene_close(&scene);
    }
}

static void test_one_lane(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    test_failures(1, 64); /* one thread races with none */
#else
    test_failures(1, 1);
#endif
}

static void test_lanes(void **state)
{
    (void)state;
    test_failures(3, 4);
}

/* Of a layer that turns out not to be what the manifest names, nothing is noted, whatever was
 * decoded and committed before that was seen. */
static void test_damaged_layer(void **unused)
{
    (void)unused;
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < 2 * SCENES; i++) {
        struct scene scene = scene_open(&scenes[i / 2], i % 2 == 0 ? 1 : 3);
        for (size_t layer = 0; layer < scene.disk.layer_count; layer++) {
            struct stored_blob *row = store_find(&store, &scene.disk.layers[layer].blob);
            uint8_t *byte = &row->bytes.data[row->bytes.size - row->bytes.size / 3];
            if (row->bytes.size < 5000)
                continue; /* zeros; may stand for several layers */
            struct faulty_sink sink;
            faulty_sink_init(&sink);
            struct made_disk made;
            struct state *state = state_opened();
            struct counted source = counted_make(NEVER);
            *byte ^= 0x40;
            assert_int_equal(run_once(&scene, &source, &sink, state, &made, &err), -1);
            *byte ^= 0x40;
            assert_true(count_done(&scene, state, &sink) < scene.plan.count);
            source = counted_make(NEVER);
            assert_good(run_once(&scene, &source, &sink, state, &made, &err), &err);
            assert_same_made(&made, &scene.undisturbed);
            made_disk_done(&made);
            state_remove(state);
            faulty_sink_done(&sink);
        }
        scene_close(&scene);
    }
}

/* Killed again and again: each run adds to what the ones before did. */
static void test_many_times(void **unused)
{
    (void)unused;
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < SCENES; i++) {
        if (scenes[i].cut > SIZE || scenes[i].disk_digest)
            continue;
        struct scene scene = scene_open(&scenes[i], 1);
        struct faulty_sink sink;
        faulty_sink_init(&sink);
        struct made_disk made;
        int status = -1;
        size_t runs = 0;
        for (; status < 0; runs++) {
            assert_true(runs < 2 * scene.plan.count);
            struct state *state = state_opened();
            struct counted source = counted_make(NEVER);
            sink.commit_fails = sink.commits + 5;
            status = run_once(&scene, &source, &sink, state, &made, &err);
            if (status == 0)
                state_remove(state);
            else
                state_free(state);
        }
        assert_true(runs > 1);
        assert_same_made(&made, &scene.undisturbed);
        made_disk_done(&made);
        faulty_sink_done(&sink);
        scene_close(&scene);
    }
}

/* What the destination lost is made again, and little else is read for it. */
static void test_forgotten(void **unused)
{
    (void)unused;
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < SCENES; i++) {
        struct scene scene = scene_open(&scenes[i], 1);
        struct faulty_sink sink;
        faulty_sink_init(&sink);
        struct made_disk made;
        struct state *state = state_opened();
        struct counted source = counted_make(NEVER);
        assert_good(run_once(&scene, &source, &sink, state, &made, &err), &err);
        assert_same_made(&made, &scene.undisturbed);
        uint64_t all = source.size;
        struct digest lost = made.chunks[1].blob.digest;
        assert_good(state_forget_blob(state, &lost, &err), &err);
        for (size_t k = 0; k < sink.count; k++)
            if (digest_equal(&sink.ids[k].digest, &lost))
                sink.ids[k].size++;
        made_disk_done(&made);
        uint64_t needed = layers_needed(&scene, state);
        size_t commits = sink.commits;
        source = counted_make(NEVER);
        assert_good(run_once(&scene, &source, &sink, state, &made, &err), &err);
        assert_same_made(&made, &scene.undisturbed);
        assert_int_equal(sink.commits, commits + 1);
        if (scene.disk_digest ? source.size != all : source.size > needed)
            fail_msg("%s: %zu bytes read, %zu needed", scene.name, source.size, (size_t)needed);
        made_disk_done(&made);
        state_remove(state);
        faulty_sink_done(&sink);
        scene_close(&scene);
    }
}

/* A state that says less of chunks than is asked for now does not serve. */
static void test_other_basis(void **unused)
{
    (void)unused;
    struct error err = ERROR_INIT;
    struct scene scene = scene_open(&scenes[8], 1);
    struct faulty_sink sink;
    faulty_sink_init(&sink);
    struct made_disk made;
    struct state *state = state_opened();
    struct counted source = counted_make(NEVER);
    assert_good(run_once(&scene, &source, &sink, state, &made, &err), &err);
    assert_int_equal(made.chunks[0].basis, BASIS_SAME_BLOB);
    made_disk_done(&made);
    scene.options.decode = true;
    source = counted_make(NEVER);
    assert_good(run_once(&scene, &source, &sink, state, &made, &err), &err);
    assert_true(source.size > 0);
    assert_int_equal(made.chunks[0].basis, BASIS_DECODED);
    made_disk_done(&made);
    state_remove(state);
    faulty_sink_done(&sink);
    scene_close(&scene);
}

/* A state file cut or damaged anywhere: less is spared, the result is the same. */
static void test_damaged_state(void **unused)
{
    (void)unused;
    struct error err = ERROR_INIT;
    struct scene scene = scene_open(&scenes[0], 1);
    struct faulty_sink sink;
    faulty_sink_init(&sink);
    sink.commit_fails = scene.commits - 1;
    struct made_disk made;
    struct state *state = state_opened();
    struct counted source = counted_make(NEVER);
    assert_int_equal(run_once(&scene, &source, &sink, state, &made, &err), -1);
    assert_true(state_checkpoint_before(state, SIZE) > 0);
    state_free(state);
    sink.commit_fails = NEVER;
    size_t size;
    char *whole = get_file(in_tempdir("a.state"), &size);
    for (size_t at = 300; at < size; at += size / 40) {
        whole[at] ^= 1;
        put_file(in_tempdir("a.state"), whole, size);
        whole[at] ^= 1;
        state = state_opened();
        source = counted_make(NEVER);
        assert_good(run_once(&scene, &source, &sink, state, &made, &err), &err);
        assert_same_made(&made, &scene.undisturbed);
        made_disk_done(&made);
        state_remove(state);
    }
    free(whole);
    faulty_sink_done(&sink);
    scene_close(&scene);
}

/* A checkpoint of something else is refused before anything is made from it. */
static void test_foreign_checkpoint(void **unused)
{
    (void)unused;
    struct error err = ERROR_INIT;
    struct scene scene = scene_open(&scenes[0], 1);
    struct faulty_sink sink;
    faulty_sink_init(&sink);
    struct state *state = state_opened();
    for (size_t i = 0; i < 2; i++) {
        struct state_chunk chunk = {.proof = scene.undisturbed.chunks[i]};
        assert_good(state_note_chunk(state, &chunk, &err), &err);
    }
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    assert_non_null(checkpoint);
    checkpoint->layer = 1;
    checkpoint->state.decoded = 500000;
    checkpoint->state.consumed = 200001;
    assert_good(state_note_checkpoint(state, checkpoint, &err), &err);
    free(checkpoint);
    struct made_disk made;
    struct counted source = counted_make(NEVER);
    assert_int_equal(run_once(&scene, &source, &sink, state, &made, &err), -1);
    assert_int_equal(err.class, ERROR_IO);
    assert_non_null(strstr(err.text, "does not fit the image"));
    assert_int_equal(sink.commits, 0);
    state_remove(state);
    faulty_sink_done(&sink);
    scene_close(&scene);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_lane),      TEST(test_lanes),
        TEST(test_damaged_layer), TEST(test_many_times),
        TEST(test_forgotten),     TEST(test_other_basis),
        TEST(test_damaged_state), TEST(test_foreign_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
