/* options.c: from argv to values: getopt, and what excludes what for certain; whether it makes
 * sense for an image is the engine's work. A refused option is shown without its value, which may
 * be a secret. */
#include "convert/cli/options.h"

#include "convert/cli/command.h"
#include "convert/cli/option_table.h"
#include "convert/engine/lanes.h"
#include "convert/fleet/retire.h"
#include "convert/input/values.h"
#include "formats/model/auto.h"

#include <getopt.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

struct parser {
    const struct command *command;
    int argc;
    char *const *argv;
    struct option longs[OPTION_ROWS_MAX + 1]; /* val: LONG + the row */
    char shorts[2 + 2 * OPTION_ROWS_MAX + 1];
    size_t operand_count;
    const char **operands; /* as many as argv has */
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
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        if (!option_is_for(row, command))
            continue;
        if (row->letter != 0)
            parser->shorts[shorts++] = row->letter;
        if (row->letter != 0 && row->argument != NULL)
            parser->shorts[shorts++] = ':';
        parser->longs[longs++] =
            (struct option){.name = row->name,
                            .has_arg = row->argument == NULL           ? no_argument
                                       : option_value_is_optional(row) ? optional_argument
                                                                       : required_argument,
                            .val = LONG + (int)i};
    }
}

static const struct option_row *row_of_letter(int letter)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].letter != 0 && option_rows[i].letter == letter)
            return &option_rows[i];
    return NULL;
}

/* getopt takes unambiguous beginnings of names; what they begin would change with every new option.
 */
static bool is_abbreviated(const struct parser *parser, const struct option_row *row)
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
    int shown = (int)strcspn(text, "=");
    if (code == ':')
        return error_set(err, ERROR_USAGE, "%.*s needs a value", shown, text);
    if (optopt >= LONG)
        return error_set(err, ERROR_USAGE, "--%s takes no value", option_rows[optopt - LONG].name);
    if (optopt != 0)
        return error_set(err, ERROR_USAGE, "unknown option -%c", optopt);
    return error_set(err, ERROR_USAGE, "unknown option %.*s", shown, text);
}

static int operand_add(struct parser *parser, const char *text, struct error *err)
{
    const struct command *command = parser->command;
    size_t most = command == NULL                    ? 0
                  : command->takes == OPERANDS_WORDS ? WORDS_MAX
                                                     : command->operand_count;
    if (command == NULL)
        return error_set(err, ERROR_USAGE, "the command stands first: \"%s\"", text);
    if (parser->operand_count < most) {
        parser->operands[parser->operand_count++] = text;
        return 0;
    }
    /* what is too many for a login may be a password */
    if (command->takes == OPERAND_HOST)
        return error_set(err, ERROR_USAGE, "one %s is wanted, and nothing behind it",
                         command->operands);
    return error_set(err, ERROR_USAGE, "\"%s\" is one reference too many: wanted is %s", text,
                     command->operands);
}

