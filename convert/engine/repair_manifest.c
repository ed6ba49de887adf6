/* repair_manifest.c: the manifest as it is and as it will be: what it has wrong, and one over the
 * repaired parts. Reads no blob.
 */
#include "convert/engine/repair_parts.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- what can be one image at all --- */

static bool has_type(const struct descriptor *layer, const char *type)
{
    return strcmp(layer->media_type, type) == 0;
}

/* Exactly one; several of one digest are one that stands there twice. */
static int find_one(struct repair *repair, const char *type, struct repair_small *small,
                    struct error *err)
{
    const struct manifest *manifest = repair->image->manifest;
    size_t found = NO_LAYER;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        if (!has_type(layer, type))
            continue;
        if (found == NO_LAYER) {
            found = i;
            continue;
        }
        if (!digest_equal(&layer->blob.digest, &manifest->layers[found].blob.digest))
            return error_set(err, ERROR_CANNOT_REPAIR,
                             "layers %zu and %zu are both %s, with other bytes each: which one "
                             "belongs to the image cannot be known",
                             found, i, small->name);
        if (repair_note(repair, "dropped", i, true, err, "layer %zu: the same %s a second time", i,
                        small->name) < 0)
            return -1;
    }
    if (found == NO_LAYER)
        return error_set(err, ERROR_CANNOT_REPAIR,
                         "the manifest has no %s, which nothing else in the image tells of",
                         small->name);
    small->layer = found;
    small->own = small->blob = manifest->layers[found].blob;
    return 0;
}

static int check_foreign(const struct repair *repair, struct error *err)
{
    static const char *const types[] = {TART_TYPE_CONFIG, TART_TYPE_NVRAM, TART_TYPE_DISK_V1,
                                        TART_TYPE_DISK_V2};
    const struct manifest *manifest = repair->image->manifest;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        bool known = false;
        for (size_t k = 0; k < sizeof types / sizeof types[0]; k++)
            known = known || has_type(layer, types[k]);
        if (has_type(layer, TART_TYPE_OVERLAY))
            return error_set(err, ERROR_STACKED,
                             "a stacked image is not repaired; copy it anew from where it came");
        if (known || repair->wanted.drop_foreign)
            continue;
        error_set(err, ERROR_FOREIGN_LAYER,
                  "layer %zu has media type %s, which is not Tart's; --drop-foreign leaves such "
                  "layers out",
                  i, layer->media_type);
        err->where.layer = (int64_t)i;
        return -1;
    }
    return 0;
}

int repair_check_kinds(struct repair *repair, struct error *err)
{
    const struct image *image = repair->image;
    if (image->manifest == NULL)
        return error_set(err, ERROR_UNSUPPORTED,
                         "a disk without a manifest has nothing that could be repaired");
    enum error_class class = image->tart == NULL ? image->tart_error.class : ERROR_NONE;
    if (class == ERROR_NOT_TART || class == ERROR_DISK_MIXED || class == ERROR_DISK_EMPTY) {
        *err = image->tart_error;
        return -1;
    }
    struct repair_small *config = &repair->small[SMALL_IMAGE_CONFIG];
    config->own = config->blob = image->manifest->config.blob;
    if (check_foreign(repair, err) < 0 ||
        find_one(repair, TART_TYPE_CONFIG, &repair->small[SMALL_VM_CONFIG], err) < 0)
        return -1;
    return find_one(repair, TART_TYPE_NVRAM, &repair->small[SMALL_NVRAM], err);
}

/* --- what verify would say --- */

static void content_error(const struct repair_layer *layer, struct error *ret)
{
    *ret = layer->error;
    if (ret->class != ERROR_NONE || !layer->states_content ||
        digest_equal(&layer->stated_content, &layer->content))
        return;
    char found[DIGEST_TEXT_SIZE], stated[DIGEST_TEXT_SIZE];
    digest_print(&layer->content, found);
    digest_print(&layer->stated_content, stated);
    error_set(ret, ERROR_CONTENT_DIGEST, "layer %zu: decodes to %s, its annotation says %s",
              layer->index, found, stated);
    ret->where.layer = (int64_t)layer->index;
}

