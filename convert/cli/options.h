/* options.h: the command line. One table of all options (option_table.h); each row says which
 * commands take it, so that parsing and --help cannot part ways. tartconv(1).
 *
 * Owner: options_done. Not to be copied: members point into it. Threads: getopt keeps state of its
 * own, so one at a time. */
#ifndef CONVERT_CLI_OPTIONS_H
#define CONVERT_CLI_OPTIONS_H

#include "convert/engine/compare.h"
#include "convert/engine/convert.h"
#include "convert/engine/repair.h"
#include "convert/engine/verify.h"
#include "convert/input/patterns.h"

enum command_bit {
    FOR_CONVERT = 1,
    FOR_INSPECT = 2,
    FOR_VERIFY = 4,
    FOR_COMPARE = 8,
    FOR_LOGIN = 16,
    FOR_LOGOUT = 32,
    FOR_NORMALISE = 64,
    FOR_REPAIR = 128,
    FOR_IMAGES = 15 | FOR_NORMALISE | FOR_REPAIR,
    FOR_SCAN = 256,
    FOR_SYNC = 512,
    FOR_SWITCH = 1024,
    FOR_ROLLBACK = 2048,
    FOR_REPORT = 4096,
    FOR_RETIRE = 8192,
    FOR_ALL = 16383,
};

enum verbosity { VERBOSITY_QUIET, VERBOSITY_NORMAL, VERBOSITY_VERBOSE, VERBOSITY_DEBUG };
enum progress_mode { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_NONE };

/* Options that the settings file has defaults for, and whose values cannot show that they were not
 * given. */
enum given {
    GIVEN_THREADS = 1,
    GIVEN_RETRY_TIMES = 2,
    GIVEN_RETRY_DELAY = 4,
    GIVEN_SPOOL_MEMORY = 8,
    GIVEN_LIMIT_RATE = 16,
    GIVEN_SRC_TLS_VERIFY = 32, /* and --tls-verify */
    GIVEN_DEST_TLS_VERIFY = 64,
    GIVEN_TO = 128,
    GIVEN_SEED = 256, /* has no default in the settings */
};

struct settings;

#define OPERANDS_MAX 2
#define TAGS_MAX     32
#define REFILLS_MAX  16
#define WORDS_MAX    65536

#define HISTORIES_MAX 256

struct options {
    bool help, version;
    bool json; /* --format json */
    bool csv;  /* --format csv, where a command has that */
    enum verbosity verbosity;
    enum progress_mode progress;
    unsigned threads;
    bool raw; /* inspect */
    const char *proof, *digestfile, *against_proof;
    const char *log;    /* an event log to append to; NULL: none */
    const char *output; /* report: the file; NULL: none */
    struct convert_options convert;
    struct verify_options verify;
    struct compare_options compare;
    struct reference references[OPERANDS_MAX]; /* --in-place: both the same */
    struct reference reuse;                    /* --reuse; text NULL: not given */
    /* repair */
    bool accept_likely;
    struct reference sibling; /* --reference; text NULL: not given */
    struct reference refills[REFILLS_MAX];
    size_t refill_count;
    /* scan */
    const char *list;                           /* a file; "-": standard input; NULL: none */
    struct patterns repositories, tag_patterns; /* --repos-allow and so on; --allow and so on */
    const char *operand_text;                   /* login, logout: the host */
    const char **words;                         /* commands that take words; the array is owned */
    size_t word_count;
    /* fleets */
    struct patterns only; /* --only */
    bool has_only, again, probe, yes, trust_head;
    unsigned jobs;               /* 0: as the batch says */
    unsigned shard, shard_count; /* from 1; shard_count 0: all */
    const char *metrics;         /* NULL: none */
    uint64_t older_than_s;
    const char *plan;                         /* NULL: not given */
    const char *histories[HISTORIES_MAX + 1]; /* NULL-terminated */
    size_t history_count;
    /* registries */
    const char *settings; /* NULL: the default file */
    /* what was applied, for what it says of registries that the command line does not name */
    const struct settings *applied;
    unsigned given; /* GIVEN_… */
    struct network_options network_options;
    struct network_side sides[OPERANDS_MAX]; /* as references; one-sided commands: the first */
    struct mirror mirrors[MIRRORS_MAX];
    const char *tags[TAGS_MAX + 1];
    struct network *network; /* while the command runs */
    /* login */
    const char *username, *password; /* secret */
    bool password_stdin;
};

struct command;

/* argv[0] is passed over. command NULL: only the options common to all, and no operands. Texts of
 * argv are borrowed. Where it fails, ret holds what could be read all the same (whether errors are
 * wanted in JSON), and still wants options_done. */
int options_parse(const struct command *command, int argc, char *const *argv, struct options *ret,
                  struct error *err);
/* Sets network_options.host_count; again where mirrors were added. */
void options_count_hosts(struct options *options);
void options_done(struct options *options);

/* One line an option that the command takes; NULL: those common to all. */
int options_help(const struct command *command, struct bytes *ret, struct error *err);

#endif
