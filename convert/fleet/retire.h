/* retire.h: V1 manifests whose images have been migrated, deleted. tartconv-retire(1). The only
 * command that takes anything away; every condition is looked at again at that moment.
 *
 * An image qualifies if its proof is complete (every chunk decoded or reused; nothing dropped,
 * salvaged or trusted), of that source and that target, and older than older_than_s; if the tag it
 * was made for still leads to the proof's destination, which is a disk.v2 image with the old one's
 * VM config and NVRAM; and if both, the new image and the old one, decode to the proof's disk now.
 * A manifest is deleted if an image that was made of it qualifies and so does every image of which
 * a tag leads to it, and if nothing else leads to it: no other tag, no OCI index under a tag, no
 * referrer. The tags, and where the new images' tags lead to, are read again just before.
 *
 * A log is input, and anybody may have edited it: it says which images to look at, which tags are
 * backups, and how old a proof is. What it cannot do, trust_head aside, is to have a manifest
 * deleted whose disk, VM config and NVRAM are not held by the image that the list names in its
 * place. With trust_head the log is believed that the disks are the same; only the new image's
 * manifest is read, and its blobs are asked for by HEAD. */
#ifndef CONVERT_FLEET_RETIRE_H
#define CONVERT_FLEET_RETIRE_H

#include "convert/fleet/switch.h"

#define RETIRE_AGE_DEFAULT_S (UINT64_C(7) * 24 * 3600)

enum retire_status {
    RETIRE_DONE,
    RETIRE_WOULD,   /* without --yes */
    RETIRE_ALREADY, /* gone */
    RETIRE_LEFT,    /* does not qualify: why */
    RETIRE_FAILED,
};

struct retirement {
    const struct history_image *image; /* the first that was made of it */
    char *repository;                  /* HOST/REPOSITORY; NULL: it is in no registry */
    struct digest digest;              /* of the V1 manifest; where image->has_made_of */
    char *target; /* what holds its disk in its place, HOST/REPOSITORY:TAG; NULL: not known */
    char **tags;  /* that go with it, NULL-terminated: its own and backups that the log knows */
    enum retire_status status;
    char why[400];
    struct error error;
    uint64_t size; /* bytes of its blobs; 0: not looked at */
};

struct retirements { /* by repository */
    struct retirement *items;
    size_t count;
};
void retirements_done(struct retirements *retirements);

struct retire_options {
    const struct patterns *only; /* names of images or of the tags they are for; NULL: all */
    bool yes, trust_head;
    uint64_t older_than_s;
    struct network *network;
    const struct sides *sides;
};

/* What fails with one does not end the others; where a registry has refused to delete one, its
 * others fail without being looked at. -1: interruption, a log that cannot be written, memory. */
int retire(struct run *run, const struct history *history, const struct retire_options *options,
           struct retirements *ret, struct error *err);

#endif
