/* strict_yaml.c: libyaml's events under our rules. Knows no key by name. */
#include "convert/input/strict_yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define TEXT_SIZE_MAX 4096u
#define KEY_SIZE_MAX  255u
#define DEPTH_MAX     4

struct yaml {
    const char *name;
    yaml_parser_t parser;
    yaml_event_t event;
    size_t depth; /* of the keys that lead to the value in hand */
    struct {
        char text[KEY_SIZE_MAX + 1];
        yaml_mark_t mark;
    } keys[DEPTH_MAX];
};

/* --- errors --------------------------------------------------------------------------------------
 */

static int refuse_at(const struct yaml *yaml, const yaml_mark_t *mark, const char *text,
                     struct error *err)
{
    char keys[DEPTH_MAX * (KEY_SIZE_MAX + 2) + 1] = "";
    size_t used = 0;
    for (size_t i = 0; i < yaml->depth; i++)
        used += (size_t)snprintf(keys + used, sizeof keys - used, "%.64s: ", yaml->keys[i].text);
    return error_set(err, ERROR_SETTINGS, "%s:%zu:%zu: %s%s", yaml->name, mark->line + 1,
                     mark->column + 1, keys, text);
}

int yaml_refuse(const struct yaml *yaml, struct error *err, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return refuse_at(yaml, &yaml->event.start_mark, text, err);
}

int yaml_refuse_key(const struct yaml *yaml, struct error *err, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return refuse_at(yaml, &yaml->keys[yaml->depth - 1].mark, text, err);
}

/* --- events --------------------------------------------------------------------------------------
 */

static bool has_properties(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
    default:
        return false;
    }
}

static int next(struct yaml *yaml, struct error *err)
{
    const yaml_parser_t *parser = &yaml->parser;
    yaml_event_delete(&yaml->event);
    if (!yaml_parser_parse(&yaml->parser, &yaml->event)) {
        if (parser->error == YAML_MEMORY_ERROR)
            return error_memory(err);
        return refuse_at(yaml, &parser->problem_mark,
                         parser->problem != NULL ? parser->problem : "is no YAML", err);
    }
    if (has_properties(&yaml->event))
        return yaml_refuse(yaml, err, "aliases, anchors and tags are not taken");
    return 0;
}

