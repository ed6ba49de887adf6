/* fuzz_apfs.c: any bytes as a block of an APFS container, with its checksum put right, and as a
 * chunk of a disk. */
#include "formats/apfs.h"
#include "formats/place.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As one chunk in slices of that size; nothing that bytes say may fail. */
static void scan(const uint8_t *data, size_t size, size_t slice)
{
    struct error err = ERROR_INIT;
    struct place_scan *scan = NULL;
    struct place_facts *facts = NULL;
    require(place_scan_new(size, &scan, &err) == 0);
    for (size_t at = 0; at < size; at += slice)
        require(place_scan_bytes(scan, data + at, size - at < slice ? size - at : slice, &err) ==
                0);
    require(place_scan_end(scan, &facts, &err) == 0);
    place_scan_free(scan);
    struct place_chunk chunks[2] = {{.length = size, .facts = facts}, {.length = size}};
    struct place_result result;
    require(place_solve(chunks, 2, 2 * size, &result, &err) == 0);
    place_result_done(&result);
    place_facts_free(facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 33)
        return 0;
    uint8_t block[APFS_BLOCK_SIZE] = {0};
    memcpy(block, data, size < sizeof block ? size : sizeof block);
    uint64_t sum = apfs_checksum(block);
    store_le32(block, (uint32_t)sum);
    store_le32(block + 4, (uint32_t)(sum >> 32));
    struct apfs_object object;
    if (apfs_object_read(block, &object)) {
        struct apfs_mapping mappings[APFS_MAPPINGS_MAX];
        uint64_t ends[APFS_ENDS_MAX];
        size_t count = apfs_file_ends(block, &object, ends, APFS_ENDS_MAX);
        require(object.oid != 0 && count <= APFS_ENDS_MAX);
        for (size_t i = 0; i < count; i++)
            require(ends[i] % APFS_BLOCK_SIZE != 0);
        require(apfs_mappings(block, &object, mappings, APFS_MAPPINGS_MAX) <= APFS_MAPPINGS_MAX);
    }
    scan(block, sizeof block, 1 + data[0]);
    return 0;
}
