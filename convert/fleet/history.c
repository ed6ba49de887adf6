/* history.c: logs read in the order of their times, and what came of it. What an event does to an
 * image is history_apply.c's.
 */
#include "convert/fleet/history_parts.h"

#include "convert/fleet/remedy.h"
#include "convert/stores/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void image_done_here(struct history_image *image)
{
    char *texts[] = {image->name,   image->source, image->target,     image->tag,
                     image->action, image->class,  image->text,       image->fix,
                     image->why,    image->method, image->backup_tag, image->switched.backup_tag};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    free(image->chunks);
    free(image->rates);
}

void history_done(struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        image_done_here(&history->items[i]);
    for (size_t i = 0; i < history->log_count; i++)
        free(history->logs[i]);
    for (size_t i = 0; i < history->untaken_count; i++)
        free(history->untaken[i]);
    free(history->items);
    free(history->logs);
    free(history->untaken);
    if (history->names != NULL)
        name_table_done(history->names);
    free(history->names);
    *history = (struct history){.items = NULL};
}

/* --- an event ------------------------------------------------------------------------------------
 */

static bool number_at(const char *text, size_t size, unsigned most, unsigned *ret)
{
    *ret = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *ret = *ret * 10 + (unsigned)(text[i] - '0');
    }
    return *ret <= most;
}

bool event_time_parse(const char *text, uint64_t *ret_ms)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    unsigned year, month, day, hour, minute, second, ms;
    if (text == NULL || strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] != 'd' && form[i] != text[i])
            return false;
    if (!number_at(text, 4, 9999, &year) || !number_at(text + 5, 2, 12, &month) ||
        !number_at(text + 8, 2, 31, &day) || !number_at(text + 11, 2, 23, &hour) ||
        !number_at(text + 14, 2, 59, &minute) || !number_at(text + 17, 2, 60, &second) ||
        !number_at(text + 20, 3, 999, &ms) || year < 1970 || month == 0 || day == 0)
        return false;
    struct tm tm = {.tm_year = (int)year - 1900,
                    .tm_mon = (int)month - 1,
                    .tm_mday = (int)day,
                    .tm_hour = (int)hour,
                    .tm_min = (int)minute,
                    .tm_sec = (int)second};
    *ret_ms = (uint64_t)timegm(&tm) * 1000 + ms;
    return true;
}

/* *ret_name: which one. False: no event of ours. */
static bool event_read(const struct json *tree, struct event *ret, const char **ret_name)
{
    const char *kind = json_string(json_get(tree, "kind"));
    uint64_t version;
    *ret_name = json_string(json_get(tree, "event"));
    *ret = (struct event){.tree = tree, .run = json_string(json_get(tree, "run"))};
    return kind != NULL && strcmp(kind, "event") == 0 &&
           json_uint(json_get(tree, "version"), &version) && version == 1 && *ret_name != NULL &&
           ret->run != NULL && strlen(ret->run) == EVENT_RUN_SIZE - 1 &&
           event_time_parse(json_string(json_get(tree, "time")), &ret->time_ms);
}

/* One that happens often, and that says the same when it is said twice, is not kept in mind. */
static int is_new(struct builder *builder, const uint8_t *line, size_t size, struct error *err)
{
    static const char often[] = "\"event\":\"progress\"";
    size_t head = size < 120 ? size : 120;
    if (memmem(line, head, often, sizeof often - 1) != NULL)
        return 1;
    return line_set_add(&builder->lines, text_hash(line, size), err);
}

/* 1: an event of ours; 0: none; -1. */
static int line_apply(struct builder *builder, size_t log, const uint8_t *line, size_t size,
                      uint64_t at, struct error *err)
{
    AUTO(json_free_auto) struct json *tree = NULL;
    struct event event;
    struct error error = ERROR_INIT;
    const char *name;
    if (json_parse(line, size, EVENT_SIZE_MAX, &tree, &error) < 0) {
        if (error.class == ERROR_MEMORY)
            *err = error;
        return error.class == ERROR_MEMORY ? -1 : 0;
    }
    if (!event_read(tree, &event, &name))
        return 0;
    int new = is_new(builder, line, size, err);
    if (new <= 0)
        return new < 0 ? -1 : 1;
    event.log = log;
    event.at = at;
    event.size = size;
    return builder_apply(builder, &event, name, err);
}

