/* retire.c: which V1 manifests may go, and their removal. What the log says of images is judged
 * here; what the registries say, in retire_look.c and retire_list.c.
 */
#include "convert/fleet/event_parts.h"
#include "convert/fleet/retire_parts.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void retirements_done(struct retirements *retirements)
{
    for (size_t i = 0; i < retirements->count; i++) {
        struct retirement *item = &retirements->items[i];
        for (size_t k = 0; item->tags != NULL && item->tags[k] != NULL; k++)
            free(item->tags[k]);
        free(item->tags);
        free(item->target);
        free(item->repository);
    }
    free(retirements->items);
    *retirements = (struct retirements){.count = 0};
}

int retire_leave(struct retirement *item, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(item->why, sizeof item->why, format, args);
    va_end(args);
    item->status = RETIRE_LEFT;
    return 0;
}

/* --- what the log says ---------------------------------------------------------------------------
 */

/* What speaks against an image, as far as the log tells; NULL: nothing. */
static const char *log_objection(const struct retirer *retirer, const struct history_image *image)
{
    if (!image->was_done || !image->has_made_of || !image->has_target_digest)
        return image->status == IMAGE_ALREADY
                   ? "it needed nothing, or was converted by a run whose log is not here"
                   : "it was never converted to its end";
    if (image->salvaged)
        return "it was salvaged, and is not whole";
    if (!image->has_proof)
        return "the log has no proof of it";
    if (!image->proof_complete)
        return "its proof has chunks that were not decoded, or layers that were left out";
    if (image->proof_ms > retirer->now_ms)
        return "its proof is of the future: a clock is, or was, wrong";
    if ((retirer->now_ms - image->proof_ms) / 1000 < retirer->options->older_than_s)
        return "its proof is younger than --older-than";
    if (image->tag != NULL && (image->switched.rolled_back || image->switched.going_back))
        return "its tag was rolled back";
    return NULL;
}

static void candidate_done(struct candidate *candidate)
{
    if (candidate->in_registry)
        reference_done(&candidate->source);
    if (candidate->has_final)
        reference_done(&candidate->final);
    free(candidate->final_text);
}

/* A tag of a registry; false where the text is none. */
static bool registry_parse(const char *text, struct reference *ret)
{
    struct error ignored;
    if (text == NULL || reference_parse(text, ret, &ignored) < 0)
        return false;
    if (ret->transport == TRANSPORT_REGISTRY)
        return true;
    reference_done(ret);
    return false;
}

static int candidate_make(const struct retirer *retirer, const struct history_image *image,
                          struct candidate *ret, struct error *err)
{
    struct reference target;
    const struct patterns *only = retirer->options->only;
    *ret = (struct candidate){.image = image, .why = log_objection(retirer, image)};
    ret->in_registry = registry_parse(image->source, &ret->source);
    if (registry_parse(image->target, &target)) {
        const char *tag = image->tag != NULL ? image->tag : target.tag;
        int size = tag == NULL ? 0
                               : asprintf(&ret->final_text, "%s/%s:%s", target.host,
                                          target.repository, tag);
        reference_done(&target);
        if (size < 0) {
            ret->final_text = NULL;
            return error_memory(err);
        }
        ret->has_final = registry_parse(ret->final_text, &ret->final);
    }
    if (ret->why == NULL && !ret->has_final)
        ret->why = "what was made of it is no tag of a registry";
    int meant = only == NULL ? 1 : patterns_judge(only, image->name, err);
    if (meant == 0 && ret->final_text != NULL)
        meant = patterns_judge(only, ret->final_text, err);
    if (meant < 0)
        return -1;
    ret->meant = meant == 1;
    return 0;
}

static const char *objection(const struct candidate *candidate)
{
    return candidate->meant ? candidate->why : "--only leaves it out";
}

/* --- what leads to it ----------------------------------------------------------------------------
 */

/* Whether a tag of the old image's repository is the candidate's: the one that it was made of, or
 * one that the log knows to keep that. */
static bool is_of(const struct candidate *candidate, const char *tag)
{
    const struct history_image *image = candidate->image;
    if (candidate->source.tag != NULL && strcmp(candidate->source.tag, tag) == 0)
        return true;
    if (!candidate->has_final || strcmp(candidate->source.host, candidate->final.host) != 0 ||
        strcmp(candidate->source.repository, candidate->final.repository) != 0)
        return false;
    return (image->backup_tag != NULL && strcmp(image->backup_tag, tag) == 0) ||
           (image->switched.backup_tag != NULL && strcmp(image->switched.backup_tag, tag) == 0);
}

