/* checks.h: the checks of verify. A check is a pure function from the facts that a pass over an
 * image has gathered to findings; one small file each, one row each in the table of checks.c.
 * Gathering is the engine's work, judging is here.
 *
 * Threads: none of this keeps state. */
#ifndef FORMATS_CHECKS_CHECKS_H
#define FORMATS_CHECKS_CHECKS_H

#include "formats/gpt.h"
#include "formats/model/finding.h"
#include "formats/model/manifest_shape.h"
#include "formats/model/tart.h"

/* What was seen of one blob that the manifest names. */
struct blob_fact {
    size_t layer; /* index into the manifest's layers; BLOB_FACT_CONFIG for the image config */
    bool looked;  /* whether its bytes were read (verify --quick does not read all) */
    bool present;
    uint64_t size; /* what is there; meaningful where present */
    /* The first error met while reading or decoding it, ERROR_NONE where all was well: digest,
     * framing, content. Its place is filled in. */
    struct error error;
};
#define BLOB_FACT_CONFIG SIZE_MAX

struct chain_result; /* formats/chain.h */

struct misplaced {
    size_t layer;           /* index into the manifest's layers */
    uint64_t offset, place; /* on the disk: where it is, and where it belongs */
    bool proved;            /* else it is only likely */
    char why[200];          /* a phrase */
};

struct facts {
    const struct manifest *manifest; /* NULL for vm: and raw: */
    const struct tart_image *image;  /* NULL where tart_image_read failed: image_error says why */
    struct error image_error;
    const struct manifest_shape *shape; /* what was put right to read the manifest; NULL: nothing */
    const char *repository_name; /* as the reference has it, with its tag: names that Tart cannot
                                    type; NULL: none */

    const struct blob_fact *blobs;
    size_t blob_count;

    /* A broken disk.v1 disk: what orders its layers have; indexes are into the disk's layers. NULL:
     * it is not broken, or none was looked for. */
    const struct chain_result *order;

    const struct bytes *image_config; /* NULL where it could not be read */
    const struct bytes *vm_config;    /* same */

    bool disk_read;       /* whether the whole disk was decoded */
    uint64_t disk_size;   /* bytes decoded, where disk_read */
    bool has_file_digest; /* whether disk_digest below was computed */
    struct digest disk_digest;
    const uint8_t *head; /* the disk's first bytes, GPT_HEAD_SIZE or all; NULL unseen */
    size_t head_size;
    const uint8_t *tail; /* its last */
    size_t tail_size;
    /* A disk.v2 layer other than the first that begins with the partition table of a disk of
     * exactly this size: its index in the manifest, 0: none; and where on the disk it is. */
    size_t table_layer;
    uint64_t table_offset;
    const struct misplaced *misplaced; /* by what the disk says of itself: place.h */
    size_t misplaced_count;
};

struct check {
    const char *name;
    int (*run)(const struct facts *facts, struct findings *findings, struct error *err);
};

extern const struct check checks[];
extern const size_t check_count;

/* Runs every row of the table. -1 and err where memory ends, or where a fact holds an error that is
 * no damage. */
int checks_run(const struct facts *facts, struct findings *findings, struct error *err);

/* Which Tart versions can pull the image. */
struct pullability {
    char first[16];   /* "0.2", "2.0", "2.28"; "" where none */
    char last[16];    /* "2.31", "2.35"; "" where newest can */
    char reason[240]; /* why others cannot; "" where all from first on can */
};
void checks_pullability(const struct facts *facts, const struct findings *findings,
                        struct pullability *ret);

#endif
