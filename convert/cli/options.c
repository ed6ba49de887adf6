/* options.c: from argv to values. Judges each value by itself, and what excludes what for certain;
 * whether it makes sense for an image is the engine's work. */
#include "convert/cli/options.h"

#include "convert/cli/command.h"
#include "convert/cli/size.h"
#include "convert/engine/lanes.h"
#include "formats/model/auto.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum kind {
    KIND_FLAG, /* a bool at `place` becomes true */
    KIND_TEXT, /* a const char * at `place` */
    KIND_READ, /* `read` does it */
};

struct row {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* for --help; NULL: takes none */
    unsigned commands;
    const char *help;
    enum kind kind;
    size_t place;
    int (*read)(struct options *options, const char *text, struct error *err);
};

/* --- values --------------------------------------------------------------------------------------
 */

static int refuse(const char *option, const char *text, const char *must, struct error *err)
{
    return error_set(err, ERROR_USAGE, "%s must be %s, not \"%s\"", option, must, text);
}

/* The index of text in names, or -1. */
static int word_index(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], text) == 0)
            return (int)i;
    return -1;
}

static int read_to(struct options *options, const char *text, struct error *err)
{
    static const char *const names[] = {
        [CONVERT_TO_V2] = "v2", [CONVERT_TO_V1] = "v1", [CONVERT_TO_SAME] = "same"};
    int index = word_index(names, 3, text);
    if (index < 0)
        return refuse("--to", text, "v2, v1 or same", err);
    options->convert.to = (enum convert_to)index;
    return 0;
}

static int read_chunk_size(struct options *options, const char *text, struct error *err)
{
    uint64_t *size = &options->convert.chunk_size;
    if (size_parse(text, size) && *size >= CHUNK_SIZE_MIN && *size <= CHUNK_SIZE_MAX)
        return 0;
    return refuse("--chunk-size", text,
                  "1 MiB to 512 MiB (it is the disk that one layer carries, not a piece of a "
                  "transfer)",
                  err);
}

static int read_v1_layer_size(struct options *options, const char *text, struct error *err)
{
    uint64_t *size = &options->convert.v1_layer_size;
    if (size_parse(text, size) && *size > 0)
        return 0;
    return refuse("--v1-layer-size", text, "a size of at least 1 byte", err);
}

static int read_encoder(struct options *options, const char *text, struct error *err)
{
    if (encoder_kind_parse(text, &options->convert.encoder))
        return 0;
    return refuse("--encoder", text, "apple, lz4 or lz4hc:N with N from 1 to 12", err);
}

static int read_upload_time(struct options *options, const char *text, struct error *err)
{
    struct convert_options *convert = &options->convert;
    convert->upload_time_text = NULL;
    if (strcmp(text, "keep") == 0)
        convert->upload_time = UPLOAD_TIME_KEEP;
    else if (strcmp(text, "none") == 0)
        convert->upload_time = UPLOAD_TIME_NONE;
    else if (time_is_valid(text)) {
        convert->upload_time = UPLOAD_TIME_SET;
        convert->upload_time_text = text;
    } else
        return refuse("--upload-time", text, "keep, none or a time like 2024-01-31T12:00:00Z", err);
    return 0;
}

static int read_format(struct options *options, const char *text, struct error *err)
{
    static const char *const names[] = {"text", "json"};
    int index = word_index(names, 2, text);
    if (index < 0)
        return refuse("--format", text, "text or json", err);
    options->json = index == 1;
    return 0;
}

static int read_progress(struct options *options, const char *text, struct error *err)
{
    static const char *const names[] = {
        [PROGRESS_AUTO] = "auto", [PROGRESS_PLAIN] = "plain", [PROGRESS_NONE] = "none"};
    int index = word_index(names, 3, text);
    if (index < 0)
        return refuse("--progress", text, "auto, plain or none", err);
    options->progress = (enum progress_mode)index;
    return 0;
}

static int read_threads(struct options *options, const char *text, struct error *err)
{
    uint64_t count;
    if (!count_parse(text, 1, 1000000, &count))
        return refuse("--threads", text, "a number from 1 on", err);
    options->threads = count < LANES_MAX ? (unsigned)count : LANES_MAX;
    return 0;
}

static int read_quiet(struct options *options, const char *text, struct error *err)
{
    (void)text;
    (void)err;
    options->verbosity = VERBOSITY_QUIET;
    return 0;
}

