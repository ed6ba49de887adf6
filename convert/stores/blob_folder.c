/* blob_folder.c: blobs as files named by their digests. Must not know what else lies beside them.
 */
#include "convert/stores/blob_folder.h"

#include "convert/stores/appender.h"
#include "convert/stores/file_blob.h"
#include "convert/stores/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct folder_output {
    struct output output; /* first member */
    struct blob_folder *blobs;
    struct temporary temporary; /* its name is "" where it has none */
    struct appender appender;
    uint64_t size; /* taken so far */
};

static void output_free(struct folder_output **output)
{
    appender_done(&(*output)->appender);
    temporary_done(&(*output)->temporary);
    free(*output);
}

static int output_write_more(struct output *output, const void *data, size_t size,
                             struct error *err)
{
    struct folder_output *out = (struct folder_output *)output;
    if (appender_write(&out->appender, data, size, err) < 0)
        return error_wrap(err, "%s %s", out->blobs->kind, out->blobs->path);
    out->size += size;
    return 0;
}

/* Noted before it is done, so that nothing of this run can be forgotten. */
static int note(struct blob_folder *blobs, const struct digest *digest, struct error *err)
{
    if (!blobs->noted)
        return 0;
    int status = 0;
    pthread_mutex_lock(&blobs->mutex);
    if (blobs->put_count == blobs->put_capacity) {
        size_t capacity = blobs->put_capacity == 0 ? 64 : blobs->put_capacity * 2;
        struct digest *put = reallocarray(blobs->put, capacity, sizeof *put);
        if (put == NULL) {
            status = error_memory(err);
        } else {
            blobs->put = put;
            blobs->put_capacity = capacity;
        }
    }
    if (status == 0)
        blobs->put[blobs->put_count++] = *digest;
    pthread_mutex_unlock(&blobs->mutex);
    return status;
}

/* What bears the name but not the size is no such blob: it gives way. */
static int link_nameless(const struct blob_folder *blobs, int fd, const struct blob_id *id,
                         const char *name, struct error *err)
{
    if (nameless_link(fd, blobs->folder, name) == 0)
        return 0;
    if (errno == EEXIST) {
        if (blob_folder_has(blobs, id))
            return 0;
        unlinkat(blobs->folder, name, 0);
        if (nameless_link(fd, blobs->folder, name) == 0 || blob_folder_has(blobs, id))
            return 0;
    }
    return error_set_errno(err, ERROR_DESTINATION, errno, "blob %s cannot be put in place", name);
}

static int commit(struct folder_output *out, const struct blob_id *id, struct error *err)
{
    struct blob_folder *blobs = out->blobs;
    if (out->size != id->size)
        return error_set(err, ERROR_INTERNAL, "a blob of %llu bytes was to have %llu",
                         (unsigned long long)out->size, (unsigned long long)id->size);
    if (blob_folder_has(blobs, id))
        return 0;
    char name[DIGEST_TEXT_SIZE];
    digest_print_hex(&id->digest, name);
    if (appender_finish(&out->appender, err) < 0 || note(blobs, &id->digest, err) < 0)
        return -1;
    if (blobs->nameless)
        return link_nameless(blobs, out->temporary.fd, id, name, err);
    return temporary_rename(&out->temporary, blobs->folder, name, true, err);
}

static int output_commit_blob(struct output *output, const struct blob_id *id, struct error *err)
{
    AUTO(output_free) struct folder_output *out = (struct folder_output *)output;
    if (commit(out, id, err) < 0)
        return error_wrap(err, "%s %s", out->blobs->kind, out->blobs->path);
    return 0;
}

static void output_abort_blob(struct output *output)
{
    struct folder_output *out = (struct folder_output *)output;
    output_free(&out);
}

static const struct output_ops folder_output_ops = {
    .write = output_write_more,
    .commit = output_commit_blob,
    .abort = output_abort_blob,
};

static struct blob_folder *of_sink(struct sink *sink)
{
    return (struct blob_folder *)((char *)sink - offsetof(struct blob_folder, sink));
}

