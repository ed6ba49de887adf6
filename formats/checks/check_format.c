/* check_format.c: which kind of image it is, and whether newest Tart takes that kind. Must not look
 * at any blob. */
#include "formats/checks/check.h"

/* tart_image_read gave none: its reason is the finding. */
static int report_no_image(const struct error *reason, struct findings *findings, struct error *err)
{
    const char *fix = "`tartconv repair` writes annotations and order anew where it can prove them";
    if (reason->class == ERROR_DISK_MIXED)
        fix =
            "push the image again from a VM that works: it is not known which layers are the disk";
    else if (reason->class == ERROR_DISK_EMPTY)
        fix = "push the image again from a VM that works: there is no disk in this one";
    else if (reason->class == ERROR_NOT_TART)
        return findings_add(findings, "not-tart", SEVERITY_OBSTACLE, NO_PLACE,
                            "perhaps another tag is meant: `skopeo inspect` tells what this is",
                            err, "%s", reason->text);
    else if (reason->class == ERROR_ANNOTATION && reason->where.layer >= 0)
        return 0; /* check_annotations.c says it of every layer */
    return report_error(reason, fix, findings, err);
}

int check_format(const struct facts *facts, struct findings *findings, struct error *err)
{
    const struct tart_image *image = facts->image;
    if (facts->manifest == NULL)
        return 0;
    if (is_v1_only(facts->manifest) &&
        findings_add(findings, "disk-v1", SEVERITY_OBSTACLE, NO_PLACE, "`tartconv convert`", err,
                     "the disk is disk.v1, which Tart 2.32 and later refuse") < 0)
        return -1;
    if (image == NULL)
        return report_no_image(&facts->image_error, findings, err);
    if (image->stacked &&
        findings_add(findings, "stacked", SEVERITY_NOTE, NO_PLACE, "", err,
                     "the disk is stacked: a base and overlays, for Tart newer than 2.35") < 0)
        return -1;
    for (size_t i = 0; i < image->foreign_count; i++) {
        size_t layer = image->foreign[i];
        if (findings_add(findings, "foreign-layer", SEVERITY_OBSTACLE, at_layer(layer),
                         "`tartconv convert --drop-foreign` leaves it out", err,
                         "layer %zu is none of Tart's: %s", layer,
                         image->manifest->layers[layer].media_type) < 0)
            return -1;
    }
    return 0;
}
