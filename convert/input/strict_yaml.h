/* strict_yaml.h: the part of YAML that people write settings in: maps, lists and single values in
 * one document. Aliases, anchors and tags are refused; so is a key that stands twice. Read event by
 * event along the shape that the caller's functions give, so that no tree is built of what nobody
 * asked for. strict_yaml.c is the only file that knows libyaml.
 *
 * Errors are ERROR_SETTINGS: "FILE:LINE:COLUMN: KEY: KEY: what is wrong". Threads: one at a time.
 */
#ifndef CONVERT_INPUT_STRICT_YAML_H
#define CONVERT_INPUT_STRICT_YAML_H

#include "formats/model/error.h"

#include <stdbool.h>
#include <stddef.h>

struct yaml; /* the value in hand */

/* Takes the value in hand, whole. */
typedef int yaml_take(struct yaml *yaml, void *target, struct error *err);

/* name: of the file, for errors. root is not called where there is nothing but comments. */
int yaml_read(const char *name, const void *text, size_t size, yaml_take *root, void *target,
              struct error *err);

struct yaml_key {
    const char *name;
    yaml_take *take;
};
/* A map with keys of these names only; one without anything in it will do. */
int yaml_map(struct yaml *yaml, const struct yaml_key *keys, size_t count, void *target,
             struct error *err);
/* A map with any keys: each is called for each. Whether one stands twice is the caller's. */
int yaml_each(struct yaml *yaml,
              int (*each)(struct yaml *yaml, const char *key, void *target, struct error *err),
              void *target, struct error *err);
/* A list of at most max values, or nothing. */
int yaml_list(struct yaml *yaml, size_t max, yaml_take *each, void *target, struct error *err);

/* One value as text, at most 4096 bytes without NUL; until the next call. */
int yaml_text(struct yaml *yaml, const char **ret, struct error *err);
/* true or false, without quotes */
int yaml_bool(struct yaml *yaml, bool *ret, struct error *err);

/* Where the value in hand begins, from 1. */
void yaml_place(const struct yaml *yaml, unsigned *ret_line, unsigned *ret_column);
bool yaml_is_list(const struct yaml *yaml);

/* An error at the value in hand. Returns -1. */
int yaml_refuse(const struct yaml *yaml, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* ... at its key. */
int yaml_refuse_key(const struct yaml *yaml, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* libyaml's version, for --version. */
const char *yaml_library(void);

#endif
