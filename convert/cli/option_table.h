/* option_table.h: the table of all options, and the readers of their values. For options.c. */
#ifndef CONVERT_CLI_OPTION_TABLE_H
#define CONVERT_CLI_OPTION_TABLE_H

#include "convert/cli/options.h"

enum option_kind {
    OPTION_FLAG, /* a bool at `place` becomes true */
    OPTION_TEXT, /* a const char * at `place` */
    OPTION_READ, /* `read` does it */
};

struct option_row {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* for --help; NULL: takes none; in brackets: only with "=", or none */
    unsigned commands;
    const char *help;
    enum option_kind kind;
    size_t place; /* in struct options */
    /* text: NULL where none was given */
    int (*read)(struct options *options, const struct option_row *row, const char *text,
                struct error *err);
    unsigned given; /* GIVEN_… */
};

#define OPTION_ROWS_MAX 128
extern const struct option_row option_rows[];
extern const size_t option_row_count;

bool option_is_for(const struct option_row *row, const struct command *command);
bool option_value_is_optional(const struct option_row *row);
int option_apply(struct options *options, const struct option_row *row, const char *text,
                 struct error *err);

/* option_values.c */
typedef int option_read(struct options *options, const struct option_row *row, const char *text,
                        struct error *err);
option_read read_to, read_chunk_size, read_v1_layer_size, read_encoder, read_upload_time,
    read_format, read_progress, read_threads, read_quiet, read_verbose, read_debug, read_tls_verify,
    read_insecure, read_realm_host, read_mirror, read_reuse, read_tag, read_backup_tag,
    read_upload_chunk, read_concurrency, read_retry_times, read_retry_delay, read_limit_rate,
    read_spool_memory, read_sample, read_seed, read_sibling, read_refill, read_format_csv,
    read_allow, read_deny, read_semver, read_only, read_jobs, read_shard, read_older_than,
    read_history;

#endif