static int parse_one(struct parser *parser, int code, struct options *options, struct error *err)
{
    if (code == 1)
        return operand_add(parser, optarg, err);
    if (code == '?' || code == ':')
        return refuse_option(parser, code, err);
    if (code < LONG)
        return option_apply(options, row_of_letter(code), optarg, err);
    const struct option_row *row = &option_rows[code - LONG];
    if (is_abbreviated(parser, row))
        return error_set(err, ERROR_USAGE, "unknown option; --%s is meant?", row->name);
    return option_apply(options, row, optarg, err);
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

/* --- what excludes what --------------------------------------------------------------------------
 */

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
        {convert->in_place, "--in-place"},
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

static int check_pairs(const struct options *options, struct error *err)
{
    const struct convert_options *convert = &options->convert;
    const struct verify_options *verify = &options->verify;
    bool sample = verify->sample_percent > 0 || verify->sample_size > 0;
    const struct {
        bool both;
        const char *a, *b;
    } pairs[] = {
        {verify->quick && options->against_proof != NULL, "--quick", "--against-proof"},
        {verify->quick && verify->disk_digest, "--quick", "--disk-digest"},
        {sample && options->against_proof != NULL, "--sample", "--against-proof"},
        {sample && verify->disk_digest, "--sample", "--disk-digest"},
        {convert->no_state && convert->state != NULL, "--no-state", "--state"},
        {convert->no_state && convert->restart, "--no-state", "--restart"},
        {convert->no_backup && convert->backup_tag != NULL, "--no-backup", "--backup-tag"},
        {convert->no_backup && convert->in_place, "--no-backup", "--in-place"},
        {options->password_stdin && options->password != NULL, "--password-stdin", "--password"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].both)
            return error_set(err, ERROR_USAGE, "%s excludes %s", pairs[i].a, pairs[i].b);
    if ((options->given & GIVEN_SEED) != 0 && !sample)
        return error_set(err, ERROR_USAGE, "--seed chooses what --sample reads: give that, too");
    if (convert->in_place && convert->backup_tag != NULL &&
        (strstr(convert->backup_tag, "{tag}") == NULL ||
         strstr(convert->backup_tag, "{digest8}") == NULL))
        return error_set(err, ERROR_USAGE,
                         "--in-place needs a --backup-tag with {tag} and {digest8} in it, so that "
                         "no backup takes another one's place");
    return 0;
}

static int check_sides(const struct options *options, struct error *err)
{
    for (size_t i = 0; i < OPERANDS_MAX; i++) {
        const struct network_side *side = &options->sides[i];
        if (side->no_creds + (side->creds != NULL) + (side->registry_token != NULL) > 1)
            return error_set(err, ERROR_USAGE,
                             "--%screds, --%sno-creds and --%sregistry-token exclude each other",
                             side->prefix, side->prefix, side->prefix);
    }
    return 0;
}

/* --- operands ------------------------------------------------------------------------------------
 */

static int check_in_place(const struct reference *reference, struct error *err)
{
    if ((reference->transport == TRANSPORT_REGISTRY || reference->transport == TRANSPORT_OCI) &&
        reference->tag != NULL)
        return 0;
    return error_set(err, ERROR_USAGE,
                     "%s: --in-place moves a tag, so it needs one, in a registry or a layout",
                     reference->text);
}

/* What is said of a registry as the source holds where it is the destination, too. */
static void sides_join(struct network_side *source, struct network_side *destination)
{
    if (destination->creds == NULL && destination->registry_token == NULL &&
        !destination->no_creds) {
        destination->creds = source->creds;
        destination->registry_token = source->registry_token;
        destination->no_creds = source->no_creds;
        destination->prefix = source->prefix;
    }
    if (destination->cert_dir == NULL)
        destination->cert_dir = source->cert_dir;
    destination->plain_http |= source->plain_http;
    destination->no_tls_verify |= source->no_tls_verify;
}

static int references_parse(const struct parser *parser, struct options *options, struct error *err)
{
    bool in_place = options->convert.in_place;
    size_t wanted = parser->command->operand_count;
    if (in_place && parser->operand_count == wanted)
        return error_set(err, ERROR_USAGE,
                         "--in-place writes where it reads: leave \"%s\" out, or --in-place",
                         parser->operands[1]);
    if (parser->operand_count < wanted - in_place)
        return error_set(err, ERROR_USAGE, "%zu of %zu references given: wanted is %s",
                         parser->operand_count, wanted, parser->command->operands);
    for (size_t i = 0; i < wanted; i++)
        if (reference_parse(parser->operands[in_place ? 0 : i], &options->references[i], err) < 0)
            return -1;
    if (!in_place)
        return 0;
    sides_join(&options->sides[0], &options->sides[1]);
    return check_in_place(&options->references[0], err);
}

/* The array that the parser filled becomes the options'. */
static int words_take(struct parser *parser, struct options *options, struct error *err)
{
    if (parser->operand_count < parser->command->operand_count)
        return error_set(err, ERROR_USAGE, "wanted is %s", parser->command->operands);
    options->words = parser->operands;
    options->word_count = parser->operand_count;
    parser->operands = NULL;
    return 0;
}

static int host_parse(const struct parser *parser, struct options *options, struct error *err)
{
    if (parser->operand_count == 0)
        return error_set(err, ERROR_USAGE, "no %s given", parser->command->operands);
    options->operand_text = parser->operands[0];
    return value_host(options->operand_text)
               ? 0
               : error_set(err, ERROR_USAGE, "%s must be " MUST_HOST, parser->command->operands);
}

/* Mirrors count: what serves "the" registry of a command must not serve two. */
static size_t host_count(const struct options *options)
{
    const char *hosts[OPERANDS_MAX + MIRRORS_MAX + REFILLS_MAX + 2];
    size_t count = 0, different = 0;
    for (size_t i = 0; i < OPERANDS_MAX; i++)
        if (options->references[i].host != NULL)
            hosts[count++] = options->references[i].host;
    for (size_t i = 0; i < options->network_options.mirror_count; i++)
        hosts[count++] = options->mirrors[i].host;
    if (options->reuse.host != NULL)
        hosts[count++] = options->reuse.host;
    if (options->sibling.host != NULL)
        hosts[count++] = options->sibling.host;
    for (size_t i = 0; i < options->refill_count; i++)
        if (options->refills[i].host != NULL)
            hosts[count++] = options->refills[i].host;
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        while (same < i && strcmp(hosts[same], hosts[i]) != 0)
            same++;
        different += same == i;
    }
    return different;
}

