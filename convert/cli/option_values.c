/* option_values.c: from an option's text to its value. Judges each value by itself; what excludes
 * what is options.c's work. A refused text is shown, so nothing here reads a secret. */
#include "convert/cli/option_table.h"
#include "convert/fleet/sync.h"
#include "convert/input/size.h"
#include "convert/input/values.h"

#include <string.h>

static int refuse(const struct option_row *row, const char *text, const char *must,
                  struct error *err)
{
    return error_set(err, ERROR_USAGE, "--%s must be %s, not \"%s\"", row->name, must, text);
}

static int judge(bool good, const struct option_row *row, const char *text, const char *must,
                 struct error *err)
{
    return good ? 0 : refuse(row, text, must, err);
}

/* The index of text in names, or -1. */
static int word_index(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], text) == 0)
            return (int)i;
    return -1;
}

/* --- disks and what is told ----------------------------------------------------------------------
 */

int read_to(struct options *options, const struct option_row *row, const char *text,
            struct error *err)
{
    static const char *const names[] = {
        [CONVERT_TO_V2] = "v2", [CONVERT_TO_V1] = "v1", [CONVERT_TO_SAME] = "same"};
    int index = word_index(names, 3, text);
    if (index < 0)
        return refuse(row, text, "v2, v1 or same", err);
    options->convert.to = (enum convert_to)index;
    return 0;
}

int read_chunk_size(struct options *options, const struct option_row *row, const char *text,
                    struct error *err)
{
    uint64_t *size = &options->convert.chunk_size;
    if (size_parse(text, size) && *size >= CHUNK_SIZE_MIN && *size <= CHUNK_SIZE_MAX)
        return 0;
    return refuse(row, text,
                  "1 MiB to 512 MiB (it is the disk that one layer carries; --upload-chunk is for "
                  "the pieces of a transfer)",
                  err);
}

int read_v1_layer_size(struct options *options, const struct option_row *row, const char *text,
                       struct error *err)
{
    uint64_t *size = &options->convert.v1_layer_size;
    return judge(size_parse(text, size) && *size > 0, row, text, "a size of at least 1 byte", err);
}

int read_encoder(struct options *options, const struct option_row *row, const char *text,
                 struct error *err)
{
    return judge(encoder_kind_parse(text, &options->convert.encoder), row, text,
                 "apple, lz4 or lz4hc:N with N from 1 to 12", err);
}

int read_upload_time(struct options *options, const struct option_row *row, const char *text,
                     struct error *err)
{
    struct convert_options *convert = &options->convert;
    convert->upload_time_text = NULL;
    if (strcmp(text, "keep") == 0)
        convert->upload_time = UPLOAD_TIME_KEEP;
    else if (strcmp(text, "none") == 0)
        convert->upload_time = UPLOAD_TIME_NONE;
    else if (time_is_valid(text)) {
        convert->upload_time = UPLOAD_TIME_SET;
        convert->upload_time_text = text;
    } else
        return refuse(row, text, "keep, none or a time like 2024-01-31T12:00:00Z", err);
    return 0;
}

int read_format(struct options *options, const struct option_row *row, const char *text,
                struct error *err)
{
    static const char *const names[] = {"text", "json"};
    int index = word_index(names, 2, text);
    if (index < 0)
        return refuse(row, text, "text or json", err);
    options->json = index == 1;
    return 0;
}

int read_format_csv(struct options *options, const struct option_row *row, const char *text,
                    struct error *err)
{
    static const char *const names[] = {"text", "json", "csv"};
    int index = word_index(names, 3, text);
    if (index < 0)
        return refuse(row, text, "text, json or csv", err);
    options->json = index == 1;
    options->csv = index == 2;
    return 0;
}

/* At the row's place are patterns. */
static int add_pattern(struct options *options, const struct option_row *row, const char *text,
                       int (*add)(struct patterns *patterns, const char *text, struct error *err),
                       struct error *err)
{
    struct patterns *patterns = (struct patterns *)((char *)options + row->place);
    return add(patterns, text, err) < 0 ? error_wrap(err, "--%s %s", row->name, text) : 0;
}

int read_allow(struct options *options, const struct option_row *row, const char *text,
               struct error *err)
{
    return add_pattern(options, row, text, patterns_allow, err);
}

int read_deny(struct options *options, const struct option_row *row, const char *text,
              struct error *err)
{
    return add_pattern(options, row, text, patterns_deny, err);
}

int read_semver(struct options *options, const struct option_row *row, const char *text,
                struct error *err)
{
    return add_pattern(options, row, text, patterns_semver, err);
}

int read_progress(struct options *options, const struct option_row *row, const char *text,
                  struct error *err)
{
    static const char *const names[] = {
        [PROGRESS_AUTO] = "auto", [PROGRESS_PLAIN] = "plain", [PROGRESS_NONE] = "none"};
    int index = word_index(names, 3, text);
    if (index < 0)
        return refuse(row, text, "auto, plain or none", err);
    options->progress = (enum progress_mode)index;
    return 0;
}

