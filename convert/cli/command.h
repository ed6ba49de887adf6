/* command.h: the commands, one row each in main.c's table and one cmd_<verb>.c file each.
 *
 * A command does its work through the engine and puts its result into `out`, which main.c writes to
 * standard output at the end; it prints nothing itself. */
#ifndef CONVERT_CLI_COMMAND_H
#define CONVERT_CLI_COMMAND_H

#include "convert/cli/options.h"
#include "convert/engine/run.h"

/* Returns the exit status, or -1 with err. */
typedef int command_run(const struct options *options, struct run *run, struct bytes *out,
                        struct error *err);

/* Exit status of what works on many images: some were left as they are, have failed or were not
 * begun. */
#define STATUS_NOT_ALL 3

struct command {
    const char *name;
    enum command_bit bit;
    const char *operands; /* for --help */
    size_t operand_count;
    const char *summary;
    command_run *run;
    enum {
        OPERANDS_REFERENCES, /* operand_count of them: options->references */
        OPERAND_HOST,        /* a registry's host: options->operand_text */
        OPERANDS_WORDS       /* at least operand_count, as they are: options->words */
    } takes;
    const char *alias; /* another name of it; NULL: none */
};

command_run cmd_convert, cmd_normalise, cmd_inspect, cmd_verify, cmd_compare, cmd_login, cmd_logout,
    cmd_repair, cmd_scan, cmd_report, cmd_sync, cmd_switch, cmd_rollback, cmd_retire;
/* cmd_sync_once.c: a verb of cmd_sync */
command_run sync_once_and_tell;

/* What cmd_convert does, with more than its options say: given is options->convert and that. */
int convert_and_tell(const struct options *options, const struct convert_options *given,
                     struct run *run, struct bytes *out, struct error *err);

/* What is refused before a destination is written: companions, places, the source itself. */
int check_destination(const struct options *options, struct error *err);

#endif
