/* bench.c: goes through the rounds of the benchmark: the program's parts, the program itself, and,
 * last, the encoders. tests/bench/run makes what is measured here, and starts this.
 *
 *     bench PROGRAM DIR ROUNDS LOAD
 *
 * DIR holds vm/ (a VM directory), v1/ and zeros/ (layouts with one V1 image each: of the same disk,
 * and of that disk with zeros behind it), and takes what is written. LOAD: the machine's, before
 * all that was made, in hundredths. BENCH_JSON in the environment: a file for the figures.
 */
#include "tests/bench/bench.h"

#include "convert/stores/files.h"
#include "formats/model/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct places {
    const char *program;
    char disk[1024], log[1024], out[1024];          /* files and a folder */
    char vm[1024], v1[1024], zeros[1024], v2[1024]; /* references */
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void series_add(struct series *series, double value)
{
    series->values[series->count++] = value;
}

double series_median(const struct series *series)
{
    if (series->count == 0)
        return 0;
    struct series sorted = *series;
    qsort(sorted.values, sorted.count, sizeof sorted.values[0], compare_doubles);
    size_t middle = sorted.count / 2;
    return sorted.count % 2 == 1 ? sorted.values[middle]
                                 : (sorted.values[middle - 1] + sorted.values[middle]) / 2;
}

double series_max(const struct series *series)
{
    double most = 0;
    for (size_t i = 0; i < series->count; i++)
        if (series->values[i] > most)
            most = series->values[i];
    return most;
}

/* --- images */

static int image_open(const char *text, struct store **ret_store, struct image *ret,
                      struct error *err)
{
    struct reference reference;
    struct store_options options = {.replace = false};
    if (reference_parse(text, &reference, err) < 0)
        return -1;
    int status = store_open_source(&reference, &options, ret_store, err);
    reference_done(&reference);
    if (status < 0 || store_load(*ret_store, ret, err) < 0)
        return -1;
    const struct disk *disk = image_disk(ret);
    if (disk == NULL || disk->format != DISK_V1 || disk->size == 0)
        return error_set(err, ERROR_USAGE, "%s is no V1 image", text);
    return 0;
}

static int disk_size(const char *text, uint64_t *ret, struct error *err)
{
    AUTO(store_close_auto) struct store *store = NULL;
    AUTO(image_done) struct image image = {.blobs = NULL};
    if (image_open(text, &store, &image, err) < 0)
        return -1;
    *ret = image_disk(&image)->size;
    return 0;
}

/* --- rounds */