int read_threads(struct options *options, const struct option_row *row, const char *text,
                 struct error *err)
{
    return judge(value_threads(text, &options->threads), row, text, MUST_THREADS, err);
}

int read_quiet(struct options *options, const struct option_row *row, const char *text,
               struct error *err)
{
    (void)row;
    (void)text;
    (void)err;
    options->verbosity = VERBOSITY_QUIET;
    return 0;
}

int read_verbose(struct options *options, const struct option_row *row, const char *text,
                 struct error *err)
{
    (void)row;
    (void)text;
    (void)err;
    options->verbosity = VERBOSITY_VERBOSE;
    return 0;
}

int read_debug(struct options *options, const struct option_row *row, const char *text,
               struct error *err)
{
    (void)row;
    (void)text;
    (void)err;
    options->verbosity = VERBOSITY_DEBUG;
    return 0;
}

/* "5%" or a size of disk. */
int read_sample(struct options *options, const struct option_row *row, const char *text,
                struct error *err)
{
    struct verify_options *verify = &options->verify;
    size_t size = strlen(text);
    char number[8];
    uint64_t percent;
    verify->sample_percent = 0;
    verify->sample_size = 0;
    if (size > 1 && size < sizeof number && text[size - 1] == '%') {
        memcpy(number, text, size - 1);
        number[size - 1] = '\0';
        if (count_parse(number, 1, 100, &percent)) {
            verify->sample_percent = (unsigned)percent;
            return 0;
        }
    }
    return judge(size_parse(text, &verify->sample_size) && verify->sample_size > 0, row, text,
                 "1% to 100%, or a size", err);
}

int read_seed(struct options *options, const struct option_row *row, const char *text,
              struct error *err)
{
    return judge(count_parse(text, 0, INT64_MAX, &options->verify.seed), row, text,
                 "a number from 0 to 2^63-1", err);
}

/* --- registries ----------------------------------------------------------------------------------
 */

/* As skopeo takes it: --tls-verify, --tls-verify=true, --tls-verify=false. */
int read_tls_verify(struct options *options, const struct option_row *row, const char *text,
                    struct error *err)
{
    bool off = text != NULL && strcmp(text, "false") == 0;
    if (text != NULL && !off && strcmp(text, "true") != 0)
        return refuse(row, text, "true or false", err);
    *(bool *)((char *)options + row->place) = off;
    return 0;
}

int read_insecure(struct options *options, const struct option_row *row, const char *text,
                  struct error *err)
{
    (void)row;
    (void)text;
    (void)err;
    for (size_t i = 0; i < OPERANDS_MAX; i++)
        options->sides[i].plain_http = true;
    return 0;
}

static int list_add(const char **list, size_t max, const struct option_row *row, const char *text,
                    struct error *err)
{
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    if (count == max)
        return error_set(err, ERROR_USAGE, "--%s may be given at most %zu times", row->name, max);
    list[count] = text;
    return 0;
}

int read_realm_host(struct options *options, const struct option_row *row, const char *text,
                    struct error *err)
{
    if (!value_host(text))
        return refuse(row, text, MUST_HOST, err);
    return list_add(options->network_options.realm_hosts, REALM_HOSTS_MAX, row, text, err);
}

int read_reuse(struct options *options, const struct option_row *row, const char *text,
               struct error *err)
{
    reference_done(&options->reuse);
    options->convert.reuse = NULL;
    if (reference_parse(text, &options->reuse, err) < 0)
        return error_wrap(err, "--%s", row->name);
    options->convert.reuse = &options->reuse;
    return 0;
}

int read_sibling(struct options *options, const struct option_row *row, const char *text,
                 struct error *err)
{
    reference_done(&options->sibling);
    return reference_parse(text, &options->sibling, err) < 0 ? error_wrap(err, "--%s", row->name)
                                                             : 0;
}

int read_refill(struct options *options, const struct option_row *row, const char *text,
                struct error *err)
{
    if (options->refill_count == REFILLS_MAX)
        return error_set(err, ERROR_USAGE, "--%s may be given at most %d times", row->name,
                         REFILLS_MAX);
    if (reference_parse(text, &options->refills[options->refill_count], err) < 0)
        return error_wrap(err, "--%s", row->name);
    options->refill_count++;
    return 0;
}

int read_mirror(struct options *options, const struct option_row *row, const char *text,
                struct error *err)
{
    size_t *count = &options->network_options.mirror_count;
    if (*count == MIRRORS_MAX)
        return error_set(err, ERROR_USAGE, "--%s may be given at most %d times", row->name,
                         MIRRORS_MAX);
    int status = mirror_parse(text, &options->mirrors[*count]);
    if (status < 0)
        return error_memory(err);
    if (status == 0)
        return refuse(row, text, MUST_MIRROR, err);
    (*count)++;
    return 0;
}

