/* convert_rewrite.c: a V1 disk whose blobs stay what they are, under a new manifest (repair). They
 * are decoded on their way, which is the proof that they make the disk.
 */
#include "convert/engine/convert_parts.h"

#include "formats/model/auto.h"

#include <string.h>

struct rewriting {
    struct pass_chunk *chunks;
    struct hasher hasher;
};

static void rewriting_done(struct rewriting *rewriting)
{
    free(rewriting->chunks);
    hasher_done(&rewriting->hasher);
}

static int note_disk(struct job *job, const struct pass_chunk *chunks, struct error *err)
{
    struct made_disk *made = &job->made;
    size_t count = job->plan.count;
    made->chunks = calloc(count, sizeof *made->chunks);
    struct disk_layer *layers = calloc(job->disk.layer_count, sizeof *layers);
    made->disk = job->disk;
    made->disk.layers = layers;
    if (made->chunks == NULL || layers == NULL)
        return error_memory(err);
    made->chunk_count = count;
    memcpy(layers, job->disk.layers, job->disk.layer_count * sizeof *layers);
    for (size_t i = 0; i < count; i++)
        made->chunks[i] = (struct proof_chunk){.offset = chunks[i].offset,
                                               .length = chunks[i].length,
                                               .content = chunks[i].content,
                                               .basis = BASIS_DECODED};
    return 0;
}

int convert_rewrite(struct job *job, struct sink *sink, struct error *err)
{
    AUTO(rewriting_done) struct rewriting rewriting = {.chunks = NULL};
    struct feed feed;
    feed_init(&feed, job->image.blobs, sink, job->run->threads > 1);
    rewriting.chunks = calloc(job->plan.count, sizeof *rewriting.chunks);
    if (rewriting.chunks == NULL)
        return error_memory(err);
    for (size_t i = 0; i < job->plan.count; i++)
        rewriting.chunks[i] = (struct pass_chunk){.offset = job->plan.chunks[i].offset,
                                                  .length = job->plan.chunks[i].length};
    struct pass pass = {.run = job->run,
                        .disk = &job->disk,
                        .feed = &feed,
                        .chunks = rewriting.chunks,
                        .chunk_count = job->plan.count,
                        .hash_content = true,
                        .in_order = true};
    if (job->options->disk_digest) {
        if (hasher_init(&rewriting.hasher, err) < 0)
            return -1;
        pass.disk_hasher = &rewriting.hasher;
    }
    run_start_progress(job->run, job->disk.size);
    if (pass_run(&pass, err) < 0 || note_disk(job, rewriting.chunks, err) < 0)
        return -1;
    job->made.has_disk_digest = job->options->disk_digest;
    return job->options->disk_digest ? hasher_final(&rewriting.hasher, &job->made.disk_digest, err)
                                     : 0;
}
