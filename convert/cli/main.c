/* main.c: picks the command, hears signals, writes the result out, and ends the program. */
#include "convert/cli/command.h"
#include "convert/cli/progress.h"
#include "convert/cli/settings.h"
#include "convert/cli/version.h"
#include "convert/engine/memory.h"
#include "convert/input/strict_yaml.h"
#include "convert/net/http.h"
#include "convert/net/stop.h"
#include "convert/output/document.h"
#include "formats/codec/packed.h"
#include "formats/gpt.h"
#include "formats/model/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A findings list and an inspection at their limits stay far under it. */
#define OUT_MAX (256u << 20)

static const struct command commands[] = {
    {"convert", FOR_CONVERT, "SRC DST", 2, "write an image in another disk format", cmd_convert,
     OPERANDS_REFERENCES, NULL},
    {"normalise", FOR_NORMALISE, "SRC DST", 2,
     "bring an image into normal form, as newest Tart has it", cmd_normalise, OPERANDS_REFERENCES,
     "normalize"},
    {"repair", FOR_REPAIR, "SRC DST", 2, "write a damaged image whole, where that can be done",
     cmd_repair, OPERANDS_REFERENCES, NULL},
    {"inspect", FOR_INSPECT, "REF", 1, "tell what an image is made of", cmd_inspect,
     OPERANDS_REFERENCES, NULL},
    {"verify", FOR_VERIFY, "REF", 1, "read all of an image and tell what is wrong", cmd_verify,
     OPERANDS_REFERENCES, NULL},
    {"compare", FOR_COMPARE, "A B", 2, "tell whether two images hold the same disk", cmd_compare,
     OPERANDS_REFERENCES, NULL},
    {"scan", FOR_SCAN, "[HOST|REPO|IMAGE...]", 0,
     "tell what images registries have, and what each needs", cmd_scan, OPERANDS_WORDS, NULL},
    {"sync", FOR_SYNC, "check|once FILE", 2, "tell what a batch of images needs, or do it",
     cmd_sync, OPERANDS_WORDS, NULL},
    {"switch", FOR_SWITCH, "LOG...", 1, "give staged images the tags that they are for", cmd_switch,
     OPERANDS_WORDS, NULL},
    {"rollback", FOR_ROLLBACK, "LOG...", 1, "give the tags back to what they led to", cmd_rollback,
     OPERANDS_WORDS, NULL},
    {"retire", FOR_RETIRE, "LOG...", 1, "delete disk.v1 images that have been migrated", cmd_retire,
     OPERANDS_WORDS, NULL},
    {"report", FOR_REPORT, "LOG...", 1, "tell what event logs come to", cmd_report, OPERANDS_WORDS,
     NULL},
    {"login", FOR_LOGIN, "HOST", 1, "keep a registry's password for later commands", cmd_login,
     OPERAND_HOST, NULL},
    {"logout", FOR_LOGOUT, "HOST", 1, "forget it", cmd_logout, OPERAND_HOST, NULL},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* The program's only variable: which signal came. */
static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_set(&stop_signal, number);
}

/* The first SIGINT or SIGTERM stops the run at its next step, the second one kills. Where the
 * caller has them ignored (a job in the background), they stay so. A reader of the result that went
 * away is an error of writing. */
