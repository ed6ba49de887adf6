/* check_gpt.c: whether a raw disk's partition table says that the disk is whole: begins and ends
 * where it should. An ASIF file and a stacked disk hold the guest's sectors elsewhere and are left
 * alone. */
#include "formats/checks/check.h"

#include <inttypes.h>

#define FIX_ORDER "`tartconv repair` tries other orders of the layers; if they are right, "
#define FIX_FRONT "repair the table in the guest (sgdisk, diskutil repairDisk)"
#define FIX_END   "repair the backup in the guest (sgdisk -e, diskutil repairDisk)"

/* (A disk without a manifest has no layers that could be put in order.) */

/* Larger than any, where it is not known. */
static bool disk_size_known(const struct facts *facts, uint64_t *ret)
{
    const struct tart_image *image = facts->image;
    *ret = facts->disk_size;
    if (!facts->disk_read && image != NULL)
        *ret = image->disk.has_size ? image->disk.size : 0;
    if (facts->disk_read || *ret > 0)
        return true;
    *ret = INT64_MAX;
    return false;
}

static int check_front(const struct facts *facts, const struct gpt *gpt, struct findings *findings,
                       struct error *err)
{
    if (gpt->primary == GPT_DAMAGED)
        return findings_add(findings, "gpt-primary", SEVERITY_DAMAGE, at_disk(gpt->sector_size),
                            facts->manifest != NULL ? FIX_ORDER FIX_FRONT : FIX_FRONT, err,
                            "the partition table at the disk's start is damaged: %s", gpt->why);
    if (gpt->primary != GPT_ABSENT)
        return 0;
    if (facts->table_layer > 0)
        return findings_add(
            findings, "gpt-primary", SEVERITY_DAMAGE,
            (struct error_place){(int64_t)facts->table_layer, -1, (int64_t)facts->table_offset},
            FIX_ORDER FIX_FRONT, err,
            "layer %zu begins with this disk's partition table and is not the "
            "first: the layers are out of order",
            facts->table_layer);
    if (gpt->backup == GPT_GOOD || gpt->backup == GPT_DAMAGED)
        return findings_add(findings, "gpt-stale", SEVERITY_NOTE, NO_PLACE, "", err,
                            "the disk ends in a partition table's backup, but does not begin with "
                            "such a table");
    return findings_add(findings, "gpt-absent", SEVERITY_NOTE, NO_PLACE, "", err,
                        "the disk has no GUID partition table to check it against");
}

static int check_end(const struct facts *facts, const struct gpt *gpt, uint64_t disk_size,
                     struct findings *findings, struct error *err)
{
    if (gpt->disk_size > disk_size)
        return findings_add(findings, "gpt-short", SEVERITY_DAMAGE, at_disk(disk_size),
                            "the disk's end is lost: take another copy of the image", err,
                            "the disk has %" PRIu64
                            " bytes, its partition table was made for %" PRIu64,
                            disk_size, gpt->disk_size);
    /* A primary that is not there names no backup: gpt-stale. */
    if (gpt->primary != GPT_ABSENT && gpt->backup == GPT_DAMAGED &&
        findings_add(findings, "gpt-backup", SEVERITY_DAMAGE,
                     gpt->disk_size > 0 ? at_disk(gpt->disk_size - gpt->sector_size) : NO_PLACE,
                     facts->manifest != NULL ? FIX_ORDER FIX_END : FIX_END, err,
                     "the partition table's backup at the disk's end is damaged: %s",
                     gpt->backup_why) < 0)
        return -1;
    if (gpt->disk_size == 0 || disk_size - gpt->disk_size < gpt->sector_size)
        return 0;
    return findings_add(
        findings, "gpt-grown", SEVERITY_NOTE, at_disk(gpt->disk_size),
        "nothing; sgdisk -e or diskutil repairDisk in the guest moves the backup to "
        "the end",
        err, "the disk was grown to %" PRIu64 " bytes, its partition table was made for %" PRIu64,
        disk_size, gpt->disk_size);
}

int check_gpt(const struct facts *facts, struct findings *findings, struct error *err)
{
    uint64_t disk_size;
    enum asif asif = disk_asif(facts);
    if (asif != ASIF_NO || (facts->image != NULL && facts->image->stacked))
        return 0;
    bool known = disk_size_known(facts, &disk_size);
    struct gpt gpt;
    gpt_read(facts->head, facts->head_size, facts->tail, facts->tail_size, disk_size, &gpt);
    if (check_front(facts, &gpt, findings, err) < 0)
        return -1;
    return !known ? 0 : check_end(facts, &gpt, disk_size, findings, err);
}