static void packed_error(enum packing packing, const char *name, size_t layer, struct error *ret)
{
    if (packing == PACKING_NONE || ret->class != ERROR_NONE)
        return;
    error_set(ret, ERROR_STREAM_FOREIGN, "%s is packed by %s once more, which no Tart undoes", name,
              packing_name(packing));
    ret->where.layer = layer == BLOB_FACT_CONFIG ? -1 : (int64_t)layer;
}

/* Damage by blob, of the image as it came. */
static void blob_facts(const struct repair *repair, struct blob_fact *facts)
{
    const struct manifest *manifest = repair->image->manifest;
    for (size_t i = 0; i <= manifest->layer_count; i++) {
        bool config = i == manifest->layer_count;
        facts[i] = (struct blob_fact){
            .layer = config ? BLOB_FACT_CONFIG : i,
            .present = true,
            .looked = true,
            .size = config ? manifest->config.blob.size : manifest->layers[i].blob.size,
            .error = ERROR_INIT,
        };
    }
    for (size_t i = 0; i < repair->layer_count; i++) {
        const struct repair_layer *layer = &repair->layers[i];
        char name[LAYER_NAME_SIZE];
        struct error *error = &facts[layer->index].error;
        if (repair->format == DISK_V2)
            content_error(layer, error);
        else
            *error = layer->error;
        packed_error(layer->packing, layer_name(layer, name), layer->index, error);
    }
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        const struct repair_small *small = &repair->small[i];
        size_t fact = small->layer == BLOB_FACT_CONFIG ? manifest->layer_count : small->layer;
        facts[fact].error = small->error;
        packed_error(small->packing, small->name, small->layer, &facts[fact].error);
    }
    for (size_t i = 0; i <= manifest->layer_count; i++)
        if (facts[i].error.class == ERROR_BLOB_MISSING)
            facts[i].present = false;
}

int repair_check(struct repair *repair, const struct digest *disk_digest, struct findings *findings,
                 struct error *err)
{
    const struct image *image = repair->image;
    AUTO_FREE struct blob_fact *blobs = calloc(image->manifest->layer_count + 1, sizeof *blobs);
    if (blobs == NULL)
        return error_memory(err);
    struct facts facts = {
        .manifest = image->manifest,
        .image = image->tart,
        .image_error = image->tart_error,
        .image_config = repair->has_image_config ? &repair->image_config : NULL,
        .vm_config = repair->has_vm_config ? &repair->vm_config : NULL,
        .head = repair->head,
        .head_size = repair->end_size,
        .tail = repair->tail,
        .tail_size = repair->end_size,
    };
    if (repair->table_place > 0) {
        size_t place = repair->table_place;
        facts.table_layer = image->tart != NULL ? image->tart->disk.layers[place].index
                                                : repair->layers[place].index;
        facts.table_offset = repair->table_offset;
    }
    /* what was put right has no damage any more */
    if (!image->mended) {
        blob_facts(repair, blobs);
        facts.blobs = blobs;
        facts.blob_count = image->manifest->layer_count + 1;
    }
    if (disk_digest != NULL) {
        facts.has_file_digest = true;
        facts.disk_digest = *disk_digest;
    }
    return checks_run(&facts, findings, err);
}

/* --- what the manifest itself has wrong --- */

/* The fault by which a disk.v1 image is none for newest Tart, and nothing else. */
static bool rules_hold(const struct repair *repair)
{
    struct error broken = ERROR_INIT;
    const struct tart_image *tart = repair->image->tart;
    if (tart_check_rules(repair->image->manifest, &broken) == 0)
        return true;
    return repair->format == DISK_V1 && tart != NULL && tart->in_order;
}

