/* batch_wish.c: how images of an entry are made, key by key, under the names of the options. Must
 * not know where images come from. */
#include "convert/fleet/batch_parts.h"

#include "convert/input/size.h"
#include "convert/input/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- life ----------------------------------------------------------------------------------------
 */

static int copy_text(const char *text, char **ret)
{
    *ret = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret != NULL ? 0 : -1;
}

static void mirrors_free(struct wish *wish)
{
    for (size_t i = 0; i < wish->mirror_count; i++)
        mirror_done(&wish->mirrors[i]);
    free(wish->mirrors);
    wish->mirrors = NULL;
    wish->mirror_count = 0;
}

void wish_done(struct wish *wish)
{
    mirrors_free(wish);
    free(wish->backup_tag);
    free(wish->stage);
    free(wish->upload_time);
    *wish = (struct wish){.stage = NULL};
}

static int mirrors_copy(const struct wish *wish, struct wish *ret)
{
    if (wish->mirror_count == 0)
        return 0;
    ret->mirrors = calloc(wish->mirror_count, sizeof *ret->mirrors);
    if (ret->mirrors == NULL)
        return -1;
    for (; ret->mirror_count < wish->mirror_count; ret->mirror_count++) {
        const struct mirror *from = &wish->mirrors[ret->mirror_count];
        struct mirror *to = &ret->mirrors[ret->mirror_count];
        *to = *from;
        to->prefix = NULL;
        if (copy_text(from->host, &to->host) < 0 || copy_text(from->prefix, &to->prefix) < 0) {
            mirror_done(to);
            return -1;
        }
    }
    return 0;
}

int wish_copy(const struct wish *wish, struct wish *ret, struct error *err)
{
    *ret = *wish;
    ret->backup_tag = ret->stage = ret->upload_time = NULL;
    ret->mirrors = NULL;
    ret->mirror_count = 0;
    if (copy_text(wish->backup_tag, &ret->backup_tag) == 0 &&
        copy_text(wish->stage, &ret->stage) == 0 &&
        copy_text(wish->upload_time, &ret->upload_time) == 0 && mirrors_copy(wish, ret) == 0)
        return 0;
    wish_done(ret);
    return error_memory(err);
}

/* --- keys ----------------------------------------------------------------------------------------
 */

static int word_take(struct yaml *yaml, void *target, const char *const *words, size_t count,
                     const char *must, unsigned *ret, struct error *err)
{
    const char *text, *raw;
    if (batch_text(yaml, target, &text, &raw, err) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++)
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return 0;
        }
    return yaml_refuse(yaml, err, "must be %s, not \"%s\"", must, raw);
}

int wish_action(struct yaml *yaml, void *target, struct error *err)
{
    static const char *const words[] = {
        [ACTION_CONVERT] = "convert", [ACTION_NORMALISE] = "normalise"};
    struct batch_reader *reader = target;
    unsigned word;
    if (word_take(yaml, target, words, 2,
                  "convert or normalise (what is damaged is mended by `tartconv repair`, one by "
                  "one)",
                  &word, err) < 0)
        return -1;
    reader->wish->action = (enum batch_action)word;
    return 0;
}

int wish_to(struct yaml *yaml, void *target, struct error *err)
{
    static const char *const words[] = {
        [CONVERT_TO_V2] = "v2", [CONVERT_TO_V1] = "v1", [CONVERT_TO_SAME] = "same"};
    struct batch_reader *reader = target;
    unsigned word;
    if (word_take(yaml, target, words, 3, "v2, v1 or same", &word, err) < 0)
        return -1;
    reader->wish->to = (enum convert_to)word;
    return 0;
}

static bool judge_chunk_size(const char *text, uint64_t *ret)
{
    return size_parse(text, ret) && *ret >= CHUNK_SIZE_MIN && *ret <= CHUNK_SIZE_MAX;
}

int wish_chunk_size(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    BATCH_VALUE(judge_chunk_size, &reader->wish->chunk_size,
                "1 MiB to 512 MiB (the disk that one layer carries)");
    return 0;
}

int wish_encoder(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    BATCH_VALUE(encoder_kind_parse, &reader->wish->encoder,
                "apple, lz4 or lz4hc:N with N from 1 to 12");
    return 0;
}

static bool judge_upload_time(const char *text, const char **ret)
{
    *ret = text;
    return strcmp(text, "keep") == 0 || strcmp(text, "none") == 0 || time_is_valid(text);
}

static int replace_text(char **text, const char *with, struct error *err)
{
    free(*text);
    *text = with != NULL ? strdup(with) : NULL;
    return with == NULL || *text != NULL ? 0 : error_memory(err);
}

int wish_upload_time(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    const char *value;
    BATCH_VALUE(judge_upload_time, &value, "keep, none or a time like 2024-01-31T12:00:00Z");
    return replace_text(&reader->wish->upload_time, value, err);
}

