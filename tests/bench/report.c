/* report.c: what came out, as a table for people and as JSON. Measures nothing; here stands what
 * is wanted, and how the floor is computed.
 */
#include "tests/bench/bench.h"

#include "convert/cli/version.h"
#include "formats/codec/applelz4.h"
#include "formats/model/auto.h"
#include "formats/model/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define MIB          1048576.0
#define GIB          (1024 * MIB)
#define BUSY         50 /* hundredths of load */
#define WITH(part)   (1u << (part))
#define CONTENT_LOOK (WITH(PART_DECODE) | WITH(PART_CONTENT))

static const struct {
    const char *name, *key;
} part_names[PART_COUNT] = {
    [PART_HASH_IN] = {"SHA-256 of V1 layers", "sha256_in"},
    [PART_DECODE] = {"decode", "decode"},
    [PART_CONTENT] = {"SHA-256 of content", "sha256_content"},
    [PART_ENCODE] = {"encode", "encode"},
    [PART_CHECK] = {"decode again", "check"},
    [PART_HASH_OUT] = {"SHA-256 of V2 layers", "sha256_out"},
};

/* What a work cannot do without. A V1 stream is decoded from its start to its end: that part cannot
 * be split over cores. */
static const struct {
    const char *name, *key;
    unsigned parts;
    bool one_stream;
} work_kinds[WORK_COUNT] = {
    [WORK_V1_TO_V2] = {"V1 to V2", "v1_to_v2",
                       WITH(PART_HASH_IN) | CONTENT_LOOK | WITH(PART_HASH_OUT), true},
    [WORK_RAW_TO_V2] = {"raw to V2", "raw_to_v2",
                        WITH(PART_CONTENT) | WITH(PART_ENCODE) | WITH(PART_CHECK) |
                            WITH(PART_HASH_OUT),
                        false},
    [WORK_VERIFY_V2] = {"verify V2", "verify_v2", CONTENT_LOOK | WITH(PART_HASH_OUT), false},
    [WORK_VERIFY_V1] = {"verify V1", "verify_v1", WITH(PART_HASH_IN) | WITH(PART_DECODE), true},
    [WORK_ZEROS] = {"V1 to V2, zeros", "v1_to_v2_zeros", 0, false},
};

static double floor_of(const struct result *result, enum work work)
{
    double sum = 0;
    for (unsigned i = 0; i < PART_COUNT; i++)
        if ((work_kinds[work].parts & WITH(i)) != 0)
            sum += series_median(&result->seconds[i]);
    double floor = sum / (double)result->cores;
    double decode = series_median(&result->seconds[PART_DECODE]);
    return work_kinds[work].one_stream && decode > floor ? decode : floor;
}

static double wall_of(const struct result *result, enum work work)
{
    return series_median(&result->works[work].wall);
}

static double speed(const struct series *seconds, uint64_t bytes)
{
    double median = series_median(seconds);
    return median > 0 ? (double)bytes / 1e6 / median : 0;
}

/* --- what is wanted */

struct goal {
    const char *name, *key;
    double value, wanted;
    bool at_most; /* else at least */
};

#define GOALS_MAX 12

static size_t goals_list(const struct result *result, struct goal goals[GOALS_MAX])
{
    static const char *const names[] = {"V1 to V2: wall / floor", "raw to V2: wall / floor",
                                        "verify V2: wall / floor", "verify V1: wall / floor"};
    static const char *const keys[] = {"v1_to_v2_floor", "raw_to_v2_floor", "verify_v2_floor",
                                       "verify_v1_floor"};
    size_t count = 0;
    double peak = 0;
    for (size_t i = 0; i < WORK_ZEROS; i++) {
        double floor = floor_of(result, (enum work)i);
        goals[count++] = (struct goal){
            names[i], keys[i], floor > 0 ? wall_of(result, (enum work)i) / floor : 0, 1.25, true};
        if (series_max(&result->works[i].peak) > peak)
            peak = series_max(&result->works[i].peak);
    }
    double v1 = wall_of(result, WORK_V1_TO_V2);
    goals[count++] = (struct goal){"V1 to V2, times as fast as raw to V2", "v1_against_raw",
                                   v1 > 0 ? wall_of(result, WORK_RAW_TO_V2) / v1 : 0, 2, false};
    goals[count++] = (struct goal){"largest peak, MiB", "peak_mib", peak / MIB, 128, true};
    goals[count++] = (struct goal){"zeros: seconds more", "zeros_seconds",
                                   wall_of(result, WORK_ZEROS) - v1, 2, true};
    goals[count++] = (struct goal){"zeros: peak, MiB", "zeros_peak_mib",
                                   series_max(&result->works[WORK_ZEROS].peak) / MIB, 128, true};
    goals[count++] =
        (struct goal){"apple's search, times liblz4's fast one", "search_against_liblz4",
                      series_median(&result->searches.search_ratio), 0.9, false};
    goals[count++] = (struct goal){"--encoder apple, times --encoder lz4", "apple_against_lz4",
                                   series_median(&result->searches.encoder_ratio), 0.9, false};
    return count;
}

