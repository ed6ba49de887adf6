/* place_tails.c: places chunks of plain data by the ends of files. Metadata whose own place is
 * known tells where files end; behind an end the rest of its block is zero, and the byte before it
 * mostly is not. A chunk that shows such ends exactly where a place wants them likely belongs
 * there; that zeros stand where zeros may stand says nothing. Ends alone prove nothing: a copy of
 * the files shows them too. */
#include "formats/place_solver.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIALS_MAX      (UINT64_C(1) << 30) /* ends looked at in all */
#define TRIALS_MIN_EACH 64u                 /* ... but for so many each time */
#define TRIALS_MAX_EACH 65536u
#define EXACT_MIN       4u

/* How well a chunk shows the ends that a place wants. */
struct fit {
    size_t trials, exact, over; /* over: bytes where there should be none */
    size_t different;           /* exact ones at different bytes of their blocks */
};

struct rival { /* the best and the second best of one side */
    struct fit fit;
    size_t other;
    size_t second; /* exact hits */
};

struct tails {
    uint64_t *ends; /* bytes of the disk, sorted, each once */
    size_t count;
    size_t trials_each;
};

static void tails_done(struct tails *tails)
{
    free(tails->ends);
}

/* --- which ends are known --- */

static int number_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The container in which a byte of the disk lies; NULL for none on the grid of blocks. */
static const struct partition *container_at(const struct solver *solver, uint64_t offset)
{
    for (size_t i = 0; i < solver->partition_count; i++) {
        const struct partition *partition = &solver->partitions[i];
        if (partition->apfs && offset >= partition->start && offset < partition->end)
            return partition->start % PLACE_BLOCK == 0 ? partition : NULL;
    }
    return NULL;
}

static void apfs_ends_add(const struct solver *solver, size_t chunk, struct tails *tails)
{
    const struct place_facts *facts = solver->chunks[chunk].facts;
    const struct place_apfs_end *ends = facts->apfs_ends.items;
    for (size_t i = 0; i < facts->apfs_ends.count; i++) {
        const struct partition *partition =
            container_at(solver, solver->places[chunk].offset + ends[i].unit * PLACE_UNIT);
        if (partition != NULL && ends[i].end < partition->end - partition->start)
            tails->ends[tails->count++] = partition->start + ends[i].end;
    }
}

static void ext4_ends_add(const struct solver *solver, size_t chunk, struct tails *tails)
{
    const struct place_facts *facts = solver->chunks[chunk].facts;
    const struct place_ext4_end *ends = facts->ext4_ends.items;
    for (size_t i = 0; i < facts->ext4_ends.count; i++) {
        for (size_t v = 0; v < solver->volume_count; v++) {
            const struct volume *volume = &solver->volumes[v];
            const struct ext4_super *super = &volume->super;
            uint32_t number = ends[i].masked ^ super->seed;
            if (!volume->placed || !super->checksums || super->block_size != EXT4_BLOCK_SIZE ||
                volume->start % PLACE_BLOCK != 0 || number == 0 || number > super->inodes ||
                ends[i].end >= super->blocks * EXT4_BLOCK_SIZE)
                continue;
            tails->ends[tails->count++] = volume->start + ends[i].end;
            break;
        }
    }
}

/* Of chunks whose place is known at least so well. */
static int ends_collect(const struct solver *solver, enum place_grade least, struct tails *tails,
                        struct error *err)
{
    size_t total = 1;
    for (size_t i = 0; i < solver->count; i++)
        if (solver->chunks[i].facts != NULL)
            total +=
                solver->chunks[i].facts->apfs_ends.count + solver->chunks[i].facts->ext4_ends.count;
    tails->ends = malloc(total * sizeof *tails->ends);
    if (tails->ends == NULL)
        return error_memory(err);
    for (size_t i = 0; i < solver->count; i++) {
        if (solver->chunks[i].facts == NULL)
            continue;
        if (solver->places[i].known && solver->places[i].grade >= least)
            apfs_ends_add(solver, i, tails);
        ext4_ends_add(solver, i, tails);
    }
    qsort(tails->ends, tails->count, sizeof *tails->ends, number_compare);
    size_t kept = 0;
    for (size_t i = 0; i < tails->count; i++)
        if (kept == 0 || tails->ends[kept - 1] != tails->ends[i])
            tails->ends[kept++] = tails->ends[i];
    tails->count = kept;
    return 0;
}

