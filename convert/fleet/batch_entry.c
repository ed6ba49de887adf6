/* batch_entry.c: one entry of `sync`: from where to where. What its names mean in a registry is
 * tasks.c's work. */
#include "convert/fleet/batch_parts.h"

#include "convert/input/values.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void batch_entry_done(struct batch_entry *entry)
{
    free(entry->source);
    free(entry->target);
    patterns_done(&entry->tags);
    patterns_done(&entry->repositories);
    wish_done(&entry->wish);
    *entry = (struct batch_entry){.source = NULL};
}

/* --- keys ----------------------------------------------------------------------------------------
 */

static int key_source(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    reader->entry->source_place = batch_place(yaml);
    return batch_text_copy(yaml, reader, &reader->entry->source, err);
}

static int key_target(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    reader->entry->target_place = batch_place(yaml);
    return batch_text_copy(yaml, reader, &reader->entry->target, err);
}

static int key_type(struct yaml *yaml, void *target, struct error *err)
{
    static const char *const words[] = {
        [BATCH_IMAGE] = "image", [BATCH_REPOSITORY] = "repository", [BATCH_REGISTRY] = "registry"};
    struct batch_reader *reader = target;
    const char *text, *raw;
    if (batch_text(yaml, reader, &text, &raw, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], text) == 0) {
            reader->entry->type = (enum batch_type)i;
            reader->has_type = true;
            return 0;
        }
    return yaml_refuse(yaml, err, "must be image, repository or registry, not \"%s\"", raw);
}

static int add_pattern(struct yaml *yaml, struct batch_reader *reader,
                       int (*add)(struct patterns *patterns, const char *text, struct error *err),
                       struct error *err)
{
    struct error why;
    const char *text, *raw;
    if (batch_text(yaml, reader, &text, &raw, err) < 0)
        return -1;
    if (add(reader->patterns, text, &why) == 0)
        return 0;
    if (why.class == ERROR_USAGE)
        return yaml_refuse(yaml, err, "%s", why.text);
    *err = why;
    return -1;
}

static int add_allow(struct yaml *yaml, void *target, struct error *err)
{
    return add_pattern(yaml, target, patterns_allow, err);
}

static int add_deny(struct yaml *yaml, void *target, struct error *err)
{
    return add_pattern(yaml, target, patterns_deny, err);
}

static int key_allow(struct yaml *yaml, void *target, struct error *err)
{
    return yaml_list(yaml, PATTERNS_MAX, add_allow, target, err);
}

static int key_deny(struct yaml *yaml, void *target, struct error *err)
{
    return yaml_list(yaml, PATTERNS_MAX, add_deny, target, err);
}

/* A list of ranges is one, of which one must hold. */
static int add_range(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    const char *text, *raw;
    if (batch_text(yaml, reader, &text, &raw, err) < 0)
        return -1;
    size_t used = strlen(reader->ranges);
    int size = snprintf(reader->ranges + used, sizeof reader->ranges - used, "%s%s",
                        used > 0 ? " || " : "", text);
    if (size < 0 || (size_t)size >= sizeof reader->ranges - used)
        return yaml_refuse(yaml, err, "ranges of more than %zu bytes", sizeof reader->ranges - 1);
    return 0;
}

static int key_semver(struct yaml *yaml, void *target, struct error *err)
{
    struct batch_reader *reader = target;
    struct error why;
    reader->ranges[0] = '\0';
    int status = yaml_is_list(yaml) ? yaml_list(yaml, PATTERNS_MAX, add_range, target, err)
                                    : add_range(yaml, target, err);
    if (status < 0 || reader->ranges[0] == '\0')
        return status;
    if (patterns_semver(reader->patterns, reader->ranges, &why) == 0)
        return 0;
    if (why.class == ERROR_USAGE)
        return yaml_refuse_key(yaml, err, "%s", why.text);
    *err = why;
    return -1;
}

