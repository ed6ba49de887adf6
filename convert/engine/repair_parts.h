/* repair_parts.h: the pieces of one repair that repair.c puts together. Private to the engine. */
#ifndef CONVERT_ENGINE_REPAIR_PARTS_H
#define CONVERT_ENGINE_REPAIR_PARTS_H

#include "convert/engine/feed.h"
#include "convert/engine/repair.h"
#include "convert/engine/substitutes.h"
#include "formats/chain.h"
#include "formats/checks/checks.h"
#include "formats/place.h"

/* A disk layer of the source. */
struct repair_layer {
    size_t index;         /* in the source's manifest */
    struct blob_id own;   /* as its descriptor says */
    struct blob_id blob;  /* what serves: the same, what is packed in it, or another image's */
    enum packing packing; /* what was around it */
    struct error error;   /* why it does not serve; ERROR_NONE: it does */
    bool refilled;        /* blob is of another image */
    /* V2: its content was taken from there, where it lies at that byte of the disk */
    struct repair_helper *content_of; /* NULL: from nowhere */
    uint64_t content_at;
    bool overruled; /* though its own blob is whole, but not what its annotation says */
    bool exchanged; /* another layer is what it should be, and should itself be another */
    /* V2: what annotations say, where they can be read, ... */
    bool states_length, states_content, states_offset;
    uint64_t stated_length, stated_offset;
    struct digest stated_content;
    /* ... and what it decodes to */
    uint64_t length;
    struct digest content;
    /* sectors (of 512 and of 4096 bytes) of the disk whose partition table it begins with; 0 */
    uint64_t table_sectors[2];
    struct place_facts *facts; /* NULL: not looked for yet */
    /* V1 */
    struct chain_layer chain;
    /* its place */
    uint64_t offset;
    enum place_grade grade;
    char why[PLACE_WHY_SIZE];
};

/* config.v1, NVRAM, the image config. */
struct repair_small {
    const char *name;
    size_t layer; /* BLOB_FACT_CONFIG: no layer */
    struct blob_id own, blob;
    enum packing packing;
    struct error error;
    bool refilled;
};
enum { SMALL_VM_CONFIG, SMALL_NVRAM, SMALL_IMAGE_CONFIG, SMALL_COUNT };

/* Another image that helps. */
struct repair_helper {
    const struct reference *reference;
    struct store *store;
    struct image image;
};

struct repair {
    struct run *run;
    const struct reference *source, *destination;
    struct network_side stranger; /* for registries of which no option speaks */
    const struct repair_options *options;
    struct convert_options wanted; /* what the conversion gets */
    struct repaired *result;
    struct image *image; /* the source's */
    bool begun;          /* what follows is to be ended */
    struct substitutes substitutes;
    struct feed feed; /* before them */
    enum disk_format format;
    struct repair_layer *layers; /* in the source's order */
    size_t layer_count;
    size_t *order;      /* indexes of layers, in the disk's order */
    size_t order_count; /* all of them, but for V1 layers that are left out */
    struct repair_small small[SMALL_COUNT];
    struct repair_helper *helpers; /* the refills, and behind them the reference */
    struct bytes vm_config, image_config;
    bool has_vm_config, has_image_config; /* whether they could be read; they may be empty */
    uint8_t *head, *tail;                 /* of the disk */
    size_t end_size;
    bool looked_at_ends; /* of the layers as they came, nothing refilled */
    /* V2: the layer in the disk's order that has the disk's partition table; 0: the first, none */
    size_t table_place;
    uint64_t table_offset;
    bool states_disk_digest; /* V2: an annotation can be read */
    struct digest stated_disk_digest;
    bool states_disk_digest_badly;
    bool has_disk_digest; /* V2: of the layers as they came, nothing refilled */
    struct digest disk_digest;
    bool wants_places;      /* V2: offsets do not tell the order, what the disk says may */
    bool disk_size_differs; /* V2: the manifest states another size than the layers make up */
    uint64_t disk_size;     /* V1: for the manifest, which says another; 0: it is right */
    bool changed;           /* the manifest must be written anew */
};

