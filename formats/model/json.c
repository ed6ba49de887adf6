/* json.c: JSON trees over cJSON. The only file that knows cJSON: a `struct json` is a cJSON item
 * seen through a cast, and a number is an item of type cJSON_Raw that holds its exact spelling.
 * Must not use cJSON's number parsing (inexact, and cut at 63 characters), its printer, or its
 * shared error pointer. */
#include "formats/model/json.h"

#include "formats/model/auto.h"
#include "formats/model/json_scan.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static cJSON *item_of(const struct json *json)
{
    return (cJSON *)json;
}

static struct json *json_of(cJSON *item)
{
    return (struct json *)item;
}

/* --- reading --- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that a hostile object of a million keys costs no more than reading it. */
static int keys_check(const cJSON *object, struct error *err)
{
    size_t count = json_count((const struct json *)object);
    if (count < 2)
        return 0;
    AUTO_FREE const char **keys = calloc(count, sizeof *keys);
    if (keys == NULL)
        return error_memory(err);
    size_t filled = 0;
    for (const cJSON *member = object->child; member != NULL; member = member->next)
        keys[filled++] = member->string;
    qsort(keys, count, sizeof *keys, compare_texts);
    for (size_t i = 1; i < count; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            return error_set(err, ERROR_JSON_SYNTAX, "the key \"%s\" stands twice in one object",
                             keys[i]);
    return 0;
}

/* Turns the marked strings of json_scan() into numbers and checks keys. As deep as the scan
 * allowed. */
static int tree_finish(cJSON *item, struct error *err)
{
    if (cJSON_IsString(item) && (uint8_t)item->valuestring[0] == JSON_NUMBER_MARK) {
        item->type = cJSON_Raw;
        memmove(item->valuestring, item->valuestring + 1, strlen(item->valuestring));
    }
    for (cJSON *child = item->child; child != NULL; child = child->next)
        if (tree_finish(child, err) < 0)
            return -1;
    return cJSON_IsObject(item) ? keys_check(item, err) : 0;
}

int json_parse(const void *text, size_t size, size_t limit, struct json **ret, struct error *err)
{
    if (size > limit)
        return error_set(err, ERROR_JSON_SYNTAX, "%zu bytes of JSON, limit %zu", size, limit);
    AUTO(bytes_done) struct bytes copy;
    bytes_init(&copy, size + 3 * (size_t)JSON_VALUES_MAX); /* a mark and two quotes a number */
    if (json_scan(text, size, &copy, err) < 0)
        return -1;
    /* The scan has judged the text: only memory can fail here. */
    AUTO(json_free_auto)
    struct json *json =
        json_of(cJSON_ParseWithLengthOpts((const char *)copy.data, copy.size, NULL, false));
    if (json == NULL)
        return error_memory(err);
    if (tree_finish(item_of(json), err) < 0)
        return -1;
    *ret = take_ptr(&json);
    return 0;
}

struct json *json_free(struct json *json)
{
    cJSON_Delete(item_of(json));
    return NULL;
}

void json_free_auto(struct json **json)
{
    *json = json_free(*json);
}

/* --- looking --- */

enum json_type json_type(const struct json *json)
{
    switch (item_of(json)->type & 0xff) {
    case cJSON_True:
    case cJSON_False:
        return JSON_BOOL;
    case cJSON_Raw:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

const char *json_type_name(const struct json *json)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object"};
    return json == NULL ? "absent" : names[json_type(json)];
}

static bool has_type(const struct json *json, enum json_type type)
{
    return json != NULL && json_type(json) == type;
}

struct json *json_get(const struct json *object, const char *key)
{
    if (!has_type(object, JSON_OBJECT))
        return NULL;
    return json_of(cJSON_GetObjectItemCaseSensitive(item_of(object), key));
}

struct json *json_first(const struct json *container)
{
    return container == NULL ? NULL : json_of(item_of(container)->child);
}

struct json *json_next(const struct json *child)
{
    return json_of(item_of(child)->next);
}

const char *json_key(const struct json *member)
{
    return item_of(member)->string;
}

size_t json_count(const struct json *container)
{
    size_t count = 0;
    for (const struct json *child = json_first(container); child != NULL; child = json_next(child))
        count++;
    return count;
}

const char *json_string(const struct json *json)
{
    return has_type(json, JSON_STRING) ? item_of(json)->valuestring : NULL;
}

const char *json_number(const struct json *json)
{
    return has_type(json, JSON_NUMBER) ? item_of(json)->valuestring : NULL;
}

bool json_uint(const struct json *json, uint64_t *ret)
{
    const char *text = json_number(json);
    return text != NULL && parse_size(text, ret);
}

bool json_bool(const struct json *json, bool *ret)
{
    if (!has_type(json, JSON_BOOL))
        return false;
    *ret = cJSON_IsTrue(item_of(json));
    return true;
}

/* --- making --- */

struct json *json_new_object(void)
{
    return json_of(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
    return json_of(cJSON_CreateArray());
}

struct json *json_new_string(const char *text)
{
    return json_of(cJSON_CreateString(text));
}

struct json *json_new_uint(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_of(cJSON_CreateRaw(text));
}

struct json *json_new_bool(bool value)
{
    return json_of(cJSON_CreateBool(value));
}

struct json *json_new_null(void)
{
    return json_of(cJSON_CreateNull());
}

struct json *json_copy(const struct json *json)
{
    return json_of(cJSON_Duplicate(item_of(json), true));
}

/* A copy of a member brings its old key along. */
static void forget_key(cJSON *item)
{
    cJSON_free(item->string);
    item->string = NULL;
}

int json_set(struct json *object, const char *key, struct json *value, struct error *err)
{
    if (value == NULL)
        return error_memory(err);
    cJSON *item = item_of(value);
    forget_key(item);
    cJSON *old = item_of(json_get(object, key));
    if (old != NULL) {
        /* The old key moves over, so that nothing is allocated and this cannot fail. */
        item->string = take_ptr(&old->string);
        cJSON_ReplaceItemViaPointer(item_of(object), old, item);
        return 0;
    }
    if (cJSON_AddItemToObject(item_of(object), key, item))
        return 0;
    json_free(value);
    return error_memory(err);
}

int json_set_string(struct json *object, const char *key, const char *text, struct error *err)
{
    return json_set(object, key, json_new_string(text), err);
}

int json_set_uint(struct json *object, const char *key, uint64_t value, struct error *err)
{
    return json_set(object, key, json_new_uint(value), err);
}

void json_remove(struct json *object, const char *key)
{
    struct json *member = json_get(object, key);
    if (member != NULL)
        cJSON_Delete(cJSON_DetachItemViaPointer(item_of(object), item_of(member)));
}

void json_remove_prefix(struct json *object, const char *prefix)
{
    if (!has_type(object, JSON_OBJECT))
        return;
    size_t length = strlen(prefix);
    cJSON *next = NULL;
    for (cJSON *member = item_of(object)->child; member != NULL; member = next) {
        next = member->next;
        if (strncmp(member->string, prefix, length) == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(item_of(object), member));
    }
}

int json_append(struct json *array, struct json *value, struct error *err)
{
    if (value == NULL)
        return error_memory(err);
    forget_key(item_of(value));
    cJSON_AddItemToArray(item_of(array), item_of(value));
    return 0;
}

const char *json_library(void)
{
    return cJSON_Version();
}