static int key_tags(struct yaml *yaml, void *target, struct error *err)
{
    static const struct yaml_key keys[] = {
        {"allow", key_allow}, {"deny", key_deny}, {"semverRange", key_semver}};
    struct batch_reader *reader = target;
    reader->patterns = &reader->entry->tags;
    reader->tags_place = batch_place(yaml);
    return yaml_map(yaml, keys, sizeof keys / sizeof keys[0], target, err);
}

static int key_repositories(struct yaml *yaml, void *target, struct error *err)
{
    static const struct yaml_key keys[] = {{"allow", key_allow}, {"deny", key_deny}};
    struct batch_reader *reader = target;
    reader->patterns = &reader->entry->repositories;
    reader->repositories_place = batch_place(yaml);
    return yaml_map(yaml, keys, sizeof keys / sizeof keys[0], target, err);
}

/* --- names ---------------------------------------------------------------------------------------
 */

/* HOST/REPOSITORY[:TAG] behind what may stand before it. */
static bool has_tag(const char *text)
{
    const char *slash = strrchr(text, '/');
    return strchr(slash != NULL ? slash : text, ':') != NULL;
}

static int refuse_source(const struct batch_reader *reader, struct error *err, const char *what)
{
    return batch_refuse(reader->batch, reader->entry->source_place, "sync: source", err, "%s",
                        what);
}

static int check_source_host(const struct batch_reader *reader, struct error *err)
{
    if (value_host(reader->entry->source))
        return 0;
    return refuse_source(reader, err, "with type registry it must be " MUST_HOST);
}

/* Becomes HOST/REPOSITORY:TAG or HOST/REPOSITORY. */
static int check_source(const struct batch_reader *reader, struct error *err)
{
    struct batch_entry *entry = reader->entry;
    struct error why;
    bool image = entry->type == BATCH_IMAGE;
    AUTO(reference_done) struct reference reference = {.text = NULL};
    if (entry->type == BATCH_REGISTRY)
        return check_source_host(reader, err);
    if (reference_parse(entry->source, &reference, &why) < 0)
        return why.class == ERROR_MEMORY ? error_memory(err) : refuse_source(reader, err, why.text);
    if (reference.transport != TRANSPORT_REGISTRY || reference.has_digest)
        return refuse_source(
            reader, err, "must be in a registry, by HOST/REPOSITORY and, with type image, :TAG");
    if (has_tag(entry->source) != image)
        return refuse_source(reader, err,
                             image ? "with type image it must name a tag; for all tags: type "
                                     "repository"
                                   : "with type repository it must name no tag; which tags are "
                                     "meant is said by `tags`");
    char *text = NULL;
    if (asprintf(&text, "%s/%s%s%s", reference.host, reference.repository, image ? ":" : "",
                 image ? reference.tag : "") < 0)
        return error_memory(err);
    free(entry->source);
    entry->source = text;
    return 0;
}

static int refuse_target(const struct batch_reader *reader, struct error *err, const char *what)
{
    return batch_refuse(reader->batch, reader->entry->target_place, "sync: target", err, "%s",
                        what);
}

/* docker:// is left out, and where a registry's repositories go without {repo} it is put behind. */
static int shape_target(struct batch_entry *entry, struct error *err)
{
    char *text = NULL;
    const char *start =
        strncmp(entry->target, "docker://", 9) == 0 ? entry->target + 9 : entry->target;
    size_t size = strlen(start);
    while (entry->type == BATCH_REGISTRY && size > 0 && start[size - 1] == '/')
        size--;
    bool add = entry->type == BATCH_REGISTRY && strstr(start, "{repo}") == NULL;
    if (asprintf(&text, "%.*s%s", (int)size, start, add ? "/{repo}" : "") < 0)
        return error_memory(err);
    free(entry->target);
    entry->target = text;
    return 0;
}

