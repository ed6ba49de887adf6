/* settings.c: the shape of the settings file, key by key. Must not decide what a setting means for
 * a command (settings_apply.c). */
#include "convert/cli/settings.h"

#include "convert/input/size.h"
#include "convert/input/strict_yaml.h"
#include "convert/input/values.h"
#include "convert/stores/files.h"
#include "formats/model/auto.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- values --------------------------------------------------------------------------------------
 */

static int text_copy(struct yaml *yaml, char **ret, struct error *err)
{
    const char *text;
    if (yaml_text(yaml, &text, err) < 0)
        return -1;
    *ret = strdup(text);
    return *ret != NULL ? 0 : error_memory(err);
}

static int take_folder(struct yaml *yaml, char **ret, struct error *err)
{
    const char *text;
    if (yaml_text(yaml, &text, err) < 0)
        return -1;
    if (text[0] != '/')
        return yaml_refuse(yaml, err, "must be a folder's path from the root, not \"%s\"", text);
    return text_copy(yaml, ret, err);
}

#define READ_VALUE(judge, ret, must)                                                               \
    do {                                                                                           \
        const char *text_;                                                                         \
        if (yaml_text(yaml, &text_, err) < 0)                                                      \
            return -1;                                                                             \
        if (!judge(text_, ret))                                                                    \
            return yaml_refuse(yaml, err, "must be %s, not \"%s\"", must, text_);                  \
    } while (0)

/* --- registries ----------------------------------------------------------------------------------
 */

static int add_mirror(struct yaml *yaml, void *target, struct error *err)
{
    struct registry_settings *registry = target;
    const char *text;
    if (yaml_text(yaml, &text, err) < 0)
        return -1;
    int status = mirror_parse(text, &registry->mirrors[registry->mirror_count]);
    if (status < 0)
        return error_memory(err);
    if (status == 0)
        return yaml_refuse(yaml, err, "must be " MUST_MIRROR ", not \"%s\"", text);
    registry->mirror_count++;
    return 0;
}

static int add_realm_host(struct yaml *yaml, void *target, struct error *err)
{
    struct registry_settings *registry = target;
    const char *text;
    if (yaml_text(yaml, &text, err) < 0)
        return -1;
    if (!value_host(text))
        return yaml_refuse(yaml, err, "must be " MUST_HOST ", not \"%s\"", text);
    if (text_copy(yaml, &registry->realm_hosts[registry->realm_host_count], err) < 0)
        return -1;
    registry->realm_host_count++;
    return 0;
}

static int key_mirrors(struct yaml *yaml, void *target, struct error *err)
{
    return yaml_list(yaml, MIRRORS_MAX, add_mirror, target, err);
}

static int key_realm_hosts(struct yaml *yaml, void *target, struct error *err)
{
    return yaml_list(yaml, REALM_HOSTS_MAX, add_realm_host, target, err);
}

static int key_tls_verify(struct yaml *yaml, void *target, struct error *err)
{
    struct registry_settings *registry = target;
    bool verify = true;
    int status = yaml_bool(yaml, &verify, err);
    registry->no_tls_verify = !verify;
    return status;
}

static int key_plain_http(struct yaml *yaml, void *target, struct error *err)
{
    return yaml_bool(yaml, &((struct registry_settings *)target)->plain_http, err);
}

static int key_cert_dir(struct yaml *yaml, void *target, struct error *err)
{
    return take_folder(yaml, &((struct registry_settings *)target)->cert_dir, err);
}

static int key_upload_chunk(struct yaml *yaml, void *target, struct error *err)
{
    READ_VALUE(value_upload_chunk, &((struct registry_settings *)target)->upload_chunk,
               MUST_UPLOAD_CHUNK);
    return 0;
}

static int key_concurrency(struct yaml *yaml, void *target, struct error *err)
{
    READ_VALUE(value_concurrency, &((struct registry_settings *)target)->concurrency,
               MUST_CONCURRENCY);
    return 0;
}

static const struct yaml_key registry_keys[] = {
    {"mirrors", key_mirrors},           {"tls-verify", key_tls_verify},
    {"plain-http", key_plain_http},     {"cert-dir", key_cert_dir},
    {"upload-chunk", key_upload_chunk}, {"concurrency", key_concurrency},
    {"realm-hosts", key_realm_hosts},
};
#define REGISTRY_KEY_COUNT (sizeof registry_keys / sizeof registry_keys[0])

static int registry_take(struct yaml *yaml, const char *host, void *target, struct error *err)
{
    struct settings *settings = target;
    if (!value_host(host))
        return yaml_refuse_key(yaml, err, "the key must be " MUST_HOST);
    if (settings_find(settings, host) != NULL)
        return yaml_refuse_key(yaml, err, "the key is there twice");
    if (settings->registry_count == SETTINGS_REGISTRIES_MAX)
        return yaml_refuse_key(yaml, err, "more than %d registries", SETTINGS_REGISTRIES_MAX);
    struct registry_settings *registry = &settings->registries[settings->registry_count];
    *registry = (struct registry_settings){.host = strdup(host)};
    if (registry->host == NULL)
        return error_memory(err);
    settings->registry_count++;
    return yaml_map(yaml, registry_keys, REGISTRY_KEY_COUNT, registry, err);
}

static int key_registries(struct yaml *yaml, void *target, struct error *err)
{
    struct settings *settings = target;
    settings->registries = calloc(SETTINGS_REGISTRIES_MAX, sizeof *settings->registries);
    if (settings->registries == NULL)
        return error_memory(err);
    return yaml_each(yaml, registry_take, settings, err);
}

