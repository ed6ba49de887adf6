/* convert.h: one conversion: an image from a source to a destination, with proof.
 * tartconv-convert(1).
 */
#ifndef CONVERT_ENGINE_CONVERT_H
#define CONVERT_ENGINE_CONVERT_H

#include "convert/engine/proof.h"
#include "convert/engine/run.h"
#include "convert/stores/store.h"
#include "formats/salvage.h"

#define CHUNK_SIZE_MIN (1u << 20)
#define CHUNK_SIZE_MAX TART_CHUNK_SIZE

enum convert_to { CONVERT_TO_V2, CONVERT_TO_V1, CONVERT_TO_SAME };
enum upload_time { UPLOAD_TIME_KEEP, UPLOAD_TIME_NONE, UPLOAD_TIME_SET };

/* Repair's place in a conversion: looks at the source as it was loaded (tolerantly) and may put
 * another manifest and other blobs in memory in its place (image->mended), and change the options,
 * before anything is judged. */
struct convert_mend {
    void *context;
    int (*mend)(void *context, struct run *run, struct image *image, struct error *err);
    /* Looks at the manifest and the blobs of what was written, before a tag leads to it; not for a
     * place that holds no blobs. */
    int (*check)(void *context, struct run *run, const struct bytes *manifest, struct blobs *blobs,
                 struct error *err);
};

/* Who must know of the result before any tag leads to it (an event log): called once with the
 * proof, when all that it speaks of is there; -1 and err end the conversion, and nothing is tagged.
 * Not called where there is no proof. */
struct convert_watch {
    void *context;
    const char *name; /* the watcher's, of the image; may be NULL */
    int (*proved)(const struct convert_watch *watch, const struct proof *proof, struct error *err);
};

struct convert_options {
    enum convert_to to;
    uint64_t chunk_size; /* bytes of disk; 0: not asked for */
    uint64_t v1_layer_size;
    struct encoder_kind encoder;
    bool encode_all, keep_blocks, disk_digest, plain, drop_foreign, decode, read_back, replace,
        dry_run;
    bool salvage; /* go on where a disk.v1 is damaged */
    bool proof;   /* one is wanted: a conversion that could not give it is refused */
    /* The result is to be in normal form (docs/formats/manifest.md), whatever to, chunk_size and
     * disk_digest say; not with plain or salvage. */
    bool normalise;
    enum upload_time upload_time;
    const char *upload_time_text;     /* with UPLOAD_TIME_SET */
    const char *vm_config, *vm_nvram; /* companions of a raw: reference; NULL: none */
    /* registries and archives; borrowed */
    struct network *network;
    const struct network_side *source_side, *destination_side;
    const struct mirror *mirrors; /* of the source; NULL: the network's; else these, perhaps none */
    size_t mirror_count;
    const char *const *tags; /* further tags of the result, NULL-terminated; NULL: none */
    const char *backup_tag;  /* template; NULL: the usual one (backup.h) */
    bool no_backup, in_place;
    /* going on after a kill (state.h) */
    const char *state; /* the file, or a folder with a slash behind it; NULL: the default place */
    bool no_state, restart;
    const struct reference *reuse;     /* an image at the destination (reuse.h); NULL: none */
    bool trust_annotations;            /* of it */
    const struct convert_mend *mend;   /* NULL: the source is taken as it is */
    const struct convert_watch *watch; /* NULL: nobody */
    const struct digest *pinned;       /* the source's manifest must be it, else ERROR_TAG_MOVED */
};

/* How the destination's layers came about. */
enum convert_method {
    METHOD_COPIED,    /* manifest and blobs as they are */
    METHOD_REWRITTEN, /* blobs as they are under a new manifest */
    METHOD_CONVERTED, /* at least one layer was made */
};
const char *
convert_method_name(enum convert_method method); /* "copied", "rewritten", "converted" */

/* With normalise: how normal form came about. */
enum convert_normal {
    NORMAL_UNASKED,
    NORMAL_MADE,
    NORMAL_COPIED,  /* the source has it, and is copied as it is */
    NORMAL_ALREADY, /* what is there has it: nothing was made, copied or read */
};

struct conversion {
    enum convert_method method;
    enum convert_normal normal;
    bool decoded;                      /* every chunk was decoded on the way */
    uint64_t layers_made, layers_kept; /* disk layers by position */
    uint64_t source_size;              /* bytes of the source's disk layers, by position */
    uint64_t encoded_size;             /* of the destination's */
    uint64_t bytes_read, bytes_written,
        bytes_reused; /* in this run: meter.h; where it failed, too */
    bool trusted;     /* layers were reused by what they say of themselves */
    bool has_proof;   /* not with dry_run */
    struct proof proof;
    char backup_tag[TAG_SIZE_MAX + 1]; /* what the destination's tag led to before; "" nothing */
    uint64_t spool_size;               /* bytes that may wait in the spool at once; 0: none do */
    char left_out[64];                 /* what a raw: destination has no place for; "" nothing */
    struct salvage *salvage; /* what is not whole (its disk and blobs are gone); NULL: all is */
};

/* "missing 65536 bytes, derived …": also the annotation OUR_SALVAGED. */
#define SALVAGED_TEXT_SIZE 128
const char *convert_salvaged_text(const struct salvage *salvage, char ret[SALVAGED_TEXT_SIZE]);

void conversion_done(struct conversion *conversion);

/* What a conversion of the image would be, by its manifest alone; the error that would refuse it.
 * Blobs may make a copy or a rewrite impossible later. */
int convert_foresee(const struct image *image, enum transport destination,
                    const struct convert_options *options, enum convert_method *ret,
                    struct error *err);

/* Errors leave the destination as it was (store.h). */
int convert(struct run *run, const struct reference *source, const struct reference *destination,
            const struct convert_options *options, struct conversion *ret, struct error *err);

#endif
