/* batch.c: the batch file as a document: its sections, credentials, limits. What an entry means is
 * batch_entry.c's work, what contradicts what batch_check.c's. */
#include "convert/fleet/batch_parts.h"

#include "convert/input/size.h"
#include "convert/input/values.h"
#include "convert/net/credential_helper.h"
#include "convert/net/secret.h"
#include "convert/stores/files.h"
#include "formats/model/auto.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 64u

/* --- life ----------------------------------------------------------------------------------------
 */

static void host_done(struct batch_host *host)
{
    secret_free(&host->user);
    secret_free(&host->password);
    free(host->host);
    free(host->authfile);
    free(host->helper);
    free(host->cert_dir);
    *host = (struct batch_host){.host = NULL};
}

void batch_done(struct batch_file *batch)
{
    for (size_t i = 0; i < batch->host_count; i++)
        host_done(&batch->hosts[i]);
    for (size_t i = 0; i < batch->entry_count; i++)
        batch_entry_done(&batch->entries[i]);
    free(batch->hosts);
    free(batch->entries);
    free(batch->name);
    *batch = (struct batch_file){.name = NULL};
}

/* Room for one more: doubled where the count is a power of two. */
static int grow(void **items, size_t count, size_t item_size, struct error *err)
{
    if ((count & (count - 1)) != 0)
        return 0;
    void *more = reallocarray(*items, count == 0 ? 1 : 2 * count, item_size);
    if (more == NULL)
        return error_memory(err);
    *items = more;
    return 0;
}

int batch_entry_add(struct batch_file *batch, struct batch_entry *entry, struct error *err)
{
    void *items = batch->entries;
    if (grow(&items, batch->entry_count, sizeof *batch->entries, err) < 0)
        return -1;
    batch->entries = items;
    batch->entries[batch->entry_count++] = *entry;
    *entry = (struct batch_entry){.source = NULL};
    return 0;
}

/* --- creds ---------------------------------------------------------------------------------------
 */

static bool judge_host(const char *text, const char **ret)
{
    *ret = text;
    return value_host(text);
}

static int key_registry(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    const char *host;
    BATCH_VALUE(judge_host, &host, MUST_HOST);
    for (size_t i = 0; i < reader->batch->host_count; i++)
        if (batch_host_same(reader->batch->hosts[i].host, host))
            return yaml_refuse(yaml, err, "is there already, in line %u",
                               reader->batch->hosts[i].place.line);
    reader->host->place = batch_place(yaml);
    reader->host->host = strdup(host);
    return reader->host->host != NULL ? 0 : error_memory(err);
}

/* One variable and nothing else, so that no secret stands in the file. The message must not show
 * what does. */
static int secret_take(struct yaml *yaml, struct batch_reader *reader, bool with_default,
                       char **ret, struct error *err)
{
    const char *text, *raw;
    if (yaml_text(yaml, &raw, err) < 0)
        return -1;
    size_t size = strlen(raw);
    if (strncmp(raw, "${", 2) != 0 || strchr(raw, '}') != raw + size - 1 ||
        (!with_default && strstr(raw, ":-") != NULL))
        return yaml_refuse(yaml, err,
                           "must be a variable alone, like ${NAME}: what is secret does not stand "
                           "in the file; or use credHelper, authfile or `tartconv login`");
    if (batch_text(yaml, reader, &text, &raw, err) < 0)
        return -1;
    *ret = strdup(text);
    explicit_bzero(reader->text, sizeof reader->text);
    return *ret != NULL ? 0 : error_memory(err);
}

static int key_user(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    if (secret_take(yaml, reader, true, &reader->host->user, err) < 0)
        return -1;
    if (reader->host->user[0] != '\0' && strchr(reader->host->user, ':') == NULL)
        return 0;
    return yaml_refuse(yaml, err, "a user name must not be empty, and has no colon");
}

static int key_pass(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    return secret_take(yaml, reader, false, &reader->host->password, err);
}

