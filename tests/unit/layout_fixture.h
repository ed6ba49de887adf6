/* layout_fixture.h: layouts (and archives, and skopeo's folders) with small Tart images for tests:
 * made by the stores, or by hand, and looked at. */
#ifndef TESTS_UNIT_LAYOUT_FIXTURE_H
#define TESTS_UNIT_LAYOUT_FIXTURE_H

#include "tests/unit/tempdir.h"

#include "convert/stores/store.h"
#include "formats/model/auto.h"

#define MARKER "{\"imageLayoutVersion\":\"1.0.0\"}"
#define INDEX  "{\"schemaVersion\":2,\"manifests\":[%s]}"

static const struct store_options no_options;

/* Of what the names are references. */
static const char *transport_word = "oci";

static inline struct store *open_layout(const char *name, const char *tag, bool destination,
                                        const struct store_options *options, struct error *err)
{
    char text[600];
    struct reference reference;
    struct store *store = NULL;
    snprintf(text, sizeof text, "%s:%s%s%s", transport_word, in_tempdir("%s", name),
             tag == NULL ? "" : ":", tag == NULL ? "" : tag);
    assert_int_equal(reference_parse(text, &reference, err), 0);
    if (destination)
        (void)store_open_destination(&reference, options, &store, err);
    else
        (void)store_open_source(&reference, options, &store, err);
    reference_done(&reference);
    return store;
}

static inline struct store *destination(const char *name, const char *tag,
                                        const struct store_options *options)
{
    struct error err;
    struct store *store = open_layout(name, tag, true, options, &err);
    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

static inline void assert_destination_fails(const char *name, enum error_class class,
                                            const char *reason)
{
    struct error err;
    assert_null(open_layout(name, "t", true, &no_options, &err));
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
}

/* Puts the blobs of a small Tart image and gives its manifest; word makes it differ. */
static inline int put_image(struct sink *sink, const char *word, struct bytes *ret,
                            struct error *err)
{
    const char *const types[] = {TART_TYPE_CONFIG, TART_TYPE_DISK_V2, TART_TYPE_NVRAM};
    struct blob_id id;
    char digest[DIGEST_TEXT_SIZE];
    bytes_init(ret, 10000);
    if (sink_put(sink, "{}", 2, &id, err) < 0)
        return -1;
    digest_print(&id.digest, digest);
    bytes_printf(ret, err,
                 "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\","
                 "\"config\":{\"mediaType\":\"" MEDIA_TYPE_OCI_CONFIG
                 "\",\"digest\":\"%s\",\"size\":2},\"layers\":[",
                 digest);
    for (size_t i = 0; i < 3; i++) {
        char content[64];
        int size = snprintf(content, sizeof content, "%s %zu", word, i);
        if (sink_put(sink, content, (size_t)size, &id, err) < 0)
            return -1;
        digest_print(&id.digest, digest);
        bytes_printf(ret, err,
                     "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d,\"annotations\":{"
                     "\"" TART_CONTENT_SIZE "\":\"512\",\"" TART_CONTENT_DIGEST "\":\"%s\"}}",
                     i == 0 ? "" : ",", types[i], digest, size, digest);
    }
    return bytes_printf(ret, err, "],\"annotations\":{\"" TART_DISK_SIZE "\":\"512\"}}");
}

/* One whole run. */
static inline int publish(const char *name, const char *tag, const char *word,
                          const struct store_options *options, struct error *err)
{
    AUTO(store_close_auto) struct store *store = open_layout(name, tag, true, options, err);
    AUTO(bytes_done) struct bytes manifest = {.data = NULL};
    if (store == NULL || put_image(store_sink(store), word, &manifest, err) < 0)
        return -1;
    struct publication publication = {.manifest = &manifest};
    return store_publish(store, &publication, err);
}

static inline void must_publish(const char *name, const char *tag, const char *word,
                                const struct store_options *options)
{
    struct error err;
    if (publish(name, tag, word, options, &err) < 0)
        fail_msg("%s", err.text);
}

static inline void assert_publish_fails(const char *tag, const char *word,
                                        const struct store_options *options, enum error_class class,
                                        const char *reason)
{
    struct error err;
    char *before = get_file(in_tempdir("d/index.json"), NULL);
    assert_int_equal(publish("d", tag, word, options, &err), -1);
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    assert_file_is(in_tempdir("d/index.json"), before);
    free(before);
}

/* Which image (its word) the tag leads to. */
static inline void assert_image(const char *name, const char *tag, const char *word)
{
    struct error err;
    struct image image;
    AUTO(store_close_auto)
    struct store *store = open_layout(name, tag, false, &no_options, &err);
    assert_non_null(store);
    if (store_load(store, &image, &err) < 0)
        fail_msg("%s", err.text);
    assert_non_null(image.manifest);
    assert_non_null(image.tart);
    assert_ptr_equal(image_disk(&image), &image.tart->disk);
    assert_true(image.has_vm_config && image.has_nvram);
    struct bytes content;
    bytes_init(&content, 100);
    if (blobs_read_all(image.blobs, &image.nvram, &content, &err) < 0)
        fail_msg("%s", err.text);
    assert_memory_equal(content.data, word, strlen(word));
    bytes_done(&content);
    image_done(&image);
}

static inline void assert_load_fails(const char *tag, enum error_class class, const char *reason)
{
    struct error err;
    struct image image;
    AUTO(store_close_auto) struct store *store = open_layout("d", tag, false, &no_options, &err);
    assert_int_equal(store_load(store, &image, &err), -1);
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    image_done(&image);
}

/* A folder "d" with these two files and a folder for blobs. */
static inline void make_layout(const char *marker, const char *index)
{
    mkdir(in_tempdir("d"), 0777);
    mkdir(in_tempdir("d/blobs"), 0777);
    mkdir(in_tempdir("d/blobs/sha256"), 0777);
    put_text(in_tempdir("d/oci-layout"), marker);
    put_text(in_tempdir("d/index.json"), index);
}

/* Puts a blob into "d" by hand; the entry for it, without its closing brace, as text. */
static inline const char *put_blob(const char *text, const char *media_type)
{
    static char entries[4][400];
    static unsigned next;
    char *entry = entries[next++ % 4];
    struct error err;
    struct digest digest;
    char hex[DIGEST_TEXT_SIZE];
    assert_int_equal(digest_of(text, strlen(text), &digest, &err), 0);
    digest_print_hex(&digest, hex);
    put_text(in_tempdir("d/blobs/sha256/%s", hex), text);
    snprintf(entry, sizeof entries[0],
             "{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu", media_type, hex,
             strlen(text));
    return entry;
}

static inline void put_index(const char *entries)
{
    static char text[20000];
    snprintf(text, sizeof text, INDEX, entries);
    put_text(in_tempdir("d/index.json"), text);
}

/* The text between "manifests":[ and its ], of d/index.json; to be freed. */
static inline char *get_entries(void)
{
    char *text = get_file(in_tempdir("d/index.json"), NULL);
    char *start = strstr(text, "\"manifests\":[");
    assert_non_null(start);
    char *entries = strdup(start + strlen("\"manifests\":["));
    *strrchr(entries, ']') = '\0';
    free(text);
    return entries;
}

static inline int count_in_index(const char *word)
{
    char *text = get_file(in_tempdir("d/index.json"), NULL);
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        count++;
    free(text);
    return count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_make, tempdir_remove)

#endif
