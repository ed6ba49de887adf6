/* standing.c: an image's place in a migration, out of what the checks and normal form say of its
 * manifest. Judges nothing itself, and asks nobody. */
#include "convert/fleet/standing.h"

#include "convert/stores/backup.h"
#include "formats/checks/checks.h"
#include "formats/model/auto.h"

#include <search.h>
#include <stdio.h>
#include <string.h>

#define OLD_CHUNK_SIZE 500000000u /* Tart 2.11 to 2.13: docs/formats/manifest.md */
#define ZEROS_RATIO    100        /* LZ4 packs at best 255 to 1; what is not zeros, 2 to 1 */

const char *need_name(enum need need)
{
    static const char *const names[NEED_COUNT] = {
        [NEED_NOTHING] = "nothing", [NEED_NORMALISE] = "normalise", [NEED_RECUT] = "re-cut",
        [NEED_CONVERT] = "convert", [NEED_REPAIR] = "repair",       [NEED_NONE_KNOWN] = "-"};
    return names[need];
}

void standing_done(struct standing *standing)
{
    free(standing->blobs);
    free(standing->roles);
    *standing = (struct standing){.blobs = NULL};
}

static void set_era(struct standing *ret, const char *era)
{
    snprintf(ret->era, sizeof ret->era, "%s", era);
}

/* Texts here may be longer than there is room for. */
static void set_why(struct standing *ret, const char *why)
{
    size_t size = strlen(why), most = sizeof ret->why - 1;
    size_t kept = size < most ? size : most;
    memcpy(ret->why, why, kept);
    ret->why[kept] = '\0';
    if (size > most)
        memcpy(ret->why + most - 3, "...", 3);
}

/* --- blobs --- */

static int compare(const void *a, const void *b)
{
    const struct blob_id *x = a, *y = b;
    return memcmp(x->digest.bytes, y->digest.bytes, sizeof x->digest.bytes);
}

static void keep(void *item)
{
    (void)item; /* the manifest owns them */
}

static enum blob_role role_of(const struct descriptor *layer)
{
    const char *type = layer->media_type;
    uint64_t length;
    if (strcmp(type, TART_TYPE_DISK_V1) == 0 || strcmp(type, TART_TYPE_OVERLAY) == 0)
        return ROLE_DISK;
    if (strcmp(type, TART_TYPE_DISK_V2) != 0)
        return ROLE_OTHER;
    const char *text = descriptor_annotation(layer, TART_CONTENT_SIZE);
    bool zeros =
        text != NULL && parse_size(text, &length) && layer->blob.size < length / ZEROS_RATIO;
    return zeros ? ROLE_ZEROS : ROLE_DISK;
}

static int add_blob(const struct descriptor *descriptor, void **seen, struct standing *ret,
                    struct error *err)
{
    if (tfind(&descriptor->blob, seen, compare) != NULL)
        return 0;
    if (tsearch(&descriptor->blob, seen, compare) == NULL)
        return error_memory(err);
    ret->blobs[ret->blob_count] = descriptor->blob;
    ret->roles[ret->blob_count++] = role_of(descriptor);
    return 0;
}

static int list_blobs(const struct manifest *manifest, struct standing *ret, struct error *err)
{
    void *seen = NULL;
    ret->blobs = calloc(manifest->layer_count + 1, sizeof *ret->blobs);
    ret->roles = calloc(manifest->layer_count + 1, sizeof *ret->roles);
    if (ret->blobs == NULL || ret->roles == NULL)
        return error_memory(err);
    int status = add_blob(&manifest->config, &seen, ret, err);
    for (size_t i = 0; i < manifest->layer_count && status == 0; i++)
        status = add_blob(&manifest->layers[i], &seen, ret, err);
    tdestroy(seen, keep);
    return status;
}

/* --- what it is --- */

