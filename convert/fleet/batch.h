/* batch.h: a batch file: what is to be synced, in YAML close to regsync's. tartconv-batch(5) and
 * docs/batch.schema.json say what is in it. Reading it asks no registry.
 *
 * Owner: batch_done. Threads: read-only once read. */
#ifndef CONVERT_FLEET_BATCH_H
#define CONVERT_FLEET_BATCH_H

#include "convert/engine/convert.h"
#include "convert/input/patterns.h"

#define BATCH_SIZE_MAX    (4u << 20)
#define BATCH_ENTRIES_MAX 10000u
#define BATCH_HOSTS_MAX   256u
#define STAGE_TEMPLATE    "{tag}-v2"

enum batch_action { ACTION_CONVERT, ACTION_NORMALISE };
enum batch_type { BATCH_IMAGE, BATCH_REPOSITORY, BATCH_REGISTRY };

/* Where in the file something stands, for later errors: "FILE:LINE:COLUMN: sync: target: …". From
 * 1; 0: nowhere. */
struct batch_place {
    unsigned line, column;
};

/* How images of one entry are made; defaults and the entry's own keys are joined already. Texts
 * belong to the batch. */
struct wish {
    enum batch_action action;
    enum convert_to to;
    uint64_t chunk_size; /* 0: not said */
    struct encoder_kind encoder;
    bool decode, read_back, disk_digest, plain, drop_foreign, replace, in_place, encode_all,
        keep_blocks, no_backup;
    char *backup_tag;  /* NULL: the usual one */
    char *stage;       /* template of the tag that is written; NULL: the target's own tag at once */
    char *upload_time; /* "keep", "none", RFC 3339; NULL: keep */
    struct mirror *mirrors;
    size_t mirror_count;
};

struct batch_entry {
    enum batch_type type;
    char *source; /* HOST/REPOSITORY:TAG, HOST/REPOSITORY or HOST, by type; variables filled in */
    char *target; /* NULL: with in-place. Templates {tag} {repo} are left in it; of a registry's
                     entry it always has {repo} */
    struct patterns tags, repositories;
    struct wish wish;
    struct batch_place place, source_place, target_place;
};

/* creds: of one registry. Where a secret stands in the file itself it came from a ${VAR} alone,
 * else it is refused. */
struct batch_host {
    char *host;
    struct batch_place place;
    char *user, *password;   /* secret; NULL: not said */
    char *authfile, *helper; /* NULL: not said */
    bool no_tls_verify, plain_http;
    bool tls_verify_said, plain_http_said;
    char *cert_dir;
    unsigned concurrency; /* 0: as its profile says */
    uint64_t upload_chunk;
};

struct batch_file {
    char *name; /* of the file, for errors */
    struct batch_host *hosts;
    size_t host_count;
    struct batch_entry *entries;
    size_t entry_count;
    /* limits of the whole run; 0: not said */
    unsigned jobs, threads;
    uint64_t limit_rate, spool_memory;
    unsigned retry_times, retry_delay_ms;
    bool retry_times_said;
};
void batch_done(struct batch_file *batch);

/* variable: what ${NAME} stands for; NULL: not set. ERROR_SETTINGS: "FILE:LINE:COLUMN: KEY: KEY:
 * what is wrong": unknown keys, a key twice, values out of bounds, a target that stands twice or is
 * a source, in-place with a target, one registry under two names. What only the registries' lists
 * can tell of that is tasks_make's. */
int batch_parse(const char *name, const void *text, size_t size,
                const char *(*variable)(void *context, const char *name), void *context,
                struct batch_file *ret, struct error *err);
/* The file, and the environment's variables. */
int batch_load(const char *path, struct batch_file *ret, struct error *err);

/* What the entry makes of one of its sources: *ret, what is written; *ret_tag (to be freed), the
 * tag that it is staged for, NULL: none. ERROR_REFERENCE where that is no name. Owner:
 * reference_done.
 */
int batch_target(const struct batch_entry *entry, const struct reference *source,
                 struct reference *ret, char **ret_tag, struct error *err);
/* Whether both are names of one registry: case does not count, nor do default ports; the hub and
 * the loopback have several. */
void batch_host_canonical(const char *host, char *ret); /* the same of all; ret as large as host */
bool batch_host_same(const char *a, const char *b);
/* ERROR_SETTINGS at that place: "FILE:LINE:COLUMN: KEY: …". Returns -1. */
int batch_refuse(const struct batch_file *batch, struct batch_place place, const char *key,
                 struct error *err, const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