static int read_verbose(struct options *options, const char *text, struct error *err)
{
    (void)text;
    (void)err;
    options->verbosity = VERBOSITY_VERBOSE;
    return 0;
}

static int read_debug(struct options *options, const char *text, struct error *err)
{
    (void)text;
    (void)err;
    options->verbosity = VERBOSITY_DEBUG;
    return 0;
}

/* --- the table -----------------------------------------------------------------------------------
 */

#define FLAG(member) .kind = KIND_FLAG, .place = offsetof(struct options, member)
#define TEXT(member) .kind = KIND_TEXT, .place = offsetof(struct options, member)
#define READ(reader) .kind = KIND_READ, .read = reader

static const struct row rows[] = {
    {"to", 0, "v2|v1|same", FOR_CONVERT, "the disk format in a layout (v2)", READ(read_to)},
    {"chunk-size", 0, "SIZE", FOR_CONVERT, "disk that a V2 layer carries, 1 MiB to 512 MiB",
     READ(read_chunk_size)},
    {"v1-layer-size", 0, "SIZE", FOR_CONVERT, "encoded bytes of a V1 layer (500000000)",
     READ(read_v1_layer_size)},
    {"encoder", 0, "NAME", FOR_CONVERT, "apple, lz4 or lz4hc:N (apple)", READ(read_encoder)},
    {"encode-all", 0, NULL, FOR_CONVERT, "carry no block over, encode all anew",
     FLAG(convert.encode_all)},
    {"keep-blocks", 0, NULL, FOR_CONVERT, "carry blocks of a foreign encoder over, too",
     FLAG(convert.keep_blocks)},
    {"upload-time", 0, "TIME", FOR_CONVERT, "keep, none or a time (keep)", READ(read_upload_time)},
    {"plain", 0, NULL, FOR_CONVERT, "leave out and remove dev.tartconv.* annotations",
     FLAG(convert.plain)},
    {"drop-foreign", 0, NULL, FOR_CONVERT, "leave out layers that are not Tart's",
     FLAG(convert.drop_foreign)},
    {"replace", 0, NULL, FOR_CONVERT, "replace an existing tag, file or VM directory",
     FLAG(convert.replace)},
    {"vm-config", 0, "FILE", FOR_CONVERT, "the config.json that goes with a raw: disk",
     TEXT(convert.vm_config)},
    {"vm-nvram", 0, "FILE", FOR_CONVERT, "the nvram.bin that goes with a raw: disk",
     TEXT(convert.vm_nvram)},
    {"decode", 0, NULL, FOR_CONVERT, "decode layers that are copied as they are, too",
     FLAG(convert.decode)},
    {"read-back", 0, NULL, FOR_CONVERT, "read, hash and decode all that was written",
     FLAG(convert.read_back)},
    {"disk-digest", 0, NULL, FOR_CONVERT, "hash the disk whole, and note it in image and proof",
     FLAG(convert.disk_digest)},
    {"proof", 0, "FILE", FOR_CONVERT | FOR_COMPARE, "write the proof that the disks are the same",
     TEXT(proof)},
    {"digestfile", 0, "FILE", FOR_CONVERT, "write the manifest's digest to FILE", TEXT(digestfile)},
    {"dry-run", 0, NULL, FOR_CONVERT, "only say what would be done", FLAG(convert.dry_run)},
    {"raw", 0, NULL, FOR_INSPECT, "print the manifest's exact bytes", FLAG(raw)},
    {"against-proof", 0, "FILE", FOR_VERIFY, "check that the disk is the one of the proof",
     TEXT(against_proof)},
    {"disk-digest", 0, NULL, FOR_VERIFY, "hash the disk whole, and tell its digest",
     FLAG(verify.disk_digest)},
    {"all", 0, NULL, FOR_COMPARE, "VM config, NVRAM and labels count as well", FLAG(compare.all)},
    {"format", 0, "text|json", FOR_ALL, "the form of the result on standard output (text)",
     READ(read_format)},
    {"threads", 0, "N", FOR_ALL, "threads at once (the number of processors)", READ(read_threads)},
    {"progress", 0, "MODE", FOR_ALL, "auto, plain or none (auto)", READ(read_progress)},
    {"quiet", 'q', NULL, FOR_ALL, "nothing on standard error but errors", READ(read_quiet)},
    {"verbose", 'v', NULL, FOR_ALL, "tell what is done and why", READ(read_verbose)},
    {"debug", 0, NULL, FOR_ALL, "tell all of it, with times", READ(read_debug)},
    {"help", 0, NULL, FOR_ALL, "print this help", FLAG(help)},
    {"version", 0, NULL, FOR_ALL, "print the versions of tartconv and its libraries",
     FLAG(version)},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static bool takes(const struct command *command, const struct row *row)
{
    return command == NULL ? row->commands == FOR_ALL : (row->commands & command->bit) != 0;
}

int options_help(const struct command *command, struct bytes *ret, struct error *err)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &rows[i];
        if (!takes(command, row) || (command != NULL && row->commands == FOR_ALL))
            continue;
        char left[48];
        const char letter[] = {'-', row->letter, ',', ' ', '\0'};
        snprintf(left, sizeof left, "%s--%s%s%s", row->letter != 0 ? letter : "    ", row->name,
                 row->argument != NULL ? " " : "", row->argument != NULL ? row->argument : "");
        if (bytes_printf(ret, err, "  %-26s  %s\n", left, row->help) < 0)
            return -1;
    }
    return 0;
}

