/* thin.c: a capped list that thins itself out evenly. A place for records that only count in
 * numbers; nothing that must not be lost belongs here. */
#include "formats/thin.h"

#include "formats/model/bytes.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64u
#define MASK_MAX       UINT64_C(0xFFFFFFFF)

void thin_init(struct thin *thin, size_t size, size_t key, size_t cap)
{
    *thin = (struct thin){.size = size, .key = key, .cap = cap};
}

void thin_done(struct thin *thin)
{
    free(thin->items);
    *thin = (struct thin){.items = NULL};
}

/* Keys are a few numbers that count up, so every bit of them has to reach the low bits. */
static uint64_t hash_of(const uint8_t *key, size_t size)
{
    uint64_t hash = size;
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;
        memcpy(&word, key + at, size - at < 8 ? size - at : 8);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
        hash *= UINT64_C(0xBF58476D1CE4E5B9);
        hash ^= hash >> 32;
    }
    return hash;
}

static void thin_out(struct thin *thin)
{
    uint8_t *items = thin->items;
    size_t kept = 0;
    thin->mask = thin->mask << 1 | 1;
    for (size_t i = 0; i < thin->count; i++)
        if ((hash_of(items + i * thin->size, thin->key) & thin->mask) == 0)
            memmove(items + kept++ * thin->size, items + i * thin->size, thin->size);
    thin->count = kept;
}

static int thin_grow(struct thin *thin, struct error *err)
{
    size_t capacity = thin->capacity == 0 ? CAPACITY_FIRST : thin->capacity * 2;
    if (capacity > thin->cap)
        capacity = thin->cap;
    void *items = realloc(thin->items, capacity * thin->size);
    if (items == NULL)
        return error_memory(err);
    thin->items = items;
    thin->capacity = capacity;
    return 0;
}

int thin_add(struct thin *thin, const void *item, struct error *err)
{
    uint64_t hash = hash_of(item, thin->key);
    if ((hash & thin->mask) != 0)
        return 0;
    if (thin->count == thin->capacity && thin->capacity < thin->cap && thin_grow(thin, err) < 0)
        return -1;
    while (thin->count == thin->capacity && thin->mask < MASK_MAX)
        thin_out(thin);
    if (thin->count == thin->capacity || (hash & thin->mask) != 0)
        return 0;
    memcpy((uint8_t *)thin->items + thin->count++ * thin->size, item, thin->size);
    return 0;
}
