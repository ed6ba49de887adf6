/* history_lines.c: what logs are read by: lines of a file, and tables over them. Knows no event.
 */
#include "convert/fleet/history_parts.h"

#include "convert/stores/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE_SIZE ZERO_PAGE_SIZE

/* --- lines ---------------------------------------------------------------------------------------
 */

int lines_open(const char *path, struct lines *ret, struct error *err)
{
    const struct file_classes classes = {.absent = ERROR_NO_SUCH_FILE, .unfit = ERROR_LOG_INVALID};
    uint64_t size;
    *ret = (struct lines){.fd = -1, .name = path};
    bytes_init(&ret->buffer, EVENT_SIZE_MAX + 2 * (size_t)PIECE_SIZE);
    return file_open(AT_FDCWD, path, 0, classes, &ret->fd, &size, err);
}

void lines_done(struct lines *lines)
{
    fd_close(&lines->fd);
    bytes_done(&lines->buffer);
}

/* What is left goes to the buffer's front, and as much as there is behind it. */
static int fill(struct lines *lines, struct error *err)
{
    struct bytes *buffer = &lines->buffer;
    size_t left = buffer->size - lines->start;
    if (lines->start > 0)
        memmove(buffer->data, buffer->data + lines->start, left);
    lines->start = 0;
    buffer->size = left;
    if (bytes_append(buffer, zero_page, PIECE_SIZE, err) < 0)
        return -1;
    ssize_t step;
    do
        step = read(lines->fd, buffer->data + left, PIECE_SIZE);
    while (step < 0 && errno == EINTR);
    buffer->size = left + (step > 0 ? (size_t)step : 0);
    if (step < 0)
        return error_set_errno(err, ERROR_IO, errno, "%s cannot be read", lines->name);
    lines->ended = step == 0;
    return 0;
}

/* What stands in the buffer belongs to a line that is too long. */
static void drop(struct lines *lines)
{
    lines->at += lines->buffer.size - lines->start;
    lines->start = lines->buffer.size;
    lines->over = true;
}

int lines_next(struct lines *lines, const uint8_t **ret, size_t *ret_size, uint64_t *ret_at,
               struct error *err)
{
    size_t looked = 0;
    for (;;) {
        size_t left = lines->buffer.size - lines->start;
        const uint8_t *line = left > 0 ? lines->buffer.data + lines->start : NULL;
        const uint8_t *end = left > looked ? memchr(line + looked, '\n', left - looked) : NULL;
        if (end == NULL && !lines->ended) {
            looked = left;
            if (left > EVENT_SIZE_MAX) {
                drop(lines);
                looked = 0;
            }
            if (fill(lines, err) < 0)
                return -1;
            continue;
        }
        if (end == NULL && left == 0 && !lines->over)
            return 0;
        size_t size = end != NULL ? (size_t)(end - line) : left;
        bool over = lines->over;
        lines->over = false;
        *ret = line;
        *ret_size = size;
        *ret_at = lines->at;
        lines->start += size + (end != NULL);
        lines->at += size + (end != NULL);
        looked = 0;
        lines->too_long += over;
        if (!over)
            return 1;
    }
}

/* --- tables --------------------------------------------------------------------------------------
 */

uint64_t text_hash(const void *text, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)text)[i]) * 0x100000001b3u;
    return hash == 0 ? 1 : hash;
}

void line_set_done(struct line_set *set)
{
    free(set->slots);
    *set = (struct line_set){.slots = NULL};
}

static void line_put(struct line_set *set, uint64_t hash)
{
    size_t i = (size_t)hash & (set->capacity - 1);
    while (set->slots[i] != 0)
        i = (i + 1) & (set->capacity - 1);
    set->slots[i] = hash;
    set->count++;
}

static int line_set_grow(struct line_set *set, struct error *err)
{
    struct line_set grown = {.capacity = set->capacity == 0 ? 1024 : set->capacity * 2};
    grown.slots = calloc(grown.capacity, sizeof *grown.slots);
    if (grown.slots == NULL)
        return error_memory(err);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i] != 0)
            line_put(&grown, set->slots[i]);
    free(set->slots);
    *set = grown;
    return 0;
}

int line_set_add(struct line_set *set, uint64_t hash, struct error *err)
{
    for (size_t i = (size_t)hash; set->capacity > 0; i++) {
        uint64_t found = set->slots[i & (set->capacity - 1)];
        if (found == hash)
            return 0;
        if (found == 0)
            break;
    }
    if (set->count == LINE_SET_MAX)
        return 1;
    if (set->count * 2 >= set->capacity && line_set_grow(set, err) < 0)
        return -1;
    line_put(set, hash);
    return 1;
}

void name_table_done(struct name_table *table)
{
    free(table->slots);
    *table = (struct name_table){.slots = NULL};
}

static struct name_slot *name_slot(const struct name_table *table, const char *name)
{
    size_t i = (size_t)text_hash(name, strlen(name)) & (table->capacity - 1);
    while (table->slots[i].name != NULL && strcmp(table->slots[i].name, name) != 0)
        i = (i + 1) & (table->capacity - 1);
    return &table->slots[i];
}

size_t name_table_find(const struct name_table *table, const char *name)
{
    if (table->capacity == 0)
        return SIZE_MAX;
    const struct name_slot *slot = name_slot(table, name);
    return slot->name == NULL ? SIZE_MAX : slot->index;
}

static int name_table_grow(struct name_table *table, struct error *err)
{
    struct name_table grown = {.capacity = table->capacity == 0 ? 256 : table->capacity * 2,
                               .count = table->count};
    grown.slots = calloc(grown.capacity, sizeof *grown.slots);
    if (grown.slots == NULL)
        return error_memory(err);
    for (size_t i = 0; i < table->capacity; i++)
        if (table->slots[i].name != NULL)
            *name_slot(&grown, table->slots[i].name) = table->slots[i];
    free(table->slots);
    *table = grown;
    return 0;
}

int name_table_add(struct name_table *table, const char *name, size_t index, struct error *err)
{
    if (table->count * 2 >= table->capacity && name_table_grow(table, err) < 0)
        return -1;
    struct name_slot *slot = name_slot(table, name);
    table->count += slot->name == NULL;
    *slot = (struct name_slot){.name = name, .index = index};
    return 0;
}