static int folder_sink_open(struct sink *sink, struct output **ret, struct error *err)
{
    struct blob_folder *blobs = of_sink(sink);
    AUTO_FREE struct folder_output *out = calloc(1, sizeof *out);
    if (out == NULL)
        return error_memory(err);
    out->output.ops = &folder_output_ops;
    out->blobs = blobs;
    out->temporary = (struct temporary)TEMPORARY_INIT;
    if (blobs->nameless) {
        out->temporary.fd = openat(blobs->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
        if (out->temporary.fd < 0)
            return error_set_errno(err, ERROR_IO, errno, "%s %s: a new blob cannot be begun",
                                   blobs->kind, blobs->path);
    } else if (temporary_file(blobs->temporaries, &out->temporary, err) < 0) {
        return error_wrap(err, "%s %s", blobs->kind, blobs->path);
    }
    appender_init(&out->appender, out->temporary.fd, "a new blob");
    *ret = &take_ptr(&out)->output;
    return 0;
}

static int folder_sink_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    (void)err;
    return blob_folder_has(of_sink(sink), id);
}

static const struct sink_ops folder_sink_ops = {
    .open = folder_sink_open,
    .has = folder_sink_has,
};

/* --- the folder ----------------------------------------------------------------------------------
 */

static int folder_blobs_open(struct blobs *blobs, const struct blob_id *id, struct blob **ret,
                             struct error *err)
{
    const struct blob_folder *folder =
        (const struct blob_folder *)((const char *)blobs - offsetof(struct blob_folder, blobs));
    struct file_classes classes = {.absent = ERROR_BLOB_MISSING, .unfit = ERROR_LAYOUT_INVALID};
    char text[DIGEST_TEXT_SIZE], name[DIGEST_TEXT_SIZE];
    if (!id->has_digest)
        return error_set(err, ERROR_INTERNAL, "a blob in a %s has a digest", folder->kind);
    digest_print(&id->digest, text);
    digest_print_hex(&id->digest, name);
    if (folder->folder < 0)
        return error_set(err, ERROR_BLOB_MISSING, "blob %s: %s has no folder for blobs", text,
                         folder->path);
    int fd;
    uint64_t size;
    if (file_open(folder->folder, name, O_NOFOLLOW, classes, &fd, &size, err) < 0)
        return error_wrap(err, "blob %.19s in %s", text, folder->path);
    return file_blob_new(fd, size, text, ret, err);
}

static const struct blobs_ops folder_blobs_ops = {
    .open = folder_blobs_open,
};

void blob_folder_init(struct blob_folder *blobs, const char *kind, const char *path)
{
    *blobs = (struct blob_folder){.blobs.ops = &folder_blobs_ops,
                                  .sink.ops = &folder_sink_ops,
                                  .kind = kind,
                                  .path = path,
                                  .folder = -1,
                                  .temporaries = -1};
    pthread_mutex_init(&blobs->mutex, NULL); /* cannot fail for a plain one */
}

void blob_folder_done(struct blob_folder *blobs)
{
    fd_close(&blobs->folder);
    pthread_mutex_destroy(&blobs->mutex);
    free(blobs->put);
}

void blob_folder_prepare(struct blob_folder *blobs, int temporaries, bool noted)
{
    blobs->temporaries = temporaries;
    blobs->noted = noted;
    blobs->nameless = temporary_can_be_nameless(temporaries);
}

bool blob_folder_has(const struct blob_folder *blobs, const struct blob_id *id)
{
    char name[DIGEST_TEXT_SIZE];
    digest_print_hex(&id->digest, name);
    struct stat stat;
    return fstatat(blobs->folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode) &&
           (uint64_t)stat.st_size == id->size;
}

void blob_folder_empty(const struct blob_folder *blobs)
{
    for (size_t i = 0; i < blobs->put_count; i++) {
        char name[DIGEST_TEXT_SIZE];
        digest_print_hex(&blobs->put[i], name);
        unlinkat(blobs->folder, name, 0);
    }
}
