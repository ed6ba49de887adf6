/* check_annotations.c: whether each disk.v2 layer says how much of the disk it has, and its digest.
 * Whether that is true is not its matter. */
#include "formats/checks/check.h"

#include <string.h>

#define FIX_REPAIR "`tartconv repair` writes them anew"

static bool is_v2(const struct descriptor *layer)
{
    return strcmp(layer->media_type, TART_TYPE_DISK_V2) == 0;
}

/* What a tool does that hands layers on without their annotations: every layer has lost both. */
static bool all_are_lost(const struct manifest *manifest, size_t *ret_first, size_t *ret_count)
{
    *ret_count = 0;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        if (!is_v2(layer))
            continue;
        if (descriptor_annotation(layer, TART_CONTENT_SIZE) != NULL ||
            descriptor_annotation(layer, TART_CONTENT_DIGEST) != NULL)
            return false;
        if ((*ret_count)++ == 0)
            *ret_first = i;
    }
    return *ret_count > 1;
}

static int report(size_t layer, const char *name, const char *value, const char *wanted,
                  struct findings *findings, struct error *err)
{
    if (value == NULL)
        return findings_add(findings, "annotation", SEVERITY_DAMAGE, at_layer(layer), FIX_REPAIR,
                            err, "layer %zu: the annotation %s is absent", layer, name);
    return findings_add(findings, "annotation", SEVERITY_DAMAGE, at_layer(layer), FIX_REPAIR, err,
                        "layer %zu: the annotation %s is \"%.100s\", must be a %s", layer, name,
                        value, wanted);
}

static int check_layer(const struct descriptor *layer, size_t index, struct findings *findings,
                       struct error *err)
{
    uint64_t length;
    struct digest digest;
    const char *size = descriptor_annotation(layer, TART_CONTENT_SIZE);
    const char *content = descriptor_annotation(layer, TART_CONTENT_DIGEST);
    if ((size == NULL || !parse_size(size, &length)) &&
        report(index, TART_CONTENT_SIZE, size, "plain number", findings, err) < 0)
        return -1;
    return content != NULL && digest_parse(content, &digest)
               ? 0
               : report(index, TART_CONTENT_DIGEST, content, "sha256 digest", findings, err);
}

int check_annotations(const struct facts *facts, struct findings *findings, struct error *err)
{
    const struct manifest *manifest = facts->manifest;
    size_t first = 0, count;
    /* of one that is none of the disk's it does not matter */
    if (manifest == NULL || (facts->image == NULL && facts->image_error.class == ERROR_DISK_MIXED))
        return 0;
    if (all_are_lost(manifest, &first, &count))
        return findings_add(findings, "annotation", SEVERITY_DAMAGE, at_layer(first), FIX_REPAIR,
                            err,
                            "none of the %zu disk.v2 layers has %s and %s: a tool that keeps no "
                            "annotations handed the image on, as containers-storage does",
                            count, TART_CONTENT_SIZE, TART_CONTENT_DIGEST);
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (is_v2(&manifest->layers[i]) && check_layer(&manifest->layers[i], i, findings, err) < 0)
            return -1;
    return 0;
}
