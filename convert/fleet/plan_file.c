/* plan_file.c: a plan as a document, and what another machine takes from it: pins and shards. Asks
 * no registry. */
#include "convert/fleet/plan.h"

#include "convert/stores/files.h"
#include "formats/model/auto.h"
#include "formats/model/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* What an image costs beside its bytes. */
#define IMAGE_WEIGHT (1u << 20)

/* --- writing -------------------------------------------------------------------------------------
 */

static struct json *text_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? json_new_string(text) : json_new_null();
}

static struct json *uint_or_null(bool there, uint64_t value)
{
    return there ? json_new_uint(value) : json_new_null();
}

static struct json *digest_or_null(bool there, const struct digest *digest)
{
    char text[DIGEST_TEXT_SIZE];
    if (!there)
        return json_new_null();
    digest_print(digest, text);
    return json_new_string(text);
}

static const char *action_of(const struct task *task, const struct planned *planned)
{
    static const char *const methods[] = {
        [METHOD_COPIED] = "copy", [METHOD_REWRITTEN] = "rewrite", [METHOD_CONVERTED] = "convert"};
    if (planned->verdict != VERDICT_DO)
        return NULL;
    return planned->method != METHOD_COPIED && task->entry->wish.action == ACTION_NORMALISE
               ? "normalise"
               : methods[planned->method];
}

static int fill_image(struct json *image, const struct planned *planned, const struct task *task,
                      struct error *err)
{
    const struct standing *source = &planned->source;
    bool work = planned->verdict == VERDICT_DO, failed = planned->error.class != ERROR_NONE;
    const struct {
        const char *key;
        struct json *value;
    } members[] = {
        {"name", json_new_string(task_name(task))},
        {"source", json_new_string(task->source.text)},
        {"source_digest", digest_or_null(planned->has_source, &source->digest)},
        {"target_digest", digest_or_null(planned->has_target, &planned->target)},
        {"tag", text_or_null(task->tag)},
        {"verdict", json_new_string(verdict_name(planned->verdict))},
        {"action", text_or_null(action_of(task, planned))},
        {"why", text_or_null(planned->why)},
        {"class", text_or_null(failed ? error_class_name(planned->error.class) : NULL)},
        {"text", text_or_null(failed ? planned->error.text : NULL)},
        {"replace", json_new_bool(planned->replace)},
        {"era", text_or_null(source->era)},
        {"disk_size", uint_or_null(source->has_disk_size, source->disk_size)},
        {"read", uint_or_null(work, planned->to_read)},
        {"write", uint_or_null(work, planned->to_write)},
        {"requests", uint_or_null(work, planned->requests)},
        {"group", json_new_uint(planned->group)},
    };
    int status = 0;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (json_set(image, members[i].key, members[i].value, err) < 0)
            status = -1; /* and what is left must be taken over all the same */
    return status;
}

static void add(uint64_t more, uint64_t *sum)
{
    if (!add_sizes(*sum, more, sum))
        *sum = INT64_MAX;
}

