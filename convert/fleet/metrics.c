/* metrics.c: a sync's counters as a file for Prometheus. Must not slow a sync down, nor fail it.
 */
#include "convert/fleet/metrics.h"

#include "convert/stores/temporary.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define METRICS_SIZE_MAX 65536u

struct metrics {
    struct place place;
    char *path;
    pthread_mutex_t lock; /* of all below */
    uint64_t written_ms;  /* when the file was last, by a clock that only goes on */
    size_t planned, running;
    size_t ended[IMAGE_STATUS_COUNT];
    uint64_t disk, read, sent, reused;
    double seconds;
    uint64_t started; /* seconds since 1970 */
    bool over, failed;
    struct error error; /* the first */
};

static uint64_t steady_ms(void)
{
    struct timespec now = {.tv_sec = 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- the text ------------------------------------------------------------------------------------
 */

static int put_one(struct bytes *out, const char *name, const char *type, const char *help,
                   uint64_t value, struct error *err)
{
    return bytes_printf(out, err,
                        "# HELP tartconv_sync_%s %s\n# TYPE tartconv_sync_%s %s\n"
                        "tartconv_sync_%s %" PRIu64 "\n",
                        name, help, name, type, name, value);
}

static int put_statuses(struct bytes *out, const struct metrics *metrics, struct error *err)
{
    if (bytes_append_text(out,
                          "# HELP tartconv_sync_images_total Images that were settled, by status.\n"
                          "# TYPE tartconv_sync_images_total counter\n",
                          err) < 0)
        return -1;
    for (size_t i = 0; i < IMAGE_STATUS_COUNT; i++)
        if (bytes_printf(out, err, "tartconv_sync_images_total{status=\"%s\"} %zu\n",
                         image_status_name((enum image_status)i), metrics->ended[i]) < 0)
            return -1;
    return 0;
}

static int text_make(const struct metrics *metrics, struct bytes *out, struct error *err)
{
    if (put_statuses(out, metrics, err) < 0 ||
        put_one(out, "images_planned", "gauge", "Images that this run has to settle.",
                metrics->planned, err) < 0 ||
        put_one(out, "images_running", "gauge", "Images that are being converted now.",
                metrics->running, err) < 0 ||
        put_one(out, "disk_bytes_total", "counter", "Bytes of disk that were converted.",
                metrics->disk, err) < 0 ||
        put_one(out, "read_bytes_total", "counter", "Bytes read from sources.", metrics->read,
                err) < 0 ||
        put_one(out, "written_bytes_total", "counter", "Bytes written to destinations.",
                metrics->sent, err) < 0 ||
        put_one(out, "reused_bytes_total", "counter",
                "Bytes that destinations had already, and that were not written.", metrics->reused,
                err) < 0 ||
        put_one(out, "work_seconds_total", "counter", "Seconds of work, over all images.",
                (uint64_t)metrics->seconds, err) < 0 ||
        put_one(out, "start_time_seconds", "gauge", "When the run began, in seconds since 1970.",
                metrics->started, err) < 0 ||
        put_one(out, "last_update_seconds", "gauge",
                "When this file was written, in seconds since 1970.", (uint64_t)time(NULL),
                err) < 0)
        return -1;
    return put_one(out, "finished", "gauge", "1 when the run has ended.", metrics->over, err);
}

/* --- the file ------------------------------------------------------------------------------------
 */

/* With the lock held. */
static void file_write(struct metrics *metrics)
{
    struct error error = ERROR_INIT;
    AUTO(bytes_done) struct bytes out;
    bytes_init(&out, METRICS_SIZE_MAX);
    metrics->written_ms = steady_ms();
    if (text_make(metrics, &out, &error) == 0 &&
        temporary_write(metrics->place.folder, metrics->place.name, out.data, out.size, true,
                        &error) == 0)
        return;
    if (metrics->failed)
        return;
    metrics->failed = true;
    metrics->error = error;
}

struct metrics *metrics_new(const char *path, struct error *err)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL) {
        error_memory(err);
        return NULL;
    }
    pthread_mutex_init(&metrics->lock, NULL); /* cannot fail on Linux */
    metrics->place = (struct place)PLACE_INIT;
    metrics->started = (uint64_t)time(NULL);
    metrics->path = strdup(path);
    if (metrics->path == NULL) {
        error_memory(err);
        return metrics_free(metrics);
    }
    if (place_open_file(path, true, &metrics->place, err) < 0) {
        error_wrap(err, "--metrics");
        return metrics_free(metrics);
    }
    temporaries_remove(metrics->place.folder);
    file_write(metrics);
    if (!metrics->failed)
        return metrics;
    *err = metrics->error;
    error_wrap(err, "--metrics %s", path);
    return metrics_free(metrics);
}

struct metrics *metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return NULL;
    place_done(&metrics->place);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics->path);
    free(metrics);
    return NULL;
}

/* --- what is told --------------------------------------------------------------------------------
 */

static void begin(struct metrics *metrics)
{
    pthread_mutex_lock(&metrics->lock);
}

static void end(struct metrics *metrics)
{
    if (steady_ms() - metrics->written_ms >= METRICS_INTERVAL_MS)
        file_write(metrics);
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_images(struct metrics *metrics, size_t planned)
{
    if (metrics == NULL)
        return;
    begin(metrics);
    metrics->planned = planned;
    end(metrics);
}

void metrics_begin_image(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    begin(metrics);
    metrics->running++;
    end(metrics);
}

void metrics_begin_again(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    begin(metrics);
    metrics->running -= metrics->running > 0;
    end(metrics);
}

void metrics_disk(struct metrics *metrics, uint64_t bytes)
{
    if (metrics == NULL)
        return;
    begin(metrics);
    metrics->disk += bytes;
    end(metrics);
}

void metrics_end_image(struct metrics *metrics, enum image_status status, uint64_t bytes_read,
                       uint64_t bytes_written, uint64_t bytes_reused, double seconds)
{
    if (metrics == NULL)
        return;
    begin(metrics);
    metrics->ended[status]++;
    /* one that failed before its work began was never counted as running */
    if (seconds > 0 && metrics->running > 0)
        metrics->running--;
    metrics->read += bytes_read;
    metrics->sent += bytes_written;
    metrics->reused += bytes_reused;
    metrics->seconds += seconds > 0 ? seconds : 0;
    end(metrics);
}

int metrics_end(struct metrics *metrics, struct error *err)
{
    if (metrics == NULL)
        return 0;
    begin(metrics);
    metrics->over = true;
    metrics->running = 0;
    file_write(metrics);
    pthread_mutex_unlock(&metrics->lock);
    if (!metrics->failed)
        return 0;
    *err = metrics->error;
    return error_wrap(err, "--metrics %s could not be written, all else is done", metrics->path);
}
