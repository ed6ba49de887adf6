/* fuzz_reader_v1.c: any bytes as the layers of a disk.v1, cut anywhere, with any promise of size.
 */
#include "tests/fuzz/read_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct memory_store store;
    struct disk_layer layers[LAYERS];
    struct disk disk = {.format = DISK_V1, .layers = layers};
    store_init(&store);
    struct dice dice = {input_number(&input, 2) | 1u};
    uint32_t flags = input_number(&input, 1);
    disk.has_size = (flags & 1) != 0;
    disk.size = disk.has_size ? input_number(&input, 3) + 1 : 0;
    store.slice = flags >> 4;
    uint16_t cuts[LAYERS - 1];
    uint32_t count = (flags >> 1) % LAYERS;
    for (uint32_t i = 0; i < count; i++)
        cuts[i] = (uint16_t)input_number(&input, 2);
    for (uint32_t i = 0; i < count; i++)
        layer_add(&store, &disk, &input, cuts[i] & 0xFFF, cuts[i] >> 8);
    layer_add(&store, &disk, &input, SIZE_MAX, 0);
    disk_check(&disk, &store, &dice);
    require(store_done(&store));
    return 0;
}
