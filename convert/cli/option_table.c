/* option_table.c: all options, a row each. To add an option is to add a row, and its text to the
 * manual page. */
#include "convert/cli/option_table.h"

#include "convert/cli/command.h"
#include "convert/stores/backup.h"

#include <stdio.h>

#define FLAG(member) .kind = OPTION_FLAG, .place = offsetof(struct options, member)
#define TEXT(member) .kind = OPTION_TEXT, .place = offsetof(struct options, member)
#define READ(reader) .kind = OPTION_READ, .read = reader
#define READ_AT(reader, member)                                                                    \
    .kind = OPTION_READ, .read = (reader), .place = offsetof(struct options, member)

#define FOR_MAKING  (FOR_CONVERT | FOR_NORMALISE)
#define FOR_WRITING (FOR_MAKING | FOR_REPAIR)
#define FOR_TWO     (FOR_WRITING | FOR_COMPARE)
#define FOR_ONE     (FOR_INSPECT | FOR_VERIFY | FOR_SCAN)
#define FOR_NETWORK (FOR_IMAGES | FOR_SCAN)
#define FOR_MOVES   (FOR_SWITCH | FOR_ROLLBACK)
#define FOR_FLEET   (FOR_SYNC | FOR_MOVES | FOR_RETIRE)

/* What each side of a command has for itself: --src-NAME and --dest-NAME where it has two. */
#define SIDES(name, argument, one_sided, text, to_side_0, to_side_1)                               \
    {"src-" name, 0, argument, FOR_TWO, text " of SRC, or A", to_side_0},                          \
        {"dest-" name, 0, argument, FOR_TWO, text " of DST, or B", to_side_1},                     \
    {                                                                                              \
        name, 0, argument, one_sided, text, to_side_0                                              \
    }
/* Several members of a row as one argument of SIDES. */
#define PARTS(...) __VA_ARGS__

