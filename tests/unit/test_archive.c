/* test_archive.c: oci-archive: as a source and as a destination, and tar files of many makers. */
#include "tests/unit/layout_fixture.h"

#include "convert/stores/tar.h"

#include <pthread.h>
#include <sys/wait.h>

static const struct store_options replacing = {.replace = true};

/* Runs a shell command in the test's folder. */
static void sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void sh(const char *format, ...)
{
    char command[2000];
    int used = snprintf(command, sizeof command, "cd '%s' && ", tempdir);
    va_list args;
    va_start(args, format);
    vsnprintf(command + used, sizeof command - (size_t)used, format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* A layout "l" with the image under the tag "t", to be put into archives by hand. */
static void make_folder(const char *word)
{
    transport_word = "oci";
    must_publish("l", "t", word, &no_options);
    transport_word = "oci-archive";
}

static void assert_destination_is_refused(const char *name, const struct store_options *options,
                                          enum error_class class, const char *reason)
{
    struct error err;
    assert_null(open_layout(name, "t", true, options, &err));
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
}

static void test_round(void **state)
{
    (void)state;
    must_publish("d", "t", "first", &no_options);
    assert_image("d", "t", "first");
    assert_image("d", NULL, "first");
    assert_load_fails("u", ERROR_NO_SUCH_TAG, "there are: t");
    must_publish("e", NULL, "first", &no_options);
    assert_image("e", NULL, "first");
    assert_load_fails("u", ERROR_NO_SUCH_TAG, "there are: t");
    assert_int_equal(count_names(tempdir), 2);

    /* The same again gives the same bytes. */
    must_publish("f", "t", "first", &no_options);
    sh("cmp d f");

    /* As any tar reads it. */
    sh("mkdir x && tar -C x -xf d && test \"$(TZ=UTC tar -tvf d | head -n 1 | tr -s ' ')\" = "
       "'-rw-r--r-- 0/0 30 1970-01-01 00:00 oci-layout'");
    transport_word = "oci";
    assert_image("x", "t", "first");
    transport_word = "oci-archive";
}

static void test_replaced(void **state)
{
    (void)state;
    must_publish("d", "t", "first", &no_options);
    assert_destination_is_refused("d", &no_options, ERROR_EXISTS, "--replace");
    must_publish("d", "u", "second", &replacing);
    assert_image("d", "u", "second");
    assert_load_fails("t", ERROR_NO_SUCH_TAG, "there are: u");
    assert_destination_is_refused("a/b", &no_options, ERROR_DESTINATION, "No such file");
    assert_int_equal(mkdir(in_tempdir("e"), 0777), 0);
    assert_destination_is_refused("e", &replacing, ERROR_DESTINATION, "no regular file");
    assert_int_equal(symlink("d", in_tempdir("f")), 0);
    assert_destination_is_refused("f", &replacing, ERROR_DESTINATION, "no regular file");
    assert_int_equal(count_names(tempdir), 3);
}

static void test_unpublished(void **state)
{
    (void)state;
    struct error err;
    struct blob_id id;
    struct bytes back, manifest;
    struct store *store = destination("d", "t", &no_options);
    struct sink *sink = store_sink(store);
    assert_null(store_disk_file(store));
    assert_int_equal(store_uploads(store), 0);
    assert_int_equal(sink_put(sink, "", 0, &id, &err), 0);
    assert_int_equal(sink_put(sink, "abc", 3, &id, &err), 0);
    assert_int_equal(sink_has(sink, &id, &err), 1);
    bytes_init(&back, 3);
    assert_int_equal(blobs_read_all(store_blobs(store), &id, &back, &err), 0);
    assert_memory_equal(back.data, "abc", 3);
    bytes_done(&back);
    id.size = 4;
    assert_int_equal(sink_has(sink, &id, &err), 0);
    struct output *output;
    assert_int_equal(sink_open(sink, &output, &err), 0);
    assert_int_equal(output_write(output, "abc", 3, &err), 0);
    assert_int_equal(output_commit(&output, &id, &err), -1);
    assert_int_equal(err.class, ERROR_INTERNAL);
    assert_int_equal(sink_open(sink, &output, &err), 0);
    output_abort(&output);

    /* A manifest whose blobs are not there is not published. */
    struct store *other = destination("e", "t", &no_options);
    assert_int_equal(put_image(store_sink(other), "x", &manifest, &err), 0);
    struct publication publication = {.manifest = &manifest};
    assert_int_equal(store_publish(store, &publication, &err), -1);
    assert_int_equal(err.class, ERROR_BLOB_MISSING);
    bytes_done(&manifest);
    store_close(store);
    store_close(other);
    assert_int_equal(count_names(tempdir), 0);
}

#define THREADS    4
#define PUT_COUNT  40
#define PUT_SIZE   (300u << 10)
#define PUT_SHARED 10 /* blobs that all threads put */

struct putter {
    struct sink *sink;
    uint32_t number;
};

static void *put_many(void *context)
{
    const struct putter *putter = context;
    uint8_t *data = calloc(1, PUT_SIZE);
    struct error err;
    for (uint32_t i = 0; data != NULL && i < PUT_COUNT; i++) {
        struct blob_id id;
        store_le32(data, i);
        store_le32(data + PUT_SIZE - 4, i < PUT_SHARED ? 0 : putter->number);
        if (sink_put(putter->sink, data, PUT_SIZE - i, &id, &err) < 0)
            break;
        if (i == PUT_COUNT - 1) {
            free(data);
            return NULL;
        }
    }
    free(data);
    return context;
}

/* Blobs from several threads: each once, each whole. */
static void test_threads(void **state)
{
    (void)state;
    struct error err;
    struct bytes manifest;
    struct store *store = destination("d", "t", &no_options);
    pthread_t threads[THREADS];
    struct putter putters[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        putters[i] = (struct putter){.sink = store_sink(store), .number = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, &putters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(put_image(store_sink(store), "x", &manifest, &err), 0);
    struct publication publication = {.manifest = &manifest};
    if (store_publish(store, &publication, &err) < 0)
        fail_msg("%s", err.text);
    store_close(store);
    bytes_done(&manifest);
    assert_image("d", "t", "x");
    /* cut short by its last bytes, i blobs of a thread are the same ones as another's */
    sh("mkdir x && tar -C x -xf d && cd x/blobs/sha256 && for f in *; do "
       "test $(sha256sum <$f | cut -c -64) = $f || exit 1; done; "
       "test $(tar -tf ../../../d | sort | uniq -d | wc -l) = 0");
}

#define LONG_NAME                                                                                  \
    "mkdir l/sub && touch l/sub/$(printf 'x%.0s' $(seq 200)) && tar --format=gnu -cf d -C l ."

/* Made by other programs, in all their ways. */
static void test_other_makers(void **state)
{
    (void)state;
    make_folder("x");
    const char *const makers[] = {
        "tar --format=ustar -cf d -C l .",
        "tar --format=gnu -cf d -C l oci-layout index.json blobs",
        "tar --format=pax -cf d -C l .",
        "tar --format=v7 -cf d -C l .",
        "tar -b 1 -cf d -C l blobs index.json oci-layout",
        "tar --format=pax --pax-option=globexthdr.name=g,comment=c -cf d -C l .",
        LONG_NAME,
        "tar --format=pax -cf d -C l .",
        "tar -czf d -C l .",
        "tar -cf e -C l . && head -c 2000 e >f; tail -c +2001 e >g; { gzip -c f; gzip -c g; } >d",
    };
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        sh("%s", makers[i]);
        assert_image("d", "t", "x");
        assert_image("d", NULL, "x");
    }
    /* Without its closing zeros it is whole still. */
    sh("tar -b 1 -cf d -C l . && truncate -s -1024 d");
    assert_image("d", "t", "x");
}

static void test_not_one(void **state)
{
    (void)state;
    assert_load_fails("t", ERROR_NO_SUCH_IMAGE, "No such file");
    assert_int_equal(mkdir(in_tempdir("d"), 0777), 0);
    assert_load_fails("t", ERROR_NO_SUCH_IMAGE, "not a regular file");
    rmdir(in_tempdir("d"));
    put_text(in_tempdir("d"), "");
    assert_load_fails("t", ERROR_NO_SUCH_IMAGE, "archive");
    sh("seq 10000 >d");
    assert_load_fails("t", ERROR_NO_SUCH_IMAGE, "no tar archive");
    sh("seq 10000 | gzip -c >e && mv e d");
    assert_load_fails("t", ERROR_NO_SUCH_IMAGE, "no tar archive");
    sh("head -c 10240 /dev/zero >d");
    assert_load_fails("t", ERROR_NO_SUCH_IMAGE, "no oci-layout");
    make_folder("x");
    sh("tar -cf d l");
    assert_load_fails("t", ERROR_NO_SUCH_IMAGE, "at its top");
    sh("tar -cf d -C l oci-layout");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "index.json");
    const struct {
        const char *magic, *name;
    } packings[] = {{"\\050\\265\\057\\375", "zstd"},
                    {"\\375"
                     "7zXZ",
                     "xz"},
                    {"BZh9", "bzip2"},
                    {"PK\\003\\004", "zip"}};
    for (size_t i = 0; i < sizeof packings / sizeof packings[0]; i++) {
        sh("printf '%s' >d", packings[i].magic);
        assert_load_fails("t", ERROR_UNSUPPORTED, packings[i].name);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    make_folder("x");
    /* cut off: in the last entry's bytes, in a header, in gzip's stream */
    sh("tar -b 1 -cf whole -C l oci-layout index.json blobs");
    size_t size;
    free(get_file(in_tempdir("whole"), &size));
    for (size_t cut = 512; cut < size - 1024; cut += 512 - 7) {
        struct error err;
        struct image image;
        sh("head -c %zu whole >d", cut);
        AUTO(store_close_auto)
        struct store *store = open_layout("d", "t", false, &no_options, &err);
        int status = store_load(store, &image, &err);
        if (status == 0) { /* the manifest came early */
            struct bytes content;
            bytes_init(&content, 100);
            status = blobs_read_all(image.blobs, &image.nvram, &content, &err);
            if (status == 0)
                status = blobs_read_all(image.blobs, &image.vm_config, &content, &err);
            bytes_done(&content);
            image_done(&image);
        }
        if (status < 0 && err.class != ERROR_LAYOUT_INVALID && err.class != ERROR_BLOB_MISSING)
            fail_msg("%zu: %s", cut, err.text);
    }
    sh("head -c 700 whole >d");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "archive");
    sh("gzip -c whole >e && head -c -20 e >d");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "gzip");
    sh("head -c -7 e >d; printf 1234567 >>d");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "gzip");
    sh("cp e d; printf x >>d");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "gzip");
    sh("gzip -c e >d");
    assert_load_fails("t", ERROR_UNSUPPORTED, "packed twice");
    /* a header that is none */
    sh("cp whole d && printf 'XXXX' | dd of=d bs=1 seek=1030 conv=notrunc 2>/dev/null");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "damaged");
    /* twice the same */
    sh("tar -cf d -C l . oci-layout --hard-dereference");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "two entries oci-layout");
    sh("tar -cf d -C l . && tar -rf d -C l ./blobs/sha256/");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "two entries blobs/sha256/");
}

