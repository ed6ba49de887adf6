/* check_blobs.c: whether each blob that the manifest names is there, whole, and decodes. Must not
 * look for causes that lie outside of the one blob. */
#include "formats/checks/check.h"

#include <stdio.h>

#define FIX_REFILL                                                                                 \
    "copy the image again from where it came from, or `tartconv repair --refill IMAGE` with an "   \
    "image that has this blob"
#define FIX_ORDER                                                                                  \
    "`tartconv repair` tries other orders of the layers; where none fits, `tartconv convert "      \
    "--salvage` writes what can be had"
#define FIX_ENCODED                                                                                \
    "the layer was made wrong: push the image again, or `tartconv repair --refill IMAGE`"

static const char *fix_of(enum error_class class, const struct tart_image *image)
{
    switch (class) {
    case ERROR_BLOB_MISSING:
    case ERROR_BLOB_SIZE:
    case ERROR_BLOB_DIGEST:
        return FIX_REFILL;
    case ERROR_LAYER_CHAIN:
        return FIX_ORDER;
    case ERROR_STREAM_MAGIC:
    case ERROR_STREAM_BLOCK:
    case ERROR_STREAM_LIMIT:
    case ERROR_STREAM_TRUNCATED:
    case ERROR_STREAM_TRAILING:
        return image != NULL && image->disk.format == DISK_V1 ? FIX_ORDER : FIX_ENCODED;
    case ERROR_STREAM_FOREIGN:
        return "`tartconv repair` undoes gzip and zstd; else push the image again with Tart";
    case ERROR_CONTENT_SIZE:
    case ERROR_CONTENT_DIGEST:
        return "the layer's bytes or its annotation are wrong: compare with another copy of the "
               "image; `tartconv repair --refill IMAGE`";
    case ERROR_DISK_SIZE:
        return "find out whether a layer was lost or is there twice: compare with another copy of "
               "the image; if not, `tartconv repair` writes the size anew";
    default:
        return "";
    }
}

/* Of a disk.v2 layer it is known where on the disk it belongs. */
static struct error_place at_blob(const struct tart_image *image, size_t layer)
{
    struct error_place where = at_layer(layer);
    const struct disk *disk = image != NULL && image->disk.format == DISK_V2 ? &image->disk : NULL;
    size_t low = 0, high = disk == NULL ? 0 : disk->layer_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (disk->layers[middle].index < layer)
            low = middle + 1;
        else
            high = middle;
    }
    if (disk != NULL && low < disk->layer_count && disk->layers[low].index == layer)
        where.disk_offset = (int64_t)disk->layers[low].offset;
    return where;
}

static int check_blob(const struct facts *facts, const struct blob_fact *fact,
                      struct findings *findings, struct error *err)
{
    bool config = fact->layer == BLOB_FACT_CONFIG;
    const struct manifest *manifest = facts->manifest;
    const struct blob_id *id =
        config ? &manifest->config.blob : &manifest->layers[fact->layer].blob;
    struct error_place where = config ? NO_PLACE : at_blob(facts->image, fact->layer);
    char name[32] = "the image config";
    if (!config)
        snprintf(name, sizeof name, "layer %zu", fact->layer);
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, digest);
    if (!fact->present)
        return findings_add(findings, "blob-missing", SEVERITY_DAMAGE, where, FIX_REFILL, err,
                            "%s: blob %s is absent", name, digest);
    if (fact->size != id->size &&
        findings_add(findings, "blob-size", SEVERITY_DAMAGE, where, FIX_REFILL, err,
                     "%s: blob %s has %llu bytes, its descriptor says %llu", name, digest,
                     (unsigned long long)fact->size, (unsigned long long)id->size) < 0)
        return -1;
    if (fact->error.class == ERROR_NONE ||
        (fact->error.class == ERROR_BLOB_SIZE && fact->size != id->size))
        return 0;
    return report_error(&fact->error, fix_of(fact->error.class, facts->image), findings, err);
}

int check_blobs(const struct facts *facts, struct findings *findings, struct error *err)
{
    if (facts->manifest == NULL)
        return 0;
    for (size_t i = 0; i < facts->blob_count; i++)
        if (check_blob(facts, &facts->blobs[i], findings, err) < 0)
            return -1;
    return 0;
}