/* --- a log ---------------------------------------------------------------------------------------
 */

static int log_read(struct builder *builder, size_t log, struct error *err)
{
    struct history *history = builder->history;
    AUTO(lines_done) struct lines lines;
    size_t ours = 0, others = 0, size;
    const uint8_t *line;
    uint64_t at;
    int status;
    if (lines_open(history->logs[log], &lines, err) < 0)
        return -1;
    while ((status = lines_next(&lines, &line, &size, &at, err)) == 1) {
        if (size == 0) /* a writer's that found a cut line */
            continue;
        int found = line_apply(builder, log, line, size, at, err);
        if (found < 0)
            return error_wrap(err, "%s", history->logs[log]);
        ours += found == 1;
        others += found == 0;
    }
    others += lines.too_long;
    history->passed_over += others;
    if (status == 0 && ours == 0 && others > 0)
        return error_set(err, ERROR_LOG_INVALID,
                         "%s is no event log: not one of its %zu lines is an event of tartconv",
                         history->logs[log], others);
    return status;
}

struct log_order {
    char *path;
    uint64_t time_ms; /* of the first event */
    dev_t device;
    ino_t file;
};

static int by_time(const void *a, const void *b)
{
    const struct log_order *one = a, *two = b;
    return one->time_ms != two->time_ms ? (one->time_ms < two->time_ms ? -1 : 1)
                                        : strcmp(one->path, two->path);
}

#define FIRST_LINES 64

static int log_look(const char *path, struct log_order *ret, struct error *err)
{
    AUTO(lines_done) struct lines lines;
    struct stat stat;
    const uint8_t *line;
    size_t size;
    uint64_t at;
    int status;
    if (lines_open(path, &lines, err) < 0)
        return -1;
    if (fstat(lines.fd, &stat) == 0) {
        ret->device = stat.st_dev;
        ret->file = stat.st_ino;
    }
    for (size_t i = 0;
         i < FIRST_LINES && (status = lines_next(&lines, &line, &size, &at, err)) != 0; i++) {
        AUTO(json_free_auto) struct json *tree = NULL;
        struct event event;
        struct error ignored;
        const char *name;
        if (status < 0)
            return -1;
        if (json_parse(line, size, EVENT_SIZE_MAX, &tree, &ignored) == 0 &&
            event_read(tree, &event, &name)) {
            ret->time_ms = event.time_ms;
            break;
        }
    }
    ret->path = strdup(path);
    return ret->path == NULL ? error_memory(err) : 0;
}

/* The logs in the order of their times, each file once. */
static int logs_order(const char *const *paths, size_t count, struct history *history,
                      struct error *err)
{
    AUTO_FREE struct log_order *order = calloc(count + 1, sizeof *order);
    history->logs = calloc(count + 1, sizeof *history->logs);
    int status = order == NULL || history->logs == NULL ? error_memory(err) : 0;
    size_t looked = 0;
    for (; looked < count && status == 0; looked += status == 0)
        status = log_look(paths[looked], &order[looked], err);
    if (status == 0)
        qsort(order, looked, sizeof *order, by_time);
    for (size_t i = 0; i < looked; i++) {
        bool again = status < 0;
        for (size_t j = 0; j < i && !again; j++)
            again = order[j].device == order[i].device && order[j].file == order[i].file;
        if (again)
            free(order[i].path);
        else
            history->logs[history->log_count++] = order[i].path;
    }
    return status;
}

/* --- what came of it -----------------------------------------------------------------------------
 */

static int by_offset(const void *a, const void *b)
{
    const struct chunk_told *one = a, *two = b;
    return one->offset < two->offset ? -1 : one->offset > two->offset;
}

/* In disk order, each place once. */
static void chunks_order(struct history_image *image)
{
    size_t kept = 0;
    qsort(image->chunks, image->chunk_count, sizeof *image->chunks, by_offset);
    for (size_t i = 0; i < image->chunk_count; i++)
        if (kept == 0 || image->chunks[kept - 1].offset != image->chunks[i].offset)
            image->chunks[kept++] = image->chunks[i];
    image->chunk_count = kept;
}

static void image_finish(struct history_image *image)
{
    if (image->chunks != NULL)
        chunks_order(image);
    const struct remedy_of of = {.class = image->class,
                                 .text = image->text,
                                 .action = image->action,
                                 .source = image->source,
                                 .target = image->target};
    image->fix = remedy_make(&of);
}