static void test_hostile(void **state)
{
    (void)state;
    make_folder("x");
    const struct {
        const char *command;
        enum error_class class;
        const char *reason;
    } hostile[] = {
        {"ln -s /etc/passwd l/blobs/link && tar -cf d -C l .", ERROR_LAYOUT_INVALID, "symbolic"},
        {"rm l/blobs/link; ln l/index.json l/again; tar -cf d -C l .", ERROR_LAYOUT_INVALID,
         "hard link"},
        {"rm l/again; mkfifo l/fifo; tar -cf d -C l .", ERROR_LAYOUT_INVALID, "neither"},
        {"rm l/fifo; tar -P --transform=s,index,../index, -cf d -C l index.json oci-layout",
         ERROR_LAYOUT_INVALID, "leads out"},
        {"tar -P --transform=s,index,blobs/../index, -cf d -C l index.json oci-layout",
         ERROR_LAYOUT_INVALID, "leads out"},
        {"tar -P --transform=s,index,/index, -cf d -C l index.json oci-layout",
         ERROR_LAYOUT_INVALID, "leads out"},
        {"truncate -s 1M l/hole && tar -S --format=gnu -cf d -C l .", ERROR_UNSUPPORTED, "sparse"},
        {"tar -S --format=pax -cf d -C l .", ERROR_UNSUPPORTED, "sparse"},
        {"tar -S --format=pax --sparse-version=0.0 -cf d -C l .", ERROR_UNSUPPORTED, "sparse"},
        {"tar -S --format=pax --sparse-version=0.1 -cf d -C l .", ERROR_UNSUPPORTED, "sparse"},
        {"rm l/hole; mkdir l/e; cd l/e && seq 100001 | sed s/^/f/ | xargs touch && cd ../.. && "
         "tar -cf d -C l .",
         ERROR_UNSUPPORTED, "more than 100000"},
        {"rm -r l/e; truncate -s 5M l/index.json; tar -cf d -C l .", ERROR_LAYOUT_INVALID, "limit"},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        sh("%s", hostile[i].command);
        assert_load_fails("t", hostile[i].class, hostile[i].reason);
    }
}

