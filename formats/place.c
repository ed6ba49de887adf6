/* place.c: from what all chunks say to one place each. The parts that read evidence make claims;
 * here claims meet: agreed ones are given, others are reported, what is left over is settled by
 * elimination where only one answer is left. A place that is not certain is not given. */
#include "formats/place_solver.h"

#include "formats/model/auto.h"
#include "formats/model/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_ROUNDS 16

const char *place_grade_name(enum place_grade grade)
{
    static const char *const names[] = {
        [PLACE_UNKNOWN] = "unknown",
        [PLACE_INTERCHANGEABLE] = "interchangeable",
        [PLACE_BY_ELIMINATION] = "by elimination",
        [PLACE_LIKELY] = "likely",
        [PLACE_PROVED] = "proved",
    };
    return names[grade];
}

/* --- the grid --- */

bool solver_start_fits(const struct solver *solver, size_t chunk, int64_t start, size_t *ret_index)
{
    if (start < 0 || (uint64_t)start >= solver->disk_size || (uint64_t)start % solver->length != 0)
        return false;
    *ret_index = (size_t)((uint64_t)start / solver->length);
    return solver->last == NO_PLACE || (chunk == solver->last) == (*ret_index == solver->count - 1);
}

bool solver_same(const struct solver *solver, size_t a, size_t b)
{
    return solver->chunks[a].length == solver->chunks[b].length &&
           digest_equal(&solver->chunks[a].content, &solver->chunks[b].content);
}

void solver_give(struct solver *solver, size_t chunk, size_t index, enum place_grade grade)
{
    struct chunk_place *place = &solver->places[chunk];
    place->grade = grade;
    place->known = true;
    place->index = index;
    place->offset = index * solver->length;
    place->candidate_count = 0;
    solver->owner[index] = chunk;
}

void solver_candidate_add(struct solver *solver, size_t chunk, size_t index)
{
    struct chunk_place *place = &solver->places[chunk];
    for (size_t i = 0; i < place->candidate_count; i++)
        if (place->candidates[i] == index * solver->length)
            return;
    if (place->candidate_count < PLACE_CANDIDATES)
        place->candidates[place->candidate_count++] = index * solver->length;
}

/* All of one length, but for one that is shorter. False for other sets. */
static bool grid_find(struct solver *solver)
{
    solver->length = 0;
    for (size_t i = 0; i < solver->count; i++)
        if (solver->chunks[i].length > solver->length)
            solver->length = solver->chunks[i].length;
    solver->last = NO_PLACE;
    for (size_t i = 0; i < solver->count; i++) {
        if (solver->chunks[i].length == solver->length)
            continue;
        if (solver->last != NO_PLACE)
            return false;
        solver->last = i;
    }
    return solver->length > 0 && (solver->last == NO_PLACE || //
                                  solver->chunks[solver->last].length > 0);
}

/* --- claims --- */

/* Of the claims to a place, how many different contents raise one of that grade. */
static size_t claimants(const struct solver *solver, size_t index, enum place_grade grade,
                        size_t *ret_first)
{
    size_t count = 0;
    for (size_t i = 0; i < solver->count; i++) {
        const struct claim *claim = &solver->claims[i];
        if (!claim->made || claim->contradicted || claim->index != index || claim->grade != grade)
            continue;
        if (count == 0)
            *ret_first = i;
        if (count == 0 || !solver_same(solver, i, *ret_first))
            count++;
    }
    return count;
}

/* All who claim that place but not the one who gets it (NO_PLACE: nobody does). Equals of that one
 * are not refuted: they belong elsewhere, with the same content. */
static void claims_refuse(struct solver *solver, size_t index, size_t winner)
{
    for (size_t i = 0; i < solver->count; i++) {
        struct claim *claim = &solver->claims[i];
        if (!claim->made || claim->index != index || i == winner)
            continue;
        claim->made = false;
        if (winner != NO_PLACE && solver_same(solver, i, winner)) {
            solver->places[i].why[0] = '\0';
            continue;
        }
        claim->contradicted = true;
        solver_candidate_add(solver, i, index);
        snprintf(solver->places[i].why, PLACE_WHY_SIZE, "%s",
                 winner == NO_PLACE ? "several chunks claim its place"
                                    : "another chunk has better evidence for its place");
    }
}

static void claims_settle(struct solver *solver)
{
    for (size_t index = 0; index < solver->count; index++) {
        size_t winner = NO_PLACE;
        enum place_grade grade = PLACE_PROVED;
        size_t count = claimants(solver, index, grade, &winner);
        if (count == 0) {
            grade = PLACE_LIKELY;
            count = claimants(solver, index, grade, &winner);
        }
        if (count == 1)
            solver_give(solver, winner, index, grade);
        else if (count > 1)
            solver->disputed[index] = true;
        claims_refuse(solver, index, count == 1 ? winner : NO_PLACE);
    }
}

/* --- what is left --- */

/* Where all that is left is equal, which is where makes no difference. */
static void leftovers_settle(struct solver *solver)
{
    size_t first = NO_PLACE, left = 0;
    for (size_t i = 0; i < solver->count; i++) {
        if (solver->places[i].known)
            continue;
        if (first == NO_PLACE)
            first = i;
        left++;
        if (!solver_same(solver, i, first) || solver->claims[i].contradicted)
            return;
    }
    size_t index = 0;
    for (size_t i = first; first != NO_PLACE && i < solver->count; i++) {
        if (solver->places[i].known)
            continue;
        while (solver->owner[index] != NO_PLACE)
            index++;
        solver_give(solver, i, index, left == 1 ? PLACE_BY_ELIMINATION : PLACE_INTERCHANGEABLE);
        if (left == 1)
            snprintf(solver->places[i].why, PLACE_WHY_SIZE, "the only one left");
        else
            snprintf(solver->places[i].why, PLACE_WHY_SIZE, "one of the last %zu, which are equal",
                     left);
    }
}

