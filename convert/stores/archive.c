/* archive.c: oci-archive:, an OCI layout in a tar file, read. Must not write; archive_write.c does.
 */
#include "convert/stores/archive.h"

#include "convert/stores/file_blob.h"
#include "convert/stores/gunzip.h"
#include "convert/stores/image_load.h"
#include "convert/stores/tar.h"

#include <fcntl.h>
#include <string.h>

/* --- blobs ---------------------------------------------------------------------------------------
 */

bool archive_find(struct archive *archive, const struct digest *digest, struct archive_extent *ret)
{
    pthread_mutex_lock(&archive->mutex);
    const struct archive_blob *blob = archive_index_find(&archive->index, digest);
    *ret = blob == NULL ? (struct archive_extent){.there = false} : blob->extent;
    pthread_mutex_unlock(&archive->mutex);
    return ret->there;
}

static int archive_blobs_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                              struct error *err)
{
    struct archive *archive = (struct archive *)((char *)blobs - offsetof(struct archive, blobs));
    struct archive_extent extent;
    char text[DIGEST_TEXT_SIZE];
    int fd;
    if (!id->has_digest)
        return error_set(err, ERROR_INTERNAL, "a blob in an archive has a digest");
    digest_print(&id->digest, text);
    if (!archive_find(archive, &id->digest, &extent))
        return error_set(err, ERROR_BLOB_MISSING, "blob %s is not in %s", text, archive->path);
    if (file_reopen(archive->fd, text, &fd, err) < 0)
        return -1;
    return file_blob_new_part(fd, extent.offset, extent.size, text, ret, err);
}

static const struct blobs_ops archive_blobs_ops = {
    .open = archive_blobs_open,
};

/* --- the archive ---------------------------------------------------------------------------------
 */

int archive_new(const struct reference *reference, const struct store_options *options,
                struct archive **ret, struct error *err)
{
    AUTO(archive_close_auto) struct archive *archive = calloc(1, sizeof *archive);
    if (archive == NULL)
        return error_memory(err);
    archive->store.ops = &archive_store_ops;
    archive->blobs.ops = &archive_blobs_ops;
    archive->network = options->network;
    archive->replace = options->replace;
    archive->fd = -1;
    archive->place = (struct place)PLACE_INIT;
    archive->temporary = (struct temporary)TEMPORARY_INIT;
    pthread_mutex_init(&archive->mutex, NULL); /* cannot fail for a plain one */
    archive->path = strdup(reference->path);
    archive->tag = reference->tag == NULL ? NULL : strdup(reference->tag);
    if (archive->path == NULL || (reference->tag != NULL && archive->tag == NULL))
        return error_memory(err);
    *ret = take_ptr(&archive);
    return 0;
}

void archive_close_auto(struct archive **archive)
{
    if (*archive != NULL)
        archive_close(&(*archive)->store);
}

void archive_close(struct store *store)
{
    struct archive *archive = (struct archive *)store;
    if (archive->plain == NULL && archive->temporary.fd < 0)
        fd_close(&archive->fd);
    part_close(archive->plain);
    spool_free(archive->spool);
    temporary_done(&archive->temporary);
    place_done(&archive->place);
    archive_index_done(&archive->index);
    pthread_mutex_destroy(&archive->mutex);
    free(archive->path);
    free(archive->tag);
    free(archive);
}

struct spool *archive_spool(struct archive *archive, struct error *err)
{
    if (archive->network != NULL)
        return network_spool(archive->network, err);
    if (archive->spool == NULL)
        archive->spool = spool_new(NULL, SPOOL_MEMORY, err);
    return archive->spool;
}

/* --- as a source ---------------------------------------------------------------------------------
 */

static int archive_open_source(const struct reference *reference,
                               const struct store_options *options, struct store **ret,
                               struct error *err)
{
    struct archive *archive;
    if (archive_new(reference, options, &archive, err) < 0)
        return -1;
    *ret = &archive->store;
    return 0;
}

/* *size: of what is packed, then of what was. */
static int unpack(struct archive *archive, uint64_t *size, struct error *err)
{
    const volatile sig_atomic_t *stop =
        archive->network == NULL ? NULL : network_options(archive->network)->stop;
    struct spool *spool = archive_spool(archive, err);
    struct spool_part *part = spool == NULL ? NULL : spool_open(spool, err);
    if (part == NULL)
        return -1;
    int fd = -1;
    if (gunzip(archive->fd, *size, stop, part, err) < 0 || (fd = part_file(part, err)) < 0) {
        part_close(part);
        return -1;
    }
    fd_close(&archive->fd);
    archive->fd = fd;
    archive->plain = part;
    *size = part_size(part);
    return 0;
}

struct indexer {
    struct tar_visitor visitor; /* first member */
    struct archive_index *index;
};

static int index_entry(struct tar_visitor *visitor, const struct tar_entry *entry,
                       struct error *err)
{
    const struct indexer *indexer = (const struct indexer *)visitor;
    return archive_index_add(indexer->index, entry->name, entry->offset, entry->size, err);
}

