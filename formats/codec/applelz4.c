/* applelz4.c: the few bytes that Apple's LZ4 frame is told by, and those of formats that wrong
 * producers put in its place.
 */
#include "formats/codec/applelz4.h"

#include "formats/codec/lz4_block.h"

#include <string.h>

const uint8_t applelz4_end_mark[APPLELZ4_MAGIC_SIZE] = {'b', 'v', '4', '$'};

enum applelz4_magic applelz4_magic(const uint8_t magic[4])
{
    if (memcmp(magic, "bv4", 3) != 0)
        return APPLELZ4_UNKNOWN;
    switch (magic[3]) {
    case '1':
        return APPLELZ4_BLOCK;
    case '-':
        return APPLELZ4_STORED;
    case '$':
        return APPLELZ4_END;
    default:
        return APPLELZ4_UNKNOWN;
    }
}

const char *applelz4_foreign_magic(const uint8_t *start, size_t size)
{
    static const struct {
        const char *name;
        size_t size;
        uint8_t magic[4];
    } rows[] = {
        {"an LZ4 frame (liblz4)", 4, {0x04, 0x22, 0x4d, 0x18}},
        {"a legacy LZ4 frame", 4, {0x02, 0x21, 0x4c, 0x18}},
        {"gzip", 2, {0x1f, 0x8b}},
        {"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}},
        {"xz", 4, {0xfd, '7', 'z', 'X'}},
        {"bzip2", 3, {'B', 'Z', 'h'}},
        {"LZFSE (bvx-)", 4, {'b', 'v', 'x', '-'}},
        {"LZFSE (bvx1)", 4, {'b', 'v', 'x', '1'}},
        {"LZFSE (bvx2)", 4, {'b', 'v', 'x', '2'}},
        {"LZFSE (bvxn)", 4, {'b', 'v', 'x', 'n'}},
        {"LZFSE (bvx$)", 4, {'b', 'v', 'x', '$'}},
        {"Apple Archive (pbz)", 3, {'p', 'b', 'z'}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (size >= rows[i].size && memcmp(start, rows[i].magic, rows[i].size) == 0)
            return rows[i].name;
    return NULL;
}

int64_t applelz4_block_decode(const uint8_t *block, size_t block_size, uint8_t *output,
                              size_t capacity, size_t history)
{
    if (block_size < APPLELZ4_HEADER_STORED)
        return -1;
    uint32_t decoded = load_le32(block + 4);
    if (decoded > capacity)
        return -1;
    enum applelz4_magic magic = applelz4_magic(block);
    if (magic == APPLELZ4_STORED) {
        if (block_size - APPLELZ4_HEADER_STORED != decoded)
            return -1;
        memcpy(output, block + APPLELZ4_HEADER_STORED, decoded);
        return decoded;
    }
    if (magic != APPLELZ4_BLOCK || block_size < APPLELZ4_HEADER_BLOCK ||
        block_size - APPLELZ4_HEADER_BLOCK != load_le32(block + 8))
        return -1;
    int64_t written =
        lz4_block_decode(block + APPLELZ4_HEADER_BLOCK, block_size - APPLELZ4_HEADER_BLOCK, output,
                         decoded, history);
    return written == (int64_t)decoded ? written : -1;
}
