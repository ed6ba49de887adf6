/* batch_parts.h: what the files that read a batch share: batch.c (the document, credentials,
 * limits), batch_entry.c (an entry of sync), batch_wish.c (how images are made), batch_text.c
 * (variables, names), batch_check.c (what contradicts what). Nobody else includes it. */
#ifndef CONVERT_FLEET_BATCH_PARTS_H
#define CONVERT_FLEET_BATCH_PARTS_H

#include "convert/fleet/batch.h"
#include "convert/input/strict_yaml.h"

#define BATCH_TEXT_MAX 4096u

/* The target of all of yaml's calls. The document is read twice: first for its defaults, which may
 * stand behind the entries; then for all else. */
struct batch_reader {
    struct batch_file *batch;
    const char *(*variable)(void *context, const char *name);
    void *context;
    bool second;
    struct wish defaults;
    struct wish *wish; /* that is being filled */
    struct batch_entry *entry;
    struct batch_host *host;
    bool disk_digest_said, default_digest_said, has_type, has_version;
    struct patterns *patterns;                         /* that are being filled */
    struct batch_place tags_place, repositories_place; /* line 0: not said */
    char ranges[1024];
    char text[BATCH_TEXT_MAX + 1];
};

/* --- batch_text.c --- */

/* The value in hand, its variables filled in; in reader->text. ret_raw: as it stands in the file,
 * for messages. */
int batch_text(struct yaml *yaml, struct batch_reader *reader, const char **ret,
               const char **ret_raw, struct error *err);
int batch_text_copy(struct yaml *yaml, struct batch_reader *reader, char **ret, struct error *err);
int batch_bool(struct yaml *yaml, struct batch_reader *reader, bool *ret, struct error *err);
struct batch_place batch_place(const struct yaml *yaml);

#define BATCH_VALUE(judge, ret, must)                                                              \
    do {                                                                                           \
        const char *text_, *raw_;                                                                  \
        if (batch_text(yaml, target, &text_, &raw_, err) < 0)                                      \
            return -1;                                                                             \
        if (!judge(text_, ret))                                                                    \
            return yaml_refuse(yaml, err, "must be %s, not \"%s\"", must, raw_);                   \
    } while (0)

/* --- batch_wish.c --- */

int wish_copy(const struct wish *wish, struct wish *ret, struct error *err);
void wish_done(struct wish *wish);

/* The keys of `defaults` and of entries, which fill reader->wish. */
yaml_take wish_action, wish_to, wish_chunk_size, wish_encoder, wish_encode_all, wish_keep_blocks,
    wish_upload_time, wish_plain, wish_drop_foreign, wish_replace, wish_in_place, wish_no_backup,
    wish_backup_tag, wish_decode, wish_read_back, wish_disk_digest, wish_stage, wish_mirrors;
#define WISH_KEYS                                                                                  \
    {"action", wish_action}, {"to", wish_to}, {"chunk-size", wish_chunk_size},                     \
        {"encoder", wish_encoder}, {"encode-all", wish_encode_all},                                \
        {"keep-blocks", wish_keep_blocks}, {"upload-time", wish_upload_time},                      \
        {"plain", wish_plain}, {"drop-foreign", wish_drop_foreign}, {"decode", wish_decode},       \
        {"read-back", wish_read_back}, {"disk-digest", wish_disk_digest},                          \
        {"replace", wish_replace}, {"in-place", wish_in_place}, {"stage", wish_stage},             \
        {"backup-tag", wish_backup_tag}, {"no-backup", wish_no_backup},                            \
    {                                                                                              \
        "mirrors", wish_mirrors                                                                    \
    }

/* What excludes what; the place is the entry's. */
int wish_check(const struct batch_reader *reader, struct wish *wish, struct error *err);

/* --- batch_entry.c --- */

int batch_entry_take(struct yaml *yaml, void *target, struct error *err);
void batch_entry_done(struct batch_entry *entry);
/* batch.c: takes the entry over, and leaves an empty one. */
int batch_entry_add(struct batch_file *batch, struct batch_entry *entry, struct error *err);

/* --- batch_check.c --- */

/* Over all entries: targets that stand twice or are sources, registries under two names. */
int batch_check(const struct batch_file *batch, struct error *err);

#endif
