/* proof.c: the proof as JSON, and a disk held against it.
 */
#include "convert/engine/proof.h"

#include "convert/engine/pass.h"
#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

static const char *const basis_names[] = {
    [BASIS_DECODED] = "decoded",
    [BASIS_REUSED] = "reused",
    [BASIS_SAME_BLOB] = "same-blob",
};
#define BASIS_COUNT (sizeof basis_names / sizeof basis_names[0])

void proof_done(struct proof *proof)
{
    free(proof->chunks);
    free(proof->dropped);
    *proof = (struct proof){.has_source = false};
}

/* --- writing --- */

static struct json *digest_json(bool there, const struct digest *digest)
{
    if (!there)
        return json_new_null();
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    return json_new_string(text);
}

static struct json *text_json(const char *text)
{
    return text[0] == '\0' ? json_new_null() : json_new_string(text);
}

static int chunk_fill(struct json *object, const struct proof_chunk *chunk, struct error *err)
{
    if (json_set_uint(object, "offset", chunk->offset, err) < 0 ||
        json_set_uint(object, "length", chunk->length, err) < 0 ||
        json_set(object, "content_digest", digest_json(true, &chunk->content), err) < 0 ||
        json_set(object, "blob", digest_json(chunk->blob.has_digest, &chunk->blob.digest), err) <
            0 ||
        json_set_string(object, "basis", basis_names[chunk->basis], err) < 0)
        return -1;
    return 0;
}

static int chunks_fill(struct json *array, const struct proof *proof, struct error *err)
{
    for (size_t i = 0; i < proof->chunk_count; i++) {
        struct json *object = json_new_object();
        if (object != NULL && chunk_fill(object, &proof->chunks[i], err) < 0) {
            json_free(object);
            return -1;
        }
        if (json_append(array, object, err) < 0)
            return -1;
    }
    return 0;
}

static int dropped_fill(struct json *array, const struct proof *proof, struct error *err)
{
    for (size_t i = 0; i < proof->dropped_count; i++)
        if (json_append(array, digest_json(true, &proof->dropped[i]), err) < 0)
            return -1;
    return 0;
}

static int proof_fill(struct json *object, const struct proof *proof, struct error *err)
{
    if (json_set_string(object, "kind", "proof", err) < 0 ||
        json_set_uint(object, "version", 1, err) < 0 ||
        json_set(object, "source_digest", digest_json(proof->has_source, &proof->source), err) <
            0 ||
        json_set(object, "destination_digest",
                 digest_json(proof->has_destination, &proof->destination), err) < 0 ||
        json_set_uint(object, "disk_size", proof->disk_size, err) < 0 ||
        json_set(object, "disk_digest", digest_json(proof->has_disk_digest, &proof->disk_digest),
                 err) < 0 ||
        json_set(object, "encoder", text_json(proof->encoder), err) < 0 ||
        json_set(object, "encoder_library", text_json(proof->encoder_library), err) < 0 ||
        json_set_uint(object, "blocks_encoded", proof->blocks.encoded, err) < 0 ||
        json_set_uint(object, "blocks_carried", proof->blocks.carried, err) < 0 ||
        json_set(object, "chunks", json_new_array(), err) < 0 ||
        chunks_fill(json_get(object, "chunks"), proof, err) < 0 ||
        json_set(object, "dropped_layers", json_new_array(), err) < 0 ||
        dropped_fill(json_get(object, "dropped_layers"), proof, err) < 0)
        return -1;
    return 0;
}

struct json *proof_to_json(const struct proof *proof)
{
    struct json *object = json_new_object();
    struct error err;
    if (object != NULL && proof_fill(object, proof, &err) < 0)
        object = json_free(object);
    return object;
}

/* --- reading --- */

static int invalid(const char *member, const char *must, struct error *err)
{
    return error_set(err, ERROR_PROOF_INVALID, "%s must be %s", member, must);
}

static int read_uint(const struct json *object, const char *member, uint64_t *ret,
                     struct error *err)
{
    if (!json_uint(json_get(object, member), ret))
        return invalid(member, "an integer", err);
    return 0;
}

static int read_digest(const struct json *object, const char *member, struct digest *ret,
                       struct error *err)
{
    const char *text = json_string(json_get(object, member));
    if (text == NULL || !digest_parse(text, ret))
        return invalid(member, "a sha256 digest", err);
    return 0;
}

static int read_digest_or_null(const struct json *object, const char *member, bool *ret_there,
                               struct digest *ret, struct error *err)
{
    const struct json *value = json_get(object, member);
    *ret_there = value != NULL && json_type(value) != JSON_NULL;
    if (value == NULL)
        return invalid(member, "a sha256 digest or null", err);
    return *ret_there ? read_digest(object, member, ret, err) : 0;
}