/* --- defaults ------------------------------------------------------------------------------------
 */

static int key_limit_rate(struct yaml *yaml, void *target, struct error *err)
{
    struct settings *settings = target;
    READ_VALUE(value_limit_rate, &settings->limit_rate, MUST_LIMIT_RATE);
    settings->said |= GIVEN_LIMIT_RATE;
    return 0;
}

static int key_retry_times(struct yaml *yaml, void *target, struct error *err)
{
    struct settings *settings = target;
    READ_VALUE(value_retry_times, &settings->retry_times, MUST_RETRY_TIMES);
    settings->said |= GIVEN_RETRY_TIMES;
    return 0;
}

static int key_retry_delay(struct yaml *yaml, void *target, struct error *err)
{
    struct settings *settings = target;
    READ_VALUE(value_retry_delay, &settings->retry_delay_ms, MUST_RETRY_DELAY);
    settings->said |= GIVEN_RETRY_DELAY;
    return 0;
}

static int key_tmpdir(struct yaml *yaml, void *target, struct error *err)
{
    return take_folder(yaml, &((struct settings *)target)->tmpdir, err);
}

static int key_spool_memory(struct yaml *yaml, void *target, struct error *err)
{
    struct settings *settings = target;
    READ_VALUE(size_parse, &settings->spool_memory, MUST_SIZE);
    settings->said |= GIVEN_SPOOL_MEMORY;
    return 0;
}

static int key_threads(struct yaml *yaml, void *target, struct error *err)
{
    struct settings *settings = target;
    READ_VALUE(value_threads, &settings->threads, MUST_THREADS);
    settings->said |= GIVEN_THREADS;
    return 0;
}

static int key_defaults(struct yaml *yaml, void *target, struct error *err)
{
    static const struct yaml_key keys[] = {
        {"limit-rate", key_limit_rate},     {"retry-times", key_retry_times},
        {"retry-delay", key_retry_delay},   {"tmpdir", key_tmpdir},
        {"spool-memory", key_spool_memory}, {"threads", key_threads},
    };
    return yaml_map(yaml, keys, sizeof keys / sizeof keys[0], target, err);
}

/* --- the file ------------------------------------------------------------------------------------
 */

static int take_root(struct yaml *yaml, void *target, struct error *err)
{
    static const struct yaml_key keys[] = {{"registries", key_registries},
                                           {"defaults", key_defaults}};
    return yaml_map(yaml, keys, sizeof keys / sizeof keys[0], target, err);
}

int settings_parse(const char *name, const void *text, size_t size, struct settings *ret,
                   struct error *err)
{
    *ret = (struct settings){.registries = NULL};
    if (size > SETTINGS_SIZE_MAX)
        return error_set(err, ERROR_SETTINGS, "%s has more than %u bytes", name, SETTINGS_SIZE_MAX);
    if (yaml_read(name, text, size, take_root, ret, err) == 0)
        return 0;
    settings_done(ret);
    return -1;
}

/* Allocated; NULL without err: the environment names no home. */
static char *default_path(struct error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int status = 0;
    if (config != NULL && config[0] == '/')
        status = asprintf(&path, "%s/tartconv/settings.yaml", config);
    else if (home != NULL && home[0] != '\0')
        status = asprintf(&path, "%s/.config/tartconv/settings.yaml", home);
    if (status >= 0)
        return path;
    error_memory(err);
    return NULL;
}

static int load(const char *path, struct settings *ret, struct error *err)
{
    const struct file_classes classes = {.absent = ERROR_NO_SUCH_FILE, .unfit = ERROR_SETTINGS};
    AUTO_CLOSE int fd = -1;
    uint64_t size;
    if (file_open(AT_FDCWD, path, 0, classes, &fd, &size, err) < 0)
        return -1;
    if (size > SETTINGS_SIZE_MAX)
        return error_set(err, ERROR_SETTINGS, "%s has more than %u bytes", path, SETTINGS_SIZE_MAX);
    AUTO_FREE char *text = malloc((size_t)size + 1);
    if (text == NULL)
        return error_memory(err);
    if (file_read_at(fd, path, 0, text, (size_t)size, err) < 0)
        return -1;
    return settings_parse(path, text, (size_t)size, ret, err);
}

int settings_load(const char *path, struct settings *ret, struct error *err)
{
    *ret = (struct settings){.registries = NULL};
    if (path != NULL)
        return load(path, ret, err);
    err->class = ERROR_NONE;
    AUTO_FREE char *usual = default_path(err);
    if (usual == NULL)
        return err->class == ERROR_NONE ? 0 : -1;
    if (load(usual, ret, err) == 0 || err->class == ERROR_NO_SUCH_FILE)
        return 0;
    return -1;
}

void settings_done(struct settings *settings)
{
    for (size_t i = 0; i < settings->registry_count; i++) {
        struct registry_settings *registry = &settings->registries[i];
        for (size_t k = 0; k < registry->mirror_count; k++)
            mirror_done(&registry->mirrors[k]);
        for (size_t k = 0; k < registry->realm_host_count; k++)
            free(registry->realm_hosts[k]);
        free(registry->host);
        free(registry->cert_dir);
    }
    free(settings->registries);
    free(settings->tmpdir);
    *settings = (struct settings){.registries = NULL};
}

const struct registry_settings *settings_find(const struct settings *settings, const char *host)
{
    for (size_t i = 0; i < settings->registry_count; i++)
        if (strcasecmp(settings->registries[i].host, host) == 0)
            return &settings->registries[i];
    return NULL;
}
