/* pullability.c: which Tart versions can pull an image, from its kind and from what the checks
 * found. Judges nothing that is not a finding already. */
#include "formats/checks/check.h"

#include <stdio.h>
#include <string.h>

/* Damage that a pull does not meet: Tart neither adds sizes up nor looks into the disk. */
static const char *const unmet[] = {"disk-size", "disk-format-mismatch", "gpt-primary",
                                    "gpt-backup", "gpt-short"};

static bool prevents_pull(const struct finding *finding)
{
    if (finding->severity != SEVERITY_DAMAGE)
        return false;
    for (size_t i = 0; i < sizeof unmet / sizeof unmet[0]; i++)
        if (strcmp(finding->id, unmet[i]) == 0)
            return false;
    return true;
}

static const struct finding *first_of(const struct findings *findings,
                                      bool (*matches)(const struct finding *finding))
{
    for (size_t i = 0; i < findings->count; i++)
        if (matches(&findings->items[i]))
            return &findings->items[i];
    return NULL;
}

/* Newest Tart holds an image against rules that Tart up to 2.35 did not have. */
static bool is_against_newest(const struct finding *finding)
{
    return finding->severity == SEVERITY_OBSTACLE && (strcmp(finding->id, "manifest-rules") == 0 ||
                                                      strcmp(finding->id, "foreign-layer") == 0);
}

static bool is_asif(const struct facts *facts)
{
    struct vm_config config;
    struct error ignored;
    enum asif asif = disk_asif(facts);
    if (asif == ASIF_YES || asif == ASIF_MAYBE)
        return true;
    return facts->vm_config != NULL &&
           vm_config_parse(facts->vm_config->data, facts->vm_config->size, &config, &ignored) ==
               0 &&
           strcmp(config.disk_format, "asif") == 0;
}

static void set(struct pullability *ret, const char *first, const char *last)
{
    snprintf(ret->first, sizeof ret->first, "%s", first);
    snprintf(ret->last, sizeof ret->last, "%s", last);
}

/* Longer than the field: cut with "...", as errors are. */
static void set_reason(struct pullability *ret, const char *start, const char *text)
{
    int size = snprintf(ret->reason, sizeof ret->reason, "%s%s", start, text);
    if (size >= (int)sizeof ret->reason)
        memcpy(ret->reason + sizeof ret->reason - 4, "...", 4);
}

void checks_pullability(const struct facts *facts, const struct findings *findings,
                        struct pullability *ret)
{
    *ret = (struct pullability){.first = ""};
    const struct finding *damage = first_of(findings, prevents_pull);
    const struct finding *rule = first_of(findings, is_against_newest);
    if (facts->manifest == NULL)
        set_reason(ret, "", "a disk outside of any registry is not pulled");
    else if (damage != NULL)
        set_reason(ret, "damaged: ", damage->text);
    else if (facts->image == NULL)
        set_reason(ret, "", facts->image_error.text);
    else if (facts->image->stacked) {
        set(ret, "2.36", "");
        set_reason(ret, "", "Tart 2.35 and earlier do not know stacked disks");
    } else if (facts->image->disk.format == DISK_V1) {
        set(ret, is_asif(facts) ? "2.28" : "0.2", "2.31");
        set_reason(ret, "", "Tart 2.32 and later refuse disk.v1");
    } else {
        set(ret, is_asif(facts) ? "2.28" : "2.0", rule != NULL ? "2.35" : "");
        if (rule != NULL)
            set_reason(ret, "Tart after 2.35 refuses it: ", rule->text);
    }
}
