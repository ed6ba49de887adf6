/* sync_setup.c: joins batch file, settings and command line: what the command line says wins over
 * the batch, and the batch over the settings. */
#include "convert/cli/sync_setup.h"

#include "convert/cli/settings.h"
#include "formats/model/auto.h"

#include <string.h>

/* --- hosts ---------------------------------------------------------------------------------------
 */

static int hosts_take(const struct options *options, struct sync_setup *setup, struct error *err)
{
    const struct settings *settings = options->applied;
    const char *const *common = options->network_options.realm_hosts;
    size_t count = settings != NULL ? settings->registry_count : 0, room = 2 * REALM_HOSTS_MAX + 1;
    setup->hosts = calloc(count + 1, sizeof *setup->hosts);
    setup->realm_hosts = calloc((count + 1) * room, sizeof *setup->realm_hosts);
    if (setup->hosts == NULL || setup->realm_hosts == NULL)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct registry_settings *from = &settings->registries[i];
        const char **joined = &setup->realm_hosts[i * room];
        size_t used = 0;
        for (; common[used] != NULL; used++)
            joined[used] = common[used];
        for (size_t k = 0; k < from->realm_host_count; k++)
            joined[used++] = from->realm_hosts[k];
        setup->hosts[setup->host_count++] = (struct side_host){
            .host = from->host,
            .side = {.no_tls_verify =
                         from->no_tls_verify && !(options->given & GIVEN_SRC_TLS_VERIFY),
                     .plain_http = from->plain_http,
                     .cert_dir = from->cert_dir,
                     .upload_chunk = from->upload_chunk,
                     .concurrency = from->concurrency,
                     .realm_hosts = from->realm_host_count > 0 ? joined : NULL},
        };
    }
    return 0;
}

static void mirror_apply(const struct settings *settings, struct mirror *mirror)
{
    const struct registry_settings *own =
        settings != NULL ? settings_find(settings, mirror->host) : NULL;
    if (own == NULL)
        return;
    mirror->no_tls_verify = own->no_tls_verify;
    mirror->plain_http = own->plain_http;
    mirror->cert_dir = own->cert_dir;
}

/* What the network must know of all of them; which serve an image is its entry's. */
static int mirrors_take(const struct options *options, struct sync_setup *setup, struct error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < setup->batch.entry_count; i++)
        count += setup->batch.entries[i].wish.mirror_count;
    setup->mirrors = calloc(count + 1, sizeof *setup->mirrors);
    if (setup->mirrors == NULL)
        return error_memory(err);
    for (size_t i = 0; i < setup->batch.entry_count; i++) {
        const struct wish *wish = &setup->batch.entries[i].wish;
        for (size_t k = 0; k < wish->mirror_count; k++) {
            struct mirror *mirror = &setup->mirrors[setup->mirror_count++];
            *mirror = wish->mirrors[k];
            mirror_apply(options->applied, mirror);
        }
    }
    return 0;
}

static size_t cut_host(const char *name, char ret[256])
{
    size_t size = strcspn(name, "/");
    size = size < 255 ? size : 255;
    memcpy(ret, name, size);
    ret[size] = '\0';
    return size;
}

/* It is of interest only whether there are several. */
static size_t count_hosts(const struct batch_file *batch)
{
    char first[256], host[256];
    if (batch->entry_count == 0)
        return 2; /* logs may name any */
    cut_host(batch->entries[0].source, first);
    for (size_t i = 0; i < batch->entry_count; i++) {
        const struct batch_entry *entry = &batch->entries[i];
        cut_host(entry->source, host);
        if (!batch_host_same(first, host))
            return 2;
        cut_host(entry->target != NULL ? entry->target : entry->source, host);
        if (!batch_host_same(first, host) || entry->wish.mirror_count > 0)
            return 2;
    }
    return 1;
}

/* --- TLS -----------------------------------------------------------------------------------------
 */

