/* checks.c: the table of checks, and what several of them ask. Must not judge anything itself: a
 * judgement is a check_*.c file and a row here. Rows stand in the order in which a reader wants to
 * hear: the manifest, the blobs, the disk. */
#include "formats/checks/check.h"

#include <string.h>

const struct check checks[] = {
    {"manifest", check_manifest}, {"rules", check_rules}, {"annotations", check_annotations},
    {"format", check_format},     {"blobs", check_blobs}, {"chain", check_chain},
    {"sizes", check_sizes},       {"order", check_order}, {"seal", check_seal},
    {"config", check_config},     {"gpt", check_gpt},     {"names", check_names},
};
const size_t check_count = sizeof checks / sizeof checks[0];

int checks_run(const struct facts *facts, struct findings *findings, struct error *err)
{
    for (size_t i = 0; i < check_count; i++)
        if (checks[i].run(facts, findings, err) < 0)
            return -1;
    return 0;
}

int report_error(const struct error *found, const char *fix, struct findings *findings,
                 struct error *err)
{
    if (error_class_status(found->class) != 2) {
        *err = *found;
        return -1;
    }
    return findings_add_error(findings, found, fix, err);
}

bool is_v1_only(const struct manifest *manifest)
{
    size_t v1 = 0;
    for (size_t i = 0; i < manifest->layer_count; i++) {
        const char *type = manifest->layers[i].media_type;
        if (strcmp(type, TART_TYPE_DISK_V2) == 0 || strcmp(type, TART_TYPE_OVERLAY) == 0)
            return false;
        v1 += strcmp(type, TART_TYPE_DISK_V1) == 0;
    }
    return v1 > 0;
}

enum asif disk_asif(const struct facts *facts)
{
    static const uint8_t start[12] = {'s', 'h', 'd', 'w', 0, 0, 0, 1, 0, 0, 2, 0};
    if (facts->head == NULL)
        return ASIF_UNSEEN;
    if (facts->head_size < sizeof start || memcmp(facts->head, start, 4) != 0)
        return ASIF_NO;
    return memcmp(facts->head, start, sizeof start) == 0 ? ASIF_YES : ASIF_MAYBE;
}
