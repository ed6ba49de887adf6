/* tasks.c: from entries to images. Asks for lists of names and, where a name may be that of a
 * backup, what it leads to; reads no manifest. */
#include "convert/fleet/tasks.h"

#include "convert/engine/lanes.h"
#include "convert/fleet/name_uses.h"
#include "convert/fleet/task_lists.h"
#include "convert/net/remote.h"
#include "convert/stores/backup.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

const char *task_name(const struct task *task)
{
    return task->target.text;
}

static void task_done(struct task *task)
{
    reference_done(&task->source);
    reference_done(&task->target);
    free(take_ptr(&task->tag));
}

void tasks_done(struct tasks *tasks)
{
    for (size_t i = 0; i < tasks->count; i++)
        task_done(&tasks->items[i]);
    free(tasks->items);
    *tasks = (struct tasks){.items = NULL};
}

/* --- building ------------------------------------------------------------------------------------
 */

struct builder {
    struct run *run;
    const struct batch_file *batch;
    const struct sides *sides;
    struct network *network;
    struct tasks *tasks;
    size_t room;
};

static struct task *task_new(struct builder *builder, const struct batch_entry *entry,
                             struct error *err)
{
    struct tasks *tasks = builder->tasks;
    if (tasks->count == TASKS_MAX) {
        error_set(err, ERROR_SETTINGS, "%s: more than %u images", builder->batch->name, TASKS_MAX);
        return NULL;
    }
    if (tasks->count == builder->room) {
        size_t room = builder->room == 0 ? 64 : 2 * builder->room;
        struct task *items = reallocarray(tasks->items, room, sizeof *items);
        if (items == NULL) {
            error_memory(err);
            return NULL;
        }
        tasks->items = items;
        builder->room = room;
    }
    struct task *task = &tasks->items[tasks->count];
    *task = (struct task){.entry = entry, .error = ERROR_INIT};
    return task;
}

/* repository: HOST/REPOSITORY. */
static int task_add(struct builder *builder, const struct batch_entry *entry,
                    const char *repository, const char *tag, struct error *err)
{
    AUTO_FREE char *text = NULL;
    struct task *task = task_new(builder, entry, err);
    if (task == NULL)
        return -1;
    if (asprintf(&text, "%s:%s", repository, tag) < 0) {
        text = NULL;
        return error_memory(err);
    }
    if (reference_parse(text, &task->source, err) < 0) {
        if (err->class != ERROR_REFERENCE)
            return -1;
        run_warning(builder->run, "passed over: %s", err->text);
        return 0;
    }
    if (batch_target(entry, &task->source, &task->target, &task->tag, &task->error) < 0) {
        task->failed = true;
        if (task->error.class == ERROR_MEMORY || reference_parse(text, &task->target, err) < 0) {
            task_done(task);
            return error_memory(err);
        }
    }
    builder->tasks->count++;
    return 0;
}

/* Texts become those of a whole repository, or registry. */
static int name_whole(struct reference *reference, bool registry, struct error *err)
{
    char *text = NULL;
    if (asprintf(&text, "%s%s%s", reference->host, registry ? "" : "/",
                 registry ? "" : reference->repository) < 0)
        return error_memory(err);
    free(reference->text);
    reference->text = text;
    return 0;
}

static int failed_add(struct builder *builder, const struct task_list *list, struct error *err)
{
    AUTO_FREE char *text = NULL;
    bool registry = list->repository == NULL;
    if (asprintf(&text, "%s%s", registry ? list->entry->source : list->repository,
                 registry ? "/r" : "") < 0) {
        text = NULL;
        return error_memory(err);
    }
    size_t before = builder->tasks->count;
    if (task_add(builder, list->entry, text, "t", err) < 0 || builder->tasks->count == before)
        return -1;
    struct task *task = &builder->tasks->items[builder->tasks->count - 1];
    task->failed = true;
    task->error = list->error;
    return name_whole(&task->source, registry, err) < 0 ? -1
                                                        : name_whole(&task->target, registry, err);
}

static int image_add(struct builder *builder, const struct batch_entry *entry, struct error *err)
{
    const char *colon = strrchr(entry->source, ':');
    AUTO_FREE char *repository = strndup(entry->source, (size_t)(colon - entry->source));
    return repository != NULL ? task_add(builder, entry, repository, colon + 1, err)
                              : error_memory(err);
}

