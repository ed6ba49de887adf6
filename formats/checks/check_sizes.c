/* check_sizes.c: whether the sizes that the image states add up, and are ones that every reader
 * takes. What lies at those places is not its matter. */
#include "formats/checks/check.h"

#include <inttypes.h>

#define SECTOR_SIZE 512u

/* The disk's size as far as it is known: decoded, or for disk.v2 promised by the layers. */
static bool size_known(const struct facts *facts, uint64_t *ret)
{
    *ret = facts->disk_size;
    if (facts->disk_read)
        return true;
    const struct disk *disk = &facts->image->disk;
    *ret = 0;
    for (size_t i = 0; i < disk->layer_count; i++)
        if (!add_sizes(*ret, disk->layers[i].length, ret))
            return false;
    return disk->format == DISK_V2;
}

static int check_total(const struct facts *facts, struct findings *findings, struct error *err)
{
    const char *text = manifest_annotation(facts->manifest, TART_DISK_SIZE);
    if (text == NULL)
        return findings_add(findings, "disk-size-absent", SEVERITY_NOTE, NO_PLACE,
                            "`tartconv normalise` adds it", err,
                            "the manifest does not say the disk's size (Tart before 0.9)");
    uint64_t stated, size;
    if (!parse_size(text, &stated))
        return findings_add(findings, "annotation", SEVERITY_DAMAGE, NO_PLACE,
                            "`tartconv repair` writes it anew", err, "%s is no number: %s",
                            TART_DISK_SIZE, text);
    /* Of a stacked image it is the size that the guest sees, not the base's. */
    if (facts->image->stacked || !size_known(facts, &size) || size == stated)
        return 0;
    return findings_add(
        findings, "disk-size", SEVERITY_DAMAGE, NO_PLACE,
        "find out whether a layer was lost: compare with another copy of the image; "
        "if not, `tartconv repair` writes the size anew",
        err, "the disk has %" PRIu64 " bytes, the manifest says %" PRIu64, size, stated);
}

static int check_v1_layers(const struct disk *disk, struct findings *findings, struct error *err)
{
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        bool last = i + 1 == disk->layer_count;
        if (last ? layer->blob.size <= TART_V1_LAYER_SIZE : layer->blob.size == TART_V1_LAYER_SIZE)
            continue;
        return findings_add(findings, "layer-size", SEVERITY_NOTE, at_layer(layer->index), "", err,
                            "layer %zu has %" PRIu64 " bytes: Tart cuts disk.v1 every %u bytes",
                            layer->index, layer->blob.size, TART_V1_LAYER_SIZE);
    }
    return 0;
}

/* An image may hold thousands of such layers for one reason: one finding that counts them. */
struct tally {
    size_t count;
    const struct disk_layer *first;
};

static void tally_add(struct tally *tally, const struct disk_layer *layer)
{
    if (tally->count++ == 0)
        tally->first = layer;
}

static int check_v2_layers(const struct disk *disk, struct findings *findings, struct error *err)
{
    struct tally long_ones = {0}, odd_ones = {0};
    for (size_t i = 0; i < disk->layer_count; i++) {
        const struct disk_layer *layer = &disk->layers[i];
        if (layer->length > TART_CHUNK_SIZE)
            tally_add(&long_ones, layer);
        if (layer->length % SECTOR_SIZE != 0 && i + 1 < disk->layer_count)
            tally_add(&odd_ones, layer);
    }
    if (long_ones.count > 0 &&
        findings_add(
            findings, "layer-long", SEVERITY_NOTE, at_layer(long_ones.first->index),
            "`tartconv normalise` cuts the disk anew", err,
            "layers longer than 512 MiB (Tart 2.0 to 2.10), which other readers refuse: %zu, "
            "first layer %zu with %" PRIu64 " bytes",
            long_ones.count, long_ones.first->index, long_ones.first->length) < 0)
        return -1;
    if (odd_ones.count == 0)
        return 0;
    return findings_add(
        findings, "layer-unaligned", SEVERITY_NOTE, at_layer(odd_ones.first->index),
        "`tartconv normalise` cuts the disk anew", err,
        "layers that end inside a sector (Tart 2.11 to 2.13), which other readers refuse: "
        "%zu, first layer %zu with %" PRIu64 " bytes",
        odd_ones.count, odd_ones.first->index, odd_ones.first->length);
}

int check_sizes(const struct facts *facts, struct findings *findings, struct error *err)
{
    if (facts->image == NULL)
        return 0;
    if (check_total(facts, findings, err) < 0)
        return -1;
    const struct disk *disk = &facts->image->disk;
    return disk->format == DISK_V1 ? check_v1_layers(disk, findings, err)
                                   : check_v2_layers(disk, findings, err);
}
