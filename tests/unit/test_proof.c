/* test_proof.c: a proof survives being written and read, a proof that is wrong is refused with the
 * member that is wrong, and a disk is held against it. */
#include "tests/unit/faulty_store.h"

#include "convert/engine/pass.h"
#include "convert/engine/proof.h"
#include "tests/unit/make_data.h"

#include <stdio.h>

#define DISK_SIZE (3u << 20)
#define CUT       1500000u

static uint8_t disk_data[DISK_SIZE];

static int data_make(void **state)
{
    (void)state;
    struct dice dice = {.state = 77};
    for (size_t i = 0; i < DISK_SIZE; i++)
        disk_data[i] = i >> 18 == 2 ? 0 : (uint8_t)dice_roll(&dice);
    return 0;
}

/* Owner: proof_done. */
static struct proof proof_make(void)
{
    struct proof proof = {.has_source = true,
                          .source = id_of("source", 6).digest,
                          .has_destination = true,
                          .destination = id_of("destination", 11).digest,
                          .disk_size = DISK_SIZE,
                          .has_disk_digest = true,
                          .disk_digest = id_of(disk_data, DISK_SIZE).digest,
                          .encoder = "lz4hc:9",
                          .encoder_library = "1.9.4",
                          .blocks = {.encoded = 12, .carried = INT64_MAX},
                          .chunks = calloc(2, sizeof *proof.chunks),
                          .chunk_count = 2};
    assert_non_null(proof.chunks);
    proof.chunks[0] = (struct proof_chunk){
        .length = CUT, .content = id_of(disk_data, CUT).digest, .blob = id_of("blob", 4)};
    proof.chunks[1] =
        (struct proof_chunk){.offset = CUT,
                             .length = DISK_SIZE - CUT,
                             .content = id_of(disk_data + CUT, DISK_SIZE - CUT).digest,
                             .basis = BASIS_SAME_BLOB};
    return proof;
}

static int parse_tree(const struct json *tree, struct proof *ret, struct error *err)
{
    struct bytes text;
    bytes_init(&text, PROOF_SIZE_MAX);
    assert_int_equal(json_print(tree, JSON_PRETTY, &text, err), 0);
    int status = proof_parse(text.data, text.size, ret, err);
    bytes_done(&text);
    return status;
}

static void check_same(const struct proof *a, const struct proof *b)
{
    assert_int_equal(a->has_source, b->has_source);
    assert_int_equal(a->has_destination, b->has_destination);
    assert_int_equal(a->has_disk_digest, b->has_disk_digest);
    assert_true(!a->has_source || digest_equal(&a->source, &b->source));
    assert_true(!a->has_destination || digest_equal(&a->destination, &b->destination));
    assert_true(!a->has_disk_digest || digest_equal(&a->disk_digest, &b->disk_digest));
    assert_int_equal(a->disk_size, b->disk_size);
    assert_int_equal(a->blocks.encoded, b->blocks.encoded);
    assert_int_equal(a->blocks.carried, b->blocks.carried);
    assert_int_equal(a->chunk_count, b->chunk_count);
    for (size_t i = 0; i < a->chunk_count; i++) {
        const struct proof_chunk *x = &a->chunks[i], *y = &b->chunks[i];
        assert_int_equal(x->offset, y->offset);
        assert_int_equal(x->length, y->length);
        assert_int_equal(x->basis, y->basis);
        assert_true(digest_equal(&x->content, &y->content));
        assert_int_equal(x->blob.has_digest, y->blob.has_digest);
        assert_true(!x->blob.has_digest || digest_equal(&x->blob.digest, &y->blob.digest));
    }
}

static void check_round_trip(const struct proof *proof)
{
    struct error err;
    struct proof back;
    struct json *tree = proof_to_json(proof);
    assert_non_null(tree);
    assert_int_equal(parse_tree(tree, &back, &err), 0);
    check_same(proof, &back);
    proof_done(&back);
    json_free(tree);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct proof proof = proof_make();
    check_round_trip(&proof);
    proof.has_source = proof.has_destination = proof.has_disk_digest = false;
    proof.chunks[0].blob.has_digest = false;
    check_round_trip(&proof);
    proof_done(&proof);
    /* not one chunk, of a disk that is empty */
    check_round_trip(&proof);
}