/* Every byte of the headers changed: no archive is taken for another. */
static void test_changed_bytes(void **state)
{
    (void)state;
    make_folder("x");
    sh("tar -b 1 --format=pax -cf d -C l oci-layout index.json blobs");
    size_t size;
    char *whole = get_file(in_tempdir("d"), &size);
    for (size_t i = 0; i < size; i += 7) {
        struct error err;
        struct image image;
        whole[i] = (char)(whole[i] ^ 0x15);
        put_file(in_tempdir("d"), whole, size);
        whole[i] = (char)(whole[i] ^ 0x15);
        AUTO(store_close_auto)
        struct store *store = open_layout("d", "t", false, &no_options, &err);
        if (store_load(store, &image, &err) < 0)
            continue;
        struct bytes content;
        bytes_init(&content, 100);
        if (blobs_read_all(image.blobs, &image.nvram, &content, &err) == 0)
            assert_memory_equal(content.data, "x 2", 3);
        bytes_done(&content);
        image_done(&image);
    }
    free(whole);
}

/* Blobs lie where they lie: read from anywhere. */
static void test_seek(void **state)
{
    (void)state;
    struct error err;
    struct image image;
    must_publish("d", "t", "word", &no_options);
    AUTO(store_close_auto) struct store *store = open_layout("d", "t", false, &no_options, &err);
    assert_int_equal(store_load(store, &image, &err), 0);
    assert_int_equal(store_unmoved(store, &err), 1);
    AUTO(blob_close_auto) struct blob *blob = NULL;
    assert_int_equal(blobs_open(image.blobs, &image.nvram, &blob, &err), 0);
    assert_true(blob_can_seek(blob));
    char text[2];
    assert_int_equal(blob_read_at(blob, 2, text, 2, &err), 0);
    assert_memory_equal(text, "rd", 2);
    uint64_t length;
    bool hole;
    assert_int_equal(blob_map(blob, 2, &length, &hole, &err), 0);
    assert_int_equal(length, 4);
    assert_false(hole);
    image_done(&image);
}

