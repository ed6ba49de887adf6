/* standing.h: what an image is and what it needs, judged by its manifest (and where asked for by
 * the quick look) alone: no blob is read whole. The judgement is that of verify's checks and of
 * normal form; nothing is judged here a second time.
 *
 * Owner: standing_done. Threads: plain value. */
#ifndef CONVERT_FLEET_STANDING_H
#define CONVERT_FLEET_STANDING_H

#include "convert/stores/store.h"

enum need {
    NEED_NOTHING,
    NEED_NORMALISE, /* sound V2 that normal form changes, but for its cut */
    NEED_RECUT,     /* V2 of an old era: layers of more than 512 MiB, or of 500,000,000 bytes */
    NEED_CONVERT,   /* V1 */
    NEED_REPAIR,    /* the manifest (or the quick look) shows damage */
    NEED_NONE_KNOWN /* no Tart image, or a kind that tartconv leaves as it is: stacked, salvaged */
};
#define NEED_COUNT 6
const char *
need_name(enum need need); /* "nothing", "normalise", "re-cut", "convert", "repair", "-" */

/* "v1", "v2 (unbounded)", "v2 (500000000)", "v2 (512 MiB)", "v2 (tartconv)", "v2 (other cut)",
 * "v2" (where its layers cannot be placed), "stacked", "mixed", "not tart", "unreadable" */
#define ERA_SIZE 24

/* What a blob is to an image. */
enum blob_role {
    ROLE_OTHER, /* configs, NVRAM, what is not Tart's */
    ROLE_DISK,
    ROLE_ZEROS, /* of the disk, and so small that there can be little but zeros: images share it
                   that have nothing else in common */
};

struct standing {
    bool has_digest;
    struct digest digest; /* of the manifest */
    uint64_t manifest_size;
    char era[ERA_SIZE];
    enum need need;
    char why[200];       /* a phrase; "" where nothing is needed */
    const char *finding; /* the worst finding's id; NULL: none */
    bool has_disk_size;
    uint64_t disk_size;    /* bytes of disk */
    uint64_t encoded_size; /* bytes of disk layers, by position */
    size_t layer_count;    /* disk layers */
    bool even;             /* V2, cut as newest Tart cuts it: normal form keeps its layers */
    bool backup;           /* its tag is one (backup.h) */
    bool sealed;           /* a valid seal of ours */
    bool has_source;       /* with it: what it was made of */
    struct digest source;
    bool salvaged;
    struct blob_id *blobs; /* every blob that the manifest names, each once, in order */
    enum blob_role *roles; /* of each */
    size_t blob_count;
};
void standing_done(struct standing *standing);

/* tag: NULL: none. backup_tag: the template; NULL: the usual one. quick: what verify's quick look
 * found; NULL: none was taken. */
struct findings;
int standing_judge(const struct image *image, const char *tag, const char *backup_tag,
                   const struct findings *quick, struct standing *ret, struct error *err);
/* Of what could not be loaded, with the error of store_load_tolerant: true where that says what
 * stands there (damage, or no Tart image), false where it only kept from looking. No blobs. */
bool standing_of_error(const struct error *error, struct standing *ret);

#endif
