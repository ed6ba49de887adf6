/* verify_look.h: what the files of verify share: verify.c (what is looked at, and the verdict),
 * verify_look.c (facts and small blobs), verify_disk.c (the disk decoded), verify_places.c (where
 * its chunks belong), verify_alone.c (layers of a disk that cannot be put together), verify_chain.c
 * (how disk.v1 layers hang together), verify_quick.c (what is told without reading much),
 * verify_sample.c (a part of the disk). Nobody else includes it. */
#ifndef CONVERT_ENGINE_VERIFY_LOOK_H
#define CONVERT_ENGINE_VERIFY_LOOK_H

#include "convert/engine/pass.h"
#include "convert/engine/verify.h"
#include "formats/chain.h"
#include "formats/place.h"

struct look {
    struct run *run;
    const struct verify_options *options;
    struct verification *result;
    struct image image;
    struct feed feed;
    struct facts facts;
    struct blob_fact *blobs; /* one a layer, and the image config's behind them */
    struct bytes image_config, vm_config;
    pthread_mutex_t lock; /* over blobs' errors, damaged and no_ranges while lanes run */
    bool damaged;         /* a part of the disk could not be decoded */
    bool no_ranges;       /* parts of blobs cannot be read */
    char *name;           /* of a registry's image */
    /* the pass over the disk */
    struct disk disk;
    struct pass_chunk *chunks;
    size_t chunk_count;
    bool tail_read;              /* the last chunk was decoded */
    struct place_facts **places; /* one a chunk; NULL: it is not asked where they belong */
    struct misplaced *misplaced;
    uint8_t *head, *tail;
    size_t end_size; /* of each: as much as the disk has, at most GPT_HEAD_SIZE */
    /* disk.v1: one a disk layer; seen: its ends were read */
    struct chain_layer *chain;
    bool *chain_seen;
    struct chain_result order;
};

/* --- verify_look.c --- */

bool look_is_damage(const struct error *err);
/* Damage becomes a fact, and the look goes on; anything else ends it: -1. fact NULL: nowhere to put
 * it. */
int look_absorb(struct look *look, struct blob_fact *fact, struct error *err);
/* The same of a layer that was read by itself, whose place the error does not say. */
int look_absorb_layer(struct look *look, size_t layer, struct error *err);
/* Of a layer of the manifest; NULL where there is none. */
struct blob_fact *look_fact_of(struct look *look, int64_t layer);
/* Whether its blob is there and, as far as looked, as it should be. */
bool look_is_good(const struct look *look, const struct disk_layer *layer);
int look_facts(struct look *look, struct error *err);
int look_name(struct look *look, const struct reference *reference, struct error *err);
/* Small blobs in memory, for checks that look inside: the image config, and config.v1, which is
 * that layer. */
int look_image_config(struct look *look, struct error *err);
size_t look_config_layer(const struct look *look);
int look_vm_config(struct look *look, size_t layer, struct error *err);
/* Every blob that is no disk layer, whole. */
int look_blobs(struct look *look, struct error *err);
bool look_is_disk_layer(const struct look *look, size_t index);
/* One more line of what was not looked at. */
void look_unseen(struct look *look, const char *format, ...) __attribute__((format(printf, 2, 3)));
void look_done(struct look *look);

/* --- verify_disk.c --- */

/* The disk, whole. */
int look_disk(struct look *look, struct error *err);
/* The parts of it: chunks and room for the disk's ends; then all chunks that are not `done`. */
int look_chunks(struct look *look, struct error *err);
int look_ends_room(struct look *look, struct error *err);
int look_pass(struct look *look, struct hasher *disk_hasher, struct error *err);

/* Blobs behind a break of a disk.v1 stream: what is no piece of a stream at all, and digests. */
int look_rest(struct look *look, const struct disk *disk, int64_t broken, struct error *err);

/* --- verify_places.c --- */

/* Makes room where the chunks' own bytes are to be asked for their places: a whole disk.v2 whose
 * order nothing else proves. */
int look_ask_places(struct look *look, struct error *err);
/* A chunk's next batch; the lane's context is its own. */
int look_scan_places(struct look *look, struct pass_lane *lane, const struct batch *batch,
                     struct error *err);
void look_close_lane(struct pass_lane *lane);
/* All chunks were decoded: those that belong elsewhere become facts. */
int look_find_misplaced(struct look *look, struct error *err);

/* --- verify_alone.c --- */

/* Disk layers of which the manifest does not say where they belong. */
int look_alone(struct look *look, struct error *err);

/* --- verify_chain.c --- */

/* How much of each end of a layer is read. */
#define CHAIN_END CHAIN_END_GOOD

int chain_room(struct look *look, struct error *err);
/* Reads the ends of disk layer `index` from its blob. UNSUPPORTED is noted as no_ranges. */
int chain_read_ends(struct look *look, size_t index, struct blob *blob, struct error *err);
/* Follows the stream through the layers in the manifest's order, as far as ends tell; a break
 * becomes the layer's fact. */
int chain_walk(struct look *look, struct error *err);
/* Where a disk.v1 stream is broken and the blobs are what they should be: which order fits. */
int chain_find_order(struct look *look, struct error *err);

/* --- verify_quick.c --- */

int look_quick(struct look *look, struct error *err);

/* --- verify_sample.c --- */

/* Marks what of the chunks is wanted: `done` of the others is true. */
int sample_choose(struct look *look, struct error *err);
bool is_sample(const struct verify_options *options);

#endif