/* Tried with the source itself, or with one of the names that it may hold. */
static int try_target(const struct batch_reader *reader, struct error *err)
{
    struct batch_entry *entry = reader->entry;
    struct error why;
    AUTO_FREE char *text = NULL, *tag = NULL;
    AUTO(reference_done) struct reference source = {.text = NULL}, target = {.text = NULL};
    if (asprintf(&text, "%s%s%s", entry->source, entry->type == BATCH_REGISTRY ? "/r" : "",
                 entry->type == BATCH_IMAGE ? "" : ":t") < 0) {
        text = NULL;
        return error_memory(err);
    }
    if (reference_parse(text, &source, &why) < 0)
        return why.class == ERROR_MEMORY ? error_memory(err) : refuse_source(reader, err, why.text);
    if (batch_target(entry, &source, &target, &tag, &why) == 0)
        return 0;
    return why.class == ERROR_MEMORY ? error_memory(err)
           : entry->target == NULL   ? refuse_source(reader, err, why.text)
                                     : refuse_target(reader, err, why.text);
}

static int check_target(const struct batch_reader *reader, struct error *err)
{
    struct batch_entry *entry = reader->entry;
    if (entry->wish.in_place && entry->target != NULL)
        return refuse_target(reader, err,
                             "in-place writes where it reads: leave the target out, or in-place");
    if (entry->target == NULL && !entry->wish.in_place)
        return batch_refuse(reader->batch, entry->place, "sync", err,
                            "an entry needs a target, or in-place");
    if (entry->target == NULL)
        return try_target(reader, err);
    if (shape_target(entry, err) < 0)
        return -1;
    if (strchr(entry->target, '@') != NULL)
        return refuse_target(reader, err, "a digest is no place to write to");
    if (strstr(entry->target, "{digest8}") != NULL)
        return refuse_target(reader, err,
                             "{digest8} is not known beforehand; {tag} and {repo} are");
    if (has_tag(entry->target) != (entry->type == BATCH_IMAGE))
        return refuse_target(reader, err,
                             entry->type == BATCH_IMAGE
                                 ? "with type image it must be HOST/REPOSITORY:TAG"
                                 : "must name no tag: each keeps its own, or is staged as `stage` "
                                   "says");
    return try_target(reader, err);
}

static int check_lists(const struct batch_reader *reader, struct error *err)
{
    const struct batch_entry *entry = reader->entry;
    if (entry->type == BATCH_IMAGE && reader->tags_place.line > 0)
        return batch_refuse(reader->batch, reader->tags_place, "sync: tags", err,
                            "type image names one tag; tags go with repository and registry");
    if (entry->type != BATCH_REGISTRY && reader->repositories_place.line > 0)
        return batch_refuse(reader->batch, reader->repositories_place, "sync: repos", err,
                            "repos goes with type registry");
    return 0;
}

static int check_entry(const struct batch_reader *reader, struct error *err)
{
    struct batch_entry *entry = reader->entry;
    if (entry->source == NULL)
        return batch_refuse(reader->batch, entry->place, "sync", err, "an entry needs a source");
    if (!reader->has_type)
        return batch_refuse(reader->batch, entry->place, "sync", err,
                            "an entry needs a type: image, repository or registry");
    if (check_lists(reader, err) < 0 || check_source(reader, err) < 0 ||
        wish_check(reader, &entry->wish, err) < 0)
        return -1;
    return check_target(reader, err);
}

int batch_entry_take(struct yaml *yaml, void *target, struct error *err)
{
    static const struct yaml_key keys[] = {{"source", key_source},      {"target", key_target},
                                           {"type", key_type},          {"tags", key_tags},
                                           {"repos", key_repositories}, WISH_KEYS};
    struct batch_reader *reader = target;
    struct batch_entry entry = {.place = batch_place(yaml)};
    if (wish_copy(&reader->defaults, &entry.wish, err) < 0)
        return -1;
    reader->entry = &entry;
    reader->wish = &entry.wish;
    reader->has_type = false;
    reader->disk_digest_said = reader->default_digest_said;
    reader->tags_place = reader->repositories_place = (struct batch_place){0};
    int status = yaml_map(yaml, keys, sizeof keys / sizeof keys[0], target, err);
    if (status == 0 && reader->second)
        status = check_entry(reader, err);
    if (status == 0 && reader->second)
        status = batch_entry_add(reader->batch, &entry, err);
    batch_entry_done(&entry);
    reader->entry = NULL;
    return status;
}