/* --- one chunk at one place --- */

static size_t ends_before(const struct tails *tails, uint64_t offset)
{
    size_t low = 0, high = tails->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tails->ends[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct fit fit_try(const struct solver *solver, const struct tails *tails, size_t chunk,
                          size_t index)
{
    const struct place_facts *facts = solver->chunks[chunk].facts;
    uint64_t start = index * solver->length;
    uint8_t seen[PLACE_BLOCK / 8] = {0};
    struct fit fit = {0};
    size_t from = ends_before(tails, start), to = ends_before(tails, start + facts->length);
    size_t step = (to - from) / tails->trials_each + 1;
    for (size_t i = from; i < to; i += step) {
        uint64_t offset = tails->ends[i] - start;
        size_t used = facts->ends[offset / PLACE_BLOCK], end = offset % PLACE_BLOCK;
        fit.trials++;
        fit.over += used > end;
        if (used != end)
            continue;
        fit.exact++;
        fit.different += (seen[end / 8] >> (end % 8) & 1) == 0;
        seen[end / 8] = (uint8_t)(seen[end / 8] | 1u << (end % 8));
    }
    return fit;
}

static void rival_note(struct rival *rival, const struct fit *fit, size_t other)
{
    if (fit->exact > rival->fit.exact) {
        rival->second = rival->fit.exact;
        rival->fit = *fit;
        rival->other = other;
    } else if (fit->exact > rival->second) {
        rival->second = fit->exact;
    }
}

/* Whether the best fit of a chunk and of a place says anything, if they are each other's. second:
 * the exact hits of who fits next best. */
static bool fit_counts(const struct fit *fit, size_t second)
{
    return fit->exact >= EXACT_MIN && fit->different >= 3 && fit->exact * 10 >= fit->trials &&
           fit->over * 5 <= fit->trials && second * 20 <= fit->exact;
}

/* Whether it is more than many files can have in common. */
static bool fit_is_strong(const struct fit *fit, size_t second)
{
    return fit->exact >= 32 && fit->different >= 16 && fit->exact * 4 >= fit->trials &&
           fit->over * 20 <= fit->trials && second * 50 <= fit->exact;
}

/* --- all of them --- */

/* Whether a chunk is to be placed here: of equal ones, the first. */
static bool chunk_is_open(const struct solver *solver, size_t chunk)
{
    const struct place_facts *facts = solver->chunks[chunk].facts;
    if (solver->places[chunk].known || facts == NULL || facts->zero)
        return false;
    for (size_t i = 0; i < chunk; i++)
        if (!solver->places[i].known && solver_same(solver, i, chunk))
            return false;
    return true;
}

static int round_run(struct solver *solver, const struct tails *tails, const bool *open,
                     struct rival *chunks, struct rival *places)
{
    int given = 0;
    for (size_t c = 0; c < solver->count; c++)
        for (size_t p = 0; open[c] && p < solver->count; p++) {
            size_t index;
            if (solver->owner[p] != NO_PLACE ||
                !solver_start_fits(solver, c, (int64_t)(p * solver->length), &index))
                continue;
            struct fit fit = fit_try(solver, tails, c, p);
            rival_note(&chunks[c], &fit, p);
            rival_note(&places[p], &fit, c);
        }
    for (size_t c = 0; c < solver->count; c++) {
        struct rival *rival = &chunks[c];
        if (!open[c] || rival->fit.exact < EXACT_MIN)
            continue;
        const struct rival *place = &places[rival->other];
        size_t second = place->second > rival->second ? place->second : rival->second;
        if (!fit_counts(&rival->fit, second) || place->other != c ||
            solver->disputed[rival->other] || solver->claims[c].contradicted) {
            solver_candidate_add(solver, c, rival->other);
            continue;
        }
        solver_give(solver, c, rival->other, PLACE_LIKELY);
        snprintf(solver->places[c].why, PLACE_WHY_SIZE, "ends of files: %zu of %zu",
                 rival->fit.exact, rival->fit.trials);
        given++;
    }
    return given;
}

/* The exact hits of the other chunk that fits a place best. */
static size_t second_best(const struct solver *solver, const struct tails *tails, size_t chunk,
                          size_t index)
{
    size_t best = 0, fitting;
    for (size_t c = 0; c < solver->count; c++) {
        if (c == chunk || solver->chunks[c].facts == NULL || solver->chunks[c].facts->zero ||
            solver_same(solver, c, chunk) ||
            !solver_start_fits(solver, c, (int64_t)(index * solver->length), &fitting))
            continue;
        struct fit fit = fit_try(solver, tails, c, index);
        best = fit.exact > best ? fit.exact : best;
    }
    return best;
}

/* What metadata of the chunk itself made likely is proved by many ends of files at that place,
 * where what tells of these has a proved place itself and no other chunk shows them. */
static int likely_confirm(struct solver *solver, size_t trials_each, struct error *err)
{
    AUTO(tails_done) struct tails tails = {.trials_each = trials_each};
    if (ends_collect(solver, PLACE_PROVED, &tails, err) < 0)
        return -1;
    for (size_t c = 0; c < solver->count; c++) {
        struct chunk_place *place = &solver->places[c];
        if (place->grade != PLACE_LIKELY || !solver->claims[c].made ||
            solver->chunks[c].facts == NULL)
            continue;
        struct fit fit = fit_try(solver, &tails, c, place->index);
        if (!fit_counts(&fit, 0) || !fit_is_strong(&fit, 0) ||
            !fit_is_strong(&fit, second_best(solver, &tails, c, place->index)))
            continue;
        place->grade = PLACE_PROVED;
        size_t used = strlen(place->why);
        snprintf(place->why + used, PLACE_WHY_SIZE - used, ", ends of files: %zu of %zu", fit.exact,
                 fit.trials);
    }
    return 0;
}

int solver_match_tails(struct solver *solver, size_t *ret_given, struct error *err)
{
    *ret_given = 0;
    if (solver->length % PLACE_BLOCK != 0)
        return 0;
    AUTO(tails_done) struct tails tails = {0};
    if (ends_collect(solver, PLACE_BY_ELIMINATION, &tails, err) < 0)
        return -1;
    AUTO_FREE bool *open = calloc(solver->count, sizeof *open);
    AUTO_FREE struct rival *chunks = calloc(solver->count, sizeof *chunks);
    AUTO_FREE struct rival *places = calloc(solver->count, sizeof *places);
    if (open == NULL || chunks == NULL || places == NULL)
        return error_memory(err);
    uint64_t open_count = 0, free_count = 0;
    for (size_t i = 0; i < solver->count; i++) {
        open[i] = chunk_is_open(solver, i);
        open_count += open[i];
        free_count += solver->owner[i] == NO_PLACE;
    }
    if (tails.count == 0)
        return 0;
    uint64_t each = TRIALS_MAX / (open_count * free_count + 1);
    tails.trials_each = each < TRIALS_MIN_EACH   ? TRIALS_MIN_EACH
                        : each > TRIALS_MAX_EACH ? TRIALS_MAX_EACH
                                                 : (size_t)each;
    if (likely_confirm(solver, tails.trials_each, err) < 0)
        return -1;
    *ret_given = (size_t)round_run(solver, &tails, open, chunks, places);
    return 0;
}
