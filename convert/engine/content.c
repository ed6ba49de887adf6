/* content.c: hashing extents. Knows no format and no chunk's place.
 */
#include "convert/engine/content.h"

int content_init(struct content *content, struct error *err)
{
    *content = (struct content){.only_zeros = true};
    return hasher_init(&content->hasher, err);
}

void content_done(struct content *content)
{
    hasher_done(&content->hasher);
}

int content_begin(struct content *content, struct error *err)
{
    content->zeros = 0;
    content->only_zeros = true;
    return hasher_restart(&content->hasher, err);
}

void content_add(struct content *content, const struct batch *batch)
{
    for (size_t i = 0; i < batch->extent_count; i++) {
        const struct extent *extent = &batch->extents[i];
        if (extent->data == NULL && content->only_zeros) {
            content->zeros += extent->length;
            continue;
        }
        if (content->only_zeros) {
            hasher_update_zeros(&content->hasher, content->zeros);
            content->only_zeros = false;
        }
        if (extent->data == NULL)
            hasher_update_zeros(&content->hasher, extent->length);
        else
            hasher_update(&content->hasher, extent->data, (size_t)extent->length);
    }
}

int content_end(struct content *content, struct digest *ret, struct error *err)
{
    if (!content->only_zeros)
        return hasher_final(&content->hasher, ret, err);
    for (size_t i = 0; i < CONTENT_ZERO_LENGTHS; i++)
        if (content->zeros > 0 && content->known[i].length == content->zeros) {
            *ret = content->known[i].digest;
            return 0;
        }
    hasher_update_zeros(&content->hasher, content->zeros);
    if (hasher_final(&content->hasher, ret, err) < 0)
        return -1;
    size_t i = content->known_next++ % CONTENT_ZERO_LENGTHS;
    content->known[i].length = content->zeros;
    content->known[i].digest = *ret;
    return 0;
}
