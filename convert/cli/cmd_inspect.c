/* cmd_inspect.c: tartconv inspect. Tells what inspection.c gathered, as lines or as a document. */
#include "convert/cli/command.h"
#include "convert/cli/inspection.h"
#include "convert/input/size.h"
#include "convert/output/document.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const store_names[] = {[TRANSPORT_OCI] = "oci",
                                          [TRANSPORT_VM] = "vm",
                                          [TRANSPORT_RAW] = "raw",
                                          [TRANSPORT_REGISTRY] = "registry",
                                          [TRANSPORT_ARCHIVE] = "oci-archive",
                                          [TRANSPORT_DIR] = "dir"};
static const char *const seal_names[] = {
    [SEAL_ABSENT] = "absent", [SEAL_VALID] = "valid", [SEAL_BROKEN] = "broken"};

static const char *offsets_name(const struct inspection *inspection)
{
    return inspection->placed == 0                               ? "none"
           : inspection->placed == inspection->disk->layer_count ? "all"
                                                                 : "some";
}

/* --- text ----------------------------------------------------------------------------------------
 */

static void text_size(struct text *text, const char *name, uint64_t size)
{
    char human[24];
    size_print(size, human);
    text_line(text, "%s: %" PRIu64 " bytes (%s)", name, size, human);
}

static void text_digest(struct text *text, const char *name, const struct digest *digest)
{
    char printed[DIGEST_TEXT_SIZE];
    digest_print(digest, printed);
    text_line(text, "%s: %s", name, printed);
}

static void text_vm(struct text *text, const struct json *config)
{
    uint64_t value, height;
    const struct json *display = json_get(config, "display");
    const char *os = json_string(json_get(config, "os"));
    const char *arch = json_string(json_get(config, "arch"));
    if (config == NULL)
        return;
    text_line(text, "system: %s", os != NULL ? os : "darwin");
    text_line(text, "architecture: %s", arch != NULL ? arch : "arm64");
    if (json_uint(json_get(config, "cpuCount"), &value))
        text_line(text, "processors: %" PRIu64, value);
    if (json_uint(json_get(config, "memorySize"), &value))
        text_size(text, "memory", value);
    if (json_uint(json_get(display, "width"), &value) &&
        json_uint(json_get(display, "height"), &height))
        text_line(text, "display: %" PRIu64 "x%" PRIu64, value, height);
}

static void text_members(struct text *text, const char *name, const struct json *object,
                         bool only_foreign)
{
    for (const struct json *member = json_first(object); member != NULL;
         member = json_next(member)) {
        const char *value = json_string(member);
        if (!only_foreign || annotation_is_foreign(json_key(member)))
            text_line(text, "%s: %s=%s", name, json_key(member), value != NULL ? value : "?");
    }
}

static void text_layers(struct text *text, const struct options *options,
                        const struct inspection *inspection)
{
    const struct disk *disk = inspection->disk;
    text_line(text, "layers: %zu, %zu different blobs", disk->layer_count, inspection->distinct);
    text_size(text, "encoded", inspection->encoded_size);
    if (disk->format == DISK_V2)
        text_line(text, "disk a layer: %" PRIu64 " to %" PRIu64 " bytes", inspection->chunk_least,
                  inspection->chunk_most);
    if (options->verbosity < VERBOSITY_VERBOSE)
        return;
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        char digest[DIGEST_TEXT_SIZE];
        digest_print(&layer->blob.digest, digest);
        if (disk->format == DISK_V2)
            text_line(text, "layer %zu: %s, %" PRIu64 " bytes, disk %" PRIu64 " to %" PRIu64,
                      layer->index, digest, layer->blob.size, layer->offset,
                      layer->offset + layer->length);
        else
            text_line(text, "layer %zu: %s, %" PRIu64 " bytes", layer->index, digest,
                      layer->blob.size);
    }
}

