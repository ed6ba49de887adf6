/* options.h: the command line. One table of all options; each row says which commands take it, so
 * that parsing and --help cannot part ways. tartconv(1).
 *
 * Owner: options_done. Threads: getopt keeps state of its own, so one at a time. */
#ifndef CONVERT_CLI_OPTIONS_H
#define CONVERT_CLI_OPTIONS_H

#include "convert/engine/compare.h"
#include "convert/engine/convert.h"
#include "convert/engine/verify.h"

enum command_bit {
    FOR_CONVERT = 1,
    FOR_INSPECT = 2,
    FOR_VERIFY = 4,
    FOR_COMPARE = 8,
    FOR_ALL = 15,
};

enum verbosity { VERBOSITY_QUIET, VERBOSITY_NORMAL, VERBOSITY_VERBOSE, VERBOSITY_DEBUG };
enum progress_mode { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_NONE };

#define OPERANDS_MAX 2

struct options {
    bool help, version;
    bool json; /* --format json */
    enum verbosity verbosity;
    enum progress_mode progress;
    unsigned threads;
    bool raw; /* inspect */
    const char *proof, *digestfile, *against_proof;
    struct convert_options convert;
    struct verify_options verify;
    struct compare_options compare;
    struct reference references[OPERANDS_MAX];
};

struct command;

/* argv[0] is passed over. command NULL: only the options common to all, and no operands. Texts of
 * argv are borrowed. Where it fails, ret holds what could be read all the same (whether errors are
 * wanted in JSON), and still wants options_done. */
int options_parse(const struct command *command, int argc, char *const *argv, struct options *ret,
                  struct error *err);
void options_done(struct options *options);

/* One line an option that the command takes; NULL: those common to all. */
int options_help(const struct command *command, struct bytes *ret, struct error *err);

#endif
