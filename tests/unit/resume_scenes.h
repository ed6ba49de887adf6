/* resume_scenes.h: conversions of a disk, of every kind that can be taken up again, over a source
 * that counts what is read of it and can be told to fail. For test_resume.c. */
#ifndef TESTS_UNIT_RESUME_SCENES_H
#define TESTS_UNIT_RESUME_SCENES_H

#include "tests/unit/convert_disk.h"
#include "tests/unit/faulty_store.h"
#include "tests/unit/tempdir.h"

#include "convert/engine/convert_parts.h"

#define SIZE  (1500u << 10)
#define SLICE 40000u /* bytes of a source blob at once */

static uint8_t *data;

static inline int setup(void **state)
{
    data = make_data(31, SIZE);
    memset(data + 400000, 0, 500000); /* chunks that are equal, and blocks known by their bytes */
    return tempdir_make(state) < 0 ? -1 : store_setup(state);
}

static inline int teardown(void **state)
{
    free(data);
    return tempdir_remove(state) < 0 ? -1 : store_teardown(state);
}

/* --- a source that counts, and fails at one of its reads --- */

struct counted {
    struct blobs blobs;
    size_t fail_at;            /* the read with that number, from 0; NEVER: none */
    atomic_size_t reads, size; /* size: bytes */
};

struct counted_blob {
    struct blob blob;
    struct counted *from;
    const struct stored_blob *row;
    size_t position;
};

static inline int counted_peek(struct blob *base, const uint8_t **ret_data, size_t *ret_size,
                               struct error *err)
{
    struct counted_blob *blob = (struct counted_blob *)base;
    size_t left = blob->row->bytes.size - blob->position;
    if (left == 0)
        return 0;
    if (atomic_fetch_add(&blob->from->reads, 1) == blob->from->fail_at)
        return error_set(err, ERROR_IO, "this read fails");
    *ret_data = blob->row->bytes.data + blob->position;
    *ret_size = left < SLICE ? left : SLICE;
    return 1;
}

static inline void counted_skip(struct blob *base, size_t size)
{
    struct counted_blob *blob = (struct counted_blob *)base;
    blob->position += size;
    atomic_fetch_add(&blob->from->size, size);
}

static inline void counted_close(struct blob *base)
{
    free(base);
}

static inline int counted_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                               struct error *err)
{
    static const struct blob_ops ops = {
        .peek = counted_peek, .skip = counted_skip, .close = counted_close};
    const struct stored_blob *row = store_find(&store, id);
    struct counted_blob *blob = calloc(1, sizeof *blob);
    if (row == NULL || blob == NULL) {
        free(blob);
        return error_set(err, ERROR_BLOB_MISSING, "is not there");
    }
    *blob = (struct counted_blob){{&ops, row->bytes.size}, (struct counted *)blobs, row, 0};
    *ret = &blob->blob;
    return 0;
}

static inline struct counted counted_make(size_t fail_at)
{
    static const struct blobs_ops ops = {.open = counted_open};
    return (struct counted){.blobs = {&ops}, .fail_at = fail_at};
}

/* --- scenes --- */

struct scene {
    const char *name;
    enum disk_format format; /* of the source */
    uint64_t cut;            /* of its layers */
    uint64_t chunk_size;     /* 0: the source's cut */
    bool disk_digest, decode, encode_all;
    unsigned threads;
    struct disk disk;
    struct plan plan;
    struct convert_options options;
    struct made_disk undisturbed;
    size_t reads, commits; /* of the undisturbed run */
};

#define KEPT 0