/* --- parsing -------------------------------------------------------------------------------------
 */

static int apply(struct options *options, const struct row *row, const char *text,
                 struct error *err)
{
    char *place = (char *)options + row->place;
    switch (row->kind) {
    case KIND_FLAG:
        *(bool *)place = true;
        return 0;
    case KIND_TEXT:
        if (*text == '\0')
            return error_set(err, ERROR_USAGE, "--%s needs the name of a file", row->name);
        *(const char **)place = text;
        return 0;
    default:
        return row->read(options, text, err);
    }
}

struct parser {
    const struct command *command;
    int argc;
    char *const *argv;
    struct option longs[ROW_COUNT + 1]; /* val: LONG + the row */
    char shorts[2 + ROW_COUNT + 1];
    size_t operand_count;
    const char *operands[OPERANDS_MAX];
};
#define LONG 256

static void parser_init(struct parser *parser, const struct command *command, int argc,
                        char *const *argv)
{
    *parser = (struct parser){.command = command, .argc = argc, .argv = argv};
    /* "-": operands come in their order, whatever POSIXLY_CORRECT says; ":": getopt is silent */
    size_t shorts = 0, longs = 0;
    parser->shorts[shorts++] = '-';
    parser->shorts[shorts++] = ':';
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!takes(command, &rows[i]))
            continue;
        if (rows[i].letter != 0)
            parser->shorts[shorts++] = rows[i].letter;
        parser->longs[longs++] =
            (struct option){.name = rows[i].name,
                            .has_arg = rows[i].argument != NULL ? required_argument : no_argument,
                            .val = LONG + (int)i};
    }
}

static const struct row *row_of_letter(int letter)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].letter != 0 && rows[i].letter == letter)
            return &rows[i];
    return NULL;
}

/* getopt takes unambiguous beginnings of names; what they begin would change with every new option.
 */
static bool is_abbreviated(const struct parser *parser, const struct row *row)
{
    const char *text = parser->argv[optind - 1];
    if (row->argument != NULL && optarg == text)
        text = parser->argv[optind - 2];
    size_t size = strlen(row->name);
    return strncmp(text + 2, row->name, size) != 0 ||
           (text[2 + size] != '\0' && text[2 + size] != '=');
}

static int refuse_option(const struct parser *parser, int code, struct error *err)
{
    const char *text = parser->argv[optind - 1];
    if (code == ':')
        return error_set(err, ERROR_USAGE, "%s needs a value", text);
    if (optopt >= LONG)
        return error_set(err, ERROR_USAGE, "--%s takes no value", rows[optopt - LONG].name);
    if (optopt != 0)
        return error_set(err, ERROR_USAGE, "unknown option -%c", optopt);
    return error_set(err, ERROR_USAGE, "unknown option %s", text);
}

static int operand_add(struct parser *parser, const char *text, struct error *err)
{
    size_t most = parser->command != NULL ? parser->command->operand_count : 0;
    if (parser->operand_count == most)
        return parser->command == NULL
                   ? error_set(err, ERROR_USAGE, "the command stands first: \"%s\"", text)
                   : error_set(err, ERROR_USAGE, "\"%s\" is one reference too many: wanted is %s",
                               text, parser->command->operands);
    parser->operands[parser->operand_count++] = text;
    return 0;
}