static void unknown_tell(struct solver *solver, size_t chunk, bool grid)
{
    struct chunk_place *place = &solver->places[chunk];
    const struct place_facts *facts = solver->chunks[chunk].facts;
    size_t fitting, best = place->candidate_count;
    for (size_t index = 0; grid && index < solver->count; index++) {
        bool listed = false;
        for (size_t i = 0; i < best; i++)
            listed |= place->candidates[i] == index * solver->length;
        if (listed || solver->owner[index] != NO_PLACE ||
            !solver_start_fits(solver, chunk, (int64_t)(index * solver->length), &fitting))
            continue;
        if (place->candidate_count < PLACE_CANDIDATES)
            place->candidates[place->candidate_count] = index * solver->length;
        place->candidate_count++;
    }
    if (place->why[0] == '\0')
        snprintf(place->why, PLACE_WHY_SIZE, "%s",
                 facts == NULL ? "its bytes could not be read"
                 : facts->zero ? "all zero: it belongs where nothing else does"
                               : "nothing in it names a place");
}

static void result_sum(const struct solver *solver, struct place_result *result)
{
    result->complete = true;
    result->worst = PLACE_PROVED;
    for (size_t i = 0; i < solver->count; i++) {
        enum place_grade grade = solver->places[i].grade;
        result->complete &= solver->places[i].known;
        if (grade == PLACE_UNKNOWN || (grade == PLACE_LIKELY && result->worst == PLACE_PROVED))
            result->worst = grade;
    }
}

static int places_find(struct solver *solver, struct error *err)
{
    solver_read_tables(solver);
    if (solver_read_volumes(solver, err) < 0 || solver_read_mappings(solver, err) < 0 ||
        solver_vote(solver, err) < 0)
        return -1;
    claims_settle(solver);
    size_t given = 1;
    for (int round = 0; round < TAIL_ROUNDS && given > 0; round++)
        if (solver_match_tails(solver, &given, err) < 0)
            return -1;
    leftovers_settle(solver);
    return 0;
}

static void solver_free(struct solver **memory)
{
    struct solver *solver = *memory;
    if (solver == NULL)
        return;
    for (size_t i = 0; i < solver->volume_count; i++)
        free(solver->volumes[i].tables);
    free(solver->mappings);
    free(solver->claims);
    free(solver->owner);
    free(solver->disputed);
    free(solver);
}

static int solver_init(struct solver *solver, struct error *err)
{
    solver->claims = calloc(solver->count, sizeof *solver->claims);
    solver->owner = malloc(solver->count * sizeof *solver->owner);
    solver->disputed = calloc(solver->count, sizeof *solver->disputed);
    if (solver->claims == NULL || solver->owner == NULL || solver->disputed == NULL)
        return error_memory(err);
    for (size_t i = 0; i < solver->count; i++)
        solver->owner[i] = NO_PLACE;
    return 0;
}

static int sizes_ask(const struct place_chunk *chunks, size_t count, uint64_t disk_size,
                     struct error *err)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct place_facts *facts = chunks[i].facts;
        if (facts != NULL && facts->length != chunks[i].length)
            return error_set(err, ERROR_INTERNAL, "chunk %zu has another's facts", i);
        if (!add_sizes(sum, chunks[i].length, &sum))
            return error_set(err, ERROR_DISK_SIZE, "the chunks' lengths are too large");
    }
    if (sum != disk_size || count == 0)
        return error_set(err, ERROR_DISK_SIZE, "the chunks have %llu bytes in all, the disk %llu",
                         (unsigned long long)sum, (unsigned long long)disk_size);
    return 0;
}

int place_solve(const struct place_chunk *chunks, size_t count, uint64_t disk_size,
                struct place_result *ret, struct error *err)
{
    *ret = (struct place_result){.places = NULL};
    if (sizes_ask(chunks, count, disk_size, err) < 0)
        return -1;
    AUTO(place_result_done) struct place_result result = {.count = count};
    result.places = calloc(count, sizeof *result.places);
    if (result.places == NULL)
        return error_memory(err);
    AUTO(solver_free) struct solver *solver = calloc(1, sizeof *solver);
    if (solver == NULL)
        return error_memory(err);
    solver->chunks = chunks;
    solver->count = count;
    solver->disk_size = disk_size;
    solver->places = result.places;
    solver->note = result.note;
    if (solver_init(solver, err) < 0)
        return -1;
    bool grid = grid_find(solver);
    if (grid && places_find(solver, err) < 0)
        return -1;
    if (!grid)
        snprintf(result.note, PLACE_WHY_SIZE, "the chunks' lengths are no even grid");
    for (size_t i = 0; i < count; i++)
        if (!result.places[i].known)
            unknown_tell(solver, i, grid);
    result_sum(solver, &result);
    *ret = result;
    result = (struct place_result){.places = NULL};
    return 0;
}

void place_result_done(struct place_result *result)
{
    free(result->places);
    *result = (struct place_result){.places = NULL};
}