static const struct scene scenes[] = {
    {.name = "v1", .format = DISK_V1, .cut = 200000, .chunk_size = 4 * 65536},
    {.name = "v1 odd", .format = DISK_V1, .cut = 30001, .chunk_size = 150001},
    {.name = "v1 one layer", .format = DISK_V1, .cut = 9000000, .chunk_size = 300000},
    {.name = "v1 digest",
     .format = DISK_V1,
     .cut = 150000,
     .chunk_size = 262144,
     .disk_digest = true},
    {.name = "v1 encoded",
     .format = DISK_V1,
     .cut = 99999,
     .chunk_size = 262144,
     .encode_all = true},
    {.name = "v2 grid", .format = DISK_V2, .cut = 100000, .chunk_size = 150000},
    {.name = "v2 cross", .format = DISK_V2, .cut = 131072, .chunk_size = 131072 + 1},
    {.name = "v2 split", .format = DISK_V2, .cut = 500000, .chunk_size = 100000},
    {.name = "v2 kept", .format = DISK_V2, .cut = 200000, .chunk_size = KEPT},
    {.name = "v2 decoded", .format = DISK_V2, .cut = 200000, .chunk_size = KEPT, .decode = true},
    {.name = "v2 digest",
     .format = DISK_V2,
     .cut = 300000,
     .chunk_size = 200000,
     .disk_digest = true},
};
#define SCENES (sizeof scenes / sizeof scenes[0])

static inline int run_once(const struct scene *scene, struct counted *source,
                           struct faulty_sink *sink, struct state *state, struct made_disk *ret,
                           struct error *err)
{
    struct run run;
    assert_int_equal(run_init(&run, scene->threads, NULL, NULL, err), 0);
    struct disk_target target = {.sink = &sink->sink, .uploads = 3, .state = state};
    int status = convert_disk(&run, &scene->disk, &source->blobs, &scene->plan, &scene->options,
                              &target, ret, err);
    if (status == 0) /* skipped or not, all of the disk was told */
        assert_true(run.done == run.total);
    run_done(&run);
    return status;
}

static inline struct scene scene_open(const struct scene *row, unsigned threads)
{
    struct error err = ERROR_INIT;
    struct scene scene = *row;
    struct wish wish = {row->format, row->cut, NULL, false, false};
    scene.threads = threads;
    scene.disk = disk_make_as(data, SIZE, &wish);
    scene.options = (struct convert_options){.to = CONVERT_TO_V2,
                                             .chunk_size = row->chunk_size,
                                             .encode_all = row->encode_all,
                                             .disk_digest = row->disk_digest,
                                             .decode = row->decode};
    assert_good(plan_make(&scene.disk, DISK_V2, &scene.options, false, &scene.plan, &err), &err);
    struct counted source = counted_make(NEVER);
    struct faulty_sink sink;
    faulty_sink_init(&sink);
    assert_good(run_once(&scene, &source, &sink, NULL, &scene.undisturbed, &err), &err);
    const struct block_counts *blocks = &scene.undisturbed.blocks;
    assert_true(scene.plan.kept > 0 || blocks->encoded + blocks->carried > 0);
    scene.reads = source.reads;
    scene.commits = sink.commits;
    faulty_sink_done(&sink);
    return scene;
}

static inline void scene_close(struct scene *scene)
{
    made_disk_done(&scene->undisturbed);
    plan_done(&scene->plan);
    disk_done(&scene->disk);
    store_renew();
}

static inline struct state *state_opened(void)
{
    struct error err = ERROR_INIT;
    struct state_name name = {.destination = "oci:x"};
    struct state *state;
    assert_good(state_open(in_tempdir("a.state"), &name, false, &state, &err), &err);
    return state;
}

static inline void assert_same_made(const struct made_disk *a, const struct made_disk *b)
{
    assert_same_layers(&a->disk, &b->disk);
    assert_int_equal(a->chunk_count, b->chunk_count);
    for (size_t i = 0; i < a->chunk_count; i++) {
        const struct proof_chunk *x = &a->chunks[i], *y = &b->chunks[i];
        assert_true(x->offset == y->offset && x->length == y->length && x->basis == y->basis);
        assert_true(digest_equal(&x->content, &y->content));
        assert_true(x->blob.has_digest && x->blob.size == y->blob.size);
        assert_true(digest_equal(&x->blob.digest, &y->blob.digest));
        assert_true(digest_equal(&a->disk.layers[i].content, &b->disk.layers[i].content));
    }
    assert_true(a->blocks.encoded == b->blocks.encoded && a->blocks.carried == b->blocks.carried);
    assert_int_equal(a->has_disk_digest, b->has_disk_digest);
    assert_true(!a->has_disk_digest || digest_equal(&a->disk_digest, &b->disk_digest));
}

#endif