static const char *v2_era(const struct disk *disk, struct standing *ret)
{
    size_t old = 0, now = 0;
    for (size_t i = 0; i < disk->layer_count; i++) {
        uint64_t length = disk->layers[i].length;
        bool last = i + 1 == disk->layer_count;
        if (length > TART_CHUNK_SIZE)
            return "v2 (unbounded)";
        now += length == TART_CHUNK_SIZE || last;
        old += length == OLD_CHUNK_SIZE || (last && length < OLD_CHUNK_SIZE);
    }
    /* one short layer may be of either, and needs no other cut */
    ret->even = now == disk->layer_count;
    if (ret->sealed)
        return "v2 (tartconv)";
    return ret->even                  ? "v2 (512 MiB)"
           : old == disk->layer_count ? "v2 (500000000)"
                                      : "v2 (other cut)";
}

static const char *unread_era(const struct image *image)
{
    bool v1 = false, v2 = false;
    if (image->tart_error.class == ERROR_NOT_TART)
        return "not tart";
    for (size_t i = 0; i < image->manifest->layer_count; i++) {
        const char *type = image->manifest->layers[i].media_type;
        v1 |= strcmp(type, TART_TYPE_DISK_V1) == 0;
        v2 |= strcmp(type, TART_TYPE_DISK_V2) == 0;
    }
    return v1 && v2 ? "mixed" : v1 ? "v1" : v2 ? "v2" : "unreadable";
}

static void describe_disk(const struct image *image, struct standing *ret)
{
    const struct tart_image *tart = image->tart;
    if (tart == NULL) {
        set_era(ret, unread_era(image));
        return;
    }
    const struct disk *disk = &tart->disk;
    set_era(ret, tart->stacked ? "stacked" : disk->format == DISK_V1 ? "v1" : v2_era(disk, ret));
    ret->has_disk_size = disk->has_size;
    ret->disk_size = disk->size;
    /* of a stacked image the base alone is `disk`; what the guest sees is said beside it */
    const char *said = manifest_annotation(image->manifest, TART_DISK_SIZE);
    if (tart->stacked)
        ret->has_disk_size = said != NULL && parse_size(said, &ret->disk_size);
    for (size_t i = 0; i < image->manifest->layer_count; i++)
        if (role_of(&image->manifest->layers[i]) != ROLE_OTHER) {
            ret->layer_count++;
            if (!add_sizes(ret->encoded_size, image->manifest->layers[i].blob.size,
                           &ret->encoded_size))
                ret->encoded_size = INT64_MAX;
        }
}

static int describe(const struct image *image, const char *tag, const char *backup_tag,
                    struct standing *ret, struct error *err)
{
    const struct manifest *manifest = image->manifest;
    enum seal seal;
    if (tart_seal_check(manifest, &seal, err) < 0)
        return -1;
    ret->has_digest = true;
    ret->digest = image->digest;
    ret->manifest_size = image->raw.size;
    ret->sealed = seal == SEAL_VALID;
    ret->backup = tag != NULL && backup_fits(backup_tag, tag, &image->digest);
    ret->salvaged = manifest_annotation(manifest, OUR_SALVAGED) != NULL;
    const char *source = manifest_annotation(manifest, OUR_SOURCE_DIGEST);
    ret->has_source = ret->sealed && source != NULL && digest_parse(source, &ret->source);
    describe_disk(image, ret);
    return list_blobs(manifest, ret, err);
}

/* --- what it needs --- */

static const struct finding *worst_of(const struct findings *findings)
{
    const struct finding *worst = NULL;
    for (size_t i = 0; i < findings->count; i++)
        if (worst == NULL || findings->items[i].severity > worst->severity)
            worst = &findings->items[i];
    return worst;
}

static void set_need(struct standing *ret, enum need need, const char *why)
{
    ret->need = need;
    set_why(ret, why);
}