static int fill_totals(struct json *tree, const struct fleet_plan *plan, struct error *err)
{
    uint64_t counts[VERDICT_FAILED + 1] = {0}, read = 0, written = 0, requests = 0;
    struct json *totals = json_new_object();
    if (json_set(tree, "totals", totals, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->count; i++) {
        const struct planned *planned = &plan->items[i];
        counts[planned->verdict]++;
        if (planned->verdict != VERDICT_DO)
            continue;
        add(planned->to_read, &read);
        add(planned->to_write, &written);
        add(planned->requests, &requests);
    }
    for (size_t i = 0; i <= VERDICT_FAILED; i++)
        if (json_set_uint(totals, verdict_name((enum verdict)i), counts[i], err) < 0)
            return -1;
    return json_set_uint(totals, "groups", plan->group_count, err) < 0 ||
                   json_set_uint(totals, "read", read, err) < 0 ||
                   json_set_uint(totals, "write", written, err) < 0 ||
                   json_set_uint(totals, "requests", requests, err) < 0
               ? -1
               : 0;
}

struct json *fleet_plan_to_json(const struct fleet_plan *plan, const struct tasks *tasks)
{
    struct error err;
    AUTO(json_free_auto) struct json *tree = json_new_object();
    struct json *images = json_new_array();
    if (tree == NULL || json_set_string(tree, "kind", "plan", &err) < 0 ||
        json_set_uint(tree, "version", 1, &err) < 0) {
        json_free(images);
        return NULL;
    }
    if (json_set(tree, "images", images, &err) < 0)
        return NULL;
    for (size_t i = 0; i < plan->count; i++) {
        struct json *image = json_new_object();
        const struct planned *planned = &plan->items[i];
        if (json_append(images, image, &err) < 0 ||
            fill_image(image, planned, &tasks->items[planned->task], &err) < 0)
            return NULL;
    }
    return fill_totals(tree, plan, &err) < 0 ? NULL : take_ptr(&tree);
}

/* --- reading -------------------------------------------------------------------------------------
 */

void pins_done(struct pins *pins)
{
    for (size_t i = 0; i < pins->count; i++)
        free(pins->items[i].name);
    free(pins->items);
    *pins = (struct pins){.items = NULL};
}

static int refuse(const char *name, size_t image, const char *what, struct error *err)
{
    return error_set(err, ERROR_PLAN_INVALID,
                     "%s: image %zu: %s; make it anew by `tartconv sync check --plan`", name, image,
                     what);
}

/* A size that is there, or null. */
static bool read_size(const struct json *object, const char *key, uint64_t *ret)
{
    const struct json *json = json_get(object, key);
    *ret = 0;
    return json != NULL && (json_type(json) == JSON_NULL || json_uint(json, ret));
}

static int pin_take(const char *name, const struct json *image, struct pins *pins, size_t limit,
                    struct error *err)
{
    struct pinned *pin = &pins->items[pins->count];
    const char *text = json_string(json_get(image, "name"));
    const struct json *digest = json_get(image, "source_digest");
    uint64_t group, read, written;
    *pin = (struct pinned){.has_digest = json_string(digest) != NULL};
    if (text == NULL || *text == '\0')
        return refuse(name, pins->count, "it has no name", err);
    if (pin->has_digest ? !digest_parse(json_string(digest), &pin->digest)
                        : digest == NULL || json_type(digest) != JSON_NULL)
        return refuse(name, pins->count, "source_digest is neither a digest nor null", err);
    if (!json_uint(json_get(image, "group"), &group) || group >= limit)
        return refuse(name, pins->count, "group is no number below that of images", err);
    if (!read_size(image, "read", &read) || !read_size(image, "write", &written))
        return refuse(name, pins->count, "read or write is no size", err);
    pin->group = (size_t)group;
    pin->weight = IMAGE_WEIGHT;
    add(read, &pin->weight);
    add(written, &pin->weight);
    pin->name = strdup(text);
    if (pin->name == NULL)
        return error_memory(err);
    pins->count++;
    return 0;
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(const char *name, const struct pins *pins, struct error *err)
{
    AUTO_FREE const char **names = calloc(pins->count + 1, sizeof *names);
    if (names == NULL)
        return error_memory(err);
    for (size_t i = 0; i < pins->count; i++)
        names[i] = pins->items[i].name;
    qsort(names, pins->count, sizeof *names, name_order);
    for (size_t i = 1; i < pins->count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return error_set(err, ERROR_PLAN_INVALID, "%s: %s is there twice", name, names[i]);
    return 0;
}

static int read_tree(const char *name, const struct json *tree, struct pins *ret, struct error *err)
{
    uint64_t version;
    const char *kind = json_string(json_get(tree, "kind"));
    const struct json *images = json_get(tree, "images");
    if (kind == NULL || strcmp(kind, "plan") != 0)
        return error_set(err, ERROR_PLAN_INVALID,
                         "%s is no plan, which `tartconv sync check --plan FILE` makes", name);
    if (!json_uint(json_get(tree, "version"), &version) || version != 1)
        return error_set(err, ERROR_PLAN_INVALID, "%s: its version must be 1", name);
    if (images == NULL || json_type(images) != JSON_ARRAY)
        return error_set(err, ERROR_PLAN_INVALID, "%s: images is no list", name);
    size_t limit = json_count(images);
    ret->items = calloc(limit + 1, sizeof *ret->items);
    if (ret->items == NULL)
        return error_memory(err);
    for (const struct json *image = json_first(images); image != NULL; image = json_next(image))
        if (pin_take(name, image, ret, limit, err) < 0)
            return -1;
    return check_names(name, ret, err);
}

int pins_parse(const char *name, const void *text, size_t size, struct pins *ret, struct error *err)
{
    AUTO(json_free_auto) struct json *tree = NULL;
    *ret = (struct pins){.items = NULL};
    if (json_parse(text, size, PLAN_SIZE_MAX, &tree, err) < 0) {
        if (err->class == ERROR_JSON_SYNTAX)
            err->class = ERROR_PLAN_INVALID;
        return error_wrap(err, "%s", name);
    }
    if (read_tree(name, tree, ret, err) == 0)
        return 0;
    pins_done(ret);
    return -1;
}

int pins_load(const char *path, struct pins *ret, struct error *err)
{
    const struct file_classes classes = {.absent = ERROR_NO_SUCH_FILE, .unfit = ERROR_PLAN_INVALID};
    AUTO_CLOSE int fd = -1;
    uint64_t size;
    *ret = (struct pins){.items = NULL};
    if (file_open(AT_FDCWD, path, 0, classes, &fd, &size, err) < 0)
        return -1;
    if (size > PLAN_SIZE_MAX)
        return error_set(err, ERROR_PLAN_INVALID, "%s has more than %u bytes", path, PLAN_SIZE_MAX);
    AUTO_FREE char *text = malloc((size_t)size + 1);
    if (text == NULL)
        return error_memory(err);
    if (file_read_at(fd, path, 0, text, (size_t)size, err) < 0)
        return -1;
    return pins_parse(path, text, (size_t)size, ret, err);
}

/* --- shards --------------------------------------------------------------------------------------
 */

struct group {
    uint64_t weight;
    const char *name; /* the least of its images' */
    size_t number;
    unsigned shard;
};

static int heavier(const void *a, const void *b)
{
    const struct group *first = a, *second = b;
    if (first->weight != second->weight)
        return first->weight > second->weight ? -1 : 1;
    if (first->name == NULL || second->name == NULL)
        return (first->name == NULL) - (second->name == NULL);
    return strcmp(first->name, second->name);
}

static int by_number(const void *a, const void *b)
{
    const struct group *first = a, *second = b;
    return first->number < second->number ? -1 : first->number > second->number;
}

/* Each goes where the least is. */
static int share_out(struct group *groups, size_t group_count, size_t count, struct error *err)
{
    AUTO_FREE uint64_t *loads = calloc(count, sizeof *loads);
    if (loads == NULL)
        return error_memory(err);
    for (size_t i = 0; i < group_count && groups[i].name != NULL; i++) {
        size_t least = 0;
        for (size_t k = 1; k < count; k++)
            if (loads[k] < loads[least])
                least = k;
        groups[i].shard = (unsigned)least + 1;
        add(groups[i].weight, &loads[least]);
    }
    return 0;
}

int pins_shard(const struct pins *pins, size_t count, unsigned *ret_shards, struct error *err)
{
    AUTO_FREE struct group *groups = calloc(pins->count + 1, sizeof *groups);
    if (groups == NULL)
        return error_memory(err);
    if (count == 0 || count > SHARDS_MAX)
        return error_set(err, ERROR_USAGE, "there can be 1 to %u shards", SHARDS_MAX);
    for (size_t i = 0; i < pins->count; i++)
        groups[i].number = i;
    for (size_t i = 0; i < pins->count; i++) {
        struct group *group = &groups[pins->items[i].group];
        add(pins->items[i].weight, &group->weight);
        if (group->name == NULL || strcmp(pins->items[i].name, group->name) < 0)
            group->name = pins->items[i].name;
    }
    qsort(groups, pins->count, sizeof *groups, heavier);
    if (share_out(groups, pins->count, count, err) < 0)
        return -1;
    qsort(groups, pins->count, sizeof *groups, by_number);
    for (size_t i = 0; i < pins->count; i++)
        ret_shards[i] = groups[pins->items[i].group].shard;
    return 0;
}

/* FNV-1a, 64 bits. */
unsigned task_shard(const struct task *task, unsigned count)
{
    char host[256]; /* as much as a reference takes */
    uint64_t hash = 0xcbf29ce484222325u;
    batch_host_canonical(task->target.host, host);
    for (const char *c = host; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    hash = (hash ^ '/') * 0x100000001b3u;
    for (const char *c = task->target.repository; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    return (unsigned)(hash % count) + 1;
}
