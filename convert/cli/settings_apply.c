/* settings_apply.c: what the settings file says, where the command line says nothing. What is said
 * of a registry holds for that registry alone. */
#include "convert/cli/settings.h"

#include "convert/cli/command.h"
#include "convert/input/values.h"

#include <string.h>

static const char *host_of(const struct options *options, size_t side)
{
    if (options->references[side].host != NULL)
        return options->references[side].host;
    return side == 0 ? options->operand_text : NULL;
}

static bool tls_is_given(const struct options *options, size_t side)
{
    unsigned both = GIVEN_SRC_TLS_VERIFY | GIVEN_DEST_TLS_VERIFY;
    return (options->given & (options->convert.in_place ? both
                              : side == 0               ? GIVEN_SRC_TLS_VERIFY
                                                        : GIVEN_DEST_TLS_VERIFY)) != 0;
}

static void side_apply(struct settings *settings, const struct registry_settings *registry,
                       size_t i, struct options *options)
{
    struct network_side *side = &options->sides[i];
    if (side->cert_dir == NULL)
        side->cert_dir = registry->cert_dir;
    side->plain_http |= registry->plain_http;
    if (!tls_is_given(options, i))
        side->no_tls_verify = registry->no_tls_verify;
    if (registry->realm_host_count == 0)
        return;
    /* the command line's serve every registry of the command, these one */
    size_t count = 0;
    const char **joined = settings->realm_hosts[i];
    for (; options->network_options.realm_hosts[count] != NULL; count++)
        joined[count] = options->network_options.realm_hosts[count];
    for (size_t k = 0; k < registry->realm_host_count; k++)
        joined[count++] = registry->realm_hosts[k];
    joined[count] = NULL;
    side->realm_hosts = joined;
}

static int mirror_copy(const struct mirror *from, struct mirror *to, struct error *err)
{
    *to = (struct mirror){.host = strdup(from->host),
                          .prefix = from->prefix != NULL ? strdup(from->prefix) : NULL};
    if (to->host != NULL && (from->prefix == NULL || to->prefix != NULL))
        return 0;
    mirror_done(to);
    return error_memory(err);
}

/* Mirrors serve whatever is read; where that is of two registries, one's are no mirrors of the
 * other. */
static bool mirrors_are_wanted(const struct command *command, const struct options *options)
{
    const char *a = options->references[0].host, *b = options->references[1].host;
    return a != NULL && (command->bit != FOR_COMPARE || b == NULL || strcmp(a, b) == 0);
}

static int mirrors_apply(const struct settings *settings, const struct registry_settings *registry,
                         struct options *options, struct error *err)
{
    size_t *count = &options->network_options.mirror_count;
    if (*count == 0 && registry != NULL)
        for (size_t i = 0; i < registry->mirror_count; i++, (*count)++)
            if (mirror_copy(&registry->mirrors[i], &options->mirrors[*count], err) < 0)
                return -1;
    for (size_t i = 0; i < *count; i++) {
        struct mirror *mirror = &options->mirrors[i];
        const struct registry_settings *own = settings_find(settings, mirror->host);
        if (own == NULL)
            continue;
        mirror->plain_http = own->plain_http;
        mirror->no_tls_verify = own->no_tls_verify;
        mirror->cert_dir = own->cert_dir;
    }
    return 0;
}

static void defaults_apply(const struct settings *settings, struct options *options)
{
    struct network_options *network = &options->network_options;
    unsigned wanted = settings->said & ~options->given;
    if (wanted & GIVEN_THREADS)
        options->threads = settings->threads;
    if (wanted & GIVEN_RETRY_TIMES)
        network->retry_times = settings->retry_times;
    if (wanted & GIVEN_RETRY_DELAY)
        network->retry_delay_ms = settings->retry_delay_ms;
    if (wanted & GIVEN_SPOOL_MEMORY)
        network->spool_memory = settings->spool_memory;
    if (wanted & GIVEN_LIMIT_RATE)
        network->limit_rate = settings->limit_rate;
    if (network->tmpdir == NULL)
        network->tmpdir = settings->tmpdir;
}

int settings_apply(struct settings *settings, const struct command *command,
                   struct options *options, struct error *err)
{
    const struct registry_settings *found[OPERANDS_MAX] = {NULL, NULL};
    struct network_options *network = &options->network_options;
    defaults_apply(settings, options);
    options->applied = settings;
    for (size_t i = 0; i < OPERANDS_MAX; i++) {
        const char *host = host_of(options, i);
        found[i] = host != NULL ? settings_find(settings, host) : NULL;
        if (found[i] != NULL)
            side_apply(settings, found[i], i, options);
    }
    /* only what is written to is sent layers */
    if (found[1] != NULL && network->upload_chunk == 0)
        network->upload_chunk = found[1]->upload_chunk;
    if (found[1] != NULL && network->concurrency == 0)
        network->concurrency = found[1]->concurrency;
    bool mirrors = mirrors_are_wanted(command, options);
    if (mirrors_apply(settings, mirrors ? found[0] : NULL, options, err) < 0)
        return -1;
    options_count_hosts(options);
    return 0;
}