static int judge_v2(const struct image *image, const struct finding *worst, struct standing *ret,
                    struct error *err)
{
    int normal = image->mended || !manifest_shape_is_good(&image->shape)
                     ? 0
                     : tart_is_normal(image->tart, image->raw.data, image->raw.size,
                                      image->tart->upload_time, err);
    if (normal < 0)
        return -1;
    if (normal == 1)
        set_need(ret, NEED_NOTHING, "");
    else if (strcmp(ret->era, "v2 (unbounded)") == 0)
        set_need(ret, NEED_RECUT, "layers longer than 512 MiB, as Tart 2.0 to 2.10 cut them");
    else if (strcmp(ret->era, "v2 (500000000)") == 0)
        set_need(ret, NEED_RECUT, "layers of 500000000 bytes, as Tart 2.11 to 2.13 cut them");
    else if (worst != NULL && worst->severity == SEVERITY_OBSTACLE)
        set_need(ret, NEED_NORMALISE, worst->text);
    else
        set_need(ret, NEED_NORMALISE, "sound, but not in normal form");
    return 0;
}

static int judge(const struct image *image, const struct findings *findings, struct standing *ret,
                 struct error *err)
{
    const struct finding *worst = worst_of(findings);
    ret->finding = worst == NULL ? NULL : worst->id;
    if (image->tart == NULL && image->tart_error.class == ERROR_NOT_TART)
        set_need(ret, NEED_NONE_KNOWN, "no Tart image");
    else if (image->tart == NULL) {
        /* what follows from it is told by the checks, too */
        ret->finding = error_class_name(image->tart_error.class);
        set_need(ret, NEED_REPAIR, image->tart_error.text);
    } else if (findings_worst(findings) == SEVERITY_DAMAGE)
        set_need(ret, NEED_REPAIR, worst->text);
    else if (image->tart->stacked)
        set_need(ret, NEED_NONE_KNOWN, "stacked, which is only ever copied as it is");
    else if (ret->salvaged)
        set_need(ret, NEED_NONE_KNOWN, "salvaged, and not whole");
    else if (image->tart->disk.format == DISK_V1)
        set_need(ret, NEED_CONVERT, "disk.v1, which Tart 2.32 and later refuse");
    else
        return judge_v2(image, worst, ret, err);
    return 0;
}

static int standing_fill(const struct image *image, const char *tag, const char *backup_tag,
                         const struct findings *quick, struct standing *ret, struct error *err)
{
    const struct facts facts = {.manifest = image->manifest,
                                .image = image->tart,
                                .image_error = image->tart_error,
                                .shape = &image->shape};
    AUTO(findings_done) struct findings own = {.items = NULL};
    if (describe(image, tag, backup_tag, ret, err) < 0 ||
        (quick == NULL && checks_run(&facts, &own, err) < 0))
        return -1;
    return judge(image, quick == NULL ? &own : quick, ret, err);
}

int standing_judge(const struct image *image, const char *tag, const char *backup_tag,
                   const struct findings *quick, struct standing *ret, struct error *err)
{
    *ret = (struct standing){.blobs = NULL};
    if (image->manifest == NULL)
        return error_set(err, ERROR_USAGE, "only what has a manifest can be judged by it");
    if (standing_fill(image, tag, backup_tag, quick, ret, err) == 0)
        return 0;
    standing_done(ret);
    return -1;
}

bool standing_of_error(const struct error *error, struct standing *ret)
{
    bool damaged = error_class_status(error->class) == 2;
    *ret = (struct standing){.blobs = NULL};
    /* of an OCI index: none of its entries is one, or several are */
    if (!damaged && error->class != ERROR_NOT_TART && error->class != ERROR_UNSUPPORTED)
        return false;
    set_era(ret, damaged ? "unreadable" : "not tart");
    set_need(ret, damaged ? NEED_REPAIR : NEED_NONE_KNOWN, error->text);
    if (damaged)
        ret->finding = error_class_name(error->class);
    return true;
}
