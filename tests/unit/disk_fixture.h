/* disk_fixture.h: vm: and raw: stores opened, written and refused in one line each. */
#ifndef TESTS_UNIT_DISK_FIXTURE_H
#define TESTS_UNIT_DISK_FIXTURE_H

#include "convert/stores/store.h"
#include "tests/unit/tempdir.h"

#define MIB        (1u << 20)
#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_make, tempdir_remove)

static const struct store_options no_options;

static inline struct reference reference_of(const char *transport, const char *path)
{
    char text[1200];
    struct error err;
    struct reference reference;
    snprintf(text, sizeof text, "%s:%s", transport, path);
    assert_int_equal(reference_parse(text, &reference, &err), 0);
    return reference;
}

static inline struct store *source_open(const char *transport, const char *path,
                                        const struct store_options *options)
{
    struct error err;
    struct store *store;
    struct reference reference = reference_of(transport, path);
    assert_int_equal(store_open_source(&reference, options, &store, &err), 0);
    reference_done(&reference);
    return store;
}

static inline struct store *destination_open(const char *transport, const char *path,
                                             const struct store_options *options)
{
    struct error err;
    struct store *store;
    struct reference reference = reference_of(transport, path);
    if (store_open_destination(&reference, options, &store, &err) < 0)
        fail_msg("%s", err.text);
    reference_done(&reference);
    return store;
}

static inline void assert_load_fails(const char *transport, const char *path,
                                     const struct store_options *options, enum error_class class,
                                     const char *reason)
{
    struct error err;
    struct image image;
    struct store *store = source_open(transport, path, options);
    assert_int_equal(store_load(store, &image, &err), -1);
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    image_done(&image);
    store_close(store);
}

static inline void assert_destination_fails(const char *transport, const char *path,
                                            const struct store_options *options,
                                            enum error_class class, const char *reason)
{
    struct error err;
    struct store *store;
    struct reference reference = reference_of(transport, path);
    assert_int_equal(store_open_destination(&reference, options, &store, &err), -1);
    if (err.class != class || strstr(err.text, reason) == NULL)
        fail_msg("%s: %s", error_class_name(err.class), err.text);
    reference_done(&reference);
}

static inline void make_vm(const char *name)
{
    assert_int_equal(mkdir(in_tempdir("%s", name), 0777), 0);
    put_text(in_tempdir("%s/config.json", name), "{\"os\":\"linux\"}");
    put_text(in_tempdir("%s/nvram.bin", name), "nvram");
    put_text(in_tempdir("%s/disk.img", name), "old disk");
}

static inline struct bytes bytes_of(const char *text)
{
    struct error err;
    struct bytes bytes;
    bytes_init(&bytes, 1000);
    assert_int_equal(bytes_append_text(&bytes, text, &err), 0);
    return bytes;
}

/* Writes "new" at offset 2 of a disk of size bytes and publishes it. */
static inline int write_disk(struct store *store, uint64_t size, bool companions, struct error *err)
{
    struct bytes vm_config = bytes_of("new config"), nvram = bytes_of("new nvram");
    struct publication publication = {.disk_size = size};
    if (companions) {
        publication.vm_config = &vm_config;
        publication.nvram = &nvram;
    }
    assert_null(store_sink(store));
    assert_int_equal(disk_file_write_at(store_disk_file(store), 2, "new", 3, err), 0);
    int status = store_publish(store, &publication, err);
    bytes_done(&vm_config);
    bytes_done(&nvram);
    return status;
}

#endif
