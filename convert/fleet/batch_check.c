/* batch_check.c: what contradicts what over a whole batch: names of registries, and images that are
 * written twice, or read and written. Holds names against each other; asks nobody. */
#include "convert/fleet/batch_parts.h"
#include "convert/fleet/name_uses.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- registries under two names ------------------------------------------------------------------
 */

struct host_use {
    char *host, *canonical;
    struct batch_place place;
    const char *key;
    size_t index;
};

struct host_uses {
    struct host_use *items;
    size_t count, room;
};

static void host_uses_done(struct host_uses *uses)
{
    for (size_t i = 0; i < uses->count; i++) {
        free(uses->items[i].host);
        free(uses->items[i].canonical);
    }
    free(uses->items);
}

static int host_add(struct host_uses *uses, const char *name, struct batch_place place,
                    const char *key, struct error *err)
{
    if (uses->count == uses->room) {
        size_t room = uses->room == 0 ? 64 : 2 * uses->room;
        struct host_use *items = reallocarray(uses->items, room, sizeof *items);
        if (items == NULL)
            return error_memory(err);
        uses->items = items;
        uses->room = room;
    }
    struct host_use *use = &uses->items[uses->count];
    *use = (struct host_use){.place = place, .key = key, .index = uses->count};
    use->host = strndup(name, strcspn(name, "/"));
    use->canonical = use->host != NULL ? strdup(use->host) : NULL;
    uses->count += use->host != NULL;
    if (use->canonical == NULL)
        return error_memory(err);
    batch_host_canonical(use->host, use->canonical);
    return 0;
}

static int host_order(const void *a, const void *b)
{
    const struct host_use *first = a, *second = b;
    int order = strcmp(first->canonical, second->canonical);
    return order != 0 ? order : first->index < second->index ? -1 : 1;
}

static int hosts_collect(const struct batch_file *batch, struct host_uses *uses, struct error *err)
{
    for (size_t i = 0; i < batch->host_count; i++)
        if (host_add(uses, batch->hosts[i].host, batch->hosts[i].place, "creds: registry", err) < 0)
            return -1;
    for (size_t i = 0; i < batch->entry_count; i++) {
        const struct batch_entry *entry = &batch->entries[i];
        if (host_add(uses, entry->source, entry->source_place, "sync: source", err) < 0 ||
            (entry->target != NULL &&
             host_add(uses, entry->target, entry->target_place, "sync: target", err) < 0))
            return -1;
        for (size_t k = 0; k < entry->wish.mirror_count; k++)
            if (host_add(uses, entry->wish.mirrors[k].host, entry->place, "sync: mirrors", err) < 0)
                return -1;
    }
    return 0;
}

static int check_hosts(const struct batch_file *batch, struct error *err)
{
    AUTO(host_uses_done) struct host_uses uses = {.items = NULL};
    if (hosts_collect(batch, &uses, err) < 0)
        return -1;
    qsort(uses.items, uses.count, sizeof *uses.items, host_order);
    for (size_t i = 1; i < uses.count; i++) {
        const struct host_use *before = &uses.items[i - 1], *use = &uses.items[i];
        if (strcmp(before->canonical, use->canonical) == 0 && strcmp(before->host, use->host) != 0)
            return batch_refuse(batch, use->place, use->key, err,
                                "\"%s\" is another name of \"%s\" in line %u: write one of them "
                                "everywhere",
                                use->host, before->host, before->place.line);
    }
    return 0;
}

/* --- images --------------------------------------------------------------------------------------
 */

static int image_add(struct name_uses *uses, const struct batch_entry *entry, size_t index,
                     struct error *err)
{
    AUTO(reference_done) struct reference source = {.text = NULL}, target = {.text = NULL};
    AUTO_FREE char *tag = NULL;
    if (reference_parse(entry->source, &source, err) < 0 ||
        batch_target(entry, &source, &target, &tag, err) < 0)
        return -1;
    return name_uses_add(uses, entry, index, &source, &target, tag, err);
}

int batch_check(const struct batch_file *batch, struct error *err)
{
    AUTO(name_uses_done) struct name_uses uses = {.items = NULL};
    if (check_hosts(batch, err) < 0)
        return -1;
    for (size_t i = 0; i < batch->entry_count; i++)
        if (batch->entries[i].type == BATCH_IMAGE &&
            image_add(&uses, &batch->entries[i], i, err) < 0)
            return -1;
    return name_uses_check(&uses, batch, err);
}