static int note_size(struct repair *repair, struct error *err)
{
    const char *text = manifest_annotation(repair->image->manifest, TART_DISK_SIZE);
    uint64_t stated, size = 0;
    bool readable = text != NULL && parse_size(text, &stated);
    if (repair->format == DISK_V1)
        return text == NULL || readable || repair->disk_size > 0
                   ? 0
                   : repair_note(repair, "annotated", NO_LAYER, true, err,
                                 "the disk's size written anew, as the stream decodes");
    for (size_t i = 0; i < repair->layer_count; i++)
        if (!add_sizes(size, repair->layers[i].length, &size))
            return error_set(err, ERROR_DISK_SIZE, "the disk's layers pass 2^63-1 bytes");
    repair->disk_size_differs = readable && stated != size;
    if (readable && stated == size)
        return 0;
    return repair_note(repair, "annotated", NO_LAYER, true, err,
                       "the disk's size written anew: %" PRIu64 " bytes", size);
}

int repair_shape(struct repair *repair, struct error *err)
{
    const struct manifest *manifest = repair->image->manifest;
    char text[200];
    if (!manifest_shape_is_good(&repair->image->shape)) {
        struct error found = ERROR_INIT;
        manifest_shape_print(&repair->image->shape, text);
        error_set(&found, ERROR_MANIFEST_INVALID, "the manifest has %s", text);
        if (findings_add_error(&repair->result->findings, &found,
                               "`tartconv repair` writes the manifest anew", err) < 0 ||
            repair_note(repair, "reshaped", NO_LAYER, true, err, "put right in the manifest: %s",
                        text) < 0)
            return -1;
    }
    if ((manifest->media_type == NULL ||
         strcmp(manifest->media_type, MEDIA_TYPE_OCI_MANIFEST) != 0 ||
         strcmp(manifest->config.media_type, MEDIA_TYPE_OCI_CONFIG) != 0) &&
        repair_note(repair, "media-types", NO_LAYER, true, err,
                    "the media types of the manifest and the image config written as OCI's") < 0)
        return -1;
    if (note_size(repair, err) < 0)
        return -1;
    if (repair->states_disk_digest_badly &&
        repair_note(repair, "annotated", NO_LAYER, true, err, "the disk's digest written anew") < 0)
        return -1;
    if (!rules_hold(repair) && !repair->changed &&
        repair_note(repair, "rules", NO_LAYER, true, err,
                    "the manifest written by newest Tart's rules") < 0)
        return -1;
    return 0;
}

/* --- the new one --- */

static int set_annotations(struct json *layer, const struct repair_layer *from, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    struct json *annotations = json_get(layer, "annotations");
    if (annotations == NULL || json_type(annotations) != JSON_OBJECT) {
        if (json_set(layer, "annotations", json_new_object(), err) < 0)
            return -1;
        annotations = json_get(layer, "annotations");
    }
    json_remove(annotations, OUR_DISK_OFFSET);
    json_remove(annotations, TART_FILE_DIGEST);
    json_remove(annotations, TART_CHUNK_COUNT);
    snprintf(text, sizeof text, "%" PRIu64, from->length);
    if (json_set_string(annotations, TART_CONTENT_SIZE, text, err) < 0)
        return -1;
    digest_print(&from->content, text);
    return json_set_string(annotations, TART_CONTENT_DIGEST, text, err);
}

static const struct json *layer_json(const struct manifest *manifest, size_t index)
{
    const struct json *layer = json_first(json_get(manifest->tree, "layers"));
    while (index-- > 0)
        layer = json_next(layer);
    return layer;
}

static int append_small(struct json *layers, const struct manifest *manifest,
                        const struct repair_small *small, struct error *err)
{
    struct json *layer = json_copy(layer_json(manifest, small->layer));
    if (json_append(layers, layer, err) < 0)
        return -1;
    return descriptor_write(layer, manifest->layers[small->layer].media_type, &small->blob, err);
}

static int append_disk(struct json *layers, const struct repair *repair,
                       const struct json *const *sources, struct error *err)
{
    for (size_t i = 0; i < repair->order_count; i++) {
        const struct repair_layer *from = &repair->layers[repair->order[i]];
        struct json *layer = json_copy(sources[from->index]);
        if (json_append(layers, layer, err) < 0 ||
            descriptor_write(layer,
                             repair->format == DISK_V1 ? TART_TYPE_DISK_V1 : TART_TYPE_DISK_V2,
                             &from->blob, err) < 0 ||
            (repair->format == DISK_V2 && set_annotations(layer, from, err) < 0))
            return -1;
        if (i > 0 || repair->format == DISK_V1 || !repair->states_disk_digest)
            continue;
        char text[DIGEST_TEXT_SIZE];
        digest_print(&repair->stated_disk_digest, text);
        if (json_set_string(json_get(layer, "annotations"), TART_FILE_DIGEST, text, err) < 0)
            return -1;
    }
    return 0;
}

