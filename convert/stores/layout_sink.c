/* layout_sink.c: blobs on their way into a layout: files without a name, or, where the file system
 * has none, temporaries in the layout's folder, which get their digest as name when they are whole.
 * Must not touch index.json. */
#include "convert/stores/appender.h"
#include "convert/stores/layout.h"
#include "convert/stores/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct layout_output {
    struct output output; /* first member */
    struct layout *layout;
    struct temporary temporary; /* its name is "" where it has none */
    struct appender appender;
    uint64_t size; /* taken so far */
};

static void output_free(struct layout_output **output)
{
    appender_done(&(*output)->appender);
    temporary_done(&(*output)->temporary);
    free(*output);
}

static int output_write_more(struct output *output, const void *data, size_t size,
                             struct error *err)
{
    struct layout_output *out = (struct layout_output *)output;
    if (appender_write(&out->appender, data, size, err) < 0)
        return error_wrap(err, "layout %s", out->layout->path);
    out->size += size;
    return 0;
}

/* Noted before it is done, so that nothing of this run can be forgotten. */
static int note_linked(struct layout *layout, const struct digest *digest, struct error *err)
{
    if (layout->made == MADE_NOTHING)
        return 0;
    int status = 0;
    pthread_mutex_lock(&layout->mutex);
    if (layout->linked_count == layout->linked_capacity) {
        size_t capacity = layout->linked_capacity == 0 ? 64 : layout->linked_capacity * 2;
        struct digest *linked = reallocarray(layout->linked, capacity, sizeof *linked);
        if (linked == NULL) {
            status = error_memory(err);
        } else {
            layout->linked = linked;
            layout->linked_capacity = capacity;
        }
    }
    if (status == 0)
        layout->linked[layout->linked_count++] = *digest;
    pthread_mutex_unlock(&layout->mutex);
    return status;
}

/* What bears the name but not the size is no such blob: it gives way. */
static int link_nameless(struct layout *layout, int fd, const struct blob_id *id, const char *name,
                         struct error *err)
{
    if (nameless_link(fd, layout->blob_folder, name) == 0)
        return 0;
    if (errno == EEXIST) {
        if (layout_has_blob(layout, id))
            return 0;
        unlinkat(layout->blob_folder, name, 0);
        if (nameless_link(fd, layout->blob_folder, name) == 0 || layout_has_blob(layout, id))
            return 0;
    }
    return error_set_errno(err, ERROR_DESTINATION, errno, "blob %s cannot be put in place", name);
}

static int commit(struct layout_output *out, const struct blob_id *id, struct error *err)
{
    struct layout *layout = out->layout;
    if (out->size != id->size)
        return error_set(err, ERROR_INTERNAL, "a blob of %llu bytes was to have %llu",
                         (unsigned long long)out->size, (unsigned long long)id->size);
    if (layout_has_blob(layout, id))
        return 0;
    char name[DIGEST_TEXT_SIZE];
    digest_print_hex(&id->digest, name);
    if (appender_finish(&out->appender, err) < 0)
        return -1;
    if (note_linked(layout, &id->digest, err) < 0)
        return -1;
    if (layout->nameless)
        return link_nameless(layout, out->temporary.fd, id, name, err);
    return temporary_rename(&out->temporary, layout->blob_folder, name, true, err);
}

static int output_commit_blob(struct output *output, const struct blob_id *id, struct error *err)
{
    AUTO(output_free) struct layout_output *out = (struct layout_output *)output;
    if (commit(out, id, err) < 0)
        return error_wrap(err, "layout %s", out->layout->path);
    return 0;
}

static void output_abort_blob(struct output *output)
{
    struct layout_output *out = (struct layout_output *)output;
    output_free(&out);
}

static const struct output_ops layout_output_ops = {
    .write = output_write_more,
    .commit = output_commit_blob,
    .abort = output_abort_blob,
};

static int layout_sink_open(struct sink *sink, struct output **ret, struct error *err)
{
    struct layout *layout = (struct layout *)((char *)sink - offsetof(struct layout, sink));
    AUTO_FREE struct layout_output *out = calloc(1, sizeof *out);
    if (out == NULL)
        return error_memory(err);
    out->output.ops = &layout_output_ops;
    out->layout = layout;
    out->temporary = (struct temporary)TEMPORARY_INIT;
    if (layout->nameless) {
        out->temporary.fd = openat(layout->blob_folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
        if (out->temporary.fd < 0)
            return error_set_errno(err, ERROR_IO, errno, "layout %s: a new blob cannot be begun",
                                   layout->path);
    } else if (temporary_file(layout->folder, &out->temporary, err) < 0) {
        return error_wrap(err, "layout %s", layout->path);
    }
    appender_init(&out->appender, out->temporary.fd, "a new blob");
    *ret = &take_ptr(&out)->output;
    return 0;
}

static int layout_sink_has(struct sink *sink, const struct blob_id *id, struct error *err)
{
    (void)err;
    return layout_has_blob((struct layout *)((char *)sink - offsetof(struct layout, sink)), id);
}

const struct sink_ops layout_sink_ops = {
    .open = layout_sink_open,
    .has = layout_sink_has,
};