/* regsync's users write the program's whole name. */
static bool judge_helper(const char *text, const char **ret)
{
    static const char program[] = "docker-credential-";
    *ret = strncmp(text, program, sizeof program - 1) == 0 ? text + sizeof program - 1 : text;
    size_t size = strlen(*ret);
    return size > 0 && size <= HELPER_NAME_MAX &&
           strspn(*ret, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               size;
}

static int key_helper(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    const char *name;
    BATCH_VALUE(judge_helper, &name, "NAME or docker-credential-NAME, a program in PATH");
    reader->host->helper = strdup(name);
    return reader->host->helper != NULL ? 0 : error_memory(err);
}

static bool judge_path(const char *text, const char **ret)
{
    *ret = text;
    return text[0] == '/';
}

static int path_take(struct yaml *yaml, void *target, char **ret, struct error *err)
{
    const char *path;
    BATCH_VALUE(judge_path, &path, "a path from the root");
    *ret = strdup(path);
    return *ret != NULL ? 0 : error_memory(err);
}

static int key_authfile(struct yaml *yaml, void *target, struct error *err)
{
    return path_take(yaml, target, &((struct batch_reader *)target)->host->authfile, err);
}

static int key_cert_dir(struct yaml *yaml, void *target, struct error *err)
{
    return path_take(yaml, target, &((struct batch_reader *)target)->host->cert_dir, err);
}

static int key_tls_verify(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    bool verify = true;
    int status = batch_bool(yaml, reader, &verify, err);
    reader->host->no_tls_verify = !verify;
    reader->host->tls_verify_said = true;
    return status;
}

static int key_plain_http(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    reader->host->plain_http_said = true;
    return batch_bool(yaml, reader, &reader->host->plain_http, err);
}

static int key_concurrency(struct yaml *yaml, void *target, struct error *err)
{
    BATCH_VALUE(value_concurrency, &((struct batch_reader *)target)->host->concurrency,
                MUST_CONCURRENCY);
    return 0;
}

static int key_upload_chunk(struct yaml *yaml, void *target, struct error *err)
{
    BATCH_VALUE(value_upload_chunk, &((struct batch_reader *)target)->host->upload_chunk,
                MUST_UPLOAD_CHUNK);
    return 0;
}

static int check_host(const struct batch_reader *reader, struct batch_place place,
                      struct error *err)
{
    const struct batch_host *host = reader->host;
    if (host->host == NULL)
        return batch_refuse(reader->batch, place, "creds", err, "an entry needs a registry");
    if ((host->user == NULL) != (host->password == NULL))
        return batch_refuse(reader->batch, place, "creds", err, "user and pass go together");
    if ((host->user != NULL) + (host->helper != NULL) + (host->authfile != NULL) > 1)
        return batch_refuse(reader->batch, place, "creds", err,
                            "user and pass, credHelper and authfile exclude each other");
    return 0;
}

static int host_take(struct yaml *yaml, void *target, struct error *err)
{
    static const struct yaml_key keys[] = {
        {"registry", key_registry},
        {"user", key_user},
        {"pass", key_pass},
        {"credHelper", key_helper},
        {"authfile", key_authfile},
        {"tls-verify", key_tls_verify},
        {"plain-http", key_plain_http},
        {"cert-dir", key_cert_dir},
        {"concurrency", key_concurrency},
        {"upload-chunk", key_upload_chunk},
    };
    struct batch_reader *reader = target;
    struct batch_file *batch = reader->batch;
    struct batch_host host = {.host = NULL};
    struct batch_place place = batch_place(yaml);
    void *items = batch->hosts;
    reader->host = &host;
    int status = yaml_map(yaml, keys, sizeof keys / sizeof keys[0], target, err);
    if (status == 0)
        status = check_host(reader, place, err);
    if (status == 0 && reader->second) {
        status = grow(&items, batch->host_count, sizeof *batch->hosts, err);
        batch->hosts = items;
        if (status == 0)
            batch->hosts[batch->host_count++] = host;
        host = status == 0 ? (struct batch_host){.host = NULL} : host;
    }
    host_done(&host);
    reader->host = NULL;
    return status;
}

/* --- limits of the run ---------------------------------------------------------------------------
 */

static bool judge_jobs(const char *text, unsigned *ret)
{
    uint64_t value;
    if (!count_parse(text, 1, JOBS_MAX, &value))
        return false;
    *ret = (unsigned)value;
    return true;
}

#define LIMIT_KEY(name, judge, must)                                                               \
    static int key_##name(struct yaml *yaml, void *target, struct error *err)                      \
    {                                                                                              \
        BATCH_VALUE(judge, &((struct batch_reader *)target)->batch->name, must);                   \
        return 0;                                                                                  \
    }
LIMIT_KEY(jobs, judge_jobs, "a number from 1 to 64")
LIMIT_KEY(threads, value_threads, MUST_THREADS)
LIMIT_KEY(limit_rate, value_limit_rate, MUST_LIMIT_RATE)
LIMIT_KEY(spool_memory, size_parse, MUST_SIZE)
LIMIT_KEY(retry_delay_ms, value_retry_delay, MUST_RETRY_DELAY)

static int key_retry_times(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    BATCH_VALUE(value_retry_times, &reader->batch->retry_times, MUST_RETRY_TIMES);
    reader->batch->retry_times_said = true;
    return 0;
}

/* --- the file ------------------------------------------------------------------------------------
 */

static int section_defaults(struct yaml *yaml, void *target, struct error *err)
{
    static const struct yaml_key keys[] = {WISH_KEYS,
                                           {"jobs", key_jobs},
                                           {"threads", key_threads},
                                           {"limit-rate", key_limit_rate},
                                           {"spool-memory", key_spool_memory},
                                           {"retry-times", key_retry_times},
                                           {"retry-delay", key_retry_delay_ms}};
    struct batch_reader *reader = target;
    reader->wish = &reader->defaults;
    reader->disk_digest_said = false;
    int status = yaml_map(yaml, keys, sizeof keys / sizeof keys[0], target, err);
    reader->default_digest_said = reader->disk_digest_said;
    return status;
}

static int section_creds(struct yaml *yaml, void *target, struct error *err)
{
    return yaml_list(yaml, BATCH_HOSTS_MAX, host_take, target, err);
}

static int section_sync(struct yaml *yaml, void *target, struct error *err)
{
    return yaml_list(yaml, BATCH_ENTRIES_MAX, batch_entry_take, target, err);
}

static int section_version(struct yaml *yaml, void *target, struct error *err)
{
    const char *text, *raw;
    if (batch_text(yaml, target, &text, &raw, err) < 0)
        return -1;
    return strcmp(text, "1") == 0 ? 0
                                  : yaml_refuse(yaml, err, "must be 1, the only one there is yet");
}

static int take_root(struct yaml *yaml, void *target, struct error *err)
{
    static const struct yaml_key keys[] = {{"version", section_version},
                                           {"creds", section_creds},
                                           {"defaults", section_defaults},
                                           {"sync", section_sync}};
    return yaml_map(yaml, keys, sizeof keys / sizeof keys[0], target, err);
}

static int parse(struct batch_reader *reader, const void *text, size_t size, struct error *err)
{
    struct batch_file *batch = reader->batch;
    reader->defaults.stage = strdup(STAGE_TEMPLATE);
    if (batch->name == NULL || reader->defaults.stage == NULL)
        return error_memory(err);
    if (yaml_read(batch->name, text, size, take_root, reader, err) < 0)
        return -1;
    reader->second = true;
    if (yaml_read(batch->name, text, size, take_root, reader, err) < 0)
        return -1;
    if (batch->entry_count == 0)
        return batch_refuse(batch, (struct batch_place){1, 1}, "sync", err,
                            "there is no entry: nothing is to be done");
    return batch_check(batch, err);
}

int batch_parse(const char *name, const void *text, size_t size,
                const char *(*variable)(void *context, const char *name), void *context,
                struct batch_file *ret, struct error *err)
{
    *ret = (struct batch_file){.name = NULL};
    if (size > BATCH_SIZE_MAX)
        return error_set(err, ERROR_SETTINGS, "%s has more than %u bytes", name, BATCH_SIZE_MAX);
    struct batch_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return error_memory(err);
    ret->name = strdup(name);
    *reader = (struct batch_reader){.batch = ret, .variable = variable, .context = context};
    reader->defaults =
        (struct wish){.decode = true, .disk_digest = true, .encoder = {.search = ENCODER_APPLE}};
    int status = parse(reader, text, size, err);
    wish_done(&reader->defaults);
    explicit_bzero(reader, sizeof *reader);
    free(reader);
    if (status < 0)
        batch_done(ret);
    return status;
}

static const char *environment(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

int batch_load(const char *path, struct batch_file *ret, struct error *err)
{
    const struct file_classes classes = {.absent = ERROR_NO_SUCH_FILE, .unfit = ERROR_SETTINGS};
    AUTO_CLOSE int fd = -1;
    uint64_t size;
    *ret = (struct batch_file){.name = NULL};
    if (file_open(AT_FDCWD, path, 0, classes, &fd, &size, err) < 0)
        return -1;
    if (size > BATCH_SIZE_MAX)
        return error_set(err, ERROR_SETTINGS, "%s has more than %u bytes", path, BATCH_SIZE_MAX);
    AUTO_FREE char *text = malloc((size_t)size + 1);
    if (text == NULL)
        return error_memory(err);
    if (file_read_at(fd, path, 0, text, (size_t)size, err) < 0)
        return -1;
    return batch_parse(path, text, (size_t)size, environment, NULL, ret, err);
}