static void test_text(void **state)
{
    (void)state;
    struct proof proof = proof_make();
    proof.dropped = calloc(1, sizeof *proof.dropped);
    assert_non_null(proof.dropped);
    proof.dropped[0] = proof.source;
    proof.dropped_count = 1;
    struct json *tree = proof_to_json(&proof);
    /* what scripts read, in docs/json.md's order */
    static const char *const members[] = {
        "kind",           "version",        "source_digest", "destination_digest",
        "disk_size",      "disk_digest",    "encoder",       "encoder_library",
        "blocks_encoded", "blocks_carried", "chunks",        "dropped_layers"};
    size_t i = 0;
    for (const struct json *member = json_first(tree); member != NULL; member = json_next(member))
        assert_string_equal(json_key(member), members[i++]);
    assert_int_equal(i, sizeof members / sizeof members[0]);
    assert_string_equal(json_string(json_get(tree, "encoder")), "lz4hc:9");
    assert_int_equal(json_count(json_get(tree, "dropped_layers")), 1);
    json_free(tree);
    proof_done(&proof);
}

/* --- what is refused -----------------------------------------------------------------------------
 */

/* Where in the proof: its own members, or those of its second chunk. */
enum place { TOP, CHUNK };

static const struct wrong {
    enum place place;
    const char *member;
    const char *json; /* in its place; NULL: absent */
} wrongs[] = {
    {TOP, "kind", "\"conversion\""},
    {TOP, "kind", "1"},
    {TOP, "kind", NULL},
    {TOP, "version", "2"},
    {TOP, "version", "\"1\""},
    {TOP, "version", NULL},
    {TOP, "source_digest", NULL},
    {TOP, "source_digest", "\"sha256:00\""},
    {TOP, "source_digest", "5"},
    {TOP, "destination_digest", NULL},
    {TOP, "destination_digest", "\"\""},
    {TOP, "disk_size", NULL},
    {TOP, "disk_size", "-1"},
    {TOP, "disk_size", "3145728.0"},
    {TOP, "disk_size", "9223372036854775808"},
    {TOP, "disk_digest", NULL},
    {TOP, "disk_digest", "[]"},
    {TOP, "blocks_encoded", NULL},
    {TOP, "blocks_encoded", "true"},
    {TOP, "blocks_carried", NULL},
    {TOP, "chunks", NULL},
    {TOP, "chunks", "{}"},
    {TOP, "chunks", "[]"}, /* disk_size says more */
    {TOP, "chunks", "[7]"},
    {CHUNK, "offset", NULL},
    {CHUNK, "offset", "1500001"},
    {CHUNK, "offset", "0"},
    {CHUNK, "length", NULL},
    {CHUNK, "length", "0"},
    {CHUNK, "length", "1645727"},             /* not up to disk_size */
    {CHUNK, "length", "9223372036854775807"}, /* beyond all sizes */
    {CHUNK, "content_digest", NULL},
    {CHUNK, "content_digest", "null"},
    {CHUNK, "blob", NULL},
    {CHUNK, "blob", "\"sha512:00\""},
    {CHUNK, "basis", NULL},
    {CHUNK, "basis", "\"guessed\""},
    {CHUNK, "basis", "0"},
};

static void check_refused(const struct json *whole, const struct wrong *wrong)
{
    struct error err = ERROR_INIT;
    struct proof proof;
    struct json *tree = json_copy(whole), *value = NULL;
    assert_non_null(tree);
    struct json *object = tree;
    if (wrong->place == CHUNK)
        object = json_next(json_first(json_get(tree, "chunks")));
    if (wrong->json == NULL)
        json_remove(object, wrong->member);
    else {
        assert_int_equal(json_parse(wrong->json, strlen(wrong->json), 100, &value, &err), 0);
        assert_int_equal(json_set(object, wrong->member, value, &err), 0);
    }
    assert_int_equal(parse_tree(tree, &proof, &err), -1);
    assert_int_equal(err.class, ERROR_PROOF_INVALID);
    assert_null(proof.chunks);
    /* the text names the member, or what contradicts it */
    bool named = strstr(err.text, wrong->member) != NULL || strstr(err.text, "chunks") != NULL;
    if (!named)
        fail_msg("%s is %s: %s", wrong->member, wrong->json, err.text);
    json_free(tree);
}

