/* test_bitflip.c: every bit of every file of a small layout flipped, one after another: verify
 * finds it, or nothing that it says of the image has changed. And every bit of a V1 stream flipped
 * under a digest that is right: what the framing finds of it. */
#include "tests/unit/convert_disk.h"
#include "tests/unit/make_data.h"
#include "tests/unit/tempdir.h"

#include "convert/engine/convert.h"
#include "convert/engine/verify.h"

#include <ftw.h>

#define LAYOUT_DISK_SIZE 700u

static const char vm_config[] =
    "{\"version\":1,\"os\":\"linux\",\"arch\":\"arm64\",\"cpuCountMin\":1,\"cpuCount\":1,"
    "\"memorySizeMin\":1,\"memorySize\":1,\"macAddress\":\"7a:65:e4:3f:b2:06\"}";

/* --- a layout --- */

/* What verify says of the image: enough to see a change. */
struct verdict {
    bool sound;
    struct digest digest, disk_digest;
};

static struct run run;

static void reference_make(const char *transport, const char *name, struct reference *ret)
{
    char text[1100];
    struct error err = ERROR_INIT;
    snprintf(text, sizeof text, "%s:%s", transport, in_tempdir("%s", name));
    assert_good(reference_parse(text, ret, &err), &err);
}

static void layout_make(void)
{
    uint8_t disk[LAYOUT_DISK_SIZE];
    struct error err = ERROR_INIT;
    struct dice dice = {3};
    struct reference source, destination;
    struct conversion conversion;
    const struct convert_options options = {.disk_digest = true};
    make_words(&dice, disk, sizeof disk);
    mkdir(in_tempdir("vm"), 0777);
    put_file(in_tempdir("vm/disk.img"), disk, sizeof disk);
    put_text(in_tempdir("vm/nvram.bin"), "nvram");
    put_text(in_tempdir("vm/config.json"), vm_config);
    reference_make("vm", "vm", &source);
    reference_make("oci", "layout:tag", &destination);
    assert_good(convert(&run, &source, &destination, &options, &conversion, &err), &err);
    conversion_done(&conversion);
    reference_done(&source);
    reference_done(&destination);
}

static struct verdict judge(const struct reference *reference)
{
    struct error err = ERROR_INIT;
    struct verification verification;
    struct verdict verdict = {.sound = false};
    const struct verify_options options = {.disk_digest = true};
    if (verify(&run, reference, &options, &verification, &err) < 0)
        return verdict;
    verdict.sound = findings_worst(&verification.findings) == SEVERITY_NOTE;
    verdict.digest = verification.digest;
    verdict.disk_digest = verification.disk_digest;
    verification_done(&verification);
    return verdict;
}

static struct {
    char paths[16][600];
    size_t count;
} files;

static int file_note(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)ftw;
    if (type == FTW_F)
        snprintf(files.paths[files.count++], sizeof files.paths[0], "%s", path);
    return files.count == 16;
}

/* Nobody asks an entry of index.json for its media type, but whether it is an OCI index's: what
 * counts is the manifest. So a flip within these members changes nothing. */
static bool is_harmless(const char *path, const char *text, size_t at)
{
    static const char start[] = "\"mediaType\":\"";
    const char *name = strrchr(path, '/');
    if (strcmp(name, "/index.json") != 0)
        return false;
    for (const char *member = text; (member = strstr(member, start)) != NULL; member++) {
        const char *end = strchr(member + sizeof start, '"');
        if (text + at > member && text + at < end)
            return true;
    }
    return false;
}

/* Sanitizers make each look fifty times as dear: one bit a byte must do for them, each in turn. */
static size_t bit_step(void)
{
    const char *sanitizers = getenv("SAN");
    return sanitizers != NULL && *sanitizers != '\0' ? 9 : 1;
}

