/* convert_parts.h: the pieces of one conversion that convert.c puts together. Private to the
 * engine. */
#ifndef CONVERT_ENGINE_CONVERT_PARTS_H
#define CONVERT_ENGINE_CONVERT_PARTS_H

#include "convert/engine/convert.h"
#include "convert/engine/meter.h"
#include "convert/engine/pass.h"
#include "convert/engine/plan.h"
#include "convert/engine/reuse.h"
#include "convert/engine/state.h"

/* --- convert_judge.c: what may be converted, and how --- */

/* ERROR_… where this image must not go to such a destination (docs/formats/manifest.md, "What a
 * conversion does with what it meets"); else *ret_method: METHOD_COPIED, or METHOD_CONVERTED, which
 * the plan may find to be a rewrite; METHOD_REWRITTEN: a V1 disk's blobs under a new manifest
 * (repair). */
int convert_judge(const struct image *image, enum transport destination,
                  const struct convert_options *options, enum convert_method *ret_method,
                  struct error *err);

/* --- convert_normal.c: normal form --- */

struct job;

/* Makes the job's options those of its own that normal form wants. */
void convert_ask_normal(struct job *job);
/* ERROR_… for what has no normal form. */
int convert_judge_normal(const struct image *image, enum transport destination, struct error *err);
/* By the manifest alone: 1, 0, -1. */
int convert_is_normal(const struct image *image, const struct convert_options *options,
                      struct error *err);
/* Where there is nothing to do, since the source (in place) or what the destination's tag leads to
 * is the result already: 1, with *ret, and all is done; 0; -1. Else leaves the job as it was. */
int convert_settle(struct job *job, struct conversion *ret, struct error *err);

/* --- convert_disk.c: the disk's way from source to destination --- */

struct made_disk {
    struct disk disk; /* V1 and V2: the destination's layers, owned */
    struct proof_chunk *chunks;
    size_t chunk_count;
    struct block_counts blocks;
    bool has_disk_digest;
    struct digest disk_digest;
};

void made_disk_done(struct made_disk *made);

/* Where the disk goes; exactly one of sink and file. */
struct disk_target {
    struct sink *sink;
    struct disk_file *file;
    unsigned uploads; /* store_uploads */
    /* V2 from a source with a manifest: what an earlier run finished is left out, what this one
     * finishes is noted; the result is the same as without. NULL: none. */
    struct state *state;
    struct reuse *reuse;     /* layers that may serve in place of made ones; NULL: none */
    struct salvage *salvage; /* the source is read through it; NULL: as it is */
};

/* Whether layers that are kept are decoded on the way. */
static inline bool convert_decodes_kept(const struct convert_options *options)
{
    return options->decode || options->disk_digest;
}

/* Makes or keeps every chunk of the plan. disk: the source's, its size known. */
int convert_disk(struct run *run, const struct disk *disk, struct blobs *blobs,
                 const struct plan *plan, const struct convert_options *options,
                 const struct disk_target *target, struct made_disk *ret, struct error *err);

/* Copies every blob that the manifest names, each digest once. uploads: as in disk_target. */
int convert_copy_blobs(struct run *run, const struct image *image, struct sink *sink,
                       unsigned uploads, struct error *err);

/* --- convert_rewrite.c --- */

struct job;

/* In place of convert_disk with METHOD_REWRITTEN: copies the layers of job->disk and decodes them
 * on the way; fills job->made. */
int convert_rewrite(struct job *job, struct sink *sink, struct error *err);

/* What is carried through the steps. */
struct job {
    struct run *run;
    const struct convert_options *options;
    struct convert_options own; /* with normalise, what options points to */
    const struct reference *from, *to;
    struct store *source;
    struct image image;
    struct disk disk; /* the source's, its size known; shares the image's layers */
    struct plan plan;
    struct state *state;       /* NULL: none */
    struct reuse *reuse;       /* NULL: none */
    struct salvage *salvage;   /* NULL: nothing is damaged, or nobody asked */
    struct upload_watch watch; /* tells it of uploads */
    struct meter meter;
    struct store *destination;
    struct bytes vm_config, nvram, image_config, manifest;
    struct blob_id vm_config_id, nvram_id, image_config_id;
    struct made_disk made;
};

/* --- convert_salvage.c: a disk.v1 that is damaged --- */

/* ERROR_USAGE where something was asked for that a salvaged image cannot have. */
int convert_check_salvage(const struct convert_options *options, struct error *err);
/* Sets job->disk, and job->salvage where anything is damaged. */
int convert_survey(struct job *job, struct error *err);

/* --- convert_small.c: what is no disk: config.v1, NVRAM, image config, manifest --- */

/* Into memory; nothing where the image has none. */
int convert_read_vm_config(struct job *job, struct error *err);
int convert_read_nvram(struct job *job, struct error *err);
/* Moves config.v1, NVRAM and the image config into a destination that holds blobs. */
int convert_put_small(struct job *job, struct sink *sink, struct error *err);
int convert_make_manifest(struct job *job, struct error *err);
/* What the result says of it; tart: the source's, or NULL. NULL: nothing. */
const char *convert_upload_time(const struct convert_options *options,
                                const struct tart_image *tart);

/* --- convert.c, for its other parts --- */

/* result: its digest, where it is known beforehand; or NULL. */
int convert_open_destination(struct job *job, const struct digest *result, struct error *err);

/* --- convert_end.c: from everything being there to its being published --- */

void convert_fill_summary(const struct job *job, struct conversion *ret);
int convert_fill_proof(struct job *job, struct conversion *ret, struct error *err);
/* Warns of signatures and the like, which are not copied. */
int convert_tell_referrers(const struct job *job, enum convert_method method, struct error *err);
/* By digest; 1, or 0 where a blob was lost meanwhile and all must be made again; -1. */
int convert_stage(struct job *job, struct error *err);
/* Every blob is fetched again from the destination and hashed, and the disk decoded where it was.
 */
int convert_read_back(struct job *job, const struct conversion *conversion, struct error *err);
/* The visible step. */
int convert_publish(struct job *job, struct conversion *ret, struct error *err);

/* --- convert_room.c: the spool --- */

/* Fills ret->spool_size, whose method is known. */
int convert_measure_room(const struct job *job, struct conversion *ret, struct error *err);
/* ERROR_IO where the folder for temporaries has not that much (spool_check_space). */
int convert_check_room(const struct job *job, const struct conversion *conversion,
                       struct error *err);

/* --- convert_state.c: where an earlier run of the same command left off --- */

/* Finds or begins the state of this conversion, where it can have one. */
int convert_begin_state(struct job *job, struct error *err);
/* failed: what ended the run; where it can go on later, it says so. NULL: it is done. */
void convert_end_state(struct job *job, struct error *failed);

#endif