static bool is_met(const struct goal *goal)
{
    return goal->at_most ? goal->value <= goal->wanted : goal->value >= goal->wanted;
}

/* --- the machine */

static void cpu_model(char *ret, size_t room)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(ret, room, "unknown processor");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(ret, room, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (file != NULL)
        fclose(file);
}

static void machine_print(const struct result *result)
{
    char model[128];
    struct utsname name;
    cpu_model(model, sizeof model);
    uname(&name);
    if (result->load > BUSY)
        printf("WARNING: the machine was busy before this began (load %u.%02u): figures are no "
               "good\n\n",
               (unsigned)(result->load / 100), (unsigned)(result->load % 100));
    printf("tartconv %s, %s, liblz4 %s\n", TARTCONV_VERSION, digest_library(), applelz4_library());
    printf("%s, %ld cores, %s, %s %s, load before %u.%02u\n", model, result->cores, name.machine,
           name.sysname, name.release, (unsigned)(result->load / 100),
           (unsigned)(result->load % 100));
}

/* --- the table */

static void parts_print(const struct result *result)
{
    printf("\n%-40s %9s %9s %9s\n", "Parts, one thread, medians", "MiB in", "s", "MB/s");
    for (size_t i = 0; i < PART_COUNT; i++)
        printf("%-40s %9.1f %9.3f %9.0f\n", part_names[i].name,
               (double)result->parts.bytes[i] / MIB, series_median(&result->seconds[i]),
               speed(&result->seconds[i], result->parts.bytes[i]));
}

static void works_print(const struct result *result)
{
    printf("\n%-40s %9s %9s %9s %9s\n", "Program, medians, largest peak", "floor s", "wall s",
           "CPU s", "peak MiB");
    for (size_t i = 0; i < WORK_COUNT; i++) {
        char floor[16] = "-";
        if (i != WORK_ZEROS)
            snprintf(floor, sizeof floor, "%.3f", floor_of(result, (enum work)i));
        printf("%-40s %9s %9.3f %9.3f %9.1f\n", work_kinds[i].name, floor,
               wall_of(result, (enum work)i), series_median(&result->works[i].cpu),
               series_max(&result->works[i].peak) / MIB);
    }
}

static const struct {
    const char *name, *key;
} contender_names[CONTENDER_COUNT] = {
    [APPLE_SEARCH] = {"apple's search alone", "apple_search"},
    [LZ4_FAST] = {"LZ4_compress_fast_continue", "lz4_fast"},
    [APPLE_ENCODER] = {"--encoder apple, frame and check", "apple_encoder"},
    [LZ4_ENCODER] = {"--encoder lz4, frame and check", "lz4_encoder"},
};

static void searches_print(const struct searches *searches)
{
    printf("\n%-40s %9s %9s %9s\n", "Encoders, in turns, medians", "MiB in", "s", "MB/s");
    for (size_t i = 0; i < CONTENDER_COUNT; i++)
        printf("%-40s %9.1f %9.3f %9.0f\n", contender_names[i].name, (double)searches->size / MIB,
               series_median(&searches->seconds[i]), speed(&searches->seconds[i], searches->size));
}

static void goals_print(const struct result *result)
{
    struct goal goals[GOALS_MAX];
    size_t count = goals_list(result, goals);
    printf("\n%-40s %9s %9s\n", "Wanted", "", "is");
    for (size_t i = 0; i < count; i++)
        printf("%-40s %2s %6.2f %9.2f  %s\n", goals[i].name,
               goals[i].at_most ? "<=" : ">=", goals[i].wanted, goals[i].value,
               is_met(&goals[i]) ? "ok" : "MISSED");
}

void report_print(const struct result *result)
{
    machine_print(result);
    printf("disk of %.0f MiB, %.0f of it in all-zero chunks; zeros: %.0f GiB more; %zu rounds; "
           "files in the page cache\n",
           (double)result->disk_size / MIB, (double)result->parts.zero_bytes / MIB,
           (double)result->zeros / GIB, result->rounds);
    parts_print(result);
    works_print(result);
    searches_print(&result->searches);
    goals_print(result);
}

/* --- the same as JSON: times in microseconds, ratios and other figures in thousandths */

static uint64_t scaled(double value, double by)
{
    return value > 0 ? (uint64_t)(value * by + 0.5) : 0;
}

/* Appends a new object to an array; NULL where memory ends. It belongs to the array. */
static struct json *object_append(struct json *array, struct error *err)
{
    struct json *object = json_new_object();
    return json_append(array, object, err) < 0 ? NULL : object;
}

static struct json *array_set(struct json *document, const char *key, struct error *err)
{
    struct json *array = json_new_array();
    return json_set(document, key, array, err) < 0 ? NULL : array;
}

