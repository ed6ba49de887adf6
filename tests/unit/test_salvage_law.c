/* test_salvage_law.c: whatever was done to whatever stream: a byte that is not listed is the
 * disk's. */
#include "tests/unit/salvage_disks.h"

#if !defined ROUNDS && defined __SANITIZE_ADDRESS__
#define ROUNDS 1
#elif !defined ROUNDS
#define ROUNDS 3 /* of 770 cases each */
#endif

/* Whole blocks, so that no framing breaks. */
static void blocks_away(struct dice *dice, size_t layer)
{
    size_t from = 0, first = 0;
    for (size_t i = 0; i < layer; i++)
        from += layers[i].blob.size;
    struct bytes *bytes = layer_bytes(layer);
    while (first < block_count && starts[first] < from)
        first++;
    if (bytes->size != layers[layer].blob.size)
        return;
    first += dice_roll(dice) % 4;
    size_t last = first + 1 + dice_roll(dice) % 3;
    if (last > block_count || starts[last] > from + bytes->size)
        return;
    if (dice_roll(dice) % 2 == 0)
        cut_out(layer, starts[first] - from, starts[last] - starts[first]);
    else { /* in place of others of the same size, if there are any */
        size_t size = starts[last] - starts[first];
        for (size_t i = 0; i < block_count; i++)
            for (size_t k = i + 1; k <= block_count && starts[k] - starts[i] <= size; k++)
                if (starts[k] - starts[i] == size && i != first) {
                    memcpy(bytes->data + starts[first] - from, stream.data + starts[i], size);
                    return;
                }
    }
}

static void damage(struct dice *dice)
{
    size_t layer = dice_roll(dice) % disk.layer_count;
    struct bytes *bytes = layer_bytes(layer);
    if (bytes->size == 0)
        return;
    size_t at = dice_roll(dice) % bytes->size, size = dice_size(dice, bytes->size - at);
    size_t block = dice_roll(dice) % block_count;
    switch (dice_roll(dice) % 11) {
    case 0:
        bytes->data[at] ^= (uint8_t)(1u << dice_roll(dice) % 8);
        break;
    case 1:
        make_noise(dice, bytes->data + at, size);
        break;
    case 2:
        memset(bytes->data + at, 0, size);
        break;
    case 3:
        cut_out(layer, at, size);
        break;
    case 4:
        bytes->size = at;
        break;
    case 5:
        *byte_at(starts[block] + dice_roll(dice) % 12) ^= (uint8_t)(1u << dice_roll(dice) % 8);
        break;
    case 6: { /* another's bytes */
        struct bytes *from = layer_bytes(dice_roll(dice) % disk.layer_count);
        size = size < from->size ? size : from->size;
        memmove(bytes->data + at, from->data, size);
        break;
    }
    case 7:
        memmove(bytes->data + at, stream.data + dice_roll(dice) % (stream.size - size), size);
        break;
    case 8: { /* another size of the block on the disk, and the same in the stream */
        size_t whole = starts[block + 1] - starts[block];
        uint8_t header[8] = {'b', 'v', '4', '-'};
        store_le32(header + 4, (uint32_t)whole - 8);
        for (size_t i = 0; i < 8; i++)
            *byte_at(starts[block] + i) = header[i];
        break;
    }
    default:
        blocks_away(dice, layer);
        break;
    }
}

/* Damage is done to layers as they were, then some of these are not there. */
static void damage_all(struct dice *dice)
{
    image_make(stream.size / (1 + dice_roll(dice) % 18) + 1);
    for (size_t i = dice_roll(dice) % 4; i > 0; i--) {
        size_t layer = dice_roll(dice) % disk.layer_count;
        if (layer_bytes(layer)->size == layers[layer].blob.size)
            damage(dice);
    }
    if (dice_roll(dice) % 4 == 0)
        lose(dice_roll(dice) % disk.layer_count);
    if (dice_roll(dice) % 8 == 0 && disk.layer_count > 1)
        drop(dice_roll(dice) % disk.layer_count);
}

struct tally {
    size_t tries, refused, whole, salvaged;
    uint64_t bytes, known; /* of the salvaged ones */
};

static void try_damage(struct dice *dice, struct tally *tally)
{
    struct error err = ERROR_INIT;
    struct result result = {.salvage = NULL};
    struct disk sized = disk;
    store.slice = dice_size(dice, 300000);
    tally->tries++;
    if (salvage_survey(&disk, &store.blobs, NULL, &result.salvage, &err) < 0) {
        assert_true(err.class == ERROR_STREAM_BLOCK || err.class == ERROR_DISK_SIZE);
        tally->refused++;
        return;
    }
    if (!result.salvage->damaged) {
        tally->whole++;
        salvage_free(result.salvage);
        return;
    }
    sized.size = result.salvage->size;
    sized.has_size = true;
    assert_good(read_all(&sized, result.salvage, 1 + dice_roll(dice) % 300000, &result.read, &err),
                &err);
    assert_int_equal(result.read.size, data_size);
    assert_covered(&result);
    tally->salvaged++;
    tally->bytes += data_size;
    tally->known += data_size;
    for (size_t kind = 0; kind <= SALVAGE_MISSING; kind++)
        tally->known -= result.salvage->ranges.bytes[kind];
    result_done(&result);
}

static void test_law(void **state)
{
    (void)state;
    struct tally tally = {.tries = 0};
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        for (size_t kind = 0; kind < DISK_KINDS; kind++) {
            struct dice dice = {(seed * 100 + kind) * 77 + 1};
            scene_make(seed * 9 + kind, kind, 400000 + dice_roll(&dice) % 1200000);
            for (size_t i = 0; i < 110; i++) {
                dice.state = (seed * 100 + kind) * 1000003 + i + 1;
                dice_roll(&dice);
                damage_all(&dice);
                try_damage(&dice, &tally);
            }
            scene_done();
        }
    print_message("%zu tries, %zu refused, %zu whole, %zu salvaged, %d %% known\n", tally.tries,
                  tally.refused, tally.whole, tally.salvaged,
                  (int)(tally.known * 100 / tally.bytes));
    assert_true(tally.salvaged * 2 > tally.tries);
    assert_true(tally.known * 10 > tally.bytes * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_law),
    };
    return cmocka_run_group_tests_name("salvage_law", tests, store_setup, store_teardown);
}
