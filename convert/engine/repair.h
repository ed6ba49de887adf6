/* repair.h: an image that is damaged in a way that can be undone, written whole to another place.
 * tartconv-repair(1).
 *
 * Nothing is guessed: what is written was read, or is the only thing that what was read allows. The
 * result goes the way of every conversion (convert.h): blobs, manifest, tag. */
#ifndef CONVERT_ENGINE_REPAIR_H
#define CONVERT_ENGINE_REPAIR_H

#include "convert/engine/convert.h"
#include "formats/model/finding.h"

struct repair_options {
    const struct convert_options *convert; /* for the destination */
    bool to_given;      /* convert->to was asked for; else V2 where the disk is repaired */
    bool accept_likely; /* of a disk's order: likely places, and those left over, will do */
    const struct reference *reference; /* a sibling, to order the disk by; NULL: none */
    const struct reference *refills;   /* other images, for blobs that are missing or damaged */
    size_t refill_count;
};

/* What the order of the disk's layers rests on. */
enum order_basis {
    ORDER_AS_IT_WAS, /* nothing speaks against the manifest's own order */
    ORDER_STREAM,    /* V1: the layers chain in this order alone */
    ORDER_OFFSETS,   /* V2: offsets in their annotations */
    ORDER_EVIDENCE,  /* V2: a sibling, and what the disk says of itself */
};

/* "manifest", "stream", "offsets", "evidence" */
const char *order_basis_name(enum order_basis basis);

/* One layer of the disk, in the order that was written. */
struct repaired_layer {
    size_t layer;            /* its index in the source's manifest */
    struct digest blob;      /* that was written or kept */
    bool has_offset;         /* V2 */
    uint64_t offset, length; /* of disk */
    const char *grade;       /* place_grade_name(); NULL: nothing had to be found */
    bool likely;             /* and not proved */
    char why[200];           /* one phrase */
};

/* Owner: repaired_done. */
struct repaired {
    bool sound;               /* nothing was wrong: the image was copied as it is */
    struct findings findings; /* what was wrong, as verify says it */
    struct findings actions;  /* what was done: a word (docs/json.md), a layer, a text */
    enum order_basis order;
    struct repaired_layer *layers;
    size_t layer_count;
    struct conversion conversion;
};

void repaired_done(struct repaired *repaired);

/* What keeps an image from being repaired is the error; ret then has what was found. */
int repair(struct run *run, const struct reference *source, const struct reference *destination,
           const struct repair_options *options, struct repaired *ret, struct error *err);

#endif