static int machine_set(struct json *document, const struct result *result, struct error *err)
{
    char model[128];
    struct utsname name;
    cpu_model(model, sizeof model);
    uname(&name);
    if (json_set_string(document, "kind", "benchmark", err) < 0 ||
        json_set_uint(document, "version", 1, err) < 0 ||
        json_set_string(document, "tartconv", TARTCONV_VERSION, err) < 0 ||
        json_set_string(document, "sha256_library", digest_library(), err) < 0 ||
        json_set_string(document, "liblz4", applelz4_library(), err) < 0 ||
        json_set_string(document, "processor", model, err) < 0 ||
        json_set_uint(document, "cores", (uint64_t)result->cores, err) < 0 ||
        json_set_string(document, "machine", name.machine, err) < 0 ||
        json_set_string(document, "kernel", name.release, err) < 0 ||
        json_set_uint(document, "load_hundredths", result->load, err) < 0)
        return -1;
    if (json_set_uint(document, "disk_size", result->disk_size, err) < 0 ||
        json_set_uint(document, "zero_chunks_size", result->parts.zero_bytes, err) < 0 ||
        json_set_uint(document, "zeros_size", result->zeros, err) < 0)
        return -1;
    return json_set_uint(document, "rounds", result->rounds, err);
}

static int speeds_append(struct json *array, const char *key, uint64_t bytes,
                         const struct series *seconds, struct error *err)
{
    struct json *object = object_append(array, err);
    if (object == NULL || json_set_string(object, "name", key, err) < 0 ||
        json_set_uint(object, "size", bytes, err) < 0)
        return -1;
    return json_set_uint(object, "time_us", scaled(series_median(seconds), 1e6), err);
}

static int speeds_set(struct json *document, const struct result *result, struct error *err)
{
    struct json *parts = array_set(document, "parts", err);
    for (size_t i = 0; i < PART_COUNT; i++)
        if (parts == NULL || speeds_append(parts, part_names[i].key, result->parts.bytes[i],
                                           &result->seconds[i], err) < 0)
            return -1;
    struct json *encoders = array_set(document, "encoders", err);
    for (size_t i = 0; i < CONTENDER_COUNT; i++)
        if (encoders == NULL ||
            speeds_append(encoders, contender_names[i].key, result->searches.size,
                          &result->searches.seconds[i], err) < 0)
            return -1;
    return 0;
}

static int works_set(struct json *document, const struct result *result, struct error *err)
{
    struct json *works = array_set(document, "program", err);
    for (size_t i = 0; i < WORK_COUNT; i++) {
        struct json *object = works == NULL ? NULL : object_append(works, err);
        uint64_t wall = scaled(wall_of(result, (enum work)i), 1e6);
        uint64_t cpu = scaled(series_median(&result->works[i].cpu), 1e6);
        double floor = floor_of(result, (enum work)i);
        if (object == NULL || json_set_string(object, "name", work_kinds[i].key, err) < 0 ||
            json_set_uint(object, "wall_us", wall, err) < 0 ||
            json_set_uint(object, "cpu_us", cpu, err) < 0 ||
            json_set_uint(object, "peak", scaled(series_max(&result->works[i].peak), 1), err) < 0 ||
            json_set(object, "floor_us",
                     i == WORK_ZEROS ? json_new_null() : json_new_uint(scaled(floor, 1e6)),
                     err) < 0)
            return -1;
    }
    return 0;
}

static int goals_set(struct json *document, const struct result *result, struct error *err)
{
    struct goal goals[GOALS_MAX];
    size_t count = goals_list(result, goals);
    struct json *array = array_set(document, "goals", err);
    for (size_t i = 0; i < count; i++) {
        struct json *object = array == NULL ? NULL : object_append(array, err);
        const char *bound = goals[i].at_most ? "at_most_thousandths" : "at_least_thousandths";
        if (object == NULL || json_set_string(object, "name", goals[i].key, err) < 0 ||
            json_set_uint(object, "is_thousandths", scaled(goals[i].value, 1e3), err) < 0 ||
            json_set_uint(object, bound, scaled(goals[i].wanted, 1e3), err) < 0 ||
            json_set(object, "met", json_new_bool(is_met(&goals[i])), err) < 0)
            return -1;
    }
    return 0;
}

int report_write(const struct result *result, const char *path, struct error *err)
{
    AUTO(json_free_auto) struct json *document = json_new_object();
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, 1u << 20);
    if (document == NULL)
        return error_memory(err);
    if (machine_set(document, result, err) < 0 || speeds_set(document, result, err) < 0 ||
        works_set(document, result, err) < 0 || goals_set(document, result, err) < 0 ||
        json_print(document, JSON_PRETTY, &text, err) < 0)
        return -1;
    FILE *file = fopen(path, "w");
    bool written = file != NULL && fwrite(text.data, 1, text.size, file) == text.size;
    if (file != NULL && fclose(file) != 0)
        written = false;
    return written ? 0 : error_set_errno(err, ERROR_IO, errno, "%s cannot be written", path);
}
