/* fuzz_lz4_block.c: our block decoder and liblz4's agree on any bytes, but for the two rules that
 * lz4_twin.h names. The first bytes choose history and room, the rest is the block. */
#include "tests/fuzz/input.h"
#include "tests/unit/lz4_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    size_t history = input_number(&input, 2) % 1024, capacity = input_number(&input, 2) % 4096;
    int64_t got = -1;
    require(twins_agree(input.data, input.size, capacity, history, &got));
    return 0;
}