static int parse_one(struct parser *parser, int code, struct options *options, struct error *err)
{
    if (code == 1)
        return operand_add(parser, optarg, err);
    if (code == '?' || code == ':')
        return refuse_option(parser, code, err);
    if (code < LONG)
        return apply(options, row_of_letter(code), "", err);
    const struct row *row = &rows[code - LONG];
    if (is_abbreviated(parser, row))
        return error_set(err, ERROR_USAGE, "unknown option; --%s is meant?", row->name);
    return apply(options, row, optarg, err);
}

/* All of argv is looked at, also behind an error: --format may come last. The first error is told.
 */
static int parse_all(struct parser *parser, struct options *options, struct error *err)
{
    int status = 0, code;
    struct error later;
    optind = 0; /* begins anew, and forgets what an earlier parse kept */
    opterr = 0;
    while ((code = getopt_long(parser->argc, parser->argv, parser->shorts, parser->longs, NULL)) !=
           -1)
        if (parse_one(parser, code, options, status == 0 ? err : &later) < 0)
            status = -1;
    for (int i = optind; i < parser->argc; i++)
        if (operand_add(parser, parser->argv[i], status == 0 ? err : &later) < 0)
            status = -1;
    return status;
}

/* --to same copies what is there: what would change it, or what needs the disk decoded, is refused
 * rather than passed over. */
static int check_same(const struct options *options, struct error *err)
{
    const struct convert_options *convert = &options->convert;
    const struct {
        bool given;
        const char *name;
    } changes[] = {
        {convert->chunk_size != 0, "--chunk-size"},
        {convert->encode_all, "--encode-all"},
        {convert->upload_time != UPLOAD_TIME_KEEP, "--upload-time"},
        {convert->plain, "--plain"},
        {convert->drop_foreign, "--drop-foreign"},
        {convert->disk_digest, "--disk-digest"},
    };
    if (convert->to != CONVERT_TO_SAME)
        return 0;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        if (changes[i].given)
            return error_set(err, ERROR_USAGE,
                             "--to same copies the image byte for byte, which excludes %s",
                             changes[i].name);
    if (options->proof != NULL && !convert->decode)
        return error_set(err, ERROR_USAGE,
                         "with --to same nothing is decoded that a --proof could tell of; add "
                         "--decode, or use `tartconv compare --proof`");
    return 0;
}

static int references_parse(const struct parser *parser, struct options *options, struct error *err)
{
    size_t wanted = parser->command->operand_count;
    if (parser->operand_count < wanted)
        return error_set(err, ERROR_USAGE, "%zu of %zu references given: wanted is %s",
                         parser->operand_count, wanted, parser->command->operands);
    for (size_t i = 0; i < wanted; i++)
        if (reference_parse(parser->operands[i], &options->references[i], err) < 0)
            return -1;
    return 0;
}

static unsigned processor_count(void)
{
    cpu_set_t set;
    long count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                             : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count < LANES_MAX ? (unsigned)count : LANES_MAX;
}

int options_parse(const struct command *command, int argc, char *const *argv, struct options *ret,
                  struct error *err)
{
    *ret = (struct options){
        .verbosity = VERBOSITY_NORMAL,
        .threads = processor_count(),
        .convert = {.v1_layer_size = TART_V1_LAYER_SIZE, .encoder = {.search = ENCODER_APPLE}},
    };
    struct parser parser;
    parser_init(&parser, command, argc, argv);
    int status = parse_all(&parser, ret, err);
    if (status == 0 && !ret->help && !ret->version && command != NULL) {
        status = check_same(ret, err);
        if (status == 0)
            status = references_parse(&parser, ret, err);
    }
    ret->compare.proof = ret->proof != NULL;
    if (status == 0 || err->class != ERROR_USAGE)
        return status;
    char text[sizeof err->text];
    memcpy(text, err->text, sizeof text);
    return error_set(err, ERROR_USAGE, "%s; `tartconv %s%s--help` tells what there is", text,
                     command != NULL ? command->name : "", command != NULL ? " " : "");
}

void options_done(struct options *options)
{
    for (size_t i = 0; i < OPERANDS_MAX; i++)
        reference_done(&options->references[i]);
}