int read_tag(struct options *options, const struct option_row *row, const char *text,
             struct error *err)
{
    if (!reference_tag_valid(text))
        return refuse(row, text, "a tag: letters, digits, \"_\", \".\", \"-\", at most 128", err);
    for (size_t i = 0; options->tags[i] != NULL; i++)
        if (strcmp(options->tags[i], text) == 0)
            return 0;
    return list_add(options->tags, TAGS_MAX, row, text, err);
}

int read_backup_tag(struct options *options, const struct option_row *row, const char *text,
                    struct error *err)
{
    options->convert.backup_tag = text;
    return judge(value_backup_tag(text), row, text, MUST_BACKUP_TAG, err);
}

int read_upload_chunk(struct options *options, const struct option_row *row, const char *text,
                      struct error *err)
{
    return judge(value_upload_chunk(text, &options->network_options.upload_chunk), row, text,
                 MUST_UPLOAD_CHUNK, err);
}

int read_concurrency(struct options *options, const struct option_row *row, const char *text,
                     struct error *err)
{
    return judge(value_concurrency(text, &options->network_options.concurrency), row, text,
                 MUST_CONCURRENCY, err);
}

int read_retry_times(struct options *options, const struct option_row *row, const char *text,
                     struct error *err)
{
    return judge(value_retry_times(text, &options->network_options.retry_times), row, text,
                 MUST_RETRY_TIMES, err);
}

int read_retry_delay(struct options *options, const struct option_row *row, const char *text,
                     struct error *err)
{
    return judge(value_retry_delay(text, &options->network_options.retry_delay_ms), row, text,
                 MUST_RETRY_DELAY, err);
}

int read_limit_rate(struct options *options, const struct option_row *row, const char *text,
                    struct error *err)
{
    return judge(value_limit_rate(text, &options->network_options.limit_rate), row, text,
                 MUST_LIMIT_RATE, err);
}

int read_spool_memory(struct options *options, const struct option_row *row, const char *text,
                      struct error *err)
{
    return judge(size_parse(text, &options->network_options.spool_memory), row, text, MUST_SIZE,
                 err);
}

/* --- fleets --------------------------------------------------------------------------------------
 */

int read_only(struct options *options, const struct option_row *row, const char *text,
              struct error *err)
{
    if (patterns_allow(&options->only, text, err) < 0)
        return err->class == ERROR_USAGE ? error_wrap(err, "--%s", row->name) : -1;
    options->has_only = true;
    return 0;
}

int read_history(struct options *options, const struct option_row *row, const char *text,
                 struct error *err)
{
    if (*text == '\0')
        return error_set(err, ERROR_USAGE, "--%s must not be empty", row->name);
    if (options->history_count == HISTORIES_MAX)
        return error_set(err, ERROR_USAGE, "--%s can be given %d times", row->name, HISTORIES_MAX);
    options->histories[options->history_count++] = text;
    return 0;
}

int read_jobs(struct options *options, const struct option_row *row, const char *text,
              struct error *err)
{
    uint64_t count;
    if (!count_parse(text, 1, JOBS_MAX, &count))
        return error_set(err, ERROR_USAGE, "--%s must be a number from 1 to %u, not \"%s\"",
                         row->name, JOBS_MAX, text);
    options->jobs = (unsigned)count;
    return 0;
}

/* "I/N" */
int read_shard(struct options *options, const struct option_row *row, const char *text,
               struct error *err)
{
    char first[16];
    const char *slash = strchr(text, '/');
    size_t size = slash != NULL ? (size_t)(slash - text) : sizeof first;
    uint64_t shard, count;
    if (size < sizeof first) {
        memcpy(first, text, size);
        first[size] = '\0';
        if (count_parse(slash + 1, 1, SHARDS_MAX, &count) && count_parse(first, 1, count, &shard)) {
            options->shard = (unsigned)shard;
            options->shard_count = (unsigned)count;
            return 0;
        }
    }
    return error_set(err, ERROR_USAGE,
                     "--%s must be I/N: the I-th (from 1) of N parts, N at most %u, not \"%s\"",
                     row->name, SHARDS_MAX, text);
}

/* Digits, and one of s, m, h, d. */
int read_older_than(struct options *options, const struct option_row *row, const char *text,
                    struct error *err)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char digits[8];
    size_t size = strspn(text, "0123456789");
    uint64_t count;
    for (size_t i = 0; size < sizeof digits && i < sizeof units / sizeof units[0]; i++) {
        if (text[size] != units[i].unit || text[size + 1] != '\0')
            continue;
        memcpy(digits, text, size);
        digits[size] = '\0';
        if (!count_parse(digits, 0, 1000000, &count))
            break;
        options->older_than_s = count * units[i].seconds;
        return 0;
    }
    return error_set(err, ERROR_USAGE, "--%s must be an age like 90m, 12h or 7d, not \"%s\"",
                     row->name, text);
}
