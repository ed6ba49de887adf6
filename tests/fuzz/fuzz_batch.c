/* fuzz_batch.c: whatever is read as a batch keeps to its limits, gives its errors a place, and
 * names targets that are tags in registries. */
#include "convert/fleet/batch.h"
#include "formats/model/auto.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *variable(void *context, const char *name)
{
    (void)context;
    return name[0] == 'N' ? NULL : "value";
}

static void check_entry(const struct batch_entry *entry)
{
    struct error err = ERROR_INIT;
    struct reference source, target;
    AUTO_FREE char *tag = NULL;
    require(entry->source != NULL && (entry->target == NULL) == entry->wish.in_place);
    require(entry->place.line > 0 && entry->source_place.line > 0);
    require(entry->wish.mirror_count <= MIRRORS_MAX);
    if (entry->type != BATCH_IMAGE)
        return;
    require(reference_parse(entry->source, &source, &err) == 0);
    require(batch_target(entry, &source, &target, &tag, &err) == 0);
    require(target.transport == TRANSPORT_REGISTRY && target.tag != NULL && !target.has_digest);
    require((tag != NULL) == (entry->wish.stage != NULL));
    reference_done(&source);
    reference_done(&target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    AUTO(batch_done) struct batch_file batch = {.name = NULL};
    if (batch_parse("f", data, size, variable, NULL, &batch, &err) < 0) {
        require(err.class == ERROR_SETTINGS && strncmp(err.text, "f:", 2) == 0);
        return 0;
    }
    require(batch.entry_count > 0 && batch.entry_count <= BATCH_ENTRIES_MAX);
    require(batch.host_count <= BATCH_HOSTS_MAX);
    for (size_t i = 0; i < batch.entry_count; i++)
        check_entry(&batch.entries[i]);
    return 0;
}