static int read_chunk(const struct json *object, uint64_t offset, struct proof_chunk *ret,
                      struct error *err)
{
    const char *basis = json_string(json_get(object, "basis"));
    if (read_uint(object, "offset", &ret->offset, err) < 0 ||
        read_uint(object, "length", &ret->length, err) < 0 ||
        read_digest(object, "content_digest", &ret->content, err) < 0 ||
        read_digest_or_null(object, "blob", &ret->blob.has_digest, &ret->blob.digest, err) < 0)
        return -1;
    size_t known = 0;
    while (known < BASIS_COUNT && (basis == NULL || strcmp(basis, basis_names[known]) != 0))
        known++;
    if (known == BASIS_COUNT)
        return invalid("basis", "decoded, reused or same-blob", err);
    ret->basis = (enum basis)known;
    uint64_t end;
    if (ret->offset != offset || ret->length == 0 || !add_sizes(offset, ret->length, &end))
        return invalid("offset", "where the chunk before ends", err);
    return 0;
}

static int read_chunks(const struct json *object, struct proof *ret, struct error *err)
{
    const struct json *array = json_get(object, "chunks");
    if (array == NULL || json_type(array) != JSON_ARRAY)
        return invalid("chunks", "an array", err);
    ret->chunks = calloc(json_count(array) + 1, sizeof *ret->chunks);
    if (ret->chunks == NULL)
        return error_memory(err);
    uint64_t offset = 0;
    for (const struct json *item = json_first(array); item != NULL; item = json_next(item)) {
        struct proof_chunk *chunk = &ret->chunks[ret->chunk_count];
        if (read_chunk(item, offset, chunk, err) < 0)
            return error_wrap(err, "chunks[%zu]", ret->chunk_count);
        offset += chunk->length;
        ret->chunk_count++;
    }
    if (offset != ret->disk_size)
        return invalid("chunks", "as long together as disk_size", err);
    return 0;
}

static int read_proof(const struct json *object, struct proof *ret, struct error *err)
{
    const char *kind = json_string(json_get(object, "kind"));
    uint64_t version;
    if (kind == NULL || strcmp(kind, "proof") != 0)
        return invalid("kind", "\"proof\"", err);
    if (!json_uint(json_get(object, "version"), &version) || version != 1)
        return invalid("version", "1", err);
    if (read_digest_or_null(object, "source_digest", &ret->has_source, &ret->source, err) < 0 ||
        read_digest_or_null(object, "destination_digest", &ret->has_destination, &ret->destination,
                            err) < 0 ||
        read_uint(object, "disk_size", &ret->disk_size, err) < 0 ||
        read_digest_or_null(object, "disk_digest", &ret->has_disk_digest, &ret->disk_digest, err) <
            0 ||
        read_uint(object, "blocks_encoded", &ret->blocks.encoded, err) < 0 ||
        read_uint(object, "blocks_carried", &ret->blocks.carried, err) < 0)
        return -1;
    return read_chunks(object, ret, err);
}

int proof_parse(const void *text, size_t size, struct proof *ret, struct error *err)
{
    AUTO(json_free_auto) struct json *tree = NULL;
    *ret = (struct proof){.has_source = false};
    if (json_parse(text, size, PROOF_SIZE_MAX, &tree, err) < 0) {
        if (err->class != ERROR_MEMORY)
            err->class = ERROR_PROOF_INVALID;
        return -1;
    }
    if (read_proof(tree, ret, err) < 0) {
        proof_done(ret);
        return -1;
    }
    return 0;
}

/* --- holding --- */

int proof_compare(const struct proof *proof, const struct pass_chunk *chunks,
                  struct error *ret_misfit)
{
    for (size_t i = 0; i < proof->chunk_count; i++) {
        if (digest_equal(&chunks[i].content, &proof->chunks[i].content))
            continue;
        char found[DIGEST_TEXT_SIZE], wanted[DIGEST_TEXT_SIZE];
        digest_print(&chunks[i].content, found);
        digest_print(&proof->chunks[i].content, wanted);
        error_set(ret_misfit, ERROR_CONTENT_DIGEST,
                  "disk bytes %" PRIu64 " to %" PRIu64 " have digest %s, the proof says %s",
                  chunks[i].offset, chunks[i].offset + chunks[i].length, found, wanted);
        ret_misfit->where.disk_offset = (int64_t)chunks[i].offset;
        return 0;
    }
    return 1;
}

int proof_hold(const struct proof *proof, struct run *run, const struct disk *disk,
               struct blobs *blobs, struct error *ret_misfit, struct error *err)
{
    struct feed feed;
    feed_init(&feed, blobs, NULL, run->threads > 1);
    struct disk sized;
    if (disk_measure(run, disk, &feed.blobs, &sized, err) < 0)
        return -1;
    if (sized.size != proof->disk_size) {
        error_set(ret_misfit, ERROR_DISK_SIZE,
                  "the disk has %" PRIu64 " bytes, the proof says %" PRIu64, sized.size,
                  proof->disk_size);
        return 0;
    }
    AUTO_FREE struct pass_chunk *chunks = calloc(proof->chunk_count + 1, sizeof *chunks);
    if (chunks == NULL)
        return error_memory(err);
    for (size_t i = 0; i < proof->chunk_count; i++) {
        chunks[i].offset = proof->chunks[i].offset;
        chunks[i].length = proof->chunks[i].length;
    }
    struct pass pass = {.run = run,
                        .disk = &sized,
                        .feed = &feed,
                        .chunks = chunks,
                        .chunk_count = proof->chunk_count,
                        .hash_content = true};
    run_start_progress(run, sized.size);
    if (pass_run(&pass, err) < 0)
        return -1;
    return proof_compare(proof, chunks, ret_misfit);
}
