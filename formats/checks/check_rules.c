/* check_rules.c: newest Tart's rules for a manifest. Tart names the first that is broken; here what
 * is wrong with config and NVRAM is put right in a copy, so that what comes behind is told, too.
 * Must not look at any blob. */
#include "formats/checks/check.h"

#include "formats/model/auto.h"

#include <string.h>

#define FIX_REPAIR "`tartconv repair` writes the manifest anew"
#define FIX_COPY   "take another copy of the image"

/* A manifest of which only the layers are looked at. */
struct copy {
    struct manifest manifest;
    struct descriptor *layers; /* room for two more than the manifest has */
    int64_t *index;            /* of each in the real manifest; -1: a stand-in */
};

static bool has_type(const struct copy *copy, size_t layer, const char *type)
{
    return strcmp(copy->layers[layer].media_type, type) == 0;
}

static void take_out(struct copy *copy, size_t layer)
{
    size_t behind = --copy->manifest.layer_count - layer;
    memmove(&copy->layers[layer], &copy->layers[layer + 1], behind * sizeof *copy->layers);
    memmove(&copy->index[layer], &copy->index[layer + 1], behind * sizeof *copy->index);
}

static void put_in(struct copy *copy, size_t layer, struct descriptor descriptor, int64_t index)
{
    size_t behind = copy->manifest.layer_count++ - layer;
    memmove(&copy->layers[layer + 1], &copy->layers[layer], behind * sizeof *copy->layers);
    memmove(&copy->index[layer + 1], &copy->index[layer], behind * sizeof *copy->index);
    copy->layers[layer] = descriptor;
    copy->index[layer] = index;
}

/* Exactly one of the type: the first, or a stand-in where it belongs; false where that is so. */
static bool make_single(struct copy *copy, const char *type, bool last)
{
    size_t found = 0, kept = 0;
    for (size_t i = 0; i < copy->manifest.layer_count; i++) {
        if (has_type(copy, i, type) && ++found > 1)
            continue;
        copy->layers[kept] = copy->layers[i];
        copy->index[kept++] = copy->index[i];
    }
    copy->manifest.layer_count = kept;
    if (found == 0)
        put_in(copy, last ? copy->manifest.layer_count : 0, (struct descriptor){.media_type = type},
               -1);
    return found != 1;
}

/* The one of the type to one end; false where it is there. */
static bool make_place(struct copy *copy, const char *type, bool last)
{
    size_t at = 0, wanted = last ? copy->manifest.layer_count - 1 : 0;
    while (!has_type(copy, at, type))
        at++;
    if (at == wanted)
        return false;
    struct descriptor descriptor = copy->layers[at];
    int64_t index = copy->index[at];
    take_out(copy, at);
    put_in(copy, wanted, descriptor, index);
    return true;
}

/* Puts right what rules 1 to 3 are about, one rule at a time; false where they hold. */
static bool frame_mend(struct copy *copy)
{
    if (make_single(copy, TART_TYPE_CONFIG, false) || make_single(copy, TART_TYPE_NVRAM, true))
        return true;
    bool moved = make_place(copy, TART_TYPE_CONFIG, false);
    return make_place(copy, TART_TYPE_NVRAM, true) || moved;
}

/* Tart up to 2.35 asks for one config, one NVRAM, and both annotations on each disk.v2 layer; where
 * the rest is wrong, it takes the disk layers it finds. Overlays it does not know: of a stacked
 * image it would take the base alone. */
static bool no_tart_can_pull(const struct tart_image *image)
{
    if (image == NULL || image->stacked || image->config_count != 1 || image->nvram_count != 1)
        return true;
    for (size_t i = 0; i < image->disk.layer_count; i++)
        if (image->disk.format == DISK_V2 &&
            descriptor_annotation(&image->manifest->layers[image->disk.layers[i].index],
                                  TART_CONTENT_DIGEST) == NULL)
            return true;
    return false;
}

/* What is lost, stacked, or of two disks cannot be written anew. */
static const char *fix_of(const struct facts *facts)
{
    const struct tart_image *image = facts->image;
    if (image == NULL)
        return facts->image_error.class == ERROR_DISK_MIXED ||
                       facts->image_error.class == ERROR_DISK_EMPTY
                   ? FIX_COPY
                   : FIX_REPAIR;
    return image->stacked || image->config_count == 0 || image->nvram_count == 0 ? FIX_COPY
                                                                                 : FIX_REPAIR;
}

static int report(const struct facts *facts, const struct error *broken, struct findings *findings,
                  struct error *err)
{
    const char *fix = fix_of(facts);
    if (no_tart_can_pull(facts->image))
        return report_error(broken, fix, findings, err);
    return findings_add(findings, "manifest-rules", SEVERITY_OBSTACLE, broken->where, fix, err,
                        "%s", broken->text);
}

int check_rules(const struct facts *facts, struct findings *findings, struct error *err)
{
    const struct manifest *manifest = facts->manifest;
    const struct tart_image *image = facts->image;
    /* An image of something else breaks them, too; check_format.c says what it is. */
    if (manifest == NULL || (image == NULL && facts->image_error.class == ERROR_NOT_TART))
        return 0;
    AUTO_FREE struct descriptor *layers = calloc(manifest->layer_count + 2, sizeof *layers);
    AUTO_FREE int64_t *index = calloc(manifest->layer_count + 2, sizeof *index);
    if (layers == NULL || index == NULL)
        return error_memory(err);
    struct copy copy = {.manifest = *manifest, .layers = layers, .index = index};
    copy.manifest.layers = layers;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        layers[i] = manifest->layers[i];
        index[i] = (int64_t)i;
    }
    struct error broken = ERROR_INIT;
    while (tart_check_rules(&copy.manifest, &broken) < 0) {
        if (broken.where.layer >= 0)
            broken.where.layer = copy.index[broken.where.layer];
        bool framed = !frame_mend(&copy);
        if (framed && is_v1_only(manifest))
            return 0; /* it is disk.v1, which check_format.c says */
        if (report(facts, &broken, findings, err) < 0)
            return -1;
        if (framed)
            return 0;
        broken = (struct error)ERROR_INIT;
    }
    return 0;
}
