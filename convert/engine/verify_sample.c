/* verify_sample.c: which part of a disk is decoded when only a part is. The same seed gives the
 * same part of the same image, on any machine.
 */
#include "convert/engine/verify_look.h"

#include "formats/model/auto.h"

#include <string.h>

bool is_sample(const struct verify_options *options)
{
    return options->sample_percent > 0 || options->sample_size > 0;
}

/* SplitMix64: any seed will do, and nobody's library changes it. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Bytes of disk. */
static uint64_t sample_share(const struct look *look)
{
    if (look->options->sample_size > 0)
        return look->options->sample_size;
    uint64_t part = look->disk.size / 100 * look->options->sample_percent +
                    look->disk.size % 100 * look->options->sample_percent / 100;
    return part > 0 ? part : 1;
}

static int v2_choose(struct look *look, struct error *err)
{
    AUTO_FREE size_t *order = calloc(look->chunk_count + 1, sizeof *order);
    if (order == NULL)
        return error_memory(err);
    uint64_t state = look->options->seed, chosen = 0, share = sample_share(look);
    for (size_t i = 0; i < look->chunk_count; i++)
        order[i] = i;
    for (size_t i = 0; i < look->chunk_count && chosen < share; i++) {
        size_t other = i + (size_t)(random_next(&state) % (look->chunk_count - i));
        size_t chunk = order[other];
        order[other] = order[i];
        look->chunks[chunk].done = false;
        chosen += look->chunks[chunk].length;
    }
    return 0;
}

/* The one chunk becomes two: what is read from the start, and the rest. */
static int v1_choose(struct look *look, struct error *err)
{
    if (!image_disk(&look->image)->has_size) {
        look_unseen(look, "the sample: the image does not say how large its disk is");
        return 0;
    }
    uint64_t share = sample_share(look), size = look->disk.size;
    if (share >= size) {
        look->chunks[0].done = false;
        return 0;
    }
    struct pass_chunk *chunks = calloc(2, sizeof *chunks);
    if (chunks == NULL)
        return error_memory(err);
    chunks[0] = (struct pass_chunk){.length = share};
    chunks[1] = (struct pass_chunk){.offset = share, .length = size - share, .done = true};
    free(look->chunks);
    look->chunks = chunks;
    look->chunk_count = 2;
    look_unseen(look, "a random part of the disk: disk.v1 can only be read from its start, so the "
                      "sample is the disk's beginning");
    return 0;
}

int sample_choose(struct look *look, struct error *err)
{
    return look->disk.format == DISK_V2 ? v2_choose(look, err) : v1_choose(look, err);
}