/* A section without anything in it. */
static bool is_empty(const struct yaml *yaml)
{
    return yaml->event.type == YAML_SCALAR_EVENT && yaml->event.data.scalar.length == 0 &&
           yaml->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

void yaml_place(const struct yaml *yaml, unsigned *ret_line, unsigned *ret_column)
{
    *ret_line = (unsigned)yaml->event.start_mark.line + 1;
    *ret_column = (unsigned)yaml->event.start_mark.column + 1;
}

bool yaml_is_list(const struct yaml *yaml)
{
    return yaml->event.type == YAML_SEQUENCE_START_EVENT;
}

/* --- values --------------------------------------------------------------------------------------
 */

int yaml_text(struct yaml *yaml, const char **ret, struct error *err)
{
    if (yaml->event.type != YAML_SCALAR_EVENT)
        return yaml_refuse(yaml, err, "must be one value, no list and no map");
    const char *text = (const char *)yaml->event.data.scalar.value;
    size_t size = yaml->event.data.scalar.length;
    if (size > TEXT_SIZE_MAX || strlen(text) != size)
        return yaml_refuse(yaml, err, "must be a text of at most %u bytes, without NUL",
                           TEXT_SIZE_MAX);
    *ret = text;
    return 0;
}

int yaml_bool(struct yaml *yaml, bool *ret, struct error *err)
{
    const char *text;
    if (yaml_text(yaml, &text, err) < 0)
        return -1;
    bool on = strcmp(text, "true") == 0;
    if ((!on && strcmp(text, "false") != 0) ||
        yaml->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return yaml_refuse(yaml, err, "must be true or false, without quotes");
    *ret = on;
    return 0;
}

/* --- maps and lists ------------------------------------------------------------------------------
 */

/* The key becomes the last of yaml->keys, its value the one in hand. 1; 0 at the map's end; -1. */
static int key_begin(struct yaml *yaml, struct error *err)
{
    const char *text;
    if (next(yaml, err) < 0)
        return -1;
    if (yaml->event.type == YAML_MAPPING_END_EVENT)
        return 0;
    if (yaml_text(yaml, &text, err) < 0)
        return -1;
    if (strlen(text) > KEY_SIZE_MAX)
        return yaml_refuse(yaml, err, "a key has more than %u bytes", KEY_SIZE_MAX);
    if (yaml->depth == DEPTH_MAX)
        return yaml_refuse(yaml, err, "maps lie deeper than %d in each other", DEPTH_MAX);
    snprintf(yaml->keys[yaml->depth].text, sizeof yaml->keys[0].text, "%s", text);
    yaml->keys[yaml->depth++].mark = yaml->event.start_mark;
    return next(yaml, err) < 0 ? -1 : 1;
}

int yaml_each(struct yaml *yaml,
              int (*each)(struct yaml *yaml, const char *key, void *target, struct error *err),
              void *target, struct error *err)
{
    int status;
    if (is_empty(yaml))
        return 0;
    if (yaml->event.type != YAML_MAPPING_START_EVENT)
        return yaml_refuse(yaml, err, "must be a map of keys to values");
    while ((status = key_begin(yaml, err)) > 0) {
        if (each(yaml, yaml->keys[yaml->depth - 1].text, target, err) < 0)
            return -1;
        yaml->depth--;
    }
    return status;
}

struct map {
    const struct yaml_key *keys;
    size_t count;
    unsigned seen; /* a bit a key */
    void *target;
};

static int refuse_name(const struct yaml *yaml, const struct map *map, struct error *err)
{
    char known[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < map->count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
                                 map->keys[i].name);
    return yaml_refuse_key(yaml, err, "no key has that name; there are %s", known);
}

static int map_each(struct yaml *yaml, const char *key, void *target, struct error *err)
{
    struct map *map = target;
    size_t i = 0;
    while (i < map->count && strcmp(map->keys[i].name, key) != 0)
        i++;
    if (i == map->count)
        return refuse_name(yaml, map, err);
    if (map->seen & 1u << i)
        return yaml_refuse_key(yaml, err, "the key is there twice");
    map->seen |= 1u << i;
    return map->keys[i].take(yaml, map->target, err);
}

int yaml_map(struct yaml *yaml, const struct yaml_key *keys, size_t count, void *target,
             struct error *err)
{
    struct map map = {.keys = keys, .count = count, .target = target};
    return yaml_each(yaml, map_each, &map, err);
}

int yaml_list(struct yaml *yaml, size_t max, yaml_take *each, void *target, struct error *err)
{
    if (is_empty(yaml))
        return 0;
    if (yaml->event.type != YAML_SEQUENCE_START_EVENT)
        return yaml_refuse(yaml, err, "must be a list");
    for (size_t count = 0;; count++) {
        if (next(yaml, err) < 0)
            return -1;
        if (yaml->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (count == max)
            return yaml_refuse(yaml, err, "holds more than %zu entries", max);
        if (each(yaml, target, err) < 0)
            return -1;
    }
}

/* --- the file ------------------------------------------------------------------------------------
 */

static int read_document(struct yaml *yaml, yaml_take *root, void *target, struct error *err)
{
    if (next(yaml, err) < 0) /* the stream's start */
        return -1;
    if (next(yaml, err) < 0)
        return -1;
    if (yaml->event.type == YAML_STREAM_END_EVENT)
        return 0;
    if (next(yaml, err) < 0 || root(yaml, target, err) < 0 || /* behind the document's start */
        next(yaml, err) < 0 || next(yaml, err) < 0)           /* behind its end */
        return -1;
    return yaml->event.type == YAML_STREAM_END_EVENT
               ? 0
               : yaml_refuse(yaml, err, "a second document follows");
}

int yaml_read(const char *name, const void *text, size_t size, yaml_take *root, void *target,
              struct error *err)
{
    struct yaml yaml = {.name = name};
    if (!yaml_parser_initialize(&yaml.parser))
        return error_memory(err);
    yaml_parser_set_input_string(&yaml.parser, text, size);
    int status = read_document(&yaml, root, target, err);
    yaml_event_delete(&yaml.event);
    yaml_parser_delete(&yaml.parser);
    return status;
}

const char *yaml_library(void)
{
    return yaml_get_version_string();
}