static int list_add(struct builder *builder, const struct task_list *list, struct error *err)
{
    if (list->failed)
        return failed_add(builder, list, err);
    for (size_t i = 0; i < list->tags.count; i++) {
        int meant = patterns_judge(&list->entry->tags, list->tags.items[i], err);
        if (meant < 0 || (meant == 1 && task_add(builder, list->entry, list->repository,
                                                 list->tags.items[i], err) < 0))
            return -1;
    }
    return 0;
}

/* In the batch's order; lists lie in it, too. */
static int build(struct builder *builder, const struct task_lists *lists, struct error *err)
{
    size_t next = 0;
    for (size_t i = 0; i < builder->batch->entry_count; i++) {
        const struct batch_entry *entry = &builder->batch->entries[i];
        if (entry->type == BATCH_IMAGE && image_add(builder, entry, err) < 0)
            return -1;
        for (; next < lists->count && lists->items[next].entry == entry; next++)
            if (list_add(builder, &lists->items[next], err) < 0)
                return -1;
    }
    return 0;
}

/* --- leaving out ---------------------------------------------------------------------------------
 */

static void tasks_drop(struct tasks *tasks, const bool *drop)
{
    size_t kept = 0;
    for (size_t i = 0; i < tasks->count; i++) {
        if (drop[i])
            task_done(&tasks->items[i]);
        else
            tasks->items[kept++] = tasks->items[i];
    }
    tasks->count = kept;
}

static int uses_collect(const struct tasks *tasks, struct name_uses *uses, struct error *err)
{
    for (size_t i = 0; i < tasks->count; i++) {
        const struct task *task = &tasks->items[i];
        if (!task->failed &&
            name_uses_add(uses, task->entry, i, &task->source, &task->target, task->tag, err) < 0)
            return -1;
    }
    return 0;
}

/* What the batch itself writes is found in lists again. */
static int drop_own(struct builder *builder, struct error *err)
{
    struct tasks *tasks = builder->tasks;
    AUTO(name_uses_done) struct name_uses uses = {.items = NULL}, left = {.items = NULL};
    AUTO_FREE bool *drop = calloc(tasks->count + 1, sizeof *drop);
    if (drop == NULL)
        return error_memory(err);
    if (uses_collect(tasks, &uses, err) < 0)
        return -1;
    name_uses_mark(&uses, drop);
    for (size_t i = 0; i < tasks->count; i++) {
        drop[i] = drop[i] && tasks->items[i].entry->type != BATCH_IMAGE;
        if (drop[i])
            run_detail(builder->run, "%s is written by the batch itself, and no source",
                       tasks->items[i].source.text);
    }
    tasks_drop(tasks, drop);
    if (uses_collect(tasks, &left, err) < 0)
        return -1;
    return name_uses_check(&left, builder->batch, err);
}

static int drop_unmeant(struct tasks *tasks, const struct patterns *only, struct error *err)
{
    AUTO_FREE bool *drop = calloc(tasks->count + 1, sizeof *drop);
    if (drop == NULL)
        return error_memory(err);
    for (size_t i = 0; i < tasks->count; i++) {
        int meant = patterns_judge(only, tasks->items[i].source.text, err);
        if (meant == 0)
            meant = patterns_judge(only, tasks->items[i].target.text, err);
        if (meant < 0)
            return -1;
        drop[i] = meant == 0;
    }
    tasks_drop(tasks, drop);
    return 0;
}

/* --- backups -------------------------------------------------------------------------------------
 */

/* Whether the tag is of a backup's form: for one of its runs of eight hex digits it would be one.
 */
static bool may_be_backup(const struct task *task)
{
    static const char digits[] = "0123456789abcdef";
    const char *tag = task->source.tag;
    for (size_t at = 0; strlen(tag + at) >= 8; at++) {
        struct digest digest = {.bytes = {0}};
        if (strspn(tag + at, digits) < 8)
            continue;
        for (size_t i = 0; i < 8; i++) {
            unsigned digit = (unsigned)(strchr(digits, tag[at + i]) - digits);
            digest.bytes[i / 2] = (uint8_t)((unsigned)digest.bytes[i / 2] << 4 | digit);
        }
        if (backup_fits(task->entry->wish.backup_tag, tag, &digest))
            return true;
    }
    return false;
}

struct backups {
    struct builder *builder;
    size_t *tasks; /* indexes of those that may be one */
    size_t count;
    bool *are;
};

