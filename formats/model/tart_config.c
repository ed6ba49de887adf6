/* tart_config.c: the two small JSON blobs beside the disk: config.v1, which is read and never
 * written, and the image config, which Tart does not read and which gains one label. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <stdio.h>
#include <string.h>

/* what: for messages. */
static int config_parse(const char *what, const void *text, size_t size, struct json **ret,
                        struct error *err)
{
    AUTO(json_free_auto) struct json *json = NULL;
    if (json_parse(text, size, TART_CONFIG_MAX, &json, err) < 0) {
        if (err->class == ERROR_JSON_SYNTAX)
            err->class = ERROR_CONFIG_INVALID;
        return error_wrap(err, "%s", what);
    }
    if (json_type(json) != JSON_OBJECT)
        return error_set(err, ERROR_CONFIG_INVALID, "%s: is %s, must be an object", what,
                         json_type_name(json));
    *ret = take_ptr(&json);
    return 0;
}

/* Member of an object, NULL where it is absent or null, which Tart and Go read alike. */
static struct json *config_get(const struct json *object, const char *key)
{
    struct json *member = json_get(object, key);
    return member == NULL || json_type(member) == JSON_NULL ? NULL : member;
}

static int read_word(const struct json *config, const char *key, const char *fallback, char ret[16],
                     struct error *err)
{
    const struct json *member = config_get(config, key);
    const char *word = member == NULL ? fallback : json_string(member);
    if (word == NULL)
        return error_set(err, ERROR_CONFIG_INVALID, "config.v1: %s is %s, must be a string", key,
                         json_type_name(member));
    size_t length = strlen(word);
    if (length >= 16)
        return error_set(err, ERROR_CONFIG_INVALID, "config.v1: %s is longer than 15 bytes", key);
    memcpy(ret, word, length + 1);
    return 0;
}

int vm_config_parse(const void *text, size_t size, struct vm_config *ret, struct error *err)
{
    AUTO(json_free_auto) struct json *config = NULL;
    if (config_parse("config.v1", text, size, &config, err) < 0)
        return -1;
    struct vm_config vm_config;
    if (read_word(config, "os", "darwin", vm_config.os, err) < 0 ||
        read_word(config, "arch", "arm64", vm_config.arch, err) < 0 ||
        read_word(config, "diskFormat", "raw", vm_config.disk_format, err) < 0)
        return -1;
    if (strcmp(vm_config.disk_format, "asif") != 0)
        memcpy(vm_config.disk_format, "raw", sizeof "raw");
    *ret = vm_config;
    return 0;
}

/* The label, NULL where it, Labels or config is absent. */
static int label_find(const struct json *image_config, const char **ret, struct error *err)
{
    const struct json *config = config_get(image_config, "config");
    if (config != NULL && json_type(config) != JSON_OBJECT)
        return error_set(err, ERROR_CONFIG_INVALID, "image config: config is %s, must be an object",
                         json_type_name(config));
    const struct json *labels = config_get(config, "Labels");
    if (labels != NULL && json_type(labels) != JSON_OBJECT)
        return error_set(err, ERROR_CONFIG_INVALID,
                         "image config: config.Labels is %s, must be an object",
                         json_type_name(labels));
    const struct json *label = config_get(labels, TART_LABEL_FORMAT);
    *ret = json_string(label);
    if (label != NULL && *ret == NULL)
        return error_set(err, ERROR_CONFIG_INVALID, "image config: the label %s is %s",
                         TART_LABEL_FORMAT, json_type_name(label));
    return 0;
}

int image_config_label(const void *text, size_t size, char ret[16], struct error *err)
{
    AUTO(json_free_auto) struct json *image_config = NULL;
    const char *label = NULL;
    if (config_parse("image config", text, size, &image_config, err) < 0 ||
        label_find(image_config, &label, err) < 0)
        return -1;
    /* A longer text is none of Tart's and only shown: its start will do. */
    snprintf(ret, 16, "%s", label == NULL ? "" : label);
    return 0;
}

/* The object under key, made where it is absent or null. */
static int object_under(struct json *object, const char *key, struct json **ret, struct error *err)
{
    *ret = config_get(object, key);
    if (*ret == NULL && json_set(object, key, json_new_object(), err) < 0)
        return -1;
    *ret = json_get(object, key);
    return 0;
}

static int label_add(struct json *image_config, const struct vm_config *vm_config,
                     struct error *err)
{
    struct json *config = NULL;
    struct json *labels = NULL;
    if (object_under(image_config, "config", &config, err) < 0 ||
        object_under(config, "Labels", &labels, err) < 0)
        return -1;
    return json_set_string(labels, TART_LABEL_FORMAT, vm_config->disk_format, err);
}

int image_config_make(const void *source, size_t size, const struct vm_config *vm_config,
                      struct bytes *ret, struct error *err)
{
    AUTO(json_free_auto) struct json *image_config = NULL;
    if (source != NULL) {
        const char *label = NULL;
        if (config_parse("image config", source, size, &image_config, err) < 0 ||
            label_find(image_config, &label, err) < 0)
            return -1;
        if (label != NULL)
            return bytes_append(ret, source, size, err);
    } else {
        image_config = json_new_object();
        if (image_config == NULL)
            return error_memory(err);
        if (json_set_string(image_config, "architecture", vm_config->arch, err) < 0 ||
            json_set_string(image_config, "os", vm_config->os, err) < 0)
            return -1;
    }
    if (label_add(image_config, vm_config, err) < 0)
        return -1;
    return json_print(image_config, JSON_TART, ret, err);
}
