/* name_uses.c: names sorted, so that equal ones lie side by side. Knows nothing of registries. */
#include "convert/fleet/name_uses.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void name_uses_done(struct name_uses *uses)
{
    for (size_t i = 0; i < uses->count; i++)
        free(uses->items[i].name);
    free(uses->items);
    *uses = (struct name_uses){.items = NULL};
}

/* HOST/REPOSITORY:TAG with the host as batch_host_canonical gives it, to be freed; NULL where
 * memory ends. */
static char *name_canonical(const struct reference *reference, const char *tag)
{
    AUTO_FREE char *host = strdup(reference->host);
    char *name = NULL;
    if (host == NULL)
        return NULL;
    batch_host_canonical(reference->host, host);
    if (asprintf(&name, "%s/%s:%s", host, reference->repository, tag) < 0)
        return NULL;
    return name;
}

static int use_add(struct name_uses *uses, enum name_use_kind kind, const struct batch_entry *entry,
                   size_t index, char *name, struct error *err)
{
    if (name != NULL && uses->count == uses->room) {
        size_t room = uses->room == 0 ? 64 : 2 * uses->room;
        struct name_use *items = reallocarray(uses->items, room, sizeof *items);
        if (items == NULL) {
            free(name);
            return error_memory(err);
        }
        uses->items = items;
        uses->room = room;
    }
    if (name == NULL)
        return error_memory(err);
    uses->items[uses->count++] =
        (struct name_use){.name = name, .kind = kind, .entry = entry, .index = index};
    return 0;
}

int name_uses_add(struct name_uses *uses, const struct batch_entry *entry, size_t index,
                  const struct reference *source, const struct reference *target, const char *tag,
                  struct error *err)
{
    bool in_place = entry->wish.in_place;
    /* what is written in place and not staged is its own source, which is meant */
    if ((!in_place || tag != NULL) &&
        use_add(uses, USE_SOURCE, entry, index, name_canonical(source, source->tag), err) < 0)
        return -1;
    if (use_add(uses, USE_TARGET, entry, index, name_canonical(target, target->tag), err) < 0)
        return -1;
    if (tag == NULL)
        return 0;
    return use_add(uses, in_place ? USE_OWN : USE_TARGET, entry, index, name_canonical(target, tag),
                   err);
}

static int use_order(const void *a, const void *b)
{
    const struct name_use *first = a, *second = b;
    int order = strcmp(first->name, second->name);
    if (order == 0)
        order = (int)first->kind - (int)second->kind;
    if (order == 0)
        order = first->index < second->index ? -1 : first->index > second->index;
    return order;
}

static int refuse(const struct batch_file *batch, const struct name_use *use,
                  const struct name_use *other, struct error *err)
{
    bool in_place = use->entry->target == NULL;
    struct batch_place place = in_place ? use->entry->source_place : use->entry->target_place;
    const char *key = in_place ? "sync: source" : "sync: target";
    if (other->kind != USE_SOURCE)
        return batch_refuse(batch, place, key, err, "%s is the target of line %u, too%s", use->name,
                            other->entry->place.line,
                            use->entry->type == BATCH_IMAGE
                                ? ""
                                : "; leave a tag out by tags.deny, or take another stage");
    return batch_refuse(batch, place, key, err,
                        "%s is a source, in line %u: what is read is not written, but by in-place",
                        use->name, other->entry->place.line);
}

int name_uses_check(struct name_uses *uses, const struct batch_file *batch, struct error *err)
{
    if (uses->count > 0)
        qsort(uses->items, uses->count, sizeof *uses->items, use_order);
    for (size_t i = 1, first = 0; i < uses->count; i++) {
        const struct name_use *use = &uses->items[i], *begin = &uses->items[first];
        if (strcmp(begin->name, use->name) != 0) {
            first = i;
            continue;
        }
        const struct name_use *before = &uses->items[i - 1];
        if (use->kind == USE_TARGET && begin->kind == USE_SOURCE)
            return refuse(batch, use, begin, err);
        if (use->kind != USE_SOURCE && before->kind != USE_SOURCE)
            return refuse(batch, use, before, err);
    }
    return 0;
}

void name_uses_mark(struct name_uses *uses, bool *ret)
{
    if (uses->count > 0)
        qsort(uses->items, uses->count, sizeof *uses->items, use_order);
    for (size_t i = 0, end; i < uses->count; i = end) {
        bool written = false;
        for (end = i; end < uses->count && strcmp(uses->items[i].name, uses->items[end].name) == 0;
             end++)
            written |= uses->items[end].kind == USE_TARGET;
        for (size_t k = i; written && k < end; k++)
            if (uses->items[k].kind == USE_SOURCE)
                ret[uses->items[k].index] = true;
    }
}
