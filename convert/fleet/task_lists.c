/* task_lists.c: asks registries what they hold. Judges nothing but whether a repository is meant.
 */
#include "convert/fleet/task_lists.h"

#include "convert/engine/lanes.h"
#include "convert/fleet/pauses.h"
#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

struct asking {
    struct run *run;
    const struct sides *sides;
    struct network *network;
    struct task_lists *lists;
    struct pauses pauses; /* registries that are down are not asked for every list */
};

void task_lists_done(struct task_lists *lists)
{
    for (size_t i = 0; i < lists->count; i++) {
        free(lists->items[i].repository);
        names_done(&lists->items[i].tags);
    }
    free(lists->items);
    *lists = (struct task_lists){.items = NULL};
}

/* What no other entry would be spared by going on. */
static bool ends_all(const struct error *error)
{
    return error->class == ERROR_INTERRUPTED || error->class == ERROR_MEMORY ||
           error->class == ERROR_INTERNAL || error->class == ERROR_CATALOGUE_REFUSED;
}

static struct task_list *list_add(struct task_lists *lists, const struct batch_entry *entry,
                                  struct error *err)
{
    if (lists->count == lists->room) {
        size_t room = lists->room == 0 ? 16 : 2 * lists->room;
        struct task_list *items = reallocarray(lists->items, room, sizeof *items);
        if (items == NULL) {
            error_memory(err);
            return NULL;
        }
        lists->items = items;
        lists->room = room;
    }
    struct task_list *list = &lists->items[lists->count++];
    *list = (struct task_list){.entry = entry, .error = ERROR_INIT};
    return list;
}

static int repository_add(struct task_lists *lists, const struct batch_entry *entry,
                          const char *host, const char *repository, struct error *err)
{
    struct task_list *list = list_add(lists, entry, err);
    if (list == NULL)
        return -1;
    if (asprintf(&list->repository, "%s%s%s", host, repository[0] != '\0' ? "/" : "", repository) >=
        0)
        return 0;
    list->repository = NULL;
    return error_memory(err);
}

static int catalogue_take(const struct asking *asking, const struct batch_entry *entry,
                          struct error *err)
{
    AUTO(names_done) struct names names = {.items = NULL};
    struct error why = ERROR_INIT;
    struct client *client = network_client(
        asking->network, sides_find(asking->sides, entry->source), entry->source, false, err);
    if (client == NULL)
        return -1;
    if (remote_catalogue(client, &names, &why) < 0) {
        if (ends_all(&why)) {
            *err = why;
            return error_wrap(err, "%s", entry->source);
        }
        struct task_list *list = list_add(asking->lists, entry, err);
        if (list == NULL)
            return -1;
        list->failed = true;
        list->error = why;
        return 0;
    }
    for (size_t i = 0; i < names.count; i++) {
        int meant = patterns_judge(&entry->repositories, names.items[i], err);
        if (meant < 0 || (meant == 1 && repository_add(asking->lists, entry, entry->source,
                                                       names.items[i], err) < 0))
            return -1;
    }
    return 0;
}

static int tags_take(void *context, size_t lane, size_t piece, struct error *err)
{
    struct asking *asking = context;
    struct task_list *list = &asking->lists->items[piece];
    (void)lane;
    if (list->failed)
        return 0;
    if (run_check(asking->run, err) < 0)
        return -1;
    const char *slash = strchr(list->repository, '/');
    AUTO_FREE char *host = strndup(list->repository, (size_t)(slash - list->repository));
    if (host == NULL)
        return error_memory(err);
    list->failed = pauses_hold_host(&asking->pauses, host, &list->error);
    if (list->failed)
        return 0;
    struct client *client =
        network_client(asking->network, sides_find(asking->sides, host), host, false, err);
    if (client == NULL)
        return -1;
    const struct remote remote = {.client = client, .repository = slash + 1};
    list->failed = remote_tags(&remote, &list->tags, &list->error) < 0;
    if (list->failed && ends_all(&list->error)) {
        *err = list->error;
        return -1;
    }
    bool missing = list->error.class == ERROR_REPOSITORY_MISSING;
    return pauses_note_host(&asking->pauses, host, list->failed && !missing ? &list->error : NULL,
                            err);
}

int task_lists_take(struct run *run, const struct batch_file *batch, const struct sides *sides,
                    struct network *network, struct task_lists *ret, struct error *err)
{
    struct asking asking = {.run = run, .sides = sides, .network = network, .lists = ret};
    *ret = (struct task_lists){.items = NULL};
    int status = pauses_init(&asking.pauses, err);
    if (status < 0)
        return -1;
    for (size_t i = 0; status == 0 && i < batch->entry_count; i++) {
        const struct batch_entry *entry = &batch->entries[i];
        if (entry->type == BATCH_REPOSITORY)
            status = repository_add(ret, entry, entry->source, "", err);
        else if (entry->type == BATCH_REGISTRY)
            status = catalogue_take(&asking, entry, err);
    }
    if (status == 0 && ret->count > 0)
        status = lanes_run(LISTS_AT_ONCE, ret->count, tags_take, &asking, err);
    pauses_done(&asking.pauses);
    if (status < 0)
        task_lists_done(ret);
    return status;
}