#define FLAG_KEY(name)                                                                             \
    int wish_##name(struct yaml *yaml, void *target, struct error *err)                            \
    {                                                                                              \
        struct batch_reader *reader = target;                                                      \
        return batch_bool(yaml, reader, &reader->wish->name, err);                                 \
    }
FLAG_KEY(encode_all)
FLAG_KEY(keep_blocks)
FLAG_KEY(plain)
FLAG_KEY(drop_foreign)
FLAG_KEY(replace)
FLAG_KEY(in_place)
FLAG_KEY(no_backup)
FLAG_KEY(decode)
FLAG_KEY(read_back)

int wish_disk_digest(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    reader->disk_digest_said = true;
    return batch_bool(yaml, reader, &reader->wish->disk_digest, err);
}

static bool judge_template(const char *text, const char **ret)
{
    *ret = text;
    return value_backup_tag(text);
}

int wish_backup_tag(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    const char *value;
    BATCH_VALUE(judge_template, &value, MUST_BACKUP_TAG);
    return replace_text(&reader->wish->backup_tag, value, err);
}

static bool judge_stage(const char *text, const char **ret)
{
    *ret = text;
    return strcmp(text, "false") == 0 ||
           (value_backup_tag(text) && strstr(text, "{digest8}") == NULL &&
            strstr(text, "{tag}") != NULL && strcmp(text, "{tag}") != 0);
}

int wish_stage(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    const char *value;
    BATCH_VALUE(judge_stage, &value,
                "false, or a template with {tag} in it and more than that, like " STAGE_TEMPLATE);
    return replace_text(&reader->wish->stage, strcmp(value, "false") == 0 ? NULL : value, err);
}

static int add_mirror(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    struct wish *wish = reader->wish;
    const char *text, *raw;
    if (batch_text(yaml, reader, &text, &raw, err) < 0)
        return -1;
    int status = mirror_parse(text, &wish->mirrors[wish->mirror_count]);
    if (status < 0)
        return error_memory(err);
    if (status == 0)
        return yaml_refuse(yaml, err, "must be " MUST_MIRROR ", not \"%s\"", raw);
    wish->mirror_count++;
    return 0;
}

int wish_mirrors(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    mirrors_free(reader->wish);
    reader->wish->mirrors = calloc(MIRRORS_MAX, sizeof *reader->wish->mirrors);
    if (reader->wish->mirrors == NULL)
        return error_memory(err);
    return yaml_list(yaml, MIRRORS_MAX, add_mirror, target, err);
}

/* --- what excludes what --------------------------------------------------------------------------
 */

static int refuse_pair(const struct batch_reader *reader, const char *a, const char *b,
                       struct error *err)
{
    char key[64];
    snprintf(key, sizeof key, "sync: %s", b);
    return batch_refuse(reader->batch, reader->entry->place, key, err, "%s excludes it", a);
}

static int check_action(const struct batch_reader *reader, const struct wish *wish,
                        struct error *err)
{
    const struct {
        bool said;
        const char *name;
    } changes[] = {
        {wish->chunk_size != 0, "chunk-size"},
        {wish->encode_all, "encode-all"},
        {wish->plain, "plain"},
        {wish->drop_foreign, "drop-foreign"},
        {wish->upload_time != NULL && strcmp(wish->upload_time, "keep") != 0, "upload-time"},
        {wish->disk_digest, "disk-digest"},
    };
    bool normalise = wish->action == ACTION_NORMALISE, same = wish->to == CONVERT_TO_SAME;
    if (normalise && wish->to != CONVERT_TO_V2)
        return refuse_pair(reader, "action: normalise", "to", err);
    /* normal form has all but its cut and the encoder from Tart; foreign layers may be dropped */
    for (size_t i = 0; i < 3 && normalise; i++)
        if (changes[i].said)
            return refuse_pair(reader, "action: normalise", changes[i].name, err);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0] && same; i++)
        if (changes[i].said)
            return refuse_pair(reader, "to: same", changes[i].name, err);
    return 0;
}

int wish_check(const struct batch_reader *reader, struct wish *wish, struct error *err)
{
    if (wish->to == CONVERT_TO_SAME && !reader->disk_digest_said)
        wish->disk_digest = false; /* the usual default is no wish of anybody's */
    if (check_action(reader, wish, err) < 0)
        return -1;
    if (wish->no_backup && wish->backup_tag != NULL)
        return refuse_pair(reader, "no-backup", "backup-tag", err);
    if (!wish->in_place || wish->stage != NULL)
        return 0;
    if (wish->to == CONVERT_TO_SAME)
        return refuse_pair(reader, "to: same", "in-place", err);
    if (wish->no_backup)
        return refuse_pair(reader, "in-place", "no-backup", err);
    if (wish->backup_tag != NULL && (strstr(wish->backup_tag, "{tag}") == NULL ||
                                     strstr(wish->backup_tag, "{digest8}") == NULL))
        return batch_refuse(reader->batch, reader->entry->place, "sync: backup-tag", err,
                            "in-place needs one with {tag} and {digest8} in it, so that no backup "
                            "takes another one's place");
    return 0;
}
