/* archive_write.c: an archive as a destination: a tar under a temporary name, to which each blob is
 * appended when its digest is known, and which gets its own name when the index is in it.
 *
 * An entry's place is taken under the mutex, its bytes are written without. The entries' order is
 * that in which blobs came to their ends.
 *
 * What a kill may leave: .tartconv-XXXXXX beside the file, which the next run that writes there
 * removes. */
#include "convert/stores/archive.h"

#include "convert/stores/image_load.h"
#include "convert/stores/tar.h"

#include <string.h>

#define COPY_SIZE   (1u << 20)
#define TAIL_BLOCKS 2 /* of zeros, behind the last entry */

struct archive_output {
    struct output output; /* first member */
    struct archive *archive;
    struct spool_part *part;
};

/* Takes the place of an entry: where it begins. */
static int place_take(struct archive *archive, size_t header_size, uint64_t size, uint64_t *ret,
                      struct error *err)
{
    uint64_t end;
    if (!add_sizes(archive->end, header_size, &end) || !add_sizes(end, size, &end) ||
        !add_sizes(end, TAR_BLOCK_SIZE - 1, &end))
        return error_set(err, ERROR_INTERNAL, "the archive would pass the largest size");
    *ret = archive->end;
    archive->end = end / TAR_BLOCK_SIZE * TAR_BLOCK_SIZE;
    return 0;
}

/* The same of a blob: 1; 0 where it has one already; -1. */
static int blob_place_take(struct archive *archive, const struct blob_id *id, size_t header_size,
                           uint64_t *ret, struct error *err)
{
    pthread_mutex_lock(&archive->mutex);
    int status = archive_index_find(&archive->index, &id->digest) == NULL;
    if (status > 0 && place_take(archive, header_size, id->size, ret, err) < 0)
        status = -1;
    if (status > 0)
        status =
            archive_index_add_blob(&archive->index, &id->digest, *ret + header_size, id->size, err);
    archive->failed |= status < 0;
    pthread_mutex_unlock(&archive->mutex);
    return status;
}

static int part_copy(const struct archive *archive, struct spool_part *part, uint64_t to,
                     struct error *err)
{
    AUTO_FREE uint8_t *buffer = malloc(COPY_SIZE);
    if (buffer == NULL)
        return error_memory(err);
    uint64_t size = part_size(part);
    for (uint64_t done = 0; done < size;) {
        size_t step = size - done < COPY_SIZE ? (size_t)(size - done) : COPY_SIZE;
        if (part_read(part, done, buffer, step, err) < 0 ||
            file_write_at(archive->fd, "it", to + done, buffer, step, err) < 0)
            return -1;
        done += step;
    }
    return 0;
}

static void set_failed(struct archive *archive)
{
    pthread_mutex_lock(&archive->mutex);
    archive->failed = true;
    pthread_mutex_unlock(&archive->mutex);
}

static int append_blob(struct archive *archive, const struct blob_id *id, struct spool_part *part,
                       struct error *err)
{
    char name[sizeof ARCHIVE_BLOBS + DIGEST_TEXT_SIZE] = ARCHIVE_BLOBS;
    AUTO(bytes_done) struct bytes header;
    bytes_init(&header, TAR_HEADER_MAX);
    uint64_t place;
    digest_print_hex(&id->digest, name + strlen(name));
    if (tar_header(name, id->size, &header, err) < 0)
        return -1;
    int status = blob_place_take(archive, id, header.size, &place, err);
    if (status <= 0)
        return status;
    if (file_write_at(archive->fd, "it", place, header.data, header.size, err) < 0 ||
        part_copy(archive, part, place + header.size, err) < 0) {
        set_failed(archive);
        return -1;
    }
    return 0;
}

/* oci-layout, index.json: while no blob is under way. */
static int append_document(struct archive *archive, const char *name, const void *data, size_t size,
                           struct error *err)
{
    AUTO(bytes_done) struct bytes header;
    bytes_init(&header, TAR_HEADER_MAX);
    uint64_t place;
    if (tar_header(name, size, &header, err) < 0 ||
        place_take(archive, header.size, size, &place, err) < 0 ||
        file_write_at(archive->fd, "it", place, header.data, header.size, err) < 0)
        return -1;
    return file_write_at(archive->fd, "it", place + header.size, data, size, err);
}

/* --- outputs -------------------------------------------------------------------------------------
 */

static void output_free(struct archive_output **out)
{
    part_close((*out)->part);
    free(*out);
}

static int archive_output_write(struct output *output, const void *data, size_t size,
                                struct error *err)
{
    struct archive_output *out = (struct archive_output *)output;
    if (part_write(out->part, data, size, err) < 0)
        return error_wrap(err, "archive %s", out->archive->path);
    return 0;
}

