/* download_fixture.h: a blob of known bytes at a scripted registry, for tests of download.h. */
#ifndef TESTS_UNIT_DOWNLOAD_FIXTURE_H
#define TESTS_UNIT_DOWNLOAD_FIXTURE_H

#include "convert/net/download.h"
#include "tests/unit/client_fixture.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ASKED "GET /v2/org/vm/blobs/sha256:" ZEROS " HTTP/1.1\r\n"
#define BLOB  .request = ASKED, .has_not = {"range:"}, .answer = "200 OK", .body = data

#define BIG (6u << 20)
static uint8_t data[BIG];

static inline int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < BIG; i++)
        data[i] = (uint8_t)(i * 31 + i / 251 + i / 65536);
    return 0;
}

static inline int blob_of(struct scene *scene, uint64_t size, struct blob **ret)
{
    const struct blob_id id = {.has_digest = true, .size = size};
    return download_open(&scene->remote, &id, ret, &scene->err);
}

/* Reads on to the end, or to an error: bytes that came. */
static inline uint64_t read_on(struct scene *scene, struct blob *blob, uint64_t at, int *ret_status)
{
    const uint8_t *piece;
    size_t size;
    while ((*ret_status = blob_peek(blob, &piece, &size, &scene->err)) > 0) {
        assert_true(at + size <= BIG);
        assert_memory_equal(piece, data + at, size);
        blob_skip(blob, size);
        at += size;
    }
    return at;
}

#endif
