/* tart_rules.c: what newest Tart demands of a manifest, and what our own annotations promise of it.
 * Only judges. */
#include "formats/model/auto.h"
#include "formats/model/tart.h"

#include <inttypes.h>
#include <string.h>

/* --- numbers as Tart reads them --- */

/* Swift takes a sign and leading zeros, which parse_size() does not. */
static bool swift_number(const char *text, bool *ret_negative, uint64_t *ret)
{
    *ret_negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    if (*text == '\0')
        return false;
    uint64_t value = 0;
    for (; *text != '\0'; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    *ret = value;
    return true;
}

/* UInt64(text) != nil, and "-0" is 0 */
static bool is_swift_uint64(const char *text)
{
    bool negative = false;
    uint64_t value = 0;
    return text != NULL && swift_number(text, &negative, &value) && (!negative || value == 0);
}

/* Int(text), where it is not nil. Every value below 1 is alike to the rules: *ret is 0 then. */
static bool swift_int(const char *text, uint64_t *ret)
{
    bool negative = false;
    uint64_t value = 0;
    if (text == NULL || !swift_number(text, &negative, &value) ||
        value > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? 0 : value;
    return true;
}

/* --- the fifteen rules --- */

/* layer: the index to name as the place, -1 for none. */
static int broken(int rule, int64_t layer, const char *words, struct error *err)
{
    error_set(err, ERROR_MANIFEST_RULES, "rule %d: %s", rule, words);
    err->where.layer = layer;
    return -1;
}

static bool has_type(const struct descriptor *layer, const char *type)
{
    return strcmp(layer->media_type, type) == 0;
}

static size_t type_count(const struct manifest *manifest, const char *type)
{
    size_t count = 0;
    for (size_t i = 0; i < manifest->layer_count; i++)
        count += has_type(&manifest->layers[i], type);
    return count;
}

static bool has_file_digest(const struct descriptor *layer)
{
    return descriptor_annotation(layer, TART_FILE_DIGEST) != NULL;
}

/* A count that does not parse reads as absent. */
static bool has_chunk_count(const struct descriptor *layer)
{
    uint64_t count = 0;
    return swift_int(descriptor_annotation(layer, TART_CHUNK_COUNT), &count);
}

/* Rules 6 and 15 over layers[first] to layers[end - 1]. */
static int check_chunks(const struct manifest *manifest, int rule, size_t first, size_t end,
                        struct error *err)
{
    for (size_t i = first; i < end; i++) {
        const struct descriptor *layer = &manifest->layers[i];
        if (!is_swift_uint64(descriptor_annotation(layer, TART_CONTENT_SIZE)) ||
            descriptor_annotation(layer, TART_CONTENT_DIGEST) == NULL)
            return broken(rule, (int64_t)i, "disk chunks need uncompressed size and content digest",
                          err);
    }
    return 0;
}

/* Rules 7 and 14: what describes a whole file stands on its first chunk only; that one is the
 * caller's work. */
static int check_later_chunks(const struct manifest *manifest, int rule, size_t first, size_t end,
                              const char *words, struct error *err)
{
    for (size_t i = first + 1; i < end; i++)
        if (has_file_digest(&manifest->layers[i]) || has_chunk_count(&manifest->layers[i]))
            return broken(rule, (int64_t)i, words, err);
    return 0;
}

/* Rules 1 to 4. */
static int check_frame(const struct manifest *manifest, struct error *err)
{
    if (type_count(manifest, TART_TYPE_CONFIG) != 1)
        return broken(1, -1, "manifest must contain exactly one Tart config descriptor", err);
    if (type_count(manifest, TART_TYPE_NVRAM) != 1)
        return broken(2, -1, "manifest must contain exactly one NVRAM descriptor", err);
    if (!has_type(&manifest->layers[0], TART_TYPE_CONFIG) ||
        !has_type(&manifest->layers[manifest->layer_count - 1], TART_TYPE_NVRAM))
        return broken(3, -1, "descriptors must be ordered as config, disk chunks, then NVRAM", err);
    if (manifest->layer_count == 2)
        return broken(4, -1, "manifest has no disk chunks", err);
    return 0;
}

/* Rules 5 to 9. *ret_end: behind the base's last chunk. end: behind the last disk chunk. */
static int check_base(const struct manifest *manifest, size_t end, size_t *ret_end,
                      struct error *err)
{
    static const char once[] = "base disk metadata must appear only on its first chunk";
    size_t base_end = 1;
    while (base_end < end && has_type(&manifest->layers[base_end], TART_TYPE_DISK_V2))
        base_end++;
    if (base_end == 1)
        return broken(5, 1, "disk chunks must start with a disk.v2 base", err);
    if (check_chunks(manifest, 6, 1, base_end, err) < 0)
        return -1;
    if (has_chunk_count(&manifest->layers[1]))
        return broken(7, 1, once, err);
    if (check_later_chunks(manifest, 7, 1, base_end, once, err) < 0)
        return -1;
    /* Rule 8: nothing behind the base is a flat image, and fine. */
    if (base_end < end && !has_file_digest(&manifest->layers[1]))
        return broken(9, 1, "a stacked base disk needs a whole-file content digest", err);
    *ret_end = base_end;
    return 0;
}

/* Rules 10 to 15 for the overlay that begins at first. */
static int check_overlay(const struct manifest *manifest, size_t first, size_t end, size_t *ret_end,
                         struct error *err)
{
    const struct descriptor *layer = &manifest->layers[first];
    int64_t place = (int64_t)first;
    if (!has_type(layer, TART_TYPE_OVERLAY)) {
        error_set(err, ERROR_MANIFEST_RULES, "rule 10: unsupported disk chunk media type: %s",
                  layer->media_type);
        err->where.layer = place;
        return -1;
    }
    uint64_t count = 0;
    if (!has_file_digest(layer) ||
        !swift_int(descriptor_annotation(layer, TART_CHUNK_COUNT), &count))
        return broken(11, place, "an ASIF overlay needs a content digest and chunk count", err);
    if (count == 0 || count > end - first)
        return broken(12, place, "ASIF overlay chunk count is invalid", err);
    size_t overlay_end = first + (size_t)count;
    for (size_t i = first; i < overlay_end; i++)
        if (!has_type(&manifest->layers[i], TART_TYPE_OVERLAY))
            return broken(13, (int64_t)i, "ASIF overlay chunks must be contiguous", err);
    if (check_later_chunks(manifest, 14, first, overlay_end,
                           "ASIF overlay metadata must appear only on its first chunk", err) < 0 ||
        check_chunks(manifest, 15, first, overlay_end, err) < 0)
        return -1;
    *ret_end = overlay_end;
    return 0;
}

int tart_check_rules(const struct manifest *manifest, struct error *err)
{
    if (check_frame(manifest, err) < 0)
        return -1;
    size_t end = manifest->layer_count - 1;
    size_t at = 0;
    if (check_base(manifest, end, &at, err) < 0)
        return -1;
    while (at < end)
        if (check_overlay(manifest, at, end, &at, err) < 0)
            return -1;
    return 0;
}

/* --- our own annotations --- */

/* The one stream that decodes to nothing: an end mark. */
static bool is_empty_stream(const struct blob_id *blob)
{
    struct digest digest;
    return digest_parse("sha256:ad441971514aa132675c01bd81a7228caa6e112d485d4c575fa50f59cf6d4c79",
                        &digest) &&
           blob->size == 4 && digest_equal(&blob->digest, &digest);
}

static int check_empty(const struct disk_layer *layer, struct error *err)
{
    if (layer->length > 0 || is_empty_stream(&layer->blob))
        return 0;
    error_set(err, ERROR_CONTENT_SIZE,
              "layer %zu: its annotation says that it holds 0 bytes of the disk, its %" PRIu64
              " bytes are not the empty stream",
              layer->index, layer->blob.size);
    err->where.layer = (int64_t)layer->index;
    err->where.disk_offset = (int64_t)layer->offset;
    return -1;
}

int tart_check_places(const struct tart_image *image, struct error *err)
{
    if (image->disk.format != DISK_V2)
        return 0;
    for (size_t i = 0; i < image->disk.layer_count; i++) {
        const struct disk_layer *layer = &image->disk.layers[i];
        const char *text =
            descriptor_annotation(&image->manifest->layers[layer->index], OUR_DISK_OFFSET);
        uint64_t offset = 0;
        if (check_empty(layer, err) < 0)
            return -1;
        if (text == NULL || (parse_size(text, &offset) && offset == layer->offset))
            continue;
        error_set(err, ERROR_DISK_ORDER,
                  "layer %zu: %s is \"%.40s\", but its place in the manifest is %" PRIu64,
                  layer->index, OUR_DISK_OFFSET, text, layer->offset);
        err->where.layer = (int64_t)layer->index;
        return -1;
    }
    return 0;
}

int tart_seal_check(const struct manifest *manifest, enum seal *ret, struct error *err)
{
    const char *text = manifest_annotation(manifest, OUR_SEAL);
    if (text == NULL) {
        *ret = SEAL_ABSENT;
        return 0;
    }
    AUTO(json_free_auto) struct json *tree = json_copy(manifest->tree);
    if (tree == NULL)
        return error_memory(err);
    json_remove_prefix(json_get(tree, "annotations"), OUR_PREFIX);
    AUTO(bytes_done) struct bytes bytes;
    bytes_init(&bytes, MANIFEST_PRINT_MAX);
    struct digest seal, real;
    if (json_print(tree, JSON_TART, &bytes, err) < 0 ||
        digest_of(bytes.data, bytes.size, &real, err) < 0)
        return -1;
    *ret = digest_parse(text, &seal) && digest_equal(&seal, &real) ? SEAL_VALID : SEAL_BROKEN;
    return 0;
}