static int backup_ask(void *context, size_t lane, size_t piece, struct error *err)
{
    struct backups *backups = context;
    const struct builder *builder = backups->builder;
    const struct task *task = &builder->tasks->items[backups->tasks[piece]];
    const char *host = task->source.host;
    struct digest digest;
    struct error ignored;
    (void)lane;
    if (run_check(builder->run, err) < 0)
        return -1;
    struct client *client =
        network_client(builder->network, sides_find(builder->sides, host), host, false, err);
    if (client == NULL)
        return -1;
    const struct remote remote = {.client = client, .repository = task->source.repository};
    /* where it cannot be told now, the plan will say why */
    backups->are[backups->tasks[piece]] =
        remote_manifest_find(&remote, task->source.tag, &digest, &ignored) == 1 &&
        backup_fits(task->entry->wish.backup_tag, task->source.tag, &digest);
    return 0;
}

static void backups_tell(struct builder *builder, bool *are)
{
    for (size_t i = 0; i < builder->tasks->count; i++) {
        struct task *task = &builder->tasks->items[i];
        if (!are[i])
            continue;
        if (task->entry->type != BATCH_IMAGE) {
            run_detail(builder->run, "%s is a backup, and no source", task->source.text);
            continue;
        }
        are[i] = false;
        task->failed = true;
        error_set(&task->error, ERROR_USAGE, "%s is a backup, which is no source",
                  task->source.text);
    }
}

static int drop_backups(struct builder *builder, struct error *err)
{
    struct tasks *tasks = builder->tasks;
    AUTO_FREE size_t *indexes = calloc(tasks->count + 1, sizeof *indexes);
    AUTO_FREE bool *are = calloc(tasks->count + 1, sizeof *are);
    struct backups backups = {.builder = builder, .tasks = indexes, .are = are};
    if (indexes == NULL || are == NULL)
        return error_memory(err);
    for (size_t i = 0; i < tasks->count; i++)
        if (!tasks->items[i].failed && may_be_backup(&tasks->items[i]))
            indexes[backups.count++] = i;
    if (backups.count > 0 && lanes_run(LISTS_AT_ONCE, backups.count, backup_ask, &backups, err) < 0)
        return -1;
    backups_tell(builder, are);
    tasks_drop(tasks, are);
    return 0;
}

/* --- all of it -----------------------------------------------------------------------------------
 */

int tasks_make(struct run *run, const struct batch_file *batch, const struct sides *sides,
               struct network *network, const struct patterns *only, struct tasks *ret,
               struct error *err)
{
    AUTO(task_lists_done) struct task_lists lists = {.items = NULL};
    struct builder builder = {
        .run = run, .batch = batch, .sides = sides, .network = network, .tasks = ret};
    *ret = (struct tasks){.items = NULL};
    if (task_lists_take(run, batch, sides, network, &lists, err) == 0 &&
        build(&builder, &lists, err) == 0 && drop_own(&builder, err) == 0 &&
        (only == NULL || drop_unmeant(ret, only, err) == 0) && drop_backups(&builder, err) == 0)
        return 0;
    tasks_done(ret);
    return -1;
}

void task_options(const struct task *task, struct convert_options *ret)
{
    static const struct mirror none[1];
    const struct wish *wish = &task->entry->wish;
    const char *time = wish->upload_time;
    *ret = (struct convert_options){
        .to = wish->to,
        .chunk_size = wish->chunk_size,
        .v1_layer_size = TART_V1_LAYER_SIZE,
        .encoder = wish->encoder,
        .encode_all = wish->encode_all,
        .keep_blocks = wish->keep_blocks,
        .disk_digest = wish->disk_digest,
        .plain = wish->plain,
        .drop_foreign = wish->drop_foreign,
        .decode = wish->decode,
        .read_back = wish->read_back,
        .replace = wish->replace,
        .normalise = wish->action == ACTION_NORMALISE,
        .upload_time = time == NULL || strcmp(time, "keep") == 0 ? UPLOAD_TIME_KEEP
                       : strcmp(time, "none") == 0               ? UPLOAD_TIME_NONE
                                                                 : UPLOAD_TIME_SET,
        .mirrors = wish->mirror_count > 0 ? wish->mirrors : none,
        .mirror_count = wish->mirror_count,
        .backup_tag = wish->backup_tag,
        .no_backup = wish->no_backup,
        /* staged, it is written beside its source, and moves nothing */
        .in_place = wish->in_place && task->tag == NULL,
    };
    if (ret->upload_time == UPLOAD_TIME_SET)
        ret->upload_time_text = time;
}
