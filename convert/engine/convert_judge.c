/* convert_judge.c: decides whether and how an image may be converted. Looks at manifests only; does
 * nothing.
 */
#include "convert/engine/convert_parts.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

/* A manifest without the layers that are not Tart's. */
static int without_foreign(const struct tart_image *tart, struct manifest **ret, struct error *err)
{
    AUTO(json_free_auto) struct json *tree = json_copy(tart->manifest->tree);
    if (tree == NULL || json_set(tree, "layers", json_new_array(), err) < 0)
        return error_memory(err);
    struct json *kept = json_get(tree, "layers");
    size_t index = 0, next = 0;
    for (const struct json *layer = json_first(json_get(tart->manifest->tree, "layers"));
         layer != NULL; layer = json_next(layer), index++) {
        if (next < tart->foreign_count && tart->foreign[next] == index)
            next++;
        else if (json_append(kept, json_copy(layer), err) < 0)
            return -1;
    }
    return manifest_from_json(take_ptr(&tree), ret, err);
}

static int name_repair(struct error *err)
{
    return error_hint(err, "`tartconv repair` can mend that");
}

/* Tart takes any text there; what is believed of a disk must be a digest. */
static int check_digests(const struct tart_image *tart, struct error *err)
{
    for (size_t i = 0; i < tart->disk.layer_count; i++) {
        const struct disk_layer *layer = &tart->disk.layers[i];
        if (layer->has_content)
            continue;
        error_set(err, ERROR_ANNOTATION, "layer %zu: the annotation %s is no sha256 digest",
                  layer->index, TART_CONTENT_DIGEST);
        err->where.layer = (int64_t)layer->index;
        return -1;
    }
    size_t first = tart->disk.layers[0].index;
    const char *whole = descriptor_annotation(&tart->manifest->layers[first], TART_FILE_DIGEST);
    struct digest ignored;
    if (whole == NULL || digest_parse(whole, &ignored))
        return 0;
    error_set(err, ERROR_ANNOTATION, "layer %zu: the annotation %s is no sha256 digest", first,
              TART_FILE_DIGEST);
    err->where.layer = (int64_t)first;
    return -1;
}

static int judge_v2(const struct tart_image *tart, struct error *err)
{
    AUTO(manifest_free_auto) struct manifest *own = NULL;
    const struct manifest *manifest = tart->manifest;
    if (tart->foreign_count > 0) {
        if (without_foreign(tart, &own, err) < 0)
            return -1;
        manifest = own;
    }
    if (manifest->media_type == NULL) {
        error_set(err, ERROR_MANIFEST_RULES, "the manifest has no mediaType, which Tart needs");
        return name_repair(err);
    }
    /* first, since layers that were moved break rules as well */
    if (tart_check_places(tart, err) < 0 || tart_check_rules(manifest, err) < 0 ||
        check_digests(tart, err) < 0)
        return name_repair(err);
    return 0;
}

/* What both formats must keep to: one config, one NVRAM, a disk as large as promised. */
static int judge_parts(const struct tart_image *tart, const struct convert_options *options,
                       struct error *err)
{
    if (tart->foreign_count > 0 && !options->drop_foreign) {
        const struct descriptor *layer = &tart->manifest->layers[tart->foreign[0]];
        error_set(err, ERROR_FOREIGN_LAYER,
                  "layer %zu has media type %s, which is not Tart's: newest Tart refuses it; "
                  "--drop-foreign leaves such layers out",
                  tart->foreign[0], layer->media_type);
        err->where.layer = (int64_t)tart->foreign[0];
        return -1;
    }
    if (tart->config_count != 1 || tart->nvram_count != 1) {
        error_set(err, ERROR_MANIFEST_RULES,
                  "the manifest has %zu config.v1 and %zu nvram.v1 layers, must have one of each",
                  tart->config_count, tart->nvram_count);
        return name_repair(err);
    }
    const char *promised = manifest_annotation(tart->manifest, TART_DISK_SIZE);
    uint64_t size;
    if (tart->disk.format == DISK_V2 && promised != NULL && !tart->stacked &&
        (!parse_size(promised, &size) || size != tart->disk.size))
        return error_set(err, ERROR_DISK_SIZE,
                         "the layers make up %" PRIu64 " bytes of disk, the manifest says %s",
                         tart->disk.size, promised);
    return 0;
}

static int judge_stacked(enum transport destination, const struct convert_options *options,
                         struct error *err)
{
    if (!transport_has_manifests(destination))
        return error_set(err, ERROR_STACKED,
                         "a stacked image has no single disk that could be written as a file");
    if (options->to == CONVERT_TO_V1 || options->chunk_size != 0 || options->encode_all)
        return error_set(err, ERROR_STACKED,
                         "a stacked image can only be copied as it is: leave --to v1, --chunk-size "
                         "and --encode-all out");
    return 0;
}