/* oci-layout or index.json. */
static int read_document(const struct archive *archive, const struct archive_extent *extent,
                         const char *name, struct bytes *ret, struct error *err)
{
    if (extent->size > ret->limit)
        return error_set(err, ERROR_LAYOUT_INVALID, "%s has %llu bytes, limit %zu", name,
                         (unsigned long long)extent->size, ret->limit);
    AUTO_FREE uint8_t *data = malloc((size_t)extent->size + 1);
    if (data == NULL)
        return error_memory(err);
    if (file_read_at(archive->fd, name, extent->offset, data, (size_t)extent->size, err) < 0)
        return -1;
    return bytes_append(ret, data, (size_t)extent->size, err);
}

static int read_layout(struct archive *archive, struct json **ret, struct error *err)
{
    const struct archive_index *index = &archive->index;
    AUTO(bytes_done) struct bytes marker, text;
    bytes_init(&marker, LAYOUT_MARKER_MAX);
    bytes_init(&text, LAYOUT_INDEX_MAX);
    if (!index->marker.there)
        return error_set(err, ERROR_NO_SUCH_IMAGE,
                         "it is no OCI archive: there is no oci-layout at its top");
    if (!index->index.there)
        return error_set(err, ERROR_LAYOUT_INVALID, "it holds no " LAYOUT_INDEX_NAME);
    if (read_document(archive, &index->marker, LAYOUT_MARKER_NAME, &marker, err) < 0 ||
        read_document(archive, &index->index, LAYOUT_INDEX_NAME, &text, err) < 0)
        return -1;
    if (layout_marker_check(&marker, err) < 0)
        return error_wrap(err, LAYOUT_MARKER_NAME);
    if (layout_index_parse(&text, ret, err) < 0)
        return error_wrap(err, LAYOUT_INDEX_NAME);
    return 0;
}

/* By its first bytes, by what the file is packed: 1 by gzip, 0 by nothing, -1. */
static int packing_find(int fd, uint64_t size, struct error *err)
{
    static const struct {
        const char *name, *magic;
        size_t size;
    } others[] = {
        {"zstd", "\x28\xb5\x2f\xfd", 4}, {"xz", "\xfd\x37zXZ", 5}, {"bzip2", "BZh", 3},
        {"lz4", "\x04\x22\x4d\x18", 4},  {"lzip", "LZIP", 4},      {"compress", "\x1f\x9d", 2},
        {"zip", "PK\x03\x04", 4},        {"7z", "7z\xbc\xaf", 4},  {"lzop", "\x89LZO", 4},
    };
    char start[8] = "";
    size_t start_size = size < sizeof start ? (size_t)size : sizeof start;
    if (file_read_at(fd, "it", 0, start, start_size, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (memcmp(start, others[i].magic, others[i].size) == 0)
            return error_set(err, ERROR_UNSUPPORTED,
                             "it is packed by %s; what is read is tar, plain or packed by gzip, so "
                             "unpack it first",
                             others[i].name);
    return memcmp(start, "\x1f\x8b", 2) == 0;
}

static int open_plain(struct archive *archive, uint64_t *ret_size, struct error *err)
{
    struct file_classes classes = {.absent = ERROR_NO_SUCH_IMAGE, .unfit = ERROR_NO_SUCH_IMAGE};
    if (file_open(AT_FDCWD, archive->path, 0, classes, &archive->fd, ret_size, err) < 0)
        return -1;
    int packed = packing_find(archive->fd, *ret_size, err);
    if (packed <= 0)
        return packed;
    if (unpack(archive, ret_size, err) < 0)
        return -1;
    packed = packing_find(archive->fd, *ret_size, err);
    return packed > 0 ? error_set(err, ERROR_UNSUPPORTED, "it is packed twice; unpack it first")
                      : packed;
}

static int load(struct archive *archive, struct image *ret, struct error *err)
{
    struct indexer indexer = {.visitor.visit = index_entry, .index = &archive->index};
    AUTO(json_free_auto) struct json *index = NULL;
    uint64_t size;
    if (open_plain(archive, &size, err) < 0 ||
        tar_list(archive->fd, size, &indexer.visitor, err) < 0 ||
        read_layout(archive, &index, err) < 0)
        return -1;
    return image_load_tag(index, archive->tag, &archive->blobs, ret, err);
}

static int archive_load(struct store *store, struct image *ret, struct error *err)
{
    struct archive *archive = (struct archive *)store;
    if (load(archive, ret, err) < 0)
        return err->class == ERROR_MEMORY ? -1 : error_wrap(err, "archive %s", archive->path);
    return 0;
}

const struct store_ops archive_store_ops = {
    .open_source = archive_open_source,
    .load = archive_load,
    .open_destination = archive_open_destination,
    .publish = archive_publish,
    .close = archive_close,
};
