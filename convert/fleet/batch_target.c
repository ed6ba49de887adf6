/* batch_target.c: from a source to what is made of it, by templates. Asks nobody. */
#include "convert/fleet/batch.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

#define FILLED_MAX 1024u

/* {tag} and {repo} filled in; flat: slashes become "-". False where that passes the room. */
static bool fill(const char *template, const char *tag, const char *repository, bool flat,
                 char ret[FILLED_MAX])
{
    size_t used = 0;
    while (*template != '\0') {
        const char *value = NULL;
        if (strncmp(template, "{tag}", 5) == 0)
            value = tag;
        else if (strncmp(template, "{repo}", 6) == 0)
            value = repository;
        size_t size = value != NULL ? strlen(value) : 1;
        if (size >= FILLED_MAX - used)
            return false;
        memcpy(ret + used, value != NULL ? value : template, size);
        for (size_t i = used; flat && i < used + size; i++)
            if (ret[i] == '/')
                ret[i] = '-';
        used += size;
        template += value == NULL ? 1 : value == tag ? 5 : 6;
    }
    ret[used] = '\0';
    return true;
}

static int refuse_length(const char *template, struct error *err)
{
    return error_set(err, ERROR_REFERENCE, "\"%.200s\" gives a name of more than %u bytes",
                     template, FILLED_MAX);
}

/* The tag that `switch` moves in the end. */
static int final_name(const struct batch_entry *entry, const struct reference *source,
                      struct reference *ret, struct error *err)
{
    char filled[FILLED_MAX], text[2 * FILLED_MAX];
    if (entry->target == NULL)
        snprintf(text, sizeof text, "%s/%s:%s", source->host, source->repository, source->tag);
    else if (!fill(entry->target, source->tag, source->repository, false, filled))
        return refuse_length(entry->target, err);
    else if (entry->type == BATCH_IMAGE)
        snprintf(text, sizeof text, "%s", filled);
    else
        snprintf(text, sizeof text, "%s:%s", filled, source->tag);
    if (reference_parse(text, ret, err) < 0)
        return -1;
    if (ret->transport == TRANSPORT_REGISTRY && !ret->has_digest)
        return 0;
    reference_done(ret);
    return error_set(err, ERROR_REFERENCE, "\"%s\" must be a tag in a registry", text);
}

/* The reference becomes one whose text is HOST/REPOSITORY:TAG, with another tag. */
static int name_again(struct reference *reference, const char *tag, struct error *err)
{
    char text[2 * FILLED_MAX];
    snprintf(text, sizeof text, "%s/%s:%s", reference->host, reference->repository, tag);
    reference_done(reference);
    return reference_parse(text, reference, err);
}

int batch_target(const struct batch_entry *entry, const struct reference *source,
                 struct reference *ret, char **ret_tag, struct error *err)
{
    char staged[FILLED_MAX];
    AUTO_FREE char *tag = NULL;
    *ret_tag = NULL;
    *ret = (struct reference){.text = NULL};
    if (final_name(entry, source, ret, err) < 0)
        return -1;
    tag = strdup(ret->tag);
    if (tag == NULL) {
        reference_done(ret);
        return error_memory(err);
    }
    bool fits = true;
    if (entry->wish.stage != NULL)
        fits = fill(entry->wish.stage, tag, ret->repository, true, staged);
    if (!fits || (entry->wish.stage != NULL && !reference_tag_valid(staged))) {
        reference_done(ret);
        return error_set(err, ERROR_REFERENCE,
                         "stage \"%s\" makes no tag of \"%s\" (at most %d letters, digits, \"_\", "
                         "\".\" and \"-\")",
                         entry->wish.stage, tag, TAG_SIZE_MAX);
    }
    if (name_again(ret, entry->wish.stage != NULL ? staged : tag, err) < 0)
        return -1;
    if (entry->wish.stage != NULL)
        *ret_tag = take_ptr(&tag);
    return 0;
}
