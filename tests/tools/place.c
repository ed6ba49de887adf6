/* place.c: place CHUNK-SIZE FILE [SHUFFLES]: cuts a raw disk, asks formats/place.h where each chunk
 * belongs, once for each of so many shuffles (1), and prints a line a chunk and one with the sums:
 * of the last shuffle, or of the first with a wrong place. Ends with 1 where a place is wrong
 * (equal chunks may be exchanged), 64 or 74 where it could not try. For tests only. */
#include "formats/place.h"
#include "formats/model/auto.h"
#include "formats/model/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 1048576u

static uint8_t buffer[READ_SIZE];

static int fail(const struct error *err)
{
    fprintf(stderr, "place: %s\n", err->text);
    return 74;
}

static int chunk_read(int fd, uint64_t offset, struct place_chunk *chunk, struct error *err)
{
    AUTO(place_scan_free_auto) struct place_scan *scan = NULL;
    AUTO(hasher_done) struct hasher hasher = {0};
    if (place_scan_new(chunk->length, &scan, err) < 0 || hasher_init(&hasher, err) < 0)
        return -1;
    for (uint64_t at = 0; at < chunk->length;) {
        size_t want = chunk->length - at < READ_SIZE ? (size_t)(chunk->length - at) : READ_SIZE;
        ssize_t got = pread(fd, buffer, want, (off_t)(offset + at));
        if (got <= 0)
            return error_set(err, ERROR_IO, "cannot read the disk");
        hasher_update(&hasher, buffer, (size_t)got);
        bool zero = buffer[0] == 0 && memcmp(buffer, buffer + 1, (size_t)got - 1) == 0;
        int status = zero ? place_scan_zeros(scan, (uint64_t)got, err)
                          : place_scan_bytes(scan, buffer, (size_t)got, err);
        if (status < 0)
            return -1;
        at += (uint64_t)got;
    }
    struct place_facts *facts;
    if (place_scan_end(scan, &facts, err) < 0)
        return -1;
    chunk->facts = facts;
    return hasher_final(&hasher, &chunk->content, err);
}

static void shuffle(size_t *order, size_t count, uint64_t seed)
{
    for (size_t i = count; i-- > 1;) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t j = (size_t)(seed >> 33) % (i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* The chunk that belongs at that place. */
static size_t chunk_of(const size_t *order, size_t count, size_t index)
{
    for (size_t i = 0; i < count; i++)
        if (order[i] == index)
            return i;
    return SIZE_MAX;
}

static bool is_wrong(const struct place_result *result, const struct place_chunk *chunks,
                     const size_t *order, size_t chunk)
{
    const struct chunk_place *place = &result->places[chunk];
    if (!place->known || order[chunk] == place->index)
        return false;
    size_t there = chunk_of(order, result->count, place->index);
    return there == SIZE_MAX || !digest_equal(&chunks[chunk].content, &chunks[there].content);
}

static void report(const struct place_result *result, const struct place_chunk *chunks,
                   const size_t *order)
{
    size_t grades[PLACE_PROVED + 1] = {0}, wrong = 0;
    for (size_t i = 0; i < result->count; i++) {
        const struct chunk_place *place = &result->places[i];
        bool bad = is_wrong(result, chunks, order, i);
        wrong += bad;
        grades[place->grade]++;
        printf("%zu: %s", order[i], place_grade_name(place->grade));
        if (place->known)
            printf(" at %zu%s", place->index, bad ? " WRONG" : "");
        else
            printf(", %zu candidates", place->candidate_count);
        printf(": %s\n", place->why);
    }
    printf("chunks %zu", result->count);
    for (int grade = PLACE_PROVED; grade >= 0; grade--)
        printf(", %s %zu", place_grade_name((enum place_grade)grade), grades[grade]);
    printf(", wrong %zu%s%s\n", wrong, result->note[0] != '\0' ? "; " : "", result->note);
}

/* One shuffle: 1 where a place is wrong. The scanned chunks stand in the disk's order. */
static int shuffle_try(const struct place_chunk *scanned, size_t count, uint64_t disk_size,
                       uint64_t seed, bool last, struct error *err)
{
    AUTO_FREE size_t *order = calloc(count, sizeof *order);
    AUTO_FREE struct place_chunk *chunks = calloc(count, sizeof *chunks);
    if (order == NULL || chunks == NULL)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    shuffle(order, count, seed);
    for (size_t i = 0; i < count; i++)
        chunks[i] = scanned[order[i]];
    AUTO(place_result_done) struct place_result result = {.places = NULL};
    if (place_solve(chunks, count, disk_size, &result, err) < 0)
        return -1;
    int wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong |= is_wrong(&result, chunks, order, i);
    if (wrong || last)
        report(&result, chunks, order);
    return wrong;
}

int main(int argc, char **argv)
{
    struct stat status;
    int fd = argc == 3 || argc == 4 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
    uint64_t size = 0, shuffles = 1;
    if (fd < 0 || !parse_size(argv[1], &size) || (argc == 4 && !parse_size(argv[3], &shuffles)) ||
        size == 0 || fstat(fd, &status) != 0 || status.st_size == 0 || shuffles == 0)
        return 64;
    uint64_t disk_size = (uint64_t)status.st_size;
    size_t count = (size_t)((disk_size + size - 1) / size);
    AUTO_FREE struct place_chunk *chunks = calloc(count, sizeof *chunks);
    if (chunks == NULL)
        return 74;
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < count; i++) {
        uint64_t offset = i * size;
        chunks[i].length = disk_size - offset < size ? disk_size - offset : size;
        if (chunk_read(fd, offset, &chunks[i], &err) < 0)
            return fail(&err);
    }
    int wrong = 0;
    for (uint64_t seed = 1; seed <= shuffles && wrong == 0; seed++)
        wrong = shuffle_try(chunks, count, disk_size, seed, seed == shuffles, &err);
    if (wrong < 0)
        return fail(&err);
    for (size_t i = 0; i < count; i++)
        place_facts_free((struct place_facts *)(uintptr_t)chunks[i].facts);
    close(fd);
    return wrong;
}
