/* convert_small.c: the parts of an image that are no disk, carried byte for byte, and the manifest
 * over them. Knows Tart's words, not how a disk is made.
 */
#include "convert/engine/convert_parts.h"

#include "convert/engine/relay.h"
#include "formats/model/auto.h"

static const struct blob_id *part_id(const struct job *job, bool nvram)
{
    const struct tart_image *tart = job->image.tart;
    if (tart != NULL)
        return nvram ? &tart->nvram->blob : &tart->config->blob;
    return nvram ? &job->image.nvram : &job->image.vm_config;
}

static int small_read(const struct job *job, const struct blob_id *id, const char *name,
                      struct bytes *ret, struct error *err)
{
    if (blobs_read_all(job->image.blobs, id, ret, err) == 0)
        return 0;
    char digest[DIGEST_TEXT_SIZE];
    digest_print(&id->digest, digest);
    return error_wrap(err, "%s %s", name, digest);
}

/* config.v1 is needed in any case: to be carried, and for the label of the image config. */
int convert_read_vm_config(struct job *job, struct error *err)
{
    return job->image.has_vm_config
               ? small_read(job, part_id(job, false), "config.v1", &job->vm_config, err)
               : 0;
}

int convert_read_nvram(struct job *job, struct error *err)
{
    return job->image.has_nvram ? small_read(job, part_id(job, true), "nvram.v1", &job->nvram, err)
                                : 0;
}

static int image_config_prepare(struct job *job, struct error *err)
{
    struct vm_config config;
    if (vm_config_parse(job->vm_config.data, job->vm_config.size, &config, err) < 0)
        return error_wrap(err, "config.v1");
    if (job->image.manifest == NULL)
        return image_config_make(NULL, 0, &config, &job->image_config, err);
    AUTO(bytes_done) struct bytes source;
    bytes_init(&source, TART_CONFIG_MAX);
    if (small_read(job, &job->image.manifest->config.blob, "image config", &source, err) < 0)
        return -1;
    return image_config_make(source.data, source.size, &config, &job->image_config, err);
}

int convert_put_small(struct job *job, struct sink *sink, struct error *err)
{
    if (image_config_prepare(job, err) < 0)
        return -1;
    struct feed feed;
    feed_init(&feed, job->image.blobs, sink, false);
    job->nvram_id = *part_id(job, true);
    if (relay_blob(&feed, &job->nvram_id, job->run, err) < 0)
        return error_wrap(err, "nvram.v1");
    if (sink_put(sink, job->vm_config.data, job->vm_config.size, &job->vm_config_id, err) < 0)
        return error_wrap(err, "config.v1");
    if (sink_put(sink, job->image_config.data, job->image_config.size, &job->image_config_id, err) <
        0)
        return error_wrap(err, "the image config");
    return 0;
}

/* --- the manifest --- */

const char *convert_upload_time(const struct convert_options *options,
                                const struct tart_image *tart)
{
    switch (options->upload_time) {
    case UPLOAD_TIME_NONE:
        return NULL;
    case UPLOAD_TIME_SET:
        return options->upload_time_text;
    default:
        return tart != NULL ? tart->upload_time : NULL;
    }
}

int convert_make_manifest(struct job *job, struct error *err)
{
    char salvaged[SALVAGED_TEXT_SIZE];
    bool whole = job->salvage == NULL;
    struct tart_parts parts = {
        .source = job->image.manifest,
        .source_digest = job->image.manifest != NULL && whole ? &job->image.digest : NULL,
        .salvaged = whole ? NULL : convert_salvaged_text(job->salvage, salvaged),
        .image_config = job->image_config_id,
        .vm_config = job->vm_config_id,
        .nvram = job->nvram_id,
        .disk = &job->made.disk,
        .disk_digest = job->made.has_disk_digest ? &job->made.disk_digest : NULL,
        .upload_time = convert_upload_time(job->options, job->image.tart),
        .plain = job->options->plain,
    };
    return tart_manifest_make(&parts, &job->manifest, err);
}
