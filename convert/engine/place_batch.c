/* place_batch.c: hands a batch's extents to a scan.
 */
#include "convert/engine/place_batch.h"

int place_scan_batch(struct place_scan *scan, const struct batch *batch, struct error *err)
{
    for (size_t i = 0; i < batch->extent_count; i++) {
        const struct extent *extent = &batch->extents[i];
        int status = extent->data == NULL
                         ? place_scan_zeros(scan, extent->length, err)
                         : place_scan_bytes(scan, extent->data, (size_t)extent->length, err);
        if (status < 0)
            return -1;
    }
    return 0;
}