static void text_manifest(struct text *text, const struct options *options,
                          const struct inspection *inspection)
{
    const struct tart_image *tart = inspection->image.tart;
    text_digest(text, "manifest", &inspection->image.digest);
    text_layers(text, options, inspection);
    if (tart->stacked)
        text_line(text, "stacked: overlay layers lie over this disk");
    for (size_t i = 0; i < tart->foreign_count; i++)
        text_line(text, "foreign layer %zu: %s", tart->foreign[i],
                  tart->manifest->layers[tart->foreign[i]].media_type);
    if (tart->upload_time != NULL)
        text_line(text, "uploaded: %s", tart->upload_time);
    text_line(text, "disk offsets: %s", offsets_name(inspection));
    text_line(text, "seal: %s", seal_names[inspection->seal]);
    const char *salvaged = manifest_annotation(tart->manifest, OUR_SALVAGED);
    if (salvaged != NULL)
        text_line(text, "salvaged, not whole: %s", salvaged);
    if (inspection->has_source_digest && inspection->seal == SEAL_VALID)
        text_digest(text, "converted from", &inspection->source_digest);
}

static int tell_text(const struct options *options, const struct inspection *inspection,
                     struct bytes *out, struct error *err)
{
    struct text text = {.out = out, .err = err};
    const struct image *image = &inspection->image;
    bool manifest = image->manifest != NULL;
    text_line(&text, "format: %s", disk_format_name(inspection->disk->format));
    if (inspection->disk->has_size)
        text_size(&text, "disk", inspection->disk->size);
    else
        text_line(&text, "disk: size not said");
    if (manifest)
        text_manifest(&text, options, inspection);
    else
        text_size(&text, "not holes", inspection->data_size);
    text_vm(&text, inspection->vm_config);
    text_members(&text, "label", inspection_labels(inspection), false);
    if (manifest) {
        text_members(&text, "annotation", image->manifest->annotations, true);
        text_pullability(&text, &inspection->pullability);
    }
    AUTO_FREE char *result =
        reference_with_digest(&options->references[0], manifest, &image->digest);
    if (result == NULL)
        return error_memory(err);
    text_line(&text, "%s", result);
    return text.status;
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

static void put_layers(struct document *document, struct json *object,
                       const struct inspection *inspection)
{
    const struct disk *disk = inspection->disk;
    bool placed = disk->format == DISK_V2;
    struct json *array = put_array(document, object, "layers");
    for (size_t i = 0; i < disk->layer_count && !document->failed; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        struct json *item = add_object(document, array);
        put_uint(document, item, "layer", true, layer->index);
        put_digest(document, item, "digest", true, &layer->blob.digest);
        put_uint(document, item, "size", true, layer->blob.size);
        put_uint(document, item, "disk_offset", placed, layer->offset);
        put_uint(document, item, "length", placed, layer->length);
        put_digest(document, item, "content_digest", layer->has_content, &layer->content);
    }
}

static void put_disk(struct document *document, const struct inspection *inspection)
{
    const struct disk *disk = inspection->disk;
    bool manifest = inspection->image.manifest != NULL;
    bool chunks = manifest && disk->format == DISK_V2;
    struct json *object = put_object(document, NULL, "disk");
    put_text(document, object, "format", disk_format_name(disk->format));
    put_uint(document, object, "size", disk->has_size, disk->size);
    put_uint(document, object, "data_size", !manifest, inspection->data_size);
    put_uint(document, object, "encoded_size", manifest, inspection->encoded_size);
    put_uint(document, object, "blob_count", manifest, inspection->distinct);
    put_uint(document, object, "chunk_least", chunks, inspection->chunk_least);
    put_uint(document, object, "chunk_most", chunks, inspection->chunk_most);
    put_text(document, object, "offsets", manifest ? offsets_name(inspection) : NULL);
    if (manifest)
        put_layers(document, object, inspection);
    else
        put_null(document, object, "layers");
}

static void put_vm(struct document *document, const struct json *config)
{
    if (config == NULL) {
        put_null(document, NULL, "vm");
        return;
    }
    uint64_t value = 0;
    struct json *object = put_object(document, NULL, "vm");
    put_text(document, object, "os", json_string(json_get(config, "os")));
    put_text(document, object, "arch", json_string(json_get(config, "arch")));
    put_text(document, object, "disk_format", json_string(json_get(config, "diskFormat")));
    bool cpus = json_uint(json_get(config, "cpuCount"), &value);
    put_uint(document, object, "cpu_count", cpus, value);
    bool memory = json_uint(json_get(config, "memorySize"), &value);
    put_uint(document, object, "memory_size", memory, value);
    put_json(document, object, "display", json_get(config, "display"));
}

static void put_manifest(struct document *document, const struct inspection *inspection)
{
    const struct tart_image *tart = inspection->image.tart;
    bool there = tart != NULL;
    put_text(document, NULL, "upload_time", there ? tart->upload_time : NULL);
    put_text(document, NULL, "seal", there ? seal_names[inspection->seal] : NULL);
    put_digest(document, NULL, "source_digest",
               inspection->has_source_digest && inspection->seal == SEAL_VALID,
               &inspection->source_digest);
    put_text(document, NULL, "salvaged",
             there ? manifest_annotation(tart->manifest, OUR_SALVAGED) : NULL);
    put_bool(document, NULL, "stacked", there && tart->stacked);
    struct json *foreign = put_array(document, NULL, "foreign_layers");
    for (size_t i = 0; there && i < tart->foreign_count && !document->failed; i++) {
        const struct descriptor *layer = &tart->manifest->layers[tart->foreign[i]];
        struct json *object = add_object(document, foreign);
        put_uint(document, object, "layer", true, tart->foreign[i]);
        put_text(document, object, "media_type", layer->media_type);
        put_digest(document, object, "digest", true, &layer->blob.digest);
        put_uint(document, object, "size", true, layer->blob.size);
    }
    put_json(document, NULL, "labels", inspection_labels(inspection));
    struct json *annotations = put_object(document, NULL, "annotations");
    for (const struct json *member = there ? json_first(tart->manifest->annotations) : NULL;
         member != NULL && !document->failed; member = json_next(member))
        if (annotation_is_foreign(json_key(member)))
            put_json(document, annotations, json_key(member), member);
}

static int tell_json(const struct options *options, const struct inspection *inspection,
                     struct bytes *out, struct error *err)
{
    const struct reference *reference = &options->references[0];
    struct document document;
    document_begin(&document, "inspection");
    put_text(&document, NULL, "reference", reference->text);
    put_text(&document, NULL, "store", store_names[reference->transport]);
    put_digest(&document, NULL, "digest", inspection->image.manifest != NULL,
               &inspection->image.digest);
    put_disk(&document, inspection);
    put_vm(&document, inspection->vm_config);
    put_manifest(&document, inspection);
    put_pullability(&document, &inspection->pullability);
    return document_end(&document, out, err);
}

static int tell_raw(const struct options *options, const struct inspection *inspection,
                    struct bytes *out, struct error *err)
{
    const struct bytes *raw = &inspection->image.raw;
    if (inspection->image.manifest == NULL)
        return error_set(err, ERROR_USAGE, "%s has no manifest for --raw",
                         options->references[0].text);
    return bytes_append(out, raw->data, raw->size, err);
}

int cmd_inspect(const struct options *options, struct run *run, struct bytes *out,
                struct error *err)
{
    AUTO(inspection_done) struct inspection inspection;
    const struct store_options from = {.network = options->network, .side = &options->sides[0]};
    if (inspection_make(run, &options->references[0], &from, options->raw, &inspection, err) < 0)
        return -1;
    return options->raw    ? tell_raw(options, &inspection, out, err)
           : options->json ? tell_json(options, &inspection, out, err)
                           : tell_text(options, &inspection, out, err);
}
