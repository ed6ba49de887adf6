/* archive_index.c: a sorted list of blobs. Must not touch files. */
#include "convert/stores/archive_index.h"

#include <stdlib.h>
#include <string.h>

void archive_index_done(struct archive_index *index)
{
    free(index->blobs);
    *index = (struct archive_index){.blobs = NULL};
}

/* The first blob whose digest is not smaller. */
static size_t place_of(const struct archive_index *index, const struct digest *digest)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(&index->blobs[middle].digest, digest, sizeof *digest) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct archive_blob *archive_index_find(const struct archive_index *index,
                                              const struct digest *digest)
{
    size_t place = place_of(index, digest);
    if (place == index->count || !digest_equal(&index->blobs[place].digest, digest))
        return NULL;
    return &index->blobs[place];
}

int archive_index_add_blob(struct archive_index *index, const struct digest *digest,
                           uint64_t offset, uint64_t size, struct error *err)
{
    if (archive_index_find(index, digest) != NULL)
        return 0;
    if (index->count == index->capacity) {
        size_t capacity = index->capacity == 0 ? 64 : index->capacity * 2;
        struct archive_blob *blobs = reallocarray(index->blobs, capacity, sizeof *blobs);
        if (blobs == NULL)
            return error_memory(err);
        index->blobs = blobs;
        index->capacity = capacity;
    }
    size_t place = place_of(index, digest);
    struct archive_blob *blob = index->blobs + place;
    memmove(blob + 1, blob, (index->count - place) * sizeof *blob);
    *blob = (struct archive_blob){.digest = *digest,
                                  .extent = {.offset = offset, .size = size, .there = true}};
    index->count++;
    return 1;
}

static int extent_set(struct archive_extent *extent, uint64_t offset, uint64_t size)
{
    if (extent->there)
        return 0;
    *extent = (struct archive_extent){.offset = offset, .size = size, .there = true};
    return 1;
}

int archive_index_add(struct archive_index *index, const char *name, uint64_t offset, uint64_t size,
                      struct error *err)
{
    struct digest digest;
    char text[DIGEST_TEXT_SIZE] = "sha256:";
    size_t folder = strlen(ARCHIVE_BLOBS);
    int added = 1;
    if (strcmp(name, LAYOUT_MARKER_NAME) == 0) {
        added = extent_set(&index->marker, offset, size);
    } else if (strcmp(name, LAYOUT_INDEX_NAME) == 0) {
        added = extent_set(&index->index, offset, size);
    } else if (strncmp(name, ARCHIVE_BLOBS, folder) == 0 && strlen(name + folder) == 64) {
        memcpy(text + strlen(text), name + folder, 64 + 1);
        if (digest_parse(text, &digest))
            added = archive_index_add_blob(index, &digest, offset, size, err);
    }
    return added != 0 ? (added < 0 ? -1 : 0)
                      : error_set(err, ERROR_LAYOUT_INVALID, "it has two entries %s", name);
}
