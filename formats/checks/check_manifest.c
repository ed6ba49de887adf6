/* check_manifest.c: whether the manifest is one that Tart can read: its media types, and newest
 * Tart's rules. Must not look at any blob. */
#include "formats/checks/check.h"

#include <string.h>

#define FIX_REPAIR "`tartconv repair` writes the manifest anew"

static int check_media_types(const struct manifest *manifest, struct findings *findings,
                             struct error *err)
{
    if (manifest->media_type == NULL) {
        if (findings_add(findings, "media-type-missing", SEVERITY_DAMAGE, NO_PLACE, FIX_REPAIR, err,
                         "the manifest has no mediaType, which every Tart needs") < 0)
            return -1;
    } else if (strcmp(manifest->media_type, MEDIA_TYPE_OCI_MANIFEST) != 0) {
        if (findings_add(findings, "manifest-media-type", SEVERITY_NOTE, NO_PLACE, FIX_REPAIR, err,
                         "the manifest's mediaType is %s, Tart writes %s", manifest->media_type,
                         MEDIA_TYPE_OCI_MANIFEST) < 0)
            return -1;
    }
    if (strcmp(manifest->config.media_type, MEDIA_TYPE_OCI_CONFIG) == 0)
        return 0;
    return findings_add(findings, "config-media-type", SEVERITY_NOTE, NO_PLACE, FIX_REPAIR, err,
                        "the image config's mediaType is %s, Tart writes %s",
                        manifest->config.media_type, MEDIA_TYPE_OCI_CONFIG);
}

static bool config_and_nvram_in_place(const struct tart_image *image)
{
    const struct manifest *manifest = image->manifest;
    return image->config_count == 1 && image->nvram_count == 1 &&
           image->config == &manifest->layers[0] &&
           image->nvram == &manifest->layers[manifest->layer_count - 1];
}

/* Of a disk.v2 layer; NULL where absent. */
static const char *content_digest(const struct tart_image *image, size_t layer)
{
    return descriptor_annotation(&image->manifest->layers[image->disk.layers[layer].index],
                                 TART_CONTENT_DIGEST);
}

/* Tart up to 2.35 asks for one config, one NVRAM, and both annotations on each disk.v2 layer; where
 * the rest is wrong, it takes the disk layers it finds. Overlays it does not know: of a stacked
 * image it would take the base alone. */
static bool no_tart_can_pull(const struct tart_image *image)
{
    if (image == NULL || image->stacked || image->config_count != 1 || image->nvram_count != 1)
        return true;
    for (size_t i = 0; i < image->disk.layer_count; i++)
        if (image->disk.format == DISK_V2 && content_digest(image, i) == NULL)
            return true;
    return false;
}

/* Absent ones are rule 6; ones that are no digest pass Tart's rules, and leave the disk
 * unprotected. */
static int check_content_digests(const struct tart_image *image, struct findings *findings,
                                 struct error *err)
{
    if (image == NULL || image->disk.format != DISK_V2)
        return 0;
    for (size_t i = 0; i < image->disk.layer_count; i++) {
        const struct disk_layer *layer = &image->disk.layers[i];
        const char *text = content_digest(image, i);
        if (layer->has_content || text == NULL)
            continue;
        if (findings_add(findings, "annotation", SEVERITY_DAMAGE, at_layer(layer->index),
                         FIX_REPAIR, err, "layer %zu: the annotation %s is no sha256 digest: %s",
                         layer->index, TART_CONTENT_DIGEST, text) < 0)
            return -1;
    }
    return 0;
}

static int check_rules(const struct facts *facts, struct findings *findings, struct error *err)
{
    struct error broken = ERROR_INIT;
    if (tart_check_rules(facts->manifest, &broken) == 0)
        return 0;
    const struct tart_image *image = facts->image;
    /* An image of something else breaks them, too; check_format.c says what it is. */
    if (image == NULL && facts->image_error.class == ERROR_NOT_TART)
        return 0;
    /* What is left of the rules then is that the disk be disk.v2, which check_format says. */
    if (image != NULL && image->disk.format == DISK_V1 && config_and_nvram_in_place(image))
        return 0;
    if (no_tart_can_pull(image))
        return report_error(&broken, FIX_REPAIR, findings, err);
    return findings_add(findings, "manifest-rules", SEVERITY_OBSTACLE, broken.where, FIX_REPAIR,
                        err, "%s", broken.text);
}

int check_manifest(const struct facts *facts, struct findings *findings, struct error *err)
{
    if (facts->manifest == NULL)
        return 0;
    if (check_media_types(facts->manifest, findings, err) < 0 ||
        check_rules(facts, findings, err) < 0)
        return -1;
    return check_content_digests(facts->image, findings, err);
}
