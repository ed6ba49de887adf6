/* make_data.h: disk-like bytes from a seed: words, noise, small numbers and zeros, in stretches of
 * every length. The same seed gives the same bytes, for ever. */
#ifndef TESTS_UNIT_MAKE_DATA_H
#define TESTS_UNIT_MAKE_DATA_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct dice {
    uint64_t state; /* not 0 */
};

static inline uint64_t dice_roll(struct dice *dice)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return dice->state * UINT64_C(0x2545F4914F6CDD1D);
}

/* 1 to most; small numbers are as likely as large ones. */
static inline size_t dice_size(struct dice *dice, size_t most)
{
    uint64_t roll = dice_roll(dice);
    size_t size = (size_t)(roll >> 8) >> (roll % 40);
    return size % most + 1;
}

static inline void make_words(struct dice *dice, uint8_t *data, size_t size)
{
    static const char *const words[] = {"disk ",  "the ",   "block", "/usr/lib/", "\n",  "0x7f",
                                        "layer ", "string", " = ",   "(void)",    ";\n", "return "};
    for (size_t at = 0; at < size;) {
        const char *word = words[dice_roll(dice) % (sizeof words / sizeof words[0])];
        size_t step = strlen(word);
        if (step > size - at)
            step = size - at;
        memcpy(data + at, word, step);
        at += step;
        if (at < size && dice_roll(dice) % 8 == 0)
            data[at++] = (uint8_t)dice_roll(dice);
    }
}

static inline void make_noise(struct dice *dice, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(dice_roll(dice) >> 32);
}

/* Little numbers in wide words: short runs of zeros, few matches. */
static inline void make_numbers(struct dice *dice, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = i % 4 < 2 ? (uint8_t)(dice_roll(dice) >> 32) : 0;
}

/* size bytes (at least one), to be freed. */
static inline uint8_t *make_data(uint64_t seed, size_t size)
{
    struct dice dice = {seed * 2 + 1};
    uint8_t *data = calloc(1, size);
    if (data == NULL)
        abort();
    for (size_t at = 0; at < size;) {
        size_t step = dice_size(&dice, 300000);
        if (step > size - at)
            step = size - at;
        switch (dice_roll(&dice) % 5) {
        case 0:
            break; /* zeros */
        case 1:
            make_noise(&dice, data + at, step);
            break;
        case 2:
            make_numbers(&dice, data + at, step);
            break;
        default:
            make_words(&dice, data + at, step);
        }
        at += step;
    }
    return data;
}

#endif