static void test_refused(void **state)
{
    (void)state;
    struct proof proof = proof_make();
    struct json *tree = proof_to_json(&proof);
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
        check_refused(tree, &wrongs[i]);
    json_free(tree);
    proof_done(&proof);
    static const char *const texts[] = {"",     "{",         "[]",
                                        "null", "\"proof\"", "{\"kind\":\"proof\"} x"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error err;
        assert_int_equal(proof_parse(texts[i], strlen(texts[i]), &proof, &err), -1);
        assert_int_equal(err.class, ERROR_PROOF_INVALID);
    }
}

/* --- holding -------------------------------------------------------------------------------------
 */

/* Holds a raw disk of these bytes against the proof. */
static int hold(const struct proof *proof, const uint8_t *data, size_t size, unsigned threads,
                struct error *ret_misfit)
{
    struct error err = ERROR_INIT;
    struct run run;
    struct faulty_blobs blobs;
    faulty_blobs_init(&blobs, data, size);
    struct disk_layer layer = {.blob = {.size = size}, .length = size};
    struct disk disk = {
        .format = DISK_RAW, .layers = &layer, .layer_count = 1, .size = size, .has_size = true};
    assert_int_equal(run_init(&run, threads, NULL, NULL, &err), 0);
    int status = proof_hold(proof, &run, &disk, &blobs.blobs, ret_misfit, &err);
    run_done(&run);
    assert_int_equal(blobs.opened, blobs.closed);
    if (status < 0)
        fail_msg("%s", err.text);
    return status;
}

static void test_hold(void **state)
{
    (void)state;
    struct proof proof = proof_make();
    static uint8_t other[DISK_SIZE];
    for (unsigned threads = 1; threads < 4; threads++) {
        struct error misfit = ERROR_INIT;
        assert_int_equal(hold(&proof, disk_data, DISK_SIZE, threads, &misfit), 1);
        /* both chunks are other: the first is told */
        static const size_t places[] = {0, CUT - 1, CUT, DISK_SIZE - 1};
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            memcpy(other, disk_data, DISK_SIZE);
            other[places[i]] ^= 0x80;
            other[DISK_SIZE - 1] ^= 1;
            assert_int_equal(hold(&proof, other, DISK_SIZE, threads, &misfit), 0);
            assert_int_equal(misfit.class, ERROR_CONTENT_DIGEST);
            assert_int_equal(misfit.where.disk_offset, places[i] < CUT ? 0 : CUT);
        }
        assert_int_equal(hold(&proof, disk_data, DISK_SIZE - 1, threads, &misfit), 0);
        assert_int_equal(misfit.class, ERROR_DISK_SIZE);
    }
    proof_done(&proof);
}

static void test_hold_fails(void **state)
{
    (void)state;
    struct proof proof = proof_make();
    struct error err, misfit;
    struct run run;
    struct faulty_blobs blobs;
    faulty_blobs_init(&blobs, disk_data, DISK_SIZE);
    blobs.fail_at = CUT + 5;
    struct disk_layer layer = {.blob = {.size = DISK_SIZE}, .length = DISK_SIZE};
    struct disk disk = {.format = DISK_RAW,
                        .layers = &layer,
                        .layer_count = 1,
                        .size = DISK_SIZE,
                        .has_size = true};
    for (unsigned threads = 1; threads < 3; threads++) {
        assert_int_equal(run_init(&run, threads, NULL, NULL, &err), 0);
        assert_int_equal(proof_hold(&proof, &run, &disk, &blobs.blobs, &misfit, &err), -1);
        assert_int_equal(err.class, ERROR_IO);
        run_done(&run);
    }
    proof_done(&proof);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_text),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_hold),
        cmocka_unit_test(test_hold_fails),
    };
    return cmocka_run_group_tests(tests, data_make, NULL);
}