/* Foreign layers, where they are to be dropped, are left for the conversion to tell of. */
static int append_foreign(struct json *layers, const struct repair *repair,
                          const struct json *const *sources, struct error *err)
{
    const struct tart_image *tart = repair->image->tart;
    for (size_t i = 0; tart != NULL && i < tart->foreign_count; i++)
        if (json_append(layers, json_copy(sources[tart->foreign[i]]), err) < 0)
            return -1;
    return 0;
}

static int make_layers(const struct repair *repair, struct json *tree, struct error *err)
{
    const struct manifest *manifest = repair->image->manifest;
    AUTO_FREE const struct json **sources = calloc(manifest->layer_count + 1, sizeof *sources);
    if (sources == NULL)
        return error_memory(err);
    size_t count = 0;
    for (const struct json *layer = json_first(json_get(manifest->tree, "layers")); layer != NULL;
         layer = json_next(layer))
        sources[count++] = layer;
    if (json_set(tree, "layers", json_new_array(), err) < 0)
        return -1;
    struct json *layers = json_get(tree, "layers");
    if (append_small(layers, manifest, &repair->small[SMALL_VM_CONFIG], err) < 0 ||
        append_disk(layers, repair, sources, err) < 0 ||
        append_foreign(layers, repair, sources, err) < 0)
        return -1;
    return append_small(layers, manifest, &repair->small[SMALL_NVRAM], err);
}

/* The disk's size is what the layers make up; a V1 disk's that cannot be read is measured by the
 * conversion. */
static int make_size(const struct repair *repair, struct json *tree, struct error *err)
{
    struct json *annotations = json_get(tree, "annotations");
    const char *text = json_string(json_get(annotations, TART_DISK_SIZE));
    uint64_t size = 0;
    char written[24];
    if (repair->format == DISK_V1 && repair->disk_size == 0) {
        if (text != NULL && !parse_size(text, &size))
            json_remove(annotations, TART_DISK_SIZE);
        return 0;
    }
    size = repair->disk_size;
    for (size_t i = 0; repair->format == DISK_V2 && i < repair->layer_count; i++)
        size += repair->layers[i].length;
    if (annotations == NULL || json_type(annotations) != JSON_OBJECT) {
        if (json_set(tree, "annotations", json_new_object(), err) < 0)
            return -1;
        annotations = json_get(tree, "annotations");
    }
    snprintf(written, sizeof written, "%" PRIu64, size);
    return json_set_string(annotations, TART_DISK_SIZE, written, err);
}

int repair_write_manifest(struct repair *repair, struct error *err)
{
    struct image *image = repair->image;
    AUTO(json_free_auto) struct json *tree = json_copy(image->manifest->tree);
    if (tree == NULL)
        return error_memory(err);
    if (json_set_string(tree, "mediaType", MEDIA_TYPE_OCI_MANIFEST, err) < 0 ||
        descriptor_write(json_get(tree, "config"), MEDIA_TYPE_OCI_CONFIG,
                         &repair->small[SMALL_IMAGE_CONFIG].blob, err) < 0 ||
        make_size(repair, tree, err) < 0 || make_layers(repair, tree, err) < 0)
        return -1;
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    AUTO(tart_image_free_auto) struct tart_image *tart = NULL;
    if (manifest_from_json(take_ptr(&tree), &manifest, err) < 0 ||
        tart_image_read(manifest, &tart, err) < 0)
        return error_wrap(err, "the repaired manifest");
    tart_image_free(image->tart);
    manifest_free(image->manifest);
    image->manifest = take_ptr(&manifest);
    image->tart = take_ptr(&tart);
    image->tart_error = (struct error)ERROR_INIT;
    image->mended = true;
    return 0;
}