/* Whether something was asked for that a copy of the source's manifest could not give. */
static bool asks_for_change(const struct tart_image *tart, const struct convert_options *options)
{
    if (options->chunk_size != 0 || options->encode_all || tart->foreign_count > 0)
        return true;
    if (options->upload_time == UPLOAD_TIME_NONE && tart->upload_time != NULL)
        return true;
    if (options->upload_time == UPLOAD_TIME_SET &&
        (tart->upload_time == NULL || strcmp(tart->upload_time, options->upload_time_text) != 0))
        return true;
    const struct descriptor *first = &tart->manifest->layers[tart->disk.layers[0].index];
    if (options->disk_digest && descriptor_annotation(first, TART_FILE_DIGEST) == NULL)
        return true;
    if (!options->plain)
        return false;
    /* --plain strips */
    bool ours = false;
    for (const struct json *member = json_first(tart->manifest->annotations);
         member != NULL && !ours; member = json_next(member))
        ours = strncmp(json_key(member), OUR_PREFIX, sizeof OUR_PREFIX - 1) == 0;
    for (size_t i = 0; i < tart->manifest->layer_count && !ours; i++)
        for (const struct json *member = json_first(tart->manifest->layers[i].annotations);
             member != NULL && !ours; member = json_next(member))
            ours = strncmp(json_key(member), OUR_PREFIX, sizeof OUR_PREFIX - 1) == 0;
    return ours;
}

static bool layers_fit(const struct disk *disk)
{
    for (size_t i = 0; i < disk->layer_count; i++)
        if (disk->layers[i].length > CHUNK_SIZE_MAX)
            return false;
    return true;
}

static int judge_disk_only(const struct image *image, enum transport destination,
                           const struct convert_options *options, struct error *err)
{
    if (options->to == CONVERT_TO_SAME)
        return error_set(err, ERROR_USAGE, "--to same copies manifests, and this source has none");
    if (image->disk.size == 0)
        return error_set(err, ERROR_DISK_EMPTY, "the disk is empty");
    if (destination == TRANSPORT_RAW || (image->has_vm_config && image->has_nvram))
        return 0;
    return error_set(err, ERROR_USAGE,
                     "a raw disk needs --vm-config and --vm-nvram to become an image");
}

int convert_judge(const struct image *image, enum transport destination,
                  const struct convert_options *options, enum convert_method *ret_method,
                  struct error *err)
{
    *ret_method = METHOD_CONVERTED;
    if (options->normalise && convert_judge_normal(image, destination, err) < 0)
        return -1;
    if (image->manifest == NULL)
        return judge_disk_only(image, destination, options, err);
    if (options->to == CONVERT_TO_SAME) {
        if (!transport_has_manifests(destination))
            return error_set(err, ERROR_USAGE, "--to same needs a destination that holds images");
        *ret_method = METHOD_COPIED;
        return 0;
    }
    if (image->tart == NULL) {
        *err = image->tart_error;
        return -1;
    }
    const struct tart_image *tart = image->tart;
    if (tart->stacked && judge_stacked(destination, options, err) < 0)
        return -1;
    if (judge_parts(tart, options, err) < 0)
        return -1;
    if (tart->disk.format == DISK_V2 && judge_v2(tart, err) < 0)
        return -1;
    if (options->normalise) {
        int normal = convert_is_normal(image, options, err);
        if (normal == 1)
            *ret_method = METHOD_COPIED;
        return normal < 0 ? -1 : 0;
    }
    bool same_format = (tart->disk.format == DISK_V2 && options->to == CONVERT_TO_V2) ||
                       (tart->disk.format == DISK_V1 && options->to == CONVERT_TO_V1 &&
                        options->v1_layer_size == TART_V1_LAYER_SIZE);
    bool as_it_is = transport_has_manifests(destination) &&
                    (tart->stacked ||
                     (same_format && layers_fit(&tart->disk) && !asks_for_change(tart, options)));
    if (image->mended && same_format && tart->disk.format == DISK_V1 &&
        transport_has_manifests(destination))
        *ret_method = METHOD_REWRITTEN;
    else if (as_it_is && !image->mended)
        *ret_method = METHOD_COPIED;
    return 0;
}

int convert_foresee(const struct image *image, enum transport destination,
                    const struct convert_options *options, enum convert_method *ret,
                    struct error *err)
{
    struct job job = {.options = options};
    if (options->normalise)
        convert_ask_normal(&job);
    return convert_judge(image, destination, job.options, ret, err);
}
