/* input.h: a fuzzer's input taken apart piece by piece; what is not there any more is 0. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include "formats/model/bytes.h"

#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *data;
    size_t size;
};

static inline const uint8_t *input_take(struct input *input, size_t wanted, size_t *ret_size)
{
    const uint8_t *data = input->data;
    *ret_size = wanted < input->size ? wanted : input->size;
    if (*ret_size > 0)
        input->data += *ret_size;
    input->size -= *ret_size;
    return data;
}

static inline uint32_t input_number(struct input *input, size_t bytes)
{
    uint8_t number[4] = {0};
    size_t size;
    const uint8_t *data = input_take(input, bytes, &size);
    if (size > 0)
        memcpy(number, data, size);
    return load_le32(number);
}

static inline void require(bool holds)
{
    if (!holds)
        abort();
}

#endif
