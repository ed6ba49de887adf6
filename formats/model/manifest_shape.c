/* manifest_shape.c: puts a manifest's members into the types that OCI wants of them. Must not know
 * Tart, nor guess a value. */
#include "formats/model/manifest_shape.h"

#include "formats/model/auto.h"
#include "formats/model/manifest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool manifest_shape_is_good(const struct manifest_shape *shape)
{
    return shape->version + shape->sizes + shape->annotations + shape->digests + shape->packed +
               shape->types ==
           0;
}

void manifest_shape_print(const struct manifest_shape *shape, char ret[200])
{
    const struct {
        size_t count;
        const char *what;
    } parts[] = {
        {shape->version, "schemaVersion that is no number"},
        {shape->sizes, "sizes that are texts"},
        {shape->annotations, "annotations that are no texts"},
        {shape->digests, "digests in capitals"},
        {shape->packed, "media types that name a packing"},
        {shape->types, "media types that are null or absent"},
    };
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].count > 0 && used < 200)
            used += (size_t)snprintf(ret + used, 200 - used, "%s%zu %s", used == 0 ? "" : ", ",
                                     parts[i].count, parts[i].what);
}

static bool is_object(const struct json *json)
{
    return json != NULL && json_type(json) == JSON_OBJECT;
}

static int mend_size(struct json *descriptor, struct manifest_shape *shape, struct error *err)
{
    const char *text = json_string(json_get(descriptor, "size"));
    uint64_t size;
    if (text == NULL || !parse_size(text, &size))
        return 0;
    shape->sizes++;
    return json_set_uint(descriptor, "size", size, err);
}

static int mend_digest(struct json *descriptor, struct manifest_shape *shape, struct error *err)
{
    const char *text = json_string(json_get(descriptor, "digest"));
    char lower[DIGEST_TEXT_SIZE];
    struct digest digest;
    if (text == NULL || strlen(text) != sizeof lower - 1 || digest_parse(text, &digest))
        return 0;
    for (size_t i = 0; i < sizeof lower; i++)
        lower[i] = (char)tolower((unsigned char)text[i]);
    if (!digest_parse(lower, &digest))
        return 0;
    shape->digests++;
    return json_set_string(descriptor, "digest", lower, err);
}

/* Each is looked for from the first on, so that very many would take hours. */
#define MENDED_MAX 256

/* Values that are no texts are written as they are spelled. */
static int mend_annotations(struct json *object, struct manifest_shape *shape, struct error *err)
{
    struct json *annotations = json_get(object, "annotations");
    if (!is_object(annotations) || json_count(annotations) > MENDED_MAX)
        return 0;
    for (const struct json *next, *value = json_first(annotations); value != NULL; value = next) {
        next = json_next(value);
        const char *text = json_number(value);
        bool truth;
        if (text == NULL && json_bool(value, &truth))
            text = truth ? "true" : "false";
        if (text == NULL)
            continue;
        AUTO_FREE char *key = strdup(json_key(value));
        AUTO_FREE char *spelling = strdup(text);
        if (key == NULL || spelling == NULL)
            return error_memory(err);
        shape->annotations++;
        if (json_set_string(annotations, key, spelling, err) < 0)
            return -1;
    }
    return 0;
}

static int mend_packed(struct json *layer, struct manifest_shape *shape, struct error *err)
{
    static const char *const ends[] = {"+gzip", ".gzip", "+zstd", ".zstd"};
    const char *type = json_string(json_get(layer, "mediaType"));
    for (size_t i = 0; type != NULL && i < sizeof ends / sizeof ends[0]; i++) {
        size_t size = strlen(type), end = strlen(ends[i]);
        if (size <= end || strcmp(type + size - end, ends[i]) != 0)
            continue;
        AUTO_FREE char *base = strndup(type, size - end);
        if (base == NULL)
            return error_memory(err);
        shape->packed++;
        return json_set_string(layer, "mediaType", base, err);
    }
    return 0;
}

static int mend_descriptor(struct json *descriptor, struct manifest_shape *shape, struct error *err)
{
    if (mend_size(descriptor, shape, err) < 0 || mend_digest(descriptor, shape, err) < 0)
        return -1;
    return mend_annotations(descriptor, shape, err);
}

static int mend_root(struct json *tree, struct manifest_shape *shape, struct error *err)
{
    const struct json *version = json_get(tree, "schemaVersion");
    const struct json *type = json_get(tree, "mediaType");
    const char *text = json_string(version);
    bool whole = is_object(json_get(tree, "config")) && json_get(tree, "layers") != NULL;
    if (type != NULL && json_type(type) == JSON_NULL) {
        json_remove(tree, "mediaType");
        shape->types++;
    }
    if ((text != NULL && strcmp(text, "2") == 0) || (version == NULL && whole)) {
        shape->version++;
        return json_set_uint(tree, "schemaVersion", 2, err);
    }
    return 0;
}

static int mend_config(struct json *tree, struct manifest_shape *shape, struct error *err)
{
    struct json *config = json_get(tree, "config");
    if (!is_object(config))
        return 0;
    const struct json *type = json_get(config, "mediaType");
    if (type == NULL || json_type(type) == JSON_NULL) {
        shape->types++;
        if (json_set_string(config, "mediaType", MEDIA_TYPE_OCI_CONFIG, err) < 0)
            return -1;
    }
    return mend_descriptor(config, shape, err);
}

int manifest_shape_mend(struct json *tree, struct manifest_shape *ret, struct error *err)
{
    *ret = (struct manifest_shape){.version = 0};
    if (!is_object(tree))
        return 0;
    if (mend_root(tree, ret, err) < 0 || mend_config(tree, ret, err) < 0 ||
        mend_annotations(tree, ret, err) < 0)
        return -1;
    struct json *layers = json_get(tree, "layers");
    for (struct json *layer = json_first(layers); layer != NULL; layer = json_next(layer))
        if (is_object(layer) &&
            (mend_packed(layer, ret, err) < 0 || mend_descriptor(layer, ret, err) < 0))
            return -1;
    return 0;
}