const struct option_row option_rows[] = {
    {"to", 0, "v2|v1|same", FOR_CONVERT | FOR_REPAIR, "the disk format of an image (v2)",
     READ(read_to), .given = GIVEN_TO},
    {"chunk-size", 0, "SIZE", FOR_CONVERT, "disk that a V2 layer carries, 1 MiB to 512 MiB",
     READ(read_chunk_size)},
    {"v1-layer-size", 0, "SIZE", FOR_CONVERT, "encoded bytes of a V1 layer (500000000)",
     READ(read_v1_layer_size)},
    {"encoder", 0, "NAME", FOR_WRITING, "apple, lz4 or lz4hc:N (apple)", READ(read_encoder)},
    {"encode-all", 0, NULL, FOR_CONVERT, "carry no block over, encode all anew",
     FLAG(convert.encode_all)},
    {"keep-blocks", 0, NULL, FOR_WRITING, "carry blocks of a foreign encoder over, too",
     FLAG(convert.keep_blocks)},
    {"upload-time", 0, "TIME", FOR_WRITING, "keep, none or a time (keep)", READ(read_upload_time)},
    {"plain", 0, NULL, FOR_CONVERT | FOR_REPAIR, "leave out and remove dev.tartconv.* annotations",
     FLAG(convert.plain)},
    {"drop-foreign", 0, NULL, FOR_WRITING, "leave out layers that are not Tart's",
     FLAG(convert.drop_foreign)},
    {"salvage", 0, NULL, FOR_CONVERT, "write what can be had of a damaged disk.v1",
     FLAG(convert.salvage)},
    {"reference", 0, "IMAGE", FOR_REPAIR, "a sibling that shows the order of the disk's layers",
     READ(read_sibling)},
    {"refill", 0, "IMAGE", FOR_REPAIR, "an image that has what is missing; repeatable",
     READ(read_refill)},
    {"accept-likely", 0, NULL, FOR_REPAIR, "an order that is likely and not proved will do",
     FLAG(accept_likely)},
    {"vm-config", 0, "FILE", FOR_CONVERT, "the config.json that goes with a raw: disk",
     TEXT(convert.vm_config)},
    {"vm-nvram", 0, "FILE", FOR_CONVERT, "the nvram.bin that goes with a raw: disk",
     TEXT(convert.vm_nvram)},
    {"replace", 0, NULL, FOR_WRITING, "replace an existing tag, file or VM directory",
     FLAG(convert.replace)},
    {"in-place", 0, NULL, FOR_WRITING, "move SRC's own tag to the result; no DST then",
     FLAG(convert.in_place)},
    {"tag", 0, "TAG", FOR_WRITING, "a further tag of the result; repeatable", READ(read_tag)},
    {"backup-tag", 0, "TEMPLATE", FOR_WRITING | FOR_SWITCH,
     "what the replaced image is tagged (" BACKUP_TEMPLATE ")", READ(read_backup_tag)},
    {"reuse", 0, "IMAGE", FOR_MAKING, "layers of this image at the destination may serve, too",
     READ(read_reuse)},
    {"trust-annotations", 0, NULL, FOR_MAKING, "take --reuse's layers by what they say of them",
     FLAG(convert.trust_annotations)},
    {"no-backup", 0, NULL, FOR_WRITING, "leave the replaced image without a tag",
     FLAG(convert.no_backup)},
    {"decode", 0, NULL, FOR_MAKING, "decode layers that are copied as they are, too",
     FLAG(convert.decode)},
    {"read-back", 0, NULL, FOR_WRITING, "read, hash and decode all that was written",
     FLAG(convert.read_back)},
    {"disk-digest", 0, NULL, FOR_WRITING, "hash the disk whole, and note it in image and proof",
     FLAG(convert.disk_digest)},
    {"proof", 0, "FILE", FOR_WRITING | FOR_COMPARE, "write the proof that the disks are the same",
     TEXT(proof)},
    {"digestfile", 0, "FILE", FOR_WRITING, "write the manifest's digest to FILE", TEXT(digestfile)},
    {"log", 0, "FILE", FOR_WRITING | FOR_SYNC, "append what happens to FILE, for report",
     TEXT(log)},
    {"dry-run", 0, NULL, FOR_WRITING | FOR_MOVES, "only say what would be done",
     FLAG(convert.dry_run)},
    {"state", 0, "FILE", FOR_MAKING | FOR_SYNC,
     "where it is kept how far a run came, to go on from there", TEXT(convert.state)},
    {"no-state", 0, NULL, FOR_MAKING, "keep no such file", FLAG(convert.no_state)},
    {"restart", 0, NULL, FOR_MAKING, "begin anew, whatever a run before had done",
     FLAG(convert.restart)},
    {"raw", 0, NULL, FOR_INSPECT, "print the manifest's exact bytes", FLAG(raw)},
    {"against-proof", 0, "FILE", FOR_VERIFY, "check that the disk is the one of the proof",
     TEXT(against_proof)},
    {"quick", 0, NULL, FOR_VERIFY, "look only at what is soon told: sizes, ends, manifest",
     FLAG(verify.quick)},
    {"sample", 0, "N%|SIZE", FOR_VERIFY, "... and decode a random part of the disk",
     READ(read_sample)},
    {"seed", 0, "N", FOR_VERIFY, "which part: the same seed, the same part", READ(read_seed),
     .given = GIVEN_SEED},
    {"disk-digest", 0, NULL, FOR_VERIFY, "hash the disk whole, and tell its digest",
     FLAG(verify.disk_digest)},
    {"all", 0, NULL, FOR_COMPARE, "VM config, NVRAM and labels count as well", FLAG(compare.all)},
    {"only", 0, "PATTERN", FOR_FLEET, "images whose names fit this regular expression; repeatable",
     READ(read_only)},
    {"again", 0, NULL, FOR_SYNC | FOR_SWITCH, "also what was rolled back", FLAG(again)},
    {"history", 0, "LOG", FOR_SYNC, "a log that tells what was done; repeatable",
     READ(read_history)},
    {"plan", 0, "FILE", FOR_SYNC, "write the plan to FILE, or go by it", TEXT(plan)},
    {"jobs", 0, "N", FOR_SYNC, "images at once (2)", READ(read_jobs)},
    {"shard", 0, "I/N", FOR_SYNC, "do the I-th of N parts, I from 1", READ(read_shard)},
    {"metrics", 0, "FILE", FOR_SYNC, "keep a file of metrics for Prometheus", TEXT(metrics)},
    {"older-than", 0, "AGE", FOR_RETIRE, "only what was migrated so long ago, like 12h or 7d (7d)",
     READ(read_older_than)},
    {"trust-head", 0, NULL, FOR_RETIRE, "ask for the new image's blobs, and do not decode them",
     FLAG(trust_head)},
    {"yes", 0, NULL, FOR_RETIRE, "delete, not only list", FLAG(yes)},
    {"probe", 0, NULL, FOR_SYNC, "open an upload in each repository, and give it up", FLAG(probe)},
    {"output", 'o', "FILE", FOR_REPORT, "write the report to FILE: .html, .csv, .md or .json",
     TEXT(output)},
    {"list", 0, "FILE", FOR_SCAN, "names in a file, one a line; -: standard input", TEXT(list)},
    {"quick", 0, NULL, FOR_SCAN, "also look at what is soon told of the blobs, as verify does",
     FLAG(verify.quick)},
    {"allow", 0, "REGEX", FOR_SCAN, "only tags that fit it; repeatable",
     READ_AT(read_allow, tag_patterns)},
    {"deny", 0, "REGEX", FOR_SCAN, "no tags that fit it; repeatable",
     READ_AT(read_deny, tag_patterns)},
    {"semver", 0, "RANGE", FOR_SCAN, "only tags that are versions in it",
     READ_AT(read_semver, tag_patterns)},
    {"repos-allow", 0, "REGEX", FOR_SCAN, "only repositories that fit it; repeatable",
     READ_AT(read_allow, repositories)},
    {"repos-deny", 0, "REGEX", FOR_SCAN, "no repositories that fit it; repeatable",
     READ_AT(read_deny, repositories)},
    {"backup-tag", 0, "TEMPLATE", FOR_SCAN, "what backups are tagged (" BACKUP_TEMPLATE ")",
     READ(read_backup_tag)},
    {"concurrency", 0, "N", FOR_SCAN, "requests at once", READ(read_concurrency)},
    {"format", 0, "text|json|csv", FOR_SCAN, "the form of the result (text)",
     READ(read_format_csv)},
    {"username", 'u', "NAME", FOR_LOGIN, "who logs in", TEXT(username)},
    {"password", 'p', "PASSWORD", FOR_LOGIN, "seen by all on this machine: see --password-stdin",
     TEXT(password)},
    {"password-stdin", 0, NULL, FOR_LOGIN, "read the password from standard input",
     FLAG(password_stdin)},

    SIDES("creds", "USER:PASSWORD", FOR_ONE, "who we are to the registry", TEXT(sides[0].creds),
          TEXT(sides[1].creds)),
    SIDES("no-creds", NULL, FOR_ONE, "be nobody to the registry", FLAG(sides[0].no_creds),
          FLAG(sides[1].no_creds)),
    SIDES("registry-token", "TOKEN", FOR_ONE, "a bearer token for the registry",
          TEXT(sides[0].registry_token), TEXT(sides[1].registry_token)),
    SIDES("tls-verify", "[=false]", FOR_ONE | FOR_LOGIN | FOR_FLEET,
          "check the certificate of the registry",
          PARTS(READ_AT(read_tls_verify, sides[0].no_tls_verify), .given = GIVEN_SRC_TLS_VERIFY),
          PARTS(READ_AT(read_tls_verify, sides[1].no_tls_verify), .given = GIVEN_DEST_TLS_VERIFY)),
    SIDES("cert-dir", "DIR", FOR_ONE | FOR_LOGIN | FOR_FLEET,
          "CAs and our certificate for the registry", TEXT(sides[0].cert_dir),
          TEXT(sides[1].cert_dir)),
    SIDES("plain-http", NULL, FOR_ONE | FOR_LOGIN | FOR_FLEET, "HTTP without TLS to the registry",
          FLAG(sides[0].plain_http), FLAG(sides[1].plain_http)),
    {"insecure", 0, NULL, FOR_NETWORK | FOR_LOGIN | FOR_FLEET, "HTTP without TLS to all registries",
     READ(read_insecure)},
    {"src-mirror", 0, "HOST[/PREFIX]", FOR_WRITING, "ask there first for SRC's layers; repeatable",
     READ(read_mirror)},
    {"realm-host", 0, "HOST", FOR_NETWORK | FOR_LOGIN | FOR_FLEET,
     "a host that may see our password to give tokens; repeatable", READ(read_realm_host)},
    {"upload-chunk", 0, "SIZE", FOR_WRITING | FOR_SYNC, "send layers in pieces of that size",
     READ(read_upload_chunk)},
    {"concurrency", 0, "N", FOR_WRITING | FOR_SYNC, "layers that are sent at once",
     READ(read_concurrency)},
    {"retry-times", 0, "N", FOR_NETWORK | FOR_FLEET, "how often a request is tried again (5)",
     READ(read_retry_times), .given = GIVEN_RETRY_TIMES},
    {"retry-delay", 0, "TIME", FOR_NETWORK | FOR_FLEET,
     "the first wait, in seconds or like 500ms (1)", READ(read_retry_delay),
     .given = GIVEN_RETRY_DELAY},
    {"limit-rate", 0, "SIZE", FOR_NETWORK | FOR_FLEET, "bytes a second, in each direction",
     READ(read_limit_rate), .given = GIVEN_LIMIT_RATE},
    {"tmpdir", 0, "DIR", FOR_NETWORK | FOR_FLEET,
     "for what waits to be sent (TMPDIR, else /var/tmp)", TEXT(network_options.tmpdir)},
    {"spool-memory", 0, "SIZE", FOR_NETWORK | FOR_FLEET, "as much of it is kept in memory (32MiB)",
     READ(read_spool_memory), .given = GIVEN_SPOOL_MEMORY},

    {"authfile", 0, "FILE", FOR_ALL, "where credentials are kept, as docker and skopeo write it",
     TEXT(network_options.authfile)},
    {"settings", 0, "FILE", FOR_ALL, "the settings file (~/.config/tartconv/settings.yaml)",
     TEXT(settings)},
    {"format", 0, "text|json", FOR_ALL, "the form of the result on standard output (text)",
     READ(read_format)},
    {"threads", 0, "N", FOR_ALL, "threads at once (the number of processors)", READ(read_threads),
     .given = GIVEN_THREADS},
    {"progress", 0, "MODE", FOR_ALL, "auto, plain or none (auto)", READ(read_progress)},
    {"quiet", 'q', NULL, FOR_ALL, "nothing on standard error but errors", READ(read_quiet)},
    {"verbose", 'v', NULL, FOR_ALL, "tell what is done and why", READ(read_verbose)},
    {"debug", 0, NULL, FOR_ALL, "tell all of it, HTTP requests too, with times", READ(read_debug)},
    {"help", 0, NULL, FOR_ALL, "print this help", FLAG(help)},
    {"version", 0, NULL, FOR_ALL, "print the versions of tartconv and its libraries",
     FLAG(version)},
};
const size_t option_row_count = sizeof option_rows / sizeof option_rows[0];
_Static_assert(sizeof option_rows / sizeof option_rows[0] <= OPTION_ROWS_MAX, "too many options");

