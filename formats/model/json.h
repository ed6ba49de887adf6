/* json.h: JSON, read strictly and written in one of three exact forms. json.c is the only file that
 * knows cJSON.
 *
 * Reading refuses (ERROR_JSON_SYNTAX, with the byte, or the key that is double): anything behind
 * the value, invalid UTF-8, a NUL (escaped too), lone surrogates, double keys, raw control
 * characters in strings, numbers that JSON's grammar does not allow, nesting deeper than
 * JSON_DEPTH_MAX, more than JSON_VALUES_MAX values, texts longer than the caller's limit. Numbers
 * keep their exact spelling, so integers are exact to 2^63-1 and an unknown fraction is written
 * back as it came.
 *
 * Owner: json_parse and the json_new_* calls give a tree to the caller, who ends it with json_free;
 * everything got by json_get/json_first belongs to the tree. A value handed to json_set or
 * json_append belongs to the container, also when the call fails. Threads: a tree belongs to one
 * thread at a time.
 */
#ifndef FORMATS_MODEL_JSON_H
#define FORMATS_MODEL_JSON_H

#include "formats/model/bytes.h"

#define JSON_DEPTH_MAX 32
#define JSON_VALUES_MAX                                                                            \
    (1u << 20) /* about 100 bytes of memory each; manifests have up to 300,000 */

struct json; /* opaque: a value */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* size over limit: ERROR_JSON_SYNTAX naming the limit. */
int json_parse(const void *text, size_t size, size_t limit, struct json **ret, struct error *err);
struct json *json_free(struct json *json); /* takes NULL; returns NULL */
void json_free_auto(struct json **json);

enum json_type json_type(const struct json *json);
const char *json_type_name(
    const struct json *json); /* "a string", "an object", ... for messages; NULL: "absent" */

/* Member of an object by exact key; NULL where absent, or json is NULL or no object. */
struct json *json_get(const struct json *object, const char *key);
/* Walks arrays and objects in document order: first child, next sibling, NULL at the end. */
struct json *json_first(const struct json *container);
struct json *json_next(const struct json *child);
const char *json_key(const struct json *member); /* NULL for an array's element */
size_t json_count(const struct json *container);

/* NULL where it is absent or no string. Never holds a NUL inside. */
const char *json_string(const struct json *json);
/* The exact spelling of a number, NULL where it is absent or none. */
const char *json_number(const struct json *json);
/* True and *ret where json is an integer 0 .. 2^63-1 written plainly (no sign, fraction or
 * exponent). */
bool json_uint(const struct json *json, uint64_t *ret);
bool json_bool(const struct json *json, bool *ret);

/* NULL where memory ends. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *text);
struct json *json_new_uint(uint64_t value);
struct json *json_new_bool(bool value);
struct json *json_new_null(void);
struct json *json_copy(const struct json *json);

/* Puts value under key, in place of one that is there, else at the end. Takes value over; NULL as
 * value is the memory failure of a json_new_* call and is reported as such, so calls can be nested.
 */
int json_set(struct json *object, const char *key, struct json *value, struct error *err);
int json_set_string(struct json *object, const char *key, const char *text, struct error *err);
int json_set_uint(struct json *object, const char *key, uint64_t value, struct error *err);
void json_remove(struct json *object, const char *key);
/* Removes every member whose key begins so, in one walk. Takes NULL too. */
void json_remove_prefix(struct json *object, const char *prefix);
int json_append(struct json *array, struct json *value, struct error *err);

enum json_style {
    JSON_TART,  /* compact, keys sorted by their UTF-8 bytes at every level, "/" as "\/": Tart's own
                   encoding */
    JSON_PLAIN, /* compact, document order, "/" as it is: layouts and documents for scripts */
    JSON_PRETTY, /* as plain, indented by two spaces, ends in a newline: for people */
};

/* Appends to ret. In all styles non-ASCII is raw UTF-8, '"' and '\' are escaped, control characters
 * as \b \f \n \r \t or \u00xx. A byte that is no UTF-8 (only json_new_string can bring one) is
 * written as U+FFFD. */
int json_print(const struct json *json, enum json_style style, struct bytes *ret,
               struct error *err);

/* cJSON's version, for --version. Lives for ever. */
const char *json_library(void);

#endif