#define NO_LAYER SIZE_MAX
/* Notes an action, and whether the manifest is another by it. */
int repair_note(struct repair *repair, const char *action, size_t layer, bool changes,
                struct error *err, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* A layer by its digest too: "layer 4 sha256:0123456789ab". */
#define LAYER_NAME_SIZE 48
const char *layer_name(const struct repair_layer *layer, char ret[LAYER_NAME_SIZE]);

/* A text that grows up to its end. */
struct phrase {
    char text[300];
    size_t used;
};
void phrase_add(struct phrase *phrase, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- repair_look.c: what is there --- */

/* Whether an error tells of damage, which belongs to a part, and does not end the run. */
bool repair_is_damage(const struct error *err);
/* Reads every blob once: packings, digests, streams, contents. Damage goes into the parts. */
int repair_look(struct repair *repair, struct error *err);
/* One of them again, after something took its place. */
int repair_look_layer(struct repair *repair, size_t index, struct error *err);
int repair_look_small(struct repair *repair, struct repair_small *small, struct error *err);

/* --- repair_disk.c: V2: the disk as the layers make it up --- */

/* The disk's two ends, into head and tail; and where its partition table is, if not first. */
int repair_read_ends(struct repair *repair, const size_t *order, struct error *err);
/* Of all of it. */
int repair_disk_digest(struct repair *repair, const size_t *order, struct digest *ret,
                       struct error *err);
/* Hashes pieces of any disk at these lengths, one after another. */
int repair_hash_grid(struct repair *repair, const struct disk *disk, struct blobs *blobs,
                     uint64_t length, size_t count, struct digest *ret, struct error *err);
int repair_zeros_digest(uint64_t length, struct digest *ret, struct error *err);
/* Fills facts of every layer that has none. */
int repair_scan_places(struct repair *repair, struct error *err);

/* --- repair_refill.c: blobs out of other images --- */

int repair_open_helper(struct repair *repair, struct repair_helper *helper,
                       const struct reference *reference, struct error *err);
int repair_refill(struct repair *repair, struct error *err);
/* A content that another image gave must have been at the same place of its disk: else an
 * annotation is another layer's. */
int repair_check_refilled(struct repair *repair, struct error *err);

/* --- repair_size.c --- */

/* V2: a size that the manifest has otherwise must be proved by the disk. */
int repair_check_size(const struct repair *repair, struct error *err);
/* The same; the size must be what the manifest says, if it says one. */
int repair_hold_size_v1(struct repair *repair, struct error *err);
/* The same, but a partition table proves a size, too, which is then written anew. Where layers were
 * left out one of the two must say that the others are all. */
int repair_prove_size_v1(struct repair *repair, bool layers_left_out, struct error *err);

/* --- repair_v1.c --- */

int repair_order_v1(struct repair *repair, struct error *err);
/* "ends between two blocks", and so on. */
void repair_say_cut(struct phrase *phrase, const struct chain_cut *cut);

/* --- repair_extra.c --- */

/* V1: leaves out the layers without which the others make one whole stream, where something says
 * that this stream is all of the disk. */
int repair_leave_out(struct repair *repair, const struct chain_result *result, struct error *err);

/* --- repair_v2.c, repair_evidence.c --- */

/* Sizes and content digests that annotations lack, or have wrong. */
int repair_annotations(struct repair *repair, struct error *err);
int repair_order_v2(struct repair *repair, struct error *err);
bool repair_order_is_given(const struct repair *repair);
/* Where offsets do not tell: the sibling, and what the disk says of itself. doubtful: something
 * speaks against the order as it is; else it is left unless a layer likely belongs elsewhere. */
int repair_order_evidence(struct repair *repair, bool doubtful, struct error *err);

/* --- repair_manifest.c --- */

/* What verify would find, into findings; disk: whether head and tail were read. */
int repair_check(struct repair *repair, const struct digest *disk_digest, struct findings *findings,
                 struct error *err);
/* Refuses what cannot be one image. */
int repair_check_kinds(struct repair *repair, struct error *err);
/* Notes what the manifest itself has wrong. */
int repair_shape(struct repair *repair, struct error *err);
/* Puts the repaired manifest into the image. */
int repair_write_manifest(struct repair *repair, struct error *err);

#endif
