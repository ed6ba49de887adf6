/* convert.h: one conversion: an image from a source to a destination, with proof.
 * tartconv-convert(1).
 */
#ifndef CONVERT_ENGINE_CONVERT_H
#define CONVERT_ENGINE_CONVERT_H

#include "convert/engine/proof.h"
#include "convert/engine/run.h"
#include "convert/stores/store.h"

#define CHUNK_SIZE_MIN (1u << 20)
#define CHUNK_SIZE_MAX TART_CHUNK_SIZE

enum convert_to { CONVERT_TO_V2, CONVERT_TO_V1, CONVERT_TO_SAME };
enum upload_time { UPLOAD_TIME_KEEP, UPLOAD_TIME_NONE, UPLOAD_TIME_SET };

struct convert_options {
    enum convert_to to;
    uint64_t chunk_size; /* bytes of disk; 0: not asked for */
    uint64_t v1_layer_size;
    struct encoder_kind encoder;
    bool encode_all, keep_blocks, disk_digest, plain, drop_foreign, decode, read_back, replace,
        dry_run;
    bool proof; /* one is wanted: a conversion that could not give it is refused */
    enum upload_time upload_time;
    const char *upload_time_text;     /* with UPLOAD_TIME_SET */
    const char *vm_config, *vm_nvram; /* companions of a raw: reference; NULL: none */
    /* registries and archives; borrowed */
    struct network *network;
    const struct network_side *source_side, *destination_side;
    const char *const *tags; /* further tags of the result, NULL-terminated; NULL: none */
    const char *backup_tag;  /* template; NULL: the usual one (backup.h) */
    bool no_backup, in_place;
    /* going on after a kill (state.h) */
    const char *state; /* the file, or a folder with a slash behind it; NULL: the default place */
    bool no_state, restart;
    const struct reference *reuse; /* an image at the destination (reuse.h); NULL: none */
    bool trust_annotations;        /* of it */
};

/* How the destination's layers came about. */
enum convert_method {
    METHOD_COPIED,    /* manifest and blobs as they are */
    METHOD_REWRITTEN, /* blobs as they are under a new manifest */
    METHOD_CONVERTED, /* at least one layer was made */
};

struct conversion {
    enum convert_method method;
    bool decoded;                      /* every chunk was decoded on the way */
    uint64_t layers_made, layers_kept; /* disk layers by position */
    uint64_t encoded_size;             /* bytes of the destination's disk layers, by position */
    bool has_proof;                    /* not with dry_run */
    struct proof proof;
    char backup_tag[TAG_SIZE_MAX + 1]; /* what the destination's tag led to before; "" nothing */
    uint64_t spool_size;               /* bytes that may wait in the spool at once; 0: none do */
    char left_out[64];                 /* what a raw: destination has no place for; "" nothing */
};

void conversion_done(struct conversion *conversion);

/* Errors leave the destination as it was (store.h). */
int convert(struct run *run, const struct reference *source, const struct reference *destination,
            const struct convert_options *options, struct conversion *ret, struct error *err);

#endif