static int parts_round(const struct places *places, struct result *result, struct error *err)
{
    AUTO(store_close_auto) struct store *store = NULL;
    AUTO(image_done) struct image image = {.blobs = NULL};
    AUTO_CLOSE int fd = open(places->disk, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be opened", places->disk);
    if (image_open(places->v1, &store, &image, err) < 0 ||
        parts_measure(&image, fd, &result->parts, err) < 0)
        return -1;
    for (size_t i = 0; i < PART_COUNT; i++)
        series_add(&result->seconds[i], result->parts.seconds[i]);
    return 0;
}

static int run_once(const struct places *places, struct result *result, enum work work,
                    const char *const argv[], int status, struct error *err)
{
    struct cost cost;
    sync(); /* what others wrote is not to be paid by this one */
    if (child_run(argv, places->log, status, &cost, err) < 0)
        return -1;
    series_add(&result->works[work].wall, cost.wall);
    series_add(&result->works[work].cpu, cost.cpu);
    series_add(&result->works[work].peak, (double)cost.peak);
    return 0;
}

static int run_convert(const struct places *places, struct result *result, enum work work,
                       const char *source, struct error *err)
{
    const char *const clear[] = {"rm", "-rf", "--", places->out, NULL};
    const char *const argv[] = {places->program, "convert", "-q", source, places->v2, NULL};
    struct cost cost;
    if (child_run(clear, places->log, 0, &cost, err) < 0)
        return -1;
    return run_once(places, result, work, argv, 0, err);
}

static int run_verify(const struct places *places, struct result *result, enum work work,
                      const char *image, int status, struct error *err)
{
    const char *const argv[] = {places->program, "verify", "-q", image, NULL};
    return run_once(places, result, work, argv, status, err);
}

/* What was just written went past the page cache. */
static int warm_up(const struct places *places, struct error *err)
{
    const char *const read[] = {"sh", "-c", "cat \"$0\"/blobs/sha256/* >/dev/null", places->out,
                                NULL};
    struct cost cost;
    return child_run(read, places->log, 0, &cost, err);
}

static int one_round(const struct places *places, struct result *result, struct error *err)
{
    const int sound_but_v1 = 3;
    if (parts_round(places, result, err) < 0 ||
        run_convert(places, result, WORK_ZEROS, places->zeros, err) < 0 ||
        run_convert(places, result, WORK_RAW_TO_V2, places->vm, err) < 0 ||
        run_convert(places, result, WORK_V1_TO_V2, places->v1, err) < 0 || warm_up(places, err) < 0)
        return -1;
    if (run_verify(places, result, WORK_VERIFY_V2, places->v2, 0, err) < 0)
        return -1;
    return run_verify(places, result, WORK_VERIFY_V1, places->v1, sound_but_v1, err);
}

static int searches_round(const struct places *places, struct result *result, struct error *err)
{
    AUTO_CLOSE int fd = open(places->disk, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be opened", places->disk);
    return searches_measure(fd, &result->searches, err);
}

static int places_make(const char *program, const char *dir, struct places *ret, struct error *err)
{
    ret->program = program;
    const size_t room = sizeof ret->disk;
    if (strlen(dir) > room - 32)
        return error_set(err, ERROR_USAGE, "the folder's name is too long");
    snprintf(ret->disk, room, "%s/vm/disk.img", dir);
    snprintf(ret->log, room, "%s/log", dir);
    snprintf(ret->out, room, "%s/out", dir);
    snprintf(ret->vm, room, "vm:%s/vm", dir);
    snprintf(ret->v1, room, "oci:%s/v1", dir);
    snprintf(ret->zeros, room, "oci:%s/zeros", dir);
    snprintf(ret->v2, room, "oci:%s/out:bench", dir);
    return 0;
}

static int measure(char *const argv[], struct result *result, struct error *err)
{
    struct places places;
    uint64_t rounds, longer;
    if (!parse_size(argv[3], &rounds) || rounds == 0 || rounds > ROUNDS_MAX ||
        !parse_size(argv[4], &result->load))
        return error_set(err, ERROR_USAGE, "rounds: 1 to %d", ROUNDS_MAX);
    result->rounds = (size_t)rounds;
    result->cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (places_make(argv[1], argv[2], &places, err) < 0 ||
        disk_size(places.v1, &result->disk_size, err) < 0 ||
        disk_size(places.zeros, &longer, err) < 0)
        return -1;
    result->zeros = longer - result->disk_size;
    for (size_t i = 0; i < rounds; i++) {
        fprintf(stderr, "bench: round %zu of %zu\n", i + 1, result->rounds);
        if (one_round(&places, result, err) < 0)
            return -1;
    }
    return searches_round(&places, result, err);
}

int main(int argc, char *argv[])
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench PROGRAM DIR ROUNDS LOAD   (`ninja bench` starts it)\n");
        return 64;
    }
    struct result result = {.rounds = 0};
    struct error error = ERROR_INIT;
    const char *json = getenv("BENCH_JSON");
    int status = measure(argv, &result, &error);
    if (status == 0)
        report_print(&result);
    if (status == 0 && json != NULL && json[0] != '\0')
        status = report_write(&result, json, &error);
    if (status < 0) {
        fprintf(stderr, "bench: %s\n", error.text);
        return error_class_status(error.class);
    }
    return 0;
}
