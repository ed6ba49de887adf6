/* fuzz_encoder.c: what an encoder makes of any data decodes to it, keeps to the frame's rules, and
 * is made the same again. The input is a little program that writes the data: literals, repeats
 * from far back, and zeros. */
#include "formats/codec/applelz4.h"
#include "formats/model/auto.h"
#include "tests/fuzz/input.h"

#define DATA_SIZE (5 * (size_t)BLOCK_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t data_write(struct input *input, uint8_t *data)
{
    size_t at = 0;
    while (input->size > 0 && at < DATA_SIZE) {
        uint32_t op = input_number(input, 1);
        size_t size = op >> 2;
        if ((op & 3) == 0) {
            const uint8_t *from = input_take(input, size + 1, &size);
            if (size > DATA_SIZE - at)
                size = DATA_SIZE - at;
            memcpy(data + at, from, size);
            at += size;
            continue;
        }
        /* longer runs and repeats: 1 and 2 by one number, 3 by two */
        size = input_number(input, 2) % (DATA_SIZE - at) + 1;
        size_t distance = (op & 3) == 3 ? input_number(input, 3) % (2 * BLOCK_SIZE) + 1 : op >> 2;
        bool zeros = (op & 3) == 1 || distance == 0 || distance > at;
        for (size_t i = 0; i < size; i++, at++)
            data[at] = zeros ? 0 : data[at - distance];
    }
    return at;
}

static void stream_make(struct encoder *encoder, const uint8_t *data, size_t size,
                        struct bytes *ret)
{
    struct error err = ERROR_INIT;
    uint8_t block[APPLELZ4_ENCODED_MAX];
    encoder_restart(encoder);
    bytes_init(ret, SIZE_MAX);
    for (size_t at = 0; at < size; at += BLOCK_SIZE) {
        size_t step = size - at < BLOCK_SIZE ? size - at : BLOCK_SIZE;
        int64_t encoded = encoder_block(encoder, data + at, step, block, &err);
        require(encoded > 0 && (size_t)encoded <= APPLELZ4_HEADER_STORED + step);
        require(bytes_append(ret, block, (size_t)encoded, &err) == 0);
    }
    require(bytes_append(ret, applelz4_end_mark, APPLELZ4_MAGIC_SIZE, &err) == 0);
}

static void check_decodes(const struct bytes *stream, const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    static struct batch *batch; /* for the whole run: it is large */
    if (batch == NULL)
        batch = batch_new(&err);
    struct applelz4_decoder *decoder = applelz4_decoder_new(&err);
    require(batch != NULL && decoder != NULL);
    batch_reset(batch, 0, UINT64_MAX);
    size_t used, at = 0;
    require(applelz4_decode(decoder, stream->data, stream->size, &used, batch, &err) == 0);
    require(used == stream->size && applelz4_decoder_finish(decoder, &err) == 0);
    require(batch->length == size);
    for (size_t i = 0; i < batch->extent_count; i++) {
        const struct extent *extent = &batch->extents[i];
        require(extent->data == NULL
                    ? bytes_are_zero(data + at, (size_t)extent->length)
                    : memcmp(data + at, extent->data, (size_t)extent->length) == 0);
        at += (size_t)extent->length;
    }
    applelz4_decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct encoder_kind kinds[] = {
        {ENCODER_APPLE, 0}, {ENCODER_APPLE, 0}, {ENCODER_APPLE, 0},  {ENCODER_LZ4, 0},
        {ENCODER_LZ4HC, 1}, {ENCODER_LZ4HC, 9}, {ENCODER_LZ4HC, 12},
    };
    struct error err = ERROR_INIT;
    struct input input = {data, size};
    uint32_t choice = input_number(&input, 1) % (sizeof kinds / sizeof kinds[0]);
    AUTO_FREE uint8_t *disk = malloc(DATA_SIZE);
    struct encoder *encoder = encoder_new(kinds[choice], &err);
    require(disk != NULL && encoder != NULL);
    size_t disk_size = data_write(&input, disk);
    AUTO(bytes_done) struct bytes first, again;
    stream_make(encoder, disk, disk_size, &first);
    stream_make(encoder, disk, disk_size, &again);
    require(first.size == again.size && memcmp(first.data, again.data, first.size) == 0);
    check_decodes(&first, disk, disk_size);
    encoder_free(encoder);
    return 0;
}
