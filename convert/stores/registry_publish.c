/* registry_publish.c: the end of a run into a repository: every blob asked for again, the manifest
 * under its digest, what the tags led to kept, and the tags, which move only where they are as they
 * were found.
 */
#include "convert/stores/registry.h"

#include "convert/stores/backup.h"
#include "formats/model/auto.h"
#include "formats/model/json.h"

#include <string.h>

/* --- beforehand --- */

static int refuse_existing(const struct registry *registry, const struct tag *before,
                           struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(&before->digest, text);
    return error_set(err, ERROR_EXISTS,
                     "%s: the tag %s leads to %s already; --replace moves it (and keeps what was "
                     "there under another tag)",
                     registry->text, before->name, text);
}

/* Whether what is there may turn out to be what this run makes. */
static int may_be_the_result(const struct registry *registry, const struct tag *before,
                             struct error *err)
{
    const struct digest *result = registry->options.result_digest;
    const struct digest *source = registry->options.source_digest;
    if (result != NULL)
        return digest_equal(result, &before->digest);
    if (source == NULL)
        return 1;
    char text[DIGEST_TEXT_SIZE];
    digest_print(&before->digest, text);
    AUTO(bytes_done) struct bytes raw;
    bytes_init(&raw, MANIFEST_SIZE_MAX);
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    struct digest digest, stated;
    if (remote_manifest_get(&registry->remote, text, &raw, &digest, err) < 0)
        return -1;
    struct error ignored;
    if (manifest_parse(raw.data, raw.size, &manifest, &ignored) < 0)
        return 0;
    const char *annotation = manifest_annotation(manifest, OUR_SOURCE_DIGEST);
    return annotation != NULL && digest_parse(annotation, &stated) && digest_equal(&stated, source);
}

static int look_at_tag(struct registry *registry, struct tag *before, const char *tag,
                       struct error *err)
{
    *before = (struct tag){.remote = &registry->remote, .text = registry->text, .name = tag};
    if (tag_look(before, err) < 0)
        return -1;
    if (!before->there)
        return 0;
    if (backup_fits(registry->options.backup_tag, tag, &before->digest) &&
        (registry->options.replace || registry->options.in_place))
        return error_set(err, ERROR_EXISTS,
                         "%s: the tag %s keeps what another tag led to before; it is never moved "
                         "(remove it first where that is meant)",
                         registry->text, tag);
    if (registry->options.replace || registry->options.in_place)
        return 0;
    int may = may_be_the_result(registry, before, err);
    return may < 0 ? -1 : may == 1 ? 0 : refuse_existing(registry, before, err);
}

int registry_look_at_tags(struct registry *registry, struct error *err)
{
    const char *const *tags = registry->options.tags;
    size_t further = 0;
    while (tags != NULL && tags[further] != NULL)
        further++;
    registry->before = calloc(further + 1, sizeof *registry->before);
    if (registry->before == NULL)
        return error_memory(err);
    registry->before_count = further + 1;
    for (size_t i = 0; i <= further; i++)
        if (look_at_tag(registry, &registry->before[i], i == 0 ? registry->tag : tags[i - 1], err) <
            0)
            return -1;
    return 0;
}

/* --- the manifest, by its digest --- */

static int ask_for_all(struct registry *registry, const struct manifest *manifest, store_lost *lost,
                       void *context, struct error *err)
{
    int all = 1;
    for (size_t i = 0; i <= manifest->layer_count; i++) {
        const struct blob_id *id =
            i == manifest->layer_count ? &manifest->config.blob : &manifest->layers[i].blob;
        bool asked = false;
        for (size_t k = 0; k < i && !asked; k++)
            asked = digest_equal(&manifest->layers[k].blob.digest, &id->digest);
        int there = asked ? 1 : registry_ask_again(registry, id, err);
        if (there < 0)
            return -1;
        if (there == 1)
            continue;
        lost(context, &id->digest);
        all = 0;
    }
    return all;
}

/* Under its digest, unless it is there. */
static int manifest_stage(const struct registry *registry, const struct bytes *raw,
                          const struct digest *digest, struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    struct digest found;
    int there = remote_manifest_find(&registry->remote, text, &found, err);
    return there != 0 ? there : tag_put(&registry->remote, text, raw, err);
}

int registry_stage(struct store *store, const struct publication *publication, store_lost *lost,
                   void *context, struct error *err)
{
    struct registry *registry = (struct registry *)store;
    const struct bytes *raw = publication->manifest;
    AUTO(manifest_free_auto) struct manifest *manifest = NULL;
    struct digest digest;
    if (manifest_parse(raw->data, raw->size, &manifest, err) < 0 ||
        digest_of(raw->data, raw->size, &digest, err) < 0)
        return -1;
    int status = ask_for_all(registry, manifest, lost, context, err);
    if (status == 1 && manifest_stage(registry, raw, &digest, err) < 0) {
        /* a blob that went between the question and the manifest is lost like any other */
        struct error refusal = *err;
        status = refusal.class == ERROR_BLOB_MISSING
                     ? ask_for_all(registry, manifest, lost, context, err)
                     : -1;
        if (status == 1) {
            *err = refusal;
            status = -1;
        }
    }
    return status < 0 ? error_wrap(err, "%s", registry->text) : status;
}

/* --- the tags --- */

/* As tag_check, and what may not be moved is refused. */
static int check_again(const struct registry *registry, const struct tag *tag,
                       const struct digest *digest, struct error *err)
{
    int status = tag_check(tag, digest, err);
    if (status == 0 && tag->there && !registry->options.replace && !registry->options.in_place)
        return refuse_existing(registry, tag, err);
    return status;
}

static int keep_old(struct registry *registry, const struct tag *tag, struct error *err)
{
    char kept[TAG_SIZE_MAX + 1];
    if (registry->options.no_backup)
        return 0;
    if (tag_keep(tag, registry->options.backup_tag, kept, err) < 0)
        return -1;
    /* of several the first tag's is told, and a further one that is new takes it from nobody */
    if (registry->store.backup[0] == '\0')
        memcpy(registry->store.backup, kept, sizeof kept);
    return 0;
}

static int tag_all(struct registry *registry, const struct bytes *raw, const struct digest *digest,
                   struct error *err)
{
    /* all are looked at before the first is moved; the first, which users know, moves last */
    for (size_t i = 0; i < registry->before_count; i++) {
        int there = check_again(registry, &registry->before[i], digest, err);
        if (there < 0 || (there == 0 && keep_old(registry, &registry->before[i], err) < 0))
            return -1;
    }
    for (size_t i = registry->before_count; i-- > 0;) {
        const struct tag *tag = &registry->before[i];
        int there = check_again(registry, tag, digest, err);
        if (there < 0 || (there == 0 && tag_put(tag->remote, tag->name, raw, err) < 0))
            return -1;
    }
    return 0;
}

int registry_publish(struct store *store, const struct publication *publication, struct error *err)
{
    struct registry *registry = (struct registry *)store;
    struct digest digest;
    if (digest_of(publication->manifest->data, publication->manifest->size, &digest, err) < 0)
        return -1;
    if (tag_all(registry, publication->manifest, &digest, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "publishing");
    return 0;
}
