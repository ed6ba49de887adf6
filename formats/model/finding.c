/* finding.c: the list of what verify has to say. Knows no check; it keeps, cleans and bounds. */
#include "formats/model/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {
        [SEVERITY_NOTE] = "note", [SEVERITY_OBSTACLE] = "obstacle", [SEVERITY_DAMAGE] = "damage"};
    return names[severity];
}

/* Room for one more; NULL where memory ends. */
static struct finding *finding_new(struct findings *findings)
{
    if (findings->count == findings->capacity) {
        size_t capacity = findings->capacity == 0 ? 8 : findings->capacity * 2;
        struct finding *items = realloc(findings->items, capacity * sizeof *items);
        if (items == NULL)
            return NULL;
        findings->items = items;
        findings->capacity = capacity;
    }
    return &findings->items[findings->count++];
}

int findings_add(struct findings *findings, const char *id, enum severity severity,
                 struct error_place where, const char *fix, struct error *err, const char *format,
                 ...)
{
    if (findings->count == FINDINGS_MAX) {
        findings->left_out++;
        if (severity > findings->left_out_worst)
            findings->left_out_worst = severity;
        return 0;
    }
    struct finding *item = finding_new(findings);
    if (item == NULL)
        return error_memory(err);
    *item = (struct finding){.id = id, .severity = severity, .where = where};
    snprintf(item->fix, sizeof item->fix, "%s", fix == NULL ? "" : fix);
    /* Longer than fits, so that error_set() cuts it and cleans names from hostile input, in one
     * place for all texts. */
    char text[2 * sizeof item->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct error cleaned;
    error_set(&cleaned, ERROR_NONE, "%s", text);
    _Static_assert(sizeof item->text == sizeof cleaned.text, "findings hold any error's text");
    memcpy(item->text, cleaned.text, sizeof item->text);
    return 0;
}

int findings_add_error(struct findings *findings, const struct error *found, const char *fix,
                       struct error *err)
{
    return findings_add(findings, error_class_name(found->class), SEVERITY_DAMAGE, found->where,
                        fix, err, "%s", found->text);
}

void findings_done(struct findings *findings)
{
    free(findings->items);
    *findings = (struct findings){.items = NULL};
}

enum severity findings_worst(const struct findings *findings)
{
    enum severity worst = findings->left_out_worst;
    for (size_t i = 0; i < findings->count; i++)
        if (findings->items[i].severity > worst)
            worst = findings->items[i].severity;
    return worst;
}
