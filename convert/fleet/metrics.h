/* metrics.h: how a sync stands, in Prometheus' text format (version 0.0.4), in a file that is
 * replaced by rename, at most every METRICS_INTERVAL_MS and at the end. For node_exporter's
 * textfile collector. Threads: any. Owner: metrics_free. */
#ifndef CONVERT_FLEET_METRICS_H
#define CONVERT_FLEET_METRICS_H

#include "convert/fleet/event_log.h"

#define METRICS_INTERVAL_MS 5000

struct metrics;
struct metrics *metrics_new(const char *path, struct error *err); /* NULL and err */
struct metrics *metrics_free(struct metrics *metrics);            /* takes NULL */

/* All take NULL. A file that cannot be written is told once, by metrics_end. */
void metrics_images(struct metrics *metrics, size_t planned);
void metrics_begin_image(struct metrics *metrics);
void metrics_begin_again(struct metrics *metrics); /* has not ended, and will be begun once more */
void metrics_disk(struct metrics *metrics, uint64_t bytes); /* bytes of disk done, more */
/* seconds: of work; 0: it was not begun */
void metrics_end_image(struct metrics *metrics, enum image_status status, uint64_t bytes_read,
                       uint64_t bytes_written, uint64_t bytes_reused, double seconds);
int metrics_end(struct metrics *metrics, struct error *err); /* writes the last state */

#endif
