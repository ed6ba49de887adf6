/* manifest.c: OCI image manifests: their shape, and views into their tree. Must not know Tart. */
#include "formats/model/manifest.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>

/* Where an object stands in the manifest, for messages: "layers[3]." or "" for the manifest itself.
 */
struct place {
    int64_t layer;
    char text[40];
};

static int invalid(const struct place *place, const char *key, const char *is, const char *wanted,
                   struct error *err)
{
    error_set(err, ERROR_MANIFEST_INVALID, "%s%s is %s, must be %s", place->text, key, is, wanted);
    err->where.layer = place->layer;
    return -1;
}

static int invalid_type(const struct place *place, const char *key, const struct json *found,
                        const char *wanted, struct error *err)
{
    return invalid(place, key, json_type_name(found), wanted, err);
}

static int read_string(const struct json *object, const char *key, const struct place *place,
                       const char **ret, struct error *err)
{
    const struct json *member = json_get(object, key);
    *ret = json_string(member);
    return *ret == NULL ? invalid_type(place, key, member, "a string", err) : 0;
}

static int read_size(const struct json *object, const struct place *place, uint64_t *ret,
                     struct error *err)
{
    const struct json *member = json_get(object, "size");
    if (json_uint(member, ret))
        return 0;
    const char *spelling = json_number(member);
    return invalid(place, "size", spelling == NULL ? json_type_name(member) : spelling,
                   "an integer from 0 to 2^63-1", err);
}

static int read_digest(const struct json *object, const struct place *place, struct digest *ret,
                       struct error *err)
{
    const char *text = NULL;
    if (read_string(object, "digest", place, &text, err) < 0)
        return -1;
    if (digest_parse(text, ret))
        return 0;
    char quoted[120];
    snprintf(quoted, sizeof quoted, "\"%.100s\"", text);
    return invalid(place, "digest", quoted, "sha256: and 64 lower-case hex digits", err);
}

/* Null counts as absent, as Tart and Go read it. */
static int read_annotations(const struct json *object, const struct place *place,
                            const struct json **ret, struct error *err)
{
    const struct json *annotations = json_get(object, "annotations");
    *ret = NULL;
    if (annotations == NULL || json_type(annotations) == JSON_NULL)
        return 0;
    if (json_type(annotations) != JSON_OBJECT)
        return invalid_type(place, "annotations", annotations, "an object", err);
    for (const struct json *value = json_first(annotations); value != NULL;
         value = json_next(value))
        if (json_string(value) == NULL) {
            char key[120];
            snprintf(key, sizeof key, "annotations[\"%.100s\"]", json_key(value));
            return invalid_type(place, key, value, "a string", err);
        }
    *ret = annotations;
    return 0;
}

static int read_descriptor(const struct json *json, const struct place *place,
                           struct descriptor *ret, struct error *err)
{
    if (read_string(json, "mediaType", place, &ret->media_type, err) < 0 ||
        read_digest(json, place, &ret->blob.digest, err) < 0 ||
        read_size(json, place, &ret->blob.size, err) < 0)
        return -1;
    ret->blob.has_digest = true;
    return read_annotations(json, place, &ret->annotations, err);
}

static int read_config(struct manifest *manifest, struct error *err)
{
    const struct place root = {.layer = -1, .text = ""};
    const struct place place = {.layer = -1, .text = "config."};
    const struct json *config = json_get(manifest->tree, "config");
    if (config == NULL || json_type(config) != JSON_OBJECT)
        return invalid_type(&root, "config", config, "an object", err);
    return read_descriptor(config, &place, &manifest->config, err);
}

static int read_layers(struct manifest *manifest, struct error *err)
{
    const struct place root = {.layer = -1, .text = ""};
    const struct json *layers = json_get(manifest->tree, "layers");
    if (layers == NULL || json_type(layers) != JSON_ARRAY)
        return invalid_type(&root, "layers", layers, "an array", err);
    size_t count = json_count(layers);
    if (count > MANIFEST_LAYERS_MAX)
        return error_set(err, ERROR_MANIFEST_INVALID, "%zu layers, limit %d", count,
                         MANIFEST_LAYERS_MAX);
    manifest->layers = calloc(count + 1, sizeof *manifest->layers); /* never of 0 bytes */
    if (manifest->layers == NULL)
        return error_memory(err);
    for (const struct json *layer = json_first(layers); layer != NULL; layer = json_next(layer)) {
        size_t index = manifest->layer_count;
        struct place place = {.layer = (int64_t)index};
        snprintf(place.text, sizeof place.text, "layers[%zu]", index);
        if (json_type(layer) != JSON_OBJECT)
            return invalid_type(&place, "", layer, "an object", err);
        snprintf(place.text, sizeof place.text, "layers[%zu].", index);
        if (read_descriptor(layer, &place, &manifest->layers[index], err) < 0)
            return -1;
        manifest->layer_count++;
    }
    return 0;
}

static int read_root(struct manifest *manifest, struct error *err)
{
    const struct place root = {.layer = -1, .text = ""};
    if (json_type(manifest->tree) != JSON_OBJECT)
        return invalid_type(&root, "the manifest", manifest->tree, "an object", err);
    const struct json *version = json_get(manifest->tree, "schemaVersion");
    uint64_t number = 0;
    if (!json_uint(version, &number) || number != 2) {
        const char *spelling = json_number(version);
        return invalid(&root, "schemaVersion",
                       spelling == NULL ? json_type_name(version) : spelling, "2", err);
    }
    if (json_get(manifest->tree, "mediaType") != NULL &&
        read_string(manifest->tree, "mediaType", &root, &manifest->media_type, err) < 0)
        return -1;
    if (read_config(manifest, err) < 0 || read_layers(manifest, err) < 0)
        return -1;
    return read_annotations(manifest->tree, &root, &manifest->annotations, err);
}

int manifest_parse(const void *text, size_t size, struct manifest **ret, struct error *err)
{
    struct json *tree = NULL;
    if (json_parse(text, size, MANIFEST_SIZE_MAX, &tree, err) < 0)
        return error_wrap(err, "manifest");
    return manifest_from_json(tree, ret, err);
}

int manifest_from_json(struct json *tree, struct manifest **ret, struct error *err)
{
    AUTO(manifest_free_auto) struct manifest *manifest = calloc(1, sizeof *manifest);
    if (manifest == NULL) {
        json_free(tree);
        return error_memory(err);
    }
    manifest->tree = tree;
    if (read_root(manifest, err) < 0)
        return -1;
    *ret = take_ptr(&manifest);
    return 0;
}

struct manifest *manifest_free(struct manifest *manifest)
{
    if (manifest != NULL) {
        free(manifest->layers);
        json_free(manifest->tree);
    }
    free(manifest);
    return NULL;
}

void manifest_free_auto(struct manifest **manifest)
{
    *manifest = manifest_free(*manifest);
}

const char *descriptor_annotation(const struct descriptor *descriptor, const char *name)
{
    return json_string(json_get(descriptor->annotations, name));
}

const char *manifest_annotation(const struct manifest *manifest, const char *name)
{
    return json_string(json_get(manifest->annotations, name));
}

int manifest_print(const struct manifest *manifest, struct bytes *ret, struct error *err)
{
    return json_print(manifest->tree, JSON_TART, ret, err);
}

int descriptor_write(struct json *object, const char *media_type, const struct blob_id *blob,
                     struct error *err)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&blob->digest, digest);
    if (json_set_string(object, "mediaType", media_type, err) < 0 ||
        json_set_string(object, "digest", digest, err) < 0)
        return -1;
    return json_set_uint(object, "size", blob->size, err);
}
