/* fuzz_reader_v2.c: any bytes as the layers of a disk.v2, with any promises of what they decode to.
 */
#include "tests/fuzz/read_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct memory_store store;
    struct disk_layer layers[LAYERS];
    struct disk disk = {.format = DISK_V2, .layers = layers, .has_size = true};
    store_init(&store);
    struct dice dice = {input_number(&input, 2) | 1u};
    uint32_t flags = input_number(&input, 1);
    uint32_t count = flags % LAYERS + 1;
    store.slice = flags >> 4;
    uint32_t lengths[LAYERS];
    uint16_t cuts[LAYERS];
    for (uint32_t i = 0; i < count; i++) {
        lengths[i] = input_number(&input, 3) + (i + 1 == count);
        cuts[i] = (uint16_t)input_number(&input, 2);
    }
    for (uint32_t i = 0; i < count; i++) {
        layer_add(&store, &disk, &input, i + 1 == count ? SIZE_MAX : cuts[i] & 0xFFF, cuts[i] >> 8);
        layers[i].offset = disk.size;
        layers[i].length = lengths[i];
        disk.size += lengths[i];
    }
    disk_check(&disk, &store, &dice);
    require(store_done(&store));
    return 0;
}