/* Headers: ustar as long as its eleven octal digits do, pax beyond. */
static void test_headers(void **state)
{
    (void)state;
    struct error err;
    struct bytes header;
    const struct {
        uint64_t size;
        size_t header;
    } sizes[] = {{0, 512},
                 {(UINT64_C(1) << 33) - 1, 512},
                 {UINT64_C(1) << 33, 1536},
                 {INT64_MAX - 512, 1536}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        bytes_init(&header, TAR_HEADER_MAX);
        assert_int_equal(tar_header("blobs/sha256/x", sizes[i].size, &header, &err), 0);
        assert_int_equal(header.size, sizes[i].header);
        assert_memory_equal(header.data + header.size - 512, "blobs/sha256/x", 15);
        assert_memory_equal(header.data + header.size - 512 + 257,
                            "ustar\0"
                            "00",
                            8);
        bytes_done(&header);
    }
}

/* An entry of 9 GB, of which none is written, before a layout's. binary: its size is told as GNU
 * does. */
static void put_large(bool binary)
{
    struct error err;
    struct bytes header;
    const uint64_t size = UINT64_C(9000000000);
    bytes_init(&header, TAR_HEADER_MAX);
    assert_int_equal(tar_header("large", binary ? 0 : size, &header, &err), 0);
    if (binary) {
        unsigned sum = 0;
        header.data[124] = 0x80;
        for (size_t i = 0; i < 11; i++)
            header.data[125 + i] = (uint8_t)(i < 3 ? 0 : size >> 8 * (10 - i));
        memset(header.data + 148, ' ', 8);
        for (size_t i = 0; i < 512; i++)
            sum += header.data[i];
        snprintf((char *)header.data + 148, 8, "%06o", sum);
    }
    put_file(in_tempdir("d"), header.data, header.size);
    uint64_t end = header.size + (size + 511) / 512 * 512;
    bytes_done(&header);
    assert_int_equal(truncate(in_tempdir("d"), (off_t)end), 0);
    sh("tar -c -C l . | cat >>d");
}

static void test_large(void **state)
{
    (void)state;
    make_folder("x");
    put_large(false);
    assert_image("d", "t", "x");
    sh("test $(tar -tf d | head -n 1) = large");
    put_large(true);
    assert_image("d", "t", "x");
    sh("test $(tar -tf d | head -n 1) = large && truncate -s 8000000000 d");
    assert_load_fails("t", ERROR_LAYOUT_INVALID, "cut off");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round),         TEST(test_replaced), TEST(test_unpublished), TEST(test_threads),
        TEST(test_other_makers),  TEST(test_not_one),  TEST(test_damaged),     TEST(test_hostile),
        TEST(test_changed_bytes), TEST(test_seek),     TEST(test_headers),     TEST(test_large),
    };
    transport_word = "oci-archive";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