static void file_flip(const char *path, const struct reference *reference,
                      const struct verdict *good, size_t *ret_bits, size_t *ret_harmless)
{
    size_t size;
    char *text = get_file(path, &size);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (size_t bit = 0; bit < size * 8; bit += bit_step()) {
        char flipped = (char)(text[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)(bit / 8)), 1);
        struct verdict verdict = judge(reference);
        ++*ret_bits;
        assert_int_equal(pwrite(fd, &text[bit / 8], 1, (off_t)(bit / 8)), 1);
        if (!verdict.sound)
            continue;
        ++*ret_harmless;
        if (!is_harmless(path, text, bit / 8))
            fail_msg("%s: byte %zu, bit %zu: not found", path, bit / 8, bit % 8);
        assert_true(digest_equal(&verdict.digest, &good->digest));
        assert_true(digest_equal(&verdict.disk_digest, &good->disk_digest));
    }
    close(fd);
    free(text);
}

static void test_layout(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct reference reference;
    assert_good(run_init(&run, 1, NULL, NULL, &err), &err);
    layout_make();
    reference_make("oci", "layout:tag", &reference);
    struct verdict good = judge(&reference);
    assert_true(good.sound);
    files.count = 0;
    assert_int_equal(nftw(in_tempdir("layout"), file_note, 16, FTW_PHYS), 0);
    assert_int_equal(files.count, 7); /* two documents, the manifest, the config, three layers */
    size_t bits = 0, harmless = 0;
    for (size_t i = 0; i < files.count; i++)
        file_flip(files.paths[i], &reference, &good, &bits, &harmless);
    struct verdict after = judge(&reference);
    assert_true(after.sound && digest_equal(&after.digest, &good.digest));
    printf("# %zu bits flipped, %zu of them harmless\n", bits, harmless);
    reference_done(&reference);
    run_done(&run);
}

/* --- a stream under a right digest --- */

#define STREAM_DISK_SIZE (BLOCK_SIZE + 3000u)

static void test_v1_stream(void **state)
{
    (void)state;
    static uint8_t data[STREAM_DISK_SIZE];
    struct dice dice = {5};
    make_words(&dice, data, 1500);
    make_words(&dice, data + BLOCK_SIZE - 700, 1400);
    for (size_t at = STREAM_DISK_SIZE - 300; at < STREAM_DISK_SIZE; at++)
        data[at] = (uint8_t)(dice_roll(&dice) >> 56);
    const struct wish wish = {.format = DISK_V1, .cut = 1 << 20};
    struct disk disk = disk_make_as(data, sizeof data, &wish);
    assert_int_equal(disk.layer_count, 1);
    struct bytes *stream = &store_find(&store, &disk.layers[0].blob)->bytes;
    size_t tried = 0, found = 0, other = 0, same = 0;
    for (size_t bit = 0; bit < stream->size * 8; bit += bit_step()) {
        tried++;
        struct error err = ERROR_INIT;
        struct reader *reader;
        struct bytes read;
        stream->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_good(reader_open(&disk, &store.blobs, &reader, &err), &err);
        int status = disk_read_from(reader, 0, UINT64_MAX, &read, &err);
        stream->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        reader_close(reader);
        if (status < 0) {
            assert_int_equal(error_class_status(err.class), 2);
            found++;
        } else {
            /* nothing but the digest can tell: the length is right, the bytes are others, or a
             * match was moved to a place where the same bytes are */
            assert_int_equal(read.size, sizeof data);
            if (memcmp(read.data, data, sizeof data) == 0)
                same++;
            else
                other++;
        }
        bytes_done(&read);
    }
    printf("# of %zu bits of a V1 stream the framing finds %zu (%zu%%); %zu give another disk, %zu "
           "the "
           "same\n",
           tried, found, found * 100 / tried, other, same);
    assert_true(found > 0 && other > 0 && found + other + same == tried);
    disk_done(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layout, tempdir_make, tempdir_remove),
        cmocka_unit_test_setup_teardown(test_v1_stream, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
