/* fuzz_ext4.c: any bytes as a superblock with what follows it, checksums put right, and as a chunk
 * of a disk that is nothing but this file system. */
#include "formats/crc32c.h"
#include "formats/ext4.h"
#include "formats/place.h"
#include "tests/fuzz/input.h"

#define VOLUME_SIZE 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void solve(const uint8_t *volume)
{
    struct error err = ERROR_INIT;
    struct place_chunk chunks[2] = {{.length = VOLUME_SIZE / 2}, {.length = VOLUME_SIZE / 2}};
    struct place_facts *facts[2];
    for (size_t i = 0; i < 2; i++) {
        struct place_scan *scan = NULL;
        require(place_scan_new(VOLUME_SIZE / 2, &scan, &err) == 0);
        require(place_scan_bytes(scan, volume + i * VOLUME_SIZE / 2, VOLUME_SIZE / 2, &err) == 0);
        require(place_scan_end(scan, &facts[i], &err) == 0);
        place_scan_free(scan);
        chunks[i].facts = facts[i];
        chunks[i].content.bytes[0] = (uint8_t)i;
    }
    struct place_result result;
    require(place_solve(chunks, 2, VOLUME_SIZE, &result, &err) == 0);
    require(!result.complete || result.places[0].index != result.places[1].index);
    place_result_done(&result);
    for (size_t i = 0; i < 2; i++)
        place_facts_free(facts[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < EXT4_SUPER_SIZE)
        return 0;
    uint8_t *volume = calloc(1, VOLUME_SIZE);
    require(volume != NULL);
    size_t room = VOLUME_SIZE - EXT4_SUPER_SIZE;
    memcpy(volume + EXT4_SUPER_SIZE, data, size < room ? size : room);
    uint8_t *bytes = volume + EXT4_SUPER_SIZE;
    store_le32(bytes + 0x3FC, crc32c(CRC32C_START, bytes, 0x3FC));
    struct ext4_super super;
    if (ext4_super_read(bytes, &super)) {
        uint64_t tables[1] = {4096};
        uint8_t descriptor[1024];
        memcpy(descriptor, bytes, sizeof descriptor);
        require(ext4_inode_table(&super, super.group, descriptor) < UINT64_C(1) << 57);
        require(super.groups > 0 && ext4_inode_offset(&super, tables, 1) == 4096);
        require(ext4_descriptors_offset(&super) > ext4_super_offset(&super));
    }
    struct ext4_inode inode;
    if (ext4_inode_read(bytes, &inode))
        require(inode.end == 0 || inode.end % EXT4_BLOCK_SIZE != 0);
    solve(volume);
    free(volume);
    return 0;
}