/* 1: all who claim a tag may qualify; 0 and why. */
static int tag_judge(struct group *group, const char *tag, struct retirement *item)
{
    bool known = false;
    for (size_t i = 0; i < group->count; i++) {
        struct candidate *candidate = &group->items[i];
        if (!is_of(candidate, tag))
            continue;
        known = candidate->claims = true;
        if (objection(candidate) != NULL)
            return retire_leave(item, "the tag %s leads to it, of which %s was made: %s", tag,
                                candidate->image->name, objection(candidate));
    }
    return known ? 1 : retire_leave(item, "the tag %s leads to it, too", tag);
}

/* 1, with item->tags and claims: as far as the log tells, all that leads to it may go with it; 0
 * and item->why; -1. */
static int leads_judge(struct group *group, const struct shelf *shelf, struct retirement *item,
                       struct error *err)
{
    AUTO(leads_done) struct leads leads = {.tag_count = 0};
    if (leads_find(shelf, &group->remote, &item->digest, &leads, err) < 0)
        return -1;
    if (leads.index[0] != '\0')
        return retire_leave(item, "the OCI index %s names it", leads.index);
    if (leads.referrer[0] != '\0')
        return retire_leave(item, "%s refers to it", leads.referrer);
    for (size_t i = 0; i < group->count; i++)
        group->items[i].claims = false;
    for (size_t i = 0; i < leads.tag_count; i++)
        if (tag_judge(group, leads.tags[i], item) == 0)
            return 0;
    for (size_t i = 0; item->tags != NULL && item->tags[i] != NULL; i++)
        free(item->tags[i]);
    free(item->tags);
    item->tags = calloc(leads.tag_count + 1, sizeof *item->tags);
    if (item->tags == NULL)
        return error_memory(err);
    for (size_t i = 0; i < leads.tag_count; i++) {
        item->tags[i] = strdup(leads.tags[i]);
        if (item->tags[i] == NULL)
            return error_memory(err);
    }
    return 1;
}

/* --- one manifest --------------------------------------------------------------------------------
 */

/* Whether it is up to this image that the manifest may go: a tag of it leads there; where none
 * does, the first that may qualify. */
static bool counts(const struct group *group, const struct candidate *candidate)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->items[i].claims)
            return candidate->claims;
    for (size_t i = 0; i < group->count; i++)
        if (objection(&group->items[i]) == NULL)
            return candidate == &group->items[i];
    return false;
}

/* Does `look` with each that counts, until one does not say 1. */
static int each_good(const struct retirer *retirer, struct group *group, struct retirement *item,
                     struct error *err)
{
    int status = 1;
    for (size_t i = 0; i < group->count && status == 1; i++)
        if (counts(group, &group->items[i]))
            status = retire_target(retirer, group, &group->items[i], item, err);
    return status;
}

/* The same once more, right before it goes: nothing may lead to it that was not judged, and the new
 * images must be where they were. */
static int each_stands(const struct retirer *retirer, struct group *group, struct shelf *shelf,
                       struct retirement *item, struct error *err)
{
    if (shelf_look(shelf, &group->remote, err) < 0)
        return -1;
    int status = leads_judge(group, shelf, item, err);
    for (size_t i = 0; i < group->count && status == 1; i++) {
        const struct candidate *candidate = &group->items[i];
        if (!counts(group, candidate))
            continue;
        status = candidate->good
                     ? retire_tag_stands(retirer, candidate, item, err)
                     : retire_leave(item, "a tag was moved meanwhile, and leads to it now");
    }
    return status;
}

static int log_open(const struct retirer *retirer, const struct candidate *candidate,
                    struct error *err)
{
    struct event_log **log = &retirer->logs[candidate->image->log];
    return *log != NULL ? 0
                        : event_log_open(retirer->history->logs[candidate->image->log], log, err);
}

static int fill_retired(struct json *members, const struct candidate *candidate,
                        const struct retirement *item, struct error *err)
{
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&item->digest, digest);
    if (json_set_string(members, "name", candidate->image->name, err) < 0 ||
        json_set_string(members, "repository", item->repository, err) < 0 ||
        json_set_string(members, "digest", digest, err) < 0 ||
        json_set(members, "tags", json_new_array(), err) < 0)
        return -1;
    for (size_t i = 0; item->tags[i] != NULL; i++)
        if (json_append(json_get(members, "tags"), json_new_string(item->tags[i]), err) < 0)
            return -1;
    return 0;
}

