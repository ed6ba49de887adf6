/* inspection.c: gathers. Prints nothing. */
#include "convert/cli/inspection.h"

#include "formats/model/auto.h"

#include <string.h>

#define TART_PREFIX "org.cirruslabs.tart."

void inspection_done(struct inspection *inspection)
{
    inspection->vm_config = json_free(inspection->vm_config);
    inspection->image_config = json_free(inspection->image_config);
    bytes_done(&inspection->vm_config_text);
    bytes_done(&inspection->image_config_text);
    image_done(&inspection->image);
    inspection->store = store_close(inspection->store);
}

const struct json *inspection_labels(const struct inspection *inspection)
{
    return json_get(json_get(inspection->image_config, "config"), "Labels");
}

bool annotation_is_foreign(const char *name)
{
    return strncmp(name, TART_PREFIX, sizeof TART_PREFIX - 1) != 0 &&
           strncmp(name, OUR_PREFIX, sizeof OUR_PREFIX - 1) != 0;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static int count_distinct(struct inspection *inspection, struct error *err)
{
    const struct disk *disk = inspection->disk;
    AUTO_FREE struct digest *digests = calloc(disk->layer_count + 1, sizeof *digests);
    if (digests == NULL)
        return error_memory(err);
    for (size_t i = 0; i < disk->layer_count; i++)
        digests[i] = disk->layers[i].blob.digest;
    qsort(digests, disk->layer_count, sizeof *digests, compare_digests);
    for (size_t i = 0; i < disk->layer_count; i++)
        if (i == 0 || !digest_equal(&digests[i], &digests[i - 1]))
            inspection->distinct++;
    return 0;
}

static int look_at_layers(struct inspection *inspection, struct error *err)
{
    const struct disk *disk = inspection->disk;
    const struct manifest *manifest = inspection->image.manifest;
    inspection->chunk_least = disk->layer_count > 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        if (!add_sizes(inspection->encoded_size, layer->blob.size, &inspection->encoded_size))
            return error_set(err, ERROR_DISK_SIZE, "the layers' sizes pass 2^63-1 bytes");
        if (layer->length < inspection->chunk_least)
            inspection->chunk_least = layer->length;
        if (layer->length > inspection->chunk_most)
            inspection->chunk_most = layer->length;
        if (descriptor_annotation(&manifest->layers[layer->index], OUR_DISK_OFFSET) != NULL)
            inspection->placed++;
    }
    return count_distinct(inspection, err);
}

/* Reads a small JSON blob; what is wrong with it is a warning. */
static void small_read(struct inspection *inspection, struct run *run, const char *name,
                       const struct blob_id *id, struct bytes *text, struct json **ret)
{
    struct error found;
    if (blobs_read_all(inspection->image.blobs, id, text, &found) < 0 ||
        json_parse(text->data, text->size, TART_CONFIG_MAX, ret, &found) < 0)
        run_warning(run, "%s cannot be read: %s", name, found.text);
}

static void small_parts_read(struct inspection *inspection, struct run *run)
{
    const struct image *image = &inspection->image;
    const struct blob_id *vm_config = image->tart == NULL           ? &image->vm_config
                                      : image->tart->config == NULL ? NULL
                                                                    : &image->tart->config->blob;
    if (image->has_vm_config && vm_config != NULL)
        small_read(inspection, run, "config.v1", vm_config, &inspection->vm_config_text,
                   &inspection->vm_config);
    if (image->manifest != NULL)
        small_read(inspection, run, "the image config", &image->manifest->config.blob,
                   &inspection->image_config_text, &inspection->image_config);
}

static int look_at_seal(struct inspection *inspection, struct error *err)
{
    const struct manifest *manifest = inspection->image.manifest;
    const char *source = manifest_annotation(manifest, OUR_SOURCE_DIGEST);
    inspection->has_source_digest =
        source != NULL && digest_parse(source, &inspection->source_digest);
    return tart_seal_check(manifest, &inspection->seal, err);
}

/* As far as the manifest and the small parts tell. */
static int judge(struct inspection *inspection, struct error *err)
{
    const struct image *image = &inspection->image;
    struct facts facts = {
        .manifest = image->manifest,
        .image = image->tart,
        .image_error = ERROR_INIT,
        .image_config = inspection->image_config != NULL ? &inspection->image_config_text : NULL,
        .vm_config = inspection->vm_config != NULL ? &inspection->vm_config_text : NULL,
    };
    AUTO(findings_done) struct findings findings = {.items = NULL};
    if (checks_run(&facts, &findings, err) < 0)
        return -1;
    checks_pullability(&facts, &findings, &inspection->pullability);
    return 0;
}

static int measure_holes(struct inspection *inspection, struct error *err)
{
    AUTO(blob_close_auto) struct blob *blob = NULL;
    if (inspection->disk->layer_count == 0)
        return 0;
    if (blobs_open(inspection->image.blobs, &inspection->disk->layers[0].blob, &blob, err) < 0)
        return -1;
    for (uint64_t offset = 0, length; offset < blob->size; offset += length) {
        bool hole;
        if (blob_map(blob, offset, &length, &hole, err) < 0)
            return -1;
        if (!hole)
            inspection->data_size += length;
    }
    return 0;
}

static int gather(struct inspection *inspection, struct run *run, bool only_manifest,
                  struct error *err)
{
    struct image *image = &inspection->image;
    if (store_load(inspection->store, image, err) < 0)
        return -1;
    inspection->disk = image_disk(image);
    if (only_manifest)
        return 0;
    if (image->manifest != NULL && image->tart == NULL) {
        *err = image->tart_error;
        return -1;
    }
    small_parts_read(inspection, run);
    if (image->manifest == NULL)
        return measure_holes(inspection, err);
    if (look_at_layers(inspection, err) < 0 || look_at_seal(inspection, err) < 0)
        return -1;
    return judge(inspection, err);
}

int inspection_make(struct run *run, const struct reference *reference,
                    const struct store_options *from, bool only_manifest, struct inspection *ret,
                    struct error *err)
{
    *ret = (struct inspection){.store = NULL};
    bytes_init(&ret->vm_config_text, TART_CONFIG_MAX);
    bytes_init(&ret->image_config_text, TART_CONFIG_MAX);
    if (store_open_source(reference, from, &ret->store, err) < 0 ||
        gather(ret, run, only_manifest, err) < 0)
        return error_wrap(err, "%s", reference->text);
    return 0;
}
