/* check_manifest.c: whether the manifest is one that Tart can read: the types of its members, its
 * media types. Must not look at any blob. */
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

/* Tart reads with strict types: none of these decodes. */
static int check_shape(const struct manifest_shape *shape, struct findings *findings,
                       struct error *err)
{
    char what[200];
    if (shape == NULL || manifest_shape_is_good(shape))
        return 0;
    manifest_shape_print(shape, what);
    return findings_add(findings, "manifest-invalid", SEVERITY_DAMAGE, NO_PLACE, FIX_REPAIR, err,
                        "the manifest is no OCI manifest: %s; what follows takes it for what it "
                        "means",
                        what);
}

int check_manifest(const struct facts *facts, struct findings *findings, struct error *err)
{
    if (facts->manifest == NULL)
        return 0;
    if (check_shape(facts->shape, findings, err) < 0)
        return -1;
    return check_media_types(facts->manifest, findings, err);
}