static int log_retired(const struct retirer *retirer, const struct candidate *candidate,
                       const struct retirement *item, struct error *err)
{
    struct json *members = json_new_object();
    if (members != NULL && fill_retired(members, candidate, item, err) < 0)
        members = json_free(members);
    return event_log_write(retirer->logs[candidate->image->log], "retired", members, true, err);
}

static int group_delete(const struct retirer *retirer, struct group *group, struct retirement *item,
                        struct error *err)
{
    /* the logs first: what cannot be noted is not done */
    for (size_t i = 0; i < group->count; i++)
        if (counts(group, &group->items[i]) && log_open(retirer, &group->items[i], err) < 0)
            return -1;
    if (remote_manifest_delete(&group->remote, &item->digest, err) < 0)
        return -1;
    item->status = RETIRE_DONE;
    for (size_t i = 0; i < group->count; i++)
        if (counts(group, &group->items[i]) &&
            log_retired(retirer, &group->items[i], item, err) < 0)
            return -1;
    return 0;
}

/* What an image that is meant and might qualify is held back by: the first's, if by all. */
static const char *common_objection(const struct group *group)
{
    const char *why = NULL;
    for (size_t i = 0; i < group->count; i++) {
        if (objection(&group->items[i]) == NULL)
            return NULL;
        if (why == NULL && group->items[i].meant)
            why = group->items[i].why;
    }
    return why;
}

static int group_judge(const struct retirer *retirer, struct group *group, struct shelf *shelf,
                       struct retirement *item, struct error *err)
{
    const char *why = common_objection(group);
    if (why != NULL)
        return retire_leave(item, "%s", why);
    if (retire_remote(retirer, &group->items[0].source, &group->remote, err) < 0)
        return -1;
    struct error refusal = ERROR_INIT;
    if (remote_manifest_deletable(&group->remote, &item->digest, &refusal) < 0) {
        if (retirer->options->yes) {
            *err = refusal;
            return -1;
        }
        if (shelf->tags.items == NULL) /* once a repository; the list is of use all the same */
            run_warning(retirer->run, "%s", refusal.text);
    }
    int status = retire_source(group, item, err);
    /* the tags were read for another one of the repository, and are read again in the end */
    if (status == 1 && shelf->tags.items == NULL)
        status = shelf_look(shelf, &group->remote, err) < 0 ? -1 : 1;
    if (status == 1)
        status = leads_judge(group, shelf, item, err);
    if (status == 1)
        status = each_good(retirer, group, item, err);
    if (status == 1 && retirer->options->yes)
        status = each_stands(retirer, group, shelf, item, err);
    if (status != 1)
        return status;
    item->status = RETIRE_WOULD;
    return retirer->options->yes ? group_delete(retirer, group, item, err) : 0;
}

/* --- all of them ---------------------------------------------------------------------------------
 */

static bool same_repository(const struct candidate *a, const struct candidate *b)
{
    return a->in_registry && b->in_registry && strcmp(a->source.host, b->source.host) == 0 &&
           strcmp(a->source.repository, b->source.repository) == 0;
}

/* Repository by repository, and in each manifest by manifest, else as the log has them. */
static int by_manifest(const void *a, const void *b)
{
    const struct candidate *one = a, *two = b;
    int order = two->in_registry - one->in_registry;
    if (order == 0 && one->in_registry)
        order = strcmp(one->source.host, two->source.host);
    if (order == 0 && one->in_registry)
        order = strcmp(one->source.repository, two->source.repository);
    if (order == 0)
        order = two->image->has_made_of - one->image->has_made_of;
    if (order == 0)
        order = memcmp(one->image->made_of.bytes, two->image->made_of.bytes,
                       sizeof one->image->made_of.bytes);
    return order != 0 ? order : one->image < two->image ? -1 : 1;
}