static int archive_output_commit(struct output *output, const struct blob_id *id, struct error *err)
{
    AUTO(output_free) struct archive_output *out = (struct archive_output *)output;
    if (part_size(out->part) != id->size)
        return error_set(err, ERROR_INTERNAL, "a blob of %llu bytes was to have %llu",
                         (unsigned long long)part_size(out->part), (unsigned long long)id->size);
    if (append_blob(out->archive, id, out->part, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "archive %s", out->archive->path);
    return 0;
}

static void archive_output_abort(struct output *output)
{
    struct archive_output *out = (struct archive_output *)output;
    output_free(&out);
}

static const struct output_ops archive_output_ops = {
    .write = archive_output_write,
    .commit = archive_output_commit,
    .abort = archive_output_abort,
};

static struct archive *of_sink(struct sink *sink)
{
    return (struct archive *)((char *)sink - offsetof(struct archive, sink));
}

static int archive_sink_open(struct sink *sink, struct output **ret, struct error *err)
{
    struct archive *archive = of_sink(sink);
    AUTO_FREE struct archive_output *out = calloc(1, sizeof *out);
    if (out == NULL)
        return error_memory(err);
    struct spool *spool = archive_spool(archive, err);
    out->output.ops = &archive_output_ops;
    out->archive = archive;
    out->part = spool == NULL ? NULL : spool_open(spool, err);
    if (out->part == NULL)
        return -1;
    *ret = &take_ptr(&out)->output;
    return 0;
}

static int archive_sink_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    (void)err;
    struct archive_extent extent;
    return archive_find(of_sink(sink), &id->digest, &extent) && extent.size == id->size;
}

static const struct sink_ops archive_sink_ops = {
    .open = archive_sink_open,
    .has = archive_sink_has,
};

/* --- beginning and end ---------------------------------------------------------------------------
 */

int archive_open_destination(const struct reference *reference, const struct store_options *options,
                             struct store **ret, struct error *err)
{
    AUTO(archive_close_auto) struct archive *archive = NULL;
    if (archive_new(reference, options, &archive, err) < 0 ||
        place_open_file(archive->path, archive->replace, &archive->place, err) < 0)
        return -1;
    temporaries_remove(archive->place.folder);
    if (archive_spool(archive, err) == NULL ||
        temporary_file(archive->place.folder, &archive->temporary, err) < 0)
        return error_wrap(err, "archive %s", archive->path);
    archive->fd = archive->temporary.fd;
    if (append_document(archive, LAYOUT_MARKER_NAME, LAYOUT_MARKER, strlen(LAYOUT_MARKER), err) < 0)
        return error_wrap(err, "archive %s", archive->path);
    archive->sink.ops = &archive_sink_ops;
    archive->store.sink = &archive->sink;
    archive->store.blobs = &archive->blobs;
    *ret = &take_ptr(&archive)->store;
    return 0;
}

static int append_index(struct archive *archive, const struct blob_id *manifest, struct error *err)
{
    const struct bytes empty = {.data = (uint8_t *)LAYOUT_EMPTY, .size = strlen(LAYOUT_EMPTY)};
    AUTO(json_free_auto) struct json *index = NULL;
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, LAYOUT_INDEX_MAX);
    bool changed;
    if (layout_index_parse(&empty, &index, err) < 0 ||
        layout_index_add(index, archive->tag, manifest, false, &changed, err) < 0 ||
        json_print(index, JSON_PLAIN, &text, err) < 0)
        return -1;
    return append_document(archive, LAYOUT_INDEX_NAME, text.data, text.size, err);
}

static int publish(struct archive *archive, const struct bytes *manifest, struct error *err)
{
    struct blob_id id;
    if (archive->failed)
        return error_set(err, ERROR_INTERNAL, "an entry of it failed, so it is not whole");
    if (image_check_blobs(&archive->sink, manifest, err) < 0 ||
        sink_put(&archive->sink, manifest->data, manifest->size, &id, err) < 0 ||
        append_index(archive, &id, err) < 0 ||
        file_write_at(archive->fd, "it", archive->end, zero_page,
                      (size_t)TAIL_BLOCKS * TAR_BLOCK_SIZE, err) < 0 ||
        file_sync(archive->fd, "it", err) < 0 ||
        temporary_rename(&archive->temporary, archive->place.folder, archive->place.name,
                         archive->replace, err) < 0)
        return -1;
    return file_sync(archive->place.folder, "its folder", err);
}

int archive_publish(struct store *store, const struct publication *publication, struct error *err)
{
    struct archive *archive = (struct archive *)store;
    if (publish(archive, publication->manifest, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "archive %s", archive->path);
    return 0;
}