static void signals_prepare(void)
{
    static const int stops[] = {SIGINT, SIGTERM};
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigemptyset(&stop.sa_mask);
    sigemptyset(&ignore.sa_mask);
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
        if (sigaction(stops[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(stops[i], &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* A file that is opened while standard output is closed would become it, and take the result in.
 * What stands in for it cannot be written, so that a lost result is an error. */
static int outputs_prepare(struct error *err)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            return error_set_errno(err, ERROR_IO, errno, "/dev/null cannot be opened");
    return 0;
}

/* --- help and version ----------------------------------------------------------------------------
 */

static int tell_version(struct bytes *out, struct error *err)
{
    return bytes_printf(
        out, err,
        "tartconv %s\nliblz4 %s\ncJSON %s\n%s\nzlib %s\nlibzstd %s\nlibcurl %s\nlibyaml %s\n",
        TARTCONV_VERSION, applelz4_library(), json_library(), digest_library(), gpt_library(),
        zstd_library(), http_library(), yaml_library());
}

static int tell_help(const struct command *command, struct bytes *out, struct error *err)
{
    if (command != NULL) {
        if (bytes_printf(out, err, "usage: tartconv %s [options] %s\n\n%s\n\n", command->name,
                         command->operands, command->summary) < 0 ||
            options_help(command, out, err) < 0 || bytes_append_text(out, "\n", err) < 0)
            return -1;
    } else {
        if (bytes_append_text(out, "usage: tartconv COMMAND [options] REFERENCE...\n\n", err) < 0)
            return -1;
        for (size_t i = 0; i < COMMAND_COUNT; i++)
            if (bytes_printf(out, err, "  %-9s %-20s  %s\n", commands[i].name, commands[i].operands,
                             commands[i].summary) < 0)
                return -1;
        if (bytes_append_text(out, "\n", err) < 0)
            return -1;
    }
    if (bytes_append_text(out, "Options of all commands:\n", err) < 0 ||
        options_help(NULL, out, err) < 0)
        return -1;
    if (command != NULL && command->takes != OPERANDS_REFERENCES)
        return 0;
    return bytes_append_text(out,
                             "\nReferences: docker://NAME[:TAG|@DIGEST], "
                             "HOST[:PORT]/REPO[:TAG|@DIGEST], oci:DIR[:TAG],\n"
                             "oci-archive:FILE[:TAG], dir:DIR, vm:DIR, raw:FILE. A SIZE is a "
                             "number of bytes, or of kB MB GB\nKiB MiB GiB. See tartconv(1).\n",
                             err);
}

/* --- running -------------------------------------------------------------------------------------
 */

/* The network's threads speak through the run, whose lock keeps them from speaking at once. */
static void tell_warning(void *context, const char *text)
{
    run_warning(context, "%s", text);
}

static void tell_detail(void *context, const char *text)
{
    run_detail(context, "%s", text);
}

static int run_with_network(const struct command *command, struct options *options, struct run *run,
                            struct bytes *out, struct error *err)
{
    struct network_options *network = &options->network_options;
    network->stop = &stop_signal;
    network->trace = options->verbosity >= VERBOSITY_DEBUG ? tell_detail : NULL;
    network->warn = tell_warning;
    network->detail = tell_detail;
    network->context = run;
    options->network = network_new(network, err);
    if (options->network == NULL)
        return -1;
    int status = command->run(options, run, out, err);
    options->network = network_free(options->network);
    return status;
}

static int run_command(const struct command *command, struct options *options, struct bytes *out,
                       struct error *err)
{
    struct progress progress;
    struct run run;
    progress_init(&progress, options);
    if (run_init(&run, options->threads, &stop_signal, &progress.observer, err) < 0)
        return -1;
    if (command->takes == OPERANDS_REFERENCES)
        run_detail(&run, "%u threads, at most %" PRIu64 " MiB for disks in work", run.threads,
                   memory_of_lanes(run.threads) >> 20);
    int status = run_with_network(command, options, &run, out, err);
    progress_end(&progress);
    run_done(&run);
    return status;
}

/* Options borrow from the settings. */
static int run_with_settings(const struct command *command, struct options *options,
                             struct bytes *out, struct error *err)
{
    AUTO(settings_done) struct settings settings;
    if (settings_load(options->settings, &settings, err) < 0 ||
        settings_apply(&settings, command, options, err) < 0)
        return -1;
    return run_command(command, options, out, err);
}

static int run_line(const struct command *command, struct options *options, struct bytes *out,
                    struct error *err)
{
    if (options->help)
        return tell_help(command, out, err);
    if (options->version)
        return tell_version(out, err);
    if (command == NULL)
        return error_set(err, ERROR_USAGE,
                         "no command given; `tartconv --help` tells what there is");
    return run_with_settings(command, options, out, err);
}

static int write_out(const struct bytes *out, struct error *err)
{
    if (fwrite(out->data, 1, out->size, stdout) == out->size && fflush(stdout) == 0)
        return 0;
    return error_set_errno(err, ERROR_IO, errno, "the result cannot be written to standard output");
}

static int status_of_error(const struct error *err)
{
    if (err->class == ERROR_INTERRUPTED && stop_signal != 0)
        return 128 + stop_signal;
    return error_class_status(err->class);
}

/* The same on standard error and, where documents are wanted, as one. */
static int tell_error(const struct error *err, bool json)
{
    int status = status_of_error(err);
    fprintf(stderr, "tartconv: %s\n", err->text);
    if (!json)
        return status;
    AUTO(bytes_done) struct bytes out;
    bytes_init(&out, OUT_MAX);
    struct error ignored;
    struct document document;
    document_begin(&document, "error");
    put_text(&document, NULL, "class", error_class_name(err->class));
    put_text(&document, NULL, "text", err->text);
    put_uint(&document, NULL, "status", true, (uint64_t)status);
    put_place(&document, NULL, &err->where);
    if (document_end(&document, &out, &ignored) == 0)
        (void)write_out(&out, &ignored); /* the status tells of the first error all the same */
    return status;
}

/* The command that argv names; *ret NULL where it begins with an option. */
static int command_find(int argc, char *const *argv, const struct command **ret, struct error *err)
{
    *ret = NULL;
    if (argc < 2 || argv[1][0] == '-')
        return 0;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, argv[1]) == 0 ||
            (commands[i].alias != NULL && strcmp(commands[i].alias, argv[1]) == 0)) {
            *ret = &commands[i];
            return 0;
        }
    return error_set(err, ERROR_USAGE,
                     "no command \"%s\" in tartconv " TARTCONV_VERSION
                     "; `tartconv --help` tells what there is",
                     argv[1]);
}

int main(int argc, char **argv)
{
    struct error err = ERROR_INIT;
    struct options options = {.json = false};
    const struct command *command = NULL;
    AUTO(bytes_done) struct bytes out;
    bytes_init(&out, OUT_MAX);
    signals_prepare();
    int status = outputs_prepare(&err);
    if (status == 0)
        status = command_find(argc, argv, &command, &err);
    if (status == 0)
        status = command == NULL ? options_parse(NULL, argc, argv, &options, &err)
                                 : options_parse(command, argc - 1, argv + 1, &options, &err);
    if (status == 0)
        status = run_line(command, &options, &out, &err);
    if (status >= 0 && out.size > 0 && write_out(&out, &err) < 0)
        status = -1;
    if (status < 0)
        status = tell_error(&err, options.json);
    options_done(&options);
    return status;
}