void options_count_hosts(struct options *options)
{
    options->network_options.host_count = host_count(options);
}

/* --- all of it -----------------------------------------------------------------------------------
 */

static unsigned processor_count(void)
{
    cpu_set_t set;
    long count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                             : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count < LANES_MAX ? (unsigned)count : LANES_MAX;
}

static void options_init(struct options *options, const struct command *command)
{
    bool two = command != NULL && command->takes == OPERANDS_REFERENCES &&
               command->operand_count == OPERANDS_MAX;
    *options = (struct options){
        .verbosity = VERBOSITY_NORMAL,
        .threads = processor_count(),
        .older_than_s = RETIRE_AGE_DEFAULT_S,
        .convert = {.v1_layer_size = TART_V1_LAYER_SIZE, .encoder = {.search = ENCODER_APPLE}},
        .network_options = {.retry_times = CLIENT_RETRY_TIMES,
                            .retry_delay_ms = CLIENT_RETRY_DELAY_MS,
                            .spool_memory = SPOOL_MEMORY},
        .sides = {{.prefix = two ? "src-" : ""}, {.prefix = two ? "dest-" : ""}},
    };
    options->network_options.mirrors = options->mirrors;
}

static int judge(struct parser *parser, struct options *options, struct error *err)
{
    if (check_same(options, err) < 0 || check_pairs(options, err) < 0 ||
        check_sides(options, err) < 0)
        return -1;
    return parser->command->takes == OPERAND_HOST     ? host_parse(parser, options, err)
           : parser->command->takes == OPERANDS_WORDS ? words_take(parser, options, err)
                                                      : references_parse(parser, options, err);
}

int options_parse(const struct command *command, int argc, char *const *argv, struct options *ret,
                  struct error *err)
{
    struct parser parser;
    options_init(ret, command);
    parser_init(&parser, command, argc, argv);
    parser.operands = calloc((size_t)argc + 1, sizeof *parser.operands);
    int status = parser.operands != NULL ? parse_all(&parser, ret, err) : error_memory(err);
    if (status == 0 && !ret->help && !ret->version && command != NULL)
        status = judge(&parser, ret, err);
    free(parser.operands);
    options_count_hosts(ret);
    ret->compare.proof = ret->proof != NULL;
    if (ret->tags[0] != NULL)
        ret->convert.tags = ret->tags;
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
    reference_done(&options->reuse);
    reference_done(&options->sibling);
    for (size_t i = 0; i < options->refill_count; i++)
        reference_done(&options->refills[i]);
    for (size_t i = 0; i < options->network_options.mirror_count; i++)
        mirror_done(&options->mirrors[i]);
    options->network_options.mirror_count = 0;
    free(options->words);
    options->words = NULL;
    patterns_done(&options->repositories);
    patterns_done(&options->tag_patterns);
    patterns_done(&options->only);
}