/* What the command line says of certificates holds for all registries, in either direction. */
static void tls_overrule(const struct options *options, struct batch_file *batch)
{
    for (size_t i = 0; (options->given & GIVEN_SRC_TLS_VERIFY) && i < batch->host_count; i++)
        batch->hosts[i].tls_verify_said = false;
}

/* --- the network ---------------------------------------------------------------------------------
 */

static int network_take(const struct options *options, struct run *run, struct sync_setup *setup,
                        struct error *err)
{
    const struct batch_file *batch = &setup->batch;
    struct network_options network = *network_options(options->network);
    unsigned given = options->given;
    if (!(given & GIVEN_THREADS) && batch->threads > 0)
        run->threads = batch->threads;
    if (!(given & GIVEN_LIMIT_RATE) && batch->limit_rate > 0)
        network.limit_rate = batch->limit_rate;
    if (!(given & GIVEN_SPOOL_MEMORY) && batch->spool_memory > 0)
        network.spool_memory = batch->spool_memory;
    if (!(given & GIVEN_RETRY_TIMES) && batch->retry_times_said)
        network.retry_times = batch->retry_times;
    if (!(given & GIVEN_RETRY_DELAY) && batch->retry_delay_ms > 0)
        network.retry_delay_ms = batch->retry_delay_ms;
    network.mirrors = setup->mirrors;
    network.mirror_count = setup->mirror_count;
    network.host_count = count_hosts(batch);
    setup->network = network_new(&network, err);
    return setup->network != NULL ? 0 : -1;
}

/* --- all of it -----------------------------------------------------------------------------------
 */

static int setup_make(const struct options *options, const char *file, struct run *run,
                      struct sync_setup *setup, struct error *err)
{
    if (file != NULL && batch_load(file, &setup->batch, err) < 0)
        return -1;
    setup->has_history = options->history_count > 0;
    if (setup->has_history &&
        history_read(options->histories, options->history_count, &setup->history, err) < 0) {
        setup->has_history = false;
        return -1;
    }
    tls_overrule(options, &setup->batch);
    if (hosts_take(options, setup, err) < 0 || mirrors_take(options, setup, err) < 0 ||
        sides_make(&setup->batch, setup->hosts, setup->host_count, &options->sides[0],
                   &setup->sides, err) < 0 ||
        network_take(options, run, setup, err) < 0)
        return -1;
    if (file == NULL)
        return 0;
    return tasks_make(run, &setup->batch, &setup->sides, setup->network,
                      options->has_only ? &options->only : NULL, &setup->tasks, err);
}

int sync_setup_make(const struct options *options, const char *file, struct run *run,
                    struct sync_setup *ret, struct error *err)
{
    *ret = (struct sync_setup){.network = NULL};
    if (setup_make(options, file, run, ret, err) == 0)
        return 0;
    sync_setup_done(ret);
    return -1;
}

void sync_setup_done(struct sync_setup *setup)
{
    tasks_done(&setup->tasks);
    setup->network = network_free(setup->network);
    sides_done(&setup->sides);
    if (setup->has_history)
        history_done(&setup->history);
    free(setup->hosts);
    free(setup->realm_hosts);
    free(setup->mirrors);
    batch_done(&setup->batch);
    *setup = (struct sync_setup){.network = NULL};
}

const struct history *sync_setup_history(const struct sync_setup *setup)
{
    return setup->has_history ? &setup->history : NULL;
}

static bool any_plain(const struct tasks *tasks)
{
    for (size_t i = 0; i < tasks->count; i++)
        if (tasks->items[i].entry->wish.plain)
            return true;
    return false;
}

void sync_setup_warn(const struct sync_setup *setup, struct run *run)
{
    if (any_plain(&setup->tasks) && !setup->has_history)
        run_warning(run, "images with plain: true carry no seal: what was made of which source is "
                         "known only by --history LOG");
}