/* Names that were listed and of which nothing was heard are no images. */
static int builder_finish(struct builder *builder, struct error *err)
{
    struct history *history = builder->history;
    name_table_done(&builder->names);
    history->items = calloc(builder->count + 1, sizeof *history->items);
    history->untaken = calloc(builder->count + 1, sizeof *history->untaken);
    history->names = calloc(1, sizeof *history->names);
    if (history->items == NULL || history->untaken == NULL || history->names == NULL)
        return error_memory(err);
    for (size_t i = 0; i < builder->count; i++) {
        struct building *item = &builder->items[i];
        if (!item->seen) {
            history->untaken[history->untaken_count++] = take_ptr(&item->image.name);
            continue;
        }
        struct history_image *image = &history->items[history->count];
        *image = item->image;
        item->image = (struct history_image){.name = NULL};
        image->retired = item->retired_ms > 0 && (!item->has_retired || !image->has_made_of ||
                                                  digest_equal(&item->retired, &image->made_of));
        image->was_proved = item->proof.has_target;
        image->proved_target = item->proof.target;
        image->has_proved_source = item->proof.has_source;
        image->proved_source = item->proof.source;
        history->count++;
        image_finish(image);
        if (name_table_add(history->names, image->name, history->count - 1, err) < 0)
            return -1;
    }
    return 0;
}

static void builder_done(struct builder *builder)
{
    for (size_t i = 0; i < builder->count; i++)
        image_done_here(&builder->items[i].image);
    free(builder->items);
    name_table_done(&builder->names);
    line_set_done(&builder->lines);
}

int history_read(const char *const *paths, size_t count, struct history *ret, struct error *err)
{
    *ret = (struct history){.count = 0};
    if (count > HISTORY_LOGS_MAX)
        return error_set(err, ERROR_USAGE, "%zu logs at once, at most %u are read", count,
                         HISTORY_LOGS_MAX);
    AUTO(builder_done) struct builder builder = {.history = ret};
    int status = logs_order(paths, count, ret, err);
    for (size_t i = 0; i < ret->log_count && status == 0; i++)
        status = log_read(&builder, i, err);
    if (status == 0)
        status = builder_finish(&builder, err);
    if (status < 0)
        history_done(ret);
    return status;
}

const struct history_image *history_find(const struct history *history, const char *name)
{
    size_t index = history->names != NULL ? name_table_find(history->names, name) : SIZE_MAX;
    return index == SIZE_MAX ? NULL : &history->items[index];
}

/* --- a proof -------------------------------------------------------------------------------------
 */

int history_proof(const struct history *history, const struct history_image *image,
                  struct proof *ret, struct error *err)
{
    const struct file_classes classes = {.absent = ERROR_NO_SUCH_FILE, .unfit = ERROR_LOG_INVALID};
    AUTO_CLOSE int fd = -1;
    AUTO(bytes_done) struct bytes line, proof;
    AUTO(json_free_auto) struct json *tree = NULL;
    uint64_t size;
    bytes_init(&line, EVENT_SIZE_MAX);
    bytes_init(&proof, PROOF_SIZE_MAX);
    *ret = (struct proof){.has_source = false};
    if (!image->has_proof)
        return error_set(err, ERROR_PROOF_INVALID, "%s: the logs have no proof of it", image->name);
    const char *path = history->logs[image->proof_log];
    AUTO_FREE uint8_t *data = malloc((size_t)image->proof_size + 1);
    if (data == NULL)
        return error_memory(err);
    if (file_open(AT_FDCWD, path, 0, classes, &fd, &size, err) < 0 ||
        file_read_at(fd, path, image->proof_at, data, (size_t)image->proof_size, err) < 0)
        return -1;
    if (json_parse(data, (size_t)image->proof_size, EVENT_SIZE_MAX, &tree, err) < 0 ||
        json_get(tree, "proof") == NULL)
        return error_set(err, ERROR_LOG_INVALID, "%s changed while it was read", path);
    if (json_print(json_get(tree, "proof"), JSON_PLAIN, &proof, err) < 0 ||
        proof_parse(proof.data, proof.size, ret, err) < 0)
        return error_wrap(err, "%s", path);
    return 0;
}
