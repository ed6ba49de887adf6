/* check_order.c: whether the layers stand in the disk's order, as far as the manifest itself can
 * tell: our offsets, Tart's digest of the whole disk, and the one short layer that belongs at the
 * end; and, as far as its blocks prove it, by the disk. Its ends are check_gpt.c's matter. */
#include "formats/checks/check.h"

#include <inttypes.h>
#include <string.h>

#define FIX_REPAIR "`tartconv repair` puts the layers in order"
#define FIX_SIZE   "`tartconv repair` writes the size anew where the content digest is right"
#define FIX_PLACES                                                                                 \
    "`tartconv repair` puts the layers in order where all of it is proved, or by a sibling with "  \
    "--reference IMAGE"

static const struct descriptor *descriptor_of(const struct tart_image *image, size_t layer)
{
    return &image->manifest->layers[image->disk.layers[layer].index];
}

/* Tart cuts chunks of one length, so only the last may be shorter. A shorter one elsewhere, all
 * others being of Tart's length, is no proof: another tool may have cut so. */
static int check_short_layer(const struct tart_image *image, struct findings *findings,
                             struct error *err)
{
    static const uint64_t lengths[] = {500000000, TART_CHUNK_SIZE};
    const struct disk *disk = &image->disk;
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        size_t others = 0, other = 0;
        for (size_t i = 0; i < disk->layer_count; i++) {
            if (disk->layers[i].length == lengths[k])
                continue;
            others++;
            other = i;
        }
        const struct disk_layer *layer = &disk->layers[other];
        if (others != 1 || other + 1 == disk->layer_count || layer->length > lengths[k] ||
            descriptor_annotation(descriptor_of(image, other), OUR_DISK_OFFSET) != NULL)
            continue;
        return findings_add(findings, "order-doubtful", SEVERITY_NOTE, at_layer(layer->index),
                            FIX_REPAIR " if they are not", err,
                            "layer %zu has %" PRIu64 " bytes of disk, all others %" PRIu64
                            ": Tart writes the short one last, so the layers may be out of order",
                            layer->index, layer->length, lengths[k]);
    }
    return 0;
}

static int check_disk_digest(const struct facts *facts, struct findings *findings,
                             struct error *err)
{
    const struct descriptor *first = descriptor_of(facts->image, 0);
    const char *text = descriptor_annotation(first, TART_FILE_DIGEST);
    if (text == NULL)
        return 0;
    size_t layer = facts->image->disk.layers[0].index;
    struct digest stated;
    if (!digest_parse(text, &stated))
        return findings_add(findings, "annotation", SEVERITY_DAMAGE, at_layer(layer),
                            "`tartconv repair` writes it anew", err,
                            "layer %zu: %s is no sha256 digest: %s", layer, TART_FILE_DIGEST, text);
    if (!facts->has_file_digest || digest_equal(&stated, &facts->disk_digest))
        return 0;
    char found[DIGEST_TEXT_SIZE];
    digest_print(&facts->disk_digest, found);
    return findings_add(findings, "disk-digest", SEVERITY_DAMAGE, at_layer(layer),
                        FIX_REPAIR " where that is the cause; else compare with another copy", err,
                        "the disk's digest is %s, layer %zu says %s", found, layer, text);
}

/* A proved place is one that several blocks state under their checksums, and none contradicts; what
 * is only likely may be chance, and is no damage. */
static int check_places(const struct facts *facts, struct findings *findings, struct error *err)
{
    for (size_t i = 0; i < facts->misplaced_count; i++) {
        const struct misplaced *one = &facts->misplaced[i];
        struct error_place where = {(int64_t)one->layer, -1, (int64_t)one->offset};
        if (findings_add(findings, one->proved ? "disk-order" : "order-doubtful",
                         one->proved ? SEVERITY_DAMAGE : SEVERITY_NOTE, where, FIX_PLACES, err,
                         "layer %zu is at disk byte %" PRIu64 " and %s at %" PRIu64
                         ", by what the disk says of itself: %s",
                         one->layer, one->offset, one->proved ? "belongs" : "may belong",
                         one->place, one->why) < 0)
            return -1;
    }
    return 0;
}

/* Whether decoding showed the same of the same layer. */
static bool is_told(const struct findings *findings, const struct error *found)
{
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(findings->items[i].id, error_class_name(found->class)) == 0 &&
            findings->items[i].where.layer == found->where.layer)
            return true;
    return false;
}

int check_order(const struct facts *facts, struct findings *findings, struct error *err)
{
    if (facts->image == NULL || facts->image->disk.layer_count == 0)
        return 0;
    struct error disorder = ERROR_INIT;
    if (tart_check_places(facts->image, &disorder) < 0) {
        const char *fix = disorder.class == ERROR_CONTENT_SIZE ? FIX_SIZE : FIX_REPAIR;
        if (!is_told(findings, &disorder) && report_error(&disorder, fix, findings, err) < 0)
            return -1;
    } else if (facts->image->disk.format == DISK_V2 &&
               check_short_layer(facts->image, findings, err) < 0) {
        return -1;
    }
    if (check_places(facts, findings, err) < 0)
        return -1;
    return check_disk_digest(facts, findings, err);
}