static int item_begin(const struct group *group, struct retirement *item, struct error *err)
{
    const struct candidate *first = &group->items[0];
    while (!first->meant)
        first++;
    *item = (struct retirement){
        .image = first->image, .digest = first->image->made_of, .error = ERROR_INIT};
    if (first->final_text != NULL && (item->target = strdup(first->final_text)) == NULL)
        return error_memory(err);
    if (first->in_registry &&
        asprintf(&item->repository, "%s/%s", first->source.host, first->source.repository) < 0) {
        item->repository = NULL;
        return error_memory(err);
    }
    return 0;
}

/* The registry has refused one before: what it said. */
static const struct error *refused_before(const struct retirements *items,
                                          const struct retirement *item)
{
    size_t host = item->repository != NULL ? strcspn(item->repository, "/") + 1 : 0;
    const struct retirement *before = items->count > 1 ? &items->items[items->count - 2] : NULL;
    bool same = before != NULL && host > 0 && before->repository != NULL &&
                strncmp(before->repository, item->repository, host) == 0;
    return same && before->status == RETIRE_FAILED && before->error.class == ERROR_UNSUPPORTED
               ? &before->error
               : NULL;
}

static int group_retire(const struct retirer *retirer, struct group *group, struct shelf *shelf,
                        struct retirements *ret, struct error *err)
{
    bool meant = false;
    for (size_t i = 0; i < group->count; i++)
        meant |= group->items[i].meant;
    if (!meant)
        return 0;
    struct retirement *item = &ret->items[ret->count++];
    if (item_begin(group, item, err) < 0 || run_check(retirer->run, err) < 0)
        return -1;
    const struct error *refused = refused_before(ret, item);
    if (!group->items[0].in_registry)
        return retire_leave(item, "%s is in no registry",
                            item->image->source != NULL ? item->image->source : "its source");
    if (refused != NULL)
        item->error = *refused;
    else if (group_judge(retirer, group, shelf, item, &item->error) == 0)
        return 0;
    item->status = RETIRE_FAILED;
    if (item->error.class != ERROR_INTERRUPTED && item->error.class != ERROR_MEMORY &&
        item->error.class != ERROR_IO && item->error.class != ERROR_DESTINATION)
        return 0;
    *err = item->error;
    return -1;
}

static int retire_all(const struct retirer *retirer, struct candidate *candidates, size_t count,
                      struct retirements *ret, struct error *err)
{
    AUTO(shelf_done) struct shelf shelf = {.known = NULL};
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1;
             end < count && same_repository(&candidates[i], &candidates[end]) &&
             candidates[i].image->has_made_of && candidates[end].image->has_made_of &&
             digest_equal(&candidates[i].image->made_of, &candidates[end].image->made_of);)
            end++;
        if (i > 0 && !same_repository(&candidates[i - 1], &candidates[i]))
            shelf_done(&shelf);
        struct group group = {.items = &candidates[i], .count = end - i};
        int status = group_retire(retirer, &group, &shelf, ret, err);
        manifest_free(group.manifest);
        if (status < 0)
            return -1;
    }
    return 0;
}

static int candidates_make(const struct retirer *retirer, struct candidate *ret, size_t *ret_count,
                           struct error *err)
{
    const struct history *history = retirer->history;
    for (size_t i = 0; i < history->count; i++) {
        if (history->items[i].retired)
            continue;
        int status = candidate_make(retirer, &history->items[i], &ret[*ret_count], err);
        ++*ret_count;
        if (status < 0)
            return -1;
    }
    qsort(ret, *ret_count, sizeof *ret, by_manifest);
    return 0;
}

int retire(struct run *run, const struct history *history, const struct retire_options *options,
           struct retirements *ret, struct error *err)
{
    struct retirer retirer = {
        .run = run, .history = history, .options = options, .now_ms = event_now()};
    AUTO_FREE struct candidate *candidates = calloc(history->count + 1, sizeof *candidates);
    size_t count = 0;
    *ret = (struct retirements){.items = calloc(history->count + 1, sizeof *ret->items)};
    retirer.logs = calloc(history->log_count + 1, sizeof(struct event_log *));
    int status = candidates == NULL || ret->items == NULL || retirer.logs == NULL
                     ? error_memory(err)
                     : candidates_make(&retirer, candidates, &count, err);
    if (status == 0)
        status = retire_all(&retirer, candidates, count, ret, err);
    for (size_t i = 0; i < count; i++)
        candidate_done(&candidates[i]);
    for (size_t i = 0; retirer.logs != NULL && i < history->log_count; i++)
        event_log_close(retirer.logs[i]);
    free(retirer.logs);
    return status;
}
