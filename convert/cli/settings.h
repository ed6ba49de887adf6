/* settings.h: the settings file, tartconv-settings(5): what holds for a registry whenever it takes
 * part in a command, and defaults of options.
 *
 * A file is hostile input like any other: at most SETTINGS_SIZE_MAX bytes, what strict_yaml.h
 * takes, no key that is not known, every text and number within its bounds.
 *
 * Owner: settings_done, after the options that settings_apply filled are used up. Threads: plain
 * value. */
#ifndef CONVERT_CLI_SETTINGS_H
#define CONVERT_CLI_SETTINGS_H

#include "convert/cli/options.h"

#define SETTINGS_SIZE_MAX       (1u << 20)
#define SETTINGS_REGISTRIES_MAX 256

struct registry_settings {
    char *host;
    struct mirror mirrors[MIRRORS_MAX];
    size_t mirror_count;
    char *realm_hosts[REALM_HOSTS_MAX];
    size_t realm_host_count;
    bool no_tls_verify, plain_http;
    char *cert_dir;        /* NULL: not said */
    uint64_t upload_chunk; /* 0: not said */
    unsigned concurrency;  /* 0: not said */
};

struct settings {
    struct registry_settings *registries;
    size_t registry_count;
    /* defaults; what is not in `said` was not said */
    unsigned said; /* GIVEN_… */
    uint64_t limit_rate, spool_memory;
    unsigned retry_times, retry_delay_ms, threads;
    char *tmpdir; /* NULL: not said */
    /* what settings_apply joins for each side */
    const char *realm_hosts[OPERANDS_MAX][2 * REALM_HOSTS_MAX + 1];
};

/* path NULL: ${XDG_CONFIG_HOME:-~/.config}/tartconv/settings.yaml, which may be absent, and then
 * ret is empty. ERROR_NO_SUCH_FILE; ERROR_SETTINGS: "FILE:LINE:COLUMN: KEY: …". */
int settings_load(const char *path, struct settings *ret, struct error *err);
/* name: of the file, for errors. */
int settings_parse(const char *name, const void *text, size_t size, struct settings *ret,
                   struct error *err);
void settings_done(struct settings *settings);

/* The registry's settings; NULL: there are none. Hosts in any case of letters. */
const struct registry_settings *settings_find(const struct settings *settings, const char *host);

/* Fills in what the command line did not say. The options borrow texts, and copy mirrors. */
int settings_apply(struct settings *settings, const struct command *command,
                   struct options *options, struct error *err);

#endif