bool option_is_for(const struct option_row *row, const struct command *command)
{
    return command == NULL ? row->commands == FOR_ALL : (row->commands & command->bit) != 0;
}

bool option_value_is_optional(const struct option_row *row)
{
    return row->argument != NULL && row->argument[0] == '[';
}

int option_apply(struct options *options, const struct option_row *row, const char *text,
                 struct error *err)
{
    char *place = (char *)options + row->place;
    options->given |= row->given;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return 0;
    case OPTION_TEXT:
        if (*text == '\0')
            return error_set(err, ERROR_USAGE, "--%s must not be empty", row->name);
        *(const char **)place = text;
        return 0;
    default:
        return row->read(options, row, text, err);
    }
}

int options_help(const struct command *command, struct bytes *ret, struct error *err)
{
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        if (!option_is_for(row, command) || (command != NULL && row->commands == FOR_ALL))
            continue;
        char left[64];
        const char letter[] = {'-', row->letter, ',', ' ', '\0'};
        bool apart = row->argument != NULL && !option_value_is_optional(row);
        snprintf(left, sizeof left, "%s--%s%s%s", row->letter != 0 ? letter : "    ", row->name,
                 apart ? " " : "", row->argument != NULL ? row->argument : "");
        if (bytes_printf(ret, err, "  %-31s  %s\n", left, row->help) < 0)
            return -1;
    }
    return 0;
}
